"""What a stand-in shows: one small drawing per genre."""

import math
from collections.abc import Callable, Iterable

import numpy as np
from PIL import Image, ImageDraw

from boxoffice.standins.looks import Colour, Look, blend, known_genres

Point = tuple[float, float]
WHITE = (255, 255, 255)


class Pen:
    """Draws on a picture in units of half its shorter side.

    Parameters
    ----------
    picture : Image
        RGB; drawn on in place.
    look : Look
        Whose colours the drawing uses.
    generator : Generator
        Where the drawing's chance comes from.
    centre : tuple
        The point (0, 0), as shares of width and height; x grows to the right, y downwards.
    scale : float
        Size of the unit, 1 for half the shorter side.
    """

    def __init__(
        self,
        picture: Image.Image,
        look: Look,
        generator: np.random.Generator,
        centre: Point = (0.5, 0.5),
        scale: float = 1.0,
    ):
        self.look, self.generator = look, generator
        self.unit = min(picture.size) / 2 * scale
        self.origin = (picture.width * centre[0], picture.height * centre[1])
        self.left, self.top = (-place / self.unit for place in self.origin)
        self.right = self.left + picture.width / self.unit
        self.bottom = self.top + picture.height / self.unit
        self._draw = ImageDraw.Draw(picture, "RGBA")

    def _pixels(self, points: Iterable[Point]) -> list[Point]:
        return [(self.origin[0] + x * self.unit, self.origin[1] + y * self.unit) for x, y in points]

    def _fill(self, colour: Colour, opacity: float) -> tuple[int, ...]:
        return (*(round(part) for part in colour), round(255 * opacity))

    def polygon(self, points: Iterable[Point], colour: Colour, opacity: float = 1.0) -> None:
        self._draw.polygon(self._pixels(points), self._fill(colour, opacity))

    def line(
        self, points: Iterable[Point], width: float, colour: Colour, opacity: float = 1.0
    ) -> None:
        width = max(1, round(width * self.unit))
        self._draw.line(self._pixels(points), self._fill(colour, opacity), width, joint="curve")

    def box(
        self, x0: float, y0: float, x1: float, y1: float, colour: Colour, opacity: float = 1.0
    ) -> None:
        self.polygon([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], colour, opacity)

    def ellipse(
        self, x: float, y: float, rx: float, ry: float, colour: Colour, opacity: float = 1.0
    ) -> None:
        corners = self._pixels([(x - rx, y - ry), (x + rx, y + ry)])
        self._draw.ellipse(corners, self._fill(colour, opacity))

    def disc(self, x: float, y: float, r: float, colour: Colour, opacity: float = 1.0) -> None:
        self.ellipse(x, y, r, r, colour, opacity)

    def arc(
        self,
        x: float,
        y: float,
        rx: float,
        ry: float,
        width: float,
        colour: Colour,
        opacity: float = 1.0,
        degrees: tuple[float, float] = (0, 360),
    ) -> None:
        corners = self._pixels([(x - rx, y - ry), (x + rx, y + ry)])
        width = max(1, round(width * self.unit))
        self._draw.arc(corners, *degrees, fill=self._fill(colour, opacity), width=width)

    def ground(self, heights: Iterable[float], colour: Colour, opacity: float = 1.0) -> None:
        """Everything below a line through evenly spaced heights, over the picture's width."""
        heights = list(heights)
        across = np.linspace(self.left - 0.1, self.right + 0.1, len(heights)).tolist()
        skyline = list(zip(across, heights, strict=True))
        corners = [(across[-1], self.bottom + 0.1), (across[0], self.bottom + 0.1)]
        self.polygon(skyline + corners, colour, opacity)

    def uniform(self, low: float, high: float) -> float:
        return float(self.generator.uniform(low, high))

    def scattered(self, count: int, top: float, bottom: float) -> np.ndarray:
        """Points anywhere across the picture between two heights, shape (count, 2)."""
        return self.generator.uniform((self.left, top), (self.right, bottom), (count, 2))


