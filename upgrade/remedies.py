"""EKS's error and health codes in plain words: facts that age, kept in ``upgrade/data/remedies.yaml``."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Final, Literal

import yaml

from upgrade.facts import Value

SubjectKind = Literal["cluster", "nodegroup", "addon"]
_ANY: Final = "any"


class Remedy(Value):
    """What a code means and what a person does about it, one sentence or two each."""

    meaning: str
    action: str


def explain_update_error(code: str, subject_kind: SubjectKind) -> Remedy:
    """What a code of ``update.errors`` or ``health.issues`` means for that kind of subject (D2, D4, E2).

    A code that EKS has added since gets a remedy that says so.
    """
    table = _remedies()
    known = table.get(subject_kind, {}).get(code) or table[_ANY].get(code)
    return known or Remedy(
        meaning=f"EKS reports {code}, a code that this program does not know.",
        action="Read EKS's own message; if it does not help, open a support case with the update's id.",
    )


def is_explained(code: str, subject_kind: SubjectKind) -> bool:
    table = _remedies()
    return code in table.get(subject_kind, {}) or code in table[_ANY]


@cache
def _remedies() -> dict[str, dict[str, Remedy]]:
    data = yaml.safe_load(resources.files("upgrade").joinpath("data", "remedies.yaml").read_text(encoding="utf-8"))
    return {
        section: {code: Remedy.model_validate(texts) for code, texts in data[section].items()}
        for section in (_ANY, "cluster", "nodegroup", "addon")
    }
