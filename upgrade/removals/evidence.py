"""What the traces of an object's writing mean together: is the API version in use, or only remembered?"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from upgrade.api_usage import ApiRequest, ApiWrite

#: Parts of Kubernetes and EKS write with whatever their version has, and change with the cluster (A-19).
_SYSTEM: Final = re.compile(
    r"eks|eks-internal|api-priority-and-fairness-config-.*|kube-(controller-manager|scheduler|apiserver)|kubelet"
    r"|cloud-controller-manager|kube-proxy"
)
#: Tools that write only when somebody runs them: what they wrote stays as it is while the control plane moves.
_RUN_BY_PEOPLE: Final = re.compile(
    r"kubectl.*|helm|.*terraform.*|hashicorp|pulumi.*|kapp.*|before-first-apply|rancher|oc|ansible.*", re.IGNORECASE
)
#: Controllers that apply manifests from elsewhere, over and over.
_DELIVERY: Final = re.compile(r"argocd.*|argo-?cd.*|flux.*|kustomize-controller|helm-controller|fleet-?agent.*")
#: The service accounts of kube-controller-manager's controllers; others in kube-system are of add-ons and people.
_CONTROLLERS: Final = (
    r"attachdetach-controller|bootstrap-signer|certificate-controller|clusterrole-aggregation-controller|"
    r"cronjob-controller|daemon-set-controller|deployment-controller|disruption-controller|endpoint-controller|"
    r"endpointslice-controller|endpointslicemirroring-controller|ephemeral-volume-controller|expand-controller|"
    r"generic-garbage-collector|horizontal-pod-autoscaler|job-controller|legacy-service-account-token-cleaner|"
    r"namespace-controller|node-controller|persistent-volume-binder|pod-garbage-collector|"
    r"pv-protection-controller|pvc-protection-controller|replicaset-controller|replication-controller|"
    r"resourceclaim-controller|resourcequota-controller|root-ca-cert-publisher|route-controller|"
    r"service-account-controller|service-controller|statefulset-controller|storage-version-garbage-collector|"
    r"token-cleaner|ttl-after-finished-controller|ttl-controller|validatingadmissionpolicy-status-controller"
)
#: Users behind which stands a part of Kubernetes or of EKS.
_SYSTEM_USER: Final = re.compile(
    r"system:(?!serviceaccount:|anonymous).*|eks:.*|system:serviceaccount:kube-system:(" + _CONTROLLERS + ")"
)
OWN_USER_AGENT: Final = "eks-upgrade-bot"


class Confidence(StrEnum):
    """How certain it is that whoever writes an object still uses an API version.

    ``certain``: it was the last write, or the source that is applied says so. ``likely``: nothing speaks against it.
    ``stale``: it was applied with another version since; only a trace is left.
    """

    CERTAIN = "certain"
    LIKELY = "likely"
    STALE = "stale"


def is_system(manager: str) -> bool:
    """Whether a field manager is a part of Kubernetes or EKS."""
    return _SYSTEM.fullmatch(manager) is not None


def is_applier(manager: str) -> bool:
    """Whether a field manager applies manifests that somebody keeps, by hand or from Git."""
    return _RUN_BY_PEOPLE.fullmatch(manager) is not None or _DELIVERY.fullmatch(manager) is not None


def goes_on_writing(write: ApiWrite) -> bool:
    """Whether it was written by something that will write again by itself, so that it breaks when the API is gone."""
    if write.source in ("argocd", "flux"):
        return True
    return write.source == "managed-fields" and _RUN_BY_PEOPLE.fullmatch(write.manager) is None


def by_system(request: ApiRequest) -> bool:
    """Whether a caller in the audit log is a part of Kubernetes or EKS, or the bot itself."""
    return _SYSTEM_USER.fullmatch(request.username) is not None or request.user_agent.startswith(OWN_USER_AGENT)


@dataclass(frozen=True)
class WrittenObject:
    """An object and everything that tells with which API version it is written.

    Args:
        writes: at least one, all of the same version.
    """

    group_version: str
    kind: str
    namespace: str
    name: str
    writes: tuple[ApiWrite, ...]

    @property
    def subject(self) -> str:
        return "/".join(filter(None, (self.namespace, self.kind, self.name)))

    @property
    def confidence(self) -> Confidence:
        """The best of what its traces give."""
        found = [_confidence(write) for write in self.writes]
        return min(found, key=list(Confidence).index)

    @property
    def goes_on(self) -> bool:
        """Whether something writes it by itself, with that version, for all that is known."""
        return any(goes_on_writing(write) and _confidence(write) is not Confidence.STALE for write in self.writes)

    @property
    def labels(self) -> dict[str, str]:
        return {key: value for write in self.writes for key, value in write.labels.items()}

    @property
    def traces(self) -> str:
        """Where it was found: ``last-applied by kubectl, 2024-05-01``."""
        return "; ".join(dict.fromkeys(_trace(write) for write in self.writes))


def objects_of(writes: Iterable[ApiWrite]) -> tuple[WrittenObject, ...]:
    """The writes gathered by object and version, in the order of namespaces and names."""
    found: dict[tuple[str, str, str, str], list[ApiWrite]] = {}
    for write in writes:
        found.setdefault((write.namespace, write.name, write.kind, write.group_version), []).append(write)
    return tuple(
        WrittenObject(version, kind, namespace, name, tuple(found[namespace, name, kind, version]))
        for namespace, name, kind, version in sorted(found)
    )


def _confidence(write: ApiWrite) -> Confidence:
    if write.current:
        return Confidence.STALE
    # An annotation without a managed field beside it may be a copy, or all that is left of years ago.
    annotated = write.source in ("last-applied", "kapp", "rancher")
    return Confidence.LIKELY if annotated and write.at is None else Confidence.CERTAIN


def _trace(write: ApiWrite) -> str:
    where = "served in no other version" if write.source == "served-only" else write.source
    by = f" by {write.manager}" if write.manager else ""
    at = f", {write.at:%Y-%m-%d}" if write.at else ""
    since = f" (applied with {write.current} since)" if write.current else ""
    return f"{where}{by}{at}{since}"
