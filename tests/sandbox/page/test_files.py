"""A shared file opens from its message, and nothing in it reaches the page."""

from __future__ import annotations

import pytest
from slack_sdk import WebClient

from tests.sandbox.page.playground import HOSTILE, OPS, Playground


def share(ground: Playground, name: str, content: str, *, title: str | None = None, alt: str | None = None) -> str:
    """Shares a file in a channel as the bot does; gives its id."""
    web = WebClient(token=ground.slack.app.bot_token, base_url=ground.slack.api_url)
    answer = web.files_upload_v2(channel=OPS, filename=name, content=content, title=title, alt_txt=alt)
    return str(answer["files"][0]["id"])


def test_a_message_tells_name_kind_and_size_of_its_file(ground: Playground) -> None:
    with ground.events(**{"as": "U0ANA"}) as stream:
        stream.next("hello")
        file_id = share(ground, "a.png", "1234", title="The timeline", alt="Two phases")
        [message] = stream.next("messages")
    assert message["files"] == [
        {"id": file_id, "name": "a.png", "title": "The timeline", "alt": "Two phases", "kind": "image", "size": 4}
    ]


def test_a_page_is_shut_in_with_its_own_script(ground: Playground) -> None:
    file_id = share(ground, "report.html", f"<p>é {HOSTILE}")
    status, headers, text = ground.request("GET", f"/api/files/{file_id}")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert text == f"<p>é {HOSTILE}"
    assert headers["Content-Disposition"].startswith("inline;")
    rules = headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", "script-src 'unsafe-inline'"} <= set(rules)
    [shut_in] = [rule.split() for rule in rules if rule.startswith("sandbox")]
    assert "allow-scripts" in shut_in
    assert "allow-same-origin" not in shut_in, "with the page's origin it could drive the control API"
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("name", "type_", "disposition"),
    [
        ("picture.PNG", "image/png", "inline"),
        ("pack.json", "text/plain; charset=utf-8", "attachment"),
        ("drawing.svg", "text/plain; charset=utf-8", "attachment"),
        ("noending", "text/plain; charset=utf-8", "attachment"),
    ],
)
def test_other_kinds_are_an_image_or_a_download(ground: Playground, name: str, type_: str, disposition: str) -> None:
    _, headers, text = ground.request("GET", f"/api/files/{share(ground, name, HOSTILE)}")
    assert (headers["Content-Type"], text) == (type_, HOSTILE)
    assert headers["Content-Disposition"] == f"{disposition}; filename*=UTF-8''{name}"
    assert "unsafe" not in headers["Content-Security-Policy"]


def test_a_name_does_not_end_its_header(ground: Playground) -> None:
    file_id = share(ground, 'a"; b\r\nX-Evil: 1.csv', "x")
    headers = ground.request("GET", f"/api/files/{file_id}")[1]
    assert headers["Content-Disposition"] == "attachment; filename*=UTF-8''a%22%3B%20b%0D%0AX-Evil%3A%201.csv"
    assert "X-Evil" not in headers


def test_a_file_that_was_not_shared_is_not_there(ground: Playground) -> None:
    web = WebClient(token=ground.slack.app.bot_token, base_url=ground.slack.api_url)
    begun = web.files_getUploadURLExternal(filename="a.html", length=1)["file_id"]
    for file_id in (begun, "F0NOWHERE", "..%2Fserver.py"):
        assert ground.request("GET", f"/api/files/{file_id}")[0] == 404


def test_a_foreign_page_opens_no_file(ground: Playground) -> None:
    file_id = share(ground, "report.html", "x")
    assert ground.request("GET", f"/api/files/{file_id}", headers={"Sec-Fetch-Site": "cross-site"})[0] == 403
