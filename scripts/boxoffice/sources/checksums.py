"""Check files against their known SHA-256."""

from pathlib import Path

import pooch

from boxoffice.core.files import SourceError


def require(path: Path, sha256: str, remedy: str) -> None:
    """Check a file against its known SHA-256.

    Raises SourceError if it is missing or differs; the message holds both checksums and the remedy.
    """
    if not path.is_file():
        raise SourceError(f"{path} is missing or not a file. {remedy}")
    found = pooch.file_hash(path)
    if found != sha256:
        raise SourceError(
            f"{path} is not the expected file:\n  expected SHA-256 {sha256}\n"
            f"  found SHA-256    {found} ({path.stat().st_size:,} bytes)\n{remedy}"
        )
