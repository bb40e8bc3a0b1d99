"""Credentials and clients: one session an identity and region, one client a service."""

from __future__ import annotations

import base64
import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.credentials import CredentialProvider, CredentialResolver, DeferredRefreshableCredentials
from botocore.exceptions import ClientError, NoCredentialsError
from botocore.model import ServiceId
from botocore.session import Session
from botocore.signers import RequestSigner

from upgrade.eks import CallerIdentity
from upgrade.gateways.aws.errors import reads
from upgrade.gateways.aws.models import ModelLoader
from upgrade.gateways.aws.principals import principal_of
from upgrade.gateways.identity import Identity, OwnIdentity, ProfileIdentity, RoleIdentity

READ_SESSION_NAME: Final = "eks-upgrade-bot"

_CONFIG: Final = Config(
    connect_timeout=5,
    read_timeout=15,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=16,
    tcp_keepalive=True,
    user_agent_extra="eks-upgrade-bot",
)
_LOADER: Final = ModelLoader()
_TOKEN_SECONDS: Final = 60
_MOST_SESSIONS: Final = 128


class AwsSession:
    """The credentials of one identity in one region, and its clients.

    Args:
        session: botocore's session that finds the credentials.
        identity: whose credentials those are.
        lock: held while a client is made; botocore's sessions and loader are not safe for threads.
    """

    def __init__(self, session: Session, identity: Identity, region: str, lock: threading.RLock) -> None:
        self.identity = identity
        self.region = region
        self._session = session
        self._boto3 = boto3.Session(botocore_session=session, region_name=region)
        # Each boto3 session adds its own data path to the loader, which all of them share here.
        _LOADER.search_paths[:] = dict.fromkeys(_LOADER.search_paths)
        self._lock = lock
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        """The client of a service (``eks``), made once. Raises botocore's errors."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._boto3.client(service, config=_CONFIG)
            return self._clients[service]

    @property
    def partition(self) -> str:
        """``aws``, ``aws-cn`` or ``aws-us-gov``."""
        with self._lock:
            return str(self._session.get_partition_for_region(self.region))

    def offers(self, service: str) -> bool:
        """Whether botocore knows that AWS offers a service in this region."""
        with self._lock:
            return self.region in self._session.get_available_regions(
                service, self._session.get_partition_for_region(self.region)
            )

    @reads("sts:GetCallerIdentity")
    def caller_identity(self) -> CallerIdentity:
        answer = self.client("sts").get_caller_identity()
        return CallerIdentity(account=answer["Account"], arn=answer["Arn"])

    @reads("sts:GetCallerIdentity")
    def clock_skew(self) -> timedelta:
        """How far this machine's clock is ahead of AWS's; negative when it is behind.

        AWS refuses signatures that are five minutes off, and a refusal tells the time as well.
        """
        try:
            answer = self.client("sts").get_caller_identity()
        except ClientError as error:
            answer = error.response
            if "date" not in answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}):
                raise
        told = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
        return datetime.now(UTC) - told

    @reads("sts:GetCallerIdentity", "iam:GetRole")
    def principal_arn(self) -> str:
        """The ARN of the role or user behind these credentials, as policies and access entries name it."""
        if isinstance(self.identity, RoleIdentity):
            return self.identity.arn
        return principal_of(self.caller_identity().arn, self.client("iam"))

    @reads("sts:GetCallerIdentity")
    def cluster_token(self, cluster_name: str) -> str:
        """A bearer token for the API server of an EKS cluster.

        It is the address of a signed GetCallerIdentity request, which the cluster sends to STS to learn who calls
        (https://github.com/kubernetes-sigs/aws-iam-authenticator). Nothing is sent from here. The cluster accepts only
        STS's own host name, so an endpoint that is set for our calls does not change it.
        """
        sts = self._sts_itself()
        with self._lock:
            credentials = self._session.get_credentials()
        if credentials is None:
            raise NoCredentialsError
        signer = RequestSigner(ServiceId("sts"), self.region, "sts", "v4", credentials, sts.meta.events)
        url = signer.generate_presigned_url(
            {
                "method": "GET",
                "url": f"{sts.meta.endpoint_url}/?Action=GetCallerIdentity&Version=2011-06-15",
                "body": {},
                "headers": {"x-k8s-aws-id": cluster_name},
                "context": {},
            },
            operation_name="",
            expires_in=_TOKEN_SECONDS,
            region_name=self.region,
        )
        return "k8s-aws-v1." + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")

    def _sts_itself(self) -> Any:
        """A client that knows STS's own address, whatever AWS_ENDPOINT_URL says. It is never called."""
        with self._lock:
            if "sts itself" not in self._clients:
                itself = _CONFIG.merge(Config(ignore_configured_endpoint_urls=True))
                self._clients["sts itself"] = self._boto3.client("sts", config=itself)
            return self._clients["sts itself"]


class _AssumedRole(CredentialProvider):  # type: ignore[misc]
    """Credentials of a role; botocore asks again some minutes before they expire."""

    METHOD = "eks-upgrade-bot-assume-role"

    def __init__(self, source: AwsSession, arguments: dict[str, str]) -> None:
        super().__init__()
        self._source = source
        self._arguments = arguments

    def load(self) -> DeferredRefreshableCredentials:
        return DeferredRefreshableCredentials(refresh_using=self._fetch, method=self.METHOD)

    def _fetch(self) -> dict[str, str]:
        found = self._source.client("sts").assume_role(**self._arguments)["Credentials"]
        return {
            "access_key": found["AccessKeyId"],
            "secret_key": found["SecretAccessKey"],
            "token": found["SessionToken"],
            "expiry_time": found["Expiration"].isoformat(),
        }


class AwsSessions:
    """Every session of the process: one an identity and region, and one a run for a role.

    Args:
        breathe: called before each call and before its answer is parsed; it returns when nothing more urgent is to be
            done.
    """

    def __init__(self, breathe: Callable[[], None] = lambda: None) -> None:
        self._breathe = breathe
        self._lock = threading.RLock()
        self._sessions: OrderedDict[tuple[Identity, str, str, str | None], AwsSession] = OrderedDict()

    def session(
        self, identity: Identity, region: str, *, name: str = READ_SESSION_NAME, source_identity: str | None = None
    ) -> AwsSession:
        """The session of an identity in a region. Only a role's session has a name and a source identity.

        Args:
            name: the session's name in CloudTrail, such as the id of a run.
            source_identity: the person behind it (SourceIdentity); the trust policy must allow sts:SetSourceIdentity.
        """
        key = (identity, region, *((name, source_identity) if isinstance(identity, RoleIdentity) else ("", None)))
        with self._lock:
            if key not in self._sessions:
                self._sessions[key] = AwsSession(
                    self._make(identity, region, name, source_identity), identity, region, self._lock
                )
                if len(self._sessions) > _MOST_SESSIONS:
                    self._sessions.popitem(last=False)
            self._sessions.move_to_end(key)
            return self._sessions[key]

    @reads("sts:GetCallerIdentity")
    def caller_identity(self, identity: Identity, region: str) -> CallerIdentity:
        """Who an identity is: its account and ARN."""
        return self.session(identity, region).caller_identity()

    def _make(self, identity: Identity, region: str, name: str, source_identity: str | None) -> Session:
        session = Session(profile=identity.name if isinstance(identity, ProfileIdentity) else None)
        session.register_component("data_loader", _LOADER)
        for event in ("before-call", "before-parse"):
            session.register(event, lambda **_: self._breathe())
        session.set_config_variable("sts_regional_endpoints", "regional")
        if isinstance(identity, RoleIdentity):
            arguments = {"RoleArn": identity.arn, "RoleSessionName": session_name(name)}
            if identity.external_id:
                arguments["ExternalId"] = identity.external_id
            if source_identity:
                arguments["SourceIdentity"] = session_name(source_identity)
            source = self.session(OwnIdentity(), region)
            session.register_component("credential_provider", CredentialResolver([_AssumedRole(source, arguments)]))
        return session


def session_name(text: str) -> str:
    """``text`` as STS allows it for RoleSessionName and SourceIdentity: 2 to 64 of ``[\\w+=,.@-]``, not ``aws:…``."""
    cleaned = re.sub(r"[^A-Za-z0-9_+=,.@-]", "-", text)[:64]
    return cleaned if len(cleaned) >= 2 else f"{READ_SESSION_NAME}{'-' if cleaned else ''}{cleaned}"
