"""The weekly digest as people see it: a Plan button for each cluster, within Slack's limits whatever there is."""

from __future__ import annotations

import json
from datetime import timedelta

from bot.console import lines_of
from handlers.ids import Action, decode_request
from handlers.views.digest import render_digest
from handlers.views.kit import Message
from tests.handlers.test_views import HOSTILE, HUGE, assert_nothing_comes_alive, assert_slack_takes
from tests.upgrade.snapshots import k8s
from tests.upgrade.test_digest import FRANKFURT, NOW, cluster, digest, facts, failed
from upgrade.digest import Digest, DigestLine, Offer, Unread
from upgrade.eks import ClusterId
from upgrade.plan import PlanRequest
from upgrade.support import Support

#: What chat.postMessage takes of all blocks together.
TAKEN = 13_000
EXTENDED = "365 dollars a month more now"


def told(*messages: Message) -> str:
    return "\n".join(line for message in messages for line in lines_of(message))


def planned(*messages: Message) -> list[PlanRequest]:
    """What the buttons of all messages ask for, in order."""
    rows = [
        block["elements"] for one in messages for block in one.as_arguments()["blocks"] if block["type"] == "actions"
    ]
    buttons = [button for row in rows for button in row]
    assert {button["action_id"].partition(":")[0] for button in buttons} <= {Action.PLAN}
    return [decode_request(button["value"]) for button in buttons]


def big(count: int, name: str = "cluster", version: str = "1.34") -> Digest:
    """Clusters in all groups, as many as wanted."""
    lines = []
    for number in range(count):
        ends_at = NOW + timedelta(days=number - 20)
        support = Support(version=k8s(version), extended=bool(number % 2), standard_ends_at=ends_at)
        paying = number % 2 and ends_at <= NOW
        lines.append(
            DigestLine(
                cluster=cluster(f"{name}-{number:03}"),
                version=k8s(version),
                support=support,
                ends_at=None if paying else ends_at,
                within=30,
                cost=365 if paying else 0,
                newly=(k8s("1.35"), k8s("1.36")),
            )
        )
    return Digest(at=NOW, clusters=count, lines=tuple(lines))


def test_it_says_when_support_ends_what_that_costs_and_what_is_new() -> None:
    fleet = (
        facts("prod-eu", 29.5, offers=("1.35",)),
        facts("prod-us", 85, extended=False),
        facts("lab", -30),
        facts("gone", -1, extended=False),
        facts("old", None, version="1.22"),
        facts("fine", 300, version="1.35"),
    )
    (message,) = render_digest(digest(*fleet, told={Offer(FRANKFURT, k8s("1.34")): "2026-W47"}))
    said = told(message)
    assert said.split("\n") == [
        "Upgrade digest: 6 clusters",
        "Support ends within 180 days, or is over, for 3 of them.",
        "For how long, EKS does not say for 1 of them.",
        "1 cluster is in extended support: about 365 dollars a month more than in standard support.",
        "EKS newly offers 1.35 in eu-central-1.",
        "❔ Support unknown",
        "old 1.22 · EKS does not say how long it supports this version · new: 1.35",
        "⛔ Support is over",
        "gone 1.34 · standard support ended 2026-11-22: EKS moves it any day · new: 1.35",
        "⚠️ Support ends within 30 days",
        "prod-eu 1.34 · standard support to 2026-12-22 (29 days), then 365 dollars a month more · new: 1.35",
        "⚠️ Support ends within 90 days",
        "prod-us 1.34 · standard support to 2027-02-16 (85 days), then EKS moves it · new: 1.35",
        "More than 180 days left",
        f"lab 1.34 · extended support to 2027-10-24 (335 days), then EKS moves it · {EXTENDED} · new: 1.35",
        "Plan looks at a cluster now, answers you alone and changes nothing.",
    ]
    assert [one.cluster.name for one in planned(message)] == ["old", "gone", "prod-eu", "prod-us", "lab"]
    assert message.text.startswith("Upgrade digest: 6 clusters\nSupport ends")


