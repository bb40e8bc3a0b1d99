"""Who calls: access keys and the principals behind them."""

from __future__ import annotations

import secrets
import string
import threading
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Principal:
    """An IAM identity.

    `arn` is a user's or a session's (`…:assumed-role/NAME/SESSION`); `role_arn` is the role behind a session.
    """

    account: str
    arn: str
    user_id: str
    role_arn: str | None = None
    session_name: str | None = None
    source_identity: str | None = None

    @property
    def identity_arn(self) -> str:
        """The ARN that policies and access entries name: the role's for a session, else its own."""
        return self.role_arn or self.arn


@dataclass(frozen=True, slots=True)
class Credential:
    """An access key. Session keys have a token and `expires_at` (the machine's clock, as for all signatures)."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    principal: Principal
    session_token: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None


class CredentialStore:
    """All access keys that were given out. Safe to use from any thread."""

    def __init__(self) -> None:
        self._credentials: dict[str, Credential] = {}
        self._lock = threading.Lock()

    def add(self, credential: Credential) -> Credential:
        with self._lock:
            self._credentials[credential.access_key_id] = credential
        return credential

    def find(self, access_key_id: str) -> Credential | None:
        with self._lock:
            return self._credentials.get(access_key_id)

    def issue(self, principal: Principal, *, expires_at: datetime | None = None) -> Credential:
        """A new access key for `principal`: a long-lived one (AKIA…), or with `expires_at` a session's (ASIA…)."""
        prefix = "ASIA" if expires_at else "AKIA"
        return self.add(
            Credential(
                access_key_id=prefix + _random(string.ascii_uppercase + "234567", 16),
                secret_access_key=_random(string.ascii_letters + string.digits + "/+", 40),
                principal=principal,
                session_token=_random(string.ascii_letters + string.digits, 160) if expires_at else None,
                expires_at=expires_at,
            )
        )


def _random(alphabet: str, length: int) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(length))
