"""A filter in front of Gradio, which lets through its pages, its queue and its uploads.

Gradio has more routes than this page needs, some of which fetch a URL for the client. Mounted on
another app, it also reads any file of this machine that a client names as its upload.
"""

import json
from typing import Any

from gradio.utils import get_upload_folder, is_in_or_equal
from starlette.exceptions import HTTPException
from starlette.requests import Request
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
        if scope["type"] == "http":
            try:
                receive = await _checked(scope, receive)
            except HTTPException as refusal:
                answer = JSONResponse({"detail": refusal.detail}, refusal.status_code)
                await answer(scope, receive, send)
                return
        await self.app(scope, receive, send)


async def _checked(scope: Scope, receive: Receive) -> Receive:
    """Refuse what the page doesn't need; of a form, read and check the body."""
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    if path.rstrip("/") != QUEUE:
        if path in PAGES or path.startswith(PREFIXES):
            return receive
        raise HTTPException(404, "not found")
    body = bytearray()
    async for piece in Request(scope, receive).stream():
        body += piece
        if len(body) > MAX_FORM:
            raise HTTPException(413, f"a form has at most {MAX_FORM:,} bytes")
    try:
        json.loads(body, object_hook=_checked_file)
    except (ValueError, RecursionError) as error:
        raise HTTPException(422, "a form is JSON") from error
    waiting = [{"type": "http.request", "body": bytes(body), "more_body": False}]

    async def replayed() -> Message:
        return waiting.pop() if waiting else await receive()

    return replayed


def _checked_file(value: dict[str, Any]) -> dict[str, Any]:
    """Refuse a file that doesn't lie in Gradio's folder of uploads."""
    path = value.get("path")
    if path is not None and not (
        isinstance(path, str) and "\0" not in path and is_in_or_equal(path, get_upload_folder())
    ):
        raise HTTPException(422, "a file is one that was uploaded")
    return value
