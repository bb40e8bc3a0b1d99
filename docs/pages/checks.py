"""Every check, from the registry."""

from __future__ import annotations

from collections.abc import Iterator

from docs.pages.markdown import NOTE, code, table
from upgrade.checks import CRASHED, REGISTRY
from upgrade.checks.explained import Explanation, explain, explained, weight_of
from upgrade.reports.sources import address

_INTRO = """\
# Checks

A check looks at the cluster as it will be just before a hop, and at the version that the hop goes to. What the plan itself repairs is not
a finding. Its title is true when all is well. What could not be read is *unknown* and weighs what the check weighs: where a finding would
block, not knowing blocks too.

`check CLUSTER` and `plan CLUSTER` run them, in Slack and on the command line; an approved run repeats them before it begins, and before
each phase that cannot be undone. `explain CODE` says what stands here. Where a fix shows “…”, the finding names the object.
"""


def page() -> str:
    rows = [(_link(one.code), one.title, weight_of(one), "yes" if one.waivable else "no") for one in REGISTRY]
    summary = table(["code", "true when all is well", "a finding", "waivable"], rows)
    sections = [section(explained(one)) for one in REGISTRY]
    return "\n".join([NOTE, _INTRO, summary, *sections, section(explain(CRASHED))])


def section(told: Explanation) -> str:
    return "\n".join([f"## {told.code}", "", f"**{told.title}.**", "", *_paragraphs(told)])


def _paragraphs(told: Explanation) -> Iterator[str]:
    if told.why:
        yield from (told.why, "")
    waivable = "; a person may waive it" if told.waivable else ""
    yield f"- A finding: {told.weight}{waivable}."
    yield f"- Looked at: {_lower(told.looks)}"
    yield f"- Takes: {', '.join(code(one) for one in told.permissions) or 'nothing of its own'}."
    if told.fixes:
        yield from ("- To fix it:", *(f"  - {one}" for one in told.fixes))
    else:
        yield "- To fix it: the finding says what to do."
    if told.rules:
        yield f"- Rules: {', '.join(told.rules)}."
    if told.source:
        link = address(told.source)
        yield f"- Source: [{told.source}]({link})." if link else f"- Source: {told.source}."
    yield ""


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def _link(check: str) -> str:
    return f"[{check}](#{check.lower()})"
