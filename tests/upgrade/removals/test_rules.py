"""The table of removals: what it says of a target, what comes after, and rules of one's own."""

from __future__ import annotations

import pytest

from tests.upgrade.snapshots import k8s
from upgrade.removals.conversion import how_to_convert
from upgrade.removals.rules import Removal, RulesUnreadable, Standing, builtin_rules, own_rules, plural

RULES = builtin_rules()
#: One of each row of the table B-API: what is gone from that version on.
B_API = [
    (
        "1.22",
        "admissionregistration.k8s.io/v1beta1",
        "ValidatingWebhookConfiguration",
        "admissionregistration.k8s.io/v1",
    ),
    ("1.22", "apiextensions.k8s.io/v1beta1", "CustomResourceDefinition", "apiextensions.k8s.io/v1"),
    ("1.22", "apiregistration.k8s.io/v1beta1", "APIService", "apiregistration.k8s.io/v1"),
    ("1.22", "authentication.k8s.io/v1beta1", "TokenReview", "authentication.k8s.io/v1"),
    ("1.22", "authorization.k8s.io/v1beta1", "SubjectAccessReview", "authorization.k8s.io/v1"),
    ("1.22", "certificates.k8s.io/v1beta1", "CertificateSigningRequest", "certificates.k8s.io/v1"),
    ("1.22", "coordination.k8s.io/v1beta1", "Lease", "coordination.k8s.io/v1"),
    ("1.22", "extensions/v1beta1", "Ingress", "networking.k8s.io/v1"),
    ("1.22", "networking.k8s.io/v1beta1", "IngressClass", "networking.k8s.io/v1"),
    ("1.22", "rbac.authorization.k8s.io/v1beta1", "RoleBinding", "rbac.authorization.k8s.io/v1"),
    ("1.23", "rbac.authorization.k8s.io/v1alpha1", "Role", "rbac.authorization.k8s.io/v1"),
    ("1.22", "scheduling.k8s.io/v1beta1", "PriorityClass", "scheduling.k8s.io/v1"),
    ("1.22", "storage.k8s.io/v1beta1", "CSINode", "storage.k8s.io/v1"),
    ("1.24", "storage.k8s.io/v1alpha1", "VolumeAttachment", "storage.k8s.io/v1"),
    ("1.24", "client.authentication.k8s.io/v1alpha1", "ExecCredential", "client.authentication.k8s.io/v1"),
    ("1.24", "audit.k8s.io/v1beta1", "Policy", "audit.k8s.io/v1"),
    ("1.25", "batch/v1beta1", "CronJob", "batch/v1"),
    ("1.25", "discovery.k8s.io/v1beta1", "EndpointSlice", "discovery.k8s.io/v1"),
    ("1.25", "events.k8s.io/v1beta1", "Event", "events.k8s.io/v1"),
    ("1.25", "node.k8s.io/v1beta1", "RuntimeClass", "node.k8s.io/v1"),
    ("1.25", "policy/v1beta1", "PodDisruptionBudget", "policy/v1"),
    ("1.25", "policy/v1beta1", "PodSecurityPolicy", ""),
    ("1.25", "autoscaling/v2beta1", "HorizontalPodAutoscaler", "autoscaling/v2"),
    ("1.26", "autoscaling/v2beta2", "HorizontalPodAutoscaler", "autoscaling/v2"),
    ("1.26", "flowcontrol.apiserver.k8s.io/v1beta1", "FlowSchema", "flowcontrol.apiserver.k8s.io/v1beta2"),
    ("1.27", "storage.k8s.io/v1beta1", "CSIStorageCapacity", "storage.k8s.io/v1"),
    ("1.29", "flowcontrol.apiserver.k8s.io/v1beta2", "FlowSchema", "flowcontrol.apiserver.k8s.io/v1"),
    ("1.32", "flowcontrol.apiserver.k8s.io/v1beta3", "PriorityLevelConfiguration", "flowcontrol.apiserver.k8s.io/v1"),
    ("1.32", "admissionregistration.k8s.io/v1alpha1", "ValidatingAdmissionPolicy", "admissionregistration.k8s.io/v1"),
    ("1.33", "authentication.k8s.io/v1beta1", "SelfSubjectReview", "authentication.k8s.io/v1"),
    ("1.34", "admissionregistration.k8s.io/v1beta1", "ValidatingAdmissionPolicy", "admissionregistration.k8s.io/v1"),
    ("1.34", "resource.k8s.io/v1alpha3", "ResourceClaim", "resource.k8s.io/v1beta1"),
    ("1.35", "storage.k8s.io/v1alpha1", "VolumeAttributesClass", "storage.k8s.io/v1"),
    ("1.35", "storagemigration.k8s.io/v1alpha1", "StorageVersionMigration", "storagemigration.k8s.io/v1beta1"),
    ("1.37", "certificates.k8s.io/v1alpha1", "ClusterTrustBundle", "certificates.k8s.io/v1"),
    ("1.37", "networking.k8s.io/v1beta1", "ServiceCIDR", "networking.k8s.io/v1"),
    ("1.37", "storage.k8s.io/v1beta1", "VolumeAttributesClass", "storage.k8s.io/v1"),
    ("1.38", "resource.k8s.io/v1beta1", "DeviceClass", "resource.k8s.io/v1"),
    ("1.39", "resource.k8s.io/v1beta2", "DeviceClass", "resource.k8s.io/v1"),
    ("1.38", "coordination.k8s.io/v1alpha2", "LeaseCandidate", ""),
    ("1.40", "admissionregistration.k8s.io/v1beta1", "MutatingAdmissionPolicy", "admissionregistration.k8s.io/v1"),
]


def rule(group_version: str, kind: str) -> Removal:
    found = RULES.find(group_version, kind)
    assert found is not None
    return found


