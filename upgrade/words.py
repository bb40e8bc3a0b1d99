"""Numbers of things in sentences."""

from __future__ import annotations


def count(number: int, one: str, many: str = "") -> str:
    """``1 pod``, ``2 pods``. ``many``: the plural where it is not ``one`` with an s, as in ``volumes have``."""
    return f"{number} {one if number == 1 else many or one + 's'}"
