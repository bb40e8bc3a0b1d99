"""Update one managed node group and watch its nodes go round (D-01…D-08)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from upgrade.disruption import evictable
from upgrade.eks import Nodegroup, UpdateSubject
from upgrade.engine.mix import remember_mix
from upgrade.engine.steps.context import Act, StepContext
from upgrade.engine.steps.draining import Drain, drain_sentence, held, see_drains
from upgrade.engine.steps.updates import Wanted, find_update, follow_update, settling
from upgrade.errors import UpgradeError
from upgrade.plan import NodegroupStep
from upgrade.rows import NodeRow, PodRow
from upgrade.run import Done, Failed, Outcome, Wait

_BUSY: Final = frozenset({"UPDATING", "CREATING", "DELETING"})
_OLD_NODES: Final = "old-nodes"
_OLD_PODS: Final = "old-pods"


def _wanted(step: NodegroupStep) -> Wanted:
    optional = {"ReleaseVersion": step.release_version} if step.release_version else {}
    if step.launch_template is not None:
        optional["LaunchTemplateVersion"] = step.launch_template.version
    subject = UpdateSubject(kind="nodegroup", name=step.name)
    if _own_image(step):
        return Wanted(subject, "VersionUpdate", {}, optional)
    return Wanted(subject, "VersionUpdate", {"Version": str(step.version)}, optional)


def _own_image(step: NodegroupStep) -> bool:
    """With an AMI of the user's own the launch template decides; EKS refuses a version beside it."""
    return step.release_version is None and step.launch_template is not None


def _as_planned(step: NodegroupStep, group: Nodegroup) -> bool:
    if _own_image(step):
        return group.launch_template is not None and step.launch_template == group.launch_template
    return group.version == step.version and step.release_version in (None, group.release_version)


class NodegroupKind:
    def observe(self, step: NodegroupStep, context: StepContext) -> Outcome | None:
        group = context.aws.describe_nodegroup(step.name)
        poll = context.settings.poll_nodegroup
        found = find_update(_wanted(step), context, busy=group.status in _BUSY, poll=poll)
        if found is not None:
            return found
        well = _as_planned(step, group) and group.status == "ACTIVE" and not group.issues
        if well and not _node_problems(step, _nodes_of(step, context)):
            return Done(skipped=True, note=f"Node group {step.name} already is on {step.version}.")
        return None

    def prepare(self, step: NodegroupStep, context: StepContext) -> Act:
        aws, look = context.changing(), _look(step, context)

        def act(token: str) -> Outcome:
            update = aws.update_nodegroup_version(
                step.name,
                version=None if _own_image(step) else step.version,
                release_version=step.release_version,
                launch_template=step.launch_template,
                force=step.force,
                token=token,
            )
            poll = context.settings.poll_nodegroup.total_seconds()
            return Wait(seconds=poll, update=update, memory=look.memory, done=look.done, total=look.total)

        return act

    def follow(self, step: NodegroupStep, context: StepContext) -> Outcome:
        poll = context.settings.poll_nodegroup
        ended = follow_update(_wanted(step), context, poll=poll, progress="")
        if isinstance(ended, Failed):
            return _explain(ended, step, context).model_copy(update={"memory": _last_seen(step, context)})
        look = _look(step, context)
        if ended is None:
            return _shown(step, context, look)
        return Wait(
            seconds=poll.total_seconds(),
            progress=_progress(look, context),
            done=look.done,
            total=look.total,
            memory=look.memory,
        )


@dataclass(frozen=True)
class _Look:
    """How far the rotation is: old nodes gone and pods evicted, of those that were there at the start."""

    nodes: tuple[NodeRow, ...]
    done: int
    total: int
    evicted: int
    pods: int
    drains: tuple[Drain, ...]
    memory: Mapping[str, str]


def _nodes_of(step: NodegroupStep, context: StepContext) -> tuple[NodeRow, ...]:
    return tuple(node for node in context.kube.nodes() if node.nodegroup == step.name)