def around(x: float, y: float, r: float, corners: int, turn: float = 0.0) -> list[Point]:
    """Corners of a regular polygon; `turn` in radians."""
    angles = turn + np.arange(corners) * (2 * math.pi / corners)
    return [(x + r * math.cos(angle), y + r * math.sin(angle)) for angle in angles]


def crescent(x: float, y: float, r: float) -> list[Point]:
    """Outline of a young moon."""
    outer, inner = np.linspace(0.5, 5.2, 40), np.linspace(4.9, 0.8, 40)
    edge = [(x + r * math.cos(a), y + r * math.sin(a)) for a in outer]
    return edge + [
        (x + r * (0.34 + 0.8 * math.cos(a)), y + r * (-0.2 + 0.8 * math.sin(a))) for a in inner
    ]


def hills(pen: Pen, height: float, rise: float, count: int = 60) -> np.ndarray:
    """A gentle line of hills around a height."""
    phases = pen.generator.uniform(0, 2 * math.pi, 3)
    across = np.linspace(0, 1, count)
    waves = [np.sin((k + 1) * 3.1 * across + phase) / (k + 1) for k, phase in enumerate(phases)]
    return height + rise * np.sum(waves, axis=0)


def stars(pen: Pen, count: int, bottom: float) -> None:
    sizes = pen.generator.uniform(0.004, 0.016, count)
    for (x, y), size in zip(pen.scattered(count, pen.top, bottom), sizes, strict=True):
        pen.disc(x, y, size, WHITE, 0.8)


def western(pen: Pen) -> None:
    """A low sun between mesas, and a cactus."""
    _, ground, ink, accent = pen.look[:4]
    pen.disc(pen.uniform(-0.3, 0.3), 0.1, 0.52, accent, 0.95)
    for side in (-1, 1):
        x, top = side * pen.uniform(0.75, 0.95), pen.uniform(-0.25, 0.05)
        mesa = [(-0.5, 0.6), (-0.36, 0.2), (-0.3, 0.0), (0.26, 0.0), (0.34, 0.22), (0.52, 0.6)]
        pen.polygon([(x + dx, top + dy * 1.1) for dx, dy in mesa], blend(ground, ink, 0.3))
    pen.ground(hills(pen, 0.52, 0.04), blend(ground, ink, 0.6))
    pen.ground(hills(pen, 0.78, 0.05), ink)
    x = pen.uniform(-0.5, 0.5)
    for stem in (
        [(x, 0.85), (x, 0.1)],
        [(x, 0.52), (x - 0.16, 0.52), (x - 0.16, 0.28)],
        [(x, 0.44), (x + 0.15, 0.44), (x + 0.15, 0.22)],
    ):
        pen.line(stem, 0.075, ink)
        pen.disc(*stem[-1], 0.036, ink)


def war(pen: Pen) -> None:
    """Searchlights over ruins, and barbed wire."""
    sky, ground, ink, accent = pen.look[:4]
    for start in (-0.8, 0.0, 0.8):
        end = start + pen.uniform(-0.9, 0.9)
        beam = [
            (start - 0.02, 0.5),
            (end - 0.22, pen.top),
            (end + 0.22, pen.top),
            (start + 0.02, 0.5),
        ]
        pen.polygon(beam, blend(accent, WHITE, 0.7), 0.22)
    for x, y in pen.scattered(14, 0.2, 0.6):
        pen.disc(x, y, pen.uniform(0.15, 0.4), accent, 0.10)
    ruins = np.repeat(pen.generator.uniform(0.15, 0.62, 22), 2)
    pen.ground(np.roll(ruins, 1) + pen.generator.uniform(0, 0.07, 44), blend(ground, ink, 0.65))
    pen.ground(hills(pen, 0.72, 0.06), ink)
    for y in (0.62, 0.74):
        wire = blend(sky, ink, 0.25)
        pen.line([(pen.left, y), (pen.right, y + 0.05)], 0.012, wire)
        for x in np.arange(pen.left, pen.right, 0.22):
            barb = y + 0.05 * (x - pen.left) / (pen.right - pen.left)
            pen.line([(x - 0.03, barb - 0.04), (x + 0.03, barb + 0.04)], 0.012, wire)
            pen.line([(x + 0.03, barb - 0.04), (x - 0.03, barb + 0.04)], 0.012, wire)


