"""Settings: the environment plus one YAML file. Everything that is wrong is told at once, a line each."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from upgrade.eks import ClusterId
from upgrade.engine.clock import ScaledClock, SystemClock, parse_clock
from upgrade.gateways.identity import Identity, OwnIdentity
from upgrade.gateways.reach import Direct, Reach
from upgrade.plan import UpgradePolicy

PREFIX: Final = "EKS_UPGRADE_BOT_"
CONFIG_VARIABLE: Final = f"{PREFIX}CONFIG"
SLACK_API: Final = "https://slack.com/api/"
#: What Slack takes as the name of a slash command.
SLASH_COMMAND: Final = r"/[a-z0-9_-]{1,31}"
WELL_KNOWN: Final = {
    "SLACK_BOT_TOKEN": "bot_token",
    "SLACK_APP_TOKEN": "app_token",
    "SLACK_SIGNING_SECRET": "signing_secret",
    "SLACK_API_URL": "api_url",
}
_DURATION = re.compile(r"(\d+)\s*(s|m|h|d)")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class ConfigurationWrong(Exception):
    """Settings that cannot be used. ``lines``: one a mistake, never with a secret in it."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = tuple(lines)


class Section(BaseModel):
    """A part of the settings; unknown keys are an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def _duration(value: object) -> object:
    """``90s``, ``15m``, ``24h`` or ``2d`` beside what pydantic reads."""
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    return timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else value


def _identity(value: object) -> object:
    """``own``, a role's ARN, ``{arn, external_id}`` or ``{profile}``."""
    if value == "own":
        return {"kind": "own"}
    if isinstance(value, str):
        return {"kind": "role", "arn": value}
    if isinstance(value, Mapping) and "profile" in value:
        return {"kind": "profile", "name": value["profile"], **{k: v for k, v in value.items() if k != "profile"}}
    return {"kind": "role", **value} if isinstance(value, Mapping) and "kind" not in value else value


def _reach(value: object) -> object:
    """``direct``, ``aws-only`` or ``{proxy: https://…}``."""
    if isinstance(value, str):
        return {"kind": value}
    return {"kind": "proxy", **value} if isinstance(value, Mapping) and "kind" not in value else value


Duration = Annotated[timedelta, BeforeValidator(_duration), Field(gt=timedelta(0))]
HowReached = Annotated[Reach, BeforeValidator(_reach)]
WhoWeAre = Annotated[Identity, BeforeValidator(_identity)]
UserId = Annotated[str, Field(pattern=r"^[UW][A-Z0-9]{2,20}$")]
GroupId = Annotated[str, Field(pattern=r"^S[A-Z0-9]{2,20}$")]
CliName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._@-]{1,64}$")]


class SlackSettings(Section):
    """What ``serve`` needs of Slack."""

    bot_token: SecretStr | None = None
    """The bot token, `xoxb-…`. Needed by `serve`."""
    app_token: SecretStr | None = None
    """The app-level token with the scope connections:write, `xapp-…`. Needed by `serve` in Socket Mode."""
    signing_secret: SecretStr | None = None
    """Proves that a request comes from Slack. Needed by `serve` in HTTP mode."""
    mode: Literal["socket", "http"] = "socket"
    """`socket`: the bot dials out and needs no address of its own. `http`: Slack sends signed requests to it."""
    host: str = "127.0.0.1"
    """HTTP mode: the address to listen on; `0.0.0.0` in a container."""
    port: int = Field(default=3000, ge=0, le=65535)
    """HTTP mode: the port; the path is `/slack/events`. TLS is for the proxy in front."""
    api_url: str = SLACK_API
    """Address of the Web API; https, unless it is loopback."""
    command: str = Field(default="/eks-upgrade", pattern=f"^{SLASH_COMMAND}$")
    """The slash command, as the app declares it. Two bots in one workspace need two."""
    listener_threads: int = Field(default=32, ge=6, le=256)
    """Threads that answer Slack; it waits three seconds at most."""

    @field_validator("api_url")
    @classmethod
    def _https_unless_loopback(cls, value: str) -> str:
        address = urlsplit(value)
        if not address.hostname or address.scheme not in ("https", "http"):
            raise ValueError("must be an address such as https://slack.com/api/")
        if address.scheme == "http" and not is_loopback(value):
            raise ValueError("must be https; http is for loopback only")
        return value if value.endswith("/") else f"{value}/"


