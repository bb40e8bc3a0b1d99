"""The app as its manifest declares it. What is not declared there does not exist in the workspace."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

EVENT_SCOPES = {
    "app_mention": "app_mentions:read",
    "message.channels": "channels:history",
    "message.groups": "groups:history",
    "message.im": "im:history",
    "reaction_added": "reactions:read",
    "reaction_removed": "reactions:read",
    "app_home_opened": None,
}
_COMMAND_FIELDS = {"command", "url", "description", "usage_hint", "should_escape"}
_SECTIONS = {"_metadata", "display_information", "features", "oauth_config", "settings"}


class ManifestRefused(ValueError):
    """Slack would not create an app from this manifest; the sentence says which part and why."""


@dataclass(frozen=True)
class SlashCommand:
    name: str
    description: str
    usage_hint: str = ""
    should_escape: bool = False
    url: str | None = None


@dataclass(frozen=True)
class AppManifest:
    """The parts of an app manifest that change what Slack does."""

    name: str
    bot_name: str
    scopes: frozenset[str]
    commands: tuple[SlashCommand, ...] = ()
    bot_events: frozenset[str] = frozenset()
    interactivity: bool = False
    home_tab: bool = False
    messages_tab: bool = True
    socket_mode: bool = True
    events_url: str | None = None
    interactivity_url: str | None = None

    def command(self, name: str) -> SlashCommand | None:
        return next((command for command in self.commands if command.name == name), None)

    @classmethod
    def from_yaml(cls, source: str) -> "AppManifest":
        """Read a manifest.yml.

        Raises:
            ManifestRefused: Slack would refuse it (docs.slack.dev/reference/app-manifest).
        """
        document = yaml.safe_load(source)
        if not isinstance(document, dict):
            raise ManifestRefused("the manifest must be a mapping")
        return cls.from_mapping(document)

    @classmethod
    def from_mapping(cls, document: Mapping[str, Any]) -> "AppManifest":
        unknown = set(document) - _SECTIONS
        if unknown:
            raise ManifestRefused(f"unknown sections {sorted(unknown)}; allowed are {sorted(_SECTIONS)}")
        name = _section(document, "display_information").get("name")
        if not isinstance(name, str) or not 1 <= len(name) <= 35:
            raise ManifestRefused("/display_information/name must be 1 to 35 characters")
        features, settings = _section(document, "features"), _section(document, "settings")
        events = _section(settings, "event_subscriptions")
        interactivity, app_home = _section(settings, "interactivity"), _section(features, "app_home")
        manifest = cls(
            name=name,
            bot_name=str(_section(features, "bot_user").get("display_name", name)),
            scopes=frozenset(_section(_section(document, "oauth_config"), "scopes").get("bot") or ()),
            commands=tuple(_command(item) for item in features.get("slash_commands") or ()),
            bot_events=frozenset(events.get("bot_events") or ()),
            interactivity=bool(interactivity.get("is_enabled", False)),
            home_tab=bool(app_home.get("home_tab_enabled", False)),
            messages_tab=bool(app_home.get("messages_tab_enabled", True)),
            socket_mode=bool(settings.get("socket_mode_enabled", False)),
            events_url=events.get("request_url"),
            interactivity_url=interactivity.get("request_url"),
        )
        manifest._hold_together()
        return manifest

    def _hold_together(self) -> None:
        if self.commands and "commands" not in self.scopes:
            raise ManifestRefused("slash commands need the scope `commands`")
        for event in sorted(self.bot_events):
            if event not in EVENT_SCOPES:
                raise ManifestRefused(f"unknown event {event}; this workspace knows {sorted(EVENT_SCOPES)}")
            scope = EVENT_SCOPES[event]
            if scope is not None and scope not in self.scopes:
                raise ManifestRefused(f"the event {event} needs the scope `{scope}`")
        names = [command.name for command in self.commands]
        if len(names) != len(set(names)):
            raise ManifestRefused("two slash commands have the same name")


def _section(parent: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = parent.get(name) or {}
    if not isinstance(value, Mapping):
        raise ManifestRefused(f"/{name} must be a mapping")
    return value


def _command(item: Mapping[str, Any]) -> SlashCommand:
    unknown = set(item) - _COMMAND_FIELDS
    if unknown:
        raise ManifestRefused(f"unknown fields {sorted(unknown)} in a slash command")
    name, description = str(item.get("command", "")), str(item.get("description", ""))
    if not name.startswith("/") or not 2 <= len(name) <= 32 or name != name.lower() or " " in name:
        raise ManifestRefused(f"a slash command is `/` and up to 31 lower-case characters, not {name!r}")
    if not 1 <= len(description) <= 2000:
        raise ManifestRefused(f"{name} needs a description of at most 2000 characters")
    usage_hint = str(item.get("usage_hint") or "")
    if len(usage_hint) > 1000:
        raise ManifestRefused(f"the usage hint of {name} is longer than 1000 characters")
    return SlashCommand(name, description, usage_hint, bool(item.get("should_escape", False)), item.get("url"))


def _secret(prefix: str) -> str:
    return f"{prefix}-{secrets.randbelow(10**12):012d}-{secrets.token_hex(12)}"


@dataclass(frozen=True)
class InstalledApp:
    """The app in one workspace: its ids, its secrets and the scopes that were granted at installation."""

    manifest: AppManifest
    scopes: frozenset[str] = frozenset()
    app_id: str = "A0UPGRADE"
    bot_id: str = "B0UPGRADE"
    bot_user_id: str = "U0BOT"
    bot_token: str = field(default_factory=lambda: _secret("xoxb"), repr=False)
    app_token: str = field(default_factory=lambda: _secret("xapp"), repr=False)
    signing_secret: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    verification_token: str = field(default_factory=lambda: secrets.token_hex(12), repr=False)

    @classmethod
    def install(cls, manifest: AppManifest) -> "InstalledApp":
        """Install with every scope that the manifest asks for."""
        return cls(manifest, manifest.scopes)