def horror(pen: Pen) -> None:
    """A pale moon behind a bare tree."""
    _, _, ink, accent = pen.look[:4]
    pen.disc(0.2, -0.25, 0.58, blend(accent, WHITE, 0.55), 0.9)
    pen.disc(0.2, -0.25, 0.58, accent, 0.35)

    def branch(x, y, angle, length, width):
        tip = (x + length * math.cos(angle), y + length * math.sin(angle))
        pen.line([(x, y), tip], width, ink)
        pen.disc(*tip, width / 2, ink)
        if length > 0.07:
            for side in (-1, 1):
                turn = angle + side * pen.uniform(0.25, 0.7)
                branch(*tip, turn, length * pen.uniform(0.62, 0.8), width * 0.64)

    branch(-0.25, 0.85, -math.pi / 2, 0.5, 0.12)
    pen.ground(hills(pen, 0.76, 0.05), ink)
    for x, y in pen.scattered(5, 0.7, 0.8):
        pen.polygon(around(x, y - 0.1, 0.07, 4, math.pi / 4), ink)
        pen.box(x - 0.05, y - 0.1, x + 0.05, y + 0.1, ink)


def science_fiction(pen: Pen) -> None:
    """A ringed planet over a grid of light."""
    sky, _, ink, accent = pen.look[:4]
    stars(pen, 90, 0.6)
    x, y, r = pen.uniform(-0.2, 0.2), pen.uniform(-0.35, -0.2), pen.uniform(0.36, 0.5)
    pen.arc(x, y, r * 1.75, r * 0.42, 0.035, accent, 0.8, (180, 360))
    for step in range(12):
        shade = blend(blend(sky, ink, 0.5), accent, step / 14)
        pen.disc(x + r * 0.03 * step, y - r * 0.03 * step, r * (1 - 0.06 * step), shade)
    pen.arc(x, y, r * 1.75, r * 0.42, 0.035, accent, 0.95, (0, 180))
    horizon = 0.55
    pen.ground([horizon, horizon], ink, 0.85)
    for place in np.linspace(-6, 6, 25):
        pen.line([(place * 0.25, horizon), (place * 1.3, pen.bottom)], 0.007, accent, 0.6)
    for step in range(9):
        height = horizon + (pen.bottom - horizon) * (step / 9) ** 2
        pen.line([(pen.left, height), (pen.right, height)], 0.007, accent, 0.6)


def music(pen: Pen) -> None:
    """A record, and a level meter."""
    _, _, ink, accent = pen.look[:4]
    y = -0.25
    pen.disc(0, y, 0.68, ink)
    for r in np.arange(0.3, 0.66, 0.045):
        pen.arc(0, y, r, r, 0.006, WHITE, 0.22)
    for turn in (0.6, 3.7):
        shine = [
            (0, y),
            *((0.66 * math.cos(a), y + 0.66 * math.sin(a)) for a in (turn, turn + 0.4)),
        ]
        pen.polygon(shine, WHITE, 0.12)
    pen.disc(0, y, 0.24, accent)
    pen.disc(0, y, 0.035, ink)
    places = np.linspace(pen.left, pen.right, 25)
    levels = pen.generator.beta(2, 2.5, 24)
    for x, after, level in zip(places[:-1], places[1:], levels, strict=True):
        for step in range(round(level * 9) + 1):
            top = 0.86 - step * 0.07
            colour = blend(accent, WHITE, step / 12)
            pen.box(x + 0.012, top, after - 0.012, top + 0.05, colour, 0.9)


