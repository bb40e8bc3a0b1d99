"""Starts, windows, freezes and rests as people see them: messages, forms, calendar; and what a form means."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from handlers.ids import Action, Input, RunRef, ValueUnreadable, freeze_key, split_start, with_start
from handlers.modals import FieldWrong, start_in
from handlers.views.buttons import applicable
from handlers.views.calendar import render_calendar
from handlers.views.final import render_final
from handlers.views.home import Board, render_home
from handlers.views.plan import render_plan
from handlers.views.run import render_run
from handlers.views.runs import render_lifted, render_rescheduled, render_started, render_status
from handlers.views.schedule import (
    PICKED,
    SOON,
    render_lift_dialog,
    render_offer,
    render_reschedule_dialog,
    render_schedule_dialog,
)
from handlers.views.text import local_time
from handlers.views.thread import render_entry
from tests.handlers import samples
from tests.handlers.samples import NOW, PROD, V34, V35, V36
from tests.handlers.test_dialogs import assert_view, clusters
from tests.handlers.test_views import (
    RECORD,
    RUNS,
    WORDS,
    assert_nothing_comes_alive,
    assert_slack_takes,
    words_of,
)
from upgrade.calendar import Calendar, FrozenTime, Maintenance, calendar_of
from upgrade.eks import ClusterId
from upgrade.events import EventKind
from upgrade.plan import PlanRequest, UpgradePolicy
from upgrade.run import RunStatus, UpgradeRun
from upgrade.work_times import WorkTimes

LINK = "https://x.slack.com/archives/C1/p1"
BERLIN = ZoneInfo("Europe/Berlin")
TIMES = WorkTimes(windows=samples.WINDOWS, time_zone="Europe/Berlin", freezes=(samples.freeze(),))
OPEN = WorkTimes(windows=samples.WINDOWS, time_zone="Europe/Berlin")
REQUEST = PlanRequest(cluster=PROD, target=V36)
TUESDAY = datetime(2026, 11, 24, 21, 0, tzinfo=UTC)


# -- events and states ------------------------------------------------------------------------------------------------


def words_of_view(view: dict[str, Any]) -> str:
    return json.dumps(view["blocks"], ensure_ascii=False)


#: What the run message shows by itself, or what another entry tells.
SILENT = {
    EventKind.GATE_PASSED,
    EventKind.PHASE_FINISHED,
    EventKind.UPDATE_STARTED,
    EventKind.STEP_PROGRESSED,
}


def test_every_event_has_its_entry_or_is_known_to_have_none() -> None:
    silent = {kind for kind in EventKind if render_entry(samples.event(kind), samples.run()) is None}
    assert silent == SILENT


def entry(kind: EventKind, run: UpgradeRun, **data: Any) -> str:
    shown = render_entry(samples.event(kind, **data), run)
    assert shown is not None
    return shown.text


def test_the_thread_tells_what_happens_to_a_start() -> None:
    run = RUNS["scheduled"]
    moved = entry(EventKind.RUN_RESCHEDULED, run)
    assert moved.startswith("🕒 <@U0ADA> moved the start from <!date^")
    assert "|2026-11-23 09:00 UTC> to <!date^" in moved
    assert "|2026-11-24 09:00 UTC>" in moved
    assert entry(EventKind.RUN_RESCHEDULED, run, start_at=None).endswith("moved the start to as soon as it may begin")
    missed = entry(EventKind.START_MISSED, RUNS["missed"])
    assert "|2026-11-20 09:00 UTC> was missed: nothing begins late by itself." in missed
    assert missed.endswith("<@U0ADA>"), "it calls whoever asked"
    lifted = entry(EventKind.FREEZE_LIFTED, run)
    assert lifted == "⚠️ <@U0ADA> lifted the freeze “Year end” for this run: a security fix"
    assert "A freeze holds it (Year end: nobody is there); no new step starts until" in entry(
        EventKind.WINDOW_CLOSED, run
    )
    assert "The maintenance window has closed" in entry(
        EventKind.WINDOW_CLOSED, run, opens_at=NOW.isoformat(), reason=""
    )


def test_a_look_ahead_is_told_with_the_difference_that_voids_the_approval() -> None:
    clear = samples.event(EventKind.CHECKS_FINISHED, 9, blockers=0, ahead=24)
    shown = render_entry(clear, RUNS["scheduled"], [samples.event(EventKind.CHECKS_FINISHED, 2), clear])
    assert shown is not None
    assert shown.text == "✅ Looked again, 24 h before the start: nothing in the way"
    assert entry(EventKind.PLAN_CHANGED, RUNS["awaiting-approval"]).splitlines()[1:] == [
        "• now also: adot `v0.9-eksbuild.1`",
        "• with another pin: Node group core to `1.36` (AMI `1.36.1-20261110`)",
        "• no longer: Node group gone to `1.36`",
    ]


def test_a_start_is_told_with_what_holds_it() -> None:
    assert "Starts <!date^" in words_of(render_run(RUNS["scheduled"], []))
    assert ", in 15 min*" in words_of(render_run(RUNS["scheduled"], [], now=NOW))
    assert "was missed: it waits for somebody to say when" in words_of(render_run(RUNS["missed"], []))
    assert "Waiting for approval, start wanted <!date^" in words_of(render_run(RUNS["wanted"], []))
    frozen = words_of(render_run(RUNS["frozen-start"], []))
    assert "held back by the freeze “Year end”" in frozen
    assert "May lift it: <@U0CY>, <!subteam^S0OPS>" in frozen
    assert "Windows (UTC): `fri 22:00-04:00`, `tue 22:00-04:00`" in frozen
    assert "held back" not in words_of(render_run(RUNS["lifted"], []))
    assert "Held by the freeze “Year end” until <!date^" in words_of(render_run(RUNS["frozen"], []))
    nobody = UpgradePolicy(freezes=(samples.freeze(lifters=()),))
    alone = RUNS["frozen"].model_copy(update={"policy": nobody})
    assert "Nobody may lift it." in words_of(render_run(alone, []))
    assert Action.LIFT not in applicable(alone)
    assert "Waiting for the maintenance window, which opens <!date^" in words_of(render_run(RUNS["window"], []))


def test_a_freeze_that_was_over_before_the_run_waited_does_not_hold_it() -> None:
    past = samples.freeze(ends_at=NOW - timedelta(hours=1))
    run = RUNS["frozen"].model_copy(update={"policy": UpgradePolicy(windows=samples.WINDOWS, freezes=(past,))})
    assert "Waiting for the maintenance window" in words_of(render_run(run, []))


def test_rest_is_told_apart_from_work() -> None:
    plan = samples.with_rests(samples.two_hops())
    request = PlanRequest(cluster=PROD, target=V36)
    said = words_of(render_plan(plan, samples.report(), request, [], startable=False))
    assert "*Watch 1.35 before the next hop*, for 24 h and until the next window" in said
    assert "of work, and rest for 24 h and until the next window and for 24 h" in said
    assert "for 24 h · 24 h" not in said
    resting = words_of(render_run(RUNS["resting"], []))
    assert f"🕒 Resting: Watching 1.35 until {local_time(NOW + timedelta(hours=24, minutes=11))}." in resting
    assert "🔄 *Watch 1.35 before the next hop*" in resting
    steps = {f"bake@{V35}": samples.done(24 * 60, NOW)}
    over = samples.run(RunStatus.SUCCEEDED, plan=plan, steps=steps, finished_at=NOW + timedelta(hours=26))
    assert "✅ Done in 2 h, and 24 h of rest" in words_of(render_run(over, []))
    table = next(block for block in render_final(over, RECORD, {}).blocks if block["type"] == "table")
    assert "rested" in [row[-1]["text"] for row in table["rows"]]


# -- what was understood of a typed time ------------------------------------------------------------------------------


def test_an_offer_says_what_was_understood_and_carries_the_instant() -> None:
    offer = render_offer(REQUEST, TUESDAY, BERLIN, OPEN, NOW)
    said = words_of(offer)
    assert "prod-eu: Tue 24 Nov 22:00 Europe/Berlin (21:00 UTC), in 4 d 12 h" in said
    assert "In its window `tue 22:00-04:00` (Europe/Berlin), until <!date^" in said
    (button,) = offer.blocks[-1]["elements"]
    assert (button["text"]["text"], button["action_id"]) == ("Schedule", Action.SCHEDULE_AT)
    assert split_start(button["value"])[1] == TUESDAY


def test_an_offer_outside_of_the_windows_says_why_and_offers_the_next_opening() -> None:
    at = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
    offer = render_offer(RUNS["scheduled"], at, BERLIN, OPEN, NOW)
    said = words_of(offer)
    assert "Outside of its windows. Windows (Europe/Berlin): `fri 22:00-04:00`, `tue 22:00-04:00`" in said
    assert "|2026-11-27 21:00 UTC>." in said
    (button,) = offer.blocks[-1]["elements"]
    assert button["action_id"] == Action.RESCHEDULE_TO
    assert split_start(button["value"])[1] == datetime(2026, 11, 27, 21, 0, tzinfo=UTC)
    frozen = words_of(render_offer(REQUEST, TUESDAY, BERLIN, TIMES, NOW))
    assert "⛔ Freeze “Year end”, <!date^" in frozen
    always = words_of(render_offer(REQUEST, TUESDAY, BERLIN, WorkTimes(), NOW))
    assert "The cluster has no maintenance windows: it may be worked on at any time." in always


@pytest.mark.parametrize("value", ["", "|", "a|b", "a|99", "a|-123456789", "a|1e9", "r-1|||12345678901"])
def test_a_start_that_this_bot_did_not_write_is_refused(value: str) -> None:
    with pytest.raises(ValueUnreadable):
        split_start(value)


def test_a_start_is_read_back_as_it_was_carried() -> None:
    assert split_start(with_start(RunRef("r-1").encode(), TUESDAY)) == (RunRef("r-1").encode(), TUESDAY)


# -- forms ------------------------------------------------------------------------------------------------------------


def test_the_form_means_the_instant_that_it_shows() -> None:
    picked = str(int(TUESDAY.timestamp()))
    assert start_in({Input.WHEN: PICKED, Input.AT: picked}) == TUESDAY
    assert start_in({Input.AT: picked}) == TUESDAY
    assert start_in({Input.WHEN: SOON, Input.AT: picked}) is None
    assert start_in({Input.WHEN: with_start("window", TUESDAY), Input.AT: ""}) == TUESDAY
    with pytest.raises(FieldWrong) as wrong:
        start_in({Input.WHEN: PICKED, Input.AT: ""})
    assert wrong.value.field is Input.AT
    for forged in ("whenever", "window|soon"):
        with pytest.raises(ValueUnreadable):
            start_in({Input.WHEN: forged})


def test_the_form_offers_the_next_window_with_its_date() -> None:
    view = render_schedule_dialog(REQUEST, OPEN, TUESDAY, NOW, channel="C0OPS")
    said = words_of_view(view)
    assert "Next window: <!date^" in said
    options = view["blocks"][1]["element"]["options"]
    assert [one["value"] for one in options] == [PICKED, with_start("window", TUESDAY)]
    assert view["blocks"][2]["element"]["initial_date_time"] == int(TUESDAY.timestamp())
    assert view["private_metadata"].startswith("C0OPS|111122223333/eu-central-1/prod-eu|1.36|")
    bare = render_schedule_dialog(REQUEST, WorkTimes(), None, NOW, channel="C0OPS")
    assert [block["type"] for block in bare["blocks"]] == ["section", "input"]
    moved = render_reschedule_dialog(RUNS["scheduled"], OPEN, None, NOW)
    assert [one["value"] for one in moved["blocks"][1]["element"]["options"]] == [PICKED, SOON]


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("number", [0, 1, 30])
def test_every_form_and_answer_is_one_that_slack_takes(word: str, number: int) -> None:
    freezes = tuple(samples.freeze(f"{word}{n}", lifters=(word,) * number) for n in range(number))
    times = WorkTimes(windows=samples.WINDOWS, time_zone="Europe/Berlin", freezes=freezes)
    cluster = ClusterId(account="111122223333", region="eu-central-1", name=word or "x")
    run = samples.run(RunStatus.SCHEDULED, request=PlanRequest(cluster=cluster), wanted_at=TUESDAY)
    calendar = Calendar(
        maintenances=tuple(
            Maintenance(
                run_id=word,
                cluster=cluster,
                from_version=V34 if n % 2 else None,
                to_version=V36 if n % 2 else None,
                starts_at=NOW + timedelta(days=n / 2) if n % 5 else None,
                ends_by=NOW + timedelta(days=n / 2, hours=3) if n % 3 else None,
                status=list(RunStatus)[n % 6],
                missed=n % 7 == 0,
            )
            for n in range(number * 7)
        ),
        freezes=tuple(FrozenTime(freeze=one, clusters=(cluster,) * 30) for one in freezes),
    )
    for opens in (None, TUESDAY):
        assert_view(render_schedule_dialog(REQUEST, times, opens, NOW, channel="C0OPS"))
        assert_view(render_reschedule_dialog(run, times, opens, NOW))
    assert_view(render_lift_dialog(run, freezes))
    board = Board(now=NOW, clusters=clusters(number, word), maintenances=calendar.maintenances)
    assert_view(render_home(board, lambda _: None), "home")
    for message in (
        render_offer(run, TUESDAY, BERLIN, times, NOW),
        render_calendar(calendar, lambda _: LINK, command="/eks-upgrade", zone=BERLIN),
        render_calendar(Calendar(), lambda _: None, command=word),
        render_rescheduled(run, TUESDAY, LINK),
        render_lifted(run, word, None),
        render_started(run, LINK),
        render_status([run] * number, lambda _: LINK, NOW),
    ):
        assert_slack_takes(message)
        assert_nothing_comes_alive(message)


def test_a_freeze_is_chosen_by_name() -> None:
    freezes = [samples.freeze("Year end"), samples.freeze("Sale")]
    view = render_lift_dialog(RUNS["frozen"], freezes)
    assert [one["value"] for one in view["blocks"][1]["element"]["options"]] == [freeze_key(one) for one in freezes]
    assert "only this run goes on" in words_of_view(view)
    assert "submit" not in render_lift_dialog(RUNS["frozen"], [])


# -- the calendar -----------------------------------------------------------------------------------------------------


def test_the_calendar_tells_the_days_of_whoever_asks() -> None:
    late = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)
    runs = [
        samples.run(RunStatus.SCHEDULED, id="r-1", start_at=TUESDAY),
        samples.run(RunStatus.AWAITING_APPROVAL, id="r-2", wanted_at=late),
        samples.run(RunStatus.CHECKING, id="r-3"),
        samples.run(RunStatus.SCHEDULED, id="r-4", start_at=NOW, missed_start=True),
        samples.run(RunStatus.AWAITING_APPROVAL, id="r-5", wanted_at=NOW - timedelta(hours=1)),
    ]
    calendar = calendar_of(runs, {PROD: [samples.freeze()]}, NOW, NOW + timedelta(days=30))
    said = words_of(render_calendar(calendar, lambda run: f"{LINK}{run}", command="/x", zone=BERLIN))
    assert said.index("*Fri 20 Nov*") < said.index("*Tue 24 Nov*") < said.index("*Wed 25 Nov*")
    assert said.index("*Wed 25 Nov*") < said.index("*Without a start yet*") < said.index("*Freezes*")
    assert "*prod-eu* 1.34 → 1.36 · <!date^" in said
    assert "(up to " in said
    assert "⚠️ start missed · " in said
    assert "⚠️ start missed, ✋ waits for approval" in said
    assert "✅ approved" in said
    assert "✋ waits for approval" in said
    assert f"<{LINK}r-2|thread>" in said
    assert "Freeze “Year end”" in said
    assert "(prod-eu)" in said
    said = words_of(render_calendar(calendar, lambda _: None, command="/x", name_of=str))
    assert f"*{PROD}* 1.34 → 1.36" in said
    assert f"({PROD})" in said
    utc = words_of(render_calendar(calendar, lambda _: None, command="/x"))
    assert "*Wed 25 Nov*" not in utc


def test_an_empty_calendar_says_what_to_do_first() -> None:
    said = words_of(render_calendar(Calendar(), lambda _: None, command="/eks-upgrade"))
    assert "No maintenance is scheduled. Schedule one with `/eks-upgrade schedule CLUSTER at fri 22:00`." in said
    home = words_of_view(render_home(Board(now=NOW, command="/x"), lambda _: None))
    assert "Nothing is scheduled. In a channel: `/x schedule CLUSTER at fri 22:00`" in home
