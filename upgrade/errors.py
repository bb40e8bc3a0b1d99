"""Errors are ours and named after the fact; the message is the sentence that a person reads."""

from __future__ import annotations

from collections.abc import Iterable


class UpgradeError(Exception):
    """Base of every error that a person may see.

    Args:
        message: what was wrong, in one plain sentence.
        hint: the next move.
        instead: what would have been understood in the place of the word that was not, the likeliest first.
    """

    def __init__(self, message: str, hint: str = "", *, instead: Iterable[object] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.instead = tuple(map(str, instead))

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class TemporaryError(UpgradeError):
    """Try again later, with the same token (D-53, C-16).

    Args:
        retry_after_seconds: what the service asked for, when it did.
        code: what kept the answer away, where that is told apart (``DNS``, ``Timeout``, ``TLS`` …).
    """

    def __init__(
        self, message: str, hint: str = "", *, retry_after_seconds: float | None = None, code: str = ""
    ) -> None:
        super().__init__(message, hint)
        self.retry_after_seconds = retry_after_seconds
        self.code = code


class PermanentError(UpgradeError):
    """Trying again changes nothing: pause and ask.

    Args:
        code: the service's own code (``InvalidParameterException``, ``Forbidden`` …), for tables and remedies.
        permission: the permission that was missing, when that is the reason.
    """

    #: AWS's id of a request to change something that it refused; empty for anything else.
    request_id: str = ""

    def __init__(self, message: str, hint: str = "", *, code: str = "", permission: str | None = None) -> None:
        super().__init__(message, hint)
        self.code = code
        self.permission = permission


class NotPermitted(PermanentError):
    """AWS or Kubernetes refused the bot: a permission is missing."""


class NotFound(PermanentError):
    """The thing asked for does not exist."""


class ClusterBusy(TemporaryError):
    """Another update of this cluster is under way (D-50)."""


class NodegroupsMustMatch(PermanentError):
    """EKS wants the node groups on the control plane's version before it moves on (C-06)."""


class UpdateRefused(PermanentError):
    """EKS refused to start an update: the parameters or the state do not allow it (D-51, D-52)."""


class FactUnknown(UpgradeError):
    """A fact could not be read. Nothing unknown passes for good; ``chosen`` when nobody was meant to look."""

    def __init__(self, reason: str, permission: str | None = None, *, chosen: bool = False) -> None:
        super().__init__(reason, f"Allow {permission}." if permission else "")
        self.reason = reason
        self.permission = permission
        self.chosen = chosen


class SnapshotUnreadable(UpgradeError):
    """A snapshot file is not one of ours, is damaged, or was written by a newer version."""


class ReportUnreadable(UpgradeError):
    """A report file is not one of ours, is damaged, or was written by a newer version."""


class UnknownCheck(UpgradeError):
    """No check has that code. ``instead``: codes alike."""


class UnknownCluster(UpgradeError):
    """No cluster of that name is configured. ``instead``: those that are, as they are typed."""


class StillLooking(UnknownCluster):
    """No cluster of that name is known, and not every place where clusters are looked for has answered yet."""


class AmbiguousCluster(UpgradeError):
    """Several configured clusters have that name. ``instead``: their full names."""


class TargetNotOffered(UpgradeError):
    """EKS does not offer that version, or it is not above the present one (A-02, A-03). ``instead``: what it offers."""


class NothingToDo(UpgradeError):
    """The cluster already is what was asked for."""


class RunInProgress(UpgradeError):
    """The cluster already has an unfinished run.

    Args:
        run_id: the run that is in the way.
    """

    def __init__(self, message: str, hint: str = "", *, run_id: str) -> None:
        super().__init__(message, hint)
        self.run_id = run_id


class UnknownRun(UpgradeError):
    """No such run. ``instead``: ids that begin alike, or the clusters that are configured."""


class NotAllowed(UpgradeError):
    """This person may not do that.

    Args:
        who: ids of the users and user groups who may, where they are known.
    """

    def __init__(
        self, message: str, hint: str = "", *, who: Iterable[str] = (), instead: Iterable[object] = ()
    ) -> None:
        super().__init__(message, hint, instead=instead)
        self.who = tuple(who)


class DecisionOutdated(UpgradeError):
    """The decision was made for another plan or gate than the one that is open now."""


class ChecklistOpen(UpgradeError):
    """An item of the plan's check list is not ticked, so an approval would not count."""


class NotNow(UpgradeError):
    """The verb does not apply to the run's present status."""


class PlanChanged(UpgradeError):
    """The cluster is no longer what was approved."""


class PlanImpossible(UpgradeError):
    """No order of steps reaches the target."""


class WindowUnreadable(UpgradeError):
    """A maintenance window or its time zone cannot be understood."""


class DatabaseInUse(UpgradeError):
    """Another process owns the database."""


class DatabaseTooNew(UpgradeError):
    """A newer version of this program wrote the database."""


class RunChanged(UpgradeError):
    """Somebody else wrote the run since it was read (optimistic lock)."""
