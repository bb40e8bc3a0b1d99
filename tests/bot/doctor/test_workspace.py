"""Slack, with one thing wrong at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
import yaml

from bot.doctor.verdicts import State, Verdict
from bot.doctor.workspace import needed_scopes
from sandbox.slack import Channel, Fault, SlackFace, UserGroup
from tests.bot.doctor.conftest import MANIFEST, Clinic


@pytest.fixture
def slack(without_clusters: Clinic) -> SlackFace:
    assert without_clusters.stage.slack is not None
    return without_clusters.stage.slack


@contextmanager
def scopes(slack: SlackFace, granted: frozenset[str]) -> Iterator[None]:
    app = slack.workspace.app
    slack.workspace.app = replace(app, scopes=granted)
    try:
        yield
    finally:
        slack.workspace.app = app


def told(clinic: Clinic, code: str) -> Verdict:
    (verdict,) = [verdict for verdict in clinic.examine() if verdict.code == code]
    return verdict


def test_each_needed_scope_has_a_reason_and_is_the_manifests() -> None:
    in_file = yaml.safe_load(MANIFEST.read_text())["oauth_config"]["scopes"]["bot"]
    assert list(needed_scopes()) == in_file
    assert all(needed_scopes().values())


@pytest.mark.parametrize("code", ["token_revoked", "account_inactive"])
def test_a_token_that_was_revoked_is_told_and_nothing_else_is_tried(
    clinic: Clinic, slack: SlackFace, code: str
) -> None:
    slack.faults.fail_next("auth.test", Fault("error", code=code))
    (verdict,) = clinic.to_fix()
    assert verdict.code == "slack-token-refused"
    assert code in verdict.summary
    assert "SLACK_BOT_TOKEN" in verdict.remedy


def test_slack_out_of_reach_is_told_apart_from_a_bad_token(clinic: Clinic, slack: SlackFace) -> None:
    slack.faults.fail_next("auth.test", Fault("server-error"))
    assert [one.code for one in clinic.to_fix()] == ["slack-unreachable"]
    slack.faults.fail_next("auth.test", Fault("reset-before"))
    assert [one.code for one in clinic.to_fix()] == ["slack-unreachable"]


def test_a_rate_limit_is_waited_out(clinic: Clinic, slack: SlackFace) -> None:
    slack.faults.fail_next("auth.test", Fault("rate-limited"))
    assert clinic.to_fix() == []


@pytest.mark.parametrize("scope", sorted(needed_scopes()))
def test_every_missing_scope_is_named_with_its_reason(clinic: Clinic, slack: SlackFace, scope: str) -> None:
    with scopes(slack, slack.app.scopes - {scope}):
        missing = [one for one in clinic.to_fix() if one.code == "slack-scope-missing"]
    assert [needed_scopes()[scope] in one.summary and f" {scope} " in one.summary for one in missing] == [True]


def test_scopes_beyond_the_need_are_noted(clinic: Clinic, slack: SlackFace) -> None:
    with scopes(slack, slack.app.scopes | {"pins:write"}):
        verdict = told(clinic, "slack-scopes-too-many")
    assert (verdict.state, "pins:write" in verdict.summary) == (State.NOTE, True)


def test_a_public_channel_without_the_bot_is_noted_with_the_invitation(clinic: Clinic, slack: SlackFace) -> None:
    clinic.settings["operations_channel"] = "#general"
    verdict = told(clinic, "slack-not-in-channel")
    assert (verdict.state, verdict.remedy) == (State.NOTE, "in that channel, type /invite @eks-upgrades")
    assert clinic.to_fix() == []


def test_a_public_channel_without_the_bot_is_to_be_fixed_when_it_may_not_join(clinic: Clinic, slack: SlackFace) -> None:
    clinic.settings["operations_channel"] = "#general"
    with scopes(slack, slack.app.scopes - {"channels:join"}):
        assert told(clinic, "slack-not-in-channel").state is State.FIX


@pytest.mark.parametrize(
    ("channel", "code"),
    [
        (Channel("secret", kind="private", members={"U0ANA"}, bot_is_member=False), "slack-channel-missing"),
        (Channel("old", archived=True), "slack-channel-archived"),
        (None, "slack-channel-missing"),
    ],
)
def test_a_channel_that_cannot_take_the_announcement_is_told(
    clinic: Clinic, slack: SlackFace, channel: Channel | None, code: str
) -> None:
    name = channel.name if channel else "nowhere"
    if channel:
        slack.workspace.add_channel(channel)
    for written in (f"#{name}", *([channel.id] if channel else ["C0NOWHERE"])):
        clinic.settings["announcement_channel"] = written
        (verdict,) = clinic.to_fix()
        assert (verdict.code, verdict.subject) == (code, "announcement_channel")


def test_every_channel_and_group_that_the_settings_name_is_looked_up(clinic: Clinic) -> None:
    clinic.settings["security_channel"] = "#nowhere"
    clinic.settings["clusters"][0]["channels"] = ["#nobody", "#maintenance-notices"]
    clinic.settings["environments"]["prod"]["approver_groups"] = ["S0GONE", "U0BEN"]
    clinic.settings["roles"]["break_glass"] = {"groups": ["S0LOST"]}
    assert [(one.code, one.subject) for one in clinic.to_fix()] == [
        ("slack-channel-missing", "security_channel"),
        ("slack-channel-missing", "clusters prod-eu"),
        ("slack-group-unreadable", "roles.break_glass"),
        ("slack-group-unreadable", "environments.prod"),
    ]


def test_an_app_token_that_slack_refuses_is_told(clinic: Clinic, slack: SlackFace) -> None:
    clinic.environment.setenv("SLACK_APP_TOKEN", "xapp-1-nobodys")
    assert [one.code for one in clinic.to_fix()] == ["slack-app-token-refused"]
    clinic.environment.setenv("SLACK_APP_TOKEN", slack.app.bot_token)
    assert [one.code for one in clinic.to_fix()] == ["slack-app-token-refused"]


def test_an_app_token_without_its_scope_and_a_switched_off_socket_mode_are_told(
    clinic: Clinic, slack: SlackFace
) -> None:
    slack.faults.fail_next("apps.connections.open", Fault("error", code="missing_scope"))
    assert [one.code for one in clinic.to_fix()] == ["slack-app-token-scope"]
    slack.faults.fail_next("apps.connections.open", Fault("error", code="socket_mode_not_enabled"))
    assert [one.code for one in clinic.to_fix()] == ["slack-socket-mode-off"]


def test_a_token_that_is_not_set_is_told(clinic: Clinic, slack: SlackFace) -> None:
    clinic.environment.delenv("SLACK_APP_TOKEN")
    summaries = [one.summary for one in clinic.to_fix() if one.code == "slack-setting-missing"]
    assert any("SLACK_APP_TOKEN" in summary for summary in summaries)


def test_user_groups_that_cannot_be_read_or_are_empty_are_told(clinic: Clinic, slack: SlackFace) -> None:
    slack.workspace.usergroups["S0EMPTY"] = UserGroup("empty", id="S0EMPTY")
    clinic.settings["roles"] = {"approver": {"groups": ["S0GONE"]}, "admin": {"groups": ["S0EMPTY"]}}
    assert [(one.code, one.subject) for one in clinic.to_fix()] == [
        ("slack-group-unreadable", "roles.approver"),
        ("slack-group-empty", "roles.admin"),
    ]


def test_a_plan_without_user_groups_is_told(clinic: Clinic, slack: SlackFace) -> None:
    clinic.settings["roles"] = {"approver": {"groups": ["S0APPROVERS"]}}
    slack.faults.fail_next("usergroups.users.list", Fault("error", code="plan_upgrade_required"))
    (verdict,) = clinic.to_fix()
    assert verdict.code == "slack-groups-not-in-plan"


def test_http_mode_is_not_asked_for_a_socket(clinic: Clinic, slack: SlackFace) -> None:
    clinic.settings["slack"] = {"mode": "http"}
    asked = len(slack.workspace.api_calls)
    assert told(clinic, "slack-http").state is State.NOTE
    assert "apps.connections.open" not in [call.method for call in list(slack.workspace.api_calls)[asked:]]
