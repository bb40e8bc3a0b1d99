"""Scenario files: those that are shipped are true, and a wrong one is told in one clear line for each mistake."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import indent

import pytest

from sandbox import scenario as scenario_module
from sandbox.clock import ManualClock
from sandbox.scenario import Part, ScenarioError, load_scenario, parse_scenario, shipped_scenarios
from sandbox.world.catalogue import minor
from sandbox.world.world import World

SMALL = """
name: small
description: x
date: 2026-11-17T09:00:00Z
clusters:
  - name: c
    version: "1.34"
    nodegroups: [{name: core, size: 2}]
    workloads: [{name: web, pdb: {max_unavailable: 1}}]
start: {person: ana, cluster: c}
expected: {status: succeeded}
"""

DEFINITION = "{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: x}}"

SHIPPED = {
    "addon-degrades",
    "blocked",
    "everything-wrong",
    "fleet",
    "four-hops",
    "groups-must-match",
    "node-join-fails",
    "one-hop",
    "pdb-turns-blocking",
    "pristine",
    "seed-plan",
    "two-hops",
    "workshop-lab",
}


def problems(text: str) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(text, "s.yaml")
    assert str(caught.value).count("\n") == len(caught.value.problems) - 1
    return caught.value.problems


def test_all_promised_scenarios_are_shipped() -> None:
    assert set(shipped_scenarios()) == SHIPPED


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_shipped_scenario_begins_as_its_story_needs(name: str) -> None:
    scenario = load_scenario(name)
    assert scenario.name == name
    world = World(scenario, ManualClock(scenario.date))
    cluster = world.find_cluster(scenario.start.cluster)
    assert scenario.start.to is not None
    for hop in range(minor(cluster.version) + 1, minor(scenario.start.to) + 1):
        assert world.catalogue.offers(f"1.{hop}")
    assert all(pod["ready"] for pod in world.picture(cluster)["pods"])
    blocking = world.list_insights(cluster, statuses=["ERROR"])
    assert bool(blocking) == (scenario.expected.status == "blocked")
    assert scenario.expected.version in (cluster.version, scenario.start.to)


#: The Kubernetes project's Deprecated API Migration Guide: from which minor an API is no longer served.
REMOVED = {"flowcontrol.apiserver.k8s.io/v1beta3": "1.32"}


def test_what_shipped_scenarios_say_of_removed_apis_is_true_and_stops_their_hop() -> None:
    uses = [
        (scenario.start.to, use)
        for scenario in map(load_scenario, sorted(SHIPPED))
        for cluster in scenario.clusters
        for use in cluster.deprecated_uses
        if cluster.name == scenario.start.cluster
    ]
    assert uses
    for target, use in uses:
        api = "/".join(use.usage.split("/")[2:4])
        assert use.stop_serving_version == REMOVED[api] == target


@pytest.mark.parametrize("name", ["fleet", "four-hops", "one-hop", "seed-plan", "two-hops", "workshop-lab"])
def test_expected_add_on_updates_are_those_that_the_catalogue_asks_for(name: str) -> None:
    """Counts a change of version a hop, each at most one vpc-cni minor, each version valid for the hop before it."""
    scenario = load_scenario(name)
    world = World(scenario, ManualClock(scenario.date))
    cluster = world.find_cluster(scenario.start.cluster)
    assert scenario.start.to is not None
    for addon in cluster.addons.values():
        installed, updates = addon.version, 0
        for hop in range(minor(cluster.version) + 1, minor(scenario.start.to) + 1):
            fitting = [found.version for found in world.catalogue.addon_versions(addon.name, f"1.{hop}")]
            assert installed in fitting, f"{addon.name} {installed} would need a step of its own before 1.{hop}"
            wanted = world.catalogue.default_addon_version(addon.name, f"1.{hop}")
            assert wanted is not None
            if wanted != installed:
                if addon.name == "vpc-cni":
                    assert minor(wanted) - minor(installed) <= 1
                installed, updates = wanted, updates + 1
        assert updates == scenario.expected.addon_updates[addon.name], addon.name
        assert installed == scenario.expected.addon_versions.get(addon.name, installed)


def test_fleet_has_twelve_clusters_in_three_accounts_and_two_regions() -> None:
    fleet = load_scenario("fleet")
    assert len(fleet.clusters) == 12
    assert len({cluster.account for cluster in fleet.clusters}) == 3
    assert len({cluster.region for cluster in fleet.clusters}) == 2
    assert {cluster.environment for cluster in fleet.clusters} == {"dev", "staging", "prod"}


def test_command_is_what_the_person_types() -> None:
    assert load_scenario("two-hops").start.command() == "/eks-upgrade start prod-eu to 1.36"


def test_small_scenario_needs_little() -> None:
    scenario = parse_scenario(SMALL)
    assert [addon.name for addon in scenario.clusters[0].addons] == ["vpc-cni", "kube-proxy", "coredns"]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            'version: "1.34"',
            "version: 1.30",
            'clusters.0.version: write the version in quotes ("1.3"), YAML reads it as',
        ),
        ('version: "1.34"', 'version: "1.34"\n    colour: red', "clusters.0.colour: no such field"),
        ("size: 2", "size: many", "clusters.0.nodegroups.0.size: input should be a valid integer, not 'many'"),
        ("size: 2", "size: 2, zones: [d]", "clusters.0.nodegroups.0.zones: the cluster has no subnet in zone d"),
        ("size: 2", 'size: 2, version: "1.35"', "clusters.0.nodegroups.0.version: nodes are never newer"),
        ("size: 2", "size: 2, max_unavailable: 1, max_unavailable_percentage: 5", "give max_unavailable or"),
        ("max_unavailable: 1", "max_unavailable: 1, min_available: 1", "give exactly one of min_available and"),
        ("max_unavailable: 1", "max_unavailable: ten", "clusters.0.workloads.0.pdb.max_unavailable: a number of pods"),
        ("date: 2026-11-17T09:00:00Z", "", "date: is missing"),
        ("date: 2026-11-17T09:00:00Z", "date: 2026-11-17 09:00:00", "date: input should have timezone info"),
        ("cluster: c}", "cluster: d}", "start.cluster: no cluster 'd'; there are c"),
        ("person: ana", "person: zoe", "start.person: nobody is called 'zoe'; there are ana, ben, chi, dev"),
        ('version: "1.34"', 'version: "1.12"', "clusters.0.version: EKS had no 1.12 at 2026-11-17"),
        ("status: succeeded", "status: great", "expected.status: input should be 'succeeded', 'blocked'"),
        (
            "status: succeeded",
            "status: succeeded, nodegroup_updates: {x: 1}",
            "expected.nodegroup_updates: c has no 'x'",
        ),
        (
            "nodegroups: [",
            "addons: [{name: dns}]\n    nodegroups: [",
            "clusters.0.addons.0.name: no such add-on; there are",
        ),
        (
            "nodegroups: [",
            "addons: [{name: coredns, version: v9}]\n    nodegroups: [",
            "clusters.0.addons.0.version: not out at 2026-11-17; coredns has v1.13.2-eksbuild.3",
        ),
        (
            "nodegroups: [",
            "objects: [{apiVersion: v1, kind: ConfigMap, metadata: {}}]\n    nodegroups: [",
            "clusters.0.objects.0.metadata.name: is missing",
        ),
        (
            "nodegroups: [",
            "objects: [{apiVersion: v1, kind: Secret, metadata: {name: x}, data: {at: 2026-11-17}}]\n    nodegroups: [",
            "clusters.0.objects.0.data.dict.at: input was not a valid JSON value",
        ),
        (
            "nodegroups: [",
            "objects: [{apiVersion: example.com/v1, kind: Widget, metadata: {name: x}}]\n    nodegroups: [",
            "clusters.0.objects.0.kind: the group example.com has no Widget; define it by a CustomResourceDefinition",
        ),
        (
            "nodegroups: [",
            f"objects: [{DEFINITION}]\n    nodegroups: [",
            "clusters.0.objects.0.spec: is missing",
        ),
        (
            "status: succeeded",
            'status: succeeded, checks: [{cluster: d, to: "1.35", exit_code: 0}]',
            "expected.checks.0.cluster: no cluster 'd'",
        ),
        ("start:", "versions: ['1.99']\nstart:", "versions: EKS never offered 1.99"),
        ("start:", "faults: [{kind: rain}]\nstart:", "faults.0: input tag 'rain' found using 'kind' does not match"),
        ("start:", "faults: [{kind: groups-must-match, cluster: x}]\nstart:", "faults.0.cluster: no cluster 'x'"),
        (
            "start:",
            "faults: [{kind: pdb-blocks, cluster: c, namespace: default, name: x}]\nstart:",
            "faults.0.name: c has no PodDisruptionBudget default/x",
        ),
        (
            "start:",
            "faults: [{kind: node-join-fails, cluster: c, nodegroup: x}]\nstart:",
            "faults.0.nodegroup: c has no node group 'x'",
        ),
    ],
)
def test_mistake_is_told_in_one_line_with_its_path(old: str, new: str, problem: str) -> None:
    assert old in SMALL
    (line,) = problems(SMALL.replace(old, new))
    assert problem in line
    assert "\n" not in line


def test_all_mistakes_are_told_at_once() -> None:
    text = SMALL.replace("size: 2", "size: -1").replace("status: succeeded", "status: great")
    assert [line.split(":")[0] for line in problems(text)] == ["clusters.0.nodegroups.0.size", "expected.status"]


@pytest.mark.parametrize(("text", "words"), [("", "a scenario is a mapping"), ("[1]", "mapping"), ("a: [", "not YAML")])
def test_what_is_no_scenario_at_all(text: str, words: str) -> None:
    (line,) = problems(text)
    assert words in line


def test_twice_the_same_name_is_told() -> None:
    text = SMALL.replace("{name: core, size: 2}", "{name: core}, {name: core}")
    assert problems(text) == ["clusters.0.nodegroups.1.name: core is there twice"]


def test_unknown_scenarios_and_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="no such scenario; shipped are addon-degrades, blocked"):
        load_scenario("nope")
    with pytest.raises(ScenarioError, match="cannot be read: No such file"):
        load_scenario(tmp_path / "nope.yaml")
    (tmp_path / "own.yaml").write_text(SMALL, "utf-8")
    assert load_scenario(tmp_path / "own.yaml").name == "small"


def test_every_field_and_fault_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "scenarios.md").read_text("utf-8")
    parts = [kind for kind in vars(scenario_module).values() if isinstance(kind, type) and issubclass(kind, Part)]
    assert len(parts) > 15
    missing = {f"{part.__name__}.{name}" for part in parts for name in part.model_fields if f"`{name}`" not in page}
    assert not missing
    kinds = {str(part.model_fields["kind"].annotation) for part in parts if "kind" in part.model_fields}
    literals = {word for kind in kinds for word in re.findall(r"'([a-z-]+)'", kind)}
    assert {word for word in literals if f"`{word}`" not in page} == set()


def test_examples_of_the_page_are_scenarios() -> None:
    page = (Path(__file__).parents[2] / "docs" / "scenarios.md").read_text("utf-8")
    example, objects = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    given = (
        parse_scenario(SMALL.replace("    nodegroups:", f"{indent(objects, '    ')}    nodegroups:"))
        .clusters[0]
        .objects
    )
    assert [(one.kind, one.patch) for one in given] == [("ConfigMap", "merge"), ("PodDisruptionBudget", "delete")]
    assert parse_scenario(example).start.command() == "/eks-upgrade start demo to 1.36"
