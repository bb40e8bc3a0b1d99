"""When the weekly digest comes."""

from __future__ import annotations

import re
from datetime import time
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator

from bot.config.values import Section, ZoneName
from upgrade.digest import DigestTime
from upgrade.windows import DAYS

_READING: Final = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


def _reading(value: object) -> object:
    """``09:00``. YAML reads ``10:30`` without quotes as 630, to the base of 60."""
    if isinstance(value, int) and value >= 60:
        value = f"{value // 60:02}:{value % 60:02}"
    if isinstance(value, time) or (isinstance(value, str) and _READING.fullmatch(value)):
        return value
    raise ValueError("must be a time of day such as 09:00")


class DigestSettings(Section):
    """The weekly digest, which nobody asks for: whose support ends, what it costs, what EKS newly offers."""

    enabled: bool = True
    """`false`: it comes only to whoever types `digest`."""
    weekday: Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"] = "mon"
    """The day it comes."""
    at: Annotated[time, BeforeValidator(_reading)] = time(9)
    """The time it comes, such as `09:00`."""
    time_zone: ZoneName = "UTC"
    """Of that day and time, such as Europe/Berlin."""

    @property
    def due(self) -> DigestTime | None:
        """None when it does not come by itself."""
        if not self.enabled:
            return None
        return DigestTime(weekday=DAYS.index(self.weekday), at=self.at, time_zone=self.time_zone)
