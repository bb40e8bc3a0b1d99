"""Volumes and what attaches them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.upgrade.checks.judging import Found, NearMiss, also, before, codes_of, findings, name_of, see, see_none
from tests.upgrade.snapshots import (
    ADDON_OFFERS,
    addon_offer,
    addons_on,
    k8s,
    node,
    pod,
    pod_shape,
    with_facts,
    workload,
)
from upgrade.checks import storage
from upgrade.cluster import ClusterSnapshot
from upgrade.findings import Severity
from upgrade.objects import ClaimRow, StorageClassRow, VolumeRow
from upgrade.rows import VolumeUse

BLOCKS, WARNS, INFORMS = Severity.BLOCKS, Severity.WARNS, Severity.INFORMS
GP2 = StorageClassRow(name="gp2", provisioner="kubernetes.io/aws-ebs", default=True)
EBS = VolumeRow(name="pv-1", source="awsElasticBlockStore", claim="shop/data")
DRIVER = "public.ecr.aws/ebs-csi-driver/aws-ebs-csi-driver:v1.20.0"
NODE_DRIVER = workload("DaemonSet", "kube-system", "ebs-csi-node", DRIVER)
BOTTLEROCKET = (node("b", "1.35", os_image="Bottlerocket OS 1.30.0 (aws-k8s-1.35)"),)
CLAIM = (VolumeUse("persistentVolumeClaim", "data"),)
OF_POD = pod_shape(volumes=(VolumeUse("awsElasticBlockStore"),))


def driverless(target: str, *rows: Any, **facts: Any) -> ClusterSnapshot:
    """A cluster without the EBS add-on."""
    addons = addons_on(str(k8s(target).previous), ["vpc-cni", "kube-proxy", "coredns"])
    return with_facts(also(target, *rows), addons=addons, **facts)


def mounting(target: str, kind: str, detail: str = "", **changes: Any) -> ClusterSnapshot:
    shape = pod_shape(volumes=(VolumeUse(kind, detail),))
    return also(target, workload("Deployment", "shop", "till", shape=shape, **changes))


def volumes(target: str, **changes: Any) -> ClusterSnapshot:
    return before(target, persistent_volumes=(VolumeRow(**({"name": "pv-1", "source": "csi"} | changes)),))


def classes(*rows: StorageClassRow, target: str = "1.35") -> ClusterSnapshot:
    return before(target, storage_classes=rows)


def claim(target: str, **changes: Any) -> ClusterSnapshot:
    row = {"namespace": "shop", "name": "data", "phase": "Pending"} | changes
    return before(target, claims=(ClaimRow(**row),))


def sharing(policies: tuple[str, str], *, privileged: bool = True, nodes: Any = BOTTLEROCKET) -> ClusterSnapshot:
    """Two workloads of the shop that mount the same claim, the second one privileged."""
    rows = [
        workload("Deployment", "shop", name, shape=pod_shape(volumes=CLAIM, selinux_policy=policy, privileged=power))
        for name, policy, power in zip(("a", "b"), policies, (False, privileged), strict=True)
    ]
    return also("1.36", *rows, nodes=nodes)


def offered(*versions: str) -> tuple[Any, ...]:
    rest = tuple(one for one in ADDON_OFFERS if one.addon != "aws-ebs-csi-driver")
    return rest + tuple(addon_offer("aws-ebs-csi-driver", version, ["1.35"]) for version in versions)


FOUND = [
    Found("STO001", "an EBS volume", driverless("1.23", persistent_volumes=(EBS,)), BLOCKS, "aws-ebs-csi-driver",
          "1 EBS volume is"),
    Found("STO001", "a pod's own volume",
          driverless("1.23", pod("shop", "p", owners=(), shape=OF_POD)),
          BLOCKS, "aws-ebs-csi-driver"),
    Found("STO001", "only a class", driverless("1.23", storage_classes=(GP2,)), WARNS, "aws-ebs-csi-driver", "gp2"),
    Found("STO001", "a driver that runs nowhere",
          driverless("1.23", workload("DaemonSet", "kube-system", "ebs-csi-node", DRIVER, ready=0),
                     persistent_volumes=(EBS,)),
          BLOCKS, "aws-ebs-csi-driver"),
    Found("STO002", "an old driver", driverless("1.35", NODE_DRIVER, addon_offers=offered("v1.21.0-eksbuild.1")),
          WARNS, "kube-system/DaemonSet/ebs-csi-node", "older than all"),
    Found("STO002", "nobody can tell", driverless("1.35", NODE_DRIVER, addon_offers=offered()), INFORMS,
          "kube-system/DaemonSet/ebs-csi-node", "Nobody can tell"),
    Found("STO002", "no version", driverless("1.35", workload("DaemonSet", "ops", "ebs", "x/aws-ebs-csi-driver:main")),
          INFORMS, "ops/DaemonSet/ebs", "does not tell its version"),
    Found("STO003", "sidecars of one's own",
          driverless("1.34", workload("Deployment", "kube-system", "ebs-csi-controller", DRIVER, "x/csi-resizer:v1.9")),
          WARNS, "kube-system/Deployment/ebs-csi-controller"),
    Found("STO004", "a volume before 1.31", volumes("1.28", source="cephfs"), INFORMS, "PersistentVolume/pv-1",
          "gone with 1.31"),
    Found("STO004", "a volume at 1.31", volumes("1.31", source="rbd"), BLOCKS, "PersistentVolume/pv-1", "gone since"),
    Found("STO004", "a pod's own", mounting("1.32", "cephfs"), BLOCKS, "shop/Deployment/till"),
    Found("STO005", "a gitRepo", mounting("1.36", "gitRepo"), BLOCKS, "shop/Deployment/till", "refuse"),
    Found("STO006", "a shared claim", sharing(("", "Recursive")), WARNS, "shop/PersistentVolumeClaim/data"),
    Found("STO007", "a claim that waits", claim("1.28"), INFORMS, "shop/PersistentVolumeClaim/data"),
    Found("STO008", "no default", classes(StorageClassRow(name="gp3", provisioner="ebs.csi.aws.com")), INFORMS,
          "StorageClass"),
    Found("STO009", "an annotation", volumes("1.31", mount_options_annotation=True), INFORMS, "PersistentVolumes",
          "1 volume has"),
]  # fmt: skip

NEAR = [
    NearMiss("STO001", "the add-on", before("1.23", persistent_volumes=(EBS,))),
    NearMiss("STO001", "a driver of one's own", driverless("1.23", NODE_DRIVER, persistent_volumes=(EBS,))),
    NearMiss("STO001", "another driver's volume",
             driverless("1.23", persistent_volumes=(VolumeRow(name="pv", source="csi", driver="efs.csi.aws.com"),))),
    NearMiss("STO001", "after 1.23", driverless("1.24", persistent_volumes=(EBS,))),
    NearMiss("STO002", "one that is offered",
             driverless("1.35", NODE_DRIVER, addon_offers=offered("v1.20.0-eksbuild.9"))),
    NearMiss("STO002", "the add-on", also("1.35", NODE_DRIVER)),
    NearMiss("STO003", "the add-on", also("1.34", NODE_DRIVER)),
    NearMiss("STO003", "a driver without sidecars", driverless("1.34", NODE_DRIVER)),
    NearMiss("STO004", "a driver of Ceph", volumes("1.31", driver="rbd.csi.ceph.com")),
    NearMiss("STO004", "before 1.28", volumes("1.27", source="rbd")),
    NearMiss("STO005", "before 1.36", mounting("1.35", "gitRepo")),
    NearMiss("STO005", "an emptyDir", mounting("1.36", "emptyDir")),
    NearMiss("STO006", "both set the policy", sharing(("Recursive", "Recursive"))),
    NearMiss("STO006", "neither is privileged", sharing(("", ""), privileged=False)),
    NearMiss("STO006", "no SELinux", sharing(("", ""), nodes=(node("n", "1.35"),))),
    NearMiss("STO007", "a claim with a class", claim("1.28", storage_class="gp3")),
    NearMiss("STO007", "a bound claim", claim("1.28", phase="Bound")),
    NearMiss("STO008", "before 1.30", classes(target="1.29")),
    NearMiss("STO009", "before 1.31", volumes("1.30", mount_options_annotation=True)),
]  # fmt: skip


@pytest.mark.parametrize("case", FOUND, ids=name_of)
def test_one_thing_wrong_is_one_finding(case: Found) -> None:
    see(case)


@pytest.mark.parametrize("case", NEAR, ids=name_of)
def test_a_near_miss_is_no_finding(case: NearMiss) -> None:
    see_none(case)


def test_every_check_has_both() -> None:
    assert {one.code for one in FOUND} == codes_of(storage) == {one.code for one in NEAR}


def test_a_claim_that_is_shared_in_two_namespaces_is_two_claims() -> None:
    rows = [
        workload("Deployment", namespace, "a", shape=pod_shape(volumes=CLAIM, privileged=power))
        for namespace, power in (("shop", True), ("till", False))
    ]
    assert findings(also("1.36", *rows, nodes=BOTTLEROCKET), "STO006") == []
