"""Pod specs on the wire. Environment values are not read."""

from __future__ import annotations

from msgspec import field

from upgrade.gateways.kube.meta import Requirement, Selector, Wire


class Said(Wire):
    """Something whose contents do not matter, only that it is there."""


class Resources(Wire):
    requests: dict[str, str] | None = None
    limits: dict[str, str] | None = None


class Profile(Wire):
    type: str = ""


class SecurityContext(Wire):
    """Of a pod or of a container."""

    privileged: bool | None = None
    app_armor_profile: Profile | None = None
    se_linux_change_policy: str | None = None


class Port(Wire):
    host_port: int | None = None


class Container(Wire):
    image: str = ""
    resources: Resources | None = None
    security_context: SecurityContext | None = None
    ports: list[Port] | None = None
    readiness_probe: Said | None = None
    restart_policy: str | None = None

    @property
    def is_sidecar(self) -> bool:
        """Of an init container: whether it goes on beside the others."""
        return self.restart_policy == "Always"


class Claim(Wire):
    claim_name: str = ""


class HostPath(Wire):
    path: str = ""


class Driven(Wire):
    driver: str = ""


class Volume(Wire):
    """The kinds of volumes that a pod on AWS can have."""

    aws_elastic_block_store: Said | None = None
    cephfs: Said | None = None
    config_map: Said | None = None
    csi: Driven | None = None
    downward_api: Said | None = field(default=None, name="downwardAPI")
    empty_dir: Said | None = None
    ephemeral: Said | None = None
    fc: Said | None = None
    flex_volume: Driven | None = None
    git_repo: Said | None = None
    glusterfs: Said | None = None
    host_path: HostPath | None = None
    image: Said | None = None
    iscsi: Said | None = None
    nfs: Said | None = None
    persistent_volume_claim: Claim | None = None
    portworx_volume: Said | None = None
    projected: Said | None = None
    rbd: Said | None = None
    secret: Said | None = None


class NodeSelectorTerm(Wire):
    match_expressions: list[Requirement] | None = None
    match_fields: list[Requirement] | None = None


class NodeSelector(Wire):
    node_selector_terms: list[NodeSelectorTerm] | None = None


class NodeAffinity(Wire):
    required: NodeSelector | None = field(default=None, name="requiredDuringSchedulingIgnoredDuringExecution")


class AffinityTerm(Wire):
    topology_key: str = ""
    label_selector: Selector | None = None
    namespaces: list[str] | None = None
    namespace_selector: Selector | None = None
    match_label_keys: list[str] | None = None
    mismatch_label_keys: list[str] | None = None


class PodAffinity(Wire):
    required: list[AffinityTerm] | None = field(default=None, name="requiredDuringSchedulingIgnoredDuringExecution")
    preferred: list[Said] | None = field(default=None, name="preferredDuringSchedulingIgnoredDuringExecution")


class Affinity(Wire):
    node_affinity: NodeAffinity | None = None
    pod_affinity: PodAffinity | None = None
    pod_anti_affinity: PodAffinity | None = None


class Spread(Wire):
    topology_key: str = ""
    max_skew: int = 1
    when_unsatisfiable: str = ""
    label_selector: Selector | None = None
    match_label_keys: list[str] | None = None


class WireToleration(Wire):
    key: str | None = None
    operator: str | None = None
    value: str | None = None
    effect: str | None = None


class PodSpec(Wire):
    node_name: str = ""
    containers: tuple[Container, ...] | None = None
    init_containers: tuple[Container, ...] | None = None
    overhead: dict[str, str] | None = None
    resources: Resources | None = None
    volumes: list[Volume] | None = None
    node_selector: dict[str, str] | None = None
    affinity: Affinity | None = None
    topology_spread_constraints: list[Spread] | None = None
    tolerations: list[WireToleration] | None = None
    service_account_name: str | None = None
    host_network: bool | None = None
    termination_grace_period_seconds: int | None = None
    security_context: SecurityContext | None = None
