"""Posters and trailers as files: which film each belongs to, and why one is set aside."""

import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
from pooch import file_hash
from tqdm import tqdm

from boxoffice.compute import cores

STAND_IN = "stand-in rendered by boxoffice"  # the comment that every rendered file carries
NAMED = 3  # twins that a reason names, of a group that may be large


class MediaError(Exception):
    """A poster or trailer can't be used; the message is the reason, for a table."""


def find(
    folder: Path,
    ids: Iterable[int],
    suffixes: tuple[str, ...],
    content: Callable[[Path], str] = file_hash,
    kind: str = "file",
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The files of the films asked for, named `<id><suffix>`, and those set aside.

    Files of other films and hidden files are passed over. Of several files for one film, that with
    the earliest of `suffixes` is taken. Files of different films with the same content are all set
    aside, for one can't know whose it is.

    Parameters
    ----------
    suffixes : tuple of str
        Lower case, with their dot; a file's may be in upper case.
    content : callable
        Gives a digest of what a file shows; raises `MediaError` where it can't be used.
    kind : str
        What equal digests mean, for the reason: "same `kind` as 123, 456".

    Returns
    -------
    files : DataFrame
        `id` (int64), `path` (str), `sha256` of the bytes; one row per film, by id.
    skipped : DataFrame
        `id` (Int64, missing where the name has none), `file` (its name), `reason`; by id and name.

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
    digests = _in_threads(lambda path: _digests(Path(path), content), files["path"], folder.name)
    columns = ["sha256", "content", "reason"]
    files = files.join(pd.DataFrame(digests, columns=columns, dtype=object))
    readable = files["reason"] == ""
    files.loc[readable, "reason"] = _same(files[readable], kind)

    skipped = pd.concat([listed[~usable], files[files["reason"] != ""]])
    skipped = skipped.sort_values(["id", "file"], ignore_index=True)[["id", "file", "reason"]]
    files = files[files["reason"] == ""].astype({"id": "int64", "sha256": str})
    return files.sort_values("id", ignore_index=True)[["id", "path", "sha256"]], skipped


def _listed(folder: Path, ids: set[int], suffixes: tuple[str, ...]) -> pd.DataFrame:
    """Every file that is not hidden and not of another film, with its reason or none."""
    rows, taken = [], {}
    for path in sorted(folder.iterdir(), key=lambda path: (_rank(path, suffixes), path.name)):
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


def _rank(path: Path, suffixes: tuple[str, ...]) -> int:
    suffix = path.suffix.lower()
    return suffixes.index(suffix) if suffix in suffixes else len(suffixes)


def _digests(path: Path, content: Callable[[Path], str]) -> tuple[str, str, str]:
    """SHA-256, content and no reason; or the reason alone."""
    try:
        digest = file_hash(path)
        return digest, digest if content is file_hash else content(path), ""
    except MediaError as error:
        return "", "", str(error)
    except OSError as error:
        return "", "", f"can't be read: {error.strerror}"


def _in_threads(function: Callable, items: Iterable, label: str) -> list:
    """`function` of every item, in order; hashing and decoding release Python's lock."""
    items = list(items)
    with ThreadPoolExecutor(cores()) as pool:
        bar = tqdm(pool.map(function, items), label, len(items), unit="file", delay=1)
        return list(bar)


def _same(files: pd.DataFrame, kind: str) -> list[str]:
    """For each file the reason that names the films whose file has the same content, or none."""
    groups = files.groupby("content")["id"].agg(sorted)
    reasons = []
    for film, content in zip(files["id"], files["content"], strict=True):
        twins = [other for other in groups[content] if other != film]
        more = f" and {len(twins) - NAMED} more" if len(twins) > NAMED else ""
        names = ", ".join(map(str, twins[:NAMED]))
        reasons.append(f"same {kind} as {names}{more}" if twins else "")
    return reasons
