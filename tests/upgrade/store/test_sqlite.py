"""The store, on real files."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from tests.patience import LONGEST
from tests.upgrade.runs import CLUSTER, NOW, make_finding, make_report, make_run
from upgrade.eks import ClusterId
from upgrade.errors import DatabaseInUse, DatabaseTooNew, RunChanged, RunInProgress, TemporaryError, UnknownRun
from upgrade.events import EventKind, UpgradeEvent
from upgrade.plan import PlanRequest
from upgrade.ports import InboxRow, RunStore, StoredMessage
from upgrade.run import Intent, RunStatus, UpgradeRun
from upgrade.store.migrations import migrations
from upgrade.store.ownership import DatabaseOwnership
from upgrade.store.sqlite import SqliteStore

ELSEWHERE = ClusterId(account="111122223333", region="eu-west-1", name="staging")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path / "data" / "bot.db")
    yield store
    store.close()


def event(seq: int, run_id: str = "run-1") -> UpgradeEvent:
    return UpgradeEvent(run_id=run_id, seq=seq, at=NOW, kind=EventKind.RUN_REQUESTED, data={"n": seq})


def fresh(run_id: str = "run-1", cluster: ClusterId = CLUSTER, status: RunStatus = RunStatus.CHECKING) -> UpgradeRun:
    return make_run(status, id=run_id, last_seq=0, request=PlanRequest(cluster=cluster))


def row(origin: str, run_id: str = "run-1") -> InboxRow:
    return InboxRow(run_id=run_id, kind="pause", actor="U-1", origin=origin, payload={"a": "b"}, at=NOW)


def test_it_is_the_store_that_the_engine_asks_for(store: SqliteStore) -> None:
    port: RunStore = store
    assert port.unfinished() == ()


@pytest.fixture
def later(store: SqliteStore, tmp_path: Path) -> Iterator[SqliteStore]:
    """As a bot that is started again sees it: nothing is remembered."""
    later = SqliteStore(tmp_path / "data" / "bot.db")
    yield later
    later.close()


def test_a_run_comes_back_as_it_was_saved(store: SqliteStore, later: SqliteStore) -> None:
    run = make_run(RunStatus.RUNNING, report=make_report(make_finding()), last_seq=0)
    store.create(run, [event(1)])
    assert store.load("run-1") == later.load("run-1") == run
    assert store.events("run-1") == later.events("run-1") == (event(1),)


def test_its_report_comes_back_as_it_was_saved_last(store: SqliteStore, later: SqliteStore) -> None:
    first, second = make_report(make_finding()), make_report()
    run = fresh()
    store.create(run, [event(1)])
    assert later.load("run-1").report is None
    run = store.save(run.model_copy(update={"report": first}), [event(2)])
    assert later.load("run-1") == run
    run = later.save(later.load("run-1").model_copy(update={"report": second}), [event(3)])
    assert store.load("run-1") == run
    run = store.save(store.load("run-1").model_copy(update={"report": None}), [event(4)])
    assert later.load("run-1") == run


def test_a_report_is_written_only_when_it_is_another(store: SqliteStore, later: SqliteStore, tmp_path: Path) -> None:
    store.create(fresh().model_copy(update={"report": make_report(make_finding())}), [event(1)])
    with closing(sqlite3.connect(tmp_path / "data" / "bot.db", isolation_level=None)) as other:
        other.execute("update reports set report = ?", [make_report().model_dump_json()])  # so that it shows
    run = store.save(store.load("run-1"), [event(2)])
    assert later.load("run-1").report == make_report()
    two = make_report(make_finding(), make_finding())
    store.save(run.model_copy(update={"report": two}), [event(3)])
    assert later.load("run-1").report == two


def test_reports_of_an_older_version_are_kept(tmp_path: Path) -> None:
    whole = make_run(RunStatus.RUNNING, report=make_report(make_finding()), last_seq=1)
    bare = fresh("run-2", ELSEWHERE)
    with closing(sqlite3.connect(tmp_path / "bot.db", isolation_level=None)) as connection:
        migrations.apply(Database(connection), stop_before="0004_reports")
        for run in (whole, bare):
            connection.execute(
                "insert into runs values (?, 0, ?, 'running', 0, 1, '2026-01-01', null, 1, ?)",
                [run.id, str(run.cluster), run.model_dump_json()],
            )
    store = SqliteStore(tmp_path / "bot.db")
    assert store.load(whole.id) == whole
    assert store.load(bare.id) == bare
    store.close()


def test_a_save_counts_and_an_older_one_is_refused_with_its_events(store: SqliteStore) -> None:
    run = fresh()
    store.create(run, [event(1)])
    saved = store.save(run, [event(2)])
    assert saved.version == 1
    with pytest.raises(RunChanged):
        store.save(run, [event(3)])
    assert [one.seq for one in store.events("run-1")] == [1, 2]
    assert [one.seq for one in store.events("run-1", after=1)] == [2]


def test_what_failed_to_be_saved_is_never_read(store: SqliteStore, later: SqliteStore) -> None:
    run = fresh()
    store.create(run, [event(1)])
    refused = run.model_copy(update={"in_charge": "U-1"})
    with pytest.raises(sqlite3.IntegrityError):
        store.save(refused, [event(1)])
    assert store.load("run-1") == run
    changed = later.save(run.model_copy(update={"in_charge": "U-2"}), [event(2)])
    with pytest.raises(RunChanged):
        store.save(refused, [event(2)])
    assert store.load("run-1") == changed


def test_an_event_number_is_never_used_twice_and_nothing_else_is_saved_then(store: SqliteStore) -> None:
    run = fresh()
    store.create(run, [event(1)])
    with pytest.raises(sqlite3.IntegrityError):
        store.save(run.model_copy(update={"channel": "C-1"}), [event(1)])
    assert store.load("run-1") == run


def test_one_unfinished_run_a_cluster_but_scheduled_ones_do_not_count(store: SqliteStore) -> None:
    store.create(fresh("run-1"), [])
    with pytest.raises(RunInProgress) as caught:
        store.create(fresh("run-2"), [])
    assert caught.value.run_id == "run-1"
    store.create(fresh("run-3", ELSEWHERE), [])
    store.save(store.load("run-1").model_copy(update={"status": RunStatus.SCHEDULED}), [])
    store.create(fresh("run-2"), [])
    with pytest.raises(RunInProgress):
        store.save(store.load("run-1").model_copy(update={"status": RunStatus.CHECKING}), [])
    store.save(store.load("run-2").model_copy(update={"status": RunStatus.ABORTED}), [])
    store.save(store.load("run-1").model_copy(update={"status": RunStatus.CHECKING}), [])


def test_beside_a_run_that_is_being_aborted_its_end_is_waited_for(store: SqliteStore) -> None:
    store.create(fresh("run-1"), [])
    with pytest.raises(RunInProgress, match=r"unfinished run, run-1.*abort it first"):
        store.create(fresh("run-2"), [])
    store.save(store.load("run-1").model_copy(update={"intent": Intent.ABORT}), [])
    with pytest.raises(RunInProgress, match=r"run-1, which is being aborted.*Wait until it has ended") as caught:
        store.create(fresh("run-2"), [])
    assert "abort it first" not in str(caught.value)


def test_an_unknown_run_is_told(store: SqliteStore) -> None:
    with pytest.raises(UnknownRun):
        store.load("nope")


def test_runs_are_found_by_cluster_status_and_beginning_newest_first(store: SqliteStore) -> None:
    for number, status in enumerate([RunStatus.SUCCEEDED, RunStatus.ABORTED, RunStatus.CHECKING]):
        at = NOW + timedelta(days=number)
        store.create(fresh(f"a{number}", status=status).model_copy(update={"created_at": at}), [])
    store.create(fresh("b0", ELSEWHERE), [])
    assert [run.id for run in store.find(cluster=CLUSTER)] == ["a2", "a1", "a0"]
    assert [run.id for run in store.find(cluster=CLUSTER, limit=1)] == ["a2"]
    assert [run.id for run in store.find(statuses=[RunStatus.SUCCEEDED])] == ["a0"]
    assert {run.id for run in store.unfinished()} == {"a2", "b0"}
    assert store.matching("a") == ("a0", "a1", "a2")
    assert store.matching("%") == ()


def test_the_same_origin_is_one_request(store: SqliteStore) -> None:
    store.create(fresh(), [])
    assert store.post(row("click-1")) is True
    assert store.post(row("click-1")) is False
    assert store.post(row("click-2")) is True
    assert (store.posted("click-1"), store.posted("click-3")) == (True, False)
    assert [one.origin for one in store.inbox("run-1")] == ["click-1", "click-2"]
    assert store.inbox("run-1")[0].payload == {"a": "b"}


def test_requests_are_consumed_with_the_run_they_changed(store: SqliteStore) -> None:
    run = fresh()
    store.create(run, [])
    store.post(row("click-1"))
    waiting = store.inbox("run-1")
    with pytest.raises(RunChanged):
        store.save(run.model_copy(update={"version": 7}), [], consumed=[waiting[0].id])
    assert store.inbox("run-1") == waiting
    store.save(run, [], consumed=[waiting[0].id])
    assert store.inbox("run-1") == ()
    assert store.post(row("click-1")) is False  # redelivered later: still known


def test_the_agenda_lists_unfinished_runs_and_who_is_asked_for(store: SqliteStore) -> None:
    store.create(fresh("run-1"), [])
    store.create(make_run(RunStatus.SUCCEEDED, id="run-0", last_seq=0), [])
    store.create(make_run(RunStatus.AWAITING_APPROVAL, id="run-2", request=PlanRequest(cluster=ELSEWHERE)), [])
    store.post(row("click-1", "run-2"))
    agenda = {item.run_id: item for item in store.agenda()}
    assert agenda.keys() == {"run-1", "run-2"}
    assert agenda["run-1"].due_at == NOW
    assert (agenda["run-1"].requested, agenda["run-2"].requested) == (False, True)


def test_a_run_that_ended_is_untold_until_its_message_shows_the_end(store: SqliteStore) -> None:
    store.create(fresh().model_copy(update={"last_seq": 1}), [event(1)])
    assert store.untold() == (), "it goes on"
    ended = store.load("run-1").model_copy(update={"status": RunStatus.REJECTED, "last_seq": 2})
    store.save(ended, [event(2)])
    assert store.untold() == ("run-1",), "nobody was told of it at all"
    message = StoredMessage(run_id="run-1", kind="run", key="", channel_id="C-1", ts="1.2", shown_seq=1)
    store.save_message(message)
    assert store.untold() == ("run-1",)
    store.save_message(message.model_copy(update={"shown_seq": 2}))
    assert store.untold() == ()


def test_messages_know_how_far_behind_they_are(store: SqliteStore) -> None:
    store.create(fresh().model_copy(update={"last_seq": 2}), [event(1), event(2)])
    message = StoredMessage(run_id="run-1", kind="run", key="", channel_id="C-1", shown_seq=1)
    store.save_message(message)
    assert store.messages_behind() == (message,)
    shown = message.model_copy(update={"ts": "1.2", "shown_seq": 2, "content_hash": "h"})
    store.save_message(shown)
    assert store.messages_behind() == ()
    assert store.message("run-1", "run", "") == shown
    assert store.message("run-1", "notice", "") is None
    assert store.messages("run-1") == (shown,)


def test_eight_threads_change_one_counter_without_losing_or_failing(store: SqliteStore) -> None:
    """A deferred transaction fails here with "database is locked" thousands of times (measured for sqlite-utils)."""
    store.create(fresh(), [])
    done: list[int] = []

    def work() -> None:
        for _ in range(25):
            while True:
                run = store.load("run-1")
                seq = run.last_seq + 1
                try:
                    store.save(run.model_copy(update={"last_seq": seq}), [event(seq)])
                except RunChanged:
                    continue
                done.append(seq)
                break

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONGEST)
    assert sorted(done) == list(range(1, 201))
    assert store.load("run-1").last_seq == 200
    assert [one.seq for one in store.events("run-1")] == list(range(1, 201))


def test_requests_of_many_threads_share_transactions_and_each_learns_of_its_own(store: SqliteStore) -> None:
    store.create(fresh(), [])
    origins = [f"click-{number % 40}" for number in range(80)] + ["lost"]
    ready = threading.Barrier(len(origins))

    def post(origin: str) -> bool | str:
        ready.wait(LONGEST)
        try:
            return store.post(row(origin, "no-such-run" if origin == "lost" else "run-1"))
        except sqlite3.IntegrityError as error:
            return str(error)

    with ThreadPoolExecutor(len(origins)) as pool:
        answers = list(pool.map(post, origins))
    assert answers.pop() == "FOREIGN KEY constraint failed"
    assert Counter(answers) == {True: 40, False: 40}
    assert {one.origin for one in store.inbox("run-1")} == set(origins) - {"lost"}


def test_a_version_is_parsed_once_and_a_later_one_is_seen_though_another_process_wrote_it(
    store: SqliteStore, tmp_path: Path
) -> None:
    store.create(fresh(), [])
    run = store.load("run-1")
    assert store.load("run-1") is run
    assert store.unfinished()[0] is run
    with closing(SqliteStore(tmp_path / "data" / "bot.db")) as other:
        other.save(run.model_copy(update={"pause_reasons": ("seen",)}), [])
    assert store.load("run-1").pause_reasons == ("seen",)
    assert store.unfinished()[0].pause_reasons == ("seen",)


def test_more_runs_than_are_kept_in_memory_are_all_read(store: SqliteStore) -> None:
    clusters = [ELSEWHERE.model_copy(update={"name": f"c-{number}"}) for number in range(80)]
    for number, cluster in enumerate(clusters):
        store.create(fresh(f"run-{number}", cluster), [])
    for _ in range(2):
        assert [run.cluster for run in store.unfinished()] == clusters


def test_a_listener_gives_up_after_a_second_and_nothing_is_written(store: SqliteStore, tmp_path: Path) -> None:
    store.create(fresh(), [])
    with closing(sqlite3.connect(tmp_path / "data" / "bot.db", isolation_level=None)) as other:
        other.execute("begin immediate")
        began = time.monotonic()
        with pytest.raises(TemporaryError):
            store.post(row("click-1"))
        assert 0.8 < time.monotonic() - began < 10
        other.execute("rollback")
    assert store.inbox("run-1") == ()


WRITER = """
import sys, threading
from pathlib import Path
from tests.upgrade.store.test_sqlite import event, fresh
from upgrade.store.sqlite import SqliteStore
store = SqliteStore(Path(sys.argv[1]))
run = store.load("run-1")
while True:
    seq = run.last_seq + 2
    run = store.save(run.model_copy(update={"last_seq": seq}), [event(seq - 1), event(seq)])
    print(seq, flush=True)