class ClusterSettings(Section):
    """A cluster that the bot looks after. Without ``change_role`` it is check-only."""

    name: str = Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z_-]{0,99}$")
    """The name in EKS."""
    region: str = Field(pattern=r"^[a-z]{2,4}(-[a-z]+)+-\d{1,2}$")
    """The region; with it the partition (aws, aws-cn, aws-us-gov)."""
    account: str = Field(pattern=r"^\d{12}$")
    """The AWS account, 12 digits. Checks compare it with whom the bot turns out to be."""
    environment: str | None = None
    """A key of `environments`. Left out: the production policy."""
    time_zone: str = "UTC"
    """Of the maintenance windows, such as Europe/Berlin."""
    owner: str | None = Field(default=None, max_length=100)
    """Named in the notice. The id of a Slack user or user group is also called when a run stands still."""
    read_role: WhoWeAre = OwnIdentity()
    """Who checks and plans: `own`, a role's ARN, `{arn: …, external_id: …}` or `{profile: …}`."""
    change_role: WhoWeAre | None = None
    """Who upgrades, in the same forms; assumed inside an approved run only. Left out: check and plan only."""
    reach: HowReached = Direct()
    """How the cluster's API is reached: `direct`, `{proxy: https://…}`, or `aws-only` for not at all: check only."""

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, OSError, ValueError):
            raise ValueError("is not a time zone such as Europe/Berlin") from None
        return value

    @property
    def id(self) -> ClusterId:
        return ClusterId(account=self.account, region=self.region, name=self.name)


class EnvironmentSettings(UpgradePolicy):
    """The policy of an environment; what is left out is production's."""

    notice: Annotated[timedelta, BeforeValidator(_duration), Field(ge=timedelta(0))] = timedelta(minutes=15)
    """How long before the start the announcement is made."""
    approval_expires: Duration = timedelta(hours=24)
    """How long a plan waits for its approvals."""


class RoleSettings(Section):
    """Who has a role: Slack users and user groups, by id."""

    users: tuple[UserId, ...] = ()
    """Ids of Slack users."""
    groups: tuple[GroupId, ...] = ()
    """Ids of Slack user groups."""


class RolesSettings(Section):
    """``viewer`` left empty means every full member of the workspace; the others mean nobody."""

    viewer: RoleSettings = RoleSettings()
    """May check, plan and look. Left empty: every full member of the workspace."""
    operator: RoleSettings = RoleSettings()
    """May start, pause, resume, retry, abort, recheck and confirm."""
    approver: RoleSettings = RoleSettings()
    """May approve, reject and waive. Nobody here and in admin: check and plan only."""
    admin: RoleSettings = RoleSettings()
    """May do all of it."""


class PollSettings(Section):
    """Domain time between two looks at an update that is under way."""

    control_plane: Duration = timedelta(seconds=30)
    """An update of the control plane."""
    addon: Duration = timedelta(seconds=15)
    """An update of an add-on."""
    nodegroup: Duration = timedelta(seconds=30)
    """An update of a node group."""


class ReadinessSettings(Section):
    """What checks look at only when somebody chose so; what is off is told in every report, and never blocks."""

    helm_releases: bool = False
    """Look into Helm releases for removed APIs. Needs `list secrets`: releases are kept in Secrets."""
    token_secrets: bool = False
    """Look for long-lived service account tokens. Needs `list secrets`; only metadata is asked for."""
    kubelets: bool = False
    """Ask each kubelet for its cgroup version. Needs `get nodes/proxy`, which reveals much."""
    audit_log: bool = False
    """Ask the audit log who calls removed APIs and uses stale tokens. Paid by the gigabyte."""


class LogSettings(Section):
    format: Literal["text", "json"] = "text"
    """Of each line."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least that is written."""


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
    operations_channel: str | None = Field(default=None, min_length=1, max_length=81)
    """Where runs tell their story. Left out: the channel of the command, else the announcement channel."""
    clusters: tuple[ClusterSettings, ...] = ()
    """The clusters that the bot looks after."""
    environments: dict[str, EnvironmentSettings] = {}
    """The policy of each environment, by its name."""
    roles: RolesSettings = RolesSettings()
    """Who may do what."""
    cli_users: dict[CliName, UserId] = {}
    """Slack user by login name: whose decisions on the command line count."""
    polls: PollSettings = PollSettings()
    """How often updates are looked at."""
    readiness: ReadinessSettings = ReadinessSettings()
    """What checks look at beyond what costs nothing and reveals little."""
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
        """The policy of an environment; production's defaults for one that is not set."""
        found = self.environments.get(environment) if environment else None
        return UpgradePolicy(**found.model_dump()) if found else UpgradePolicy()

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


