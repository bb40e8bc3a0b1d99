"""Who may do what: IAM roles, KMS keys, access entries and the aws-auth ConfigMap."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sandbox.scenario import ClusterSpec
from sandbox.world.model import AccessEntry, AccessPolicyAssociation, Account, Cluster, IamRole, KmsKey
from sandbox.world.objects import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, CONFIG_MAPS

if TYPE_CHECKING:
    from sandbox.world.world import World

READ_ROLE = "eks-upgrade-bot-read"
CHANGE_ROLE = "eks-upgrade-bot-change"
EXTERNAL_ID = "eks-upgrade-bot-sandbox"
READ_ACTIONS = [
    "sts:GetCallerIdentity",
    "eks:Describe*",
    "eks:List*",
    "eks:StartInsightsRefresh",
    "eks:AccessKubernetesApi",
    "ec2:Describe*",
    "iam:GetRole",
    "iam:ListAttachedRolePolicies",
    "iam:SimulatePrincipalPolicy",
    "kms:DescribeKey",
    "kms:ListGrants",
    "autoscaling:Describe*",
    "ssm:GetParameter",
    "ssm:GetParameters",
    "backup:ListRecoveryPointsByResource",
    "cloudformation:DescribeStacks",
    "cloudformation:GetTemplate",
    "logs:StartQuery",
    "logs:GetQueryResults",
    "logs:StopQuery",
    "resiliencehub:List*",
    "servicequotas:Get*",
]
CHANGE_ACTIONS = [
    *READ_ACTIONS,
    "eks:UpdateClusterVersion",
    "eks:UpdateAddon",
    "eks:UpdateNodegroupVersion",
    "eks:UpdateNodegroupConfig",
    "eks:CancelUpdate",
    "iam:PassRole",
    "ec2:RunInstances",
    "ec2:CreateTags",
]
# What a platform team applies: the rights of the group that the roles for the bot are in.
READERS = "eks-upgrade-bot-readers"
_READABLE = {
    "": [
        *("configmaps", "namespaces", "nodes", "persistentvolumeclaims", "persistentvolumes", "pods"),
        *("serviceaccounts", "services"),
    ],
    "admissionregistration.k8s.io": ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"],
    "apiextensions.k8s.io": ["customresourcedefinitions"],
    "apiregistration.k8s.io": ["apiservices"],
    "apps": ["daemonsets", "deployments", "replicasets", "statefulsets"],
    "argoproj.io": ["applications"],
    "autoscaling": ["horizontalpodautoscalers"],
    "batch": ["cronjobs", "jobs"],
    "certificates.k8s.io": ["certificatesigningrequests"],
    "coordination.k8s.io": ["leases"],
    "crd.k8s.amazonaws.com": ["eniconfigs"],
    "discovery.k8s.io": ["endpointslices"],
    "flowcontrol.apiserver.k8s.io": ["flowschemas", "prioritylevelconfigurations"],
    "helm.toolkit.fluxcd.io": ["helmreleases"],
    "karpenter.k8s.aws": ["awsnodetemplates", "ec2nodeclasses"],
    "karpenter.sh": ["nodepools", "provisioners"],
    "kustomize.toolkit.fluxcd.io": ["kustomizations"],
    "networking.k8s.io": ["ingressclasses", "ingresses", "networkpolicies"],
    "node.k8s.io": ["runtimeclasses"],
    "policy": ["poddisruptionbudgets", "podsecuritypolicies"],
    "rbac.authorization.k8s.io": ["clusterrolebindings", "clusterroles", "rolebindings", "roles"],
    "resource.k8s.io": [
        *("deviceclasses", "devicetaintrules", "resourceclaims", "resourceclaimtemplates", "resourceslices"),
    ],
    "scheduling.k8s.io": ["priorityclasses"],
    "storage.k8s.io": [
        *("csidrivers", "csinodes", "csistoragecapacities", "storageclasses", "volumeattachments"),
        "volumeattributesclasses",
    ],
    "velero.io": ["backups"],
}
READER_RULES: list[dict[str, Any]] = [
    *({"apiGroups": [group], "resources": names, "verbs": ["get", "list"]} for group, names in _READABLE.items()),
    {"nonResourceURLs": ["/metrics"], "verbs": ["get"]},
]
POLICIES = {
    READ_ROLE: "arn:aws:eks::aws:cluster-access-policy/AmazonEKSAdminViewPolicy",
    CHANGE_ROLE: "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
}


def trust(*, service: str | None = None, account: str | None = None) -> dict[str, Any]:
    """A trust policy for a service or for the identities of an account (with the sandbox's external id)."""
    if service is not None:
        statement: dict[str, Any] = {"Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    else:
        statement = {
            "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
            "Action": ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"],
            "Condition": {"StringEquals": {"sts:ExternalId": EXTERNAL_ID}},
        }
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]}


def role_arn(account: str, name: str) -> str:
    return f"arn:aws:iam::{account}:role/{name}"


def node_role_arn(cluster: Cluster) -> str:
    return role_arn(cluster.account, f"{cluster.name}-node")


