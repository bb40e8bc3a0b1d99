"""The digest in Slack: it comes by itself, and its Plan buttons answer as the word does."""

from __future__ import annotations

from tests.handlers.conftest import MakeDesk, buttons_of, face, make_desk, make_face, said
from tests.patience import wait_for
from tests.upgrade.snapshots import TAKEN_AT

__all__ = ["face", "make_desk", "make_face"]

NOTICES = "maintenance-notices"


def test_it_comes_by_itself_and_a_plan_button_answers_whoever_presses_it(make_desk: MakeDesk) -> None:
    later = f"{TAKEN_AT.hour + 1:02}:{TAKEN_AT.minute:02}"
    desk = make_desk(digest={"weekday": f"{TAKEN_AT:%a}".lower(), "at": later})
    workspace = desk.face.workspace
    wait_for(lambda: workspace.messages(NOTICES))
    (digest,) = workspace.messages(NOTICES)
    assert "Upgrade digest: 2 clusters" in said(digest)
    assert buttons_of(digest) == ["request.plan:0", "request.plan:1"]
    assert desk.face.people.click("cy", digest, "request.plan:1").ok
    wait_for(lambda: len(desk.whispers("cy", NOTICES)) == 2)
    assert "prod-eu: plan 1.34 → 1.35" in said(desk.whispers("cy", NOTICES)[-1])
    assert desk.whispers("ada", NOTICES) == [], "nobody else sees it"
    assert len([one for one in workspace.messages(NOTICES) if not one.ephemeral_for]) == 1
    assert desk.runs() == []


def test_the_word_digest_is_answered_to_whoever_types_it_and_to_nobody_else(make_desk: MakeDesk) -> None:
    desk = make_desk()
    assert "Looking at 2 clusters." in desk.answer("digest")
    wait_for(lambda: len(desk.whispers()) == 2)
    digest = desk.whispers()[-1]
    assert "Upgrade digest: 2 clusters" in said(digest)
    assert desk.face.people.click("ada", digest, "request.plan:0").ok
    wait_for(lambda: len(desk.whispers()) == 4)
    assert "lab: plan 1.34 → 1.35" in said(desk.whispers()[-1])
    assert desk.whispers("ben") == []
    assert [one for one in desk.face.workspace.messages("ops") if one.by_bot and not one.ephemeral_for] == []
    assert desk.runs() == []
