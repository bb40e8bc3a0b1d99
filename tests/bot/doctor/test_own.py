"""The settings and the database."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from bot.config import load_settings
from bot.doctor.own import examine_settings, examine_store
from bot.doctor.verdicts import State, Verdict
from tests.bot.doctor.conftest import Clinic
from upgrade.store.examination import file_system_of
from upgrade.store.ownership import DatabaseOwnership
from upgrade.store.sqlite import SqliteStore

HOLD = """
import sys
from pathlib import Path
from upgrade.store.ownership import DatabaseOwnership
DatabaseOwnership(Path(sys.argv[1])).take()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "bot.db"
    monkeypatch.setenv("EKS_UPGRADE_BOT_DATABASE", str(path))
    return path


def store_verdicts() -> list[Verdict]:
    return list(examine_store(load_settings()))


def codes(verdicts: list[Verdict]) -> list[str]:
    return [verdict.code for verdict in verdicts]


def test_a_database_that_is_not_there_is_not_made(database: Path) -> None:
    (verdict,) = store_verdicts()
    assert (verdict.state, "will be made" in verdict.summary) == (State.OK, True)
    assert not database.exists()


def test_a_sound_database_stays_as_it_is(database: Path) -> None:
    SqliteStore(database).close()
    before = database.read_bytes()
    (verdict,) = store_verdicts()
    assert "WAL, writable" in verdict.summary
    assert database.read_bytes() == before


def test_a_database_of_a_running_bot_names_its_process_and_is_nothing_to_fix(database: Path) -> None:
    SqliteStore(database).close()
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        verdicts = store_verdicts()
        assert holder.stdin is not None
        holder.stdin.close()
    assert codes(verdicts) == ["database", "database-in-use"]
    assert verdicts[1].state is State.NOTE
    assert f"process {holder.pid} on" in verdicts[1].summary
    with DatabaseOwnership(database):
        pass


def test_looking_does_not_take_the_database(database: Path) -> None:
    SqliteStore(database).close()
    with DatabaseOwnership(database):
        assert codes(store_verdicts())[1] == "database-in-use"
    assert codes(store_verdicts()) == ["database"]


def test_a_file_that_is_no_database_is_told(database: Path) -> None:
    database.write_text("runs: none\n" * 500)
    (verdict,) = store_verdicts()
    assert (verdict.state, verdict.code) == (State.FIX, "database-damaged")
    assert "backup" in verdict.remedy


def test_a_newer_database_is_told(database: Path) -> None:
    SqliteStore(database).close()
    with sqlite3.connect(database) as connection:
        connection.execute(
            "insert into _sqlite_migrations (migration_set, name, applied_at) values ('eks-upgrade-bot', '9999_x', '')"
        )
    connection.close()
    assert codes(store_verdicts()) == ["database-too-new"]


def test_a_place_that_is_no_folder_is_told_with_the_command_that_makes_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("EKS_UPGRADE_BOT_DATABASE", str(tmp_path / "file" / "bot.db"))
    (verdict,) = store_verdicts()
    assert verdict.code == "database-not-writable"
    assert f"install -d -m 0700 {tmp_path}/file" in verdict.remedy


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_database_that_others_may_read_is_told(database: Path, mode: int) -> None:
    SqliteStore(database).close()
    database.chmod(mode)
    verdict = store_verdicts()[0]
    assert (verdict.code, verdict.remedy) == ("database-readable", f"chmod 600 {database}")


def test_a_network_file_system_is_recognised_by_the_deepest_mount() -> None:
    mounts = "overlay / overlay rw 0 0\nfs-1:/ /data nfs4 rw 0 0\n/dev/nvme1n1 /data/local ext4 rw 0 0\n"
    assert file_system_of(Path("/data/bot.db"), mounts) == "nfs4"
    assert file_system_of(Path("/data/local/bot.db"), mounts) == "ext4"
    assert file_system_of(Path("/database/bot.db"), mounts) == "overlay"
    assert file_system_of(Path("/data/bot.db"), "") == ""


def test_without_clusters_and_slack_doctor_says_so_and_has_nothing_to_fix(
    without_slack: Clinic, without_clusters: Clinic
) -> None:
    assert without_slack is without_clusters
    verdicts = without_slack.examine()
    assert codes(verdicts) == ["settings-no-cluster", "database", "slack-not-configured"]
    assert {verdict.state for verdict in verdicts} == {State.NOTE, State.OK}


def test_check_only_clusters_and_the_lack_of_approvers_are_noted(clinic: Clinic) -> None:
    del clinic.settings["clusters"][0]["change_role"]
    del clinic.settings["roles"]
    file = clinic.folder / "settings.yaml"
    file.write_text(str(clinic.settings))
    noted = {one.code for one in examine_settings(load_settings(file)) if one.state is State.NOTE}
    assert noted == {"settings-no-approver", "settings-check-only"}


def test_what_others_wrote_cannot_steer_a_terminal_or_span_lines() -> None:
    verdict = Verdict(State.FIX, "x", "prod", "a\x1b[2Jb\nc", "do\rthis")
    assert verdict.line == "fix  prod: a [2Jb c Do: do this"


def test_what_looks_like_a_secret_is_hidden_wherever_it_comes_from() -> None:
    token = "xoxb-12345-abcdef"
    verdict = Verdict(State.FIX, "x", "slack", f"no such token {token}", f"curl -H {token}")
    assert token not in verdict.line
    assert token not in str(verdict.as_json())
