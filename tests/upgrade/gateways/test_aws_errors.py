"""None of botocore's errors leaves the gateway, and each becomes the right one of ours."""

from __future__ import annotations

import inspect
import string
from typing import Any

import botocore.exceptions
import pytest
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from botocore.session import Session

from tests.upgrade.gateways.aws_answers import cluster
from tests.upgrade.gateways.aws_stub import Answer, AwsStub, refusal
from upgrade.eks import ClusterId
from upgrade.errors import (
    ClusterBusy,
    NodegroupsMustMatch,
    NotFound,
    NotPermitted,
    PermanentError,
    TemporaryError,
    UpdateRefused,
    UpgradeError,
)
from upgrade.gateways.aws.errors import translate
from upgrade.gateways.aws.gateway import BotoAwsGateway
from upgrade.gateways.aws.sessions import AwsSessions
from upgrade.gateways.identity import OwnIdentity, ProfileIdentity
from upgrade.versions import KubernetesVersion

PROD = ClusterId(account="111122223333", region="eu-west-1", name="prod")
V135 = KubernetesVersion(1, 35)


def gateway(identity: Any = None) -> BotoAwsGateway:
    return BotoAwsGateway(PROD, AwsSessions().session(identity or OwnIdentity(), PROD.region))


def every_boto_error() -> list[Any]:
    found = inspect.getmembers(botocore.exceptions, inspect.isclass)
    return [kind for _, kind in found if issubclass(kind, BotoCoreError)]


def made(kind: Any) -> Exception:
    """An error of this kind; botocore's take the fields of their sentence as keywords."""
    fields: dict[str, Any] = {name: "x" for _, name, _, _ in string.Formatter().parse(kind.fmt) if name}
    if issubclass(kind, botocore.exceptions.WaiterError):
        fields["last_response"] = {}
    error: Exception = kind(**fields)
    return error


@pytest.mark.parametrize("kind", every_boto_error(), ids=lambda kind: kind.__name__)
def test_every_error_of_botocore_becomes_temporary_or_permanent(kind: Any) -> None:
    error = translate(made(kind), ("eks:DescribeCluster",))
    assert isinstance(error, TemporaryError | PermanentError)
    assert "eks:DescribeCluster" in error.message


def test_botocore_has_the_families_that_this_test_enumerates() -> None:
    assert len(every_boto_error()) > 80


TEMPORARY = [
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "EndpointConnectionError",
    "ConnectionClosedError",
    "ProxyConnectionError",
    "HTTPClientError",
    "CredentialRetrievalError",
    "MetadataRetrievalError",
    "IncompleteReadError",
]


@pytest.mark.parametrize("name", TEMPORARY)
def test_what_passes_by_itself_is_temporary(name: str) -> None:
    assert isinstance(translate(made(getattr(botocore.exceptions, name))), TemporaryError)


def test_a_garbled_answer_is_temporary() -> None:
    assert isinstance(translate(ResponseParserError("<html>")), TemporaryError)


@pytest.mark.parametrize("name", ["NoCredentialsError", "ProfileNotFound", "SSOTokenLoadError", "LoginRefreshRequired"])
def test_missing_credentials_are_permanent_and_say_what_to_check(name: str) -> None:
    error = translate(made(getattr(botocore.exceptions, name)))
    assert isinstance(error, PermanentError)
    assert "credentials" in error.hint


def modelled() -> list[str]:
    service = Session().get_service_model("eks")
    return sorted(shape.name for shape in service.error_shapes)


MEANINGS = {
    "AccessDeniedException": NotPermitted,
    "BadRequestException": UpdateRefused,
    "ClientException": UpdateRefused,
    "InvalidParameterException": UpdateRefused,
    "InvalidRequestException": UpdateRefused,
    "InvalidStateException": UpdateRefused,
    "NotFoundException": NotFound,
    "ResourceInUseException": ClusterBusy,
    "ResourceLimitExceededException": UpdateRefused,
    "ResourceNotFoundException": NotFound,
    "ResourcePropagationDelayException": TemporaryError,
    "ServerException": TemporaryError,
    "ServiceUnavailableException": TemporaryError,
    "ThrottlingException": TemporaryError,
    "UnsupportedAvailabilityZoneException": UpdateRefused,
}


def test_every_error_of_the_eks_model_has_a_meaning() -> None:
    assert modelled() == sorted(MEANINGS)


@pytest.mark.parametrize(("code", "kind"), MEANINGS.items())
def test_an_error_of_the_eks_model_means(code: str, kind: type[UpgradeError]) -> None:
    answered = ClientError({"Error": {"Code": code, "Message": "m"}}, "UpdateClusterVersion")
    error = translate(answered, ("eks:UpdateClusterVersion",), changes=True)
    assert type(error) is kind


