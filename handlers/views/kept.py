"""The answers to who asks for one run: how it stands, and that its record was sent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from handlers.views import kit
from handlers.views.kit import Message
from handlers.views.run import render_run
from handlers.views.text import code, esc, link
from upgrade.events import UpgradeEvent
from upgrade.records import Form
from upgrade.run import UpgradeRun


def render_standing(
    run: UpgradeRun,
    events: Sequence[UpgradeEvent],
    thread: str | None,
    picture: str | None,
    *,
    owner: str | None = None,
    now: datetime,
) -> Message:
    """The run message as it is now, without its buttons: those are where everybody sees who presses them.

    Args:
        picture: the name of the file that was sent; None when none was.
        owner: of the cluster, as configured.
    """
    whole = render_run(run, events, owner=owner, now=now)
    shown = [
        {key: value for key, value in block.items() if key != "accessory"}
        for block in whole.blocks
        if block["type"] != "actions"
    ]
    more = [link(thread, "Its thread and its buttons")] if thread else []
    more += [f"Its picture {code(picture)} is in your messages with me"] if picture else []
    return Message(whole.text, [*shown, kit.context(" · ".join(more))] if more else shown)


def render_kept(run: UpgradeRun, name: str, sent: bool, form: Form) -> Message:
    """``sent``: False when Slack did not take the file."""
    if sent:
        text = f"The audit pack of {esc(run.cluster.name)} is in your messages with me: {code(name)}."
    else:
        shell = code(f"eks-upgrade-bot export {run.id} --format {form.value} -o {name}")
        text = f"Slack did not take the file. Where the bot runs: {shell}."
    return Message(text, [kit.section(text)])
