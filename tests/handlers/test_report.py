"""What people see first of a readiness report, and what explains a check."""

from __future__ import annotations

import pytest

from handlers.views.explained import render_explanation
from handlers.views.report import blockers_line, finding_blocks, render_report
from tests.handlers.samples import PROD, finding
from tests.handlers.test_views import WORDS, assert_nothing_comes_alive, assert_slack_takes, mrkdwn_of, words_of
from tests.upgrade.reports import made
from tests.upgrade.reports.made import EVERYTHING, HOSTILE, hostile, judged, report
from upgrade.checks import REGISTRY
from upgrade.checks.explained import explain, explained
from upgrade.findings import Finding, Severity
from upgrade.plan import PlanRequest

REQUEST = PlanRequest(cluster=PROD)


def seen(*findings: Finding, file: str | None = None) -> list[str]:
    """The texts of the answer, in order."""
    message = render_report(report(*map(judged, findings)), REQUEST, file=file)
    assert_slack_takes(message)
    return mrkdwn_of(message.blocks)


def test_the_verdict_comes_first_then_what_is_in_the_way() -> None:
    texts = mrkdwn_of(render_report(EVERYTHING, REQUEST).blocks)
    told = [
        "*⛔ Not ready: 2 findings are in the way, and 1 thing that would count could not be seen.*",
        "⛔ `ADD001` *vpc-cni* · stops add-ons",
        "⛔ `NET001` *subnet-0a1*",
        "*Could not be seen*\n❔ *in the way* Allow `eks:ListInsights`: for `INS001`",
        "*1 warning*\n⚠️ `WRK001` shop/Deployment/web",
        "3 passed · 4 failed · 2 unknown · 1 not applicable · 1 note · seen 2026-11-20 09:30 UTC",
    ]
    starts = [next(n for n, text in enumerate(texts) if text.startswith(line)) for line in told]
    assert starts == sorted(starts)


def test_a_finding_has_object_owner_remedy_and_link() -> None:
    (blocker,) = [text for text in seen(finding(evidence={"owner": "team <shop>"})) if "NET001" in text]
    assert blocker.splitlines() == [
        "⛔ `NET001` *subnet-0a1* · owner team &lt;shop&gt;",
        "Only 3 addresses are free; EKS needs 5.",
        "→ Free addresses or add a subnet.",
        f"<https://docs.aws.amazon.com/eks/latest/userguide/network-reqs.html|{judged(made.BLOCKER).source}>",
    ]


def test_findings_of_one_check_are_told_together() -> None:
    (blocker,) = [text for text in seen(*(finding("PDB001", f"shop/web-{n}") for n in range(9))) if "PDB001" in text]
    assert blocker.startswith(
        "⛔ `PDB001` *9 objects*\nshop/web-0, shop/web-1, shop/web-2, shop/web-3, shop/web-4 and 4 more"
    )
    assert blocker.count("→ Free addresses or add a subnet.") == 1


def test_an_object_found_at_several_hops_is_named_once() -> None:
    behind = [finding("SKW002", "nodegroup/core", summary=f"Behind 1.{minor}.") for minor in (35, 36)]
    (blocker,) = [text for text in seen(*behind) if "SKW002" in text]
    assert blocker.splitlines()[:2] == ["⛔ `SKW002` *nodegroup/core*", "For example: Behind 1.35."]


@pytest.mark.parametrize("number", [1, 5, 6, 40])
def test_five_blockers_are_shown_and_the_rest_is_counted(number: int) -> None:
    texts = seen(*(finding(f"ABC{n:03}", f"object-{n}") for n in range(number)))
    assert sum(text.startswith("⛔") for text in texts) == min(number, 5)
    rest = [text for text in texts if text.startswith(f"… and {number - 5} more: ")]
    assert bool(rest) is (number > 5)
    assert all(f"`ABC{n:03}`" in rest[0] for n in range(5, number))


def test_unknowns_are_one_line_for_each_permission() -> None:
    refused = [finding(f"ABC{n:03}", unknown=True, permission="list pods") for n in range(8)]
    (unseen,) = [text for text in seen(*refused) if text.startswith("*Could not be seen*")]
    assert unseen.splitlines()[1:] == [
        "❔ *in the way* Allow `list pods`: for `ABC000`, `ABC001`, `ABC002`, `ABC003`, `ABC004` and 3 more"
    ]


