"""Tables that are scored in the background, and their files."""

import asyncio
import logging
import secrets
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from anyio import to_thread
from starlette.datastructures import UploadFile

from app.uploads import DISK_IS_FULL, copy_upload, shown_name
from app.workers import Busy, OutOfTime
from boxoffice.forecasts.tables import Format, Summary, TableError

HOUR = 3600  # seconds
MOST_KEPT = 20  # jobs whose files are kept at the same time


class JobsBusy(Exception):
    """There is no turn for another table; the message says why."""


class TooManyJobs(JobsBusy):
    """The client's own table is still being scored."""


@dataclass
class Job:
    """A table and what became of it: a `summary` or a `fault`, or neither yet.

    `name` is the client's name of the file, and `rows` the number of rows scored so far.
    """

    id: str
    client: str
    name: str
    kind: Format
    folder: Path
    rows: int = 0
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
        self.rows = rows


class Jobs:
    """The jobs of one service, by their ids, which can't be guessed.

    Parameters
    ----------
    score : coroutine function
        Scores `source` of a job into `scored`, and tells `count` the number of rows so far.
    most : int
        Jobs that run at the same time.
    """

    def __init__(self, score: Callable[[Job], Awaitable[Summary]], most: int):
        self._score, self._most = score, most
        self._jobs: dict[str, Job] = {}
        self._tasks: set[asyncio.Task] = set()  # the event loop itself doesn't hold them

    def find(self, id: str) -> Job | None:
        return self._jobs.get(id)

    def check(self, client: str) -> None:
        """Whether the client may start a job.

        Raises
        ------
        JobsBusy
        """
        running = [job for job in self._jobs.values() if job.running]
        if any(job.client == client for job in running):
            raise TooManyJobs("another table from your address is being scored: wait for its end")
        if len(running) >= self._most:
            raise JobsBusy("enough tables are being scored: try again later")

    async def start(self, upload: UploadFile, kind: Format, client: str, folder: Path) -> Job:
        """Store a table in a folder of its own, for an hour from its end, and begin to score it.

        Raises
        ------
        JobsBusy
        OSError
            If there is no room for the file.
        """
        id = secrets.token_urlsafe(16)
        job = Job(id, client, shown_name(upload), kind, folder / id)
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
            full = isinstance(error, OSError) and error.errno in DISK_IS_FULL
            job.fault = "there is no room on the disk for it" if full else "the service failed"
            logging.getLogger("uvicorn.error").exception("a table could not be scored")
        job.source.unlink(missing_ok=True)
        ended = [job.id for job in self._jobs.values() if not job.running]
        for id in ended[:-MOST_KEPT]:
            self._forget(id)
        asyncio.get_running_loop().call_later(HOUR, self._forget, job.id)

    def _forget(self, id: str) -> None:
        job = self._jobs.pop(id, None)
        if job is not None:
            shutil.rmtree(job.folder, ignore_errors=True)
