"""Volumes: drivers that must be there, sources that stop working, and what the defaults do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from upgrade.addon_path import AddonOffers
from upgrade.checks.registry import Hop, NotApplicable, Problem, check
from upgrade.components import CSI_DRIVERS, image_tag
from upgrade.facts import need
from upgrade.findings import Severity
from upgrade.floors import image_name, parse_release
from upgrade.pod_templates import READS, PodTemplate
from upgrade.versions import KubernetesVersion
from upgrade.words import count

_NOTES: Final = "Amazon EKS User Guide: Review release notes for Kubernetes versions"
_VOLUMES: Final = ("list persistentvolumes", *READS)
_EBS_ADDON: Final = "aws-ebs-csi-driver"
_EBS_DRIVER: Final = "ebs.csi.aws.com"
_SIDECARS: Final = ("csi-resizer", "csi-provisioner", "external-resizer", "external-provisioner")
_CEPH: Final = ("cephfs", "rbd")
_CEPH_GONE: Final = KubernetesVersion(1, 31)
_SHOWN: Final = 10


@check(
    "STO001",
    "The EBS CSI driver is there before 1.23 where EBS volumes are",
    rules=("B-123-01", "A-96"),
    source="Amazon EKS User Guide: Amazon EBS CSI migration frequently asked questions",
    permissions=("eks:ListAddons", "eks:DescribeAddon", "list storageclasses.storage.k8s.io", *_VOLUMES),
    applies_from=KubernetesVersion(1, 23),
    applies_until=KubernetesVersion(1, 23),
    waivable=True,
)
def ebs_driver_is_installed(hop: Hop) -> Iterator[Problem]:
    """1.23 hands EBS volumes to the driver. A StorageClass alone, such as EKS's default gp2, is no volume yet."""
    if _has_ebs_driver(hop):
        return
    used = [
        f"PersistentVolume/{one.name}"
        for one in need(hop.now.persistent_volumes)
        if one.source == "awsElasticBlockStore" or one.driver == _EBS_DRIVER
    ] + [one.subject for one in _with_volumes(hop, "awsElasticBlockStore")]
    classes = [one.name for one in need(hop.now.storage_classes) if one.provisioner == "kubernetes.io/aws-ebs"]
    remedy = "Create the EKS add-on aws-ebs-csi-driver with a role that has AmazonEBSCSIDriverPolicy, and wait for it."
    if used:
        yield Problem(
            subject=_EBS_ADDON,
            summary=f"{count(len(used), 'EBS volume is', 'EBS volumes are')} in use, and from 1.23 on only the EBS CSI "
            "driver attaches them, which is missing.",
            remedy=remedy,
            evidence={"volumes": ", ".join(used[:_SHOWN])},
        )
    elif classes:
        yield Problem(
            subject=_EBS_ADDON,
            summary=f"StorageClass {classes[0]} makes EBS volumes, and from 1.23 on that takes the EBS CSI driver.",
            remedy=remedy,
            severity=Severity.WARNS,
        )


@check(
    "STO002",
    "Self-managed CSI drivers are of a version that EKS offers for the target",
    rules=("A-96",),
    source="Amazon EKS API Reference: DescribeAddonVersions",
    permissions=("eks:ListAddons", "eks:DescribeAddonVersions", *READS),
    severity=Severity.WARNS,
)
def csi_drivers_fit(hop: Hop) -> Iterator[Problem]:
    managed = {addon.name for addon in need(hop.now.addons)}
    own = [(name, one) for name in CSI_DRIVERS if name not in managed for one in _running(hop, name)]
    if not own:
        raise NotApplicable
    listed_anywhere = need(hop.now.addon_offers)
    offers = AddonOffers(listed_anywhere)
    for name, one in own:
        tag = next(image_tag(image) for image in one.images if image_name(image) == name)
        release = parse_release(tag)
        listed = [version.patch for version in offers.on(name, hop.target) if version.patch]
        if release is None or not listed:
            why = "its image does not tell its version" if release is None else "EKS's offer for it was not read"
            yield Problem(
                subject=one.subject,
                summary=f"Nobody can tell whether {name} {tag} runs on {hop.target}: {why}.",
                remedy="Compare it with aws eks describe-addon-versions, or move to the EKS add-on.",
                evidence=one.evidence(),
                severity=Severity.INFORMS,
                unknown=True,
            )
        elif release < min(listed):
            oldest = ".".join(map(str, min(listed)))
            yield Problem(
                subject=one.subject,
                summary=f"{name} {tag} is older than all that EKS offers for {hop.target}, the oldest being {oldest}.",
                remedy=f"Bring it to {oldest} or later first.",
                evidence=one.evidence(),
            )


