"""Helm releases as Secrets hold them: gzip of JSON in base64, twice."""

from __future__ import annotations

import base64
import gzip
import json
import random
from typing import Any

from benchmarks.recorded_objects import CREATED, App, encoded, uid_of, workload

_MANIFESTS = 6


def release(app: App) -> tuple[dict[str, Any], dict[str, Any]]:
    """The metadata of the Secret that holds a revision, and the Secret: the chart with its templates and all."""
    parts = [workload(App("Deployment", app.namespace, f"{app.name}-{n}", n)) for n in range(_MANIFESTS)]
    manifest = "---\n".join(
        f"# Source: app/{n}.yaml\n{_yaml({'apiVersion': 'apps/v1', 'kind': 'Deployment', **part})}"
        for n, part in enumerate(parts)
    )
    noise = base64.b64encode(random.Random(app.number).randbytes(30_000)).decode()
    content = {
        "name": app.name,
        "info": {"status": "deployed", "last_deployed": CREATED},
        "chart": {"templates": [{"name": "templates/all.yaml", "data": noise}]},
        "manifest": manifest,
        "hooks": [],
        "version": 7,
    }
    stored = base64.b64encode(base64.b64encode(gzip.compress(encoded(content), 6))).decode()
    name = f"sh.helm.release.v1.{app.name}.v7"
    labels = {"name": app.name, "owner": "helm", "status": "deployed", "version": "7"}
    meta = {
        "name": name,
        "namespace": app.namespace,
        "uid": uid_of(name),
        "labels": labels,
        "creationTimestamp": CREATED,
    }
    return {"metadata": meta}, {"metadata": meta, "type": "helm.sh/release.v1", "data": {"release": stored}}


def _yaml(value: dict[str, Any], indent: int = 0) -> str:
    """As Helm renders it: block style."""
    pad = "  " * indent
    lines = []
    for key, inner in value.items():
        if isinstance(inner, dict) and inner:
            lines.append(f"{pad}{key}:\n{_yaml(inner, indent + 1)}")
        elif isinstance(inner, list) and inner and isinstance(inner[0], dict):
            lines.append(f"{pad}{key}:\n" + "".join(_item(one, indent + 1) for one in inner))
        else:
            lines.append(f"{pad}{key}: {json.dumps(inner)}\n")
    return "".join(lines)


def _item(value: Any[str, Any], indent: int) -> str:
    text = _yaml(value, indent + 1)
    return f"{'  ' * indent}- {text.lstrip()}"
