"""Uploads, stored in temporary files for as long as they are needed."""

import errno
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path, PurePath
from typing import BinaryIO

from anyio import CancelScope, to_thread
from fastapi.routing import APIRoute
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from boxoffice.core.commands import DISK_IS_FULL
from boxoffice.forecasts.request import SHOWN

PIECE = 1024**2  # bytes
NO_ROOM = (*DISK_IS_FULL, errno.EFBIG)


class UploadRoute(APIRoute):
    """A route for forms with files.

    FastAPI takes every error while a form is read for a malformed form; this route tells a client
    that has gone and a full disk apart from it.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[None, None, Response]]:
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except (HTTPException, OSError) as error:
                cause = error.__cause__ if isinstance(error, HTTPException) else error
                if isinstance(cause, ClientDisconnect):
                    raise cause from None
                if isinstance(cause, OSError) and cause.errno in NO_ROOM:
                    message = "there is no room on the disk for the upload: try again later"
                    raise HTTPException(507, message, {"Retry-After": "30"}) from cause
                raise

        return handled


def shown_name(upload: UploadFile) -> str:
    """The client's name for a file, without folders and shortened, for messages only."""
    return PurePath((upload.filename or "").replace("\\", "/")).name[:SHOWN]


@asynccontextmanager
async def stored(upload: UploadFile, folder: Path) -> AsyncIterator[Path]:
    """Store the upload in a file of this folder, which is removed when the block ends."""
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        await to_thread.run_sync(copy_upload, upload, file)
        await upload.close()  # Starlette's own copy may be a file, too
        yield Path(file.name)


def copy_upload(upload: UploadFile, file: BinaryIO) -> None:
    """Copy the content of an upload, which stays open, to a file."""
    shutil.copyfileobj(upload.file, file, PIECE)
    file.flush()


class Streamed(StreamingResponse):
    """A streamed answer that closes `needed` at its end or when the client has gone."""

    def __init__(self, pieces: AsyncIterator[bytes], needed: AsyncExitStack, **settings):
        super().__init__(pieces, **settings)
        self._needed = needed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            with CancelScope(shield=True):
                await self._needed.aclose()
