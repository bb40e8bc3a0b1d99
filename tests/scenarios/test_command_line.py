"""The sandbox's command line, and the bot's own against it: what a shell sees, with no Slack and with no server."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import boto3
import pytest
import yaml

from sandbox.bot_process import BOT
from sandbox.command import main
from sandbox.scenario import load_scenario
from sandbox.stage import FACES, Stage
from sandbox.world.identities import EXTERNAL_ID, READ_ROLE, role_arn
from tests.patience import LONGEST
from tests.scenarios.play import Play
from tests.warm_shell import WarmShell

SANDBOX: Final = (sys.executable, "-m", "sandbox")
PEOPLE: Final = Path(__file__).with_name("people.yaml")
ACCOUNT, REGION = "444455556666", "eu-central-1"


def run(*command: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run something to its end. What takes too long is told to end, so that its children end with it."""
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        patience = threading.Timer(LONGEST, process.terminate)
        patience.start()
        out, told = process.communicate()
        patience.cancel()
    return subprocess.CompletedProcess(command, process.returncode, out, told)


# -- what is written wrong --------------------------------------------------------------------------------------------


def test_what_is_written_wrong_is_one_clear_line_and_64(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("name: [")
    mistakes = {
        ("--scenario", "nonsense"): "no such scenario; shipped are addon-degrades, ",
        ("--scenario", str(tmp_path / "none.yaml")): "none.yaml: cannot be read: No such file or directory",
        ("--scenario", str(broken)): "broken.yaml: not YAML: ",
        ("--faces", "aws,moon", "--no-bot"): f"moon is not a face; allowed are {', '.join(FACES)}.",
        ("--faces", "aws"): "The bot needs all three faces; with fewer, add --no-bot.",
        ("--json",): "--json belongs to --autopilot.",
        ("--autopilot", "--no-bot"): "--autopilot needs the bot and all three faces.",
        ("--speed", "0"): "0.0 is not in the range 1<=x<=3600.",
        ("--bogus",): "No such option",
    }
    for mistake, line in mistakes.items():
        with pytest.raises(SystemExit) as left:
            main(list(mistake))
        told = capsys.readouterr()
        assert (left.value.code, told.out) == (64, ""), mistake
        assert line in told.err
        assert len(told.err.splitlines()) == 1, told.err


def test_each_mistake_in_a_scenario_is_a_line_with_its_field(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = tmp_path / "wrong.yaml"
    content = yaml.safe_load(PEOPLE.read_text()) | {"weather": "fair", "date": "soon"}
    content["clusters"][0]["version"] = 1.35
    wrong.write_text(yaml.safe_dump(content))
    with pytest.raises(SystemExit) as left:
        main(["--scenario", str(wrong)])
    told = capsys.readouterr().err
    assert left.value.code == 64
    assert [line.split(": ")[1] for line in told.splitlines()] == ["date", "clusters.0.version", "weather"]
    assert 'write the version in quotes ("1.35")' in told


def test_a_port_in_use_is_said_and_nothing_stays_behind(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run(*SANDBOX, "--no-bot", "--port", port, environment={**os.environ, "TMPDIR": str(tmp_path)})
    assert done.returncode == 64
    assert f"The page cannot listen on port {port}" in done.stderr
    assert "Choose another --port." in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_story_of_ones_own_is_played_with_all_that_people_do_in_it(tmp_path: Path) -> None:
    story = yaml.safe_load(PEOPLE.read_text())
    story["clusters"] = [one for one in story["clusters"] if one["name"] == "by-hand"]
    story["start"] = {"person": "ana", "cluster": "by-hand"}
    story["reactions"] = [
        {"when": "awaiting-approval", "press": "approve", "person": "ben"},
        {"when": "confirm", "press": "confirm", "person": "ana", "step": "confirm/self-managed/workers"},
    ]
    story["expected"] = {"status": "succeeded", "version": "1.36", "nodegroup_updates": {"core": 2}}
    file = tmp_path / "story.yaml"
    file.write_text(yaml.safe_dump(story))
    done = run(*SANDBOX, "--scenario", str(file), "--speed", "1200", "--port", "0", "--autopilot")
    assert "ana presses confirm" in done.stderr
    assert "The run r-" in done.stdout
    assert "ended as succeeded" in done.stdout
    assert "Not as the scenario expects: updates of the node group core: expected 2, found 1" in done.stderr
    assert done.returncode == 1


# -- without a bot ----------------------------------------------------------------------------------------------------

HOSTILE: Final = {
    "AWS_PROFILE": "production",
    "AWS_ENDPOINT_URL_EKS": "https://eks.eu-central-1.amazonaws.com",
    "AWS_ENDPOINT_URL_SSM": "https://ssm.eu-central-1.amazonaws.com",
    "AWS_SESSION_TOKEN": "somebody's",
    "HTTPS_PROXY": "http://192.0.2.1:3128",
    "http_proxy": "http://192.0.2.1:3128",
    "KUBECONFIG": "/home/somebody/.kube/config",
    "SLACK_BOT_TOKEN": "xoxb-somebody",
}


class Shell:
    """A shell that was told what ``--no-bot`` printed, on top of a hostile environment."""

    def __init__(self, warm: WarmShell, folder: Path, *options: str) -> None:
        self._warm = warm
        self._folder = folder
        environment = {**os.environ, "TMPDIR": str(folder)}
        self._process = subprocess.Popen(
            [*SANDBOX, "--no-bot", "--port", "0", *options], env=environment, stdout=subprocess.PIPE, text=True
        )
        self.lines = self._printed()
        (folder / "home").mkdir()
        script = "\n".join([*self.lines, "env -0"])
        told = subprocess.run(
            ["sh", "-ec", script],
            env={"PATH": os.environ["PATH"], "HOME": str(folder / "home"), **HOSTILE},
            capture_output=True,
            check=True,
        )
        self.environment = dict(pair.split("=", 1) for pair in told.stdout.decode().split("\0") if "=" in pair)

    def _printed(self) -> list[str]:
        """Everything up to the last line, which names the clock or Slack's secrets; then it only waits."""
        assert self._process.stdout is not None
        lines: list[str] = []
        watchdog = threading.Timer(LONGEST, self._process.kill)
        watchdog.start()
        for line in self._process.stdout:
            lines.append(line.rstrip("\n"))
            if line.startswith("# End of the environment"):
                break
        watchdog.cancel()
        return lines

    def bot(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self._warm.run(*arguments, environment=self.environment)

    def end(self) -> int:
        self._process.send_signal(signal.SIGTERM)
        assert self._process.stdout is not None
        self._process.stdout.close()
        return self._process.wait(LONGEST)


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory, warm_shell: WarmShell) -> Iterator[Shell]:
    folder = tmp_path_factory.mktemp("shell")
    shell = Shell(warm_shell, folder, "--scenario", "one-hop", "--faces", "aws,kubernetes", "--speed", "60")
    yield shell
    assert shell.end() == 0
    assert {path.name for path in folder.iterdir()} == {"home"}  # the sandbox has taken its files with it


def test_what_is_printed_leads_nowhere_but_to_loopback(shell: Shell) -> None:
    exported = [shlex.split(line)[1] for line in shell.lines if line.startswith("export ")]
    assert all(line.split(" ")[0] in ("#", "unset", "export") for line in shell.lines)
    assert not any(name.startswith("SLACK_") for name in exported)
    assert shell.environment["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
    left = {name: value for name, value in shell.environment.items() if HOSTILE.get(name) == value}
    assert left == {"SLACK_BOT_TOKEN": "xoxb-somebody"}  # whoever leaves Slack out brings a Slack of their own


def test_the_bots_commands_work_in_that_shell(shell: Shell, tmp_path: Path) -> None:
    shell.environment.pop("SLACK_BOT_TOKEN", None)
    checked = shell.bot("check", "staging-eu", "to", "1.36", "--format", "json")
    assert checked.returncode == 0, checked.stderr
    report = json.loads(checked.stdout)
    assert report["ready"] is True
    planned = shell.bot("plan", "staging-eu")
    assert (planned.returncode, planned.stderr) == (0, "")
    assert "Control plane to 1.36" in planned.stdout
    digest = shell.bot("digest")
    assert (digest.returncode, digest.stderr) == (0, "")
    assert "Upgrade digest: 1 cluster" in digest.stdout
    file = tmp_path / "staging.json"
    assert shell.bot("snapshot", "staging-eu", "-o", str(file)).returncode == 0
    nowhere = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    offline = run(*BOT, "check", "to", "1.36", "--snapshot", str(file), "--format", "json", environment=nowhere)
    assert offline.returncode == 0, offline.stderr
    assert verdicts(json.loads(offline.stdout)) == verdicts(report)
    older = shell.bot("check", "staging-eu", "to", "1.34")
    assert older.returncode == 20
    assert "The control plane is on 1.35 already." in older.stdout
    assert shell.bot("plan", "staging-eu", "to", "1.39").returncode == 1


def verdicts(report: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(one["code"], one["hop"], one["verdict"]) for one in report["results"]]


def test_a_cluster_that_is_not_configured_needs_a_name_a_region_and_credentials(shell: Shell, tmp_path: Path) -> None:
    """As for anybody who tries the bot: an own profile, no configuration file."""
    config = tmp_path / "config"
    key = {name: shell.environment[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    lines = [
        "[profile bot]",
        *(f"{name.lower()} = {value}" for name, value in key.items()),
        "[profile reader]",
        "source_profile = bot",
        f"role_arn = {role_arn(ACCOUNT, READ_ROLE)}",
        f"external_id = {EXTERNAL_ID}",
    ]
    config.write_text("\n".join(lines))
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "AWS_CONFIG_FILE": str(config),
        "AWS_ENDPOINT_URL": shell.environment["AWS_ENDPOINT_URL"],
    }
    named = ("staging-eu", "--region", REGION, "--profile", "reader")
    done = run(*BOT, "plan", *named, environment=environment)
    assert done.returncode == 0, done.stderr
    assert "staging-eu: plan 1.35" in done.stdout
    missing = run(*BOT, "check", "staging-eu", environment=environment)
    assert missing.returncode == 1
    assert "--region" in missing.stderr


@pytest.mark.kubectl
@pytest.mark.skipif(shutil.which("kubectl") is None, reason="there is no kubectl")
def test_boto3_and_kubectl_see_the_same_cluster(tmp_path: Path) -> None:
    with Stage(load_scenario("one-hop"), faces=("aws", "kubernetes"), home=tmp_path) as stage:
        assert stage.kube is not None
        environment = stage.environment()
        session = boto3.session.Session(
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            region_name=REGION,
        )
        sts = session.client("sts", endpoint_url=environment["AWS_ENDPOINT_URL"])
        lent = sts.assume_role(RoleArn=role_arn(ACCOUNT, READ_ROLE), RoleSessionName="test", ExternalId=EXTERNAL_ID)
        keys = lent["Credentials"]
        eks = boto3.client(
            "eks",
            region_name=REGION,
            endpoint_url=environment["AWS_ENDPOINT_URL"],
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
        )
        seen = eks.describe_cluster(name="staging-eu")["cluster"]
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(stage.kube.kubeconfig(stage.world.find_cluster("staging-eu")))
        told = run(
            "kubectl",
            "--kubeconfig",
            str(kubeconfig),
            "version",
            "-o",
            "json",
            environment={"HOME": str(tmp_path), "PATH": os.environ["PATH"]},
        )
        server = json.loads(told.stdout)["serverVersion"]
        nodes = run(
            "kubectl",
            "--kubeconfig",
            str(kubeconfig),
            "get",
            "nodes",
            "-o",
            "name",
            environment={"HOME": str(tmp_path), "PATH": os.environ["PATH"]},
        )
        assert f"{server['major']}.{server['minor'].rstrip('+')}" == seen["version"] == "1.35"
        assert seen["endpoint"].startswith("https://127.0.0.1:")
        assert len(nodes.stdout.split()) == 5


# -- with a bot, and Slack only to look at ----------------------------------------------------------------------------


def test_people_may_steer_a_run_from_the_shell_while_slack_tells_it(tmp_path: Path, warm_shell: WarmShell) -> None:
    with Play(load_scenario(PEOPLE), tmp_path) as play:
        environment = play.stage.environment()

        def bot(*arguments: str) -> subprocess.CompletedProcess[str]:
            return warm_shell.run(*arguments, environment=environment)

        assert bot("start", "pair", "to", "1.36", "--as", "ana").returncode == 0
        (upgrade,) = play.store.find(limit=2)
        play.approved(upgrade.id, "ben")
        plan = play.run(upgrade.id).plan
        assert plan is not None
        assert bot("approve", "pair", "--plan", "0" * 8, "--as", "chi").returncode == 1
        for name, why in (("nobody", "nobody is not mapped"), ("dev", "That is for the role approver")):
            assert bot("approve", "pair", "--plan", plan.digest[:8], "--as", name).returncode == 0
            play.refused(upgrade.id, why)
        assert len(play.run(upgrade.id).approvals) == 1
        with play.holding("pair"):
            assert bot("approve", upgrade.id, "--plan", plan.digest[:8], "--as", "chi").returncode == 0
            play.until_under_way(upgrade.id, "control-plane")
            play.told(upgrade.id, "cli:chi approved the plan (2 of 2)")
            left = bot("abort", "pair", "--as", "ana", "--yes")
        assert "Will still finish: EKS cannot cancel it\n🔄 Control plane to 1.36, update " in left.stdout
        assert play.ends(upgrade.id).status.value == "aborted"
        again = bot("abort", "pair", "--as", "ana", "--yes")
        assert again.returncode == 1
        assert "has ended: it was aborted" in again.stderr
