"""Who may talk to the page: this machine's own browser, on the page's own address, and nobody else."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

LOOPBACK = "127.0.0.1"

# Nothing inline, nothing from elsewhere; and the browser itself refuses text that is turned into markup or script.
_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """Refuses with 403 what a foreign web page could send.

    A name that was rebound to 127.0.0.1 shows in Host; a foreign page's request shows in Origin, in Sec-Fetch-Site or
    in the form-like content type that needs no preflight.
    """

    def __init__(self) -> None:
        self._hosts: frozenset[str] = frozenset()

    def listen_on(self, port: int) -> None:
        self._hosts = frozenset(f"{host}:{port}" for host in (LOOPBACK, "localhost"))

    @web.middleware
    async def refuse_others(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        problem = self._problem(request)
        return refusal(403, problem) if problem else await handler(request)

    def _problem(self, request: web.Request) -> str | None:
        host, origin = request.headers.get("Host", ""), request.headers.get("Origin")
        if host not in self._hosts:
            return "The page answers only to its own loopback address."
        if origin is not None and origin != f"http://{host}":
            return "The page takes nothing from other sites."
        if request.path.startswith("/api/"):
            if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
                return "The page takes nothing from other sites."
            if request.method == "POST" and request.content_type != "application/json":
                return "The control API takes application/json."
        return None


async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """What an answer says of itself stays: a shared file has a policy of its own."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)


def refusal(status: int, error: str, **more: Any) -> web.Response:
    return web.json_response({"error": error, **more}, status=status)
