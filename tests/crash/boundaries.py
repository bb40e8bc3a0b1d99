"""Names for the moments at which the bot may die: right before and right after each call and each commit.

Everything that the server reaches is wrapped from outside: the engine, the notifier and the listeners run as they are.
"""

from __future__ import annotations

import functools
import os
import re
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any, Final, TypeVar

from slack_sdk import WebClient
from sqlite_utils import Database

from bot.serving import Outside
from tests.sampling import in_sample, share_of
from upgrade.eks import UpdateSubject
from upgrade.gateways.clusters import ConfiguredClusters, Gateways
from upgrade.ports import InboxRow, StoredMessage
from upgrade.run import StepStatus, UpgradeRun
from upgrade.store.sqlite import SqliteStore
from upgrade.versions import AddonVersion, KubernetesVersion

T = TypeVar("T")
Name = Callable[..., str]

#: Die at each boundary at which nobody died yet; with ``K/N`` behind it at those of one share (`part`).
EACH: Final = "each"
#: Of the boundaries that any upgrade has, one in so many is in a share.
ORDINARY: Final = 8
#: Reads of our own database are no boundaries: nothing can differ between the two sides of one.
_COMMITS: Final = frozenset({"create", "save", "post", "save_message"})
#: Each life makes them once as it begins, whatever it finds: there would be as many as there are deaths.
_OF_A_START: Final = frozenset({"apps.connections.open"})
#: A call is repeated until somebody acknowledges: each time anew would be a boundary without end.
_REPEATED: Final = re.compile(r"again-\d+")
_QUIET: Final = frozenset({StepStatus.PENDING, StepStatus.DONE, StepStatus.SKIPPED})


class Boundaries:
    """Counts boundaries, and kills this process with SIGKILL at the one that is meant.

    Args:
        folder: where `passed` lists the boundaries of all lives, and `deaths` those at which a life ended.
        at: a number (the Nth boundary of this life), the beginning of a name (``before aws update_addon coredns``, with
            ``#2`` for its second time), `EACH`, `part`, or empty for none.
    """

    def __init__(self, folder: Path, at: str = "") -> None:
        self._passed = (folder / "passed").open("a", buffering=1)
        self._deaths = (folder / "deaths").open("a+")
        self._deaths.seek(0)
        self._died_at = set(self._deaths.read().splitlines())
        kind, _, share = at.partition(" ")
        self._each, self._share = kind == EACH, share
        self._number = int(at) if at.isdecimal() else 0
        self._name, _, times = at.partition("#")
        self._times = int(times or 1)
        self._count = self._count_of_name = 0
        self._lock = threading.Lock()
        #: Where the run stands, so that the same call at another point of the story is another boundary: its status,
        #: which is all that counts for what tells people, and its steps.
        self.stage = ("nowhere", "")

    def around(self, name: str, act: Callable[[], T]) -> T:
        self.reach(f"before {name}")
        try:
            return act()
        finally:
            self.reach(f"after {name}")

    def reach(self, name: str) -> None:
        with self._lock:
            status, steps = self.stage
            stage = status if _tells(name) else f"{status} {steps}"
            place = _REPEATED.sub("again", f"{name} @ {stage}".strip())
            self._count += 1
            self._passed.write(f"{self._count} {place}\n")
            if self._meant(name, place):
                self._deaths.write(f"{place}\n")
                self._deaths.flush()
                self._passed.flush()
                os.kill(os.getpid(), signal.SIGKILL)

    def _meant(self, name: str, place: str) -> bool:
        if self._each:
            return place not in self._died_at and (not self._share or in_share(place, self._share))
        if self._number or not self._name:
            return self._count == self._number
        self._count_of_name += name.startswith(self._name)
        return name.startswith(self._name) and self._count_of_name == self._times


def part(number: int, of: int) -> str:
    """Where to die: at each boundary of that share, counted from 0, of so many."""
    return f"{EACH} {number}/{of}"


def in_share(place: str, share: str) -> bool:
    """All that is told to people or decided is in one share or another; of what any upgrade does besides, a sample."""
    number, _, of = share.partition("/")
    chosen = not _ordinary(place.partition(" @ ")[0]) or in_sample(place, ORDINARY)
    return chosen and share_of(place, int(of)) == int(number)


def _tells(name: str) -> bool:
    """A call to Slack, or a row of a message: as many entries are told as there are steps, all in one way."""
    _, room, *words = name.split()
    return room == "slack" or (room == "commit" and "message" in words)


def _ordinary(name: str) -> bool:
    """Looks at AWS and Kubernetes, and the run's message with its story."""
    _, room, *words = name.split()
    looks = room == "kube" or (room == "aws" and not words[0].startswith("update_"))
    story = words[-1:] in (["run"], ["entry"]) or words[:2] in (["run", "message"], ["entry", "message"])
    return looks or story or words[0] in ("chat.update", "step-progressed") or room == "create"


def wrapped(outside: Outside, boundaries: Boundaries) -> Outside:
    """The same, with two boundaries around each commit and each call."""
    _wrap(outside.store, boundaries, _commit_of, only=_COMMITS)
    _tell_stages(outside.store, boundaries)
    _wrap_clusters(outside.clusters, boundaries)
    for webhook in outside.webhooks:
        _wrap(webhook, boundaries, _delivery_of)
    return outside


