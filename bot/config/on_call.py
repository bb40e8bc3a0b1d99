"""Who is called when a run needs a person, and when."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, field_validator

from bot.config.sections import WhoWeAre
from bot.config.values import Duration, GroupId, Section, is_loopback
from upgrade.gateways.identity import OwnIdentity

PAGERDUTY: Final = "https://events.pagerduty.com/v2/enqueue"


def _https_unless_loopback(value: str) -> str:
    address = urlsplit(value)
    if not address.hostname or address.scheme not in ("https", "http") or address.username or address.password:
        raise ValueError("must be an address such as https://hooks.example.com/eks, without a name or password in it")
    if address.scheme == "http" and not is_loopback(value):
        raise ValueError("must be https; http is for loopback only")
    return value


Address = Annotated[str, Field(max_length=2000), AfterValidator(_https_unless_loopback)]
HookName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
Variable = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{0,99}$")]


class PagerDutySettings(Section):
    """A service of PagerDuty, by its Events API v2: triggered, acknowledged and resolved by itself."""

    kind: Literal["pagerduty"]
    """`pagerduty`"""
    name: HookName
    """Tells it from the others; a delivery is remembered by it, so it stays."""
    key_variable: Variable
    """The environment variable with the integration key."""
    url: Address = PAGERDUTY
    """The address of the API; another for accounts in the European Union."""


class SnsSettings(Section):
    """A topic of Amazon SNS. Needs `sns:Publish` on it."""

    kind: Literal["sns"]
    """`sns`"""
    name: HookName
    """Tells it from the others; a delivery is remembered by it, so it stays."""
    topic: str = Field(pattern=r"^arn:aws[a-z-]*:sns:[a-z0-9-]{5,40}:\d{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?$")
    """The ARN of the topic."""
    role: WhoWeAre = OwnIdentity()
    """Who publishes: `own`, a role's ARN, `{arn: …, external_id: …}` or `{profile: …}`."""


class GenericSettings(Section):
    """Any other receiver: JSON by POST, signed."""

    kind: Literal["generic"]
    """`generic`"""
    name: HookName
    """Tells it from the others; a delivery is remembered by it, so it stays."""
    url: Address
    """Where to post to."""
    secret_variable: Variable
    """The environment variable with the secret that signs."""


WebhookSettings = Annotated[PagerDutySettings | SnsSettings | GenericSettings, Field(discriminator="kind")]


class OnCallSettings(Section):
    """Who is called when a run needs a person (docs/operations.md). The person in charge hears at once, in any case."""

    group: GroupId | None = None
    """The user group that is on call. Left out: none is called."""
    after: Duration = timedelta(minutes=10)
    """How long the person in charge has before the group is called."""
    webhooks_after: Duration = timedelta(minutes=20)
    """How long people have before the webhooks are called."""
    repeat: Duration = timedelta(minutes=30)
    """How often all of them are called again, until somebody acknowledges."""
    webhooks: tuple[WebhookSettings, ...] = ()
    """What wakes people outside of Slack: see below."""

    @field_validator("webhooks")
    @classmethod
    def _each_name_once(cls, webhooks: tuple[WebhookSettings, ...]) -> tuple[WebhookSettings, ...]:
        names = [one.name for one in webhooks]
        if twice := sorted({one for one in names if names.count(one) > 1}):
            raise ValueError(f"these names are there twice: {', '.join(twice)}")
        return webhooks

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables that hold secrets, by the place in the settings that names them."""
        found = {}
        for number, one in enumerate(self.webhooks):
            if isinstance(one, PagerDutySettings):
                found[f"on_call.webhooks[{number}].key_variable"] = one.key_variable
            elif isinstance(one, GenericSettings):
                found[f"on_call.webhooks[{number}].secret_variable"] = one.secret_variable
        return found
