"""What a check is, and the list of all of them.

A check is a function from a hop to the problems it sees, with a title that is true when all is well. Codes are three
letters and three digits, never used twice and never changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, TypeVar

from upgrade.cluster import ClusterSnapshot
from upgrade.disruption import Budgets
from upgrade.facts import Known, need
from upgrade.findings import Severity, Stops
from upgrade.nodes import NodeSet, node_sets
from upgrade.plan import PhaseKind, Step, UpgradePlan
from upgrade.pod_templates import PodTemplate, pod_templates
from upgrade.reach import SUPPORTED
from upgrade.versions import KubernetesVersion

#: The code of the finding that a check has crashed.
CRASHED: Final = "CHK001"
_CODE: Final = re.compile(r"^[A-Z]{3}\d{3}$")


@dataclass(frozen=True)
class Present:
    """The cluster as it was read, and what many checks make of it: made once, for all hops."""

    cluster: ClusterSnapshot

    @cached_property
    def node_sets(self) -> tuple[NodeSet, ...]:
        return node_sets(self.cluster)

    @cached_property
    def templates(self) -> tuple[PodTemplate, ...]:
        return pod_templates(self.cluster)

    @cached_property
    def budgets(self) -> Budgets:
        return Budgets(need(self.cluster.pdbs))


@dataclass(frozen=True)
class Hop:
    """What a check judges: one move of the control plane, or a plan that leaves the control plane where it is.

    Args:
        present: the cluster as it was read.
        before: the cluster as it will be just before this hop's control plane step; when the control plane stays,
            after the whole plan. What the plan repairs until then is no problem any more.
        target: the version that the control plane will have.
        plan: None when there is no plan, only a wish.
        steps_before: the plan's steps until then.
        own_updates: ids of EKS updates that the run itself has under way.
        wish: the version that was asked for, at the end of all hops; None when nobody says.
    """

    present: Present
    before: ClusterSnapshot
    target: KubernetesVersion
    plan: UpgradePlan | None = None
    steps_before: tuple[Step, ...] = ()
    own_updates: frozenset[str] = frozenset()
    wish: KubernetesVersion | None = None

    @property
    def now(self) -> ClusterSnapshot:
        """The cluster as it was read."""
        return self.present.cluster

    @property
    def current(self) -> KubernetesVersion:
        """The version that the control plane has before this hop."""
        return self.before.control_plane.version

    @property
    def moves(self) -> bool:
        return self.target > self.current

    @property
    def first(self) -> bool:
        return self.current == self.now.control_plane.version

    @property
    def within_reach(self) -> bool:
        """Whether the control plane can get to the target as far as EKS's offer is known; if not, VER says it all."""
        offered = self.now.offered_versions
        if self.target == self.current or not isinstance(offered, Known):
            return True
        return self.moves and any(one.version == self.target and one.status in SUPPORTED for one in offered.value)

    @property
    def node_sets(self) -> tuple[NodeSet, ...]:
        """The node sets as they were read. Raises FactUnknown."""
        return self.present.node_sets

    @cached_property
    def node_sets_before(self) -> tuple[NodeSet, ...]:
        """The node sets as they will be before this hop. Raises FactUnknown."""
        return node_sets(self.before)

    @property
    def templates(self) -> tuple[PodTemplate, ...]:
        """The pod templates as they were read. Raises FactUnknown."""
        return self.present.templates

    @property
    def budgets(self) -> Budgets:
        """The PodDisruptionBudgets as they were read. Raises FactUnknown."""
        return self.present.budgets

    def has_phase(self, kinds: Iterable[PhaseKind]) -> bool:
        """Whether the plan has a phase of one of these kinds; without a plan everything may come."""
        return self.plan is None or any(phase.kind in kinds for phase in self.plan.phases)


@dataclass(frozen=True)
class Problem:
    """What a check sees; the registry makes a finding of it.

    Args:
        severity: None means the check's own.
        stops: None means the check's own.
        unknown: True for something that somebody else could not tell, such as an insight that EKS calls UNKNOWN.
        permission: what is missing, if that is why it is unknown.
    """

    subject: str
    summary: str
    remedy: str = ""
    evidence: Mapping[str, str] = field(default_factory=dict)
    severity: Severity | None = None
    stops: tuple[Stops, ...] | None = None
    unknown: bool = False
    permission: str | None = None


class NotApplicable(Exception):
    """There is nothing for this check to judge in this cluster."""


class CheckCodeTaken(Exception):
    """A check code is malformed or already taken."""


Judge = Callable[[Hop], Iterator[Problem]]
AnyJudge = TypeVar("AnyJudge", bound=Judge)


@dataclass(frozen=True)
class Check:
    """A check with all that is known of it.

    Args:
        title: a sentence that is true when all is well.
        applies_from, applies_until: the first and the last target version it is for; None means any.
        rules: ids of the rules it judges, such as ``A-07``.
        source: the page of AWS or Kubernetes that says so.
        permissions: what reading its facts takes, such as ``ec2:DescribeSubnets`` or ``list pods``.
        waivable: whether a person may accept its findings.
        severity: of a problem that names none, and of a fact that could not be read.
        stops: the phases that a blocking problem stops.
        phases: judged only when the plan has a phase of one of these kinds; empty means always.
    """

    code: str
    title: str
    judge: Judge
    applies_from: KubernetesVersion | None = None
    applies_until: KubernetesVersion | None = None
    rules: tuple[str, ...] = ()
    source: str = ""
    permissions: tuple[str, ...] = ()
    waivable: bool = False
    severity: Severity = Severity.BLOCKS
    stops: tuple[Stops, ...] = ("all",)
    phases: tuple[PhaseKind, ...] = ()

    def applies(self, hop: Hop) -> bool:
        in_range = (self.applies_from or hop.target) <= hop.target <= (self.applies_until or hop.target)
        if not in_range or (self.phases and not hop.has_phase(self.phases)):
            return False
        return hop.moves or "control-plane" not in self.phases


class Registry:
    """Checks by code. Refuses a code that is taken."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}

    def __iter__(self) -> Iterator[Check]:
        return iter(self._checks[code] for code in sorted(self._checks))

    def __getitem__(self, code: str) -> Check:
        return self._checks[code]

    def check(
        self,
        code: str,
        title: str,
        *,
        rules: tuple[str, ...],
        source: str,
        permissions: tuple[str, ...] = (),
        applies_from: KubernetesVersion | None = None,
        applies_until: KubernetesVersion | None = None,
        waivable: bool = False,
        severity: Severity = Severity.BLOCKS,
        stops: tuple[Stops, ...] = ("all",),
        phases: tuple[PhaseKind, ...] = (),
    ) -> Callable[[AnyJudge], AnyJudge]:
        """Register the decorated function as a check; see Check for the arguments. Raises CheckCodeTaken."""

        def register(judge: AnyJudge) -> AnyJudge:
            if not _CODE.match(code) or code == CRASHED or code in self._checks:
                raise CheckCodeTaken(f"{code} cannot be the code of {judge.__name__}: malformed or taken")
            self._checks[code] = Check(
                code=code,
                title=title,
                judge=judge,
                applies_from=applies_from,
                applies_until=applies_until,
                rules=rules,
                source=source,
                permissions=permissions,
                waivable=waivable,
                severity=severity,
                stops=stops,
                phases=phases,
            )
            return judge

        return register


#: Every check of this program.
REGISTRY: Final = Registry()
check: Final = REGISTRY.check
