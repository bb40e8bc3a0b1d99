"""Who calls: signatures, accounts, roles and sessions."""

from __future__ import annotations

import urllib.request
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.error import HTTPError

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from sandbox.aws.credentials import Credential, Principal
from sandbox.aws.face import AwsFace
from sandbox.aws.signatures import SignatureRejected, SignedRequest, verify_headers
from sandbox.aws.tokens import TokenRejected
from tests.patience import LONGEST
from tests.sandbox.aws.conftest import ACCOUNT, OTHER_ACCOUNT, MakeClient
from tests.sandbox.aws.test_tokens import token_for

EXTERNAL_ID = "eks-upgrade-bot-sandbox"
CHANGE_ROLE = f"arn:aws:iam::{OTHER_ACCOUNT}:role/eks-upgrade-bot-change"


def session_credential(answer: dict[str, Any]) -> Credential:
    given = answer["Credentials"]
    nobody = Principal("", "", "")
    return Credential(given["AccessKeyId"], given["SecretAccessKey"], nobody, given["SessionToken"])


@pytest.fixture
def sts(face: AwsFace, make_client: MakeClient) -> Any:
    return make_client("sts", face.issue_bot_credentials())


def test_a_user_is_told_who_it_is(sts: Any) -> None:
    identity = sts.get_caller_identity()
    assert identity["Account"] == ACCOUNT
    assert identity["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/eks-upgrade-bot"


def test_an_assumed_role_acts_in_its_own_account(face: AwsFace, sts: Any, make_client: MakeClient) -> None:
    answer = sts.assume_role(
        RoleArn=CHANGE_ROLE,
        RoleSessionName="run-7",
        ExternalId=EXTERNAL_ID,
        SourceIdentity="U0ANA",
        DurationSeconds=900,
    )
    credential = session_credential(answer)
    identity = make_client("sts", credential).get_caller_identity()
    assert identity["Account"] == OTHER_ACCOUNT
    assert identity["Arn"] == f"arn:aws:sts::{OTHER_ACCOUNT}:assumed-role/eks-upgrade-bot-change/run-7"
    assert identity["UserId"] == answer["AssumedRoleUser"]["AssumedRoleId"]
    assert timedelta(minutes=14) < answer["Credentials"]["Expiration"] - datetime.now(UTC) <= timedelta(minutes=15)
    assert make_client("eks", credential, region="us-east-1").list_clusters()["clusters"] == ["staging-us"]
    session = face.sessions[-1]
    assert (session.session_name, session.source_identity, session.role_arn) == ("run-7", "U0ANA", CHANGE_ROLE)


def test_calls_are_remembered_with_the_session_that_made_them(face: AwsFace, sts: Any, make_client: MakeClient) -> None:
    answer = sts.assume_role(
        RoleArn=CHANGE_ROLE, RoleSessionName="run-7", ExternalId=EXTERNAL_ID, SourceIdentity="U0ANA"
    )
    eks = make_client("eks", session_credential(answer), region="us-east-1")
    eks.describe_cluster(name="staging-us")
    eks.update_cluster_version(name="staging-us", version="1.35", clientRequestToken="t1")
    (call,) = face.calls
    assert (call.operation, call.account, call.region, call.token) == (
        "UpdateClusterVersion",
        OTHER_ACCOUNT,
        "us-east-1",
        "t1",
    )
    assert (call.session_name, call.source_identity) == ("run-7", "U0ANA")
    assert call.parameters == {"name": "staging-us", "version": "1.35", "clientRequestToken": "t1"}
    assert face.counts["eks:DescribeCluster"] == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"ExternalId": "wrong"},
        {"ExternalId": None},
        {"RoleArn": f"arn:aws:iam::{OTHER_ACCOUNT}:role/no-such-role"},
        {"RoleArn": f"arn:aws:iam::{OTHER_ACCOUNT}:role/staging-us-cluster"},
    ],
)
def test_a_role_that_does_not_trust_the_caller_is_not_given(face: AwsFace, sts: Any, changed: dict[str, Any]) -> None:
    wanted = {"RoleArn": CHANGE_ROLE, "RoleSessionName": "run-7", "ExternalId": EXTERNAL_ID} | changed
    with pytest.raises(ClientError) as caught:
        sts.assume_role(**{key: value for key, value in wanted.items() if value is not None})
    error = caught.value.response["Error"]
    assert error["Code"] == "AccessDenied"
    user = f"arn:aws:iam::{ACCOUNT}:user/eks-upgrade-bot"
    assert error["Message"] == (
        f"User: {user} is not authorized to perform: sts:AssumeRole on resource: {wanted['RoleArn']}"
    )
    assert face.sessions == []


