"""The settings of calls: what is wrong is told, secrets stay in the environment."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.calling import call_policy, webhooks_of
from bot.config import ConfigurationWrong, Settings, load_settings, missing_for_serve

SECRET = "k3y-of-the-night"
CLUSTER = {"name": "prod-eu", "region": "eu-central-1", "account": "111122223333", "owner": "S0SHOP1"}
PAGER = {"kind": "pagerduty", "name": "night", "key_variable": "PAGERDUTY_KEY"}
TOPIC = {"kind": "sns", "name": "topic", "topic": "arn:aws:sns:eu-central-1:111122223333:night"}
CHAT = {
    "kind": "generic",
    "name": "chat",
    "url": "https://hooks.example.com/eks",
    "secret_variable": "HOOK_SECRET",
}


def settings_with(tmp_path: Path, **on_call: Any) -> Settings:
    path = tmp_path / "bot.yaml"
    path.write_text(yaml.safe_dump({"clusters": [CLUSTER], "on_call": on_call}))
    return load_settings(path)


def test_whom_a_run_calls_comes_from_the_settings(tmp_path: Path) -> None:
    settings = settings_with(tmp_path, group="S0NIGHT", after="5m", repeat="1h", webhooks=[PAGER])
    policy = call_policy(settings, settings.clusters[0], ("S0APPROVE",))
    assert (policy.owner, policy.group, policy.approvers) == ("S0SHOP1", "S0NIGHT", ("S0APPROVE",))
    assert (policy.group_after, policy.pages_after) == (timedelta(minutes=5), timedelta(minutes=20))
    assert (policy.repeat, policy.pages) == (timedelta(hours=1), True)
    alone = settings_with(tmp_path)
    assert not call_policy(alone, alone.clusters[0], ()).pages


def test_secrets_come_from_the_environment_and_are_shown_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_with(tmp_path, webhooks=[PAGER, TOPIC, CHAT])
    missing = [line for line in missing_for_serve(settings) if line.startswith("on_call")]
    assert missing == [
        "on_call.webhooks[0].key_variable: the variable PAGERDUTY_KEY is not set",
        "on_call.webhooks[2].secret_variable: the variable HOOK_SECRET is not set",
    ]
    monkeypatch.setenv("PAGERDUTY_KEY", SECRET)
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    assert not [line for line in missing_for_serve(settings) if line.startswith("on_call")]
    webhooks = webhooks_of(settings)
    assert [one.name for one in webhooks] == ["night", "topic", "chat"]
    assert SECRET not in f"{webhooks!r} {settings!r}"


@pytest.mark.parametrize(
    ("on_call", "line"),
    [
        ({"group": "night"}, "on_call.group: must be the ID of a Slack user group"),
        ({"after": "0m"}, "on_call.after: must be more than no time"),
        ({"webhooks": [PAGER, PAGER]}, "on_call.webhooks: these names are there twice: night"),
        ({"webhooks": [CHAT | {"url": "http://hooks.example.com"}]}, "must be https; http is for loopback only"),
        ({"webhooks": [CHAT | {"url": "https://a:b@example.com"}]}, "without a name or password in it"),
        ({"webhooks": [TOPIC | {"topic": "night"}]}, "on_call.webhooks[0].sns.topic: must be the ARN of an SNS topic"),
        ({"webhooks": [{"kind": "mail", "name": "x"}]}, "on_call.webhooks[0]: input tag 'mail'"),
        ({"webhooks": [PAGER | {"key": "x"}]}, "on_call.webhooks[0].pagerduty.key: unknown key"),
    ],
)
def test_what_is_wrong_is_told_by_its_place(tmp_path: Path, on_call: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigurationWrong) as wrong:
        settings_with(tmp_path, **on_call)
    assert line in "\n".join(wrong.value.lines)
