"""What people decide about a plan, a gate or a finding: a part of the service."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from datetime import date, datetime
from functools import partial

from upgrade.engine.rights import waits_for
from upgrade.ports import Access, Verb
from upgrade.run import UpgradeRun
from upgrade.verbs import must_be_approvable, must_be_breakable, must_be_waivable, must_wait_for


class Deciding(ABC):
    """Verbs whose right is looked up after they were committed, and before they count."""

    _access: Access

    @abstractmethod
    def now(self) -> datetime: ...
    @abstractmethod
    def status(self) -> tuple[UpgradeRun, ...]: ...
    @abstractmethod
    def run(self, run_id: str) -> UpgradeRun: ...
    @abstractmethod
    def _ask(
        self, verb: Verb, run_id: str, actor: str, origin: str, judge: Callable[[UpgradeRun], None], **payload: str
    ) -> None: ...

    def awaiting(self, actor: str) -> tuple[UpgradeRun, ...]:
        """Runs that wait for an approval which this person may give. May look up user groups: never before an ack."""
        return tuple(run for run in self.status() if waits_for(self._access, run, actor))

    def approve(
        self, run_id: str, *, gate: str, digest: str, actor: str, origin: str, ticked: Collection[str] = ()
    ) -> None:
        """Approve an open gate. ``ticked``: ids of the items of the check list that the person looked after.

        Raises DecisionOutdated when that gate of that plan is not the open one, NotNow when none is, ChecklistOpen when
        an item is neither among ``ticked`` nor was ticked before.
        """
        judge = partial(must_be_approvable, gate=gate, digest=digest, ticked=ticked)
        told = {"ticked": " ".join(ticked)} if ticked else {}
        self._ask("approve", run_id, actor, origin, judge, gate=gate, digest=digest, **told)

    def reject(self, run_id: str, *, gate: str, digest: str, actor: str, reason: str = "", origin: str) -> None:
        judge = partial(must_wait_for, gate=gate, digest=digest)
        self._ask("reject", run_id, actor, origin, judge, gate=gate, digest=digest, reason=reason)

    def waive(
        self, run_id: str, *, code: str, subject: str, reason: str, actor: str, origin: str, until: date | None = None
    ) -> None:
        """Accept a finding. ``until``: the last day on which the waiver counts, in the cluster's time zone."""
        given = partial(must_be_waivable, code=code, subject=subject, reason=reason)
        judge = given if until is None else partial(given, until=until, now=self.now())
        told = {"until": until.isoformat()} if until else {}
        self._ask("waive", run_id, actor, origin, judge, code=code, subject=subject, reason=reason.strip(), **told)

    def break_glass(self, run_id: str, reason: str, *, actor: str, origin: str) -> None:
        """Open alone the gate that waits now, with a reason. Raises NotNow when none does, or without a reason."""
        run, said = self.run(run_id), " ".join(reason.split())
        bound = {"gate": run.waiting_for or "", "digest": run.plan.digest if run.plan else ""}
        self._ask("break_glass", run.id, actor, origin, partial(must_be_breakable, reason=said), reason=said, **bound)
