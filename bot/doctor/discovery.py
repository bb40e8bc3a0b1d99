"""The accounts and regions in which clusters are found: looked into as the server does."""

from __future__ import annotations

from collections.abc import Generator

from bot.config import Settings
from bot.discovery import looks_of, with_discovered
from bot.doctor import aws
from bot.doctor.verdicts import Verdict, fix, note, ok
from upgrade.discovery import DiscoveredCluster, Place
from upgrade.eks import ClusterId
from upgrade.errors import NotPermitted, UpgradeError
from upgrade.gateways.aws.discovery import ClusterFinder
from upgrade.gateways.aws.sessions import AwsSessions
from upgrade.gateways.identity import OwnIdentity, RoleIdentity


def examine_discovery(settings: Settings) -> Generator[Verdict, None, Settings]:
    """Returns the settings with the clusters that were found, so that they are examined like the others."""
    sessions = AwsSessions()
    found: dict[ClusterId, DiscoveredCluster] = {}
    finder = ClusterFinder(sessions)
    for identity, place in looks_of(settings):
        subject = f"discovery in {place}"
        try:
            there = finder.clusters(identity, place)
        except UpgradeError as error:
            yield _not_looked(subject, error, identity, _own_arn(sessions, place))
            continue
        found |= {one.id: one for one in there}
        taken = with_discovered(settings.model_copy(update={"clusters": ()}), there).clusters
        yield ok("discovery", subject, f"{len(there)} cluster(s), {len(taken)} of them with the tags.")
        for one in taken:
            if one.environment and one.environment not in settings.environments:
                yield note(
                    "discovery-environment",
                    str(one.id),
                    f"its environment “{one.environment}” is not among environments: it is checked and planned only.",
                    "name it under environments, or correct the tag",
                )
    return with_discovered(settings, found.values())


def _not_looked(subject: str, error: UpgradeError, identity: RoleIdentity, own: str) -> Verdict:
    permission = str(getattr(error, "permission", None) or "")
    if isinstance(error, NotPermitted) and permission.startswith("eks:"):
        remedy = aws.put_policy(identity.arn, "read")
        return fix("aws-permission", subject, f"{identity.arn} lacks {permission}.", remedy)
    return aws.trouble(subject, error, identity, own)


def _own_arn(sessions: AwsSessions, place: Place) -> str:
    try:
        return sessions.session(OwnIdentity(), place.region).principal_arn()
    except UpgradeError:
        return "the bot's own identity"
