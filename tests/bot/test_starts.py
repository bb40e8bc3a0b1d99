"""Starts on the command line: the same sentences as in Slack, in whose time, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.zone import machine_zone
from tests.bot.test_commands import CommandLine, cli
from tests.handlers import samples
from upgrade.plan import UpgradePolicy
from upgrade.run import RunStatus

__all__ = ["cli"]

SOON = datetime.now(UTC) + timedelta(days=9)
DAY = f"{SOON:%Y-%m-%d}"


def test_a_run_is_scheduled_in_the_time_that_is_meant(cli: CommandLine) -> None:
    assert cli("schedule", "prod-eu", "at", DAY, "22:00", "--time-zone", "Asia/Tokyo") == 0
    run = cli.only_run()
    assert run.wanted_at == datetime.fromisoformat(f"{DAY}T13:00+00:00")
    assert "22:00 Asia/Tokyo (13:00 UTC) once it is approved. No server is running" in cli.out
    assert f"status {run.id} shows the plan" in cli.out
    assert cli("reschedule", run.id, "at", DAY, "22:00", "-03:00", "--time-zone", "Asia/Tokyo", "--as", "ada") == 0
    assert "22:00 -03:00 (" in cli.out
    assert cli("reschedule", "prod-eu", "now", "--as", "ada") == 0
    assert "It starts as soon as it may." in cli.out
    assert cli("cancel", run.id, "--as", "ada") == 0
    later = (datetime.fromisoformat(f"{DAY}T22:00+00:00") + timedelta(hours=3)).isoformat()
    assert cli.inbox(run.id) == [
        ("reschedule", "cli:ada", {"start_at": later}),
        ("reschedule", "cli:ada", {}),
        ("abort", "cli:ada", {"asked": "cancel"}),
    ]


WRONG: list[tuple[str, int, str]] = [
    ("schedule prod-eu", 64, "Say when: at TIME"),
    ("schedule prod-eu at 10pm", 64, "“10pm” is not a time."),
    ("schedule prod-eu at 22:00 Europe/Berln", 64, "Did you mean Europe/Berlin?"),
    ("schedule prod-eu at 22:00 --time-zone Mars", 64, "“Mars” is not a time zone."),
    ("schedule prod-eu at 2020-01-01 22:00", 1, "2020-01-01 22:00 is over."),
    ("schedule prod-eu at 2199-01-01 22:00", 1, "days ahead"),
    ("schedule prod-eu in the next window", 1, "no maintenance windows"),
    (f"schedule lab at {DAY} 22:00", 1, "it has no change_role"),
    (f"schedule prod-us at {DAY} 22:00", 1, "Known clusters"),
]
WRONG_FOR_A_RUN: list[tuple[str, int, str]] = [
    ("reschedule prod-eu", 64, "at TIME"),
    ("reschedule prod-eu at fri", 64, "“fri” is not a time."),
    (f"reschedule prod-eu at {DAY} 22:00", 1, "has begun"),
    ("reschedule prod-us now", 1, "neither a run nor a cluster"),
    ("cancel prod-eu", 1, "has begun"),
    ("lift prod-eu Sale", 64, "REASON"),
    ("lift prod-eu Sale urgent", 1, "No freeze is ahead of it."),
]


def test_a_wrong_start_is_refused_and_changes_nothing(cli: CommandLine) -> None:
    for words, code, said in WRONG:
        assert cli(*words.split()) == code, words
        assert said in cli.err
    run = cli.keep(samples.run())
    before = cli.only_run()
    for words, code, said in WRONG_FOR_A_RUN:
        assert cli(*words.split()) == code, words
        assert said in cli.err
    assert cli.only_run() == before
    assert cli.inbox(run.id) == []


def test_a_freeze_is_lifted_with_a_reason(cli: CommandLine) -> None:
    freeze = samples.freeze(ends_at=datetime(2999, 1, 1, tzinfo=UTC))
    start = datetime(2998, 1, 1, tzinfo=UTC)
    policy = UpgradePolicy(freezes=(freeze,))
    run = cli.keep(samples.run(RunStatus.SCHEDULED, policy=policy, start_at=start))
    assert cli("status", run.id) == 0
    assert "held back by the freeze “Year end”" in cli.out
    assert "May lift it: @U0CY, @S0OPS" in cli.out
    assert f"lift {run.id} FREEZE REASON" in cli.out
    assert cli("lift", run.id, "Yaer end", "urgent") == 1
    assert "Freezes ahead of it: Year end." in cli.err
    assert cli("lift", run.id, "Year end", "a", "security", "fix", "--as", "ben") == 0
    assert cli.inbox(run.id) == [("lift", "cli:ben", {"freeze": "Year end", "reason": "a security fix"})]


def test_the_glass_is_broken_with_a_reason_and_only_where_a_gate_waits(cli: CommandLine) -> None:
    run = cli.keep(samples.run(RunStatus.AWAITING_APPROVAL, plan=samples.two_hops(), waiting_for="plan"))
    assert cli("break-glass", run.id, " ") == 1
    assert "needs a reason" in cli.err
    assert cli("break-glass", run.id, "a", "hole", "is", "used", "--as", "ben") == 0
    told = {"gate": "plan", "digest": samples.two_hops().digest, "reason": "a hole is used"}
    assert cli.inbox(run.id) == [("break_glass", "cli:ben", told)]


def test_no_gate_that_waits_means_no_glass_to_break(cli: CommandLine) -> None:
    run = cli.keep(samples.run())
    assert cli("break-glass", run.id, "urgent") == 1
    assert "does not wait for an approval; it is running" in cli.err


def test_the_calendar_is_in_the_time_that_is_meant(cli: CommandLine) -> None:
    assert cli("calendar") == 0
    assert "No maintenance is scheduled. Schedule one with eks-upgrade-bot schedule CLUSTER at fri 22:00." in cli.out
    start = SOON.replace(hour=23, minute=30, second=0, microsecond=0)
    cli.keep(samples.run(RunStatus.SCHEDULED, start_at=start))
    assert cli("calendar", "--time-zone", "UTC") == 0
    assert f"{start:%a} {start.day} {start:%b}\nprod-eu 1.34 → 1.36 · {start:%Y-%m-%d} 23:30 UTC" in cli.out
    assert cli("calendar", "--time-zone", "Europe/Berlin") == 0
    day = start + timedelta(days=1)
    assert f"{day:%a} {day.day} {day:%b}\nprod-eu" in cli.out


def test_the_machines_zone_is_tz_or_what_localtime_points_to(tmp_path: Path) -> None:
    linked = tmp_path / "localtime"
    linked.symlink_to("/usr/share/zoneinfo/Europe/Lisbon")
    nowhere = tmp_path / "none"
    assert machine_zone("Asia/Tokyo", linked) == ZoneInfo("Asia/Tokyo")
    assert machine_zone(":Asia/Tokyo", nowhere) == ZoneInfo("Asia/Tokyo")
    assert machine_zone(None, linked) == ZoneInfo("Europe/Lisbon")
    assert machine_zone("CET-1CEST,M3.5.0,M10.5.0/3", nowhere) == ZoneInfo("UTC")
    assert machine_zone(None, nowhere) == ZoneInfo("UTC")
