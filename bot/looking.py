"""What check, plan and snapshot share: which cluster is looked at, configured or not, live or saved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click

from bot.config import Settings
from bot.invocation import settings_of
from bot.wiring import account_of, looking_service, settings_with
from handlers.parse import parse
from handlers.words import ClusterCommand, Word
from upgrade.cluster import ClusterSnapshot
from upgrade.eks import ClusterId
from upgrade.errors import UnknownCluster
from upgrade.gateways.identity import Identity, OwnIdentity, ProfileIdentity
from upgrade.plan import NodePolicy, PlanRequest, Scope
from upgrade.service import UpgradeService

region_option = click.option("--region", help="For a cluster that is not configured: its region.")
profile_option = click.option("--profile", help="For a cluster that is not configured: a profile of the AWS files.")
snapshot_option = click.option(
    "--snapshot", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Judge a saved snapshot."
)
REQUEST: Final = "CLUSTER [to VERSION] [only SCOPE] [nodes POLICY]"
words_argument = click.argument("words", nargs=-1, metavar=REQUEST)
#: What may stand in those words, under the help of each command that takes them.
WORDS: Final = f"""\b
VERSION  a minor version, such as 1.36; left out, the next one
SCOPE    {", ".join(Scope)}
POLICY   {", ".join(NodePolicy)}; left out, as the environment says"""
_OPTIONS: Final = ("to", "only", "nodes")


@contextmanager
def looking(
    word: Word, words: Sequence[str], region: str | None, profile: str | None, snapshot: ClusterSnapshot | None
) -> Iterator[tuple[UpgradeService, PlanRequest]]:
    """The service and what is asked of it, also for a cluster that is not configured."""
    if snapshot is not None and (not words or words[0] in _OPTIONS):
        words = (snapshot.cluster.name, *words)
    wanted = parse(" ".join((word, *words)))
    if not isinstance(wanted, ClusterCommand):
        raise click.UsageError("Name one cluster.")
    settings = settings_of()
    if snapshot is not None and wanted.cluster not in (snapshot.cluster.name, str(snapshot.cluster)):
        raise click.UsageError(f"The snapshot is of {snapshot.cluster.name}, not of {wanted.cluster}.")
    cluster = snapshot.cluster if snapshot is not None else _named(settings, wanted.cluster, region, profile)
    if isinstance(cluster, ClusterId) and snapshot is None and region is not None:
        settings = settings_with(settings, cluster, _identity(profile))
    with looking_service(settings) as service:
        found = cluster or service.resolve(wanted.cluster).id
        yield (
            service,
            PlanRequest(cluster=found, target=wanted.target, scope=wanted.scope, node_policy=wanted.node_policy),
        )


def _identity(profile: str | None) -> Identity:
    return ProfileIdentity(name=profile) if profile else OwnIdentity()


def _named(settings: Settings, name: str, region: str | None, profile: str | None) -> ClusterId | None:
    """A cluster by its name and region; None when it is for the configuration to know."""
    if region is None:
        if not (settings.clusters or settings.discovery):
            raise UnknownCluster(f"No cluster named “{name}” is configured.", "Give its --region to look at it anyway.")
        return None
    return ClusterId(account=account_of(_identity(profile), region), region=region, name=name.rpartition("/")[2])


def write(output: Path, text: str) -> None:
    """To be read by the owner only: it tells much of a cluster. Raises click.FileError."""
    try:
        output.touch(mode=0o600)
        output.write_bytes(text.encode())
    except OSError as error:
        raise click.FileError(str(output), error.strerror or "it cannot be written") from None


def read_snapshot(file: Path | None) -> ClusterSnapshot | None:
    return ClusterSnapshot.from_json(file.read_bytes()) if file else None
