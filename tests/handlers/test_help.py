"""Help and next moves name what is there, and whatever they offer is understood."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.errors import explain
from handlers.ids import Action
from handlers.manual import GROUPS, MANUAL, commonest, placeholders_of
from handlers.moves import MOST, Move, first_moves, moves_of
from handlers.own import Own, own_of
from handlers.parse import parse
from handlers.views import limits
from handlers.views.clusters import render_clusters
from handlers.views.help import render_help, render_word
from handlers.views.moves import move_buttons
from handlers.views.runs import render_history, render_status
from handlers.words import RUN_WORDS, USAGE, CommandUnclear, Word
from tests.handlers import samples
from tests.handlers.test_views import assert_nothing_comes_alive, assert_slack_takes, mrkdwn_of
from upgrade.eks import ClusterId
from upgrade.errors import (
    AmbiguousCluster,
    DatabaseTooNew,
    DecisionOutdated,
    FactUnknown,
    NotAllowed,
    NothingToDo,
    NotNow,
    PermanentError,
    RunChanged,
    RunInProgress,
    StillLooking,
    TargetNotOffered,
    TemporaryError,
    UnknownCheck,
    UnknownCluster,
    UnknownRun,
    UpgradeError,
)
from upgrade.freeze import Freeze
from upgrade.run import Intent, RunStatus, UpgradeRun, VersionSeen
from upgrade.service import ConfiguredCluster, UpgradeService
from upgrade.versions import KubernetesVersion

#: Words of the language itself are names of clusters too.
HOSTILE = [*(word for word in Word if " " not in word), "to", "only", "nodes", "at", "in", "now", "the", "next", "over"]
NAMES = st.sampled_from(HOSTILE) | st.from_regex(r"[0-9A-Za-z][0-9A-Za-z_-]{0,99}", fullmatch=True)


LATER = samples.NOW + timedelta(days=7)


@st.composite
def owns(draw: st.DrawFn) -> Own:
    names = draw(st.lists(NAMES, max_size=4, unique=True))
    ids = [ClusterId(account="111122223333", region="eu-central-1", name=name) for name in names]
    typed = [str(one) if draw(st.booleans()) else one.name for one in ids]
    freezes = (Freeze(name=draw(st.text(min_size=1)), starts_at=samples.NOW, ends_at=LATER, reason="sale"),)
    runs = tuple(
        samples.run(
            draw(st.sampled_from(RunStatus)),
            policy=samples.run().policy.model_copy(update={"freezes": freezes}),
            request=samples.run().request.model_copy(update={"cluster": one}),
        )
        for one in draw(st.lists(st.sampled_from(ids), max_size=3, unique=True) if ids else st.just([]))
    )
    return Own(
        clusters=tuple(typed),
        names=dict(zip(ids, typed, strict=True)),
        runs=runs,
        changeable=frozenset(draw(st.lists(st.sampled_from(typed))) if typed else ()),
        windowed=frozenset(draw(st.lists(st.sampled_from(typed))) if typed else ()),
        targets={name: KubernetesVersion(1, 36) for name in typed if draw(st.booleans())},
    )


def own(*names: str, status: RunStatus | None = None, **changes: object) -> Own:
    """Clusters of these names, of which the first has a run."""
    ids = [ClusterId(account="111122223333", region="eu-central-1", name=name) for name in names]
    request = samples.run().request.model_copy(update={"cluster": ids[0] if ids else samples.PROD})
    runs = (samples.run(status, request=request, **changes),) if status else ()
    return Own(names, dict(zip(ids, names, strict=True)), runs, changeable=frozenset(names))


# -- help -------------------------------------------------------------------------------------------------------------


def test_every_word_is_explained_once_and_in_one_group() -> None:
    assert set(MANUAL) == set(Word) == set(USAGE)
    assert sorted([*(word for group in GROUPS.values() for word in group), Word.HELP]) == sorted(Word)
    assert all(placeholders_of(word) is not None for word in Word)
    assert placeholders_of(Word.MUTE).keys() == {"RUN", "CLUSTER", "LENGTH"}


@given(owns())
def test_every_example_is_understood_as_the_word_that_it_explains(own: Own) -> None:
    for word in Word:
        for example in MANUAL[word].examples(own):
            assert str(parse(example)).split(" ")[0] == word.split(" ")[0], example
            assert example.startswith(word)


def test_examples_name_what_is_there() -> None:
    here = own("prod-eu", "lab", status=RunStatus.RUNNING)
    assert MANUAL[Word.CHECK].examples(here) == ["check lab"], "prod-eu is held by its run"
    assert MANUAL[Word.PAUSE].examples(here) == ["pause prod-eu"]
    assert MANUAL[Word.PLAN].examples(
        Own(("lab",), {}, changeable=frozenset({"lab"}), targets={"lab": KubernetesVersion(1, 36)})
    ) == ["plan lab", "plan lab to 1.36"]
    windowed = Own(("lab", "prod"), {}, changeable=frozenset({"lab", "prod"}), windowed=frozenset({"prod"}))
    assert MANUAL[Word.SCHEDULE].examples(windowed)[0] == "schedule prod in the next window"


@given(owns(), st.booleans(), st.sampled_from(["", "<!channel> `x` & y"]))
def test_help_is_what_slack_takes(own: Own, may: bool, refusal: str) -> None:
    for message in (
        render_help("/eks-upgrade", own, lambda _: may),
        *(render_word("/eks-upgrade", word, own, refusal) for word in Word),
    ):
        assert_slack_takes(message)
        assert_nothing_comes_alive(message)


def test_the_three_commonest_words_depend_on_who_asks_and_what_is_under_way() -> None:
    idle, busy = own("prod-eu"), own("prod-eu", status=RunStatus.RUNNING)
    assert commonest(idle, lambda _: True) == (Word.CHECK, Word.PLAN, Word.SCHEDULE)
    assert commonest(busy, lambda _: True) == (Word.STATUS, Word.PAUSE, Word.CHECK)
    assert commonest(idle, lambda verb: verb != "start") == (Word.STATUS, Word.CHECK, Word.CALENDAR)
    assert commonest(own(), lambda _: False) == (Word.HELP, Word.EXPLAIN, Word.CLUSTERS)
    assert commonest(own(), lambda _: True) == (Word.STATUS, Word.CHECK, Word.CALENDAR)


def test_who_may_not_reads_who_may() -> None:
    said = "\n".join(mrkdwn_of(render_word("/eks-upgrade", Word.START, own("prod-eu"), "That is not for you.").blocks))
    assert "For: operator and admin." in said
    assert "Not you: That is not for you." in said
    assert "For: everybody. You may." in "\n".join(
        mrkdwn_of(render_word("/eks-upgrade", Word.PAUSE, own("prod-eu")).blocks)
    )


class FakeService:
    """Two clusters of one name, one that may only be looked at, and a run of ada's."""

    def __init__(self) -> None:
        self.ids = {
            key: ClusterId(account="111122223333", region=region, name=name)
            for key, region, name in (
                ("look", "eu-central-1", "look"),
                ("twin", "eu-central-1", "twin"),
                ("other", "us-east-1", "twin"),
            )
        }
        self.theirs = samples.run(
            RunStatus.RUNNING,
            id="r-abc",
            requester="U0ADA",
            request=samples.run().request.model_copy(update={"cluster": self.ids["other"]}),
        )
        self.seen = KubernetesVersion(1, 34)

    def clusters(self) -> tuple[ConfiguredCluster, ...]:
        return tuple(ConfiguredCluster(id=one, check_only=one.name == "look") for one in self.ids.values())

    def name_of(self, cluster: ClusterId) -> str:
        return cluster.name if cluster.name == "look" else str(cluster)

    def history(self, _cluster: ClusterId | None, limit: int) -> tuple[UpgradeRun, ...]:
        return (self.theirs,)[:limit]

    def status(self) -> tuple[UpgradeRun, ...]:
        return (self.theirs,)

    def versions_seen(self) -> dict[ClusterId, VersionSeen]:
        return {cluster: VersionSeen(version=self.seen, age=timedelta(0)) for cluster in self.ids.values()}


