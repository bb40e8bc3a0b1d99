"""A threaded HTTP/1.1 server on loopback that keeps connections alive and closes everything when it stops."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from sandbox.aws.requests import Answer

LARGEST_BODY = 2_000_000
IDLE_SECONDS = 300


class LostConnection(Exception):
    """The connection is to be cut instead of answering."""


Handle = Callable[[str, str, dict[str, str], bytes], Answer]
"""(method, path with query as on the wire, headers in lower case, body) → answer. May raise LostConnection."""


class HttpServer:
    """Serves `handle` on `host`, which must be a loopback address (ValueError)."""

    def __init__(self, host: str, handle: Handle) -> None:
        if not ipaddress.ip_address(host).is_loopback:
            raise ValueError(f"the sandbox listens on loopback only, not on {host}")
        self._host = host
        self._handle = handle
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def start(self, port: int = 0) -> str:
        """Listens on `port` (0: any free one) and gives the address."""
        if self._server is not None:
            raise RuntimeError("the server runs already")
        self._server = _Server((self._host, port), self._handle)
        self._thread = threading.Thread(target=self._server.serve, name="aws-face", daemon=True)
        self._thread.start()
        return self.url

    def stop(self) -> None:
        """Closes the port and every open connection."""
        server, self._server = self._server, None
        if server is None:
            return
        server.stop_serving()
        if self._thread is not None:
            self._thread.join()
        server.server_close()
        server.close_connections()

    @property
    def netloc(self) -> str:
        """`127.0.0.1:PORT`; empty before it listens."""
        return f"{self._host}:{self._server.server_port}" if self._server else ""

    @property
    def url(self) -> str:
        return f"http://{self.netloc}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handle: Handle) -> None:
        self.handle_api = handle
        self._host = address[0]
        self._closing = False
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(address, _Handler)

    def serve(self) -> None:
        """Takes connections until it is told to stop."""
        while not self._closing:
            self.handle_request()

    def stop_serving(self) -> None:
        """Ends `serve` at once: a connection of our own wakes it, where `serve_forever` only looks now and then."""
        self._closing = True
        with contextlib.suppress(OSError), socket.create_connection((self._host, self.server_port), timeout=1):
            pass

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients may go away at any time, and cut connections are part of the play."""

    def close_connections(self) -> None:
        with self._open_lock:
            connections = [*self._open]
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    server_version = "eks-upgrade-sandbox"
    sys_version = ""
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True
    wbufsize = -1

    def _serve(self) -> None:
        length = self.headers.get("Content-Length") or "0"
        if not length.isdigit() or int(length) > LARGEST_BODY:
            self.close_connection = True
            self.send_error(413)
            return
        body = self.rfile.read(int(length))
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            answer = self.server.handle_api(self.command, self.path, headers, body)
        except LostConnection:
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)
        self.wfile.flush()

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = _serve  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing: the face records what matters, and query strings may carry session tokens."""
