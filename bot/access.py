"""Who may do what: roles from the settings, people and user groups from Slack, looked up when it counts."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.config import RoleSettings, RolesSettings
from upgrade.eks import ClusterId
from upgrade.ports import Allowed, Refused, Verb
from upgrade.roles import ANYBODY, DECIDE, LOOK, roles_of

log = logging.getLogger(__name__)
T = TypeVar("T")

FRESH_SECONDS: Final = 60.0
#: What counts only when a known person did it: whoever has a shell here has the bot's credentials.
_IN_PERSON: Final = DECIDE | frozenset[Verb]({"lift", "break_glass"})
#: Stopping is the safe side: these accept what was last known when the look-up fails (DESIGN 6).
_STOP: Final = ANYBODY | frozenset[Verb]({"abort"})


class LookupFailed(Exception):
    """Slack could not say who somebody is. ``known``: what it said last time, if it ever did."""

    def __init__(self, known: Any = None) -> None:
        super().__init__("Slack could not be asked")
        self.known = known


@dataclass
class _Cache(Generic[T]):
    """Answers that are good for ``FRESH_SECONDS``; older ones only when nothing better can be had."""

    fetch: Callable[[str], T]
    clock: Callable[[], float] = time.monotonic
    _kept: dict[str, tuple[float, T]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, key: str) -> T:
        """Raises LookupFailed."""
        with self._lock:
            at, known = self._kept.get(key, (0.0, None))
        if known is not None and self.clock() - at <= FRESH_SECONDS:
            return known
        try:
            answer = self.fetch(key)
        except Exception as error:
            log.warning("look-up in Slack failed", exc_info=error, extra={"key": key})
            raise LookupFailed(known) from error
        with self._lock:
            self._kept[key] = (self.clock(), answer)
        return answer


@dataclass(frozen=True)
class Person:
    """What counts of a user: a full member of this workspace, or why not."""

    refusal: str = ""


class SlackDirectory:
    """People and user groups of one workspace, each looked up at most once a minute."""

    def __init__(self, client: WebClient, team: Callable[[], str], clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._team = team
        self._people = _Cache(self._fetch_person, clock)
        self._groups = _Cache(self._fetch_group, clock)

    def person(self, user: str) -> Person:
        """Raises LookupFailed."""
        return self._people.get(user)

    def group(self, group: str) -> frozenset[str]:
        """User ids of its members. Raises LookupFailed."""
        return self._groups.get(group)

    def _fetch_person(self, user: str) -> Person:
        try:
            found: Mapping[str, Any] = self._client.users_info(user=user)["user"]
        except SlackApiError as error:
            if error.response.get("error") in ("user_not_found", "user_not_visible"):
                return Person("I do not know you in this workspace.")
            raise
        if found.get("is_bot") or found.get("deleted"):
            return Person("Bots and former members cannot do that.")
        if found.get("is_restricted") or found.get("is_ultra_restricted") or found.get("is_stranger"):
            return Person("Guests cannot do that.")
        if found.get("team_id") not in (None, self._team()):
            return Person("People of other workspaces cannot do that.")
        return Person()

    def _fetch_group(self, group: str) -> frozenset[str]:
        return frozenset(self._client.usergroups_users_list(usergroup=group)["users"])


class RoleAccess:
    """The roles of the settings.

    Args:
        directory: None without Slack: then only users that are named in the settings have a role.
        cli_users: Slack user by the name of a command-line user; an unmapped one may do everything but decide.
    """

    def __init__(self, roles: RolesSettings, cli_users: Mapping[str, str], directory: SlackDirectory | None) -> None:
        self._roles = roles
        self._cli_users = cli_users
        self._directory = directory

    def allows(self, actor: str, verb: Verb, cluster: ClusterId) -> Allowed | Refused:  # noqa: ARG002 -- the port
        """Roles are the same for all clusters today; what nobody may do to a cluster is the service's to say."""
        if actor.startswith("cli:"):
            name = actor.removeprefix("cli:")
            user = self._cli_users.get(name)
            if user is None:
                return _no(f"{name} is not mapped to anybody in cli_users.") if verb in _IN_PERSON else Allowed()
        else:
            user = actor
        try:
            return self._judge(user, verb, known_only=False)
        except LookupFailed:
            if verb in _STOP:
                return self._judge(user, verb, known_only=True)
            return _no("Slack could not be asked who you are; try again in a minute.")

    def belongs(self, actor: str, to: Sequence[str]) -> bool:
        """As the port says; ids that begin with S are user groups. Raises LookupFailed."""
        user = self._cli_users.get(actor.removeprefix("cli:")) if actor.startswith("cli:") else actor
        if user is None or self._person(user, known_only=False).refusal:
            return False
        groups = [one for one in to if one.startswith("S")]
        return user in to or any(user in self._group(group, known_only=False) for group in groups)

    def _judge(self, user: str, verb: Verb, *, known_only: bool) -> Allowed | Refused:
        person = self._person(user, known_only=known_only)
        if person.refusal:
            return _no(person.refusal)
        wanted = self._roles_for(verb)
        if not wanted or any(self._has(user, role, known_only=known_only) for role in wanted.values()):
            return Allowed()
        *others, last = wanted
        who = tuple(dict.fromkeys(one for role in wanted.values() for one in (*role.groups, *role.users)))
        return Refused(reason=f"That is for the role {' or '.join(filter(None, [', '.join(others), last]))}.", who=who)

    def _roles_for(self, verb: Verb) -> dict[str, RoleSettings]:
        """Roles that carry the verb, as configured; empty when everybody may."""
        viewer = self._roles.viewer
        if verb in LOOK and not (viewer.users or viewer.groups):
            return {}
        return {role: getattr(self._roles, role) for role in roles_of(verb)}

    def _person(self, user: str, *, known_only: bool) -> Person:
        if self._directory is None:
            return Person()
        try:
            return self._directory.person(user)
        except LookupFailed as failed:
            if known_only:
                return failed.known or Person()
            raise

    def _has(self, user: str, role: RoleSettings, *, known_only: bool) -> bool:
        return user in role.users or any(user in self._group(group, known_only=known_only) for group in role.groups)

    def _group(self, group: str, *, known_only: bool) -> frozenset[str]:
        if self._directory is None:
            return frozenset()
        try:
            return self._directory.group(group)
        except LookupFailed as failed:
            if known_only:
                return failed.known or frozenset()
            raise


def _no(reason: str) -> Refused:
    return Refused(reason=reason)
