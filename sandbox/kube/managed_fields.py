"""Who wrote an object with which API version and when: `metadata.managedFields`, without the fields themselves."""

from __future__ import annotations

from datetime import datetime

from sandbox.kube import patching
from sandbox.kube.requests import Asked
from sandbox.world.objects import Json, timestamp


def noted(fields: list[Json], asked: Asked, api_version: str, now: datetime) -> list[Json]:
    """The entries after a write. What a manager writes again moves with it to the version that it uses now."""
    entry: Json = {
        "manager": asked.query.get("fieldManager") or asked.user_agent.partition("/")[0] or "unknown",
        "operation": "Apply" if asked.content_type.split(";")[0].strip() == patching.APPLY_PATCH else "Update",
        "apiVersion": api_version,
        "time": timestamp(now),
        "fieldsType": "FieldsV1",
        "fieldsV1": {},
        **({"subresource": asked.subresource} if asked.subresource else {}),
    }
    return [*(one for one in fields if _writer(one) != _writer(entry)), entry]


def _writer(entry: Json) -> tuple[str, ...]:
    return entry.get("manager", ""), entry.get("operation", ""), entry.get("subresource", "")
