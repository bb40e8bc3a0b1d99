"""What people type, turned into what Slack stores: mentions by id, the rest escaped."""

import re

from sandbox.slack.workspace import Workspace


def as_sent(workspace: Workspace, typed: str) -> str:
    """`@ada`, `@platform-team`, `@here` and `#general` become mentions; `&`, `<` and `>` become entities.

    Text that is already a mention, such as `<@U0ADA>`, stays one.
    """
    ready = re.split(r"(<[@#!][A-Za-z0-9^|._-]+>)", typed)
    return "".join(part if index % 2 else _encoded(workspace, part) for index, part in enumerate(ready))


def _encoded(workspace: Workspace, plain: str) -> str:
    escaped = plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    escaped = re.sub(r"(?<!\w)@([a-z0-9._-]*[a-z0-9_-])", lambda found: _person(workspace, found), escaped)
    return re.sub(r"(?<![\w&])#([a-z0-9_-]+)", lambda found: _channel(workspace, found), escaped)


def _person(workspace: Workspace, found: re.Match[str]) -> str:
    name = found[1]
    if name in ("here", "channel", "everyone"):
        return f"<!{name}>"
    for user in workspace.users.values():
        if user.name == name:
            return f"<@{user.id}>"
    for group in workspace.usergroups.values():
        if group.handle == name:
            return f"<!subteam^{group.id}>"
    return found[0]


def _channel(workspace: Workspace, found: re.Match[str]) -> str:
    for channel in workspace.channels.values():
        if channel.name == found[1] and channel.kind != "im":
            return f"<#{channel.id}|{channel.name}>"
    return found[0]
