"""May the bot see and do what the upgrade takes?"""

from __future__ import annotations

from collections.abc import Iterator

from upgrade.checks.registry import Hop, Problem, check
from upgrade.facts import Unknown, need


@check(
    "ACC001",
    "The bot's AWS identity belongs to the cluster's account",
    rules=("A-29",),
    source="AWS STS API Reference: GetCallerIdentity",
    permissions=("sts:GetCallerIdentity",),
)
def identity_belongs_to_the_account(hop: Hop) -> Iterator[Problem]:
    caller = need(hop.now.caller)
    account = hop.now.control_plane.arn.split(":")[4]
    if caller.account != account:
        yield Problem(
            subject=caller.arn,
            summary=f"The credentials belong to account {caller.account}, the cluster to {account}.",
            remedy=f"Configure a role or profile of account {account} for this cluster.",
        )


@check(
    "ACC002",
    "The bot may act inside the cluster",
    rules=("A-30",),
    source="Amazon EKS User Guide: Grant IAM users and roles access to Kubernetes APIs",
    permissions=("create selfsubjectaccessreviews", "eks:DescribeAccessEntry"),
)
def bot_may_act_inside_the_cluster(hop: Hop) -> Iterator[Problem]:
    access = need(hop.now.access)
    caller = need(hop.now.caller).arn
    if not access.mapped:
        mode = hop.now.control_plane.authentication_mode
        way = "a line in the ConfigMap aws-auth" if mode == "CONFIG_MAP" else "an access entry"
        yield Problem(
            subject=caller,
            summary="The cluster does not know the bot's identity.",
            remedy=f"Give it {way}; docs/install.md has the commands.",
            evidence={"authentication mode": mode},
        )
    for refused in access.denied:
        yield Problem(
            subject=refused,
            summary=f"The cluster refuses the bot: {refused}.",
            remedy="Apply the Kubernetes manifest of deploy/ to the cluster.",
            evidence={"identity": caller},
        )


@check(
    "KUB001",
    "The cluster's own API was asked",
    rules=("A-30",),
    source="Amazon EKS User Guide: Cluster API server endpoint",
    waivable=True,
)
def kubernetes_was_asked(hop: Hop) -> Iterator[Problem]:
    """With ``reach: aws-only`` all that only Kubernetes could tell stays unknown: one finding, under one waiver."""
    if isinstance(hop.now.nodes, Unknown) and hop.now.nodes.chosen:
        missing = sum(1 for name in type(hop.now).model_fields if _not_asked(getattr(hop.now, name)))
        yield Problem(
            subject=hop.now.cluster.name,
            summary=f"Nobody asked the cluster's API, so nothing is known of what runs in it ({missing} facts).",
            remedy="Take a snapshot where the API is reached (eks-upgrade-bot snapshot CLUSTER -o FILE) and judge it "
            "here with --snapshot, or set reach: proxy, or waive this.",
            evidence={"reason": hop.now.nodes.reason},
            unknown=True,
        )


def _not_asked(fact: object) -> bool:
    return isinstance(fact, Unknown) and fact.chosen


@check(
    "RBC001",
    "The roles and bindings that EKS itself works with are there",
    rules=("A-37", "E-10"),
    source="Amazon EKS User Guide: Troubleshoot problems with Amazon EKS clusters and nodes",
    permissions=("get clusterroles.rbac.authorization.k8s.io", "get clusterrolebindings.rbac.authorization.k8s.io"),
    stops=("add-ons", "nodes"),
    phases=("add-ons", "nodes"),
)
def eks_rbac_is_intact(hop: Hop) -> Iterator[Problem]:
    for name in need(hop.now.missing_eks_rbac):
        yield Problem(
            subject=name,
            summary=f"{name} is gone; EKS works with it inside the cluster.",
            remedy="Apply the manifest of it again that AWS documents, then check again.",
        )


@check(
    "IAM002",
    "The bot's AWS identity has every permission that the upgrade takes",
    rules=("A-31",),
    source="AWS Service Authorization Reference: Actions for Amazon EKS",
    permissions=("iam:SimulatePrincipalPolicy",),
)
def bot_has_every_permission(hop: Hop) -> Iterator[Problem]:
    for action in need(hop.now.denied_actions):
        yield Problem(
            subject=action,
            summary=f"AWS does not allow the bot {action}.",
            remedy=f"Add {action} to the policy of the bot's role.",
        )
