"""What readiness is measured by, run as a program: nothing else is in its memory, not even the sandbox."""

from __future__ import annotations

import base64
import gc
import re
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from kubernetes.client import ApiClient, Configuration, CoreV1Api

from upgrade.checks import run_checks
from upgrade.eks import ClusterId
from upgrade.engine.snapshot import take_snapshot
from upgrade.facts import Unknown, need
from upgrade.gateways.clusters import ConfiguredCluster, ConfiguredClusters
from upgrade.gateways.identity import OwnIdentity
from upgrade.plan import UpgradePolicy
from upgrade.planner import plan_upgrade
from upgrade.readiness import Looks
from upgrade.versions import KubernetesVersion

#: Two hops from the version of the recorded cluster.
TARGET = KubernetesVersion(1, 33)


@dataclass(frozen=True)
class Reading:
    """One readiness check: seconds of the snapshot and of all checks, and the process's peak memory (RSS).

    Args:
        cpu, check_cpu: what of them this process ran, which tells more than the clock on a busy machine.
        unknown: the facts that could not be read, though somebody chose to look at them.
    """

    seconds: float
    cpu: float
    check_seconds: float
    check_cpu: float
    megabytes: float
    pods: int
    findings: int
    unknown: tuple[str, ...]


@dataclass(frozen=True)
class Listing:
    """One list of all pods as models of the official client."""

    seconds: float
    cpu: float
    megabytes: float
    pods: int


class _Clock:
    """It is an hour after the insights of the recorded cluster were refreshed."""

    def now(self) -> datetime:
        return datetime(2025, 11, 13, 3, tzinfo=UTC)

    def real_seconds(self, delay: timedelta) -> float:
        return delay.total_seconds()

    def new_id(self) -> str:
        raise NotImplementedError


def read_cluster() -> Reading:
    """A snapshot through the real gateways and every check of it, for a plan of two hops."""
    cluster = ClusterId(name="prod", region="eu-west-1", account="111122223333")
    clusters = ConfiguredClusters([ConfiguredCluster(id=cluster, change=OwnIdentity())])
    began, cpu = time.perf_counter(), time.process_time()
    snapshot = take_snapshot(*clusters.reading(cluster), cluster, _Clock(), looks=Looks(helm_releases=True))
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    clusters.close()
    plan = plan_upgrade(snapshot, TARGET, UpgradePolicy())
    began, check_cpu = time.perf_counter(), time.process_time()
    report = run_checks(snapshot, plan)
    return Reading(
        seconds=seconds,
        cpu=cpu,
        check_seconds=time.perf_counter() - began,
        check_cpu=time.process_time() - check_cpu,
        megabytes=_peak_megabytes(),
        pods=len(need(snapshot.pods)),
        findings=sum(len(result.findings) for result in report.results),
        unknown=tuple(name for name, fact in snapshot if isinstance(fact, Unknown) and not fact.chosen),
    )


def list_pods(url: str, authority: str) -> Listing:
    """What the official client does for ``list_pod_for_all_namespaces``."""
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        Path(file.name).write_bytes(base64.b64decode(authority))
        configuration = Configuration(host=url)
        configuration.ssl_ca_cert = file.name
        api = CoreV1Api(ApiClient(configuration))
        assert gc.isenabled()
        began, cpu = time.perf_counter(), time.process_time()
        found = api.list_pod_for_all_namespaces()
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    return Listing(seconds, cpu, _peak_megabytes(), len(found.items))


def _peak_megabytes() -> float:
    """Of this process alone; getrusage would tell of the one that it was forked from, too."""
    found = re.search(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text("ascii"), re.MULTILINE)
    if found is None:
        raise OSError("the machine does not tell a process's peak memory")
    return int(found[1]) / 1024


if __name__ == "__main__":
    made = read_cluster() if sys.argv[1:] == ["read"] else list_pods(*sys.argv[1:])
    print(msgspec.json.encode(made).decode())
