"""A Slack workspace to play in: Web API, Socket Mode and signed HTTP requests, with Slack's limits and its faults."""

from sandbox.slack.faults import Fault, Faults
from sandbox.slack.limits import RateLimits
from sandbox.slack.manifest import AppManifest, InstalledApp, SlashCommand
from sandbox.slack.model import Channel, Message, User, UserGroup, View
from sandbox.slack.people import Outcome, People
from sandbox.slack.server import SlackFace
from sandbox.slack.workspace import Workspace

__all__ = [
    "AppManifest",
    "Channel",
    "Fault",
    "Faults",
    "InstalledApp",
    "Message",
    "Outcome",
    "People",
    "RateLimits",
    "SlackFace",
    "SlashCommand",
    "User",
    "UserGroup",
    "View",
    "Workspace",
]