@pytest.mark.parametrize(
    "changed",
    [
        {"RoleSessionName": "with space"},
        {"DurationSeconds": 86400},
        {"SourceIdentity": "a b"},
        {"RoleArn": "arn:aws:iam::1:role/r"},
    ],
)
def test_a_request_for_a_role_that_is_not_well_formed_is_refused(sts: Any, changed: dict[str, Any]) -> None:
    wanted = {"RoleArn": CHANGE_ROLE, "RoleSessionName": "run-7", "ExternalId": EXTERNAL_ID} | changed
    with pytest.raises(ClientError) as caught:
        sts.assume_role(**wanted)
    assert caught.value.response["Error"]["Code"] == "ValidationError"


def test_a_source_identity_needs_both_sides_to_allow_it(face: AwsFace, sts: Any, make_client: MakeClient) -> None:
    role = face.world.accounts[OTHER_ACCOUNT].roles["eks-upgrade-bot-change"]
    role.trust["Statement"][0]["Action"] = "sts:AssumeRole"
    wanted = {"RoleArn": CHANGE_ROLE, "RoleSessionName": "run-7", "ExternalId": EXTERNAL_ID}
    with pytest.raises(ClientError, match="not authorized to perform: sts:SetSourceIdentity"):
        sts.assume_role(**wanted, SourceIdentity="U0ANA")
    assert sts.assume_role(**wanted)["Credentials"]
    role.trust["Statement"][0]["Action"] = ["sts:AssumeRole", "sts:SetSourceIdentity"]
    modest = make_client("sts", face.issue_user_credentials(ACCOUNT, "modest", ("sts:AssumeRole",)))
    with pytest.raises(ClientError, match="no identity-based policy allows the sts:SetSourceIdentity action"):
        modest.assume_role(**wanted, SourceIdentity="U0ANA")


def test_a_source_identity_cannot_be_changed_on_the_way(face: AwsFace, sts: Any, make_client: MakeClient) -> None:
    home_role = f"arn:aws:iam::{ACCOUNT}:role/eks-upgrade-bot-change"
    face.permissions.role(home_role).allowed_actions.append("sts:*")  # type: ignore[union-attr]
    first = sts.assume_role(RoleArn=home_role, RoleSessionName="a1", ExternalId=EXTERNAL_ID, SourceIdentity="U0ANA")
    chained = make_client("sts", session_credential(first))
    with pytest.raises(ClientError, match="SetSourceIdentity"):
        chained.assume_role(RoleArn=CHANGE_ROLE, RoleSessionName="b1", ExternalId=EXTERNAL_ID, SourceIdentity="U0BEN")
    chained.assume_role(RoleArn=CHANGE_ROLE, RoleSessionName="b1", ExternalId=EXTERNAL_ID)
    assert face.sessions[-1].source_identity == "U0ANA"


def test_a_cluster_of_another_account_or_region_is_not_there(face: AwsFace, make_client: MakeClient) -> None:
    for client in (
        make_client("eks", face.issue_user_credentials(OTHER_ACCOUNT, "x")),
        make_client("eks", region="us-east-1"),
    ):
        with pytest.raises(client.exceptions.ResourceNotFoundException, match="No cluster found for name: prod-eu"):
            client.describe_cluster(name="prod-eu")


def test_a_role_of_the_world_can_be_the_bots_own_identity(face: AwsFace, make_client: MakeClient) -> None:
    credential = face.issue_role_credentials(CHANGE_ROLE, "pod")
    identity = make_client("sts", credential).get_caller_identity()
    assert identity["Arn"] == f"arn:aws:sts::{OTHER_ACCOUNT}:assumed-role/eks-upgrade-bot-change/pod"
    with pytest.raises(KeyError):
        face.issue_role_credentials("arn:aws:iam::111122223333:role/none")


REFUSED: dict[str, tuple[str, str, str]] = {
    "eks": ("list_clusters", "UnrecognizedClientException", "InvalidSignatureException"),
    "sts": ("get_caller_identity", "InvalidClientTokenId", "SignatureDoesNotMatch"),
    "ec2": ("describe_subnets", "AuthFailure", "AuthFailure"),
    "kms": ("list_keys", "UnrecognizedClientException", "InvalidSignatureException"),
}


