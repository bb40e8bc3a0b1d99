"""Slack, clusters, roles and the smaller parts of the settings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, field_validator

from bot.config.values import (
    AccountNumber,
    Duration,
    DurationOrNone,
    GroupId,
    RegionName,
    Section,
    UserId,
    WindowTexts,
    ZoneName,
    is_loopback,
)
from bot.manifest import SLASH_COMMAND
from upgrade.eks import ClusterId
from upgrade.gateways.identity import Identity, OwnIdentity
from upgrade.gateways.reach import Direct, Reach
from upgrade.idle import IdleOnly

SLACK_API: Final = "https://slack.com/api/"


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


HowReached = Annotated[Reach, BeforeValidator(_reach)]
WhoWeAre = Annotated[Identity, BeforeValidator(_identity)]


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
    task_cards: Literal["auto", "off"] = "auto"
    """How a run message shows its phases: `auto`: as a plan block with a task each, in sections where the workspace
    does not take that; `off`: in sections."""

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
    region: RegionName
    """The region; with it the partition (aws, aws-cn, aws-us-gov)."""
    account: AccountNumber
    """The AWS account, 12 digits. Checks compare it with whom the bot turns out to be."""
    environment: str | None = None
    """A key of `environments`. Left out: the production policy."""
    time_zone: ZoneName = "UTC"
    """Of the maintenance windows, such as Europe/Berlin."""
    windows: WindowTexts | None = None
    """Its own maintenance windows, in place of those of its environment; `[]` means always."""
    owner: str | None = Field(default=None, max_length=100)
    """Named in the notice. The id of a Slack user or user group is also called when a run stands still."""
    channels: tuple[Annotated[str, Field(min_length=1, max_length=81)], ...] = ()
    """Where its owners read their own copy of each notice and what is told under it, reminders too: `#name` or ids."""
    idle_only: IdleOnly | None = None
    """For a cluster that is upgraded only while nobody works in it: `{namespaces: […], selector: …}` of their pods. A
    run does not begin while one of them is ready; it names who is still on."""
    read_role: WhoWeAre = OwnIdentity()
    """Who checks and plans: `own`, a role's ARN, `{arn: …, external_id: …}` or `{profile: …}`."""
    change_role: WhoWeAre | None = None
    """Who upgrades, in the same forms; assumed inside an approved run only. Left out: check and plan only."""
    reach: HowReached = Direct()
    """How the cluster's API is reached: `direct`, `{proxy: https://…}`, or `aws-only` for not at all: check only."""

    @property
    def id(self) -> ClusterId:
        return ClusterId(account=self.account, region=self.region, name=self.name)


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
    break_glass: RoleSettings = RoleSettings()
    """May open a gate alone in an emergency, as admins may: `/eks-upgrade break-glass RUN REASON`."""


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


class FleetSettings(Section):
    """What is known of all clusters without a run: App Home and the digest show it."""

    look_every: DurationOrNone = timedelta(minutes=30)
    """How often the version and support of each cluster are read; `0` means never."""
    discover_every: Duration = timedelta(hours=1)
    """How often clusters are looked for, where `discovery` says so."""


class LogSettings(Section):
    format: Literal["text", "json"] = "text"
    """Of each line."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least that is written."""
