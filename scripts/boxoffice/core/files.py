"""Files that are written whole or not at all, and the error for those that can't be used."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STAND_IN = "stand-in rendered by boxoffice"  # the comment in every drawn poster and trailer


class SourceError(ValueError):
    """A source can't be used at all; the message names the file, the fault and the remedy."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` when the block succeeds.

    An OSError of the block, as of a full disk, names `path` if it names no file.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part{path.suffix}")
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        error.filename = error.filename or str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)
