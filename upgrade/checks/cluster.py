"""The cluster itself: idle, healthy, with a target that EKS offers, its role and its key in order."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from upgrade.checks.registry import Hop, NotApplicable, Problem, check
from upgrade.facts import need
from upgrade.findings import Severity
from upgrade.reach import SUPPORTED, versions_within_reach
from upgrade.remedies import explain_update_error
from upgrade.versions import KubernetesVersion

_USER_GUIDE = "Amazon EKS User Guide"


@check(
    "CLS001",
    "The cluster is active and no update is under way",
    rules=("A-01", "D-50"),
    source=f"{_USER_GUIDE}: Update existing cluster to new Kubernetes version",
    permissions=("eks:DescribeCluster", "eks:ListUpdates", "eks:DescribeUpdate"),
)
def cluster_is_idle(hop: Hop) -> Iterator[Problem]:
    running = [update for update in need(hop.now.updates) if update.status == "InProgress"]
    for update in running:
        if update.id not in hop.own_updates:
            name = update.subject.name or hop.now.cluster.name
            yield Problem(
                subject=f"update/{update.id}",
                summary=f"A {update.type} of {update.subject.kind} {name} is under way, and it is not this run's.",
                remedy="Wait until it has ended, then check again.",
                evidence={"began": update.created_at.isoformat()} | dict(update.params),
            )
    own = any(update.id in hop.own_updates and update.subject.kind == "cluster" for update in running)
    status = hop.now.control_plane.status
    if status != "ACTIVE" and not (own and status == "UPDATING"):
        yield Problem(
            subject=hop.now.cluster.name,
            summary=f"The cluster is {status}, not ACTIVE.",
            remedy="Wait until it is ACTIVE; if it stays so, look at its health in the EKS console.",
        )


@check(
    "CLS002",
    "EKS reports no health issue of the cluster",
    rules=("A-05", "D-61", "D-62", "D-63"),
    source=f"{_USER_GUIDE}: Cluster health FAQs and error codes",
    permissions=("eks:DescribeCluster",),
)
def cluster_is_healthy(hop: Hop) -> Iterator[Problem]:
    for issue in hop.now.control_plane.issues:
        remedy = explain_update_error(issue.code, "cluster")
        yield Problem(
            subject=", ".join(issue.resource_ids) or hop.now.cluster.name,
            summary=f"{issue.code}: {remedy.meaning}",
            remedy=remedy.action,
            evidence={"message": issue.message} if issue.message else {},
        )


@check(
    "VER001",
    "The target is above the present version",
    rules=("A-02", "C-01"),
    source=f"{_USER_GUIDE}: Update existing cluster to new Kubernetes version",
)
def target_is_above(hop: Hop) -> Iterator[Problem]:
    present = hop.now.control_plane.version
    # A plan exists only while something is left to do, be it add-ons and nodes of the present version.
    if hop.target < present or (hop.target == present and hop.plan is None):
        yield Problem(
            subject=str(hop.target),
            summary=f"The control plane is on {present} already.",
            remedy="Choose a target above it.",
        )


@check(
    "VER002",
    "EKS offers every version on the way to the target",
    rules=("A-02", "A-03"),
    source="Amazon EKS API Reference: DescribeClusterVersions",
    permissions=("eks:DescribeClusterVersions",),
    phases=("control-plane",),
)
def hop_is_offered(hop: Hop) -> Iterator[Problem]:
    offered = {one.version: one.status for one in need(hop.now.offered_versions)}
    if offered.get(hop.target) not in SUPPORTED:
        reach = ", ".join(map(str, versions_within_reach(hop.now)))
        yield Problem(
            subject=str(hop.target),
            summary=f"EKS does not offer Kubernetes {hop.target}{_further(hop)}.",
            remedy=f"Choose one of {reach}." if reach else "Wait until EKS offers a newer version.",
            evidence={"status": offered.get(hop.target, "not listed")},
        )


def _further(hop: Hop) -> str:
    """That it is on the way to what was asked for."""
    return f", let alone {hop.wish}" if hop.wish is not None and hop.wish > hop.target else ""


@check(
    "IAM001",
    "The cluster's IAM role exists and trusts EKS",
    rules=("A-10",),
    source=f"{_USER_GUIDE}: Amazon EKS cluster IAM role",
    permissions=("iam:GetRole",),
    phases=("control-plane",),
)
def cluster_role_trusts_eks(hop: Hop) -> Iterator[Problem]:
    role = need(hop.now.cluster_role)
    arn = hop.now.control_plane.role_arn
    if role is None:
        yield Problem(
            subject=arn,
            summary="The cluster's IAM role does not exist.",
            remedy="Create a role of the same name with AmazonEKSClusterPolicy and a trust for eks.amazonaws.com.",
        )
    elif not role.trusts_eks:
        yield Problem(
            subject=arn,
            summary="The cluster's IAM role does not let eks.amazonaws.com assume it.",
            remedy="Put sts:AssumeRole for the service eks.amazonaws.com into its trust policy.",
        )


@check(
    "KMS001",
    "The key that encrypts the cluster's secrets can be used",
    rules=("A-12",),
    source=f"{_USER_GUIDE}: Encrypt Kubernetes secrets with AWS KMS on existing clusters",
    permissions=("kms:DescribeKey", "iam:SimulatePrincipalPolicy"),
    phases=("control-plane",),
)
def encryption_key_is_usable(hop: Hop) -> Iterator[Problem]:
    wanted = hop.now.control_plane.key_arns
    if not wanted:
        raise NotApplicable
    keys = {key.arn: key for key in need(hop.now.keys)}
    for arn in wanted:
        key = keys.get(arn)
        if key is None:
            yield Problem(arn, "The key does not exist.", explain_update_error("KmsKeyNotFound", "cluster").action)
        elif key.state != "Enabled":
            yield Problem(
                subject=arn,
                summary=f"The key is {key.state}, not Enabled.",
                remedy="Enable the key, or cancel its deletion, before anything else.",
            )
        elif not key.usable_by_role:
            yield Problem(
                subject=arn,
                summary="The cluster's role may not use the key.",
                remedy="Allow kms:DescribeKey and kms:CreateGrant on the key to the cluster's role.",
                evidence={"role": hop.now.control_plane.role_arn},
            )


@check(
    "IAM003",
    "The cluster's IAM role has the permissions that EKS uses",
    rules=("A-11", "B-130-01"),
    source=f"{_USER_GUIDE}: Amazon EKS cluster IAM role",
    permissions=("iam:SimulatePrincipalPolicy",),
    severity=Severity.WARNS,
    phases=("control-plane",),
)
def cluster_role_has_its_permissions(hop: Hop) -> Iterator[Problem]:
    """Custom policies lack what AmazonEKSClusterPolicy gained; from 1.30 on EKS needs DescribeAvailabilityZones."""
    denied = need(hop.now.cluster_role_denied)
    suffers = any(issue.code == "AccessDenied" for issue in hop.now.control_plane.issues)
    for action in denied:
        needed = action == "ec2:DescribeAvailabilityZones" and hop.target >= KubernetesVersion(1, 30)
        yield Problem(
            subject=action,
            summary=f"The cluster's role may not {action}.",
            remedy="Attach AmazonEKSClusterPolicy to it, or add the action to its own policy.",
            evidence={"role": hop.now.control_plane.role_arn},
            severity=Severity.BLOCKS if suffers or needed else Severity.WARNS,
        )


@check(
    "CLS003",
    "EKS keeps the control plane's platform version up to date",
    rules=("A-36",),
    source=f"{_USER_GUIDE}: View Amazon EKS platform versions for each Kubernetes version",
    permissions=("eks:DescribeCluster", "eks:DescribeClusterVersions"),
    severity=Severity.WARNS,
)
def platform_version_is_not_stale(hop: Hop) -> Iterator[Problem]:
    """A cluster that EKS could not update for long has trouble with its role, subnets, security groups or key."""
    plane = hop.now.control_plane
    default = next(
        (one.default_platform_version for one in need(hop.now.offered_versions) if one.version == plane.version), ""
    )
    have, newest = _platform_number(plane.platform_version), _platform_number(default)
    if have is None or newest is None:
        raise NotApplicable
    if newest - have > _PLATFORM_LAG:
        yield Problem(
            subject=plane.platform_version,
            summary=f"The control plane is on platform version {plane.platform_version}, EKS is on {default}.",
            remedy="Look at the role, the subnets, the security groups and the key: EKS could not keep it up to date.",
        )


_PLATFORM_LAG = 2


def _platform_number(text: str) -> int | None:
    number = text.removeprefix("eks.")
    return int(number) if number.isdigit() else None


@check(
    "LOG001",
    "The control plane's logs are kept",
    rules=("A-21",),
    source=f"{_USER_GUIDE}: Send control plane logs to CloudWatch Logs",
    permissions=("eks:DescribeCluster",),
    severity=Severity.WARNS,
)
def control_plane_logs_are_kept(hop: Hop) -> Iterator[Problem]:
    missing = [kind for kind in _LOGS if kind not in hop.now.control_plane.logging]
    if missing:
        yield Problem(
            subject=hop.now.cluster.name,
            summary=f"These control-plane logs are off: {', '.join(missing)}.",
            remedy="Turn them on (UpdateClusterConfig, logging): without them nobody can say what went wrong.",
        )


_LOGS = ("api", "audit", "authenticator", "controllerManager", "scheduler")


@check(
    "BAK001",
    "There is a recent backup of the cluster",
    rules=("A-24", "C-39"),
    source="Amazon EKS Best Practices Guide: Cluster Upgrades",
    permissions=("list backups.velero.io", "backup:ListRecoveryPointsByResource"),
    severity=Severity.WARNS,
)
def there_is_a_backup(hop: Hop) -> Iterator[Problem]:
    """Of Velero or AWS Backup, a week old at most. IAM and other AWS resources are in neither."""
    done = [one.completed_at for one in need(hop.now.velero_backups) if one.phase == "Completed" and one.completed_at]
    newest = max([*done, *([point] if (point := need(hop.now.recovery_point_at)) else [])], default=None)
    if newest is None:
        what = "Neither Velero nor AWS Backup has a backup of the cluster."
    elif hop.now.taken_at - newest > _BACKUP_AGE:
        what = f"The newest backup of the cluster is of {newest:%Y-%m-%d}."
    else:
        return
    yield Problem(hop.now.cluster.name, what, "Take one: a new cluster can be made on a supported version only.")


_BACKUP_AGE = timedelta(days=7)


@check(
    "RES001",
    "Nothing around the cluster needs to know of the upgrade",
    rules=("A-98",),
    source="AWS Resilience Hub User Guide; Amazon EKS User Guide: Learn about zonal shift",
    permissions=("resiliencehub:ListApps",),
    severity=Severity.INFORMS,
)
def nothing_around_needs_to_know(hop: Hop) -> Iterator[Problem]:
    """Zonal shift would move traffic in the middle of a rotation; Resilience Hub assesses the applications anew."""
    if hop.now.control_plane.zonal_shift:
        yield Problem(
            hop.now.cluster.name,
            "Zonal shift is on: a shift during the upgrade takes a zone's nodes out of service as well.",
            "Tell whoever may shift; let no shift and no rotation run at once.",
        )
    for name in need(hop.now.resilience_apps):
        yield Problem(
            f"resilience-hub/{name}",
            f"The cluster belongs to {name} in Resilience Hub.",
            "Assess the application again after the upgrade.",
        )
