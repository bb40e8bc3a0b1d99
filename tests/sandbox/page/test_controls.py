"""The switches of the page change the world, Slack and the bot's process."""

from __future__ import annotations

from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from sandbox.page.controls import Controls
from tests.sandbox.page.playground import OPS, Playground


def controls(ground: Playground) -> dict[str, Any]:
    return Controls(ground.stage, ground.bot).state(ground.stage.world.find_cluster("c"))


def test_every_fault_that_is_offered_can_be_switched_on_and_off(ground: Playground) -> None:
    offers = controls(ground)["offers"]
    assert len({offer["kind"] for offer in offers}) == 9
    for offer in offers:
        fault = {"kind": offer["kind"], **offer["fixed"]}
        chosen = {name: choices[0] for name, choices in offer["choices"].items()}
        if "budget" in chosen:
            fault["namespace"], fault["name"] = chosen.pop("budget").split("/")
        if "rule" in chosen:
            fault["verb"], fault["resource"] = chosen.pop("rule").split()
        status, switch = ground.post("faults/on", {"fault": {**fault, **chosen}})
        assert (status, switch["on"]) == (200, True), switch
        assert ground.post("faults/off", {"id": switch["id"]})[1]["on"] is False
    shown = controls(ground)["switches"]
    assert len(shown) == len(offers)
    assert all(switch["title"] and not switch["on"] for switch in shown)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "deny-action", "action": "eks:*"},
        {"kind": "deny-action", "action": "iam:SimulatePrincipalPolicy"},
        {"kind": "deny-rbac", "verb": "create", "resource": "pods/eviction"},
        {"kind": "deny-rbac", "verb": "create", "resource": "selfsubjectaccessreviews"},
        {"kind": "throttle", "operation": "AssumeRole"},
        {"kind": "throttle", "operation": "list nodes"},
    ],
)
def test_any_name_that_exists_may_be_broken(ground: Playground, fault: dict[str, Any]) -> None:
    status, switch = ground.post("faults/on", {"fault": fault})
    assert status == 200, switch
    ground.post("faults/off", {"id": switch["id"]})


def test_a_denied_action_is_denied_until_it_is_switched_off(ground: Playground) -> None:
    faults = ground.stage.world.faults
    _, switch = ground.post("faults/on", {"fault": {"kind": "deny-action", "action": "eks:UpdateAddon"}})
    assert faults.denies("eks:UpdateAddon")
    ground.post("faults/off", {"id": switch["id"]})
    assert not faults.denies("eks:UpdateAddon")
    ground.post("faults/on", {"fault": switch["fault"]})
    assert faults.denies("eks:UpdateAddon")
    again = [one for one in controls(ground)["switches"] if one["title"] == "IAM denies eks:UpdateAddon"]
    assert [one["on"] for one in again] == [True]
    ground.post("faults/off", {"id": again[0]["id"]})


@pytest.mark.parametrize(
    ("fault", "status", "said"),
    [
        ({"kind": "addon-degrades", "cluster": "c", "addon": "istio"}, 409, "it has vpc-cni, kube-proxy, coredns"),
        ({"kind": "node-join-fails", "cluster": "c", "nodegroup": "gpu"}, 409, "it has core, apps"),
        ({"kind": "pdb-blocks", "cluster": "c", "namespace": "shop", "name": "nope"}, 409, "shop/nope"),
        ({"kind": "groups-must-match", "cluster": "d"}, 409, "There is no cluster d"),
        ({"kind": "deny-action", "action": "everything"}, 400, "pattern"),
        ({"kind": "deny-action", "action": "eks:UpdateAdon"}, 409, "Did you mean UpdateAddon"),
        ({"kind": "deny-action", "action": "eks:Update*"}, 409, "eks has no action Update*"),
        ({"kind": "deny-action", "action": "moon:Land"}, 409, "no service moon here; there are eks, sts"),
        ({"kind": "deny-rbac", "verb": "listt", "resource": "nodes"}, 409, "no verb listt; there are create"),
        ({"kind": "deny-rbac", "verb": "list", "resource": "node"}, 409, "Did you mean nodes"),
        ({"kind": "deny-rbac", "verb": "", "resource": ""}, 409, "no verb"),
        ({"kind": "throttle", "operation": "asdf"}, 409, "AWS has no operation asdf."),
        ({"kind": "throttle", "operation": "list asdf"}, 409, "serve no resource asdf"),
        ({"kind": "meteor"}, 400, "meteor"),
        ({"kind": "api-resets", "cluster": "c", "seconds": 0}, 400, "seconds"),
    ],
)
def test_a_fault_of_something_that_is_not_there_is_refused(
    ground: Playground, fault: dict[str, Any], status: int, said: str
) -> None:
    before = len(ground.stage.world.faults.switches)
    answered, answer = ground.post("faults/on", {"fault": fault})
    assert answered == status
    assert said in answer["error"]
    assert len(ground.stage.world.faults.switches) == before


def test_a_switch_that_is_not_there_is_refused(ground: Playground) -> None:
    assert ground.post("faults/off", {"id": "meteor-1"}) == (409, {"error": "There is no switch meteor-1."})


def test_an_outage_stops_people_too(ground: Playground) -> None:
    ground.post("slack/outage", {"down": True})
    assert controls(ground)["slack"]["outage"] is True
    body = {"person": "U0ANA", "channel": OPS, "text": "anybody there?"}
    assert ground.post("act/message", body)[0] == 409
    ground.post("slack/outage", {"down": False})
    assert ground.post("act/message", body)[0] == 200


def test_slack_paces_the_next_calls_when_it_is_told_to(ground: Playground) -> None:
    assert ground.post("slack/stumble", {"name": "rate-limit"})[0] == 200
    client = WebClient(token=ground.slack.app.bot_token, base_url=ground.slack.api_url)
    with pytest.raises(SlackApiError, match="ratelimited"):
        client.chat_postMessage(channel=OPS, text="hello")
    ground.slack.faults.clear()
    for name in controls(ground)["slack"]["stumbles"]:
        assert ground.post("slack/stumble", {"name": name})[0] == 200
    ground.slack.faults.clear()
    assert ground.post("slack/stumble", {"name": "meteor"})[0] == 409


def test_the_bot_is_killed_and_started_again(ground: Playground) -> None:
    assert ground.bot is not None
    assert ground.post("bot/start", {})[0] == 200
    with ground.events() as stream:
        first = stream.next("controls")["bot"]
        assert (first["running"], first["starts"]) == (True, 1)
        ground.post("bot/start", {})
        ground.post("bot/kill", {})
        killed = stream.next("controls")["bot"]
        assert (killed["running"], killed["pid"], killed["exit"]) == (False, None, -9)
        ground.post("bot/start", {})
        second = stream.next("controls")["bot"]
        assert (second["running"], second["starts"]) == (True, 2)
        assert second["pid"] != first["pid"]
        while "here I am" not in (log := stream.next("log")):
            assert len(log) < 150
    ground.bot.kill()


def test_a_sandbox_without_a_bot_says_so(tmp_path_factory: pytest.TempPathFactory) -> None:
    with Playground(tmp_path_factory.mktemp("alone"), with_bot=False) as alone:
        assert controls(alone)["bot"] is None
        assert alone.post("bot/kill", {}) == (409, {"error": "This sandbox was started without a bot."})
