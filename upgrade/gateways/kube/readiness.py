"""What only a readiness check reads of a cluster.

Each method is optional: without its permission a check is unknown, and an upgrade goes on as ever. What is not
installed, or not served by the cluster's version, is an empty tuple.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Final, TypeVar

from upgrade.errors import NotFound
from upgrade.gateways.kube import custom, kubelets, objects, storage
from upgrade.gateways.kube.api import METADATA_ONLY, KubeApi, decoded, list_path
from upgrade.gateways.kube.config_maps import kube_proxy_mode, unquoted
from upgrade.gateways.kube.meta import Named
from upgrade.gateways.kube.rows import SERVICE_NAME, ConfigMap, EndpointSlice
from upgrade.objects import (
    ApiServiceRow,
    BackupRow,
    BindingRow,
    ClaimRow,
    CoreConfig,
    CrdRow,
    CsrRow,
    EniConfigRow,
    KubeletRow,
    NetworkPolicyRow,
    NodeClassRow,
    NodePoolRow,
    ServiceAccountRow,
    ServiceRow,
    StorageClassRow,
    TokenSecretRow,
    VolumeRow,
    WebhookRow,
)
from upgrade.ports import permission
from upgrade.rows import EndpointsRow

T = TypeVar("T")
R = TypeVar("R")

_SERVICES: Final = "list services"
_VALIDATING: Final = "list validatingwebhookconfigurations.admissionregistration.k8s.io"
_MUTATING: Final = "list mutatingwebhookconfigurations.admissionregistration.k8s.io"
_API_SERVICES: Final = "list apiservices.apiregistration.k8s.io"
_CRDS: Final = "list customresourcedefinitions.apiextensions.k8s.io"
_ENDPOINTS: Final = "list endpointslices.discovery.k8s.io"
_CSRS: Final = "list certificatesigningrequests.certificates.k8s.io"
_VOLUMES: Final = "list persistentvolumes"
_CLAIMS: Final = "list persistentvolumeclaims"
_CLASSES: Final = "list storageclasses.storage.k8s.io"
_CLUSTER_BINDINGS: Final = "list clusterrolebindings.rbac.authorization.k8s.io"
_BINDINGS: Final = "list rolebindings.rbac.authorization.k8s.io"
_POLICIES: Final = "list networkpolicies.networking.k8s.io"
_ACCOUNTS: Final = "list serviceaccounts"
_SECRETS: Final = "list secrets"
_NODE_POOLS: Final = "list nodepools.karpenter.sh"
_PROVISIONERS: Final = "list provisioners.karpenter.sh"
_NODE_CLASSES: Final = "list ec2nodeclasses.karpenter.k8s.aws"
_NODE_TEMPLATES: Final = "list awsnodetemplates.karpenter.k8s.aws"
_ENI_CONFIGS: Final = "list eniconfigs.crd.k8s.amazonaws.com"
_BACKUPS: Final = "list backups.velero.io"
_POD_SECURITY: Final = "list podsecuritypolicies.policy"
#: What EKS manages node groups and add-ons with (A-37).
_OF_EKS: Final = (
    ("ClusterRole", "get clusterroles.rbac.authorization.k8s.io eks:node-manager"),
    ("ClusterRoleBinding", "get clusterrolebindings.rbac.authorization.k8s.io eks:node-manager"),
    ("ClusterRoleBinding", "get clusterrolebindings.rbac.authorization.k8s.io eks:addon-cluster-admin"),
)
_CORE_CONFIG: Final = tuple(
    f"get configmaps kube-system/{name}" for name in ("coredns", "kube-proxy-config", "aws-auth")
)


class KubeReadinessReads:
    """For a gateway that has ``_api``."""

    _api: KubeApi

    @permission(_SERVICES, optional=True)
    def services(self) -> tuple[ServiceRow, ...]:
        return self._list(_SERVICES, objects.Service, objects.Service.row)

    @permission(_VALIDATING, _MUTATING, optional=True)
    def webhooks(self) -> tuple[WebhookRow, ...]:
        configuration = objects.WebhookConfiguration
        validating = self._list(_VALIDATING, configuration, lambda one: one.rows("ValidatingWebhookConfiguration"))
        mutating = self._list(_MUTATING, configuration, lambda one: one.rows("MutatingWebhookConfiguration"))
        return tuple(chain.from_iterable((*validating, *mutating)))

    @permission(_API_SERVICES, optional=True)
    def api_services(self) -> tuple[ApiServiceRow, ...]:
        return self._list(_API_SERVICES, objects.ApiService, objects.ApiService.row)

    @permission(_CRDS, optional=True)
    def crds(self) -> tuple[CrdRow, ...]:
        return self._list(_CRDS, objects.Crd, objects.Crd.row)

    @permission(_ENDPOINTS, optional=True)
    def endpoints_of(self, services: Sequence[str]) -> tuple[EndpointsRow, ...]:
        """A row a Service, by one request a namespace.

        Args:
            services: each as ``namespace/name``.
        """
        by_namespace: defaultdict[str, list[str]] = defaultdict(list)
        for path in sorted(services):
            namespace, _, name = path.partition("/")
            by_namespace[namespace].append(name)
        return tuple(row for place in by_namespace.items() for row in self._ready(*place))

    @permission(_CSRS, optional=True)
    def csrs(self) -> tuple[CsrRow, ...]:
        return self._list(_CSRS, objects.Csr, objects.Csr.row)

    @permission(_VOLUMES, optional=True)
    def persistent_volumes(self) -> tuple[VolumeRow, ...]:
        return self._list(_VOLUMES, storage.Volume, storage.Volume.row)

    @permission(_CLAIMS, optional=True)
    def claims(self) -> tuple[ClaimRow, ...]:
        return self._list(_CLAIMS, storage.Claim, storage.Claim.row)

    @permission(_CLASSES, optional=True)
    def storage_classes(self) -> tuple[StorageClassRow, ...]:
        return self._list(_CLASSES, storage.StorageClass, storage.StorageClass.row)

    @permission(_CLUSTER_BINDINGS, _BINDINGS, optional=True)
    def anonymous_bindings(self) -> tuple[BindingRow, ...]:
        everywhere = self._list(_CLUSTER_BINDINGS, objects.Binding, lambda one: one.to_nobody("ClusterRoleBinding"))
        somewhere = self._list(_BINDINGS, objects.Binding, lambda one: one.to_nobody("RoleBinding"))
        return tuple(row for row in (*everywhere, *somewhere) if row)

    @permission(*(access for _, access in _OF_EKS), optional=True)
    def missing_eks_rbac(self) -> tuple[str, ...]:
        """Those of the roles and bindings of EKS that are gone, as ``ClusterRole eks:node-manager`` (A-37)."""
        return tuple(f"{kind} {access.rpartition(' ')[2]}" for kind, access in _OF_EKS if not self._is_there(access))

    @permission(_POLICIES, optional=True)
    def network_policies(self) -> tuple[NetworkPolicyRow, ...]:
        return self._list(_POLICIES, objects.NetworkPolicy, objects.NetworkPolicy.row)

    @permission(_ACCOUNTS, optional=True)
    def service_accounts(self) -> tuple[ServiceAccountRow, ...]:
        return self._list(_ACCOUNTS, objects.ServiceAccount, objects.ServiceAccount.row)

    @permission(_SECRETS, optional=True)
    def token_secrets(self) -> tuple[TokenSecretRow, ...]:
        """Only metadata is asked for: no Secret's data is on the wire."""
        return self._api.rows(
            "/api/v1/secrets",
            _SECRETS,
            objects.TokenSecret,
            objects.TokenSecret.row,
            [("fieldSelector", "type=kubernetes.io/service-account-token")],
            accept=METADATA_ONLY,
        )

    @permission(_NODE_POOLS, _PROVISIONERS, optional=True)
    def node_pools(self) -> tuple[NodePoolRow, ...]:
        """NodePools and, of Karpenter before 0.32 or left over from it, Provisioners."""
        version, pools = self._api.newest(_NODE_POOLS, ("v1", "v1beta1"), custom.NodePool)
        older, provisioners = self._api.newest(_PROVISIONERS, ("v1alpha5",), custom.Provisioner)
        return (*(pool.row(version) for pool in pools), *(one.row(older) for one in provisioners))

    @permission(_NODE_CLASSES, _NODE_TEMPLATES, optional=True)
    def node_classes(self) -> tuple[NodeClassRow, ...]:
        _, classes = self._api.newest(_NODE_CLASSES, ("v1", "v1beta1"), custom.NodeClass)
        _, templates = self._api.newest(_NODE_TEMPLATES, ("v1alpha1",), custom.NodeClass)
        return (
            *(one.row("EC2NodeClass") for one in classes),
            *(one.row("AWSNodeTemplate") for one in templates),
        )

    @permission(_ENI_CONFIGS, optional=True)
    def eni_configs(self) -> tuple[EniConfigRow, ...]:
        _, found = self._api.newest(_ENI_CONFIGS, ("v1alpha1",), custom.EniConfig)
        return tuple(one.row() for one in found)

    @permission(_BACKUPS, optional=True)
    def velero_backups(self) -> tuple[BackupRow, ...]:
        _, found = self._api.newest(_BACKUPS, ("v1",), custom.Backup)
        return tuple(one.row() for one in found)

    @permission(_POD_SECURITY, optional=True)
    def pod_security_policies(self) -> tuple[str, ...]:
        """Their names; there are none from Kubernetes 1.25 on."""
        _, found = self._api.newest(_POD_SECURITY, ("v1beta1",), Named)
        return tuple(one.metadata.name for one in found)

    @permission(*_CORE_CONFIG, optional=True)
    def core_config(self) -> CoreConfig:
        coredns, kube_proxy, aws_auth = (self._config_map(access) for access in _CORE_CONFIG)
        return CoreConfig(
            corefile=None if coredns is None else coredns.get("Corefile"),
            kube_proxy_mode=None if kube_proxy is None else kube_proxy_mode(kube_proxy),
            aws_auth_unquoted=None if aws_auth is None else unquoted(aws_auth),
        )

    @permission(kubelets.ACCESS, optional=True)
    def kubelets(self, nodes: Sequence[str]) -> tuple[KubeletRow, ...]:
        return kubelets.ask_kubelets(self._api, nodes)

    def _list(self, access: str, kind: type[T], make: Callable[[T], R]) -> tuple[R, ...]:
        """All objects of a kind whose v1 every cluster serves; ``access`` is ``list PLURAL.GROUP``."""
        plural, _, group = access.removeprefix("list ").partition(".")
        return self._api.rows(list_path(group, "v1", plural), access, kind, make)

    def _ready(self, namespace: str, names: Sequence[str]) -> Iterator[EndpointsRow]:
        """How many endpoints of each of these Services are ready, in one request."""
        selector = [("labelSelector", f"{SERVICE_NAME} in ({','.join(names)})")]
        ready: defaultdict[str, set[str]] = defaultdict(set)
        _, slices = self._api.newest(_ENDPOINTS, ("v1", "v1beta1"), EndpointSlice, selector, namespace=namespace)
        for found in slices:
            ready[found.service] |= found.ready()
        return (EndpointsRow(namespace=namespace, service=name, ready=len(ready[name])) for name in names)

    def _is_there(self, access: str) -> bool:
        try:
            self._api.get(_path_of(access), access)
        except NotFound:
            return False
        return True

    def _config_map(self, access: str) -> Mapping[str, str] | None:
        try:
            return decoded(self._api.get(_path_of(access), access), ConfigMap, access).data or {}
        except NotFound:
            return None


def _path_of(access: str) -> str:
    """Where an object is that an access names: ``get PLURAL.GROUP NAMESPACE/NAME``."""
    _, resource, where = access.split(" ")
    plural, _, group = resource.partition(".")
    namespace, _, name = where.rpartition("/")
    return f"{list_path(group, 'v1', plural, namespace)}/{name}"
