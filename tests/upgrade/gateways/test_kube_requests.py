"""Requests to an API server over TLS: trust, tokens, patience, pages."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.upgrade.gateways.kube_stub import (
    RESET,
    Answer,
    Asked,
    Authority,
    KubeStub,
    Make,
    Tokens,
    serving_tls,
    status,
)
from upgrade.errors import NotFound, NotPermitted, PermanentError, TemporaryError
from upgrade.gateways.kube import api, connection
from upgrade.gateways.kube.connection import Endpoint
from upgrade.gateways.kube.tokens import TokenCache

NODES = "/api/v1/nodes"


def named(*names: str) -> list[dict[str, object]]:
    return [{"metadata": {"name": name}} for name in names]


# -- trust --------------------------------------------------------------------------------------------------------


def test_an_authority_without_key_identifiers_is_trusted(make: Make, kube_stub: KubeStub) -> None:
    kube_stub.on_list(NODES, *named("a"))
    assert [node.name for node in make().nodes()] == ["a"]


def test_verification_is_never_off(kube_stub: KubeStub, authority: Authority) -> None:
    made = connection.Connection("prod", Endpoint(kube_stub.url, authority.data))
    context = made._api.rest_client.pool_manager.connection_pool_kw["ssl_context"]
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert not context.verify_flags & ssl.VERIFY_X509_STRICT
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_a_server_of_another_authority_is_refused_and_sees_no_token(
    make: Make, kube_stub: KubeStub, tmp_path: Path
) -> None:
    other = Authority(tmp_path)
    with pytest.raises(PermanentError, match="TLS") as caught:
        make(Endpoint(kube_stub.url, other.data)).nodes()
    assert caught.value.code == "TLS"
    assert not kube_stub.asked


def test_a_certificate_for_another_host_is_refused(make: Make, tmp_path: Path) -> None:
    elsewhere = Authority(tmp_path, host="127.0.0.2")
    with serving_tls(KubeStub(), elsewhere) as stub, pytest.raises(PermanentError, match="TLS"):
        make(Endpoint(stub.url, elsewhere.data)).nodes()


def test_a_changed_authority_is_learned_from_eks(
    make: Make, kube_stub: KubeStub, authority: Authority, tmp_path: Path
) -> None:
    kube_stub.on_list(NODES, *named("a"))
    kube = make(Endpoint(kube_stub.url, Authority(tmp_path).data), Endpoint(kube_stub.url, authority.data))
    assert len(kube.nodes()) == 1


def test_a_moved_endpoint_is_learned_from_eks(make: Make, kube_stub: KubeStub, authority: Authority) -> None:
    kube_stub.on_list(NODES, *named("a"))
    kube = make(Endpoint(f"https://127.0.0.1:{closed_port()}", authority.data), Endpoint(kube_stub.url, authority.data))
    assert len(kube.nodes()) == 1


@pytest.mark.parametrize(
    ("endpoint", "said"),
    [
        (Endpoint("http://127.0.0.1:1", "eA=="), "no https endpoint"),
        (Endpoint("", "eA=="), "no https endpoint"),
        (Endpoint("https://127.0.0.1:1", "not base64!"), "is not a certificate"),
        (Endpoint("https://127.0.0.1:1", "bm8="), "is not a certificate"),
        (Endpoint("https://127.0.0.1:1", ""), "is not a certificate"),
    ],
)
def test_an_endpoint_that_makes_no_sense_is_refused(make: Make, endpoint: Endpoint, said: str) -> None:
    with pytest.raises(PermanentError, match=said):
        make(endpoint).nodes()


# -- nobody there ---------------------------------------------------------------------------------------------------


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        return int(held.getsockname()[1])


def test_when_nobody_has_answered_the_next_question_is_tried_once_until_somebody_does(
    make: Make, kube_stub: KubeStub
) -> None:
    kube = make()
    kube_stub.on(NODES, RESET)
    tries = []
    for _ in range(2):
        before = len(kube_stub.asked)
        with pytest.raises(TemporaryError):
            kube.nodes()
        tries.append(len(kube_stub.asked) - before)
    assert tries == [4, 1]
    kube_stub.on_list("/api/v1/namespaces")
    kube.namespaces()
    kube_stub.on(NODES, RESET, RESET, {"items": []})
    assert kube.nodes() == ()


def test_a_refused_connection_is_told_as_such(make: Make, authority: Authority) -> None:
    with pytest.raises(TemporaryError, match="Connection: "):
        make(Endpoint(f"https://127.0.0.1:{closed_port()}", authority.data)).nodes()


def test_a_name_that_does_not_resolve_is_told_as_such(make: Make, authority: Authority) -> None:
    with pytest.raises(TemporaryError, match="DNS: ") as caught:
        make(Endpoint("https://no-such-cluster.invalid", authority.data)).nodes()
    assert "VPC" in caught.value.hint


def test_silence_is_told_as_a_timeout(make: Make, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "READ_SECONDS", 0.05)
    monkeypatch.setattr(connection, "CONNECT_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        where = Endpoint(f"https://127.0.0.1:{silent.getsockname()[1]}", authority.data)
        with pytest.raises(TemporaryError, match="Timeout: "):
            make(where).nodes()


def test_something_that_speaks_no_tls_is_told_as_such(make: Make, authority: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def babble() -> None:
            while True:
                try:
                    peer, _ = server.accept()
                except OSError:
                    return
                with peer:
                    peer.sendall(b"SSH-2.0-OpenSSH\r\n" * 10)

        thread = threading.Thread(target=babble, daemon=True)
        thread.start()
        with pytest.raises(TemporaryError, match="TLS: "):
            make(Endpoint(f"https://127.0.0.1:{server.getsockname()[1]}", authority.data)).nodes()
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


# -- tokens ---------------------------------------------------------------------------------------------------------


def test_a_refused_token_is_renewed_and_the_request_made_again(make: Make, kube_stub: KubeStub) -> None:
    said = "the server has asked for the client to provide credentials"
    kube_stub.on(NODES, status(401, "Unauthorized", said), {"items": named("a")})
    assert len(make().nodes()) == 1
    assert [asked.token for asked in kube_stub.asked] == ["t-1", "t-2"]


def test_a_bot_that_is_not_let_in_is_told_so(make: Make, kube_stub: KubeStub) -> None:
    kube_stub.on(NODES, status(401, "Unauthorized", "Unauthorized"))
    with pytest.raises(NotPermitted) as caught:
        make().nodes()
    assert (caught.value.code, caught.value.permission) == ("Unauthorized", None)
    assert "access entry" in caught.value.hint
    assert 2 <= len(kube_stub.asked) <= 4


REFUSED = status(401, "Unauthorized", "Unauthorized")


def test_one_look_finds_out_once_that_the_bot_is_not_let_in(make: Make, kube_stub: KubeStub) -> None:
    kube_stub.on_everything(REFUSED)
    kube = make()
    looking = kube.for_one_look()
    for _ in range(2):
        for read in (looking.nodes, looking.namespaces):
            with pytest.raises(NotPermitted, match="401") as looked:
                read()
    assert len(kube_stub.asked) == 4
    with pytest.raises(NotPermitted) as patient:
        kube.namespaces()
    assert len(kube_stub.calls("/api/v1/namespaces")) == 4, "who does not look is as patient as ever (C-16)"
    assert str(looked.value) == str(patient.value)


def test_reads_of_one_look_that_are_refused_together_wait_for_the_one_that_finds_out(
    make: Make, kube_stub: KubeStub
) -> None:
    together = threading.Barrier(5)

    def refused_together(_: Asked) -> Answer:
        together.wait(60)
        return REFUSED

    kube_stub.on(NODES, *[refused_together] * 5, REFUSED)
    looking = make().for_one_look()
    with ThreadPoolExecutor(5) as pool:
        refusals = [reading.exception() for reading in [pool.submit(looking.nodes) for _ in range(5)]]
    assert [isinstance(refusal, NotPermitted) for refusal in refusals] == [True] * 5
    assert len(kube_stub.asked) == 5 + 3


def test_a_refusal_that_passes_hides_nothing_from_a_look(make: Make, kube_stub: KubeStub) -> None:
    kube_stub.on(NODES, REFUSED, REFUSED, {"items": named("a")})
    kube_stub.on("/api/v1/namespaces", REFUSED, {"items": named("shop")})
    looking = make().for_one_look()
    assert len(looking.nodes()) == len(looking.namespaces()) == 1


def test_the_next_look_finds_out_for_itself(make: Make, kube_stub: KubeStub) -> None:
    kube_stub.on(NODES, *[REFUSED] * 4, {"items": named("a")})
    kube = make()
    with pytest.raises(NotPermitted):
        kube.for_one_look().nodes()
    assert len(kube.for_one_look().nodes()) == 1


def test_a_token_is_used_until_it_is_ten_minutes_old(make: Make, kube_stub: KubeStub) -> None:
    now = [1000.0]
    tokens = Tokens()
    cache = TokenCache(tokens, lambda: now[0])
    assert cache.token() == "t-1"
    now[0] += 599
    assert cache.token() == "t-1"
    now[0] += 2
    assert cache.token() == "t-2"


def test_a_token_that_another_thread_has_renewed_is_kept() -> None:
    cache = TokenCache(Tokens())
    first = cache.token()
    cache.forget(first)
    second = cache.token()
    cache.forget(first)
    assert cache.token() == second


def test_requests_share_a_token_and_a_connection(make: Make, kube_stub: KubeStub) -> None:
    kube_stub.on_list(NODES)
    tokens = Tokens()
    kube = make(tokens=tokens)
    for _ in range(5):
        kube.nodes()
    assert tokens.made == 1
    assert len({asked.peer for asked in kube_stub.asked}) == 1


def test_an_idle_connection_is_not_used_again(make: Make, kube_stub: KubeStub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "IDLE_SECONDS", -1.0)
    kube_stub.on_list(NODES)
    kube = make()
    kube.nodes()
    kube.nodes()
    assert len({asked.peer for asked in kube_stub.asked}) == 2


# -- patience -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", [RESET, status(503, "ServiceUnavailable"), status(500, "InternalError")])
def test_what_passes_by_itself_is_tried_again(make: Make, kube_stub: KubeStub, failure: Answer) -> None:
    kube_stub.on(NODES, failure, failure, {"items": named("a")})
    assert len(make().nodes()) == 1


@pytest.mark.parametrize("failure", [RESET, status(503, "ServiceUnavailable"), status(429, "TooManyRequests")])
def test_what_does_not_pass_is_temporary_after_a_few_tries(make: Make, kube_stub: KubeStub, failure: Answer) -> None:
    kube_stub.on(NODES, failure)
    with pytest.raises(TemporaryError):
        make().nodes()
    assert len(kube_stub.asked) == 4


def test_retry_after_is_waited_for(make: Make, kube_stub: KubeStub, monkeypatch: pytest.MonkeyPatch) -> None:
    kube_stub.on(NODES, status(429, "TooManyRequests", Retry_After="1"), {"items": named("a")})
    slept: list[float] = []
    kube = make()
    monkeypatch.setattr(kube._api._line, "_closed", Waited(slept))
    assert len(kube.nodes()) == 1
    assert slept == [1.0]


class Waited(threading.Event):
    """Notes how long somebody wanted to wait."""

    def __init__(self, slept: list[float]) -> None:
        super().__init__()
        self._slept = slept

    def wait(self, timeout: float | None = None) -> bool:
        self._slept.append(timeout or 0.0)
        return False


def test_a_long_retry_after_is_left_to_the_caller(
    make: Make, kube_stub: KubeStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    kube_stub.on(NODES, status(429, "TooManyRequests", Retry_After="20"))
    kube = make()
    monkeypatch.setattr(kube._api._line, "_closed", Waited([]))
    with pytest.raises(TemporaryError) as caught:
        kube.nodes()
    assert caught.value.retry_after_seconds == 20
    assert len(kube_stub.asked) == 1


def test_closing_ends_the_wait_between_tries(make: Make, kube_stub: KubeStub) -> None:
    kube_stub.on(NODES, status(429, "TooManyRequests", Retry_After="9"))
    kube = make()
    threading.Timer(0.05, kube.close).start()
    with pytest.raises(TemporaryError):
        kube.nodes()
    assert len(kube_stub.asked) == 1


def test_a_forbidden_request_names_the_verb_and_the_resource(make: Make, kube_stub: KubeStub) -> None:
    said = 'nodes is forbidden: User "bot" cannot list resource "nodes"'
    kube_stub.on(NODES, status(403, "Forbidden", said))
    with pytest.raises(NotPermitted, match="cannot list resource") as caught:
        make().nodes()
    assert (caught.value.code, caught.value.permission) == ("Forbidden", "list nodes")
    assert len(kube_stub.asked) == 1


def test_what_does_not_exist_is_not_found(make: Make, kube_stub: KubeStub) -> None:
    with pytest.raises(NotFound):
        make().csi_nodes()
    assert len(kube_stub.asked) == 1


def test_a_redirect_is_not_followed_with_the_token(make: Make, kube_stub: KubeStub) -> None:
    kube_stub.on(NODES, Answer({}, 302, {"Location": f"{kube_stub.url}/elsewhere"}))
    with pytest.raises(PermanentError, match="302"):
        make().nodes()
    assert not kube_stub.calls("/elsewhere")


@pytest.mark.parametrize("body", ["<html>", "{}", '{"items": [{"metadata": {}}]}', '{"items": 3}'])
def test_an_answer_that_makes_no_sense_is_ours_too(make: Make, kube_stub: KubeStub, body: str) -> None:
    kube_stub.on(NODES, Answer(body))
    with pytest.raises(PermanentError, match="does not understand"):
        make().nodes()


# -- pages ----------------------------------------------------------------------------------------------------------


def paged(*pages: list[dict[str, object]]) -> Callable[[Asked], Answer]:
    def answer(asked: Asked) -> Answer:
        at = int(asked.query.get("continue", ["0"])[0])
        more = {"continue": str(at + 1)} if at + 1 < len(pages) else {}
        return Answer({"items": pages[at], "metadata": more})

    return answer


def test_a_list_is_read_page_by_page(make: Make, kube_stub: KubeStub) -> None:
    kube_stub.on(NODES, paged(named("a", "b"), named("c"), named("d")))
    assert [node.name for node in make().nodes()] == ["a", "b", "c", "d"]
    assert [asked.query["limit"] for asked in kube_stub.asked] == [["500"]] * 3


def test_a_list_of_nothing_is_empty(make: Make, kube_stub: KubeStub) -> None:
    kube_stub.on(NODES, {"items": [], "metadata": {}}, {"items": None, "metadata": {}})
    kube = make()
    assert (kube.nodes(), kube.nodes()) == ((), ())


def test_a_list_whose_token_expired_is_read_again_from_its_start(make: Make, kube_stub: KubeStub) -> None:
    pages = paged(named("a"), named("b"))
    kube_stub.on(NODES, pages, status(410, "Expired", "too old"), pages)
    assert [node.name for node in make().nodes()] == ["a", "b"]
    assert ["continue" in asked.query for asked in kube_stub.asked] == [False, True, False, True]


def test_a_list_that_always_changes_is_temporary(make: Make, kube_stub: KubeStub) -> None:
    kube_stub.on(NODES, status(410, "Expired", "too old"))
    with pytest.raises(TemporaryError, match="changed faster"):
        make().nodes()
    assert len(kube_stub.asked) == api._LISTS


# -- health ---------------------------------------------------------------------------------------------------------


def test_readyz_answers_yes_or_no_at_once(make: Make, kube_stub: KubeStub) -> None:
    kube_stub.on("/readyz", Answer("ok"), Answer("etcd failed", 500))
    kube = make()
    assert [kube.ready(), kube.ready()] == [True, False]
    assert len(kube_stub.asked) == 2


def test_readyz_with_nobody_there_is_temporary(make: Make, authority: Authority) -> None:
    with pytest.raises(TemporaryError):
        make(Endpoint(f"https://127.0.0.1:{closed_port()}", authority.data)).ready()
