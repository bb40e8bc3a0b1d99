from __future__ import annotations

import io
import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.config import LogSettings, Settings
from bot.health import Health, ailments, health_file
from bot.logs import Repeats, hide, set_up_logs
from bot.scheduler import Scheduler
from tests.handlers import samples
from tests.patience import wait_for
from upgrade.engine.clock import parse_clock
from upgrade.events import EventKind, UpgradeEvent
from upgrade.run import RunStatus
from upgrade.store.sqlite import SqliteStore

SECRETS = [
    "xoxb-123456789012-abcdefABCDEF",
    "xapp-1-A0123-456-deadbeef",
    "AKIAIOSFODNN7EXAMPLE",
    "ASIAIOSFODNN7EXAMPLE",
    "k8s-aws-v1.aHR0cHM6Ly9zdHMuZXUtY2VudHJhbC0x",
]


@pytest.fixture
def logs() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(False)


@pytest.mark.parametrize("secret", SECRETS)
def test_nothing_that_looks_like_a_secret_is_printed(secret: str) -> None:
    assert secret not in hide(f"failed with {secret}, see above")
    assert hide("a plain line about xoxo and tokens") == "a plain line about xoxo and tokens"


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_line_has_the_facts_and_no_secret(form: str, logs: None) -> None:
    stream = io.StringIO()
    set_up_logs(LogSettings.model_validate({"format": form}), ["s3cr3t-signing"], stream)
    error = ValueError(f"token=abc {SECRETS[0]} s3cr3t-signing\nsecond line")
    logging.getLogger("bot.test").error("it \x1b[31mbroke", exc_info=error, extra={"run": "r-1"})
    (line,) = stream.getvalue().splitlines()
    assert "s3cr3t-signing" not in line
    assert SECRETS[0] not in line
    assert "token=abc" not in line
    assert "\x1b" not in line
    if form == "json":
        content = json.loads(line)
        assert (content["level"], content["run"]) == ("error", "r-1")
        assert "ValueError" in content["error"]
    else:
        assert "level=error" in line
        assert "run=r-1" in line


def test_libraries_speak_up_from_warning_on(logs: None) -> None:
    stream = io.StringIO()
    set_up_logs(LogSettings(level="debug"), stream=stream)
    logging.getLogger("slack_sdk.web").debug("headers with a token")
    logging.getLogger("bot.x").debug("ours")
    assert "headers" not in stream.getvalue()
    assert "ours" in stream.getvalue()


def test_a_library_that_repeats_itself_is_heard_once_a_minute_with_a_count() -> None:
    now = [0.0]
    repeats = Repeats(lambda: now[0])

    def said(message: str, name: str = "slack_bolt") -> logging.LogRecord | None:
        record = logging.LogRecord(name, logging.ERROR, __file__, 1, message, None, None)
        return record if repeats.filter(record) else None

    lost = "Failed to connect (session id: 5d41402a-bc4b-4a76-b971-9d911017c592, attempt: {})"
    assert said(lost.format(1))
    for second in range(1, 60):
        now[0] = float(second)
        assert said(lost.format(second)) is None
    assert said("something else")
    assert said("ours", "bot.x")
    assert said("ours", "bot.x")
    now[0] = 60.0
    again = said(lost.format(60).replace("5d41", "aaaa"))
    assert again is not None
    assert vars(again)["repeated"] == 59
    assert said(lost.format(61)) is None
    now[0] = 10_000.0
    fresh = said(lost.format(0))
    assert fresh is not None
    assert vars(fresh)["repeated"] == 1


def test_repeats_are_held_back_by_the_log_itself(logs: None) -> None:
    stream = io.StringIO()
    set_up_logs(LogSettings(), stream=stream)
    for attempt in range(5):
        logging.getLogger("slack_sdk.socket_mode").error("Failed to check the session, attempt %s", attempt)
        logging.getLogger("bot.x").info("the same")
    assert stream.getvalue().count("Failed to check") == 1
    assert stream.getvalue().count("the same") == 5