@pytest.mark.parametrize("service", REFUSED)
def test_a_wrong_key_secret_or_session_is_refused_by_every_protocol(
    face: AwsFace, make_client: MakeClient, service: str
) -> None:
    operation, unknown, mismatch = REFUSED[service]
    good = face.issue_user_credentials(ACCOUNT, "x")
    session = face.credentials.issue(good.principal, expires_at=datetime.now(UTC) + timedelta(hours=1))
    for credential, code in (
        (replace(good, access_key_id="AKIAUNKNOWN"), unknown),
        (replace(good, secret_access_key="wrong"), mismatch),
        (replace(session, session_token="wrong"), unknown),
    ):
        with pytest.raises(ClientError) as caught:
            getattr(make_client(service, credential), operation)()
        assert caught.value.response["Error"]["Code"] == code
    assert sum(face.counts.values()) == 0


def test_a_session_ends(face: AwsFace, make_client: MakeClient) -> None:
    principal = face.issue_user_credentials(ACCOUNT, "x").principal
    over = face.credentials.issue(principal, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    with pytest.raises(ClientError, match="expired") as caught:
        make_client("eks", over).list_clusters()
    assert caught.value.response["Error"]["Code"] == "ExpiredTokenException"


def test_a_request_from_a_machine_with_a_wrong_clock_is_refused(face: AwsFace) -> None:
    credential = face.issue_user_credentials(ACCOUNT, "x")
    request = AWSRequest("GET", "http://127.0.0.1:1/clusters?maxResults=5", {"Host": "127.0.0.1:1"})
    SigV4Auth(Credentials(credential.access_key_id, credential.secret_access_key), "eks", "eu-central-1").add_auth(
        request
    )
    headers = {name.lower(): value for name, value in request.headers.items()}
    signed = SignedRequest("GET", "/clusters", "maxResults=5", headers)
    now = datetime.now(UTC)
    assert verify_headers(signed, face.credentials, now)[0] is credential
    for skew in (timedelta(minutes=6), timedelta(minutes=-6)):
        with pytest.raises(SignatureRejected, match="more than 5 min"):
            verify_headers(signed, face.credentials, now + skew)


def test_a_request_changed_on_the_way_is_refused(eks: Any) -> None:
    def change(request: Any, **_: Any) -> None:
        request.url = request.url.replace("prod-eu", "staging")

    eks.meta.events.register("before-send.eks", change)
    with pytest.raises(ClientError, match="signature we calculated does not match"):
        eks.describe_cluster(name="prod-eu")


@pytest.mark.parametrize("path", ["/clusters", "/", "/clusters/prod-eu?x=1", "/moto-api/reset"])
def test_an_unsigned_request_is_refused(face: AwsFace, path: str) -> None:
    with pytest.raises(HTTPError) as caught:
        urllib.request.urlopen(f"{face.url}{path}", timeout=LONGEST)
    assert caught.value.code == 403
    assert b"Missing Authentication Token" in caught.value.read()
    caught.value.close()


def test_a_service_that_is_not_simulated_says_so(make_client: MakeClient) -> None:
    with pytest.raises(ClientError, match="does not simulate logs"):
        make_client("logs").describe_log_groups()


def test_names_with_slashes_arrive_whole(eks: Any) -> None:
    principal = "arn:aws:iam::111122223333:role/a path/with+signs"
    with pytest.raises(eks.exceptions.ResourceNotFoundException, match=r"role/a path/with\+signs"):
        eks.describe_access_entry(clusterName="prod-eu", principalArn=principal)


def test_cluster_tokens_are_checked_against_the_keys_that_were_given_out(face: AwsFace, sts: Any) -> None:
    answer = sts.assume_role(RoleArn=CHANGE_ROLE, RoleSessionName="run-7", ExternalId=EXTERNAL_ID)
    token = token_for(session_credential(answer), "staging-us")
    principal = face.verify_token(token, "staging-us")
    assert (principal.account, principal.role_arn, principal.session_name) == (OTHER_ACCOUNT, CHANGE_ROLE, "run-7")
    with pytest.raises(TokenRejected):
        face.verify_token(token, "prod-eu")
