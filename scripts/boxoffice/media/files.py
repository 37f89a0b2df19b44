"""Find files of posters and trailers by film, and set aside those that can't be used."""

import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pandas as pd
from pooch import file_hash
from tqdm import tqdm

from boxoffice.core.compute import cores

_NAMED = 3  # duplicates that a reason names


class MediaError(Exception):
    """A poster or trailer can't be used; the message is the reason, for a table."""


def find_files(
    folder: Path,
    ids: Iterable[int],
    suffixes: tuple[str, ...],
    content: Callable[[Path], str] | None = None,
    kind: str = "file",
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Find the files of some films, named `<id><suffix>`.

    Files of other films and hidden files are ignored. If a film has several files, the one with the
    earliest of `suffixes` is used. Files of different films with the same content are all skipped,
    because there is no telling whose it is.

    Parameters
    ----------
    suffixes : tuple of str
        Lower case, with their dot; a file's may be in upper case.
    content : callable, optional
        Returns a digest of what a file shows, if not that of its bytes; raises `MediaError` if it
        can't be used.
    kind : str
        What equal digests mean, for the reason: "same `kind` as 123, 456".

    Returns
    -------
    files : DataFrame
        `id` (int64), `path` (str), `sha256` of the bytes; one row per film, sorted by id.
    skipped : DataFrame
        `id` (Int64, missing if the name has none), `file` (its name), `reason`; sorted by id and
        name.

    Raises
    ------
    FileNotFoundError
        If the folder is missing.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{folder} is not a folder. Put files named <id>{suffixes[0]} there, with the films' "
            "ids, or change the param that names it."
        )
    listed = _listed(folder, {int(film) for film in ids}, suffixes)
    usable = listed["reason"] == ""
    files = listed[usable].drop(columns="reason").reset_index(drop=True)
    with ThreadPoolExecutor(cores()) as pool:  # hashing and decoding release the GIL
        found = pool.map(partial(_digests, content=content), files["path"])
        digests = list(tqdm(found, folder.name, len(files), unit="file", delay=1))
    columns = ["sha256", "content", "reason"]
    files = files.join(pd.DataFrame(digests, columns=columns, dtype=object))
    readable = files["reason"] == ""
    files.loc[readable, "reason"] = _duplicates(files[readable], kind)

    skipped = pd.concat([listed[~usable], files[files["reason"] != ""]])
    skipped = skipped.sort_values(["id", "file"], ignore_index=True)[["id", "file", "reason"]]
    files = files[files["reason"] == ""].astype({"id": "int64", "sha256": str})
    return files.sort_values("id", ignore_index=True)[["id", "path", "sha256"]], skipped


def _listed(folder: Path, ids: set[int], suffixes: tuple[str, ...]) -> pd.DataFrame:
    """Every file that may be of one of these films, with the reason to skip it or ""."""
    rows, taken = [], {}
    ranks = {suffix: rank for rank, suffix in enumerate(suffixes)}
    for path in sorted(
        folder.iterdir(), key=lambda path: (ranks.get(path.suffix.lower(), len(ranks)), path.name)
    ):
        film = int(path.stem) if re.fullmatch(r"0|[1-9][0-9]{0,17}", path.stem) else None
        if path.name.startswith(".") or (film is not None and film not in ids):
            continue
        if path.suffix.lower() not in suffixes:
            reason = f"not named {', '.join(suffixes)}"
        elif film is None:
            reason = "name is not a film's id"
        elif not path.is_file():
            reason = "not a file"
        elif path.stat().st_size == 0:
            reason = "empty file"
        elif film in taken:
            reason = f"{taken[film]} is used for this film"
        else:
            reason, taken[film] = "", path.name
        rows.append((film, path.name, str(path), reason))
    table = pd.DataFrame(rows, columns=["id", "file", "path", "reason"])
    return table.astype({"id": "Int64", "file": str, "path": str, "reason": object})


def _digests(path: str, content: Callable[[Path], str] | None) -> tuple[str, str, str]:
    """SHA-256 and content digest of a file, and why it can't be used or ""."""
    try:
        digest = file_hash(path)
        return digest, content(Path(path)) if content else digest, ""
    except MediaError as error:
        return "", "", str(error)
    except OSError as error:
        return "", "", f"can't be read: {error.strerror}"


def _duplicates(files: pd.DataFrame, kind: str) -> list[str]:
    """For each file, a reason that names the films with the same content, or ""."""
    groups = files.groupby("content")["id"].agg(sorted)
    reasons = []
    for film, content in zip(files["id"], files["content"], strict=True):
        others = [other for other in groups[content] if other != film]
        more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
        names = ", ".join(map(str, others[:_NAMED]))
        reasons.append(f"same {kind} as {names}{more}" if others else "")
    return reasons
