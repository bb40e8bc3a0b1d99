"""The whole bot in one process: real Bolt over Socket Mode, real service, engine and store, on fake clusters."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from bot.config import Settings
from bot.pacing import Pacing
from bot.serving import Outside, Server, make_server
from bot.slack import make_client
from sandbox.slack import Message, Outcome, SlackFace, View
from sandbox.slack.inputs import every_box
from tests.bot.conftest import MakeFace, client_of, face, make_face, slack_settings
from tests.patience import LONGEST, wait_for
from tests.upgrade.fakes import FakeCluster, FakeClusters, cluster_named
from tests.upgrade.snapshots import TAKEN_AT
from upgrade.checklist import unticked
from upgrade.engine.clock import ScaledClock
from upgrade.gateways.clusters import ConfiguredClusters
from upgrade.run import RunStatus, UpgradeRun
from upgrade.store.sqlite import SqliteStore

__all__ = ["MakeFace", "client_of", "face", "make_face"]

#: An environment that waits for nothing.
# On a clock as fast as this one, a day is half a minute: what expires does so long after any test.
QUICK = {
    "notice": 0,
    "bake_before_nodes": 0,
    "one_hop_a_window": False,
    "remind": (),
    "approval_expires": timedelta(days=60),
    "approval_valid": timedelta(days=60),
}
#: Domain seconds a real second: an update of the fakes takes a few hundred milliseconds.
SPEED = 3000.0


@dataclass
class Desk:
    """People at their screens, the bot, and what they see."""

    face: SlackFace
    server: Server
    clusters: dict[str, FakeCluster]
    settings: Settings
    stopped: bool = False

    def stop(self) -> None:
        if not self.stopped:
            self.stopped = True
            self.server.stop()

    def type(self, text: str, user: str = "ada", channel: str = "ops") -> Outcome:
        return self.face.people.run_command(user, channel, "/eks-upgrade", text)

    def whispers(self, user: str = "ada", channel: str = "ops") -> list[Message]:
        workspace = self.face.workspace
        seen = workspace.messages(workspace.channel(channel).id, workspace.user(user).id)
        return [one for one in seen if one.ephemeral_for]

    def files(self, user: str = "ada") -> dict[str, str]:
        """The files that the person got from the bot, by name."""
        workspace = self.face.workspace
        sent = [
            file
            for one in workspace.messages(workspace.direct_message(workspace.user(user).id).id)
            for file in one.files
        ]
        return {file["name"]: workspace.uploads.content(file["id"]).decode() for file in sent}

    def answer(self, text: str, user: str = "ada") -> str:
        """The first that the person sees in answer to a command, as text."""
        before = len(self.whispers(user))
        outcome = self.type(text, user)
        assert outcome.ok, outcome.error
        wait_for(lambda: len(self.whispers(user)) > before)
        return said(self.whispers(user)[before])

    def runs(self) -> list[UpgradeRun]:
        return list(self.server.store.find())

    @property
    def tops(self) -> list[Message]:
        messages = self.face.workspace.messages("ops")
        return [one for one in messages if one.by_bot and not one.is_reply and not one.ephemeral_for]

    @property
    def top(self) -> Message:
        return self.tops[-1]

    def thread(self) -> list[str]:
        return [m.text for m in self.face.workspace.thread("ops", self.top.ts) if m.ts != self.top.ts]

    def buttons(self) -> list[str]:
        return buttons_of(self.top)

    def click(self, action: str, user: str = "ben", message: Message | None = None) -> Outcome:
        return self.face.people.click(user, message or self.top, action)

    def approve(self, user: str = "ben") -> None:
        """Press Approve, and tick what its dialog asks for, if it asks."""
        asks = bool(unticked(self.runs()[0], self.runs()[0].waiting_for))
        assert self.click("run.approve", user).ok
        if asks:
            view = self.dialog(user)
            outcome = self.face.people.submit_view(user, view.id, every_box(view.blocks))
            assert outcome.ok, outcome

    def until(self, true: Callable[[], Any]) -> None:
        wait_for(true)

    def until_buttons(self, *verbs: str) -> None:
        wanted = {f"run.{verb}" for verb in verbs}
        try:
            wait_for(lambda: self.tops and wanted <= set(self.buttons()))
        except AssertionError as error:
            raise AssertionError(f"wanted {verbs}, there is {self.buttons()} under {said(self.top)}") from error

    def entry(self, words: str) -> str:
        """The thread's entry with these words, once it is there, with its small print."""

        def found() -> list[str]:
            thread = self.face.workspace.thread("ops", self.top.ts)
            return [said(message) for message in thread if message.ts != self.top.ts and words in said(message)]

        wait_for(found)
        return found()[0]

    def until_status(self, status: RunStatus) -> UpgradeRun:
        wait_for(lambda: self.runs() and self.runs()[0].status is status)
        return self.runs()[0]

    def dialogs(self, user: str) -> list[View]:
        """What is open in front of this person, the topmost last."""
        return self.face.workspace.modals.on_screen(self.face.workspace.user(user).id)

    def dialog(self, user: str) -> View:
        wait_for(lambda: self.dialogs(user))
        return self.dialogs(user)[-1]