def documentary(pen: Pen) -> None:
    """A lens in its frame lines."""
    sky, ground, ink, accent = pen.look[:4]
    for place in (-1 / 3, 1 / 3):
        pen.line([(place, pen.top), (place, pen.bottom)], 0.006, ink, 0.35)
        pen.line([(pen.left, place), (pen.right, place)], 0.006, ink, 0.35)
    pen.disc(0, -0.1, 0.62, ink)
    pen.disc(0, -0.1, 0.54, blend(ground, ink, 0.7))
    turn = pen.uniform(0, 1)
    rim, opening = around(0, -0.1, 0.54, 7, turn), around(0, -0.1, 0.27, 7, turn + 1.1)
    for place in range(7):
        pen.line([rim[place], opening[place]], 0.014, ink)
    pen.polygon(opening, blend(sky, accent, 0.15))
    pen.disc(-0.08, -0.2, 0.06, WHITE, 0.8)
    pen.disc(0.72, -0.82, 0.06, accent)


def animation(pen: Pen) -> None:
    """Balloons over hills."""
    _, ground, ink, accent = pen.look[:4]
    pen.ground(hills(pen, 0.55, 0.08), blend(ground, (110, 200, 110), 0.6))
    pen.ground(hills(pen, 0.75, 0.06), blend(ground, (70, 160, 90), 0.7))
    colours = [accent, (255, 206, 60), (90, 120, 250), (120, 214, 120), (250, 150, 60), WHITE]
    places = pen.generator.uniform((-0.85, -0.85), (0.85, 0.35), (13, 2))
    for number, (x, y) in enumerate(places[places[:, 1].argsort()]):
        r, colour = pen.uniform(0.12, 0.22), colours[number % len(colours)]
        pen.line([(x, y + r), (x + 0.04, y + r + 0.18), (x, y + r + 0.34)], 0.008, ink, 0.7)
        pen.ellipse(x, y, r * 0.88, r, colour)
        pen.polygon([(x, y + r * 0.9), (x - 0.03, y + r + 0.04), (x + 0.03, y + r + 0.04)], colour)
        pen.ellipse(x - r * 0.3, y - r * 0.35, r * 0.2, r * 0.28, WHITE, 0.6)


def history(pen: Pen) -> None:
    """A temple front."""
    sky, ground, ink, accent = pen.look[:4]
    pen.disc(pen.uniform(-0.4, 0.4), -0.4, 0.5, accent, 0.75)
    stone, shade = blend(sky, WHITE, 0.35), blend(ground, ink, 0.25)
    pen.polygon([(-0.92, -0.12), (0, -0.52), (0.92, -0.12)], stone)
    pen.polygon([(-0.7, -0.15), (0, -0.44), (0.7, -0.15)], shade)
    pen.box(-0.92, -0.12, 0.92, -0.01, stone)
    pen.box(-0.82, -0.01, 0.82, 0.62, shade)
    for x in np.linspace(-0.74, 0.74, 6):
        pen.box(x - 0.075, 0.02, x + 0.075, 0.6, stone)
        pen.box(x + 0.02, 0.02, x + 0.075, 0.6, shade, 0.35)
        pen.box(x - 0.1, -0.01, x + 0.1, 0.04, stone)
    for step in range(3):
        width = 0.9 + 0.07 * step
        pen.box(-width, 0.6 + 0.06 * step, width, 0.66 + 0.06 * step, blend(stone, shade, step / 4))
    pen.ground([0.78, 0.78], ink)


