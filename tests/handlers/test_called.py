"""Who is called presses what the call offers, over real Socket Mode."""

from __future__ import annotations

from sandbox.slack import Message
from tests.handlers.conftest import Desk, buttons_of, said
from tests.handlers.test_conversation import kinds, started
from upgrade.eks import Issue
from upgrade.events import EventKind
from upgrade.run import UpgradeRun


def calls(desk: Desk) -> list[Message]:
    """Those that somebody is still to answer."""
    return [one for one in desk.face.workspace.thread("ops", desk.top.ts) if "run.acknowledge" in buttons_of(one)]


def called(desk: Desk) -> tuple[UpgradeRun, Message]:
    """A run with a failed step, and the first call."""
    desk.clusters["prod-eu"].fail["nodegroup/core"] = [Issue(code="PodEvictionFailure", message="no")]
    run = started(desk)
    desk.approve()
    desk.until(lambda: calls(desk))
    return run, calls(desk)[0]


def test_a_call_is_noted_and_taken_over_by_its_buttons_and_then_has_none(desk: Desk) -> None:
    run, call = called(desk)
    assert "needs you" in said(call)
    assert desk.click("run.note", "cy", call).ok
    assert desk.face.people.submit_view("cy", desk.dialog("cy").id, {"reason": "I look at <!here>"}).ok
    desk.entry("I look at &lt;!here&gt;")
    assert desk.click("run.mute", "guest", call).ok
    desk.until(lambda: any("may not mute" in said(one) for one in desk.whispers("guest")))
    assert desk.click("run.mute", "ben", call).ok
    desk.entry("<@U0BEN> muted its calls until")
    assert desk.click("run.take_over", "ben", call).ok
    desk.until(lambda: EventKind.RUN_TAKEN_OVER in kinds(desk, run) and not calls(desk))
    assert "<@U0BEN> has seen it" in said(desk.face.workspace.message(call.channel, call.ts))
    desk.until(lambda: "In charge: <@U0BEN>" in said(desk.top))
    assert "Nothing in run" in desk.answer(f"acknowledge {run.id}")


def test_anybody_ends_the_calls_by_acknowledging_once(desk: Desk) -> None:
    run, call = called(desk)
    for _ in range(2):
        assert desk.click("run.acknowledge", "cy", call).ok
    desk.entry("<@U0CY> is on it")
    desk.until(lambda: not calls(desk))
    assert "<@U0CY> has seen it" in said(desk.face.workspace.message(call.channel, call.ts))
    assert kinds(desk, run).count(EventKind.CALL_ACKNOWLEDGED) == 1
    assert "In charge: <@U0ADA>" in said(desk.top), "seeing it is not taking it over"