"""


def test_kill_9_in_the_middle_of_writing_leaves_run_and_events_together(tmp_path: Path) -> None:
    path = tmp_path / "bot.db"
    store = SqliteStore(path)
    store.create(fresh(), [])
    told = 0
    for kill_after in (1, 7):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for _ in range(kill_after):
            told = int(process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
        rest = process.stdout.read().split()
        process.wait(LONGEST)
        process.stdout.close()
        told = max([told, *map(int, rest)])
        run = store.load("run-1")
        assert run.last_seq >= told  # what was committed is there
        assert [one.seq for one in store.events("run-1")] == list(range(1, run.last_seq + 1))
        assert run.last_seq % 2 == 0  # both events of a save, or none
    store.close()


def test_two_processes_may_make_the_schema_at_once(tmp_path: Path) -> None:
    code = "import sys, pathlib, upgrade.store.sqlite as s; s.SqliteStore(pathlib.Path(sys.argv[1])).close()"
    command = [sys.executable, "-c", code, str(tmp_path / "bot.db")]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    assert [process.communicate(timeout=LONGEST)[1] for process in processes] == ["", "", ""]
    assert [process.returncode for process in processes] == [0, 0, 0]


def test_a_database_of_a_newer_version_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "bot.db"
    SqliteStore(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("insert into _sqlite_migrations (migration_set, name) values ('eks-upgrade-bot', '0999_future')")
    with pytest.raises(DatabaseTooNew, match="0999_future"):
        SqliteStore(path)


def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    SqliteStore(tmp_path / "bot.db").close()
    assert (tmp_path / "bot.db").stat().st_mode & 0o077 == 0


HOLDER = """
import sys
from pathlib import Path
from upgrade.store.ownership import DatabaseOwnership
ownership = DatabaseOwnership(Path(sys.argv[1])).take()
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_process_is_told_who_owns_the_database(tmp_path: Path) -> None:
    path = tmp_path / "bot.db"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(DatabaseInUse, match=rf"process {holder.pid} on "):
            DatabaseOwnership(path).take()
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait(LONGEST)
    with DatabaseOwnership(path), pytest.raises(DatabaseInUse):  # the kernel gave the lock back
        DatabaseOwnership(path).take()
    DatabaseOwnership(path).take().release()


def test_threads_that_have_ended_leave_no_connection_open(store: SqliteStore, tmp_path: Path) -> None:
    store.create(make_run(), [])
    for _ in range(20):
        with ThreadPoolExecutor(1) as pool:
            pool.submit(store.unfinished).result(LONGEST)
    here = tmp_path.resolve()
    held = [one for one in Path("/proc/self/fd").iterdir() if Path(os.path.realpath(one)).is_relative_to(here)]
    assert len(held) < 12, "a file and its log for each connection"
