"""Settings: the environment plus one YAML file."""

from __future__ import annotations

from bot.config.announcements import AnnouncementSettings
from bot.config.digest import DigestSettings
from bot.config.discovery import DiscoverySettings
from bot.config.loading import CONFIG_VARIABLE, load_settings, missing_for_serve
from bot.config.on_call import GenericSettings, OnCallSettings, PagerDutySettings, SnsSettings, WebhookSettings
from bot.config.policies import EnvironmentSettings, FreezeSettings, GateSettings
from bot.config.sections import (
    SLACK_API,
    ClusterSettings,
    FleetSettings,
    LogSettings,
    PollSettings,
    ReadinessSettings,
    RoleSettings,
    RolesSettings,
    SlackSettings,
)
from bot.config.settings import PREFIX, WELL_KNOWN, Settings
from bot.config.values import ConfigurationWrong, is_loopback

__all__ = [
    "CONFIG_VARIABLE",
    "PREFIX",
    "SLACK_API",
    "WELL_KNOWN",
    "AnnouncementSettings",
    "ClusterSettings",
    "ConfigurationWrong",
    "DigestSettings",
    "DiscoverySettings",
    "EnvironmentSettings",
    "FleetSettings",
    "FreezeSettings",
    "GateSettings",
    "GenericSettings",
    "LogSettings",
    "OnCallSettings",
    "PagerDutySettings",
    "PollSettings",
    "ReadinessSettings",
    "RoleSettings",
    "RolesSettings",
    "Settings",
    "SlackSettings",
    "SnsSettings",
    "WebhookSettings",
    "is_loopback",
    "load_settings",
    "missing_for_serve",
]