@check(
    "STO003",
    "The sidecars of a self-managed EBS CSI driver go with 1.34",
    rules=("B-134-02",),
    source=_NOTES,
    permissions=("eks:ListAddons", *READS),
    applies_from=KubernetesVersion(1, 34),
    applies_until=KubernetesVersion(1, 34),
    severity=Severity.WARNS,
)
def ebs_sidecars_fit(hop: Hop) -> Iterator[Problem]:
    if any(addon.name == _EBS_ADDON for addon in need(hop.now.addons)):
        raise NotApplicable
    for one in _running(hop, _EBS_ADDON):
        sidecars = [image for image in one.images if image_name(image) in _SIDECARS]
        if sidecars:
            yield Problem(
                subject=one.subject,
                summary="With 1.34 VolumeAttributesClass is storage.k8s.io/v1, and the sidecars of your own EBS CSI "
                "driver must know it.",
                remedy="Look into the release notes of resizer and provisioner; below 1.34 newer ones must be pinned.",
                evidence=one.evidence(images=", ".join(sidecars)),
            )


@check(
    "STO004",
    "No volume is of the in-tree drivers of Ceph",
    rules=("B-128-04", "B-131-02"),
    source="Kubernetes 1.31: Urgent Upgrade Notes",
    permissions=_VOLUMES,
    applies_from=KubernetesVersion(1, 28),
    waivable=True,
)
def no_in_tree_ceph(hop: Hop) -> Iterator[Problem]:
    gone = hop.target >= _CEPH_GONE
    effect = "is gone since 1.31" if gone else "is deprecated, and gone with 1.31"
    severity = Severity.BLOCKS if gone else Severity.INFORMS
    remedy = "Move the volume to a Ceph CSI driver."
    for volume in need(hop.now.persistent_volumes):
        if volume.source in _CEPH:
            summary = f"The in-tree driver {volume.source} of volume {volume.name} {effect}."
            claim = {"claim": volume.claim} if volume.claim else {}
            yield Problem(f"PersistentVolume/{volume.name}", summary, remedy, claim, severity)
    for one in _with_volumes(hop, *_CEPH):
        summary = f"{one.subject} mounts a volume of an in-tree driver of Ceph, which {effect}."
        yield Problem(one.subject, summary, remedy, one.evidence(), severity)


@check(
    "STO005",
    "No pod has a gitRepo volume",
    rules=("B-136-01",),
    source=_NOTES,
    permissions=READS,
    applies_from=KubernetesVersion(1, 36),
    waivable=True,
)
def no_git_repo_volumes(hop: Hop) -> Iterator[Problem]:
    for one in _with_volumes(hop, "gitRepo"):
        yield Problem(
            subject=one.subject,
            summary=f"{one.subject} has a gitRepo volume; kubelets of 1.36 refuse to start its pods.",
            remedy="Fetch the repository in an init container (git-sync) into an emptyDir.",
            evidence=one.evidence(),
        )


