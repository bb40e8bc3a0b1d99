"""What is no resource: version, health and metrics."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from sandbox.kube.resources import Served
from sandbox.world.catalogue import minor
from sandbox.world.model import Cluster
from sandbox.world.objects import Json

CGROUP_VERSION_TOLD_FROM = 31
CGROUP_V1_REFUSED_FROM = 35
HEALTH_PATHS = ("/healthz", "/livez", "/readyz")
_USAGE = re.compile(r"/apis?/(?:(?P<group>[a-z0-9.]+)/)?(?P<version>v\d+\w*)/(?P<resource>[a-z]+)")


def version_info(git_version: str) -> Json:
    """`/version`; `git_version` is the API server's own, for example `v1.34.2-eks-3025e55`."""
    major, minor, *_ = git_version.removeprefix("v").split(".")
    return {
        "major": major,
        "minor": f"{minor}+" if int(minor) < 31 else minor,
        "gitVersion": git_version,
        "gitCommit": hashlib.sha256(git_version.encode()).hexdigest()[:40],
        "gitTreeState": "clean",
        "buildDate": "2026-10-01T00:00:00Z",
        "goVersion": "go1.24.9",
        "compiler": "gc",
        "platform": "linux/amd64",
    }


def health(path: str, *, verbose: bool) -> str:
    """The text of a health end point."""
    if not verbose:
        return "ok"
    checks = ("ping", "log", "etcd", "informer-sync", "poststarthook/rbac/bootstrap-roles", "shutdown")
    name = path.strip("/")
    return "".join(f"[+]{check} ok\n" for check in checks) + f"{name} check passed\n"


def metrics(cluster: Cluster, requested: Iterable[Served]) -> str:
    """`/metrics`: deprecated APIs that were asked for, by the world's account and, `requested`, from this server."""
    rows = {(item.resource.group, item.resource.version, item.resource.plural, f"1.{item.until}") for item in requested}
    for use in cluster.deprecated_uses:
        if match := _USAGE.search(use.usage):
            rows.add((match["group"] or "", match["version"], match["resource"], use.stop_serving_version))
    lines = [
        "# HELP apiserver_requested_deprecated_apis [STABLE] Gauge of deprecated APIs that have been requested.",
        "# TYPE apiserver_requested_deprecated_apis gauge",
    ]
    for group, version, resource, removed in sorted(rows):
        labels = f'group="{group}",removed_release="{removed}",resource="{resource}",subresource="",version="{version}"'
        lines.append(f"apiserver_requested_deprecated_apis{{{labels}}} 1")
    return "\n".join(lines) + "\n"


def kubelet_metrics(node: Json) -> str:
    """`/metrics` of a kubelet; it tells its cgroup version from 1.31 on."""
    lines = [
        "# HELP kubelet_node_name [ALPHA] The node's name. The count is always 1.",
        "# TYPE kubelet_node_name gauge",
        f'kubelet_node_name{{node="{node["metadata"]["name"]}"}} 1',
    ]
    if _kubelet_minor(node) >= CGROUP_VERSION_TOLD_FROM:
        lines += [
            "# HELP kubelet_cgroup_version [ALPHA] cgroup version on the hosts.",
            "# TYPE kubelet_cgroup_version gauge",
            f"kubelet_cgroup_version {1 if _is_amazon_linux_2(node) else 2}",
        ]
    return "\n".join(lines) + "\n"


def kubelet_configz(node: Json) -> Json:
    """`/configz` of a kubelet; from 1.35 on it refuses cgroup v1 unless it is told otherwise."""
    configuration: Json = {"kind": "KubeletConfiguration", "apiVersion": "kubelet.config.k8s.io/v1beta1"}
    number = _kubelet_minor(node)
    if number >= CGROUP_VERSION_TOLD_FROM:
        configuration["failCgroupV1"] = number >= CGROUP_V1_REFUSED_FROM
    return {"kubeletconfig": configuration}


def _kubelet_minor(node: Json) -> int:
    return minor(".".join(node["status"]["nodeInfo"]["kubeletVersion"].removeprefix("v").split(".")[:2]))


def _is_amazon_linux_2(node: Json) -> bool:
    image = node["status"]["nodeInfo"]["osImage"]
    return "Amazon Linux 2" in image and "2023" not in image
