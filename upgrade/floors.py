"""Which versions of components a cluster version asks for: facts that age, kept in ``data/component_floors.yaml``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Final

from pydantic import BeforeValidator, Field

from upgrade.cluster import ClusterSnapshot
from upgrade.components import image_tag
from upgrade.data_files import read_data
from upgrade.facts import Value, need
from upgrade.findings import Severity
from upgrade.pod_templates import PodTemplate
from upgrade.versions import KubernetesVersion

_RELEASE: Final = re.compile(r"^v?(\d+)\.(\d+)(?:\.(\d+))?(?!\d)", re.ASCII)


Release = tuple[int, int, int]
"""A component's version as numbers: (major, minor, patch)."""


def parse_release(text: str) -> Release | None:
    """Read an image tag such as ``v2.4.7-linux_amd64``; None when it tells no version."""
    found = _RELEASE.match(text)
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else None


_Written = Annotated[Release, BeforeValidator(lambda text: parse_release(str(text)))]


class Floor(Value):
    """A component's version fits when it is ``at_least`` this, ``below`` that and ``never`` one of those.

    Args:
        first, until: the targets that it is for, both included; None means any.
    """

    rule: str
    component: str
    at_least: _Written | None = None
    below: _Written | None = None
    never: tuple[_Written, ...] = ()
    first: KubernetesVersion | None = Field(default=None, alias="from")
    until: KubernetesVersion | None = None
    severity: Severity
    why: str
    source: str

    def applies(self, target: KubernetesVersion) -> bool:
        return (self.first or target) <= target <= (self.until or target)

    def fits(self, release: Release) -> bool:
        return not (
            (self.at_least and release < self.at_least)
            or (self.below and release >= self.below)
            or release in self.never
        )

    @property
    def wanted(self) -> str:
        """For a sentence: ``1.12.0 or later``."""
        if self.at_least:
            return f"{_text(self.at_least)} or later"
        return f"below {_text(self.below)}" if self.below else f"not {' or '.join(map(_text, self.never))}"


class Recognised(Value):
    """How a component is recognised."""

    addon: str = ""
    images: tuple[str, ...] = ()


@dataclass(frozen=True)
class Installed:
    """A component as it runs; ``release`` None when its image does not tell it, ``template`` None for an add-on."""

    subject: str
    text: str
    release: Release | None
    template: PodTemplate | None = None


@cache
def floors() -> tuple[Floor, ...]:
    return tuple(Floor.model_validate(entry) for entry in read_data("component_floors.yaml")["floors"])


@cache
def recognised(component: str) -> Recognised:
    return Recognised.model_validate(read_data("component_floors.yaml")["components"][component])


@cache
def platform_floor(version: KubernetesVersion) -> int:
    """The lowest platform version (the number of ``eks.N``) that EKS add-ons work with (E-10)."""
    platforms: dict[str, int] = read_data("component_floors.yaml")["platforms"]
    return platforms.get(str(version), 1)


def installed(snapshot: ClusterSnapshot, templates: tuple[PodTemplate, ...], component: str) -> tuple[Installed, ...]:
    """The component in a cluster: its EKS add-on, else every workload that runs its image. Raises FactUnknown."""
    known = recognised(component)
    for addon in need(snapshot.addons) if known.addon else ():
        if addon.name == known.addon:
            return (Installed(f"addon/{addon.name}", str(addon.version), addon.version.patch),)
    found = []
    for template in templates:
        image = next((one for one in template.images if image_name(one) in known.images), None)
        if image:
            found.append(Installed(template.subject, image_tag(image), parse_release(image_tag(image)), template))
    return tuple(found)


def image_name(image: str) -> str:
    """The last part of an image's repository: ``coredns`` of ``registry.example/eks/coredns:v1.11.1@sha256:…``."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0]


def _text(release: Release) -> str:
    return ".".join(map(str, release))
