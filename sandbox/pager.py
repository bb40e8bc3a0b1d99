"""A pager on loopback: PagerDuty's Events API v2, and what it shows to whoever carries it.

Rule: developer.pagerduty.com/docs/events-api-v2-overview: one address, three actions, one incident a ``dedup_key``
until that is resolved; an event that lacks a field is refused with 400.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sandbox.aws.requests import Answer
from sandbox.aws.server import HttpServer

LOOPBACK: Final = "127.0.0.1"
PATH: Final = "/v2/enqueue"
#: The variable of the bot's environment that holds the integration key.
KEY_VARIABLE: Final = "PAGERDUTY_KEY"
_SEVERITIES: Final = ("critical", "error", "warning", "info")
_STATE_OF: Final = {"trigger": "triggered", "acknowledge": "acknowledged", "resolve": "resolved"}
_MOST_INCIDENTS: Final = 50

Json = dict[str, Any]


@dataclass
class Incident:
    """What the pager shows of one trouble.

    Args:
        calls: how often it was triggered.
        at, changed_at: domain time of the first trigger and of the last change.
    """

    key: str
    state: str
    summary: str
    source: str
    text: str
    link: str
    calls: int
    at: datetime
    changed_at: datetime


class Pager:
    """Takes events on a loopback port from `start` to `stop`.

    Args:
        now: domain time.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        #: The integration key, as PagerDuty gives it: 32 characters.
        self.key = secrets.token_hex(16)
        self._now = now
        self._server = HttpServer(LOOPBACK, self._take)
        self._lock = threading.Lock()
        self._incidents: list[Incident] = []

    @property
    def url(self) -> str:
        return f"{self._server.url}{PATH}"

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        self._server.stop()

    def incidents(self) -> list[Incident]:
        """The newest first; the oldest of many are forgotten."""
        with self._lock:
            return [replace(one) for one in reversed(self._incidents)]

    # -- events -------------------------------------------------------------------------------------------------------

    def _take(self, method: str, path: str, _headers: dict[str, str], body: bytes) -> Answer:
        if (method, path) != ("POST", PATH):
            return _answer(404, {"status": "not found"})
        try:
            event = json.loads(body)
        except ValueError:
            event = None
        if problems := _problems(event, self.key):
            return _answer(400, {"status": "invalid event", "message": "Event object is invalid", "errors": problems})
        key = str(event.get("dedup_key") or secrets.token_hex(16))
        with self._lock:
            self._change(key, event)
        return _answer(202, {"status": "success", "message": "Event processed", "dedup_key": key})

    def _change(self, key: str, event: Json) -> None:
        now, state = self._now(), _STATE_OF[event["event_action"]]
        known = next((one for one in self._incidents if one.key == key and one.state != "resolved"), None)
        if known is not None and state == "triggered":
            known.calls += 1
            known.changed_at = now
        elif known is not None:
            known.state, known.changed_at = state, now
        elif state == "triggered":
            self._incidents.append(_incident(key, event, now))
            del self._incidents[:-_MOST_INCIDENTS]
        # Anything else about what is not open changes nothing, as at PagerDuty.


def _incident(key: str, event: Json, now: datetime) -> Incident:
    payload = event["payload"]
    details, links = payload.get("custom_details"), event.get("links")
    first = links[0] if isinstance(links, list) and links else None
    return Incident(
        key=key,
        state="triggered",
        summary=str(payload["summary"]),
        source=str(payload["source"]),
        text=str(details.get("text", "")) if isinstance(details, dict) else "",
        link=str(first.get("href", "")) if isinstance(first, dict) else "",
        calls=1,
        at=now,
        changed_at=now,
    )


def _problems(event: Any, key: str) -> list[str]:
    if not isinstance(event, dict):
        return ["the body is not a JSON object"]
    problems = [] if event.get("routing_key") == key else ["'routing_key' is of no integration"]
    action = str(event.get("event_action"))
    if action not in _STATE_OF:
        return [*problems, f"'event_action' is none of {', '.join(_STATE_OF)}"]
    if action != "trigger":
        return problems if event.get("dedup_key") else [*problems, "'dedup_key' is missing or blank"]
    payload = event.get("payload")
    if not isinstance(payload, dict):
        return [*problems, "'payload' is missing or blank"]
    needed = ("summary", "source", "severity")
    problems += [f"'payload.{name}' is missing or blank" for name in needed if not payload.get(name)]
    if len(str(payload.get("summary", ""))) > 1024:
        problems.append("'payload.summary' is longer than 1024 characters")
    if payload.get("severity") not in (*_SEVERITIES, None):
        problems.append(f"'payload.severity' is none of {', '.join(_SEVERITIES)}")
    return problems


def _answer(status: int, content: Json) -> Answer:
    return Answer(status, "application/json", json.dumps(content).encode())
