"""One world and one upgrade in it, by a bot that dies; people press what they see; what must be true at the end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from handlers.views.run import render_run
from handlers.views.thread import render_entry
from sandbox.scenario import Scenario, load_scenario
from sandbox.slack import Message, RateLimits
from sandbox.slack.blocks import elements_of
from sandbox.slack.inputs import every_box
from sandbox.stage import NOTICES, OPERATIONS, Stage
from tests.held import HeldClock
from tests.patience import LONGEST, SLACK_SECONDS
from upgrade.announcements import notice_replies
from upgrade.events import EventKind, UpgradeEvent
from upgrade.run import RunStatus, UpgradeRun
from upgrade.store.sqlite import SqliteStore

ROOT: Final = Path(__file__).parents[2]
SCENARIO: Final = Path(__file__).with_name("scenario.yaml")
_PRESSED: Final = ("run.approve", "run.retry")
_CHANGING: Final = frozenset({"control-plane", "addon", "nodegroup"})


class Nursery:
    """Where bots come from: one process that has everything imported and forks a bot for each order."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.bot_with_boundaries"],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._born: list[int] = []

    def start(self, folder: Path, environment: dict[str, str], at: str, clock: str = "") -> int:
        """Start a bot that will die at ``at``; returns its process id. ``clock``: the file that it lives by, if any."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = {"folder": str(folder), "environment": environment, "at": at, "clock": clock}
        print(json.dumps(order), file=self._process.stdin, flush=True)
        pid = int(self._process.stdout.readline())
        self._born.append(pid)
        return pid

    def close(self) -> None:
        for pid in self._born:
            if alive(pid):
                os.kill(pid, signal.SIGKILL)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.wait(LONGEST)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@dataclass
class Tale:
    """Use it as a context. Each life of the bot is told where it has to die; the last one is not.

    Args:
        deaths: where the first lives end, one after the other; those after them live on.
        then: where all later lives end.
    """

    nursery: Nursery
    folder: Path
    deaths: Sequence[str] = ()
    then: str = ""
    speed: float = 3600.0
    limit: float = LONGEST
    lives: int = 0
    kills: int = 0
    #: What people typed and pressed, and in which life of the bot.
    acts: list[tuple[str, int]] = field(default_factory=list)
    pid: int = 0

    def __enter__(self) -> Tale:
        manifest = (ROOT / "manifest.yml").read_text()
        paces = RateLimits(enabled=False)
        scenario = self.scenario()
        self.clock = self.make_clock(scenario)
        self.stage = Stage(
            scenario,
            clock=self.clock,
            manifest=manifest,
            slack_rate_limits=paces,
            slack_seconds=SLACK_SECONDS,
            home=self.folder,
        ).start()
        self._store: SqliteStore | None = None
        self._acted_at: dict[str, float] = {}
        self._people = ThreadPoolExecutor(8, thread_name_prefix="people")
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        if self._store is not None:
            self._store.close()
        self.stage.stop()  # first: a person may wait for the ack of a bot that is no more
        self._people.shutdown()

    # -- which tale --------------------------------------------------------------------------------------------------

    def scenario(self) -> Scenario:
        return load_scenario(SCENARIO)

    def make_clock(self, scenario: Scenario) -> HeldClock:
        return HeldClock(scenario.date, self.speed)

    def bear(self, at: str) -> int:
        """Start a bot that will die there; returns its process id."""
        return self.nursery.start(self.folder, self.stage.environment(), at)

    def people_act(self) -> None:
        """People do what moves the story on, as far as they see it."""
        if self.run is None:
            self.type(self.stage.scenario.start.command().partition(" ")[2])
        elif top := self.top:
            self.press(top)

    # -- the bot ------------------------------------------------------------------------------------------------------

    def live(self) -> None:
        """Start the bot's next life."""
        at = self.deaths[self.lives] if self.lives < len(self.deaths) else self.then
        self.lives += 1
        self.pid = self.bear(at)

    def died_at(self) -> list[str]:
        try:
            return (self.folder / "deaths").read_text().splitlines()
        except FileNotFoundError:
            return []

    def end(self) -> None:
        """Ask the bot to end, as the machine's init does."""
        os.kill(self.pid, signal.SIGTERM)
        self.wait(lambda: not alive(self.pid))

    def kill(self) -> None:
        """Kill it from outside, wherever it is."""
        if self.pid and alive(self.pid):
            os.kill(self.pid, signal.SIGKILL)
            self.wait(lambda: not alive(self.pid))
            self.kills += 1

    def revive(self) -> None:
        """Start the bot again if it died, and only if it died where it had to."""
        if alive(self.pid):
            return
        assert len(self.died_at()) + self.kills == self.lives, f"the bot ended by itself:\n{self.log()}"
        self.live()

    # -- what happens -------------------------------------------------------------------------------------------------

    def to_the_end(self) -> Tale:
        """From the command to a finished run of which everything is told, whatever the bot dies of."""
        if not self.lives:
            self.live()
        self.wait(self._finished)
        return self

    def until(self, true: Callable[[], bool]) -> None:
        """Go on, the bot and the people, until something is true."""

        def reached() -> bool:
            self._go_on()
            return true()

        if not self.lives:
            self.live()
        self.wait(reached)

    def wait(self, true: Callable[[], bool]) -> None:
        give_up = time.monotonic() + self.limit
        while not true():
            if time.monotonic() > give_up:
                raise AssertionError(f"not in {self.limit:.0f} s; {self.told()}\n{self.log()}")
            time.sleep(0.05)

    def _finished(self) -> bool:
        self._go_on()
        run = self.run
        if run is None or not run.status.finished or not alive(self.pid) or self._store is None:
            return False
        return not self._store.messages_behind() and alive(self.pid)

    def _go_on(self) -> None:
        self.revive()
        if not self.stage.slack or not self.stage.slack.connections:
            return
        self.people_act()

    def type(self, words: str) -> None:
        assert self.stage.slack is not None
        self.act(words, partial(self.stage.slack.people.run_command, "ana", OPERATIONS, "/eks-upgrade", words))

    def act(self, what: str, act: Callable[[], object]) -> None:
        """A person does something, and does it again when nothing came of it in a second, or the bot died of it."""
        key = f"{what} {self.lives}"
        if time.monotonic() - self._acted_at.get(key, 0.0) > 1.0:
            self._acted_at[key] = time.monotonic()
            self.acts.append((what, self.lives))
            self._people.submit(act)

    def press(self, top: Message) -> None:
        """Press what moves the run on; the dialog behind Approve is answered with every box ticked."""
        assert self.stage.slack is not None
        opened = self.stage.slack.workspace.modals.on_screen("U0BEN")
        if opened and self.run is not None and self.run.status is RunStatus.AWAITING_APPROVAL:
            submit = partial(self.stage.slack.people.submit_view, "ben", opened[-1].id, every_box(opened[-1].blocks))
            self.act("dialog.approve", submit)
            return
        for block in top.blocks:
            for _, element in elements_of(block):
                if element["type"] == "button" and element["action_id"] in _PRESSED:
                    action, people = element["action_id"], self.stage.slack.people
                    self.act(action, partial(people.click, "ben", top, action, block_id=block["block_id"]))
                    return

    # -- what there is to see -----------------------------------------------------------------------------------------

    @property
    def store(self) -> SqliteStore | None:
        """The bot's database, once the bot has made it."""
        path = self.folder / "eks-upgrade-bot.db"
        if self._store is None and path.exists() and self.stage.slack and self.stage.slack.connections:
            self._store = SqliteStore(path)
        return self._store

    @property
    def run(self) -> UpgradeRun | None:
        runs = self.store.find(limit=1) if self.store is not None else ()
        return runs[0] if runs else None

    @property
    def events(self) -> tuple[UpgradeEvent, ...]:
        return self._store.events(self.run.id) if self._store is not None and self.run is not None else ()

    @property
    def messages(self) -> list[Message]:
        """What the bot posted for everybody, in order."""
        assert self.stage.slack is not None
        workspace = self.stage.slack.workspace
        found = [message for place in (OPERATIONS, NOTICES) for message in workspace.messages(place)]
        return sorted((one for one in found if one.by_bot and not one.ephemeral_for), key=lambda one: one.ts)

    @property
    def top(self) -> Message | None:
        return next((message for message in self.messages if payload(message).get("kind") == "run"), None)

    def log(self) -> str:
        path = self.folder / "bot.log"
        return path.read_text()[-6000:] if path.exists() else ""

    def told(self) -> str:
        run = self.run
        last = "; ".join(f"{event.kind} {event.step_id or ''}" for event in self.events[-5:])
        stands = f"{run.status} {run.pause_reasons}" if run else "no run"
        return f"{stands}; last told: {last}; deaths: {self.died_at()[-3:]}"


