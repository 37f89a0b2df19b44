"""What the page shows: HTML and SVG, readable without the picture, in light and in dark."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.page import words
from boxoffice.forecasts.drivers import WORDS

LEAST, MOST = 1e4, 5e9  # USD: the ends of the scale; what is beyond stands at its end
TICKS = {1e4: "$10k", 1e5: "$100k", 1e6: "$1m", 1e7: "$10m", 1e8: "$100m", 1e9: "$1bn"}
WIDTH, HEIGHT = 1000, 100  # of the drawing, in its own units
BANDWIDTH = 0.07  # of the density, in powers of ten
UNASKED = (4e5, MOST)  # USD: where films are named before anything was asked
NAMED = 5  # films named on the scale
PIN = 8  # percent of the scale that a number takes on a phone; nearer ones stand below each other
# A film is named for its place on the scale: one that most people know if it lies within the first
# distance (in powers of ten), else the newest within the second.
NEAR, SIMILAR = 0.15, 0.04
LANDMARK_TITLES = """
    Following, Braindead, Bottle Rocket, Primer, Tarnation, Hard Candy, El Mariachi, Reservoir Dogs,
    Clerks, Donnie Darko, Monty Python and the Holy Grail, American History X, Requiem for a Dream,
    Mulholland Drive, To Kill a Mockingbird, Rushmore, The Usual Suspects, The Shawshank Redemption,
    Memento, The Big Lebowski, Fargo, Groundhog Day, The Terminator, Fight Club, Big Fish,
    The Sting, Walk the Line, Pulp Fiction, The Truman Show, American Beauty, The Matrix, Shrek,
    Forrest Gump, The Lion King, Jurassic Park, The Lord of the Rings: The Return of the King,
    Titanic
"""
LANDMARKS = [title.strip() for title in LANDMARK_TITLES.split(",")]

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
)
for _filter in (words.money, words.short_money, words.percent, words.in_ten, words.size):
    _TEMPLATES.filters[_filter.__name__] = _filter


def render(template: str, **values) -> str:
    """HTML of a template; all values are escaped."""
    return _TEMPLATES.get_template(f"{template}.html").render(values)


def fault(heading: str, text: str) -> str:
    """HTML that says what is wrong."""
    return render("faults", heading=heading, faults=[("", "", text)])


@dataclass(frozen=True)
class Scale:
    """Known films by `title`, `release_year` and `revenue` (nominal USD), on a log scale."""

    films: pd.DataFrame

    def place(self, usd: float) -> float:
        """Where a revenue stands, in percent of the scale's width."""
        low, high, value = np.log10([LEAST, MOST, np.clip(usd, LEAST, MOST)])
        return round(float(100 * (value - low) / (high - low)), 2)

    def share_below(self, usd: float) -> float:
        """The share of known films that earned less."""
        return float((self.films["revenue"] < usd).mean())

    @cached_property
    def outline(self) -> str:
        """The density of known revenues as an SVG path, of height 0 to `HEIGHT`."""
        at = np.linspace(np.log10(LEAST), np.log10(MOST), 201)
        revenue = np.log10(self.films["revenue"].clip(LEAST, MOST).to_numpy(float))
        density = np.exp(-0.5 * ((at[:, None] - revenue) / BANDWIDTH) ** 2).sum(axis=1)
        x = np.linspace(0, WIDTH, len(at))
        y = HEIGHT * (1 - 0.97 * density / density.max())
        line = " ".join(f"L{a:.0f} {b:.1f}" for a, b in zip(x, y, strict=True))
        return f"M0 {HEIGHT} {line} L{WIDTH} {HEIGHT}Z"

    def named(self, lower: float, upper: float) -> list[dict]:
        """Known films spread from `lower` to `upper` USD: dicts of title, year, revenue, place."""
        targets = np.linspace(*np.log10([max(lower, LEAST), min(upper, MOST)]), NAMED)
        films = self.films[self.films["revenue"].between(LEAST, MOST)]
        revenue = np.log10(films["revenue"].to_numpy(float))
        chosen = {}
        for target in targets:
            film = _best_known(films, np.abs(revenue - target))
            chosen[film.name] = {
                "title": film["title"],
                "year": int(film["release_year"]),
                "revenue": float(film["revenue"]),
                "place": self.place(film["revenue"]),
                "why": None,
            }
        return sorted(chosen.values(), key=lambda film: film["revenue"])

    def compared(self, comparables: list[dict]) -> list[dict]:
        """Comparable films as `named` gives films, the nearest first."""
        return [
            {
                "title": film["title"],
                "year": film["release_year"],
                "revenue": film["revenue"],
                "place": self.place(film["revenue"]),
                "why": film["why"],
            }
            for film in comparables
        ]

    def picture(
        self,
        answer: Mapping | None = None,
        comparables: list[dict] | None = None,
        year: int | None = None,
    ) -> dict:
        """What the template `scale` needs.

        Without a forecast of revenue it shows the known films alone. With a forecast it names the
        comparable films, which earned so much in dollars of that year, and else others that most
        people know.
        """
        picture = {
            "outline": self.outline,
            "ticks": [(self.place(usd), label) for usd, label in TICKS.items()],
            "count": f"{len(self.films):,}",
            "forecast": None,
            "comparables_in": year,
        }
        if answer is None:
            return picture | _with_levels(self.named(*UNASKED))
        usd, interval = answer["predicted_revenue"], answer["interval"]
        if comparables is None:
            named = self.named(interval["lower"], interval["upper"])
        else:
            named = self.compared(comparables)
        picture |= _with_levels(named)
        picture["forecast"] = {
            "usd": usd,
            "below": f"{self.share_below(usd):.0%}",
            "place": self.place(usd),
            "left": self.place(interval["lower"]),
            "width": round(self.place(interval["upper"]) - self.place(interval["lower"]), 2),
        }
        return picture


def _with_levels(named: list[dict]) -> dict:
    """Named films with the `level` that each one's number stands at, 0 the highest; no two meet."""
    ends: list[float] = []  # of the last number of each level
    levels = {}
    for number in sorted(range(len(named)), key=lambda number: named[number]["place"]):
        place = named[number]["place"]
        level = next((level for level, end in enumerate(ends) if end <= place), len(ends))
        ends[level : level + 1] = [place + PIN]
        levels[number] = level
    films = [film | {"level": levels[number]} for number, film in enumerate(named)]
    return {"named": films, "levels": max(1, len(ends))}


def _best_known(films: pd.DataFrame, distance: np.ndarray) -> pd.Series:
    """The film that stands for a place, given each film's distance from it in powers of ten."""
    landmark = np.where(films["title"].isin(LANDMARKS), distance, np.inf)
    if landmark.min() <= NEAR:
        return films.iloc[landmark.argmin()]
    similar = films[distance <= max(SIMILAR, distance.min())]
    return similar.sort_values("release_year", kind="stable").iloc[-1]


def bars(drivers: list[dict], effect_words) -> list[dict]:
    """Drivers as the template `drivers` draws them, lengths in percent."""
    most = max((abs(driver["effect"]) for driver in drivers), default=0) or 1
    return [
        {
            **driver,
            "name": WORDS.get(driver["name"], driver["name"].replace("_", " ")),
            "raises": driver["effect"] > 0,
            "length": round(50 * abs(driver["effect"]) / most, 1),
            "shown": effect_words(driver["effect"]),
        }
        for driver in drivers
    ]
