"""Write the generated pages and policies, or check them: ``python -m docs.generate [--check]``."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from docs.pages import checks, commands, configuration, policies, reports, rule_coverage, scenarios, scopes

ROOT: Final = Path(__file__).parents[1]

WHOLE: Final[Mapping[str, Callable[[], str]]] = {
    "docs/checks.md": checks.page,
    "docs/commands.md": commands.page,
    "docs/configuration.md": configuration.page,
    "docs/report.schema.json": reports.schema,
    "docs/rule-coverage.md": rule_coverage.page,
    "deploy/iam-read-policy.json": policies.read_policy,
    "deploy/iam-change-policy.json": policies.change_policy,
    "deploy/rbac.yaml": policies.rbac,
    "deploy/rbac-chosen.yaml": policies.chosen_rbac,
}
"""Files that are generated from their first line to the last."""

PARTS: Final[Mapping[str, Mapping[str, Callable[[], str]]]] = {
    "README.md": {"scopes": scopes.table, "read-policy": policies.read_policy_block},
    "docs/sandbox.md": {"scenarios": scenarios.table},
}
"""Parts of pages that are written by hand: what stands between ``<!-- NAME -->`` and ``<!-- /NAME -->``."""


class MarkerMissing(Exception):
    """A page has no place for a part that is generated."""


def generated() -> dict[str, str]:
    """Text by path, for every file that is generated or has generated parts."""
    texts = {path: make() for path, make in WHOLE.items()}
    for path, parts in PARTS.items():
        text = (ROOT / path).read_text("utf-8")
        for name, make in parts.items():
            text = with_part(text, name, make(), path)
        texts[path] = text
    return texts


def with_part(text: str, name: str, part: str, path: str) -> str:
    """``text`` with ``part`` between the markers. Raises MarkerMissing."""
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise MarkerMissing(f"{path} has no part between {begin.strip()} and {end}")
    return f"{before}{begin}{part.rstrip()}\n{end}{after}"


def differences(texts: Mapping[str, str]) -> list[str]:
    """Lines of a diff from what is committed to what would be generated."""
    lines: list[str] = []
    for path, text in texts.items():
        file = ROOT / path
        present = file.read_text("utf-8") if file.exists() else ""
        lines += difflib.unified_diff(
            present.splitlines(), text.splitlines(), path, f"{path} (generated)", lineterm="", n=2
        )
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m docs.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 with a diff when something differs")
    wanted = parser.parse_args()
    texts = generated()
    if wanted.check:
        lines = differences(texts)
        if lines:
            print("\n".join(lines))
            print("Run `make docs` and commit what it writes.", file=sys.stderr)
        return 1 if lines else 0
    for path, text in texts.items():
        (ROOT / path).write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
