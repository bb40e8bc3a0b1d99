"""Services, what extends the API server, and who may what, on the wire; and the rows that we keep of them."""

from __future__ import annotations

from typing import Final

from msgspec import field

from upgrade.gateways.kube.meta import Condition, Meta, Reference, Selector, Wire, holds
from upgrade.objects import (
    ApiServiceRow,
    BindingRow,
    CrdRow,
    CsrRow,
    NetworkPolicyRow,
    ServiceAccountRow,
    ServiceRow,
    TokenSecretRow,
    WebhookRow,
    WebhookRule,
)

_TOPOLOGY: Final = ("service.kubernetes.io/topology-mode", "service.kubernetes.io/topology-aware-hints")
_NOBODY: Final = frozenset({("User", "system:anonymous"), ("Group", "system:unauthenticated")})
#: What everybody may see by this role: version and health.
_PUBLIC_ROLE: Final = "system:public-info-viewer"


class ServiceSpec(Wire):
    type: str = "ClusterIP"
    ip_family_policy: str | None = None
    cluster_ips: list[str] | None = field(default=None, name="clusterIPs")
    external_ips: list[str] | None = field(default=None, name="externalIPs")
    load_balancer_source_ranges: list[str] | None = None
    selector: dict[str, str] | None = None


class Service(Wire):
    metadata: Meta
    spec: ServiceSpec = field(default_factory=ServiceSpec)

    def row(self) -> ServiceRow:
        spec = self.spec
        return ServiceRow(
            namespace=self.metadata.namespace,
            name=self.metadata.name,
            type=spec.type,
            ip_family_policy=spec.ip_family_policy or "",
            cluster_ips=tuple(spec.cluster_ips or ()),
            external_ips=tuple(spec.external_ips or ()),
            source_ranges=tuple(spec.load_balancer_source_ranges or ()),
            topology_mode=any(self.metadata.annotation(name) for name in _TOPOLOGY),
            selector=spec.selector or {},
            labels=self.metadata.labels or {},
        )


class ClientConfig(Wire):
    service: Reference | None = None

    @property
    def path(self) -> str:
        return self.service.path if self.service else ""


class WireWebhookRule(Wire):
    api_groups: list[str] | None = None
    api_versions: list[str] | None = None
    resources: list[str] | None = None
    operations: list[str] | None = None

    def row(self) -> WebhookRule:
        return WebhookRule(
            groups=tuple(self.api_groups or ()),
            versions=tuple(self.api_versions or ()),
            resources=tuple(self.resources or ()),
            operations=tuple(self.operations or ()),
        )


class Webhook(Wire):
    name: str
    client_config: ClientConfig = field(default_factory=ClientConfig)
    failure_policy: str | None = None
    match_policy: str | None = None
    rules: list[WireWebhookRule] | None = None
    namespace_selector: Selector | None = None


class WebhookConfiguration(Wire):
    metadata: Meta
    webhooks: list[Webhook] | None = None

    def rows(self, kind: str) -> tuple[WebhookRow, ...]:
        return tuple(self._row(kind, webhook) for webhook in self.webhooks or ())

    def _row(self, kind: str, webhook: Webhook) -> WebhookRow:
        selector = webhook.namespace_selector
        return WebhookRow(
            kind=kind,
            configuration=self.metadata.name,
            name=webhook.name,
            failure_policy=webhook.failure_policy or "Fail",
            match_policy=webhook.match_policy or "Equivalent",
            service=webhook.client_config.path,
            rules=tuple(rule.row() for rule in webhook.rules or ()),
            match_labels=selector.labels if selector else {},
            match_expressions=selector.expressions if selector else (),
            labels=self.metadata.labels or {},
        )


class Conditions(Wire):
    conditions: list[Condition] | None = None


class ApiService(Wire):
    metadata: Meta
    spec: ClientConfig = field(default_factory=ClientConfig)
    status: Conditions = field(default_factory=Conditions)

    def row(self) -> ApiServiceRow:
        found = [one for one in self.status.conditions or () if one.type == "Available"]
        return ApiServiceRow(
            name=self.metadata.name,
            available=holds("Available", found),
            reason=found[0].reason if found else "",
            service=self.spec.path,
        )


class CrdVersion(Wire):
    name: str
    served: bool = False


class CrdNames(Wire):
    kind: str = ""
    plural: str = ""


class Conversion(Wire):
    webhook: ConversionWebhook | None = None


class ConversionWebhook(Wire):
    client_config: ClientConfig = field(default_factory=ClientConfig)


class CrdSpec(Wire):
    group: str
    names: CrdNames
    scope: str = "Namespaced"
    versions: list[CrdVersion] | None = None
    conversion: Conversion | None = None


