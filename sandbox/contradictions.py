"""What the fields of a scenario cannot say each for itself: names that do not exist or exist twice, odd versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.objects_spec import incomplete, resources_of
from sandbox.world.catalogue import Catalogue, minor

if TYPE_CHECKING:
    from sandbox.objects_spec import ObjectSpec
    from sandbox.scenario import AddonSpec, ClusterSpec, Fault, NodegroupSpec, Scenario


def contradictions(scenario: Scenario) -> list[str]:
    """One line each, with the path of the field."""
    problems: list[str] = []
    try:
        catalogue = Catalogue(scenario.date, None if scenario.versions is None else list(scenario.versions))
    except KeyError as error:
        return [f"versions: EKS never offered {error.args[0]}"]
    clusters = {cluster.name: cluster for cluster in scenario.clusters}
    people = {person.name for person in scenario.people}
    seen: set[tuple[str, str, str]] = set()
    for index, cluster in enumerate(scenario.clusters):
        key = (cluster.account, cluster.region, cluster.name)
        if key in seen:
            problems.append(f"clusters.{index}.name: {'/'.join(key)} is there twice")
        seen.add(key)
        problems += _in_cluster(f"clusters.{index}", cluster, catalogue)
    if scenario.start.cluster not in clusters:
        problems.append(f"start.cluster: no cluster {scenario.start.cluster!r}; there are {', '.join(clusters)}")
    if scenario.start.person not in people:
        problems.append(
            f"start.person: nobody is called {scenario.start.person!r}; there are {', '.join(sorted(people))}"
        )
    for index, reaction in enumerate(scenario.reactions):
        if reaction.person not in people:
            problems.append(f"reactions.{index}.person: nobody is called {reaction.person!r}")
    for index, fault in enumerate(scenario.faults):
        problems += _in_fault(f"faults.{index}", fault, clusters)
    return problems + _in_expected(scenario, clusters)


def _in_cluster(path: str, cluster: ClusterSpec, catalogue: Catalogue) -> list[str]:
    problems = []
    for kind, names in (
        ("nodegroups", [group.name for group in cluster.nodegroups]),
        ("addons", [addon.name for addon in cluster.addons]),
        ("workloads", [f"{work.namespace}/{work.name}" for work in cluster.workloads]),
    ):
        problems += [
            f"{path}.{kind}.{index}.name: {name} is there twice"
            for index, name in enumerate(names)
            if name in names[:index]
        ]
    zones = {subnet.zone for subnet in cluster.subnets}
    for index, group in enumerate(cluster.nodegroups):
        problems += _in_nodegroup(f"{path}.nodegroups.{index}", group, cluster, zones, catalogue)
    problems += _in_objects(f"{path}.objects", cluster.objects)
    try:
        catalogue.describe(cluster.version)
    except KeyError:
        return [*problems, f"{path}.version: EKS had no {cluster.version} at {catalogue.at:%Y-%m-%d}"]
    for index, addon in enumerate(cluster.addons):
        problems += _in_addon(f"{path}.addons.{index}", addon, cluster, catalogue)
    return problems


def _in_objects(path: str, objects: list[ObjectSpec]) -> list[str]:
    known = resources_of(objects)
    problems = []
    for index, one in enumerate(objects):
        if one.kind == "CustomResourceDefinition" and (missing := incomplete(one)):
            problems.append(f"{path}.{index}.{missing}: is missing")
        if (one.group, one.kind) not in known:
            where = f"the group {one.group}" if one.group else "the core group"
            problems.append(f"{path}.{index}.kind: {where} has no {one.kind}; define it by a CustomResourceDefinition")
    return problems


def _in_nodegroup(
    path: str, group: NodegroupSpec, cluster: ClusterSpec, zones: set[str], catalogue: Catalogue
) -> list[str]:
    problems = []
    missing = [zone for zone in group.zones if zone not in zones]
    if missing:
        problems.append(f"{path}.zones: the cluster has no subnet in zone {', '.join(missing)}")
    if group.version is None:
        return problems
    if minor(group.version) > minor(cluster.version):
        problems.append(f"{path}.version: nodes are never newer than the control plane (C-03)")
    try:
        catalogue.describe(group.version)
    except KeyError:
        problems.append(f"{path}.version: EKS had no {group.version} at {catalogue.at:%Y-%m-%d}")
    return problems


def _in_addon(path: str, addon: AddonSpec, cluster: ClusterSpec, catalogue: Catalogue) -> list[str]:
    if addon.name not in catalogue.addon_names():
        return [f"{path}.name: no such add-on; there are {', '.join(catalogue.addon_names())}"]
    known = [found.version for found in catalogue.addon_versions(addon.name)]
    if addon.version is not None and addon.version not in known:
        return [f"{path}.version: not out at {catalogue.at:%Y-%m-%d}; {addon.name} has {', '.join(known[:6])}"]
    if addon.version is None and catalogue.default_addon_version(addon.name, cluster.version) is None:
        return [f"{path}.version: no version of {addon.name} serves {cluster.version} at {catalogue.at:%Y-%m-%d}"]
    return []


def _in_fault(path: str, fault: Fault, clusters: dict[str, ClusterSpec]) -> list[str]:
    name: str | None = getattr(fault, "cluster", None)
    if name is None:
        return []
    if name not in clusters:
        return [f"{path}.cluster: no cluster {name!r}"]
    cluster = clusters[name]
    nodegroup: str | None = getattr(fault, "nodegroup", None)
    if nodegroup is not None and nodegroup not in {group.name for group in cluster.nodegroups}:
        return [f"{path}.nodegroup: {name} has no node group {nodegroup!r}"]
    if fault.kind == "addon-degrades" and fault.addon not in {addon.name for addon in cluster.addons}:
        return [f"{path}.addon: {name} has no add-on {fault.addon!r}"]
    if fault.kind == "pdb-blocks" and (fault.namespace, fault.name) not in _budgets(cluster):
        return [f"{path}.name: {name} has no PodDisruptionBudget {fault.namespace}/{fault.name}"]
    return []


def _budgets(cluster: ClusterSpec) -> set[tuple[str, str]]:
    first = {(work.namespace, work.pdb.name or work.name) for work in cluster.workloads if work.pdb}
    second = {(w.namespace, w.second_pdb.name or f"{w.name}-second") for w in cluster.workloads if w.second_pdb}
    return first | second | {("kube-system", addon) for addon in ("coredns", "ebs-csi-controller")}


def _in_expected(scenario: Scenario, clusters: dict[str, ClusterSpec]) -> list[str]:
    cluster = clusters.get(scenario.start.cluster)
    if cluster is None:
        return []
    expected, problems = scenario.expected, []
    for index, one in enumerate(expected.checks):
        if one.cluster not in clusters:
            problems.append(f"expected.checks.{index}.cluster: no cluster {one.cluster!r}")
    groups = {group.name for group in cluster.nodegroups}
    addons = {addon.name for addon in cluster.addons}
    for field, names, known in (
        ("nodegroup_updates", expected.nodegroup_updates, groups),
        ("nodegroup_versions", expected.nodegroup_versions, groups),
        ("addon_updates", expected.addon_updates, addons),
        ("addon_versions", expected.addon_versions, addons),
    ):
        problems += [f"expected.{field}: {cluster.name} has no {name!r}" for name in names if name not in known]
    return problems
