"""What Slack answers when it says no."""

from typing import Any


class SlackError(Exception):
    """A Web API answer with `ok: false`; `code` is Slack's name for it, `details` what stands beside it in the body."""

    def __init__(self, code: str, **details: Any) -> None:
        super().__init__(code)
        self.code = code
        self.details = details


class InvalidArguments(SlackError):
    """An argument is missing or malformed; the messages name it with its JSON pointer."""

    def __init__(self, *messages: str, code: str = "invalid_arguments") -> None:
        super().__init__(
            code, errors=list(messages), response_metadata={"messages": [f"[ERROR] {message}" for message in messages]}
        )


class NotVisible(Exception):
    """A person tried to use something that their Slack does not show them."""
