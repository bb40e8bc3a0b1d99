"""How far the nodes of a group are on their way to another version, as a step remembers it between its looks. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from upgrade.plan import NodegroupStep
from upgrade.rows import NodeRow
from upgrade.run import NodegroupMix
from upgrade.versions import KubernetesVersion

_KUBELETS: Final = "kubelets"
_CORDONED: Final = "cordoned"


def remember_mix(nodes: Iterable[NodeRow]) -> dict[str, str]:
    """What a step keeps of the nodes of its group, for when the run ends before the rotation does (D-08)."""
    rows = list(nodes)
    counted = Counter(node.kubelet for node in rows)
    return {
        _KUBELETS: " ".join(f"{version}={counted[version]}" for version in sorted(counted)),
        _CORDONED: str(sum(node.unschedulable for node in rows)),
    }


def recall_mix(step: NodegroupStep, memory: Mapping[str, str]) -> NodegroupMix | None:
    """The nodes of the group of ``step`` as last seen; None when it was not begun or had none."""
    if not memory.get(_KUBELETS):
        return None
    pairs = (pair.partition("=") for pair in memory[_KUBELETS].split())
    return NodegroupMix(
        step_id=step.id,
        name=step.name,
        kubelets=tuple((KubernetesVersion.parse(version), int(number)) for version, _, number in pairs),
        cordoned=int(memory.get(_CORDONED, 0)),
    )
