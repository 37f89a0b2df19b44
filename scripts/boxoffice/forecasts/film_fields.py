"""The fields of a film that a forecast is asked for: what each means and which values it takes.

`Film` and `Engagement` are the requests that hold them; nothing else checks what was stated.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    StrictBool,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    create_model,
)
from pydantic import Field as Described
from pydantic_core import ErrorDetails, PydanticCustomError

from boxoffice.films.credits import ROLES
from boxoffice.films.features import CERTIFICATES, CLASSIC_GENRES, GENRES, column_name

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


# Requests

NAME = Annotated[str, Described(min_length=1, max_length=MOST_TEXT)]
IDENTITY = Annotated[int, Described(ge=0, le=MOST_ID)]
OTHER_YEAR = "other_year"  # pydantic's name for a fault of ours


def _number(field: Field, **rules: Any) -> Any:
    lowest = {"gt" if field.above_minimum else "ge": field.minimum}
    return Annotated[float, Described(**lowest, le=field.maximum, **rules)]


def _whole(field: Field) -> Any:
    return Annotated[_number(field, multiple_of=1), AfterValidator(int)]


def _day(text: str, film: ValidationInfo) -> str:
    """A date that is none, or another year's than `release_year`, is refused."""
    if date.fromisoformat(text).isoformat() != text or not FIRST_FILM <= text <= LAST_FILM:
        raise ValueError("no such day")
    year = film.data.get("release_year")
    if year is not None and int(text[:4]) != year:
        raise PydanticCustomError(
            OTHER_YEAR, "not in {year}, which release_year says", {"year": year}
        )
    return text


def _kind(field: Field) -> Any:
    """The type of a field's value."""
    if field.kind == "number":
        return _number(field)
    if field.kind == "whole":
        lowest, highest = int(field.minimum), int(field.maximum)
        schema = {"type": "integer", "minimum": lowest, "maximum": highest}
        return Annotated[_whole(field), WithJsonSchema(schema)]
    if field.kind == "flag":
        flag = Annotated[_whole(field) | StrictBool, AfterValidator(int)]
        return Annotated[flag, WithJsonSchema({"enum": [0, 1, False, True]})]
    if field.kind == "date":
        schema = {"type": "string", "format": "date"}
        return Annotated[str, AfterValidator(_day), WithJsonSchema(schema)]
    if field.kind == "text":
        return Annotated[str, Described(max_length=MOST_TEXT)]
    member = NAME if field.kind == "names" else NAME | IDENTITY
    return Annotated[list[member], Described(max_length=MOST_NAMES)]


def _described(field: Field) -> tuple[Any, Any]:
    """A field's type and what the API's documents say of it."""
    words = f"{field.words[0].upper()}{field.words[1:]}: {field.expected}."
    if field.required:
        return _kind(field), Described(description=words, examples=[field.example])
    return _kind(field) | None, Described(None, description=words, examples=[field.example])


def _request(name: str, words: str, fields: Mapping[str, Field]) -> type[BaseModel]:
    return create_model(
        name,
        __config__=ConfigDict(extra="forbid", allow_inf_nan=False, strict=True),
        __doc__=words,
        **{field.name: _described(field) for field in fields.values()},
    )


Film = _request("Film", "A film. What is left out, or null, is not known.", FILM)
Engagement = _request("Engagement", "How a film was watched and rated.", ENGAGEMENT)


# Faults


def faults(film: Any, request: type[BaseModel] = Film) -> list[str]:
    """What is wrong with a film as it was stated, one text per fault; none where all is right.

    Parameters
    ----------
    film : dict
        Values by field; None is a field that was not stated.
    request : Film or Engagement
    """
    try:
        request.model_validate(film)
    except ValidationError as error:
        errors = first_errors(error.errors()).items()
        return [_told(name, fault, film, request.model_fields) for name, fault in errors]
    return []


def first_errors(errors: Iterable[ErrorDetails]) -> dict[str, ErrorDetails]:
    """Pydantic's errors by field, the first of each; `body` is the whole."""
    found: dict[str, ErrorDetails] = {}
    for error in errors:
        found.setdefault(str(error["loc"][0]) if error["loc"] else "body", error)
    return found


def _told(name: str, fault: ErrorDetails, film: Any, known: Iterable[str]) -> str:
    if not fault["loc"]:
        return f"{film!r:.{SHOWN}} is not a JSON object"
    if fault["type"] == "extra_forbidden":
        return f"{name} is no field of a film; the fields are {', '.join(known)}"
    if film.get(name) is None:
        return f"{name} is missing: give {FIELDS[name].expected}"
    if fault["type"] == OTHER_YEAR:
        return f"{name}: {film[name]} is {fault['msg']}"
    return f"{name}: {film[name]!r:.{SHOWN}} is not {FIELDS[name].expected}"
