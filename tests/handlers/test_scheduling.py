"""Starts over the wire: what people type, pick and press, in their own time, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from slack_sdk.errors import SlackClientError

from handlers.zones import FRESH, Zones
from sandbox.slack import Message
from tests.handlers.conftest import QUICK, Desk, MakeDesk, buttons_of, said
from tests.handlers.samples import NOW
from tests.upgrade.snapshots import TAKEN_AT
from upgrade.errors import NotNow
from upgrade.run import Intent, RunStatus

#: So far ahead that no clock of a test gets there, and within the calendar.
AHEAD = 25
DAY = (TAKEN_AT + timedelta(days=AHEAD)).date()


@pytest.fixture
def desk(make_desk: MakeDesk) -> Desk:
    """Nothing expires, however slow the machine is."""
    return make_desk(environments={"prod": {**QUICK, "approval_expires": "60d"}})


def picked(days: int = AHEAD) -> int:
    return int((TAKEN_AT + timedelta(days=days)).timestamp())


def offered(desk: Desk, text: str) -> Message:
    before = len(desk.whispers())
    desk.answer(text)
    return desk.whispers()[before]


def pressed(desk: Desk, message: Message, action: str) -> None:
    assert desk.face.people.click("ada", message, action).ok


def test_a_time_with_a_zone_is_committed_and_one_without_is_asked_about(desk: Desk) -> None:
    assert desk.type(f"schedule prod-eu at {DAY} 22:00 Asia/Tokyo").ok
    desk.until(lambda: len(desk.runs()) == 1)
    (run,) = desk.runs()
    assert run.wanted_at == datetime(DAY.year, DAY.month, DAY.day, 13, 0, tzinfo=UTC)
    desk.until_buttons("reschedule", "cancel")
    zone = desk.face.workspace.user("ada").tz
    offer = offered(desk, f"reschedule {run.id} at {DAY} 22:00")
    assert f"22:00 {zone}" in said(offer)
    assert desk.runs()[0].wanted_at == run.wanted_at, "only asked about"
    assert desk.whispers("ben") == []
    pressed(desk, offer, "run.reschedule-to")
    desk.until(lambda: desk.runs()[0].wanted_at != run.wanted_at)
    moved = desk.entry("moved the start")
    assert "<@U0ADA>" in moved


def test_an_offer_is_scheduled_by_its_button(desk: Desk) -> None:
    offer = offered(desk, f"schedule prod-eu to 1.35 at {DAY} 22:00")
    assert buttons_of(offer) == ["request.schedule-at"]
    assert "The cluster has no maintenance windows" in said(offer)
    assert desk.runs() == []
    pressed(desk, offer, "request.schedule-at")
    desk.until_buttons("approve", "reschedule", "cancel")
    assert desk.runs()[0].requester == "U0ADA"
    assert "prod-eu" in desk.answer("calendar")
    assert desk.type("cancel prod-eu").ok
    desk.until(lambda: desk.runs()[0].intent is Intent.ABORT or desk.runs()[0].status is RunStatus.ABORTED)


def test_a_form_asks_for_day_and_time(desk: Desk) -> None:
    assert desk.type("schedule prod-eu to 1.35").ok
    view = desk.dialog("ada")
    late = desk.face.people.submit_view("ada", view.id, {"at": picked(-1)})
    assert "is over" in str(late)
    assert desk.runs() == []
    assert desk.face.people.submit_view("ada", view.id, {"at": picked()}).ok
    desk.until_buttons("approve", "reschedule", "cancel")
    assert int(cast("datetime", desk.runs()[0].wanted_at).timestamp()) == picked()
    assert desk.click("run.reschedule", "ada").ok
    again = desk.dialog("ada")
    assert desk.face.people.submit_view("ada", again.id, {"when": "now"}).ok
    desk.until(lambda: desk.runs()[0].wanted_at is None)


def test_a_wrong_start_is_answered_and_changes_nothing(desk: Desk) -> None:
    for text, answer in (
        ("schedule prod-eu at 10pm", "“10pm” is not a time."),
        ("schedule prod-eu at 2020-01-01 22:00", "2020-01-01 22:00 is over."),
        ("schedule prod-eu at 2020-01-01 22:00 UTC", "2020-01-01 22:00 UTC is over."),
        ("schedule prod-eu in the next window", "prod-eu has no maintenance windows"),
        (f"schedule lab at {DAY} 22:00 UTC", "it has no change_role"),
        (f"schedule prod-us at {DAY} 22:00", "No cluster named “prod-us”"),
        ("reschedule prod-eu", "has had no run yet"),
        ("cancel prod-eu", "has had no run yet"),
        ("lift prod-eu sale urgent", "has had no run yet"),
    ):
        assert answer in desk.answer(text), text
    assert "No maintenance is scheduled." in desk.answer("calendar")
    assert desk.runs() == []


def test_the_next_window_is_set_at_once(make_desk: MakeDesk) -> None:
    desk = make_desk(environments={"prod": {**QUICK, "windows": ["daily 22:00-04:00"]}})
    assert desk.type("schedule prod-eu in the next window").ok
    desk.until(lambda: len(desk.runs()) == 1)
    wanted = desk.runs()[0].wanted_at
    assert wanted is not None
    assert (wanted.hour, wanted.minute) == (22, 0)


class _Client:
    """users.info and nothing else."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)

    def users_info(self, *, user: str) -> Any:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return {"user": {"id": user, **answer}}


