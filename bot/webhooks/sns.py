"""A topic of Amazon SNS as a receiver of pages."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Protocol

from bot.webhooks.page import Page, PageLost
from upgrade.errors import UpgradeError


class Publishes(Protocol):
    """The topic, behind the gateway to AWS."""

    def publish(self, subject: str, message: str, *, key: str, id: str) -> None:  # noqa: A002 -- SNS's word
        """Raises UpgradeError."""
        ...


@dataclass(frozen=True)
class Sns:
    """JSON as any other receiver gets it; whoever subscribes by mail reads the summary in the subject."""

    name: str
    topic: Publishes

    def send(self, page: Page) -> None:
        try:
            self.topic.publish(
                page.summary, json.dumps(page.content(), sort_keys=True, ensure_ascii=False), key=page.key, id=page.id
            )
        except UpgradeError as error:
            raise PageLost(error.message) from None