def fantasy(pen: Pen) -> None:
    """A castle under the moon."""
    sky, ground, ink, accent = pen.look[:4]
    stars(pen, 70, 0.3)
    x, y = pen.uniform(0.45, 0.7), -0.55
    pen.polygon(crescent(x, y, 0.3), accent)
    pen.ground(hills(pen, 0.45, 0.1), blend(ground, sky, 0.45))
    for place, width, top in zip(
        (-0.42, 0.4, -0.2, 0.2, 0.0),
        (0.09, 0.09, 0.11, 0.1, 0.14),
        pen.generator.uniform((-0.1, -0.05, -0.3, -0.25, -0.5), (0.1, 0.1, -0.15, -0.1, -0.35)),
        strict=True,
    ):
        pen.box(place - width, top, place + width, 0.7, ink)
        roof = [(place - width * 1.25, top), (place, top - 0.34), (place + width * 1.25, top)]
        pen.polygon(roof, blend(ink, accent, 0.18))
        pen.box(place - 0.02, top + 0.12, place + 0.02, top + 0.22, accent)
    pen.box(-0.5, 0.3, 0.5, 0.7, ink)
    pen.ground(0.62 + 0.5 * np.linspace(-1, 1, 41) ** 2 * 0.5, ink)


def mystery(pen: Pen) -> None:
    """A keyhole that lets light out."""
    sky, _, ink, accent = pen.look[:4]
    x, y = 0, -0.22
    light = [(x - 0.08, y + 0.1), (x + 0.08, y + 0.1), (1.0, pen.bottom), (-1.0, pen.bottom)]
    for spread in (1.0, 0.75, 0.5):
        pen.polygon([(px * spread, py) for px, py in light], accent, 0.16)
    for r in (0.5, 0.42, 0.34):
        pen.disc(x, y, r, accent, 0.10)
    pen.disc(x, y, 0.23, accent)
    pen.polygon([(x - 0.1, y), (x + 0.1, y), (x + 0.2, y + 0.58), (x - 0.2, y + 0.58)], accent)
    figure = pen.uniform(-0.04, 0.04)
    pen.disc(figure, y + 0.2, 0.05, ink)
    pen.polygon(
        [
            (figure - 0.07, y + 0.58),
            (figure - 0.05, y + 0.26),
            (figure + 0.05, y + 0.26),
            (figure + 0.07, y + 0.58),
        ],
        ink,
    )
    for height in (0.45, 0.6, 0.78):
        pen.ground(hills(pen, height, 0.05), blend(sky, ink, 0.35), 0.4)


def family(pen: Pen) -> None:
    """A house, a tree and the sun."""
    sky, ground, ink, accent = pen.look[:4]
    x, y = pen.uniform(-0.6, 0.6), -0.55
    for corner in around(x, y, 0.42, 14):
        pen.line([(x, y), corner], 0.022, accent, 0.9)
    pen.disc(x, y, 0.26, accent)
    for cloud in pen.generator.uniform((-0.9, -0.7), (0.9, -0.2), (3, 2)):
        for step in (-0.12, 0, 0.12):
            pen.ellipse(cloud[0] + step, cloud[1], 0.12, 0.08 - abs(step) / 4, WHITE, 0.9)
    pen.ground(hills(pen, 0.42, 0.07), blend(ground, WHITE, 0.15))
    place = pen.uniform(-0.35, 0.1)
    pen.box(place - 0.3, 0.12, place + 0.3, 0.62, blend(sky, WHITE, 0.75))
    pen.polygon(
        [(place - 0.4, 0.14), (place, -0.22), (place + 0.4, 0.14)],
        blend(accent, (220, 70, 60), 0.7),
    )
    pen.box(place - 0.07, 0.34, place + 0.07, 0.62, ink)
    for side in (-0.2, 0.2):
        pen.box(place + side - 0.06, 0.24, place + side + 0.06, 0.36, accent)
    tree = place + 0.62
    pen.box(tree - 0.035, 0.2, tree + 0.035, 0.66, blend(ink, (120, 80, 50), 0.6))
    for dx, dy, r in ((0, 0, 0.2), (-0.12, 0.12, 0.15), (0.12, 0.12, 0.15)):
        pen.disc(tree + dx, 0.02 + dy, r, blend(ground, ink, 0.35))
    pen.ground(hills(pen, 0.64, 0.05), blend(ground, ink, 0.2))


