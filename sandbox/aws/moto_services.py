"""The services that moto keeps, and how several faces share its process-wide state without seeing each other.

moto keeps everything in one dictionary a service for the whole process. Each face has its own contents of these
dictionaries and puts them in place for the time of a request, under one lock for the process. So requests to these
services run one after the other, which they can afford: they take milliseconds, and what a bot polls is EKS, which does
not come through here.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from moto.backends import get_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.test import EnvironBuilder, run_wsgi_app

from sandbox.aws.requests import Answer, ApiRequest

SERVICES = ("sts", "ec2", "iam", "kms", "autoscaling", "ssm")

_lock = threading.RLock()
_application = DomainDispatcherApplication(create_backend_app)


class MotoServices:
    """One face's share of moto."""

    _present: MotoServices | None = None

    def __init__(self) -> None:
        self._contents: dict[str, dict[str, Any]] = {service: {} for service in SERVICES}

    @contextmanager
    def present(self) -> Iterator[MotoServices]:
        """Puts this face's contents in place and holds the process's lock on moto."""
        with _lock:
            if MotoServices._present is not self:
                if MotoServices._present is not None:
                    MotoServices._present.withdraw()
                for service in SERVICES:
                    get_backend(service).update(self._contents[service])
                MotoServices._present = self
            yield self

    def withdraw(self) -> None:
        """Takes this face's contents out of moto and keeps them for the next time."""
        with _lock:
            if MotoServices._present is not self:
                return
            for service in SERVICES:
                backends = get_backend(service)
                self._contents[service] = dict(backends)
                backends.clear()
            MotoServices._present = None

    def backend(self, service: str, account: str, place: str) -> Any:
        """moto's backend of a service in an account. Only while present.

        `place` is a region, or for STS and IAM the partition.
        """
        return get_backend(service)[account][place]

    def answer(self, request: ApiRequest) -> Answer:
        """moto's answer to a request, in the account of its principal. Only while present."""
        headers = {**request.headers, "x-moto-account-id": request.principal.account}
        environ = EnvironBuilder(
            path=request.path,
            query_string=request.query,
            method=request.method,
            headers=list(headers.items()),
            data=request.body,
        ).get_environ()
        parts, status, found = run_wsgi_app(_application, environ, buffered=True)
        code = int(status.split()[0])
        content_type = found.get("Content-Type", "text/xml")
        kept = tuple((name, value) for name, value in found.items() if name.lower().startswith("x-amzn"))
        return Answer(code, content_type, b"".join(parts), code="" if code < 400 else "refused", headers=kept)