def wrap_migrations(boundaries: Boundaries) -> None:
    """Two boundaries around each table and index that is made."""
    execute = Database.execute

    def around(self: Database, sql: str, *values: Any) -> Any:
        words = sql.split()
        if words[:1] != ["create"]:
            return execute(self, sql, *values)
        return boundaries.around(" ".join(words[:4]).partition("(")[0].strip(), lambda: execute(self, sql, *values))

    Database.execute = around  # type: ignore[method-assign, assignment]


def _wrap(target: object, boundaries: Boundaries, name: Name, *, only: frozenset[str] = frozenset()) -> None:
    """Give an object a class of its own whose public methods go through boundaries."""
    kind = type(target)
    methods = {
        key: _around(method, boundaries, functools.partial(name, key))
        for key, method in vars(kind).items()
        if isinstance(method, FunctionType) and not key.startswith("_") and (not only or key in only)
    }
    object.__setattr__(target, "__class__", type(kind.__name__, (kind,), methods))  # also where it is frozen


def _around(method: FunctionType, boundaries: Boundaries, name: Name) -> Callable[..., Any]:
    @functools.wraps(method)  # also carries over the permissions that a gateway's method declares
    def around(self: Any, *values: Any, **named: Any) -> Any:
        return boundaries.around(name(*values, **named), lambda: method(self, *values, **named))

    return around


# -- names ----------------------------------------------------------------------------------------------------------


def _commit_of(method: str, *values: Any, **_: Any) -> str:
    match values:
        case (StoredMessage(kind=kind, key=key, ts=ts), *_):
            return f"commit {kind} message {'shown' if ts else 'begun'} {_which(key)}".strip()
        case (InboxRow(kind=kind), *_):
            return f"commit {kind}"
        case (_, events, *_):
            told = " ".join(f"{event.kind} {event.step_id or ''}".strip() for event in events)
            return f"commit {told or 'nothing told'}"
    return f"commit {method}"


def _which(key: str) -> str:
    """What tells messages of one kind apart, without what differs from tale to tale: ``person``, ``3h``, ``event``."""
    head, _, last = key.partition("@")[0].rpartition(":")
    return head if last.isdecimal() else last


def _call_of(room: str, method: str, *values: Any, **named: Any) -> str:
    asked = values[1:] if method == "describe_update" else values
    words = [_word(value) for value in (*asked, named.get("namespace"), named.get("version"))]
    return " ".join([room, method, *filter(None, words)])


def _delivery_of(_method: str, *values: Any, **_: Any) -> str:
    (page,) = values
    return f"webhook {page.action} {page.id.rpartition(':')[2]}"


def _word(value: Any) -> str:
    match value:
        case UpdateSubject(kind=kind, name=name):
            return f"{kind}/{name}" if name else kind
        case str():
            return value
        case KubernetesVersion() | AddonVersion():
            return str(value)
        case [str() as one]:
            return one
    return ""


# -- rooms ----------------------------------------------------------------------------------------------------------


def _tell_stages(store: SqliteStore, boundaries: Boundaries) -> None:
    """Note where the run stands whenever it is read or saved."""
    load, save = store.load, store.save

    def noted(run: UpgradeRun) -> UpgradeRun:
        going = [f"{step_id} {state.status}" for step_id, state in run.steps.items() if state.status not in _QUIET]
        settled = sum(state.status in (StepStatus.DONE, StepStatus.SKIPPED) for state in run.steps.values())
        boundaries.stage = (run.status, " ".join([f"{settled} settled", *going]))
        return run

    vars(store)["load"] = lambda *values: noted(load(*values))
    vars(store)["save"] = lambda *values, **named: noted(save(*values, **named))


def _wrap_clusters(clusters: ConfiguredClusters, boundaries: Boundaries) -> None:
    """Gateways are made when they are first asked for, and kept."""
    lock = threading.Lock()
    known: set[int] = set()

    def wrapping(make: Callable[..., Gateways]) -> Callable[..., Gateways]:
        def made(*values: Any, **named: Any) -> Gateways:
            gateways = make(*values, **named)
            with lock:
                for room, gateway in zip(("aws", "kube"), gateways, strict=True):
                    if id(gateway) not in known:
                        known.add(id(gateway))
                        _wrap(gateway, boundaries, functools.partial(_call_of, room))
            return gateways

        return made

    vars(clusters)["reading"] = wrapping(clusters.reading)
    vars(clusters)["changing"] = wrapping(clusters.changing)


def wrap_slack(boundaries: Boundaries) -> None:
    """Two boundaries around each call to Slack, by whichever client: deliveries, look-ups, dialogs, answers."""
    call = WebClient.api_call

    def around(self: WebClient, api_method: str, **named: Any) -> Any:
        if api_method in _OF_A_START:
            return call(self, api_method, **named)
        sent = named.get("json") or named.get("params") or {}
        metadata = sent.get("metadata") or {}
        told = metadata.get("event_payload", {}) if isinstance(metadata, dict) else {}
        name = " ".join(["slack", api_method, told.get("kind", ""), _which(told.get("key", ""))])
        return boundaries.around(" ".join(name.split()), lambda: call(self, api_method, **named))

    WebClient.api_call = around  # type: ignore[method-assign, assignment]
