"""Embeddings of posters, trailers and texts: each computed once, then read from a cache.

The cache is one SQLite file. A row is one file or text through one encoder, found by the SHA-256 of
the former and a key of the latter. The key holds the encoder's weights, the versions of what
decodes and computes, and whether torch computes exactly: if one of them changes, no old row is
found.
"""

import hashlib
import io
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torchvision.transforms.v2 import functional as transforms
from tqdm import tqdm

from boxoffice import paths
from boxoffice.compute import cores, device, is_exact
from boxoffice.media.encoders import BATCH, IMAGE_SIZE, ImageEncoder, TextEncoder, workers
from boxoffice.media.files import MediaError
from boxoffice.media.posters import read_poster
from boxoffice.media.trailers import read_trailer

EMBEDDINGS = paths.CACHE / "embeddings.sqlite"
_LOCK_TIMEOUT = 60  # seconds to wait for another process that is writing
_TEXT_GROUP = 16  # embedded between two writes to the cache
_SECONDS, _SAMPLE_RATE = 30, 16_000  # of a trailer's sound
# Of an augmented view: the least share of each side that is kept, and the largest change of
# brightness, contrast and saturation. Titles must stay legible: no mirror image, no rotation.
_LEAST_SIDE = 0.88
_JITTER = 0.2
_VERSION = 1  # of the augmented views, and of what is taken from a trailer


class CacheError(Exception):
    """The cache can't be used; the message says why and what to do."""


class Text(NamedTuple):
    sha256: str
    text: str


class Row(NamedTuple):
    """What the cache holds: `value` is what `key` made of a file or text."""

    sha256: str
    key: str
    value: np.ndarray


# What one thread does at a time: files or texts, each with the keys that the cache lacks.
Group = list[tuple[Any, list[str]]]


class Cache:
    """Arrays by the SHA-256 of what they are of and the key of what made them; see `opened`."""

    def __init__(self, path: Path, connection: sqlite3.Connection):
        self._path, self._connection = path, connection
        # No write-ahead log: two processes that make one at the same time find it locked.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS embeddings "
            "(sha256 TEXT, key TEXT, value BLOB NOT NULL, PRIMARY KEY (sha256, key))"
        )

    def __contains__(self, place: tuple[str, str]) -> bool:
        query = "SELECT 1 FROM embeddings WHERE sha256 = ? AND key = ?"
        return self._connection.execute(query, place).fetchone() is not None

    def __getitem__(self, place: tuple[str, str]) -> np.ndarray:
        query = "SELECT value FROM embeddings WHERE sha256 = ? AND key = ?"
        (value,) = self._connection.execute(query, place).fetchone()
        try:
            return np.lib.format.read_array(io.BytesIO(value), allow_pickle=False)
        except (TypeError, ValueError) as error:
            raise _damaged(self._path, error) from error

    def add(self, rows: Iterable[Row]) -> None:
        """Write rows for good, all or none."""
        values = [(row.sha256, row.key, _npy(row.value)) for row in rows]
        with self._connection:
            self._connection.executemany(
                "INSERT OR REPLACE INTO embeddings VALUES (?, ?, ?)", values
            )


