"""AWS and Kubernetes, with one thing denied or broken at a time."""

from __future__ import annotations

import base64
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from bot.doctor.verdicts import State, Verdict
from sandbox.kube.certificates import issue_certificates
from sandbox.scenario import ActionDenied, Fault, VerbDenied, load_scenario
from sandbox.stage import Stage
from sandbox.world.identities import CHANGE_ROLE, READ_ROLE
from tests.bot.doctor.conftest import Clinic, Enter
from upgrade.gateways.kube import connection
from upgrade.gateways.permissions import CHANGE_ACTIONS, KUBERNETES_ACCESSES, READ_ACTIONS

READ, CHANGE = "prod-eu (read role)", "prod-eu (change role)"


@pytest.fixture
def clusters(without_slack: Clinic) -> Clinic:
    return without_slack


@contextmanager
def faulty(stage: Stage, fault: Fault) -> Iterator[None]:
    switch = stage.world.switch_on(fault)
    try:
        yield
    finally:
        stage.world.switch_off(switch.id)


@contextmanager
def changed(thing: Any, **values: Any) -> Iterator[None]:
    before = {name: getattr(thing, name) for name in values}
    for name, value in values.items():
        setattr(thing, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(thing, name, value)


def cluster_of(stage: Stage) -> Any:
    return next(iter(stage.world.clusters()))


def named(verdicts: list[Verdict]) -> list[tuple[str, str]]:
    return [(verdict.code, verdict.subject) for verdict in verdicts]


# -- AWS -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["eks:ListUpdates", "ec2:DescribeSubnets", "kms:DescribeKey", "ssm:GetParameter"])
def test_a_denied_read_is_named_for_each_role_with_the_policy_to_attach(clusters: Clinic, action: str) -> None:
    assert action in READ_ACTIONS
    with faulty(clusters.stage, ActionDenied(kind="deny-action", action=action)):
        found = clusters.to_fix()
    assert named(found) == [("aws-permission", READ), ("aws-permission", CHANGE)]
    assert all(f"lacks {action}." in verdict.summary for verdict in found)
    assert found[0].remedy == (
        f"aws iam put-role-policy --role-name {READ_ROLE} --policy-name eks-upgrade-bot-read "
        "--policy-document file://deploy/iam-read-policy.json"
    )
    assert f"--role-name {CHANGE_ROLE} " in found[1].remedy


@pytest.mark.parametrize(
    ("action", "unknown"),
    [
        ("ec2:DescribeInstances", "instances, quotas"),
        ("cloudformation:GetTemplate", "owners"),
        ("resiliencehub:ListApps", "resilience apps"),
    ],
)
def test_a_denied_read_that_only_checks_need_is_a_note_for_the_read_role(
    clusters: Clinic, action: str, unknown: str
) -> None:
    with faulty(clusters.stage, ActionDenied(kind="deny-action", action=action)):
        verdicts = clusters.examine()
    (found,) = [one for one in verdicts if one.code == "aws-permission-optional"]
    assert (found.state, found.subject) == (State.NOTE, READ)
    assert found.summary.endswith(f" lacks {action}; in every check this stays unknown: {unknown}.")
    assert found.remedy.endswith("--policy-document file://deploy/iam-read-policy.json")
    assert not [one for one in verdicts if one.state is State.FIX]


@pytest.mark.parametrize("chosen", [True, False])
def test_queries_of_the_audit_log_are_missed_only_when_they_were_chosen(clusters: Clinic, chosen: bool) -> None:
    clusters.settings["readiness"] = {"audit_log": chosen}
    with faulty(clusters.stage, ActionDenied(kind="deny-action", action="logs:StartQuery")):
        notes = [one.summary for one in clusters.examine() if one.code == "aws-permission-optional"]
    assert [note.partition("; ")[2] for note in notes] == (
        ["in every check this stays unknown: audit requests, stale token users."] if chosen else []
    )


@pytest.mark.parametrize("action", CHANGE_ACTIONS)
def test_a_denied_change_is_named_for_the_change_role_only(clusters: Clinic, action: str) -> None:
    with faulty(clusters.stage, ActionDenied(kind="deny-action", action=action)):
        found = clusters.to_fix()
    assert named(found) == [("aws-permission", CHANGE)]
    assert action in found[0].summary


def test_without_the_simulator_nothing_passes_for_good(clusters: Clinic) -> None:
    with faulty(clusters.stage, ActionDenied(kind="deny-action", action="iam:SimulatePrincipalPolicy")):
        found = clusters.to_fix()
    assert named(found) == [("aws-permission", READ), ("aws-permission", CHANGE)]
    assert all("could not be judged" in verdict.summary for verdict in found)


def test_a_cluster_that_may_not_be_described_is_told(clusters: Clinic) -> None:
    with faulty(clusters.stage, ActionDenied(kind="deny-action", action="eks:DescribeCluster")):
        found = clusters.to_fix()
    assert ("aws-cluster-unreadable", READ) in named(found)
    assert ("aws-cluster-unreadable", CHANGE) in named(found)


def test_a_wrong_external_id_is_told_without_showing_it(clusters: Clinic) -> None:
    clusters.settings["clusters"][0]["read_role"]["external_id"] = "wrong-one"
    found = clusters.to_fix()
    assert ("aws-assume-role", READ) in named(found)
    verdict = next(one for one in found if one.code == "aws-assume-role")
    assert "and the external id of the settings" in verdict.remedy
    assert f"--role-name {READ_ROLE} " in verdict.remedy
    assert "wrong-one" not in verdict.line


def test_a_missing_external_id_is_told(clusters: Clinic) -> None:
    del clusters.settings["clusters"][0]["read_role"]["external_id"]
    verdict = next(one for one in clusters.to_fix() if one.code == "aws-assume-role")
    assert "without a condition on an external id" in verdict.remedy


def test_a_role_that_takes_no_source_identity_is_told_for_the_change_role_only(clusters: Clinic) -> None:
    role = clusters.stage.world.accounts["111122223333"].roles[CHANGE_ROLE]
    statement = {**role.trust["Statement"][0], "Action": "sts:AssumeRole"}
    with changed(role, trust={"Version": "2012-10-17", "Statement": [statement]}):
        found = clusters.to_fix()
    assert ("aws-set-source-identity", CHANGE) in named(found)
    assert not [one for one in found if one.subject == READ and one.code.startswith("aws-set")]


def test_an_identity_of_another_account_is_told(clusters: Clinic) -> None:
    clusters.settings["clusters"][0]["account"] = "444455556666"
    found = clusters.to_fix()
    assert named(found) == [("aws-wrong-account", READ), ("aws-wrong-account", CHANGE)]
    assert "111122223333" in found[0].summary
    assert "444455556666" in found[0].summary


def test_a_cluster_that_is_not_there_is_told_with_the_list_to_look_at(clusters: Clinic) -> None:
    clusters.settings["clusters"][0]["name"] = "prod-ue"
    found = [one for one in clusters.to_fix() if one.code == "aws-cluster-missing"]
    assert found[0].remedy == "aws eks list-clusters --region eu-central-1"


def test_keys_that_aws_does_not_know_stop_the_roles_too(clusters: Clinic) -> None:
    clusters.environment.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    verdicts = clusters.examine()
    assert named([one for one in verdicts if one.state == "fix"]) == [("aws-credentials", "aws")]
    assert ("aws-not-tried", READ) in named(verdicts)


def test_aws_out_of_reach_is_told(clusters: Clinic) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        clusters.environment.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{taken.getsockname()[1]}")
        assert named(clusters.to_fix()) == [("aws-unreachable", "aws")]


IDENTITY = b"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:iam::111122223333:user/bot</Arn><UserId>AIDA</UserId><Account>111122223333</Account>
</GetCallerIdentityResult></GetCallerIdentityResponse>"""
TOO_LATE = b"""<ErrorResponse><Error><Type>Sender</Type><Code>SignatureDoesNotMatch</Code><Message>Signature expired
</Message></Error></ErrorResponse>"""


@pytest.mark.parametrize(
    ("status", "body", "off", "direction"),
    [(200, IDENTITY, -200, "ahead of"), (200, IDENTITY, 200, "behind"), (403, TOO_LATE, 4000, "behind")],
)
def test_a_clock_that_is_off_is_told_also_when_aws_refuses_for_it(
    clusters: Clinic, status: int, body: bytes, off: int, direction: str
) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response_only(status)
            self.send_header("Date", format_datetime(datetime.now(UTC) + timedelta(seconds=off), usegmt=True))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    clusters.environment.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    clusters.settings["clusters"][0] |= {"read_role": "own"}
    del clusters.settings["clusters"][0]["change_role"]
    try:
        verdict = next(one for one in clusters.to_fix() if one.code == "aws-clock")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert direction in verdict.summary


# -- Kubernetes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("denied", [KUBERNETES_ACCESSES[-1:], KUBERNETES_ACCESSES])
def test_every_denied_access_is_named_for_both_roles(clusters: Clinic, denied: tuple[tuple[str, str], ...]) -> None:
    with ExitStack() as faults:
        for verb, resource in denied:
            plural = resource.partition(" ")[0].partition(".")[0]
            faults.enter_context(faulty(clusters.stage, VerbDenied(kind="deny-rbac", verb=verb, resource=plural)))
        found = clusters.to_fix()
    wanted = [f"RBAC does not let it {verb} {resource}." for verb, resource in denied]
    assert {one.code for one in found} == {"kubernetes-rbac"}
    for role in (READ, CHANGE):
        assert [one.summary for one in found if one.subject == role] == wanted
    assert all("kubectl apply -f deploy/rbac.yaml" in one.remedy for one in found)


@pytest.mark.parametrize(
    ("verb", "resource", "unknown"),
    [
        ("list", "nodepools.karpenter.sh", "node pools"),
        ("list", "apiservices.apiregistration.k8s.io", "api services, api writes, endpoints of."),
        ("get", "configmaps kube-system/coredns", "core config"),
    ],
)
def test_what_only_checks_need_is_a_note_that_names_what_stays_unknown(
    clusters: Clinic, verb: str, resource: str, unknown: str
) -> None:
    plural = resource.partition(" ")[0].partition(".")[0]
    with faulty(clusters.stage, VerbDenied(kind="deny-rbac", verb=verb, resource=plural)):
        notes = [one for one in clusters.examine() if one.code == "kubernetes-rbac-optional"]
    (found,) = [one for one in notes if f"it {verb} {resource};" in one.summary]
    assert (found.state, found.subject) == (State.NOTE, READ)
    assert f"; in every check this stays unknown: {unknown}" in found.summary
    assert found.remedy.startswith("kubectl apply -f deploy/rbac.yaml ")


@pytest.mark.parametrize("chosen", [True, False])
def test_what_reveals_much_is_missed_only_when_it_was_chosen(clusters: Clinic, chosen: bool) -> None:
    clusters.settings["readiness"] = {"kubelets": chosen}
    with faulty(clusters.stage, VerbDenied(kind="deny-rbac", verb="get", resource="nodes/proxy")):
        notes = [one for one in clusters.examine() if one.code == "kubernetes-rbac-optional"]
    assert [one.summary for one in notes if "nodes/proxy" in one.summary] == (
        ["RBAC does not let it get nodes/proxy; in every check this stays unknown: kubelets."] if chosen else []
    )
    assert all("deploy/rbac-chosen.yaml" in one.remedy for one in notes if "nodes/proxy" in one.summary)


def test_a_cluster_whose_api_nobody_wants_to_be_asked_is_not(clusters: Clinic) -> None:
    clusters.settings["clusters"][0]["reach"] = {"kind": "aws-only"}
    found = [verdict for verdict in clusters.examine() if verdict.code.startswith("kubernetes")]
    assert [(one.code, one.subject, one.state) for one in found] == [
        ("kubernetes-not-asked", READ, State.NOTE),
        ("kubernetes-not-asked", CHANGE, State.NOTE),
    ]


def test_a_cluster_that_does_not_answer_reviews_is_told(clusters: Clinic) -> None:
    denied = VerbDenied(kind="deny-rbac", verb="create", resource="selfsubjectaccessreviews")
    with faulty(clusters.stage, denied):
        found = clusters.to_fix()
    assert named(found) == [("kubernetes-forbidden", READ), ("kubernetes-forbidden", CHANGE)]


def test_a_principal_without_an_access_entry_gets_the_command_for_one(clusters: Clinic) -> None:
    entries = cluster_of(clusters.stage).access_entries
    arn = next(arn for arn in entries if arn.endswith(READ_ROLE))
    entry = entries.pop(arn)
    try:
        (verdict,) = clusters.to_fix()
    finally:
        entries[arn] = entry
    assert (verdict.code, verdict.subject) == ("kubernetes-unauthorized", READ)
    assert (
        "aws eks create-access-entry --cluster-name prod-eu --region eu-central-1 "
        f"--principal-arn {arn} --kubernetes-groups eks-upgrade-bot-readers" in verdict.remedy
    )


def test_nobody_in_aws_auth_gets_the_line_to_add(entering: Enter) -> None:
    scenario = load_scenario("workshop-lab")
    spec = scenario.clusters[0].model_copy(update={"bot_can": "nothing", "authentication_mode": "CONFIG_MAP"})
    lab = scenario.model_copy(update={"clusters": [spec]})
    with Stage(lab, speed=60, faces=("aws", "kubernetes")) as stage:
        found = entering(stage).to_fix()
    assert {one.code for one in found} == {"kubernetes-unauthorized"}
    assert len(found) == 2
    line = f"- {{rolearn: arn:aws:iam::{spec.account}:role/{READ_ROLE}, username: eks-upgrade-bot, groups: ["
    assert "edit configmap aws-auth" in found[0].remedy
    assert line in found[0].remedy


def test_another_authority_is_told_as_tls(clusters: Clinic) -> None:
    other = base64.b64encode(issue_certificates("other").authority).decode()
    with changed(cluster_of(clusters.stage), certificate_authority=other):
        found = clusters.to_fix()
    assert named(found) == [("kubernetes-tls", READ), ("kubernetes-tls", CHANGE)]
    assert "openssl s_client -connect 127.0.0.1:" in found[0].remedy


def test_a_name_that_does_not_resolve_is_told_as_dns(clusters: Clinic) -> None:
    with changed(cluster_of(clusters.stage), endpoint="https://ABCDEF.gr7.eu-central-1.eks.invalid"):
        found = clusters.to_fix()
    assert named(found) == [("kubernetes-dns", READ), ("kubernetes-dns", CHANGE)]
    assert "getent hosts ABCDEF.gr7.eu-central-1.eks.invalid" in found[0].remedy


def test_a_port_that_nobody_listens_on_is_told_as_connection(clusters: Clinic) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with changed(cluster_of(clusters.stage), endpoint=f"https://127.0.0.1:{taken.getsockname()[1]}"):
            found = clusters.to_fix()
    assert named(found) == [("kubernetes-connection", READ), ("kubernetes-connection", CHANGE)]


def test_an_api_that_keeps_silent_is_told_as_timeout(clusters: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "READ_SECONDS", 0.2)
    kube = clusters.stage.kube
    assert kube is not None
    with changed(kube, latency=1.0):
        found = clusters.to_fix()
    assert named(found) == [("kubernetes-timeout", READ), ("kubernetes-timeout", CHANGE)]
    assert "describe-cluster --name prod-eu" in found[0].remedy
