"""The audit pack: pure functions from the record of a run to text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final

from upgrade.records.document import render as as_json
from upgrade.records.markdown import render as as_markdown
from upgrade.records.page import render as as_page
from upgrade.records.record import Record
from upgrade.records.table import render as as_table

__all__ = ["Form", "Record", "render"]


class Form(StrEnum):
    """Also the ending of the file."""

    JSON = "json"
    MARKDOWN = "md"
    CSV = "csv"
    HTML = "html"


_RENDERERS: Final[Mapping[Form, Callable[[Record], str]]] = {
    Form.JSON: as_json,
    Form.MARKDOWN: as_markdown,
    Form.CSV: as_table,
    Form.HTML: as_page,
}


def render(record: Record, form: Form) -> str:
    """A whole record in one format, ending with a newline."""
    return _RENDERERS[form](record)
