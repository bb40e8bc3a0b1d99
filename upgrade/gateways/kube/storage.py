"""Volumes, claims, storage classes and drivers on the wire, and the rows that we keep of them."""

from __future__ import annotations

from typing import Final

from msgspec import field

from upgrade.gateways.kube.meta import Meta, Reference, Wire
from upgrade.gateways.kube.podspec import Driven, NodeSelector, Said
from upgrade.objects import ClaimRow, StorageClassRow, VolumeRow
from upgrade.rows import CsiNodeRow

_ZONES: Final = (
    "topology.kubernetes.io/zone",
    "topology.ebs.csi.aws.com/zone",
    "failure-domain.beta.kubernetes.io/zone",
)
_DEFAULT_CLASS: Final = (
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
)


class VolumeAffinity(Wire):
    required: NodeSelector | None = None


class VolumeSpec(Wire):
    """The kinds of volumes that a cluster on AWS can have; each member but the last three is one."""

    aws_elastic_block_store: Said | None = None
    cephfs: Said | None = None
    csi: Driven | None = None
    fc: Said | None = None
    flex_volume: Driven | None = None
    glusterfs: Said | None = None
    host_path: Said | None = None
    iscsi: Said | None = None
    local: Said | None = None
    nfs: Said | None = None
    portworx_volume: Said | None = None
    rbd: Said | None = None
    node_affinity: VolumeAffinity | None = None
    claim_ref: Reference | None = None
    storage_class_name: str | None = None


_SOURCES: Final = tuple(zip(VolumeSpec.__struct_fields__, VolumeSpec.__struct_encode_fields__, strict=True))[:-3]


class Volume(Wire):
    metadata: Meta
    spec: VolumeSpec = field(default_factory=VolumeSpec)

    def row(self) -> VolumeRow:
        spec = self.spec
        driven = spec.csi or spec.flex_volume
        return VolumeRow(
            name=self.metadata.name,
            source=next((kind for member, kind in _SOURCES if getattr(spec, member) is not None), ""),
            driver=driven.driver if driven else "",
            zones=self._zones(),
            claim=spec.claim_ref.path if spec.claim_ref else "",
            storage_class=spec.storage_class_name or "",
            mount_options_annotation=self.metadata.annotation("volume.beta.kubernetes.io/mount-options") is not None,
        )

    def _zones(self) -> tuple[str, ...]:
        """Terms are alternatives: one that names no zone allows any."""
        affinity = self.spec.node_affinity
        terms = (affinity.required.node_selector_terms if affinity and affinity.required else None) or ()
        zones: set[str] = set()
        for term in terms:
            named = [item for item in term.match_expressions or () if item.key in _ZONES and item.operator == "In"]
            if not named:
                return ()
            zones.update(*(item.values or () for item in named))
        labels = self.metadata.labels or {}
        return tuple(
            sorted(zones or {zone for name in _ZONES for zone in (labels.get(name) or "").split("__") if zone})
        )


class ClaimSpec(Wire):
    volume_name: str = ""
    storage_class_name: str | None = None


class Phase(Wire):
    phase: str = ""


class Claim(Wire):
    metadata: Meta
    spec: ClaimSpec = field(default_factory=ClaimSpec)
    status: Phase = field(default_factory=Phase)

    def row(self) -> ClaimRow:
        older = self.metadata.annotation("volume.beta.kubernetes.io/storage-class")
        return ClaimRow(
            namespace=self.metadata.namespace,
            name=self.metadata.name,
            volume=self.spec.volume_name,
            storage_class=self.spec.storage_class_name if older is None else older,
            phase=self.status.phase,
        )


class StorageClass(Wire):
    metadata: Meta
    provisioner: str = ""

    def row(self) -> StorageClassRow:
        default = any(self.metadata.annotation(name) == "true" for name in _DEFAULT_CLASS)
        return StorageClassRow(name=self.metadata.name, provisioner=self.provisioner, default=default)


class CsiDriver(Wire):
    name: str


class CsiNodeSpec(Wire):
    drivers: list[CsiDriver] | None = None


class CsiNode(Wire):
    metadata: Meta
    spec: CsiNodeSpec = field(default_factory=CsiNodeSpec)

    def row(self) -> CsiNodeRow:
        return CsiNodeRow(name=self.metadata.name, drivers=tuple(driver.name for driver in self.spec.drivers or ()))
