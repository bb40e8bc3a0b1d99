"""How much faster is the file scan than the same parser without the prefilter, and does it find the same?"""

from __future__ import annotations

import gc
import io
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figures import Row
from benchmarks.stand import say
from upgrade.removals.files import FileScan, scan_files
from upgrade.removals.rules import builtin_rules
from upgrade.versions import KubernetesVersion

TARGET = KubernetesVersion(1, 34)
MEAN_BYTES = 8 * 1024
#: Of all files; among the others are many that name unstable versions of custom resources, which are no finding.
HIT_SHARE = 0.05
UNSTABLE_SHARE = 0.10
#: Files with a role of the usual kind: most name what has moved to another version of its group, a few what is gone.
ROLE_SHARE = 0.05
MOST = 1 / 8

_HITS = (
    ("policy/v1beta1", "PodDisruptionBudget"),
    ("networking.k8s.io/v1beta1", "Ingress"),
    ("batch/v1beta1", "CronJob"),
    ("autoscaling/v2beta2", "HorizontalPodAutoscaler"),
    ("flowcontrol.apiserver.k8s.io/v1beta3", "FlowSchema"),
)


def make_tree(folder: Path, files: int, seed: int = 7) -> int:
    """Manifests as charts render them, in nested directories; gives the number of bytes."""
    draw = random.Random(seed)
    total = 0
    for number in range(files):
        directory = folder / f"team-{number % 40}" / f"app-{number % 400}"
        directory.mkdir(parents=True, exist_ok=True)
        text = "---\n".join(_documents(draw, number))
        total += len(text)
        (directory / f"{number}.yaml").write_text(text)
    return total


def _documents(draw: random.Random, number: int) -> Iterator[str]:
    length = int(draw.uniform(0.4, 1.6) * MEAN_BYTES)
    fate = draw.random()
    if fate < HIT_SHARE:
        yield _manifest(*draw.choice(_HITS), f"old-{number}")
    elif fate < HIT_SHARE + UNSTABLE_SHARE:
        yield _manifest("karpenter.sh/v1beta1", "NodePool", f"pool-{number}")
    elif fate < HIT_SHARE + UNSTABLE_SHARE + ROLE_SHARE:
        yield _role(draw.choice(("networking.k8s.io", "networking.k8s.io", "extensions")), f"role-{number}")
    while length > 0:
        text = _workload(draw, number, min(length, 6000))
        length -= len(text)
        yield text


def _manifest(version: str, kind: str, name: str) -> str:
    return f"apiVersion: {version}\nkind: {kind}\nmetadata:\n  name: {name}\n  namespace: shop\nspec: {{}}\n"


def _role(group: str, name: str) -> str:
    lines = [
        "apiVersion: rbac.authorization.k8s.io/v1",
        "kind: ClusterRole",
        f"metadata: {{name: {name}}}",
        "rules:",
        '- {apiGroups: [""], resources: [pods, services, secrets], verbs: [get, list, watch]}',
        f"- {{apiGroups: [{group}], resources: [ingresses, ingresses/status], verbs: [get, list, watch]}}",
        "- {apiGroups: [policy], resources: [poddisruptionbudgets], verbs: [get, list, watch]}",
    ]
    return "\n".join(lines) + "\n"


def _workload(draw: random.Random, number: int, length: int) -> str:
    lines = [
        "# Source: shop/templates/deployment.yaml",
        "apiVersion: apps/v1",
        "kind: Deployment",
        "metadata:",
        f"  name: web-{number}",
        "  labels: {app.kubernetes.io/name: web, app.kubernetes.io/managed-by: Helm}",
        "spec:",
        "  template:",
        "    spec:",
        "      containers:",
    ]
    size = sum(map(len, lines))
    while size < length:
        name = f"c{draw.randrange(10**6)}"
        more = [
            f"        - name: {name}",
            f"          image: registry.example.com/team/{name}:v1.{draw.randrange(99)}.0",
            "          args: [--log-level=info, --leader-elect]",
            "          env:",
            *(f'            - {{name: SETTING_{n}, value: "{draw.randrange(10**9)}"}}' for n in range(8)),
            "          resources:",
            "            requests: {cpu: 100m, memory: 128Mi}",
        ]
        size += sum(map(len, more)) + len(more)
        lines += more
    return "\n".join(lines) + "\n"


def measure(files: int = 20_000) -> list[Row]:
    """Scan a made-up tree both ways, the files warm in the page cache for both."""
    with tempfile.TemporaryDirectory() as folder:
        size = make_tree(Path(folder), files)
        say(f"scan: {files} files, mean {size / files / 1024:.1f} KiB")
        _timed(folder, every=False)
        quick, found = _timed(folder, every=False)
        slow, all_found = _timed(folder, every=True)
    return rows_of(quick, found, slow, all_found)


def rows_of(quick: float, found: FileScan, slow: float, all_found: FileScan) -> list[Row]:
    """Seconds and findings, with the prefilter and without."""
    hits = len({one.path for one in all_found.findings})
    differing = len(set(found.findings) ^ set(all_found.findings)) + len(set(found.named) ^ set(all_found.named))
    return [
        Row("scan: findings that differ", differing, "", found.files, most=0, by_ratio=False),
        Row("scan: files with a finding", 100 * hits / max(1, all_found.files), "%", all_found.files),
        Row("scan: all files", quick, "s", found.files, slow, "without the prefilter", MOST),
    ]


def _timed(folder: str, *, every: bool) -> tuple[float, FileScan]:
    gc.collect()
    began = time.perf_counter()
    scan = scan_files([folder], TARGET, builtin_rules(), stdin=io.BytesIO(), every=every)
    return time.perf_counter() - began, scan
