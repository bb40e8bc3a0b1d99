"""What PagerDuty and other receivers get, over the wire."""

from __future__ import annotations

import hashlib
import hmac
import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest
from pydantic import SecretStr

from bot.webhooks import http
from bot.webhooks.http import SIGNATURE, TIMESTAMP, Generic, PagerDuty
from bot.webhooks.page import Page, PageAction, PageLost
from tests.bot.webhooks.receiver import Receiver, receiving
from tests.handlers.samples import NOW, PROD
from upgrade.troubles import CallKind

SECRET = SecretStr("s3cr3t-of-the-night")
PAGE = Page(
    action=PageAction.TRIGGER,
    id="r-1:night:failed:7:pages",
    key="r-1:failed:7",
    run_id="r-1",
    cluster=PROD,
    kind=CallKind.FAILED,
    lines=("prod-eu needs you: it failed.", "Since then.", "It can wait until morning."),
    since=NOW,
    link="https://acme.slack.com/archives/C0OPS/p1",
)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def test_pagerduty_gets_one_incident_a_trouble_with_all_that_is_known(receiver: Receiver) -> None:
    webhook = PagerDuty("night", receiver.url, SECRET)
    webhook.send(PAGE)
    webhook.send(replace(PAGE, action=PageAction.ACKNOWLEDGE, id="2", by="U0ADA"))
    webhook.send(replace(PAGE, action=PageAction.RESOLVE, id="3"))
    assert [one["event_action"] for one in receiver.taken] == ["trigger", "acknowledge", "resolve"]
    assert {one["dedup_key"] for one in receiver.taken} == {"r-1:failed:7"}
    assert {one["routing_key"] for one in receiver.taken} == {SECRET.get_secret_value()}
    trigger = receiver.taken[0]
    assert trigger["payload"]["summary"] == "prod-eu needs you: it failed."
    assert trigger["payload"]["severity"] == "critical"
    assert trigger["payload"]["custom_details"]["text"].endswith("It can wait until morning.")
    assert trigger["links"][0]["href"] == PAGE.link


def test_any_other_receiver_can_check_who_sends_and_when(receiver: Receiver) -> None:
    Generic("chat", receiver.url, SECRET, clock=lambda: 1_700_000_000.9).send(PAGE)
    ((_, headers, body),) = receiver.heard
    said = f"v1:{headers[TIMESTAMP]}:".encode() + body
    assert headers[TIMESTAMP] == "1700000000"
    assert headers[SIGNATURE] == "v1=" + hmac.new(SECRET.get_secret_value().encode(), said, hashlib.sha256).hexdigest()
    assert SECRET.get_secret_value().encode() not in body
    assert (receiver.taken[0]["id"], receiver.taken[0]["key"]) == (PAGE.id, PAGE.key)


@pytest.mark.parametrize("status", [400, 429, 500, 302])
def test_what_is_not_taken_is_lost_and_names_no_secret(receiver: Receiver, status: int) -> None:
    receiver.answers = [status]
    with pytest.raises(PageLost) as lost:
        PagerDuty("night", receiver.url, SECRET).send(PAGE)
    assert str(status) in str(lost.value)
    assert SECRET.get_secret_value() not in f"{lost.value!r} {PagerDuty('night', receiver.url, SECRET)!r}"
    assert len(receiver.heard) == 1


def test_a_receiver_that_hangs_is_given_up_and_one_that_is_not_there_is_lost(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "TIMEOUT_SECONDS", 0.2)
    receiver.hangs.set()
    with pytest.raises(PageLost, match="cannot be reached"):
        Generic("chat", receiver.url, SECRET).send(PAGE)
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(PageLost, match="cannot be reached"):
            Generic("chat", f"http://127.0.0.1:{bound.getsockname()[1]}/", SECRET).send(PAGE)
