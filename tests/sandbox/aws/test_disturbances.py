"""What goes wrong on the way to AWS and back."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError

from sandbox.aws.face import AwsFace
from sandbox.scenario import CallsThrottled
from sandbox.world.world import World
from tests.patience import LONGEST
from tests.sandbox.aws.conftest import MakeClient


@pytest.mark.parametrize(
    "case",
    [
        ("eks", "list_clusters", "ThrottlingException", 429),
        ("ec2", "describe_subnets", "RequestLimitExceeded", 503),
        ("autoscaling", "describe_auto_scaling_groups", "Throttling", 400),
        ("kms", "list_keys", "ThrottlingException", 400),
    ],
)
def test_throttled_calls_are_counted_down(
    world: World, make_client: MakeClient, case: tuple[str, str, str, int]
) -> None:
    service, method, code, status = case
    operation = "".join(part.capitalize() for part in method.split("_"))
    world.switch_on(CallsThrottled(kind="throttle", operation=operation, calls=2))
    client = make_client(service)
    for _ in range(2):
        with pytest.raises(ClientError) as caught:
            getattr(client, method)()
        assert caught.value.response["Error"]["Code"] == code
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    getattr(client, method)()


def test_boto3_retries_what_is_throttled(world: World, face: AwsFace, make_client: MakeClient) -> None:
    world.switch_on(CallsThrottled(kind="throttle", operation="DescribeCluster", calls=1))
    eks = make_client("eks", retries={"mode": "standard", "total_max_attempts": 3})
    assert eks.describe_cluster(name="prod-eu")["cluster"]["name"] == "prod-eu"
    assert face.counts["eks:DescribeCluster"] == 2


@pytest.mark.parametrize(("kind", "status"), [("unavailable", 503), ("internal-failure", 500)])
def test_a_service_that_fails_has_done_nothing(
    face: AwsFace, world: World, eks: Any, kind: Literal["unavailable", "internal-failure"], status: int
) -> None:
    face.disturbances.fail("UpdateAddon", kind)
    with pytest.raises(ClientError) as caught:
        eks.update_addon(clusterName="prod-eu", addonName="coredns", clientRequestToken="t1")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert world.effects == []
    eks.update_addon(clusterName="prod-eu", addonName="coredns", clientRequestToken="t1")


def test_a_lost_answer_took_effect_and_the_token_finds_it_again(face: AwsFace, world: World, eks: Any) -> None:
    face.disturbances.fail("UpdateAddon", "lost-answer")
    with pytest.raises(ConnectionClosedError):
        eks.update_addon(clusterName="prod-eu", addonName="coredns", clientRequestToken="t1")
    assert len(world.effects) == 1
    again = eks.update_addon(clusterName="prod-eu", addonName="coredns", clientRequestToken="t1")["update"]
    assert len(world.effects) == 1
    assert world.effects[0].update_id == again["id"]


def test_a_connection_cut_before_the_call_had_no_effect(face: AwsFace, world: World, eks: Any) -> None:
    face.disturbances.fail("*", "cut-before")
    with pytest.raises(ConnectionClosedError):
        eks.update_addon(clusterName="prod-eu", addonName="coredns")
    assert world.effects == []


def test_a_slow_answer_takes_its_time_and_others_do_not_wait_for_it(
    face: AwsFace, eks: Any, make_client: MakeClient
) -> None:
    other = make_client("eks")
    face.disturbances.slow("ListClusters", 1.0)
    answered_meanwhile = 0
    started = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(eks.list_clusters)
        while not slow.done():
            other.describe_cluster(name="prod-eu")
            answered_meanwhile += not slow.done()
        slow.result()
    assert answered_meanwhile
    assert time.monotonic() - started >= 1.0


def test_a_stopped_face_is_gone_and_can_be_started_again(face: AwsFace, eks: Any, make_client: MakeClient) -> None:
    sts = make_client("sts")
    before = sts.get_caller_identity()["UserId"]
    port = int(face.url.rsplit(":", 1)[1])
    face.stop()
    with pytest.raises((EndpointConnectionError, ConnectionClosedError)):
        eks.list_clusters()
    face.start(port)
    assert eks.list_clusters()["clusters"] == ["prod-eu"]
    assert sts.get_caller_identity()["UserId"] == before


def test_a_face_listens_on_loopback_only(world: World) -> None:
    with pytest.raises(ValueError, match="loopback only"):
        AwsFace(world, host="0.0.0.0")


def test_a_huge_body_is_refused(face: AwsFace) -> None:
    host, port = face.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=LONGEST) as connection:
        connection.sendall(b"POST /clusters HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n")
        assert b"413" in connection.recv(200)


def test_many_pollers_are_served_at_once(face: AwsFace, make_client: MakeClient) -> None:
    clients = [make_client("eks") for _ in range(5)]

    def poll(client: Any) -> int:
        return sum(client.describe_cluster(name="prod-eu")["cluster"]["name"] == "prod-eu" for _ in range(20))

    with ThreadPoolExecutor(5) as pool:
        assert sum(pool.map(poll, clients)) == 100
    assert face.counts["eks:DescribeCluster"] == 100
