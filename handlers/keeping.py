"""What people look at, and keep, of one run: its notice, how it stands with a picture, its record as a file."""

from __future__ import annotations

from handlers.conversation import Caller, Conversation
from handlers.views.kept import render_kept, render_standing
from handlers.views.kit import Message
from handlers.words import ExportCommand, PreviewCommand, StatusCommand
from upgrade.configured import owner_among
from upgrade.records import Form
from upgrade.run import UpgradeRun


def tell_of_run(talk: Conversation, caller: Caller, wanted: PreviewCommand | StatusCommand | ExportCommand) -> Message:
    """Raises UnknownRun, AmbiguousCluster, NotAllowed; NotNow for the notice of a run without a plan."""
    run = talk.service.run_of(wanted.subject)
    talk.permit(caller.user, "status", [run.cluster])
    if isinstance(wanted, PreviewCommand):
        return talk.post.preview(run)
    if isinstance(wanted, ExportCommand):
        return _export(talk, caller, run, wanted.form)
    return _standing(talk, caller, run)


def _standing(talk: Conversation, caller: Caller, run: UpgradeRun) -> Message:
    """As its message shows it. An ephemeral answer holds no file, so the picture goes to their own messages."""
    file = talk.files.picture(run)
    sent = file is not None and talk.post.hand_over(caller.user, file)
    events, thread = talk.service.events(run.id), talk.post.thread_link(run.id)
    owner = owner_among(talk.service.clusters(), run.cluster)
    picture = file.name if file and sent else None
    return render_standing(run, events, thread, picture, owner=owner, now=talk.service.now())


def _export(talk: Conversation, caller: Caller, run: UpgradeRun, form: Form) -> Message:
    """The audit pack, to whoever asked for it and to nobody else."""
    file = talk.files.record(run, form)
    return render_kept(run, file.name, talk.post.hand_over(caller.user, file), form)