def payload(message: Message) -> dict[str, Any]:
    return dict((message.metadata or {}).get("event_payload") or {})


# -- what must be true ----------------------------------------------------------------------------------------------


def told_well(tale: Tale) -> None:
    """Nothing twice, nothing lost: in the world, in the database, in Slack."""
    run = tale.run
    assert run is not None
    assert run.status is RunStatus.SUCCEEDED, tale.told()
    assert tale.store is not None
    assert tale.store.inbox(run.id) == ()
    each_change_took_effect_once(tale, run)
    events_are_whole(run, tale.events)
    messages_are_whole(tale, run, tale.events)


def each_change_took_effect_once(tale: Tale, run: UpgradeRun) -> None:
    assert run.plan is not None
    world = tale.stage.world
    planned = Counter(step.id for _, step in run.plan.steps() if step.kind in _CHANGING)
    effects = [effect for effect in world.effects if effect.update_id]
    assert Counter(_step_of(effect.subject, effect.args) for effect in effects) == planned
    tokens = [call.token for call in world.calls if call.outcome == "ok"]
    assert None not in tokens
    assert len(set(tokens)) == len(tokens)
    assert {call.outcome for call in world.calls} <= {"ok", "repeated"}
    known = {state.update_id for state in run.steps.values() if state.update_id}
    assert known == {effect.update_id for effect in effects}
    assert world.find_cluster("demo").version == "1.36"


