"""Symptoms that look alarming during an upgrade and are known to be harmless (E-33): shown, never a reason to pause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import yaml

from upgrade.rows import PodRow
from upgrade.versions import KubernetesVersion


@dataclass(frozen=True)
class HarmlessSymptom:
    """``workload`` as ``kind/namespace/name``; harmless while the control plane is ``below`` that version."""

    rule: str
    workload: str
    waiting: tuple[str, ...]
    below: KubernetesVersion
    text: str


@cache
def harmless_symptoms() -> tuple[HarmlessSymptom, ...]:
    text = resources.files("upgrade").joinpath("data/harmless_symptoms.yaml").read_text("utf-8")
    return tuple(
        HarmlessSymptom(
            rule=entry["rule"],
            workload=entry["workload"],
            waiting=tuple(entry["waiting"]),
            below=KubernetesVersion.parse(entry["below"]),
            text=entry["text"],
        )
        for entry in yaml.safe_load(text)
    )


def harmless(workload: str, pods: Sequence[PodRow], version: KubernetesVersion) -> HarmlessSymptom | None:
    """The known symptom that explains why ``workload`` is not ready, if one does."""
    kind, namespace, name = workload.split("/")
    waiting = {
        reason
        for pod in pods
        if pod.namespace == namespace and any(owner.kind == kind and owner.name == name for owner in pod.owners)
        for reason in pod.waiting
    }
    for symptom in harmless_symptoms():
        if symptom.workload == workload and version < symptom.below and waiting and waiting <= set(symptom.waiting):
            return symptom
    return None