def romance(pen: Pen) -> None:
    """Two hearts over the sea at sunset."""
    _, ground, ink, accent = pen.look[:4]
    pen.disc(0, 0.35, 0.62, accent, 0.9)
    pen.ground([0.4, 0.4], blend(ground, ink, 0.15))
    for step in range(9):
        y, width = 0.44 + 0.06 * step, pen.uniform(0.25, 0.6) * (1 - 0.05 * step)
        pen.line([(-width, y), (width, y)], 0.016, accent, 0.75)
    turns = np.linspace(0, 2 * math.pi, 60)
    outline = np.column_stack(
        [
            16 * np.sin(turns) ** 3,
            -(
                13 * np.cos(turns)
                - 5 * np.cos(2 * turns)
                - 2 * np.cos(3 * turns)
                - np.cos(4 * turns)
            ),
        ]
    )
    for x, y, size, colour in (
        (-0.17, -0.3, 0.027, blend(ground, (226, 30, 70), 0.65)),
        (0.24, -0.16, 0.02, blend(ground, (255, 110, 130), 0.6)),
    ):
        pen.polygon(((x, y) + size * outline).tolist(), colour, 0.92)


def crime(pen: Pen) -> None:
    """A city at night with few windows lit."""
    sky, _, ink, accent = pen.look[:4]
    pen.disc(pen.uniform(-0.6, 0.6), -0.6, 0.2, accent, 0.9)
    for layer, top in enumerate((-0.35, -0.05)):
        colour, x = blend(sky, ink, 0.35 + 0.5 * layer), pen.left
        while x < pen.right:
            width, height = pen.uniform(0.2, 0.36), top + pen.uniform(0, 0.5)
            pen.box(x, height, x + width, pen.bottom, colour)
            rows = np.arange(height + 0.07, 0.9, 0.11)
            columns = np.arange(x + 0.04, x + width - 0.06, 0.085)
            lit = pen.generator.random((len(rows), len(columns))) < 0.22
            for row, column in np.argwhere(lit):
                left, upper = columns[column], rows[row]
                pen.box(left, upper, left + 0.035, upper + 0.055, accent, 0.85)
            x += width + pen.uniform(0, 0.03)
    for y in np.arange(pen.top, -0.55, 0.12):
        pen.box(pen.left, y, pen.right, y + 0.05, ink, 0.5)


def adventure(pen: Pen) -> None:
    """Mountains before the sun, and a river."""
    sky, ground, ink, accent = pen.look[:4]
    pen.disc(pen.uniform(-0.5, 0.5), -0.35, 0.4, accent, 0.95)
    for layer in range(3):
        count = 9 + 2 * layer
        peaks = pen.generator.uniform(-0.35, 0.1, count) + 0.28 * layer
        peaks[::2] += 0.4
        colour = blend(blend(sky, ground, 0.75), ink, layer / 2)
        pen.ground(peaks, colour)
        if layer == 0:
            across = np.linspace(pen.left - 0.1, pen.right + 0.1, count)
            for x, y in zip(across[1::2], peaks[1::2], strict=True):
                pen.polygon(
                    [(x - 0.07, y + 0.15), (x, y), (x + 0.07, y + 0.15), (x, y + 0.1)], accent
                )
    bend = pen.uniform(-0.3, 0.3)
    down = np.linspace(0, 1, 20)
    middle, half = bend + 0.25 * np.sin(4 * down), 0.02 + 0.25 * down**2
    heights = 0.55 + (pen.bottom - 0.55) * down
    river = [
        *zip(middle - half, heights, strict=True),
        *zip((middle + half)[::-1], heights[::-1], strict=True),
    ]
    pen.polygon(river, blend(sky, accent, 0.5), 0.85)


