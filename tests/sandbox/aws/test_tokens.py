"""Cluster tokens are checked as STS and EKS check them."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import botocore.session
import pytest
from botocore.model import ServiceId
from botocore.signers import RequestSigner

from sandbox.aws.credentials import Credential, CredentialStore, Principal
from sandbox.aws.tokens import TokenRejected, verify_token

PRINCIPAL = Principal(
    "111122223333",
    "arn:aws:sts::111122223333:assumed-role/bot/run-1",
    "AROAX:run-1",
    "arn:aws:iam::111122223333:role/bot",
)


def token_for(
    credential: Credential,
    cluster: str,
    url: str = "https://sts.eu-central-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15",
    headers: dict[str, str] | None = None,
    expires: int = 60,
) -> str:
    """A token as `aws eks get-token` makes it, with botocore's own signer."""
    session = botocore.session.Session()
    session.set_credentials(credential.access_key_id, credential.secret_access_key, credential.session_token)
    signer = RequestSigner(
        ServiceId("sts"), "eu-central-1", "sts", "v4", session.get_credentials(), session.get_component("event_emitter")
    )
    request = {
        "method": "GET",
        "url": url,
        "body": {},
        "headers": {"x-k8s-aws-id": cluster} if headers is None else headers,
        "context": {},
    }
    signed = signer.generate_presigned_url(request, region_name="eu-central-1", expires_in=expires, operation_name="")
    return "k8s-aws-v1." + base64.urlsafe_b64encode(signed.encode()).decode().rstrip("=")


@pytest.fixture
def credentials() -> CredentialStore:
    return CredentialStore()


@pytest.fixture
def credential(credentials: CredentialStore) -> Credential:
    return credentials.issue(PRINCIPAL, expires_at=datetime.now(UTC) + timedelta(hours=1))


def check(
    token: str, credentials: CredentialStore, cluster: str = "prod-eu", later: timedelta = timedelta(0)
) -> Principal:
    return verify_token(token, cluster, credentials, datetime.now(UTC) + later, own_hosts=("127.0.0.1:4000",))


def test_a_token_of_botocores_signer_names_its_principal(credentials: CredentialStore, credential: Credential) -> None:
    assert check(token_for(credential, "prod-eu"), credentials) == PRINCIPAL


def test_a_token_signed_for_the_faces_own_address_is_good_too(
    credentials: CredentialStore, credential: Credential
) -> None:
    url = "http://127.0.0.1:4000/?Action=GetCallerIdentity&Version=2011-06-15"
    assert check(token_for(credential, "prod-eu", url), credentials) == PRINCIPAL


def test_a_token_for_another_cluster_is_refused(credentials: CredentialStore, credential: Credential) -> None:
    with pytest.raises(TokenRejected, match="does not match"):
        check(token_for(credential, "staging"), credentials)


def test_a_token_lives_fifteen_minutes_whatever_it_says(credentials: CredentialStore, credential: Credential) -> None:
    token = token_for(credential, "prod-eu", expires=60)
    assert check(token, credentials, later=timedelta(minutes=14)) == PRINCIPAL
    with pytest.raises(TokenRejected, match="expired"):
        check(token, credentials, later=timedelta(minutes=15, seconds=5))


def test_a_token_that_wants_to_live_longer_is_refused(credentials: CredentialStore, credential: Credential) -> None:
    with pytest.raises(TokenRejected, match="X-Amz-Expires"):
        check(token_for(credential, "prod-eu", expires=3600), credentials)


def test_a_token_from_the_future_is_refused(credentials: CredentialStore, credential: Credential) -> None:
    with pytest.raises(TokenRejected, match="future"):
        check(token_for(credential, "prod-eu"), credentials, later=timedelta(minutes=-10))


def test_a_token_dies_with_its_session(credentials: CredentialStore) -> None:
    credential = credentials.issue(PRINCIPAL, expires_at=datetime.now(UTC) + timedelta(minutes=5))
    with pytest.raises(TokenRejected, match="expired"):
        check(token_for(credential, "prod-eu"), credentials, later=timedelta(minutes=6))


def test_a_token_of_an_unknown_key_is_refused(credentials: CredentialStore) -> None:
    stranger = CredentialStore().issue(PRINCIPAL)
    with pytest.raises(TokenRejected, match="invalid"):
        check(token_for(stranger, "prod-eu"), credentials)


def test_a_token_without_the_clusters_name_is_refused(credentials: CredentialStore, credential: Credential) -> None:
    with pytest.raises(TokenRejected, match="x-k8s-aws-id"):
        check(token_for(credential, "prod-eu", headers={}), credentials)


def test_a_token_for_another_host_or_action_is_refused(credentials: CredentialStore, credential: Credential) -> None:
    with pytest.raises(TokenRejected, match="hostname"):
        check(
            token_for(credential, "prod-eu", "https://sts.evil.example/?Action=GetCallerIdentity&Version=2011-06-15"),
            credentials,
        )
    with pytest.raises(TokenRejected, match="action"):
        check(
            token_for(credential, "prod-eu", "https://sts.amazonaws.com/?Action=AssumeRole&Version=2011-06-15"),
            credentials,
        )


def test_a_changed_token_is_refused(credentials: CredentialStore, credential: Credential) -> None:
    url = base64.urlsafe_b64decode(token_for(credential, "prod-eu").removeprefix("k8s-aws-v1.") + "==").decode()
    longer = url.replace("X-Amz-Expires=60", "X-Amz-Expires=900")
    with pytest.raises(TokenRejected, match="does not match"):
        check("k8s-aws-v1." + base64.urlsafe_b64encode(longer.encode()).decode().rstrip("="), credentials)


@pytest.mark.parametrize(
    "garbage", ["", "abc", "k8s-aws-v1.", "k8s-aws-v1.%%%", "k8s-aws-v1.aGVsbG8", "k8s-aws-v1." + "a" * 5000]
)
def test_garbage_is_refused_without_a_crash(credentials: CredentialStore, garbage: str) -> None:
    with pytest.raises(TokenRejected):
        check(garbage, credentials)
