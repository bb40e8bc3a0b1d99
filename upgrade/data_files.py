"""Facts that age: YAML files in ``upgrade/data/``, each with its source and the date on which it was looked at."""

from __future__ import annotations

from importlib import resources
from typing import Any, Final

import yaml

#: libyaml's where PyYAML was built with it: it reads the same ten times as fast.
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_data(name: str) -> Any:
    """What the file of that name says. Callers keep it: a file is read once."""
    text = resources.files("upgrade").joinpath("data", name).read_text("utf-8")
    return yaml.load(text, Loader=_LOADER)  # noqa: S506 -- a safe loader, and our own file