@pytest.mark.parametrize(("version", "group_version", "kind", "replacement"), B_API)
def test_what_a_version_removes_is_known_with_what_comes_after(
    version: str, group_version: str, kind: str, replacement: str
) -> None:
    found = rule(group_version, kind)
    assert found.status(k8s(version)) is Standing.REMOVED
    assert found.status(k8s(version).previous) is not Standing.REMOVED
    assert RULES.replacement_at(found, k8s(version)) == replacement
    assert found in RULES.removed_between(k8s(version).previous, k8s(version))


def test_deprecated_is_not_removed() -> None:
    found = rule("storage.k8s.io/v1beta1", "VolumeAttributesClass")
    assert [found.status(k8s(version)) for version in ("1.33", "1.34", "1.36", "1.37")] == [
        None,
        Standing.DEPRECATED,
        Standing.DEPRECATED,
        Standing.REMOVED,
    ]
    assert rule("v1", "Endpoints").status(k8s("1.99")) is Standing.DEPRECATED


def test_a_replacement_that_is_gone_as_well_is_passed_over() -> None:
    found = rule("flowcontrol.apiserver.k8s.io/v1beta1", "FlowSchema")
    told = {
        version: RULES.replacement_at(found, k8s(version)).rpartition("/")[2] for version in ("1.26", "1.29", "1.34")
    }
    assert told == {"1.26": "v1beta2", "1.29": "v1", "1.34": "v1"}
    assert RULES.replacement_at(rule("extensions/v1beta1", "PodSecurityPolicy"), k8s("1.24")) == "policy/v1beta1"
    assert RULES.replacement_at(rule("extensions/v1beta1", "PodSecurityPolicy"), k8s("1.25")) == ""


@pytest.mark.parametrize(
    ("group_version", "kind", "said"),
    [
        ("batch/v1beta1", "CronJob", "kubectl-convert -f cron.yaml --output-version batch/v1"),
        ("networking.k8s.io/v1beta1", "Ingress", "pathType"),
        ("policy/v1beta1", "PodSecurityPolicy", "Pod Security Admission"),
        ("v1", "Endpoints", "Use EndpointSlice of discovery.k8s.io/v1"),
        ("autoscaling/v2beta1", "HorizontalPodAutoscaler", "averageUtilization"),
        ("cert-manager.io/v1alpha2", "Issuer", "Write it as cert-manager.io/v1."),
        ("coordination.k8s.io/v1alpha2", "LeaseCandidate", "no successor"),
    ],
)
def test_every_finding_says_how_to_convert(group_version: str, kind: str, said: str) -> None:
    assert said in how_to_convert(RULES, rule(group_version, kind), k8s("1.38"), "cron.yaml")


def test_payloads_of_webhooks_and_typed_lists_have_no_rule() -> None:
    own = RULES.with_own(own_rules("- {group_version: policy/v1beta1, removed_in: '1.25'}", "own.yaml"))
    for kind in ("Eviction", "PodDisruptionBudgetList"):
        assert RULES.find("policy/v1beta1", kind) is None
    assert own.find("policy/v1beta1", "Eviction") is None
    assert own.find("policy/v1beta1", "PodDisruptionBudget") is not None


def test_what_components_ended_is_told_without_a_version_of_kubernetes() -> None:
    found = rule("certmanager.k8s.io/v1alpha1", "Issuer")
    assert found.status(k8s("1.21")) is Standing.DEPRECATED
    assert found.ended == "cert-manager removed it in v0.11.0"
    assert RULES.find("authentication.istio.io/v1alpha1", "Policy") is not None


@pytest.mark.parametrize(
    ("kind", "resource"),
    [
        ("Ingress", "ingresses"),
        ("NetworkPolicy", "networkpolicies"),
        ("Endpoints", "endpoints"),
        ("CSINode", "csinodes"),
    ],
)
def test_resources_are_the_plurals_of_kinds(kind: str, resource: str) -> None:
    assert plural(kind) == resource


def test_own_rules_add_and_override() -> None:
    own = RULES.with_own(
        own_rules(
            """
- {group_version: example.com/v1beta1, kind: Widget, removed_in: "1.30", replacement: example.com/v1, how: rename size.}
- {group_version: policy/v1beta1, kind: PodDisruptionBudget}
- {group_version: batch/v1beta1, deprecated_in: "1.20"}
""",
            "own.yaml",
        )
    )
    widget = own.find("example.com/v1beta1", "Widget")
    assert widget is not None
    assert widget.status(k8s("1.30")) is Standing.REMOVED
    assert how_to_convert(own, widget, k8s("1.30")) == "Write it as example.com/v1: rename size."
    budget, cron = own.find("policy/v1beta1", "PodDisruptionBudget"), own.find("batch/v1beta1", "CronJob")
    assert budget is not None
    assert budget.status(k8s("1.30")) is None
    assert cron is not None
    assert cron.status(k8s("1.30")) is Standing.DEPRECATED


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- {group_version: a/v1, removed_in: 1.30}", "in quotes"),
        ("- {group_version: a/v1, removed_in: soon}", "not a Kubernetes minor version"),
        ("- {kind: Widget}", "group_version"),
        ("- {group_version: a/b/v1}", "like example.com/v1beta1"),
        ("- {group_version: a/v1, removed: '1.30'}", "removed"),
        ("rules: []", "no list"),
        ("- [", "no YAML"),
        ("- hello", "rule 1"),
    ],
)
def test_own_rules_that_are_none_are_refused(text: str, said: str) -> None:
    with pytest.raises(RulesUnreadable, match=said) as refused:
        own_rules(text, "own.yaml")
    assert "own.yaml" in refused.value.message
    assert "group_version" in refused.value.hint