def _step_of(subject: str, args: dict[str, Any]) -> str:
    """The id of the step that makes such a change."""
    version = next(value for key, value in args.items() if key.lower().endswith("version") and value)
    return f"{subject}@{version}"


def events_are_whole(run: UpgradeRun, events: Sequence[UpgradeEvent], *, only: str = "takes the bot down") -> None:
    """``only``: what every pause is about."""
    assert [event.seq for event in events] == list(range(1, run.last_seq + 1))
    assert list(events) == sorted(events, key=lambda event: event.at)
    assert run.plan is not None
    for kind in (EventKind.STEP_STARTED, EventKind.STEP_FINISHED, EventKind.STEP_SKIPPED):
        told = Counter(event.step_id for event in events if event.kind is kind)
        attempts = {step_id: state.attempt for step_id, state in run.steps.items()}
        assert all(count <= attempts[str(step_id)] for step_id, count in told.items()), (kind, told)
    ended = Counter(
        event.step_id for event in events if event.kind in (EventKind.STEP_FINISHED, EventKind.STEP_SKIPPED)
    )
    assert ended == Counter(step.id for _, step in run.plan.steps())
    standing = [event for event in events if event.kind in (EventKind.RUN_PAUSED, EventKind.RUN_BLOCKED)]
    reasons = [reason for event in standing for reason in event.data["reasons"]]
    assert all(only in reason or "takes the bot down" in reason for reason in reasons), reasons
    phases = [phase.id for phase in run.plan.phases]
    for kind in (EventKind.PHASE_STARTED, EventKind.PHASE_FINISHED):
        assert [event.data["phase"] for event in events if event.kind is kind] == phases


def messages_are_whole(
    tale: Tale, run: UpgradeRun, events: Sequence[UpgradeEvent], *, reminders: Sequence[str] = ()
) -> None:
    """``reminders``: the keys of those of the notice."""
    top, *rest = tale.messages
    pictures = [message for message in rest if message.files]
    rest = [message for message in rest if not message.files]
    assert [(message.thread_ts, message.files[0]["name"]) for message in pictures] == [(top.ts, f"{run.id}.png")]
    notices = [message for message in rest if payload(message)["kind"] == "notice"]
    entries = [message for message in rest if payload(message)["kind"] == "entry"]
    replies = [message for message in rest if payload(message)["kind"] == "notice-reply"]
    calls = [message for message in rest if payload(message)["kind"] == "call"]
    assert payload(top)["kind"] == "run"
    [notice] = notices
    assert "Finished" in notice.text
    assert len(entries) + len(replies) + len(calls) + 1 == len(rest)
    assert len({payload(message)["key"] for message in calls}) == len(calls)
    assert all("Over" in message.text and message.thread_ts == top.ts for message in calls)
    due = {reply.key for reply in notice_replies(run, events) if reply.until is None or reminders}
    told = [payload(message)["key"] for message in replies]
    assert len(told) == len(set(told))
    assert set(told) == due | set(reminders)
    assert all(message.thread_ts == notice.ts for message in replies)
    assert all(message.thread_ts == top.ts for message in entries)
    assert [int(payload(message)["key"]) for message in entries] == list(_told_in_thread(run, events))
    assert top.text == render_run(run, events).text


def _told_in_thread(run: UpgradeRun, events: Sequence[UpgradeEvent]) -> Iterator[int]:
    return (event.seq for event in events if render_entry(event, run, events) is not None)