def test_ones_own_clusters_come_first_and_by_the_name_that_is_typed() -> None:
    service = FakeService()
    twin, other = str(service.ids["twin"]), str(service.ids["other"])
    assert own_of(cast("UpgradeService", service), "U0BEN").clusters == (twin, other, "look")
    theirs = own_of(cast("UpgradeService", service), "U0ADA")
    assert theirs.clusters == (other, twin, "look")
    assert theirs.changeable == {twin, other}
    assert theirs.run_of("r-a") is theirs.run_of(other) is service.theirs
    assert theirs.run_of("r-x") is None
    assert theirs.run_of("") is None


def test_an_example_names_a_version_only_if_it_is_above_the_present_one() -> None:
    service = FakeService()
    service.theirs = service.theirs.model_copy(update={"plan": samples.two_hops()})
    other = str(service.ids["other"])
    assert own_of(cast("UpgradeService", service), "U0ADA").targets == {other: samples.two_hops().to_version}
    service.seen = samples.two_hops().to_version
    assert own_of(cast("UpgradeService", service), "U0ADA").targets == {}


# -- the next move ----------------------------------------------------------------------------------------------------


def after(typed: str, here: Own) -> list[str]:
    """What is offered to whoever typed that."""
    with pytest.raises(CommandUnclear) as unclear:
        parse(typed)
    return [one.text for one in moves_of(unclear.value, typed, here)]


