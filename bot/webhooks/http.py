"""Receivers that are spoken to over HTTP: PagerDuty's Events API v2, and anybody who checks a signature."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, Final, NoReturn
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from pydantic import SecretStr

from bot.webhooks.page import Page, PageAction, PageLost

TIMEOUT_SECONDS: Final = 10
#: What a receiver checks: ``v1=`` and HMAC-SHA256 of ``v1:TIMESTAMP:BODY`` with the shared secret, in hexadecimal.
SIGNATURE: Final = "X-EKS-Upgrade-Signature"
TIMESTAMP: Final = "X-EKS-Upgrade-Timestamp"


class _NoRedirect(HTTPRedirectHandler):
    """What we send is for one address: an answer that points elsewhere is an error."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def post_json(url: str, body: bytes, headers: Mapping[str, str]) -> None:
    """Post once; proxies and CA bundles as for Slack. Raises PageLost for all but an answer of 2xx."""
    request = Request(url, body, {"Content-Type": "application/json", "User-Agent": "eks-upgrade-bot", **headers})  # noqa: S310 -- the settings take https, or loopback
    try:
        with build_opener(_NoRedirect).open(request, timeout=TIMEOUT_SECONDS):
            return
    except HTTPError as error:
        error.close()
        _lost(f"it answered {error.code}")
    except (HTTPException, OSError, ValueError) as error:
        # OSError: URLError, resets, timeouts, TLS.
        _lost(f"it cannot be reached ({type(getattr(error, 'reason', error)).__name__})")


def _lost(reason: str) -> NoReturn:
    raise PageLost(reason) from None


@dataclass(frozen=True)
class PagerDuty:
    """PagerDuty's Events API v2: one incident a trouble, whatever is sent twice."""

    name: str
    url: str
    key: SecretStr

    def send(self, page: Page) -> None:
        event: dict[str, Any] = {
            "routing_key": self.key.get_secret_value(),
            "event_action": page.action.value,
            "dedup_key": page.key,
        }
        if page.action is PageAction.TRIGGER:
            event["payload"] = {
                "summary": page.summary,
                "source": str(page.cluster),
                "severity": "critical",
                "timestamp": page.since.isoformat(),
                "component": page.cluster.name,
                "class": page.kind.value,
                "custom_details": page.content(),
            }
            event["links"] = [{"href": page.link, "text": "The run in Slack"}] if page.link else []
        post_json(self.url, json.dumps(event).encode(), {})


@dataclass(frozen=True)
class Generic:
    """JSON by POST, signed so that the receiver knows who sends and that it is new.

    Args:
        clock: the machine's time in seconds since 1970, as a receiver compares it.
    """

    name: str
    url: str
    secret: SecretStr
    clock: Callable[[], float] = time.time

    def send(self, page: Page) -> None:
        body = json.dumps(page.content(), sort_keys=True).encode()
        at = str(int(self.clock()))
        headers = {TIMESTAMP: at, SIGNATURE: signature(self.secret.get_secret_value(), at, body)}
        post_json(self.url, body, headers)


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """As `SIGNATURE` says."""
    return "v1=" + hmac.new(secret.encode(), f"v1:{timestamp}:".encode() + body, hashlib.sha256).hexdigest()
