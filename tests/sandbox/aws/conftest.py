"""A small world behind a running AWS face, and boto3 clients that talk to it over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import boto3
import botocore.config
import pytest

from sandbox.aws.credentials import Credential
from sandbox.aws.face import AwsFace
from sandbox.clock import ManualClock
from sandbox.scenario import Scenario, parse_scenario
from sandbox.world.world import World
from tests.patience import LONGEST

ACCOUNT = "111122223333"
OTHER_ACCOUNT = "444455556666"
REGION = "eu-central-1"

SCENARIO = """
name: aws-face
description: Two accounts, one cluster each, the first with everything that EKS describes.
date: 2026-11-17T09:00:00Z
clusters:
  - name: prod-eu
    version: "1.34"
    encryption_key: Enabled
    addons:
      - name: vpc-cni
      - name: kube-proxy
      - name: coredns
      - name: aws-ebs-csi-driver
        role: ebs-csi
    nodegroups:
      - {name: core, size: 2}
      - {name: own-template, size: 1, launch_template: true, taints: ["dedicated=web:NoSchedule"], labels: {team: web}}
    deprecated_uses:
      - usage: /apis/example.com/v1beta1/widgets
        replaced_with: /apis/example.com/v1/widgets
        stop_serving_version: "1.35"
        start_serving_replacement_version: "1.30"
        user_agent: old-controller/v0.1
  - name: staging-us
    version: "1.34"
    account: "444455556666"
    region: us-east-1
    nodegroups:
      - {name: core, size: 1}
start: {person: ana, cluster: prod-eu, to: "1.35"}
expected: {status: succeeded}
"""

MakeClient = Callable[..., Any]
SESSION = boto3.Session()
"""One for all tests: it keeps the service models that it has read."""
IMPATIENT: dict[str, Any] = {"retries": {"total_max_attempts": 1}, "connect_timeout": LONGEST, "read_timeout": LONGEST}


@pytest.fixture(scope="session")
def scenario() -> Scenario:
    return parse_scenario(SCENARIO)


@pytest.fixture
def clock(scenario: Scenario) -> ManualClock:
    return ManualClock(scenario.date)


@pytest.fixture
def world(scenario: Scenario, clock: ManualClock) -> World:
    return World(scenario, clock)


@pytest.fixture
def face(world: World) -> Iterator[AwsFace]:
    face = AwsFace(world)
    face.start()
    yield face
    face.stop()


@pytest.fixture
def pass_time(clock: ManualClock, world: World) -> Callable[..., None]:
    """Lets domain time pass: `pass_time(minutes=20)`."""

    def let_pass(**duration: float) -> None:
        clock.advance(timedelta(**duration))
        world.settle()

    return let_pass


@pytest.fixture
def make_client(face: AwsFace) -> Iterator[MakeClient]:
    """`make_client(service, credential=…, region=…)`: a client of the face, by default as a user who may do all."""
    clients: list[Any] = []
    own: list[Credential] = []

    def make(service: str, credential: Credential | None = None, region: str = REGION, **config: Any) -> Any:
        if credential is None:
            own[:] = own or [face.issue_user_credentials(ACCOUNT, "tester")]
            credential = own[0]
        client = SESSION.client(
            service,
            endpoint_url=face.url,
            aws_access_key_id=credential.access_key_id,
            aws_secret_access_key=credential.secret_access_key,
            aws_session_token=credential.session_token,
            region_name=region,
            config=botocore.config.Config(**{**IMPATIENT, **config}),
        )
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def eks(make_client: MakeClient) -> Any:
    return make_client("eks")
