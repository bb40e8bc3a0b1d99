"""The scenarios that come with the sandbox."""

from __future__ import annotations

from docs.pages.markdown import code
from docs.pages.markdown import table as markdown_table
from sandbox.scenario import load_scenario, shipped_scenarios


def table() -> str:
    scenarios = [load_scenario(name) for name in shipped_scenarios()]
    rows = [(code(one.name), one.description, code(one.expected.status)) for one in scenarios]
    return markdown_table(["scenario", "what happens", "the run ends as"], rows)
