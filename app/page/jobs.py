"""Tables that are scored in the background, and their files."""

import asyncio
import logging
import secrets
import shutil
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from anyio import to_thread
from starlette.datastructures import UploadFile

from app.uploads import NO_ROOM, copy_upload, shown_name
from app.workers import Busy, OutOfTime
from boxoffice.forecasts.tables import Format, Summary, TableError

HOUR = 3600  # seconds
MOST_KEPT, MOST_OF_CLIENT = 20, 3  # jobs whose files are kept at the same time
MOST_UNSEEN = 300  # seconds that nobody looks at a job until it is given up
MOST_BYTES = 20  # of forecasts, for each byte of the largest upload


class TooManyJobs(Busy):
    """The client's own table is still being scored."""


@dataclass
class Job:
    """A table and what became of it: a `summary` or a `fault`, or neither yet.

    `name` is the client's name of the file, `most` the bytes that its forecasts may take, `rows`
    the number of rows scored so far, and `seen` when somebody last looked (monotonic clock).
    """

    id: str
    client: str
    name: str
    kind: Format
    folder: Path
    most: int
    rows: int = 0
    seen: float = field(default_factory=time.monotonic)
    summary: Summary | None = None
    fault: str | None = None

    @property
    def running(self) -> bool:
        return self.summary is None and self.fault is None

    @property
    def source(self) -> Path:
        return self.folder / f"films.{self.kind}"

    @property
    def scored(self) -> Path:
        return self.folder / f"forecasts.{self.kind}"

    def count(self, rows: int) -> None:
        """Note the progress.

        Raises
        ------
        TableError
            If nobody looks at the job any more, or its forecasts fill the disk.
        """
        self.rows = rows
        if time.monotonic() - self.seen > MOST_UNSEEN:
            raise TableError("nobody has asked for it for some minutes")
        if self.scored.stat().st_size > self.most:
            raise TableError(
                "its forecasts take too much room on the disk: split it, or leave out columns"
            )


class Jobs:
    """The jobs of one service, by their ids, which can't be guessed.

    Parameters
    ----------
    score : coroutine function
        Scores `source` of a job into `scored`, and tells `count` the number of rows so far.
    most : int
        Jobs that run at the same time.
    most_upload : int
        Bytes of the largest table.
    """

    def __init__(self, score: Callable[[Job], Awaitable[Summary]], most: int, most_upload: int):
        self._score, self._most, self._most_bytes = score, most, MOST_BYTES * most_upload
        self._jobs: dict[str, Job] = {}
        self._tasks: set[asyncio.Task] = set()  # the event loop itself doesn't hold them

    def find(self, id: str) -> Job | None:
        job = self._jobs.get(id)
        if job is not None:
            job.seen = time.monotonic()
        return job

    def check(self, client: str) -> None:
        """Whether the client may start a job.

        Raises
        ------
        Busy
        """
        running = [job for job in self._jobs.values() if job.running]
        if any(job.client == client for job in running):
            raise TooManyJobs("another table from your address is being scored: wait for its end")
        if len(running) >= self._most:
            raise Busy("enough tables are being scored: try again later")

    async def start(self, upload: UploadFile, kind: Format, client: str, folder: Path) -> Job:
        """Store a table in a folder of its own, for an hour from its end, and begin to score it.

        Raises
        ------
        Busy
        OSError
            If there is no room for the file.
        """
        id = secrets.token_urlsafe(16)
        job = Job(id, client, shown_name(upload), kind, folder / id, self._most_bytes)
        job.folder.mkdir()
        try:
            with job.source.open("wb") as file:
                await to_thread.run_sync(copy_upload, upload, file)
            self.check(client)  # others may have come while it was stored
        except BaseException:
            shutil.rmtree(job.folder)
            raise
        self._jobs[id] = job
        task = asyncio.create_task(self._run(job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return job

    async def _run(self, job: Job) -> None:
        try:
            job.summary = await self._score(job)
        except (TableError, Busy, OutOfTime) as error:
            job.fault = str(error)
        except Exception as error:
            full = isinstance(error, OSError) and error.errno in NO_ROOM
            job.fault = "there is no room on the disk for it" if full else "the service failed"
            logging.getLogger("uvicorn.error").exception("a table could not be scored")
        for path in (job.source,) if job.summary else (job.source, job.scored):
            path.unlink(missing_ok=True)
        self._jobs[job.id] = self._jobs.pop(job.id)  # in the order of their ends
        ended = [each for each in self._jobs.values() if not each.running]
        own = [each for each in ended if each.client == job.client]
        for id in {each.id for each in (*own[:-MOST_OF_CLIENT], *ended[:-MOST_KEPT])}:
            self._forget(id)
        asyncio.get_running_loop().call_later(HOUR, self._forget, job.id)

    def _forget(self, id: str) -> None:
        job = self._jobs.pop(id, None)
        if job is not None:
            shutil.rmtree(job.folder, ignore_errors=True)