@check(
    "STO006",
    "No volume is shared by privileged and other pods where SELinux is enforced",
    rules=("B-136-02",),
    source=_NOTES,
    permissions=("list nodes", *READS),
    applies_from=KubernetesVersion(1, 36),
    severity=Severity.WARNS,
)
def no_volume_is_relabelled(hop: Hop) -> Iterator[Problem]:
    """From 1.36 on a volume has one label, set by the mount; pods of two labels cannot have it together."""
    enforcing = [node.name for node in need(hop.now.nodes) if node.os_image.startswith("Bottlerocket")]
    if not enforcing:
        raise NotApplicable
    users: dict[tuple[str, str], list[PodTemplate]] = defaultdict(list)
    for one in hop.templates:
        for volume in one.shape.volumes:
            if volume.kind == "persistentVolumeClaim":
                users[one.namespace, volume.detail].append(one)
    for (namespace, claim), sharing in users.items():
        mixed = len({one.shape.privileged for one in sharing}) == 2
        if mixed and any(one.shape.selinux_policy != "Recursive" for one in sharing):
            yield Problem(
                subject=f"{namespace}/PersistentVolumeClaim/{claim}",
                summary=f"Privileged and other pods share {namespace}/{claim}; from 1.36 on SELinux lets only one kind "
                "of them mount it.",
                remedy="Set securityContext.seLinuxChangePolicy to Recursive in these pods.",
                evidence={"pods": ", ".join(one.subject for one in sharing[:_SHOWN])},
            )


@check(
    "STO007",
    "No claim waits that would get the default StorageClass now",
    rules=("B-128-02",),
    source=_NOTES,
    permissions=("list persistentvolumeclaims",),
    applies_from=KubernetesVersion(1, 28),
    applies_until=KubernetesVersion(1, 28),
    severity=Severity.INFORMS,
)
def no_claim_without_class_waits(hop: Hop) -> Iterator[Problem]:
    for one in need(hop.now.claims):
        if one.storage_class is None and one.phase == "Pending":
            yield Problem(
                subject=f"{one.namespace}/PersistentVolumeClaim/{one.name}",
                summary=f"{one.namespace}/{one.name} waits and names no StorageClass; from 1.28 on it gets the "
                "default one, and with it a volume.",
                remedy="Delete it if nobody needs it, or name a class.",
            )


@check(
    "STO008",
    "There is a default StorageClass",
    rules=("B-130-03",),
    source=_NOTES,
    permissions=("list storageclasses.storage.k8s.io",),
    applies_from=KubernetesVersion(1, 30),
    severity=Severity.INFORMS,
)
def a_default_class_exists(hop: Hop) -> Iterator[Problem]:
    if not any(one.default for one in need(hop.now.storage_classes)):
        yield Problem(
            subject="StorageClass",
            summary="No StorageClass is the default, as in every cluster made on 1.30 or later; it matters when "
            "workloads move to a new cluster.",
            remedy="Name a class in each claim, or set defaultStorageClass.enabled in the EBS CSI add-on.",
        )


@check(
    "STO009",
    "No volume has its mount options in the old annotation",
    rules=("B-131-04",),
    source="Kubernetes 1.31: Changes by Kind, Deprecation",
    permissions=("list persistentvolumes",),
    applies_from=KubernetesVersion(1, 31),
    severity=Severity.INFORMS,
)
def no_mount_options_annotation(hop: Hop) -> Iterator[Problem]:
    old = [one.name for one in need(hop.now.persistent_volumes) if one.mount_options_annotation]
    if old:
        yield Problem(
            subject="PersistentVolumes",
            summary=f"{count(len(old), 'volume has', 'volumes have')} the annotation "
            "volume.beta.kubernetes.io/mount-options, which 1.31 deprecates.",
            remedy="Use spec.mountOptions.",
            evidence={"volumes": ", ".join(old[:_SHOWN])},
        )


def _has_ebs_driver(hop: Hop) -> bool:
    managed = any(addon.name == _EBS_ADDON for addon in need(hop.before.addons))
    return managed or any(one.kind == "DaemonSet" and one.row and one.row.ready for one in _running(hop, _EBS_ADDON))


def _running(hop: Hop, driver: str) -> Iterator[PodTemplate]:
    """What runs a CSI driver's image, in whatever namespace and from whatever registry."""
    return (one for one in hop.templates if any(image_name(image) == driver for image in one.images))


def _with_volumes(hop: Hop, *kinds: str) -> Iterator[PodTemplate]:
    return (one for one in hop.templates if any(volume.kind in kinds for volume in one.shape.volumes))
