"""A message to an SNS topic, over HTTP to moto's server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from bot.webhooks.page import PageLost
from bot.webhooks.sns import Sns
from tests.bot.webhooks.test_http import PAGE
from upgrade.errors import NotFound, PermanentError
from upgrade.gateways.aws.sessions import AwsSessions
from upgrade.gateways.aws.topics import SnsTopic
from upgrade.gateways.identity import OwnIdentity, RoleIdentity
from upgrade.ports import permissions_of

REGION = "eu-central-1"


@dataclass
class Topics:
    """Topics with a queue behind each, as their owner sees them."""

    url: str

    def client(self, service: str) -> Any:
        return boto3.client(service, region_name=REGION, endpoint_url=self.url)

    def make(self, name: str, **attributes: str) -> tuple[str, str]:
        """The ARN of a new topic and the address of the queue that gets what it hears."""
        topic = self.client("sns").create_topic(Name=name, Attributes=attributes)["TopicArn"]
        queue = self.client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        arn = f"arn:aws:sqs:{REGION}:{topic.split(':')[4]}:{name}"
        self.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        return topic, queue

    def heard(self, queue: str) -> list[dict[str, Any]]:
        found = self.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(one["Body"]) for one in found]


@pytest.fixture
def topics(monkeypatch: pytest.MonkeyPatch) -> Iterator[Topics]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    for name, value in {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "example",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    yield Topics(url)
    server.stop()


def test_a_topic_hears_all_of_a_page_with_a_subject_that_sns_takes(topics: Topics) -> None:
    arn, queue = topics.make("night")
    role = RoleIdentity(arn="arn:aws:iam::123456789012:role/eks-upgrade-bot-call")
    Sns("night", SnsTopic(arn, role, AwsSessions())).send(PAGE)
    (heard,) = topics.heard(queue)
    assert heard["Subject"] == PAGE.summary
    assert json.loads(heard["Message"]) == json.loads(json.dumps(PAGE.content()))
    SnsTopic(arn, OwnIdentity(), AwsSessions()).publish("ä" * 200 + "\n→", "x", key="k", id="i")
    (heard,) = topics.heard(queue)
    assert heard["Subject"] == "EKS upgrade"


def test_a_fifo_topic_takes_what_is_sent_again_once(topics: Topics) -> None:
    arn, queue = topics.make("night.fifo", FifoTopic="true", FifoQueue="true")
    webhook = Sns("night", SnsTopic(arn, OwnIdentity(), AwsSessions()))
    webhook.send(PAGE)
    webhook.send(PAGE)
    assert len(topics.heard(queue)) == 1


def test_a_topic_that_is_not_there_is_lost(topics: Topics) -> None:
    topic = SnsTopic(f"arn:aws:sns:{REGION}:123456789012:gone", OwnIdentity(), AwsSessions())
    with pytest.raises((NotFound, PermanentError)):
        topic.publish("s", "m", key="k", id="i")
    with pytest.raises(PageLost):
        Sns("night", topic).send(PAGE)


def test_what_it_needs_is_declared() -> None:
    assert permissions_of(SnsTopic) == ("sns:Publish",)
