"""How the commands of scripts/ end when something goes wrong."""

import errno
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

DISK_IS_FULL = (errno.ENOSPC, errno.EDQUOT)
_USER_OF_ADDRESS = re.compile(r"(?<=://)\S*@")


@contextmanager
def one_line_errors(*expected: type[Exception]) -> Iterator[None]:
    """End the process with a line of text and status 1 for `expected` and for the system's errors.

    Passwords in addresses are not shown.
    """
    try:
        yield
    except (OSError, *expected) as error:
        full = isinstance(error, OSError) and error.errno in DISK_IS_FULL
        remedy = ". Make room on the disk and run the command again" if full else ""
        sys.exit(without_passwords(f"error: {error}{remedy}"))


def without_passwords(text: str) -> str:
    """Mask the user and password of every address: 'http://me:secret@host' -> 'http://***@host'."""
    return _USER_OF_ADDRESS.sub("***@", text)
