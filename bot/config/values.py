"""What the parts of the settings are made of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from ipaddress import ip_address
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from upgrade.errors import WindowUnreadable
from upgrade.windows import parse_window, time_zone

_DURATION: Final = re.compile(r"(\d+)\s*(s|m|h|d)")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class ConfigurationWrong(Exception):
    """Settings that cannot be used. ``lines``: one a mistake, never with a secret in it."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = tuple(lines)


class Section(BaseModel):
    """A part of the settings; unknown keys are an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def _duration(value: object) -> object:
    """``90s``, ``15m``, ``24h`` or ``2d`` beside what pydantic reads."""
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    return timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else value


def known_zone(value: str) -> str:
    """Raises ValueError for what is no IANA time zone."""
    try:
        time_zone(value)
    except WindowUnreadable:
        raise ValueError("is not a time zone such as Europe/Berlin") from None
    return value


def _windows(windows: tuple[str, ...]) -> tuple[str, ...]:
    try:
        for window in windows:
            parse_window(window)
    except WindowUnreadable as error:
        raise ValueError(f"{error.message} {error.hint}") from None
    return windows


def is_loopback(address: str) -> bool:
    """Whether the host of an address is this machine. A name other than localhost is not looked up, so it is not."""
    host = urlsplit(address).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


Duration = Annotated[timedelta, BeforeValidator(_duration), Field(gt=timedelta(0))]
DurationOrNone = Annotated[timedelta, BeforeValidator(_duration), Field(ge=timedelta(0))]
ZoneName = Annotated[str, AfterValidator(known_zone)]
WindowTexts = Annotated[tuple[str, ...], AfterValidator(_windows)]
AccountNumber = Annotated[str, Field(pattern=r"^\d{12}$")]
RegionName = Annotated[str, Field(pattern=r"^[a-z]{2,4}(-[a-z]+)+-\d{1,2}$")]
UserId = Annotated[str, Field(pattern=r"^[UW][A-Z0-9]{2,20}$")]
GroupId = Annotated[str, Field(pattern=r"^S[A-Z0-9]{2,20}$")]
UserOrGroupId = Annotated[str, Field(pattern=r"^[SUW][A-Z0-9]{2,20}$")]
CliName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._@-]{1,64}$")]
