"""Everything that the bot sends is drawn, and nothing that anybody sends comes alive."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from slack_bolt import App
from slack_sdk import WebClient

from handlers.views.final import render_final
from handlers.views.kit import Message
from handlers.views.run import render_run
from tests.browser.conftest import Open, opens
from tests.handlers import samples
from tests.sandbox.page.playground import HOSTILE, OPS, Playground
from tests.sandbox.slack.conftest import Connect, actions, button, modal, plain, section
from upgrade.run import RunStatus

pytestmark = pytest.mark.browser

RICH = {
    "type": "rich_text",
    "elements": [
        {"type": "rich_text_section", "elements": [{"type": "text", "text": "bold", "style": {"bold": True}}]},
        {
            "type": "rich_text_list",
            "style": "ordered",
            "elements": [{"type": "rich_text_section", "elements": [{"type": "user", "user_id": "U0BEN"}]}],
        },
        {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "kubectl get nodes"}]},
        {"type": "rich_text_quote", "elements": [{"type": "emoji", "name": "tada"}]},
    ],
}
DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
TASK = {"type": "task_card", "task_id": "t1", "title": "Drain core", "status": "in_progress"}
EVERY_BLOCK: list[dict[str, Any]] = [
    {"type": "header", "text": plain("A header")},
    section("A *section*", fields=[plain("left"), plain("right")], accessory=button("press")),
    {"type": "context", "elements": [{"type": "mrkdwn", "text": "a _context_"}]},
    {"type": "divider"},
    actions(button("one"), button("two", style="danger")),
    {"type": "input", "label": plain("An input"), "element": {"type": "plain_text_input", "action_id": "typed"}},
    {"type": "image", "alt_text": "a picture of nodes", "image_url": "https://example.com/nodes.png"},
    RICH,
    {"type": "markdown", "text": "# Title\n\n- **item**\n\n[a link](https://example.com)"},
    {
        "type": "table",
        "rows": [[{"type": "raw_text", "text": "Phase"}], [{"type": "raw_text", "text": "Nodes to 1.36"}]],
    },
    {"type": "plan", "title": "The plan", "tasks": [TASK]},
    {"type": "alert", "level": "warning", "text": plain("Watch out")},
]

# What is typed, and what becomes of it: the outer HTML of the nodes that were built.
MRKDWN = {
    "*bold* _it_ ~gone~ `code`": '<strong>bold</strong> <em>it</em> <s>gone</s> <code class="whole">code</code>',
    "*_both_*": "<strong><em>both</em></strong>",
    "2 * 3 * 4 and snake_case_name": "2 * 3 * 4 and snake_case_name",
    "*open": "*open",
    "`*not bold*`": '<code class="whole">*not bold*</code>',
    "a\nb": "a<br>b",
    "&gt; quoted\nafter": "<blockquote>quoted</blockquote>after",
    "```\nx &lt; y\n```": '<pre class="code-block">x &lt; y</pre>',
    "&lt;b&gt; &amp;amp;": "&lt;b&gt; &amp;amp;",
    "<@U0ANA>": '<span class="mention me">@Ana Ortiz</span>',
    "<@U0BEN>": '<span class="mention">@Ben Fischer</span>',
    "<!subteam^S0OPERATORS>": '<span class="mention me">@operators</span>',
    "<!here>": '<span class="mention me">@here</span>',
    "<javascript:alert(1)|click>": "&lt;javascript:alert(1)|click&gt;",
    "<https://example.com/?a=1&amp;b=2|there>": (
        '<a href="https://example.com/?a=1&amp;b=2" target="_blank" rel="noopener noreferrer">there</a>'
    ),
    "see https://example.com/x.": (
        'see <a href="https://example.com/x" target="_blank" rel="noopener noreferrer">https://example.com/x</a>.'
    ),
    ":no_such_emoji: 10:30:45": ":no_such_emoji: 10:30:45",
    "<>": "&lt;&gt;",
    "": "",
}


def post(web: WebClient, message: Message) -> None:
    web.chat_postMessage(channel=OPS, **message.as_arguments(cards=True))


def test_mrkdwn_becomes_what_slack_makes_of_it(page: Page) -> None:
    drawn = page.evaluate(
        """async (texts) => {
            const { mrkdwn } = await import("/static/mrkdwn.js");
            return texts.map((text) => {
                const box = document.createElement("div");
                box.append(...mrkdwn(text));
                return box.innerHTML;
            });
        }""",
        list(MRKDWN),
    )
    assert dict(zip(MRKDWN, drawn, strict=True)) == MRKDWN


def test_every_kind_of_block_is_drawn(page: Page, web: WebClient) -> None:
    web.chat_postMessage(channel=OPS, text="all", blocks=EVERY_BLOCK)
    message = page.locator("article")
    expect(message.locator(".block")).to_have_count(len(EVERY_BLOCK))
    expect(message.locator(".unknown-block")).to_have_count(0)
    for words in ("A header", "A section", "right", "a context", "An input", "a picture of nodes", "@Ben Fischer"):
        expect(message).to_contain_text(words)
    for words in ("kubectl get nodes", "item", "Nodes to 1.36", "Drain core", "Watch out"):
        expect(message).to_contain_text(words)
    expect(message.locator("img")).to_have_count(0)
    expect(message.get_by_role("link", name="a link")).to_have_attribute("rel", "noopener noreferrer")


@pytest.mark.parametrize("status", [RunStatus.AWAITING_APPROVAL, RunStatus.RUNNING, RunStatus.BLOCKED])
def test_the_bots_own_run_message_is_drawn_whole(page: Page, web: WebClient, status: RunStatus) -> None:
    post(web, render_run(samples.run(status), []))
    message = page.locator("article")
    expect(message).to_contain_text("prod-eu: Kubernetes 1.34 → 1.36")
    expect(message.locator(".unknown-block, .emoji-text")).to_have_count(0)
    assert message.get_by_role("button").count() >= 2


@pytest.mark.parametrize("width", [1280, 375])
def test_the_phases_of_a_run_are_a_check_list_that_fits(
    browse: Open, ground: Playground, web: WebClient, width: int
) -> None:
    post(web, render_run(samples.run(), []))
    plan = browse(ground, width=width).get_by_role("group", name="2 of 6 phases done")
    tasks = plan.get_by_role("listitem")
    expect(tasks).to_have_count(6)
    marks = ["complete", "complete", "in progress", "pending", "pending", "pending"]
    assert [mark.get_attribute("aria-label") for mark in tasks.locator(".task-mark").all()] == marks
    expect(tasks.nth(5).locator("code").first).to_have_text("1.36.1-20261110")
    assert plan.evaluate("node => node.scrollWidth <= node.clientWidth")


def test_the_bots_last_message_has_its_table(page: Page, web: WebClient) -> None:
    post(web, render_final(samples.run(RunStatus.SUCCEEDED), [], {}))
    expect(page.locator("article table tbody tr")).not_to_have_count(0)
    expect(page.locator("article .unknown-block")).to_have_count(0)


def test_hostile_words_stay_words(page: Page, ground: Playground, app: App, connect: Connect) -> None:
    escaped = HOSTILE.replace("<", "&lt;").replace(">", "&gt;")
    short = "<img src=x onerror=a()>"
    evil = modal(section(escaped), {"type": "header", "text": plain(HOSTILE)}, title=plain(short))
    app.action(short)(opens(evil))
    connect(ground.slack, app)
    ground.slack.people.post_message("mallory", OPS, f"{HOSTILE} <javascript:alert(1)|x> javascript:alert(1)")
    app.client.chat_postMessage(
        channel=OPS,
        text=HOSTILE,
        blocks=[
            {"type": "header", "text": plain(HOSTILE)},
            section(escaped),
            {"type": "markdown", "text": f"{HOSTILE} [x](javascript:window.pwned=1)"},
            {"type": "table", "rows": [[{"type": "raw_text", "text": HOSTILE}]]},
            {"type": "image", "alt_text": HOSTILE, "image_url": "https://example.com/a.png"},
            actions(button(short), {**button("link", url="javascript:window.pwned=1")}),
        ],
    )
    expect(page.locator("article")).to_have_count(2)
    expect(page.locator("article").first.locator(".author")).to_have_text(HOSTILE)
    expect(page.locator("article .block-header")).to_have_text(HOSTILE)
    page.get_by_role("button", name=short).click()
    expect(page.get_by_role("dialog")).to_contain_text(HOSTILE)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="link", exact=True).click()
    assert page.locator("img, article script, a[href^='javascript']").count() == 0
    assert page.evaluate("window.pwned") is None


def test_a_picture_is_shown_and_a_report_opens_shut_in(page: Page, web: WebClient) -> None:
    web.files_upload_v2(channel=OPS, filename="a.png", title="The timeline", content=DOT, alt_txt="Two phases")
    picture = page.get_by_role("img", name="Two phases")
    expect(picture).to_have_js_property("naturalWidth", 1)
    probe = """<title>waits</title><script>
        window.opener?.document.title;
        fetch("/api/people").then(() => "let in", () => "refused").then((said) => {
            let cookies = "let in";
            try { document.cookie; } catch { cookies = "refused"; }
            document.title = `${window.origin} ${said} ${cookies}`;
        });
    </script><script src="/static/app.js"></script>"""
    web.files_upload_v2(channel=OPS, filename="<b>report.html", content=probe)
    with page.expect_popup() as opened:
        page.get_by_role("link", name="<b>report.html").click()
    expect(opened.value).to_have_title("null refused refused")
    assert page.evaluate("window.pwned") is None


def hostile(value: Any) -> Any:
    """The same with hostile names in place of the world's."""
    if isinstance(value, dict):
        return {key: hostile(item) for key, item in value.items()}
    if isinstance(value, list):
        return [hostile(item) for item in value]
    return HOSTILE if value in ("c", "core", "coredns", "prod", "shop", "IAM denies an action") else value


def test_a_cluster_with_hostile_names_stays_words(browse: Open, ground: Playground) -> None:
    with ground.events(**{"as": "U0ANA"}) as stream:
        stream.next("log")
        events = [(name, hostile(json.loads(data))) for name, data in stream.seen]
    body = "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in events)
    page = browse(ground, stream=body)
    expect(page.locator(".cluster-title h2")).to_have_text(HOSTILE)
    expect(page.locator(".cluster-title .chip")).to_have_text(HOSTILE)
    expect(page.locator(".addon", has_text=HOSTILE)).to_be_visible()
    expect(page.locator(".group", has_text=HOSTILE)).to_be_visible()
    expect(page.locator(".budget", has_text=HOSTILE)).to_have_count(2)
    page.get_by_role("tab", name="Faults").click()
    expect(page.locator(".offer", has_text=HOSTILE)).not_to_have_count(0)
    assert page.locator("#stage img, #stage script").count() == 0
    assert page.evaluate("window.pwned") is None
