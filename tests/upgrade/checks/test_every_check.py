"""Each check has a cluster that it finds something in, and a near miss that it does not."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tests.upgrade import checks
from upgrade.checks import REGISTRY

CODES: Final = {one.code for one in REGISTRY}
FOUND: Final = ("FOUND", "WRONG")
NEAR: Final = ("NEAR", "FINE", "NEAR_MISSES", "NOT_FOUND")
#: What takes a plan, several hops or a whole cluster has tests of its own, both kinds.
BY_HAND: Final = {
    "test_account": {"KUB001"},
    "test_checks": {"ADD001", "KMS001", "SKW002", "SKW003", "VER001", "VER002"},
    "test_drain": {"DRN001", "DRN002", "DRN003"},
    "test_idle": {"IDL001"},
    "test_notes": {"REL001", "REL002"},
}


def in_tables(names: tuple[str, ...]) -> set[str]:
    """The codes of the cases in tables of these names."""
    modules = [
        importlib.import_module(f"{checks.__name__}.{one.name}") for one in pkgutil.iter_modules(checks.__path__)
    ]
    tables = [getattr(module, name, ()) for module in modules for name in names if module.__name__ != __name__]
    return {code for table in tables for case in table for code in _codes(case)}


def _codes(case: Any) -> Iterator[str]:
    told = [getattr(case, "code", None), *(case if isinstance(case, tuple) else ())]
    yield from (one for one in told if isinstance(one, str) and one in CODES)


def test_every_check_has_a_case_of_each_kind() -> None:
    by_hand = set().union(*BY_HAND.values())
    assert CODES - in_tables(FOUND) - by_hand == set()
    assert CODES - in_tables(NEAR) - by_hand == set()


def test_tests_by_hand_are_where_they_are_said_to_be() -> None:
    for module, codes in BY_HAND.items():
        text = Path(__file__).with_name(f"{module}.py").read_text("utf-8")
        assert [code for code in codes if code not in text] == []
