"""App Home: the fleet of anybody's size within Slack's limits, filters and pages, and who is kept up to date."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.home import chosen
from handlers.ids import Action, HomeChoice, ValueUnreadable, environment_key
from handlers.views.fleet import PAGE, Row, needs_attention, page_of, row_lines, rows_of
from handlers.views.home import Board, render_closed_home, render_home
from sandbox.slack import View
from tests.handlers import samples
from tests.handlers.conftest import MakeDesk, said, texts_of
from tests.handlers.samples import NOW, PROD, V34, V35, V36
from tests.handlers.test_dialogs import LINK, assert_view
from tests.handlers.test_views import RUNS, WORDS
from upgrade.calendar import Maintenance
from upgrade.configured import ConfiguredCluster
from upgrade.eks import ClusterId, OfferedVersion
from upgrade.findings import Readiness
from upgrade.fleet import ClusterFacts, Verdict
from upgrade.run import RunStatus
from upgrade.support import Support

DAY = timedelta(days=1)


def cluster(number: int, word: str = "", environment: str | None = "prod", **values: Any) -> ConfiguredCluster:
    name = f"{number:03}{word}"[:100]
    identity = ClusterId(account="111122223333", region="eu-central-1", name=name)
    return ConfiguredCluster(id=identity, environment=environment, owner=word, **values)


def facts(of: ConfiguredCluster, days: float | None = 200, **values: Any) -> ClusterFacts:
    """A cluster on 1.34, which has so many days of standard support left, and extended support for a year more."""
    ends_at = None if days is None else NOW + days * DAY
    support = Support(
        version=V34, extended=True, standard_ends_at=ends_at, extended_ends_at=ends_at + 365 * DAY if ends_at else None
    )
    offer = OfferedVersion(version=V35, status="STANDARD_SUPPORT")
    known: dict[str, Any] = {"version": V34, "support": support, "offers": (offer,), "seen_at": NOW, "looked_at": NOW}
    return ClusterFacts(cluster=of.id, **{**known, **values})


def blocked(blockers: int = 2) -> Verdict:
    return Verdict(target=V35, readiness=Readiness.BLOCKED, blockers=blockers, at=NOW)


def of_sizes(number: int, word: str) -> Board:
    """Every kind of cluster, all with hostile words."""
    known = [
        cluster(n, word, (None, word, "dev")[n % 3], check_only=n % 2 == 0, check_only_reason=word)
        for n in range(number)
    ]
    kinds: list[dict[str, Any]] = [
        {},
        {"days": -3, "verdict": blocked()},
        {"problem": word or "no answer", "problem_since": NOW},
        {"days": None},
        {"version": None, "support": None, "offers": ()},
    ]
    runs = [
        run.model_copy(update={"request": run.request.model_copy(update={"cluster": one.id}), "requester": word})
        for one, run in zip(known[::2], list(RUNS.values()) * number, strict=False)
    ]
    return Board(
        now=NOW,
        clusters=known,
        facts=[facts(one, **kinds[n % len(kinds)]) for n, one in enumerate(known)],
        mine=runs,
        runs=runs,
        recent=runs[:5],
        maintenances=[maintenance(one.id, NOW + n * DAY) for n, one in enumerate(known)],
    )


def maintenance(of: ClusterId, starts_at: datetime | None) -> Maintenance:
    return Maintenance(
        run_id="r-1",
        cluster=of,
        from_version=V34,
        to_version=V35,
        starts_at=starts_at,
        ends_by=None,
        status=RunStatus.SCHEDULED,
        missed=False,
    )


# -- limits ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("number", [0, 1, 12, 200])
def test_a_fleet_of_any_size_is_within_slacks_limits_on_each_page_of_each_filter(number: int, word: str) -> None:
    board = of_sizes(number, word)
    for page in (0, 1, 9, 999_999):
        for attention, chosen_one in product((False, True), ("", *map(environment_key, (None, word, "dev")))):
            assert_view(render_home(board, lambda _: LINK, HomeChoice(attention, chosen_one, page)), "home")
    assert_view(render_closed_home(word or "no"), "home")


def test_so_many_environments_still_fit_and_the_chosen_one_is_offered() -> None:
    known = [cluster(n, environment=f"{n:03}{'e' * 97}") for n in range(200)]
    choice = HomeChoice(environment=environment_key(known[-1].environment))
    view = render_home(Board(now=NOW, clusters=known), lambda _: None, choice)
    assert_view(view, "home")
    assert names_on(view) == [known[-1].id.name]


# -- filters and pages ----------------------------------------------------------------------------------------------

FLEETS = st.lists(
    st.tuples(st.sampled_from(["prod", "dev", None]), st.sampled_from([-400, 10, 59, 61, 300, None]), st.booleans()),
    max_size=70,
)


@given(FLEETS, st.sampled_from(["prod", "dev", None, ""]), st.booleans())
def test_pages_together_show_each_chosen_cluster_once(
    fleet: list[tuple[str | None, int | None, bool]], environment: str | None, attention: bool
) -> None:
    known = [cluster(n, environment=where) for n, (where, _, _) in enumerate(fleet)]
    told = [
        facts(one, days, **({"problem": "no", "problem_since": NOW} if lost else {}))
        for one, (_, days, lost) in zip(known, fleet, strict=True)
    ]
    rows = rows_of(known, told, [], [])
    choice = HomeChoice(attention, "" if environment == "" else environment_key(environment))
    seen: list[Row] = []
    pages = page_of(rows, choice, NOW).of
    for number in range(pages):
        page = page_of(rows, HomeChoice(choice.attention, choice.environment, number), NOW)
        assert (page.number, page.of) == (number, pages)
        assert len(page.rows) == PAGE or number == pages - 1
        assert page.first == len(seen) + 1
        seen += page.rows
    wanted = [
        row
        for row in rows
        if environment in ("", row.cluster.environment) and (needs_attention(row, NOW) or not attention)
    ]
    assert sorted(str(row.cluster.id) for row in seen) == sorted(str(row.cluster.id) for row in wanted)
    needing = [needs_attention(row, NOW) for row in seen]
    assert needing == sorted(needing, reverse=True), "what needs attention comes first"
    beyond = page_of(rows, HomeChoice(choice.attention, choice.environment, pages + 7), NOW)
    assert beyond.number == pages - 1


def test_a_filter_begins_at_the_first_page_and_a_page_keeps_the_filter() -> None:
    key = environment_key("prod")
    choice = HomeChoice(True, key, 3)
    assert chosen(pressed(Action.HOME_SHOW, option="all"), choice) == HomeChoice(False, key, 0)
    assert chosen(pressed(Action.HOME_ENVIRONMENT, option="all"), choice) == HomeChoice(True, "", 0)
    assert chosen(pressed(Action.HOME_ENVIRONMENT, option=key), HomeChoice(page=2)) == HomeChoice(False, key, 0)
    assert chosen(pressed(Action.HOME_PAGE, value="4", key="on"), choice) == HomeChoice(True, key, 4)
    assert HomeChoice.decode(choice.encode()) == choice


@pytest.mark.parametrize("value", ["", "-1", "1e9", "99999999", "0|", "all"])
def test_a_page_that_nobody_offered_is_refused(value: str) -> None:
    with pytest.raises(ValueUnreadable):
        chosen(pressed(Action.HOME_PAGE, value=value), HomeChoice())


def test_an_environment_that_nobody_offered_is_refused_and_one_that_is_gone_shows_all() -> None:
    with pytest.raises(ValueUnreadable):
        chosen(pressed(Action.HOME_ENVIRONMENT, option="<!channel>"), HomeChoice())
    gone = HomeChoice(environment=environment_key("gone"))
    assert len(names_on(render_home(Board(now=NOW, clusters=[cluster(1)]), lambda _: None, gone))) == 1


def pressed(action: Action, value: str = "", option: str = "", key: str = "") -> dict[str, Any]:
    return {
        "action_id": f"{action}:{key}" if key else action.value,
        "value": value,
        "selected_option": {"value": option},
    }


def names_on(view: dict[str, Any]) -> list[str]:
    """The clusters that a view shows, in order."""
    return [found[1] for text in texts_of(view["blocks"]) if (found := re.match(r"\*([0-9]{3}[^* ]*)\* · ", text))]


# -- words ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (61, "support until 2027-01-20 (61 days)"),
        (59, "⚠️ support until 2027-01-18 (59 days), then $365 a month more"),
        (1, "⚠️ support until 2026-11-21 (1 day), then $365 a month more"),
        (-2, "⚠️ extended support until 2027-11-18 (363 days), $365 a month more"),
        (-366, "⚠️ extended support over since 2026-11-19, $365 a month more"),
        (None, "support not known yet"),
    ],
)
def test_support_is_told_in_days_and_dollars(days: int | None, words: str) -> None:
    one = cluster(1)
    assert row_lines(Row(one, facts(one, days)), NOW)[1].startswith(f"{words} · ")


def test_a_cluster_that_may_not_stay_in_extended_support_is_moved_by_eks() -> None:
    one = cluster(1)
    support = Support(version=V34, extended=False, standard_ends_at=NOW + 10 * DAY)
    assert "(10 days), then EKS upgrades it by itself · " in row_lines(Row(one, facts(one, support=support)), NOW)[1]


def test_a_row_tells_readiness_runs_maintenance_and_what_could_not_be_read() -> None:
    one = ConfiguredCluster(id=PROD, environment="prod", check_only=True, check_only_reason="it has no change_role.")
    known = facts(one, verdict=blocked(), problem="AWS did not <answer>.", problem_since=NOW)
    row = Row(one, known, samples.run(RunStatus.PAUSED), maintenance(one.id, NOW + DAY))
    text = "\n".join(row_lines(row, NOW, LINK))
    assert "⛔ 2 blockers for `1.35`, <!date^" in text
    assert "1.34 → 1.36 · ⏸️ Paused" in text
    assert f"<{LINK}|thread>" in text
    assert "Next maintenance <!date^" in text
    assert "not reachable since <!date^" in text
    assert "AWS did not &lt;answer&gt;." in text
    assert "check and plan only: it has no change_role." in text


def test_a_verdict_on_a_version_that_the_cluster_has_by_now_is_old() -> None:
    one = cluster(1)
    assert "2 blockers" not in row_lines(Row(one, facts(one, version=V36, verdict=blocked())), NOW)[1]


def test_the_board_of_nobodys_clusters_says_what_to_do_first() -> None:
    text = "\n".join(texts_of(render_home(Board(now=NOW), lambda _: None)["blocks"]))
    assert "No cluster is configured yet." in text
    assert "eks-upgrade-bot doctor" in text
    assert "Needs your approval" not in text
    assert "Upgrade a cluster" not in text, "there is none"


@pytest.mark.parametrize("number", [0, 3])
def test_a_board_says_that_clusters_are_still_looked_for(number: int) -> None:
    known = [cluster(n) for n in range(number)]
    text = "\n".join(texts_of(render_home(Board(now=NOW, clusters=known, looking=True), lambda _: None)["blocks"]))
    assert "I am still looking for clusters" in text
    assert "configured" not in text


def test_the_board_sums_up_and_names_what_waits_for_this_person() -> None:
    known = [cluster(n) for n in range(3)]
    told = [facts(known[0], -1), facts(known[1], 10), facts(known[2])]
    board = Board(now=NOW, clusters=known, facts=told, mine=[samples.run(RunStatus.AWAITING_APPROVAL)])
    view = render_home(board, lambda _: LINK)
    text = "\n".join(texts_of(view["blocks"]))
    assert "*3 clusters* · 2 need attention · $365 a month for extended support" in text
    assert "Needs your approval" in text
    assert names_on(view) == ["000", "001", "002"], "what costs already comes first"
    calm = "\n".join(
        texts_of(render_home(Board(now=NOW, clusters=known[2:], facts=told[2:]), lambda _: None)["blocks"])
    )
    assert "*1 cluster* · none needs attention" in calm


# -- over Slack -----------------------------------------------------------------------------------------------------


def test_home_is_filtered_turned_and_kept_fresh_for_those_who_opened_it(make_desk: MakeDesk) -> None:
    more = [{"name": f"more-{n:02}", "region": "eu-central-1", "account": "111122223333"} for n in range(25)]
    desk = make_desk(operations_channel="#ops", more_clusters=more)
    modals, people = desk.face.workspace.modals, desk.face.people

    def home(name: str) -> View | None:
        return modals.home(desk.face.workspace.user(name).id)

    def shows(name: str, words: str) -> bool:
        view = home(name)
        return view is not None and words in said(view)

    def act(name: str, action: str, value: str = "") -> None:
        view = home(name)
        assert view is not None
        assert people.act_in_view(name, view.id, action, value=value).ok

    people.open_home("cy")
    desk.until(lambda: shows("cy", "1 to 20 of 27"))
    act("cy", "home.page:on")
    desk.until(lambda: shows("cy", "21 to 27 of 27"))
    act("cy", "home.environment", environment_key("prod"))
    desk.until(lambda: shows("cy", "prod-eu") and not shows("cy", "more-"))
    assert shows("cy", "Nothing is under way.")
    assert desk.type("start prod-eu").ok
    desk.until(lambda: shows("cy", "Needs your approval"))
    assert not shows("cy", "more-"), "a refresh keeps the filter"
    people.open_home("ada")
    desk.until(lambda: shows("ada", "Waiting for approval"))
    assert not shows("ada", "Needs your approval"), "she asked for it"
    assert home("ben") is None, "he never opened it"
