"""The settings of calls as the rest of the bot knows them: whom to call for a cluster, and the webhooks."""

from __future__ import annotations

import os

from pydantic import SecretStr

from bot.config import ClusterSettings, GenericSettings, PagerDutySettings, Settings, WebhookSettings
from bot.webhooks.http import Generic, PagerDuty
from bot.webhooks.page import Webhook
from bot.webhooks.sns import Sns
from handlers.views.text import whom_to_call
from upgrade.calls import CallPolicy
from upgrade.gateways.aws.sessions import AwsSessions
from upgrade.gateways.aws.topics import SnsTopic


def call_policy(settings: Settings, cluster: ClusterSettings, approvers: tuple[str, ...]) -> CallPolicy:
    """Whom to call for a cluster. ``approvers``: users and user groups who may approve."""
    wanted = settings.on_call
    return CallPolicy(
        owner=whom_to_call(cluster.owner),
        group=wanted.group,
        group_after=wanted.after,
        pages=bool(wanted.webhooks),
        pages_after=wanted.webhooks_after,
        repeat=wanted.repeat,
        approvers=approvers,
    )


def webhooks_of(settings: Settings) -> tuple[Webhook, ...]:
    """The receivers; their secrets come from the environment, which ``missing_for_serve`` has looked at."""
    sessions = AwsSessions()
    return tuple(_webhook(one, sessions) for one in settings.on_call.webhooks)


def _webhook(one: WebhookSettings, sessions: AwsSessions) -> Webhook:
    if isinstance(one, PagerDutySettings):
        return PagerDuty(one.name, one.url, _secret(one.key_variable))
    if isinstance(one, GenericSettings):
        return Generic(one.name, one.url, _secret(one.secret_variable))
    return Sns(one.name, SnsTopic(one.topic, one.role, sessions))


def _secret(variable: str) -> SecretStr:
    return SecretStr(os.environ.get(variable, ""))