def test_in_a_scaled_clock_a_line_has_both_times(logs: None) -> None:
    stream = io.StringIO()
    set_up_logs(LogSettings(format="json"), [], stream, parse_clock(f"scaled:{1_800_000_000}:{time.time()}:1"))
    logging.getLogger("bot.x").info("ours")
    content = json.loads(stream.getvalue())
    assert content["at"] < "2027-01-15" or content["at"] > "2027-01-16"
    assert content["domain_time"].startswith("2027-01-15T08:")
    stream.truncate(0)
    set_up_logs(LogSettings(format="json"), [], stream, parse_clock("system"))
    logging.getLogger("bot.x").info("ours")
    assert "domain_time" not in stream.getvalue()


def test_each_event_that_is_saved_is_a_line_and_what_people_wrote_is_not_in_it(logs: None, tmp_path: Path) -> None:
    stream = io.StringIO()
    set_up_logs(LogSettings(format="json"), stream=stream)
    store = SqliteStore(tmp_path / "bot.db")
    run = samples.run(RunStatus.AWAITING_APPROVAL).model_copy(update={"version": 1, "last_seq": 1})
    about: dict[str, Any] = {"run_id": run.id, "at": run.created_at}
    store.create(run, [UpgradeEvent(seq=1, kind=EventKind.RUN_REQUESTED, actor="U0ANA", **about)])
    second = UpgradeEvent(seq=2, kind=EventKind.STEP_STARTED, step_id="addon/vpc-cni@v1", **about)
    words = {"reason": "my private words"}
    third = UpgradeEvent(seq=3, kind=EventKind.RUN_REJECTED, actor="cli:x\nlevel=error", data=words, **about)
    store.save(run.model_copy(update={"last_seq": 3}), [second, third])
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(line["seq"], line["msg"], line["run"], line["cluster"]) for line in lines] == [
        (1, "run-requested", run.id, str(run.cluster)),
        (2, "step-started", run.id, str(run.cluster)),
        (3, "run-rejected", run.id, str(run.cluster)),
    ]
    assert [(line.get("by"), line.get("step")) for line in lines] == [
        ("U0ANA", None),
        (None, "addon/vpc-cni@v1"),
        ("cli:x\nlevel=error", None),
    ]
    assert "private" not in stream.getvalue()
    store.close()


def test_health_is_told_by_the_file_that_the_bot_renews(tmp_path: Path) -> None:
    path = tmp_path / "bot.health"
    assert ailments(path) == ["The bot is not running: it left no health file."]
    well = {"slack": True, "engine": True}
    health = Health(path, {name: lambda name=name: well[name] for name in well})  # type: ignore[misc]
    health.write()
    assert ailments(path) == []
    well["engine"] = False
    health.write()
    assert ailments(path) == ["engine is not well"]
    well["engine"] = True
    health.write()
    at = json.loads(path.read_text())["at"]
    assert ailments(path, now=at + 31) == ["The bot has given no sign for 31 seconds."]
    path.write_text("{")
    assert ailments(path) == [f"The health file {path} cannot be read."]
    health.remove()
    assert not path.exists()


def test_the_health_file_is_beside_the_database(tmp_path: Path) -> None:
    assert health_file(Settings(database=tmp_path / "bot.db")) == tmp_path / "bot.db.health"


def test_one_tick_that_fails_keeps_no_other_from_its_own() -> None:
    ticks: list[int] = []

    def broken() -> None:
        raise RuntimeError

    scheduler = Scheduler([broken, lambda: ticks.append(1)], seconds=0.05)
    scheduler.start()
    wait_for(lambda: len(ticks) >= 3)
    scheduler.stop()


def test_a_restart_is_not_asked_for_while_only_slack_is_away(tmp_path: Path) -> None:
    path = tmp_path / "health"
    Health(path, {"slack": lambda: False, "engine": lambda: True}).write()
    assert ailments(path) == ["slack is not well"]
    assert ailments(path, but_for=("slack",)) == []