@pytest.mark.parametrize(
    ("typed", "moves"),
    [
        ("strat prod-eu to 1.36", ["start prod-eu to 1.36", "help"]),
        ("Check", ["check prod-eu", "check lab", "help check"]),
        ("check to 1.36", ["check prod-eu to 1.36", "check lab to 1.36", "help check"]),
        ("plan prod-eu 1.36", ["plan prod-eu to 1.36", "help plan"]),
        ("plan prod-eu onli nodes", ["plan prod-eu only nodes", "help plan"]),
        ("plan onli onli nodes", ["plan onli only nodes", "help plan"]),
        (
            "plan prod-eu only node",
            [f"plan prod-eu only {one}" for one in ("nodes", "control-plane", "add-ons", "all")],
        ),
        ("plan <!channel>", ["plan prod-eu", "plan lab", "help plan"]),
        ("calendar prod-eu", ["calendar", "help calendar"]),
        ("pause", ["pause prod-eu", "help pause"]),
        ("pause <!channel>", ["pause prod-eu", "help pause"]),
        ("mute prod-eu soon", ["mute prod-eu 30m", "mute prod-eu 2h", "help mute"]),
        ("schedule prod-eu at noon", ["schedule prod-eu", "help schedule"]),
        ("schedule prod-eu in windw", ["schedule prod-eu in the next window", "schedule prod-eu", "help schedule"]),
        ("reschedule prod-eu 22:00", ["reschedule prod-eu at 22:00", "help reschedule"]),
        ("help strat", ["help start", "help"]),
        ("approve", ["help"]),
        ("explain PDB1", ["help explain"]),
        ("x" * 900, ["help"]),
    ],
)
def test_a_text_that_is_no_command_is_answered_with_one_that_is(typed: str, moves: list[str]) -> None:
    here = own("prod-eu", "lab", status=RunStatus.RUNNING)
    assert after(typed, here)[: len(moves)] == moves


V = [KubernetesVersion(1, 35), KubernetesVersion(1, 36)]


@pytest.mark.parametrize(
    ("typed", "error", "moves"),
    [
        ("plan prd to 1.36", UnknownCluster("no", instead=["prod-eu"]), ["plan prod-eu to 1.36", "clusters"]),
        ("history prd", UnknownCluster("no", instead=["prod-eu"]), ["history prod-eu", "clusters"]),
        ("plan new", StillLooking("not yet"), ["plan new", "clusters"]),
        ("plan twin", AmbiguousCluster("no", instead=["1/x/twin"]), ["clusters"]),
        ("plan lab to 1.99", TargetNotOffered("no", instead=V), ["plan lab to 1.35", "plan lab to 1.36", "status"]),
        ("plan lab", NothingToDo("no", instead=V[:1]), ["plan lab to 1.35", "status"]),
        (
            "plan lab to 1.36 only nodes",
            TargetNotOffered("no"),
            ["plan lab only nodes", "plan lab to 1.36", "status"],
        ),
        ("start prod-eu", RunInProgress("no", run_id="r-1"), ["pause prod-eu", "status"]),
        ("start lab", NotAllowed("check only"), ["plan lab", "check lab", "help start"]),
        ("status", NotAllowed("no"), ["help status"]),
        ("pause prd", UnknownRun("no", instead=["lab", "prod-eu"]), ["pause prod-eu", "status"]),
        ("pause r-", UnknownRun("no", instead=["r-1", "r-2"]), ["pause r-1", "pause r-2", "status"]),
        ("pause lab", UnknownRun("no run yet"), ["pause prod-eu", "plan lab", "history lab", "status"]),
        (
            "reschedule lab at fri 22:00",
            UnknownRun("no run yet"),
            ["schedule lab at fri 22:00", "reschedule prod-eu at fri 22:00", "plan lab", "history lab", "status"],
        ),
        (
            "reschedule lab now",
            UnknownRun("no run yet"),
            ["start lab", "reschedule prod-eu now", "plan lab", "history lab", "status"],
        ),
        ("resume prod-eu", NotNow("not paused"), ["pause prod-eu", "status"]),
        ("mute prod-eu 48h", NotNow("no time"), ["mute prod-eu 60m", "status"]),
        ("mute prod-eu 0m", NotNow("no time"), ["mute prod-eu 60m", "status"]),
        ("retry lab", NotNow("has ended"), ["history lab", "plan lab", "status"]),
        ("schedule lab at 22:00 UTC", NotNow("is over"), ["schedule lab", "status"]),
        ("reschedule prod-eu at 22:00 UTC", NotNow("is over"), ["reschedule prod-eu", "pause prod-eu", "status"]),
        ("explain PDB002", UnknownCheck("no", instead=["PDB001"]), ["explain PDB001", "status"]),
        ("check lab to 1.36", TemporaryError("no"), ["check lab to 1.36", "status"]),
        ("check lab", PermanentError("no"), ["check lab", "status"]),
        ("check lab", FactUnknown("no"), ["check lab", "status"]),
        ("pause prod-eu", RunChanged("no"), ["pause prod-eu", "status"]),
        ("check lab", ValueError("a bug"), ["check lab"]),
        ("pause prod-eu", ValueError("a bug"), []),
        ("status r-1", NotNow("has ended"), ["pause prod-eu", "status r-1", "status"]),
        ("status r-9", DecisionOutdated("no"), ["status r-9", "status"]),
        ("status r-9", RunChanged("no"), ["status r-9", "status"]),
        ("", NotNow("no"), ["status"]),
        ("status", DatabaseTooNew("no"), []),
    ],
)
def test_a_refusal_comes_with_the_next_move(typed: str, error: Exception, moves: list[str]) -> None:
    here = own("prod-eu", "lab", status=RunStatus.RUNNING, id="r-1")
    assert [one.text for one in moves_of(error, typed, here)] == moves


