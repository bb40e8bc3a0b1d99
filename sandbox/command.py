"""``eks-upgrade-sandbox``: simulated AWS, Kubernetes and Slack on this machine, and the real bot living in them."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
import threading
import traceback
import warnings
from pathlib import Path
from types import FrameType
from typing import Any

import click

from sandbox.autopilot import SLACK_SECONDS, Autopilot, NothingHappens
from sandbox.bot_process import BotProcess, run_bot
from sandbox.ending import ending
from sandbox.page.server import Page
from sandbox.scenario import Scenario, ScenarioError, load_scenario, shipped_scenarios
from sandbox.slack import RateLimits
from sandbox.slack.limits import ACK_SECONDS
from sandbox.stage import FACES, TO_UNSET, Stage

USAGE, INTERNAL, INTERRUPTED = 64, 70, 130
FAST = 120.0


class Command(click.Command):
    """Ends with 64 and the mistake in plain words, with 70 and a traceback when nobody foresaw it."""

    def main(self, *args: Any, **options: Any) -> Any:
        try:
            sys.exit(super().main(*args, **{**options, "standalone_mode": False}))
        except click.UsageError as error:
            click.echo(error.format_message(), err=True)
            sys.exit(USAGE)
        except (click.Abort, KeyboardInterrupt):
            sys.exit(INTERRUPTED)
        except Exception:
            traceback.print_exc()
            sys.exit(INTERNAL)


def _scenario(_context: click.Context, _parameter: click.Parameter, value: str) -> Scenario:
    try:
        return load_scenario(value)
    except ScenarioError as error:
        raise click.UsageError(str(error)) from None


def _faces(_context: click.Context, _parameter: click.Parameter, value: str) -> tuple[str, ...]:
    chosen = tuple(face.strip() for face in value.split(",") if face.strip())
    unknown = sorted(set(chosen) - set(FACES))
    if unknown or not chosen:
        raise click.BadParameter(f"{', '.join(unknown) or 'nothing'} is not a face; allowed are {', '.join(FACES)}.")
    return chosen


@click.command(cls=Command, context_settings={"max_content_width": 110})
@click.option(
    "--scenario",
    default="two-hops",
    callback=_scenario,
    metavar="NAME|FILE",
    help=f"A shipped scenario ({', '.join(shipped_scenarios())}) or a YAML file.  [default: two-hops]",
)
@click.option(
    "--speed", type=click.FloatRange(1, 3600), default=60.0, show_default=True, help="Simulated seconds a second."
)
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="Port of the page.")
@click.option("--faces", default=",".join(FACES), callback=_faces, show_default=True, help="Which simulators to serve.")
@click.option("--no-bot", is_flag=True, help="Start no bot; print the environment for one instead.")
@click.option("--autopilot", is_flag=True, help="Play the people, wait for the end; exit 0 if it is the expected one.")
@click.option("--json", "as_json", is_flag=True, help="With --autopilot: print what happened as JSON.")
def main(  # noqa: PLR0917 - click passes one argument an option
    scenario: Scenario, speed: float, port: int, faces: tuple[str, ...], no_bot: bool, autopilot: bool, as_json: bool
) -> None:
    """Play with eks-upgrade-bot: no account, no token. Everything listens on loopback only."""
    if autopilot and (no_bot or set(faces) != set(FACES)):
        raise click.UsageError("--autopilot needs the bot and all three faces.")
    if as_json and not autopilot:
        raise click.UsageError("--json belongs to --autopilot.")
    if not no_bot and set(faces) != set(FACES):
        raise click.UsageError("The bot needs all three faces; with fewer, add --no-bot.")
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    signal.signal(signal.SIGTERM, _terminated)
    manifest = run_bot(["manifest"], {"PATH": "/usr/bin:/bin"}) if "slack" in faces else None
    # Slack paces an app by the machine's clock; in a fast world that would be the only thing that does not keep up.
    pacing = RateLimits(scale=max(1.0, speed / FAST))
    stage = Stage(
        scenario,
        speed=speed,
        faces=faces,
        manifest=manifest,
        slack_rate_limits=pacing,
        slack_seconds=SLACK_SECONDS if autopilot else ACK_SECONDS,
    )
    with stage:
        bot = None if no_bot else BotProcess(stage.environment(), stage.home / "bot.log")
        try:
            page = Page(stage, bot, port)
            address = page.start()
        except OSError as error:
            raise click.UsageError(f"The page cannot listen on port {port}: {error}. Choose another --port.") from None
        try:
            if bot:
                bot.start()
            if autopilot and bot:
                sys.exit(_autopilot(stage, bot, as_json=as_json))
            if no_bot:
                _print_environment(stage, address)
            else:
                _tell(scenario, address)
            _wait_for_the_end()
        finally:
            page.stop()
            if bot:
                bot.stop()


def _autopilot(stage: Stage, bot: BotProcess, *, as_json: bool) -> int:
    pilot = Autopilot(stage, say=lambda line: click.echo(line, err=True), bot_runs=lambda: bot.running)
    try:
        told = ending(stage, pilot.play().run)
    except (NothingHappens, subprocess.SubprocessError) as error:
        click.echo(f"The story got stuck: {error}", err=True)
        click.echo(_tail(bot.log), err=True)
        return INTERNAL
    if as_json:
        click.echo(json.dumps(told, indent=2, default=str))
    else:
        click.echo(f"The run {told['run']} ended as {told['status']}; {told['cluster']} is at {told['version']}.")
        for phase in told["phases"]:
            click.echo(f"  {phase['title']}: {phase['seconds'] or 0:.0f} s")
        for what, count in sorted(told["counts"].items()):
            click.echo(f"  {count} x {what}")
    for problem in told["problems"]:
        click.echo(f"Not as the scenario expects: {problem}", err=True)
    return 0 if told["as_expected"] else 1


def _tell(scenario: Scenario, address: str) -> None:
    click.echo(f"\n  {scenario.description.strip()}\n")
    click.echo(f"  Open        {address}")
    click.echo(f"  Then type   {scenario.start.command()}")
    click.echo("  End with    Ctrl-C\n")


def _print_environment(stage: Stage, address: str) -> None:
    """What a shell has to be told so that any bot or tool lives in this sandbox; a shell can read all of it."""
    click.echo(f"# {' '.join(stage.scenario.description.split())}")
    click.echo(f"# The page: {address}")
    click.echo("# End with Ctrl-C.")
    for name in TO_UNSET:
        click.echo(f"unset {name}")
    for name, value in stage.environment().items():
        if name not in ("PATH", "HOME"):
            click.echo(f"export {name}={shlex.quote(value)}")
    click.echo("# End of the environment.")


def _terminated(number: int, _frame: FrameType | None) -> None:
    """Leave in good order: what was started is stopped."""
    sys.exit(128 + number)


def _wait_for_the_end() -> None:
    ended = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    ended.wait()


def _tail(log: Path, lines: int = 30) -> str:
    return "\n".join(log.read_text("utf-8", "replace").splitlines()[-lines:]) if log.exists() else ""
