"""What no program can see: changes to know of, and versions without rules."""

from __future__ import annotations

from collections.abc import Iterator

from upgrade.checks.registry import Hop, NotApplicable, Problem, check
from upgrade.findings import Severity
from upgrade.release_notes import NEWEST_COVERED, notes_for, release_notes


@check(
    "REL001",
    "Everything that the version changes can be looked for",
    rules=tuple(dict.fromkeys(one.rule for one in release_notes())),
    source="Amazon EKS User Guide and Kubernetes: release notes of each version",
    severity=Severity.INFORMS,
)
def changes_to_know_of(hop: Hop) -> Iterator[Problem]:
    """One finding for a version; the evidence has a sentence for each change, by the rule's id."""
    if not hop.moves or not hop.within_reach:
        raise NotApplicable
    notes = notes_for(hop.target)
    new = sum(one.target is not None for one in notes)
    changes = "change" if new == 1 else "changes"
    yield Problem(
        subject=str(hop.target),
        summary=f"{new or 'No'} {changes} of {hop.target} cannot be looked for in a cluster; {len(notes) - new} things "
        "hold for every upgrade.",
        remedy="Read them, and ask whoever they concern.",
        evidence={one.rule: one.text for one in notes},
    )


@check(
    "REL002",
    "The version is one whose rules are known here",
    rules=("B-137-05",),
    source="docs/rule-coverage.md",
    severity=Severity.WARNS,
)
def target_is_covered(hop: Hop) -> Iterator[Problem]:
    if not hop.moves or not hop.within_reach:
        raise NotApplicable
    if hop.target > NEWEST_COVERED:
        yield Problem(
            subject=str(hop.target),
            summary=f"{hop.target} is not covered: this program knows the rules up to {NEWEST_COVERED}.",
            remedy="Somebody must read the release notes of EKS and of Kubernetes, or use a newer eks-upgrade-bot.",
        )
