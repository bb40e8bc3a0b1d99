"""What the engine asks of the world. Implemented in gateways/, store/ and by hand-written fakes in the tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, ParamSpec, Protocol, TypeVar

from upgrade.eks import (
    Addon,
    AddonOffer,
    CallerIdentity,
    ClusterId,
    ControlPlane,
    EksUpdate,
    IamRole,
    Insight,
    KmsKey,
    LaunchTemplate,
    Nodegroup,
    OfferedVersion,
    Subnet,
    UpdateSubject,
)
from upgrade.events import UpgradeEvent
from upgrade.facts import Value
from upgrade.readiness import AwsReadiness, KubeReadiness
from upgrade.rows import CsiNodeRow, EndpointsRow, NamespaceRow, NodeRow, PdbRow, PodRow, WorkloadRow
from upgrade.run import RunStatus, UpgradeRun
from upgrade.versions import AddonVersion, KubernetesVersion

P = ParamSpec("P")
R = TypeVar("R")


def permission(*names: str, optional: bool = False) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Declare what a gateway method needs: IAM actions such as ``eks:DescribeCluster``, or ``list pods`` (RBAC).

    Doctor, the policies in ``deploy/`` and the docs read ``method.permissions``.

    Args:
        optional: an upgrade can do without it; only a check is unknown when it is missing.
    """

    def declare(method: Callable[P, R]) -> Callable[P, R]:
        method.permissions = names  # type: ignore[attr-defined]
        method.optional = optional  # type: ignore[attr-defined]
        return method

    return declare


def permissions_of(gateway: object, *, optional: bool = True) -> tuple[str, ...]:
    """Every permission that the methods of a gateway, or of its class, declare; sorted, each once.

    Args:
        optional: also those that an upgrade can do without.
    """
    kind = gateway if isinstance(gateway, type) else type(gateway)
    methods = (method for one in kind.__mro__ for method in vars(one).values())
    declared = (
        getattr(method, "permissions", ()) for method in methods if optional or not getattr(method, "optional", False)
    )
    return tuple(sorted({name for names in declared for name in names}))


class Clock(Protocol):
    """The only source of time. ``now`` is domain time (DESIGN 7); only a clock turns a delay into real seconds."""

    def now(self) -> datetime: ...

    def real_seconds(self, delay: timedelta) -> float: ...

    def new_id(self) -> str:
        """A fresh random name, 8 hexadecimal digits: chance is banned elsewhere, as time is."""
        ...


class AwsGateway(AwsReadiness, Protocol):
    """AWS as seen for one cluster under one identity.

    Every method raises TemporaryError or PermanentError, nothing else.
    """

    def caller_identity(self) -> CallerIdentity: ...
    def describe_cluster(self) -> ControlPlane: ...
    def offered_versions(self) -> tuple[OfferedVersion, ...]: ...
    def list_update_ids(self, subject: UpdateSubject) -> tuple[str, ...]: ...
    def describe_update(self, update_id: str, subject: UpdateSubject) -> EksUpdate: ...
    def insights(self) -> tuple[Insight, ...]: ...
    def start_insights_refresh(self) -> None: ...
    def insights_refresh_under_way(self) -> bool: ...
    def addon_names(self) -> tuple[str, ...]: ...
    def describe_addon(self, name: str) -> Addon: ...
    def addon_offers(self, names: Sequence[str]) -> tuple[AddonOffer, ...]: ...
    def nodegroup_names(self) -> tuple[str, ...]: ...
    def describe_nodegroup(self, name: str) -> Nodegroup: ...
    def subnets(self, ids: Sequence[str]) -> tuple[Subnet, ...]: ...
    def role(self, arn: str) -> IamRole | None: ...
    def key(self, arn: str, role_arn: str) -> KmsKey: ...
    def denied_actions(self, actions: Sequence[str]) -> tuple[str, ...]: ...
    def ami_release(self, version: KubernetesVersion, ami_type: str) -> str | None: ...
    def has_access_entry(self, principal_arn: str) -> bool: ...
    def update_cluster_version(self, version: KubernetesVersion, *, token: str) -> EksUpdate: ...
    def update_addon(
        self, name: str, version: AddonVersion, *, resolve_conflicts: str, role_arn: str | None, token: str
    ) -> EksUpdate: ...
    def update_nodegroup_version(
        self,
        name: str,
        *,
        version: KubernetesVersion | None,
        release_version: str | None,
        launch_template: LaunchTemplate | None,
        force: bool,
        token: str,
    ) -> EksUpdate: ...


class KubeGateway(KubeReadiness, Protocol):
    """The Kubernetes API of one cluster. Read-only. Raises TemporaryError or PermanentError, nothing else."""

    def for_one_look(self) -> KubeGateway:
        """The same cluster, for the many reads of one look: a refusal that stays is found out once for all of them."""
        ...

    def server_version(self) -> KubernetesVersion: ...
    def ready(self) -> bool: ...
    def nodes(self) -> tuple[NodeRow, ...]: ...
    def pods(self, *, node: str | None = None, namespace: str | None = None) -> tuple[PodRow, ...]: ...
    def pdbs(self) -> tuple[PdbRow, ...]: ...
    def workloads(self, *, namespace: str | None = None) -> tuple[WorkloadRow, ...]: ...
    def namespaces(self) -> tuple[NamespaceRow, ...]: ...
    def csi_nodes(self) -> tuple[CsiNodeRow, ...]: ...
    def endpoints(self, namespace: str, service: str) -> EndpointsRow: ...
    def aws_auth_principals(self) -> tuple[str, ...]: ...
    def denied(self, accesses: Sequence[tuple[str, str]]) -> tuple[str, ...]: ...


