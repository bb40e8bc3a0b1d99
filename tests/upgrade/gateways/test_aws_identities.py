"""Who the bot is: assumed roles, profiles, its own credentials; and the token that a cluster accepts."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.upgrade.gateways import aws_answers as answers
from tests.upgrade.gateways.aws_answers import ACCOUNT
from tests.upgrade.gateways.aws_stub import Answer, AwsStub
from tests.upgrade.gateways.test_aws_errors import PROD
from upgrade.errors import NotPermitted, PermanentError
from upgrade.gateways.aws.gateway import BotoAwsGateway
from upgrade.gateways.aws.sessions import AwsSessions, session_name
from upgrade.gateways.identity import OwnIdentity, ProfileIdentity, RoleIdentity

REGION = "eu-west-1"
READER = RoleIdentity(arn=f"arn:aws:iam::{ACCOUNT}:role/eks-upgrade-read", external_id="bot/prod:1")


def expiring_in(**delta: float) -> str:
    return (datetime.now(UTC) + timedelta(**delta)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_run_assumes_its_role_under_its_own_name_for_the_requester(aws_stub: AwsStub) -> None:
    aws_stub.on("AssumeRole", answers.assumed("ASIAOFTHEROLE0000000", expiring_in(hours=1)))
    aws_stub.on("GET /clusters/prod", answers.cluster())
    session = AwsSessions().session(READER, REGION, name="run/2026 11 20", source_identity="U0123ABC")
    BotoAwsGateway(PROD, session).describe_cluster()
    asked = aws_stub.calls("AssumeRole")[0]
    assert asked.access_key == "AKIABOTSOWNKEY000000"
    assert asked.body["RoleArn"] == READER.arn
    assert asked.body["RoleSessionName"] == "run-2026-11-20"
    assert asked.body["ExternalId"] == "bot/prod:1"
    assert asked.body["SourceIdentity"] == "U0123ABC"
    assert aws_stub.calls("GET /clusters/prod")[0].access_key == "ASIAOFTHEROLE0000000"


def test_a_role_is_assumed_once_for_many_calls(aws_stub: AwsStub) -> None:
    aws_stub.on("AssumeRole", answers.assumed("ASIAOFTHEROLE0000000", expiring_in(hours=1)))
    aws_stub.on("GET /clusters/.*", answers.cluster())
    sessions = AwsSessions()
    for name in ("prod", "prod", "other"):
        cluster = PROD.model_copy(update={"name": name})
        BotoAwsGateway(cluster, sessions.session(READER, REGION)).describe_cluster()
    assert len(aws_stub.calls("AssumeRole")) == 1
    assert "SourceIdentity" not in aws_stub.calls("AssumeRole")[0].body


def test_credentials_are_renewed_before_they_expire(aws_stub: AwsStub) -> None:
    aws_stub.on(
        "AssumeRole",
        answers.assumed("ASIAABOUTTOEXPIRE000", expiring_in(minutes=5)),
        answers.assumed("ASIARENEWED000000000", expiring_in(hours=1)),
    )
    aws_stub.on("GET /clusters/prod", answers.cluster())
    aws = BotoAwsGateway(PROD, AwsSessions().session(READER, REGION))
    for _ in range(3):
        aws.describe_cluster()
    used = [asked.access_key for asked in aws_stub.calls("GET /clusters/prod")]
    assert used == ["ASIAABOUTTOEXPIRE000", "ASIARENEWED000000000", "ASIARENEWED000000000"]


def test_a_role_that_may_not_be_assumed_is_told_as_such(aws_stub: AwsStub) -> None:
    aws_stub.on("AssumeRole", Answer(answers.xml_error("AccessDenied", "no"), 403))
    with pytest.raises(NotPermitted) as caught:
        BotoAwsGateway(PROD, AwsSessions().session(READER, REGION)).describe_cluster()
    assert caught.value.permission == "sts:AssumeRole"


def test_a_trust_policy_without_source_identity_is_told_as_such(aws_stub: AwsStub) -> None:
    said = f"User: arn:aws:iam::{ACCOUNT}:user/x is not authorized to perform: sts:SetSourceIdentity on resource: y"
    aws_stub.on("AssumeRole", Answer(answers.xml_error("AccessDenied", said), 403))
    with pytest.raises(NotPermitted) as caught:
        BotoAwsGateway(PROD, AwsSessions().session(READER, REGION, source_identity="U1")).describe_cluster()
    assert caught.value.permission == "sts:SetSourceIdentity"


def test_a_profile_signs_with_its_own_key(aws_stub: AwsStub, tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text(
        "[staging]\naws_access_key_id=AKIASTAGING000000000\naws_secret_access_key=s\n"
    )
    aws_stub.on("GET /clusters/prod", answers.cluster())
    session = AwsSessions().session(ProfileIdentity(name="staging"), REGION)
    BotoAwsGateway(PROD, session).describe_cluster()
    assert aws_stub.asked[0].access_key == "AKIASTAGING000000000"


def test_who_am_i_needs_only_credentials_and_a_region(aws_stub: AwsStub) -> None:
    aws_stub.on("GetCallerIdentity", answers.caller(f"arn:aws:iam::{ACCOUNT}:user/me"))
    assert AwsSessions().caller_identity(OwnIdentity(), REGION).account == ACCOUNT


def test_clients_are_made_once_for_a_role_a_region_and_a_service(aws_environment: pytest.MonkeyPatch) -> None:
    sessions = AwsSessions()
    own = sessions.session(OwnIdentity(), REGION)
    assert own.client("eks") is sessions.session(OwnIdentity(), REGION, name="run-1").client("eks")
    assert own.client("eks") is not sessions.session(OwnIdentity(), "us-east-1").client("eks")
    assert sessions.session(READER, REGION) is sessions.session(READER, REGION)
    assert sessions.session(READER, REGION) is not sessions.session(READER, REGION, name="run-1")


@pytest.mark.parametrize(
    ("region", "partition", "address"),
    [
        ("us-east-1", "aws", "https://sts.us-east-1.amazonaws.com"),
        ("cn-north-1", "aws-cn", "https://sts.cn-north-1.amazonaws.com.cn"),
        ("us-gov-west-1", "aws-us-gov", "https://sts.us-gov-west-1.amazonaws.com"),
    ],
)
def test_sts_is_the_regions_own(aws_environment: pytest.MonkeyPatch, region: str, partition: str, address: str) -> None:
    aws_environment.setenv("AWS_STS_REGIONAL_ENDPOINTS", "legacy")
    session = AwsSessions().session(OwnIdentity(), region)
    assert session.partition == partition
    assert session.client("sts").meta.endpoint_url == address
    assert urlsplit(signed_url(session.cluster_token("prod"))).netloc == urlsplit(address).netloc


def signed_url(token: str) -> str:
    assert token.startswith("k8s-aws-v1.")
    assert "=" not in token
    text = token.removeprefix("k8s-aws-v1.")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()


def test_a_token_is_a_signed_question_to_sts_that_names_the_cluster(aws_stub: AwsStub) -> None:
    session = AwsSessions().session(OwnIdentity(), REGION)
    url = urlsplit(signed_url(session.cluster_token("prod")))
    query = parse_qs(url.query)
    assert (url.scheme, url.netloc, url.path) == ("https", "sts.eu-west-1.amazonaws.com", "/")
    assert query["Action"] == ["GetCallerIdentity"]
    assert query["X-Amz-SignedHeaders"] == ["host;x-k8s-aws-id"]
    assert query["X-Amz-Expires"] == ["60"]
    assert query["X-Amz-Credential"][0].startswith("AKIABOTSOWNKEY000000/")
    other = parse_qs(urlsplit(signed_url(session.cluster_token("other"))).query)
    assert other["X-Amz-Signature"] != query["X-Amz-Signature"]
    assert not aws_stub.asked, "nothing is sent"


def test_a_token_of_a_role_carries_its_session(aws_stub: AwsStub) -> None:
    aws_stub.on("AssumeRole", answers.assumed("ASIAOFTHEROLE0000000", expiring_in(hours=1)))
    query = parse_qs(urlsplit(signed_url(AwsSessions().session(READER, REGION).cluster_token("prod"))).query)
    assert query["X-Amz-Credential"][0].startswith("ASIAOFTHEROLE0000000/")
    assert query["X-Amz-Security-Token"] == ["t"]


def test_without_credentials_there_is_no_token(aws_environment: pytest.MonkeyPatch) -> None:
    aws_environment.delenv("AWS_ACCESS_KEY_ID")
    aws_environment.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(PermanentError, match="credentials"):
        AwsSessions().session(OwnIdentity(), REGION).cluster_token("prod")


@given(st.text(max_size=100))
def test_any_name_becomes_one_that_sts_accepts(text: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_+=,.@-]{2,64}", session_name(text))


@pytest.mark.parametrize("arn", ["", "role/x", "arn:aws:iam::123:role/x", "arn:aws:iam::111122223333:user/x"])
def test_what_is_not_a_roles_arn_is_refused(arn: str) -> None:
    with pytest.raises(ValidationError):
        RoleIdentity(arn=arn)
