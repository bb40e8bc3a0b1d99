"""The words of notices: whole in both languages, replaceable text by text, and harmless whatever comes in."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final, get_args

import pytest

from handlers.views.notice import render_notice, render_reply
from handlers.views.notice_facts import Also, NoticeFacts, Rest
from handlers.views.preview import preview_facts, render_preview
from handlers.views.wording import TEXTS, VARIABLES, Language, Wording, shipped, variables
from handlers.views.wording_check import mistakes
from tests.handlers import samples
from tests.handlers.samples import NOW
from tests.handlers.test_views import assert_nothing_comes_alive, assert_slack_takes, words_of
from upgrade.announcements import NoticeReply, NoticeState, ReplyKind
from upgrade.errors import NotNow
from upgrade.run import RunStatus

LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
EVIL: Final = "<!channel> <@U1> {{ 7 * 7 }} {% raw %} \u202e`*'\"&"
FULL: Final = NoticeFacts(
    state="planned",
    cluster="prod-eu",
    region="eu-central-1",
    environment="production",
    owner="S0SHOP1",
    from_version="1.34",
    to_version="1.36",
    start_at=NOW,
    goes_on_at=NOW + timedelta(hours=1),
    ends_by=NOW + timedelta(hours=6),
    minutes=(65.0, 130.0),
    windows=((NOW, NOW + timedelta(hours=2)), (NOW + timedelta(days=1), NOW + timedelta(days=1, hours=2))),
    rests=(Rest("1.35", "nodes", timedelta(hours=24), next_window=True),),
    effects=("api", "add-ons", "nodes"),
    thread="https://x.slack.com/archives/C1/p1",
    phase=2,
    phases=6,
    finished_at=NOW,
    took=timedelta(minutes=72),
    changed=True,
    missing=(("control-plane", 1), ("addon", 4), ("nodegroup", 2)),
)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_has_every_text_and_each_fits(language: Language) -> None:
    assert shipped(language).blocks.keys() == {*TEXTS, "units"}
    nothing_replaced = {"contact": "{{ self.left() }}"}  # so that all of them are tried
    assert mistakes(language, nothing_replaced) == []


def test_what_templates_are_told_they_may_ask_for_is_there_and_nothing_else() -> None:
    assert variables(FULL).keys() == VARIABLES.keys()


@pytest.mark.parametrize("state", list(NoticeState))
def test_the_chinese_notice_has_no_english_words_but_names(state: NoticeState) -> None:
    chinese, also = Wording("zh-CN"), (Also("other", "1.33", "1.34", "called-off", None),)
    facts = replace(FULL, state=state.value, also=also, environment="", owner="", thread="")
    replies = [NoticeReply(key="", kind=kind, due_at=NOW, at=NOW) for kind in ReplyKind]
    messages = [render_notice(facts, wording=chinese), *(render_reply(r, facts, wording=chinese) for r in replies)]
    for message in messages:
        assert_slack_takes(message)
        said = words_of(message).casefold()
        english = ("the ", "is ", "start", "end", "until", "none", " min", " h ", "maintenance", "undefined")
        assert [word for word in english if word in said] == []
    assert "维护：prod-eu，Kubernetes 1.34 → 1.36" in words_of(messages[0])


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_control_plane_that_stays_is_named_with_one_version(language: Language) -> None:
    said = words_of(render_notice(replace(FULL, from_version="1.36"), wording=Wording(language)))
    assert "1.36 → 1.36" not in said
    assert "Kubernetes 1.36" in said


def test_the_chinese_notice_word_for_word() -> None:
    said = words_of(render_notice(FULL, wording=Wording("zh-CN")))
    for words in (
        "大约需要 1 小时 05 分钟 - 2 小时 10 分钟。预计最晚 <!date^",
        "中途会等待：在 1.35 上等待 24 小时，并等到下一个时间窗口，然后升级节点。",
        "DNS 错误、kube-system 中的 Pod 重启、节点 NotReady",
        "联系人：<!subteam^S0SHOP1>",
        "<https://x.slack.com/archives/C1/p1|在此查看进展>",
    ):
        assert words in said
    stopped = words_of(render_notice(replace(FULL, state="stopped"), wording=Wording("zh-CN")))
    assert "，历时 1 小时 12 分钟）。升级只完成了一部分，尚未完成：1 个控制平面步骤、4 个插件、2 个节点组。" in stopped


# -- texts of the configuration ---------------------------------------------------------------------------------------


def test_a_text_is_replaced_wherever_it_is_used_and_the_others_stay() -> None:
    own = Wording("en", {"name": "{{ environment }}/{{ cluster }}", "contact": "Ask {{ owner }}\nin #eks."})
    said = words_of(render_notice(FULL, wording=own))
    assert "Maintenance: production/prod-eu" in said
    assert "Ask <!subteam^S0SHOP1> in #eks." in said
    assert "Add-ons such as network and DNS" in said
    reply = render_reply(NoticeReply(key="", kind=ReplyKind.STARTED, due_at=NOW, at=NOW), FULL, wording=own)
    assert reply.text == "🔄 The maintenance of *production/prod-eu* has started."


@pytest.mark.parametrize(
    "template",
    [
        "{{ cluster }}",
        "{{ cluster ~ ' and ' ~ owner }} {{ [cluster, start]|join(' | ') }}",
        "{% autoescape false %}{{ cluster }} {{ cluster ~ '' }}{% endautoescape %}",
        "{% set c = cluster %}{{ c }}{{ cluster[0:3] }}{{ '%s' }}{{ cluster + start }}",
        "{% filter first %}{{ cluster }}{% endfilter %} R&D",
    ],
)
def test_hostile_words_stay_words_in_any_template(template: str) -> None:
    facts = replace(FULL, cluster=EVIL, environment=EVIL, region=EVIL, owner=EVIL, from_version=EVIL, thread=EVIL)
    for wording in (Wording("en", {"state_planned": template, "contact": template}), Wording("zh-CN")):
        message = render_notice(facts, wording=wording)
        assert_slack_takes(message)
        assert_nothing_comes_alive(message)
        said = message.text + words_of(message)
        assert "\u202e" not in said
        assert "&#" not in said
        assert "49" not in said


@pytest.mark.parametrize(
    "template",
    [
        "{{ cluster.__class__ }}",
        "{{ cluster.format(1) }}",
        "{{ cluster.center(99999) }}",
        "{{ cluster * 99999 }}",
        "{{ '%9999999s' % cluster }}",
        "{{ self.state_planned() }}",
        "{% for a in cluster %}{% for b in start %}{{ start }}{% endfor %}{% endfor %}",
        "{{ 1 / 0 }}",
        "{{ windows[99].begin }}",
        "{% if false %}never{% endif %}",
        "<!here> {{ cluster }}",
        "{% include 'x' %}",
    ],
)
def test_a_template_that_fails_is_found_and_never_keeps_a_notice_from_going_out(template: str) -> None:
    (line,) = mistakes("en", {"state_planned": template})
    assert line.startswith("state_planned: ")
    said = words_of(render_notice(FULL, wording=Wording("en", {"state_planned": template})))
    assert "Starts <!date^" in said


@pytest.mark.parametrize(
    ("texts", "line"),
    [
        ({"titel": "x"}, "titel: there is no such text; did you mean title?"),
        ({"title": "{{ clustr }}"}, "title: unknown variable clustr; did you mean cluster?"),
        ({"title": "{{ cluster"}, "title: line 1: unexpected end of template, expected 'end of print statement'."),
        ({"title": "a\n{% if x"}, "title: line 2: unexpected end of template, expected 'end of statement block'."),
        ({"title": "{{ cluster|safe }}"}, "title: line 1: No filter named 'safe'."),
        ({"title": "{{ range(3) }}"}, "title: unknown variable range; did you mean changed?"),
        ({"title": "{{ start }}"}, "title: is plain text: no times, links or mentions in it"),
        ({"title": "{{ cluster }} {{ cluster }}"}, "title: becomes 201 characters long; at most 150 fit"),
        ({"title": " "}, "title: is empty"),
        ({"rests": "{% for one in rests %}{{ one.versoin }}{% endfor %}"}, "rests: cannot be filled in: "),
        ({"effects": "x" * 1501}, "effects: becomes 1501 characters long; at most 1500 fit"),
        ({"name": "{{ self.title() }}"}, "name: cannot be filled in: maximum recursion depth exceeded"),
        ({"contact": "<!channel>"}, "contact: calls everybody; that is for mention_here of the environment to say"),
    ],
)
def test_what_is_wrong_with_a_text_is_one_clear_line(texts: dict[str, str], line: str) -> None:
    (found,) = mistakes("en", texts)
    assert found.startswith(line)


# -- the preview ------------------------------------------------------------------------------------------------------


def test_the_preview_shows_the_notice_as_it_will_be_before_a_start_is_set() -> None:
    wanted = NOW + timedelta(days=2)
    run = samples.run(RunStatus.AWAITING_APPROVAL, start_at=None, scheduled_at=None, started_at=None, wanted_at=wanted)
    facts = preview_facts(run, NOW, environment="production", owner="S0SHOP1")
    shown = render_preview(facts, NOW, here=True)
    assert_slack_takes(shown)
    said = words_of(shown)
    assert f"Starts <!date^{int(wanted.timestamp())}^" in said
    assert "<!here>" not in said
    assert "would be called" in said
    assert said.count("The maintenance of") + said.count("the maintenance of") == len(ReplyKind)
    assert "nothing was announced" in said
    with pytest.raises(NotNow, match="no plan yet"):
        preview_facts(run.model_copy(update={"plan": None}), NOW, environment=None, owner=None)
