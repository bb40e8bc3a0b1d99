"""Who owns an object, as far as its labels tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

#: The labels that name an owner, the most telling one first. The last is one of Kubernetes' recommended labels.
OWNER_LABELS: Final = ("team", "owner", "app.kubernetes.io/part-of")


def owner_of(*labels: Mapping[str, str]) -> str:
    """The owner that labels name, empty when none does.

    Args:
        labels: of the object, then of what belongs to it (a workload's pod template); the first that tells wins.
    """
    return next((one[key] for one in labels for key in OWNER_LABELS if one.get(key)), "")


def owner_evidence(*labels: Mapping[str, str]) -> dict[str, str]:
    """``{"owner": …}`` for a finding's evidence, or nothing."""
    owner = owner_of(*labels)
    return {"owner": owner} if owner else {}