def test_a_zone_is_asked_for_once_in_a_while() -> None:
    zones, client = Zones(), _Client({"tz": "Europe/Berlin"}, {"tz": "Asia/Tokyo"})
    assert zones.of(client, "U0ADA", NOW).key == "Europe/Berlin"
    assert zones.of(client, "U0ADA", NOW + FRESH).key == "Europe/Berlin"
    assert zones.of(client, "U0ADA", NOW + FRESH + timedelta(seconds=1)).key == "Asia/Tokyo"


@pytest.mark.parametrize(
    "answer", [{}, {"tz": None}, {"tz": "Mars"}, {"tz": ""}, OSError("reset"), SlackClientError("no")]
)
def test_a_zone_that_slack_does_not_say_is_not_guessed(answer: Any) -> None:
    with pytest.raises(NotNow, match="Slack does not say what your time zone is") as refused:
        Zones().of(_Client(answer), "U0ADA", NOW)
    assert "at 22:00 Europe/Berlin" in refused.value.hint


def test_the_form_without_words_goes_on_to_day_and_time(desk: Desk) -> None:
    assert desk.type("").ok
    view = desk.dialog("ada")
    filled = {"verb": "schedule", "cluster": "111122223333/eu-central-1/prod-eu", "target": "1.35"}
    assert desk.face.people.submit_view("ada", view.id, filled).ok
    desk.until(lambda: "Schedule an upgrade" in said_title(desk))
    assert desk.runs() == []
    assert desk.face.people.submit_view("ada", desk.dialog("ada").id, {"at": picked()}).ok
    desk.until(lambda: len(desk.runs()) == 1)
    assert int(cast("datetime", desk.runs()[0].wanted_at).timestamp()) == picked()


def said_title(desk: Desk) -> str:
    return str(desk.dialog("ada").content["title"]["text"])


def test_nothing_is_set_in_a_freeze_and_whoever_it_names_lifts_it(make_desk: MakeDesk) -> None:
    frozen = {
        "name": "Year end",
        "from": str(DAY - timedelta(days=1)),
        "until": str(DAY + timedelta(days=1)),
        "reason": "nobody is there",
        "lift": {"users": ["U0ADA"]},
    }
    desk = make_desk(environments={"prod": {**QUICK, "approval_expires": "60d"}}, freezes=[frozen])
    assert "the freeze “Year end” holds (nobody is there)" in desk.answer(f"schedule prod-eu at {DAY} 22:00 UTC")
    offer = offered(desk, f"schedule prod-eu to 1.35 at {DAY} 22:00")
    assert "Freeze “Year end”" in said(offer)
    assert "The next opening is" in said(offer)
    assert desk.runs() == []
    pressed(desk, offer, "request.schedule-at")
    desk.until_buttons("approve", "reschedule", "cancel")
    assert cast("datetime", desk.runs()[0].wanted_at).date() == DAY + timedelta(days=2)
    assert "Freezes ahead of it: Year end." in desk.answer("lift prod-eu sale agreed with everybody")
    assert "The freeze “Year end” holds it no longer" in desk.answer("lift prod-eu “Year end” agreed with everybody")
    assert "<@U0ADA> lifted the freeze “Year end” for this run: agreed with everybody" in desk.entry("lifted")
    assert desk.type(f"reschedule prod-eu at {DAY} 22:00 UTC").ok
    desk.until(lambda: cast("datetime", desk.runs()[0].wanted_at).date() == DAY)
