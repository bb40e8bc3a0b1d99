"""Whether people still work in a cluster that is upgraded only while nobody does."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from upgrade.checks.registry import Hop, NotApplicable, Problem, check
from upgrade.facts import need
from upgrade.owner import owner_of
from upgrade.rows import PodRow

_SHOWN: Final = 10


@check(
    "IDL001",
    "Nobody works in a cluster that is upgraded only while it is idle",
    rules=("A-27",),
    source="2i2c Infrastructure Guide: Upgrade Kubernetes cluster on AWS",
    permissions=("list pods",),
    waivable=True,
    stops=("start",),
)
def cluster_is_idle(hop: Hop) -> Iterator[Problem]:
    """Stops the start alone: whoever comes back later works on a cluster whose upgrade was announced."""
    idle_only = hop.plan.idle_only if hop.plan else None
    if idle_only is None:
        raise NotApplicable
    pods, users = need(hop.now.pods), defaultdict[str, list[PodRow]](list)
    for pod in idle_only.users(pods):
        users[pod.namespace].append(pod)
    for namespace, found in sorted(users.items()):
        owners = sorted({owner for pod in found if (owner := owner_of(pod.labels))})
        yield Problem(
            subject=f"namespace/{namespace}",
            summary=f"Somebody still works in {namespace}: {_shown([pod.name for pod in found])}.",
            remedy="Wait until they have left, or ask them to stop; then check again.",
            evidence={"pods": str(len(found))} | ({"owner": _shown(owners)} if owners else {}),
        )


def _shown(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(sorted(names)[:_SHOWN]) + more
