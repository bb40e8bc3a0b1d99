"""Every format opened and read by what would read it, with texts that would like to be more than text."""

from __future__ import annotations

import base64
import csv
import io
import json
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest

from tests.upgrade.runs import ADDON, CONTROL_PLANE, NOW, following, make_plan, make_run
from upgrade.events import EventKind, UpgradeEvent
from upgrade.plan import Waiver
from upgrade.records import Form, Record, render
from upgrade.records.record import aws_calls, digests
from upgrade.records.table import COLUMNS, PLANNED, cell
from upgrade.reports.escaping import let_in
from upgrade.run import BrokenGlass, RunStatus, UpgradeRun

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "]]>&lt;b&gt;",
    "=HYPERLINK('http://evil')",
    "+1",
    "-2+3",
    "@SUM(A1)",
    "＝1+1",  # noqa: RUF001
    "|a|b|\n# head",
    "[x](javascript:alert(1)) @everyone #1 $x^2$",
    "\u202eright to left\x1b[31m\x00",
    "a" * 5000,
)


def event(kind: EventKind, seq: int, *, actor: str | None = None, step: str | None = None, **data: Any) -> UpgradeEvent:
    at = NOW + timedelta(minutes=seq)
    return UpgradeEvent(run_id="run-1", seq=seq, at=at, kind=kind, actor=actor, step_id=step, data=data)


def whole() -> tuple[UpgradeEvent, ...]:
    plane = CONTROL_PLANE.id
    return (
        event(EventKind.RUN_REQUESTED, 1, actor="U-ASKS", target="1.35"),
        event(EventKind.PLAN_READY, 2, digest="ab" * 32),
        event(EventKind.APPROVAL_GIVEN, 3, actor="U-APPROVES", gate="plan", digest="ab" * 32, given=1, needed=1),
        event(EventKind.STEP_STARTED, 4, step=plane, attempt=1),
        event(EventKind.STEP_FAILED, 5, step=plane, code="InvalidParameterException", request_id="req-1"),
        event(EventKind.RETRY_REQUESTED, 6, actor="U-OPS", step=plane, attempt=2),
        event(EventKind.UPDATE_STARTED, 7, step=plane, update_id="u-1", request_id="req-2"),
        event(EventKind.STEP_FAILED, 8, step=plane, code="Ec2LaunchFailure"),  # the update failed, not a call
        event(EventKind.UPDATE_ADOPTED, 9, step=ADDON.id, update_id="u-2"),
    )


def record(run: UpgradeRun | None = None, events: tuple[UpgradeEvent, ...] = (), **more: Any) -> Record:
    run = run or make_run(RunStatus.RUNNING, steps={CONTROL_PLANE.id: following()})
    return Record(run=run, events=events or whole(), standing="Running.", **more)


def hostile(text: str) -> Record:
    """The text wherever somebody else's text can be."""
    run = make_run(
        RunStatus.PAUSED,
        plan=make_plan(),
        requester=text,
        waivers=(Waiver(code="POD001", subject=text, by=text, reason=text),),
        glass=(BrokenGlass(gate="plan", digest="ab", by=text, reason=text, at=NOW, until=NOW),),
        pause_reasons=(text,),
    )
    events = (
        event(EventKind.NOTE_ADDED, 1, actor=text, text=text),
        event(EventKind.UPDATE_STARTED, 2, step=text, update_id=text, request_id=text),
    )
    return Record(run=run, events=events, standing=text, picture=b"\x89PNG", picture_alt=text)


