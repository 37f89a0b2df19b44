"""The requests: which fields a film may be stated in, and which values each takes.

A field is added here, and read in `canonical`. Tables keep to the same ranges.
"""

from collections.abc import Iterable
from datetime import date
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from boxoffice.films.companies import COMPANY_LISTS, DEFAULT_COMPANIES, kind_of_list
from boxoffice.films.features import CERTIFICATES, CLASSIC_GENRES, GENRES, column_name
from boxoffice.films.votes import DEFAULT_VOTES, VOTE_SOURCES, source_of_votes

FIRST_FILM, LAST_FILM = "1888-01-01", "2100-01-01"
MOST_TEXT = 500  # characters of a title, of a name
MOST_NAMES = 200  # people of a role, companies, countries of a film
SHOWN = 80  # characters of a wrong value that a message repeats
NO_YEAR, OTHER_YEAR = "no_year", "other_year"  # types of our own errors, beside pydantic's

A_DATE = f"a date YYYY-MM-DD between {FIRST_FILM} and {LAST_FILM}"
A_BUDGET = "a number above 0, at most 10,000,000,000 (USD)"
A_TEXT = f"a text of at most {MOST_TEXT} characters"
_SOME_NAMES = f"a list of at most {MOST_NAMES} names"
_SOME_PEOPLE = f"a list of at most {MOST_NAMES} names or ids"


def _check_date(text: str) -> str:
    if date.fromisoformat(text).isoformat() != text:
        raise ValueError("not written YYYY-MM-DD")
    if not FIRST_FILM <= text <= LAST_FILM:
        raise ValueError(f"not between {FIRST_FILM} and {LAST_FILM}")
    return text


def _year_of_film(year: int | None, film: ValidationInfo) -> int | None:
    """The year that is stated, or that of the release date."""
    if "release_date" not in film.data:  # it is wrong itself
        return year
    released = film.data["release_date"]
    dated = year if released is None else int(released[:4])
    if dated is None:
        raise PydanticCustomError(NO_YEAR, "neither it nor release_date is stated")
    if year not in (None, dated):
        raise PydanticCustomError(
            OTHER_YEAR, "not the year of {day}, which release_date says", {"day": released}
        )
    return dated


def _check_votes_of(text: str) -> str:
    source = source_of_votes(text)
    if source is None:
        raise ValueError("votes of an unknown source")
    return source


def _check_companies_of(text: str) -> str:
    kind = kind_of_list(text)
    if kind is None:
        raise ValueError("an unknown kind of list")
    return kind


def _whole(lowest: int, highest: int) -> Any:
    """A whole number, which may be written 9500.0."""
    schema = {"type": "integer", "minimum": lowest, "maximum": highest}
    return Annotated[
        float,
        Field(ge=lowest, le=highest, multiple_of=1),
        AfterValidator(int),
        WithJsonSchema(schema),
    ]


Usd = Annotated[float, Field(gt=0, le=10_000_000_000)]
Minutes = Annotated[float, Field(gt=0, le=2000)]
Share = Annotated[float, Field(ge=0, le=1)]
Stars = Annotated[float, Field(ge=1, le=5)]
Year = Annotated[_whole(1888, 2100) | None, AfterValidator(_year_of_film)]
Count = _whole(0, 1_000_000_000)
Flag = Annotated[
    Annotated[float, Field(ge=0, le=1, multiple_of=1)] | StrictBool,
    AfterValidator(int),
    WithJsonSchema({"enum": [0, 1, False, True]}),
]
Date = Annotated[
    str, AfterValidator(_check_date), WithJsonSchema({"type": "string", "format": "date"})
]
VotesOf = Annotated[
    str, AfterValidator(_check_votes_of), WithJsonSchema({"enum": list(VOTE_SOURCES)})
]
CompaniesOf = Annotated[
    str, AfterValidator(_check_companies_of), WithJsonSchema({"enum": list(COMPANY_LISTS)})
]
_Text = Annotated[str, Field(max_length=MOST_TEXT)]
_Name = Annotated[str, Field(min_length=1, max_length=MOST_TEXT)]
_Id = Annotated[int, Field(ge=0, le=2**63 - 1)]
NameList = Annotated[list[_Name], Field(max_length=MOST_NAMES)]
PeopleList = Annotated[list[_Name | _Id], Field(max_length=MOST_NAMES)]


def _field(words: str, takes: str, example: Any, default: Any = None, **rules: Any) -> Any:
    """A field with its description, 'words: takes.'; `...` as default makes it required."""
    return Field(default, description=f"{words}: {takes}.", examples=[example], **rules)


def _number(words: str, lowest: float, highest: float, unit: str, example: float) -> Any:
    takes = f"a number from {lowest:,} to {highest:,}" + (f" ({unit})" if unit else "")
    return _field(words, takes, example, ge=lowest, le=highest)


def _genre_flag(name: str, example: int) -> Any:
    return _field(f"Whether its genres name {name}", "0 or 1", example)


def _people(words: str, *example: str) -> Any:
    return _field(words, _SOME_PEOPLE, list(example))


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True)


