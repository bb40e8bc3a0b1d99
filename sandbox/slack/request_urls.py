"""HTTP mode: requests to the app's request URLs, signed as Slack does.

Rule: docs.slack.dev/authentication/verifying-requests-from-slack.
"""

import hashlib
import hmac
import ipaddress
import json
import time
from urllib.parse import urlencode, urlsplit

import aiohttp

from sandbox.slack.delivery import NotDelivered
from sandbox.slack.manifest import AppManifest
from sandbox.slack.model import Delivery
from sandbox.slack.schema import Json
from sandbox.slack.workspace import Workspace


class NotLoopback(ValueError):
    """The simulator calls nobody but programs on this machine."""


def _refuse_beyond_loopback(url: str) -> None:
    host = urlsplit(url).hostname or ""
    try:
        local = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local:
        raise NotLoopback(f"the request URL {url!r} is not on this machine; use http://127.0.0.1:PORT/…")


def sign(secret: str, timestamp: str, body: str) -> str:
    """The X-Slack-Signature of a body."""
    return "v0=" + hmac.new(secret.encode(), f"v0:{timestamp}:{body}".encode(), hashlib.sha256).hexdigest()


class RequestUrls:
    """Posts each payload to the app and takes the HTTP answer for the ack.

    Args:
        url: used for everything; without one the manifest's own request URLs are.

    Raises:
        NotLoopback: a URL leads to another machine.
    """

    def __init__(self, workspace: Workspace, url: str | None) -> None:
        self._workspace = workspace
        self._url = url
        manifest = workspace.app.manifest
        declared = [manifest.events_url, manifest.interactivity_url, *(command.url for command in manifest.commands)]
        for target in [url] if url else declared:
            if target is not None:
                _refuse_beyond_loopback(target)
        self._session: aiohttp.ClientSession | None = None

    async def stop(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(self, delivery: Delivery, payload: Json, retry_reason: str, deadline: float) -> Json | None:
        body, content_type = _encoded(delivery.kind, payload)
        headers = self._signed(body) | {"Content-Type": content_type}
        if delivery.attempt:
            headers |= {"x-slack-retry-num": str(delivery.attempt), "x-slack-retry-reason": retry_reason}
        if self._session is None:
            self._session = aiohttp.ClientSession()
        try:
            async with self._session.post(
                self._target(delivery), data=body, headers=headers, timeout=aiohttp.ClientTimeout(deadline)
            ) as answer:
                text = await answer.text()
                if answer.status != 200:
                    reason = "http_client_error" if answer.status < 500 else "http_service_error"
                    no_retry = answer.headers.get("x-slack-no-retry") == "1"
                    raise NotDelivered(reason, "http_error", final=no_retry)
        except TimeoutError:
            raise NotDelivered("operation_timeout", "http_timeout") from None
        except aiohttp.ClientError:
            raise NotDelivered("dispatch_failed", "connection_failed") from None
        return _decoded(text)

    def _signed(self, body: str) -> dict[str, str]:
        timestamp = str(int(time.time()))
        signature = sign(self._workspace.app.signing_secret, timestamp, body)
        return {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": signature}

    def _target(self, delivery: Delivery) -> str:
        manifest: AppManifest = self._workspace.app.manifest
        command = manifest.command(delivery.subject)
        declared = {
            "slash_commands": command.url if command else None,
            "interactive": manifest.interactivity_url,
            "events_api": manifest.events_url,
        }[delivery.kind]
        target = self._url or declared
        if target is None:
            raise NotDelivered("dispatch_failed", "connection_failed")
        return target


def _encoded(kind: str, payload: Json) -> tuple[str, str]:
    if kind == "events_api":
        return json.dumps(payload), "application/json"
    form = payload if kind == "slash_commands" else {"payload": json.dumps(payload)}
    return urlencode(form), "application/x-www-form-urlencoded"


def _decoded(text: str) -> Json | None:
    """The ack's body: JSON, or plain words which are a message's text."""
    if not text.strip():
        return None
    try:
        body = json.loads(text)
    except ValueError:
        return {"text": text}
    return body if isinstance(body, dict) else {"text": text}
