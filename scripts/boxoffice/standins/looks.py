"""How a film's stand-ins look and sound: by its genres, its budget and its age."""

import datetime
import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

Colour = tuple[float, float, float]  # red, green, blue, 0-255
SEPIA = (146.0, 122.0, 92.0)


class Film(NamedTuple):
    """What is known of a film before its release, which is all that may shape its stand-ins."""

    id: int
    title: str
    genres: tuple[str, ...] = ()
    cast: tuple[str, ...] = ()  # names, in the order of the billing
    certificate: str | None = None
    runtime: float | None = None  # minutes
    budget: float = 1.0  # USD
    release_date: datetime.date | None = None
    countries: tuple[str, ...] = ()


class Look(NamedTuple):
    """Of one genre, or of several mixed."""

    sky: Colour
    ground: Colour
    ink: Colour  # silhouettes
    accent: Colour
    typeface: str  # a file of matplotlib's
    shot: float  # seconds
    loudness: float  # dB below full scale, root mean square
    drums: float  # share of full
    noise: float  # share of full
    chord: tuple[int, ...]  # semitones above the root
    finish: float = 0.5  # how lavish, 0-1


SANS, SERIF, MONO = "DejaVuSans-Bold.ttf", "DejaVuSerif-Bold.ttf", "DejaVuSansMono-Bold.ttf"
ROMAN, ITALIC = "STIXGeneralBol.ttf", "STIXGeneralBolIta.ttf"
MAJOR, MINOR, TENSE, OPEN = (0, 4, 7, 12), (0, 3, 7, 12), (0, 1, 6, 11), (0, 7, 12, 19)

# The most telling genre first: a film that is both a Western and a drama looks like a Western.
LOOKS = {
    "Western": Look(
        (240, 164, 84), (132, 58, 32), (46, 20, 18), (255, 222, 138),
        ROMAN, 1.6, -22, 0.3, 0.2, OPEN
    ),
    "War": Look(
        (134, 134, 104), (56, 58, 44), (22, 24, 20), (222, 104, 52),
        MONO, 0.9, -15, 0.8, 0.7, MINOR
    ),
    "Horror": Look(
        (88, 12, 18), (10, 5, 9), (2, 1, 3), (208, 24, 28),
        ROMAN, 1.4, -17, 0.4, 0.9, TENSE
    ),
    "Science Fiction": Look(
        (18, 58, 112), (5, 9, 30), (3, 6, 18), (86, 230, 255),
        SANS, 0.8, -15, 0.6, 0.5, OPEN
    ),
    "Music": Look(
        (96, 28, 140), (22, 10, 52), (12, 6, 30), (255, 76, 168),
        SANS, 0.7, -14, 0.9, 0.1, MAJOR
    ),
    "Documentary": Look(
        (238, 238, 232), (196, 202, 204), (34, 40, 46), (226, 80, 44),
        MONO, 2.2, -26, 0.0, 0.1, OPEN
    ),
    "Animation": Look(
        (88, 198, 250), (255, 222, 112), (44, 46, 104), (255, 92, 128),
        SANS, 0.8, -18, 0.5, 0.0, MAJOR
    ),
    "History": Look(
        (206, 182, 134), (120, 88, 54), (54, 36, 26), (150, 34, 38),
        SERIF, 1.8, -21, 0.4, 0.2, MINOR
    ),
    "Fantasy": Look(
        (96, 70, 168), (30, 22, 74), (16, 10, 44), (255, 218, 146),
        ITALIC, 1.1, -17, 0.5, 0.2, OPEN
    ),
    "Mystery": Look(
        (44, 78, 88), (10, 20, 28), (4, 8, 14), (236, 210, 132),
        SERIF, 1.5, -23, 0.1, 0.5, TENSE
    ),
    "Family": Look(
        (146, 216, 242), (150, 206, 108), (42, 84, 74), (255, 198, 64),
        SANS, 1.1, -19, 0.3, 0.0, MAJOR
    ),
    "Romance": Look(
        (252, 196, 178), (210, 94, 118), (96, 26, 54), (255, 240, 222),
        ITALIC, 1.7, -23, 0.1, 0.0, MAJOR
    ),
    "Crime": Look(
        (66, 72, 80), (18, 18, 23), (7, 7, 10), (242, 194, 56),
        SANS, 1.0, -18, 0.5, 0.3, MINOR
    ),
    "Adventure": Look(
        (250, 200, 110), (34, 104, 108), (16, 54, 62), (255, 243, 200),
        SERIF, 0.9, -16, 0.7, 0.2, MAJOR
    ),
    "Thriller": Look(
        (28, 58, 84), (8, 13, 22), (3, 5, 10), (228, 50, 48),
        SANS, 0.8, -16, 0.6, 0.5, TENSE
    ),
    "Action": Look(
        (250, 134, 46), (32, 34, 50), (13, 14, 22), (255, 224, 100),
        SANS, 0.6, -12, 1.0, 0.6, MINOR
    ),
    "Foreign": Look(
        (244, 228, 200), (178, 150, 126), (58, 50, 60), (44, 112, 148),
        SERIF, 1.9, -24, 0.1, 0.1, MINOR
    ),
    "Comedy": Look(
        (255, 240, 166), (255, 198, 74), (56, 42, 62), (236, 66, 72),
        SANS, 1.1, -18, 0.4, 0.0, MAJOR
    ),
    "Drama": Look(
        (166, 184, 198), (68, 80, 100), (32, 36, 50), (240, 220, 186),
        SERIF, 1.9, -24, 0.1, 0.1, MINOR
    ),
}  # fmt: skip
# A film of no genre, or of none that is known here.
PLAIN = Look(
    (198, 194, 188), (120, 118, 116), (48, 46, 48), (250, 246, 236), SANS, 1.5, -22, 0.2, 0.2, OPEN
)