class Reader(HTMLParser):
    """What a browser would find in a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def value(self, name: str) -> str:
        return next(value or "" for key, value in self.attributes if key == name)


def test_calls_have_their_request_ids_and_a_lost_answer_has_none() -> None:
    assert [
        (one.action, one.step_id, one.attempt, one.outcome, one.update_id, one.request_id) for one in aws_calls(whole())
    ] == [
        ("eks:UpdateClusterVersion", CONTROL_PLANE.id, 1, "refused: InvalidParameterException", "", "req-1"),
        ("eks:UpdateClusterVersion", CONTROL_PLANE.id, 2, "accepted", "u-1", "req-2"),
        ("eks:UpdateAddon", ADDON.id, 1, "found", "u-2", ""),
    ]


def test_a_hop_that_was_refused_because_groups_lag_is_a_call_too() -> None:
    events = (event(EventKind.BRANCH_TAKEN, 1, step=CONTROL_PLANE.id, step_ids=[], request_id="req-9"),)
    assert [(one.outcome, one.request_id) for one in aws_calls(events)] == [("refused: NodegroupsMustMatch", "req-9")]


def test_every_plan_that_the_run_had_is_named_by_its_digest() -> None:
    events = (*whole(), event(EventKind.PLAN_CHANGED, 10, old="ab" * 32, new="cd" * 32, added=[], dropped=[]))
    assert [one.digest for one in digests(events)] == ["ab" * 32, "cd" * 32]


def test_json_holds_all_of_it() -> None:
    found = json.loads(render(record(), Form.JSON))
    assert [one["seq"] for one in found["events"]] == list(range(1, 10))
    assert [one["request_id"] for one in found["aws_calls"]] == ["req-1", "req-2", ""]
    assert found["plan"]["digest"] == make_plan().digest
    assert [one["by"] for one in found["approvals"]] == ["U-APPROVES"]
    assert {"waivers", "break_glass", "ticks", "gates_passed", "decisions", "phases"} <= found.keys()
    assert found["status_line"] == "Running."


def test_csv_has_a_row_for_each_step_of_the_plan_and_for_each_event() -> None:
    rows = list(csv.DictReader(io.StringIO(render(record(), Form.CSV))))
    assert tuple(rows[0]) == COLUMNS
    steps, rows = [row for row in rows if row["kind"] == PLANNED], [row for row in rows if row["kind"] != PLANNED]
    assert [row["step_id"] for row in steps] == [step.id for _, step in make_plan().steps()]
    plane = json.loads(next(row["data"] for row in steps if row["step_id"] == CONTROL_PLANE.id))
    assert (plane["pinned"]["version"], plane["digest"]) == (str(CONTROL_PLANE.version), make_plan().digest)
    assert [row["seq"] for row in rows] == [str(seq) for seq in range(1, 10)]
    assert (rows[6]["request_id"], rows[6]["update_id"]) == ("req-2", "u-1")
    assert json.loads(rows[0]["data"]) == {"target": "1.35"}
    assert PLANNED not in list(EventKind)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_cell_of_the_csv_is_a_formula(text: str) -> None:
    rows = list(csv.reader(io.StringIO(render(hostile(text), Form.CSV))))
    assert len(rows) == 3 + len(list(make_plan().steps()))
    assert all(len(row) == len(COLUMNS) for row in rows)
    assert not any(one.startswith(("=", "+", "-", "@", "＝", "\t", "\r")) for row in rows for one in row)  # noqa: RUF001


def test_a_cell_keeps_its_words() -> None:
    assert (cell("=1+1"), cell(" =1"), cell("a=1"), cell(""), cell(7)) == ("'=1+1", "'=1", "a=1", "", "7")


@pytest.mark.parametrize("text", HOSTILE)
def test_json_gives_every_text_back(text: str) -> None:
    found = render(hostile(text), Form.JSON)
    assert json.loads(found)["events"][0]["data"] == {"text": text}
    assert found.isascii()


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_in_the_page_comes_alive(text: str) -> None:
    page = render(hostile(text), Form.HTML)
    found = Reader(page)
    assert "script" not in found.tags
    assert found.tags.count("img") == 1
    assert not any(name.startswith("on") for name, _ in found.attributes)
    assert {name for name, _ in found.attributes} & {"href", "action"} == set()
    assert found.tags == Reader(render(hostile("plain"), Form.HTML)).tags
    assert "\x1b" not in page
    assert "\u202e" not in page


def test_the_page_holds_its_picture_and_lets_nothing_else_in() -> None:
    page = render(record(picture=b"\x89PNG\r\n", picture_alt="A timeline."), Form.HTML)
    found = Reader(page)
    kind, _, content = found.value("src").partition(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(content) == b"\x89PNG\r\n"
    assert found.value("alt") == "A timeline."
    style = page.partition("<style>")[2].partition("</style>")[0]
    assert f"default-src 'none'; style-src '{let_in(style)}'; img-src data:;" in page
    text = " ".join(found.text)
    for told in ("req-2", "u-2", "eks:UpdateClusterVersion", make_plan().digest, "U-APPROVES", "approval-given"):
        assert told in text


def test_markdown_tells_it_in_tables() -> None:
    text = render(record(picture_alt="A timeline."), Form.MARKDOWN)
    assert text.splitlines()[2] == "A timeline."
    tables = [line for line in text.splitlines() if line.startswith("## ")]
    assert tables == [
        "## The run",
        "## Plan",
        "## Digests",
        "## Decisions",
        "## Waivers",
        "## Break-glass",
        "## Phases",
        "## Calls of AWS",
        "## Events",
    ]
    assert "| U-APPROVES | approved (1 of 1) | plan |" in text
    assert "Nothing was waived." in text
    assert "| req-2 |" in text


def test_an_acknowledgement_says_what_of() -> None:
    seen = event(EventKind.CALL_ACKNOWLEDGED, 10, actor="U-CALLED", call="failed:8")
    text = render(record(events=(*whole(), seen)), Form.HTML)
    assert f"<bdi>acknowledged</bdi></td><td><bdi>{CONTROL_PLANE.id} failed: Ec2LaunchFailure</bdi>" in text


def test_how_long_people_were_waited_for_stands_apart() -> None:
    phase = {"phase": "control-plane@1.35", "title": "Control plane to 1.35"}
    events = (
        event(EventKind.PHASE_STARTED, 1, **phase),
        event(EventKind.STEP_STARTED, 2, step=CONTROL_PLANE.id, attempt=1),
        event(EventKind.STEP_FAILED, 5, step=CONTROL_PLANE.id, code="Ec2LaunchFailure"),
        event(EventKind.RUN_PAUSED, 5),
        event(EventKind.RETRY_REQUESTED, 45, actor="U-OPS", step=CONTROL_PLANE.id, attempt=2),
        event(EventKind.STEP_STARTED, 45, step=CONTROL_PLANE.id, attempt=2),
        event(EventKind.STEP_FINISHED, 60, step=CONTROL_PLANE.id),
        event(EventKind.PHASE_FINISHED, 60, **phase),
    )
    text = render(record(events=events), Form.MARKDOWN)
    assert "| Took | Of that, people were waited for | Attempts |" in text
    assert "| 59 min | 40 min | 2 |" in text


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_is_markup_in_markdown(text: str) -> None:
    found = render(hostile(text), Form.MARKDOWN)
    plain = render(hostile("plain"), Form.MARKDOWN)
    shape = [line.replace("\\|", "").count("|") for line in found.splitlines()]
    assert shape == [line.replace("\\|", "").count("|") for line in plain.splitlines()]
    assert "<script" not in found
    assert "<img" not in found
    assert "](java" not in found.replace("\\]", "")
    assert "@everyone" not in found


def test_a_run_that_never_had_a_plan_can_be_exported(form: Form) -> None:
    assert render(record(make_run(), (event(EventKind.RUN_REQUESTED, 1, actor="U-ASKS"),)), form).endswith("\n")


@pytest.fixture(params=list(Form))
def form(request: pytest.FixtureRequest) -> Form:
    found: Form = request.param
    return found
