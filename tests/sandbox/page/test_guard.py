"""The control API takes orders from its own page only."""

from __future__ import annotations

import socket

import pytest

from sandbox.page.server import Page
from tests.patience import LONGEST
from tests.sandbox.page.playground import Playground

PATHS = ("/", "/api/people", "/api/events", "/static/app.js")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1:1", "127.0.0.1", "[::1]:{port}", ""]
)
def test_a_name_that_was_rebound_to_loopback_is_refused(ground: Playground, path: str, host: str) -> None:
    status, _, text = ground.request("GET", path, headers={"Host": host.format(port=ground.port)})
    assert status == 403
    assert "workspace" not in text


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_its_own_names_are_served(ground: Playground, name: str) -> None:
    for path in ("/", "/api/people", "/static/app.js"):
        assert ground.request("GET", path, headers={"Host": f"{name}:{ground.port}"})[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "https://127.0.0.1:{port}"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
    ],
)
def test_a_foreign_page_cannot_switch_anything(ground: Playground, headers: dict[str, str]) -> None:
    sent = {"Content-Type": "application/json"} | {
        name: value.format(port=ground.port) for name, value in headers.items()
    }
    status, _, _ = ground.request("POST", "/api/slack/outage", {"down": True}, sent)
    assert status == 403
    assert ground.slack.faults.outage is False


def test_a_foreign_page_cannot_listen(ground: Playground) -> None:
    assert ground.request("GET", "/api/events", headers={"Origin": "https://evil.example"})[0] == 403
    assert ground.request("GET", "/api/events", headers={"Sec-Fetch-Site": "cross-site"})[0] == 403


def test_no_answer_lets_other_sites_read_it(ground: Playground) -> None:
    _, headers, _ = ground.request("GET", "/api/people")
    assert not [name for name in headers if name.lower().startswith("access-control-")]


@pytest.mark.parametrize("path", [*PATHS[:2], PATHS[3], "/nowhere"])
def test_every_answer_forbids_inline_and_foreign_scripts(ground: Playground, path: str) -> None:
    policy = ground.request("GET", path)[1]["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "require-trusted-types-for 'script'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


@pytest.mark.parametrize(
    "path", ["/static/../server.py", "/static/%2e%2e/server.py", "/static//etc/passwd", "/static/"]
)
def test_only_the_pages_own_files_are_served(ground: Playground, path: str) -> None:
    assert ground.request("GET", path)[0] in (403, 404)


def test_only_one_loopback_address_listens(ground: Playground) -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", ground.port), timeout=LONGEST)


def test_a_taken_port_is_told(ground: Playground) -> None:
    with pytest.raises(OSError, match="address already in use"):
        Page(ground.stage, None, ground.port).start()


def test_permalinks_lead_to_the_page(ground: Playground) -> None:
    message = ground.slack.people.post_message("ana", "platform-ops", "hello")
    link = ground.slack.workspace.permalink(message)
    assert link.startswith(ground.page.address)
    status, headers, _ = ground.request("GET", link.removeprefix(ground.page.address.rstrip("/")))
    assert (status, headers["Content-Type"]) == (200, "text/html")
