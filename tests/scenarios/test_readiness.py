"""Readiness over the wire: what the real bot finds in the two scenarios made for it, and what it says it cannot see."""

from __future__ import annotations

import json
import os
import subprocess
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import pytest
import yaml

from sandbox.bot_process import BOT
from sandbox.scenario import SHIPPED, ActionDenied, CheckSpec, Scenario, VerbDenied, load_scenario, parse_scenario
from sandbox.stage import TO_UNSET, Stage
from sandbox.world.identities import CHANGE_ROLE, EXTERNAL_ID, READ_ROLE, role_arn
from tests.patience import LONGEST
from tests.sampling import sampled
from tests.scenarios.play import Play
from tests.warm_shell import WarmShell
from upgrade.checks import REGISTRY, run_checks
from upgrade.eks import ClusterId
from upgrade.engine.snapshot import take_snapshot
from upgrade.errors import NotPermitted
from upgrade.gateways.clusters import ConfiguredCluster, ConfiguredClusters
from upgrade.gateways.identity import RoleIdentity
from upgrade.gateways.permissions import KUBERNETES_ACCESSES, OPTIONAL_ACCESSES, OPTIONAL_ACTIONS, READ_ACTIONS
from upgrade.readiness import Looks
from upgrade.versions import KubernetesVersion

EVERYTHING_WRONG, PRISTINE = load_scenario("everything-wrong"), load_scenario("pristine")
ONLY_UNKNOWN: Final = {
    "AMI005": "what an image of one's own does with IP packets cannot be seen from outside",
    "HYB001": "nobody can look up what the CNI of hybrid nodes supports",
    "KUB001": "it says that nobody asked the cluster's API",
}
CANNOT_FAIL: Final = {
    "ACC001": "EKS tells an account of its own clusters only, so whoever finds one belongs to its account",
    "REL002": "the world's calendar ends with the versions whose rules are known",
}
IN_SEVERAL: Final = {
    "AMI001": "nodes with Docker and what AMI002 is about both run Amazon Linux 2",
    "API001": "a PodSecurityPolicy, which SEC001 is about, is written with an API that goes",
    "INS001": "EKS's own insights repeat what others find: deprecated calls, versions that do not fit, poor health",
}
Report = Mapping[str, Any]


def bot(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*BOT, *arguments], env=environment, capture_output=True, text=True, timeout=LONGEST, check=False
    )


@contextmanager
def staged(scenario: Scenario, home: Path) -> Iterator[dict[str, str]]:
    """The environment for a bot in that scenario, in which hardly any time passes."""
    with Stage(scenario, speed=1.0, faces=("aws", "kubernetes"), home=home) as stage:
        yield stage.environment()


def name_of(check: CheckSpec) -> str:
    return f"{check.cluster}-{check.to}"


def codes(report: Report, *, unknown: bool = False) -> set[str]:
    return {one["code"] for result in report["results"] for one in result["findings"] if one["unknown"] is unknown}


def alarms(report: Report) -> set[str]:
    """The codes of what was seen that blocks or warns."""
    findings = (one for result in report["results"] for one in result["findings"])
    return {one["code"] for one in findings if not one["unknown"] and one["severity"] != "informs"}


# -- all that can be wrong ---------------------------------------------------------------------------------------------


def test_every_check_of_the_registry_fails_where_the_scenario_says_and_alarms_in_exactly_one_cluster(
    tmp_path: Path, warm_shell: WarmShell
) -> None:
    checks = EVERYTHING_WRONG.expected.checks
    with staged(EVERYTHING_WRONG, tmp_path) as environment:
        asked = [("check", one.cluster, "--to", one.to, "--format", "json") for one in checks]
        answers = [warm_shell.run(*words, environment=environment) for words in asked]
    reports = [json.loads(done.stdout) for done in answers]
    found = {name_of(check): sorted(codes(report)) for check, report in zip(checks, reports, strict=True)}
    assert found == {name_of(check): sorted(check.findings) for check in checks}
    assert [done.returncode for done in answers] == [check.exit_code for check in checks]
    failed = set().union(*(codes(report) for report in reports))
    untold = set().union(*(codes(report, unknown=True) for report in reports))
    assert {check.code for check in REGISTRY} - failed == {*CANNOT_FAIL, *ONLY_UNKNOWN}
    assert untold >= ONLY_UNKNOWN.keys()
    assert "CHK001" not in failed | untold
    where: dict[str, set[str]] = defaultdict(set)
    for check, report in zip(checks, reports, strict=True):
        for code in alarms(report):
            where[code].add(check.cluster)
    assert {code for code, clusters in where.items() if len(clusters) > 1} == IN_SEVERAL.keys()


