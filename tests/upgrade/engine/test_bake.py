"""A version is watched as long as the plan says, whatever else goes on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.upgrade.fakes import ManualClock, small_cluster
from tests.upgrade.story import POLICY, Story
from upgrade.engine.course import abort_preview
from upgrade.events import EventKind
from upgrade.plan import UpgradePolicy
from upgrade.run import RunStatus, StepStatus, UpgradeRun

DAY = timedelta(hours=24)


def story(folder: Path, **rests: object) -> Story:
    clock = ManualClock()  # 2026-11-03, a Tuesday, 09:00 UTC
    policy = UpgradePolicy.model_validate({**POLICY.model_dump(), **rests})
    return Story(folder, clock, small_cluster(clock), policy=policy)


def ended_at(run: UpgradeRun, step_id: str) -> datetime:
    at = run.step(step_id).finished_at
    assert at is not None
    return at


def began_at(tale: Story, step_id: str) -> datetime:
    return next(one.at for one in tale.of(EventKind.STEP_STARTED) if one.step_id == step_id)


def test_nodes_follow_only_when_the_control_plane_was_watched_and_nobody_is_told_that_it_is_slow(
    tmp_path: Path,
) -> None:
    tale = story(tmp_path, bake_before_nodes=DAY)
    tale.to_running("1.35")
    run = tale.go_on(lambda run: run.step("bake-before-nodes@1.35").status is StepStatus.FOLLOWING)
    over = ended_at(run, "verify@1.35") + DAY
    progress = run.step("bake-before-nodes@1.35").progress
    assert progress == f"Watching 1.35 until {over:%Y-%m-%d %H:%M} UTC."
    run = tale.until(RunStatus.SUCCEEDED)
    assert ended_at(run, "bake-before-nodes@1.35") == over
    assert began_at(tale, "nodegroup/core@1.35") >= over
    assert tale.of(EventKind.STEP_SLOW) == []


def test_after_a_bake_the_cluster_is_looked_at_again(tmp_path: Path) -> None:
    tale = story(tmp_path, bake_before_nodes=DAY)
    tale.to_running("1.35")
    run = tale.until(RunStatus.SUCCEEDED)
    looks = [one.at for one in tale.of(EventKind.CHECKS_FINISHED) if one.data.get("phase") == "nodes@1.35"]
    assert looks
    assert min(looks) >= ended_at(run, "bake-before-nodes@1.35")


def test_a_closed_window_a_pause_and_a_restart_do_not_stop_the_clock(tmp_path: Path) -> None:
    tale = story(tmp_path, bake_before_nodes=DAY, windows=("daily 09:00-12:00",))
    tale.to_running("1.35")
    run = tale.go_on(lambda run: run.step("bake-before-nodes@1.35").status is StepStatus.FOLLOWING)
    over = ended_at(run, "verify@1.35") + DAY
    tale.ask("pause")
    tale.once()
    tale.restart()
    tale.clock.time = over
    tale.ask("resume")
    run = tale.go_on(lambda run: run.step("bake-before-nodes@1.35").status is StepStatus.DONE)
    assert ended_at(run, "bake-before-nodes@1.35") == over
    tale.until(RunStatus.SUCCEEDED)


@pytest.mark.parametrize(
    ("windows", "second_hop"),
    [
        (("daily 09:00-12:00",), datetime(2026, 11, 4, 9, 0, tzinfo=UTC)),
        # The add-ons of the first hop go on in the second window: the next hop is in the third.
        (("tue 09:00-09:05", "wed,thu 09:00-12:00"), datetime(2026, 11, 5, 9, 0, tzinfo=UTC)),
    ],
)
def test_the_next_hop_waits_for_a_window_after_the_one_in_which_the_last_was_verified(
    tmp_path: Path, windows: tuple[str, ...], second_hop: datetime
) -> None:
    tale = story(tmp_path, one_hop_a_window=True, windows=windows)
    tale.to_running("1.36")
    tale.until(RunStatus.SUCCEEDED, within=timedelta(days=21))
    assert began_at(tale, "control-plane@1.36") == second_hop


def test_an_approval_that_lapses_in_a_bake_is_asked_for_before_it_and_the_clock_goes_on(tmp_path: Path) -> None:
    tale = story(tmp_path, bake_before_nodes=DAY, approval_valid=DAY)
    tale.to_running("1.35")
    run = tale.until(RunStatus.AWAITING_APPROVAL)
    over = ended_at(run, "verify@1.35") + DAY
    assert run.step("bake-before-nodes@1.35").status is StepStatus.PENDING
    assert tale.clock.now() < over - timedelta(hours=23)
    tale.approve()
    run = tale.go_on(lambda run: run.step("nodegroup/core@1.35").started_at is not None)
    assert ended_at(run, "bake-before-nodes@1.35") == over
    assert len(tale.of(EventKind.GATE_OPENED)) == 1


def test_an_abort_in_a_bake_leaves_out_what_changes_nothing(tmp_path: Path) -> None:
    tale = story(tmp_path, bake_before_nodes=DAY)
    tale.to_running("1.35")
    run = tale.go_on(lambda run: run.step("bake-before-nodes@1.35").status is StepStatus.FOLLOWING)
    preview = abort_preview(run)
    assert preview.under_way == ()
    assert all(step_id.startswith("nodegroup/") for step_id in preview.not_done)
    tale.ask("abort")
    assert tale.once().status is RunStatus.ABORTED
