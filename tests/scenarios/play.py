"""A stage with the real bot on it, and what people do and see there."""

from __future__ import annotations

import socket
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from handlers.ids import Dialog
from sandbox.bot_process import BotProcess
from sandbox.scenario import Scenario
from sandbox.slack import Message, Outcome, RateLimits, SlackFace, View
from sandbox.slack.inputs import every_box
from sandbox.stage import NOTICES, OPERATIONS, Stage
from tests.held import HeldClock
from tests.patience import LONGEST, SLACK_SECONDS
from upgrade.checklist import unticked
from upgrade.events import EventKind, UpgradeEvent
from upgrade.run import Intent, RunStatus, StepStatus, UpgradeRun
from upgrade.store.sqlite import SqliteStore

ROOT: Final = Path(__file__).parents[2]
MANIFEST: Final = (ROOT / "manifest.yml").read_text()
FAST_BOT: Final = (sys.executable, str(Path(__file__).with_name("fast_bot.py")))
_TABLES: Final = ("runs", "events", "inbox", "messages")
T = TypeVar("T")


class Play:
    """Use it as a context.

    Args:
        speed: domain seconds for one real second.
        command: what is run as the bot.
        manifest: the Slack app's; default: ours.
    """

    def __init__(
        self,
        scenario: Scenario,
        folder: Path,
        *,
        speed: float = 900.0,
        command: Sequence[str] = FAST_BOT,
        manifest: str = MANIFEST,
    ) -> None:
        paces = RateLimits(enabled=False)
        self.clock = HeldClock(scenario.date, speed)
        self.stage = Stage(
            scenario,
            clock=self.clock,
            manifest=manifest,
            slack_rate_limits=paces,
            slack_seconds=SLACK_SECONDS,
            home=folder,
        )
        assert self.stage.slack is not None
        self.slack: SlackFace = self.stage.slack
        self.database = folder / "eks-upgrade-bot.db"
        self._command = command

    def __enter__(self) -> Play:
        self.stage.start()
        self.bot = BotProcess(self.stage.environment(), self.stage.home / "bot.log", self._command)
        try:
            self.start_bot()
            self.store = SqliteStore(self.database)
        except BaseException:
            self.bot.kill()
            self.stage.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.bot.stop()
        self.store.close()
        self.stage.stop()

    # -- the bot ------------------------------------------------------------------------------------------------------

    def start_bot(self) -> None:
        """Start it and wait until it listens."""
        self.bot.start()
        self.until(self.listens, "the bot to listen")

    def listens(self) -> bool:
        """Whether the bot hears Slack: by Socket Mode, or at the address that the manifest names."""
        url = self.slack.app.manifest.interactivity_url
        if url is None:
            return self.slack.connections > 0
        try:
            socket.create_connection((urlsplit(url).hostname, urlsplit(url).port), timeout=LONGEST).close()
        except OSError:
            return False
        return True

    def kill_bot(self) -> None:
        self.bot.kill()
        self.until(lambda: self.slack.connections == 0, "the connection to end")

    # -- what people do -----------------------------------------------------------------------------------------------

    def types(self, who: str, text: str, channel: str = OPERATIONS) -> Outcome:
        return self.slack.people.run_command(who, channel, "/eks-upgrade", text)

    def asks(self, who: str, text: str, channel: str = OPERATIONS, *, answers: int = 1) -> str:
        """Type a command; returns everything that it is answered with, for this person's eyes only."""
        before = len(self.whispers(who, channel))
        outcome = self.types(who, text, channel)
        assert outcome.ok, outcome.error
        heard = self.until(
            lambda: self.whispers(who, channel)[before:] if self._heard(who, channel, before, answers) else None,
            f"{answers} answers to {text[:80]!r}",
        )
        return "\n".join(heard)

    def _heard(self, who: str, channel: str, before: int, answers: int) -> bool:
        return len(self.whispers(who, channel)) >= before + answers

    def whispers(self, who: str, channel: str = OPERATIONS) -> list[str]:
        """What was shown to this person alone, oldest first."""
        return [said(one) for one in self.ephemerals(who, channel)]

    def ephemerals(self, who: str, channel: str = OPERATIONS) -> list[Message]:
        workspace = self.slack.workspace
        return [one for one in workspace.messages(channel, workspace.user(who).id) if one.ephemeral_for]

    def starts(self, who: str, cluster: str, rest: str = "") -> UpgradeRun:
        """Ask for an upgrade; returns the run, once its message stands in the channel."""
        known = {run.id for run in self.store.find(limit=500)}
        answer = self.asks(who, f"start {cluster} {rest}")
        new = [run for run in self.store.find(limit=500) if run.id not in known]
        assert len(new) == 1, answer
        self.until(lambda: self.top(new[0].id), f"the message of the run of {cluster}")
        return new[0]

    def presses(self, who: str, run_id: str, verb: str, *, on: Message | None = None) -> Outcome:
        """Press a button of a run's message, once it is there; ``on`` is a screen that may be outdated."""

        def there() -> tuple[Message, str] | None:
            top = on or self.top(run_id)
            actions = buttons_of(top) if top else []
            found = next((one for one in actions if one.partition(":")[0] == f"run.{verb}"), None)
            return (top, found) if top and found else None

        message, action = self.until(there, f"the button {verb} of run {run_id}")
        return self.slack.people.click(who, message, action)

    def approves(self, who: str, run_id: str, *, on: Message | None = None) -> Outcome:
        """Press Approve and tick all that its dialog asks for, if it asks. Returns the last outcome."""
        user = self.slack.workspace.user(who).id
        asks = bool(unticked(self.run(run_id), self.run(run_id).waiting_for))
        heard, told = len(self.whispers(who)), len(self._acts(user, run_id))
        outcome = self.presses(who, run_id, "approve", on=on)
        if not outcome.ok or not asks:
            return outcome
        # Somebody else may have ticked it all meanwhile: then there is no dialog, and the click was the decision.

        def asked() -> list[View]:
            return self._dialogs(who, Dialog.APPROVE, run_id)

        self.until(
            lambda: asked() or len(self.whispers(who)) > heard or len(self._acts(user, run_id)) > told,
            f"the dialog behind Approve for {who}",
        )
        for view in asked()[-1:]:
            outcome = self.slack.people.submit_view(who, view.id, every_box(view.blocks))
            self.until(lambda: not self.store.inbox(run_id), "the decision to be taken in")
        return outcome

    def _acts(self, user: str, run_id: str) -> list[UpgradeEvent]:
        return [event for event in self.events(run_id) if event.actor == user]

    def mentions(self, who: str, run_id: str, words: str) -> None:
        """Say ``@bot words`` in the thread of a run until it is taken in: once more when the disk stood still."""
        top, user, busy = self.screen(run_id), self.slack.workspace.user(who).id, True
        while busy:
            heard, told = len(self.whispers(who)), len(self._acts(user, run_id))
            self.slack.people.post_message(who, top.channel, f"{self.bot_mention} {words}", thread_ts=top.ts)
            self.until(
                lambda heard=heard, told=told: (  # type: ignore[misc]
                    self.store.inbox(run_id) or len(self._acts(user, run_id)) > told or len(self.whispers(who)) > heard
                ),
                f"what {who} said to be taken in",
            )
            busy = any("database is busy" in one for one in self.whispers(who)[heard:])

    @property
    def bot_mention(self) -> str:
        return f"<@{self.slack.workspace.app.bot_user_id}>"

    def dialog(self, who: str, kind: str = "") -> View:
        """The dialog in front of this person, once there is one; ``kind``: a callback id, where others may be left."""
        return self.until(lambda: self._dialogs(who, kind), f"a dialog {kind} for {who}")[-1]

    def _dialogs(self, who: str, kind: str = "", run_id: str = "") -> list[View]:
        opened = self.slack.workspace.modals.on_screen(self.slack.workspace.user(who).id)
        fits = [one for one in opened if kind in ("", one.content.get("callback_id"))]
        return [one for one in fits if run_id in str(one.content.get("private_metadata", ""))]

    def closes_what_is_left(self) -> None:
        """Every dialog that somebody opened and neither sent nor closed."""
        for user in tuple(self.slack.workspace.users):
            for view in reversed(self.slack.workspace.modals.on_screen(user)):
                self.slack.workspace.modals.close(view)

    def no_dialog(self, who: str) -> bool:
        return not self.slack.workspace.modals.on_screen(self.slack.workspace.user(who).id)

    # -- what there is to see -----------------------------------------------------------------------------------------

    def top(self, run_id: str) -> Message | None:
        """The message of a run."""
        for channel in (OPERATIONS, NOTICES):
            for message in self.slack.workspace.messages(channel):
                if _payload(message) == {"run": run_id, "kind": "run", "key": ""}:
                    return message
        return None

    def screen(self, run_id: str) -> Message:
        return self.until(lambda: self.top(run_id), f"the message of run {run_id}")

    def buttons(self, run_id: str) -> list[str]:
        """The verbs on the buttons of a run's message."""
        top = self.top(run_id)
        return [one.removeprefix("run.") for one in buttons_of(top)] if top else []

    def thread(self, run_id: str) -> list[str]:
        """What stands in the thread of a run, oldest first."""
        top = self.screen(run_id)
        return [said(one) for one in self.slack.workspace.thread(top.channel, top.ts)[1:]]

    def notices(self, run_id: str) -> list[str]:
        found = self.slack.workspace.messages(NOTICES)
        return [said(one) for one in found if _payload(one).get("run") == run_id and _payload(one)["kind"] == "notice"]

    def entries(self, run_id: str) -> list[int]:
        """The events that the bot told in the thread of a run, in the order of the messages."""
        top = self.screen(run_id)
        replies = self.slack.workspace.thread(top.channel, top.ts)[1:]
        return [int(_payload(one)["key"]) for one in replies if _payload(one).get("kind") == "entry"]

    def told(self, run_id: str, *words: str) -> str:
        """Wait until an entry of the thread has all these words; returns it."""
        return self.until(
            lambda: next((one for one in self.thread(run_id) if all(word in one for word in words)), None),
            f"{words} in the thread",
        )

    # -- where things stand -------------------------------------------------------------------------------------------

    def run(self, run_id: str) -> UpgradeRun:
        return self.store.load(run_id)

    def events(self, run_id: str, *kinds: EventKind) -> list[UpgradeEvent]:
        return [event for event in self.store.events(run_id) if not kinds or event.kind in kinds]

    def until_status(self, run_id: str, *statuses: RunStatus) -> UpgradeRun:
        """The run, once it is so and its message says so."""

        def there() -> UpgradeRun | None:
            run = self.run(run_id)
            shown = self.store.message(run_id, "run", "")
            return run if run.status in statuses and shown and shown.shown_seq >= run.last_seq else None

        return self.until(there, f"run {run_id} to be {' or '.join(statuses)}")

    def until_under_way(self, run_id: str, kind: str) -> str:
        """The id of a step of a kind, once its update is under way; only for what is held."""

        def going() -> str | None:
            steps = self.run(run_id).steps.items()
            found = (step for step, state in steps if state.status is StepStatus.FOLLOWING and state.update_id)
            return next((step for step in found if step.startswith(kind)), None)

        return self.until(going, f"an update of {kind}")

    def holding(self, cluster: str, subject: str = "control-plane") -> AbstractContextManager[None]:
        """Inside, an update of it is under way from its begin on: no time passes in the world."""
        return self.clock.holding(self.stage.world, cluster, subject)

    @contextmanager
    def story(self, who: str, cluster: str, rest: str = "to 1.36") -> Iterator[UpgradeRun]:
        """A run, from the command on; whatever is left of it in the end is aborted, so that the cluster is free."""
        run = self.starts(who, cluster, rest)
        try:
            yield run
        finally:
            self.aborts("ana", run.id)
            self.ends(run.id)

    def aborts(self, who: str, run_id: str) -> None:
        """Type it, if nobody did before, and answer the question that is asked once work has begun."""

        def over() -> bool:
            run = self.run(run_id)
            return run.intent is Intent.ABORT or run.status.finished

        if not over():
            self.types(who, f"abort {run_id}")
        self.until(lambda: over() or self._dialogs(who, Dialog.ABORT, run_id), "the abort, or its question")
        for view in self._dialogs(who, Dialog.ABORT, run_id):
            self.slack.people.submit_view(who, view.id)

    def approved(self, run_id: str, *who: str) -> None:
        self.until_status(run_id, RunStatus.AWAITING_APPROVAL)
        for one in who:
            assert self.approves(one, run_id).ok

    def refused(self, run_id: str, *words: str) -> None:
        """Wait until the thread tells the refusal of a request."""
        self.told(run_id, "⛔", *words)

    def turned_away(self, who: str, run_id: str, verb: str) -> str:
        """Press a button behind which a dialog would be; give the answer that comes instead of it."""
        heard = len(self.whispers(who))
        assert self.presses(who, run_id, verb).ok
        answer = self.until(lambda: self.whispers(who)[heard:], f"an answer to {who}")[-1]
        assert self.no_dialog(who)
        return answer

    def ends(self, run_id: str) -> UpgradeRun:
        return self.until_status(run_id, *(status for status in RunStatus if status.finished))

    def until(self, true: Callable[[], T | None], what: str, limit: float = LONGEST) -> T:
        give_up = time.monotonic() + limit
        while not (found := true()):
            if time.monotonic() > give_up:
                raise AssertionError(f"waited {limit:.0f} s for {what}\n{self.log()}")
            time.sleep(0.05)
        return found

    def effects(self, cluster: str) -> list[Any]:
        """What took effect in the world's cluster."""
        key = self.stage.world.find_cluster(cluster).key
        return [effect for effect in self.stage.world.effects if effect.cluster == key]

    def has_looked_at(self, cluster: str) -> bool:
        """Whether the bot knows what EKS offers it, without a run."""
        return any(one.cluster.name == cluster and one.offers_at for one in self.store.facts())

    def log(self) -> str:
        return self.bot.log.read_text("utf-8", "replace")[-4000:] if self.bot.log.exists() else ""

    # -- what must not change -----------------------------------------------------------------------------------------

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Whatever happens inside, no row of the database, no message for everybody and nothing in the world changes.

        For moments in which no run is moving by itself.
        """
        before = self.still()
        yield
        self.until(lambda: self.whole, "deliveries to end")
        after = self.still()
        assert after == before

    def still(self) -> dict[str, Any]:
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as db:
            rows = {table: db.execute(f"select * from {table}").fetchall() for table in _TABLES}
        workspace = self.slack.workspace
        posted = {
            channel: [(one.ts, one.text, one.edited_ts) for one in workspace.messages(channel) if one.by_bot]
            for channel in (OPERATIONS, NOTICES)
        }
        world = self.stage.world
        return {**rows, "posted": posted, "calls": len(world.calls), "effects": len(world.effects)}

    @property
    def whole(self) -> bool:
        return all(one.ok or one.error for one in self.slack.workspace.deliveries)


def buttons_of(message: Message) -> list[str]:
    rows = [block["elements"] for block in message.blocks if block["type"] == "actions"]
    return [element["action_id"] for row in rows for element in row if element["type"] == "button"]


def said(message: Message | View) -> str:
    """Every text of a message or a view, in order."""
    return "\n".join(_texts(message.blocks)) or getattr(message, "text", "")


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value[key] for key in ("title", "text") if isinstance(value.get(key), str)]  # tasks have plain titles
        return own + [text for item in value.values() for text in _texts(item)]
    return [text for item in value for text in _texts(item)] if isinstance(value, list) else []


def _payload(message: Message) -> dict[str, Any]:
    return dict((message.metadata or {}).get("event_payload") or {})
