"""Posters: found, checked, and decoded to the square that an image encoder takes."""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageOps, UnidentifiedImageError

from boxoffice.media import files as media
from boxoffice.media.files import MediaError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF")  # what sites serve under those suffixes
MAX_PIXELS = 50_000_000  # about 5,800 x 8,700; decoded it takes 150 MB
BACKGROUND = "white"  # what a page shows through a transparent poster
# JPEGs are decoded at 1/2, 1/4 or 1/8 where that leaves twice the pixels that are asked for.
REDUCING_GAP = 2


def find_posters(folder: Path, ids: Iterable[int]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The posters of the films asked for, each decoded once, and those set aside; see `media.find`.

    Set aside are files that are no image or are broken, and posters with the same pixels under
    different ids, whatever their format.
    """
    return media.find(folder, ids, SUFFIXES, content=_pixels, kind="image")


def read_poster(path: Path, size: int = 224) -> np.ndarray:
    """The whole poster squeezed to a square, upright, without transparency.

    Returns
    -------
    ndarray (size, size, 3) of uint8
        RGB.

    Raises
    ------
    MediaError
        If the file is no image, is broken, or has more than `MAX_PIXELS`.
    """
    with _opened(path) as image:
        image.draft("RGB", (size * REDUCING_GAP, size * REDUCING_GAP))
        square = _upright_rgb(image).resize(
            (size, size), Image.Resampling.BICUBIC, reducing_gap=REDUCING_GAP
        )
        return np.array(square)  # a copy, for Pillow's own memory is read-only


def is_stand_in(path: Path) -> bool:
    """Whether this image says that it was rendered by this project, not made for a film.

    Raises
    ------
    MediaError
        If the file is no image.
    """
    with _opened(path) as image:
        comment = image.info.get("comment", b"")
        return comment in (media.STAND_IN, media.STAND_IN.encode())


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    try:
        with Image.open(path, formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise MediaError(f"too large: {image.width} x {image.height} pixels")
            yield image
    except MediaError:
        raise
    except Exception as error:  # on broken files Pillow raises nearly anything
        raise MediaError(_reason(error)) from error


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "not an image"
    if isinstance(error, Image.DecompressionBombError):
        return "too large"
    if isinstance(error, OSError) and error.strerror:
        return f"can't be read: {error.strerror}"
    return "truncated" if "truncated" in str(error).lower() else "broken image"


def _upright_rgb(image: Image.Image) -> Image.Image:
    """The (first) picture as RGB, turned as its EXIF says."""
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16"):  # Pillow would clip 16-bit grey at 255
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if not image.has_transparency_data:
        return image.convert("RGB")
    picture = image.convert("RGBA")
    background = Image.new("RGBA", picture.size, BACKGROUND)
    return Image.alpha_composite(background, picture).convert("RGB")


def _pixels(path: Path) -> str:
    """The SHA-256 of a poster's size and pixels at full resolution."""
    with _opened(path) as image:
        picture = _upright_rgb(image)
        return hashlib.sha256(f"{picture.size}".encode() + picture.tobytes()).hexdigest()
