"""Versions as values: no string is ever compared as a version."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import total_ordering
from typing import Any, NamedTuple, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

_MINOR = re.compile(r"^v?(\d{1,2})\.(\d{1,3})$", re.ASCII)
_KUBELET = re.compile(r"^v?(\d{1,2})\.(\d{1,3})(?:[.+-].*)?$", re.ASCII)
_ADDON = re.compile(r"^v(\d+)\.(\d+)\.(\d+)(?:-([A-Za-z0-9.-]*?)\.?(\d+)?)?$", re.ASCII)


def _text_schema(parse: Callable[[str], object], kind: type) -> CoreSchema:
    """Lets pydantic read and write a version as the text that EKS uses."""
    return core_schema.no_info_plain_validator_function(
        lambda value: value if isinstance(value, kind) else parse(str(value)),
        json_schema_input_schema=core_schema.str_schema(),
        serialization=core_schema.plain_serializer_function_ser_schema(str, return_schema=core_schema.str_schema()),
    )


class _Minor(NamedTuple):
    major: int
    minor: int


class KubernetesVersion(_Minor):
    """A Kubernetes minor version, such as 1.29; its successor is 1.30.

    Ordered as numbers, so 1.9 < 1.10. EKS moves a control plane one minor at a time (C-01).
    """

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``1.34`` or ``v1.34``. Raises ValueError for anything else."""
        found = _MINOR.match(text.strip())
        if not found:
            raise ValueError(f"{text!r} is not a Kubernetes minor version; write it like 1.34")
        return cls(int(found[1]), int(found[2]))

    @classmethod
    def of_kubelet(cls, text: str) -> Self:
        """The minor of a full version such as ``v1.34.1-eks-113cf36``. Raises ValueError when there is none."""
        found = _KUBELET.match(text.strip())
        if not found:
            raise ValueError(f"{text!r} is not a Kubernetes version; expected something like v1.34.1-eks-113cf36")
        return cls(int(found[1]), int(found[2]))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return _text_schema(cls.parse, cls)

    @property
    def next(self) -> Self:
        return type(self)(self.major, self.minor + 1)

    @property
    def previous(self) -> Self:
        return type(self)(self.major, self.minor - 1)

    def minors_after(self, older: KubernetesVersion) -> int:
        """How many minors this version is ahead of ``older`` (negative when behind)."""
        return self.minor - older.minor

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"

    def __repr__(self) -> str:
        return f"KubernetesVersion({self})"


def hops(start: KubernetesVersion, target: KubernetesVersion) -> tuple[KubernetesVersion, ...]:
    """Each version the control plane passes through after ``start`` up to ``target``; empty when none."""
    return tuple(KubernetesVersion(start.major, minor) for minor in range(start.minor + 1, target.minor + 1))


def allowed_lag(component: KubernetesVersion) -> int:
    """Minors a kubelet or kube-proxy of this version may be behind the API server (C-04, C-07).

    Source: the version skew policy of Kubernetes: three, but two for anything below 1.25.
    """
    return 3 if component >= KubernetesVersion(1, 25) else 2


@total_ordering
class AddonVersion:
    """The version of an EKS add-on, such as v1.20.4-eksbuild.2, ordered by semver and then by build.

    Versions of another shape (some Marketplace add-ons) keep their text and sort below all others by that text.
    """

    __slots__ = ("_key", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        found = _ADDON.match(text)
        self._key: tuple[int, int, int, int, int, str] = (
            (1, int(found[1]), int(found[2]), int(found[3]), int(found[5] or 0), found[4] or "")
            if found
            else (0, 0, 0, 0, 0, text)
        )

    @classmethod
    def parse(cls, text: str) -> Self:
        if not text or len(text) > 128:
            raise ValueError(f"{text[:40]!r} is not an add-on version; expected something like v1.20.4-eksbuild.2")
        return cls(text)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return _text_schema(cls.parse, cls)

    @property
    def minor(self) -> tuple[int, int]:
        """(major, minor): vpc-cni may only move one of these at a time (E-05)."""
        return self._key[1], self._key[2]

    @property
    def patch(self) -> tuple[int, int, int] | None:
        """(major, minor, patch) without the build (E-13); None for a version of another shape."""
        return self._key[1:4] if self._key[0] else None

    @property
    def kubernetes_minor(self) -> KubernetesVersion:
        """The Kubernetes minor that a kube-proxy of this version belongs to (E-12)."""
        return KubernetesVersion(*self.minor)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AddonVersion) and self.text == other.text

    def __lt__(self, other: AddonVersion) -> bool:
        return (self._key, self.text) < (other._key, other.text)

    def __hash__(self) -> int:
        return hash(self.text)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"AddonVersion({self.text})"
