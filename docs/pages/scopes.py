"""The scopes of the Slack app and why, from the manifest."""

from __future__ import annotations

from bot.doctor.workspace import needed_scopes
from docs.pages.markdown import code
from docs.pages.markdown import table as markdown_table


def table() -> str:
    rows = [(code(scope), reason) for scope, reason in needed_scopes().items()]
    return markdown_table(["scope", "for"], rows)