class Clusters(Protocol):
    """Where gateways come from: the configured clusters and the identities to reach them."""

    def reading(self, cluster: ClusterId) -> tuple[AwsGateway, KubeGateway]:
        """Gateways under the read role."""
        ...

    def changing(self, cluster: ClusterId, *, run_id: str, requester: str) -> tuple[AwsGateway, KubeGateway]:
        """Gateways under the change role, its session named after the run, SourceIdentity the requester."""
        ...


Verb = Literal[
    "check",
    "plan",
    "status",
    "start",
    "pause",
    "resume",
    "retry",
    "abort",
    "recheck",
    "confirm",
    "approve",
    "reject",
    "waive",
    "reschedule",
    "lift",
    "break_glass",
    "acknowledge",
    "take_over",
    "mute",
    "note",
    "admin",
]


class Allowed(Value):
    allowed: Literal[True] = True


class Refused(Value):
    """``reason`` is the sentence that the person reads; ``who``: ids of the users and user groups who may."""

    allowed: Literal[False] = False
    reason: str
    who: tuple[str, ...] = ()


class Access(Protocol):
    """Who may do what (DESIGN 6). Asked by the engine after the request was committed, before it counts."""

    def allows(self, actor: str, verb: Verb, cluster: ClusterId) -> Allowed | Refused: ...

    def belongs(self, actor: str, to: Sequence[str]) -> bool:
        """Whether the actor is one of these users, or in one of these user groups. May raise when it cannot tell."""
        ...


class Delivery(Protocol):
    """What the engine must know of Slack: no notice, no start; nobody could press Pause, no new step."""

    def notice_delivered(self, run_id: str) -> bool:
        """Whether the notice is out, and the start that holds was told if it was set after that."""
        ...

    def unreachable_since(self) -> datetime | None:
        """Domain time since when Slack cannot be reached; None while it can."""
        ...


class StoredMessage(Value):
    """A row of ``messages``: which Slack message shows what (DESIGN 6). ``ts`` is None until it is posted."""

    run_id: str
    kind: str
    key: str
    channel_id: str
    ts: str | None = None
    shown_seq: int = 0
    content_hash: str = ""


class StoredHome(Value):
    """Who has the board of all clusters open. ``choice``: what they chose to see; ``at``: real seconds since 1970."""

    user: str
    choice: str
    at: float


class InboxRow(Value):
    """A request or decision of a person, committed by a listener and consumed by the engine in order.

    Args:
        id: its place in the order; 0 before it is stored.
        kind: the verb.
        origin: where it came from; the same origin twice is one row.
        payload: what the verb needs (``gate``, ``digest``, ``ticked``, ``step_id``, ``code``, ``subject``, ``reason``).
    """

    id: int = 0
    run_id: str
    kind: Verb
    actor: str
    origin: str
    payload: Mapping[str, str] = {}
    at: datetime


@dataclass(frozen=True, slots=True)
class AgendaItem:
    """When an unfinished run wants to be looked at; ``requested`` when its inbox is not empty."""

    run_id: str
    version: int
    due_at: datetime | None
    requested: bool


class RunStore(Protocol):
    """Runs, events and decisions. A run row, its events and the inbox rows it consumed are saved in one transaction."""

    def create(self, run: UpgradeRun, events: Sequence[UpgradeEvent]) -> None:
        """Raises RunInProgress when the cluster has an unfinished run."""
        ...

    def load(self, run_id: str) -> UpgradeRun:
        """Raises UnknownRun."""
        ...

    def save(self, run: UpgradeRun, events: Sequence[UpgradeEvent], *, consumed: Sequence[int] = ()) -> UpgradeRun:
        """Save with ``version`` + 1. Raises RunChanged when the stored version is another, RunInProgress as above."""
        ...

    def agenda(self) -> tuple[AgendaItem, ...]: ...
    def unfinished(self) -> tuple[UpgradeRun, ...]: ...
    def find(
        self, *, cluster: ClusterId | None = None, statuses: Sequence[RunStatus] = (), limit: int = 50
    ) -> tuple[UpgradeRun, ...]:
        """Newest first."""
        ...

    def matching(self, prefix: str) -> tuple[str, ...]:
        """Ids of runs that begin so."""
        ...

    def events(self, run_id: str, *, after: int = 0) -> tuple[UpgradeEvent, ...]: ...
    def post(self, row: InboxRow) -> bool:
        """Commit a request. False when its origin was seen before: nothing was written."""
        ...

    def posted(self, origin: str) -> bool:
        """Whether a request of that origin was committed before."""
        ...

    def inbox(self, run_id: str) -> tuple[InboxRow, ...]:
        """Requests that were not consumed, oldest first."""
        ...

    def message(self, run_id: str, kind: str, key: str) -> StoredMessage | None: ...
    def messages(self, run_id: str) -> tuple[StoredMessage, ...]: ...
    def named(self, kind: str, key: str) -> tuple[StoredMessage, ...]:
        """Those of all runs."""
        ...

    def save_message(self, message: StoredMessage) -> None: ...
    def untold(self) -> tuple[str, ...]:
        """Runs that have ended and whose run message (kind ``run``) is missing or does not show the end."""
        ...

    def messages_behind(self) -> tuple[StoredMessage, ...]:
        """Messages of runs that have events newer than what the message shows."""
        ...
