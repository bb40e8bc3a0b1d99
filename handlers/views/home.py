"""App Home: what is under way, and the clusters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from handlers.ids import Action
from handlers.views import kit, limits
from handlers.views.calendar import maintenance_line
from handlers.views.clusters import SeenOf, cluster_line
from handlers.views.limits import Block
from handlers.views.runs import LinkOf, run_line
from handlers.views.text import code
from upgrade.calendar import Maintenance
from upgrade.run import UpgradeRun
from upgrade.service import ConfiguredCluster

#: Maintenances that are shown; `calendar` shows all.
_AHEAD: Final = 5


def render_home(
    runs: Sequence[UpgradeRun],
    clusters: Sequence[ConfiguredCluster],
    link_of: LinkOf,
    *,
    command: str,
    startable: bool,
    seen_of: SeenOf = lambda _: None,
    maintenances: Sequence[Maintenance] = (),
) -> Block:
    """``startable``: whether there is a channel where a run that is asked for here can be shown."""
    under_way = [run_line(run, link_of) for run in runs] or ["Nothing is under way."]
    known = [cluster_line(cluster, seen_of(cluster.id)) for cluster in clusters] or ["No cluster is configured."]
    ask = [kit.button("Upgrade a cluster…", Action.DIALOG, "home", style="primary")] if startable else []
    ahead = [maintenance_line(one, link_of) for one in maintenances if one.starts_at][:_AHEAD]
    schedule = f"Nothing is scheduled. In a channel: {code(f'{command} schedule CLUSTER at fri 22:00')}"
    blocks = [
        kit.header("Under way"),
        kit.section(*under_way),
        *kit.actions(ask),
        kit.divider(),
        kit.header("Next maintenances"),
        kit.section(*(ahead or [schedule])),
        kit.divider(),
        kit.header("Clusters"),
        kit.section(*known),
        kit.context(f"In a channel: {code(f'{command} help')}"),
    ]
    return {"type": "home", "blocks": limits.fit_blocks(blocks, limits.BLOCKS_VIEW)}
