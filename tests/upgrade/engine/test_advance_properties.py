"""Whatever people, AWS, windows and crashes do in whatever order, these hold."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.upgrade.runs import NOW, make_finding, make_plan, make_report, make_run
from upgrade.eks import EksUpdate, UpdateSubject
from upgrade.engine.advance import advance
from upgrade.engine.approvals import counted
from upgrade.engine.course import START_GRACE, AttendStep, LookAtCluster, next_work, under_way
from upgrade.engine.outcomes import GROUPS_MUST_MATCH
from upgrade.engine.signals import (
    ChecksFinished,
    DecisionGiven,
    FreezeLifted,
    IntentGiven,
    NoticeDelivered,
    Restarted,
    Signal,
    SlackChanged,
    StartMoved,
    StepConfirmed,
    StepIntended,
    StepLooked,
    StepReleased,
    TimePassed,
    WaiverGiven,
    WindowChanged,
)
from upgrade.events import EventKind, UpgradeEvent
from upgrade.freeze import Freeze
from upgrade.gates import PLAN_GATE
from upgrade.plan import UpgradePlan
from upgrade.run import Approval, Blocked, Done, Failed, Intent, Outcome, RunStatus, StepStatus, UpgradeRun, Wait

PEOPLE = st.sampled_from(["U-ASKS", "U-1", "U-2", "U-3"])
BLOCKER = make_finding(stops=("nodes",))
OUTCOMES: st.SearchStrategy[Outcome] = st.sampled_from(
    [
        Done(),
        Done(skipped=True, note="already"),
        Wait(seconds=30),
        Wait(seconds=30, progress="half", warnings=("slow disk",)),
        Wait(seconds=2, trouble="timeout", acted=False),
        Wait(seconds=15, acted=False, progress="busy"),
        Blocked(reasons=("foreign update",), seconds=30),
        Blocked(reasons=("worse",)),
        Failed(code="NodeCreationFailure", message="m", update_ended=True),
        Failed(code="Unforeseen", message="KeyError"),
        Failed(code=GROUPS_MUST_MATCH, message="m"),
    ]
)


class Machine(RuleBasedStateMachine):
    """The engine's side of the bargain is kept (work is what ``next_work`` says); all else is arbitrary."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.events: list[UpgradeEvent] = []
        self.updates = 0

    @initialize(
        gate=st.booleans(),
        parallelism=st.integers(1, 2),
        approvals=st.integers(1, 2),
        own=st.booleans(),
        stage=st.sampled_from([RunStatus.RUNNING, RunStatus.RUNNING, RunStatus.SCHEDULED, RunStatus.CHECKING]),
    )
    def begin(self, gate: bool, parallelism: int, approvals: int, own: bool, stage: RunStatus) -> None:
        self.plan: UpgradePlan = make_plan(
            gate=gate, parallelism=parallelism, approvals=approvals, requester_counts=own
        )
        given = [Approval(gate=PLAN_GATE, digest=self.plan.digest, by=by, at=NOW) for by in ("U-8", "U-9")]
        approved = stage is not RunStatus.CHECKING
        more: dict[str, Any] = {"approvals": tuple(given), "plan": self.plan} if approved else {}
        self.run: UpgradeRun = make_run(stage, last_seq=0, **more)

    def feed(self, signal: Signal) -> None:
        before = self.run
        self.run, events = advance(before, signal, self.now)
        self.check_pass(before, signal, events)
        self.events += events

    def check_pass(self, before: UpgradeRun, signal: Signal, events: tuple[UpgradeEvent, ...]) -> None:
        after = self.run
        if before.status.finished:
            assert after == before
            assert events == ()
        for step_id, state in after.steps.items():
            was = before.step(step_id)
            assert state.attempt in (was.attempt, was.attempt + 1)
            if state.attempt > was.attempt:
                assert was.status is StepStatus.FAILED
                assert isinstance(signal, IntentGiven)
                assert signal.verb == "retry"
            if state.status is StepStatus.STARTING and was.status is not StepStatus.STARTING:
                self.check_start(before)
            if was.status is StepStatus.DONE:
                assert state.status is StepStatus.DONE
        if any(event.kind is EventKind.RUN_STARTED for event in events):
            assert before.start_at is not None
            assert before.start_at <= self.now <= before.start_at + START_GRACE
            assert after.start_at == before.start_at
        given = [event for event in events if event.kind is EventKind.APPROVAL_GIVEN]
        assert len(given) <= 1
        may_end = isinstance(signal, StepLooked | StepReleased | Restarted | DecisionGiven)
        if under_way(before) and not before.status.finished and not may_end:
            assert not after.status.finished

    def check_start(self, before: UpgradeRun) -> None:
        """Nothing starts while paused, aborting, held or unapproved."""
        assert before.status is RunStatus.RUNNING
        assert before.intent is Intent.GO
        assert before.holds == ()
        assert before.plan is not None
        assert len(counted(before, PLAN_GATE, before.plan.digest)) >= before.plan.approvals
        for phase in before.plan.phases:
            started = any(self.run.step(step.id).status is StepStatus.STARTING for step in phase.steps)
            if started and phase.gate is not None:
                assert len(counted(before, phase.gate, before.plan.digest)) >= before.plan.approvals

    @rule(minutes=st.sampled_from([1, 1, 1, 20, 60, 60 * 24 * 8]))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)
        self.feed(TimePassed())

    @rule(verb=st.sampled_from(["pause", "resume", "resume", "retry", "recheck"]), actor=PEOPLE)
    def intent(self, verb: str, actor: str) -> None:
        self.feed(IntentGiven.model_validate({"verb": verb, "actor": actor}))

    @precondition(lambda self: bool(under_way(self.run)))
    @rule(actor=PEOPLE)
    def abort(self, actor: str) -> None:
        self.feed(IntentGiven(verb="abort", actor=actor))

    @rule(actor=PEOPLE, stale=st.booleans(), approved=st.sampled_from([True, True, True, False]))
    def decide(self, actor: str, stale: bool, approved: bool) -> None:
        digest = self.run.plan.digest if self.run.plan and not stale else "0" * 64
        gate = self.run.waiting_for or PLAN_GATE
        approved = approved or self.run.started_at is None
        self.feed(DecisionGiven(gate=gate, digest=digest, approved=approved, actor=actor))

    @rule(actor=PEOPLE)
    def approve_all(self, actor: str) -> None:
        if self.run.waiting_for and self.run.plan:
            for person in (actor, "U-8", "U-9"):
                gate = self.run.waiting_for or PLAN_GATE
                self.feed(DecisionGiven(gate=gate, digest=self.run.plan.digest, approved=True, actor=person))

    @rule(actor=PEOPLE)
    def waive(self, actor: str) -> None:
        self.feed(WaiverGiven(code=BLOCKER.code, subject=BLOCKER.subject, reason="known", actor=actor))

    @rule(change=st.sampled_from(["open", "closed", "gone", "back", "notice"]))
    def surroundings(self, change: str) -> None:
        signals: dict[str, Signal] = {
            "open": WindowChanged(open=True),
            "closed": WindowChanged(open=False, opens_at=self.now + timedelta(hours=1)),
            "gone": SlackChanged(unreachable_since=self.now),
            "back": SlackChanged(unreachable_since=None),
            "notice": NoticeDelivered(),
        }
        self.feed(signals[change])

    @rule(declared=st.sampled_from([None, None, True, False]))
    def restart(self, declared: bool | None) -> None:
        sale = Freeze(name="sale", starts_at=self.now, ends_at=self.now + timedelta(hours=1), reason="a sale")
        self.feed(Restarted(freezes=None if declared is None else (sale,) * declared))

    @rule(actor=PEOPLE)
    def lift(self, actor: str) -> None:
        self.feed(FreezeLifted(freeze="sale", reason="it must", actor=actor))

    @rule(actor=PEOPLE, hours=st.sampled_from([None, 0, 3, 30]))
    def move(self, actor: str, hours: int | None) -> None:
        start_at = None if hours is None else self.now + timedelta(hours=hours)
        self.feed(StartMoved(start_at=start_at, actor=actor))

    @rule(stray=st.sampled_from(["announce", "control-plane@1.35", "nodegroup/apps@1.35", "no/such@step"]))
    def stray_step_signals(self, stray: str) -> None:
        self.feed(StepIntended(step_id=stray))
        self.feed(StepConfirmed(step_id=stray, actor="U-1"))

    @rule(steps=st.integers(1, 6))
    def go_on(self, steps: int) -> None:
        """All goes well for a while."""
        for _ in range(steps):
            self.now += timedelta(minutes=1)
            self.work(Done(), fortunate=True, changed=False, blocked=False)

    @rule(outcome=OUTCOMES, fortunate=st.booleans(), changed=st.booleans(), blocked=st.booleans())
    def work(self, outcome: Outcome, fortunate: bool, changed: bool, blocked: bool) -> None:
        """Do what is due, with an arbitrary result."""
        work = next_work(self.run, self.now)
        if isinstance(work, LookAtCluster):
            self._look_at_cluster(work, changed=changed and not fortunate, blocked=blocked and not fortunate)
        elif isinstance(work, AttendStep):
            self._attend(work, Done() if fortunate else outcome)

    def _look_at_cluster(self, work: LookAtCluster, *, changed: bool, blocked: bool) -> None:
        plan = self.plan.model_copy(update={"waivers": self.run.waivers, "notes": ()})
        if changed:
            plan = plan.model_copy(update={"approvals": 1 + plan.approvals % 2})
            self.plan = plan
        stopping = (BLOCKER,) if blocked else ()
        self.feed(
            ChecksFinished(
                phase=work.phase,
                ahead=work.ahead,
                report=make_report(*stopping),
                plan=plan if work.phase is None else None,
                stopping=stopping,
            )
        )

    def _attend(self, work: AttendStep, outcome: Outcome) -> None:
        state = self.run.step(work.step_id)
        if state.status is not StepStatus.FOLLOWING:
            if not work.may_start:
                self.feed(StepReleased(step_id=work.step_id))
                return
            self.feed(StepIntended(step_id=work.step_id))
            starting = self.run.step(work.step_id).status is StepStatus.STARTING
            if starting and isinstance(outcome, Wait) and outcome.acted and not outcome.trouble:
                outcome = outcome.model_copy(update={"update": self._new_update()})
        self.feed(StepLooked(step_id=work.step_id, outcome=outcome, looked_at=self.now))

    def _new_update(self) -> EksUpdate:
        self.updates += 1
        return EksUpdate(
            id=f"u-{self.updates}",
            subject=UpdateSubject(kind="cluster"),
            type="VersionUpdate",
            status="InProgress",
            created_at=self.now,
        )

    @invariant()
    def events_are_numbered_without_gaps(self) -> None:
        assert [event.seq for event in self.events] == list(range(1, len(self.events) + 1))
        if hasattr(self, "run"):
            assert self.run.last_seq == len(self.events)

    @invariant()
    def a_run_that_can_move_wants_to_be_looked_at(self) -> None:
        if hasattr(self, "run") and next_work(self.run, self.now) is not None:
            assert self.run.next_due_at is not None
            assert self.run.next_due_at <= self.now

    @invariant()
    def a_run_that_stands_says_why(self) -> None:
        if hasattr(self, "run") and self.run.status in (RunStatus.PAUSED, RunStatus.BLOCKED):
            assert self.run.pause_reasons

    @invariant()
    def no_update_id_belongs_to_two_steps(self) -> None:
        if hasattr(self, "run"):
            ids = [state.update_id for state in self.run.steps.values() if state.update_id]
            assert len(ids) == len(set(ids))

    def teardown(self) -> None:
        if hasattr(self, "run"):
            assert UpgradeRun.model_validate_json(self.run.model_dump_json()) == self.run


TestMachine = Machine.TestCase
TestMachine.settings = settings(
    max_examples=150, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
