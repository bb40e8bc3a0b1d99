"""The schema, as numbered migrations. Never change one that was released; add the next."""

from __future__ import annotations

from sqlite_utils import Database, Migrations

migrations = Migrations("eks-upgrade-bot")


@migrations(name="0001_runs_events_inbox_messages")
def runs_events_inbox_messages(db: Database) -> None:
    """``holds_cluster`` is 1 for every status that is not terminal, but ``scheduled``: one such run a cluster.

    ``consumed_by`` is the version of the run that took the request in; null while it waits.
    """
    db.execute(
        """
        create table runs (
            id text primary key,
            version integer not null,
            cluster text not null,
            status text not null,
            finished integer not null,
            holds_cluster integer not null,
            created_at text not null,
            next_due_at text,
            last_seq integer not null,
            run text not null
        ) strict
        """
    )
    db.execute("create unique index one_run_a_cluster on runs (cluster) where holds_cluster = 1")
    db.execute("create index runs_unfinished on runs (next_due_at) where finished = 0")
    db.execute("create index runs_by_cluster on runs (cluster, created_at)")
    db.execute(
        """
        create table events (
            run_id text not null references runs (id),
            seq integer not null,
            at text not null,
            kind text not null,
            event text not null,
            primary key (run_id, seq)
        ) strict, without rowid
        """
    )
    db.execute(
        """
        create table inbox (
            id integer primary key autoincrement,
            run_id text not null references runs (id),
            kind text not null,
            actor text not null,
            origin text not null unique,
            payload text not null,
            at text not null,
            consumed_by integer
        ) strict
        """
    )
    db.execute("create index inbox_waiting on inbox (run_id, id) where consumed_by is null")
    db.execute(
        """
        create table messages (
            run_id text not null,
            kind text not null,
            key text not null,
            channel_id text not null,
            ts text,
            shown_seq integer not null,
            content_hash text not null,
            primary key (run_id, kind, key)
        ) strict, without rowid
        """
    )


@migrations(name="0002_fleet")
def fleet(db: Database) -> None:
    """What is known of clusters without a run, and who looks at it (``at``: seconds since 1970). It may be lost."""
    db.execute("create table facts (cluster text primary key, facts text not null) strict, without rowid")
    db.execute(
        "create table homes (user text primary key, choice text not null, at real not null) strict, without rowid"
    )


@migrations(name="0003_discovered")
def discovered(db: Database) -> None:
    """Clusters that were found in an account and region, with their tags. It may be lost: they are found again."""
    db.execute("create table discovered (cluster text primary key, found text not null) strict, without rowid")


@migrations(name="0004_reports")
def reports(db: Database) -> None:
    """What the checks found of a run, out of its row: it is most of a run, and few saves change it."""
    db.execute("create table reports (run_id text primary key references runs (id), report text) strict")
    db.execute(
        "insert into reports select id, json_extract(run, '$.report') from runs "
        "where json_type(run, '$.report') = 'object'"
    )
    db.execute("update runs set run = json_remove(run, '$.report')")


KNOWN = frozenset({"0001_runs_events_inbox_messages", "0002_fleet", "0003_discovered", "0004_reports"})