def test_a_paused_run_is_answered_with_resume() -> None:
    here = own("prod-eu", status=RunStatus.PAUSED, intent=Intent.PAUSE, paused_by="U1", pause_reasons=("asked",))
    moves = moves_of(NotNow("is paused already"), "pause prod-eu", here)
    assert [one.text for one in moves] == ["resume prod-eu", "status"]


ERRORS: Sequence[type[UpgradeError]] = [UnknownCluster, UnknownRun, TargetNotOffered, NotNow, NotAllowed, UnknownCheck]


@given(
    st.text(max_size=80) | st.builds("{} {} {}".format, st.sampled_from(Word), NAMES, st.text(max_size=20)),
    st.sampled_from(ERRORS),
    st.lists(NAMES | st.text(max_size=20), max_size=6),
    owns(),
)
def test_whatever_is_offered_is_a_command_that_slack_carries(
    typed: str, kind: type[UpgradeError], instead: list[str], own: Own
) -> None:
    try:
        parse(typed)
        error = kind("no", instead=instead)
    except CommandUnclear as unclear:
        error = unclear
    moves = moves_of(error, typed, own)
    assert len(moves) <= MOST
    for move in moves:
        parse(move.text)
        assert move.text
        assert len(move.text) <= limits.BUTTON_VALUE


def test_who_may_not_reads_whom_to_ask() -> None:
    told = explain(NotAllowed("That is for the role admin.", who=("S0ADMINS", "U0CY")))
    assert told.text.endswith("Ask <!subteam^S0ADMINS> or <@U0CY>.")
    assert "Ask" not in explain(NotAllowed("Guests cannot do that.")).text


def test_what_ends_a_run_is_asked_once_more() -> None:
    (row,) = move_buttons([Move("abort prod-eu"), Move("status")])
    assert [("confirm" in one, one["value"]) for one in row["elements"]] == [(True, "abort prod-eu"), (False, "status")]
    assert [one["action_id"] for one in row["elements"]] == [f"{Action.TYPE}:1", f"{Action.TYPE}:2"]


def test_where_there_is_nothing_the_first_moves_change_nothing() -> None:
    here = own("prod-eu", "lab")
    assert [one.text for one in first_moves(here, Word.CALENDAR)] == ["check prod-eu", "plan prod-eu", "calendar"]
    assert [one.text for one in first_moves(own(), Word.CALENDAR)] == ["calendar"]
    assert "Name one under `clusters`" in "\n".join(mrkdwn_of(render_clusters([], {}).blocks))
    still = "\n".join(mrkdwn_of(render_clusters([], {}, looking=True).blocks))
    assert "I am still looking for clusters" in still
    assert "configured" not in still
    for nothing in (render_status([], lambda _: None), render_history([], None, lambda _: None)):
        assert "begins with a check or a plan" in "\n".join(mrkdwn_of(nothing.blocks))
    lab = next(one for one in here.names if one.name == "lab")
    assert [one.text for one in first_moves(here, about=lab)] == ["check lab", "plan lab"]
    assert [one.text for one in first_moves(here, word=Word.SCHEDULE)] == ["schedule prod-eu"]


def test_every_word_for_a_run_has_its_run_named() -> None:
    here = own("prod-eu", status=RunStatus.RUNNING)
    assert all(MANUAL[word].examples(here) == [f"{word} prod-eu"] for word in RUN_WORDS)
