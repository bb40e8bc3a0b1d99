"""What a browser hears: first everything, then each part again when it has changed (server-sent events)."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from sandbox.page import drawing, seen
from sandbox.page.controls import Controls
from sandbox.slack import User
from sandbox.slack.changes import ChangesForgotten
from sandbox.stage import Stage
from sandbox.world.model import Cluster

PICTURE_SECONDS = 0.25
SLOW_SECONDS = 1.0

Json = dict[str, Any]
Event = tuple[str, str]


class Stream:
    """One browser's view of the stage, as one person and on one cluster.

    Args:
        person: whose eyes; None where Slack is not served.
        session: names this sandbox, so that a page left open over a restart loads itself anew.
    """

    def __init__(
        self, stage: Stage, controls: Controls, *, person: User | None, cluster: Cluster, session: str
    ) -> None:
        self.stage = stage
        self.controls = controls
        self.person = person
        self.cluster = cluster
        self.session = session
        self.seq = 0
        self._sent: dict[str, str] = {}
        self._due: dict[str, float] = {}

    def news(self) -> list[Event]:
        """Events to send now, in order. It takes locks: call it from a thread."""
        return [*self._workspace(), *self._parts()]

    def _workspace(self) -> Iterator[Event]:
        if not self._sent:
            yield from self._from_the_start()
            return
        if self.stage.slack is None or self.person is None:
            return
        try:
            changes = self.stage.slack.workspace.changes.since(self.seq)
        except ChangesForgotten:
            yield from self._from_the_start()
            return
        if not changes:
            return
        self.seq = changes[-1].seq
        if any(change.kind == "channel-changed" for change in changes):
            yield from self._from_the_start()
            return
        if messages := seen.changed_messages(self.stage.slack, self.person, changes):
            yield "messages", json.dumps(messages)
        if seen.screen_changed(self.person, changes):
            yield "screen", json.dumps(seen.screen(self.stage.slack, self.person))

    def _from_the_start(self) -> Iterator[Event]:
        slack, scenario = self.stage.slack, self.stage.scenario
        clock = self.stage.clock
        told: Json = {
            "session": self.session,
            "scenario": {"name": scenario.name, "description": scenario.description},
            "clock": {
                "domain_origin": clock.domain_origin.timestamp(),
                "wall_origin": clock.wall_origin,
                "rate": clock.rate,
            },
            "cluster": self.cluster.key,
            "workspace": None,
        }
        screen = None
        if slack is not None and self.person is not None:
            with slack.workspace.lock:
                self.seq = slack.workspace.changes.seq
                told["workspace"] = seen.workspace(slack, self.person)
                screen = seen.screen(slack, self.person)
            told["me"] = self.person.id
            command = slack.app.manifest.commands[0].name if slack.app.manifest.commands else "/eks-upgrade"
            told["start"] = {"person": scenario.start.person, "line": scenario.start.command(command)}
        yield "hello", json.dumps(told)
        if screen is not None:
            yield "screen", json.dumps(screen)

    def _parts(self) -> Iterator[Event]:
        parts: dict[str, tuple[float, Callable[[], Any]]] = {
            "picture": (PICTURE_SECONDS, lambda: drawing.drawing(self.stage.world, self.cluster)),
            "clusters": (SLOW_SECONDS, lambda: drawing.summaries(self.stage.world)),
            "controls": (PICTURE_SECONDS, lambda: self.controls.state(self.cluster)),
            "pager": (PICTURE_SECONDS, lambda: [seen.incident(one) for one in self.stage.pager.incidents()]),
            "log": (SLOW_SECONDS, self.controls.log),
        }
        now = time.monotonic()
        for name, (every, make) in parts.items():
            if now < self._due.get(name, 0.0):
                continue
            self._due[name] = now + every
            data: Any = make()
            # The moment of the picture alone is no news: the page has the clock itself.
            known = json.dumps({**data, "at": None} if name == "picture" else data)
            if self._sent.get(name) != known:
                self._sent[name] = known
                yield name, json.dumps(data)