# -- nothing wrong -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with staged(PRISTINE, tmp_path_factory.mktemp("pristine")) as environment:
        yield environment


def test_pristine_exits_0_and_nothing_is_worth_a_warning(pristine: dict[str, str], tmp_path: Path) -> None:
    (check,) = PRISTINE.expected.checks
    done = bot(pristine, "check", check.cluster, "--to", check.to, "--format", "json", "--fail-on", "warns")
    assert done.returncode == check.exit_code == 0, done.stdout
    report = json.loads(done.stdout)
    findings = [one for result in report["results"] for one in result["findings"]]
    assert {one["severity"] for one in findings} == {"informs"}
    assert (codes(report), codes(report, unknown=True)) == (set(check.findings), set())


def test_a_snapshot_is_judged_the_same_everywhere_to_the_byte(pristine: dict[str, str], tmp_path: Path) -> None:
    (check,) = PRISTINE.expected.checks
    file = tmp_path / "exemplary.json"
    assert bot(pristine, "snapshot", check.cluster, "-o", str(file)).returncode == 0
    made = []
    for number, zone in enumerate(("Pacific/Kiritimati", "America/Los_Angeles")):
        home = tmp_path / str(number)
        home.mkdir()
        elsewhere = {"PATH": os.environ["PATH"], "HOME": str(home), "TZ": zone, "PYTHONHASHSEED": str(number)}
        done = bot(elsewhere, "check", "--to", check.to, "--snapshot", str(file), "--format", "json")
        assert done.returncode == 0, done.stderr
        made.append(done.stdout)
    assert made[0] == made[1]
    here = bot(pristine, "check", "--to", check.to, "--snapshot", str(file), "--format", "json").stdout
    assert (codes(json.loads(made[0])), here) == (set(check.findings), made[0])


# -- nothing passes that cannot be seen --------------------------------------------------------------------------------

NOT_ASKED: Final = {
    "eks:DescribeInsightsRefresh": "insights of today are not refreshed",
    "eks:StartInsightsRefresh": "insights of today are not refreshed",
    "logs:StopQuery": "a query is stopped only when nobody waits for it any more",
}
NOT_SERVED: Final = frozenset({"csistoragecapacities", "ingressclasses", "runtimeclasses", "volumeattributesclasses"})
_CUSTOM: Final = {
    ("karpenter.sh", "NodePool"): ("nodepools", "v1"),
    ("karpenter.sh", "Provisioner"): ("provisioners", "v1alpha5"),
    ("karpenter.k8s.aws", "EC2NodeClass"): ("ec2nodeclasses", "v1"),
    ("karpenter.k8s.aws", "AWSNodeTemplate"): ("awsnodetemplates", "v1alpha1"),
    ("crd.k8s.amazonaws.com", "ENIConfig"): ("eniconfigs", "v1alpha1"),
    ("velero.io", "Backup"): ("backups", "v1"),
    ("argoproj.io", "Application"): ("applications", "v1alpha1"),
    ("helm.toolkit.fluxcd.io", "HelmRelease"): ("helmreleases", "v2"),
    ("kustomize.toolkit.fluxcd.io", "Kustomization"): ("kustomizations", "v1"),
}


