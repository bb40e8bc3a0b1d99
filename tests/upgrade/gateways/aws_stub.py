"""A server that speaks AWS's wire protocols with answers given beforehand.

An operation is known by what tells it on the wire: ``GET /clusters/prod`` (REST), ``AssumeRole`` (query),
``GetParameter`` (JSON).
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

Answerer = Callable[["Asked"], "Answer"]


@dataclass(frozen=True)
class Asked:
    operation: str
    query: Mapping[str, list[str]]
    body: Mapping[str, Any]
    headers: Mapping[str, str]

    @property
    def access_key(self) -> str:
        found = re.search(r"Credential=([^/]+)/", self.headers.get("Authorization", ""))
        return found[1] if found else ""


@dataclass(frozen=True)
class Answer:
    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def refusal(code: str, message: str, status: int = 400, **headers: str) -> Answer:
    """A modelled exception of a REST-JSON service."""
    return Answer(
        {"message": message, "__type": code},
        status,
        {"x-amzn-ErrorType": code, **{k.replace("_", "-"): v for k, v in headers.items()}},
    )


class AwsStub:
    """Answers in the order given; the last answer for an operation stays."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self._answers: list[tuple[re.Pattern[str], list[Answerer]]] = []
        self._lock = threading.Lock()
        self.url = ""

    def on(self, operation: str, *answers: Any) -> None:
        """Answer an operation (a regular expression) with a body, an Answer, or a function of what was asked."""
        made = [_answerer(answer) for answer in answers]
        self._answers.insert(0, (re.compile(operation + r"\Z"), made))

    def reset(self) -> None:
        """Forget every answer and everything that was asked."""
        self.asked.clear()
        self._answers.clear()

    def calls(self, operation: str) -> list[Asked]:
        return [asked for asked in self.asked if re.fullmatch(operation, asked.operation)]

    def answer(self, asked: Asked) -> Answer:
        with self._lock:
            self.asked.append(asked)
            for pattern, answers in self._answers:
                if pattern.match(asked.operation):
                    chosen = answers.pop(0) if len(answers) > 1 else answers[0]
                    break
            else:
                return refusal("UnknownOperationException", f"the stub has no answer for {asked.operation}", 404)
        return chosen(asked)


def _answerer(answer: Any) -> Answerer:
    if callable(answer):
        return answer  # type: ignore[no-any-return]
    made = answer if isinstance(answer, Answer) else Answer(answer)
    return lambda _: made


@contextmanager
def serving(stub: AwsStub) -> Iterator[AwsStub]:
    class Handler(BaseHTTPRequestHandler):
        def handle_one(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            answer = stub.answer(_asked(self.command, self.path, dict(self.headers), self.rfile.read(length)))
            body = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        do_GET = handle_one  # noqa: N815  (http.server looks methods up by these names)
        do_POST = handle_one  # noqa: N815

        def log_message(self, *args: Any) -> None:
            pass

    server = _Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    stub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    #: A snapshot knocks many times at once; of more than five (the default) some try again a second later.
    request_queue_size = 128


def _asked(method: str, target: str, headers: dict[str, str], raw: bytes) -> Asked:
    url = urlsplit(target)
    text = raw.decode()
    if operation := headers.get("X-Amz-Target", "").rpartition(".")[2]:
        return Asked(operation, {}, json.loads(text or "{}"), headers)
    if headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
        form = dict(parse_qsl(text))
        return Asked(form.get("Action", ""), {}, form, headers)
    return Asked(f"{method} {url.path}", parse_qs(url.query), json.loads(text) if text else {}, headers)
