"""What every listener needs: the service, the way to say something, and who is asking."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Protocol

from handlers.ids import Dialog
from handlers.views.kit import Message
from handlers.zones import Zones
from upgrade.eks import ClusterId
from upgrade.errors import NotAllowed
from upgrade.ports import Access, Refused, Verb
from upgrade.records import Form
from upgrade.run import UpgradeRun
from upgrade.service import UpgradeService


@dataclass(frozen=True)
class File:
    """Something to keep.

    Args:
        name: with its ending.
        title: what people read above it.
        alt: what a picture shows, for those who do not see it.
    """

    name: str
    title: str
    content: str | bytes
    alt: str = ""


class Post(Protocol):
    """What the conversation asks of the delivery to Slack."""

    def whisper(self, channel: str, user: str, message: Message, *, thread: str | None = None) -> bool:
        """Show a message to one person. Tries once and never raises: an ephemeral answer may get lost. Says whether
        Slack took it.
        """
        ...

    def hand_over(self, user: str, file: File) -> bool:
        """Send a file to one person as a direct message. Tries once and never raises; says whether it went."""
        ...

    def thread_link(self, run_id: str) -> str | None:
        """The address of a run's thread, once its message exists."""
        ...

    def preview(self, run: UpgradeRun) -> Message:
        """What would be announced of a run as it is now. Posts nothing. Raises NotNow for a run without a plan."""
        ...

    def run_at(self, channel: str, thread: str) -> str | None:
        """The unfinished run whose thread that is."""
        ...


class Homes(Protocol):
    """What the conversation asks of those who show App Home."""

    def open(self, user: str, choice: str | None = None) -> None:
        """Show it to somebody, and keep it fresh for a while. Waits for nothing.

        Args:
            choice: what it shows, as the view carries it; None: what they chose last.
        """
        ...


class NoHomes:
    """Where nothing is shown."""

    def open(self, user: str, choice: str | None = None) -> None:
        pass


class Files(Protocol):
    """What the conversation asks of whoever writes and draws what is left of a run."""

    def record(self, run: UpgradeRun, form: Form) -> File:
        """Its audit pack."""
        ...

    def picture(self, run: UpgradeRun) -> File | None:
        """Its timeline; None when there is nothing to show, or it cannot be drawn."""
        ...


class Origins:
    """The newest requests to start and their answers: the store knows the origins of decisions only."""

    def __init__(self, most: int = 1000) -> None:
        self._most = most
        self._answers: OrderedDict[str, Future[Message]] = OrderedDict()
        self._lock = threading.Lock()

    def once(self, origin: str, work: Callable[[], Message], *, again: bool) -> Message | None:
        """Do the work of a request, also when it is delivered twice.

        Args:
            again: whether the second delivery is answered as the first was, which it waits for, or not at all.

        Raises what the work raises.
        """
        with self._lock:
            answer, known = self._answers.get(origin, Future()), origin in self._answers
            self._answers[origin] = answer
            if len(self._answers) > self._most:
                self._answers.popitem(last=False)
        if not known:
            try:
                answer.set_result(work())
            except BaseException as error:
                answer.set_exception(error)
        elif not again:
            return None
        return answer.result()


@dataclass(frozen=True)
class Conversation:
    """Handed to every listener.

    Args:
        access: who may look; who may act is asked by the engine after the commit, before it counts.
        files: writes and draws what is left of a run.
        command: the slash command, which is a setting.
        channel: where runs are shown that were asked for outside of a channel (App Home); None when there is none.
        homes: shows App Home.
        later: does in another thread what follows an ack, so that no ack waits for it. What it is given never raises.
    """

    service: UpgradeService
    post: Post
    access: Access
    files: Files
    command: str = "/eks-upgrade"
    channel: str | None = None
    starts: Origins = field(default_factory=Origins)
    zones: Zones = field(default_factory=Zones)
    homes: Homes = field(default_factory=NoHomes)
    later: Callable[[Callable[[], object]], object] = lambda work: work()

    def refusal(self, user: str, verb: Verb, clusters: Iterable[ClusterId]) -> str:
        """Why the person may do that to none of the clusters; empty when they may. After the ack, as ``permit``."""
        answers = [self.access.allows(user, verb, cluster) for cluster in clusters]
        refused = [one.reason for one in answers if isinstance(one, Refused)]
        return refused[0] if refused and len(refused) == len(answers) else ""

    def permit(self, user: str, verb: Verb, clusters: Iterable[ClusterId]) -> None:
        """For listeners that only read, after their ack: it may look up user groups. Raises NotAllowed."""
        for cluster in clusters:
            answer = self.access.allows(user, verb, cluster)
            if isinstance(answer, Refused):
                raise NotAllowed(answer.reason, who=answer.who)


@dataclass(frozen=True)
class Caller:
    """Who asks, and where.

    Args:
        user: the Slack user id; who they are is looked up later, when it counts.
        channel: where the answer goes; empty in App Home.
        origin: names this very request: the same one delivered twice changes nothing.
        typed: the command that was typed, or that a button stands for; empty when it is none.
        thread: the thread in which the button stands; empty elsewhere.
        in_dialog: whether it stands in a dialog.
    """

    user: str
    channel: str
    origin: str
    trigger: str = ""
    typed: str = ""
    thread: str = ""
    in_dialog: bool = False

    @classmethod
    def of_command(cls, body: Mapping[str, Any]) -> Caller:
        trigger = str(body.get("trigger_id", ""))
        typed = str(body.get("text") or "")
        return cls(str(body["user_id"]), str(body.get("channel_id", "")), f"command:{trigger}", trigger, typed)

    @classmethod
    def of_action(cls, body: Mapping[str, Any], typed: str = "") -> Caller:
        action = body["actions"][0]
        user = str(body["user"]["id"])
        view = body.get("view") or {}
        channel = str((body.get("channel") or {}).get("id", "")) or channel_of(view)
        origin = f"action:{action.get('action_ts', '')}:{user}:{action['action_id']}"
        trigger, in_dialog = str(body.get("trigger_id", "")), view.get("type") == "modal"
        return cls(user, channel, origin, trigger, typed, thread_of(body), in_dialog)

    @classmethod
    def of_view(cls, body: Mapping[str, Any], channel: str = "") -> Caller:
        return cls(str(body["user"]["id"]), channel, f"view:{body['view']['id']}", str(body.get("trigger_id", "")))

    @classmethod
    def of_event(cls, body: Mapping[str, Any]) -> Caller:
        event = body["event"]
        channel = str(event.get("channel", ""))
        return cls(str(event["user"]), channel, f"event:{body.get('event_id', '')}")


def channel_of(view: Mapping[str, Any]) -> str:
    """Where runs are shown that the buttons of an answer dialog ask for; empty for any other view."""
    return str(view.get("private_metadata") or "") if view.get("callback_id") == Dialog.ANSWER else ""


def thread_of(body: Mapping[str, Any]) -> str:
    """The thread that whoever pressed a button has in front; empty: the channel, where its first message stands too,
    and a reply that was shown to the channel as well.
    """
    stands, message = body.get("container") or {}, body.get("message") or {}
    thread = str(stands.get("thread_ts") or "")
    in_channel = thread == stands.get("message_ts") or message.get("subtype") == "thread_broadcast"
    return "" if in_channel else thread


Work = Callable[[], Message | None]