def add_roles(world: World, account: Account) -> None:
    """The roles made for the bot, in every account, trusted from the first account of the scenario."""
    home = next(iter(world.accounts))
    for name, actions in ((READ_ROLE, READ_ACTIONS), (CHANGE_ROLE, CHANGE_ACTIONS)):
        arn = role_arn(account.id, name)
        account.roles[name] = IamRole(name, arn, trust(account=home), list(actions), external_id=EXTERNAL_ID)


def add_cluster_role(account: Account, spec: ClusterSpec) -> str:
    """The cluster's IAM role, right, missing or wrong as the scenario says; and its nodes' role.

    Gives the cluster role's ARN.
    """
    name = f"{spec.name}-cluster"
    arn = role_arn(account.id, name)
    service = "ec2.amazonaws.com" if spec.role == "wrong-trust" else "eks.amazonaws.com"
    if spec.role != "missing":
        account.roles[name] = IamRole(
            name,
            arn,
            trust(service=service),
            ["ec2:DescribeInstances"] if spec.role == "narrow" else ["ec2:*", "kms:DescribeKey", "kms:CreateGrant"],
            ["arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"],
        )
    node = f"{spec.name}-node"
    account.roles[node] = IamRole(
        node,
        role_arn(account.id, node),
        trust(service="ec2.amazonaws.com"),
        ["ec2:Describe*", "ecr:*"],
        [
            "arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy",
            "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly",
        ],
    )
    return arn


def addon_role(account: Account, name: str, cluster: Cluster) -> str:
    """A role for an add-on's service account, made if it is not there. Gives its ARN."""
    if name not in account.roles:
        arn = role_arn(account.id, name)
        trusted = trust(service="pods.eks.amazonaws.com")
        account.roles[name] = IamRole(name, arn, trusted, [f"ec2:*:{cluster.name}"])
    return account.roles[name].arn


def add_key(world: World, account: Account, spec: ClusterSpec) -> str | None:
    """The KMS key for secrets, if the scenario wants one. Gives its ARN."""
    if spec.encryption_key == "none":
        return None
    key_id = world.draws.uuid("kms-key", spec.account, spec.region, spec.name)
    arn = f"arn:aws:kms:{spec.region}:{spec.account}:key/{key_id}"
    account.keys[key_id] = KmsKey(key_id, arn, spec.region, spec.encryption_key)
    return arn


def add_access(world: World, cluster: Cluster, spec: ClusterSpec) -> None:
    """Lets the bot's roles into the cluster, by access entries or by aws-auth, as far as the scenario says."""
    for role in (world.accounts[cluster.account].roles[name] for name in (READ_ROLE, CHANGE_ROLE)):
        role.allowed_actions = [action for action in role.allowed_actions if action not in spec.bot_lacks]
    names = {"change": (READ_ROLE, CHANGE_ROLE), "read": (READ_ROLE,), "nothing": ()}[spec.bot_can]
    if cluster.authentication_mode != "CONFIG_MAP":
        for name in names:
            entry = _entry(world, cluster, role_arn(cluster.account, name), name)
            entry.policies = [AccessPolicyAssociation(POLICIES[name], "cluster", [], world.now)]
            entry.kubernetes_groups = [READERS]
            cluster.access_entries[entry.principal_arn] = entry
        node_entry = _entry(world, cluster, node_role_arn(cluster), "system:node:{{EC2PrivateDNSName}}")
        node_entry.type, node_entry.kubernetes_groups = "EC2_LINUX", ["system:nodes"]
        cluster.access_entries[node_entry.principal_arn] = node_entry
    if cluster.authentication_mode != "API":
        rows = [
            {
                "rolearn": node_role_arn(cluster),
                "username": "system:node:{{EC2PrivateDNSName}}",
                "groups": ["system:bootstrappers", "system:nodes"],
            }
        ]
        if cluster.authentication_mode == "CONFIG_MAP":
            groups = {READ_ROLE: [READERS], CHANGE_ROLE: ["system:masters"]}
            arns = {name: role_arn(cluster.account, name) for name in names}
            rows += [{"rolearn": arns[name], "username": name, "groups": groups[name]} for name in names]
        config = {"metadata": {"name": "aws-auth", "namespace": "kube-system"}, "data": {"mapRoles": json.dumps(rows)}}
        cluster.kube.create(CONFIG_MAPS, config)
    if names:
        _bind_readers(cluster)


def _bind_readers(cluster: Cluster) -> None:
    role = "eks-upgrade-bot-read"
    cluster.kube.create(CLUSTER_ROLES, {"metadata": {"name": role}, "rules": READER_RULES})
    cluster.kube.create(
        CLUSTER_ROLE_BINDINGS,
        {
            "metadata": {"name": role},
            "subjects": [{"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": READERS}],
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        },
    )


def _entry(world: World, cluster: Cluster, principal: str, username: str) -> AccessEntry:
    name = principal.rsplit("/", 1)[1]
    arn = f"arn:aws:eks:{cluster.region}:{cluster.account}:access-entry/{cluster.name}/role/{cluster.account}/{name}"
    uuid = world.draws.uuid("access-entry", arn)
    return AccessEntry(principal, f"{arn}/{uuid}", username, "STANDARD", [], world.now)
