"""WATCH: the change log of the store, turned into the events that one watcher asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sandbox.kube.answers import Form, encode, negotiate
from sandbox.kube.reading import Kind, select
from sandbox.kube.requests import Asked
from sandbox.kube.selectors import Match
from sandbox.kube.status import Refused, bad_request
from sandbox.kube.tables import only_metadata, render_table
from sandbox.world.objects import Change, Json

DEFAULT_TIMEOUT = 1800.0
BOOKMARK_EVERY = 60.0


@dataclass(frozen=True, slots=True)
class Event:
    """One watch event before it is put into form."""

    type: str
    object: Json


class Watch:
    """One watcher: what it asked for and how far it has seen. Knows nothing of HTTP.

    Raises Refused (400) for parameters that cannot be.
    """

    def __init__(self, asked: Asked, kind: Kind) -> None:
        self.asked = asked
        self.kind = kind
        self.seen = 0
        """Resource version up to which the log has been looked at."""
        self.timeout = float(asked.number("timeoutSeconds") or DEFAULT_TIMEOUT)
        self.bookmarks = asked.flag("allowWatchBookmarks")
        self.wants_initial_list = asked.flag("sendInitialEvents")
        if self.wants_initial_list and asked.query.get("resourceVersionMatch") != "NotOlderThan":
            raise bad_request("sendInitialEvents is forbidden for watch unless resourceVersionMatch is NotOlderThan")
        self._matches: Match | None = select(asked, kind.served)
        self._form: Form = negotiate(asked.accept)
        self._headed = False

    @property
    def begins_with_list(self) -> bool:
        """Whether the present objects come first, as ADDED events."""
        return self.wants_initial_list or self.asked.query.get("resourceVersion", "") in ("", "0")

    def begin(self, items: Iterable[Json], resource_version: int, now: datetime) -> bytes:
        """The events of the present state; from here on the watcher follows the log."""
        self.seen = resource_version
        chosen = [Event("ADDED", item) for item in items if self._matches is None or self._matches(item)]
        told = self._write(chosen, now)
        return told + self.bookmark(now, ends_initial_list=True) if self.wants_initial_list else told

    def follow(self, changes: Iterable[Change], resource_version: int, now: datetime) -> bytes:
        """The events of these changes; `resource_version` is the store's after them."""
        self.seen = resource_version
        return self._write(self._events(changes), now)

    def bookmark(self, now: datetime, *, ends_initial_list: bool = False) -> bytes:
        """A BOOKMARK at what was seen."""
        metadata: Json = {"resourceVersion": str(self.seen), "creationTimestamp": None}
        if ends_initial_list:
            metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
        resource = self.kind.served.resource
        mark = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": metadata}
        return self._write([Event("BOOKMARK", mark)], now)

    def error(self, refused: Refused) -> bytes:
        """The ERROR event with which a watch ends, for example one that asks for what the log no longer has."""
        return encode({"type": "ERROR", "object": refused.status()}) + b"\n"

    def _events(self, changes: Iterable[Change]) -> Iterator[Event]:
        for change in changes:
            if self._matches is None:
                yield Event(change.type, change.object)
                continue
            now_in = change.type != "DELETED" and self._matches(change.object)
            was_in = change.before is not None and self._matches(change.before)
            if now_in:
                yield Event("MODIFIED" if was_in else "ADDED", change.object)
            elif was_in:  # it went out of the selection: for this watcher it is gone
                yield Event("DELETED", change.object)

    def _write(self, events: Iterable[Event], now: datetime) -> bytes:
        return b"".join(encode({"type": event.type, "object": self._dress(event, now)}) + b"\n" for event in events)

    def _dress(self, event: Event, now: datetime) -> Json:
        item = self.kind.dressed(event.object)
        if self._form == "metadata":
            return only_metadata(item)
        if self._form == "object":
            return item
        metadata = {"resourceVersion": item["metadata"]["resourceVersion"]}
        headed, self._headed = not self._headed, True
        if event.type == "BOOKMARK":
            return render_table(self.kind.columns, [], metadata, now, "None", headed=headed)
        include = self.asked.query.get("includeObject", "") or "Metadata"
        return render_table(self.kind.columns, [item], metadata, now, include, headed=headed)
