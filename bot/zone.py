"""Whose time is meant on the command line: the machine's own, unless it is said."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import click

from upgrade.errors import WindowUnreadable
from upgrade.windows import time_zone

_LOCALTIME: Final = Path("/etc/localtime")


def machine_zone(environment: str | None = None, localtime: Path = _LOCALTIME) -> ZoneInfo:
    """The zone that ``TZ`` names, else the one that /etc/localtime is a link to, else UTC."""
    linked = str(localtime.resolve()).partition("zoneinfo/")[2]
    for name in (environment or "", linked):
        try:
            return time_zone(name.removeprefix(":"))
        except WindowUnreadable:
            continue
    return ZoneInfo("UTC")


class _Zone(click.ParamType[ZoneInfo]):
    name = "zone"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> ZoneInfo:
        try:
            return value if isinstance(value, ZoneInfo) else time_zone(str(value))
        except WindowUnreadable as wrong:
            self.fail(str(wrong), param, ctx)


zone_option = click.option(
    "--time-zone",
    "zone",
    type=_Zone(),
    metavar="ZONE",
    default=lambda: machine_zone(os.environ.get("TZ")),
    help="Whose time is meant, such as Europe/Berlin.  [default: the machine's]",
)
