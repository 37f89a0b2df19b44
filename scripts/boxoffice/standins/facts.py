"""What a stand-in shows: facts that are known before release, and how they look and sound."""

import datetime
import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd

_BILLED = 5


class Facts(NamedTuple):
    """What is known of a film before its release; nothing else shapes its stand-ins."""

    id: int
    title: str
    genres: tuple[str, ...] = ()
    cast: tuple[str, ...] = ()  # names
    certificate: str | None = None
    runtime: float | None = None  # minutes
    budget: float = 1.0  # USD
    release_date: datetime.date | None = None
    countries: tuple[str, ...] = ()


class Look(NamedTuple):
    """Colours, shape, pace and pitch of a genre."""

    sky: str
    ground: str
    accent: str  # of the shape
    corners: int  # of the shape, a star
    inner: int  # its inner radius, per cent of the outer one
    shot: int  # mean length of a trailer's shots in frames, where nothing is spent
    pitch: int  # of the trailer's tone, Hz


# The most telling genre first: a film that is both a Western and a drama looks like a Western.
LOOKS = {
    "Western": Look("#f0a454", "#843a20", "#ffde8a", 6, 58, 16, 196),
    "War": Look("#868668", "#22261c", "#de6834", 5, 38, 9, 110),
    "Horror": Look("#58080e", "#0a0509", "#d0181c", 13, 45, 14, 98),
    "Science Fiction": Look("#123a70", "#05091e", "#56e6ff", 4, 24, 8, 349),
    "Music": Look("#60208c", "#160a34", "#ff4ca8", 24, 70, 7, 440),
    "Documentary": Look("#eeeee8", "#a8b2b6", "#e2502c", 4, 71, 22, 262),
    "Animation": Look("#58c6fa", "#ffde72", "#ff5c80", 8, 78, 8, 523),
    "History": Look("#ceb686", "#785836", "#962226", 3, 50, 18, 165),
    "Fantasy": Look("#6046a8", "#1e164a", "#ffda92", 7, 40, 11, 392),
    "Mystery": Look("#2c4e58", "#0a141c", "#ecd284", 6, 87, 15, 147),
    "Family": Look("#92d8f2", "#8cc064", "#ffc640", 12, 82, 11, 494),
    "Romance": Look("#fcc4b2", "#d25e76", "#fff0de", 5, 74, 17, 330),
    "Crime": Look("#5a6470", "#121217", "#f2c238", 4, 45, 10, 131),
    "Adventure": Look("#fac86e", "#226868", "#fff3c8", 16, 60, 9, 294),
    "Thriller": Look("#1c3a54", "#080d16", "#e43230", 3, 28, 8, 117),
    "Action": Look("#fa862e", "#202232", "#ffe064", 11, 35, 6, 87),
    "Foreign": Look("#f4e4c8", "#b2967e", "#2c7094", 8, 92, 19, 220),
    "Comedy": Look("#fff0a6", "#ffb43c", "#ec4248", 20, 88, 11, 415),
    "Drama": Look("#a6b8c6", "#444f64", "#f0dcba", 40, 100, 19, 247),
}
PLAIN = Look("#c6c2bc", "#787674", "#faf6ec", 6, 75, 15, 233)  # of no genre that is known here


def known_genres(genres: Iterable[str]) -> list[str]:
    """Those that have a look, the most telling first."""
    return [genre for genre in LOOKS if genre in set(genres)]


def look_of(facts: Facts) -> Look:
    """The look of the most telling genre, on the ground of the next one if there is one."""
    looks = [LOOKS[genre] for genre in known_genres(facts.genres)] or [PLAIN]
    return looks[0]._replace(ground=looks[:2][-1].ground)


def finish(budget: float) -> int:
    """How lavish a budget (USD) looks, 0-100: in step with its logarithm from 10^5 to 10^8.5."""
    return round(100 * min(max((math.log10(max(budget, 1)) - 5) / 3.5, 0), 1))


def shot_frames(facts: Facts) -> int:
    """Mean length of the shots of a trailer, in frames; twice as short where most is spent."""
    return max(3, look_of(facts).shot * (200 - finish(facts.budget)) // 200)


def draw_films(
    films: pd.DataFrame, posters: int, trailers: int, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw the films that get a poster, and those among them that get a trailer too.

    Both are the first of one seeded permutation: asking for more leaves the others as they are.
    Raises ValueError if there are not so many films, or more trailers than posters.
    """
    if not 0 <= trailers <= posters <= len(films):
        raise ValueError(
            f"posters: {posters}, trailers: {trailers}; give at least 0 trailers, at least as many "
            f"posters, and at most {len(films)}, the number of usable films"
        )
    order = np.random.default_rng(seed).permutation(len(films))
    drawn = films.sort_values("id").iloc[order[:posters]]
    return drawn, drawn.head(trailers)


def known_before_release(films: pd.DataFrame, people: pd.DataFrame) -> list[Facts]:
    """Facts of films in the order of the rows; what a source lacks is unknown.

    Parameters
    ----------
    films : DataFrame
        Usable rows of `films.parquet`.
    people : DataFrame
        `people.parquet`: `id` and `name`.
    """
    names = people.set_index("id")["name"]
    facts = []
    for row in films.reindex(columns=Facts._fields).itertuples(index=False):
        cells = {name: tuple(x) if np.ndim(x) else x for name, x in row._asdict().items()}
        known = {name: x for name, x in cells.items() if np.ndim(x) or pd.notna(x)}
        cast = tuple(names[person] for person in known.get("cast", ())[:_BILLED])
        facts.append(Facts(**known | {"cast": cast}))
    return facts
