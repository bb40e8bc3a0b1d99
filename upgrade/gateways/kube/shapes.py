"""What pod specs demand, as PodShapes: one object for all that demand the same."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import msgpack

from upgrade.gateways.kube.meta import Selector
from upgrade.gateways.kube.podspec import (
    Container,
    NodeSelectorTerm,
    PodAffinity,
    PodSpec,
    Resources,
    Spread,
    Volume,
    WireToleration,
)
from upgrade.gateways.kube.quantities import Amount, amount
from upgrade.rows import LabelSelector, NodeTerm, PodShape, PodTerm, SpreadRule, Toleration, VolumeUse

_VOLUME_KINDS: Final = tuple(zip(Volume.__struct_fields__, Volume.__struct_encode_fields__, strict=True))
_NOTHING: Final = Resources()


class Shapes:
    """The shapes of one listing. Most pods have a spec that another one has; so 20,000 of them stay cheap."""

    def __init__(self) -> None:
        self._by_spec: dict[bytes, PodShape] = {}
        self._by_content: dict[bytes, PodShape] = {}
        self._labels: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}

    def of(self, spec: PodSpec, *, pinned: bool = False) -> PodShape:
        """``pinned``: a DaemonSet's pod, whose matchFields say nothing but its node: left out, they share a shape."""
        if pinned:
            for term in _terms(spec):
                term.match_fields = None
        node, spec.node_name = spec.node_name, ""
        key = msgpack.encode(spec)
        spec.node_name = node
        known = self._by_spec.get(key)
        if known is None:
            made = _shape(spec)
            known = self._by_spec[key] = self._by_content.setdefault(msgpack.encode(made), made)
        return known

    def labels(self, labels: dict[str, str]) -> dict[str, str]:
        """The same labels; one object for all pods that have them, so that who asks about many looks at few."""
        return self._labels.setdefault(tuple(labels.items()), labels)


def _shape(spec: PodSpec) -> PodShape:
    containers, init = spec.containers or (), spec.init_containers or ()
    every = (*containers, *init)
    affinity, security = spec.affinity, spec.security_context
    wanted = _requested(spec)
    return PodShape(
        images=tuple(container.image for container in every),
        cpu_millis=wanted.cpu_millis,
        memory_bytes=wanted.memory_bytes,
        gpus=wanted.gpus,
        volumes=tuple(_volumes(spec.volumes or ())),
        node_selector=spec.node_selector or {},
        node_terms=_node_terms(spec),
        together=_pod_terms(affinity.pod_affinity if affinity else None),
        apart=_pod_terms(affinity.pod_anti_affinity if affinity else None),
        spread=tuple(_spread(rule) for rule in spec.topology_spread_constraints or ()),
        prefers_apart=bool(affinity and affinity.pod_anti_affinity and affinity.pod_anti_affinity.preferred),
        tolerations=tuple(_toleration(one) for one in spec.tolerations or ()),
        service_account=spec.service_account_name or "",
        host_network=bool(spec.host_network),
        host_ports=tuple(port.host_port for one in every for port in one.ports or () if port.host_port),
        grace_seconds=spec.termination_grace_period_seconds,
        privileged=any(one.security_context and one.security_context.privileged for one in every),
        probed=bool(containers) and all(one.readiness_probe for one in containers),
        app_armor=_app_armor(spec),
        selinux_policy=(security.se_linux_change_policy if security else None) or "",
    )


def _requested(spec: PodSpec) -> Amount:
    """What the scheduler makes room for.

    The containers and sidecars together, or an init container with the sidecars started before it when that is more,
    and the overhead (https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#resource-sharing-within-containers).
    What is requested for the pod as a whole takes the place of all that.
    """
    sidecars = most = Amount()
    for container in spec.init_containers or ():
        own = _requests(container.resources)
        if container.is_sidecar:
            sidecars = sidecars.plus(own)
        most = most.or_more(sidecars if container.is_sidecar else sidecars.plus(own))
    together = sidecars
    for container in spec.containers or ():
        together = together.plus(_requests(container.resources))
    total, whole_pod = together.or_more(most), (spec.resources or _NOTHING).requests or {}
    if "cpu" in whole_pod:
        total = total._replace(cpu_millis=amount(whole_pod).cpu_millis)
    if "memory" in whole_pod:
        total = total._replace(memory_bytes=amount(whole_pod).memory_bytes)
    return total.plus(amount(spec.overhead or {}))


def _requests(resources: Resources | None) -> Amount:
    """A limit without a request is the request too; the API server writes it down for pods, not for templates."""
    found = resources or _NOTHING
    return amount({**(found.limits or {}), **(found.requests or {})})


def _volumes(volumes: Iterable[Volume]) -> Iterable[VolumeUse]:
    for volume in volumes:
        for member, kind in _VOLUME_KINDS:
            if (source := getattr(volume, member)) is not None:
                detail = next((str(getattr(source, name)) for name in source.__struct_fields__), "")
                yield VolumeUse(kind=kind, detail=detail)


def _node_terms(spec: PodSpec) -> tuple[NodeTerm, ...]:
    return tuple(
        NodeTerm(
            requirements=tuple(item.row() for item in term.match_expressions or ()),
            fields=tuple(item.row() for item in term.match_fields or ()),
        )
        for term in _terms(spec)
    )


def _terms(spec: PodSpec) -> Iterable[NodeSelectorTerm]:
    affinity = spec.affinity.node_affinity if spec.affinity else None
    return (affinity.required.node_selector_terms if affinity and affinity.required else None) or ()


def _pod_terms(affinity: PodAffinity | None) -> tuple[PodTerm, ...]:
    """A term without a selector concerns no pod."""
    return tuple(
        PodTerm(
            topology_key=term.topology_key,
            match_labels=term.label_selector.labels,
            match_expressions=term.label_selector.expressions,
            namespaces=tuple(term.namespaces or ()),
            namespace_selector=_label_selector(term.namespace_selector),
            match_label_keys=tuple(term.match_label_keys or ()),
            mismatch_label_keys=tuple(term.mismatch_label_keys or ()),
        )
        for term in (affinity.required if affinity else None) or ()
        if term.label_selector is not None
    )


def _spread(rule: Spread) -> SpreadRule:
    selector = rule.label_selector
    return SpreadRule(
        topology_key=rule.topology_key,
        max_skew=rule.max_skew,
        hard=rule.when_unsatisfiable == "DoNotSchedule",
        match_labels=selector.labels if selector else {},
        match_expressions=selector.expressions if selector else (),
        match_label_keys=tuple(rule.match_label_keys or ()),
    )


def _label_selector(wire: Selector | None) -> LabelSelector | None:
    return None if wire is None else LabelSelector(match_labels=wire.labels, match_expressions=wire.expressions)


def _toleration(wire: WireToleration) -> Toleration:
    return Toleration(
        key=wire.key or "", operator=wire.operator or "Equal", value=wire.value or "", effect=wire.effect or ""
    )


def _app_armor(spec: PodSpec) -> bool:
    containers: tuple[Container, ...] = (*(spec.containers or ()), *(spec.init_containers or ()))
    contexts = (spec.security_context, *(container.security_context for container in containers))
    profiles = (context.app_armor_profile for context in contexts if context)
    return any(profile is not None and profile.type != "Unconfined" for profile in profiles)
