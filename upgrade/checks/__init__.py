"""Checks: pure judgements of a snapshot. One module a subject; importing this package registers them all."""

import importlib
import pkgutil

from upgrade.checks.registry import CRASHED, REGISTRY, Check, CheckCodeTaken, Hop, NotApplicable, Problem, Registry
from upgrade.checks.run import run_checks

__all__ = [
    "CRASHED",
    "REGISTRY",
    "Check",
    "CheckCodeTaken",
    "Hop",
    "NotApplicable",
    "Problem",
    "Registry",
    "run_checks",
]

# A module that stands here cannot be forgotten.
for _module in pkgutil.iter_modules(__path__, f"{__name__}."):
    importlib.import_module(_module.name)
