"""How a cluster's API is reached: through an HTTPS proxy, or not at all."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest
from pydantic import ValidationError

from bot.config import ClusterSettings
from tests.upgrade.gateways.kube_stub import Authority, KubeStub, Make
from upgrade.errors import FactUnknown, TemporaryError
from upgrade.gateways.kube.connection import Endpoint
from upgrade.gateways.kube.unreached import UnreachedKubeGateway
from upgrade.gateways.reach import AwsOnly, Direct, Proxy, Reach


@contextmanager
def tunnel(answers: bytes = b"HTTP/1.1 200 Connection established\r\n\r\n") -> Iterator[tuple[str, list[str]]]:
    """A proxy that does CONNECT and nothing else; its address, and what was asked of it."""
    asked: list[str] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                inside, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=carry, args=(inside,), daemon=True).start()

    def carry(inside: socket.socket) -> None:
        with closing(inside):
            head = inside.recv(65536).decode()
            asked.append(head.splitlines()[0])
            inside.sendall(answers)
            if b" 200 " not in answers:
                return
            host, port = head.split()[1].rsplit(":", 1)
            with closing(socket.create_connection((host, int(port)), 30)) as outside:
                pairs = {inside: outside, outside: inside}
                while True:
                    for one in select.select(list(pairs), [], [], 30)[0]:
                        data = one.recv(65536)
                        if not data:
                            return
                        pairs[one].sendall(data)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", asked
    finally:
        listener.close()


def test_a_cluster_is_reached_through_the_proxy(make: Make, kube_stub: KubeStub, authority: Authority) -> None:
    kube_stub.on_list("/api/v1/namespaces", {"metadata": {"name": "shop"}})
    with tunnel() as (address, asked):
        kube = make(Endpoint(kube_stub.url, authority.data, proxy=address))
        assert [one.name for one in kube.namespaces()] == ["shop"]
    ((method, where, _),) = [line.split() for line in asked]
    assert (method, where) == ("CONNECT", kube_stub.url.removeprefix("https://"))


def test_a_proxy_that_refuses_is_told_from_a_cluster_that_does(
    make: Make, kube_stub: KubeStub, authority: Authority
) -> None:
    with tunnel(b"HTTP/1.1 403 Forbidden\r\n\r\n") as (address, _):
        kube = make(Endpoint(kube_stub.url, authority.data, proxy=address))
        with pytest.raises(TemporaryError, match="through the proxy") as caught:
            kube.ready()
    assert caught.value.code == "Proxy"


def test_a_cluster_that_is_not_asked_says_so_of_everything() -> None:
    kube = UnreachedKubeGateway()
    asks: tuple[Callable[[], object], ...] = (
        kube.nodes,
        kube.pods,
        kube.served_apis,
        lambda: kube.denied([("list", "pods")]),
    )
    for ask in asks:
        with pytest.raises(FactUnknown, match="aws-only") as caught:
            ask()
        assert caught.value.chosen


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("direct", Direct()),
        ("aws-only", AwsOnly()),
        ({"proxy": "https://proxy.example:3128"}, Proxy(proxy="https://proxy.example:3128")),
    ],
)
def test_the_configuration_says_how(written: object, meant: Reach) -> None:
    cluster = {"name": "prod", "region": "eu-central-1", "account": "111122223333"}
    assert ClusterSettings.model_validate(cluster | {"reach": written}).reach == meant


@pytest.mark.parametrize("wrong", ["proxy", "vpn", {"proxy": "proxy:3128"}, {"proxy": "https://me:secret@proxy"}])
def test_what_is_no_way_is_refused_and_no_password_is_repeated(wrong: object) -> None:
    cluster = {"name": "prod", "region": "eu-central-1", "account": "111122223333", "reach": wrong}
    with pytest.raises(ValidationError) as caught:
        ClusterSettings.model_validate(cluster)
    assert "secret" not in str(caught.value.errors(include_input=False, include_context=False))
