"""The Kubernetes API's refusals in our words."""

from __future__ import annotations

from typing import Final

import msgspec

from upgrade.errors import NotFound, NotPermitted, PermanentError, TemporaryError, UpgradeError
from upgrade.gateways.kube.decoding import decode

LONGEST_TEXT: Final = 400


class _Status(msgspec.Struct):
    message: str = ""
    reason: str = ""


def of_answer(status: int, body: bytes, retry_after: str | None, access: str) -> UpgradeError:
    """Our error for an answer that is not a success.

    Args:
        access: what was asked, as ``verb resource`` (``list nodes``).
    """
    said = _said(body)
    text = " ".join(said.message.split())[:LONGEST_TEXT] or f"HTTP {status}"
    if status == 401:
        return Unauthorized(text)
    if status == 403:
        return NotPermitted(
            f"The cluster does not allow the bot to {access}: {text}",
            f"Allow {access} in the bot's ClusterRole.",
            code="Forbidden",
            permission=access,
        )
    if status == 404:
        return NotFound(f"The cluster has no such thing ({access}): {text}", code=said.reason or "NotFound")
    if status == 410:
        return Gone(f"The list changed while it was read ({access}): {text}")
    if status == 429 or status >= 500:
        return TemporaryError(
            f"The API server could not {access} just now ({status}): {text}", retry_after_seconds=_seconds(retry_after)
        )
    return PermanentError(f"The API server refused to {access} ({status}): {text}", code=said.reason or str(status))


class Unauthorized(NotPermitted):
    """The cluster does not know the bot, or not yet again (401, C-16): no single permission is missing, but all.

    Args:
        said: the API server's words.
    """

    def __init__(self, said: str) -> None:
        super().__init__(
            f"The cluster does not accept the bot's token (401): {said}",
            "Give the bot's role an access entry of the cluster, or a line in aws-auth.",
            code="Unauthorized",
        )
        self.said = said


class Gone(TemporaryError):
    """The continue token of a list is too old (410): read the list from its start."""


def _said(body: bytes) -> _Status:
    try:
        return decode(body, _Status)
    except msgspec.DecodeError:  # a proxy's page, say
        return _Status(message=body[:LONGEST_TEXT].decode("utf-8", "replace"))


def _seconds(retry_after: str | None) -> float | None:
    return float(retry_after) if retry_after and retry_after.isdigit() else None
