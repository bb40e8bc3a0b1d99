"""The command line: every verb, exit codes, and that it works with and without a server."""

from __future__ import annotations

import base64
import csv
import io
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.__main__ import run as run_command
from bot.console import plain
from handlers.views.text import code, esc, link, local_time, person
from tests.handlers import samples
from tests.upgrade.snapshots import healthy_snapshot, insight
from upgrade.eks import Insights
from upgrade.events import EventKind
from upgrade.ports import Verb
from upgrade.run import RunStatus, StepState, StepStatus, UpgradeRun
from upgrade.store.ownership import DatabaseOwnership
from upgrade.store.sqlite import SqliteStore

SETTINGS = """
clusters:
  - {name: prod-eu, region: eu-central-1, account: "111122223333", change_role: own, owner: S0SHOP1}
  - {name: lab, region: eu-central-1, account: "111122223333"}
  - {name: twin, region: eu-central-1, account: "111122223333", change_role: own}
  - {name: twin, region: us-east-1, account: "111122223333", change_role: own}
roles: {approver: {users: [U0BEN]}}
cli_users: {ben: U0BEN}
"""


class CommandLine:
    """Runs commands in this process; `code`, `out` and `err` are of the last one."""

    def __init__(self, capsys: pytest.CaptureFixture[str], database: Path) -> None:
        self._capsys = capsys
        self.database = database
        self.code, self.out, self.err = 0, "", ""

    def __call__(self, *arguments: str) -> int:
        self._capsys.readouterr()
        self.code = run_command(arguments)
        self.out, self.err = self._capsys.readouterr()
        return self.code

    def store(self) -> SqliteStore:
        return SqliteStore(self.database)

    def only_run(self) -> UpgradeRun:
        store = self.store()
        (found,) = store.find()
        store.close()
        return found

    def keep(self, run: UpgradeRun) -> UpgradeRun:
        store = self.store()
        store.create(run.model_copy(update={"last_seq": 1}), [samples.event(EventKind.RUN_REQUESTED)])
        store.close()
        return run

    def inbox(self, run_id: str) -> list[tuple[Verb, str, dict[str, str]]]:
        store = self.store()
        rows = [(row.kind, row.actor, dict(row.payload)) for row in store.inbox(run_id)]
        store.close()
        return rows


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    for name in list(os.environ):
        if name.startswith(("EKS_UPGRADE_BOT_", "SLACK_", "AWS_")):
            monkeypatch.delenv(name)
    config = tmp_path / "bot.yaml"
    config.write_text(SETTINGS)
    monkeypatch.setenv("EKS_UPGRADE_BOT_CONFIG", str(config))
    monkeypatch.setenv("EKS_UPGRADE_BOT_DATABASE", str(tmp_path / "state" / "bot.db"))
    monkeypatch.setattr("bot.invocation.set_up_logs", lambda *_, **__: None)
    return CommandLine(capsys, tmp_path / "state" / "bot.db")


@pytest.fixture
def snapshot_file(tmp_path: Path) -> Callable[..., str]:
    def write(**facts: object) -> str:
        path = tmp_path / "snapshot.json"
        path.write_text(healthy_snapshot("1.34", **facts).to_json())
        return str(path)

    return write