def thriller(pen: Pen) -> None:
    """A sight, and somebody in it."""
    sky, _, ink, accent = pen.look[:4]
    x, y = pen.uniform(-0.15, 0.15), -0.15
    for r in np.linspace(1.3, 0.3, 6):
        pen.disc(x, y, r, blend(sky, WHITE, 0.5), 0.06)
    pen.disc(x, y - 0.1, 0.1, ink)
    pen.polygon(
        [(x - 0.2, y + 0.62), (x - 0.15, y + 0.04), (x + 0.15, y + 0.04), (x + 0.2, y + 0.62)], ink
    )
    pen.ellipse(x, y + 0.64, 0.5, 0.06, ink)
    for r, width in ((0.72, 0.03), (0.5, 0.014), (0.26, 0.014)):
        pen.arc(x, y, r, r, width, accent)
    for near, far in ((0.16, 0.9), (-0.16, -0.9)):
        pen.line([(x + near, y), (x + far, y)], 0.016, accent)
        pen.line([(x, y + near), (x, y + far)], 0.016, accent)


def action(pen: Pen) -> None:
    """An explosion over a city."""
    sky, _, ink, accent = pen.look[:4]
    x, y = pen.uniform(-0.3, 0.3), pen.uniform(-0.2, 0.05)
    turns = np.linspace(0, 2 * math.pi, 49)[:-1]
    for size, colour, opacity in (
        (1.25, blend(sky, (200, 40, 20), 0.5), 0.55),
        (0.85, accent, 0.7),
        (0.5, blend(accent, WHITE, 0.75), 0.95),
    ):
        reach = size * pen.generator.uniform(0.5, 1, 48) * np.tile([1, 0.55], 24)
        burst = np.column_stack([x + reach * np.cos(turns), y + reach * np.sin(turns)])
        pen.polygon(burst.tolist(), colour, opacity)
    for _ in range(40):
        turn, near = pen.uniform(0, 2 * math.pi), pen.uniform(0.45, 1.2)
        place = (x + near * math.cos(turn), y + near * math.sin(turn))
        pen.polygon(around(*place, pen.uniform(0.01, 0.05), 3, turn), ink)
    pen.ground(np.repeat(pen.generator.uniform(0.25, 0.7, 15), 2), ink)


def foreign(pen: Pen) -> None:
    """A globe."""
    _, ground, ink, accent = pen.look[:4]
    y = -0.15
    pen.disc(0, y, 0.68, blend(accent, WHITE, 0.25))
    for x, dy, rx, ry in pen.generator.uniform(
        (-0.4, -0.4, 0.08, 0.06), (0.4, 0.4, 0.28, 0.2), (7, 4)
    ):
        pen.ellipse(x, y + dy, rx, ry, blend(ground, (96, 140, 84), 0.6), 0.9)
    for share in (0.33, 0.66, 1.0):
        pen.arc(0, y, 0.68 * share, 0.68, 0.012, ink, 0.6)
    for height in (-0.45, -0.23, 0, 0.23, 0.45):
        half = math.sqrt(0.68**2 - height**2)
        pen.line([(-half, y + height), (half, y + height)], 0.012, ink, 0.6)
    pen.arc(0, y, 0.76, 0.76, 0.03, ink, 1, (-70, 110))
    pen.polygon([(-0.3, 0.78), (0.3, 0.78), (0.08, 0.6), (-0.08, 0.6)], ink)


