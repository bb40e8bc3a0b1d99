"""One pass over one run: take in what people asked, look around, do what is due, save each fact before the next act."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from upgrade.eks import ClusterId
from upgrade.engine.advance import advance
from upgrade.engine.approvals import waivers_in_force
from upgrade.engine.assessment import assess, check_remaining, drift, past_durations, stopping_phase, stopping_start
from upgrade.engine.baseline import ready_workloads
from upgrade.engine.course import (
    AttendStep,
    LookAtCluster,
    Work,
    back_off,
    current_phase,
    is_under_way,
    next_due_at,
    next_work,
)
from upgrade.engine.outcomes import GROUPS_MUST_MATCH
from upgrade.engine.requests import signal_of
from upgrade.engine.rights import refusal_of
from upgrade.engine.settings import EngineSettings
from upgrade.engine.signals import (
    ChecksFinished,
    NoticeDelivered,
    RequestRefused,
    Restarted,
    Signal,
    SlackChanged,
    StepIntended,
    StepLooked,
    StepReleased,
    TimePassed,
    WindowChanged,
)
from upgrade.engine.snapshot import take_snapshot
from upgrade.engine.steps import KINDS, Act, StepContext, StepKind
from upgrade.errors import (
    ClusterBusy,
    NodegroupsMustMatch,
    RunInProgress,
    TemporaryError,
    UpgradeError,
)
from upgrade.facts import Known, Unknown
from upgrade.freeze import Freeze
from upgrade.plan import Step
from upgrade.ports import Access, AwsGateway, Clock, Clusters, Delivery, InboxRow, RunStore
from upgrade.run import Failed, Outcome, RunStatus, StepStatus, UpgradeRun, Wait
from upgrade.work_times import work_times_of

_log = logging.getLogger(__name__)

#: What holds the one place that a cluster has for an unfinished run.
_HOLDING: Final = tuple(s for s in RunStatus if not s.finished and s is not RunStatus.SCHEDULED)
#: Finished runs whose durations tell how long this cluster's updates take.
_PAST_RUNS: Final = 5


class RunWorker:
    """Knows how to move one run. Many threads may use it, but never two for the same run.

    Args:
        freezes: those of the configuration, by cluster: they hold runs that are under way, too.
        on_saved: called after each commit that told something new.
    """

    def __init__(
        self,
        store: RunStore,
        clusters: Clusters,
        *,
        access: Access,
        delivery: Delivery,
        clock: Clock,
        settings: EngineSettings,
        freezes: Mapping[ClusterId, tuple[Freeze, ...]] | None = None,
        on_saved: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._clusters = clusters
        self._access = access
        self._delivery = delivery
        self._clock = clock
        self._settings = settings
        self._freezes = freezes or {}
        self._on_saved = on_saved

    def restarted(self, run_id: str) -> None:
        """Tell that the process is back. Call once for each unfinished run, before anything else is done with it."""
        run = self._store.load(run_id)
        self._apply(run, Restarted(freezes=self._freezes.get(run.cluster)))

    def process(self, run_id: str, stopping: Callable[[], bool] = lambda: False) -> UpgradeRun:
        """Do all that is due now and return the run as it stands; what it says of dues may be newer than the store."""
        run = self._surroundings(self._take_in(self._store.load(run_id)))
        while not stopping():
            work = next_work(run, self._clock.now())
            if work is None:
                break
            after = self._surroundings(self._take_in(self._do(run, work)))
            if after == run:
                # Work that changes nothing would be asked for again at once.
                raise RuntimeError(f"{work} changed nothing in run {run.id}")
            run = after
        # What the store says may be long past: a wait whose end nobody wrote down, or a hold.
        return run.model_copy(update={"next_due_at": next_due_at(run, self._clock.now())})

    # -- saving -----------------------------------------------------------------------------------------------------

    def _apply(self, run: UpgradeRun, signal: Signal, *, consumed: tuple[int, ...] = ()) -> UpgradeRun:
        """Advance and save. A pass that only moves a due date is not worth a write: after a crash all is due."""
        after, events = advance(run, signal, self._clock.now())
        if not consumed and not events and _but_for_dues(after) == _but_for_dues(run):
            return after
        saved = self._store.save(after, events, consumed=consumed)
        if events:
            self._on_saved()
        return saved

    # -- what people asked ------------------------------------------------------------------------------------------

    def _take_in(self, run: UpgradeRun) -> UpgradeRun:
        for row in self._store.inbox(run.id):
            run = self._apply(run, self._judged(run, row), consumed=(row.id,))
        return run

    def _judged(self, run: UpgradeRun, row: InboxRow) -> Signal:
        """The request as a signal, once it is known that this person may."""
        refusal = refusal_of(self._access, run, row.actor, row.kind, row.payload)
        if refusal is None:
            return signal_of(row)
        asked, gate = row.payload.get("asked", ""), row.payload.get("gate", "")
        return RequestRefused(verb=row.kind, asked=asked, actor=row.actor, reason=refusal, gate=gate)

    # -- what is around ---------------------------------------------------------------------------------------------

    def _surroundings(self, run: UpgradeRun) -> UpgradeRun:
        """Time, window, Slack and the notice, as signals where they changed."""
        if run.status.finished:
            return run
        now = self._clock.now()
        if run.notice_at is None and run.scheduled_at is not None and self._delivery.notice_delivered(run.id):
            run = self._apply(run, NoticeDelivered())
        if is_under_way(run):
            run = self._window(run, now)
        if run.status in (RunStatus.RUNNING, RunStatus.PAUSED):
            since = self._slack_gone_since()
            if (since is not None) is not ("slack" in run.holds):
                run = self._apply(run, SlackChanged(unreachable_since=since))
        return self._time(run)

    def _window(self, run: UpgradeRun, now: datetime) -> UpgradeRun:
        times = work_times_of(run)
        if times.is_open(now):
            return self._apply(run, WindowChanged(open=True)) if "window" in run.holds else run
        opens_at = times.next_opening(now)
        if "window" in run.holds and run.window_opens_at == opens_at:
            return run
        freeze = times.freeze_at(now)
        reason = f"{freeze.name}: {freeze.reason}" if freeze else ""
        return self._apply(run, WindowChanged(open=False, opens_at=opens_at, reason=reason))

    def _slack_gone_since(self) -> Any:
        since = self._delivery.unreachable_since()
        if self._settings.slack_outage != "hold" or since is None:
            return None
        return since if self._clock.now() - since >= self._settings.slack_patience else None

    def _time(self, run: UpgradeRun) -> UpgradeRun:
        if run.status not in (RunStatus.SCHEDULED, RunStatus.BLOCKED, RunStatus.AWAITING_APPROVAL):
            return run
        others = self._store.find(cluster=run.cluster, statuses=_HOLDING, limit=2)
        busy = next((other.id for other in others if other.id != run.id), "")
        grace = self._settings.start_grace
        try:
            return self._apply(run, TimePassed(busy_run=busy, grace=grace))
        except RunInProgress as error:
            return self._apply(run, TimePassed(busy_run=error.run_id, grace=grace))

    # -- work -------------------------------------------------------------------------------------------------------

    def _do(self, run: UpgradeRun, work: Work) -> UpgradeRun:
        match work:
            case LookAtCluster():
                return self._looked_at_cluster(run, self._look_at_cluster(run, work))
            case AttendStep():
                return self._attend(run, work)

    def _looked_at_cluster(self, run: UpgradeRun, signal: Signal) -> UpgradeRun:
        """A look ahead may end in a status that holds the cluster, which another run may do."""
        try:
            return self._apply(run, signal)
        except RunInProgress as error:
            return self._apply(run, signal.model_copy(update={"busy_run": error.run_id}))

    def _look_at_cluster(self, run: UpgradeRun, work: LookAtCluster) -> Signal:
        first = work.phase is None and run.plan is None and run.report is None
        if first and (refusal := refusal_of(self._access, run, run.requester, "start", {})) is not None:
            return RequestRefused(verb="start", actor=run.requester, reason=refusal)
        of: dict[str, Any] = {"phase": work.phase, "ahead": work.ahead, "grace": self._settings.start_grace}
        try:
            return self._judge_cluster(run, work.phase).model_copy(update=of)
        except TemporaryError as error:
            return ChecksFinished(**of, error=str(error), temporary=True)
        except UpgradeError as error:
            return ChecksFinished(**of, error=str(error))
        except Exception as error:
            _log.exception("run %s: looking at the cluster failed", run.id)
            return ChecksFinished(**of, error=f"An error that nobody foresaw: {type(error).__name__}.")

    def _judge_cluster(self, run: UpgradeRun, phase_id: str | None) -> ChecksFinished:
        run = run.model_copy(update={"waivers": waivers_in_force(run, self._clock.now())})
        aws, kube = self._clusters.reading(run.cluster)
        snapshot = take_snapshot(
            aws,
            kube,
            run.cluster,
            self._clock,
            refresh_insights=phase_id is None,
            doubt_errors=True,
            looks=self._settings.looks,
        )
        if phase_id is not None:
            report, phase = check_remaining(snapshot, run), current_phase(run)
            assert phase is not None
            return ChecksFinished(
                phase=phase_id,
                report=report,
                stopping=stopping_phase(report, run, phase),
                unapproved=drift(snapshot, run),
            )
        past = past_durations(self._store.find(cluster=run.cluster, statuses=(RunStatus.SUCCEEDED,), limit=_PAST_RUNS))
        found = assess(snapshot, run.request, run.policy, waivers=run.waivers, pins=run.plan, past=past)
        begins = run.start_at is not None and run.start_at <= self._clock.now()
        workloads = snapshot.workloads
        problem = found.problem or ""
        if isinstance(workloads, Unknown) and not problem:
            problem = f"No baseline of the workloads can be taken: {workloads.reason}"
        return ChecksFinished(
            report=found.report,
            plan=None if problem else found.plan,
            stopping=stopping_start(found.report, found.plan, run.waivers, begins=begins),
            baseline=ready_workloads(workloads.value) if isinstance(workloads, Known) else (),
            error=problem,
            impossible=found.impossible,
        )

    def _attend(self, run: UpgradeRun, work: AttendStep) -> UpgradeRun:
        """Observe; prepare; save the intent; act; save what is followed (DESIGN 4)."""
        assert run.plan is not None
        step = run.plan.find(work.step_id)
        kind: StepKind[Any] = KINDS[step.kind]
        context = self._context(run, step)
        if context.state.status is StepStatus.FOLLOWING:
            return self._looked(run, context, step, self._guarded(lambda: kind.follow(step, context), context))
        seen = self._guarded(lambda: kind.observe(step, context), context)
        if seen is not None:
            return self._looked(run, context, step, seen)
        if not work.may_start:
            return self._apply(run, StepReleased(step_id=step.id))
        act: list[Act] = []
        unready = self._guarded(lambda: act.append(kind.prepare(step, context)), context)
        if not act:
            return self._looked(run, context, step, unready)
        run = self._apply(run, StepIntended(step_id=step.id, crash_limit=self._settings.crash_limit))
        state = run.step(step.id)
        if not state.acting or state.token is None:
            return run  # it may not start now, or is parked
        token = state.token
        return self._looked(run, context, step, self._guarded(lambda: act[0](token), context))

    def _looked(self, run: UpgradeRun, context: StepContext, step: Step, outcome: Outcome | None) -> UpgradeRun:
        assert outcome is not None
        return self._apply(run, StepLooked(step_id=step.id, outcome=outcome, looked_at=context.now))

    def _context(self, run: UpgradeRun, step: Step) -> StepContext:
        aws, kube = self._clusters.reading(run.cluster)

        def changing() -> AwsGateway:
            return self._clusters.changing(run.cluster, run_id=run.id, requester=run.requester)[0]

        return StepContext(
            run=run,
            state=run.step(step.id),
            now=self._clock.now(),
            aws=aws,
            kube=kube,
            changing=changing,
            settings=self._settings,
        )

    def _guarded(self, act: Callable[[], Outcome | None], context: StepContext) -> Outcome | None:
        """Every error becomes an outcome: temporary ones back off with the same token, all others pause and ask."""
        try:
            return act()
        except ClusterBusy as error:
            poll = self._settings.poll_control_plane.total_seconds()
            return Wait(seconds=poll, acted=False, progress=f"Waiting: {error.message}")
        except TemporaryError as error:
            delay = back_off(context.state.errors + 1)
            if error.retry_after_seconds is not None:
                delay = max(delay, timedelta(seconds=min(error.retry_after_seconds, 300)))
            return Wait(seconds=delay.total_seconds(), acted=False, trouble=str(error))
        except UpgradeError as error:
            return _refused(error)
        except Exception as error:
            _log.exception("run %s: a step failed in a way that nobody foresaw", context.run.id)
            return Failed(
                code="Unforeseen",
                message=type(error).__name__,
                meaning=f"The bot met an error that nobody foresaw ({type(error).__name__}).",
                action="Look at the bot's log, then press Retry to go on or Abort to stop.",
            )


def _refused(error: UpgradeError) -> Failed:
    """A call that was refused for good, in the words of the gateway."""
    code = GROUPS_MUST_MATCH if isinstance(error, NodegroupsMustMatch) else getattr(error, "code", "")
    permission = getattr(error, "permission", None)
    hint = error.hint or (f"Allow {permission}, then press Retry." if permission else "")
    return Failed(
        code=code or type(error).__name__,
        message=error.message,
        meaning=error.message,
        action=hint or "Repair what the message names, then press Retry; or press Abort.",
        request_id=getattr(error, "request_id", ""),
    )


def _but_for_dues(run: UpgradeRun) -> UpgradeRun:
    steps = {step_id: state.model_copy(update={"due_at": None}) for step_id, state in run.steps.items()}
    return run.model_copy(update={"next_due_at": None, "steps": steps})
