"""KubeGateway over HTTPS: reads only, and only what it names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from typing import Any, Final

from upgrade.errors import NotFound, PermanentError
from upgrade.gateways.kube import rows
from upgrade.gateways.kube.api import KubeApi, decoded, list_path
from upgrade.gateways.kube.api_usage import KubeApiUsageReads
from upgrade.gateways.kube.config_maps import principals
from upgrade.gateways.kube.connection import Endpoint
from upgrade.gateways.kube.line import Line
from upgrade.gateways.kube.readiness import KubeReadinessReads
from upgrade.gateways.kube.shapes import Shapes
from upgrade.gateways.kube.storage import CsiNode
from upgrade.ports import permission
from upgrade.rows import CsiNodeRow, EndpointsRow, NamespaceRow, NodeRow, PdbRow, PodRow, WorkloadRow
from upgrade.versions import KubernetesVersion

_WORKLOADS: Final = (
    ("Deployment", "apps", "deployments"),
    ("StatefulSet", "apps", "statefulsets"),
    ("DaemonSet", "apps", "daemonsets"),
    ("ReplicaSet", "apps", "replicasets"),
    ("Job", "batch", "jobs"),
    ("CronJob", "batch", "cronjobs"),
)
_REVIEWS_AT_ONCE: Final = 8
_REVIEW: Final = "create selfsubjectaccessreviews.authorization.k8s.io"
_AWS_AUTH: Final = "get configmaps kube-system/aws-auth"


class HttpKubeGateway(KubeApiUsageReads, KubeReadinessReads):
    """The Kubernetes API of one cluster.

    Args:
        locate: asks EKS for the endpoint and its certificate authority; asked again when nobody answers there.
        mint: makes a bearer token for the cluster.
        breathe: called before each request and before its answer is decoded; it returns when nothing more urgent is to
            be done.
    """

    def __init__(
        self,
        cluster_name: str,
        locate: Callable[[], Endpoint],
        mint: Callable[[], str],
        breathe: Callable[[], None] = lambda: None,
    ) -> None:
        self._api = KubeApi(Line(cluster_name, locate, mint, breathe))

    @permission()
    def for_one_look(self) -> HttpKubeGateway:
        """The same cluster, for one look only: that the bot is not let in is found out once, not by every read."""
        looking = copy(self)
        looking._api = self._api.for_one_look()  # noqa: SLF001  (of its own kind)
        return looking

    def close(self) -> None:
        self._api.close()

    @permission()
    def server_version(self) -> KubernetesVersion:
        info = decoded(self._api.get("/version", "get /version"), rows.VersionInfo, "get /version")
        try:
            return KubernetesVersion.of_kubelet(info.git_version)
        except ValueError as error:
            raise PermanentError(f"The API server has no readable version: {error}", code="UnreadableAnswer") from None

    @permission()
    def ready(self) -> bool:
        """Does /readyz say that the API server is ready?"""
        return self._api.probe("/readyz", "get /readyz")

    @permission("list nodes")
    def nodes(self) -> tuple[NodeRow, ...]:
        return self._api.rows("/api/v1/nodes", "list nodes", rows.Node, rows.Node.row)

    @permission("list pods")
    def pods(self, *, node: str | None = None, namespace: str | None = None) -> tuple[PodRow, ...]:
        query = [("fieldSelector", f"spec.nodeName={node}")] if node else []
        shapes, path = Shapes(), list_path("", "v1", "pods", namespace)
        return self._api.rows(path, "list pods", rows.Pod, lambda pod: pod.row(shapes), query)

    @permission("list poddisruptionbudgets.policy")
    def pdbs(self) -> tuple[PdbRow, ...]:
        """The PodDisruptionBudgets; policy/v1 is served from Kubernetes 1.21 on, policy/v1beta1 before."""
        access = "list poddisruptionbudgets.policy"
        try:
            found = self._api.items("/apis/policy/v1/poddisruptionbudgets", access, rows.Pdb)
        except NotFound:
            old = self._api.items("/apis/policy/v1beta1/poddisruptionbudgets", access, rows.Pdb)
            return tuple(pdb.row(empty_selects_nothing=True) for pdb in old)
        return tuple(pdb.row(empty_selects_nothing=False) for pdb in found)

    @permission(*(f"list {plural}.{group}" for _, group, plural in _WORKLOADS))
    def workloads(self, *, namespace: str | None = None) -> tuple[WorkloadRow, ...]:
        shapes = Shapes()
        return tuple(row for entry in _WORKLOADS for row in self._workloads(*entry, namespace, shapes))

    def _workloads(
        self, kind: str, group: str, plural: str, namespace: str | None, shapes: Shapes
    ) -> tuple[WorkloadRow, ...]:
        def at(version: str) -> tuple[WorkloadRow, ...]:
            path, access = list_path(group, version, plural, namespace), f"list {plural}.{group}"
            return self._api.rows(path, access, rows.Workload, lambda workload: workload.row(kind, shapes))

        try:
            return at("v1")
        except NotFound:
            if kind != "CronJob":
                raise
            return at("v1beta1")  # batch/v1 has CronJobs from Kubernetes 1.21 on

    @permission("list namespaces")
    def namespaces(self) -> tuple[NamespaceRow, ...]:
        return self._api.rows("/api/v1/namespaces", "list namespaces", rows.Namespace, rows.Namespace.row)

    @permission("list csinodes.storage.k8s.io")
    def csi_nodes(self) -> tuple[CsiNodeRow, ...]:
        found = self._api.items("/apis/storage.k8s.io/v1/csinodes", "list csinodes.storage.k8s.io", CsiNode)
        return tuple(node.row() for node in found)

    @permission("list endpointslices.discovery.k8s.io")
    def endpoints(self, namespace: str, service: str) -> EndpointsRow:
        """How many endpoints of a Service are ready; discovery.k8s.io/v1 is served from Kubernetes 1.21 on."""
        try:
            ready = self._ready_endpoints("v1", namespace, service)
        except NotFound:
            ready = self._ready_endpoints("v1beta1", namespace, service)
        return EndpointsRow(namespace=namespace, service=service, ready=len(ready))

    def _ready_endpoints(self, version: str, namespace: str, service: str) -> set[str]:
        slices = self._api.items(
            list_path("discovery.k8s.io", version, "endpointslices", namespace),
            "list endpointslices.discovery.k8s.io",
            rows.EndpointSlice,
            [("labelSelector", f"{rows.SERVICE_NAME}={service}")],
        )
        return {who for found in slices for who in found.ready()}

    @permission(_AWS_AUTH)
    def aws_auth_principals(self) -> tuple[str, ...]:
        """The role and user ARNs in the ConfigMap aws-auth (A-30); none when the cluster has no such ConfigMap."""
        try:
            body = self._api.get("/api/v1/namespaces/kube-system/configmaps/aws-auth", _AWS_AUTH)
        except NotFound:
            return ()
        data = decoded(body, rows.ConfigMap, _AWS_AUTH).data or {}
        return (*principals(data, "mapRoles", "rolearn"), *principals(data, "mapUsers", "userarn"))

    @permission()
    def denied(self, accesses: Sequence[tuple[str, str]]) -> tuple[str, ...]:
        """Those of the accesses that the bot lacks, as ``verb resource``.

        Args:
            accesses: (verb, resource); a resource is ``pods``, ``deployments.apps``, ``nodes/proxy``,
                ``configmaps NAMESPACE/NAME``, ``clusterroles.rbac.authorization.k8s.io NAME`` or a path: ``/metrics``.
        """
        with ThreadPoolExecutor(_REVIEWS_AT_ONCE, thread_name_prefix="access-reviews") as pool:
            allowed = pool.map(lambda access: self._may(*access), accesses)
            return tuple(" ".join(access) for access, may in zip(accesses, allowed, strict=True) if not may)

    def _may(self, verb: str, resource: str) -> bool:
        kind, _, where = resource.partition(" ")
        plural, _, group = kind.partition(".")
        plural, _, subresource = plural.partition("/")
        namespace, _, name = where.rpartition("/")
        attributes = {"verb": verb, "group": group, "resource": plural, "namespace": namespace, "name": name}
        spec: dict[str, Any] = {
            "resourceAttributes": attributes | ({"subresource": subresource} if subresource else {})
        }
        if resource.startswith("/"):
            spec = {"nonResourceAttributes": {"verb": verb, "path": resource}}
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": spec}
        body = self._api.review("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", _REVIEW, review)
        return decoded(body, rows.AccessReview, _REVIEW).status.allowed
