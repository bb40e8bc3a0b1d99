"""What kubelets say of themselves, asked through the API server."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar
from urllib.parse import quote

from upgrade.errors import NotPermitted, UpgradeError
from upgrade.gateways.kube.api import KubeApi, decoded
from upgrade.gateways.kube.meta import Wire
from upgrade.objects import KubeletRow

T = TypeVar("T")

ACCESS: Final = "get nodes/proxy"
_AT_ONCE: Final = 8
#: The metric is there from kubelet 1.31 on; 0 says that the kubelet does not know.
_CGROUP_VERSION: Final = re.compile(rb"^kubelet_cgroup_version(?:\{[^}]*\})? ([12])(?:\.0*)?(?:e\+00)?\s", re.MULTILINE)


class KubeletConfiguration(Wire):
    fail_cgroup_v1: bool | None = None


class Configz(Wire):
    kubeletconfig: KubeletConfiguration


def ask_kubelets(api: KubeApi, nodes: Sequence[str]) -> tuple[KubeletRow, ...]:
    """A row a node, its members None where a kubelet does not answer.

    Raises NotPermitted when no kubelet may be asked.
    """
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="kubelets") as pool:
        answers = list(pool.map(lambda node: _ask(api, node), nodes))
    refusals = [answer for answer in answers if isinstance(answer, NotPermitted)]
    if refusals and len(refusals) == len(answers):
        raise refusals[0]
    return tuple(
        answer if isinstance(answer, KubeletRow) else KubeletRow(node=node)
        for node, answer in zip(nodes, answers, strict=True)
    )


def _ask(api: KubeApi, node: str) -> KubeletRow | NotPermitted:
    path = f"/api/v1/nodes/{quote(node, safe='')}/proxy"
    try:
        return KubeletRow(
            node=node,
            cgroup_version=_or_none(lambda: _cgroup_version(api.get(f"{path}/metrics", ACCESS, patient=False))),
            fail_cgroup_v1=_or_none(lambda: _fails_cgroup_v1(api.get(f"{path}/configz", ACCESS, patient=False))),
        )
    except NotPermitted as refusal:
        return refusal


def _or_none(ask: Callable[[], T]) -> T | None:
    try:
        return ask()
    except NotPermitted:
        raise
    except UpgradeError:
        return None


def _cgroup_version(metrics: bytes) -> int | None:
    found = _CGROUP_VERSION.search(metrics)
    return int(found[1]) if found else None


def _fails_cgroup_v1(body: bytes) -> bool | None:
    return decoded(body, Configz, ACCESS).kubeletconfig.fail_cgroup_v1
