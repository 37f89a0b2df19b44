"""Text that fits its box: any length, any letters, in the typefaces that matplotlib brings."""

import math
import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import matplotlib
from matplotlib.ft2font import FT2Font
from PIL import Image, ImageDraw, ImageFont

TYPEFACES = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
WIDEST = "DejaVuSans-Bold.ttf"  # the one with most letters
NO_BREAK = "\N{NO-BREAK SPACE}"
SHRINK = 0.92  # from one size that is tried to the next
LEADING, ASCENT = 1.18, 0.94  # of a line, and of its letters above the baseline, by font size


def plain_text(text: str) -> str:
    """The text without control and format characters, single-spaced; no-break spaces stay."""
    text = re.sub(r"[^\S\N{NO-BREAK SPACE}]+", " ", unicodedata.normalize("NFC", text)).strip()
    return "".join(letter for letter in text if unicodedata.category(letter)[0] != "C")


@lru_cache
def _letters(typeface: str) -> frozenset[int]:
    return frozenset(FT2Font(TYPEFACES / typeface).get_charmap())


@lru_cache(maxsize=512)
def _font(typeface: str, size: int) -> ImageFont.FreeTypeFont:
    # Pillow's own layout: the other needs a library of the system, and would differ by machine.
    return ImageFont.truetype(TYPEFACES / typeface, size, layout_engine=ImageFont.Layout.BASIC)


def listed(parts: Iterable[str]) -> str:
    """Parts with dots between them, to be broken after a dot and not within a part."""
    return f"{NO_BREAK}· ".join(part.replace(" ", NO_BREAK) for part in parts)


def wrapped(text: str, font: ImageFont.FreeTypeFont, width: float) -> list[str]:
    """Break a text into lines; only a word that is wider than the line is itself broken."""
    lines = [""]
    for word in text.split(" "):
        joined = f"{lines[-1]} {word}".strip()
        if _extent(joined, font) <= width:
            lines[-1] = joined
            continue
        if lines[-1]:
            lines.append("")
        if _extent(word, font) <= width:
            lines[-1] = word
            continue
        for letter in word:
            if lines[-1] and _extent(lines[-1] + letter, font) > width:
                lines.append("")
            lines[-1] += letter
    return lines


def _extent(text: str, font: ImageFont.FreeTypeFont) -> float:
    """Width of a line's ink in pixels."""
    left, _, right, _ = font.getbbox(text)
    return right - left


def _balanced(text: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """As many lines as in the full width, as even as they can be."""
    lines = wrapped(text, font, width)
    narrow = max(width // len(lines), *(math.ceil(_extent(word, font)) for word in text.split(" ")))
    while width - narrow > 4:
        middle = (narrow + width) // 2
        tried = wrapped(text, font, middle)
        if len(tried) > len(lines):
            narrow = middle
        else:
            lines, width = tried, middle
    return lines


def fitted(
    text: str, typeface: str, box: tuple[int, int], largest: int, smallest: int = 9
) -> tuple[list[str], ImageFont.FreeTypeFont]:
    """Lines of a text and the largest font in which they fit a box.

    Words stay whole as long as a font from `largest` to `smallest` allows it. In the smallest one
    long words are broken, and what still does not fit is cut, with an ellipsis.

    Parameters
    ----------
    text : str
        As `plain_text` returns it.
    typeface : str
        A file of matplotlib's; another one is taken where it lacks a letter of the text.
    box : tuple of int
        Width and height in pixels.
    largest, smallest : int
        Font sizes in pixels.
    """
    width, height = box
    if not {ord(letter) for letter in text} <= _letters(typeface):
        typeface = WIDEST
    size = largest
    while True:
        font = _font(typeface, size)
        whole = all(_extent(word, font) <= width for word in text.split(" "))
        lines = wrapped(text, font, width) if whole or size <= smallest else []
        room = height // line_height(font)
        if lines and len(lines) <= room:
            return (_balanced(text, font, width) if whole else lines), font
        if size <= smallest:
            return [*lines[: room - 1], _cut(lines[room - 1], font, width)], font
        size = max(smallest, int(size * SHRINK))


def _cut(line: str, font: ImageFont.FreeTypeFont, width: int) -> str:
    while line and _extent(f"{line}…", font) > width:
        line = line[:-1]
    return f"{line}…"


def line_height(font: ImageFont.FreeTypeFont) -> int:
    return math.ceil(LEADING * font.size)


def lettering(
    text: str,
    typeface: str,
    box: tuple[int, int],
    largest: int,
    smallest: int = 9,
    narrow: float = 1.0,
) -> Image.Image:
    """Draw a text as large as its box allows, centred: an "L" mask of the box's size.

    Parameters
    ----------
    narrow : float
        Share of their own width that the letters are squeezed to.
    """
    width, height = box
    wide = round(width / narrow)
    lines, font = fitted(plain_text(text), typeface, (wide, height), largest, smallest)
    mask = Image.new("L", (wide, height))
    draw = ImageDraw.Draw(mask)
    step = line_height(font)
    y = (height - step * len(lines)) / 2
    for line in lines:
        left, _, right, _ = font.getbbox(line)
        place = ((wide - left - right) / 2, y + ASCENT * font.size)
        draw.text(place, line, fill=255, font=font, anchor="ls")
        y += step
    return mask if wide == width else mask.resize(box, Image.Resampling.LANCZOS)
