"""When a run begins: what was typed as an instant, the answer that asks back, and the forms that ask for a time."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Any

from handlers.conversation import Caller, Conversation
from handlers.views.kit import Message
from handlers.views.limits import Block
from handlers.views.schedule import (
    render_lift_dialog,
    render_offer,
    render_reschedule_dialog,
    render_schedule_dialog,
)
from handlers.when import At, NextWindow, When, instant, zone_named
from upgrade.eks import ClusterId
from upgrade.errors import NotNow
from upgrade.freeze import Freeze
from upgrade.plan import PlanRequest
from upgrade.run import UpgradeRun
from upgrade.service import UpgradeService
from upgrade.verbs import must_be_going, must_be_movable
from upgrade.work_times import WorkTimes, work_times_of


def needs_a_zone(when: When | None) -> bool:
    """Whether it means another instant in another place, so that it is shown back before it counts."""
    return isinstance(when, At) and when.zone is None


def start_of(service: UpgradeService, when: When | None, cluster: ClusterId, zone: tzinfo = UTC) -> datetime | None:
    """What was typed, as an instant; None: as soon as it may. Waits for nobody.

    ``zone``: of a time that names none.

    Raises NotNow when it is over, or there is no next window.
    """
    if isinstance(when, NextWindow):
        opens = service.next_window(cluster)
        if opens is None:
            raise NotNow(
                f"{cluster.name} has no maintenance windows, or none opens within reach.",
                "Give a time: at fri 22:00.",
            )
        return opens
    if not isinstance(when, At):
        return None
    return instant(when, zone_named(when.zone) if when.zone else zone, service.now())


def offer(
    talk: Conversation, caller: Caller, client: Any, when: When | None, subject: PlanRequest | UpgradeRun
) -> Message:
    """What a time without a zone means where this person is, to be committed with a button.

    Asks Slack, so it comes after the ack. Raises NotNow, NotAllowed, TargetNotOffered.
    """
    talk.permit(caller.user, "status", [subject.cluster])
    if isinstance(subject, PlanRequest):
        talk.service.must_be_within_reach(subject)
    if not isinstance(when, At):
        raise TypeError(f"{when!r} needs no zone")
    now = talk.service.now()
    zone = talk.zones.of(client, caller.user, now)
    return render_offer(subject, instant(when, zone, now), zone, times_of(talk, subject), now)


def times_of(talk: Conversation, subject: PlanRequest | UpgradeRun) -> WorkTimes:
    """Windows and freezes of a run, or of a cluster as it is configured."""
    if isinstance(subject, UpgradeRun):
        return work_times_of(subject)
    return talk.service.resolve(str(subject.cluster)).work_times


def schedule_form(talk: Conversation, request: PlanRequest, channel: str) -> Block:
    """Raises TargetNotOffered."""
    talk.service.must_be_within_reach(request)
    opens = talk.service.next_window(request.cluster)
    return render_schedule_dialog(request, times_of(talk, request), opens, talk.service.now(), channel=channel)


def reschedule_form(talk: Conversation, run: UpgradeRun) -> Block:
    """Raises NotNow when the run has begun or ended."""
    must_be_ahead(talk, run)
    opens = talk.service.next_window(run.cluster)
    return render_reschedule_dialog(run, work_times_of(run), opens, talk.service.now())


def must_be_ahead(talk: Conversation, run: UpgradeRun) -> None:
    """Raises NotNow when the run has begun or ended."""
    must_be_going(run)
    must_be_movable(run, None, talk.service.now())


def lift_form(talk: Conversation, run: UpgradeRun) -> Block:
    return render_lift_dialog(run, freezes_ahead(talk, run))


def freezes_ahead(talk: Conversation, run: UpgradeRun) -> list[Freeze]:
    """Freezes that count for this run and are not over."""
    now = talk.service.now()
    return [one for one in work_times_of(run).freezes if one.ends_at > now]
