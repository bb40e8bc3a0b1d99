"""No row of the upgrade rules may be missing."""

from __future__ import annotations

from pathlib import Path

from upgrade.coverage import every_row, homeless, homes

ROOT = Path(__file__).parents[2]


def test_there_are_all_rows_each_once() -> None:
    rows = every_row()
    assert len(rows) == len(set(rows)) == 317
    by_section = {section: sum(row.startswith(f"{section}-") for row in rows) for section in "ABCDE"}
    assert by_section == {"A": 84, "B": 113, "C": 46, "D": 44, "E": 30}


def test_every_row_has_a_home() -> None:
    assert homeless() == ()


def test_no_home_is_of_a_row_that_does_not_exist() -> None:
    assert {home.row for home in homes()} - set(every_row()) == set()


def test_every_part_of_the_program_that_keeps_a_rule_is_there() -> None:
    parts = {home.name for home in homes() if "/" in home.name}
    assert parts
    assert [part for part in parts if not (ROOT / part).exists()] == []


def test_what_nothing_keeps_yet_says_why_and_is_kept_by_nothing() -> None:
    later = {home.row: home.says for home in homes() if home.kind == "later"}
    assert all(len(says) > 30 for says in later.values())
    assert {home.row for home in homes() if home.kind != "later"} & set(later) == set()
