"""Changes of a version that no program can look for in a cluster: read them, in ``upgrade/data/release_notes.yaml``."""

from __future__ import annotations

from functools import cache
from typing import Final

from upgrade.data_files import read_data
from upgrade.facts import Value
from upgrade.versions import KubernetesVersion


class ReleaseNote(Value):
    """``target`` None: it holds for every upgrade."""

    rule: str
    target: KubernetesVersion | None = None
    text: str
    source: str


@cache
def _file() -> tuple[KubernetesVersion, tuple[ReleaseNote, ...]]:
    data = read_data("release_notes.yaml")
    return KubernetesVersion.parse(data["covered_until"]), tuple(map(ReleaseNote.model_validate, data["notes"]))


#: The newest Kubernetes version whose rules this program knows (B-137-05). The only place that says so.
NEWEST_COVERED: Final = _file()[0]


def release_notes() -> tuple[ReleaseNote, ...]:
    return _file()[1]


def notes_for(target: KubernetesVersion) -> tuple[ReleaseNote, ...]:
    """What is new with a version, then what holds for every upgrade."""
    return tuple(one for wanted in (target, None) for one in release_notes() if one.target == wanted)
