"""Every id that goes to Slack and comes back: actions, dialogs, and what a button carries."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from upgrade.eks import ClusterId
from upgrade.errors import UpgradeError
from upgrade.findings import Finding
from upgrade.freeze import Freeze
from upgrade.plan import NodePolicy, PlanRequest, Scope
from upgrade.versions import KubernetesVersion

LONGEST_VALUE: Final = 2000
_RUN = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,99}")
_DIGEST = re.compile(r"(?:[0-9a-f]{64})?")
_CHOICE = re.compile(r"([01])\|((?:[0-9a-f]{16})?)\|([0-9]{1,6})")
_EPOCH = re.compile(r"[0-9]{10}")
_NAME = re.compile(r"[0-9A-Za-z@./_:+-]{0,400}")
_CLUSTER = re.compile(r"([0-9]{12})/([a-z0-9-]{1,40})/([0-9A-Za-z][0-9A-Za-z_-]{0,99})")


class ValueUnreadable(UpgradeError):
    """A button or a dialog carried something that this bot did not write."""

    def __init__(self) -> None:
        super().__init__("I cannot read what that button carries.", "It may be of another version: look at status.")


class Action(StrEnum):
    """Action ids. Behind ``run.`` stands the service verb, and what more it does behind a hyphen."""

    APPROVE = "run.approve"
    REJECT = "run.reject"
    PAUSE = "run.pause"
    RESUME = "run.resume"
    RETRY = "run.retry"
    ABORT = "run.abort"
    RECHECK = "run.recheck"
    WAIVE = "run.waive"
    CONFIRM = "run.confirm"
    RESCHEDULE = "run.reschedule"
    RESCHEDULE_TO = "run.reschedule-to"
    RESCHEDULE_NOW = "run.reschedule-now"
    CANCEL = "run.cancel"
    LIFT = "run.lift"
    ACKNOWLEDGE = "run.acknowledge"
    TAKE_OVER = "run.take_over"
    MUTE = "run.mute"
    NOTE = "run.note"
    CHECK = "request.check"
    PLAN = "request.plan"
    START = "request.start"
    SCHEDULE = "request.schedule"
    SCHEDULE_AT = "request.schedule-at"
    DIALOG = "request.dialog"
    REPORT = "report.send"
    HOME_SHOW = "home.show"
    HOME_ENVIRONMENT = "home.environment"
    HOME_PAGE = "home.page"
    TYPE = "command.type"

    @property
    def verb(self) -> str:
        return self.value.partition(".")[2].partition("-")[0]


class Dialog(StrEnum):
    """Callback ids of modals."""

    REQUEST = "dialog.request"
    APPROVE = "dialog.approve"
    ABORT = "dialog.abort"
    REJECT = "dialog.reject"
    WAIVE = "dialog.waive"
    SCHEDULE = "dialog.schedule"
    RESCHEDULE = "dialog.reschedule"
    LIFT = "dialog.lift"
    NOTE = "dialog.note"
    #: What takes a dialog's place: a refusal, or the answer to a button in it. Its metadata is the channel.
    ANSWER = "dialog.answer"


class Input(StrEnum):
    """Block ids of the inputs in modals; the element's action id is the same word.

    Where one question takes several blocks, a key behind a colon tells them apart: ``ticks``, ``ticks:1``.
    """

    VERB = "verb"
    CLUSTER = "cluster"
    TARGET = "target"
    SCOPE = "scope"
    NODES = "nodes"
    REASON = "reason"
    FINDING = "finding"
    UNTIL = "until"
    TICKS = "ticks"
    WHEN = "when"
    AT = "at"
    FREEZE = "freeze"


@dataclass(frozen=True, slots=True)
class RunRef:
    """What a button of a run carries: the decision is for this run, this digest and this gate only.

    Args:
        gate: the gate that was open when the button was drawn.
        step: the step that a Confirm button is about.
    """

    run: str
    digest: str = ""
    gate: str = ""
    step: str = ""

    def encode(self) -> str:
        return "|".join((self.run, self.digest, self.gate, self.step))

    @classmethod
    def decode(cls, value: str) -> RunRef:
        """Raises ValueUnreadable."""
        parts = value.split("|") if len(value) <= LONGEST_VALUE else []
        if len(parts) != 4:
            raise ValueUnreadable
        run, digest, gate, step = parts
        if not (_RUN.fullmatch(run) and _DIGEST.fullmatch(digest) and _NAME.fullmatch(gate) and _NAME.fullmatch(step)):
            raise ValueUnreadable
        return cls(run, digest, gate, step)


@dataclass(frozen=True, slots=True)
class HomeChoice:
    """What somebody wants to see in App Home: the view carries it as its metadata.

    Args:
        attention: only clusters that need attention.
        environment: the key of the only environment that is shown; empty for all.
        page: from 0; beyond the last one it means the last one.
    """

    attention: bool = False
    environment: str = ""
    page: int = 0

    def encode(self) -> str:
        return f"{int(self.attention)}|{self.environment}|{self.page}"

    def at(self, page: str) -> HomeChoice:
        """The same on another page. Raises ValueUnreadable."""
        return HomeChoice.decode(f"{int(self.attention)}|{self.environment}|{page}")

    @classmethod
    def decode(cls, value: str) -> HomeChoice:
        """Raises ValueUnreadable."""
        found = _CHOICE.fullmatch(value)
        if found is None:
            raise ValueUnreadable
        return cls(found[1] == "1", found[2], int(found[3]))


def environment_key(environment: str | None) -> str:
    """A short name for an environment, as for a finding; clusters without one have one too."""
    return hashlib.sha256(f"{environment is None}\0{environment}".encode()).hexdigest()[:16]


def encode_request(request: PlanRequest) -> str:
    target, policy = request.target or "", request.node_policy or ""
    return f"{request.cluster}|{target}|{request.scope}|{policy}"


def decode_cluster(value: str) -> ClusterId:
    """Raises ValueUnreadable."""
    found = _CLUSTER.fullmatch(value)
    if found is None:
        raise ValueUnreadable
    return ClusterId(account=found[1], region=found[2], name=found[3])


def decode_request(value: str) -> PlanRequest:
    """Raises ValueUnreadable."""
    parts = value.split("|") if len(value) <= LONGEST_VALUE else []
    found = _CLUSTER.fullmatch(parts[0]) if len(parts) == 4 else None
    if found is None:
        raise ValueUnreadable
    try:
        return PlanRequest(
            cluster=decode_cluster(parts[0]),
            target=KubernetesVersion.parse(parts[1]) if parts[1] else None,
            scope=Scope(parts[2]),
            node_policy=NodePolicy(parts[3]) if parts[3] else None,
        )
    except ValueError:
        raise ValueUnreadable from None


def with_start(value: str, start_at: datetime) -> str:
    """What a button carries, with the instant that it is about."""
    return f"{value}|{int(start_at.timestamp())}"


def split_start(value: str) -> tuple[str, datetime]:
    """What ``with_start`` put together. Raises ValueUnreadable."""
    rest, _, epoch = value.rpartition("|")
    return rest, instant_of_epoch(epoch)


def instant_of_epoch(epoch: str) -> datetime:
    """Slack's seconds since 1970 as an instant. Raises ValueUnreadable."""
    if not _EPOCH.fullmatch(epoch):
        raise ValueUnreadable
    return datetime.fromtimestamp(int(epoch), UTC)


def freeze_key(freeze: Freeze) -> str:
    """A short name for a freeze, as for a finding."""
    return hashlib.sha256(freeze.name.encode()).hexdigest()[:16]


def finding_key(finding: Finding) -> str:
    """A short name for a finding: an option's value holds 150 characters, a subject may be longer."""
    return hashlib.sha256(f"{finding.code}\0{finding.subject}".encode()).hexdigest()[:16]