def known_genres(genres: Iterable[str]) -> list[str]:
    """Those that have a look, the most telling first."""
    given = set(genres)
    return [genre for genre in LOOKS if genre in given]


def blend(first: Colour, second: Colour, share: float) -> Colour:
    """A colour on the way from `first` (share 0) to `second` (share 1)."""
    return tuple(a + (b - a) * share for a, b in zip(first, second, strict=True))


def mixed(genres: Iterable[str]) -> Look:
    """The look of a film of these genres, each with half the weight of the one before it.

    Typeface and chord, which can't be mixed, are those of the most telling genre.
    """
    looks = [LOOKS[genre] for genre in known_genres(genres)] or [PLAIN]
    weights = 0.5 ** np.arange(len(looks))

    def mean(name):
        return np.average([getattr(look, name) for look in looks], axis=0, weights=weights).tolist()

    colours = {name: tuple(mean(name)) for name in ("sky", "ground", "ink", "accent")}
    numbers = {name: mean(name) for name in ("shot", "loudness", "drums", "noise")}
    return looks[0]._replace(**colours, **numbers)


def finish(budget: float) -> float:
    """How lavish a budget (USD) looks, 0-1: logistic in its logarithm, 1/2 at 16 million."""
    return 1 / (1 + math.exp(-2.4 * (math.log10(max(budget, 1)) - 7.2)))


def aged(look: Look, date: datetime.date | None) -> Look:
    """The look in paler colours for a film from before 1985."""
    share = 0.0 if date is None else min(max((1985 - date.year) / 90, 0), 0.6)
    colours = {
        name: blend(getattr(look, name), SEPIA, share) for name in ("sky", "ground", "accent")
    }
    return look._replace(**colours)


def look_of(film: Film) -> Look:
    """The look of a film; more money also buys shorter shots and louder sound."""
    look, share = mixed(film.genres), finish(film.budget)
    return aged(look, film.release_date)._replace(
        finish=share,
        shot=look.shot * (1 - 0.5 * share),
        loudness=look.loudness + 4 * (share - 0.5),
    )
