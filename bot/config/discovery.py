"""Where clusters are found rather than listed, and what their tags say (docs/decisions/0011)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Final

from pydantic import Field, field_validator

from bot.config.sections import ClusterSettings, HowReached
from bot.config.values import AccountNumber, RegionName, Section, ZoneName
from upgrade.discovery import DiscoveredCluster, Place
from upgrade.gateways.identity import ExternalId, RoleIdentity
from upgrade.gateways.reach import Direct

_ACCOUNT: Final = "{account}"
#: The longest owner or environment that is read from a tag; AWS allows 256.
_LONGEST: Final = 100

RolePattern = Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:iam::\{account\}:role/[A-Za-z0-9_+=,.@/-]{1,576}$")]
TagName = Annotated[str, Field(min_length=1, max_length=128)]


class DiscoverySettings(Section):
    """Accounts and regions whose clusters are found, at the start and then every `fleet.discover_every`. Their tags say
    of which environment they are and whose. A cluster that is also under `clusters` is as it stands there."""

    accounts: tuple[AccountNumber, ...]
    """The AWS accounts, 12 digits each, in quotes."""
    regions: tuple[RegionName, ...]
    """The regions to look into, in each of them."""
    read_role: RolePattern
    """Who finds, checks and plans: a role of each account, such as `arn:aws:iam::{account}:role/eks-upgrade-bot-read`;
    it needs `eks:ListClusters`, too."""
    change_role: RolePattern | None = None
    """Who upgrades, in the same form. Left out: check and plan only."""
    external_id: ExternalId | None = None
    """What the trust policies of both roles ask for, if they do."""
    tags: dict[str, str] = Field(default={})
    """Only clusters that have all of these tags, such as `{upgrades: bot}`. Left out: every cluster."""
    environment_tag: TagName | None = "environment"
    """The tag that names the environment. One that `environments` does not have makes a cluster check-only. `null`:
    no tag is asked, so that nobody who may tag chooses the policy."""
    environment: str | None = None
    """The environment of clusters without that tag. Left out: the production policy."""
    owner_tag: TagName = "owner"
    """The tag that names the owner."""
    time_zone: ZoneName = "UTC"
    """Of their maintenance windows, such as Europe/Berlin."""
    reach: HowReached = Direct()
    """How their APIs are reached, as under `clusters`."""

    @field_validator("accounts", "regions")
    @classmethod
    def _at_least_one(cls, named: tuple[str, ...]) -> tuple[str, ...]:
        if not named:
            raise ValueError("must name at least one")
        return named

    def looks(self) -> Iterator[tuple[RoleIdentity, Place]]:
        """Where clusters are looked for, and who looks."""
        for account in self.accounts:
            for region in self.regions:
                yield self._role(self.read_role, account), Place(account=account, region=region)

    def covers(self, found: DiscoveredCluster) -> bool:
        """Whether a cluster is looked for here, and has the tags."""
        here = found.id.account in self.accounts and found.id.region in self.regions
        return here and self.tags.items() <= dict(found.tags).items()

    def cluster(self, found: DiscoveredCluster) -> ClusterSettings:
        """The cluster as somebody would list it."""
        account = found.id.account
        return ClusterSettings(
            name=found.id.name,
            region=found.id.region,
            account=account,
            environment=_said(found.tags, self.environment_tag) or self.environment,
            time_zone=self.time_zone,
            owner=_said(found.tags, self.owner_tag),
            read_role=self._role(self.read_role, account),
            change_role=self._role(self.change_role, account) if self.change_role else None,
            reach=self.reach,
        )

    def _role(self, pattern: str, account: str) -> RoleIdentity:
        return RoleIdentity(arn=pattern.replace(_ACCOUNT, account), external_id=self.external_id)


def _said(tags: Mapping[str, str], name: str | None) -> str | None:
    """The value of a tag in one line; None when it is missing or empty, or no tag is asked."""
    return " ".join(tags.get(name or "", "").split())[:_LONGEST] or None
