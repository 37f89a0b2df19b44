"""What the service takes and answers: the bodies, and their place in the OpenAPI document.

The fields of a film, their ranges and examples are those of `boxoffice.film_fields`.
"""

from typing import Annotated, Any

from annotated_types import MultipleOf
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    StrictBool,
    ValidationInfo,
    WithJsonSchema,
    create_model,
)
from pydantic import Field as Described

from boxoffice import film_fields
from boxoffice.film_fields import ENGAGEMENT, FIELDS, FILM, MOST_ID, MOST_NAMES, MOST_TEXT

STRICT = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True)


# Requests


def _number(field: film_fields.Field, *rules: Any) -> Any:
    lowest = {"gt" if field.above_minimum else "ge": field.minimum}
    return Annotated[float, Described(**lowest, le=field.maximum), *rules]


def _whole(field: film_fields.Field) -> Any:
    return _number(field, MultipleOf(1), AfterValidator(int))


def _in_its_year(day: str, film: ValidationInfo) -> str:
    """A date that is none, or another year's than `release_year`, is refused."""
    if not FIELDS["release_date"].takes(day):
        raise ValueError("no such day")
    year = film.data.get("release_year")
    if year is not None and int(day[:4]) != year:
        raise ValueError(f"not in {year}, which release_year says")
    return day


NAME = Annotated[str, Described(min_length=1, max_length=MOST_TEXT)]
IDENTITY = Annotated[int, Described(ge=0, le=MOST_ID)]


def _kind(field: film_fields.Field) -> Any:
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
        return Annotated[str, AfterValidator(_in_its_year), WithJsonSchema(schema)]
    if field.kind == "text":
        return Annotated[str, Described(max_length=MOST_TEXT)]
    member = NAME if field.kind == "names" else NAME | IDENTITY
    return Annotated[list[member], Described(max_length=MOST_NAMES)]


def _described(field: film_fields.Field) -> tuple[Any, Any]:
    """A field's type and what the OpenAPI document says of it."""
    words = f"{field.words[0].upper()}{field.words[1:]}: {field.expected}."
    if field.required:
        return _kind(field), Described(description=words, examples=[field.example])
    return _kind(field) | None, Described(None, description=words, examples=[field.example])


def _example(fields: dict[str, film_fields.Field], *left_out: str) -> dict[str, Any]:
    return {name: field.example for name, field in fields.items() if name not in left_out}


AFTER_RELEASE = ("popularity", "vote_avg", "vote_count")
# Whole examples, for an example put together field by field would state everything at once.
CLASSIC_EXAMPLE = _example(film_fields.CLASSIC)
PRE_RELEASE_EXAMPLE = _example(FILM, *AFTER_RELEASE)
FILM_EXAMPLES = {
    "classic": {
        "summary": "A film that was rated: the classic request",
        "value": CLASSIC_EXAMPLE,
    },
    "pre_release": {
        "summary": "A film before its release: no popularity, no votes",
        "value": PRE_RELEASE_EXAMPLE,
    },
    "least": {
        "summary": "The least that must be known",
        "value": _example({name: field for name, field in FILM.items() if field.required}),
    },
}
ENGAGEMENT_EXAMPLES = {
    "film": {"summary": "A film that is watched to its end", "value": _example(ENGAGEMENT)}
}

Film = create_model(
    "Film",
    __config__=STRICT,
    __doc__="A film. What is left out, or null, is not known.",
    **{name: _described(field) for name, field in FILM.items()},
)
Engagement = create_model(
    "Engagement",
    __config__=STRICT,
    __doc__="How a film was watched and rated.",
    **{name: _described(field) for name, field in ENGAGEMENT.items()},
)


# Answers


def _says(description: str, example: Any) -> Any:
    return Described(description=description, examples=[example])


class Interval(BaseModel):
    """Where the revenue lies with the nominal probability."""

    nominal: float = _says("The share of films that the interval is to hold.", 0.9)
    lower: float = _says("Lower bound, nominal USD.", 312_000_000.0)
    upper: float = _says("Upper bound, nominal USD.", 2_930_000_000.0)


class Driver(BaseModel):
    """What moved a forecast, and how far."""

    name: str = _says("The field or fact.", "budget")
    value: str = _says("Its value for this film, in words.", "$237,000,000")
    typical: str | None = _says("Its value for a typical training film.", "$20,000,000")
    effect: float = _says(
        "What the forecast loses when this alone becomes typical: natural log of revenue, or "
        "probability.",
        0.83,
    )
    words: str = _says(
        "The same in words.", "budget $237,000,000 (typically $20,000,000): revenue × 2.3"
    )


