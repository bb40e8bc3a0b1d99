"""The pager takes what the bot's own PagerDuty webhook sends, as PagerDuty would, and refuses what that refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from bot.webhooks.http import PagerDuty
from bot.webhooks.page import Page, PageAction, PageLost
from sandbox.pager import Incident, Pager
from tests.patience import LONGEST
from upgrade.eks import ClusterId
from upgrade.troubles import CallKind

NOW = datetime(2026, 11, 17, 2, tzinfo=UTC)
PROD = ClusterId(account="111122223333", region="eu-central-1", name="prod-eu")


@pytest.fixture
def pager() -> Iterator[Pager]:
    pager = Pager(lambda: NOW)
    pager.start()
    yield pager
    pager.stop()


def page(action: PageAction, trouble: str = "r-1:failed:7") -> Page:
    lines = ("prod-eu needs you: CoreDNS failed", "All else waits.")
    return Page(action, f"{trouble}:{action}", trouble, "r-1", PROD, CallKind.FAILED, lines, NOW, link="https://a/b")


def webhook(pager: Pager, key: str | None = None) -> PagerDuty:
    return PagerDuty("pager", pager.url, SecretStr(key or pager.key))


def shown(pager: Pager) -> list[tuple[str, str, int]]:
    return [(one.key, one.state, one.calls) for one in pager.incidents()]


def post(pager: Pager, event: Any) -> tuple[int, dict[str, Any]]:
    target = urlsplit(pager.url)
    connection = HTTPConnection(str(target.hostname), target.port, timeout=LONGEST)
    connection.request("POST", target.path, event if isinstance(event, str) else json.dumps(event))
    answer = connection.getresponse()
    status, content = answer.status, json.loads(answer.read())
    connection.close()
    return status, content


def test_a_trouble_is_one_incident_from_its_trigger_to_its_resolution(pager: Pager) -> None:
    hook = webhook(pager)
    for action in (PageAction.TRIGGER, PageAction.TRIGGER):
        hook.send(page(action))
    assert shown(pager) == [("r-1:failed:7", "triggered", 2)]
    [incident] = pager.incidents()
    assert incident == Incident(
        "r-1:failed:7", "triggered", "prod-eu needs you: CoreDNS failed", str(PROD),
        "prod-eu needs you: CoreDNS failed\nAll else waits.", "https://a/b", 2, NOW, NOW,
    )  # fmt: skip
    hook.send(page(PageAction.ACKNOWLEDGE))
    assert shown(pager) == [("r-1:failed:7", "acknowledged", 2)]
    hook.send(page(PageAction.RESOLVE))
    hook.send(page(PageAction.ACKNOWLEDGE))
    assert shown(pager) == [("r-1:failed:7", "resolved", 2)], "what is resolved stays so"
    hook.send(page(PageAction.TRIGGER))
    hook.send(page(PageAction.TRIGGER, "r-1:stalled:9"))
    assert [state for _, state, _ in shown(pager)] == ["triggered", "triggered", "resolved"], "the newest is first"


def test_another_key_is_refused(pager: Pager) -> None:
    with pytest.raises(PageLost, match="it answered 400"):
        webhook(pager, "0" * 32).send(page(PageAction.TRIGGER))
    assert shown(pager) == []


@pytest.mark.parametrize(
    ("event", "problem"),
    [
        ("not json", "the body is not a JSON object"),
        ([], "the body is not a JSON object"),
        ({"event_action": ["trigger"]}, "'event_action' is none of trigger, acknowledge, resolve"),
        ({"event_action": "resolve"}, "'dedup_key' is missing or blank"),
        ({"event_action": "trigger"}, "'payload' is missing or blank"),
        ({"event_action": "trigger", "payload": {"source": "s", "severity": "info"}}, "'payload.summary' is missing"),
        (
            {"event_action": "trigger", "payload": {"summary": "x" * 1025, "source": "s", "severity": "bad"}},
            "'payload.summary' is longer than 1024 characters, 'payload.severity' is none of",
        ),
    ],
)
def test_what_pagerduty_refuses_is_refused(pager: Pager, event: Any, problem: str) -> None:
    whole = {"routing_key": pager.key, **event} if isinstance(event, dict) else event
    status, answer = post(pager, whole)
    assert status == 400
    assert problem in ", ".join(answer["errors"])
    assert shown(pager) == []


def test_a_key_of_the_senders_is_optional_and_odd_extras_do_no_harm(pager: Pager) -> None:
    payload = {"summary": "s", "source": "x", "severity": "info", "custom_details": "words"}
    event = {"routing_key": pager.key, "event_action": "trigger", "payload": payload, "links": "none"}
    status, answer = post(pager, event)
    assert status == 202
    assert shown(pager) == [(answer["dedup_key"], "triggered", 1)]
