"""Kubernetes APIs that end: who writes objects with them, who asks for them, which Helm releases hold them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

from upgrade.api_usage import ApiRequest, ApiWrite, Unseen
from upgrade.checks.registry import Hop, NotApplicable, Problem, check
from upgrade.eks import InsightClient
from upgrade.facts import Known, need
from upgrade.findings import Severity
from upgrade.owner import owner_evidence
from upgrade.removals.conversion import how_to_convert
from upgrade.removals.evidence import OWN_USER_AGENT, Confidence, WrittenObject, by_system, objects_of
from upgrade.removals.looked_for import LISTS
from upgrade.removals.rules import Removal, Standing, builtin_rules
from upgrade.versions import KubernetesVersion
from upgrade.words import count

_GUIDE: Final = "https://kubernetes.io/docs/reference/using-api/deprecation-guide/"
_BEST_PRACTICES: Final = "https://docs.aws.amazon.com/eks/latest/best-practices/cluster-upgrades.html"
#: The rows that each name what one version removes; the table of removals holds them all.
_BY_VERSION: Final = (
    "B-122-01",
    "B-123-06",
    "B-125-03",
    "B-126-03",
    "B-127-03",
    "B-129-01",
    "B-132-01",
    "B-134-07",
    "B-137-03",
)
_SHOWN: Final = 5
#: A deprecated API whose objects the bot has to read itself, as nothing else serves them (B-125-01).
_OWN_READS: Final = frozenset({("policy", "v1beta1", "podsecuritypolicies")})
#: As far back as the audit log is read; an insight looks back 30 days.
_QUIET: Final = timedelta(days=7)
_INSIGHT_SPAN: Final = timedelta(days=30)
_Api = tuple[str, str, str]


@check(
    "API001",
    "No object is written with an API that the target removes",
    rules=("A-19", "B-API", *_BY_VERSION),
    source=_GUIDE,
    permissions=LISTS,
    waivable=True,
    phases=("control-plane",),
)
def objects_are_written_with_apis_that_stay(hop: Hop) -> Iterator[Problem]:
    """Stale traces inform; what writes by itself and would break blocks, what people apply warns (A-19)."""
    found, served = need(hop.now.api_writes), need(hop.now.served_apis)
    ending = builtin_rules().removed_between(hop.current, hop.target)
    if not ending:
        raise NotApplicable
    for written, rule in _ending(found.items, ending):
        there = {f"{one.group}/{one.version}".strip("/") for one in served if one.kind == rule.kind}
        yield _written(hop, written, rule, there)
    plurals = {rule.resource for rule in ending}
    for unseen in found.unseen:
        delivery = unseen.what.endswith(("argoproj.io", "fluxcd.io"))
        if delivery or unseen.what.partition(".")[0] in plurals:
            yield _unseen(unseen, Severity.WARNS if delivery else Severity.BLOCKS)


@check(
    "API002",
    "No API in use is on its way out",
    rules=("A-20",),
    source=_GUIDE,
    permissions=LISTS,
    waivable=True,
    severity=Severity.INFORMS,
    phases=("control-plane",),
)
def no_api_in_use_ends_later(hop: Hop) -> Iterator[Problem]:
    """Deprecated is not removed: it is told apart, with the version that removes it."""
    rules, last = builtin_rules(), hop.wish or hop.target
    later = [
        rule
        for rule in rules
        if rule.removed_in is not None and rule.removed_in > last and rule.status(hop.target) is Standing.DEPRECATED
    ]
    objects: dict[Removal, list[str]] = defaultdict(list)
    for written, rule in _ending(need(hop.now.api_writes).items, later):
        if written.confidence is not Confidence.STALE:
            objects[rule].append(written.subject)
    asked = _asked(hop, lambda version: version > last) if isinstance(hop.now.api_requests, Known) else {}
    requested = {rule for rule in later if (rule.group, rule.version, rule.resource) in asked}
    for rule in sorted({*objects, *requested}, key=lambda one: one.api):
        told = [f"{count(len(objects[rule]), 'object is', 'objects are')} written with it"] if objects[rule] else []
        told += ["clients ask for it"] if rule in requested else []
        yield Problem(
            subject=rule.api,
            summary=f"{rule.api} is deprecated and goes in {rule.removed_in}: {' and '.join(told)}.",
            remedy=how_to_convert(rules, rule, hop.target),
            evidence={"objects": _some(objects[rule])} if objects[rule] else {},
        )


@check(
    "API003",
    "No client asks for an API that the target removes",
    rules=("A-16", "B-API"),
    source=_BEST_PRACTICES,
    permissions=("get /metrics", "eks:DescribeInsight"),
    waivable=True,
    phases=("control-plane",),
)
def clients_ask_for_apis_that_stay(hop: Hop) -> Iterator[Problem]:
    """The API server's metric, and EKS's insights for the names of the callers (A-13); the audit log has API004."""
    asked = _asked(hop, lambda version: hop.current < version <= hop.target)
    callers = _callers(hop)
    audited = {_api(one) for one in hop.now.audit_requests.value} if isinstance(hop.now.audit_requests, Known) else ()
    for api in sorted({*asked, *callers} - set(audited)):
        clients = callers.get(api, ())
        last = max((one.last_request_at for one in clients if one.last_request_at), default=None)
        if api in asked:
            severity = Severity.WARNS if api in _OWN_READS and not clients else Severity.BLOCKS
            summary = f"Some API server was asked for {_name(api)}, which {hop.target} no longer serves."
        elif last is not None and hop.now.taken_at - last > _QUIET:
            severity = Severity.INFORMS
            summary = _ageing(api, last)
        else:
            severity = Severity.BLOCKS
            summary = f"EKS saw requests for {_name(api)}, which {hop.target} no longer serves."
        yield Problem(
            subject=_name(api),
            summary=summary,
            remedy=_remedy(hop, api)
            if severity is not Severity.INFORMS
            else "Waive INS001 if it blocks for this alone.",
            evidence={"callers": _some([_client(one) for one in clients])} if clients else {},
            severity=severity,
        )


@check(
    "API004",
    "The audit log names no caller of an API that the target removes",
    rules=("A-17", "B-API"),
    source=_BEST_PRACTICES,
    permissions=("logs:StartQuery", "logs:GetQueryResults"),
    waivable=True,
    phases=("control-plane",),
)
def audit_log_names_no_caller(hop: Hop) -> Iterator[Problem]:
    """Callers outside Kubernetes and EKS block; their own parts change with the cluster."""
    found: dict[_Api, list[ApiRequest]] = defaultdict(list)
    for one in need(hop.now.audit_requests):
        version = _version(one.removed_release)
        if version is not None and hop.current < version <= hop.target:
            found[_api(one)].append(one)
    for api, requests in sorted(found.items()):
        others = [one for one in requests if not by_system(one)]
        who = "only parts of Kubernetes and EKS" if not others else _some([_caller(one) for one in others])
        yield Problem(
            subject=_name(api),
            summary=f"In the last 7 days {_name(api)}, which {hop.target} no longer serves, was asked for by {who}.",
            remedy=_remedy(hop, api) if others else "Nothing has to be done: they change with the cluster.",
            evidence={"callers": _some([_caller(one) for one in requests])},
            severity=Severity.BLOCKS if others else Severity.INFORMS,
        )


@check(
    "API005",
    "No Helm release holds an API that the target removes",
    rules=("A-18", "B-API"),
    source="https://helm.sh/docs/topics/kubernetes_apis/",
    permissions=("list secrets", "get secrets"),
    waivable=True,
    severity=Severity.WARNS,
    phases=("control-plane",),
)
def helm_releases_hold_apis_that_stay(hop: Hop) -> Iterator[Problem]:
    """A release runs on without the API, but its next upgrade fails: Helm reads the old manifests first."""
    found = need(hop.now.helm_writes)
    ending = builtin_rules().removed_between(hop.current, hop.target)
    releases: dict[str, list[tuple[WrittenObject, Removal]]] = defaultdict(list)
    for written, rule in _ending(found.items, ending):
        for release in {one.manager for one in written.writes}:
            releases[release].append((written, rule))
    for release, held in sorted(releases.items()):
        rules = list(dict.fromkeys(rule for _, rule in held))
        yield Problem(
            subject=f"Helm release {release}",
            summary=f"The Helm release {release} holds what {hop.target} no longer serves: "
            f"{_some([rule.api for rule in rules])}.",
            remedy="Upgrade to a version of the chart without it before the hop; where the hop came first, helm "
            f"mapkubeapis repairs the release. {how_to_convert(builtin_rules(), rules[0], hop.target)}",
            evidence={"objects": _some([written.subject for written, _ in held])},
        )
    if ending:
        yield from (_unseen(one, Severity.WARNS) for one in found.unseen)


def _written(hop: Hop, written: WrittenObject, rule: Removal, served: set[str]) -> Problem:
    confidence = written.confidence
    if confidence is Confidence.STALE:
        severity = Severity.INFORMS
        now = next(one.current for one in written.writes if one.current)
        summary = (
            f"{written.subject} carries a trace of {rule.group_version}, which {hop.target} no longer serves, but has "
            f"been applied with {now} since."
        )
        remedy = "Nothing has to be done in the cluster; see that no copy of the old manifest is left."
    else:
        severity = Severity.BLOCKS if _breaks(hop, written, rule) else Severity.WARNS
        summary = f"{written.subject} is written with {rule.group_version}, which {hop.target} no longer serves."
        remedy = how_to_convert(builtin_rules(), rule, hop.target)
    successor = _successor(hop, rule, served)
    return Problem(
        subject=written.subject,
        summary=summary,
        remedy=remedy,
        evidence={
            "seen": written.traces,
            "confidence": confidence.value,
            **({"successor": successor} if successor else {}),
            **owner_evidence(written.labels),
        },
        severity=severity,
    )


def _breaks(hop: Hop, written: WrittenObject, rule: Removal) -> bool:
    """Whether something that writes the object by itself would fail after the hop.

    What Argo CD and Flux apply they apply again. A controller that left its name may have learnt the new version
    since, without a change to write; while no API server has been asked for the old one, that is what it looks like.
    """
    if any(one.source in ("argocd", "flux") for one in written.writes):
        return True
    if not written.goes_on:
        return False
    requests = hop.now.api_requests
    asked = (rule.group, rule.version, rule.resource)
    return not isinstance(requests, Known) or any(_api(one) == asked for one in requests.value)


def _successor(hop: Hop, rule: Removal, served: set[str]) -> str:
    """What comes after a version, and since when; where it comes only with the hop, what to use until then.

    Args:
        served: the group versions that serve the kind now.
    """
    rules = builtin_rules()
    replacement = rules.replacement_at(rule, hop.target)
    if not replacement:
        return ""
    if replacement in served:
        return f"{replacement}, served already"
    lasting = sorted(
        version
        for version in served
        if (one := rules.find(version, rule.kind)) is None or one.status(hop.target) is not Standing.REMOVED
    )
    since = f"{replacement}, served from {rule.replacement_in} on" if rule.replacement_in else replacement
    return f"{since}; until then {lasting[-1]}" if lasting else since


def _ending(writes: Iterable[ApiWrite], ending: Iterable[Removal]) -> Iterator[tuple[WrittenObject, Removal]]:
    """The objects that are written with one of these versions."""
    rules = {(rule.group_version, rule.kind): rule for rule in ending}
    for written in objects_of(write for write in writes if (write.group_version, write.kind) in rules):
        yield written, rules[written.group_version, written.kind]


def _unseen(unseen: Unseen, severity: Severity) -> Problem:
    return Problem(
        subject=unseen.what,
        summary=f"{unseen.what} could not be looked at: {unseen.reason.rstrip('.')}.",
        remedy=f"Allow {unseen.permission} and check again." if unseen.permission else "Check again.",
        severity=severity,
        unknown=True,
        permission=unseen.permission,
    )


def _asked(hop: Hop, within: Callable[[KubernetesVersion], bool]) -> dict[_Api, KubernetesVersion]:
    """The APIs of the metric whose removal is in a range."""
    told = {_api(one): _version(one.removed_release) for one in need(hop.now.api_requests)}
    return {api: version for api, version in told.items() if version is not None and within(version)}


def _callers(hop: Hop) -> dict[_Api, tuple[InsightClient, ...]]:
    """Who asked for what this hop removes, as EKS's insights know it. An insight without callers has INS001."""
    insights = hop.now.insights
    told = [one for item in insights.value.items for one in item.deprecations] if isinstance(insights, Known) else []
    found: dict[_Api, tuple[InsightClient, ...]] = {}
    for one in told:
        version, api = _version(one.stops_at), _of_address(one.usage)
        others = tuple(client for client in one.clients if not client.user_agent.startswith(OWN_USER_AGENT))
        if api and others and version is not None and hop.current < version <= hop.target:
            found[api] = (*found.get(api, ()), *(client for client in others if client not in found.get(api, ())))
    return found


