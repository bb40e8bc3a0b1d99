"""A stage with Slack and a small world behind a page, and clients that talk to the page as anybody may."""

from __future__ import annotations

import http.client
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from sandbox.bot_process import BotProcess
from sandbox.clock import DomainClock
from sandbox.page.server import Page
from sandbox.scenario import parse_scenario
from sandbox.slack import RateLimits, SlackFace
from sandbox.stage import Stage
from tests.patience import LONGEST, SLACK_SECONDS

MANIFEST = Path(__file__).parents[3] / "manifest.yml"
HOSTILE = "<img src=x onerror=window.pwned=1><script>window.pwned=1</script>"
OPS = "C0PLATFORMOPS"

SCENARIO = f"""
name: playground
description: a small healthy cluster
date: 2026-11-17T09:00:00Z
seed: 7
clusters:
  - name: c
    version: "1.34"
    addons: [{{name: vpc-cni}}, {{name: kube-proxy}}, {{name: coredns}}]
    nodegroups:
      - {{name: core, size: 2}}
      - {{name: apps, size: 3}}
    workloads:
      - {{namespace: shop, name: web, replicas: 4, pdb: {{max_unavailable: 1}}, service: true}}
  - {{name: other, version: "1.33", nodegroups: [{{name: only, size: 1}}]}}
people:
  - {{id: U0ANA, name: ana, real_name: Ana Ortiz, groups: [operators]}}
  - {{id: U0BEN, name: ben, real_name: Ben Fischer, groups: [approvers], time_zone: America/New_York}}
  - {{id: U0MALLORY, name: mallory, real_name: "{HOSTILE}"}}
start: {{person: ana, cluster: c, to: "1.35"}}
expected: {{status: succeeded}}
"""


class HandClock(DomainClock):
    """Time that a test moves, so that what passes quickly can be looked at."""

    moved = timedelta()

    def now(self) -> datetime:
        return self.domain_origin + self.moved


class Playground:
    """The stage, its page, and a child process in the bot's place that does nothing.

    With `by_hand`, time stands until `let_pass` moves it.
    """

    def __init__(self, home: Path, *, by_hand: bool = False, with_bot: bool = True, with_slack: bool = True) -> None:
        scenario = parse_scenario(SCENARIO)
        self.stage = Stage(
            scenario,
            clock=HandClock(scenario.date) if by_hand else None,
            faces=("slack",) if with_slack else (),
            manifest=MANIFEST.read_text(),
            slack_rate_limits=RateLimits(enabled=False),
            slack_seconds=SLACK_SECONDS,
            home=home,
        )
        idle = [sys.executable, "-c", "import time; print('here I am', flush=True); time.sleep(600)"]
        self.bot = BotProcess({}, home / "bot.log", idle) if with_bot else None
        self.page = Page(self.stage, self.bot, 0)

    @property
    def slack(self) -> SlackFace:
        assert self.stage.slack is not None
        return self.stage.slack

    @property
    def port(self) -> int:
        return int(self.page.address.rstrip("/").rsplit(":", 1)[1])

    def let_pass(self, until: Callable[[], bool], limit: timedelta = timedelta(hours=2)) -> None:
        """Goes from event to event of the world until the condition holds; fails when it does not within the limit."""
        clock, world = self.stage.clock, self.stage.world
        assert isinstance(clock, HandClock)
        while not until():
            at = world.next_event_at()
            assert at is not None, "nothing will happen any more"
            clock.moved = at - clock.domain_origin
            assert clock.moved <= limit, "waited in vain"
            world.settle()

    def __enter__(self) -> Playground:
        self.stage.start()
        self.page.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.page.stop()
        if self.bot is not None:
            self.bot.kill()
        self.stage.stop()

    # --- talking to the page ------------------------------------------------------------------------------------------

    def request(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], str]:
        """One request with exactly these headers besides Host; gives status, headers and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LONGEST)
        try:
            data = body if isinstance(body, str | None) else json.dumps(body)
            connection.request(method, path, data, headers or {})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read().decode()
        finally:
            connection.close()

    def post(self, path: str, body: Any) -> tuple[int, dict[str, Any]]:
        """As the page's own scripts post."""
        headers = {"Content-Type": "application/json", "Origin": self.page.address.rstrip("/")}
        status, _, text = self.request("POST", f"/api/{path}", body, headers)
        return status, json.loads(text)

    @contextmanager
    def events(self, **query: str) -> Iterator[Listening]:
        """The stream, as a browser hears it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LONGEST)
        try:
            connection.request("GET", f"/api/events?{urlencode(query)}")
            yield Listening(connection.getresponse())
        finally:
            connection.close()


class Listening:
    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.status = answer.status
        self.seen: list[tuple[str, str]] = []
        self._answer = answer

    def next(self, name: str, **wanted: Any) -> Any:
        """The data of the next event of that name; of one that has these members, if any are given."""
        while True:
            data = self._one(name)
            if isinstance(data, dict) and not wanted.items() <= data.items():
                continue
            return data

    def _one(self, name: str) -> Any:
        event = ""
        while True:
            line = self._answer.readline().decode()
            assert line, f"the stream ended before {name}"
            if line.startswith("event: "):
                event = line.removeprefix("event: ").strip()
            elif line.startswith("data: "):
                data = line.removeprefix("data: ")
                self.seen.append((event, data))
                if event == name:
                    return json.loads(data)
