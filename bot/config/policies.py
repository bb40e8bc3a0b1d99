"""What each environment demands, and when nothing starts (docs/decisions/0007)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator

from bot.config.sections import RoleSettings
from bot.config.values import Duration, DurationOrNone, Section, UserOrGroupId, WindowTexts, ZoneName
from upgrade.freeze import Freeze
from upgrade.gates import GatePlace, GateRule, form
from upgrade.plan import EnvironmentPolicy
from upgrade.windows import instant_of


class GateSettings(GateRule):
    """A gate that somebody attends, or that opens by itself."""

    model_config = ConfigDict(extra="forbid")

    before: GatePlace
    """Where it stands, as the words of `gates`."""
    attended: UserOrGroupId | None = None
    """The user or user group who is called when it opens, and whose approval counts there besides."""
    within: Duration | None = None
    """How long it waits for them; then the run pauses."""
    unattended: bool = False
    """It opens by itself if all signals are green, else it waits for an approval."""


class EnvironmentSettings(EnvironmentPolicy):
    """The policy of an environment; what is left out is production's."""

    approver_groups: tuple[UserOrGroupId, ...] = ()
    """Ids of the user groups and users whose approval counts here, instead of the role approver."""
    gates: tuple[
        Annotated[
            Annotated[GatePlace, Tag("word")] | Annotated[GateSettings, Tag("mapping")],
            Discriminator(form),
        ],
        ...,
    ] = ()
    """What needs an approval of its own; the first that applies counts. `hop`: each control plane but the first."""
    notice: DurationOrNone = timedelta(hours=1)
    """The least time between the announcement and the start."""
    approval_expires: Duration = timedelta(hours=24)
    """How long a plan waits for its approvals."""
    approval_valid: Duration = timedelta(days=14)
    """How long complete approvals count; half-way beyond it they are asked for again before the next phase."""
    break_glass_valid: Duration = timedelta(hours=4)
    """How long a gate that somebody opened alone counts as approved; then the next phase asks again."""
    windows: WindowTexts = ()
    """Maintenance windows as `mon-fri 09:00-17:00` or `fri 22:00 for 6h`, in the cluster's time zone; none means
    always. A window belongs to the day on which it opens."""
    bake_after_hop: DurationOrNone = timedelta(0)
    """How long a version is watched before the next hop."""
    bake_before_nodes: DurationOrNone = timedelta(hours=24)
    """How long the control plane is watched before nodes follow: until then it can go back."""
    one_hop_a_window: bool = True
    """The next hop waits for the next window; without windows it does not."""
    remind: tuple[Duration, ...] = (timedelta(days=7), timedelta(hours=24), timedelta(hours=1))
    """How long before the start everybody is reminded of the announcement; the longest is when it is made."""
    mention_here: bool = False
    """Whether a notice calls the people who are in the announcement channel (`@here`)."""


def _moment(value: Any) -> Any:
    """A day or a time as YAML or text has it; a time without a zone is read in the zone of its freeze."""
    try:
        if isinstance(value, str):
            return date.fromisoformat(value) if len(value) == len("2026-12-20") else datetime.fromisoformat(value)
    except ValueError:
        pass
    if isinstance(value, date):  # every datetime is one
        return value
    raise ValueError("is neither a day such as 2026-12-20 nor a time such as 2026-12-20 18:00")


Moment = Annotated[date | datetime, BeforeValidator(_moment)]


class FreezeSettings(Section):
    """A time in which nothing starts, such as the end of the year; what is under way goes on."""

    model_config = ConfigDict(validate_by_name=False)

    name: str = Field(min_length=1, max_length=80, pattern=r"^[^\n`]+$")
    """Tells it from others: people lift it by this name."""
    since: Moment = Field(alias="from")
    """Its first day, or its first instant: `2026-12-20`, `2026-12-20 18:00`."""
    until: Moment
    """Its last day, or the instant at which it is over."""
    time_zone: ZoneName = "UTC"
    """Of those days and times, such as Europe/Berlin."""
    reason: str = Field(min_length=1, max_length=300)
    """Why, in a few words: everybody reads them."""
    environments: tuple[str, ...] = ()
    """Which environments it holds. Left out: every cluster."""
    lift: RoleSettings = RoleSettings()
    """Who may lift it for one run: `{users: [U0CHI], groups: []}`. Left out: nobody."""

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self._instant(self.since) >= self._end:
            raise ValueError("must end after it begins: “until” is not after “from”")
        return self

    @property
    def freeze(self) -> Freeze:
        return Freeze(
            name=self.name,
            starts_at=self._instant(self.since),
            ends_at=self._end,
            reason=self.reason,
            lifters=(*self.lift.users, *self.lift.groups),
        )

    def holds(self, environment: str | None) -> bool:
        """Whether it is for clusters of that environment; None: for those that have none."""
        return not self.environments or environment in self.environments

    @property
    def _end(self) -> datetime:
        whole_day = not isinstance(self.until, datetime)
        return self._instant(self.until + timedelta(days=1) if whole_day else self.until)

    def _instant(self, moment: date) -> datetime:
        """In UTC; readings that summer time skips or shows twice as ``upgrade.windows`` takes them."""
        if not isinstance(moment, datetime):
            return instant_of(moment, time(0), ZoneInfo(self.time_zone))
        if moment.tzinfo is None:
            return instant_of(moment.date(), moment.time(), ZoneInfo(self.time_zone))
        return moment.astimezone(UTC)