def _of_address(usage: str) -> _Api | None:
    """``/apis/policy/v1beta1/podsecuritypolicies`` taken apart."""
    match usage.strip("/").split("/"):
        case ["apis", group, version, resource, *_]:
            return group, version, resource
        case ["api", version, resource, *_]:
            return "", version, resource
        case _:
            return None


def _ageing(api: _Api, last: datetime) -> str:
    gone = last + _INSIGHT_SPAN
    return (
        f"{_name(api)} was asked for until {last:%Y-%m-%d} and not since, so it seems fixed; EKS shows it until "
        f"{gone:%Y-%m-%d}, as its insights look back 30 days."
    )


def _remedy(hop: Hop, api: _Api) -> str:
    rules = builtin_rules()
    rule = rules.of_resource(*api)
    how = how_to_convert(rules, rule, hop.target) if rule else ""
    return f"Find the client and give it a version that knows the successor. {how}".strip()


def _api(one: ApiRequest) -> _Api:
    return one.group, one.version, one.resource


def _name(api: _Api) -> str:
    group, version, resource = api
    return f"{group}/{version} {resource}".lstrip("/")


def _version(text: str) -> KubernetesVersion | None:
    try:
        return KubernetesVersion.parse(text)
    except ValueError:
        return None


def _client(one: InsightClient) -> str:
    last = f", last {one.last_request_at:%Y-%m-%d}" if one.last_request_at else ""
    return f"{one.user_agent} ({one.requests} requests{last})"


def _caller(one: ApiRequest) -> str:
    last = f", last {one.last_at:%Y-%m-%d}" if one.last_at else ""
    return f"{one.username} with {one.user_agent or 'no user agent'} ({one.count} requests{last})"


def _some(texts: Iterable[str]) -> str:
    listed = list(dict.fromkeys(texts))
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more
