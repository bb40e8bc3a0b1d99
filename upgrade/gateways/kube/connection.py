"""One API server: where it is, whom it must be, and how long we wait for it."""

from __future__ import annotations

import base64
import binascii
import ssl
import threading
import time
from dataclasses import dataclass
from typing import Any, Final

from kubernetes.client.api_client import ApiClient
from kubernetes.client.configuration import Configuration
from kubernetes.client.exceptions import ApiException
from urllib3 import exceptions as http

from upgrade.errors import PermanentError, TemporaryError, UpgradeError
from upgrade.gateways.kube.errors import LONGEST_TEXT

CONNECT_SECONDS: Final = 5.0
READ_SECONDS: Final = 20.0
# Load balancers in front of API servers drop silent connections after some minutes; ours are closed long before.
IDLE_SECONDS: Final = 30.0
# A snapshot asks many things at once, and some of them ask several; a connection too many would be thrown away.
_CONNECTIONS: Final = 32
JSON: Final = "application/json"


@dataclass(frozen=True)
class Endpoint:
    """What DescribeCluster says: the address, and the certificate authority as base64 of PEM (may be a bundle).

    ``proxy`` is ours: the address of the HTTPS proxy on the way, when there is one.
    """

    address: str
    certificate_authority: str
    proxy: str | None = None


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    retry_after: str | None


class Connection:
    """The official client, for one endpoint and its certificate authority.

    Raises PermanentError when the endpoint or the authority make no sense.
    """

    def __init__(self, cluster_name: str, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._name = cluster_name
        if not endpoint.address.startswith("https://"):
            raise PermanentError(
                f"{cluster_name} has no https endpoint (EKS says {endpoint.address!r}).",
                "A cluster that is being created has none yet.",
                code="NoEndpoint",
            )
        configuration = Configuration(host=endpoint.address, retries=False, connection_pool_maxsize=_CONNECTIONS)
        if endpoint.proxy:
            configuration.proxy = endpoint.proxy
        self._api = ApiClient(configuration)
        self._api.user_agent = "eks-upgrade-bot"
        self._api.rest_client.pool_manager.connection_pool_kw["ssl_context"] = _trusting(cluster_name, endpoint)
        self._lock = threading.Lock()
        self._used_at = time.monotonic()

    def send(
        self, method: str, path: str, query: list[tuple[str, str]], body: Any, token: str, *, accept: str = JSON
    ) -> Answer:
        """One request. Raises TemporaryError when there was no answer, PermanentError when it was not that cluster."""
        self._close_if_idle()
        headers = {"Authorization": f"Bearer {token}", "Accept": accept, "Content-Type": JSON}
        try:
            response = self._api.call_api(
                *self._api.param_serialize(method, path, query_params=query, header_params=headers, body=body),
                _request_timeout=(CONNECT_SECONDS, READ_SECONDS),
            )
            return Answer(response.status, response.response.data or b"", response.headers.get("Retry-After"))
        except (ApiException, http.HTTPError, OSError) as error:
            raise self._translated(error) from None

    def close(self) -> None:
        self._api.rest_client.close()

    def _close_if_idle(self) -> None:
        with self._lock:
            now = time.monotonic()
            if now - self._used_at > IDLE_SECONDS:
                self._api.rest_client.close()
            self._used_at = now

    def _translated(self, error: Exception) -> UpgradeError:
        """What went wrong below HTTP, told apart: DNS, timeout, TLS, or no connection."""
        where = f"the API server of {self._name} ({self.endpoint.address})"
        text = " ".join(str(error).split())[:LONGEST_TEXT]
        if isinstance(error, ApiException | http.SSLError):
            if "CERTIFICATE_VERIFY_FAILED" in text:
                return PermanentError(
                    f"TLS: {where} does not show a certificate of the cluster's authority: {text}",
                    "Something between the bot and the cluster answers in its place, or the authority has changed.",
                    code="TLS",
                )
            return TemporaryError(f"TLS: no secure connection to {where}: {text}", code="TLS")
        if isinstance(error, http.NameResolutionError):
            return TemporaryError(
                f"DNS: the name of {where} does not resolve.",
                "A private endpoint resolves only inside its VPC or a peered network.",
                code="DNS",
            )
        if isinstance(error, http.TimeoutError) and not isinstance(error, http.NewConnectionError):
            return TemporaryError(
                f"Timeout: {where} did not answer in time "
                f"({CONNECT_SECONDS:.0f} s to connect, {READ_SECONDS:.0f} s to read).",
                "Check the route, the security groups and the endpoint's public access list.",
                code="Timeout",
            )
        if isinstance(error, http.ProxyError):
            return TemporaryError(f"Proxy: no way to {where} through the proxy: {text}", code="Proxy")
        return TemporaryError(f"Connection: {where} closed or refused the connection: {text}", code="Connection")


def _trusting(cluster_name: str, endpoint: Endpoint) -> ssl.SSLContext:
    """Verification by the cluster's own authority and nothing else.

    Authorities of clusters made on Kubernetes 1.16 or before carry no key identifiers (RFC 5280 allows that for a
    self-signed one); Python 3.13's strict mode refuses them (https://github.com/kubernetes-client/python/issues/2394),
    so that mode is off. Chain, dates and host name are always verified.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    try:
        pem = base64.b64decode(endpoint.certificate_authority, validate=True).decode("ascii")
        context.load_verify_locations(cadata=pem)
    except (binascii.Error, UnicodeDecodeError, ssl.SSLError, ValueError):
        raise PermanentError(
            f"The certificate authority that EKS gives for {cluster_name} is not a certificate.",
            "Look at certificateAuthority in: aws eks describe-cluster.",
            code="TLS",
        ) from None
    return context
