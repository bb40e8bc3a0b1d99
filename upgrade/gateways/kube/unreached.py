"""The gateway to a cluster that is not asked (``reach: aws-only``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Never

from upgrade.errors import FactUnknown

REASON = "The cluster's API is not asked (reach: aws-only)."


class UnreachedKubeGateway:
    """Has every method of KubeGateway; each raises FactUnknown, as chosen."""

    def for_one_look(self) -> UnreachedKubeGateway:
        return self

    def close(self) -> None:
        pass

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_") or name == "permissions":
            raise AttributeError(name)
        return _not_asked


def _not_asked(*_args: Any, **_options: Any) -> Never:
    raise FactUnknown(REASON, chosen=True)