MODEL = "The model that answered."
WARNINGS = Described(
    description="What speaks against the answer: values outside the training range, and the like.",
    examples=[
        [
            "release_year is outside the training films' range, 1940 to 2006: the forecast is an "
            "extrapolation"
        ]
    ],
)
DRIVERS = Described(description="What moved the forecast most, the largest first.")


class Revenue(BaseModel):
    """A revenue forecast."""

    predicted_revenue: float = _says("Worldwide revenue, nominal USD.", 956_000_000.0)
    log_revenue: float = _says("Natural log of 1 + revenue.", 20.678)
    interval: Interval
    model: str = _says(MODEL, "revenue_classic")
    drivers: list[Driver] = DRIVERS
    warnings: list[str] = WARNINGS


class Success(BaseModel):
    """Whether a film earns more than 1.5 times its budget."""

    success: bool = _says("Whether success is the likelier.", True)
    probability_failure: float = _says("Probability of no success.", 0.13)
    probability_success: float = _says("Probability of success.", 0.87)
    model: str = _says(MODEL, "success_classic")
    drivers: list[Driver] = DRIVERS
    warnings: list[str] = WARNINGS


class Hit(BaseModel):
    """Whether a film is a hit with those who watch it."""

    hit: bool = _says("Whether a hit is the likelier.", True)
    hit_probability: float = _says("Probability of a hit.", 0.91)
    model: str = _says(MODEL, "hit")
    warnings: list[str] = WARNINGS


class Segment(BaseModel):
    """The audience segment of a film."""

    segment: str = _says("Its name.", "Trending")
    engagement: float = _says("Engagement, 0 to 1 within the training films' range.", 0.82)
    popularity: float = _says("Popularity, 0 to 1 within the training films' range.", 0.55)
    model: str = _says(MODEL, "segments")
    warnings: list[str] = WARNINGS


class PosterRevenue(BaseModel):
    """A revenue forecast from the poster alone."""

    predicted_revenue: float = _says("Worldwide revenue, nominal USD.", 61_000_000.0)
    interval: Interval
    model: str = _says(MODEL, "poster")
    warnings: list[str] = WARNINGS


class RevenueClasses(BaseModel):
    """The probabilities of eight revenue classes."""

    predicted_class: str = _says("The likeliest class.", "Hit")
    probabilities: dict[str, float] = _says(
        "Probability by class, lowest revenue first.",
        {
            "Disaster": 0.06,
            "Flop": 0.08,
            "Successful": 0.12,
            "Average": 0.15,
            "Hit": 0.22,
            "Outstanding": 0.17,
            "Superhit": 0.12,
            "Blockbuster": 0.08,
        },
    )
    edges_usd: list[float] = _says(
        "Revenue between one class and the next, nominal USD.",
        [1_755_250, 10_337_300, 17_934_900, 39_177_200, 66_268_800, 117_107_000, 263_290_000],
    )
    model: str = _says(MODEL, "multimodal")
    warnings: list[str] = WARNINGS


class LoadedModel(BaseModel):
    """A model that the service answers with."""

    name: str = _says("Its name.", "revenue_classic")
    model: str = _says("What kind of model it is.", "GradientBoostingRegressor")
    source: str = _says("The data it was trained on.", "open_films")
    trained_until: str | None = _says("The latest release it has seen.", "2006-07-14")


class Welcome(BaseModel):
    """What runs here."""

    name: str = _says("The service.", "boxoffice")
    version: str = _says("Its version.", "0.1.0")
    status: str = _says("`running`.", "running")
    models: list[LoadedModel] = Described(description="The models it answers with.")
    unavailable: dict[str, str] = _says(
        "Models it lacks, and the remedy.",
        {"poster": "models/poster.json is missing: run `dvc repro poster`"},
    )
    page: str | None = _says("The web page, where it is on.", "/ui")
    documentation: list[str] = _says("The API, explained.", ["/docs", "/redoc"])


class Health(BaseModel):
    """The answer to a probe."""

    status: str = _says("`ok` where the service is ready.", "ok")


class Fault(BaseModel):
    """What is wrong with one field."""

    field: str = _says("The field.", "budget")
    value: Any = _says("Its value, shortened; null where it is missing.", -5)
    expected: str = _says("What it takes.", "a number above 0, at most 10,000,000,000 (USD)")
    message: str = _says("What is wrong.", "Input should be greater than 0")


REQUEST_ID = _says("The request's id, also in the header X-Request-ID and in the log.", "8f14e45f")


class Refusal(BaseModel):
    """A request that can't be understood."""

    detail: list[Fault] = Described(description="Its faults, at most twenty.")
    request_id: str = REQUEST_ID


class Problem(BaseModel):
    """A request that was not answered."""

    detail: str = _says("Why.", "the body is larger than 65,536 bytes")
    request_id: str = REQUEST_ID
