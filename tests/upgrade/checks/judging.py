"""Ask one check about one cluster."""

from __future__ import annotations

from types import ModuleType
from typing import Any, NamedTuple

from tests.upgrade.snapshots import healthy_snapshot, k8s, with_facts
from upgrade.checks import REGISTRY, run_checks
from upgrade.cluster import ClusterSnapshot
from upgrade.facts import need
from upgrade.findings import Finding, Severity
from upgrade.rows import PodRow, WorkloadRow


class Found(NamedTuple):
    """One thing wrong: ``target`` is the version to go to, one hop above the cluster's."""

    code: str
    what: str
    cluster: ClusterSnapshot
    severity: Severity
    subject: str
    words: str = ""


class NearMiss(NamedTuple):
    code: str
    what: str
    cluster: ClusterSnapshot


def findings(cluster: ClusterSnapshot, code: str, target: str = "") -> list[Finding]:
    """What the check says of a wish for the target, by default the next version."""
    wish = k8s(target) if target else cluster.control_plane.version.next
    return list(run_checks(cluster, wish, checks=[REGISTRY[code]]).findings)


def codes_of(module: ModuleType) -> set[str]:
    """The codes of the checks that a module registers."""
    return {one.code for one in REGISTRY if one.judge.__module__ == module.__name__}


def before(target: str, **facts: Any) -> ClusterSnapshot:
    """A healthy cluster one hop below the target, with some facts replaced."""
    return with_facts(healthy_snapshot(str(k8s(target).previous)), **facts)


def also(target: str, *rows: WorkloadRow | PodRow, **facts: Any) -> ClusterSnapshot:
    """A healthy cluster one hop below the target, with more workloads and pods."""
    cluster = before(target)
    workloads = tuple(row for row in rows if isinstance(row, WorkloadRow))
    pods = tuple(row for row in rows if isinstance(row, PodRow))
    return with_facts(
        cluster, **{"workloads": need(cluster.workloads) + workloads, "pods": need(cluster.pods) + pods} | facts
    )


def told(cluster: ClusterSnapshot, code: str) -> set[tuple[Severity, str]]:
    return {(one.severity, one.subject) for one in findings(cluster, code)}


def name_of(value: object) -> str:
    return f"{value.code}: {value.what}" if isinstance(value, Found | NearMiss) else ""


def see(case: Found) -> None:
    """Exactly this finding, with what to do."""
    (found,) = findings(case.cluster, case.code)
    assert (found.severity, found.subject) == (case.severity, case.subject)
    assert case.words in found.summary
    assert found.summary.endswith(".")
    assert found.remedy.endswith(".")


def see_none(case: NearMiss) -> None:
    assert findings(case.cluster, case.code) == []
