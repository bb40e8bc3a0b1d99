"""What a scan of files found, as text, JSON, SARIF and Markdown."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import PurePath
from typing import Any, Final
from urllib.parse import quote

from upgrade.removals.conversion import how_to_convert
from upgrade.removals.files import FileFinding, FileScan, NamedInVain
from upgrade.removals.naming import remedy
from upgrade.removals.rules import Rules, Standing
from upgrade.reports.words import clean
from upgrade.words import count

#: Grows when a member goes or changes its meaning; new members may come at any time.
JSON_SCHEMA_VERSION: Final = 1
_SARIF_SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_GUIDE: Final = "https://kubernetes.io/docs/reference/using-api/deprecation-guide/"
_SARIF_RULES: Final = {
    Standing.REMOVED: ("api-removed", "error", "The target still serves every API that the manifests name"),
    Standing.DEPRECATED: ("api-deprecated", "warning", "No API that the manifests name is deprecated"),
}
_SARIF_NAMED: Final = ("api-named", "note", "Webhooks and roles name resources that the target serves")


def as_text(scan: FileScan, rules: Rules) -> str:
    lines: list[str] = []
    for found in _by_api(scan):
        first = found[0]
        lines.append(f"{_headline(first)}: {clean(first.rule.api)}")
        lines.append(f"  {clean(how_to_convert(rules, first.rule, scan.target))}")
        lines += (f"  {_place(one)}{_doubt(one)}" for one in found)
        lines.append("")
    if scan.named:
        lines.append(f"rules that name what {scan.target} does not serve (nothing breaks)")
        lines += [*(f"  {_in_vain(one)}" for one in scan.named), ""]
    lines += (f"not read for certain: {clean(one.path)}:{one.line}: {clean(one.reason)}" for one in scan.unread)
    if scan.unread:
        lines.append("")
    return "\n".join([*lines, *_summary(scan)]) + "\n"


def as_markdown(scan: FileScan, rules: Rules) -> str:
    lines = [f"## APIs that Kubernetes {scan.target} removes or deprecates", ""]
    for found in _by_api(scan):
        first = found[0]
        lines += [f"### {_headline(first)}: {_code(first.rule.api)}", ""]
        lines += [_code(how_to_convert(rules, first.rule, scan.target)), ""]
        lines += (f"- {_code(_place(one) + _doubt(one))}" for one in found)
        lines.append("")
    if scan.named:
        lines += [f"### Rules that name what {scan.target} does not serve (nothing breaks)", ""]
        lines += (f"- {_code(_in_vain(one))}" for one in scan.named)
        lines.append("")
    if scan.unread:
        lines += ["### Not read for certain", ""]
        lines += (f"- {_code(f'{one.path}:{one.line}')}: {_code(one.reason)}" for one in scan.unread)
        lines.append("")
    return "\n".join([*lines, *(_code(line) + "  " for line in _summary(scan))]) + "\n"


def as_json(scan: FileScan, rules: Rules) -> str:
    told = {
        "schema_version": JSON_SCHEMA_VERSION,
        "target": str(scan.target),
        "summary": {
            "files": scan.files,
            "removed": len(scan.certain(Standing.REMOVED)),
            "deprecated": len(scan.certain(Standing.DEPRECATED)),
            "conditional": len(scan.conditional),
            "named": len(scan.named),
            "unread": len(scan.unread),
            "templates": scan.templates,
            "prose": scan.prose,
            "other_files": scan.other_files,
        },
        "findings": [_as_value(one, scan, rules) for one in scan.findings],
        "named": [_named_value(one) for one in scan.named],
        "unread": [{"path": one.path, "line": one.line, "reason": one.reason} for one in scan.unread],
        "passed_over": scan.passed_over,
    }
    # A path that is no Unicode holds surrogates, which have no place in UTF-8; escaped they are JSON.
    return json.dumps(told, indent=2) + "\n"


def as_sarif(scan: FileScan, rules: Rules) -> str:
    notifications = [
        {"level": "warning", "message": {"text": clean(one.reason)}, "locations": [_location(one.path, one.line)]}
        for one in scan.unread
    ]
    run = {
        "tool": {
            "driver": {
                "name": "eks-upgrade-bot",
                "rules": [
                    {"id": name, "shortDescription": {"text": title}, "helpUri": _GUIDE}
                    for name, _, title in (*_SARIF_RULES.values(), _SARIF_NAMED)
                ],
            }
        },
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": notifications}],
        "results": [
            *(_sarif_result(one, scan, rules) for one in scan.findings),
            *(_sarif_named(one, scan) for one in scan.named),
        ],
    }
    return json.dumps({"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


FORMATS: Final[dict[str, Callable[[FileScan, Rules], str]]] = {
    "text": as_text,
    "json": as_json,
    "sarif": as_sarif,
    "markdown": as_markdown,
}


def _by_api(scan: FileScan) -> Iterator[list[FileFinding]]:
    """The findings of each API, what is removed first."""

    def key(one: FileFinding) -> tuple[bool, str]:
        return one.standing is not Standing.REMOVED, one.rule.api

    for _, found in groupby(sorted(scan.findings, key=key), key=key):
        yield list(found)


def _headline(one: FileFinding) -> str:
    rule = one.rule
    if rule.ended:
        return f"deprecated ({clean(rule.ended)})"
    if one.standing is Standing.REMOVED:
        return f"REMOVED in {rule.removed_in}"
    return f"deprecated since {rule.deprecated_in}" + (f", removed in {rule.removed_in}" if rule.removed_in else "")


def _place(one: FileFinding) -> str:
    use = one.use
    kind = "" if one.rule.kind else f"{use.kind} "
    name = "/".join(filter(None, (use.namespace, use.name))) or "(no name)"
    return clean(f"{one.path}:{use.line}  {kind}{name}")


def _doubt(one: FileFinding) -> str:
    if one.conditional:
        return f" (a template may choose {clean(', '.join(one.use.alternatives))} instead)"
    return " (read line by line)" if one.use.seen == "text" else ""


def _in_vain(one: NamedInVain) -> str:
    return clean(f"{one.path}:{one.line}  {one.lost.api} in {one.subject}. {remedy(one.lost)}")


def _summary(scan: FileScan) -> Iterator[str]:
    removed, deprecated = len(scan.certain(Standing.REMOVED)), len(scan.certain(Standing.DEPRECATED))
    yield f"Kubernetes {scan.target}, {count(scan.files, 'file')}: {removed} removed, {deprecated} deprecated."
    if scan.conditional:
        yield f"{len(scan.conditional)} that a template decides: render it, and scan what comes out (… | scan -)."
    if scan.unread:
        yield f"{len(scan.unread)} not read for certain: see above."
    if scan.templates:
        yield f"{count(scan.templates, 'template')} that nobody rendered, read line by line."
    if scan.prose:
        yield f"{count(scan.prose, 'document')} of plain text: no manifests."
    if scan.passed_over:
        shown = ", ".join(clean(path) for path in scan.passed_over[:5])
        more = f" and {len(scan.passed_over) - 5} more" if len(scan.passed_over) > 5 else ""
        yield f"Directories not looked into: {shown}{more}."
    if scan.other_files:
        yield f"{count(scan.other_files, 'other file')} not looked at: no manifest by the name."


def _as_value(one: FileFinding, scan: FileScan, rules: Rules) -> dict[str, Any]:
    rule, use = one.rule, one.use
    return {
        "path": one.path,
        "line": use.line,
        "status": one.standing.value,
        "conditional": one.conditional,
        "alternatives": list(use.alternatives),
        "seen": use.seen,
        "group_version": use.group_version,
        "kind": use.kind,
        "namespace": use.namespace,
        "name": use.name,
        "deprecated_in": str(rule.deprecated_in) if rule.deprecated_in else None,
        "removed_in": str(rule.removed_in) if rule.removed_in else None,
        "component": rule.component or None,
        "replacement": rules.replacement_at(rule, scan.target) or None,
        "remedy": how_to_convert(rules, rule, scan.target, one.path),
    }


def _named_value(one: NamedInVain) -> dict[str, Any]:
    lost = one.lost
    told = {"api": lost.api, "replacement": lost.successor or None, "remedy": remedy(lost)}
    return {"path": one.path, "line": one.line, "subject": one.subject, **told}


def _sarif_named(one: NamedInVain, scan: FileScan) -> dict[str, Any]:
    name, level, _ = _SARIF_NAMED
    told = f"{scan.target} does not serve {one.lost.api}, named by {one.subject}. {remedy(one.lost)}"
    return {
        "ruleId": name,
        "ruleIndex": len(_SARIF_RULES),
        "level": level,
        "message": {"text": clean(told)},
        "locations": [_location(one.path, one.line)],
    }


def _sarif_result(one: FileFinding, scan: FileScan, rules: Rules) -> dict[str, Any]:
    name, level, _ = _SARIF_RULES[one.standing]
    use = one.use
    where = "/".join(filter(None, (use.namespace, use.kind, use.name)))
    told = f"{_headline(one)}: {one.rule.api}{_doubt(one)}. {how_to_convert(rules, one.rule, scan.target, one.path)}"
    return {
        "ruleId": name,
        "ruleIndex": [rule for rule, _, _ in _SARIF_RULES.values()].index(name),
        "level": "note" if one.conditional else level,
        "message": {"text": clean(told)},
        "locations": [
            _location(one.path, use.line) | {"logicalLocations": [{"name": clean(where), "kind": "resource"}]}
        ],
    }


def _location(path: str, line: int) -> dict[str, Any]:
    name = PurePath(path)
    uri = name.as_uri() if name.is_absolute() else quote(name.as_posix(), errors="surrogateescape")
    return {"physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": line}}}


def _code(value: str) -> str:
    """Text as code: nothing in it is markup, a mention or a link."""
    return f"`{clean(value).replace('`', chr(39))}`"
