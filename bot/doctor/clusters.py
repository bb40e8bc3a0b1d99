"""AWS and Kubernetes, cluster by cluster and role by role, over the very gateways that a run uses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final, Literal

from bot.config import ClusterSettings, ReadinessSettings, Settings
from bot.doctor import aws, kubernetes
from bot.doctor.verdicts import Verdict, fix, note, ok
from upgrade.engine.readiness import ASKED_WITH
from upgrade.errors import UpgradeError
from upgrade.gateways.aws.sessions import AwsSession, AwsSessions
from upgrade.gateways.clusters import ConfiguredCluster, ConfiguredClusters, Gateways
from upgrade.gateways.identity import Identity, OwnIdentity, ProfileIdentity
from upgrade.gateways.permissions import CHANGE_ACTIONS, CHOSEN, OPTIONAL_ACCESSES, OPTIONAL_ACTIONS, READ_ACTIONS

#: Name of the session and SourceIdentity when the change role is tried.
WHO: Final = "eks-upgrade-bot-doctor"
#: AWS refuses signatures that are five minutes off; a clock that drifts gets there.
MOST_SKEW: Final = timedelta(seconds=60)
_AT_ONCE: Final = 8


def examine_clusters(settings: Settings) -> Iterator[Verdict]:
    if not settings.clusters:
        return
    sessions = AwsSessions()
    own = _Own(sessions, settings)
    yield from own.examine()
    names = [cluster.name for cluster in settings.clusters]
    made = [
        _Examination(cluster, sessions, own, settings.readiness, full_name=names.count(cluster.name) > 1)
        for cluster in settings.clusters
    ]
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="doctor") as pool:
        for verdicts in pool.map(_Examination.run, made):
            yield from verdicts


class _Own:
    """The bot's own identity: who assumes every role."""

    def __init__(self, sessions: AwsSessions, settings: Settings) -> None:
        self._session = sessions.session(OwnIdentity(), settings.clusters[0].region)
        identities = [one for cluster in settings.clusters for one in (cluster.read_role, cluster.change_role) if one]
        self.needed = any(not isinstance(one, ProfileIdentity) for one in identities)
        self.arn = ""

    def examine(self) -> Iterator[Verdict]:
        if not self.needed:
            return
        try:
            yield from self._clock()
            self.arn = self._session.principal_arn()
        except UpgradeError as error:
            yield aws.trouble("aws", error)
        else:
            yield ok("aws", "aws", f"the bot's own identity is {self.arn}.")

    def _clock(self) -> Iterator[Verdict]:
        skew = self._session.clock_skew()
        if abs(skew) > MOST_SKEW:
            direction = "ahead of" if skew > timedelta(0) else "behind"
            yield fix(
                "aws-clock",
                "aws",
                f"this machine's clock is {abs(skew).total_seconds():.0f} seconds {direction} AWS's.",
                "timedatectl set-ntp true (on the node, for a container)",
            )


@dataclass(frozen=True)
class _Role:
    """One of the two identities that a cluster may have."""

    kind: Literal["read", "change"]
    identity: Identity


class _Examination:
    """One cluster under both of its roles."""

    def __init__(
        self,
        cluster: ClusterSettings,
        sessions: AwsSessions,
        own: _Own,
        readiness: ReadinessSettings,
        *,
        full_name: bool,
    ) -> None:
        self._cluster = cluster
        self._readiness = readiness
        self._sessions = sessions
        self._own = own
        self._name = str(cluster.id) if full_name else cluster.name

    def run(self) -> list[Verdict]:
        roles = [_Role("read", self._cluster.read_role)]
        if self._cluster.change_role is not None:
            roles.append(_Role("change", self._cluster.change_role))
        return [verdict for role in roles for verdict in self._role(role)]

    def _role(self, role: _Role) -> Iterator[Verdict]:
        subject = f"{self._name} ({role.kind} role)"
        if not self._own.arn and not isinstance(role.identity, ProfileIdentity):
            yield note("aws-not-tried", subject, "not looked at: the bot has no working identity of its own.")
            return
        cluster = self._cluster
        reachable = ConfiguredClusters(
            [ConfiguredCluster(id=cluster.id, read=cluster.read_role, change=role.identity, reach=cluster.reach)],
            self._sessions,
        )
        try:
            if role.kind == "read":
                gateways = reachable.reading(cluster.id)
            else:
                gateways = reachable.changing(cluster.id, run_id=WHO, requester=WHO)
            yield from self._under(role, subject, gateways)
        except UpgradeError as error:
            yield aws.trouble(subject, error, role.identity, self._own.arn)
        finally:
            reachable.close()

    def _under(self, role: _Role, subject: str, gateways: Gateways) -> Iterator[Verdict]:
        gateway, kube = gateways
        caller = gateway.caller_identity()
        if caller.account != self._cluster.account:
            yield aws.wrong_account(subject, caller, self._cluster)
            return
        yield ok("aws-identity", subject, f"{caller.arn}.")
        session = self._session(role)
        principal = session.principal_arn()
        yield from self._permissions(role, subject, principal)
        try:
            control_plane = gateway.describe_cluster()
        except UpgradeError as error:
            yield aws.no_cluster(subject, error, self._cluster, role.identity)
            return
        for_checks = self._for_checks(OPTIONAL_ACCESSES) if role.kind == "read" else {}
        place = kubernetes.Place(subject, self._cluster, control_plane, principal, for_checks)
        yield from kubernetes.examine(kube, place, partial(gateway.has_access_entry, caller.arn))

    def _session(self, role: _Role) -> AwsSession:
        if role.kind == "read":
            return self._sessions.session(role.identity, self._cluster.region)
        return self._sessions.session(role.identity, self._cluster.region, name=WHO, source_identity=WHO)

    def _permissions(self, role: _Role, subject: str, principal: str) -> Iterator[Verdict]:
        """The role is judged by itself for what it reads, and by the read role for what it changes, as checks do."""
        checks = self._for_checks(OPTIONAL_ACTIONS) if role.kind == "read" else {}
        needed = (*READ_ACTIONS, *(checks if role.kind == "read" else CHANGE_ACTIONS))
        judged = None if role.kind == "read" else role.identity
        judging = ConfiguredClusters(
            [ConfiguredCluster(id=self._cluster.id, read=self._cluster.read_role, change=judged)], self._sessions
        )
        try:
            denied = judging.reading(self._cluster.id)[0].denied_actions(needed)
        except UpgradeError as error:
            yield aws.not_judged(subject, error, self._cluster.read_role)
            return
        finally:
            judging.close()
        for action in denied:
            if action in checks:
                yield aws.denied_to_checks(subject, action, checks[action], principal)
            else:
                yield aws.denied(subject, action, principal, role.kind)
        if not denied:
            yield ok("aws-permissions", subject, "it has every IAM permission that it needs.")

    def _for_checks(self, optional: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
        """What only checks need, and the facts that stay unknown without; not those that nobody chose to look at."""
        wanted = {
            action: [fact for fact in facts if fact not in CHOSEN or getattr(self._readiness, CHOSEN[fact])]
            for action, facts in optional.items()
        }
        return {action: [*facts, *_asked_with(facts)] for action, facts in wanted.items() if facts}


def _asked_with(facts: Sequence[str]) -> list[str]:
    return [fact for fact, others in ASKED_WITH.items() if fact not in facts and not set(others).isdisjoint(facts)]
