"""Every view, with every state, with hostile and with huge input, through Slack's own rules."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from typing import Any

import pytest

from handlers.ids import Action, decode_request
from handlers.views import limits
from handlers.views.buttons import applicable
from handlers.views.final import render_final
from handlers.views.kept import render_kept, render_standing
from handlers.views.kit import Message
from handlers.views.notice import render_notice, render_reply
from handlers.views.notice_facts import Also, NoticeFacts, notice_facts
from handlers.views.plan import render_plan
from handlers.views.progress import Mark, phase_number
from handlers.views.report import render_report
from handlers.views.run import render_run
from handlers.views.runs import render_history
from handlers.views.text import about
from handlers.views.thread import render_entry, render_glass
from sandbox.slack.blocks import validate_blocks
from tests.handlers import samples
from tests.handlers.samples import NOW, PROD, V34, V35, V36
from upgrade.announcements import Notice, NoticeReply, NoticeState, ReplyKind, notice_of
from upgrade.eks import ClusterId
from upgrade.events import EventKind, UpgradeEvent
from upgrade.findings import Finding, Report, Severity
from upgrade.gates import GateTerms
from upgrade.plan import BakeStep, Phase, PlanRequest, Scope, UpgradePolicy, Waiver
from upgrade.records import Form
from upgrade.run import Approval, BrokenGlass, Intent, Lift, RunStatus, StepState, StepStatus, UpgradeRun
from upgrade.verbs import LONGEST_NOTE
from upgrade.versions import KubernetesVersion
from upgrade.work_times import work_times_of

HOSTILE = "<!channel> <@U0EVIL> <http://evil.example|AWS console> & `code` *bold* \u202e\x00\n> quote"
HUGE = "<&>" * 4000
WORDS = [HOSTILE, HUGE, "", "\n", "ok"]


def assert_slack_takes(message: Message) -> None:
    for shown in (message.as_arguments(), message.as_arguments(cards=True)):
        assert validate_blocks(shown["blocks"]) == []
        assert limits.size(shown["blocks"]) <= limits.BLOCKS_SIZE
        assert shown["text"].strip()
        assert len(shown["text"]) <= 4000


def test_a_message_that_slack_would_not_take_whole_keeps_its_beginning_and_its_buttons() -> None:
    text = {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 2900}}
    buttons = {"type": "actions", "elements": []}
    whole = [text] * 4 + [buttons]
    assert limits.fit_message(whole) == whole
    first, *_, note, last = cut = limits.fit_message([text] * 9 + [buttons])
    assert (first, last) == (text, buttons)
    assert "its middle is left out" in note["elements"][0]["text"]
    assert len(cut) == 5  # three of nine: with the note a fourth is too much
    assert limits.size(cut) <= limits.BLOCKS_SIZE


def assert_nothing_comes_alive(message: Message) -> None:
    """No mention, link or broadcast of the hostile words is left as markup in any mrkdwn text."""
    for text in [message.as_arguments()["text"], *mrkdwn_of(message.blocks), *mrkdwn_of(message.cards)]:
        assert not re.search(r"<(!channel|@U0EVIL|http://evil)", text)
        assert not re.search(r"&(?!amp;|lt;|gt;)", text), "cut in the middle of an escape"
    assert "U0EVIL" not in [one["user_id"] for one in elements_of(message.cards, "user")]
    assert elements_of(message.cards, "link") == elements_of(message.cards, "broadcast") == []


def mrkdwn_of(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["text"]] if value.get("type") == "mrkdwn" else []
        return own + [text for item in value.values() for text in mrkdwn_of(item)]
    return [text for item in value for text in mrkdwn_of(item)] if isinstance(value, list) else []


def elements_of(value: Any, kind: str) -> list[dict[str, Any]]:
    """All objects of a type, such as the mentions in rich text."""
    if isinstance(value, dict):
        own = [value] if value.get("type") == kind else []
        return own + [one for item in value.values() for one in elements_of(item, kind)]
    return [one for item in value for one in elements_of(item, kind)] if isinstance(value, list) else []


def words_of(message: Message) -> str:
    return json.dumps(message.blocks, ensure_ascii=False)


THREAD = "https://x.slack.com/archives/C1/p1"
RECORD = [
    samples.event(EventKind.APPROVAL_GIVEN, 2, actor="U0BEN", gate="plan"),
    samples.event(
        EventKind.WAIVER_GIVEN, 3, actor="U0CY", code="NET001", subject="subnet-0a1", reason="grows tomorrow"
    ),
    samples.event(EventKind.PHASE_STARTED, 4, phase="control-plane@1.35", title="Control plane to 1.35"),
    samples.event(EventKind.STEP_FINISHED, 5, actor=None, seconds=660).model_copy(
        update={"at": NOW + timedelta(minutes=11)}
    ),
    samples.event(EventKind.PHASE_FINISHED, 6, phase="control-plane@1.35").model_copy(
        update={"at": NOW + timedelta(minutes=11)}
    ),
]


def facts_of(run: UpgradeRun, **told: Any) -> NoticeFacts:
    notice = notice_of(run, announced=True) or Notice(
        state=NoticeState.POSTPONED, cluster=run.cluster, from_version=V34, to_version=V36, start_at=None, due_at=None
    )
    return notice_facts(notice, run, **{"now": NOW, **told})


FROZEN = UpgradePolicy(windows=samples.WINDOWS, freezes=(samples.freeze(),))
RESTING = {
    **{step_id: state for step_id, state in samples.half_way(NOW).items() if not step_id.startswith("addon/coredns")},
    f"addon/coredns@{samples.ADDONS['coredns']}": samples.done(2, NOW),
    f"verify@{V35}": samples.done(1, NOW),
    f"bake@{V35}": StepState(
        status=StepStatus.FOLLOWING, started_at=NOW, progress="Watching 1.35 until 2026-11-21 09:11 UTC."
    ),
}
RUNS: dict[str, UpgradeRun] = {
    **{status.value: samples.run(status) for status in RunStatus},
    "pausing": samples.run(intent=Intent.PAUSE),
    "aborting": samples.run(intent=Intent.ABORT),
    "gate": samples.run(RunStatus.AWAITING_APPROVAL, started_at=NOW, waiting_for="nodes@1.36"),
    "failed-step": samples.run(
        RunStatus.PAUSED, steps={f"control-plane@{V35}": StepState(status=StepStatus.FAILED, reasons=("no",))}
    ),
    "stopped-phase": samples.run(
        RunStatus.PAUSED, blocked_phase="nodes@1.36", report=samples.report(samples.BLOCKER), pause_reasons=("no room",)
    ),
    "wanted": samples.run(RunStatus.AWAITING_APPROVAL, wanted_at=NOW + timedelta(days=3)),
    "missed": samples.run(RunStatus.SCHEDULED, missed_start=True, start_at=NOW - timedelta(hours=1)),
    "frozen-start": samples.run(RunStatus.SCHEDULED, policy=FROZEN, start_at=NOW + timedelta(days=2)),
    "lifted": samples.run(
        RunStatus.SCHEDULED,
        policy=FROZEN,
        start_at=NOW + timedelta(days=2),
        lifts=(Lift(freeze="Year end", by="U0CY", reason="urgent", at=NOW),),
    ),
    "frozen": samples.run(policy=FROZEN, holds=("window",), window_opens_at=NOW + timedelta(days=10)),
    "window": samples.run(
        policy=UpgradePolicy(windows=samples.WINDOWS), holds=("window",), window_opens_at=NOW + timedelta(days=1)
    ),
    "resting": samples.run(plan=samples.with_rests(samples.two_hops()), steps=RESTING),
    "confirm": samples.run(steps={f"confirm/self-managed/gpu@{V36}": StepState(status=StepStatus.FOLLOWING)}),
}


def every_view(run: UpgradeRun, event: UpgradeEvent, report: Report, request: PlanRequest) -> list[Message]:
    plan = run.plan or samples.two_hops()
    return [
        render_run(run, [event]),
        render_notice(facts := facts_of(run, environment="<!channel> prod", owner="@platform <!here>", thread=THREAD)),
        *(render_reply(NoticeReply(key="", kind=kind, due_at=NOW, at=NOW), facts) for kind in ReplyKind),
        render_final(run, RECORD, event.data),
        render_standing(run, [event], THREAD, "r-1.png", now=NOW),
        render_kept(run, "r-1.html", sent=True, form=Form.HTML),
        render_report(report, request),
        render_plan(
            plan, report, request, [V35, V36, KubernetesVersion(1, 37)], startable=True, times=work_times_of(run)
        ),
        *(entry for entry in [render_entry(event, run, RECORD)] if entry),
    ]


@pytest.mark.parametrize("name", RUNS)
def test_every_state_of_a_run_is_a_message_that_slack_takes(name: str) -> None:
    run = RUNS[name]
    event = samples.event(EventKind.APPROVAL_GIVEN)
    for message in every_view(run, event, run.report or samples.report(), run.request):
        assert_slack_takes(message)


@pytest.mark.parametrize("kind", list(EventKind))
@pytest.mark.parametrize("word", [None, *WORDS])
def test_every_event_is_an_entry_that_slack_takes(kind: EventKind, word: str | None) -> None:
    data = samples.EVENT_DATA.get(kind, {})
    if word is not None:
        data = {key: [word] * 30 if isinstance(value, list) else word for key, value in data.items()}
    event = samples.event(kind, actor=word or "U0ADA").model_copy(update={"data": data, "step_id": word})
    entry = render_entry(event, samples.run())
    if entry is not None:
        assert_slack_takes(entry)
        assert_nothing_comes_alive(entry)


@pytest.mark.parametrize("word", WORDS)
def test_hostile_and_huge_words_stay_words(word: str) -> None:
    evil = samples.finding(word, word, summary=word, remedy=word, permission=word, waivable=True)
    many = 20 if len(word) < 1000 else 4  # huge words reach Slack's limits sooner
    report = samples.report(*(evil.model_copy(update={"subject": f"{word}{n}"}) for n in range(many * 3)))
    cluster = ClusterId(account="111122223333", region="eu-central-1", name=(word or "x"))
    plan = samples.two_hops()
    renamed = tuple(
        phase.model_copy(
            update={
                "title": word,
                "gate": word,
                "steps": tuple(step.model_copy(update=_with_word(step, word)) for step in phase.steps),
            }
        )
        for phase in plan.phases
    )
    plan = plan.model_copy(update={"cluster": cluster, "phases": renamed * many, "notes": (word,) * 30})
    state = StepState(status=StepStatus.FAILED, progress=word, reasons=(word, word), confirmed_by=word)
    for status in RunStatus:
        run = samples.run(
            status,
            plan=plan,
            report=report,
            requester=word,
            pause_reasons=(word,) * 9,
            steps={step.id: state for _, step in plan.steps()},
            waivers=(Waiver(code=word, subject=word, by=word, reason=word),) * 20,
            approvals=(Approval(gate=word, digest="", by=word, at=NOW),) * 20,
            policy=UpgradePolicy(windows=samples.WINDOWS, freezes=(samples.freeze(word, lifters=(word,) * 30),) * 20),
        )
        event = samples.event(EventKind.RUN_ABORTED, actor=word, control_plane=word, not_done=[word] * 9)
        for message in every_view(run, event, report, run.request):
            assert_slack_takes(message)
            assert_nothing_comes_alive(message)


def _with_word(step: Any, word: str) -> dict[str, str]:
    return {key: word for key in ("name", "subject", "summary") if hasattr(step, key)}


def test_the_plan_fits_one_phone_screen() -> None:
    """40 lines of 48 characters hold exact versions, order, minutes, manual work and what cannot be undone."""
    request = PlanRequest(cluster=PROD, target=V36)
    message = render_plan(samples.two_hops(), samples.report(), request, [V35, V36], startable=True)
    texts = [re.sub(r"<https:[^|>]*\|([^>]*)>", r"\1", text) for text in mrkdwn_of(message.blocks)]
    lines = [line.replace("&gt;", ">") for text in texts for line in text.split("\n")]
    assert sum(max(1, -(-len(line) // 48)) for line in lines) <= 40
    said = "\n".join(lines)
    for fact in (
        "Control plane to 1.35",
        "v1.21.1-eksbuild.3",
        "8-30 min",
        "Replace the nodes of gpu",
        "cannot cancel",
        "1.36.1-20261110",
        "within 7 days",
        "To look after: Release notes of 1.35 · Release notes of 1.36",
    ):
        assert fact in said
    assert said.index("Control plane to 1.35") < said.index("Control plane to 1.36") < said.index("Nodes to 1.36")


@pytest.mark.parametrize(
    ("name", "actions"),
    [
        ("checking", "abort"),
        ("blocked", "recheck waive abort"),
        ("stopped-phase", "recheck waive abort"),
        ("awaiting-approval", "approve reject abort"),
        ("gate", "approve reject abort"),
        ("scheduled", "pause reschedule cancel"),
        ("wanted", "approve reject reschedule cancel"),
        ("missed", "reschedule reschedule cancel"),
        ("frozen-start", "pause lift reschedule cancel"),
        ("lifted", "pause reschedule cancel"),
        ("frozen", "pause lift abort"),
        ("window", "pause abort"),
        ("resting", "pause abort"),
        ("running", "pause abort"),
        ("confirm", "confirm pause abort"),
        ("pausing", "resume abort"),
        ("paused", "resume abort"),
        ("failed-step", "retry abort"),
        ("aborting", ""),
        ("succeeded", ""),
        ("failed", ""),
        ("aborted", ""),
        ("rejected", ""),
        ("expired", ""),
    ],
)
def test_only_buttons_that_apply_are_there(name: str, actions: str) -> None:
    assert [action.verb for action in applicable(RUNS[name])] == actions.split()
    row = [block["elements"] for block in render_run(RUNS[name], []).blocks if block["type"] == "actions"]
    shown = [element["action_id"].partition(":")[0] for elements in row for element in elements]
    next_move = ["plan"] * (name in ("failed", "aborted", "rejected", "expired"))
    assert [Action(one).verb for one in shown] == [*actions.split(), *next_move]


def test_a_run_that_ended_early_offers_to_plan_the_rest_to_the_version_that_it_was_to_reach() -> None:
    def offered(run: UpgradeRun) -> tuple[str, PlanRequest]:
        (button,) = next(one["elements"] for one in render_run(run, []).blocks if one["type"] == "actions")
        return button["text"]["text"], decode_request(button["value"])

    asked = PlanRequest(cluster=PROD, scope=Scope.NODES)
    begun = samples.run(RunStatus.ABORTED, request=asked)
    assert offered(begun) == ("Plan the rest", asked.model_copy(update={"target": V36}))
    assert offered(begun.model_copy(update={"started_at": None}))[0] == "Plan again"
    refused = samples.run(RunStatus.REJECTED, plan=None, pause_reasons=("That is for operators.",))
    assert not [one for one in render_run(refused, []).blocks if one["type"] == "actions"]


@pytest.mark.parametrize("name", RUNS)
def test_a_run_that_is_decided_on_by_what_the_checks_say_offers_all_of_it(name: str) -> None:
    beside = [block["accessory"] for block in render_run(RUNS[name], []).blocks if "accessory" in block]
    decided = RUNS[name].status is RunStatus.AWAITING_APPROVAL or name in ("blocked", "stopped-phase")
    assert [one["action_id"] for one in beside] == ["report.send"] * decided


def test_a_plan_names_its_warnings_and_counts_what_only_informs() -> None:
    notes = [samples.finding("REL001", f"1.3{n}", severity=Severity.INFORMS, summary="Noise.") for n in range(3)]
    waiting = samples.run(RunStatus.AWAITING_APPROVAL, report=samples.report(*notes, samples.WARNING))
    said = words_of(render_run(waiting, []))
    assert "NOD002" in said
    assert "Noise." not in said
    assert "and 3 more notes: see Full report" in said
    scheduled = words_of(render_run(waiting.model_copy(update={"status": RunStatus.SCHEDULED}), []))
    assert "and 3 more notes: see `check`" in scheduled


def test_a_plan_names_what_could_not_be_seen_by_what_cures_it() -> None:
    def unseen(code: str, permission: str | None, **values: Any) -> Finding:
        known = {"summary": "Could not be checked: no answer <!here>.", "severity": Severity.INFORMS, **values}
        return samples.finding(code, "prod-eu", unknown=True, permission=permission, **known)

    accepted = unseen("KUB001", "list pods", severity=Severity.BLOCKS, waivable=True)
    told = (
        unseen("INS001", "eks:ListInsights"),
        unseen("INS002", "eks:ListInsights", severity=Severity.WARNS),
        unseen("CMP010", None),
    )
    waiver = Waiver(code="KUB001", subject="prod-eu", by="U0BEN", reason="known")
    report = samples.report(samples.WARNING, accepted, *told)
    waiting = samples.run(RunStatus.AWAITING_APPROVAL, report=report, waivers=(waiver,))
    said = words_of(render_run(waiting, []))
    assert "❔ 3 unknown: `INS002`, `INS001` (allow `eks:ListInsights`); `CMP010` (no answer &lt;!here&gt;)" in said
    assert f"{Mark.WARNING} `INS002`" not in said
    assert "Noted, nothing in the way:" in said
    assert "unknown" not in words_of(render_run(samples.run(RunStatus.AWAITING_APPROVAL), []))
    said = words_of(render_run(waiting.model_copy(update={"waivers": ()}), []))
    assert "❔ 4 unknown: `KUB001` (allow `list pods`), *would stop a later phase*; " in said
    assert "nothing in the way" not in said


def test_decisions_name_who_took_them() -> None:
    events = [
        samples.event(EventKind.APPROVAL_GIVEN, actor="U0BEN"),
        samples.event(EventKind.PAUSE_REQUESTED, actor="cli:cy"),
    ]
    said = words_of(render_run(samples.run(), events))
    assert "In charge: <@U0ADA>, requester · approved by <@U0BEN> · paused by cli:cy" in said


def test_who_acted_last_stands_last_however_often() -> None:
    order = [EventKind.PAUSE_REQUESTED, EventKind.RUN_RESUMED, EventKind.PAUSE_REQUESTED, EventKind.RUN_RESUMED]
    events = [
        samples.event(kind, actor=who) for kind, who in zip(order, ("U0BEN", "U0CY", "U0DI", "U0CY"), strict=True)
    ]
    said = words_of(render_run(samples.run(), events))
    assert "paused by <@U0BEN> · paused by <@U0DI> · resumed by <@U0CY> · run" in said


def test_the_plan_names_what_was_waived() -> None:
    waived = samples.two_hops().model_copy(
        update={
            "waivers": (
                Waiver(code="INS001", subject="a<b", by="U0BEN", reason="known & harmless", until=date(2026, 12, 31)),
            )
        }
    )
    said = words_of(render_run(samples.run(RunStatus.AWAITING_APPROVAL, plan=waived, started_at=None), []))
    assert "⚠️ `INS001` a&lt;b by <@U0BEN> until 2026-12-31: known &amp; harmless" in said


def test_what_a_person_has_to_do_calls_them_and_is_the_status() -> None:
    step_id = f"confirm/self-managed/gpu@{V36}"
    run = samples.run(steps={step_id: StepState(status=StepStatus.FOLLOWING)})
    began = samples.event(EventKind.STEP_STARTED).model_copy(update={"step_id": step_id})
    entry = render_entry(began, run)
    assert entry is not None
    assert "Replace the nodes of gpu by nodes on 1.36." in entry.text
    assert entry.text.endswith("<@U0ADA>")
    assert "✋ Waiting for a person: self-managed/gpu" in words_of(render_run(run, []))


def test_a_pause_before_the_start_does_not_promise_a_start() -> None:
    scheduled = samples.run(RunStatus.SCHEDULED, intent=Intent.PAUSE, started_at=None, start_at=NOW)
    said = words_of(render_run(scheduled, []))
    assert "⏸️ Paused: it does not start before somebody resumes it" in said
    assert "Starts" not in said
    waiting = samples.run(RunStatus.AWAITING_APPROVAL, intent=Intent.PAUSE, started_at=None)
    assert "Waiting for approval · paused: it does not start" in words_of(render_run(waiting, []))


def test_the_notice_tells_nothing_that_is_only_for_operators() -> None:
    steps = {f"control-plane@{V35}": StepState(status=StepStatus.FAILED, reasons=("shop/web-0: Forbidden",))}
    run = samples.run(RunStatus.PAUSED, steps=steps, pause_reasons=("shop/web-0 is held by PodDisruptionBudget web",))
    said = words_of(render_notice(facts_of(run, owner="@platform", thread=THREAD)))
    assert "Paused" in said
    assert "@platform" in said
    assert "<https://x.slack.com/archives/C1/p1|Follow it here>" in said
    assert "shop" not in said
    assert "Forbidden" not in said


def test_the_notice_promises_nothing_that_eks_does_not_promise() -> None:
    run = samples.run()
    said = words_of(render_notice(facts_of(run)))
    assert "Brief interruptions of the Kubernetes API are possible" in said
    assert "stays reachable" not in said


def test_the_notice_says_at_the_end_when_that_was_and_how_long_it_took() -> None:
    run = samples.run(RunStatus.SUCCEEDED)
    said = words_of(render_notice(facts_of(run)))
    assert "|2026-11-20 10:12 UTC>, after 1 h 12 min." in said


def test_the_notice_of_a_run_that_stopped_half_way_says_so() -> None:
    begun = {step_id: state.model_copy(update={"token": "t"}) for step_id, state in samples.half_way(NOW).items()}
    for status in (RunStatus.ABORTED, RunStatus.FAILED):
        run = samples.run(status, steps=begun)
        said = words_of(render_notice(facts_of(run)))
        assert "half way: 4 add-ons, 1 control plane step, 2 node groups not done" in said
        assert "|2026-11-20 10:12 UTC>, after 1 h 12 min" in said
        assert "as it is now" not in said
    untouched = samples.run(RunStatus.ABORTED, steps={})
    said = words_of(render_notice(facts_of(untouched)))
    assert "Nothing was changed." in said
    assert "half way" not in said


def test_the_notice_says_what_may_be_noticed_which_alerts_may_fire_and_when_it_rests() -> None:
    plan = samples.two_hops()
    rest = Phase(id="bake@1.35", kind="bake", title="Watch", steps=(BakeStep(version=V35, lasts=timedelta(hours=24)),))
    windows = UpgradePolicy(windows=("fri,sat 08:00-10:00",))
    long = plan.model_copy(update={"phases": (*plan.phases[:4], rest, *plan.phases[4:])})
    run = samples.run(RunStatus.SCHEDULED, plan=long, policy=windows)
    other = Also("<!here> other", "1.33", "1.34", "planned", NOW)
    said = words_of(render_notice(facts_of(run, environment="production", also=(other,)), here=True))
    for words in (
        "<!here> *🕒 Starts",
        "Expected end: by <!date^",
        "In between it waits: 24 h on 1.35 before it goes on.",
        "2026-11-20 09:15 UTC> to <!date",
        "2026-11-21 08:00 UTC> to <!date",
        "Nodes are replaced a few at a time",
        "Alerts that may fire: latency and errors of the Kubernetes API",
        "production · eu-central-1",
        "• &lt;!here&gt; other, Kubernetes 1.33 → 1.34: starts",
    ):
        assert words in said
    over = words_of(render_notice(facts_of(samples.run(RunStatus.SUCCEEDED))))
    assert "Alerts" not in over
    assert "Expected" not in over


def test_the_notice_under_way_tells_windows_from_their_opening_and_none_that_is_over() -> None:
    windows = UpgradePolicy(windows=("fri,sat 08:00-10:00",))
    run = samples.run(RunStatus.RUNNING, plan=samples.two_hops(), policy=windows, started_at=NOW)
    for later in (timedelta(0), timedelta(minutes=30)):
        assert "2026-11-20 09:00 UTC> to <!date" in words_of(render_notice(facts_of(run, now=NOW + later)))
    said = words_of(render_notice(facts_of(run, now=NOW + timedelta(hours=2))))
    assert "2026-11-20 09:00" not in said


def test_the_notice_of_a_run_outside_of_its_windows_says_when_it_goes_on() -> None:
    resting = {"holds": ("window",), "window_opens_at": NOW + timedelta(hours=6)}
    said = words_of(render_notice(facts_of(samples.run(RunStatus.RUNNING, plan=samples.two_hops(), **resting))))
    assert "Paused. It goes on <!date" in said
    assert "2026-11-20 15:00 UTC>. Expected end: by <!date" in said
    said = words_of(render_notice(facts_of(samples.run(RunStatus.PAUSED, plan=samples.two_hops()))))
    assert "Paused. No new step starts until it is resumed." in said


def test_the_notice_says_when_in_everybodys_time_zone() -> None:
    run = samples.run(RunStatus.SCHEDULED)
    said = words_of(render_notice(facts_of(run)))
    at = NOW + timedelta(minutes=15)
    assert f"<!date^{int(at.timestamp())}^{{date_short_pretty}} {{time}}|2026-11-20 09:15 UTC>" in said


def test_the_last_message_has_phases_durations_people_and_the_way_back() -> None:
    message = render_final(samples.run(RunStatus.SUCCEEDED), RECORD, {})
    said = words_of(message)
    table = next(block for block in message.blocks if block["type"] == "table")
    rows = [[cell["text"] for cell in row] for row in table["rows"]]
    assert ["Control plane to 1.35", "2026-11-20 09:00", "11 min", "done"] in rows
    assert "Approved by <@U0BEN>" in said
    assert "Waived by <@U0CY>: NET001 subnet-0a1, because grows tomorrow" in said
    assert "2026-11-27 09:11 UTC" in said


def test_the_last_message_tells_work_and_waiting_apart() -> None:
    def later(minutes: int, kind: EventKind, seq: int, **data: Any) -> UpgradeEvent:
        return samples.event(kind, seq, **data).model_copy(update={"at": NOW + timedelta(minutes=minutes)})

    story = [
        later(0, EventKind.PHASE_STARTED, 1, phase="control-plane@1.35", title="Control plane to 1.35"),
        later(0, EventKind.STEP_STARTED, 2, attempt=1),
        later(5, EventKind.STEP_FAILED, 3, code="X"),
        later(5, EventKind.RUN_PAUSED, 4, reasons=[]),
        later(65, EventKind.RETRY_REQUESTED, 5, attempt=2),
        later(65, EventKind.STEP_STARTED, 6, attempt=2),
        later(71, EventKind.STEP_FINISHED, 7),
        later(71, EventKind.PHASE_FINISHED, 8, phase="control-plane@1.35"),
    ]
    table = next(b for b in render_final(samples.run(RunStatus.SUCCEEDED), story, {}).blocks if b["type"] == "table")
    rows = [[cell["text"] for cell in row] for row in table["rows"]]
    assert ["Control plane to 1.35", "2026-11-20 09:00", "11 min + 1 h waiting", "done, 2 attempts"] in rows


def test_a_pause_at_a_finding_calls_somebody_and_says_what_to_do() -> None:
    found = samples.BLOCKER
    reason = f"{found.code} {found.subject}: {found.summary}"
    run = samples.run(
        RunStatus.PAUSED, blocked_phase="nodes@1.36", pause_reasons=(reason,), report=samples.report(found)
    )
    assert found.remedy in words_of(render_run(run, []))
    assert found.remedy not in words_of(render_run(run.model_copy(update={"blocked_phase": None}), []))
    entry = render_entry(samples.event(EventKind.RUN_PAUSED, reasons=[reason]), run)
    assert entry is not None
    assert entry.text.endswith("<@U0ADA> <@U0BEN>")


@pytest.mark.parametrize("kind", [EventKind.STEP_FAILED, EventKind.STEP_BLOCKED, EventKind.RUN_PAUSED])
def test_a_failure_calls_whoever_asked_those_who_approved_and_the_owner(kind: EventKind) -> None:
    run = samples.run(RunStatus.PAUSED)
    for owner, called in (("S0SHOP", " <!subteam^S0SHOP>"), ("U0BEN", ""), ("shop platform", ""), ("SHOP", "")):
        entry = render_entry(samples.event(kind), run, owner=owner)
        assert entry is not None
        assert entry.text.splitlines()[-1] == f"<@U0ADA> <@U0BEN>{called}"
    blocked = render_entry(samples.event(EventKind.RUN_BLOCKED), samples.run(RunStatus.BLOCKED), owner="S0SHOP")
    assert blocked is not None
    assert blocked.text.endswith("\n<@U0ADA>")


@pytest.mark.parametrize(
    ("actor", "taken", "owner", "called"),
    [
        ("U0BEN", None, None, ["<@U0ADA>: it waits until somebody resumes it."]),
        ("U0BEN", None, "S0SHOP", ["<!subteam^S0SHOP>: it waits until somebody resumes it."]),
        ("U0BEN", None, "shop platform", ["<@U0ADA>: it waits until somebody resumes it."]),
        ("U0ADA", "U0CY", "S0SHOP", ["<@U0CY>: it waits until somebody resumes it."]),
        ("U0ADA", None, None, []),
        ("U0BEN", "U0BEN", "S0SHOP", []),
    ],
)
def test_a_pause_calls_whoever_is_in_charge_unless_it_is_theirs(
    actor: str, taken: str | None, owner: str | None, called: list[str]
) -> None:
    run = samples.run(RunStatus.RUNNING, intent=Intent.PAUSE, in_charge=taken)
    entry = render_entry(samples.event(EventKind.PAUSE_REQUESTED, actor=actor), run, owner=owner)
    assert entry is not None
    assert entry.text.split("\n")[1:] == called


def test_a_pause_beside_a_failed_step_does_not_promise_that_a_resume_helps() -> None:
    steps = {"control-plane@1.35": StepState(status=StepStatus.FAILED)}
    run = samples.run(RunStatus.PAUSED, intent=Intent.PAUSE, plan=samples.two_hops(), steps=steps)
    entry = render_entry(samples.event(EventKind.PAUSE_REQUESTED, actor="U0BEN"), run)
    assert entry is not None
    assert entry.text.endswith("<@U0ADA>: it waits until somebody has the failed step retried.")


def test_a_plan_that_waits_says_until_when_and_for_whom() -> None:
    run = samples.run(RunStatus.AWAITING_APPROVAL, expires_at=NOW + timedelta(hours=24))
    assert run.plan is not None
    ready = samples.event(EventKind.PLAN_READY, digest=run.plan.digest)
    until = "|2026-11-21 09:00 UTC>"
    said = words_of(render_run(run, [], approvers=("S0SRE", "U0BEN")))
    assert "Waiting for approval until <!date^" in said
    assert until in said
    assert "Approvers: <!subteam^S0SRE>, <@U0BEN>; not whoever asked for it" in said
    entry = render_entry(ready, run, approvers=("S0SRE",))
    assert entry is not None
    assert until in entry.text
    begun = samples.run(RunStatus.RUNNING)
    assert "Approvers" not in words_of(render_run(begun, [], approvers=("S0SRE",)))


@pytest.mark.parametrize(
    ("told", "told_of"),
    [
        ({"status": RunStatus.REJECTED}, "It was rejected."),
        ({"status": RunStatus.EXPIRED, "pause_reasons": ("Nobody said when.",)}, "Nobody said when."),
        ({"status": RunStatus.RUNNING, "started_at": NOW}, "Approved by <@U0BEN>."),
        ({"status": RunStatus.AWAITING_APPROVAL, "plan": samples.two_hops(gate=True)}, "Another has taken its place."),
    ],
)
def test_what_asked_for_an_approval_says_what_the_answer_was(told: dict[str, Any], told_of: str) -> None:
    run = samples.run(RunStatus.AWAITING_APPROVAL)
    assert run.plan is not None
    ready = samples.event(EventKind.PLAN_READY, digest=run.plan.digest)
    approval = Approval(gate="plan", digest=run.plan.digest, by="U0BEN", at=NOW)
    entry = render_entry(ready, run.model_copy(update={"approvals": (approval,), **told}))
    assert entry is not None
    assert entry.text.startswith("*prod-eu*: plan `")
    assert entry.text.endswith(f"is ready. {told_of}")


def test_a_run_that_is_blocked_at_once_does_not_say_that_its_plan_is_ready() -> None:
    run = samples.run(RunStatus.BLOCKED)
    events = [
        samples.event(EventKind.CHECKS_FINISHED, 2, blockers=3),
        samples.event(EventKind.PLAN_READY, 3),
        samples.event(EventKind.RUN_BLOCKED, 4, codes=["INS001", "NET001"], reasons=list(run.pause_reasons)),
    ]
    entries = [entry.text for event in events if (entry := render_entry(event, run, events))]
    assert len(entries) == 1
    assert "Not now: 2 findings in the way (`INS001`, `NET001`)" in entries[0]
    assert "Blocked by 2 findings*" in words_of(render_run(run, events))
    waived = run.model_copy(update={"waivers": (Waiver(code="INS001", subject="prod-eu", by="U0BEN", reason="known"),)})
    entry = render_entry(events[-1], waived, events)
    assert entry is not None
    assert "(`INS001`, `NET001`), 1 waived." in entry.text
    again = [*events, samples.event(EventKind.PLAN_READY, 5).model_copy(update={"at": NOW + timedelta(minutes=9)})]
    assert render_entry(again[-1], samples.run(RunStatus.AWAITING_APPROVAL), again) is not None


def test_what_stops_a_later_phase_is_told_apart() -> None:
    later = samples.finding("NOD001", "core", stops=("nodes",), summary="No address for its nodes.")
    run = samples.run(RunStatus.BLOCKED, report=samples.report(samples.BLOCKER, later))
    said = words_of(render_run(run, []))
    assert "Blocked by 1 finding; 1 more would stop a later phase" in said
    assert said.index("NET001") < said.index("*These would stop a later phase*") < said.index("NOD001")


def test_who_paused_a_run_is_named() -> None:
    for reason, said in (
        ("U0CY paused it.", "<@U0CY> paused it."),
        ("<!channel> paused it.", "&lt;!channel&gt; paused"),
    ):
        run = samples.run(RunStatus.PAUSED, pause_reasons=(reason,), intent=Intent.PAUSE)
        assert f"Paused: {said}" in words_of(render_run(run, []))
        assert f"Paused: {said}" in words_of(render_history([run], None, lambda _: None))
        entry = render_entry(samples.event(EventKind.RUN_PAUSED, reasons=[reason]), run)
        assert entry is not None
        assert f"• {said}" in entry.text


def test_people_read_titles_not_ids() -> None:
    reason = f"nodegroup/core@{V36}: 3 of 7 nodes are there; addon/kube-proxy@v1.36.0-eksbuild.2 waits."
    run = samples.run(RunStatus.PAUSED, pause_reasons=(reason,), plan=samples.two_hops(gate=True))
    group = "Node group core to `1.36` (AMI `1.36.1-20261110`)"
    title = f"{group}: 3 of 7 nodes are there; kube-proxy `v1.36.0-eksbuild.2` waits."
    assert title in words_of(render_run(run, []))
    entry = render_entry(samples.event(EventKind.RUN_PAUSED, reasons=[reason]), run)
    assert entry is not None
    assert f"• {title}" in entry.text
    new = "The cluster has changed since the approval: addon/adot@v0.9-eksbuild.1 would be planned now."
    entry = render_entry(samples.event(EventKind.WARNING_RAISED, text=new), run)
    assert entry is not None
    assert "approval: adot `v0.9-eksbuild.1` would be" in entry.text
    gate = render_entry(samples.event(EventKind.GATE_OPENED, gate=f"nodes@{V36}"), run)
    assert gate is not None
    assert "“Nodes to 1.36” waits for an approval of its own" in gate.text


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        (GateTerms(attended="S0NIGHT", within=timedelta(hours=2)), "attended by <!subteam^S0NIGHT>: pauses after 2 h"),
        (GateTerms(unattended=True), "unattended: goes on by itself if all signals are green, else own approval"),
    ],
)
def test_approvers_see_how_each_gate_is_kept_before_they_approve(terms: GateTerms, said: str) -> None:
    plan = samples.with_terms(samples.two_hops(gate=True), terms)
    message = render_plan(plan, samples.report(), PlanRequest(cluster=PROD, target=V36), [], startable=True)
    assert said in words_of(message)
    assert said in words_of(render_run(samples.run(RunStatus.AWAITING_APPROVAL, plan=plan, waiting_for="plan"), ()))


def test_who_attends_a_gate_is_called_when_it_opens_and_one_that_opens_by_itself_says_so() -> None:
    gate = f"nodes@{V36}"
    run = samples.run(RunStatus.AWAITING_APPROVAL, plan=samples.two_hops(gate=True), waiting_for=gate)
    opened = samples.event(EventKind.GATE_OPENED, gate=gate, attended="S0NIGHT", reason="<!here> it was slow.")
    entry = render_entry(opened, run, approvers=["S0APPROVERS"])
    assert entry is not None
    assert entry.text.split("\n") == [
        "✋ “Nodes to 1.36” waits for an approval of its own: &lt;!here&gt; it was slow.",
        "<!subteam^S0NIGHT> attends it.",
        "<!subteam^S0APPROVERS>",
    ]
    passed = render_entry(samples.event(EventKind.GATE_PASSED, actor=None, gate=gate, unattended=True), run)
    assert passed is not None
    assert passed.text == "✅ “Nodes to 1.36” goes on unattended: all signals are green"


@pytest.mark.parametrize("word", WORDS)
def test_who_broke_the_glass_and_why_is_in_every_message(word: str) -> None:
    gate = f"nodes@{V36}"
    broken = BrokenGlass(gate=gate, digest="d", by="U0CHI", reason=word, at=NOW, until=NOW + timedelta(hours=4))
    run = samples.run(plan=samples.two_hops(gate=True), glass=(broken,) * 9)
    used = samples.event(EventKind.BREAK_GLASS_USED, actor="U0CHI").model_copy(
        update={"data": {**samples.EVENT_DATA[EventKind.BREAK_GLASS_USED], "reason": word}}
    )
    shown = [render_run(run, [used]), render_glass(used, run, None), render_final(run, [used], {})]
    for message in shown:
        assert_slack_takes(message)
        assert_nothing_comes_alive(message)
        assert "<@U0CHI>" in words_of(message) or len(word) > LONGEST_NOTE


@pytest.mark.parametrize(("hours", "too_early"), [(3, False), (5, True)])
def test_a_glass_that_is_broken_too_early_says_so(hours: int, too_early: bool) -> None:
    start = NOW + timedelta(hours=hours)  # the glass counts for four
    used = samples.event(EventKind.BREAK_GLASS_USED)
    run = samples.run(RunStatus.SCHEDULED, plan=samples.two_hops(gate=True), start_at=start)
    for told in (run, run.model_copy(update={"status": RunStatus.RUNNING})):
        entry = render_entry(used, told)
        assert entry is not None
        said = f"The start is later, <!date^{int(start.timestamp())}^" in entry.text
        assert said is (too_early and told is run)


def test_a_plan_that_cannot_be_is_not_offered() -> None:
    request = PlanRequest(cluster=PROD, target=V36)
    for code, offered in (("NET001", True), ("VER001", False), ("VER002", False)):
        shown = words_of(render_report(samples.report(samples.finding(code, "1.36")), request))
        assert ("Plan to 1.36" in shown) is offered


def test_phases_are_counted_as_the_plan_shows_them() -> None:
    run = samples.run(RunStatus.RUNNING)
    assert run.plan is not None
    shown = [phase for phase in run.plan.phases if phase.kind != "verify"]
    assert len(shown) < len(run.plan.phases)
    assert phase_number(run)[1] == len(shown)
    done = StepState(status=StepStatus.DONE)
    number = 0
    steps: dict[str, StepState] = {}
    for phase in run.plan.phases:
        number += phase.kind != "verify"
        assert phase_number(run.model_copy(update={"steps": steps})) == (number, len(shown))
        steps = {**steps, **{step.id: done for step in phase.steps}}


def test_an_approver_reads_what_was_noted() -> None:
    warnings = [samples.finding("NOD002", f"group-{n}", severity=Severity.WARNS) for n in range(7)]
    report = samples.report(*warnings)
    said = words_of(render_run(samples.run(RunStatus.AWAITING_APPROVAL, report=report), []))
    assert said.count(samples.WARNING.summary) == 5
    assert "… and 2 more" in said


def test_an_estimate_of_hours_claims_no_minutes() -> None:
    assert about(8, 30) == "8-30 min"
    assert about(39, 180) == "35 min - 3 h"
    assert about(66, 306) == "1 h 05 min - 5 h 10 min"


def test_an_aborted_run_tells_what_it_left() -> None:
    entry = render_entry(samples.event(EventKind.RUN_ABORTED), samples.run(RunStatus.ABORTED))
    assert entry is not None
    said = "\n".join(mrkdwn_of(entry.blocks))
    assert "• Control plane: `1.35`" in said
    assert "• Node group core: 4 nodes on `1.34`, 3 on `1.35`; 1 cordoned" in said
    assert "*Not done*\n• Control plane to `1.36`\n• Node group core to `1.36`" in said
    assert "→ A new run plans the rest" in said
    assert "kubectl uncordon" in said
    nothing_cordoned = samples.event(EventKind.RUN_FAILED, control_plane="1.35", not_done=[f"control-plane@{V36}"])
    entry = render_entry(nothing_cordoned, samples.run(RunStatus.FAILED))
    assert entry is not None
    assert "cordon" not in words_of(entry)


def test_a_restart_names_the_update_that_is_followed() -> None:
    entry = render_entry(samples.event(EventKind.BOT_RESTARTED, actor=None), samples.run())
    assert entry is not None
    assert entry.text == "🔁 Restarted, following Control plane to `1.35` (update `5f3c-77`)."


def test_progress_is_no_entry_of_its_own() -> None:
    for kind in (EventKind.STEP_PROGRESSED, EventKind.UPDATE_STARTED, EventKind.GATE_PASSED):
        assert render_entry(samples.event(kind), samples.run()) is None


def test_a_refusal_is_told_in_words() -> None:
    refused = samples.event(EventKind.REQUEST_REFUSED, verb="break_glass", reason="that is for admins")
    entry = render_entry(refused, samples.run())
    assert entry is not None
    assert "may not break glass" in entry.text
