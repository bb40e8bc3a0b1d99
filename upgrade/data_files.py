"""Facts that age: YAML files in ``upgrade/data/``, each with its source and the date on which it was looked at."""

from __future__ import annotations

from importlib import resources
from typing import Any

import yaml


def read_data(name: str) -> Any:
    """What the file of that name says. Callers keep it: a file is read once."""
    return yaml.safe_load(resources.files("upgrade").joinpath("data", name).read_text("utf-8"))