def _look(step: NodegroupStep, context: StepContext) -> _Look:
    nodes = _nodes_of(step, context)
    memory = context.state.memory
    if _OLD_NODES in memory:
        names = [name for name in memory[_OLD_NODES].split(",") if name]
    else:
        names = [node.name for node in _old_nodes(step, nodes, context)]
    old = [node for node in nodes if node.name in names]
    pods = [pod for pod in context.kube.pods() if evictable(pod)] if old else []
    on_old = _on(pods, old)
    total_pods = int(memory.get(_OLD_PODS, len(on_old)))
    drains, remembered = see_drains(old, pods, context.kube.pdbs() if old else (), memory, context.now)
    remembered |= {_OLD_NODES: ",".join(names), _OLD_PODS: str(total_pods), **remember_mix(nodes)}
    return _Look(
        nodes=nodes,
        done=len(names) - len(old),
        total=len(names),
        evicted=max(0, total_pods - len(on_old)),
        pods=total_pods,
        drains=drains,
        memory=remembered,
    )


def _last_seen(step: NodegroupStep, context: StepContext) -> Mapping[str, str] | None:
    """What a failed rotation leaves. The failure is told also when that cannot be seen."""
    try:
        return _look(step, context).memory
    except UpgradeError:
        return None


def _on(pods: Sequence[PodRow], nodes: Sequence[NodeRow]) -> list[PodRow]:
    names = {node.name for node in nodes}
    return [pod for pod in pods if pod.node in names]


def _old_nodes(step: NodegroupStep, nodes: Sequence[NodeRow], context: StepContext) -> list[NodeRow]:
    """The nodes that will be replaced: not those that a failed attempt already brought to the version (D-08).

    When only the image changes, the kubelet tells nothing and all count as old.
    """
    if context.aws.describe_nodegroup(step.name).version == step.version:
        return list(nodes)
    return [node for node in nodes if node.kubelet != step.version or node.unschedulable]


def _progress(look: _Look, context: StepContext) -> str:
    text = f"nodes {look.done}/{look.total}, {look.evicted} of {look.pods} pods evicted"
    stuck = [sentence for drain in look.drains if (sentence := drain_sentence(drain, context.now))]
    return "; ".join([text, *stuck])


def _node_problems(step: NodegroupStep, nodes: Sequence[NodeRow]) -> list[str]:
    """What D-07 still misses: every node of the group on the version, Ready, none left unschedulable."""
    problems = []
    for node in nodes:
        if node.kubelet != step.version:
            problems.append(f"node {node.name} is on {node.kubelet}")
        elif not node.ready:
            problems.append(f"node {node.name} is not Ready")
        elif node.unschedulable:
            problems.append(f"node {node.name} is still unschedulable")
    return problems


def _shown(step: NodegroupStep, context: StepContext, look: _Look) -> Outcome:
    """EKS says Successful: does the cluster show it?"""
    group = context.aws.describe_nodegroup(step.name)
    problems = _node_problems(step, look.nodes)
    if not _as_planned(step, group) or group.status != "ACTIVE":
        problems.insert(0, f"the group is {group.status} on {group.release_version or group.version}")
    problems += [f"the group's health says {issue.code}" for issue in group.issues]
    if len(look.nodes) < group.desired_size:
        problems.append(f"{len(look.nodes)} of {group.desired_size} nodes are there")
    if not problems:
        return Done()
    return Wait(
        seconds=settling(context.settings.poll_nodegroup),
        progress=f"EKS has finished; {'; '.join(problems[:3])}.",
        done=look.done,
        total=look.total,
        memory=look.memory,
    )


def _explain(failed: Failed, step: NodegroupStep, context: StepContext) -> Failed:
    """Name the pods that would not go, and what holds them."""
    if failed.code != "PodEvictionFailure":
        return failed
    old = _old_nodes(step, _nodes_of(step, context), context)
    cordoned = [node for node in old if node.unschedulable] or old
    left = held(_on([pod for pod in context.kube.pods() if evictable(pod)], cordoned), context.kube.pdbs())
    stuck = [one for one in left if one.budgets] or list(left)
    named = [
        f"• {one.pod} on {one.node}"
        + (f", held by PodDisruptionBudget {' and '.join(one.budgets)}" if one.budgets else "")
        for one in stuck[:10]
    ]
    budgets = [f"PodDisruptionBudget {budget}" for one in stuck for budget in one.budgets]
    pods = [f"pod {one.pod}" for one in stuck[:10]]
    return failed.model_copy(
        update={
            "meaning": "\n".join([failed.meaning, *named]).strip(),
            "resources": tuple(dict.fromkeys((*pods, *budgets, *failed.resources))),
        }
    )
