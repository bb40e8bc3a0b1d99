"""A run driven from the command line alone, against the simulated AWS and Kubernetes: no Slack, no server."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from sandbox.bot_process import run_bot
from sandbox.scenario import load_scenario
from sandbox.stage import Stage
from tests.patience import LONGEST, wait_for

SPEED = 1500.0


def test_start_wait_carries_a_run_out_and_people_decide_from_another_terminal(tmp_path: Path) -> None:
    stage = Stage(load_scenario("one-hop"), speed=SPEED, faces=("aws", "kubernetes"), home=tmp_path)
    with stage:
        environment = stage.environment()
        start = stage.scenario.start
        requester = start.person
        approver = next(p.name for p in stage.scenario.people if "approvers" in p.groups and p.name != requester)
        waiting = subprocess.Popen(
            [sys.executable, "-m", "bot", "start", start.cluster, "--as", requester, "--wait"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            told = {"status": ""}

            def waits_for_approval() -> bool:
                assert waiting.poll() is None, waiting.communicate()[0]
                told.update(json.loads(run_bot(["export", start.cluster], environment)))
                return told["status"] == "awaiting-approval"

            wait_for((tmp_path / "eks-upgrade-bot.db").exists)
            wait_for(waits_for_approval)
            digest = json.loads(run_bot(["export", start.cluster], environment))["plan"]["digest"]
            run_bot(["approve", start.cluster, "--plan", digest[:12], "--tick", "all", "--as", approver], environment)
            output, _ = waiting.communicate(timeout=LONGEST)
        finally:
            waiting.kill()
        assert waiting.returncode == 0, output
        assert f"cli:{approver} approved the plan" in output
        assert f"cli:{approver} ticked: Release notes of " in output
        assert "Starts" in output
        assert "Done in" in output
        record = json.loads(run_bot(["export", start.cluster], environment))
        assert record["status"] == "succeeded"
        ticked = {one["subject"] for one in record["decisions"] if one["what"] == "ticked"}
        assert ticked == {item["id"] for item in record["plan"]["checklist"]}
        assert record["phases"]
