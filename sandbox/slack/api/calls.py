"""How a Web API call is taken: token, scopes, rate limit, arguments, answer."""

import base64
import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.slack.errors import InvalidArguments, SlackError
from sandbox.slack.limits import RateLimits
from sandbox.slack.model import ApiCall, Channel
from sandbox.slack.schema import Json
from sandbox.slack.workspace import Workspace

BOT = "xoxb"
_TRUE = {"1", "true", "True", "on"}


@dataclass(frozen=True)
class Answer:
    """An HTTP answer: a status, a JSON body and headers."""

    status: int
    body: Json
    headers: dict[str, str] = field(default_factory=dict)


class Arguments:
    """A call's arguments, whether they came as JSON, as a form or in the query."""

    def __init__(self, values: Json) -> None:
        self.values = values

    def has(self, name: str) -> bool:
        return self.values.get(name) not in (None, "")

    def text(self, name: str) -> str:
        """A required string."""
        if not self.has(name):
            raise InvalidArguments(f"missing required field: {name} [json-pointer:/{name}]")
        return str(self.values[name])

    def maybe(self, name: str) -> str | None:
        return str(self.values[name]) if self.has(name) else None

    def flag(self, name: str) -> bool:
        value = self.values.get(name)
        return value if isinstance(value, bool) else str(value) in _TRUE

    def number(self, name: str, default: int, most: int) -> int:
        try:
            value = int(self.values.get(name) or default)
        except (TypeError, ValueError):
            raise InvalidArguments(f"must be an integer [json-pointer:/{name}]") from None
        if not 1 <= value <= most:
            raise SlackError("invalid_limit") if name == "limit" else InvalidArguments(f"[json-pointer:/{name}]")
        return value

    def json(self, name: str, code: str = "invalid_arguments") -> Any:
        """A nested value: in a form it is JSON text."""
        value = self.values.get(name)
        if isinstance(value, str) and value:
            try:
                return json.loads(value)
            except ValueError:
                raise SlackError(code) from None
        return value or None

    def names(self, name: str) -> list[str]:
        """A list given as an array or as text with commas."""
        value = self.values.get(name)
        if isinstance(value, list):
            return [str(item) for item in value]
        return [part.strip() for part in str(value or "").split(",") if part.strip()]


@dataclass(frozen=True)
class Call:
    """One call that has passed the door."""

    workspace: Workspace
    args: Arguments
    url: str

    def need_scope(self, scope: str) -> None:
        """
        Raises:
            SlackError: missing_scope.
        """
        granted = self.workspace.app.scopes
        if scope not in granted:
            raise SlackError("missing_scope", needed=scope, provided=",".join(sorted(granted)))

    def channel(self, *, by_name: bool = False) -> Channel:
        """The channel argument, if the bot can see it: an id, or also a name where Slack takes one."""
        ref = self.args.text("channel")
        channel = self.workspace.channel(ref)
        if not by_name and ref != channel.id:
            raise SlackError("channel_not_found")
        if not self.workspace.can_see(self.workspace.app.bot_user_id, channel):
            raise SlackError("channel_not_found")
        return channel


Handler = Callable[[Call], Json]


@dataclass(frozen=True)
class Method:
    name: str
    tier: str
    scopes: tuple[str, ...]
    opened_by: str
    handler: Handler


METHODS: dict[str, Method] = {}


def method(name: str, tier: str, *scopes: str, opened_by: str = BOT) -> Callable[[Handler], Handler]:
    """Register a Web API method.

    Args:
        name: as Slack calls it.
        tier: its rate limit, a key of `limits.PER_MINUTE`.
        scopes: any one of them opens the door; finer demands are the handler's.
        opened_by: the prefix of the token that it wants; empty for methods that need none.
    """

    def register(handler: Handler) -> Handler:
        METHODS[name] = Method(name, tier, scopes, opened_by, handler)
        return handler

    return register


class WebApi:
    """The Web API over a workspace, without HTTP."""

    def __init__(self, workspace: Workspace, rate_limits: RateLimits) -> None:
        self.workspace = workspace
        self.rate_limits = rate_limits
        self.url = ""

    def call(self, name: str, values: Json, token: str | None) -> Answer:
        """Answer one call. `values` are its arguments, `token` came in the header (or stands among the arguments)."""
        values = dict(values)
        token = token or values.get("token")
        values.pop("token", None)
        answer = self._answer(name, values, token)
        self.workspace.record_call(ApiCall(name, values, time.time(), answer.status, answer.body.get("error")))
        return answer

    def _answer(self, name: str, values: Json, token: str | None) -> Answer:
        headers: dict[str, str] = {}
        try:
            found = _method(name)
            self._check_token(found, token)
            if found.opened_by == BOT:
                headers["x-oauth-scopes"] = ",".join(sorted(self.workspace.app.scopes))
                headers["x-accepted-oauth-scopes"] = ",".join(found.scopes)
            self._check_scopes(found)
            retry_after = self.rate_limits.refuse(name, found.tier, str(values.get("channel", "")))
            if retry_after is not None:
                return Answer(429, {"ok": False, "error": "ratelimited"}, {"Retry-After": str(retry_after)})
            with self.workspace.lock:
                body = found.handler(Call(self.workspace, Arguments(values), self.url))
        except SlackError as error:
            return Answer(200, {"ok": False, "error": error.code, **error.details}, headers)
        return Answer(200, {"ok": True, **body}, headers)

    def _check_scopes(self, found: Method) -> None:
        granted = self.workspace.app.scopes
        if found.scopes and not granted.intersection(found.scopes):
            raise SlackError("missing_scope", needed=",".join(found.scopes), provided=",".join(sorted(granted)))

    def _check_token(self, found: Method, token: str | None) -> None:
        app = self.workspace.app
        if not found.opened_by:
            return
        if not token:
            raise SlackError("not_authed")
        if token not in (app.bot_token, app.app_token):
            raise SlackError("invalid_auth")
        if not token.startswith(found.opened_by):
            raise SlackError("not_allowed_token_type")


def _method(name: str) -> Method:
    if name not in METHODS:
        raise SlackError("unknown_method", req_method=name)
    return METHODS[name]


def page(call: Call, items: Sequence[Any], name: str, *, default: int, most: int) -> Json:
    """One page of `items` under `name`, with Slack's cursor to the next."""
    limit = call.args.number("limit", default, most)
    start = _offset(call.args.maybe("cursor"))
    following = start + limit
    cursor = base64.b64encode(f"offset:{following}".encode()).decode() if following < len(items) else ""
    return {name: list(items[start:following]), "response_metadata": {"next_cursor": cursor}}


def _offset(cursor: str | None) -> int:
    if cursor is None:
        return 0
    try:
        found = re.fullmatch(r"offset:(\d+)", base64.b64decode(cursor, validate=True).decode())
    except ValueError:
        found = None
    if found is None:
        raise SlackError("invalid_cursor")
    return int(found[1])