def buttons_of(message: Message) -> list[str]:
    rows = [block["elements"] for block in message.blocks if block["type"] == "actions"]
    return [element["action_id"] for row in rows for element in row]


def said(message: Message | View) -> str:
    """Every text of a message or a view, in order."""
    return "\n".join(texts_of(message.blocks))


def texts_of(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["text"]] if isinstance(value.get("text"), str) else []
        return own + [text for item in value.values() for text in texts_of(item)]
    return [text for item in value for text in texts_of(item)] if isinstance(value, list) else []


MakeDesk = Callable[..., Desk]


@pytest.fixture
def make_desk(make_face: MakeFace, tmp_path: Path) -> Iterator[MakeDesk]:
    desks: list[Desk] = []

    def make(**changes: Any) -> Desk:
        face = changes.pop("face", None) or make_face()
        origin, now = TAKEN_AT.timestamp(), time.time()
        clock = ScaledClock(origin, now, SPEED)
        fakes = {name: cluster_named(clock, name) for name in ("prod-eu", "lab")}
        listed = [
            {
                "name": name,
                "region": fake.snapshot.cluster.region,
                "account": fake.snapshot.cluster.account,
                "environment": "prod",
                "owner": "@platform",
                "change_role": None if name == "lab" else "own",
            }
            for name, fake in fakes.items()
        ]
        content: dict[str, Any] = {
            "slack": slack_settings(face),
            "clusters": [*listed, *changes.pop("more_clusters", ())],
            # What is read in the background would come between what a test counts.
            "fleet": {"look_every": timedelta(0)},
            "environments": {"prod": QUICK},
            "roles": {
                "operator": {"groups": ["S0OPERATORS"]},
                "approver": {"groups": ["S0APPROVERS"], "users": ["U0CY"]},
            },
            "database": tmp_path / f"{len(desks)}.db",
            "clock": f"scaled:{origin}:{now}:{SPEED}",
            # A busy machine is late by hours on this clock.
            "start_grace": timedelta(seconds=LONGEST * SPEED),
        }
        settings = Settings(**{**content, **changes})
        # The simulator's limits are off here, so ours are a hundred times as fast.
        outside = Outside(
            SqliteStore(settings.database),
            cast("ConfiguredClusters", FakeClusters(*fakes.values())),
            make_client(settings.slack),
            Pacing(lambda: time.monotonic() * 100),
        )
        server = make_server(settings, outside)
        desk = Desk(face, server, fakes, settings)
        desks.append(desk)
        server.start()
        if settings.slack.mode == "socket":
            wait_for(lambda: face.connections > 0)
        return desk

    yield make
    for desk in desks:
        desk.stop()


@pytest.fixture
def desk(make_desk: MakeDesk) -> Desk:
    return make_desk()
