"""Where each row of the upgrade rules lives."""

from __future__ import annotations

from docs.pages.markdown import NOTE, code, table
from upgrade.coverage import every_row, homes

_INTRO = """\
# Rule coverage

The upgrade rules have {rows} rows: what an upgrade demands (A), what each version changes (B), order and skew (C), what node groups and
control planes answer (D), and add-ons (E). Each has a home: a check, an item of the check list that a person ticks before approval, a
note of a release in the report, or a part of the program. `later` says why a row is kept by nothing yet.
"""


def page() -> str:
    rows = [(code(home.row), home.kind, _name(home.name), home.says) for home in homes()]
    return "\n".join([NOTE, _INTRO.format(rows=len(every_row())), table(["row", "home", "where", "what"], rows)])


def _name(name: str) -> str:
    return code(name) if name else ""