def _definition(custom: tuple[tuple[str, str], tuple[str, str]]) -> dict[str, Any]:
    (group, kind), (plural, version) = custom
    names = {"kind": kind, "plural": plural}
    spec = {"group": group, "scope": "Cluster", "names": names, "versions": [{"name": version, "served": True}]}
    metadata = {"name": f"{plural}.{group}"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": metadata,
        "spec": spec,
    }


def with_everything_to_read() -> Scenario:
    """A cluster old enough to have what went since, in an account that has everything, with all kinds of objects."""
    content = yaml.safe_load((SHIPPED / "everything-wrong.yaml").read_text("utf-8"))
    museum, elsewhere = content["clusters"][0], content["clusters"][1:]
    given = [one for cluster in elsewhere for one in cluster.get("objects", ()) if one["kind"] in ("Secret", "Node")]
    museum["objects"] = [*given, *map(_definition, _CUSTOM.items())]
    museum["encryption_key"] = "Enabled"
    museum["nodegroups"][0]["launch_template"] = True
    museum["surroundings"] = {"owner": {"tool": "CloudFormation"}, "resilience_apps": ["shop"]}
    content["clusters"] = [museum]
    content["start"]["cluster"] = "museum"
    content["expected"] = {"status": "blocked"}
    return parse_scenario(yaml.safe_dump(content))


class Sweep:
    """The real gateways to that cluster; the clock stands."""

    def __init__(self, stage: Stage) -> None:
        spec = stage.scenario.clusters[0]
        read, change = (
            RoleIdentity(arn=role_arn(spec.account, name), external_id=EXTERNAL_ID) for name in (READ_ROLE, CHANGE_ROLE)
        )
        self.world = stage.world
        self._id = ClusterId(account=spec.account, region=spec.region, name=spec.name)
        self._clusters = ConfiguredClusters([ConfiguredCluster(id=self._id, read=read, change=change)])
        self._now = stage.clock.now()

    def now(self) -> datetime:
        return self._now

    def real_seconds(self, delay: timedelta) -> float:
        return 0.0 * delay.total_seconds()

    def new_id(self) -> str:
        return "never asked for"

    def named(self) -> set[str | None]:
        """The permissions that a report misses, be it a fact, what the bot must be allowed, or the cluster itself."""
        try:
            aws, kube = self._clusters.reading(self._id)
            looks = Looks(helm_releases=True, token_secrets=True, kubelets=True, audit_log=True)
            report = run_checks(take_snapshot(aws, kube, self._id, self, looks=looks), KubernetesVersion(1, 36))
        except NotPermitted as error:
            return {error.permission}
        refused = {one.subject for one in report.blockers if one.code in ("ACC002", "IAM002")}
        return {one.permission for one in report.unknowns} | refused

    def close(self) -> None:
        self._clusters.close()


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sweep]:
    home = tmp_path_factory.mktemp("sweep")
    stage = Stage(with_everything_to_read(), speed=1.0, faces=("aws", "kubernetes"), home=home)
    with stage, pytest.MonkeyPatch.context() as environment:
        for variable in TO_UNSET:
            environment.delenv(variable, raising=False)
        for variable, value in stage.environment().items():
            if variable.startswith("AWS_"):
                environment.setenv(variable, value)
        sweep = Sweep(stage)
        yield sweep
        sweep.close()


def swept() -> Iterator[str]:
    accesses = [" ".join(one) for one in KUBERNETES_ACCESSES] + [*OPTIONAL_ACCESSES]
    for name in (*READ_ACTIONS, *OPTIONAL_ACTIONS, *accesses):
        plural = name.partition(" ")[2].partition(".")[0]
        if name in NOT_ASKED or plural in NOT_SERVED or name.endswith("resource.k8s.io"):
            continue
        yield name


def _kind(permission: str | None) -> str:
    """Without the object's name: the switch denies a kind as a whole, so one of its objects is as good as another."""
    return " ".join((permission or "").split(" ")[:2])


def test_with_every_permission_nothing_is_missing(sweep: Sweep) -> None:
    assert sweep.named() - {None} == set()


