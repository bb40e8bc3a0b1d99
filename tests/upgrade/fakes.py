"""Hand-written fakes of the ports: a cluster with asynchronous updates, tokens and a call log; a standing clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

import msgspec

from tests.upgrade.fake_readiness import FakeAwsReadiness, FakeKubeReadiness
from tests.upgrade.snapshots import TAKEN_AT, healthy_snapshot, nodegroup
from upgrade.cluster import ClusterSnapshot
from upgrade.eks import (
    Addon,
    AddonOffer,
    CallerIdentity,
    ClusterId,
    ControlPlane,
    EksUpdate,
    IamRole,
    Insight,
    Issue,
    KmsKey,
    LaunchTemplate,
    Nodegroup,
    OfferedVersion,
    Subnet,
    UpdateSubject,
)
from upgrade.errors import ClusterBusy, NotFound
from upgrade.facts import known, need
from upgrade.ports import Allowed, AwsGateway, Clock, KubeGateway, Refused, Verb
from upgrade.rows import CsiNodeRow, EndpointsRow, NamespaceRow, NodeRow, PdbRow, PodRow, WorkloadRow
from upgrade.versions import AddonVersion, KubernetesVersion

MINUTES = {"cluster": 10.0, "addon": 2.0, "nodegroup": 12.0}


class ManualClock:
    """Domain time that moves only when a test says so."""

    def __init__(self, now: datetime = TAKEN_AT) -> None:
        self.time = now
        self.ids = 0

    def now(self) -> datetime:
        return self.time

    def real_seconds(self, delay: timedelta) -> float:
        return 0.0

    def new_id(self) -> str:
        self.ids += 1
        return f"{self.ids:08x}"

    def pass_(self, **delay: float) -> None:
        self.time += timedelta(**delay)


@dataclass
class FakeUpdate:
    update: EksUpdate
    ends_at: datetime
    effect: Callable[[], None]
    errors: tuple[Issue, ...] = ()
    token: str = ""


@dataclass
class FakeCluster:
    """What the AWS and Kubernetes fakes show. Start from a healthy snapshot and change ``snapshot`` at will.

    Args:
        log: each mutating call that took effect, as (method, subject, parameters).
        fail: errors for the next update of a subject, by ``kind/name``.
        raises: errors to raise from a method, one for each call; ``after:`` in front of the name makes the call take
            effect first, as when an answer is lost.
        minutes: how long an update takes, by the kind of its subject.
    """

    clock: Clock
    snapshot: ClusterSnapshot = field(default_factory=healthy_snapshot)
    updates: list[FakeUpdate] = field(default_factory=list)
    log: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    fail: dict[str, list[Issue]] = field(default_factory=dict)
    raises: dict[str, list[Exception]] = field(default_factory=dict)
    minutes: dict[str, float] = field(default_factory=lambda: dict(MINUTES))
    reads: int = 0

    # -- the world --------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """End what is over."""
        for one in self.updates:
            if one.update.status == "InProgress" and one.ends_at <= self.clock.now():
                status = "Failed" if one.errors else "Successful"
                one.update = one.update.model_copy(update={"status": status, "errors": one.errors})
                if not one.errors:
                    one.effect()
                self._set_status(one.update.subject, "ACTIVE")

    def in_progress(self, subject: UpdateSubject) -> FakeUpdate | None:
        self.settle()
        running = [one for one in self.updates if one.update.status == "InProgress"]
        return next((one for one in running if one.update.subject == subject), None)

    def begin(
        self, subject: UpdateSubject, kind: str, params: dict[str, str], effect: Callable[[], None], token: str = ""
    ) -> EksUpdate:
        """Start an update as EKS would: the same token gives the same update, another one while it runs is refused."""
        self.settle()
        for one in self.updates:
            if token and one.token == token:
                return one.update
        if self.in_progress(subject) is not None:
            raise ClusterBusy(f"Another update of the {subject.kind} {subject.name} is under way.")
        update = EksUpdate(
            id=f"u-{len(self.updates) + 1}",
            subject=subject,
            type=kind,
            status="InProgress",
            params=params,
            created_at=self.clock.now(),
        )
        key = f"{subject.kind}/{subject.name}".rstrip("/")
        errors = (self.fail[key].pop(0),) if self.fail.get(key) else ()
        ends_at = self.clock.now() + timedelta(minutes=self.minutes[subject.kind])
        self.updates.append(FakeUpdate(update, ends_at, effect, errors, token))
        self._set_status(subject, "UPDATING")
        return update

    def _set_status(self, subject: UpdateSubject, status: str) -> None:
        if subject.kind == "cluster":
            self.change_plane(status=status)
        elif subject.kind == "addon":
            self.change_addon(subject.name, status=status)
        else:
            self.change_group(subject.name, status=status)

    def facts(self, **values: Any) -> None:
        self.snapshot = self.snapshot.model_copy(update={name: known(value) for name, value in values.items()})

    def change_plane(self, **changes: Any) -> None:
        plane = self.snapshot.control_plane.model_copy(update=changes)
        self.snapshot = self.snapshot.model_copy(update={"control_plane": plane})

    def change_addon(self, name: str, **changes: Any) -> None:
        rows = need(self.snapshot.addons)
        self.facts(addons=tuple(a.model_copy(update=changes) if a.name == name else a for a in rows))

    def change_group(self, name: str, **changes: Any) -> None:
        rows = need(self.snapshot.nodegroups)
        self.facts(nodegroups=tuple(g.model_copy(update=changes) if g.name == name else g for g in rows))

    def change_workload(self, name: str, **changes: Any) -> None:
        rows = need(self.snapshot.workloads)
        self.facts(workloads=tuple(msgspec.structs.replace(w, **changes) if w.name == name else w for w in rows))

    def rotate(self, group: str, version: KubernetesVersion, release: str | None) -> None:
        """Replace the nodes of a group; pods move to the new ones."""
        nodes = [node for node in need(self.snapshot.nodes) if node.nodegroup != group]
        old = [node for node in need(self.snapshot.nodes) if node.nodegroup == group]
        new = {
            node.name: msgspec.structs.replace(
                node, name=f"{node.name}-{version}", kubelet_version=f"v{version}.2-eks-113cf36", unschedulable=False
            )
            for node in old
        }
        pods = tuple(
            msgspec.structs.replace(pod, node=new[pod.node].name) if pod.node in new else pod
            for pod in need(self.snapshot.pods)
        )
        self.facts(nodes=(*nodes, *new.values()), pods=pods)
        self.change_group(group, version=version, release_version=release or "")

    def trip(self, method: str) -> None:
        if self.raises.get(method):
            raise self.raises[method].pop(0)

    def act(
        self, method: str, wanted: tuple[UpdateSubject, str, dict[str, str]], effect: Callable[[], None], token: str
    ) -> EksUpdate:
        self.trip(method)
        before = len(self.updates)
        update = self.begin(*wanted, effect, token)
        if len(self.updates) > before:
            self.log.append((method, wanted[0].name, wanted[2]))
        self.trip(f"after:{method}")
        return update

    # -- what tests ask ---------------------------------------------------------------------------------------------

    def took_effect(self) -> list[str]:
        """Each mutating call that took effect, in order, as ``method subject parameter``."""
        return [
            f"{method} {name} {next(iter(params.values()))}".replace("  ", " ") for method, name, params in self.log
        ]


Named = TypeVar("Named", Addon, Nodegroup)


def _find(rows: Iterable[Named], name: str) -> Named:
    for row in rows:
        if row.name == name:
            return row
    raise NotFound(f"There is no {name}.", code="ResourceNotFoundException")


class FakeAws(FakeAwsReadiness):
    """Implements ``AwsGateway`` over a fake cluster."""

    def __init__(self, cluster: FakeCluster) -> None:
        self.cluster = cluster

    @property
    def _now(self) -> ClusterSnapshot:
        self.cluster.reads += 1
        self.cluster.settle()
        return self.cluster.snapshot

    def caller_identity(self) -> CallerIdentity:
        return need(self._now.caller)

    def describe_cluster(self) -> ControlPlane:
        self.cluster.trip("describe_cluster")
        return self._now.control_plane

    def offered_versions(self) -> tuple[OfferedVersion, ...]:
        return need(self._now.offered_versions)

    def list_update_ids(self, subject: UpdateSubject) -> tuple[str, ...]:
        self.cluster.trip("list_update_ids")
        self.cluster.settle()
        return tuple(one.update.id for one in self.cluster.updates if one.update.subject == subject)

    def describe_update(self, update_id: str, subject: UpdateSubject) -> EksUpdate:
        self.cluster.trip("describe_update")
        self.cluster.settle()
        for one in self.cluster.updates:
            if one.update.id == update_id and one.update.subject == subject:
                return one.update
        raise NotFound(f"There is no update {update_id}.", code="ResourceNotFoundException")

    def insights(self) -> tuple[Insight, ...]:
        return need(self._now.insights).items

    def start_insights_refresh(self) -> None:
        """The insights of the fake are always fresh."""

    def insights_refresh_under_way(self) -> bool:
        return False

    def addon_names(self) -> tuple[str, ...]:
        return tuple(addon.name for addon in need(self._now.addons))

    def describe_addon(self, name: str) -> Addon:
        self.cluster.trip("describe_addon")
        rows: tuple[Addon, ...] = need(self._now.addons)
        return _find(rows, name)

    def addon_offers(self, names: Sequence[str]) -> tuple[AddonOffer, ...]:
        return tuple(offer for offer in need(self._now.addon_offers) if offer.addon in names)

    def nodegroup_names(self) -> tuple[str, ...]:
        return tuple(group.name for group in need(self._now.nodegroups))

    def describe_nodegroup(self, name: str) -> Nodegroup:
        rows: tuple[Nodegroup, ...] = need(self._now.nodegroups)
        return _find(rows, name)

    def subnets(self, ids: Sequence[str]) -> tuple[Subnet, ...]:
        return tuple(subnet for subnet in need(self._now.subnets) if subnet.id in ids)

    def role(self, arn: str) -> IamRole | None:
        return need(self._now.cluster_role)

    def key(self, arn: str, role_arn: str) -> KmsKey:
        return next(key for key in need(self._now.keys) if key.arn == arn)

    def denied_actions(self, actions: Sequence[str]) -> tuple[str, ...]:
        return need(self._now.denied_actions)

    def ami_release(self, version: KubernetesVersion, ami_type: str) -> str | None:
        for one in need(self._now.ami_releases):
            if (one.version, one.ami_type) == (version, ami_type):
                return one.release_version
        return None

    def has_access_entry(self, principal_arn: str) -> bool:
        return True

    def update_cluster_version(self, version: KubernetesVersion, *, token: str) -> EksUpdate:
        return self.cluster.act(
            "update_cluster_version",
            (UpdateSubject(kind="cluster"), "VersionUpdate", {"Version": str(version), "PlatformVersion": "eks.1"}),
            lambda: self.cluster.change_plane(version=version),
            token,
        )

    def update_addon(
        self, name: str, version: AddonVersion, *, resolve_conflicts: str, role_arn: str | None, token: str
    ) -> EksUpdate:
        return self.cluster.act(
            "update_addon",
            (
                UpdateSubject(kind="addon", name=name),
                "AddonUpdate",
                {"AddonVersion": str(version), "ResolveConflicts": resolve_conflicts},
            ),
            lambda: self.cluster.change_addon(name, version=version),
            token,
        )

    def update_nodegroup_version(
        self,
        name: str,
        *,
        version: KubernetesVersion | None,
        release_version: str | None,
        launch_template: LaunchTemplate | None,
        force: bool,
        token: str,
    ) -> EksUpdate:
        assert version is not None
        params = {"Version": str(version), "ReleaseVersion": release_version or ""}
        subject = UpdateSubject(kind="nodegroup", name=name)

        def effect() -> None:
            self.cluster.rotate(name, version, release_version)

        return self.cluster.act("update_nodegroup_version", (subject, "VersionUpdate", params), effect, token)


class FakeKube(FakeKubeReadiness):
    """Implements ``KubeGateway`` over a fake cluster."""

    def __init__(self, cluster: FakeCluster) -> None:
        self.cluster = cluster

    def for_one_look(self) -> FakeKube:
        return self

    @property
    def _now(self) -> ClusterSnapshot:
        self.cluster.reads += 1
        self.cluster.trip("kube")
        self.cluster.settle()
        return self.cluster.snapshot

    def server_version(self) -> KubernetesVersion:
        return self._now.control_plane.version

    def ready(self) -> bool:
        return True

    def nodes(self) -> tuple[NodeRow, ...]:
        return need(self._now.nodes)

    def pods(self, *, node: str | None = None, namespace: str | None = None) -> tuple[PodRow, ...]:
        rows = need(self._now.pods)
        return tuple(r for r in rows if node in (None, r.node) and namespace in (None, r.namespace))

    def pdbs(self) -> tuple[PdbRow, ...]:
        return need(self._now.pdbs)

    def workloads(self, *, namespace: str | None = None) -> tuple[WorkloadRow, ...]:
        return tuple(row for row in need(self._now.workloads) if namespace in (None, row.namespace))

    def namespaces(self) -> tuple[NamespaceRow, ...]:
        return need(self._now.namespaces)

    def csi_nodes(self) -> tuple[CsiNodeRow, ...]:
        return ()

    def endpoints(self, namespace: str, service: str) -> EndpointsRow:
        return EndpointsRow(namespace=namespace, service=service, ready=2)

    def aws_auth_principals(self) -> tuple[str, ...]:
        return ()

    def denied(self, accesses: Sequence[tuple[str, str]]) -> tuple[str, ...]:
        return ()


class FakeClusters:
    """Implements ``Clusters``; counts under which identity gateways were asked for."""

    def __init__(self, *clusters: FakeCluster) -> None:
        self.by_id = {one.snapshot.cluster: one for one in clusters}
        self.sessions: list[tuple[str, str]] = []

    def reading(self, cluster: ClusterId) -> tuple[AwsGateway, KubeGateway]:
        return FakeAws(self.by_id[cluster]), FakeKube(self.by_id[cluster])

    def changing(self, cluster: ClusterId, *, run_id: str, requester: str) -> tuple[AwsGateway, KubeGateway]:
        self.sessions.append((run_id, requester))
        return self.reading(cluster)


class FakeAccess:
    """Implements ``Access``: everybody may, but for those in ``refused``; ``groups`` have members."""

    def __init__(self) -> None:
        self.refused: dict[tuple[str, Verb], str] = {}
        self.groups: dict[str, set[str]] = {}

    def allows(self, actor: str, verb: Verb, cluster: ClusterId) -> Allowed | Refused:
        reason = self.refused.get((actor, verb))
        return Refused(reason=reason) if reason else Allowed()

    def belongs(self, actor: str, to: Sequence[str]) -> bool:
        return actor in to or any(actor in self.groups.get(group, set()) for group in to)


class FakeDelivery:
    """Implements ``Delivery``: delivered at once and in reach, unless a test says otherwise."""

    def __init__(self) -> None:
        self.delivered = True
        self.since: datetime | None = None

    def notice_delivered(self, run_id: str) -> bool:
        return self.delivered

    def unreachable_since(self) -> datetime | None:
        return self.since


def small_cluster(clock: Clock, version: str = "1.34") -> FakeCluster:
    """A healthy cluster with one node group, so that a run is short."""
    snapshot = healthy_snapshot(version, nodegroups=(nodegroup("core", version),))
    return FakeCluster(clock, snapshot)


def cluster_named(clock: Clock, name: str, version: str = "1.34") -> FakeCluster:
    """The same under another name."""
    cluster = small_cluster(clock, version)
    renamed = cluster.snapshot.cluster.model_copy(update={"name": name})
    cluster.snapshot = cluster.snapshot.model_copy(update={"cluster": renamed})
    return cluster
