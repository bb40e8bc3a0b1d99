"""What a readiness check reads of AWS, against the sandbox: every fact with its whole meaning, every denial named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from sandbox.scenario import ActionDenied, parse_scenario
from sandbox.stage import TO_UNSET, Stage
from sandbox.world.identities import EXTERNAL_ID, READ_ROLE, role_arn
from tests.sandbox.aws.test_surroundings import SCENARIO
from upgrade.eks import ClusterId
from upgrade.errors import NotPermitted
from upgrade.gateways.aws import audit_log
from upgrade.gateways.aws.gateway import BotoAwsGateway
from upgrade.gateways.aws.sessions import AwsSessions
from upgrade.gateways.identity import RoleIdentity
from upgrade.gateways.permissions import CHOSEN, OPTIONAL_ACTIONS
from upgrade.surroundings import VersionOwner
from upgrade.versions import KubernetesVersion

CLUSTER = ClusterId(account="111122223333", region="eu-central-1", name="prod-eu")


class Around:
    """The gateway to the scenario's cluster, and each fact as a snapshot asks for it."""

    def __init__(self, stage: Stage, aws: BotoAwsGateway) -> None:
        self.stage, self.aws = stage, aws
        self.plane = aws.describe_cluster()
        self.groups = tuple(aws.describe_nodegroup(name) for name in aws.nodegroup_names())

    def ask(self, fact: str) -> Any:
        until: datetime = self.stage.clock.now()
        span = (until - timedelta(days=7), until)
        own = self.plane.cluster_security_group_id or ""
        asked: dict[str, Callable[[], Any]] = {
            "security_groups": lambda: self.aws.security_groups([own, *self.plane.security_group_ids]),
            "vpc_subnets": lambda: self.aws.vpc_subnets(self.plane.vpc_id),
            "cluster_role_denied": lambda: self.aws.cluster_role_denied(self.plane.role_arn),
            "launch_templates": lambda: self.aws.launch_templates(self.groups, self.aws.autoscaling_groups()),
            "recovery_point_at": lambda: self.aws.recovery_point_at(self.plane.arn),
            "resilience_apps": lambda: self.aws.resilience_apps(self.plane.arn),
            "audit_requests": lambda: self.aws.audit_requests(*span),
            "stale_token_users": lambda: self.aws.stale_token_users(*span),
        }
        return asked.get(fact, getattr(self.aws, fact))()


@pytest.fixture(scope="module")
def around() -> Iterator[Around]:
    with (
        Stage(parse_scenario(SCENARIO), speed=1, faces=("aws",)) as stage,
        pytest.MonkeyPatch.context() as environment,
    ):
        environment.setattr(audit_log, "FIRST_PAUSE_SECONDS", 0.001)
        for variable in TO_UNSET:
            environment.delenv(variable, raising=False)
        for variable, value in stage.environment().items():
            if variable.startswith("AWS_"):
                environment.setenv(variable, value)
        reader = RoleIdentity(arn=role_arn(CLUSTER.account, READ_ROLE), external_id=EXTERNAL_ID)
        yield Around(stage, BotoAwsGateway(CLUSTER, AwsSessions().session(reader, CLUSTER.region)))


def test_the_cluster_and_its_network(around: Around) -> None:
    assert (around.plane.hybrid_nodes, around.plane.zonal_shift, around.plane.ip_family) == (True, True, "ipv4")
    narrow, wide = sorted(around.ask("security_groups"), key=lambda one: one.ingress[0].protocol, reverse=True)
    assert [(rule.protocol, rule.from_port, rule.itself) for rule in narrow.ingress] == [("tcp", 443, True)]
    assert [(rule.protocol, rule.itself) for rule in wide.ingress] == [("-1", True)]
    assert all(rule.everywhere for group in (narrow, wide) for rule in group.egress)
    assert all(subnet.cidr.endswith("/18") for subnet in around.ask("vpc_subnets"))
    assert around.ask("cluster_role_denied") == ()


def test_capacity(around: Around) -> None:
    vcpus, gp2, gp3 = around.ask("quotas")
    assert (vcpus.limit, vcpus.used) == (64.0, 3 * 4 + 8)
    assert (gp2.limit, gp2.used, gp3.limit) == (50.0, 0.0, 300.0)  # gp2: nobody ever asked for more than the default
    assert sorted(one.hop_limit for one in around.ask("instances")) == [1, 2, 2, 2]
    groups = around.ask("autoscaling_groups")
    assert {group.nodegroup for group in groups} == {"core", "own", None}
    templates = around.ask("launch_templates")
    assert sorted((one.user_data.kind, one.hop_limit) for one in templates) == [("bootstrap.sh", 1), ("none", 2)]
    assert around.ask("fargate_profiles") == ("batch",)


def test_who_else_depends_on_the_cluster(around: Around) -> None:
    assert around.stage.scenario.date - around.ask("recovery_point_at") == timedelta(hours=20)
    assert around.ask("resilience_apps") == ("shop",)
    assert around.ask("owners") == (
        VersionOwner(
            tool="CloudFormation",
            name="prod-eu-stack",
            declared=KubernetesVersion(1, 33),
            evidence="tag aws:cloudformation:stack-name",
        ),
    )


def test_the_audit_log(around: Around) -> None:
    (request,) = around.ask("audit_requests")
    assert (request.group, request.version, request.resource) == ("example.com", "v1beta1", "widgets")
    assert (request.removed_release, request.user_agent) == ("1.35", "old-controller/v0.1")
    assert request.count > 50
    assert request.last_at
    assert around.ask("stale_token_users") == ("system:serviceaccount:shop:old",)


@pytest.mark.parametrize(("action", "facts"), OPTIONAL_ACTIONS.items())
def test_a_denied_action_is_named_by_each_fact_that_needs_it(
    around: Around, action: str, facts: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    if action == "logs:StopQuery":  # only a question that takes too long is stopped
        monkeypatch.setattr(audit_log, "PATIENCE_SECONDS", 0.0)
    world = around.stage.world
    switch = world.switch_on(ActionDenied(kind="deny-action", action=action))
    try:
        for fact in facts:
            with pytest.raises(NotPermitted) as caught:
                around.ask(fact)
            assert caught.value.permission == action
    finally:
        world.switch_off(switch.id)


def test_what_is_chosen_is_a_fact(around: Around) -> None:
    facts = {fact for facts in OPTIONAL_ACTIONS.values() for fact in facts}
    assert facts & set(CHOSEN) == {"audit_requests", "stale_token_users"}
