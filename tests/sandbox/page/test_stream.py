"""What a browser hears, and what it must not hear."""

from __future__ import annotations

from slack_sdk import WebClient

from tests.sandbox.page.playground import OPS, Playground


def client(ground: Playground) -> WebClient:
    return WebClient(token=ground.slack.app.bot_token, base_url=ground.slack.api_url)


def test_the_first_event_tells_everything(ground: Playground) -> None:
    posted = ground.slack.people.post_message("ana", "platform-ops", "what a day")
    with ground.events(**{"as": "U0ANA"}) as stream:
        hello = stream.next("hello")
        assert hello["me"] == "U0ANA"
        assert hello["start"] == {"person": "ana", "line": "/eks-upgrade start c to 1.35"}
        assert [command["name"] for command in hello["workspace"]["commands"]] == ["/eks-upgrade"]
        assert "what a day" in [message["text"] for message in hello["workspace"]["messages"]]
        ben = next(person for person in hello["workspace"]["people"] if person["id"] == "U0BEN")
        assert (ben["tz"], ben["groups"]) == ("America/New_York", ["approvers"])
        assert stream.next("screen") == {"modals": [], "home": None}
        picture = stream.next("picture")
        assert (picture["name"], picture["control_plane"]["version"]) == ("c", "1.34")
        assert len(picture["nodes"]) == 5
        assert [cluster["name"] for cluster in stream.next("clusters")] == ["c", "other"]
    ground.slack.workspace.delete(posted)


def test_an_edit_changes_the_message_in_place(ground: Playground) -> None:
    web = client(ground)
    with ground.events(**{"as": "U0ANA"}) as stream:
        stream.next("hello")
        ts = web.chat_postMessage(channel=OPS, text="phase 1")["ts"]
        assert [(one["ts"], one["text"]) for one in stream.next("messages")] == [(ts, "phase 1")]
        web.chat_update(channel=OPS, ts=ts, text="phase 2")
        assert [(one["ts"], one["text"]) for one in stream.next("messages")] == [(ts, "phase 2")]
        web.chat_delete(channel=OPS, ts=ts)
        assert stream.next("messages") == [{"channel": OPS, "ts": ts, "gone": True}]


def test_what_is_for_one_pair_of_eyes_is_sent_to_nobody_else(ground: Playground) -> None:
    web = client(ground)
    with ground.events(**{"as": "U0ANA"}) as ana, ground.events(**{"as": "U0BEN"}) as ben:
        ana.next("hello")
        ben.next("hello")
        web.chat_postEphemeral(channel=OPS, user="U0BEN", text="psst")
        web.chat_postMessage(channel=OPS, text="everybody")
        assert [one["text"] for one in ana.next("messages")] == ["everybody"]
        assert [one["only_for_you"] for one in ben.next("messages") if one["text"] == "psst"] == [True]
        assert "psst" not in str(ana.seen)


def test_no_secret_of_the_app_is_in_the_stream(ground: Playground) -> None:
    app = ground.slack.app
    with ground.events(**{"as": "U0ANA"}) as stream:
        for part in ("hello", "screen", "picture", "controls", "pager", "log"):
            stream.next(part)
        for secret in (
            app.bot_token,
            app.app_token,
            app.signing_secret,
            app.verification_token,
            ground.stage.pager.key,
        ):
            assert secret not in str(stream.seen)


def test_the_picture_follows_the_world(ground: Playground) -> None:
    world = ground.stage.world
    with ground.events(**{"as": "U0ANA", "cluster": world.find_cluster("other").key}) as stream:
        picture = stream.next("picture")
        assert (picture["name"], picture["updates"]) == ("other", [])
        assert all(subnet["free"] > 0 for subnet in picture["subnets"])
        world.update_cluster_version(world.find_cluster("other"), "1.34", token="t")
        picture = stream.next("picture")
        assert picture["control_plane"]["status"] == "UPDATING"
        assert [(one["subject"], one["to"], one["status"]) for one in picture["updates"]] == [
            ("control-plane", "1.34", "InProgress")
        ]


def test_a_change_is_heard_at_once(ground: Playground) -> None:
    with ground.events(**{"as": "U0ANA"}) as stream:
        stream.next("hello")
        ground.slack.people.post_message("ben", "platform-ops", "quick")
        [heard] = stream.next("messages")
        assert ground.slack.workspace.message(heard["channel"], heard["ts"]).text == "quick"


def test_who_or_what_is_not_here_is_refused(ground: Playground) -> None:
    for query in ({"as": "U0NOBODY"}, {"as": ground.slack.app.bot_user_id}, {"cluster": "nowhere"}):
        with ground.events(**query) as stream:
            assert stream.status == 404
