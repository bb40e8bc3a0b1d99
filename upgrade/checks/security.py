"""Who may do what, and what pods may: policies, tokens, certificates, profiles."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from upgrade.checks.registry import Hop, NotApplicable, Problem, check
from upgrade.facts import Known, need
from upgrade.findings import Severity
from upgrade.objects import CsrRow
from upgrade.pod_templates import READS
from upgrade.versions import KubernetesVersion
from upgrade.words import count

_NOTES: Final = "Amazon EKS User Guide: Review release notes for Kubernetes versions"
_TOKENS: Final = "Amazon EKS User Guide: Service account tokens"
_DEFAULT_PSP: Final = "eks.privileged"
_PSP_GONE: Final = KubernetesVersion(1, 25)
_ENFORCE: Final = "pod-security.kubernetes.io/enforce"
_SERVING: Final = "kubernetes.io/kubelet-serving"
_NODE_USER: Final = "system:node:"
#: A request that is younger may still be answered.
_ANSWERED_WITHIN: Final = timedelta(minutes=5)
_SECCOMP: Final = ("seccomp.security.alpha.kubernetes.io/pod", "container.seccomp.security.alpha.kubernetes.io/")
_APP_ARMOR: Final = "container.apparmor.security.beta.kubernetes.io/"
_APP_ARMOR_DEPRECATED: Final = KubernetesVersion(1, 34)
_NO_NEW_TOKENS: Final = KubernetesVersion(1, 24)
_OLD_TOKENS_GO: Final = KubernetesVersion(1, 29)
_SHOWN: Final = 10


@check(
    "SEC001",
    "EKS's default PodSecurityPolicy is there while policies are enforced",
    rules=("A-87",),
    source="Amazon EKS User Guide: Update existing cluster to new Kubernetes version",
    permissions=("list podsecuritypolicies.policy",),
    applies_until=_PSP_GONE,
    severity=Severity.WARNS,
)
def default_policy_exists(hop: Hop) -> Iterator[Problem]:
    if _DEFAULT_PSP not in need(hop.now.pod_security_policies):
        yield Problem(
            subject=_DEFAULT_PSP,
            summary=f"The PodSecurityPolicy {_DEFAULT_PSP} is missing, so pods of add-ons may be refused.",
            remedy="Apply the default policy that AWS documents, with its ClusterRole and binding.",
        )


@check(
    "SEC002",
    "Nothing depends on PodSecurityPolicies, which 1.25 removes",
    rules=("B-123-04", "B-124-13", "B-125-01"),
    source="Amazon EKS User Guide: Understand Amazon EKS created pod security policies",
    permissions=("list podsecuritypolicies.policy", "list namespaces"),
    applies_from=KubernetesVersion(1, 23),
    applies_until=_PSP_GONE,
    waivable=True,
)
def no_policy_of_ones_own(hop: Hop) -> Iterator[Problem]:
    fate = "stops to protect with this hop" if hop.target >= _PSP_GONE else "is gone with 1.25"
    severity = {23: Severity.INFORMS, 24: Severity.WARNS}.get(hop.target.minor, Severity.BLOCKS)
    namespaces = hop.now.namespaces
    enforcing = sum(_ENFORCE in one.labels for one in namespaces.value) if isinstance(namespaces, Known) else 0
    for name in need(hop.now.pod_security_policies):
        if name != _DEFAULT_PSP:
            yield Problem(
                subject=f"PodSecurityPolicy/{name}",
                summary=f"PodSecurityPolicy {name} {fate}.",
                remedy="Label namespaces for Pod Security Admission, or use a policy engine; then delete the policy.",
                evidence={"namespaces that enforce a standard": str(enforcing)},
                severity=severity,
            )


@check(
    "SEC003",
    "Values of aws-auth that begin with a brace are quoted",
    rules=("B-125-04",),
    source=_NOTES,
    permissions=("get configmaps kube-system/aws-auth",),
    applies_from=KubernetesVersion(1, 25),
    applies_until=KubernetesVersion(1, 25),
    waivable=True,
)
def aws_auth_is_quoted(hop: Hop) -> Iterator[Problem]:
    lines = need(hop.now.core_config).aws_auth_unquoted
    if lines is None or hop.now.control_plane.authentication_mode == "API":
        raise NotApplicable
    if lines:
        yield Problem(
            subject="kube-system/ConfigMap/aws-auth",
            summary="aws-auth has values that begin with a brace and are not quoted: the authenticator of 1.25 lets "
            "nobody in whom they map.",
            remedy='Put them into quotation marks, such as username: "{{SessionName}}".',
            evidence={"lines": "; ".join(lines[:_SHOWN])},
        )


@check(
    "SEC004",
    "Every kubelet has the serving certificate that it asked for",
    rules=("B-124-07",),
    source="Amazon EKS User Guide: Secure workloads with Kubernetes certificates",
    permissions=("list certificatesigningrequests.certificates.k8s.io", "list nodes"),
    applies_from=KubernetesVersion(1, 24),
    severity=Severity.WARNS,
    waivable=True,
)
def kubelets_have_certificates(hop: Hop) -> Iterator[Problem]:
    """Without one, exec and logs fail there from 1.24 on. The newest request of a node tells."""
    nodes = {node.name for node in need(hop.now.nodes) if node.deletion_at is None}
    requests = need(hop.now.csrs)
    newest: dict[str, CsrRow] = {}
    for one in sorted(requests, key=lambda one: (one.created_at is not None, one.created_at, one.name)):
        if one.signer == _SERVING:
            newest[one.requestor] = one
    for requestor, one in newest.items():
        young = one.created_at is not None and hop.now.taken_at - one.created_at < _ANSWERED_WITHIN
        if one.issued or one.denied or young:
            continue
        name = requestor.removeprefix(_NODE_USER)
        state = "approved and not issued" if one.approved else "pending"
        yield Problem(
            subject=f"node/{name}",
            summary=f"The serving certificate of {name} is {state}, so exec and logs fail there.",
            remedy="Approve the request (kubectl certificate approve) if its names are right; names beyond EKS's own "
            "need an approver of yours.",
            evidence={"request": one.name},
            severity=Severity.BLOCKS if name in nodes else Severity.WARNS,
        )


@check(
    "SEC005",
    "Nobody relies on long-lived tokens in Secrets",
    rules=("B-124-08", "B-129-03"),
    source="Kubernetes: Managing Service Accounts",
    permissions=("list secrets",),
    applies_from=_NO_NEW_TOKENS,
    severity=Severity.WARNS,
)
def no_tokens_in_secrets(hop: Hop) -> Iterator[Problem]:
    """New service accounts get none from 1.24 on; from 1.29 on unused ones are marked, and deleted a year later."""
    secrets = need(hop.now.token_secrets)
    if hop.target == _NO_NEW_TOKENS and secrets:
        yield Problem(
            subject="Secrets",
            summary=f"{count(len(secrets), 'service account has', 'service accounts have')} tokens in Secrets; "
            "new ones get none from 1.24 on.",
            remedy="Find what reads serviceAccount.secrets of accounts that it makes; let it ask for a token "
            "(TokenRequest) or make the Secret itself.",
        )
    if hop.target < _OLD_TOKENS_GO:
        return
    marked: dict[str, list[str]] = defaultdict(list)
    for one in secrets:
        if one.invalid_since:
            marked[one.namespace].append(f"{one.name} ({one.service_account}) since {one.invalid_since}")
    for namespace, names in sorted(marked.items()):
        yield Problem(
            subject=f"namespace/{namespace}",
            summary=f"In {namespace} {count(len(names), 'token Secret is', 'token Secrets are')} marked invalid after "
            "a year without use; a year later they are deleted.",
            remedy="Let what may still want them ask for tokens (TokenRequest), then delete the Secrets.",
            evidence={"secrets": ", ".join(sorted(names)[:_SHOWN])},
        )


@check(
    "SEC006",
    "Every client renews its service account token",
    rules=("A-86", "B-122-05"),
    source=_TOKENS,
    permissions=("logs:StartQuery", "logs:GetQueryResults"),
    severity=Severity.WARNS,
)
def tokens_are_renewed(hop: Hop) -> Iterator[Problem]:
    for user in need(hop.now.stale_token_users):
        yield Problem(
            subject=user,
            summary=f"{user} calls with a token older than an hour; EKS refuses it once it is 90 days old.",
            remedy="Update its Kubernetes client (Go 0.15.7, Python 12.0.0, Java 9.0.0, JavaScript 0.10.3, C# 7.0.5 "
            "or later); until then restart its pods within 90 days.",
        )


@check(
    "SEC007",
    "Seccomp profiles are set by fields, not by annotations",
    rules=("B-127-01",),
    source=_NOTES,
    permissions=READS,
    applies_from=KubernetesVersion(1, 27),
    severity=Severity.WARNS,
)
def seccomp_is_set_by_fields(hop: Hop) -> Iterator[Problem]:
    for one in hop.templates:
        if any(name.startswith(_SECCOMP) for name in one.annotations):
            yield Problem(
                subject=one.subject,
                summary=f"The seccomp profile of {one.subject} stands in an annotation, which 1.27 and later ignores.",
                remedy="Set securityContext.seccompProfile.",
                evidence=one.evidence(),
            )


@check(
    "SEC008",
    "No workload relies on AppArmor the old way",
    rules=("B-130-05", "B-134-03"),
    source=_NOTES,
    permissions=READS,
    applies_from=KubernetesVersion(1, 30),
    severity=Severity.WARNS,
)
def no_old_app_armor(hop: Hop) -> Iterator[Problem]:
    """Annotations are deprecated since 1.30; of the fields EKS says so since 1.34."""
    for one in hop.templates:
        if any(name.startswith(_APP_ARMOR) for name in one.annotations):
            yield Problem(
                subject=one.subject,
                summary=f"The AppArmor profile of {one.subject} stands in an annotation, deprecated since 1.30.",
                remedy="Set securityContext.appArmorProfile, or move to seccomp.",
                evidence=one.evidence(),
            )
        elif one.shape.app_armor and hop.target >= _APP_ARMOR_DEPRECATED:
            yield Problem(
                subject=one.subject,
                summary=f"{one.subject} has an AppArmor profile, which EKS deprecates since 1.34.",
                remedy="Plan for seccomp and Pod Security Standards.",
                evidence=one.evidence(),
            )


@check(
    "SEC009",
    "Nothing is granted to anonymous callers",
    rules=("B-132-02",),
    source=_NOTES,
    permissions=(
        "list clusterrolebindings.rbac.authorization.k8s.io",
        "list rolebindings.rbac.authorization.k8s.io",
    ),
    applies_from=KubernetesVersion(1, 32),
    applies_until=KubernetesVersion(1, 32),
    severity=Severity.WARNS,
)
def nothing_is_granted_to_anonymous_callers(hop: Hop) -> Iterator[Problem]:
    for one in need(hop.now.anonymous_bindings):
        where = f"{one.namespace}/" if one.namespace else ""
        yield Problem(
            subject=f"{where}{one.kind}/{one.name}",
            summary=f"{one.name} grants {one.role} to anonymous callers; from 1.32 on they reach /healthz, /livez and "
            "/readyz alone.",
            remedy="Authenticate the probes that use it, or let them ask a health path; then delete the binding.",
            evidence={"subjects": ", ".join(one.subjects)},
        )


@check(
    "SEC010",
    "No service account limits its Secrets by annotation",
    rules=("B-132-04",),
    source=_NOTES,
    permissions=("list serviceaccounts",),
    applies_from=KubernetesVersion(1, 32),
    severity=Severity.INFORMS,
)
def no_mountable_secrets(hop: Hop) -> Iterator[Problem]:
    names = [f"{one.namespace}/{one.name}" for one in need(hop.now.service_accounts) if one.mountable_secrets]
    if names:
        yield Problem(
            subject="ServiceAccounts",
            summary=f"{count(len(names), 'service account has', 'service accounts have')} the annotation "
            "kubernetes.io/enforce-mountable-secrets, deprecated since 1.32.",
            remedy="Keep Secrets apart by namespaces instead.",
            evidence={"service accounts": ", ".join(names[:_SHOWN])},
        )
