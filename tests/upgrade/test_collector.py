"""The collector stands still while somebody holds it back, and goes on afterwards."""

from __future__ import annotations

import gc

import pytest

from upgrade.collector import collector_held_back


def test_it_goes_on_when_the_last_holder_ends_however_it_ends() -> None:
    assert gc.isenabled()
    first, second = collector_held_back(), collector_held_back()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert not gc.isenabled()
    second.__exit__(None, None, None)
    assert gc.isenabled()
    with pytest.raises(ValueError, match="broken"), collector_held_back():
        raise ValueError("broken")
    assert gc.isenabled()


def test_it_stays_off_for_whoever_has_it_off() -> None:
    gc.disable()
    try:
        with collector_held_back(), collector_held_back():
            assert not gc.isenabled()
        assert not gc.isenabled()
    finally:
        gc.enable()
