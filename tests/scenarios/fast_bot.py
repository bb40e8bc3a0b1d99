"""The real server with Slack's pacing sped up: in a fast world it would be the only thing that does not keep up."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[2]))  # the bot beside these tests, wherever they were copied to

from bot.config import Settings, load_settings
from bot.logs import set_up_logs
from bot.pacing import Pacing
from bot.serving import Outside, outside_of, serve

FASTER: Final = 50.0


class FastPacing(Pacing):
    def __init__(self) -> None:
        super().__init__(lambda: time.monotonic() * FASTER)

    def wait(self, method: str, channel: str, *, spare: float = 0) -> float:
        return super().wait(method, channel, spare=spare) / FASTER


def reach_out(settings: Settings) -> Outside:
    outside = outside_of(settings)
    outside.pacing = FastPacing()
    return outside


if __name__ == "__main__":
    _settings = load_settings()
    set_up_logs(_settings.log, [])
    serve(_settings, reach_out)
