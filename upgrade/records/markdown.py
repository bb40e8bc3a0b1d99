"""A record as Markdown, for a ticket or a wiki."""

from __future__ import annotations

from collections.abc import Iterator

from upgrade.records.outline import LONGEST, Table, tables
from upgrade.records.record import Record
from upgrade.reports.escaping import in_markdown


def render(record: Record) -> str:
    """The picture is told in words: Markdown holds none."""
    lines = [f"# {in_markdown(record.title)}", ""]
    if record.picture_alt:
        lines += [in_markdown(record.picture_alt, LONGEST), ""]
    for table in tables(record):
        lines += _table(table)
    return "\n".join(lines)


def _table(table: Table) -> Iterator[str]:
    yield f"## {table.title}"
    yield ""
    if table.rows:
        yield _row(table.heads)
        yield _row("---" for _ in table.heads)
        yield from (_row(_cell(cell) for cell in row) for row in table.rows)
    else:
        yield table.none
    yield ""


def _row(cells: Iterator[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    return in_markdown(text, LONGEST) if text else ""
