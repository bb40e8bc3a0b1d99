"""All settings: the environment plus one YAML file."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from bot.config.announcements import AnnouncementSettings
from bot.config.digest import DigestSettings
from bot.config.discovery import DiscoverySettings
from bot.config.on_call import OnCallSettings
from bot.config.policies import EnvironmentSettings, FreezeSettings
from bot.config.sections import (
    ClusterSettings,
    FleetSettings,
    LogSettings,
    PollSettings,
    ReadinessSettings,
    RolesSettings,
    SlackSettings,
)
from bot.config.values import CliName, Duration, UserId
from upgrade.engine.clock import SystemClock, parse_clock
from upgrade.plan import UpgradePolicy

PREFIX: Final = "EKS_UPGRADE_BOT_"
WELL_KNOWN: Final = {
    "SLACK_BOT_TOKEN": "bot_token",
    "SLACK_APP_TOKEN": "app_token",
    "SLACK_SIGNING_SECRET": "signing_secret",
    "SLACK_API_URL": "api_url",
}


def _state_home() -> Path:
    home = os.environ.get("XDG_STATE_HOME")
    return (Path(home) if home else Path.home() / ".local/state") / "eks-upgrade-bot/eks-upgrade-bot.db"


class Settings(BaseSettings):
    """All settings. Environment variables are ``EKS_UPGRADE_BOT_<KEY>``, nested ones with ``__`` between."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
        hide_input_in_errors=True,
    )

    slack: SlackSettings = SlackSettings()
    """How to reach Slack."""
    announcement_channel: str = Field(default="#maintenance-notices", min_length=1, max_length=81)
    """Where everybody hears of an upgrade ahead of time: `#name` or id. No notice, no start."""
    announcements: AnnouncementSettings = AnnouncementSettings()
    """The words that everybody hears."""
    operations_channel: str | None = Field(default=None, min_length=1, max_length=81)
    """Where runs tell their story. Left out: the channel of the command, else the announcement channel."""
    security_channel: str | None = Field(default=None, min_length=1, max_length=81)
    """Where it is told that somebody broke the glass. Left out: only in the thread of the run."""
    digest: DigestSettings = DigestSettings()
    """What everybody reads every week, in the operations channel, else the announcement channel."""
    clusters: tuple[ClusterSettings, ...] = ()
    """The clusters that the bot looks after."""
    discovery: tuple[DiscoverySettings, ...] = ()
    """Where it finds more of them. Of several that find the same cluster, the first counts."""
    environments: dict[str, EnvironmentSettings] = {}
    """The policy of each environment, by its name."""
    freezes: tuple[FreezeSettings, ...] = ()
    """Times in which nothing starts, whatever the windows say."""
    roles: RolesSettings = RolesSettings()
    """Who may do what."""
    cli_users: dict[CliName, UserId] = {}
    """Slack user by login name: whose decisions on the command line count."""
    on_call: OnCallSettings = OnCallSettings()
    """Who is called when a run needs a person."""
    polls: PollSettings = PollSettings()
    """How often updates are looked at."""
    readiness: ReadinessSettings = ReadinessSettings()
    """What checks look at beyond what costs nothing and reveals little."""
    fleet: FleetSettings = FleetSettings()
    """What is known of all clusters without a run."""
    workers: int = Field(default=8, ge=2, le=64)
    """Threads that carry out runs, checks and plans; a step that waits holds none."""
    database: Path = Field(default_factory=_state_home)
    """The SQLite file; on a local disk, never on NFS."""
    health_file: Path | None = None
    """Where the bot says that it is well; left out: beside the database."""
    clock: str = "system"
    """`system`; the sandbox sets another. Refused unless every AWS and Slack address is loopback."""
    slack_outage: Literal["hold", "continue"] = "hold"
    """`hold`: no new step once Slack has been out of reach for five minutes, because nobody could press Pause."""
    start_grace: Duration = timedelta(minutes=15)
    """How late an approved run may begin, after a downtime or behind another run; later than that a person is asked."""
    log: LogSettings = LogSettings()
    """What the log looks like."""

    @field_validator("clock")
    @classmethod
    def _readable_clock(cls, value: str) -> str:
        parse_clock(value)
        return value

    @field_validator("clusters")
    @classmethod
    def _each_cluster_once(cls, clusters: tuple[ClusterSettings, ...]) -> tuple[ClusterSettings, ...]:
        ids = [str(cluster.id) for cluster in clusters]
        twice = sorted({one for one in ids if ids.count(one) > 1})
        if twice:
            raise ValueError(f"these clusters are there twice: {', '.join(twice)}")
        return clusters

    @field_validator("freezes")
    @classmethod
    def _each_freeze_once(cls, freezes: tuple[FreezeSettings, ...]) -> tuple[FreezeSettings, ...]:
        names = [one.name for one in freezes]
        twice = sorted({one for one in names if names.count(one) > 1})
        if twice:
            raise ValueError(f"these names are there twice: {', '.join(twice)}")
        return freezes

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 -- pydantic-settings passes it by name
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 -- likewise
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        # The YAML file is handed in as the initial values: the environment goes before it.
        return env_settings, _WellKnown(settings_cls), init_settings

    def policy(self, environment: str | None) -> UpgradePolicy:
        """The policy of an environment, with its freezes; production's defaults for one that is not set."""
        found = self.environments.get(environment) if environment else None
        freezes = tuple(one.freeze for one in self.freezes if one.holds(environment))
        demands = (found or EnvironmentSettings()).model_dump(exclude={"mention_here"})
        return UpgradePolicy(**demands, freezes=freezes)

    def mentions_here(self, environment: str | None) -> bool:
        """Whether a notice of an environment calls the people who are in the announcement channel."""
        found = self.environments.get(environment or "")
        return found is not None and found.mention_here

    def make_clock(self) -> SystemClock:
        return parse_clock(self.clock)

    @property
    def has_approver(self) -> bool:
        people = (*self.roles.approver.users, *self.roles.admin.users)
        return bool(people or self.roles.approver.groups or self.roles.admin.groups)


class _WellKnown(PydanticBaseSettingsSource):
    """The names that every Slack tool knows: SLACK_BOT_TOKEN and the like."""

    def get_field_value(self, _field: Any, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        slack = {key: os.environ[name] for name, key in WELL_KNOWN.items() if os.environ.get(name)}
        return {"slack": slack} if slack else {}
