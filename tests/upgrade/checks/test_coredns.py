"""CoreDNS, its Corefile and its budgets."""

from __future__ import annotations

from typing import Any

import pytest

from tests.upgrade.checks.judging import Found, NearMiss, before, codes_of, findings, name_of, see, see_none
from tests.upgrade.snapshots import COREFILE, pdb, workload
from upgrade.checks import coredns
from upgrade.cluster import ClusterSnapshot
from upgrade.findings import Severity
from upgrade.objects import CoreConfig
from upgrade.rows import PdbRow

WARNS, INFORMS = Severity.WARNS, Severity.INFORMS
CONFIG = "kube-system/ConfigMap/coredns"
DEPLOYMENT = "kube-system/Deployment/coredns"


def corefile(text: str, target: str = "1.35") -> ClusterSnapshot:
    return before(target, core_config=CoreConfig(corefile=text))


def with_line(line: str, target: str = "1.35") -> ClusterSnapshot:
    return corefile(COREFILE.replace("    ready\n", f"    ready\n    {line}\n"), target)


def served_by(**changes: Any) -> ClusterSnapshot:
    return before("1.35", workloads=(workload("Deployment", "kube-system", "coredns", **changes),))


def own(version: str, **facts: Any) -> ClusterSnapshot:
    rows = (workload("Deployment", "kube-system", "coredns", f"x/coredns:{version}"),)
    return before("1.35", addons=(), workloads=rows, **facts)


def budget(name: str) -> PdbRow:
    return pdb("kube-system", name, match_labels={"app": "coredns"})


def budgets(*names: str) -> ClusterSnapshot:
    return before("1.35", pdbs=tuple(map(budget, names)))


FOUND = [
    Found("DNS001", "upstream", with_line("upstream"), Severity.BLOCKS, CONFIG, "upstream"),
    Found("DNS001", "proxy", with_line("proxy . /etc/resolv.conf"), Severity.BLOCKS, CONFIG, "proxy"),
    Found("DNS002", "no ready", corefile(COREFILE.replace("    ready\n", "")), WARNS, CONFIG, "ready"),
    Found("DNS002", "one replica", served_by(replicas=1), WARNS, DEPLOYMENT, "fewer than two"),
    Found("DNS002", "a budget of one's own", budgets("coredns", "dns"), WARNS,
          "kube-system/PodDisruptionBudget/dns", "budget of its own"),
    Found("DNS003", "a wildcard", with_line("rewrite name *.shop.svc x.svc", "1.25"), INFORMS, CONFIG, "NXDOMAIN"),
    Found("DNS004", "an old one", own("v1.8.0"), INFORMS, "ClusterRole/system:coredns", "EndpointSlices"),
]  # fmt: skip

NEAR = [
    NearMiss("DNS001", "upstream of something", with_line("upstream 10.0.0.2")),
    NearMiss("DNS001", "forward", with_line("forward . /etc/resolv.conf")),
    NearMiss("DNS001", "no Corefile", before("1.35", core_config=CoreConfig())),
    NearMiss("DNS002", "EKS's own budget", budgets("coredns")),
    NearMiss("DNS002", "a budget of somebody else", before("1.35", pdbs=(pdb("kube-system", "metrics"),))),
    NearMiss("DNS002", "a budget where nobody else brings one", own("v1.11.1", pdbs=(budget("dns"),))),
    NearMiss("DNS002", "two replicas", served_by(replicas=2)),
    NearMiss("DNS003", "a wildcard in a comment", with_line("# *.shop.svc", "1.25")),
    NearMiss("DNS003", "later", with_line("rewrite name *.shop.svc x.svc", "1.26")),
    NearMiss("DNS004", "a recent one", own("v1.8.3")),
    NearMiss("DNS004", "an EKS add-on", before("1.35")),
]


@pytest.mark.parametrize("case", FOUND, ids=name_of)
def test_one_thing_wrong_is_one_finding(case: Found) -> None:
    see(case)


@pytest.mark.parametrize("case", NEAR, ids=name_of)
def test_a_near_miss_is_no_finding(case: NearMiss) -> None:
    see_none(case)


def test_every_check_has_both() -> None:
    assert {one.code for one in FOUND} == codes_of(coredns) == {one.code for one in NEAR}


def test_a_corefile_that_stops_coredns_stops_add_ons_alone() -> None:
    (found,) = findings(with_line("upstream"), "DNS001")
    assert found.stops == ("add-ons",)