def test_a_button_asks_for_what_the_word_plan_asks_for() -> None:
    (message,) = render_digest(digest(facts("prod-eu", 10)))
    assert planned(message) == [PlanRequest(cluster=cluster("prod-eu"))]


def test_a_quiet_week_is_one_short_message() -> None:
    (message,) = render_digest(digest(facts("a"), facts("b")))
    assert told(message).split("\n") == [
        "Upgrade digest: 2 clusters",
        "Support lasts for more than 180 days for each of them.",
    ]


def test_what_could_not_be_read_is_a_line_an_account_and_no_promise_is_made_for_it() -> None:
    names = [failed(f"c{number}", "444455556666", "Not allowed: eks:DescribeCluster.") for number in range(7)]
    (message,) = render_digest(digest(facts("a"), *names, failed("x", "777788889999")))
    assert "for each of those that could be looked at." in told(message)
    assert (
        "❔ Not looked at in account 444455556666: c0, c1, c2, c3, c4 and 2 more. Not allowed: eks:DescribeCluster."
        in told(message)
    )
    assert "account 777788889999: x." in told(message)


def test_when_nothing_could_be_read_nothing_is_promised() -> None:
    (message,) = render_digest(digest(failed("a"), failed("b")))
    assert told(message).split("\n")[1] == "None of them could be looked at."


def test_alike_names_are_told_apart_on_their_buttons() -> None:
    one, other = facts("tools", 10), facts("tools", 20, region="us-east-1")
    (message,) = render_digest(digest(one, other))
    assert "111122223333/us-east-1/tools" in told(message)
    assert [request.cluster.region for request in planned(message)] == ["eu-central-1", "us-east-1"]


def test_two_hundred_clusters_have_two_hundred_buttons_in_messages_that_slack_takes() -> None:
    for fleet in (big(200), big(200, "n" * 90)):
        messages = render_digest(fleet)
        assert [one.cluster for one in planned(*messages)] == [line.cluster for line in fleet.lines]
        for message in messages:
            assert_slack_takes(message)
            assert len(json.dumps(message.as_arguments()["blocks"], ensure_ascii=False)) < TAKEN
        said = told(*messages)
        assert all(line.cluster.name in said for line in fleet.lines)
        assert "more" not in [line.split(" ")[-1] for line in said.split("\n")], "no line is left out"
    assert len(render_digest(big(200))) <= 6


def test_one_cluster_more_than_fits_begins_the_next_message() -> None:
    most = next(count for count in range(10, 100) if len(render_digest(big(count))) == 2) - 1
    first, second = render_digest(big(most + 1))
    assert (len(planned(first)), len(planned(second))) == (most, 1)


def test_whoever_asks_gets_as_much_as_an_answer_takes_and_hears_how_many_are_left_out() -> None:
    messages = render_digest(big(300), most=4)
    assert len(messages) == 4
    left = 300 - len(planned(*messages))
    assert left > 0
    assert told(messages[-1]).endswith(f"… and {left} clusters more, less urgent than these.")
    assert_slack_takes(messages[-1])
    assert render_digest(big(20), most=4) == render_digest(big(20))


def test_nothing_from_outside_comes_alive() -> None:
    bad = ClusterId(account=HOSTILE, region=HOSTILE, name=HOSTILE)
    line = DigestLine(cluster=bad, version=k8s("1.34"), support=None)
    unread = [Unread(account=words, clusters=(words,) * 9, reason=words) for words in (HOSTILE, HUGE, "", "\n")] * 9
    fleet = Digest(at=NOW, clusters=1, lines=(line, line), newly=(Offer(HOSTILE, k8s("1.35")),), unread=tuple(unread))
    for message in render_digest(fleet):
        assert_slack_takes(message)
        assert_nothing_comes_alive(message)
        assert len(json.dumps(message.as_arguments()["blocks"], ensure_ascii=False)) < TAKEN
