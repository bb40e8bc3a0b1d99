"""The command from outside: exit codes, text and JSON, and nothing secret in either."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import yaml

from sandbox.scenario import ActionDenied
from sandbox.stage import Stage
from tests.patience import LONGEST


def doctor(stage: Stage, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bot", "doctor", *options],
        env={**stage.environment(), **environment},
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )


def test_a_healthy_world_leaves_nothing_to_fix(stage: Stage) -> None:
    done = doctor(stage)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[-1] == "Nothing to fix."
    assert all(line.startswith("ok ") for line in lines[:-1])
    assert len(lines) > 12


def test_json_names_each_verdict_and_the_exit_code_says_that_something_is_wrong(stage: Stage) -> None:
    switch = stage.world.switch_on(ActionDenied(kind="deny-action", action="eks:UpdateAddon"))
    try:
        done = doctor(stage, "--format", "json")
    finally:
        stage.world.switch_off(switch.id)
    told = json.loads(done.stdout)
    wrong = [verdict for verdict in told["verdicts"] if verdict["state"] == "fix"]
    assert (done.returncode, told["to_fix"]) == (1, 1)
    assert wrong[0]["code"] == "aws-permission"
    assert "eks:UpdateAddon" in wrong[0]["summary"]


def test_nothing_secret_is_printed_whatever_is_wrong(stage: Stage, tmp_path: Path) -> None:
    own = stage.environment()
    secrets = [own[name] for name in ("SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET", "AWS_SECRET_ACCESS_KEY")]
    settings = yaml.safe_load(stage.config_file.read_text())
    settings["clusters"][0]["read_role"]["external_id"] = "not-the-external-id"
    file = tmp_path / "wrong.yaml"
    file.write_text(yaml.safe_dump(settings))
    wrong = "xoxb-000000000000-nobodys-token"
    for form in ("text", "json"):
        done = doctor(stage, "--format", form, SLACK_BOT_TOKEN=wrong, EKS_UPGRADE_BOT_CONFIG=str(file))
        assert done.returncode == 1
        assert not [one for one in (*secrets, wrong, "not-the-external-id") if one in done.stdout + done.stderr]


def test_wrong_settings_end_with_78_and_a_line_for_each_mistake(stage: Stage) -> None:
    done = doctor(stage, EKS_UPGRADE_BOT_WORKERS="none", EKS_UPGRADE_BOT_COLOUR="red")
    assert done.returncode == 78
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 2


def test_with_nothing_configured_it_says_what_is_missing_and_ends_with_78(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bot", "doctor"],
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    assert (done.returncode, done.stdout) == (78, "")
    first, *missing = done.stderr.splitlines()
    assert first.startswith("Nothing is configured")
    assert [line.partition(":")[0] for line in missing] == ["slack.bot_token", "slack.app_token", "clusters"]
    assert not list(tmp_path.iterdir())


def test_an_option_that_does_not_exist_ends_with_64(stage: Stage) -> None:
    assert doctor(stage, "--cure").returncode == 64
