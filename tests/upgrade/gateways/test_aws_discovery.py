"""Finding clusters over AWS's wire protocol: every page, no half answer, and who is asked."""

from __future__ import annotations

import pytest

from tests.upgrade.gateways import aws_answers as answers
from tests.upgrade.gateways.aws_answers import ACCOUNT
from tests.upgrade.gateways.aws_stub import AwsStub, refusal
from upgrade.discovery import DiscoveredCluster, Place
from upgrade.eks import ClusterId
from upgrade.errors import NotPermitted, PermanentError
from upgrade.gateways.aws.discovery import ClusterFinder
from upgrade.gateways.identity import OwnIdentity
from upgrade.gateways.permissions import DISCOVERY_ACTIONS

HERE = Place(account=ACCOUNT, region="eu-central-1")
GONE = refusal("ResourceNotFoundException", "No cluster found for name: gone.", 404)


def found(name: str, **tags: str) -> DiscoveredCluster:
    return DiscoveredCluster(id=ClusterId(account=ACCOUNT, region=HERE.region, name=name), tags=tags)


def test_every_page_is_read_and_a_cluster_that_goes_meanwhile_is_left_out(aws_stub: AwsStub) -> None:
    pages = ({"clusters": ["a", "gone"], "nextToken": "t"}, {"clusters": ["b"]})
    aws_stub.on("GET /clusters", *pages)
    aws_stub.on("GET /clusters/a", answers.cluster(tags={"environment": "prod"}))
    aws_stub.on("GET /clusters/b", answers.cluster(tags={}))
    aws_stub.on("GET /clusters/gone", GONE)
    assert ClusterFinder().clusters(OwnIdentity(), HERE) == (found("a", environment="prod"), found("b"))
    assert [asked.query.get("nextToken") for asked in aws_stub.calls("GET /clusters")] == [None, ["t"]]


@pytest.mark.parametrize("denied", ["eks:ListClusters", "eks:DescribeCluster"])
def test_a_denied_permission_is_named_and_nothing_is_known(aws_stub: AwsStub, denied: str) -> None:
    message = f"User: arn:aws:iam::{ACCOUNT}:user/bot is not authorized to perform: {denied} on resource: *"
    refused = refusal("AccessDeniedException", message, 403)
    aws_stub.on("GET /clusters", refused if denied == "eks:ListClusters" else {"clusters": ["a", "b"]})
    aws_stub.on("GET /clusters/a", answers.cluster())
    aws_stub.on("GET /clusters/b", refused)
    with pytest.raises(NotPermitted) as told:
        ClusterFinder().clusters(OwnIdentity(), HERE)
    assert told.value.permission == denied


def test_an_answer_without_the_list_is_no_empty_account(aws_stub: AwsStub) -> None:
    aws_stub.on("GET /clusters", {"page": "of a proxy"})
    with pytest.raises(PermanentError, match="does not understand"):
        ClusterFinder().clusters(OwnIdentity(), HERE)


def test_finding_needs_one_permission_more() -> None:
    assert DISCOVERY_ACTIONS == ("eks:ListClusters",)
