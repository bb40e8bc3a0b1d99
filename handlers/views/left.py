"""What a run leaves behind that ends early: told before an abort, and again when it is over (C-38, D-08)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from handlers.views import kit
from handlers.views.limits import Block
from handlers.views.progress import Mark
from handlers.views.text import code, count, esc
from handlers.views.titles import title_of
from upgrade.plan import ControlPlaneStep, NodegroupStep
from upgrade.run import AbortPreview, UnderWay, UpgradeRun

#: Node groups that are named in one line.
_NAMED: Final = 5


def abort_blocks(run: UpgradeRun, preview: AbortPreview) -> list[Block]:
    """What will still finish and the state that is left behind (C-38)."""
    going_on = {one.step_id for one in preview.under_way}
    left = preview.model_dump(mode="json")
    half_way = {group["step_id"]: group for group in left["node_groups"]}
    left["node_groups"] = [group for step_id, group in half_way.items() if step_id not in going_on]
    finishing = [_under_way(run, one, half_way.get(one.step_id)) for one in preview.under_way]
    going = ["*Will still finish*: EKS cannot cancel it", *finishing] if finishing else ["Nothing is under way."]
    stands, not_done = left_lines(run, left), not_done_lines(run, left)
    return [
        kit.section(*going),
        *([kit.section("*Left behind*", *stands)] if stands else []),
        *([kit.section("*Not done*", *not_done)] if not_done else []),
        kit.context("An aborted run cannot be resumed.", *next_lines(left)),
    ]


def _under_way(run: UpgradeRun, going: UnderWay, group: Mapping[str, Any] | None) -> str:
    update = f", update {code(going.update_id)}" if going.update_id else ""
    now = f"; now {nodes_of(group)}" if group else ""
    return f"{Mark.RUNNING} {title_of(run.plan, going.step_id)}{update}{now}"


def left_lines(run: UpgradeRun, left: Mapping[str, Any]) -> list[str]:
    """How the cluster stands, in lines of mrkdwn.

    ``left``: ``control_plane`` (a version) and ``node_groups`` as `AbortPreview` has them, as JSON.
    """
    lines = [f"• Control plane: {code(left['control_plane'])}"] if left.get("control_plane") else []
    lines += [f"• Node group {esc(group['name'])}: {nodes_of(group)}" for group in _groups(left)]
    return lines + _behind_lines(run, left)


def _behind_lines(run: UpgradeRun, left: Mapping[str, Any]) -> list[str]:
    """That nodes stay where they are, when the control plane went ahead of node groups that were to follow."""
    if run.plan is None:
        return []
    moves = [step.version for _, step in run.plan.steps() if isinstance(step, ControlPlaneStep)]
    ahead = next((version for version in moves if str(version) == left.get("control_plane")), run.plan.from_version)
    steps = [step for _, step in run.plan.steps() if isinstance(step, NodegroupStep)]
    reached = dict.fromkeys((step.name for step in steps), run.plan.from_version)
    for step in steps:
        if step.id not in (left.get("not_done") or ()):
            reached[step.name] = max(reached[step.name], step.version)
    behind = [name for name, version in reached.items() if version < ahead]
    if not behind:
        return []
    more = f" and {len(behind) - _NAMED} more" if len(behind) > _NAMED else ""
    named = f"{', '.join(map(esc, behind[:_NAMED]))}{more}"
    return [f"• Nodes of {named} stay on their kubelet version, behind the control plane"]


def next_lines(left: Mapping[str, Any]) -> list[str]:
    """The next move."""
    cordoned = any(group.get("cordoned") for group in _groups(left))
    until = " Until then `kubectl uncordon NODE` lets a cordoned node take pods again." if cordoned else ""
    return [f"→ A new run plans the rest from where the cluster is.{until}"]


def not_done_lines(run: UpgradeRun, left: Mapping[str, Any]) -> list[str]:
    """The steps that are not carried out, a line each."""
    return [f"• {title_of(run.plan, str(step_id))}" for step_id in left.get("not_done") or ()]


def nodes_of(group: Mapping[str, Any]) -> str:
    """``4 nodes on 1.34, 3 on 1.35; 1 cordoned``. ``group``: a `NodegroupMix` as JSON."""
    counted = [(code(version), int(number)) for version, number in group["kubelets"]]
    parts = [
        f"{count(number, 'node') if not at else number} on {version}" for at, (version, number) in enumerate(counted)
    ]
    cordoned = f"; {group['cordoned']} cordoned" if group.get("cordoned") else ""
    return f"{', '.join(parts)}{cordoned}"


def _groups(left: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return [group for group in left.get("node_groups") or () if isinstance(group, Mapping)]
