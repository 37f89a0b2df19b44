"""The folder of a service's temporary files."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "boxoffice-service-"


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder for this process alone, removed when the block ends.

    It is locked while the process lives. What killed services have left is no longer locked, and is
    removed first.
    """
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError), _locked(folder):  # another service is at work in it
            shutil.rmtree(folder)
    with tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with _locked(folder):
            yield folder


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Lock a folder; the system releases it when the process ends, however it ends.

    Raises
    ------
    OSError
        If another process holds the lock, or the folder isn't ours.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)