@pytest.mark.parametrize("permission", [*sampled(swept(), 7)])
def test_what_is_denied_is_named_by_the_report(sweep: Sweep, permission: str) -> None:
    verb, _, resource = permission.partition(" ")
    plural = resource if resource.startswith("/") else resource.partition(" ")[0].partition(".")[0]
    denial = (
        VerbDenied(kind="deny-rbac", verb=verb, resource=plural)
        if resource
        else ActionDenied(kind="deny-action", action=permission)
    )
    switch = sweep.world.switch_on(denial)
    try:
        assert _kind(permission) in set(map(_kind, sweep.named()))
    finally:
        sweep.world.switch_off(switch.id)


# -- hostile names -----------------------------------------------------------------------------------------------------

LURE: Final = "<!channel> *bold* <https://evil.example|here> </script><b>x</b> & \u202edrowssap"
LONG: Final = "x" * 10_000


def hostile() -> Scenario:
    """Where somebody outside may write what they like, they have."""
    lure, long_one = json.dumps(LURE), json.dumps(LONG)
    return parse_scenario(f"""
name: hostile
description: names that want to be more than names
date: 2026-11-17T09:00:00Z
clusters:
  - name: prey
    version: "1.31"
    health: [{{code: ConfigurationConflict, message: {lure}, resource_ids: [{lure}, {long_one}]}}]
    log_types: [audit]
    deprecated_uses:
      - usage: /apis/flowcontrol.apiserver.k8s.io/v1beta3/flowschemas
        replaced_with: /apis/flowcontrol.apiserver.k8s.io/v1/flowschemas
        stop_serving_version: "1.32"
        start_serving_replacement_version: "1.29"
        user_agent: {lure}
        requests_last_30_days: 30
    surroundings: {{resilience_apps: [{lure}], stale_tokens: [{lure}, {long_one}]}}
    nodegroups: [{{name: core, size: 2}}]
    objects:
      - apiVersion: rbac.authorization.k8s.io/v1
        kind: ClusterRoleBinding
        metadata: {{name: {json.dumps(LURE.replace("/", ""))}}}
        roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {lure}}}
        subjects: [{{kind: User, apiGroup: rbac.authorization.k8s.io, name: "system:anonymous"}}]
      - apiVersion: flowcontrol.apiserver.k8s.io/v1
        kind: FlowSchema
        metadata:
          name: lured
          labels: {{team: {lure}}}
          managedFields: [{{manager: {lure}, apiVersion: flowcontrol.apiserver.k8s.io/v1beta3, operation: Update}}]
start: {{person: ana, cluster: prey, to: "1.32"}}
expected: {{status: blocked}}
bot: {{readiness: {{audit_log: true}}}}
""")


def test_hostile_names_stay_names_from_the_wire_to_every_format_and_to_slack(
    tmp_path: Path, warm_shell: WarmShell
) -> None:
    with Play(hostile(), tmp_path, speed=1.0) as play:
        environment = play.stage.environment()
        file = tmp_path / "prey.json"
        asked = ("check", "prey", "--to", "1.32", "--format", "json", "-o", str(file))
        assert warm_shell.run(*asked, environment=environment).returncode == 20
        report = json.loads(file.read_text("utf-8"))
        assert codes(report) >= {"CLS002", "SEC006", "SEC009", "RES001", "API001", "INS001"}
        assert LURE in file.read_text("utf-8").encode().decode("unicode_escape")
        for form in ("text", "markdown", "html", "sarif", "junit"):
            made = warm_shell.run("check", "--report", str(file), "--format", form, environment=environment).stdout
            assert made
            assert [c for c in made if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn")] == []
            if form == "html":
                assert "</script><b>" not in made
            if form == "junit":
                assert ElementTree.fromstring(made).get("tests")
        told = play.asks("ana", "check prey to 1.32", answers=2)
        assert "drowssap" in told
        assert [lure for lure in ("<!channel>", "<https://evil.example", "\u202e", LONG) if lure in told] == []