class CrdStatus(Wire):
    stored_versions: list[str] | None = None


class Crd(Wire):
    metadata: Meta
    spec: CrdSpec
    status: CrdStatus = field(default_factory=CrdStatus)

    def row(self) -> CrdRow:
        spec = self.spec
        webhook = spec.conversion.webhook if spec.conversion else None
        return CrdRow(
            name=self.metadata.name,
            group=spec.group,
            kind=spec.names.kind,
            plural=spec.names.plural,
            namespaced=spec.scope == "Namespaced",
            served=tuple(version.name for version in spec.versions or () if version.served),
            stored=tuple(self.status.stored_versions or ()),
            conversion_service=webhook.client_config.path if webhook else "",
            labels=self.metadata.labels or {},
        )


class CsrSpec(Wire):
    signer_name: str = ""
    username: str = ""


class CsrStatus(Wire):
    conditions: list[Condition] | None = None
    certificate: str | None = None


class Csr(Wire):
    metadata: Meta
    spec: CsrSpec = field(default_factory=CsrSpec)
    status: CsrStatus = field(default_factory=CsrStatus)

    def row(self) -> CsrRow:
        return CsrRow(
            name=self.metadata.name,
            signer=self.spec.signer_name,
            requestor=self.spec.username,
            approved=holds("Approved", self.status.conditions),
            denied=holds("Denied", self.status.conditions),
            issued=bool(self.status.certificate),
            created_at=self.metadata.creation_timestamp,
        )


class Subject(Wire):
    kind: str
    name: str = ""


class Binding(Wire):
    metadata: Meta
    role_ref: Reference = field(default_factory=Reference)
    subjects: list[Subject] | None = None

    def to_nobody(self, kind: str) -> BindingRow | None:
        """The row when it gives nobody in particular something that not everybody may anyway, else None."""
        nobody = tuple(f"{one.kind} {one.name}" for one in self.subjects or () if (one.kind, one.name) in _NOBODY)
        if not nobody or self.role_ref.name == _PUBLIC_ROLE:
            return None
        return BindingRow(
            kind=kind,
            name=self.metadata.name,
            role=self.role_ref.name,
            namespace=self.metadata.namespace,
            subjects=nobody,
        )


class IpBlock(Wire):
    cidr: str = ""
    excepted: list[str] | None = field(default=None, name="except")


class Peer(Wire):
    ip_block: IpBlock | None = None


class Traffic(Wire):
    came_from: list[Peer] | None = field(default=None, name="from")
    to: list[Peer] | None = None


class NetworkPolicySpec(Wire):
    ingress: list[Traffic] | None = None
    egress: list[Traffic] | None = None


class NetworkPolicy(Wire):
    metadata: Meta
    spec: NetworkPolicySpec = field(default_factory=NetworkPolicySpec)

    def row(self) -> NetworkPolicyRow:
        rules = (*(self.spec.ingress or ()), *(self.spec.egress or ()))
        peers = (peer for rule in rules for peer in (*(rule.came_from or ()), *(rule.to or ())))
        blocks = [peer.ip_block for peer in peers if peer.ip_block]
        cidrs = [text for block in blocks for text in (block.cidr, *(block.excepted or ()))]
        return NetworkPolicyRow(
            namespace=self.metadata.namespace, name=self.metadata.name, cidrs=tuple(dict.fromkeys(cidrs))
        )


class ServiceAccount(Wire):
    metadata: Meta

    def row(self) -> ServiceAccountRow:
        return ServiceAccountRow(
            namespace=self.metadata.namespace,
            name=self.metadata.name,
            role_arn=self.metadata.annotation("eks.amazonaws.com/role-arn") or "",
            mountable_secrets=self.metadata.annotation("kubernetes.io/enforce-mountable-secrets") is not None,
        )


class TokenAnnotations(Wire):
    """Of a Secret's annotations this alone: last-applied-configuration may repeat its data."""

    account: str = field(default="", name="kubernetes.io/service-account.name")


class TokenMeta(Wire):
    name: str
    namespace: str = ""
    labels: dict[str, str] | None = None
    annotations: TokenAnnotations | None = None


class TokenSecret(Wire):
    """A Secret as PartialObjectMetadata."""

    metadata: TokenMeta

    def row(self) -> TokenSecretRow:
        labels = self.metadata.labels or {}
        return TokenSecretRow(
            namespace=self.metadata.namespace,
            name=self.metadata.name,
            service_account=self.metadata.annotations.account if self.metadata.annotations else "",
            last_used=labels.get("kubernetes.io/legacy-token-last-used", ""),
            invalid_since=labels.get("kubernetes.io/legacy-token-invalid-since", ""),
        )
