"""Which API versions the cluster's objects were written with, and which deprecated ones were asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final

from msgspec import field

from upgrade.api_usage import ApiRequest, ApiWrite, ApiWrites, ServedApi, Unseen, WriteSource
from upgrade.errors import NotFound, UpgradeError
from upgrade.gateways.kube import helm
from upgrade.gateways.kube.api import METADATA_ONLY, PAGE, KubeApi, decoded, list_path
from upgrade.gateways.kube.discovery import Discovered, discover
from upgrade.gateways.kube.meta import Wire
from upgrade.gateways.kube.written import Delivery, Written, delivered, ends, existing, writes_of
from upgrade.ports import permission
from upgrade.removals.documents import DocumentReader
from upgrade.removals.looked_for import DELIVERIES, LISTS, ending_kinds
from upgrade.removals.rules import Rules, builtin_rules
from upgrade.versions import KubernetesVersion

_AT_ONCE: Final = 8
#: Each scrape may meet another API server, and each counts for itself.
_SCRAPES: Final = 3
_METRICS: Final = "get /metrics"
_METRIC: Final = re.compile(
    rb"^apiserver_requested_deprecated_apis\{([^}\n]*)\} 1(?:\.0*)?(?:e\+00)?\s*$", re.MULTILINE
)
_LABEL: Final = re.compile(rb'(\w+)="([^"]*)"')


class _More(Wire, rename={"continue_": "continue"}):
    continue_: str = ""


class _Page(Wire):
    items: list[Written] | None = None
    metadata: _More = field(default_factory=_More)


@dataclass(frozen=True, slots=True)
class Look:
    """A kind whose objects are looked at.

    Args:
        at: where: the newest version that is served, of whatever group the kind has moved to.
        only_there: it is served in no version that stays, so that its existence is the finding.
    """

    at: ServedApi
    only_there: bool

    @property
    def what(self) -> str:
        return f"{self.at.resource}.{self.at.group}".rstrip(".")


def looks_for(discovered: Iterable[Discovered], version: KubernetesVersion, rules: Rules) -> tuple[Look, ...]:
    """The kinds to list: those with a version that is served now and that some version of Kubernetes removes.

    A version that is deprecated already is not asked for if another one is served: the request itself would stand in
    the audit log, and in EKS's insights for 30 days.
    """
    listable = [one.api for one in discovered if one.listable]
    served = {(_group_version(api), api.kind) for api in listable}
    kinds = {rule.kind for rule in ending_kinds(rules) if (rule.group_version, rule.kind) in served}
    looks = []
    for kind in sorted(kinds):
        groups = _groups(kind, rules)
        places = sorted((api for api in listable if api.kind == kind and api.group in groups), key=_stability)
        lasting = [api for api in places if not _deprecated(api, version, rules)]
        looks.append(Look((lasting or places)[-1], only_there=not lasting))
    return tuple(looks)


class KubeApiUsageReads:
    _api: KubeApi

    def server_version(self) -> KubernetesVersion:
        raise NotImplementedError

    @permission()
    def served_apis(self) -> tuple[ServedApi, ...]:
        """Everything that the API server serves; whoever has a valid token may ask."""
        return tuple(one.api for one in discover(self._api))

    @permission(*LISTS, optional=True)
    def api_writes(self) -> ApiWrites:
        """What tells with which API versions objects were written, of versions that Kubernetes removes some day."""
        rules = builtin_rules()
        discovered = discover(self._api)
        looks = looks_for(discovered, self.server_version(), rules)
        reader = DocumentReader(rules)
        asks = [(look.what, partial(self._writes, look, rules)) for look in looks]
        asks += [
            (f"{plural}.{group}", partial(self._delivered, api, source, rules, reader))
            for group, kind, plural, source in DELIVERIES
            if (api := _newest(discovered, group, kind)) is not None
        ]
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="api-writes") as pool:
            found = list(pool.map(lambda ask: _or_unseen(*ask), asks))
        return ApiWrites(
            items=tuple(write for one in found for write in one.items),
            unseen=tuple(missing for one in found for missing in one.unseen),
        )

    @permission(*helm.ACCESSES, optional=True)
    def helm_writes(self) -> ApiWrites:
        """What the newest deployed revision of each Helm release holds."""
        return helm.read_releases(self._api, builtin_rules())

    @permission(_METRICS, optional=True)
    def api_requests(self) -> tuple[ApiRequest, ...]:
        """The deprecated APIs that somebody has asked some API server for since it started.

        Requests at the same time have connections of their own, and so may meet several API servers.
        """
        with ThreadPoolExecutor(_SCRAPES, thread_name_prefix="metrics") as pool:
            scrapes = [pool.submit(self._api.get, "/metrics", _METRICS) for _ in range(_SCRAPES)]
        bodies = [scrape.result() for scrape in scrapes if scrape.exception() is None]
        if not bodies:
            scrapes[0].result()  # raises
        return tuple(sorted({found for body in bodies for found in _requested(body)}, key=repr))

    def _writes(self, look: Look, rules: Rules) -> ApiWrites:
        api = look.at
        path, access = list_path(api.group, api.version, api.resource), f"list {look.what}"
        if look.only_there:
            return self._existing(look, path, access)
        found = self._api.rows(
            path, access, Written, lambda item: writes_of(api.kind, item, rules), accept=METADATA_ONLY
        )
        return ApiWrites(items=tuple(write for writes in found for write in writes))

    def _existing(self, look: Look, path: str, access: str) -> ApiWrites:
        """One request and no more: it is one for an API that ends."""
        body = self._api.get(path, access, [("limit", str(PAGE))], accept=METADATA_ONLY)
        page = decoded(body, _Page, access)
        version = _group_version(look.at)
        items = tuple(write for item in page.items or () for write in existing(look.at.kind, version, item))
        more = Unseen(what=look.what, reason=f"There are more than {PAGE}; only the first were looked at.")
        return ApiWrites(items=items, unseen=(more,) if page.metadata.continue_ else ())

    def _delivered(self, api: ServedApi, source: WriteSource, rules: Rules, reader: DocumentReader) -> ApiWrites:
        make: Callable[[Delivery], tuple[ApiWrite, ...]] = partial(delivered, source=source, rules=rules, reader=reader)
        access = f"list {api.resource}.{api.group}"
        found = self._api.rows(list_path(api.group, api.version, api.resource), access, Delivery, make)
        return ApiWrites(items=tuple(write for writes in found for write in writes))


def _or_unseen(what: str, ask: Callable[[], ApiWrites]) -> ApiWrites:
    """A list that could not be read is told as such, never as empty; a kind that is gone meanwhile is none."""
    try:
        return ask()
    except NotFound:
        return ApiWrites()
    except UpgradeError as error:
        missing = Unseen(what=what, reason=error.message, permission=getattr(error, "permission", None))
        return ApiWrites(unseen=(missing,))


def _groups(kind: str, rules: Rules) -> set[str]:
    """The API groups that a kind has lived in."""
    rows = [rule for rule in rules if rule.kind == kind and not rule.component]
    return {rule.group for rule in rows} | {
        rule.replacement.rpartition("/")[0] for rule in rows if rule.replacement and " " not in rule.replacement
    }


def _newest(discovered: Sequence[Discovered], group: str, kind: str) -> ServedApi | None:
    found = [one.api for one in discovered if (one.api.group, one.api.kind) == (group, kind)]
    return max(found, key=_stability, default=None)


def _deprecated(api: ServedApi, version: KubernetesVersion, rules: Rules) -> bool:
    rule = ends(rules, _group_version(api), api.kind)
    return rule is not None and rule.status(version) is not None


def _stability(api: ServedApi) -> tuple[int, int, int]:
    """The order of Kubernetes' own versions: v2 after v1 after v1beta2 after v1beta1 after v1alpha1."""
    found = re.fullmatch(r"v(\d+)(?:(alpha|beta)(\d+))?", api.version)
    if not found:
        return (-1, 0, 0)
    return ({"alpha": 0, "beta": 1}.get(found[2] or "", 2), int(found[1]), int(found[3] or 0))


def _group_version(api: ServedApi) -> str:
    return f"{api.group}/{api.version}" if api.group else api.version


def _requested(body: bytes) -> Iterator[ApiRequest]:
    for line in _METRIC.finditer(body):
        labels = {name.decode(): value.decode("utf-8", "replace") for name, value in _LABEL.findall(line[1])}
        yield ApiRequest(
            group=labels.get("group", ""),
            version=labels.get("version", ""),
            resource=labels.get("resource", ""),
            subresource=labels.get("subresource", ""),
            removed_release=labels.get("removed_release", ""),
        )
