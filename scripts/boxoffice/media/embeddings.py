"""Embeddings of posters, trailers and texts: each computed once, then read from a cache.

The cache is one SQLite file. A row is one file or text through one encoder, found by the SHA-256 of
the former and a key of the latter. The key holds the encoder's weights, the versions of what
decodes and computes, and whether torch computes exactly: if one of them changes, no old row is
found.
"""

import hashlib
import io
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torchvision.transforms.v2 import functional as transforms
from tqdm import tqdm

from boxoffice.core import paths
from boxoffice.core.compute import device, is_exact
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


# Of the cache: the SHA-256 of a file or text, a key, and the array that belongs to both.
Row = tuple[str, str, np.ndarray]
# What one thread does at a time: files or texts, each with the keys that the cache lacks.
Group = list[tuple[Any, list[str]]]


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the cache in a file, which is made where there is none.

    Raises
    ------
    CacheError
        If the file is no cache, is damaged, or can't be read or written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with closing(sqlite3.connect(path, timeout=_LOCK_TIMEOUT)) as cache:
            # No write-ahead log: two processes that make one at the same time find it locked.
            cache.execute("PRAGMA synchronous = NORMAL")
            cache.execute(
                "CREATE TABLE IF NOT EXISTS embeddings "
                "(sha256 TEXT, key TEXT, value BLOB NOT NULL, PRIMARY KEY (sha256, key))"
            )
            yield cache
    except sqlite3.OperationalError as error:  # of the disk or a lock, not of what is in the file
        raise CacheError(f"{path}: {error}") from error
    except sqlite3.DatabaseError as error:
        raise CacheError(
            f"{path} is damaged ({error}): delete it, and the embeddings are computed again"
        ) from error


def _versions(*packages: str) -> str:
    return "-".join(package + version(package) for package in packages)


def _computed(encoder: ImageEncoder | TextEncoder) -> str:
    """The key of an encoder on this torch, with or without the settings that make it exact."""
    return f"{encoder.key}-{_versions('torch')}-{'exact' if is_exact() else device().type}"


def embed_posters(
    encoder: ImageEncoder,
    files: pd.DataFrame,
    cache: Path = EMBEDDINGS,
    views: int = 0,
    seed: int = 0,
) -> np.ndarray:
    """Embed posters, as `find_posters` gives them, and augmented views of them.

    A view depends on the seed, the file's content and the view's number.

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
            try:
                poster = read_poster(Path(file.path), IMAGE_SIZE)
            except MediaError as error:
                raise MediaError(f"{file.path}: {error}") from error
            for key in keys:
                view = views_of[key]
                draw = np.random.default_rng([seed, int(file.sha256, 16), view])
                images.append(augmented(poster, draw) if view else poster)
                places.append((file.sha256, key))
        vectors = encoder.forward(np.stack(images))
        return [(*place, vector) for place, vector in zip(places, vectors, strict=True)]

    with opened(cache) as store:
        _fill(store, files.itertuples(), list(views_of), BATCH, embedded, "posters")
        by_view = [_read(store, files["sha256"], key, (encoder.dim,)) for key in views_of]
    return np.stack(by_view, axis=1)


def embed_trailers(
    encoder: ImageEncoder, files: pd.DataFrame, cache: Path = EMBEDDINGS, frames: int = 30
) -> tuple[np.ndarray, np.ndarray, pd.DataFrame, pd.DataFrame]:
    """Embed frames of trailers, as `find_trailers` gives them, and take the sound of their start.

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
        return [(file.sha256, key, values[key]) for key in keys]

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


def embed_texts(encoder: TextEncoder, texts: Sequence[str], cache: Path = EMBEDDINGS) -> np.ndarray:
    """Embed texts: float32 array (n, dim); raises `CacheError` if the cache can't be used."""
    key = _computed(encoder)
    digests = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
    table = pd.DataFrame({"sha256": digests, "text": list(texts)})

    def embedded(group: Group) -> list[Row]:
        vectors = encoder.forward([item.text for item, _ in group])
        pairs = zip(group, vectors, strict=True)
        return [(item.sha256, key, vector) for (item, _), vector in pairs]

    with opened(cache) as store:
        _fill(store, table.drop_duplicates().itertuples(), [key], _TEXT_GROUP, embedded, "texts")
        return _read(store, digests, key, (encoder.dim,))


def augmented(image: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """A poster (height, width, 3) of uint8, slightly cropped and in another light."""
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


def _npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, allow_pickle=False)
    return file.getvalue()


def _fill(
    cache: sqlite3.Connection,
    items: Iterable[Any],
    keys: list[str],
    size: int,
    embedded: Callable[[Group], list[Row]],
    label: str,
) -> None:
    """Compute the rows that the cache lacks, `size` items at a time, and write each group's.

    A thread decodes and embeds its group, so that one decodes while another embeds.
    """
    there = set(cache.execute("SELECT sha256, key FROM embeddings"))
    wanted = [
        (item, missing)
        for item in items
        if (missing := [key for key in keys if (item.sha256, key) not in there])
    ]
    groups = [wanted[start : start + size] for start in range(0, len(wanted), size)]
    with (
        workers() as pool,
        closing(pool.map(embedded, groups)) as found,
        tqdm(total=len(wanted), desc=label, delay=1) as bar,
    ):
        for group, rows in zip(groups, found, strict=True):
            values = [(sha256, key, _npy(value)) for sha256, key, value in rows]
            with cache:
                cache.executemany("INSERT OR REPLACE INTO embeddings VALUES (?, ?, ?)", values)
            bar.update(len(group))


def _read(
    cache: sqlite3.Connection,
    digests: Iterable[str],
    key: str,
    shape: tuple[int, ...],
    dtype=np.float32,
) -> np.ndarray:
    """The rows of one key, in the order of the digests."""
    digests = list(digests)
    arrays = np.empty((len(digests), *shape), dtype)
    query = "SELECT value FROM embeddings WHERE sha256 = ? AND key = ?"
    for place, digest in enumerate(digests):
        (value,) = cache.execute(query, (digest, key)).fetchone()
        try:
            arrays[place] = np.lib.format.read_array(io.BytesIO(value), allow_pickle=False)
        except (TypeError, ValueError) as error:
            raise sqlite3.DatabaseError(str(error)) from error
    return arrays
