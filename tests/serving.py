"""A real server for tests: uvicorn in a process of its own."""

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx

from boxoffice.core import paths

CLASSIC = {
    "budget": 237000000,
    "popularity": 150.4,
    "runtime": 162,
    "vote_avg": 7.2,
    "vote_count": 11800,
    "release_year": 2009,
    "action": 1,
    "adventure": 1,
    "fantasy": 1,
    "science_fiction": 1,
    "thriller": 0,
    "comedy": 0,
}
WATCHED = {"avg_watch_time": 112, "completion_rate": 0.85, "ratings_count": 9500, "avg_rating": 4.4}
PATIENCE = 120  # seconds, far more than a loaded machine needs


get, post = (partial(ask, timeout=PATIENCE) for ask in (httpx.get, httpx.post))


class Server:
    """A running service.

    Attributes
    ----------
    address : str
    temporary : Path
        Where its temporary files lie.
    root : Path
        The checkout that it runs in, and that its code comes from.
    """

    def __init__(
        self, models: Path | str, folder: Path, root: Path = paths.ROOT, **settings: object
    ):
        self.models, self.folder, self.root, self.settings = models, folder, root, settings
        self.temporary = folder / "temporary"
        self.temporary.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.process = None

    def start(self) -> "Server":
        stated = {f"BOXOFFICE_{name.upper()}": str(value) for name, value in self.settings.items()}
        environment = os.environ | {
            "BOXOFFICE_MODELS": str(self.models),
            "BOXOFFICE_PAGE": "0",
            "TMPDIR": str(self.temporary),
            "PYTHONPATH": os.pathsep.join([str(self.root / "scripts"), str(self.root)]),
            **stated,
        }
        with (
            open(self.folder / "out.log", "ab") as out,
            open(self.folder / "error.log", "ab") as error,
        ):
            self.process = subprocess.Popen(
                [sys.executable, "-m", "uvicorn", "app.main:app", "--port", str(self.port)],
                cwd=self.root,
                env=environment,
                stdout=out,
                stderr=error,
            )
        return self

    def wait(self) -> "Server":
        """Until it answers."""
        until = time.monotonic() + PATIENCE
        with httpx.Client(base_url=self.address) as client:
            while time.monotonic() < until and self.process.poll() is None:
                try:
                    if client.get("/health").status_code == 200:
                        return self
                except httpx.TransportError:
                    time.sleep(0.05)
        raise AssertionError(f"the service did not start:\n{self.errors()}")

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def errors(self) -> str:
        return (self.folder / "error.log").read_text()

    def lines(self) -> list[dict]:
        """The log so far; each line must be JSON."""
        return [json.loads(line) for line in (self.folder / "out.log").read_text().splitlines()]


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def serving(models: Path, folder: Path, **settings: object):
    """A service that answers, stopped when the block ends."""
    server = Server(models, folder, **settings).start()
    try:
        yield server.wait()
    finally:
        server.stop()


def eventually(condition, seconds: float = PATIENCE) -> bool:
    """Whether it comes true before long."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.02)
    return condition()
