"""A record as one web page that holds all it needs, its picture too: to open, to print, to file."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from upgrade.records.outline import LONGEST, Table, tables
from upgrade.records.record import Record
from upgrade.reports.escaping import in_html, let_in
from upgrade.reports.page import asset

#: No column is narrower than its longest word but the last, which has the long ones; what is too wide then scrolls.
_STYLE = """\
body { max-width: 90rem; }
figure { margin: 1rem 0; } figure img { max-width: min(100%, 70rem); height: auto; }
section { overflow-x: auto; }
th, td { overflow-wrap: break-word; max-width: 30rem; }
td:last-child { overflow-wrap: anywhere; min-width: 14rem; }
@media print {
  section { overflow: visible; }
  th, td { overflow-wrap: anywhere; min-width: 4em; }
  table { font-size: 7pt; }
}
"""


def render(record: Record) -> str:
    """A page without scripts; its policy lets in its own style, the picture that is in it, and nothing else."""
    style = asset("page.css") + _STYLE
    policy = f"default-src 'none'; style-src '{let_in(style)}'; img-src data:; base-uri 'none'; form-action 'none'"
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        '<head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="referrer" content="no-referrer">',
        f"<title>{in_html(record.title)}</title><style>{style}</style></head>",
        "<body>",
        f"<header><h1>{in_html(record.title)}</h1></header>",
        *_picture(record),
        *(line for table in tables(record) for line in _table(table)),
        "<footer>Made by eks-upgrade-bot from the events of the run.</footer>",
        "</body>",
        "</html>",
    ]
    return "\n".join(lines) + "\n"


def _picture(record: Record) -> Iterator[str]:
    if record.picture:
        content = base64.b64encode(record.picture).decode()
        alt = in_html(record.picture_alt, LONGEST)
        yield f'<figure><img src="data:image/png;base64,{content}" alt="{alt}"></figure>'


def _table(table: Table) -> Iterator[str]:
    yield f"<section><h2>{in_html(table.title)}</h2>"
    if table.rows:
        heads = "".join(f'<th scope="col">{in_html(head)}</th>' for head in table.heads)
        yield f"<table><thead><tr>{heads}</tr></thead><tbody>"
        for row in table.rows:
            yield f"<tr>{''.join(map(_cell, row))}</tr>"
        yield "</tbody></table>"
    else:
        yield f'<p class="quiet">{in_html(table.none)}</p>'
    yield "</section>"


def _cell(text: str) -> str:
    return f"<td><bdi>{in_html(text, LONGEST)}</bdi></td>" if text else "<td></td>"
