"""A filter in front of Gradio, which lets through its pages, its queue and its uploads.

Gradio has more routes than this page needs, some of which fetch a URL for the client. Mounted on
another app, it also reads any file of this machine that a client names as its upload.
"""

import json
from typing import Any

from gradio.utils import get_upload_folder, is_in_or_equal
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PAGES = ("", "/", "/config", "/theme.css", "/favicon.ico", "/manifest.json", "/robots.txt")
PREFIXES = (
    "/assets/",
    "/static/",
    "/gradio_api/cancel",
    "/gradio_api/file=/",  # Gradio checks that it made or received the file
    "/gradio_api/heartbeat/",
    "/gradio_api/queue/data",
    "/gradio_api/reset",
    "/gradio_api/startup-events",
    "/gradio_api/upload",
    "/gradio_api/upload_progress",
)
QUEUE = "/gradio_api/queue/join"
MAX_FORM = 64 * 1024  # bytes


class PageGate:
    """ASGI middleware around Gradio's app."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if path.rstrip("/") == QUEUE:
            await self._form(scope, receive, send)
        elif path in PAGES or path.startswith(PREFIXES):
            await self.app(scope, receive, send)
        else:
            await _refusal(404, "not found")(scope, receive, send)

    async def _form(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _body(receive)
        if body is None:
            await _refusal(413, f"a form has at most {MAX_FORM:,} bytes")(scope, receive, send)
            return
        try:
            uploaded = _only_uploads(json.loads(body))
        except (ValueError, RecursionError):
            await _refusal(422, "a form is JSON")(scope, receive, send)
            return
        if not uploaded:
            await _refusal(422, "a file is one that was uploaded")(scope, receive, send)
            return
        await self.app(scope, _replay(body, receive), send)


async def _body(receive: Receive) -> bytes | None:
    """Read the body; None if it is too large."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > MAX_FORM:
            return None
        if not message.get("more_body"):
            return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return waiting.pop() if waiting else await receive()

    return replayed


def _only_uploads(value: Any) -> bool:
    """Whether every file named in a form lies in Gradio's folder of uploads."""
    if isinstance(value, list):
        return all(map(_only_uploads, value))
    if not isinstance(value, dict):
        return True
    path = value.get("path")
    if path is not None and not (isinstance(path, str) and _is_upload(path)):
        return False
    return all(map(_only_uploads, value.values()))


def _is_upload(path: str) -> bool:
    return "\0" not in path and is_in_or_equal(path, get_upload_folder())


def _refusal(status: int, reason: str) -> JSONResponse:
    return JSONResponse({"detail": reason}, status)
