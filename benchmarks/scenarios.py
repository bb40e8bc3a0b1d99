"""The worlds that are measured in."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import JsonValue

from sandbox.scenario import (
    BudgetSpec,
    ClusterSpec,
    ExpectedSpec,
    NodegroupSpec,
    Scenario,
    StartSpec,
    WorkloadSpec,
    load_scenario,
)

TARGET = "1.36"
#: Runs are shown where they were asked for, so that no single channel's pacing holds up the others.
_BOT: dict[str, JsonValue] = {"operations_channel": None, "environments": {"bench": {"notice": "0m"}}}


def many_clusters(number: int, version: str, *, groups: int = 1) -> Scenario:
    """Small clusters, all alike but for what the seed draws; an upgrade begins as soon as it is approved.

    Args:
        version: where they begin; they go to ``TARGET``.
        groups: node groups in each, of one node.
    """
    return Scenario(
        name="many-clusters",
        description="Small clusters for the benchmarks.",
        date=datetime(2026, 11, 17, 9, tzinfo=UTC),
        clusters=[_cluster(f"bench-{index:02}", version, groups) for index in range(number)],
        start=StartSpec(person="ana", cluster="bench-00", to=TARGET),
        expected=ExpectedSpec(status="succeeded"),
        bot=_BOT,
    )


def _cluster(name: str, version: str, groups: int) -> ClusterSpec:
    return ClusterSpec(
        name=name,
        version=version,
        environment="bench",
        nodegroups=[NodegroupSpec(name=f"group-{index}", size=1) for index in range(groups)],
        workloads=[
            WorkloadSpec(name="shop", namespace="shop", replicas=2, pdb=BudgetSpec(max_unavailable=1)),
            WorkloadSpec(name="billing", namespace="shop", replicas=1),
        ],
    )


def shipped(name: str) -> Scenario:
    """A shipped scenario whose upgrade begins as soon as it is approved."""
    scenario = load_scenario(name)
    environments: dict[str, JsonValue] = {spec.environment: {"notice": "0m"} for spec in scenario.clusters}
    return scenario.model_copy(update={"bot": {**_BOT, "environments": environments}})
