"""``python -m tests.crash.bot_with_boundaries``: the real server, with boundaries at which it kills itself.

It reads orders from its input, a line of JSON each, starts a bot for each as a process of its own, and prints its
number. The bots are forked from here, where everything is imported already: a campaign starts hundreds of them.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from functools import partial
from pathlib import Path
from typing import Any, Final

from bot.config import Settings, load_settings
from bot.logs import set_up_logs
from bot.pacing import Pacing
from bot.serving import Outside, outside_of, serve
from tests.crash.boundaries import Boundaries, wrap_migrations, wrap_slack, wrapped
from tests.held import ToldClock

#: Real seconds of Slack's pacing in one second: the world is fast, and so is its Slack.
FASTER: Final = 50.0
#: Real seconds between two looks at the clock: six minutes of such a world.
TICK: Final = 0.1


class FastPacing(Pacing):
    def __init__(self) -> None:
        super().__init__(lambda: time.monotonic() * FASTER)

    def wait(self, method: str, channel: str, *, spare: float = 0) -> float:
        return super().wait(method, channel, spare=spare) / FASTER


def reach_out(boundaries: Boundaries, settings: Settings) -> Outside:
    wrap_migrations(boundaries)
    wrap_slack(boundaries)
    outside = outside_of(settings)
    outside.pacing = FastPacing()
    outside.tick_seconds = TICK
    return wrapped(outside, boundaries)


def live(order: dict[str, Any]) -> None:
    """Be one bot, until it is killed or told to end."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    folder = Path(order["folder"])
    out = os.open(folder / "bot.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for fd, place in ((nothing, 0), (out, 1), (out, 2)):
        os.dup2(fd, place)
    os.environ.clear()
    os.environ.update(order["environment"])
    if order["clock"]:
        clock = ToldClock(Path(order["clock"]), os.environ["EKS_UPGRADE_BOT_CLOCK"])
        Settings.make_clock = lambda _: clock  # type: ignore[method-assign, assignment]
    settings = load_settings()
    set_up_logs(settings.log, [])
    serve(settings, partial(reach_out, Boundaries(folder, order["at"])))


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead are buried by the kernel
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            try:
                live(order)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        print(pid, flush=True)


if __name__ == "__main__":
    main()
