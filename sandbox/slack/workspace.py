"""The whole workspace: people, channels, messages, views and what happened. It knows no HTTP.

One lock guards everything. Public methods may be called from any thread; what they return are copies.
"""

import copy
import itertools
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from sandbox.slack import wire
from sandbox.slack.blocks import completed
from sandbox.slack.changes import ChangeFeed
from sandbox.slack.errors import SlackError
from sandbox.slack.faults import Faults
from sandbox.slack.manifest import InstalledApp
from sandbox.slack.modals import Modals
from sandbox.slack.model import ApiCall, Channel, Delivery, Message, User, UserGroup
from sandbox.slack.schema import Json
from sandbox.slack.store import MessageStore
from sandbox.slack.tickets import ResponseUrls, Triggers
from sandbox.slack.uploads import Uploads

EventSink = Callable[[str, Json], None]


class Workspace:
    """A Slack workspace with one app in it.

    Args:
        app: the installed app; its bot user is added to the people.
        people, channels, usergroups: who and what is there.
        team_url: what permalinks start with.
        paid: False makes user groups answer plan_upgrade_required.
        refused_blocks: kinds of blocks that messages may not have here, such as `plan`.
    """

    def __init__(
        self,
        app: InstalledApp,
        people: Iterable[User],
        channels: Iterable[Channel],
        usergroups: Iterable[UserGroup] = (),
        *,
        team_id: str = "T0SANDBOX",
        team_name: str = "Sandbox",
        team_domain: str = "sandbox",
        team_url: str = "https://sandbox.slack.com/",
        paid: bool = True,
        refused_blocks: Iterable[str] = (),
    ) -> None:
        self.app = app
        self.team_id, self.team_name, self.team_domain, self.team_url = team_id, team_name, team_domain, team_url
        self.paid = paid
        self.refused_blocks = frozenset(refused_blocks)
        self.lock = threading.RLock()
        self.changes = ChangeFeed(self.lock)
        self.faults = Faults()
        self.triggers = Triggers()
        self.response_urls = ResponseUrls()
        self.socket_tickets: set[str] = set()
        self.uploads = Uploads()
        bot_name = re.sub(r"[^a-z0-9]+", "-", app.manifest.bot_name.lower()).strip("-")
        bot = User(name=bot_name, real_name=app.manifest.bot_name, id=app.bot_user_id, is_bot=True)
        self.users = {user.id: user for user in (*people, bot)}
        for user in self.users.values():
            user.team_id = user.team_id or team_id
        self.channels = {channel.id: channel for channel in channels}
        self.usergroups = {group.id: group for group in usergroups}
        self.modals = Modals(self)
        self.deliveries: deque[Delivery] = deque(maxlen=50_000)
        self.api_calls: deque[ApiCall] = deque(maxlen=50_000)
        self.on_event: EventSink = lambda _subscription, _event: None
        self.store = MessageStore(self.channels)
        self._numbers = itertools.count(1)
        self._last_ts = 0

    # ids and time

    def new_id(self, prefix: str) -> str:
        with self.lock:
            return f"{prefix}{next(self._numbers):010X}"

    def new_ts(self) -> str:
        """The wall clock as a message ts, later than every one before it."""
        with self.lock:
            self._last_ts = max(int(time.time() * 1_000_000), self._last_ts + 1)
            return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def complete(self, blocks: Sequence[Json]) -> list[Json]:
        return completed(blocks, iter(lambda: self.new_id("b"), ""))

    # people and channels

    @property
    def bot(self) -> User:
        return self.users[self.app.bot_user_id]

    def user(self, ref: str) -> User:
        """A user by id or by name.

        Raises:
            SlackError: user_not_found.
        """
        for user in self.users.values():
            if ref in (user.id, user.name):
                return user
        raise SlackError("user_not_found")

    def channel(self, ref: str) -> Channel:
        """A channel by id, `#name` or name.

        Raises:
            SlackError: channel_not_found.
        """
        with self.lock:
            found = self.channels.get(ref) or next(
                (
                    channel
                    for channel in self.channels.values()
                    if channel.name == ref.removeprefix("#") and channel.kind != "im"
                ),
                None,
            )
        if found is None:
            raise SlackError("channel_not_found")
        return found

    def add_channel(self, channel: Channel) -> Channel:
        with self.lock:
            self.channels[channel.id] = channel
            self.store.open(channel.id)
            self.changes.add("channel-changed", channel=channel.id)
            return channel

    def direct_message(self, user: str) -> Channel:
        """The direct message between a person and the bot, made when first needed."""
        with self.lock:
            for channel in self.channels.values():
                if channel.kind == "im" and user in channel.members:
                    return channel
            members = {user, self.app.bot_user_id}
            return self.add_channel(Channel(name=self.user(user).name, kind="im", members=members))

    def is_member(self, user_id: str, channel: Channel) -> bool:
        user = self.users[user_id]
        if user_id == self.app.bot_user_id:
            return channel.kind == "im" or channel.bot_is_member
        if channel.members:
            return user_id in channel.members
        return not (user.is_bot or user.deleted or user.is_restricted or user.is_ultra_restricted)

    def members(self, channel: Channel) -> list[str]:
        return [user_id for user_id in self.users if self.is_member(user_id, channel)]

    def can_see(self, user_id: str, channel: Channel) -> bool:
        return channel.kind == "public" or self.is_member(user_id, channel)

    # messages

    def post(
        self,
        channel: Channel,
        author: str,
        text: str,
        *,
        blocks: Sequence[Json] = (),
        thread_ts: str | None = None,
        broadcast: bool = False,
        metadata: Json | None = None,
        attachments: Sequence[Json] = (),
        files: Sequence[Json] = (),
        ephemeral_for: str | None = None,
    ) -> Message:
        """Add a message.

        Raises:
            SlackError: is_archived, or thread_not_found and cannot_reply_to_message for a wrong thread_ts.
        """
        with self.lock:
            if channel.archived:
                raise SlackError("is_archived")
            if thread_ts is not None:
                parent = self.store.find(channel.id, thread_ts)
                if parent is None:
                    raise SlackError("thread_not_found")
                if parent.is_reply or parent.ephemeral_for:
                    raise SlackError("cannot_reply_to_message")
            message = Message(
                channel=channel.id,
                ts=self.new_ts(),
                author=author,
                text=text,
                blocks=self.complete(blocks),
                by_bot=author == self.app.bot_user_id,
                thread_ts=thread_ts,
                broadcast=broadcast and thread_ts is not None,
                metadata=copy.deepcopy(metadata),
                attachments=list(attachments),
                files=list(files),
                ephemeral_for=ephemeral_for,
            )
            self.store.add(message)
            if thread_ts is not None and ephemeral_for is None:
                self.store.get(channel.id, thread_ts).thread_ts = thread_ts
            self._tell("message-posted", message)
            if ephemeral_for is None:
                for subscription, event in wire.message_events(self, message):
                    self.on_event(subscription, event)
            return copy.deepcopy(message)

    def change(
        self,
        message: Message,
        *,
        text: str,
        blocks: Sequence[Json],
        attachments: Sequence[Json] = (),
        metadata: Json | None = None,
    ) -> Message:
        """Replace a message's content; metadata stays when None."""
        with self.lock:
            live = self.store.get(message.channel, message.ts)
            if live.text != text:
                live.edited_ts = self.new_ts()
            live.text, live.blocks, live.attachments = text, self.complete(blocks), list(attachments)
            live.metadata = live.metadata if metadata is None else copy.deepcopy(metadata)
            self._tell("message-changed", live)
            return copy.deepcopy(live)

    def delete(self, message: Message) -> None:
        with self.lock:
            live = self.store.get(message.channel, message.ts)
            self.store.remove(live)
            self._tell("message-deleted", live)

    def message(self, channel: str, ts: str) -> Message:
        """A copy of the message.

        Raises:
            SlackError: message_not_found.
        """
        with self.lock:
            return copy.deepcopy(self.store.get(channel, ts))

    def messages(self, channel: str, seen_by: str | None = None) -> list[Message]:
        """All messages of a channel, oldest first, replies included: what everybody sees, or what one user sees."""
        with self.lock:
            return copy.deepcopy(self.store.of(self.channel(channel).id, seen_by))

    def thread(self, channel: str, ts: str, seen_by: str | None = None) -> list[Message]:
        """A thread's parent and replies, oldest first."""
        with self.lock:
            place = self.channel(channel).id
            parent = self.store.find(place, ts)
            replies = self.store.replies(place, ts, seen_by)
            return copy.deepcopy(replies if parent is None else [parent, *replies])

    def react(self, message: Message, user: str, name: str, *, remove: bool = False) -> None:
        """Add or remove a reaction.

        Raises:
            SlackError: already_reacted, no_reaction or message_not_found.
        """
        with self.lock:
            live = self.store.get(message.channel, message.ts)
            users = live.reactions.get(name, [])
            if (user in users) != remove:
                raise SlackError("no_reaction" if remove else "already_reacted")
            left = [other for other in users if other != user] if remove else [*users, user]
            others = {other: given for other, given in live.reactions.items() if other != name}
            live.reactions = {**others, name: left} if left else others
            self._tell("message-changed", live)
            kind = "reaction_removed" if remove else "reaction_added"
            self.on_event(kind, wire.reaction_event(self, kind, live, user, name))

    def permalink(self, message: Message) -> str:
        link = f"{self.team_url}archives/{message.channel}/p{message.ts.replace('.', '')}"
        return f"{link}?thread_ts={message.thread_ts}&cid={message.channel}" if message.is_reply else link

    def _tell(self, kind: str, message: Message) -> None:
        self.changes.add(
            kind, message.ephemeral_for, channel=message.channel, ts=message.ts, thread_ts=message.thread_ts
        )

    # what passed between Slack and the app

    def record_call(self, call: ApiCall) -> None:
        with self.lock:
            self.api_calls.append(call)

    def record_delivery(self, delivery: Delivery) -> None:
        """Called when a payload leaves and again when its fate changes."""
        with self.lock:
            if delivery.acked_at is None and delivery.error is None:
                self.deliveries.append(delivery)
            self.changes.add("delivery", id=delivery.id, subject=delivery.subject, ok=delivery.ok, error=delivery.error)