def test_usage_settings_and_internal_errors_have_their_exit_codes(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert cli("frobnicate") == 64
    assert cli("check") == 64
    assert cli("check", "prod-eu", "to", "latest") == 64
    assert "is not a Kubernetes version" in cli.err
    assert cli("serve") == 78
    assert "slack.bot_token: is missing; set SLACK_BOT_TOKEN" in cli.err.splitlines()
    broken = tmp_path / "broken.yaml"
    broken.write_text("workers: many\nclock: sundial\nnonsense: 1")
    assert cli("--config", str(broken), "status") == 78
    assert len(cli.err.splitlines()) == 3
    assert cli("--config", str(broken), "serve") == 78
    wrong_and_missing = ("workers:", "clock:", "nonsense:", "slack.bot_token:", "slack.app_token:", "clusters:")
    assert [line.split()[0] for line in cli.err.splitlines()] == [*wrong_and_missing], "all at once"
    monkeypatch.setenv("EKS_UPGRADE_BOT_LOG__LEVEL", "loud")
    assert cli("serve") == 78
    assert cli.err.splitlines()[0] == "log.level: must be 'debug', 'info', 'warning' or 'error'"
    assert "slack.app_token: is missing; set SLACK_APP_TOKEN" in cli.err.splitlines()
    monkeypatch.delenv("EKS_UPGRADE_BOT_LOG__LEVEL")
    monkeypatch.setattr("bot.commands.opened_service", lambda _: 1 / 0)
    assert cli("status") == 70
    assert cli("--help") == 0


def test_an_unknown_and_an_ambiguous_cluster_change_nothing(cli: CommandLine) -> None:
    assert cli("start", "prod-us") == 1
    assert "Known clusters: 111122223333/eu-central-1/twin, 111122223333/us-east-1/twin, lab, prod-eu." in cli.err
    assert cli("start", "twin") == 1
    assert "111122223333/eu-central-1/twin, 111122223333/us-east-1/twin" in cli.err
    assert cli("start", "lab") == 1
    assert "it has no change_role" in cli.err
    assert cli("status") == 0
    assert "Nothing is under way." in cli.out


def test_check_and_plan_judge_a_saved_snapshot(cli: CommandLine, snapshot_file: Callable[..., str]) -> None:
    healthy = snapshot_file()
    assert cli("check", "--snapshot", healthy) == 0
    assert "Ready: nothing is in the way" in cli.out
    assert cli("plan", "to", "1.36", "--snapshot", healthy) == 0
    assert "Control plane to 1.36" in cli.out
    assert cli("plan", "--snapshot", healthy, "--format", "json") == 0
    told = json.loads(cli.out)
    assert told["plan"]["to_version"] == "1.35"
    assert re.fullmatch(r"[0-9a-f]{64}", told["plan"]["digest"])
    assert cli("plan", "to", "1.99", "--snapshot", healthy) == 1
    assert "Allowed: 1.35" in cli.err
    bad = snapshot_file(insights=Insights(items=(insight("Deprecated APIs", "1.35", "ERROR"),)))
    assert cli("check", "--snapshot", bad, "--format", "json") == 20
    assert json.loads(cli.out)["ready"] is False
    assert not cli.database.exists(), "looking leaves nothing behind"


def test_a_snapshot_that_is_none_is_refused(cli: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text("{}")
    assert cli("check", "--snapshot", str(path)) == 1
    assert cli("check", "--snapshot", str(tmp_path / "absent")) == 64


def test_a_snapshot_answers_for_its_own_cluster_only(cli: CommandLine, snapshot_file: Callable[..., str]) -> None:
    assert cli("plan", "somebody-elses", "--snapshot", snapshot_file()) == 64
    assert "The snapshot is of prod-eu, not of somebody-elses." in cli.err
    assert cli("plan", "prod-eu", "--snapshot", snapshot_file()) == 0


def test_a_version_that_the_scope_rules_out_is_refused_by_check_as_by_plan(
    cli: CommandLine, snapshot_file: Callable[..., str]
) -> None:
    for verb in ("check", "plan"):
        assert cli(verb, "to", "1.35", "only", "nodes", "--snapshot", snapshot_file()) == 1
        assert "“only nodes” keeps the control plane" in cli.err


def test_a_command_that_slack_would_not_take_makes_no_manifest(cli: CommandLine) -> None:
    for wrong in ("eks", "/Two Words", "/" + "x" * 32):
        assert cli("manifest", "--command", wrong) == 64
        assert "is not a slash command" in cli.err
        assert cli.out == ""


def test_start_commits_a_run_for_whoever_drives_it(cli: CommandLine) -> None:
    assert cli("start", "prod-eu", "to", "1.36", "--as", "ada") == 0
    assert "No server is running" in cli.out
    run = cli.only_run()
    assert (run.requester, str(run.request.target), run.channel) == ("cli:ada", "1.36", None)
    assert cli("start", "prod-eu") == 1
    assert f"already has an unfinished run, {run.id}" in cli.err
    assert cli("status") == 0
    assert run.id in cli.out
    assert cli("history", "prod-eu") == 0
    assert run.id in cli.out


def test_each_answer_says_what_to_do_next(cli: CommandLine) -> None:
    assert cli("start", "prod-eu", "--as", "ada") == 0
    run = cli.only_run()
    assert cli.out.splitlines()[-1] == f"Next: eks-upgrade-bot status {run.id} shows the plan and how to approve it."
    assert cli("pause", run.id, "--as", "ada") == 0
    assert cli.out.splitlines()[-1] == f"Next: eks-upgrade-bot resume {run.id} goes on."


def test_status_says_how_to_approve_and_what_did_not_count(cli: CommandLine) -> None:
    run = cli.keep(samples.run(RunStatus.AWAITING_APPROVAL))
    store = cli.store()
    refused = samples.event(EventKind.APPROVAL_REFUSED, 2, actor="cli:cy", gate="plan", reason="not an approver")
    store.save(store.load(run.id).model_copy(update={"last_seq": 2}), [refused])
    store.close()
    assert cli("status", run.id) == 0
    digest = samples.two_hops().digest[:8]
    approve, reject = f"approve {run.id} --plan {digest} --tick ITEM", f"reject {run.id} --plan {digest}"
    assert f"Next, one of: {approve}; {reject}; abort" in cli.out
    assert "2026-11-20 09:00 UTC  ⛔ The decision of cli:cy on the plan does not count: not an approver" in cli.out
    assert "Approvers: @U0BEN" in cli.out
    assert cli("approve", run.id, "--plan", digest, "--tick", "all", "--as", "ben") == 0
    assert f"status {run.id} says whether it counted" in cli.out


def test_status_names_who_paused_a_run_and_who_is_in_charge(cli: CommandLine) -> None:
    run = cli.keep(samples.run(RunStatus.PAUSED, pause_reasons=("cli:cy paused it.",)))
    for words in (["status", run.id], ["status"], ["history", "prod-eu"]):
        assert cli(*words) == 0
        assert "Paused: cli:cy paused it." in cli.out
    assert cli("status", run.id) == 0
    assert "In charge: @S0SHOP1 · requested by @U0ADA" in cli.out
    assert cli("export", run.id) == 0
    assert json.loads(cli.out)["pause_reasons"] == ["cli:cy paused it."]


def test_a_run_is_exported_in_every_format(cli: CommandLine, tmp_path: Path) -> None:
    run = cli.keep(samples.run(RunStatus.RUNNING))
    assert cli("export", "prod-eu", "--format", "csv") == 0
    rows = list(csv.DictReader(io.StringIO(cli.out)))
    assert {row["run"] for row in rows} == {run.id}
    assert [row["kind"] for row in rows if row["kind"] != "planned-step"] == ["run-requested"]
    assert cli("export", run.id, "--format", "md") == 0
    assert "Timeline of the upgrade of prod-eu from 1.34 to 1.36, running." in cli.out
    page = tmp_path / "audit.html"
    assert cli("export", run.id, "--format", "html", "-o", str(page)) == 0
    assert cli.out == ""
    assert page.stat().st_mode & 0o077 == 0
    drawn = page.read_text("utf-8").partition("data:image/png;base64,")[2].partition('"')[0]
    assert base64.b64decode(drawn).startswith(b"\x89PNG")


def test_an_export_that_cannot_be_written_or_is_of_no_run_says_so(cli: CommandLine, tmp_path: Path) -> None:
    run = cli.keep(samples.run(RunStatus.RUNNING))
    assert cli("export", run.id, "--format", "pdf") == 64
    assert "'pdf' is not one of 'json', 'md', 'csv', 'html'" in cli.err
    assert cli("export", run.id, "-o", str(tmp_path / "nowhere" / "a.json")) == 1
    assert "No such file or directory" in cli.err
    assert cli("export", "nobody") == 1
    assert "neither a run nor a cluster" in cli.err


def test_clusters_tell_the_version_that_a_run_saw_last(cli: CommandLine) -> None:
    assert cli("clusters") == 0
    assert "ago" not in cli.out
    cli.keep(samples.run(RunStatus.RUNNING))
    assert cli("clusters") == 0
    line = next(line for line in cli.out.splitlines() if line.startswith("prod-eu"))
    assert re.fullmatch(r"prod-eu · 1\.35 \(.+ ago\) · .*", line), line


def test_no_line_of_the_help_is_cut_off(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert cli("--help") == 0
    assert "..." not in cli.out.replace("[ARGS]...", "")
    for verb in ("check", "plan", "start"):
        assert cli(verb, "--help") == 0
        assert "SCOPE    all, control-plane, add-ons, nodes" in cli.out
        assert "POLICY   lazy, match-first, every-hop; left out, as the environment says" in cli.out


def test_commands_work_while_a_server_owns_the_database(cli: CommandLine) -> None:
    cli("clusters")
    with DatabaseOwnership(cli.database):
        assert cli("start", "prod-eu") == 0
        assert "No server is running" not in cli.out
        assert cli("pause", "prod-eu", "--as", "ada") == 0
        assert cli.inbox(cli.only_run().id) == [("pause", "cli:ada", {})]
        assert cli("serve") == 78, "tokens come first"


def test_a_decision_names_the_plan_that_was_seen(cli: CommandLine) -> None:
    run = cli.keep(samples.run(RunStatus.AWAITING_APPROVAL))
    digest = samples.two_hops().digest
    assert cli("status", run.id) == 0
    assert digest[:8] in cli.out
    assert cli("approve", run.id, "--as", "ben") == 64
    assert cli("approve", run.id, "--plan", "deadbeef", "--tick", "all", "--as", "ben") == 1
    assert cli("approve", run.id, "--plan", digest[:5], "--tick", "all", "--as", "ben") == 1
    assert cli.inbox(run.id) == []
    assert cli("approve", run.id, "--plan", digest[:8], "--tick", "all", "--as", "ben") == 0
    ticked = " ".join(item.id for item in samples.CHECKLIST)
    assert cli.inbox(run.id) == [("approve", "cli:ben", {"gate": "plan", "digest": digest, "ticked": ticked})]
    assert cli("reject", run.id, "--plan", digest, "--gate", "nodes@1.36") == 1


def test_an_approval_ticks_the_check_list_or_is_refused_with_what_is_left_and_how(cli: CommandLine) -> None:
    run = cli.keep(samples.run(RunStatus.AWAITING_APPROVAL))
    digest = samples.two_hops().digest[:8]
    words = ("approve", run.id, "--plan", digest, "--as", "ben")
    first, *others = samples.CHECKLIST
    assert cli(*words, "--tick", "nonsense") == 1
    assert "“nonsense” is not on the check list" in cli.err
    assert f"Allowed: {first.id}, " in cli.err
    assert cli(*words, "--tick", first.id) == 1
    assert cli.out.splitlines() == [f"{item.id}: {item.sentence} {item.link}" for item in others]
    told, command = cli.err.splitlines()
    assert told == f"Not approved: {len(others)} items of the check list are not ticked."
    assert cli.inbox(run.id) == []
    typed = command.partition("eks-upgrade-bot ")[2]
    assert typed.startswith(f"approve {run.id} --plan {digest} --as ben --tick {first.id} --tick {others[0].id}")
    assert cli(*typed.split()) == 0
    ((_, _, payload),) = cli.inbox(run.id)
    assert payload["ticked"].split() == [item.id for item in samples.CHECKLIST]


def test_a_plan_without_a_check_list_takes_no_tick(cli: CommandLine) -> None:
    plan = samples.two_hops().model_copy(update={"checklist": ()})
    run = cli.keep(samples.run(RunStatus.AWAITING_APPROVAL, plan=plan))
    assert cli("approve", run.id, "--plan", plan.digest, "--tick", "kubectl", "--as", "ben") == 1
    assert "It has no check list: leave out --tick." in cli.err
    assert cli("approve", run.id, "--plan", plan.digest, "--as", "ben") == 0


def test_reject_waive_confirm_abort_and_the_rest_are_one_row_each(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    confirm = f"confirm/self-managed/gpu@{samples.V36}"
    steps = {confirm: StepState(status=StepStatus.FOLLOWING, started_at=samples.NOW)}
    run = cli.keep(samples.run(RunStatus.RUNNING, steps=steps))
    assert cli("confirm", run.id, confirm, "--as", "ada") == 0
    assert "Done: self-managed/gpu ready for 1.36, by hand." in cli.out
    assert cli("confirm", run.id, "confirm/nothing") == 1
    assert cli("retry", run.id) == 1
    assert "No step of run" in cli.err
    assert "it is running" in cli.err
    assert cli("recheck", run.id) == 1
    assert cli("resume", run.id) == 1
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert cli("abort", run.id, "--as", "ada") == 0
    assert "• Control plane to 1.35" in cli.out
    assert "control-plane@" not in cli.out
    assert "Not aborted: nothing was changed." in cli.out
    assert cli("abort", run.id, "--yes", "--as", "ada") == 0
    assert [(kind, actor) for kind, actor, _ in cli.inbox(run.id)] == [("confirm", "cli:ada"), ("abort", "cli:ada")]


def test_people_who_look_after_a_run_commit_one_row_each(cli: CommandLine) -> None:
    run = cli.keep(samples.run(RunStatus.RUNNING))
    assert cli("acknowledge", run.id) == 1
    assert "Nothing in run" in cli.err
    assert cli("mute", run.id, "2d") == 64
    assert cli("mute", run.id, "13h") == 1
    assert "at most 12h" in cli.err
    assert cli("note", run.id, "x" * 1001) == 1
    assert cli.inbox(run.id) == []
    assert cli("take-over", run.id, "--as", "ben") == 0
    assert cli("note", run.id, "the", "budget", "is", "changed", "--as", "ben") == 0
    assert cli("mute", run.id, "2h", "--as", "ben") == 0
    rows = cli.inbox(run.id)
    assert [kind for kind, _, _ in rows] == ["take_over", "note", "mute"]
    assert rows[1][2] == {"text": "the budget is changed"}


def test_waive_needs_a_finding_that_is_there(cli: CommandLine) -> None:
    run = cli.keep(samples.run(RunStatus.BLOCKED))
    assert cli("waive", run.id, "NET001", "subnet-0a1", "--reason", "grows tomorrow", "--as", "ben") == 0
    assert cli("waive", run.id, "NET009", "subnet-0a1", "--reason", "x") == 1
    assert cli("waive", run.id, "NET001", "subnet-0a1") == 64
    payload = {"code": "NET001", "subject": "subnet-0a1", "reason": "grows tomorrow"}
    assert cli.inbox(run.id) == [("waive", "cli:ben", payload)]
    again = ("waive", run.id, "NET001", "subnet-0a1", "--reason", "grows tomorrow", "--until")
    assert cli(*again, "tomorrow") == 64
    assert cli(*again, "2020-01-01") == 1
    assert "2020-01-01 is over." in cli.err
    assert cli(*again, "2999-12-31") == 0
    assert cli.inbox(run.id)[-1][2] == payload | {"until": "2999-12-31"}


def test_the_record_of_a_run_is_json(cli: CommandLine) -> None:
    run = cli.keep(samples.run(RunStatus.PAUSED, pause_reasons=("no room",)))
    assert cli("export", "prod-eu") == 0
    told = json.loads(cli.out)
    assert (told["id"], told["status"], told["pause_reasons"]) == (run.id, "paused", ["no room"])
    assert told["standing_at"] == "addon/coredns@v1.13.1-eksbuild.1"
    assert told["events"][0]["kind"] == "run-requested"


def test_the_healthcheck_says_what_is_missing(cli: CommandLine) -> None:
    assert cli("healthcheck") == 1
    assert "The bot is not running" in cli.err


def test_what_a_terminal_would_obey_is_taken_out() -> None:
    at = samples.NOW
    hostile = "\x1b[31mred\x1b[0m <!channel>"
    text = f"*{esc(hostile)}* {code('a`b')} {person('U0ADA')} {link('https://x.example/1', 'here')} {local_time(at)}"
    assert plain(text) == "[31mred[0m <!channel> a'b @U0ADA here (https://x.example/1) 2026-11-20 09:00 UTC"


def test_preview_prints_the_notice_in_either_language_and_changes_nothing(cli: CommandLine) -> None:
    run = cli.keep(samples.run(RunStatus.AWAITING_APPROVAL, waiting_for="plan", start_at=None, started_at=None))
    assert cli("preview", "prod-eu") == 0
    assert "Maintenance: prod-eu, Kubernetes 1.34 → 1.36" in cli.out
    assert "Reminder: the maintenance of prod-eu" in cli.out
    assert cli("preview", run.id, "--language", "zh-CN") == 0
    assert "维护：prod-eu" in cli.out
    assert cli.only_run().start_at is None
    assert cli.inbox(run.id) == []
    assert cli("preview", "twin") == 1
    assert cli("preview", run.id, "--language", "fr") == 64
