"""How a cluster's API server is reached."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from upgrade.facts import Value


class Direct(Value):
    kind: Literal["direct"] = "direct"


class AwsOnly(Value):
    """Not at all, because its endpoint is private and the bot outside: what only Kubernetes tells stays unknown."""

    kind: Literal["aws-only"] = "aws-only"


class Proxy(Value):
    """Through an HTTPS proxy; TLS goes through it to the cluster, whose own authority is verified as ever."""

    kind: Literal["proxy"] = "proxy"
    proxy: str

    @field_validator("proxy")
    @classmethod
    def _an_address(cls, value: str) -> str:
        address = urlsplit(value)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise ValueError("must be an address such as https://proxy.example:3128")
        if address.username or address.password:
            raise ValueError("must not hold a password: it would be shown in errors")
        return value


Reach = Annotated[Direct | AwsOnly | Proxy, Field(discriminator="kind")]
