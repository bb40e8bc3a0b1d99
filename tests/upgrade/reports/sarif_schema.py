"""The parts of SARIF 2.1.0 (OASIS, errata 01) that are used here, with their required members and closed lists."""

from __future__ import annotations

from typing import Any, Final


def _object(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}


def _list(items: Any, *, unique: bool = False) -> dict[str, Any]:
    return {"type": "array", "items": items, "uniqueItems": unique}


_TEXT: Final = {"type": "string"}
_WORDS: Final = {"type": "string", "minLength": 1}
_BAG: Final = {"type": "object"}
_MESSAGE: Final = _object(["text"], text=_WORDS)
_RULE: Final = _object(
    ["id"],
    id=_WORDS,
    shortDescription=_MESSAGE,
    help=_MESSAGE,
    helpUri={"type": "string", "pattern": "^https://[^ ]+$"},
    properties={"type": "object", "properties": {"tags": _list(_TEXT, unique=True)}},
)
_LOCATION: Final = _object(
    [],
    physicalLocation=_object(
        ["artifactLocation"],
        # A URI reference: what is no URI character is escaped.
        artifactLocation=_object([], uri={"type": "string", "pattern": "^[A-Za-z0-9/._~%-]+$"}),
        region=_object([], startLine={"type": "integer", "minimum": 1}),
    ),
    logicalLocations=_list(_object([], fullyQualifiedName=_TEXT, kind=_TEXT), unique=True),
)
_RESULT: Final = {
    **_object(
        ["message"],
        ruleId=_WORDS,
        ruleIndex={"type": "integer", "minimum": 0},
        kind={"enum": ["notApplicable", "pass", "fail", "review", "open", "informational"]},
        level={"enum": ["none", "note", "warning", "error"]},
        message=_MESSAGE,
        locations=_list(_LOCATION),
        partialFingerprints={"type": "object", "additionalProperties": _TEXT},
        properties=_BAG,
    ),
    # 3.27.10: a result that is no failure has no level.
    "if": {"properties": {"kind": {"const": "fail"}}},
    "else": {"properties": {"level": {"const": "none"}}},
}
SARIF: Final = _object(
    ["version", "runs"],
    **{
        "$schema": _TEXT,
        "version": {"const": "2.1.0"},
        "runs": _list(
            _object(
                ["tool"],
                tool=_object(["driver"], driver=_object(["name"], name=_WORDS, rules=_list(_RULE, unique=True))),
                automationDetails=_object([], id=_TEXT),
                invocations=_list(_object(["executionSuccessful"], executionSuccessful={"type": "boolean"})),
                properties=_BAG,
                results=_list(_RESULT),
            )
        ),
    },
)
