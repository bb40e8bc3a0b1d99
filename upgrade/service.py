"""The only door to the subject, for the conversation and the command line.

Looking writes no row and asks no AWS. Each verb that writes commits exactly one row and returns; whether the person may
is looked up by the engine after that, before it counts. All verbs raise nothing but ``UpgradeError``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, TypeVar

from upgrade.calendar import Calendar, calendar_of
from upgrade.checks import run_checks
from upgrade.cluster import ClusterSnapshot
from upgrade.configured import ConfiguredCluster
from upgrade.deciding import Deciding
from upgrade.digest import Digest
from upgrade.digesting import Digesting
from upgrade.eks import ClusterId
from upgrade.engine.assessment import assess, make_plan, past_durations
from upgrade.engine.course import abort_preview
from upgrade.engine.requests import requested_run
from upgrade.engine.runner import Runner
from upgrade.engine.settings import EngineSettings
from upgrade.engine.snapshot import take_snapshot
from upgrade.engine.worker import RunWorker
from upgrade.errors import (
    FactUnknown,
    NotAllowed,
    TargetNotOffered,
    UnknownCluster,
    UnknownRun,
    UpgradeError,
)
from upgrade.events import UpgradeEvent
from upgrade.facts import Value
from upgrade.findings import Report
from upgrade.fleet import FleetStore
from upgrade.on_call import OnCall
from upgrade.plan import PlanRequest, UpgradePlan, UpgradePolicy
from upgrade.ports import Access, Clock, Clusters, Delivery, InboxRow, Verb
from upgrade.reach import Reach, versions_within_reach
from upgrade.roster import Roster
from upgrade.run import AbortPreview, RunStatus, UpgradeRun
from upgrade.verbs import (
    must_be_a_start,
    must_be_going,
    must_be_liftable,
    must_be_movable,
    must_be_recheckable,
    must_be_resumable,
    must_have_failed,
    must_not_be_paused,
    must_not_have_begun,
    must_wait_for_confirmation,
    next_window,
)
from upgrade.versions import KubernetesVersion

__all__ = ["AbortPreview", "ConfiguredCluster", "PlanResult", "UpgradeService"]

_log = logging.getLogger(__name__)
_PAST_RUNS: Final = 5
R = TypeVar("R")


class PlanResult(Value):
    """A plan with what the checks say of it. ``offers``: versions that EKS offers above the present one."""

    plan: UpgradePlan
    report: Report
    offers: tuple[KubernetesVersion, ...] = ()


class UpgradeService(Roster, Deciding, OnCall, Digesting):
    """Constructed by the composition root only; safe to use from many threads."""

    def __init__(
        self,
        store: FleetStore,
        clusters: Clusters,
        configured: Sequence[ConfiguredCluster],
        *,
        access: Access,
        delivery: Delivery,
        clock: Clock,
        settings: EngineSettings | None = None,
        breathe: Callable[[], None] = lambda: None,
    ) -> None:
        settings = settings or EngineSettings()
        Digesting.__init__(self, store, clusters)
        self._access = access
        self.know(configured)
        self._clock = clock
        self._callbacks: list[Callable[[], None]] = []
        self._looks = settings.looks
        worker = RunWorker(
            store,
            clusters,
            access=access,
            delivery=delivery,
            clock=clock,
            settings=settings,
            freezes={one.id: one.policy.freezes for one in configured},
            on_saved=self._tell,
        )
        self._runner = Runner(worker, store, clock, settings, breathe)

    # -- the engine, for the composition root -----------------------------------------------------------------------

    def start_engine(self) -> None:
        self._runner.start()

    def stop_engine(self) -> None:
        """Returns when every pass has ended after the act it was in. What was not done is done after the next start."""
        self._runner.stop()

    @property
    def engine_alive(self) -> bool:
        return self._runner.alive

    def wake(self) -> None:
        """Something was committed by other means than this service."""
        self._runner.wake()

    def delivery_changed(self) -> None:
        """A notice was delivered, or Slack is back: look at every unfinished run now."""
        self._runner.look_at_all()

    def on_events(self, callback: Callable[[], None]) -> None:
        """``callback`` is called after each commit that told something new, from whatever thread made it."""
        self._callbacks.append(callback)

    def _tell(self) -> None:
        for callback in self._callbacks:
            try:
                callback()
            except Exception:
                _log.exception("a listener for events failed")

    # -- looking ----------------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        """Domain time: what the instants of runs are compared with."""
        return self._clock.now()

    def run(self, run_id: str) -> UpgradeRun:
        """A run by its id, or by a beginning that only one has. Raises UnknownRun."""
        try:
            return self._store.load(run_id)
        except UnknownRun:
            ids = self._store.matching(run_id) if run_id else ()
            if len(ids) == 1:
                return self._store.load(ids[0])
            if ids:
                several = f"Several runs begin with “{run_id}”."
                raise UnknownRun(several, f"One of: {', '.join(ids[:10])}.", instead=ids[:10]) from None
            raise

    def run_of(self, text: str) -> UpgradeRun:
        """A run, or a cluster's unfinished run, else its newest. Raises UnknownRun, AmbiguousCluster."""
        try:
            cluster = self.resolve(text).id
        except UnknownCluster as unknown:
            try:
                return self.run(text)
            except UnknownRun:
                neither = f"“{text[:100]}” is neither a run nor a cluster."
                raise UnknownRun(neither, unknown.hint, instead=unknown.instead) from None
        unfinished = [s for s in RunStatus if not s.finished]
        holding = [s for s in unfinished if s is not RunStatus.SCHEDULED]
        for statuses in (holding, unfinished, []):
            if found := self._store.find(cluster=cluster, statuses=statuses, limit=1):
                return found[0]
        raise UnknownRun(f"{cluster.name} has had no run yet.", "Begin one with: start.")

    def status(self) -> tuple[UpgradeRun, ...]:
        """Runs that are not finished, oldest first."""
        return self._store.unfinished()

    def history(self, cluster: ClusterId | None, limit: int = 20) -> tuple[UpgradeRun, ...]:
        """Newest first."""
        return self._store.find(cluster=cluster, limit=limit)

    def events(self, run_id: str, after: int = 0) -> tuple[UpgradeEvent, ...]:
        return self._store.events(run_id, after=after)

    def what_abort_leaves(self, run_id: str) -> AbortPreview:
        """From what is stored, without asking AWS. Raises NotNow when it has ended or is ending."""
        run = self.run(run_id)
        must_be_going(run)
        return abort_preview(run)

    def next_window(self, cluster: ClusterId) -> datetime | None:
        """The next opening of a window at which the notice is still in time, in UTC.

        None for a cluster that has no windows, or none within the time for which a start can be set.
        """
        configured = self._configured.get(cluster)
        if configured is None or not configured.policy.windows:
            return None
        return next_window(configured.work_times, configured.policy.notice, self._clock.now())

    def calendar(self, days: int = 30) -> Calendar:
        """Maintenances and freezes of the days ahead."""
        now = self._clock.now()
        freezes = {one.id: one.policy.freezes for one in self._configured.values()}
        return calendar_of(self._store.unfinished(), freezes, now, now + timedelta(days=days))

    # -- short jobs -------------------------------------------------------------------------------------------------

    def check(self, request: PlanRequest, reply: Callable[[Report | UpgradeError], None]) -> None:
        """``reply`` is called from a worker thread. A crash or a stop loses the job."""
        self._runner.submit(lambda: reply(self._kept(_caught(lambda: self.check_now(request)))))

    def plan(self, request: PlanRequest, reply: Callable[[PlanResult | UpgradeError], None]) -> None:
        self._runner.submit(lambda: reply(self._kept(_caught(lambda: self.plan_now(request)))))

    def _submit(self, work: Callable[[], Digest], reply: Callable[[Digest | UpgradeError], None]) -> None:
        self._runner.submit(lambda: reply(_caught(work)))

    def _kept(self, answer: R) -> R:
        """The answer of a short job, its verdict remembered."""
        report = answer.report if isinstance(answer, PlanResult) else answer
        if isinstance(report, Report):
            self._remember(report)
        return answer

    def check_now(self, request: PlanRequest, snapshot: ClusterSnapshot | None = None) -> Report:
        """The verdicts for a plan, or for the bare target when no plan can be made.

        Raises TargetNotOffered when version and scope contradict each other: no verdict would be true.
        """
        taken = snapshot or self.snapshot_now(request.cluster)
        Reach.of(taken).must_fit(request.target, request.scope)
        return assess(taken, request, self._policy(request.cluster)).report

    def plan_now(self, request: PlanRequest, snapshot: ClusterSnapshot | None = None) -> PlanResult:
        """Raises TargetNotOffered, NothingToDo, PlanImpossible, FactUnknown when there is no plan."""
        taken = snapshot or self.snapshot_now(request.cluster)
        past = past_durations(
            self._store.find(cluster=request.cluster, statuses=(RunStatus.SUCCEEDED,), limit=_PAST_RUNS)
        )
        policy = self._policy(request.cluster)
        plan = make_plan(taken, request, policy, past=past)
        report = run_checks(taken, plan)
        try:
            offers = versions_within_reach(taken)
        except FactUnknown:
            offers = ()
        return PlanResult(plan=plan, report=report, offers=offers)

    def snapshot_now(self, cluster: ClusterId) -> ClusterSnapshot:
        aws, kube = self._clusters.reading(cluster)
        return take_snapshot(aws, kube.for_one_look(), cluster, self._clock, looks=self._looks)

    def _policy(self, cluster: ClusterId) -> UpgradePolicy:
        """The production policy for a cluster that is not configured, as for one without an environment."""
        configured = self._configured.get(cluster)
        return configured.policy if configured else UpgradePolicy()

    # -- writing ----------------------------------------------------------------------------------------------------

    def start(
        self, request: PlanRequest, *, actor: str, channel: str | None, start_at: datetime | None = None
    ) -> UpgradeRun:
        """Begin a run: it checks, plans, and asks for approval; approved, it begins.

        Args:
            start_at: aware; when it is to begin, if its approvals and its notice are in time. None: as soon as it may.

        Raises RunInProgress, UnknownCluster, NotAllowed; TargetNotOffered for a version that, when the cluster was last
        looked at, EKS did not offer above its own; NotNow for a start that is over, too far ahead, or outside the
        times for work.
        """
        configured = self._changeable(request.cluster)
        now = self._clock.now()
        if start_at is not None:
            must_be_a_start(configured.work_times, start_at, now)
        self.must_be_within_reach(request)
        run, event = requested_run(
            f"r-{self._clock.new_id()}", request, configured, now, actor=actor, channel=channel, start_at=start_at
        )
        self._store.create(run, [event])
        self._runner.wake()
        self._tell()
        return run

    def must_be_within_reach(self, request: PlanRequest) -> None:
        """As far as is known without asking AWS. What was seen may be over by now, so it is looked at again.

        Raises TargetNotOffered.
        """
        newest = self._store.find(cluster=request.cluster, limit=1)
        if any(run.holds_cluster for run in newest):
            return  # that run is what has to be told
        reach = self._reach(request.cluster, newest)
        try:
            if reach:
                reach.route(request.target, request.scope)
        except TargetNotOffered as error:
            seen = "This is as the bot last saw it."
            if self.engine_alive:
                self._runner.submit(lambda: _caught(lambda: self.look_at(request.cluster)))
                seen = "This is as the bot last saw it; it looks again now."
            raise TargetNotOffered(error.message, f"{error.hint} {seen}".strip(), instead=error.instead) from None

    def _changeable(self, cluster: ClusterId) -> ConfiguredCluster:
        configured = self._configured.get(cluster)
        if configured is None:
            raise UnknownCluster(f"No cluster {cluster} is configured.", "See them with: clusters.")
        if configured.check_only:
            raise NotAllowed(
                f"{cluster.name} can be checked and planned, not upgraded: {configured.check_only_reason}",
                "Change the configuration, or use plan.",
            )
        return configured

    def pause(self, run_id: str, *, actor: str, origin: str) -> None:
        self._ask("pause", run_id, actor, origin, must_not_be_paused)

    def resume(self, run_id: str, *, actor: str, origin: str) -> None:
        self._ask("resume", run_id, actor, origin, must_be_resumable)

    def retry(self, run_id: str, *, actor: str, origin: str) -> None:
        self._ask("retry", run_id, actor, origin, must_have_failed)

    def abort(self, run_id: str, *, actor: str, origin: str) -> None:
        """End a run for good. ``what_abort_leaves`` tells before what that means. Raises NotNow."""
        self._ask("abort", run_id, actor, origin, must_be_going)

    def cancel(self, run_id: str, *, actor: str, origin: str) -> None:
        """Abort a run that has not begun. Raises NotNow when it has."""
        self._ask("abort", run_id, actor, origin, must_not_have_begun, asked="cancel")

    def reschedule(self, run_id: str, start_at: datetime | None, *, actor: str, origin: str) -> None:
        """Give a run that has not begun another start. ``start_at``: aware; None means as soon as it may.

        Raises NotNow as ``start`` does, and for a run that has begun.
        """
        judge = partial(must_be_movable, start_at=start_at, now=self._clock.now())
        told = {"start_at": start_at.astimezone(UTC).isoformat()} if start_at else {}
        self._ask("reschedule", run_id, actor, origin, judge, **told)

    def lift(self, run_id: str, freeze: str, reason: str, *, actor: str, origin: str) -> None:
        """Let a run go on in a freeze. Raises NotNow when no such freeze is ahead of it, or without a reason."""
        judge = partial(must_be_liftable, freeze=freeze, reason=reason, now=self._clock.now())
        self._ask("lift", run_id, actor, origin, judge, freeze=freeze, reason=reason.strip())

    def recheck(self, run_id: str, *, actor: str, origin: str) -> None:
        self._ask("recheck", run_id, actor, origin, must_be_recheckable)

    def confirm(self, run_id: str, step_id: str, *, actor: str, origin: str) -> None:
        judge = partial(must_wait_for_confirmation, step_id=step_id)
        self._ask("confirm", run_id, actor, origin, judge, step_id=step_id)

    def _ask(
        self, verb: Verb, run_id: str, actor: str, origin: str, judge: Callable[[UpgradeRun], None], **payload: str
    ) -> None:
        """Commit the one row, unless the verb does not apply. A redelivered request changes and says nothing."""
        run = self.run(run_id)
        try:
            must_be_going(run)
            judge(run)
        except UpgradeError:
            if self._store.posted(origin):
                return
            raise
        now = self._clock.now()
        row = InboxRow(run_id=run.id, kind=verb, actor=actor, origin=origin, payload=payload, at=now)
        if self._store.post(row):
            self._runner.wake()


def _caught(act: Callable[[], R]) -> R | UpgradeError:
    """The answer of a short job, or why there is none."""
    try:
        return act()
    except UpgradeError as error:
        return error
    except Exception as error:
        _log.exception("a short job met an error that nobody foresaw")
        return UpgradeError(f"An error that nobody foresaw: {type(error).__name__}.", "Look at the bot's log.")
