"""The JSON Schema of a report."""

from __future__ import annotations

import json

from upgrade.reports import document


def schema() -> str:
    return json.dumps(document.schema(), indent=2) + "\n"
