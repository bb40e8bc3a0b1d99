"""Reports as people and machines read them: pure functions from a Report to text.

The JSON of a report is all that any other format needs: ``render(read(to_json(report)), form)`` and
``render(report, form)`` are the same text, byte for byte, whatever machine makes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final

from upgrade.findings import Report, Severity
from upgrade.reports.document import canonical, read
from upgrade.reports.document import render as as_json
from upgrade.reports.junit import render as as_junit
from upgrade.reports.markdown import render as as_markdown
from upgrade.reports.page import render as as_page
from upgrade.reports.sarif import render as as_sarif
from upgrade.reports.text import render as as_text

__all__ = ["Format", "read", "render"]


class Format(StrEnum):
    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    HTML = "html"
    SARIF = "sarif"
    JUNIT = "junit"


_RENDERERS: Final[Mapping[Format, Callable[[Report, Severity], str]]] = {
    Format.TEXT: as_text,
    Format.JSON: as_json,
    Format.MARKDOWN: as_markdown,
    Format.HTML: as_page,
    Format.SARIF: as_sarif,
    Format.JUNIT: as_junit,
}


def render(report: Report, form: Format, fail_on: Severity = Severity.BLOCKS) -> str:
    """A whole report in one format, ending with a newline.

    Args:
        fail_on: from which severity on a finding counts as being in the way; the verdict follows it.
    """
    return _RENDERERS[form](canonical(report), fail_on)
