"""The store on SQLite: WAL, synchronous FULL, every write in one ``begin immediate`` (DESIGN 5)."""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final

from sqlite_utils import Database

from upgrade.eks import ClusterId
from upgrade.errors import DatabaseTooNew, RunChanged, RunInProgress, TemporaryError, UnknownRun
from upgrade.events import UpgradeEvent
from upgrade.findings import Report
from upgrade.ports import AgendaItem, InboxRow, StoredMessage
from upgrade.run import Intent, RunStatus, UpgradeRun
from upgrade.store.fleet import FleetTables
from upgrade.store.migrations import KNOWN, migrations
from upgrade.store.ownership import one_at_a_time

_log = logging.getLogger(__name__)

#: Engine threads wait long for the write lock; a listener has three seconds to acknowledge and gives up after one.
BUSY_SECONDS: Final = 30.0
LISTENER_BUSY_SECONDS: Final = 1.0
#: Versions of runs that are kept as read or saved: reading one anew costs milliseconds, and all read all the time.
_KEPT_RUNS: Final = 128
_INSERT_EVENT: Final = "insert into events (run_id, seq, at, kind, event) values (?, ?, ?, ?, ?)"
_INSERT_RUN: Final = """
    insert into runs (id, version, cluster, status, finished, holds_cluster, created_at, next_due_at, last_seq, run)
    values (:id, :version, :cluster, :status, :finished, :holds_cluster, :created_at, :next_due_at, :last_seq, :run)
"""
_PUT_REPORT: Final = """
    insert into reports (run_id, report) values (?, ?) on conflict (run_id) do update set report = excluded.report
"""
_UPDATE_RUN: Final = """
    update runs set version = :version, cluster = :cluster, status = :status, finished = :finished,
        holds_cluster = :holds_cluster, created_at = :created_at, next_due_at = :next_due_at, last_seq = :last_seq,
        run = :run
    where id = :id and version = :old
"""


