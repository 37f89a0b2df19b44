"""Measure how much of the encoder's speed is left when files are decoded and cached too."""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import torch
import typer

from boxoffice import paths
from boxoffice.compute import cores, device, environment, is_exact
from boxoffice.media.embeddings import embed_posters, embed_trailers
from boxoffice.media.encoders import (
    BATCH,
    ImageEncoder,
    WeightsError,
    image_encoder,
    normalized,
    workers,
)
from boxoffice.media.files import MediaError
from boxoffice.media.posters import find_posters, read_poster
from boxoffice.media.trailers import find_trailers, read_trailer

FRAMES = 30
TARGET = 0.8
WIDE = 32  # images in a batch of the plain forward pass


def found(find: Callable, folder: Path, limit: int) -> pd.DataFrame:
    """The first files of a folder, of any films."""
    if not folder.is_dir():
        sys.exit(
            f"{folder} is missing: run `dvc repro synthesize` for rendered stand-ins, or name a "
            "folder with --posters or --trailers"
        )
    ids = [int(path.stem) for path in folder.iterdir() if path.stem.isdecimal()]
    files, _ = find(folder, ids)
    if files.empty:
        sys.exit(f"{folder} holds no file that is named by an id and can be used")
    return files.head(limit)


def poster_images(path: str) -> np.ndarray:
    return read_poster(path)[None]


def trailer_images(path: str) -> np.ndarray:
    return read_trailer(path, FRAMES).frames


def read_all(read: Callable[[str], np.ndarray], files: pd.DataFrame) -> np.ndarray:
    """Every image of every file, on as many threads as there are cores."""

    def named(path: str) -> np.ndarray:
        try:
            return read(path)
        except MediaError as error:
            sys.exit(f"{path}: {error}")

    with workers() as pool:
        return np.concatenate(list(pool.map(named, files["path"])))


@torch.inference_mode()
def forward(encoder: ImageEncoder, batch: torch.Tensor) -> torch.Tensor:
    return encoder.frozen(batch.to(device())).cpu()


def bare(encoder: ImageEncoder, images: torch.Tensor) -> None:
    """The forward pass as the encoder runs it: small batches, one per core."""
    with workers() as pool:
        list(pool.map(partial(forward, encoder), images.split(BATCH)))


def plain(encoder: ImageEncoder, images: torch.Tensor) -> None:
    """The forward pass as it is usually run: large batches, each on all cores."""
    torch.set_num_threads(cores())
    for batch in images.split(WIDE):
        forward(encoder, batch)


def cold(embed: Callable, encoder: ImageEncoder, files: pd.DataFrame) -> None:
    """From files, into a cache that is empty."""
    with tempfile.TemporaryDirectory() as folder:
        embed(encoder, files, Path(folder, "cache.sqlite"))


def rates(ways: dict[str, Callable[[], None]], images: int, repeats: int) -> pd.DataFrame:
    """Images per second of each way (columns) in each repeat (rows), taken in turns."""
    table = []
    for _ in range(repeats):
        seconds = {}
        for way, run in ways.items():
            start = time.perf_counter()
            run()
            seconds[way] = time.perf_counter() - start
        table.append({way: images / taken for way, taken in seconds.items()})
    return pd.DataFrame(table)


def measure(
    what: str,
    read: Callable[[str], np.ndarray],
    embed: Callable,
    encoder: ImageEncoder,
    files: pd.DataFrame,
    repeats: int,
) -> None:
    images = normalized(read_all(read, files))
    ways = {
        "plain": partial(plain, encoder, images),
        "bare": partial(bare, encoder, images),
        "reading": partial(read_all, read, files),
        "embedding": partial(cold, embed, encoder, files),
    }
    bare(encoder, images[: 2 * BATCH])  # the first pass prepares
    table = rates(ways, len(images), repeats)
    ratio = statistics.median(table["embedding"] / table[["plain", "bare"]].max(axis=1))
    typer.echo(f"\n{what}: {len(images)} images of {len(files)} files, {encoder.name}")
    for label, way in {
        f"forward pass alone, {WIDE} at a time": "plain",
        f"forward pass alone, {BATCH} per core": "bare",
        "reading files alone": "reading",
        "files to embeddings": "embedding",
    }.items():
        typer.echo(f"  {label:<33} {table[way].median():7.1f} images/s")
    typer.echo(f"  {'share of the faster forward pass':<33} {ratio:7.0%} (to reach: {TARGET:.0%})")


def main(
    posters: Annotated[Path, typer.Option(help="Folder of posters named by id.")] = paths.SYNTHETIC
    / "posters",
    trailers: Annotated[
        Path, typer.Option(help="Folder of trailers named by id.")
    ] = paths.SYNTHETIC / "trailers",
    encoder: Annotated[str, typer.Option(help="Image encoder.")] = "efficientnet_lite0",
    limit: Annotated[int, typer.Option(min=1, help="Posters, and frames, at most.")] = 300,
    repeats: Annotated[int, typer.Option(min=1, help="Turns; the median counts.")] = 3,
    exact: Annotated[
        bool, typer.Option(help="With the settings of stages that are `exact`.")
    ] = True,
) -> None:
    """Images per second from files to embeddings, beside the bare forward pass in memory.

    Examples:

      python scripts/benchmarks/encoders.py

      python scripts/benchmarks/encoders.py --posters data/posters --trailers data/trailers
    """
    if exact and not is_exact():  # the settings are read when torch is loaded: start anew
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | environment())
    loaded = image_encoder(encoder)
    files = found(find_posters, posters, limit)
    measure("posters", poster_images, embed_posters, loaded, files, repeats)
    files = found(find_trailers, trailers, max(1, limit // FRAMES))
    measure("trailers", trailer_images, embed_trailers, loaded, files, repeats)


if __name__ == "__main__":
    try:
        typer.run(main)
    except (WeightsError, ValueError) as error:
        sys.exit(f"error: {error}")
