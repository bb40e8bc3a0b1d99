"""Who may in: tokens, access entries, aws-auth, access policies and RBAC."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from sandbox.aws.credentials import CredentialStore, Principal
from sandbox.aws.tokens import verify_token
from sandbox.clock import ManualClock
from sandbox.kube.face import KubeFace
from sandbox.scenario import parse_scenario
from sandbox.world.model import AccessEntry, AccessPolicyAssociation
from sandbox.world.objects import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, CONFIG_MAPS, Json
from sandbox.world.world import World
from tests.sandbox.aws.test_tokens import token_for
from tests.sandbox.kube.conftest import Api, make_scenario

POLICY = "arn:aws:eks::aws:cluster-access-policy/"
TOKEN = "k8s-aws-v1.prod-eu.auditor"


def let_in(api: Api, *, groups: list[str] | None = None, policy: str = "", namespaces: list[str] | None = None) -> None:
    """Gives the role `auditor` an access entry."""
    now = api.world.now
    entry = AccessEntry(
        "arn:aws:iam::111122223333:role/path/auditor",
        "arn:entry",
        "audit:{{SessionName}}",
        "STANDARD",
        groups or [],
        now,
    )
    if policy:
        scope = "namespace" if namespaces else "cluster"
        entry.policies.append(AccessPolicyAssociation(POLICY + policy, scope, namespaces or [], now))
    with api.world.current():
        api.cluster.authentication_mode = "API_AND_CONFIG_MAP"
        api.cluster.access_entries[entry.principal_arn] = entry


def code(api: Api, path: str, method: str = "GET", body: Json | None = None) -> int:
    return api.call(method, path, body, token=TOKEN).code


PDB = {"metadata": {"name": "x"}, "spec": {"minAvailable": 1, "selector": {"matchLabels": {"a": "b"}}}}


@pytest.mark.parametrize(
    "token", ["k8s-aws-v1.other-cluster.auditor", "k8s-aws-v1.", "abc", "k8s-aws-v1.prod-eu.auditor-unmapped"]
)
def test_a_token_that_proves_nobody_is_answered_with_401(api: Api, token: str) -> None:
    let_in(api, policy="AmazonEKSClusterAdminPolicy")

    reply = api.call("GET", "/api/v1/nodes", token=token)

    assert reply.code == 401
    assert (reply.json["kind"], reply.json["reason"], reply.json["message"]) == (
        "Status",
        "Unauthorized",
        "Unauthorized",
    )


def test_without_a_token_only_version_and_health_are_told(api: Api) -> None:
    assert api.call("GET", "/version", token=None).code == 200
    assert api.call("GET", "/readyz", token=None).code == 200

    reply = api.call("GET", "/api/v1/nodes", token=None)

    assert reply.code == 403
    assert (
        'User "system:anonymous" cannot list resource "nodes" in API group "" at the cluster scope'
        in reply.json["message"]
    )


def test_an_access_entry_without_policy_or_groups_may_discover_and_nothing_else(api: Api) -> None:
    let_in(api)

    assert code(api, "/apis") == 200
    reply = api.call("GET", "/api/v1/namespaces/shop/pods/web", token=TOKEN)

    assert reply.code == 403
    assert reply.json["message"] == (
        'pods "web" is forbidden: User "audit:run-1" cannot get resource "pods" in API group "" in the namespace "shop"'
    )


def test_the_admin_view_policy_reads_everything_and_writes_nothing(api: Api) -> None:
    let_in(api, policy="AmazonEKSAdminViewPolicy")

    assert code(api, "/api/v1/nodes") == 200
    assert code(api, "/apis/policy/v1/poddisruptionbudgets") == 200
    assert code(api, "/apis/policy/v1/namespaces/shop/poddisruptionbudgets", "POST", PDB) == 403
    assert code(api, "/metrics") == 403


def test_the_view_policy_sees_workloads_but_neither_nodes_nor_secrets(api: Api) -> None:
    let_in(api, policy="AmazonEKSViewPolicy")

    assert code(api, "/api/v1/pods") == 200
    assert code(api, "/api/v1/nodes") == 403
    assert code(api, "/api/v1/namespaces/shop/secrets") == 403


def test_a_policy_of_namespace_scope_ends_at_its_namespaces(api: Api) -> None:
    let_in(api, policy="AmazonEKSAdminViewPolicy", namespaces=["shop"])

    assert code(api, "/api/v1/namespaces/shop/pods") == 200
    assert code(api, "/api/v1/namespaces/batch/pods") == 403
    assert code(api, "/api/v1/pods") == 403


def test_the_cluster_admin_policy_may_everything(api: Api) -> None:
    let_in(api, policy="AmazonEKSClusterAdminPolicy")

    assert code(api, "/apis/policy/v1/namespaces/shop/poddisruptionbudgets", "POST", PDB) == 201
    assert code(api, "/metrics") == 200


def test_groups_get_what_cluster_role_bindings_give_them(api: Api) -> None:
    let_in(api, groups=["readers"])
    assert code(api, "/api/v1/nodes") == 403
    rules = [
        {"apiGroups": [""], "resources": ["nodes", "pods/log"], "verbs": ["get", "list"]},
        {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"], "resourceNames": ["shop"]},
        {"nonResourceURLs": ["/metrics"], "verbs": ["get"]},
    ]
    with api.world.current():
        api.cluster.kube.create(CLUSTER_ROLES, {"metadata": {"name": "node-reader"}, "rules": rules})
        binding = {
            "metadata": {"name": "readers"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "node-reader"},
            "subjects": [{"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "readers"}],
        }
        api.cluster.kube.create(CLUSTER_ROLE_BINDINGS, binding)

    assert code(api, "/api/v1/nodes") == 200
    assert code(api, "/metrics") == 200
    assert code(api, "/api/v1/namespaces/shop") == 200
    assert code(api, "/api/v1/namespaces/batch") == 403
    assert code(api, "/api/v1/nodes?watch=1") == 403
    assert code(api, "/api/v1/pods") == 403


@pytest.mark.parametrize(("mode", "expected"), [("API", 401), ("API_AND_CONFIG_MAP", 200), ("CONFIG_MAP", 200)])
def test_aws_auth_counts_unless_the_cluster_knows_access_entries_only(api: Api, mode: str, expected: int) -> None:
    rows = [{"rolearn": "arn:aws:iam::111122223333:role/auditor", "username": "a", "groups": ["system:masters"]}]
    with api.world.current():
        api.cluster.authentication_mode = mode

        def put(wanted: Json) -> None:
            wanted["data"] = {"mapRoles": json.dumps(rows)}

        api.cluster.kube.edit(CONFIG_MAPS, "kube-system", "aws-auth", put)

    assert code(api, "/api/v1/nodes") == expected


def test_access_entries_are_unknown_to_a_cluster_of_config_map_mode(api: Api) -> None:
    let_in(api, policy="AmazonEKSClusterAdminPolicy")
    with api.world.current():
        api.cluster.authentication_mode = "CONFIG_MAP"

    assert code(api, "/api/v1/nodes") == 401


def test_a_denied_verb_is_denied_to_everybody(api: Api) -> None:
    with api.world.current() as world:
        world.faults.denied_rbac.add(("list", "nodes"))

    reply = api.call("GET", "/api/v1/nodes")

    assert (reply.code, reply.json["reason"]) == (403, "Forbidden")
    assert reply.json["details"] == {"kind": "nodes"}
    assert api.call("GET", "/api/v1/pods").code == 200


def test_a_caller_may_ask_what_it_may(api: Api) -> None:
    let_in(api, policy="AmazonEKSAdminViewPolicy")

    def allowed(**attributes: str) -> bool:
        review = {"spec": {"resourceAttributes": attributes}}
        reply = api.call("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review, token=TOKEN)
        assert reply.code == 201
        answer: bool = reply.json["status"]["allowed"]
        return answer

    assert allowed(verb="list", resource="nodes")
    assert not allowed(verb="create", resource="pods", subresource="eviction", namespace="shop")
    who = api.call("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {}, token=TOKEN)
    assert who.json["status"]["userInfo"]["username"] == "audit:run-1"


def test_a_token_of_the_sandbox_s_own_sts_opens_the_door() -> None:
    credentials = CredentialStore()
    role = "arn:aws:iam::111122223333:role/eks-upgrade-bot-read"
    session = role.replace("iam", "sts").replace(":role/", ":assumed-role/") + "/run-1"
    principal = Principal("111122223333", session, "AROAX:run-1", role, "run-1")
    credential = credentials.issue(principal, expires_at=datetime.now(UTC) + timedelta(hours=1))

    def check(token: str, cluster_name: str) -> str:
        return verify_token(token, cluster_name, credentials, datetime.now(UTC)).arn

    scenario = parse_scenario(make_scenario())
    face = KubeFace(world := World(scenario, ManualClock(scenario.date)), check)
    face.start()
    try:
        cluster = world.clusters()[0]
        kubeconfig = {"users": [{"user": {"token": token_for(credential, cluster.name)}}]}
        api = Api(world, face, cluster, kubeconfig)

        assert len(api.get("/api/v1/nodes")["items"]) == 3
        assert api.call("GET", "/api/v1/nodes", token=token_for(credential, "another")).code == 401
    finally:
        face.stop()
