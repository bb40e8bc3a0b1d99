"""A workspace in the Slack simulator, a store on disk, and a story that is told step by step."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from slack_sdk import WebClient

from bot.config import SlackSettings
from bot.notifier import Channels, Notifier
from bot.pacing import Pacing
from bot.slack import SlackCalls, make_client
from sandbox.slack import AppManifest, Channel, InstalledApp, Message, RateLimits, SlackFace, User, UserGroup
from tests.handlers import samples
from tests.patience import LONGEST, SLACK_SECONDS
from upgrade.events import EventKind, UpgradeEvent
from upgrade.ports import AgendaItem, StoredMessage
from upgrade.run import RunStatus, UpgradeRun
from upgrade.store.sqlite import SqliteStore

MANIFEST = Path(__file__).parents[2] / "manifest.yml"
MakeFace = Callable[..., SlackFace]


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("EKS_UPGRADE_BOT_", "SLACK_", "AWS_")):
            monkeypatch.delenv(name)


def people() -> list[User]:
    return [
        User("ada", tz="Europe/Berlin"),
        User("ben"),
        User("cy"),
        User("guest", is_restricted=True),
        User("stranger", team_id="T0OTHER"),
        User("gone", deleted=True),
    ]


def channels() -> list[Channel]:
    return [
        # A guest sees only the channels that somebody let them into.
        Channel("ops", members={"U0ADA", "U0BEN", "U0CY", "U0GUEST", "U0STRANGER"}),
        Channel("maintenance-notices"),
        Channel("not-invited", bot_is_member=False),
        Channel("old", archived=True),
        Channel("secret", kind="private", members={"U0ADA"}, bot_is_member=False),
    ]


def groups() -> list[UserGroup]:
    return [UserGroup("approvers", ["U0BEN"]), UserGroup("operators", ["U0ADA"])]


@pytest.fixture
def make_face() -> Iterator[MakeFace]:
    started: list[SlackFace] = []

    def make(**options: Any) -> SlackFace:
        app = options.pop("app", None) or InstalledApp.install(AppManifest.from_yaml(MANIFEST.read_text()))
        options.setdefault("rate_limits", RateLimits(enabled=False))
        options.setdefault("ack_seconds", SLACK_SECONDS)
        options.setdefault("trigger_seconds", SLACK_SECONDS)
        face = SlackFace(people(), options.pop("channels", channels()), groups(), app=app, **options)
        face.start()
        started.append(face)
        return face

    yield make
    for face in started:
        face.stop()


@pytest.fixture
def face(make_face: MakeFace) -> SlackFace:
    return make_face()


def slack_settings(face: SlackFace) -> SlackSettings:
    return SlackSettings.model_validate(
        {
            "bot_token": face.app.bot_token,
            "app_token": face.app.app_token,
            "signing_secret": face.app.signing_secret,
            "api_url": face.api_url,
        }
    )


def client_of(face: SlackFace) -> WebClient:
    return make_client(slack_settings(face))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path / "bot.db")
    yield store
    store.close()


@dataclass
class FixedClock:
    """Domain time that a test moves; a delay takes no real time."""

    time: datetime = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def real_seconds(self, delay: timedelta) -> float:
        return max(0.0, delay.total_seconds())


@dataclass
class MemoryStore:
    """What the notifier uses of the store, without a disk; like a database it survives the death of a process."""

    runs: dict[str, UpgradeRun] = field(default_factory=dict)
    told: list[UpgradeEvent] = field(default_factory=list)
    rows: dict[tuple[str, str, str], StoredMessage] = field(default_factory=dict)

    def create(self, run: UpgradeRun, events: Sequence[UpgradeEvent]) -> None:
        self.runs[run.id] = run
        self.told += events

    def save(self, run: UpgradeRun, events: Sequence[UpgradeEvent]) -> UpgradeRun:
        self.create(run, events)
        return run

    def load(self, run_id: str) -> UpgradeRun:
        return self.runs[run_id]

    def unfinished(self) -> Sequence[UpgradeRun]:
        return [run for run in self.runs.values() if not run.status.finished]

    def events(self, run_id: str, *, after: int = 0) -> Sequence[UpgradeEvent]:
        return [event for event in self.told if event.run_id == run_id and event.seq > after]

    def message(self, run_id: str, kind: str, key: str) -> StoredMessage | None:
        return self.rows.get((run_id, kind, key))

    def messages(self, run_id: str) -> Sequence[StoredMessage]:
        return [row for row in self.rows.values() if row.run_id == run_id]

    def named(self, kind: str, key: str) -> Sequence[StoredMessage]:
        return [row for row in self.rows.values() if (row.kind, row.key) == (kind, key)]

    def save_message(self, message: StoredMessage) -> None:
        self.rows[message.run_id, message.kind, message.key] = message

    def agenda(self) -> Sequence[AgendaItem]:
        return [
            AgendaItem(run_id=run.id, version=run.last_seq, due_at=None, requested=False) for run in self.unfinished()
        ]

    def untold(self) -> Sequence[str]:
        shown = {row.run_id: row.shown_seq for row in self.rows.values() if row.kind == "run"}
        return [run.id for run in self.runs.values() if run.status.finished and shown.get(run.id, -1) < run.last_seq]


@dataclass
class Story:
    """A run that a test writes, and who reads it: what the service is to the notifier."""

    store: SqliteStore | MemoryStore
    id: str = "r-20261120-ab12"
    now: datetime = samples.NOW

    def begin(self, **values: Any) -> UpgradeRun:
        run = samples.run(RunStatus.CHECKING, id=self.id, last_seq=1, **{"channel": "C0OPS", **values})
        self.store.create(run, [self._event(EventKind.RUN_REQUESTED, 1, "U0ADA")])
        return run

    def tell(
        self,
        kind: EventKind,
        *,
        actor: str | None = None,
        step: str | None = None,
        data: dict[str, str] | None = None,
        **changes: Any,
    ) -> UpgradeRun:
        """One thing happens: the run as it is then, and its event."""
        run = self.store.load(self.id)
        said = {} if data is None else {"data": data}
        event = self._event(kind, run.last_seq + 1, actor).model_copy(update={"step_id": step, "at": self.now, **said})
        return self.store.save(run.model_copy(update={**changes, "last_seq": event.seq}), [event])

    def whole(self) -> None:
        """From the request to the end."""
        self.begin()
        self.rest()

    def rest(self) -> None:
        plan = samples.two_hops()
        start_at = samples.NOW + timedelta(minutes=15)
        self.tell(EventKind.CHECKS_FINISHED, status=RunStatus.AWAITING_APPROVAL, plan=plan, waiting_for="plan")
        self.tell(EventKind.PLAN_READY)
        self.tell(EventKind.APPROVAL_GIVEN, actor="U0BEN")
        self.tell(EventKind.RUN_SCHEDULED, status=RunStatus.SCHEDULED, waiting_for=None, **set_for(start_at))
        self.tell(EventKind.RUN_STARTED, status=RunStatus.RUNNING, started_at=start_at)
        self.tell(EventKind.STEP_STARTED, step="control-plane@1.35")
        self.tell(EventKind.STEP_PROGRESSED, step="control-plane@1.35")
        self.tell(EventKind.STEP_FINISHED, step="control-plane@1.35", steps=samples.half_way(start_at))
        self.tell(EventKind.RUN_SUCCEEDED, status=RunStatus.SUCCEEDED, finished_at=start_at + timedelta(hours=1))

    def _event(self, kind: EventKind, seq: int, actor: str | None) -> UpgradeEvent:
        return samples.event(kind, seq, actor=actor).model_copy(update={"run_id": self.id})

    def run(self, run_id: str) -> UpgradeRun:
        return self.store.load(run_id)

    def status(self) -> Sequence[UpgradeRun]:
        return self.store.unfinished()

    def events(self, run_id: str, after: int = 0) -> Sequence[UpgradeEvent]:
        return self.store.events(run_id, after=after)


def set_for(start_at: datetime) -> dict[str, Any]:
    """What a run that has its start knows of it."""
    return {"scheduled_at": samples.NOW, "start_at": start_at}


@pytest.fixture
def story(store: SqliteStore) -> Story:
    return Story(store)


CHANNELS = Channels("#maintenance-notices")


def notifier_of(face: SlackFace, story: Story, *, calls: Any = None, messages: Any = None, **options: Any) -> Notifier:
    options.setdefault("clock", FixedClock())
    options.setdefault("channels", CHANNELS)
    # Slack's paces, a hundred times as fast: the simulator's limits are off unless a test is about them.
    options.setdefault("pacing", Pacing(lambda: time.monotonic() * 100))
    calls = calls or SlackCalls(client_of(face))
    return Notifier(story, messages or story.store, calls, **options)


def deliver(notifier: Notifier, limit: float = LONGEST) -> None:
    """Until there is nothing more to do at once."""
    give_up = time.monotonic() + limit
    while (delay := notifier.deliver_once()) < 5:
        assert time.monotonic() < give_up, "delivery does not come to an end"
        time.sleep(min(delay, 0.01))


def thread_of(face: SlackFace, top: Message) -> list[Message]:
    return [message for message in face.workspace.thread(top.channel, top.ts) if message.ts != top.ts]