@pytest.mark.parametrize("code", ["ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "RequestExpired"])
def test_credentials_that_aws_does_not_accept_are_permanent(code: str) -> None:
    error = translate(ClientError({"Error": {"Code": code}}, "DescribeCluster"), ("eks:DescribeCluster",))
    assert isinstance(error, PermanentError)
    assert "credentials" in error.hint


def test_a_denied_call_names_its_iam_action(aws_stub: AwsStub) -> None:
    aws_stub.on("GET /clusters/prod", refusal("AccessDeniedException", "User: x is not allowed", 403))
    with pytest.raises(NotPermitted) as caught:
        gateway().describe_cluster()
    assert caught.value.permission == "eks:DescribeCluster"
    assert caught.value.hint == "Allow eks:DescribeCluster."


def test_a_denial_names_the_action_that_aws_names(aws_stub: AwsStub) -> None:
    said = "User: arn:aws:sts::1:assumed-role/a/b is not authorized to perform: iam:PassRole on resource: x"
    aws_stub.on("POST /clusters/prod/updates", refusal("AccessDeniedException", said, 403))
    with pytest.raises(NotPermitted) as caught:
        gateway().update_cluster_version(V135, token="t")
    assert caught.value.permission == "iam:PassRole"


def test_an_update_under_way_is_busy(aws_stub: AwsStub) -> None:
    said = "Update cannot be processed as another update is in progress"
    aws_stub.on("POST /clusters/prod/updates", refusal("ResourceInUseException", said, 409))
    with pytest.raises(ClusterBusy, match="another update is in progress"):
        gateway().update_cluster_version(V135, token="t")


@pytest.mark.parametrize("code", ["InvalidRequestException", "InvalidParameterException"])
def test_lagging_node_groups_are_told_apart(aws_stub: AwsStub, code: str) -> None:
    said = "Nodegroups [core] must be updated to match cluster version 1.34 before updating cluster version"
    aws_stub.on("POST /clusters/prod/updates", refusal(code, said))
    with pytest.raises(NodegroupsMustMatch, match="core"):
        gateway().update_cluster_version(V135, token="t")


def test_a_refused_update_keeps_the_words_of_eks(aws_stub: AwsStub) -> None:
    said = "Updating VPC-CNI can only go up or down 1 minor version at a time"
    aws_stub.on("POST /clusters/prod/updates", refusal("InvalidParameterException", said, x_amzn_RequestId="req-2"))
    with pytest.raises(UpdateRefused, match="1 minor version at a time") as caught:
        gateway().update_cluster_version(V135, token="t")
    assert (caught.value.code, caught.value.request_id) == ("InvalidParameterException", "req-2")


def test_an_unknown_cluster_is_not_found(aws_stub: AwsStub) -> None:
    aws_stub.on("GET /clusters/prod", refusal("ResourceNotFoundException", "No cluster found for name: prod.", 404))
    with pytest.raises(NotFound, match="No cluster found"):
        gateway().describe_cluster()


def test_a_throttled_call_is_tried_again_by_itself(aws_stub: AwsStub) -> None:
    aws_stub.on("GET /clusters/prod", refusal("ThrottlingException", "slow down", 429), cluster())
    assert gateway().describe_cluster().version == KubernetesVersion(1, 34)
    assert len(aws_stub.calls("GET /clusters/prod")) == 2


def test_endless_throttling_is_temporary_and_carries_retry_after(aws_stub: AwsStub) -> None:
    aws_stub.on("GET /clusters/prod", refusal("ThrottlingException", "slow down", 429, Retry_After="7"))
    with pytest.raises(TemporaryError) as caught:
        gateway().describe_cluster()
    assert caught.value.retry_after_seconds == 7.0


def test_an_answer_that_makes_no_sense_is_ours_too(aws_stub: AwsStub) -> None:
    aws_stub.on("GET /clusters/prod", {"cluster": {"name": "prod"}})
    with pytest.raises(PermanentError, match="does not understand") as caught:
        gateway().describe_cluster()
    assert caught.value.code == "UnreadableAnswer"


def test_a_page_of_a_proxy_is_not_taken_for_an_empty_list(aws_stub: AwsStub) -> None:
    aws_stub.on("GET /clusters/prod/node-groups", Answer("<html>sign in</html>"))
    with pytest.raises(PermanentError, match="does not understand"):
        gateway().nodegroup_names()


def test_an_unknown_profile_is_told_by_name(aws_stub: AwsStub) -> None:
    with pytest.raises(PermanentError, match="staging") as caught:
        AwsSessions().caller_identity(ProfileIdentity(name="staging"), "eu-west-1")
    assert "credentials" in caught.value.hint


def test_no_credentials_at_all_is_permanent(aws_stub: AwsStub, aws_environment: pytest.MonkeyPatch) -> None:
    aws_environment.delenv("AWS_ACCESS_KEY_ID")
    aws_environment.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(PermanentError, match="Unable to locate credentials"):
        gateway().describe_cluster()


def test_a_long_answer_is_cut(aws_stub: AwsStub) -> None:
    aws_stub.on("GET /clusters/prod", refusal("ClientException", "x\n" * 5000))
    with pytest.raises(PermanentError) as caught:
        gateway().describe_cluster()
    assert len(caught.value.message) < 500
    assert "\n" not in caught.value.message
