"""The things in a workspace."""

import re
from dataclasses import dataclass, field
from typing import Any

from sandbox.slack.schema import Json


def _id(prefix: str, name: str) -> str:
    return f"{prefix}0{re.sub('[^A-Z0-9]', '', name.upper())}"


@dataclass
class User:
    """A person or a bot. Without an id it gets a readable one, `U0ADA` for ada."""

    name: str
    real_name: str = ""
    email: str = ""
    tz: str = "Etc/UTC"
    id: str = ""
    title: str = ""
    team_id: str = ""
    is_bot: bool = False
    is_admin: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    deleted: bool = False

    def __post_init__(self) -> None:
        self.id = self.id or _id("U", self.name)
        self.real_name = self.real_name or self.name.replace(".", " ").replace("-", " ").title()
        self.email = self.email or f"{self.name}@example.com"


@dataclass
class Channel:
    """A channel or a direct message. `kind` is public, private or im; empty `members` means everybody but guests.

    Whether the bot is in it is `bot_is_member`'s to say.
    """

    name: str
    members: set[str] = field(default_factory=set)
    kind: str = "public"
    id: str = ""
    topic: str = ""
    purpose: str = ""
    archived: bool = False
    bot_is_member: bool = True
    created: int = 1_700_000_000

    def __post_init__(self) -> None:
        self.id = self.id or _id("D" if self.kind == "im" else "C", self.name)


@dataclass
class UserGroup:
    """A user group, mentioned as `<!subteam^S…>`."""

    handle: str
    users: list[str] = field(default_factory=list)
    name: str = ""
    id: str = ""
    disabled: bool = False

    def __post_init__(self) -> None:
        self.id = self.id or _id("S", self.handle)
        self.name = self.name or self.handle


@dataclass
class Message:
    """A message as it stands now; `author` is a user id, the bot's messages carry the bot user's."""

    channel: str
    ts: str
    author: str
    text: str
    blocks: list[Json] = field(default_factory=list)
    by_bot: bool = False
    thread_ts: str | None = None
    broadcast: bool = False
    metadata: Json | None = None
    attachments: list[Json] = field(default_factory=list)
    files: list[Json] = field(default_factory=list)
    edited_ts: str | None = None
    reactions: dict[str, list[str]] = field(default_factory=dict)
    ephemeral_for: str | None = None

    @property
    def is_reply(self) -> bool:
        return self.thread_ts is not None and self.thread_ts != self.ts


@dataclass
class View:
    """A modal on somebody's screen, or their Home tab. `state` holds the answers: block id, action id, answer."""

    id: str
    user: str
    content: Json
    hash: str
    root_view_id: str
    previous_view_id: str | None = None
    state: dict[str, dict[str, Json]] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        return str(self.content["type"])

    @property
    def blocks(self) -> list[Json]:
        blocks: list[Json] = self.content["blocks"]
        return blocks


@dataclass
class Delivery:
    """One payload on its way to the app, and how that went.

    `kind` is slash_commands, interactive or events_api; `subject` the command, action id, callback id or event type.
    `ok` tells if the ack came before the deadline; `acked_at` is filled by a late one too. Times are epoch seconds.
    """

    id: str
    kind: str
    subject: str
    user: str
    sent_at: float
    attempt: int = 0
    acked_at: float | None = None
    ok: bool = False
    error: str | None = None
    response: Json | None = None
    connection: str | None = None

    @property
    def ack_seconds(self) -> float | None:
        return None if self.acked_at is None else self.acked_at - self.sent_at


@dataclass(frozen=True)
class ApiCall:
    """A Web API call that reached the workspace: arguments without the token, Slack's error if it was refused."""

    method: str
    args: dict[str, Any]
    at: float
    status: int
    error: str | None
