"""Find posters, check them, and decode them to the square that an image encoder takes."""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageOps, UnidentifiedImageError

from boxoffice.core.files import STAND_IN
from boxoffice.media.files import MediaError, find_files

POSTER_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF")  # what sites serve under those suffixes
_MAX_PIXELS = 50_000_000  # about 5,800 x 8,700; decoded it takes 150 MB
_BACKGROUND = "white"  # what a page shows through a transparent poster
# JPEGs are decoded at 1/2, 1/4 or 1/8 if that leaves twice the pixels that are asked for.
_REDUCING_GAP = 2


def find_posters(folder: Path, ids: Iterable[int]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Find the posters of some films; see `find_files`.

    Skips files that are no image or are broken, and posters with the same pixels under different
    ids, whatever their format. Every file is decoded once.
    """
    return find_files(folder, ids, POSTER_SUFFIXES, content=_pixels, kind="image")


def read_poster(path: Path, size: int = 224) -> np.ndarray:
    """Decode a poster and squeeze the whole of it to a square, upright, on white.

    Returns
    -------
    ndarray (size, size, 3) of uint8
        RGB.

    Raises
    ------
    MediaError
        If the file is no image, is broken, or has more than 50 million pixels.
    """
    # They take seconds to import, which those who only check a file need not wait for.
    import torch
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms.v2 import functional as transforms

    with _drafted(path, size) as image:
        pixels = torch.from_numpy(np.array(image))
    # Not Pillow's: torchvision's takes half the time, and differs by 1 in a few pixels.
    square = transforms.resize(
        pixels.permute(2, 0, 1), [size, size], InterpolationMode.BICUBIC, antialias=True
    )
    return square.permute(1, 2, 0).contiguous().numpy()


def write_bitmap(path: Path, out: Path, size: int = 224) -> None:
    """Decode a poster to a BMP file, of which `read_poster` makes the same array.

    `out` may be `path`. Raises `MediaError` as `read_poster` does, and needs no torch.
    """
    with _drafted(path, size) as image:
        image.load()
    image.save(out, "BMP")


def poster_is_stand_in(path: Path) -> bool:
    """Whether this project drew the image; raises `MediaError` if it is none."""
    with _opened(path) as image:
        return image.info.get("comment", b"") in (STAND_IN, STAND_IN.encode())


@contextmanager
def _drafted(path: Path, size: int) -> Iterator[Image.Image]:
    """A poster as RGB, upright, with at least twice the pixels that are asked for."""
    with _opened(path) as image:
        image.draft("RGB", (size * _REDUCING_GAP, size * _REDUCING_GAP))
        yield _upright_rgb(image)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    try:
        with Image.open(path, formats=_FORMATS) as image:
            if image.width * image.height > _MAX_PIXELS:
                raise MediaError(f"too large: {image.width} x {image.height} pixels")
            yield image
    except (MediaError, MemoryError):
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
    """The (first) picture as RGB, turned as its EXIF says; may change `image` in place."""
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode.startswith("I;16"):  # Pillow would clip 16-bit grey at 255
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if not image.has_transparency_data:
        return image if image.mode == "RGB" else image.convert("RGB")
    picture = image.convert("RGBA")
    background = Image.new("RGBA", picture.size, _BACKGROUND)
    return Image.alpha_composite(background, picture).convert("RGB")


def _pixels(path: Path) -> str:
    """The SHA-256 of a poster's size and pixels at full resolution."""
    with _opened(path) as image:
        picture = _upright_rgb(image)
        return hashlib.sha256(f"{picture.size}".encode() + picture.tobytes()).hexdigest()