def test_warnings_are_counted_and_the_first_are_shown() -> None:
    warnings = [finding(f"ABC{n % 5:03}", f"object-{n}", severity=Severity.WARNS) for n in range(12)]
    (told,) = [text for text in seen(*warnings) if "warnings*" in text]
    assert told.splitlines()[0] == "*12 warnings*"
    assert told.splitlines()[1] == "⚠️ `ABC000` object-0: Only 3 addresses are free; EKS needs 5. (and 2 more)"
    assert told.splitlines()[-1] == "… and `ABC003` 2 times, `ABC004` 2 times"


def test_it_says_where_all_of_it_is() -> None:
    assert "All of it: `readiness.html`, in your messages with me." in seen(made.BLOCKER, file="readiness.html")
    assert "All of it: `eks-upgrade-bot check prod-eu --to 1.36 --format html`" in seen(made.BLOCKER)


def test_what_can_be_waived_is_said_and_where() -> None:
    accepted = finding("INS001", waivable=True), finding("ADD001", waivable=True), finding("PDB001")
    assert "A run can have these waived, with a reason: `ADD001`, `INS001`." in seen(*accepted)
    harmless = finding("INS001", waivable=True, severity=Severity.WARNS)
    assert not [text for text in seen(made.BLOCKER, harmless) if "waived" in text]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_do_nothing_in_slack(text: str) -> None:
    message = render_report(hostile(text), REQUEST, file="x.html")
    assert_slack_takes(message)
    assert_nothing_comes_alive(message)
    assert "\x1b" not in words_of(message)


@pytest.mark.parametrize("number", [1, 5, 6, 500])
def test_a_run_shows_five_blockers_whatever_the_hops_and_counts_the_rest(number: int) -> None:
    found = [finding(f"ABC{n:03}", "core", summary=f"Behind 1.{hop}.") for n in range(number) for hop in (35, 36)]
    texts = mrkdwn_of(finding_blocks(report(*map(judged, found)), found[:2], found[2:]))
    assert sum(text.startswith("⛔") for text in texts) == min(number, 5)
    assert ("*These would stop a later phase*" in texts) is (number > 1)
    assert any(text.startswith(f"… and {number - 5} more: ") for text in texts) is (number > 5)
    assert texts[0].splitlines()[-1].startswith("<https://docs.aws.amazon.com/eks/")


def test_what_stops_now_is_not_told_again_for_a_later_hop() -> None:
    now, later = (finding("SKW002", "core", summary=f"Behind 1.{hop}.") for hop in (35, 36))
    known = report(judged(now, hop=made.V35), judged(later, hop=made.V36))
    first, second = known.findings
    assert "*These would stop a later phase*" not in mrkdwn_of(finding_blocks(known, [first], [second]))


def test_what_a_run_cannot_see_is_one_line_for_each_permission() -> None:
    refused = [finding(f"ABC{n:03}", unknown=True, permission="list pods") for n in range(3)]
    (text,) = mrkdwn_of(finding_blocks(report(*map(judged, refused)), refused))
    assert text.splitlines()[1:] == ["❔ *in the way* Allow `list pods`: for `ABC000`, `ABC001`, `ABC002`"]


def test_a_plan_counts_objects_and_names_five_checks_that_are_in_its_way() -> None:
    found = [finding(f"ABC{n:03}", f"subnet-{m}") for n in range(7) for m in range(2)]
    line = blockers_line(report(*map(judged, found)))
    assert line.startswith("⛔ 14 findings in the way: `ABC000` 2 times, ")
    assert line.endswith("`ABC004` 2 times and 4 more")


@pytest.mark.parametrize("word", WORDS)
def test_an_explanation_is_a_message_that_slack_takes(word: str) -> None:
    told = explain("PDB001").model_copy(update={"why": word, "title": word, "fixes": (word,), "source": word})
    assert_slack_takes(render_explanation(told))
    assert_nothing_comes_alive(render_explanation(told))


def test_every_check_can_be_explained() -> None:
    for check in REGISTRY:
        message = render_explanation(explained(check))
        assert_slack_takes(message)
        assert check.code in message.text
        assert all(permission in words_of(message) for permission in check.permissions)
