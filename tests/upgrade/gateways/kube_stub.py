"""A Kubernetes API server with answers given beforehand, over TLS with an authority of its own."""

from __future__ import annotations

import base64
import ipaddress
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from upgrade.gateways.kube.gateway import HttpKubeGateway


class Authority:
    """A certificate authority as EKS made them up to Kubernetes 1.16: without key identifiers."""

    def __init__(self, folder: Path, *, host: str = "127.0.0.1") -> None:
        key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubernetes")])
        draft = (
            x509.CertificateBuilder()
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(hours=1))
            .issuer_name(name)
        )
        authority = (
            draft.subject_name(name)
            .serial_number(x509.random_serial_number())
            .public_key(key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        server_key = ec.generate_private_key(ec.SECP256R1())
        server = (
            draft.subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kube-apiserver")]))
            .serial_number(x509.random_serial_number())
            .public_key(server_key.public_key())
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))]), critical=False)
            .sign(key, hashes.SHA256())
        )
        pem = authority.public_bytes(serialization.Encoding.PEM)
        self.data = base64.b64encode(pem).decode()
        self.chain = folder / f"server-{id(self)}.pem"
        self.chain.write_bytes(
            server_key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + server.public_bytes(serialization.Encoding.PEM)
        )


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: Mapping[str, list[str]]
    token: str
    body: Any
    peer: int
    accept: str = ""


@dataclass(frozen=True)
class Answer:
    body: Any = field(default_factory=dict)
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def status(code: int, reason: str, message: str = "", **headers: str) -> Answer:
    return Answer(
        {"kind": "Status", "code": code, "reason": reason, "message": message},
        code,
        {k.replace("_", "-"): v for k, v in headers.items()},
    )


RESET = Answer(status=-1)


class KubeStub:
    """Answers by path, in the order given; the last answer for a path stays."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self._answers: dict[str, list[Any]] = {}
        self._otherwise: Answer | None = None
        self._lock = threading.Lock()
        self.url = ""

    def on(self, path: str, *answers: Any) -> None:
        self._answers[path] = list(answers)

    def on_everything(self, answer: Answer) -> None:
        self._answers.clear()
        self._otherwise = answer

    def on_list(self, path: str, *items: Any) -> None:
        self.on(path, {"items": list(items), "metadata": {}})

    def calls(self, path: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.path == path]

    def answer(self, asked: Asked) -> Answer:
        with self._lock:
            self.asked.append(asked)
            answers = self._answers.get(asked.path)
            if not answers:
                return self._otherwise or status(404, "NotFound", f"the server could not find {asked.path}")
            chosen = answers.pop(0) if len(answers) > 1 else answers[0]
        made = chosen(asked) if callable(chosen) else chosen
        return made if isinstance(made, Answer) else Answer(made)


@contextmanager
def serving_tls(stub: KubeStub, authority: Authority, port: int = 0) -> Iterator[KubeStub]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle_one(self) -> None:
            url = urlsplit(self.path)
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            answer = stub.answer(
                Asked(
                    self.command,
                    url.path,
                    parse_qs(url.query),
                    token,
                    json.loads(raw) if raw else None,
                    self.client_address[1],
                    self.headers.get("Accept", ""),
                )
            )
            if answer is RESET:
                self.close_connection = True
                return
            body = _encoded(answer.body)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = handle_one  # noqa: N815  (http.server looks methods up by these names)
        do_POST = handle_one  # noqa: N815

        def log_message(self, *args: Any) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.chain)
    server = _Server(("127.0.0.1", port), Handler, context)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    stub.url = f"https://127.0.0.1:{server.server_port}"
    try:
        yield stub
    finally:
        server.stop()
        thread.join()


def _encoded(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    return (body if isinstance(body, str) else json.dumps(body)).encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = True
    #: A snapshot knocks many times at once; of more than five (the default) some try again a second later.
    request_queue_size = 128

    def __init__(
        self, address: tuple[str, int], handler: Callable[..., BaseHTTPRequestHandler], context: ssl.SSLContext
    ) -> None:
        super().__init__(address, handler)
        self._context = context
        self._open: set[socket.socket] = set()

    def finish_request(self, request: Any, client_address: Any) -> None:
        with suppress(OSError), self._context.wrap_socket(request, server_side=True) as secure:
            self._open.add(secure)
            try:
                super().finish_request(secure, client_address)
            finally:
                self._open.discard(secure)

    def stop(self) -> None:
        self.shutdown()
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()


class Tokens:
    """Counts the tokens it makes: t-1, t-2 …"""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self) -> str:
        self.made += 1
        return f"t-{self.made}"


Make = Callable[..., HttpKubeGateway]