class SqliteStore(FleetTables):
    """Implements ``RunStore`` and ``FactsStore``. Safe to use from many threads: each has a connection of its own.

    Args:
        path: the database file; made with its folder if it is missing, readable by its owner only.

    Raises TemporaryError when the database stays locked longer than the busy timeout.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._opened: dict[threading.Thread, sqlite3.Connection] = {}
        self._lock = threading.Lock()
        # Waiting for the lock of the file is sleeping and asking again. Our own threads queue here instead.
        self._turn = threading.Lock()
        self._posts: SimpleQueue[tuple[InboxRow, Future[bool]]] = SimpleQueue()
        self._poster = ThreadPoolExecutor(1, thread_name_prefix="inbox")
        self._kept: OrderedDict[tuple[str, int], UpgradeRun] = OrderedDict()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        # SQLite does not wait for a lock when the journal's mode changes: of two processes that do, one would fail.
        with one_at_a_time(path.parent):
            self._db().conn.execute("pragma journal_mode = wal")
            self._make_schema()

    def _make_schema(self) -> None:
        with self._writing(BUSY_SECONDS) as db:
            newer = {one.name for one in migrations.applied(db)} - KNOWN
            if newer:
                raise DatabaseTooNew(
                    f"The database {self._path.name} was written by a newer version ({', '.join(sorted(newer))}).",
                    "Use that version, or another database.",
                )
            migrations.apply(db)

    # -- runs and events --------------------------------------------------------------------------------------------

    def create(self, run: UpgradeRun, events: Sequence[UpgradeEvent]) -> None:
        columns, reported, told = _columns(run), self._report_row(run), _event_rows(events)
        with self._forgotten_if_it_fails(run), self._writing(LISTENER_BUSY_SECONDS) as db:
            with self._one_run_a_cluster(db, run):
                db.execute(_INSERT_RUN, columns)
            db.conn.executemany(_PUT_REPORT, reported)
            db.conn.executemany(_INSERT_EVENT, told)
            self._keep(run)
        _log_events(run, events)

    def load(self, run_id: str) -> UpgradeRun:
        for run in self._runs("where id = ?", [run_id]):
            return run
        raise UnknownRun(f"There is no run {run_id}.", "See them with: history.")

    def save(self, run: UpgradeRun, events: Sequence[UpgradeEvent], *, consumed: Sequence[int] = ()) -> UpgradeRun:
        saved = run.model_copy(update={"version": run.version + 1})
        columns, reported, told = {**_columns(saved), "old": run.version}, self._report_row(run), _event_rows(events)
        with self._forgotten_if_it_fails(saved), self._writing(BUSY_SECONDS) as db:
            with self._one_run_a_cluster(db, run):
                found = db.execute(_UPDATE_RUN, columns)
            if found.rowcount != 1:
                raise RunChanged(f"Run {run.id} was changed by somebody else since it was read.", "Read it again.")
            db.conn.executemany(_PUT_REPORT, reported)
            db.conn.executemany(_INSERT_EVENT, told)
            for row_id in consumed:
                db.execute("update inbox set consumed_by = ? where id = ?", [saved.version, row_id])
            self._keep(saved)
        _log_events(run, events)
        return saved

    def agenda(self) -> tuple[AgendaItem, ...]:
        rows = self._query(
            """
            select id, version, next_due_at, exists (
                select 1 from inbox where inbox.run_id = runs.id and consumed_by is null
            ) as requested
            from runs where finished = 0
            """
        )
        return tuple(
            AgendaItem(
                run_id=row["id"],
                version=row["version"],
                due_at=datetime.fromisoformat(row["next_due_at"]) if row["next_due_at"] else None,
                requested=bool(row["requested"]),
            )
            for row in rows
        )

    def unfinished(self) -> tuple[UpgradeRun, ...]:
        return self._runs("where finished = 0 order by created_at", [])

    def find(
        self, *, cluster: ClusterId | None = None, statuses: Sequence[RunStatus] = (), limit: int = 50
    ) -> tuple[UpgradeRun, ...]:
        wanted: list[str] = []
        values: list[Any] = []
        if cluster is not None:
            wanted.append("cluster = ?")
            values.append(str(cluster))
        if statuses:
            wanted.append(f"status in ({', '.join('?' * len(statuses))})")
            values += [status.value for status in statuses]
        where = f"where {' and '.join(wanted)}" if wanted else ""
        return self._runs(f"{where} order by created_at desc, rowid desc limit ?", [*values, limit])

    def matching(self, prefix: str) -> tuple[str, ...]:
        rows = self._query("select id from runs where substr(id, 1, ?) = ? order by id", [len(prefix), prefix])
        return tuple(row["id"] for row in rows)

    def events(self, run_id: str, *, after: int = 0) -> tuple[UpgradeEvent, ...]:
        rows = self._query("select event from events where run_id = ? and seq > ? order by seq", [run_id, after])
        return tuple(UpgradeEvent.model_validate_json(row["event"]) for row in rows)

    # -- inbox ------------------------------------------------------------------------------------------------------

    def post(self, row: InboxRow) -> bool:
        """As the port says. Rows that come while a transaction is written share the next one: fifty cost as one."""
        written: Future[bool] = Future()
        self._posts.put((row, written))
        self._poster.submit(self._write_posts)
        return written.result()

    def _write_posts(self) -> None:
        posts: list[tuple[InboxRow, Future[bool]]] = []
        with suppress(Empty):
            while True:
                posts.append(self._posts.get_nowait())
        if not posts:
            return
        try:
            with self._writing(LISTENER_BUSY_SECONDS) as db:
                results = [_insert_post(db, row) for row, _ in posts]
        except Exception as error:
            results = [error] * len(posts)
        for (_, written), result in zip(posts, results, strict=True):
            if isinstance(result, Exception):
                written.set_exception(result)
            else:
                written.set_result(result)

    def posted(self, origin: str) -> bool:
        return bool(self._query("select 1 as yes from inbox where origin = ?", [origin]))

    def inbox(self, run_id: str) -> tuple[InboxRow, ...]:
        rows = self._query("select * from inbox where run_id = ? and consumed_by is null order by id", [run_id])
        return tuple(
            InboxRow(
                id=row["id"],
                run_id=row["run_id"],
                kind=row["kind"],
                actor=row["actor"],
                origin=row["origin"],
                payload=json.loads(row["payload"]),
                at=row["at"],
            )
            for row in rows
        )

    # -- messages ---------------------------------------------------------------------------------------------------

    def message(self, run_id: str, kind: str, key: str) -> StoredMessage | None:
        rows = self._query("select * from messages where run_id = ? and kind = ? and key = ?", [run_id, kind, key])
        return next((StoredMessage(**row) for row in rows), None)

    def messages(self, run_id: str) -> tuple[StoredMessage, ...]:
        rows = self._query("select * from messages where run_id = ? order by kind, key", [run_id])
        return tuple(StoredMessage(**row) for row in rows)

    def named(self, kind: str, key: str) -> tuple[StoredMessage, ...]:
        rows = self._query("select * from messages where kind = ? and key = ? order by run_id", [kind, key])
        return tuple(StoredMessage(**row) for row in rows)

    def save_message(self, message: StoredMessage) -> None:
        with self._writing(BUSY_SECONDS) as db:
            db.execute(
                """
                insert into messages (run_id, kind, key, channel_id, ts, shown_seq, content_hash)
                values (:run_id, :kind, :key, :channel_id, :ts, :shown_seq, :content_hash)
                on conflict (run_id, kind, key) do update set channel_id = excluded.channel_id, ts = excluded.ts,
                    shown_seq = excluded.shown_seq, content_hash = excluded.content_hash
                """,
                message.model_dump(),
            )

    def messages_behind(self) -> tuple[StoredMessage, ...]:
        rows = self._query(
            "select messages.* from messages join runs on runs.id = messages.run_id "
            "where messages.shown_seq < runs.last_seq order by messages.run_id, messages.kind, messages.key"
        )
        return tuple(StoredMessage(**row) for row in rows)

    def untold(self) -> tuple[str, ...]:
        rows = self._query(
            "select runs.id from runs left join messages "
            "on messages.run_id = runs.id and messages.kind = 'run' and messages.key = '' "
            "where finished = 1 and (shown_seq is null or shown_seq < last_seq) order by runs.created_at"
        )
        return tuple(row["id"] for row in rows)

    # -- connections ------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Close every connection. Call it when no thread uses the store any more."""
        self._poster.shutdown()
        with self._lock:
            for connection in self._opened.values():
                connection.close()
            self._opened.clear()
        self._local = threading.local()

    def _db(self, busy_seconds: float | None = None) -> Database:
        """This thread's connection. Only ``close`` touches one from another thread.

        Every statement lets go of the interpreter and queues for it again, so none is made that changes nothing: the
        busy timeout is set where it is another, and reads, which wait for nobody, go with what there is.
        """
        db: Database | None = getattr(self._local, "db", None)
        if db is None:
            connection = sqlite3.connect(
                self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._local.busy_seconds = BUSY_SECONDS
            connection.execute("pragma synchronous = full")
            connection.execute("pragma foreign_keys = on")
            db = self._local.db = Database(connection, execute_plugins=False)
            with self._lock:
                self._close_left_over()
                self._opened[threading.current_thread()] = connection
        if busy_seconds is not None and busy_seconds != self._local.busy_seconds:
            db.conn.execute(f"pragma busy_timeout = {int(busy_seconds * 1000)}")
            self._local.busy_seconds = busy_seconds
        return db

    def _close_left_over(self) -> None:
        """Those of threads that have ended: some pools live for one look at the clusters."""
        for thread in [thread for thread in self._opened if not thread.is_alive()]:
            self._opened.pop(thread).close()

    @contextmanager
    def _writing(self, busy_seconds: float) -> Iterator[Database]:
        """One transaction that takes the write lock at once: a deferred one fails under contention.

        What is written is put together before: while threads compute, each line of Python in here may cost the lock
        many milliseconds.
        """
        db = self._db(busy_seconds)
        if not self._turn.acquire(timeout=busy_seconds):
            raise _busy()
        try:
            _locked_is_temporary(lambda: db.conn.execute("begin immediate"))
            try:
                yield db
            except BaseException:
                db.conn.rollback()
                raise
            _locked_is_temporary(db.conn.commit)
        finally:
            self._turn.release()

    def _query(self, sql: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        db = self._db()
        return list(_locked_is_temporary(lambda: list(db.query(sql, values))))

    def _runs(self, rest: str, values: Sequence[Any]) -> tuple[UpgradeRun, ...]:
        rows = self._query(f"select id, version from runs {rest}", values)  # noqa: S608 -- ``rest`` is ours
        return tuple(self._read(row["id"], row["version"]) for row in rows)

    def _read(self, run_id: str, version: int) -> UpgradeRun:
        """The run, parsed only if it was neither read nor saved here: a version never changes, values are frozen."""
        with self._lock:
            kept = self._kept.get((run_id, version))
            if kept is not None:
                self._kept.move_to_end((run_id, version))
                return kept
        (row,) = self._query("select run, report from runs left join reports on run_id = id where id = ?", [run_id])
        run = UpgradeRun.model_validate_json(row["run"])
        report = Report.model_validate_json(row["report"]) if row["report"] else None
        return self._keep(run.model_copy(update={"report": report}))

    def _report_row(self, run: UpgradeRun) -> list[tuple[str, str | None]]:
        """What is to be written of its report: nothing, when that is the one of the version that is to be changed."""
        with self._lock:
            kept = self._kept.get((run.id, run.version))
        if kept is not None and kept.report is run.report:
            return []
        return [(run.id, run.report.model_dump_json() if run.report else None)]

    def _keep(self, run: UpgradeRun) -> UpgradeRun:
        """Call it under the lock of the file, or for what was read: of two writers only one makes a version."""
        with self._lock:
            self._kept[run.id, run.version] = run
            if len(self._kept) > _KEPT_RUNS:
                self._kept.popitem(last=False)
        return run

    @contextmanager
    def _forgotten_if_it_fails(self, run: UpgradeRun) -> Iterator[None]:
        try:
            yield
        except BaseException:
            with self._lock:
                self._kept.pop((run.id, run.version), None)
            raise

    @contextmanager
    def _one_run_a_cluster(self, db: Database, run: UpgradeRun) -> Iterator[None]:
        try:
            yield
        except sqlite3.IntegrityError as error:
            if "runs.cluster" not in str(error):
                raise
            rows = db.query("select id, run from runs where cluster = ? and holds_cluster = 1", [str(run.cluster)])
            other = next(iter(rows))
            ending = UpgradeRun.model_validate_json(other["run"]).intent is Intent.ABORT
            stands = ", which is being aborted" if ending else ""
            raise RunInProgress(
                f"{run.cluster.name} already has an unfinished run, {other['id']}{stands}.",
                "Wait until it has ended, then start again." if ending else "Wait for it, or abort it first.",
                run_id=other["id"],
            ) from None


def _locked_is_temporary(act: Callable[[], Any]) -> Any:
    try:
        return act()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorname not in ("SQLITE_BUSY", "SQLITE_LOCKED"):
            raise
        raise _busy() from None


def _busy() -> TemporaryError:
    return TemporaryError("The database is busy, so nothing was saved.", "Try again in a moment.")


def _columns(run: UpgradeRun) -> dict[str, Any]:
    finished = run.status.finished
    return {
        "id": run.id,
        "version": run.version,
        "cluster": str(run.cluster),
        "status": run.status.value,
        "finished": int(finished),
        "holds_cluster": int(run.holds_cluster),
        "created_at": _stamp(run.created_at),
        "next_due_at": _stamp(run.next_due_at) if run.next_due_at else None,
        "last_seq": run.last_seq,
        "run": run.model_dump_json(exclude={"report"}),
    }


def _insert_post(db: Database, row: InboxRow) -> bool | Exception:
    """Whether it is new; or what is wrong with it, which is no concern of the others in the same transaction."""
    try:
        found = db.execute(
            "insert into inbox (run_id, kind, actor, origin, payload, at) values (?, ?, ?, ?, ?, ?) "
            "on conflict (origin) do nothing",
            [row.run_id, row.kind, row.actor, row.origin, json.dumps(dict(row.payload)), _stamp(row.at)],
        )
    except sqlite3.IntegrityError as error:
        return error
    return bool(found.rowcount == 1)


def _event_rows(events: Sequence[UpgradeEvent]) -> list[tuple[Any, ...]]:
    return [(event.run_id, event.seq, _stamp(event.at), event.kind.value, event.model_dump_json()) for event in events]


def _log_events(run: UpgradeRun, events: Sequence[UpgradeEvent]) -> None:
    """A line each, once they are committed: which, of what, by whom. What people wrote stays in the events."""
    for event in events:
        about = {"run": run.id, "cluster": str(run.cluster), "seq": event.seq, "step": event.step_id, "by": event.actor}
        _log.info("%s", event.kind.value, extra={key: value for key, value in about.items() if value is not None})


def _stamp(at: datetime) -> str:
    """UTC with microseconds always, so that texts sort as times do."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")
