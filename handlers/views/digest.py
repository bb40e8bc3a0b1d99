"""The weekly digest: as many messages as it takes, each with a Plan button for every cluster that it names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final

from handlers.ids import Action, encode_request
from handlers.views import kit, limits
from handlers.views.kit import Message
from handlers.views.limits import Block
from handlers.views.progress import Mark
from handlers.views.text import code, count, esc
from upgrade.digest import WITHIN, Digest, DigestLine, Unread
from upgrade.eks import ClusterId
from upgrade.plan import PlanRequest
from upgrade.support import EXTENDED_COST_A_MONTH

#: Clusters over one row of buttons; their lines fit into one section.
_ROW: Final = 15
_LINE: Final = 185
#: Characters that the line takes which says how many clusters are left out.
_LAST_LINE: Final = 250
#: Accounts that are named as unread, and characters for each.
_ACCOUNTS: Final = 8
_ACCOUNT: Final = 300
_PLAN: Final = "*Plan* looks at a cluster now, answers you alone and changes nothing."
_LATER: Final = f"More than {WITHIN[-1]} days left"


@dataclass(frozen=True)
class _Entry:
    heading: str
    line: str
    button: Block


def render_digest(digest: Digest, *, most: int | None = None) -> tuple[Message, ...]:
    """The first stands by itself, the others go on where it ends: each is as long as Slack takes one to be.

    Args:
        most: so many messages; the least urgent clusters are left out then, and counted.
    """
    title = f"Upgrade digest: {count(digest.clusters, 'cluster')}"
    summary = _summary(digest)
    head = [kit.section(f"*{title}*", *summary), *_unread(digest.unread)]
    first, *more = _cut(_pages(digest, limits.size(head)), len(digest.lines), most) or [[]]
    text = "\n".join([title, *summary])
    return Message(text, [*head, *first]), *(Message(f"{title}, continued", page) for page in more)


# -- in short ---------------------------------------------------------------------------------------------------------


def _summary(digest: Digest) -> list[str]:
    lines = [*_how_long(digest)]
    if digest.cost:
        paying = count(sum(bool(line.cost) for line in digest.lines), "cluster is", "clusters are")
        lines.append(
            f"{paying} in extended support: about {digest.cost} dollars a month more than in standard support."
        )
    by_version = sorted(digest.newly, key=lambda offer: (offer.version, offer.region))
    for version, offers in groupby(by_version, key=lambda offer: offer.version):
        lines.append(f"EKS newly offers *{version}* in {esc(', '.join(offer.region for offer in offers))}.")
    return lines


def _how_long(digest: Digest) -> Iterator[str]:
    ends = sum(line.within is not None for line in digest.lines)
    unknown = sum(line.ends_at is None for line in digest.lines)
    whose = "of those that could be looked at" if digest.unread else "of them"
    if digest.unread and not digest.lines and sum(len(one.clusters) for one in digest.unread) == digest.clusters:
        yield "None of them could be looked at."
    elif not ends and not unknown:
        yield f"Support lasts for more than {WITHIN[-1]} days for each {whose}."
    if ends:
        yield f"Support ends within {WITHIN[-1]} days, or is over, for {ends} {whose}."
    if unknown:
        yield f"For how long, EKS does not say for {unknown} {whose}."


def _unread(unread: Sequence[Unread]) -> list[Block]:
    lines = []
    for one in unread[:_ACCOUNTS]:
        names = ", ".join(one.clusters[:5]) + (f" and {len(one.clusters) - 5} more" if len(one.clusters) > 5 else "")
        line = f"{Mark.UNKNOWN} Not looked at in account {code(one.account)}: {esc(names)}. {esc(one.reason)}"
        lines.append(limits.fit(line, _ACCOUNT))
    if len(unread) > _ACCOUNTS:
        lines.append(f"… nor in {count(len(unread) - _ACCOUNTS, 'account')} more.")
    return [kit.section(*lines)] if lines else []


# -- cluster by cluster -----------------------------------------------------------------------------------------------


def _pages(digest: Digest, taken: int) -> list[list[Block]]:
    """As few messages as it takes. ``taken``: what is gone of the first."""
    pages: list[list[Block]] = []
    page: list[_Entry] = []
    for entry in _entries(digest):
        if page and limits.size(_blocks([*page, entry])) > limits.BLOCKS_SIZE - _LAST_LINE - taken:
            pages.append(_blocks(page))
            page, taken = [], 0
        page.append(entry)
    return [*pages, _blocks(page)] if page else pages


def _cut(pages: list[list[Block]], clusters: int, most: int | None) -> list[list[Block]]:
    kept = pages[:most]
    told = sum(len(block["elements"]) for page in kept for block in page if block["type"] == "actions")
    left = [kit.context(f"… and {count(clusters - told, 'cluster')} more, less urgent than these.")]
    return [*kept[:-1], [*kept[-1], *left]] if told < clusters else kept


def _entries(digest: Digest) -> Iterator[_Entry]:
    alike = Counter(line.cluster.name for line in digest.lines)
    for number, line in enumerate(digest.lines):
        name = line.cluster.name if alike[line.cluster.name] == 1 else str(line.cluster)
        text = limits.fit(f"*{esc(name)}* {line.version} · {' · '.join(_what(line, digest.at))}", _LINE)
        yield _Entry(_heading(line), text, _plan_button(line.cluster, name, number))


def _plan_button(cluster: ClusterId, name: str, number: int) -> Block:
    return kit.button(f"Plan {name}", Action.PLAN, encode_request(PlanRequest(cluster=cluster)), key=str(number))


def _blocks(page: Sequence[_Entry]) -> list[Block]:
    blocks: list[Block] = []
    for heading, together in groupby(page, key=lambda entry: entry.heading):
        entries = list(together)
        for start in range(0, len(entries), _ROW):
            row = entries[start : start + _ROW]
            over = [] if start else [f"*{heading}*"]
            blocks += [kit.section(*over, *(one.line for one in row)), *kit.actions([one.button for one in row])]
    return [*blocks, kit.context(_PLAN)]


def _heading(line: DigestLine) -> str:
    if line.ends_at is None:
        return f"{Mark.UNKNOWN} Support unknown"
    if line.within is None:
        return _LATER
    return (
        f"{Mark.WARNING} Support ends within {line.within} days" if line.within else f"{Mark.BLOCKED} Support is over"
    )


def _what(line: DigestLine, now: datetime) -> Iterator[str]:
    """Until when, what then, what it costs now, what is new."""
    support = line.support
    if support is None or line.ends_at is None:
        yield "EKS does not say how long it supports this version"
    else:
        paying = support.is_extended(now)
        kind = "extended" if paying else "standard"
        then = f"{EXTENDED_COST_A_MONTH} dollars a month more" if support.extended and not paying else "EKS moves it"
        if line.ends_at <= now:
            yield f"{kind} support ended {line.ends_at:%Y-%m-%d}: EKS moves it any day"
        else:
            yield f"{kind} support to {line.ends_at:%Y-%m-%d} ({count((line.ends_at - now).days, 'day')}), then {then}"
    if line.cost:
        yield f"{line.cost} dollars a month more now"
    if line.newly:
        yield f"new: {', '.join(map(str, line.newly))}"
