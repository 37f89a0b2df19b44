"""A film's facts as a picture: colours and shape of its genres, a finish that money buys, words.

Sizes and places are integers, and text is drawn with a font that comes with matplotlib, so that
every machine draws the same pixels.
"""

import math
import textwrap
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFont

from boxoffice.standins.facts import Facts, finish, look_of

POSTER_SIZE = (400, 600)  # pixels
FONT = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans-Bold.ttf"
SMALLEST = 9  # pixels, of text
COSINE = [round(1000 * math.cos(math.radians(angle))) for angle in range(360)]  # in thousandths


def star(x: int, y: int, radius: int, corners: int, inner: int, turn: int) -> list:
    """Outline of a star around (x, y), turned by degrees; `inner` as in `Look`."""
    outline = []
    for corner in range(2 * corners):
        angle = turn + 180 * corner // corners
        r = radius * (100, inner)[corner % 2] // 100
        sine, cosine = COSINE[(angle - 90) % 360], COSINE[angle % 360]
        outline.append((x + r * cosine // 1000, y + r * sine // 1000))
    return outline


def scene(size: tuple[int, int], facts: Facts, generator: np.random.Generator) -> Image.Image:
    """Draw the genres' shape above a horizon; money brings rays and colour, and takes grain away.

    Films from before 1985 are paler.
    """
    look, lavish = look_of(facts), finish(facts.budget)
    width, height = 2 * size[0], 2 * size[1]  # drawn twice as large, for smooth edges
    picture = Image.new("RGB", (width, height), look.sky)
    gradient = Image.linear_gradient("L").resize(picture.size, Image.Resampling.NEAREST)
    picture.paste(look.ground, mask=gradient)
    draw = ImageDraw.Draw(picture, "RGBA")
    x = width * int(generator.integers(42, 59)) // 100
    y = height * int(generator.integers(33, 42)) // 100
    radius = min(width, height) * (20 + lavish // 5) // 100
    turn = int(generator.integers(360))
    draw.polygon(star(x, y, 2 * width, 6 + lavish // 8, 8, turn), f"{look.accent}50")
    draw.polygon(star(x, y, radius, look.corners, look.inner, turn), look.accent)
    draw.polygon(star(x, y, radius * 7 // 10, look.corners, look.inner, turn), f"{look.sky}90")
    draw.ellipse((-width, height * 68 // 100, 2 * width, 2 * height), look.ground)
    year = facts.release_date.year if facts.release_date else 1985
    colour = (40 + lavish) * min(max(year - 1885, 40), 100) / 10_000
    picture = ImageEnhance.Color(picture.reduce(2)).enhance(colour)
    grain = Image.frombytes("L", size, generator.bytes(size[0] * size[1])).convert("RGB")
    return Image.blend(picture, grain, (110 - lavish) / 500)


def write(picture: Image.Image, text: str, box: tuple[int, int, int, int], largest: int) -> None:
    """Write text into a box, as large as it fits; what doesn't fit in the smallest size is cut."""
    left, top, right, bottom = box
    text = " ".join(text.upper().split())
    for size in range(largest, SMALLEST - 1, -1):
        # Pillow's own layout: the other one needs a library of the system.
        font = ImageFont.truetype(FONT, size, layout_engine=ImageFont.Layout.BASIC)
        wrapper = textwrap.TextWrapper(
            width=(right - left) * 4 // (3 * size),  # letters
            max_lines=(bottom - top) * 4 // (5 * size),
            placeholder="…",
            break_on_hyphens=False,
        )
        lines = wrapper.wrap(text)
        if " ".join(lines) == text and max(map(font.getlength, lines), default=0) <= right - left:
            break
    middle = ((left + right) // 2, (top + bottom) // 2)
    style = {"anchor": "mm", "align": "center", "stroke_width": 1 + size // 16}
    ImageDraw.Draw(picture).multiline_text(
        middle, "\n".join(lines), "white", font, **style, stroke_fill="black", spacing=size // 6
    )


def poster(facts: Facts, generator: np.random.Generator) -> Image.Image:
    """Draw a poster with names, title and small print: 400 x 600 pixels, RGB."""
    picture = scene(POSTER_SIZE, facts, generator)
    small_print = (
        facts.certificate,
        facts.release_date and f"{facts.release_date:%Y-%m-%d}",
        facts.runtime and f"{facts.runtime:.0f} min",
        ", ".join(facts.countries),
    )
    write(picture, " · ".join(facts.cast), (20, 10, 380, 54), 14)
    write(picture, facts.title, (20, 400, 380, 525), 60)
    write(picture, " · ".join(filter(None, small_print)), (20, 540, 380, 590), 14)
    return picture
