"""What a run leaves behind that ends early: told before an abort, and again when it is over (C-38, D-08)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from handlers.views.progress import title_of
from handlers.views.text import code, count, esc
from upgrade.run import UpgradeRun


def left_lines(left: Mapping[str, Any]) -> list[str]:
    """How the cluster stands, in lines of mrkdwn.

    ``left``: ``control_plane`` (a version) and ``node_groups`` as `AbortPreview` has them, as JSON.
    """
    lines = [f"• Control plane: {code(left['control_plane'])}"] if left.get("control_plane") else []
    return lines + [f"• Node group {esc(group['name'])}: {nodes_of(group)}" for group in _groups(left)]


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
