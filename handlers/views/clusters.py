"""The clusters that the bot looks after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from handlers.views import kit
from handlers.views.kit import Message
from handlers.views.progress import Mark
from handlers.views.text import code, count, duration, esc
from upgrade.eks import ClusterId
from upgrade.run import VersionSeen
from upgrade.service import ConfiguredCluster

#: What to do first, for whoever runs the bot.
_NAME_ONE: Final = (
    "Name one under `clusters` in the bot's settings, or where to find them under `discovery`, and start it again; "
    "`eks-upgrade-bot doctor` says whether it is reached."
)
#: While `discovery` has not answered in full.
LOOKING: Final = f"{Mark.LOOKING} I am still looking for clusters, and not every account has answered yet."
_ASK_AGAIN: Final = (
    "Ask again in a moment. Where it stays so, the log and `eks-upgrade-bot doctor` name who does not answer."
)


def no_cluster(*, looking: bool) -> tuple[str, str]:
    """That there is none, and what to do; ``looking``: that none was found so far."""
    return (LOOKING, _ASK_AGAIN) if looking else ("No cluster is configured.", _NAME_ONE)


def render_clusters(
    clusters: Sequence[ConfiguredCluster], seen: Mapping[ClusterId, VersionSeen], *, looking: bool = False
) -> Message:
    """``seen``: the versions that clusters are known to have; ``looking``: there may be more of them."""
    if not clusters:
        nothing = no_cluster(looking=looking)
        return Message(nothing[0], [kit.section(*nothing)])
    title = count(len(clusters), "cluster")
    more = [kit.context(LOOKING)] if looking else []
    lines = (cluster_line(one, seen.get(one.id)) for one in clusters)
    return Message(title, [kit.section(f"*{title}*"), kit.section(*lines), *more])


def cluster_line(cluster: ConfiguredCluster, seen: VersionSeen | None = None) -> str:
    parts = [f"*{esc(cluster.id.name)}*"]
    if seen is not None:
        parts.append(f"{code(seen.version)} ({duration(seen.age)} ago)")
    parts.append(code(f"{cluster.id.account}/{cluster.id.region}"))
    if cluster.environment:
        parts.append(esc(cluster.environment))
    if cluster.owner:
        parts.append(esc(cluster.owner))
    parts.append(esc(cluster.time_zone))
    line = " · ".join(parts)
    return (
        f"{line}\n      {Mark.LOOKING} check and plan only: {esc(cluster.check_only_reason)}"
        if cluster.check_only
        else line
    )
