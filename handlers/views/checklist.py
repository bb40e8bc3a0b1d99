"""What people look after because no program can see it: what is left, what is ticked, and by whom."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from handlers.views import kit
from handlers.views.limits import Block
from handlers.views.progress import Mark
from handlers.views.text import count, esc, link, person
from upgrade.plan import ChecklistItem, UpgradePlan
from upgrade.run import Tick, UpgradeRun

#: Links that fit into one block of small print.
_TOGETHER: Final = 8


def checklist_blocks(plan: UpgradePlan, ticks: Sequence[Tick] = ()) -> list[Block]:
    """The titles with a link to read more: what is left, then what each person ticked."""
    by = {tick.item: tick.by for tick in ticks}
    left = [item for item in plan.checklist if item.id not in by]
    return [*_together(f"{Mark.PENDING} To look after", left), *ticked_blocks(plan, ticks)]


def ticked_blocks(plan: UpgradePlan, ticks: Sequence[Tick]) -> list[Block]:
    blocks = []
    for by, items in _ticked(plan, ticks):
        blocks += _together(f"{Mark.DONE} Ticked by {person(by)}", items)
    return blocks


def progress_blocks(run: UpgradeRun) -> list[Block]:
    """Who ticked how much: all of it is in the dialog behind Approve. Where that asks for nothing, the list itself."""
    if run.plan is None:
        return []
    if run.policy.checklist == "shown":
        return checklist_blocks(run.plan, run.ticks)
    ticked = _ticked(run.plan, run.ticks)
    told = [f"{Mark.DONE} {count(len(items), 'item')} of the check list ticked by {person(by)}" for by, items in ticked]
    return [kit.context(" · ".join(told))] if told else []


def _ticked(plan: UpgradePlan, ticks: Sequence[Tick]) -> Iterator[tuple[str, list[ChecklistItem]]]:
    """Who ticked which items of this plan."""
    for by in dict.fromkeys(tick.by for tick in ticks):
        theirs = {tick.item for tick in ticks if tick.by == by}
        if items := [item for item in plan.checklist if item.id in theirs]:
            yield by, items


def _together(head: str, items: Sequence[ChecklistItem]) -> list[Block]:
    """Small print; in several blocks, since a link is long and a block is not."""
    titles = [link(item.link, item.title) for item in items]
    parts = [titles[start : start + _TOGETHER] for start in range(0, len(titles), _TOGETHER)]
    return [kit.context(f"{head}: {' · '.join(part)}") for part in parts]


def item_line(item: ChecklistItem) -> str:
    """What is true once somebody has looked, and where to read more."""
    return f"*{esc(item.title)}*: {esc(item.sentence)} {link(item.link, 'Read more')}"


def item_titles(plan: UpgradePlan | None, item_ids: Iterable[str]) -> str:
    """Items as people know them, by their ids; an id that is not of this plan any more stays as it is."""
    titles = {item.id: item.title for item in plan.checklist} if plan else {}
    return esc("; ".join(titles.get(item_id, item_id) for item_id in item_ids))