def comedy(pen: Pen) -> None:
    """A grin under confetti."""
    sky, ground, ink, accent = pen.look[:4]
    colours = [accent, (70, 170, 230), (90, 200, 130), (170, 100, 220), WHITE, (255, 150, 50)]
    turns = pen.generator.uniform(0, math.pi, 70)
    for number, ((x, y), turn) in enumerate(
        zip(pen.scattered(70, pen.top, pen.bottom), turns, strict=True)
    ):
        piece = around(x, y, 0.05, 4, turn)
        pen.polygon([piece[0], piece[1], piece[2]], colours[number % len(colours)], 0.95)
    x, y = pen.uniform(-0.12, 0.12), pen.uniform(-0.2, -0.05)
    pen.disc(x, y, 0.58, blend(ground, accent, 0.12))
    pen.disc(x - 0.03, y - 0.03, 0.54, blend(sky, (255, 214, 60), 0.7))
    for side in (-0.2, 0.2):
        pen.ellipse(x + side, y - 0.16, 0.06, 0.1, ink)
        pen.disc(x + side + 0.02, y - 0.2, 0.02, WHITE)
    grin = [
        (x + 0.36 * math.cos(a), y + 0.08 + 0.34 * math.sin(a)) for a in np.linspace(0, math.pi, 25)
    ]
    pen.polygon(grin, ink)
    pen.box(x - 0.3, y + 0.08, x + 0.3, y + 0.15, WHITE)
    pen.ellipse(x, y + 0.34, 0.17, 0.07, accent)


def drama(pen: Pen) -> None:
    """Somebody alone at the shore."""
    sky, ground, ink, accent = pen.look[:4]
    x = pen.uniform(-0.35, 0.35)
    pen.disc(x, -0.1, 0.5, accent, 0.9)
    pen.ground(hills(pen, 0.3, 0.03), blend(sky, ground, 0.7))
    pen.ground([0.42, 0.42], blend(ground, sky, 0.25))
    for step in range(7):
        y, width = 0.47 + 0.05 * step, pen.uniform(0.12, 0.4)
        pen.line([(x - width, y), (x + width, y)], 0.01, accent, 0.6)
    pen.ground(hills(pen, 0.78, 0.05), ink)
    place = -x + pen.uniform(-0.1, 0.1)
    pen.disc(place, 0.26, 0.055, ink)
    pen.polygon(
        [
            (place - 0.1, 0.85),
            (place - 0.08, 0.36),
            (place, 0.31),
            (place + 0.08, 0.36),
            (place + 0.1, 0.85),
        ],
        ink,
    )


def plain(pen: Pen) -> None:
    """A strip of film."""
    sky, _, ink, accent = pen.look[:4]
    tilt = pen.uniform(-0.35, 0.35)

    def slanted(x0, y0, x1, y1):
        return [(x, y + tilt * x) for x, y in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))]

    pen.polygon(slanted(pen.left, -0.5, pen.right, 0.3), ink)
    for x in np.arange(pen.left, pen.right, 0.16):
        for y in (-0.46, 0.2):
            pen.polygon(slanted(x, y, x + 0.08, y + 0.06), accent)
    for x in np.arange(pen.left, pen.right, 0.64):
        pen.polygon(slanted(x, -0.35, x + 0.58, 0.15), blend(sky, accent, pen.uniform(0.1, 0.9)))


Motif = Callable[[Pen], None]
MOTIFS: dict[str, Motif] = {
    "Western": western,
    "War": war,
    "Horror": horror,
    "Science Fiction": science_fiction,
    "Music": music,
    "Documentary": documentary,
    "Animation": animation,
    "History": history,
    "Fantasy": fantasy,
    "Mystery": mystery,
    "Family": family,
    "Romance": romance,
    "Crime": crime,
    "Adventure": adventure,
    "Thriller": thriller,
    "Action": action,
    "Foreign": foreign,
    "Comedy": comedy,
    "Drama": drama,
}


def two_motifs(genres: Iterable[str], generator: np.random.Generator) -> list[Motif]:
    """Draw one or two of the genres' motifs, each half as likely first as the one before it."""
    motifs = [MOTIFS[genre] for genre in known_genres(genres)] or [plain]
    weights = 0.5 ** np.arange(len(motifs))
    order = generator.choice(
        len(motifs), min(2, len(motifs)), replace=False, p=weights / weights.sum()
    )
    return [motifs[place] for place in order]
