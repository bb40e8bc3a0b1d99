"""Amazon SNS: a message to a topic, for whoever is called when a run needs a person."""

from __future__ import annotations

import re
from typing import Any, Final

from upgrade.gateways.aws.errors import changes
from upgrade.gateways.aws.sessions import AwsSessions
from upgrade.gateways.identity import Identity

#: What SNS takes as a subject: printable ASCII, fewer than 100 characters.
_SUBJECT: Final = 99


class SnsTopic:
    """One topic, published to under one identity. The connection is made with the first message."""

    def __init__(self, arn: str, identity: Identity, sessions: AwsSessions) -> None:
        self._arn = arn
        self._identity = identity
        self._sessions = sessions

    @changes("sns:Publish")
    def publish(self, subject: str, message: str, *, key: str, id: str) -> None:  # noqa: A002 -- SNS's word
        """Publish a message. Raises TemporaryError or PermanentError.

        Args:
            key: the same for messages about one thing; a FIFO topic keeps their order.
            id: the same whenever this very message is sent again: a FIFO topic takes it once within five minutes.
        """
        region = self._arn.split(":")[3]
        plain = re.sub(r"[^ -~]+", " ", subject).strip() or "EKS upgrade"
        arguments: dict[str, Any] = {"TopicArn": self._arn, "Subject": plain[:_SUBJECT], "Message": message}
        if self._arn.endswith(".fifo"):
            arguments |= {"MessageGroupId": key, "MessageDeduplicationId": id}
        self._sessions.session(self._identity, region).client("sns").publish(**arguments)
