"""`digest`: every cluster looked at now, for whoever asks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from handlers.conversation import Caller, Conversation
from handlers.errors import explain
from handlers.views import limits
from handlers.views.digest import render_digest
from handlers.views.kit import Message
from handlers.views.runs import render_looking_at_all
from upgrade.digest import Digest
from upgrade.errors import UpgradeError

Tell = Callable[[Message], None]


def make_digest(talk: Conversation, caller: Caller, tell: Tell) -> None:
    """Say that the clusters are looked at, and begin it. The digest comes later, from a worker thread."""
    clusters = [cluster.id for cluster in talk.service.clusters()]
    talk.permit(caller.user, "check", clusters)
    tell(render_looking_at_all(len(clusters)))
    talk.service.digest(partial(_tell_digest, talk, caller, tell))


def _tell_digest(talk: Conversation, caller: Caller, tell: Tell, made: Digest | UpgradeError) -> None:
    """As much as the response URL takes; one answer is gone for what was said first."""
    if isinstance(made, UpgradeError):
        tell(explain(made, talk, caller))
        return
    for message in render_digest(made, most=limits.ANSWERS - 1):
        tell(message)
