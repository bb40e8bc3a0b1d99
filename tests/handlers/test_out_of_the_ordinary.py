"""What is seldom pressed: breaking the glass, lifting a freeze, a start that was missed, calling it off. Over Slack."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sandbox.slack import Message
from tests.handlers.conftest import QUICK, Desk, MakeDesk, said
from tests.handlers.test_conversation import kinds, started
from tests.handlers.test_scheduling import DAY
from upgrade.events import EventKind
from upgrade.run import RunStatus

LASTING = {"environments": {"prod": {**QUICK, "approval_expires": "60d"}}}


def posted(desk: Desk, channel: str) -> list[Message]:
    return [one for one in desk.face.workspace.messages(channel) if one.by_bot]


def scheduled(desk: Desk) -> None:
    """Approved, and far ahead."""
    assert desk.type(f"schedule prod-eu to 1.35 at {DAY} 22:00 UTC").ok
    desk.until_buttons("approve", "reschedule", "cancel")
    desk.approve()
    desk.until_status(RunStatus.SCHEDULED)
    desk.until_buttons("pause", "reschedule", "cancel")


def test_the_glass_is_broken_by_who_may_and_security_hears_why(make_desk: MakeDesk) -> None:
    roles: dict[str, Any] = {
        "operator": {"groups": ["S0OPERATORS"]},
        "approver": {"groups": ["S0APPROVERS"]},
        "break_glass": {"users": ["U0ADA"]},
    }
    desk = make_desk(roles=roles, security_channel="#not-invited")
    run = started(desk)
    assert "Why can it not wait for an approval?" in desk.answer("break-glass prod-eu")
    assert "noted. Its gate opens" in desk.answer("break-glass prod-eu an approver may not", "ben")
    desk.until(lambda: any("may not break glass" in said(one) for one in desk.whispers("ben")))
    assert desk.runs()[0].status is RunStatus.AWAITING_APPROVAL
    assert posted(desk, "not-invited") == []
    assert "noted. Its gate opens" in desk.answer("break-glass prod-eu a <!here> hole is used", "ada")
    desk.until_status(RunStatus.SUCCEEDED)
    told = "<@U0ADA> opened the plan alone"
    assert "with 0 of 1 approvals, good until" in desk.entry(told)
    desk.until(lambda: posted(desk, "not-invited"))
    (heard,) = posted(desk, "not-invited")
    assert told in said(heard)
    assert "a &lt;!here&gt; hole is used" in said(heard)
    assert desk.face.workspace.permalink(desk.top) in said(heard)
    desk.until(lambda: told in said(desk.top) and "glass broken by <@U0ADA>" in said(desk.top))
    assert kinds(desk, run).count(EventKind.BREAK_GLASS_USED) == 1
    assert desk.runs()[0].approvals == ()


def test_a_freeze_that_came_later_is_lifted_by_its_button_and_only_by_who_may(make_desk: MakeDesk) -> None:
    first = make_desk(**LASTING)
    scheduled(first)
    first.stop()
    freeze = {
        "name": "Year end",
        "from": str(DAY - timedelta(days=1)),
        "until": str(DAY + timedelta(days=1)),
        "reason": "nobody is there",
        "lift": {"users": ["U0ADA"]},
    }
    again = {"face": first.face, "database": first.settings.database, "clock": first.settings.clock}
    desk = make_desk(**LASTING, **again, freezes=[freeze])
    desk.until_buttons("lift")
    assert "held back by the freeze “Year end”" in said(desk.top)
    for who, told in (("ben", "Only the people that the freeze names"), ("ada", "lifted the freeze “Year end”")):
        assert desk.click("run.lift", who).ok
        form = desk.dialog(who)
        assert "nobody is there" in said(form)
        assert "reason" in desk.face.people.submit_view(who, form.id, {"reason": " "}).errors
        assert desk.face.people.submit_view(who, form.id, {"reason": "agreed with everybody"}).ok
        desk.entry(told)
    desk.until(lambda: "run.lift" not in desk.buttons())
    assert [(one.freeze, one.by, one.reason) for one in desk.runs()[0].lifts] == [
        ("Year end", "U0ADA", "agreed with everybody")
    ]


def test_a_start_that_was_missed_is_started_now_or_called_off_by_buttons(make_desk: MakeDesk) -> None:
    """A bot that may be late by a second misses every start, on a clock as fast as this one."""
    desk = make_desk(**LASTING, start_grace="1s")
    run = started(desk)
    desk.approve()
    desk.until_buttons("reschedule-now", "reschedule", "cancel")
    assert "was missed: it waits for somebody to say when" in said(desk.top)
    assert desk.click("run.reschedule-now", "cy").ok
    desk.until(lambda: any("may not reschedule" in said(one) for one in desk.whispers("cy")))
    assert EventKind.RUN_RESCHEDULED not in kinds(desk, run)
    assert desk.click("run.reschedule-now", "ada").ok
    desk.until(lambda: kinds(desk, run).count(EventKind.START_MISSED) == 2)
    assert "<@U0ADA> moved the start" in desk.entry("moved the start")
    desk.until_buttons("cancel")
    assert desk.click("run.cancel", "ada").ok
    desk.until_status(RunStatus.ABORTED)
    desk.until(lambda: desk.buttons() == ["request.plan"] and "Plan again" in said(desk.top))
    desk.until(lambda: "Called off" in posted(desk, "maintenance-notices")[0].text)
    assert desk.clusters["prod-eu"].log == []