def load_settings(path: Path | None = None) -> Settings:
    """Read the file (``path``, else EKS_UPGRADE_BOT_CONFIG, else none) and the environment.

    Raises ConfigurationWrong with a line for each mistake.
    """
    named = path or (Path(os.environ[CONFIG_VARIABLE]) if os.environ.get(CONFIG_VARIABLE) else None)
    content = _read_file(named) if named else {}
    lines = _unknown_variables()
    try:
        settings = Settings(**content)
    except ValidationError as error:
        raise ConfigurationWrong([*lines, *(_line(one) for one in error.errors(include_input=False))]) from None
    except ValueError as error:  # an environment variable that is no JSON where a list or mapping is wanted
        raise ConfigurationWrong([*lines, str(error).splitlines()[0]]) from None
    lines += _cross_checks(settings)
    if lines:
        raise ConfigurationWrong(lines)
    return settings


def missing_for_serve(settings: Settings) -> list[str]:
    """What ``serve`` needs beyond the rest: a line for each missing token."""
    slack = settings.slack
    wanted: list[tuple[str, SecretStr | None, str]] = [("slack.bot_token", slack.bot_token, "SLACK_BOT_TOKEN")]
    if slack.mode == "socket":
        wanted.append(("slack.app_token", slack.app_token, "SLACK_APP_TOKEN"))
    else:
        wanted.append(("slack.signing_secret", slack.signing_secret, "SLACK_SIGNING_SECRET"))
    lines = [f"{key}: is missing; set {variable}" for key, secret, variable in wanted if secret is None]
    if not settings.clusters:
        lines.append("clusters: none is configured; name at least one")
    return lines


def is_loopback(address: str) -> bool:
    """Whether the host of an address is this machine. A name other than localhost is not looked up, so it is not."""
    host = urlsplit(address).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _cross_checks(settings: Settings) -> list[str]:
    lines = []
    for index, cluster in enumerate(settings.clusters):
        if cluster.environment is not None and cluster.environment not in settings.environments:
            known = ", ".join(sorted(settings.environments)) or "none"
            lines.append(
                f"clusters[{index}].environment: there is no environment {cluster.environment!r}; known: {known}"
            )
    if isinstance(settings.make_clock(), ScaledClock):
        lines += _clock_checks(settings)
    return lines


def _clock_checks(settings: Settings) -> list[str]:
    """A clock of its own is for the sandbox: refused unless every AWS and Slack address is loopback (DESIGN 7)."""
    endpoints = {name: value for name, value in os.environ.items() if name.startswith("AWS_ENDPOINT_URL") and value}
    lines = [
        f"clock: {name} is not a loopback address, and a clock of its own is for the sandbox only"
        for name, value in sorted(endpoints.items())
        if not is_loopback(value)
    ]
    ignored = os.environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true"
    if "AWS_ENDPOINT_URL" not in endpoints or ignored:
        lines.append("clock: AWS_ENDPOINT_URL must be a loopback address; a clock of its own is for the sandbox only")
    if settings.slack.bot_token is not None and not is_loopback(settings.slack.api_url):
        lines.append("clock: slack.api_url must be a loopback address; a clock of its own is for the sandbox only")
    return lines


def _read_file(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationWrong([f"{path}: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise ConfigurationWrong([f"{path}: is not UTF-8 text"]) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}" if mark else ""
        raise ConfigurationWrong([f"{path}{where}: {getattr(error, 'problem', None) or 'is not YAML'}"]) from None
    if content is None:
        return {}
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise ConfigurationWrong([f"{path}: must be a mapping of settings"])
    return content


def _unknown_variables() -> list[str]:
    lines = []
    for name in sorted(os.environ):
        key = name.removeprefix(PREFIX).split("__")[0].lower()
        if name.startswith(PREFIX) and name != CONFIG_VARIABLE and key not in Settings.model_fields:
            lines.append(f"{name}: unknown variable{_nearest(key, tuple(Settings.model_fields))}")
    return lines


def _line(error: Any) -> str:
    where = ""
    for part in error["loc"]:
        where += f"[{part}]" if isinstance(part, int) else f".{part}"
    where = where.removeprefix(".") or "settings"
    if error["type"] == "extra_forbidden":
        return f"{where}: unknown key{_nearest(str(error['loc'][-1]), _known_keys(error['loc'][:-1]))}"
    if error["type"] == "missing":
        return f"{where}: is missing"
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"{where}: {message[:1].lower()}{message[1:]}"


def _known_keys(place: Sequence[str | int]) -> tuple[str, ...]:
    """The keys that are known at a place of the settings; empty where they are of the user's choosing."""
    kind: type[BaseModel] = Settings
    items: dict[str | int, type[BaseModel]] = {"clusters": ClusterSettings, "environments": EnvironmentSettings}
    for part in place:
        field = kind.model_fields.get(str(part))
        if part in items:
            kind = items[part]
        elif field is not None and isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            kind = field.annotation
    return tuple(kind.model_fields)


def _nearest(key: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(key.lower(), known, n=1)
    return f"; did you mean {close[0]}?" if close else (f"; known: {', '.join(known)}" if known else "")
