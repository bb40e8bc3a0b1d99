"""How a story ended: what the bot and the world say of it, and whether that is what the scenario expects."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sandbox.scenario import ExpectedSpec
from sandbox.stage import Stage
from sandbox.world.model import Cluster, Effect


def ending(stage: Stage, run: dict[str, Any]) -> dict[str, Any]:
    """Everything that ``--json`` prints.

    Args:
        run: as ``eks-upgrade-bot export`` tells it.
    """
    cluster = stage.world.find_cluster(stage.scenario.start.cluster)
    with stage.world.current() as world:
        mutations = [_mutation(effect) for effect in world.effects]
        content: dict[str, Any] = {
            "scenario": stage.scenario.name,
            "run": run["id"],
            "cluster": cluster.key,
            "status": run["status"],
            "standing_at": run.get("standing_at"),
            "pause_reasons": run.get("pause_reasons", []),
            "version": cluster.version,
            "phases": run.get("phases", []),
            "mutating_calls": len(mutations),
            "counts": dict(Counter(f"{one['operation']} {one['subject']}".strip() for one in mutations)),
            "calls": mutations,
            "durations": [
                {
                    "subject": one.subject,
                    "kind": one.kind,
                    "started_at": one.started_at.isoformat(),
                    "seconds": round(one.length.total_seconds(), 1),
                }
                for one in world.chain_durations()
            ],
        }
    problems = _problems(stage.scenario.expected, run, cluster, stage.world.effects)
    return content | {"as_expected": not problems, "problems": problems}


def _mutation(effect: Effect) -> dict[str, Any]:
    return {
        "at": effect.at.isoformat(),
        "operation": effect.kind,
        "cluster": effect.cluster,
        "subject": effect.subject,
        "args": effect.args,
        "token": effect.token,
    }


def _problems(expected: ExpectedSpec, run: dict[str, Any], cluster: Cluster, effects: list[Effect]) -> list[str]:
    """What is otherwise than the scenario says, a sentence each."""
    mine = [effect for effect in effects if effect.cluster == cluster.key]
    updates = Counter(effect.subject for effect in mine if effect.update_id)
    wanted: list[tuple[str, Any, Any]] = [
        ("the run's status", expected.status, run["status"]),
        ("the control plane's version", expected.version, cluster.version),
        ("updates of the control plane", expected.control_plane_updates, updates["control-plane"]),
    ]
    for name, count in expected.nodegroup_updates.items():
        wanted.append((f"updates of the node group {name}", count, updates[f"nodegroup/{name}"]))
    for name, count in expected.addon_updates.items():
        wanted.append((f"updates of the add-on {name}", count, updates[f"addon/{name}"]))
    for name, version in expected.addon_versions.items():
        wanted.append((f"the version of the add-on {name}", version, cluster.addons[name].version))
    for name, version in expected.nodegroup_versions.items():
        wanted.append((f"the version of the node group {name}", version, cluster.nodegroups[name].version))
    problems = [
        f"{what}: expected {want}, found {found}" for what, want, found in wanted if want is not None and want != found
    ]
    return problems + _missing_words(expected, run)


def _missing_words(expected: ExpectedSpec, run: dict[str, Any]) -> list[str]:
    problems = []
    if expected.paused_at is not None:
        standing, story = str(run.get("standing_at") or ""), " ".join(run.get("pause_reasons", []))
        if not standing.startswith(expected.paused_at.step):
            problems.append(f"expected to stand at {expected.paused_at.step}, stands at {standing or 'no step'}")
        problems += [f"why it paused does not name {word}" for word in expected.paused_at.words if word not in story]
    found = " ".join(f"{one['code']} {one['subject']} {one['summary']}" for one in run.get("blockers", []))
    problems += [f"the blockers do not name {word}" for word in expected.findings if word not in found]
    return problems
