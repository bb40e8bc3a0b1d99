"""The picture under the end of a run's story: uploaded once, whatever dies and whenever."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from bot.notices import FOR_EVER, Rows
from bot.outbox import Outbox
from bot.slack import SlackBusy, SlackRefused
from handlers.conversation import File
from upgrade.events import UpgradeEvent
from upgrade.ports import StoredMessage
from upgrade.run import UpgradeRun

log = logging.getLogger(__name__)

PICTURE = "picture"
_METHOD = "files.completeUploadExternal"
PictureOf = Callable[[UpgradeRun, Sequence[UpgradeEvent]], File | None]


class Pictures:
    """A file cannot carry what a message carries to be found by, so it is found by its name in the run's thread.

    The row is written before the upload, as for a message; where there is one already, the thread is searched first.

    Args:
        picture_of: draws it; None when there is nothing to show. Never raises.
    """

    def __init__(self, outbox: Outbox, picture_of: PictureOf) -> None:
        self._outbox = outbox
        self._picture_of = picture_of

    def due(self, run: UpgradeRun, rows: Rows) -> bool:
        """Whether the run is over, did something, and its picture is not dealt with."""
        row = rows.get((PICTURE, ""))
        return run.status.finished and run.started_at is not None and (row is None or row.shown_seq < FOR_EVER)

    def deliver(self, run: UpgradeRun, rows: Rows, events: Sequence[UpgradeEvent], top: StoredMessage) -> float:
        """Upload it into the thread under ``top``. Returns real seconds until the next try. Raises SlackUnreachable.

        A picture that Slack refuses is done without: the story is told in words as well.
        """
        wait = self._outbox.pacing.wait(_METHOD, top.channel_id)
        if wait > 0:
            return wait
        row = rows.get((PICTURE, ""))
        begun = row is not None
        if row is None:
            row = StoredMessage(run_id=run.id, kind=PICTURE, key="", channel_id=top.channel_id)
            self._outbox.messages.save_message(row)
        try:
            self._upload(run, events, top, begun=begun)
        except SlackBusy as busy:
            self._outbox.pacing.close(_METHOD, top.channel_id, busy.seconds)
            return busy.seconds
        except SlackRefused as error:
            log.warning("Slack does not take the picture of run %s: %s", run.id, error)
        self._outbox.messages.save_message(row.model_copy(update={"shown_seq": FOR_EVER}))
        return 0.0

    def _upload(self, run: UpgradeRun, events: Sequence[UpgradeEvent], top: StoredMessage, *, begun: bool) -> None:
        file = self._picture_of(run, events)
        if file is None or top.ts is None:
            return
        calls = self._outbox.calls
        if begun and calls.has_file(top.channel_id, top.ts, file.name):
            return
        self._outbox.pacing.take(_METHOD, top.channel_id)
        calls.share(top.channel_id, top.ts, file)
