"""How a manifest gets from an API version that ends to the one that stays."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

import yaml

from upgrade.removals.rules import Removal, Rules
from upgrade.versions import KubernetesVersion


def how_to_convert(rules: Rules, rule: Removal, target: KubernetesVersion, file: str = "FILE") -> str:
    """The next move, in one or two sentences.

    Args:
        target: the version of the cluster that must still serve the result.
        file: the manifest, for the command.

    Source: the deprecated API migration guide; kubectl-convert where nothing but the version changes.
    """
    replacement = rules.replacement_at(rule, target)
    changes = rule.how or _changes(rule)
    if not replacement:
        return _sentence(changes) or f"{rule.api} has no successor: stop using it."
    group_version, _, other_kind = replacement.partition(" ")
    if other_kind:
        return f"Use {other_kind} of {group_version} instead. {_sentence(changes)}".strip()
    if changes:
        return f"Write it as {group_version}: {changes}"
    if rule.component or rule.source == "your own rules":
        return f"Write it as {group_version}."
    command = f"kubectl-convert -f {file} --output-version {group_version}"
    return f"Write it as {group_version}: nothing else changes, so {command} does it."


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _changes(rule: Removal) -> str:
    if rule.component:
        return ""
    return next(
        (
            str(row["changes"])
            for row in _conversions()
            if rule.kind in row["kinds"] and rule.group_version in row.get("from", [rule.group_version])
        ),
        "",
    )


@cache
def _conversions() -> list[dict[str, Any]]:
    text = resources.files("upgrade").joinpath("data", "api_conversions.yaml").read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = yaml.safe_load(text)
    return rows
