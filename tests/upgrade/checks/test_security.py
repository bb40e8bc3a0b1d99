"""Policies, tokens, certificates and profiles."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.upgrade.checks.judging import Found, NearMiss, also, before, codes_of, findings, name_of, see, see_none
from tests.upgrade.snapshots import TAKEN_AT, healthy_snapshot, pod_shape, with_facts, workload
from upgrade.checks import security
from upgrade.cluster import ClusterSnapshot
from upgrade.facts import Unknown
from upgrade.findings import Severity
from upgrade.objects import BindingRow, CoreConfig, CsrRow, ServiceAccountRow, TokenSecretRow

BLOCKS, WARNS, INFORMS = Severity.BLOCKS, Severity.WARNS, Severity.INFORMS
LINE = "username: {{SessionName}}"
SECCOMP = {"container.seccomp.security.alpha.kubernetes.io/app": "runtime/default"}
APP_ARMOR = {"container.apparmor.security.beta.kubernetes.io/app": "localhost/x"}
TILL = "shop/Deployment/till"


def policies(target: str, *names: str) -> ClusterSnapshot:
    return before(target, pod_security_policies=names)


def aws_auth(*lines: str, target: str = "1.25") -> ClusterSnapshot:
    return before(target, core_config=CoreConfig(aws_auth_unquoted=lines))


def csr(name: str = "csr-1", node: str = "core-0", minutes: int = 60, **changes: Any) -> CsrRow:
    facts = {"signer": "kubernetes.io/kubelet-serving", "requestor": f"system:node:{node}"} | changes
    return CsrRow(name=name, created_at=TAKEN_AT - timedelta(minutes=minutes), **facts)


def csrs(*rows: CsrRow, target: str = "1.35") -> ClusterSnapshot:
    return before(target, csrs=rows)


def tokens(target: str, **changes: Any) -> ClusterSnapshot:
    return before(target, token_secrets=(TokenSecretRow("shop", "web-token", service_account="web", **changes),))


def annotated(target: str, annotations: dict[str, str]) -> ClusterSnapshot:
    return also(target, workload("Deployment", "shop", "till", template_annotations=annotations))


def armoured(target: str) -> ClusterSnapshot:
    return also(target, workload("Deployment", "shop", "till", shape=pod_shape(app_armor=True)))


def bound(target: str) -> ClusterSnapshot:
    row = BindingRow("ClusterRoleBinding", "probe", "view", subjects=("Group system:unauthenticated",))
    return before(target, anonymous_bindings=(row,))


def accounts(target: str, *, limited: bool) -> ClusterSnapshot:
    return before(target, service_accounts=(ServiceAccountRow("shop", "web", mountable_secrets=limited),))


FOUND = [
    Found("SEC001", "none", policies("1.25"), WARNS, "eks.privileged", "missing"),
    Found("SEC002", "one of one's own at 1.23", policies("1.23", "eks.privileged", "mine"), INFORMS,
          "PodSecurityPolicy/mine", "is gone with 1.25"),
    Found("SEC002", "one of one's own at 1.24", policies("1.24", "mine"), WARNS, "PodSecurityPolicy/mine"),
    Found("SEC002", "one of one's own at 1.25", policies("1.25", "mine"), BLOCKS, "PodSecurityPolicy/mine",
          "stops to protect"),
    Found("SEC003", "a brace", aws_auth(LINE), BLOCKS, "kube-system/ConfigMap/aws-auth", "not quoted"),
    Found("SEC004", "a request of a live node", csrs(csr()), BLOCKS, "node/core-0", "pending"),
    Found("SEC004", "one that was approved", csrs(csr(approved=True)), BLOCKS, "node/core-0", "approved and not"),
    Found("SEC004", "one of a node that is gone", csrs(csr(node="gone")), WARNS, "node/gone"),
    Found("SEC004", "a newer one that waits", csrs(csr("a", issued=True, minutes=90), csr("b")), BLOCKS, "node/core-0"),
    Found("SEC005", "tokens at 1.24", tokens("1.24"), WARNS, "Secrets", "1 service account has"),
    Found("SEC005", "marked ones", tokens("1.29", invalid_since="2026-10-01"), WARNS, "namespace/shop", "a year"),
    Found("SEC006", "an old token", before("1.35", stale_token_users=("system:serviceaccount:shop:web",)), WARNS,
          "system:serviceaccount:shop:web", "90 days"),
    Found("SEC007", "an annotation", annotated("1.27", SECCOMP), WARNS, TILL, "seccomp"),
    Found("SEC007", "the pod's", annotated("1.30", {"seccomp.security.alpha.kubernetes.io/pod": "x"}), WARNS, TILL),
    Found("SEC008", "an annotation", annotated("1.30", APP_ARMOR), WARNS, TILL, "annotation"),
    Found("SEC008", "a field", armoured("1.34"), WARNS, TILL, "since 1.34"),
    Found("SEC009", "a binding", bound("1.32"), WARNS, "ClusterRoleBinding/probe", "/healthz"),
    Found("SEC010", "an annotation", accounts("1.32", limited=True), INFORMS, "ServiceAccounts", "1 service"),
]  # fmt: skip

NEAR = [
    NearMiss("SEC001", "there", policies("1.25", "eks.privileged")),
    NearMiss("SEC001", "after 1.25", policies("1.26")),
    NearMiss("SEC002", "EKS's own", policies("1.25", "eks.privileged")),
    NearMiss("SEC002", "before 1.23", policies("1.22", "eks.privileged", "mine")),
    NearMiss("SEC003", "none", aws_auth()),
    NearMiss("SEC003", "before 1.25", aws_auth(LINE, target="1.24")),
    NearMiss("SEC003", "no such ConfigMap", before("1.25", core_config=CoreConfig())),
    NearMiss("SEC003", "nobody reads it", with_facts(
        healthy_snapshot("1.24", control_plane={"authentication_mode": "API"}),
        core_config=CoreConfig(aws_auth_unquoted=(LINE,)))),
    NearMiss("SEC004", "an issued one", csrs(csr(approved=True, issued=True))),
    NearMiss("SEC004", "a fresh one", csrs(csr(minutes=4))),
    NearMiss("SEC004", "an old one, and a newer that was issued", csrs(csr("b"), csr("a", issued=True, minutes=30))),
    NearMiss("SEC004", "of another signer", csrs(csr(signer="kubernetes.io/kube-apiserver-client-kubelet"))),
    NearMiss("SEC004", "a refused one", csrs(csr(denied=True))),
    NearMiss("SEC005", "one that is used", tokens("1.30", last_used="2026-10-01")),
    NearMiss("SEC005", "marked before 1.29", tokens("1.28", invalid_since="2026-10-01")),
    NearMiss("SEC006", "nobody", before("1.35")),
    NearMiss("SEC007", "before 1.27", annotated("1.26", SECCOMP)),
    NearMiss("SEC007", "another annotation", annotated("1.27", {"karpenter.sh/do-not-disrupt": "true"})),
    NearMiss("SEC008", "before 1.30", annotated("1.29", APP_ARMOR)),
    NearMiss("SEC008", "a field before 1.34", armoured("1.33")),
    NearMiss("SEC009", "another version", bound("1.31")),
    NearMiss("SEC010", "without", accounts("1.32", limited=False)),
]  # fmt: skip


@pytest.mark.parametrize("case", FOUND, ids=name_of)
def test_one_thing_wrong_is_one_finding(case: Found) -> None:
    see(case)


@pytest.mark.parametrize("case", NEAR, ids=name_of)
def test_a_near_miss_is_no_finding(case: NearMiss) -> None:
    see_none(case)


def test_every_check_has_both() -> None:
    assert {one.code for one in FOUND} == codes_of(security) == {one.code for one in NEAR}


@pytest.mark.parametrize(("code", "fact"), [("SEC005", "token_secrets"), ("SEC006", "stale_token_users")])
def test_what_nobody_chose_to_look_at_is_told_and_weighs_nothing(code: str, fact: str) -> None:
    (found,) = findings(before("1.35", **{fact: Unknown(reason="off", chosen=True)}), code)
    assert (found.unknown, found.severity) == (True, INFORMS)
