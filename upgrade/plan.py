"""The plan: phases in sequence, steps that say what they do, and the digest that people approve."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from upgrade.eks import ClusterId, LaunchTemplate
from upgrade.facts import Value
from upgrade.freeze import Freeze
from upgrade.gates import Gate, GateRule, GateTerms, gate_before
from upgrade.idle import IdleOnly
from upgrade.versions import AddonVersion, KubernetesVersion


class NodePolicy(StrEnum):
    """When nodes are rotated (DESIGN 8, C-20, X2)."""

    LAZY = "lazy"
    MATCH_FIRST = "match-first"
    EVERY_HOP = "every-hop"


class Scope(StrEnum):
    ALL = "all"
    CONTROL_PLANE = "control-plane"
    ADDONS = "add-ons"
    NODES = "nodes"


class EnvironmentPolicy(Value):
    """What an environment demands. The defaults are the library's: it neither bakes nor reminds.

    Args:
        approvals: how many people must approve the plan.
        requester_counts: whether the requester's own approval counts.
        approver_groups: ids of the user groups and users whose approval counts; empty: those of the role approver.
        gates: what needs an approval of its own: kinds of phase (``nodes``, ``control-plane``, ``add-ons``), the
            ``first-control-plane``, each further ``hop``; or how such a gate is kept. The first that applies counts.
        node_policy: when nodes are rotated.
        parallel_nodegroups: how many node groups may be updated at once.
        notice: the least time between the announcement and the start.
        approval_expires: how long a plan waits for its approvals.
        approval_valid: how long the approvals of a plan count once they are complete; half-way beyond it they are asked
            for again before the next phase.
        break_glass_valid: how long a gate that somebody opened alone counts as approved.
        windows: maintenance windows as ``mon-fri 09:00-17:00``, in the cluster's time zone; none means always.
        bake_after_hop: how long a version is watched before the next hop.
        bake_before_nodes: how long the control plane is watched before nodes follow: until then it can go back
            (docs/decisions/0007).
        one_hop_a_window: the next hop waits for the next window.
        remind: how long before the start everybody is reminded of the announcement.
        checklist: whether each item of a plan's check list must be ticked by somebody before an approval counts
            (``required``), or the list is only shown (``shown``).
    """

    approvals: int = Field(default=1, ge=1, le=10)
    requester_counts: bool = False
    approver_groups: tuple[str, ...] = ()
    gates: tuple[Gate, ...] = ()
    node_policy: NodePolicy = NodePolicy.LAZY
    parallel_nodegroups: int = Field(default=1, ge=1, le=20)
    notice: timedelta = timedelta(minutes=15)
    approval_expires: timedelta = timedelta(hours=24)
    approval_valid: timedelta = timedelta(days=14)
    break_glass_valid: timedelta = timedelta(hours=4)
    windows: tuple[str, ...] = ()
    bake_after_hop: timedelta = timedelta(0)
    bake_before_nodes: timedelta = timedelta(0)
    one_hop_a_window: bool = False
    remind: tuple[timedelta, ...] = ()
    checklist: Literal["required", "shown"] = "required"


class UpgradePolicy(EnvironmentPolicy):
    """What holds a run: the demands of its environment, and the freezes.

    Args:
        freezes: times in which nothing starts, whatever the windows say.
        idle_only: where people work, for a cluster that is upgraded only while nobody does (A-27).
    """

    freezes: tuple[Freeze, ...] = ()
    idle_only: IdleOnly | None = None


class _Step(Value):
    @property
    def pins(self) -> Mapping[str, Any]:
        """What the digest covers of this step: everything but prose and estimates."""
        return self.model_dump(mode="json", exclude={"summary"})


class AnnounceStep(_Step):
    """Wait until the notice is delivered: no notice, no start (A-26)."""

    kind: Literal["announce"] = "announce"

    @property
    def id(self) -> str:
        return "announce"


class NodegroupStep(_Step):
    """Update one managed node group (D-06).

    ``release_version`` is the pinned AMI release; None with a custom AMI. ``launch_template`` only when the group was
    made with one of the user's own.
    """

    kind: Literal["nodegroup"] = "nodegroup"
    name: str
    version: KubernetesVersion
    release_version: str | None = None
    launch_template: LaunchTemplate | None = None
    force: bool = False

    @property
    def id(self) -> str:
        return f"nodegroup/{self.name}@{self.version}"


class ControlPlaneStep(_Step):
    """Move the control plane one minor (C-11b).

    ``if_groups_must_match``: what is done first if EKS refuses because node groups lag (C-06). Part of the approval.
    """

    kind: Literal["control-plane"] = "control-plane"
    version: KubernetesVersion
    if_groups_must_match: tuple[NodegroupStep, ...] = ()

    @property
    def id(self) -> str:
        return f"control-plane@{self.version}"


class AddonStep(_Step):
    """Move one EKS add-on to a pinned version, keeping its configuration, role and pod identities (E-02, E-04)."""

    kind: Literal["addon"] = "addon"
    name: str
    version: AddonVersion
    resolve_conflicts: Literal["PRESERVE", "OVERWRITE", "NONE"] = "PRESERVE"

    @property
    def id(self) -> str:
        return f"addon/{self.name}@{self.version}"


class ConfirmStep(_Step):
    """Something this program does not change; a person does it and confirms.

    Args:
        subject: what, such as ``self-managed/workers`` or ``controller/cluster-autoscaler``.
        version: the Kubernetes version it must be ready for.
        shows: True when the cluster shows that it was done (kubelet versions, image tags), so that it can be observed
            and a plan made later leaves it out.
        summary: one sentence telling the person what to do.
    """

    kind: Literal["confirm"] = "confirm"
    subject: str
    version: KubernetesVersion
    shows: bool = False
    summary: str = ""

    @property
    def id(self) -> str:
        return f"confirm/{self.subject}@{self.version}"


class VerifyStep(_Step):
    """Look whether all is as planned and no workload is worse than before (A-28).

    ``after``: what was changed just before: the hop (control plane and add-ons) or nodes.
    """

    kind: Literal["verify"] = "verify"
    version: KubernetesVersion
    after: Literal["hop", "nodes"] = "hop"

    @property
    def id(self) -> str:
        return f"verify@{self.version}" if self.after == "hop" else f"verify-nodes@{self.version}"


class BakeStep(_Step):
    """Watch a version for a while before going on, while the way back is open (C-13, C-33, docs/decisions/0007).

    Args:
        version: what the control plane is on.
        before: what comes after it and gives the way back up.
        lasts: how long; zero when only the window is waited for.
        next_window: go on in a later maintenance window than the one in which it began.
    """

    kind: Literal["bake"] = "bake"
    version: KubernetesVersion
    before: Literal["hop", "nodes"] = "hop"
    lasts: timedelta = timedelta(0)
    next_window: bool = False

    @property
    def id(self) -> str:
        return f"bake@{self.version}" if self.before == "hop" else f"bake-before-nodes@{self.version}"


Step = Annotated[
    AnnounceStep | ControlPlaneStep | AddonStep | NodegroupStep | ConfirmStep | VerifyStep | BakeStep,
    Field(discriminator="kind"),
]
_UPDATING: Final = frozenset({"control-plane", "addon", "nodegroup"})
#: Kinds of step, and of phase, that change nothing: the cluster does not show that they were done.
TRACELESS: Final = frozenset({"announce", "verify", "bake"})
PhaseKind = Literal["announce", "control-plane", "add-ons", "nodes", "verify", "bake"]


class Phase(Value):
    """Steps of one kind for one hop. Phases run in sequence; inside one, ``parallelism`` steps at a time, in order.

    Args:
        id: such as ``control-plane@1.35``, ``add-ons-before@1.35``, ``add-ons@1.35``, ``nodes@1.34``,
            ``verify@1.35``; unique in a plan.
        gate: the name of the approval it waits for, if any; equal to the phase's id.
        gate_terms: how that gate is kept; None for one that waits for an approval and no more.
    """

    id: str
    kind: PhaseKind
    title: str
    parallelism: int = 1
    gate: str | None = None
    gate_terms: GateTerms | None = None
    steps: tuple[Step, ...]

    def with_gate(self, gates: Sequence[Gate], *, first: bool) -> Phase:
        """With the gate that a policy sets before it, if any. ``first``: it is the first of its kind in the plan."""
        gate = gate_before(gates, self.kind, first=first)
        if gate is None:
            return self
        terms = gate.terms if isinstance(gate, GateRule) else None
        return self.model_copy(update={"gate": self.id, "gate_terms": terms})


class Waiver(Value):
    """A finding that somebody accepts. Changes the digest (DESIGN 6).

    ``until``: the last day on which it counts, in the cluster's time zone; None as long as the run goes on.
    """

    code: str
    subject: str
    by: str
    reason: str
    until: date | None = None

    def counts_on(self, day: date) -> bool:
        return self.until is None or day <= self.until

    @property
    def pins(self) -> list[str]:
        """What the digest covers of it."""
        return [self.code, self.subject, self.by, self.reason, *([self.until.isoformat()] if self.until else [])]


class ChecklistItem(Value):
    """What no program can see: true when somebody has looked, and ticked by name (A-22).

    Args:
        id: such as ``tested-elsewhere``, or ``release-notes@1.35`` for one that is ticked for each hop; no spaces.
        rule: the row that asks for it.
        title: what is ticked, in a few words.
        sentence: what is true once somebody has looked.
        link: where to read more.
    """

    id: str
    rule: str
    title: str
    sentence: str
    link: str


class UpgradePlan(Value):
    """What runs, to the letter.

    The digest leaves out what explains and does not act: ``minutes`` maps a step id to (low, high) estimates;
    ``measured`` are the ids of the steps whose estimate is this cluster's own past (None: made before that was kept);
    ``addon_versions`` maps the id of each add-on phase, also of one with nothing to do, to the version that every
    add-on has after it; ``notes`` are sentences for the reader, such as an add-on that is kept though it is not listed;
    ``checklist`` is what people look after. ``idle_only``: it begins only while nobody works there.
    """

    cluster: ClusterId
    from_version: KubernetesVersion
    to_version: KubernetesVersion
    scope: Scope
    node_policy: NodePolicy
    approvals: int
    requester_counts: bool
    approver_groups: tuple[str, ...] = ()
    phases: tuple[Phase, ...]
    waivers: tuple[Waiver, ...] = ()
    minutes: Mapping[str, tuple[float, float]] = {}
    measured: tuple[str, ...] | None = None
    addon_versions: Mapping[str, Mapping[str, AddonVersion]] = {}
    notes: tuple[str, ...] = ()
    checklist: tuple[ChecklistItem, ...] = ()
    idle_only: IdleOnly | None = None

    @property
    def digest(self) -> str:
        """sha256 over canonical JSON of ids, pinned parameters, order, gates, policy and waivers."""
        content = {
            "cluster": str(self.cluster),
            "from": str(self.from_version),
            "to": str(self.to_version),
            "scope": self.scope,
            "policy": [
                self.node_policy,
                self.approvals,
                self.requester_counts,
                *([sorted(self.approver_groups)] if self.approver_groups else []),
            ],
            "phases": [
                {
                    "id": phase.id,
                    "gate": phase.gate,
                    **({"gate terms": phase.gate_terms.model_dump(mode="json")} if phase.gate_terms else {}),
                    "parallelism": phase.parallelism,
                    "steps": [[step.id, dict(step.pins)] for step in phase.steps],
                }
                for phase in self.phases
            ],
            "waivers": sorted(waiver.pins for waiver in self.waivers),
            **({"idle only": self.idle_only.model_dump(mode="json")} if self.idle_only else {}),
        }
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()

    def steps(self) -> Iterator[tuple[Phase, Step]]:
        for phase in self.phases:
            for step in phase.steps:
                yield phase, step

    def behind(self, gate: str | None) -> Phase | None:
        """The phase that waits at ``gate``; None at that of the plan itself, and at one that no phase has."""
        return next((phase for phase in self.phases if gate is not None and phase.gate == gate), None)

    def updates(self, step_id: str) -> bool:
        """Whether that step starts an update at EKS, which nobody can cancel (C-38)."""
        try:
            return self.find(step_id).kind in _UPDATING
        except KeyError:
            return False

    def find(self, step_id: str) -> Step:
        """The step of that id, also one of a C-06 branch. Raises KeyError."""
        for _, step in self.steps():
            if step.id == step_id:
                return step
            if isinstance(step, ControlPlaneStep):
                for branch in step.if_groups_must_match:
                    if branch.id == step_id:
                        return branch
        raise KeyError(step_id)


class PlanRequest(Value):
    """What a person asked for. ``target`` None means the next minor."""

    cluster: ClusterId
    target: KubernetesVersion | None = None
    scope: Scope = Scope.ALL
    node_policy: NodePolicy | None = None
