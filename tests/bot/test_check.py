"""``check`` on the command line: formats, exit codes, saved reports; and ``explain``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import click
import pytest

from bot.looking import write
from tests.bot.test_commands import CommandLine, cli, snapshot_file
from tests.upgrade.reports.made import EVERYTHING, WARNING, judged, report
from tests.upgrade.snapshots import insight
from upgrade.checks import REGISTRY
from upgrade.eks import Insights
from upgrade.facts import Unknown
from upgrade.reports import Format, render

__all__ = ["cli", "snapshot_file"]
Snapshot = Callable[..., str]
BAD = Insights(items=(insight("Deprecated APIs", "1.35", "ERROR"),))
UNSEEN = Unknown(reason="AWS refused.", permission="eks:ListInsights")


def test_the_exit_code_is_the_verdict(cli: CommandLine, snapshot_file: Snapshot) -> None:
    assert cli("check", "--snapshot", snapshot_file()) == 0
    assert "Ready: nothing is in the way" in cli.out
    assert cli("check", "--snapshot", snapshot_file(insights=BAD)) == 20
    assert "Not ready:" in cli.out
    assert cli("check", "--snapshot", snapshot_file(insights=UNSEEN)) == 21
    assert "Allow eks:ListInsights (in the way)" in cli.out
    assert not cli.database.exists(), "looking leaves nothing behind"


def test_warnings_fail_where_somebody_wants_that(cli: CommandLine, tmp_path: Path) -> None:
    saved = tmp_path / "report.json"
    saved.write_text(render(report(judged(WARNING)), Format.JSON))
    assert cli("check", "--report", str(saved)) == 0
    assert cli("check", "--report", str(saved), "--fail-on", "warns") == 20
    assert cli("check", "--report", str(saved), "--fail-on", "informs") == 64


@pytest.mark.parametrize("form", Format)
def test_a_saved_report_becomes_every_other_format(cli: CommandLine, tmp_path: Path, form: Format) -> None:
    saved, made = tmp_path / "report.json", tmp_path / "made"
    saved.write_text(render(EVERYTHING, Format.JSON))
    assert cli("check", "--report", str(saved), "--format", form.value) == 20
    assert cli.out == render(EVERYTHING, form)
    assert cli("check", "--report", str(saved), "--format", form.value, "--output", str(made)) == 20
    assert made.read_bytes() == render(EVERYTHING, form).encode()
    assert made.stat().st_mode & 0o077 == 0
    assert cli.out.startswith("Not ready: ")
    assert len(cli.out.splitlines()) == 1


def test_a_snapshot_and_its_report_say_the_same(cli: CommandLine, snapshot_file: Snapshot, tmp_path: Path) -> None:
    saved = tmp_path / "report.json"
    asked = ("check", "--to", "1.36", "--snapshot", snapshot_file(insights=BAD))
    assert cli(*asked, "--format", "json", "-o", str(saved)) == 20
    for form in Format:
        cli(*asked, "--format", form.value)
        direct = cli.out
        cli("check", "--report", str(saved), "--format", form.value)
        assert cli.out == direct
    assert ElementTree.fromstring(_of(cli, saved, "junit")).get("failures") != "0"
    assert json.loads(_of(cli, saved, "sarif"))["version"] == "2.1.0"


def _of(cli: CommandLine, saved: Path, form: str) -> str:
    cli("check", "--report", str(saved), "--format", form)
    return cli.out


def test_the_version_is_given_once(cli: CommandLine, snapshot_file: Snapshot) -> None:
    assert cli("check", "prod-eu", "--to", "1.35", "--snapshot", snapshot_file()) == 0
    assert "Kubernetes 1.34 to 1.35" in cli.out
    assert cli("check", "to", "1.35", "--to", "1.36", "--snapshot", snapshot_file()) == 64
    assert "Give the version once" in cli.err
    assert cli("check", "--to", "soon", "--snapshot", snapshot_file()) == 64
    assert "is not a Kubernetes version" in cli.err


def test_a_saved_report_is_for_its_own_cluster(cli: CommandLine, snapshot_file: Snapshot, tmp_path: Path) -> None:
    saved = tmp_path / "report.json"
    saved.write_text(render(EVERYTHING, Format.JSON))
    for more in (["prod-eu"], ["--to", "1.35"], ["--snapshot", snapshot_file()]):
        assert cli("check", "--report", str(saved), *more) == 64
        assert "A saved report has its cluster" in cli.err
    assert cli("check", "--report", snapshot_file()) == 1
    assert "The report" in cli.err or "not a report" in cli.err


def test_where_nothing_can_be_written_the_reason_is_told(cli: CommandLine, tmp_path: Path) -> None:
    saved = tmp_path / "report.json"
    saved.write_text(render(EVERYTHING, Format.JSON))
    assert cli("check", "--report", str(saved), "-o", str(tmp_path / "nowhere" / "x.html")) == 1
    assert "No such file or directory" in cli.err


def test_explain_tells_what_a_check_is_about(cli: CommandLine) -> None:
    assert cli("explain", "pdb001") == 0
    assert cli.out.startswith("PDB001: Every PodDisruptionBudget allows an eviction.\n")
    for words in ("blocks nodes; a person may waive it", "list poddisruptionbudgets", "A-60", "https://docs.aws."):
        assert words in cli.out
    assert cli("explain", "PDB0O1") == 1
    assert "Did you mean PDB001" in cli.err
    for check in REGISTRY:
        assert cli("explain", check.code) == 0
        assert check.title in " ".join(cli.out.split())
    assert cli("explain", "CHK001") == 0


def test_a_place_that_cannot_be_written_to_is_told_plainly(tmp_path: Path) -> None:
    nowhere = tmp_path / "nope" / "x"
    with pytest.raises(click.FileError, match="No such file"):
        write(nowhere, "snapshot")
    there = tmp_path / "x"
    write(there, "snapshot")
    assert (there.read_text("utf-8"), there.stat().st_mode & 0o077) == ("snapshot", 0)
