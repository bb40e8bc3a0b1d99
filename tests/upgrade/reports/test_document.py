"""The JSON of a report: published, versioned, enough for every other format, the same on every machine."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.upgrade.reports.made import EVERYTHING, HOSTILE, READY, V35, V36, hostile, report, result
from tests.upgrade.snapshots import healthy_snapshot, insight, pdb
from upgrade.eks import Insights
from upgrade.errors import ReportUnreadable
from upgrade.facts import Unknown
from upgrade.findings import CheckResult, Finding, Report, Severity, Verdict
from upgrade.reports import Format, read, render
from upgrade.reports.document import schema

ROOT = Path(__file__).parents[3]
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def all_formats(found: Report, fail_on: Severity = Severity.BLOCKS) -> dict[Format, str]:
    return {form: render(found, form, fail_on) for form in Format}


@st.composite
def findings(draw: st.DrawFn) -> Finding:
    return Finding(
        code=draw(st.sampled_from(["NET001", "PDB001", "WRK001"])),
        subject=draw(WORDS),
        summary=draw(WORDS),
        remedy=draw(WORDS),
        evidence=draw(st.dictionaries(WORDS, WORDS, max_size=2)),
        severity=draw(st.sampled_from(Severity)),
        stops=draw(st.sampled_from([("all",), ("nodes",), ("add-ons", "nodes")])),
        hop=draw(st.sampled_from([None, V35, V36])),
        unknown=draw(st.booleans()),
        permission=draw(st.none() | WORDS),
        waivable=draw(st.booleans()),
    )


@st.composite
def results(draw: st.DrawFn) -> CheckResult:
    code = draw(st.sampled_from(["NET001", "PDB001", "WRK001"]))
    found = tuple(draw(st.lists(findings(), max_size=4)))
    return result(code, draw(st.sampled_from(Verdict)), *found, hop=draw(st.sampled_from([V35, V36])))


@settings(deadline=None)
@given(st.lists(results(), max_size=5), st.sampled_from([Severity.BLOCKS, Severity.WARNS]))
def test_json_alone_rebuilds_every_format(made: list[CheckResult], fail_on: Severity) -> None:
    found = report(*made)
    again = read(render(found, Format.JSON, fail_on))
    assert all_formats(again, fail_on) == all_formats(found, fail_on)


@settings(deadline=None)
@given(st.lists(results(), max_size=6, unique_by=lambda one: (one.code, one.hop)), st.randoms())
def test_the_order_in_which_a_report_was_put_together_does_not_show(made: list[CheckResult], chance: Random) -> None:
    shuffled = [one.model_copy(update={"findings": _shuffled(one.findings, chance)}) for one in made]
    chance.shuffle(shuffled)
    assert all_formats(report(*shuffled)) == all_formats(report(*made))


def _shuffled(found: tuple[Finding, ...], chance: Random) -> tuple[Finding, ...]:
    return tuple(chance.sample(found, len(found)))


def test_documents_are_as_published() -> None:
    published = json.loads((ROOT / "docs/report.schema.json").read_text("utf-8"))
    assert published == schema()
    for found in (EVERYTHING, READY, hostile(HOSTILE[0])):
        jsonschema.Draft202012Validator(published).validate(json.loads(render(found, Format.JSON)))
    broken = json.loads(render(EVERYTHING, Format.JSON)) | {"target": 136}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(published).validate(broken)


def test_what_scripts_ask_for() -> None:
    told = json.loads(render(EVERYTHING, Format.JSON))
    assert (told["schema_version"], told["readiness"], told["ready"], told["target"]) == (1, "blocked", False, "1.36")
    assert told["findings"] == {"blocks": 3, "warns": 1, "informs": 2, "unknown": 2}
    assert told["verdicts"] == {"passed": 3, "failed": 4, "unknown": 2, "not_applicable": 1}
    assert json.loads(render(EVERYTHING, Format.JSON, Severity.WARNS))["readiness"] == "blocked"


def changed(**values: Any) -> str:
    return json.dumps(json.loads(render(EVERYTHING, Format.JSON)) | values)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "The file is not a report."),
        ("{}", "The file is not a report."),
        ("[1]", "The file is not a report."),
        (b"\xff\xfe", "The file is not a report."),
        (changed(schema_version=2), "schema version 2; this program reads 1"),
        (changed(target="soon"), "damaged at target"),
        (changed(results=[{"code": "X"}]), "damaged at results.0"),
        (changed(more=1), "damaged at more"),
    ],
)
def test_what_is_no_report_is_refused_with_the_reason(text: str | bytes, said: str) -> None:
    with pytest.raises(ReportUnreadable, match=said):
        read(text)


def test_what_is_derived_is_derived_anew() -> None:
    """Whoever edits "ready" in the file has not made the cluster ready."""
    assert not read(changed(ready=True, readiness="ready")).ready


_JUDGE = """
import hashlib, json, sys
from upgrade.checks import run_checks
from upgrade.cluster import ClusterSnapshot
from upgrade.plan import UpgradePolicy
from upgrade.planner import plan_upgrade
from upgrade.reports import Format, render
from upgrade.versions import KubernetesVersion
snapshot = ClusterSnapshot.from_json(sys.stdin.buffer.read())
report = run_checks(snapshot, plan_upgrade(snapshot, KubernetesVersion(1, 36), UpgradePolicy()))
print(json.dumps({form: hashlib.sha256(render(report, form).encode()).hexdigest() for form in Format}))
"""


def test_two_machines_judge_a_snapshot_alike_byte_for_byte() -> None:
    snapshot = healthy_snapshot(
        "1.34",
        insights=Insights(items=tuple(insight(f"Insight {n}", "1.35", "ERROR") for n in range(5))),
        pdbs=tuple(pdb("shop", f"pdb-{n}", disruptions_allowed=0) for n in range(9)),
        subnets=Unknown(reason="AWS refused.", permission="ec2:DescribeSubnets"),
    ).to_json()
    told = []
    for seed, zone, language in (("1", "Pacific/Kiritimati", "C"), ("4242", "America/Los_Angeles", "de_DE.UTF-8")):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": language, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", _JUDGE], input=snapshot.encode(), env=environment, capture_output=True, check=True
        )
        told.append(json.loads(done.stdout))
    assert told[0] == told[1]
    assert len(set(told[0].values())) == len(Format)
    assert hashlib.sha256(b"").hexdigest() not in told[0].values()


def test_a_time_without_a_zone_is_not_the_machines_own() -> None:
    naive = EVERYTHING.model_copy(update={"taken_at": EVERYTHING.taken_at.replace(tzinfo=None)})
    assert "seen 2026-11-20 09:30 UTC" in render(naive, Format.TEXT)
