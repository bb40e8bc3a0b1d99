"""The Web API methods. Importing this package registers them all."""

from sandbox.slack.api import apps, chat, conversations, files, people, views
from sandbox.slack.api.calls import Answer, WebApi

__all__ = ["Answer", "WebApi", "apps", "chat", "conversations", "files", "people", "views"]
