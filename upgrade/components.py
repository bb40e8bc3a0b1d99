"""Components inside the cluster that this program does not change, read from their images (A-83, A-92)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from upgrade.cluster import ClusterSnapshot
from upgrade.facts import need
from upgrade.rows import WorkloadRow
from upgrade.versions import KubernetesVersion

KUBE_PROXY = "kube-proxy"
CLUSTER_AUTOSCALER = "controller/cluster-autoscaler"
#: CSI drivers that EKS offers as an add-on too: the image of a self-managed one has the add-on's name (A-96).
CSI_DRIVERS = ("aws-ebs-csi-driver", "aws-efs-csi-driver")
_SELF_MANAGED = {
    ("DaemonSet", "aws-node"): "vpc-cni",
    ("DaemonSet", KUBE_PROXY): KUBE_PROXY,
    ("Deployment", "coredns"): "coredns",
}
_AUTOSCALER_IMAGE = re.compile(r"(^|/)cluster-autoscaler([-_:@]|$)")


@dataclass(frozen=True)
class Component:
    """Something that runs in the cluster and follows the Kubernetes version.

    Args:
        subject: such as ``add-on/coredns`` or ``controller/cluster-autoscaler``.
        addon: the name of the EKS add-on that it stands in for; empty for a controller.
        version: the Kubernetes minor that its image is made for; None when it has none or the tag does not tell.
    """

    subject: str
    addon: str
    version: KubernetesVersion | None


def self_managed_addons(snapshot: ClusterSnapshot) -> tuple[Component, ...]:
    """The core add-ons that run without being EKS add-ons (A-83). Raises FactUnknown."""
    managed = {addon.name for addon in need(snapshot.addons)}
    found: list[Component] = []
    for row in need(snapshot.workloads):
        addon = _SELF_MANAGED.get((row.kind, row.name)) if row.namespace == "kube-system" else None
        if addon and addon not in managed:
            found.append(Component(f"add-on/{row.name}", addon, image_minor(row) if addon == KUBE_PROXY else None))
    return tuple(found)


def cluster_autoscaler(snapshot: ClusterSnapshot) -> Component | None:
    """Cluster Autoscaler, which must be of the cluster's minor (A-92, C-09); the oldest one if there are several."""
    rows = [row for row in need(snapshot.workloads) if is_autoscaler(row)]
    if not rows:
        return None
    versions = [image_minor(row) for row in rows]
    told = [version for version in versions if version]
    return Component(CLUSTER_AUTOSCALER, "", min(told) if len(told) == len(rows) else None)


def kube_proxy_version(snapshot: ClusterSnapshot) -> KubernetesVersion | None:
    """The minor of kube-proxy, an EKS add-on or not; None when the cluster runs none. Raises FactUnknown."""
    for addon in need(snapshot.addons):
        if addon.name == KUBE_PROXY:
            return addon.version.kubernetes_minor
    rows = [row for row in need(snapshot.workloads) if is_kube_proxy(row)]
    return image_minor(rows[0]) if rows else None


def is_autoscaler(row: WorkloadRow) -> bool:
    return row.kind == "Deployment" and any(_AUTOSCALER_IMAGE.search(image) for image in row.images)


def is_kube_proxy(row: WorkloadRow) -> bool:
    return (row.kind, row.namespace, row.name) == ("DaemonSet", "kube-system", KUBE_PROXY)


def image_minor(row: WorkloadRow) -> KubernetesVersion | None:
    """The Kubernetes minor in the tag of a workload's first image, such as ``…/kube-proxy:v1.34.0-eksbuild.2``."""
    tag = image_tag(row.images[0]) if row.images else ""
    try:
        return KubernetesVersion.of_kubelet(tag)
    except ValueError:
        return None


def image_tag(image: str) -> str:
    name = image.partition("@")[0].rpartition("/")[2]
    return name.partition(":")[2]


def with_minor(image: str, version: KubernetesVersion) -> str:
    """The image as it would read once it is of that minor."""
    repository = image.partition("@")[0].removesuffix(f":{image_tag(image)}")
    return f"{repository}:v{version}.0"
