"""Processes for what strangers send, with limits on memory and time.

A small file can make a parser take all memory, or run for hours. A thread can't be stopped, a
process can.
"""

import asyncio
import ctypes
import gc
import multiprocessing
import os
import resource
import signal
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from multiprocessing.pool import ExceptionWithTraceback
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from anyio import to_thread
from starlette.requests import ClientDisconnect, Request

NICENESS = 10  # requests for one film, which take a millisecond, go first
OUT_OF_MEMORY = 2  # a worker's exit status
# Not a fork, which would inherit locks that the service's threads hold.
SPAWN = multiprocessing.get_context("spawn")

Answer = Callable[..., Iterator[Any]]
Result = TypeVar("Result")


class Busy(Exception):
    """The service can't answer now; try again later."""


class OutOfMemory(Exception):
    """A job took more memory than a worker may, or native code failed at it."""


class OutOfTime(Exception):
    """A job took more time than it may."""


class Workers:
    """Processes that do one job at a time; one that doesn't finish it is killed and replaced.

    They are started when they are needed and stay for the next job.

    Parameters
    ----------
    make : callable
        Called in each process once: loads what all jobs need, and returns the function that does
        one. That yields answers.
    most : int
        Jobs at a time. One client gets at most half of the turns.
    memory : int
        Bytes that a job may take beyond what `make` loaded.
    timeout : float
        Seconds that a job may take until its next answer.
    patience : float
        Seconds to wait for a turn.
    """

    def __init__(
        self,
        make: Callable[[], Answer],
        most: int,
        memory: int,
        timeout: float,
        patience: float,
    ):
        self._new = lambda: Worker(make, memory, timeout)
        self._patience = patience
        self._share = (most + 1) // 2
        self._turns = asyncio.Semaphore(most)
        self._shares: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._idle: list[Worker] = []

    @asynccontextmanager
    async def turn(self, client: str) -> AsyncIterator["Worker"]:
        """A worker for one client, an address; it is killed if its job isn't done at the end.

        Raises
        ------
        Busy
        """
        share = self._shares.setdefault(client, asyncio.Semaphore(self._share))
        async with AsyncExitStack() as held:
            try:
                async with asyncio.timeout(self._patience):
                    await held.enter_async_context(share)
                    await held.enter_async_context(self._turns)
            except TimeoutError as error:
                raise Busy("others are being answered: try again later") from error
            worker = self._idle.pop() if self._idle else self._new()
            try:
                yield worker
            finally:
                if worker.busy:
                    worker.kill()
                    worker = self._new()
                    # Nobody waits for it, so that no cancellation comes between.
                    asyncio.get_running_loop().run_in_executor(None, worker.start)
                self._idle.append(worker)


class Worker:
    """A process that does jobs, started when it gets the first."""

    def __init__(self, make: Callable[[], Answer], memory: int, timeout: float):
        self.busy = False  # until all answers to a job have been taken
        self._make, self._memory, self._timeout = make, memory, timeout
        self._process: SpawnProcess | None = None
        self._starting = threading.Lock()

    def start(self) -> None:
        """Start the process, unless it runs; from any thread."""
        with self._starting:
            if self._process is None or not self._process.is_alive():
                self._pipe, theirs = SPAWN.Pipe()
                arguments = theirs, self._make, self._memory
                self._process = SPAWN.Process(target=_work, args=arguments, daemon=True)
                self._process.start()
                theirs.close()
                self._ready = False

    def kill(self) -> None:
        """End the process for good, whatever it does."""
        self._process.kill()

    async def ask(self, *job: Any) -> AsyncIterator[Any]:
        """The answers to a job, which is what the worker's function is called with.

        Raises
        ------
        OutOfMemory, OutOfTime
            The worker is of no use any more.
        Exception
            What the function raised.
        """
        await to_thread.run_sync(self.start)
        await self._loaded()
        self.busy = True
        self._pipe.send(job)
        while (answer := await self._next()) is not ...:
            if isinstance(answer, Exception):
                self.busy = False
                raise answer
            yield answer
        self.busy = False

    async def _loaded(self) -> None:
        """Wait until the process is ready, which takes a second or two, but not the job's.

        It gets ready all the same where nobody waits any longer.
        """
        while not self._ready:
            # Only look: a thread that is left behind must not take what comes.
            if await to_thread.run_sync(self._pipe.poll, 1, abandon_on_cancel=True):
                self._received()
                self._ready = True

    async def _next(self) -> Any:
        try:
            async with asyncio.timeout(self._timeout):
                # A thread that is left behind ends when the process is killed.
                return await to_thread.run_sync(self._received, abandon_on_cancel=True)
        except TimeoutError as error:
            raise OutOfTime(f"no answer within {self._timeout:g} seconds") from error

    def _received(self) -> Any:
        try:
            return self._pipe.recv()
        except (EOFError, ConnectionError) as error:
            self._process.join()
            if self._process.exitcode == 1:
                raise RuntimeError("a worker failed; what it printed says how") from error
            raise OutOfMemory from error  # native code aborts, or the system kills the process


def _work(pipe: Connection, make: Callable[[], Answer], memory: int) -> None:
    """The whole of a worker's life."""
    threading.Thread(target=_end_with_the_service, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the service
    os.nice(NICENESS)
    with suppress(OSError):  # where memory is short, Linux shall end this process first
        Path("/proc/self/oom_score_adj").write_text("1000")
    answers = make()
    settle()
    _limit_memory(memory)
    pipe.send(...)
    with suppress(EOFError, ConnectionError):  # until the service ends
        while True:
            _do(answers, pipe)
            gc.collect()  # what a job left would count against the next


def _do(answers: Answer, pipe: Connection) -> None:
    job = pipe.recv()
    try:
        for answer in answers(*job):
            pipe.send(answer)
        pipe.send(...)
    except MemoryError:  # too little may be left to tell it
        os._exit(OUT_OF_MEMORY)
    except Exception as error:
        pipe.send(ExceptionWithTraceback(error, error.__traceback__))


def _end_with_the_service() -> None:
    multiprocessing.parent_process().join()
    os._exit(0)


def _limit_memory(more: int) -> None:
    """Let this process take so many more bytes; only Linux counts what matters."""
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text().split()[5])
        most = pages * resource.getpagesize() + more
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def settle() -> None:
    """Tidy up after loading what stays for good."""
    gc.collect()
    gc.freeze()  # looking through models and modules for garbage would hold requests up
    with suppress(AttributeError):  # give memory back to the system, where libc can
        ctypes.CDLL(None).malloc_trim(0)


async def unless_gone(request: Request, work: Awaitable[Result]) -> Result:
    """Wait for work that is cancelled when the client leaves.

    Raises
    ------
    ClientDisconnect
        When it does.
    """
    gone, done = asyncio.ensure_future(_gone(request)), asyncio.ensure_future(work)
    try:
        await asyncio.wait((gone, done), return_when=asyncio.FIRST_COMPLETED)
        if not done.done():
            raise ClientDisconnect
        return await done
    finally:
        gone.cancel()
        done.cancel()
        await asyncio.wait((gone, done))


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
