"""The fields of a film that a forecast is asked for: what each means and which values it takes."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from boxoffice.credits import ROLES
from boxoffice.features import CERTIFICATES, CLASSIC_GENRES, GENRES, column_name

FIRST_FILM, LAST_FILM = "1888-01-01", "2100-01-01"
MOST_TEXT = 500  # characters of a title, of a name
MOST_NAMES = 200  # people of a role, companies, countries of a film
MOST_ID = 2**63 - 1
SHOWN = 80  # characters of a wrong value that a message repeats


@dataclass(frozen=True)
class Field:
    """One field of a request.

    Attributes
    ----------
    kind : str
        `number`, `whole` (a number without a fraction), `flag` (0 or 1), `text`, `date`
        (YYYY-MM-DD), `names` (a list of texts) or `people` (a list of names or of ids).
    words, unit : str
        What it is and in what it is counted; no unit is an empty text.
    minimum, maximum : float or None
        The range of a number. `above_minimum`: the minimum itself is out of range.
    """

    name: str
    kind: str
    words: str
    example: Any
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    above_minimum: bool = False
    required: bool = False

    @property
    def expected(self) -> str:
        """The values it takes, in words: 'a number from 0 to 10 (points of 10)'."""
        unit = f" ({self.unit})" if self.unit else ""
        if self.kind == "flag":
            return "0 or 1"
        if self.kind == "text":
            return f"a text of at most {MOST_TEXT} characters"
        if self.kind == "date":
            return f"a date YYYY-MM-DD between {FIRST_FILM} and {LAST_FILM}"
        if self.kind == "names":
            return f"a list of at most {MOST_NAMES} names"
        if self.kind == "people":
            return f"a list of at most {MOST_NAMES} names or ids"
        number = "a whole number" if self.kind == "whole" else "a number"
        if self.unit == "year":
            return f"a year from {self.minimum} to {self.maximum}"
        lowest = "above" if self.above_minimum else "from"
        link = ", at most" if self.above_minimum else " to"
        return f"{number} {lowest} {self.minimum:,}{link} {self.maximum:,}{unit}"

    def takes(self, value: Any) -> bool:
        """Whether a value fits."""
        if self.kind == "flag":
            return isinstance(value, (bool, int, float)) and value in (0, 1)
        if self.kind == "text":
            return isinstance(value, str) and len(value) <= MOST_TEXT
        if self.kind == "date":
            return isinstance(value, str) and _is_date(value)
        if self.kind in ("names", "people"):
            fits = _is_name if self.kind == "names" else _is_name_or_id
            return isinstance(value, list) and len(value) <= MOST_NAMES and all(map(fits, value))
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return False
        if self.kind == "whole" and value % 1 != 0:  # so of infinity and of NaN
            return False
        above = self.minimum < value if self.above_minimum else self.minimum <= value
        return above and value <= self.maximum


def _is_date(text: str) -> bool:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return False
    return day.isoformat() == text and FIRST_FILM <= text <= LAST_FILM


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MOST_TEXT


def _is_name_or_id(value: Any) -> bool:
    if isinstance(value, int) and not isinstance(value, bool):
        return 0 <= value <= MOST_ID
    return _is_name(value)


def _by_name(*fields: Field) -> dict[str, Field]:
    return {field.name: field for field in fields}


_ROLE_WORDS = {
    "cast": ("the cast, in the order of billing", ["Sam Worthington", "Zoe Saldana"]),
    "companies": ("production companies", ["Twentieth Century Fox Film Corporation"]),
    "director": ("directors", ["James Cameron"]),
    "writers": ("writers of the screenplay, the story or the novel", ["James Cameron"]),
    "producers": ("producers", ["Jon Landau"]),
    "executives": ("executive producers", ["Laeta Kalogridis"]),
    "composer": ("composers", ["James Horner"]),
    "editor": ("editors", ["Stephen E. Rivkin"]),
    "photography": ("directors of photography", ["Mauro Fiore"]),
    "casting": ("casting directors", ["Mali Finn"]),
}
# A film's series is found by its title, and characters are told by nobody who asks.
STATED_ROLES = tuple(role for role in ROLES if role not in ("franchise", "characters"))
_EXAMPLE_GENRES = ("Action", "Adventure", "Fantasy", "Science Fiction")

CLASSIC = _by_name(
    Field(
        "budget",
        "number",
        "production budget, nominal",
        237_000_000,
        unit="USD",
        minimum=0,
        maximum=10_000_000_000,
        above_minimum=True,
        required=True,
    ),
    Field("popularity", "number", "TMDB popularity", 150.4, minimum=0, maximum=1_000_000),
    Field(
        "runtime",
        "number",
        "length; 0 is unknown",
        162,
        unit="minutes",
        minimum=0,
        maximum=2000,
    ),
    Field("vote_avg", "number", "mean vote", 7.2, unit="points of 10", minimum=0, maximum=10),
    Field(
        "vote_count", "number", "votes cast", 11_800, unit="votes", minimum=0, maximum=1_000_000_000
    ),
    Field(
        "release_year",
        "whole",
        "year of release",
        2009,
        unit="year",
        minimum=1888,
        maximum=2100,
        required=True,
    ),
    *(
        Field(
            column_name(genre),
            "flag",
            f"whether its genres name {genre}",
            int(genre in _EXAMPLE_GENRES),
            minimum=0,
            maximum=1,
        )
        for genre in CLASSIC_GENRES
    ),
)
FURTHER = _by_name(
    Field("title", "text", "title, by which its series is found", "Avatar"),
    Field("release_date", "date", "day of release, in the year of release_year", "2009-12-10"),
    Field("original_language", "text", "language, as ISO 639-1 has it", "en"),
    Field("certificate", "text", f"American certificate: {', '.join(CERTIFICATES)}", "PG-13"),
    Field("genres", "names", f"TMDB's genres: {', '.join(GENRES)}", list(_EXAMPLE_GENRES)),
    Field(
        "countries",
        "names",
        "production countries, as TMDB spells them",
        ["United States of America"],
    ),
    *(Field(role, "people", *_ROLE_WORDS[role]) for role in STATED_ROLES),
)
ENGAGEMENT = _by_name(
    Field(
        "avg_watch_time",
        "number",
        "mean time that a viewer watches",
        112,
        unit="minutes",
        minimum=0,
        maximum=2000,
        above_minimum=True,
        required=True,
    ),
    Field(
        "completion_rate",
        "number",
        "share of the film that a viewer sees",
        0.85,
        unit="share, 0.85 and not 85",
        minimum=0,
        maximum=1,
        required=True,
    ),
    Field(
        "ratings_count",
        "whole",
        "ratings given",
        9500,
        unit="ratings",
        minimum=0,
        maximum=1_000_000_000,
        required=True,
    ),
    Field(
        "avg_rating",
        "number",
        "mean rating",
        4.4,
        unit="stars",
        minimum=1,
        maximum=5,
        required=True,
    ),
)
FILM = CLASSIC | FURTHER
FIELDS = FILM | ENGAGEMENT


def faults(film: dict[str, Any], fields: Iterable[str] = FILM) -> list[str]:
    """What is wrong with a film as it was stated, one text per fault; none where all is right.

    Parameters
    ----------
    film : dict
        Values by field; None is a field that was not stated.
    fields : names of FIELDS
        Those that can be stated.
    """
    known = list(fields)
    stated = {name: value for name, value in film.items() if value is not None}
    found = [
        f"{name} is no field of a film; the fields are {', '.join(known)}"
        for name in film
        if name not in known
    ]
    for name in known:
        field = FIELDS[name]
        if name not in stated:
            found += [f"{name} is missing: give {field.expected}"] * field.required
        elif not field.takes(stated[name]):
            found.append(f"{name}: {stated[name]!r:.{SHOWN}} is not {field.expected}")
    return found or _disagreements(stated)


def _disagreements(film: dict[str, Any]) -> list[str]:
    """Faults between fields that are right by themselves."""
    released, year = film.get("release_date"), film.get("release_year")
    if released is None or year is None or int(released[:4]) == year:
        return []
    return [f"release_date: {released} is not in {year:.0f}, which release_year says"]
