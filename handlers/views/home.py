"""App Home: what waits for this person, what is under way, what is ahead, and the fleet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from handlers.ids import Action, HomeChoice, environment_key
from handlers.views import kit, limits
from handlers.views.calendar import maintenance_line
from handlers.views.clusters import LOOKING
from handlers.views.fleet import Page, Row, needs_attention, page_of, row_lines, rows_of
from handlers.views.limits import Block
from handlers.views.runs import LinkOf, run_line
from handlers.views.text import code, count, esc
from upgrade.calendar import Maintenance
from upgrade.fleet import ClusterFacts
from upgrade.run import UpgradeRun
from upgrade.service import ConfiguredCluster

#: Maintenances that are shown; `calendar` shows all.
_AHEAD: Final = 5
EVERYTHING: Final = "all"


@dataclass(frozen=True)
class Board:
    """What App Home is drawn from.

    Args:
        mine: runs that wait for an approval of whoever looks.
        runs: those that are not finished, oldest first.
        recent: the newest that are.
        startable: whether there is a channel where a run that is asked for here can be shown.
        looking: whether there may be more clusters than these.
    """

    now: datetime
    clusters: Sequence[ConfiguredCluster] = ()
    facts: Sequence[ClusterFacts] = ()
    mine: Sequence[UpgradeRun] = ()
    runs: Sequence[UpgradeRun] = ()
    recent: Sequence[UpgradeRun] = ()
    maintenances: Sequence[Maintenance] = ()
    command: str = "/eks-upgrade"
    startable: bool = True
    looking: bool = False


def render_home(board: Board, link_of: LinkOf, choice: HomeChoice | None = None) -> Block:
    """At most a hundred blocks, whatever the number of clusters; ``choice`` comes back as the view's metadata."""
    rows = rows_of(board.clusters, board.facts, board.runs, board.maintenances)
    choice = _still_there(choice or HomeChoice(), rows)
    page = page_of(rows, choice, board.now)
    blocks = [
        *_mine(board, link_of),
        *_under_way(board, link_of),
        *_ahead(board, link_of),
        kit.header("Clusters"),
        *(_fleet(board, rows, page, choice, link_of) if rows else _no_cluster(looking=board.looking)),
        *_recent(board, link_of),
        kit.context(f"In a channel: {code(f'{board.command} help')}"),
    ]
    chosen = replace(choice, page=page.number).encode()
    return {"type": "home", "private_metadata": chosen, "blocks": limits.fit_blocks(blocks, limits.BLOCKS_VIEW)}


def render_closed_home(reason: str) -> Block:
    """For somebody who may not look."""
    return {"type": "home", "private_metadata": "", "blocks": [kit.section(esc(reason))]}


def _still_there(choice: HomeChoice, rows: Sequence[Row]) -> HomeChoice:
    """An environment that has no cluster any more is no choice."""
    keys = {environment_key(row.cluster.environment) for row in rows}
    return choice if choice.environment in keys else replace(choice, environment="")


# -- runs -----------------------------------------------------------------------------------------------------------


def _mine(board: Board, link_of: LinkOf) -> list[Block]:
    if not board.mine:
        return []
    lines = [run_line(run, link_of, board.now) for run in board.mine]
    return [kit.header("Needs your approval"), kit.section(*lines), kit.divider()]


def _under_way(board: Board, link_of: LinkOf) -> list[Block]:
    lines = [run_line(run, link_of, board.now) for run in board.runs]
    ask = [kit.button("Upgrade a cluster…", Action.DIALOG, "home", style="primary")]
    buttons = kit.actions(ask) if board.startable and board.clusters else []
    return [kit.header("Under way"), kit.section(*(lines or ["Nothing is under way."])), *buttons, kit.divider()]


def _ahead(board: Board, link_of: LinkOf) -> list[Block]:
    ahead = [maintenance_line(one, link_of) for one in board.maintenances if one.starts_at][:_AHEAD]
    how = f"Nothing is scheduled. In a channel: {code(f'{board.command} schedule CLUSTER at fri 22:00')}"
    return [kit.header("Next maintenances"), kit.section(*(ahead or [how])), kit.divider()]


def _recent(board: Board, link_of: LinkOf) -> list[Block]:
    lines = [run_line(run, link_of) for run in board.recent]
    return [kit.divider(), kit.header("Recent"), kit.section(*lines)] if lines else []


# -- the fleet ------------------------------------------------------------------------------------------------------


def _no_cluster(*, looking: bool) -> list[Block]:
    if looking:
        return [kit.section(LOOKING, "This page shows them as soon as they are found.")]
    how = (
        "Whoever runs me names them under `clusters` in my configuration, or where to find them under `discovery`, and "
        "tries with `eks-upgrade-bot doctor` whether I reach them."
    )
    return [kit.section("No cluster is configured yet.", how)]


def _fleet(board: Board, rows: Sequence[Row], page: Page, choice: HomeChoice, link_of: LinkOf) -> list[Block]:
    return [
        kit.section(_summary(board, rows), *([LOOKING] if board.looking else [])),
        *kit.actions([_show_select(choice), *_environment_select(rows, choice)]),
        *([_row(board, row, link_of) for row in page.rows] or [kit.section(_nothing_found(choice))]),
        *_turning(page),
    ]


def _summary(board: Board, rows: Sequence[Row]) -> str:
    """``12 clusters · 3 need attention · $730 a month for extended support``."""
    needing = sum(needs_attention(row, board.now) for row in rows)
    cost = sum(row.facts.extended_cost_a_month(board.now) for row in rows)
    needs = f"{needing} {'needs' if needing == 1 else 'need'} attention" if needing else "none needs attention"
    return " · ".join(
        [f"*{count(len(rows), 'cluster')}*", needs, *([f"${cost:,} a month for extended support"] if cost else [])]
    )


def _row(board: Board, row: Row, link_of: LinkOf) -> Block:
    free = row.run is None and board.startable
    button = kit.button("Check, plan…", Action.DIALOG, str(row.cluster.id)) if free else None
    return kit.section(*row_lines(row, board.now, link_of(row.run.id) if row.run else None), button=button)


def _nothing_found(choice: HomeChoice) -> str:
    return "No cluster here needs attention." if choice.attention else "No cluster here."


def _show_select(choice: HomeChoice) -> Block:
    options = [kit.option("All clusters", EVERYTHING), kit.option("What needs attention", "attention")]
    return kit.choice(Action.HOME_SHOW, options, options[int(choice.attention)])


def _environment_select(rows: Sequence[Row], choice: HomeChoice) -> list[Block]:
    """Nothing when there is nothing to choose."""
    names = sorted({row.cluster.environment for row in rows}, key=lambda name: (name is None, name))
    if len(names) < 2:
        return []
    every = kit.option("All environments", EVERYTHING)
    options = {environment_key(one): kit.option(one or "No environment", environment_key(one)) for one in names}
    return [
        kit.choice(Action.HOME_ENVIRONMENT, [every, *options.values()], options.get(choice.environment, every)),
    ]


def _turning(page: Page) -> list[Block]:
    if page.of == 1:
        return []
    buttons = []
    if page.number > 0:
        buttons.append(kit.button("Previous", Action.HOME_PAGE, str(page.number - 1), key="back"))
    if page.number < page.of - 1:
        left = page.found - page.first - len(page.rows) + 1
        buttons.append(
            kit.button(f"Next {min(left, len(page.rows))}", Action.HOME_PAGE, str(page.number + 1), key="on")
        )
    last = page.first + len(page.rows) - 1
    return [*kit.actions(buttons), kit.context(f"{page.first} to {last} of {page.found}")]
