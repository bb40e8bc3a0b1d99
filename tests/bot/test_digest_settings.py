"""When the weekly digest comes, as it is written in the settings."""

from __future__ import annotations

from datetime import time
from pathlib import Path

import pytest

from bot.config import ConfigurationWrong, Settings, load_settings
from upgrade.digest import DigestTime


def settings_with(tmp_path: Path, digest: str) -> Settings:
    path = tmp_path / "bot.yaml"
    path.write_text(f"digest: {digest}\n")
    return load_settings(path)


@pytest.mark.parametrize(
    ("written", "due"),
    [
        ("{}", DigestTime()),
        (
            '{weekday: fri, at: "16:30", time_zone: Europe/Berlin}',
            DigestTime(weekday=4, at=time(16, 30), time_zone="Europe/Berlin"),
        ),
        ("{at: 08:05}", DigestTime(at=time(8, 5))),
        ("{at: 10:30}", DigestTime(at=time(10, 30))),
        ("{enabled: false}", None),
    ],
)
def test_it_comes_on_a_day_at_an_hour_or_not_at_all(tmp_path: Path, written: str, due: DigestTime | None) -> None:
    assert settings_with(tmp_path, written).digest.due == due


def test_it_comes_on_monday_morning_unless_somebody_says_otherwise() -> None:
    assert Settings().digest.due == DigestTime(weekday=0, at=time(9), time_zone="UTC")


@pytest.mark.parametrize(
    ("written", "line"),
    [
        ("{weekday: monday}", "digest.weekday: must be 'mon', 'tue'"),
        ("{at: 9am}", "digest.at: must be a time of day such as 09:00"),
        ("{at: 9}", "digest.at: must be a time of day such as 09:00"),
        ("{at: 25:00}", "digest.at: must be a time of day such as 09:00"),
        ("{time_zone: Mars/Olympus}", "digest.time_zone: is not a time zone such as Europe/Berlin"),
        ("{day: mon}", "digest.day: unknown key"),
    ],
)
def test_what_is_wrong_is_told_in_a_line(tmp_path: Path, written: str, line: str) -> None:
    with pytest.raises(ConfigurationWrong) as wrong:
        settings_with(tmp_path, written)
    assert [one[: len(line)] for one in wrong.value.lines] == [line]