@contextmanager
def opened(path: Path) -> Iterator[Cache]:
    """The cache in a file, which is made where there is none.

    Raises
    ------
    CacheError
        If the file is no cache, is damaged, or can't be read or written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with closing(sqlite3.connect(path, timeout=_LOCK_TIMEOUT)) as connection:
            yield Cache(path, connection)
    except sqlite3.OperationalError as error:  # of the disk or a lock, not of what is in the file
        raise CacheError(f"{path}: {error}") from error
    except sqlite3.DatabaseError as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> CacheError:
    return CacheError(
        f"{path} is damaged ({error}): delete it, and the embeddings are computed again"
    )


def _versions(*packages: str) -> str:
    return "-".join(package + version(package) for package in packages)


def _computed(encoder: ImageEncoder | TextEncoder) -> str:
    """The key of an encoder on this torch, with or without the settings that make it exact."""
    return f"{encoder.key}-{_versions('torch')}-{'exact' if is_exact() else device().type}"


def _npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, allow_pickle=False)
    return file.getvalue()


def embed_posters(
    encoder: ImageEncoder,
    files: pd.DataFrame,
    cache: Path = EMBEDDINGS,
    views: int = 0,
    seed: int = 0,
) -> np.ndarray:
    """Embed posters, and augmented views of them.

    Parameters
    ----------
    files : DataFrame
        `id`, `path` and `sha256`, as `find_posters` gives them.
    views : int
        Augmented views per poster, beside the poster itself.
    seed : int
        Of the augmentation; a view depends on the seed, the file's content and the view's number.

    Returns
    -------
    ndarray (n, 1 + views, dim) of float32
        By row of `files`; the poster itself is the first view.

    Raises
    ------
    MediaError
        If a poster can't be decoded.
    CacheError
        If the cache can't be used.
    """
    plain_key = f"{_computed(encoder)}-{_versions('pillow', 'torchvision')}"
    augmented_key = f"{plain_key}-augmented{_VERSION}-seed{seed}-view"
    views_of = {plain_key: 0} | {f"{augmented_key}{view}": view for view in range(1, views + 1)}

    def embedded(group: Group) -> list[Row]:
        places, images = [], []
        for file, keys in group:
            poster = _poster(file.path)
            images += [_view(poster, seed, file.sha256, views_of[key]) for key in keys]
            places += [(file.sha256, key) for key in keys]
        vectors = encoder.forward(np.stack(images))
        return [Row(*place, vector) for place, vector in zip(places, vectors, strict=True)]

    with opened(cache) as store:
        _fill(store, files.itertuples(), list(views_of), BATCH, embedded, "posters")
        by_view = [_read(store, files["sha256"], key, (encoder.dim,)) for key in views_of]
    return np.stack(by_view, axis=1)


def embed_trailers(
    encoder: ImageEncoder, files: pd.DataFrame, cache: Path = EMBEDDINGS, frames: int = 30
) -> tuple[np.ndarray, np.ndarray, pd.DataFrame, pd.DataFrame]:
    """Embed frames of trailers, and take the sound of their start as it is.

    Parameters
    ----------
    files : DataFrame
        `id`, `path` and `sha256`, as `find_trailers` gives them.
    frames : int
        Per trailer, evenly over its length.

    Returns
    -------
    frames : ndarray (n, frames, dim) of float32
    waveforms : ndarray (n, 480000) of int16
        Mono, 30 s at 16 kHz, padded with silence or cut.
    kept : DataFrame
        The rows of `files` that the arrays are of.
    skipped : DataFrame
        `id`, `file` (its name) and `reason` of the trailers that can't be used.

    Raises
    ------
    CacheError
        If the cache can't be used.
    """
    frames_key = f"{_computed(encoder)}-{_versions('av')}-{frames}frames{_VERSION}"
    sound_key = f"{_versions('av')}-sound{_VERSION}-{_SECONDS}s-{_SAMPLE_RATE}Hz"
    reasons = {}

    def embedded(group: Group) -> list[Row]:
        ((file, keys),) = group
        try:
            trailer = read_trailer(Path(file.path), frames, IMAGE_SIZE, _SECONDS, _SAMPLE_RATE)
        except MediaError as error:
            reasons[file.id] = str(error)
            return []
        values = {sound_key: trailer.waveform}
        if frames_key in keys:
            values[frames_key] = encoder.forward(trailer.frames)
        return [Row(file.sha256, key, values[key]) for key in keys]

    with opened(cache) as store:
        _fill(store, files.itertuples(), [frames_key, sound_key], 1, embedded, "trailers")
        failed = files["id"].isin(reasons)
        kept = files[~failed].reset_index(drop=True)
        vectors = _read(store, kept["sha256"], frames_key, (frames, encoder.dim))
        sounds = _read(store, kept["sha256"], sound_key, (_SECONDS * _SAMPLE_RATE,), np.int16)
    skipped = files.loc[failed, ["id"]].reset_index(drop=True)
    skipped["file"] = [Path(path).name for path in files.loc[failed, "path"]]
    skipped["reason"] = [reasons[film] for film in skipped["id"]]
    return vectors, sounds, kept, skipped


def embed_texts(encoder: TextEncoder, texts: Iterable[str], cache: Path = EMBEDDINGS) -> np.ndarray:
    """Embed texts.

    Returns
    -------
    ndarray (n, dim) of float32

    Raises
    ------
    CacheError
        If the cache can't be used.
    """
    key = _computed(encoder)
    items = [Text(hashlib.sha256(text.encode()).hexdigest(), text) for text in texts]

    def embedded(group: Group) -> list[Row]:
        vectors = encoder.forward([item.text for item, _ in group])
        pairs = zip(group, vectors, strict=True)
        return [Row(item.sha256, key, vector) for (item, _), vector in pairs]

    with opened(cache) as store:
        _fill(store, dict.fromkeys(items), [key], _TEXT_GROUP, embedded, "texts")
        return _read(store, [item.sha256 for item in items], key, (encoder.dim,))


def augmented(image: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """A poster slightly cropped and in another light, as fits a picture with text in it.

    Parameters
    ----------
    image : ndarray (height, width, 3) of uint8

    Returns
    -------
    ndarray (height, width, 3) of uint8
    """
    # Torch's own random transforms would draw from one generator for all threads.
    size = image.shape[:2]
    height, width = (round(side * draw.uniform(_LEAST_SIDE, 1)) for side in size)
    top, left = draw.integers(size[0] - height + 1), draw.integers(size[1] - width + 1)
    picture = torch.from_numpy(image).permute(2, 0, 1)
    picture = transforms.resized_crop(picture, int(top), int(left), height, width, list(size))
    for adjust in (
        transforms.adjust_brightness,
        transforms.adjust_contrast,
        transforms.adjust_saturation,
    ):
        picture = adjust(picture, 1 + draw.uniform(-_JITTER, _JITTER))
    return picture.permute(1, 2, 0).numpy()


def _view(poster: np.ndarray, seed: int, sha256: str, view: int) -> np.ndarray:
    """The poster itself as view 0, else a view that depends on nothing but what is given."""
    if view == 0:
        return poster
    return augmented(poster, np.random.default_rng([seed, int(sha256, 16), view]))


def _poster(path: str) -> np.ndarray:
    try:
        return read_poster(Path(path), IMAGE_SIZE)
    except MediaError as error:
        raise MediaError(f"{path}: {error}") from error


def _fill(
    store: Cache,
    items: Iterable[Any],
    keys: list[str],
    size: int,
    embedded: Callable[[Group], list[Row]],
    label: str,
) -> None:
    """Compute the rows that the cache lacks, `size` items at a time, and write each group's.

    A thread decodes and embeds its group, so that one decodes while another embeds.
    """
    wanted = [
        (item, missing)
        for item in items
        if (missing := [key for key in keys if (item.sha256, key) not in store])
    ]
    groups = [wanted[start : start + size] for start in range(0, len(wanted), size)]
    with workers() as pool, tqdm(total=len(wanted), desc=label, delay=1) as bar:
        for group, rows in zip(groups, _mapped(pool, embedded, groups), strict=True):
            store.add(rows)
            bar.update(len(group))


def _mapped(
    pool: ThreadPoolExecutor, work: Callable[[Group], list[Row]], groups: list[Group]
) -> Iterator[list[Row]]:
    """`pool.map`, but with few groups begun ahead, for what they hold is in memory."""
    pending = deque()
    for group in groups:
        pending.append(pool.submit(work, group))
        if len(pending) > 2 * cores():
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()


def _read(
    store: Cache, digests: Iterable[str], key: str, shape: tuple[int, ...], dtype=np.float32
) -> np.ndarray:
    """The rows of one key, in the order of the digests."""
    digests = list(digests)
    arrays = np.empty((len(digests), *shape), dtype)
    for place, digest in enumerate(digests):
        arrays[place] = store[digest, key]
    return arrays
