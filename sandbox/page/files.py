"""Files that were shared: what a message shows of them, and how each kind is handed to the browser."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from aiohttp import web

from sandbox.slack import SlackFace

Json = dict[str, Any]

# A file is anybody's work. As a page it has an origin of its own, so it reaches neither the page nor the control API;
# its inline script may run (the filters of a report), and nothing is loaded from anywhere or sent anywhere.
_PAGE_POLICY = "; ".join(
    [
        "sandbox allow-scripts allow-modals allow-popups allow-popups-to-escape-sandbox",
        "default-src 'none'",
        "script-src 'unsafe-inline'",
        "style-src 'unsafe-inline'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)
# By the end of the name. What is not here is text to download, an SVG with its scripts too.
_KINDS = {".html": "page", ".png": "image"}


def told(file: Json) -> Json:
    """A file of a message as the page's scripts read it. ``size`` is in bytes."""
    name = str(file["name"])
    return {
        "id": str(file["id"]),
        "name": name,
        "title": str(file.get("title") or name),
        "alt": str(file.get("alt_txt") or ""),
        "kind": _kind(name),
        "size": int(file["size"]),
    }


def served(face: SlackFace, file_id: str) -> web.Response:
    """The file: a page shut in, an image, or text to download.

    Raises:
        SlackError: file_not_found, also when it was never shared.
    """
    with face.workspace.lock:
        upload = face.workspace.uploads.finished(file_id)
    kind = _kind(upload.filename)
    headers = {"Content-Disposition": f"{'attachment' if kind == 'text' else 'inline'}; {_named(upload.filename)}"}
    if kind == "image":
        return web.Response(body=upload.content, content_type="image/png", headers=headers)
    if kind == "page":
        headers["Content-Security-Policy"] = _PAGE_POLICY
    type_ = "text/html" if kind == "page" else "text/plain"
    return web.Response(body=upload.content, content_type=type_, charset="utf-8", headers=headers)


def _kind(name: str) -> str:
    return _KINDS.get(PurePath(name).suffix.lower(), "text")


def _named(name: str) -> str:
    # RFC 6266: the percent-encoded form, in which no name can end the header.
    return f"filename*=UTF-8''{quote(name, safe='')}"