class Film(_Request):
    """A film. What is left out, or null, is not known."""

    budget: Usd = _field("Production budget, nominal", A_BUDGET, 237_000_000, ...)
    popularity: float | None = _number("TMDB popularity", 0, 1_000_000, "", 150.4)
    runtime: float | None = _number("Length; 0 is unknown", 0, 2000, "minutes", 162)
    vote_avg: float | None = _number("Mean vote", 0, 10, "points of 10", 7.2)
    vote_count: float | None = _number("Votes cast", 0, 1_000_000_000, "votes", 11_800)
    votes_of: VotesOf | None = _field(
        f"Whose votes these are, {DEFAULT_VOTES} if it isn't stated",
        " or ".join(VOTE_SOURCES),
        DEFAULT_VOTES,
    )
    release_date: Date | None = _field("Day of release", A_DATE, "2009-12-10")
    release_year: Year = _field(
        "Year of release, needed where release_date is not stated",
        "a year from 1888 to 2100",
        2009,
        validate_default=True,
    )
    action: Flag | None = _genre_flag("Action", 1)
    adventure: Flag | None = _genre_flag("Adventure", 1)
    fantasy: Flag | None = _genre_flag("Fantasy", 1)
    science_fiction: Flag | None = _genre_flag("Science Fiction", 1)
    thriller: Flag | None = _genre_flag("Thriller", 0)
    comedy: Flag | None = _genre_flag("Comedy", 0)
    title: _Text | None = _field("Title, by which its series is found", A_TEXT, "Avatar")
    original_language: _Text | None = _field("Language, by ISO 639 code or name", A_TEXT, "en")
    certificate: _Text | None = _field(
        f"American certificate, one of {', '.join(CERTIFICATES)}", A_TEXT, "PG-13"
    )
    genres: NameList | None = _field(
        f"TMDB's genres, of {', '.join(GENRES)}",
        _SOME_NAMES,
        ["Action", "Adventure", "Fantasy", "Science Fiction"],
    )
    countries: NameList | None = _field(
        "Production countries, by name or ISO 3166 code", _SOME_NAMES, ["United States of America"]
    )
    cast: PeopleList | None = _people(
        "The cast, in the order of billing", "Sam Worthington", "Zoe Saldana"
    )
    companies: PeopleList | None = _people(
        "Companies, as companies_of says which", "Twentieth Century Fox Film Corporation"
    )
    companies_of: CompaniesOf | None = _field(
        "Which companies these are, production companies alone (producers) or the distributor and "
        f"production companies (distributors); {DEFAULT_COMPANIES} if it isn't stated",
        " or ".join(COMPANY_LISTS),
        "distributors",
    )
    director: PeopleList | None = _people("Directors", "James Cameron")
    writers: PeopleList | None = _people(
        "Writers of the screenplay, the story or the novel", "James Cameron"
    )
    producers: PeopleList | None = _people("Producers", "Jon Landau")
    executives: PeopleList | None = _people("Executive producers", "Laeta Kalogridis")
    composer: PeopleList | None = _people("Composers", "James Horner")
    editor: PeopleList | None = _people("Editors", "Stephen E. Rivkin")
    photography: PeopleList | None = _people("Directors of photography", "Mauro Fiore")
    casting: PeopleList | None = _people("Casting directors", "Mali Finn")


class Engagement(_Request):
    """How a film was watched and rated."""

    avg_watch_time: Minutes = _field(
        "Mean time that a viewer watches", "a number above 0, at most 2,000 (minutes)", 112, ...
    )
    completion_rate: Share = _field(
        "Share of the film that a viewer sees",
        "a number from 0 to 1 (share, 0.85 and not 85)",
        0.85,
        ...,
    )
    ratings_count: Count = _field(
        "Ratings given", "a whole number from 0 to 1,000,000,000 (ratings)", 9500, ...
    )
    avg_rating: Stars = _field("Mean rating", "a number from 1 to 5 (stars)", 4.4, ...)


AFTER_RELEASE_FIELDS = ("popularity", "vote_avg", "vote_count")  # what exists after release alone
# The request of the classic projects: numbers, and a flag for each of six genres.
CLASSIC_FIELDS = (
    *("budget", "popularity", "runtime", "vote_avg", "vote_count", "release_year"),
    *map(column_name, CLASSIC_GENRES),
)
_FIELDS = Film.model_fields | Engagement.model_fields


def example(request: type[BaseModel]) -> dict[str, Any]:
    """A request with the example of every field."""
    return {name: field.examples[0] for name, field in request.model_fields.items()}


def expected(name: str) -> str | None:
    """The values that a field takes: 'a number from 0 to 10 (points of 10)'."""
    return _FIELDS[name].description.rpartition(": ")[2][:-1] if name in _FIELDS else None


def limits(name: str) -> tuple[float, float, bool]:
    """Lowest and highest value of a number, and whether the lowest itself is allowed."""
    rules = {
        key: getattr(rule, key)
        for rule in _FIELDS[name].metadata
        for key in ("gt", "ge", "le")
        if getattr(rule, key, None) is not None
    }
    return rules.get("gt", rules.get("ge")), rules["le"], "ge" in rules


def faults(film: Any, request: type[BaseModel] = Film) -> list[str]:
    """What is wrong with a film as it was stated, one text per field.

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
        return [_in_words(name, fault, film, request.model_fields) for name, fault in errors]
    return []


def first_errors(errors: Iterable[ErrorDetails]) -> dict[str, ErrorDetails]:
    """Pydantic's errors by field, the first of each; `body` is the request as a whole."""
    found: dict[str, ErrorDetails] = {}
    for error in errors:
        found.setdefault(str(error["loc"][0]) if error["loc"] else "body", error)
    return found


def _in_words(name: str, error: ErrorDetails, film: Any, known: Iterable[str]) -> str:
    if not error["loc"]:
        return f"{film!r:.{SHOWN}} is not a JSON object"
    if error["type"] == "extra_forbidden":
        return f"{name} is no field of a film; the fields are {', '.join(known)}"
    if film.get(name) is None:
        instead = ", or release_date" if error["type"] == NO_YEAR else ""
        return f"{name} is missing: give {expected(name)}{instead}"
    if error["type"] == OTHER_YEAR:
        return f"{name}: {film[name]} is {error['msg']}"
    return f"{name}: {film[name]!r:.{SHOWN}} is not {expected(name)}"
