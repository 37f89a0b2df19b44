"""What the service answers, and the examples of its OpenAPI document.

What it takes, `Film` and `Engagement`, is in `boxoffice.forecasts.request`.
"""

from typing import Any

from pydantic import BaseModel
from pydantic import Field as Described

from boxoffice.forecasts.request import (
    AFTER_RELEASE_FIELDS,
    CLASSIC_FIELDS,
    Engagement,
    Film,
    example,
)

# Requests

# Examples of whole requests; one put together field by field would state everything at once.
STATED = example(Film)
CLASSIC_EXAMPLE = {name: STATED[name] for name in CLASSIC_FIELDS}
_OF_VOTES = (*AFTER_RELEASE_FIELDS, "votes_of")
PRE_RELEASE_EXAMPLE = {name: STATED[name] for name in STATED if name not in _OF_VOTES}
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
        "value": {name: STATED[name] for name in ("budget", "release_year")},
    },
}
ENGAGEMENT_EXAMPLES = {
    "film": {"summary": "A film that is watched to its end", "value": example(Engagement)}
}


# Answers


def _says(description: str, example: Any) -> Any:
    return Described(description=description, examples=[example])


class Interval(BaseModel):
    """The bounds of a forecast."""

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


class Comparable(BaseModel):
    """A known film that is like the one asked about."""

    title: str = _says("Its title.", "Spider-Man 2")
    release_year: int = _says("Its year of release.", 2004)
    budget: float = _says("Its budget, in USD of the asked film's year.", 227_000_000.0)
    revenue: float = _says("Worldwide revenue, in USD of the asked film's year.", 895_000_000.0)
    why: str = _says(
        "What it has in common with the film, and its budget in words.",
        "same company, Action, Adventure and Fantasy, PG-13, made for $227 million",
    )


MODEL = "The model that answered."
WARNINGS = _says(
    "Reasons for caution, such as values outside the training range.",
    [
        "vote_count: 11,800 of TMDB's, read as about 244,000 of IMDb's, whose votes the model "
        "learned; state votes_of if they are IMDb's",
        "the film comes more than 9 years after the last ones that the model knows, of 2010; its "
        "backtest reaches no further",
    ],
)
DRIVERS = _says("What moved the forecast most, the largest first.", [example(Driver)])
INTERVAL = "Where the revenue lies with the nominal probability."


class Revenue(BaseModel):
    """A revenue forecast."""

    predicted_revenue: float = _says(
        "Worldwide revenue that is typical of such a film, in dollars of its time.", 956_000_000.0
    )
    expected_revenue: float = _says(
        "What such films earn on average: more than the typical one, as a few earn far more.",
        1_310_000_000.0,
    )
    log_revenue: float = _says("Natural log of 1 + the typical revenue.", 20.678)
    interval: Interval = _says(INTERVAL, example(Interval))
    model: str = _says(MODEL, "revenue_classic")
    drivers: list[Driver] = DRIVERS
    warnings: list[str] = WARNINGS


class Comparables(BaseModel):
    """The known films that are most like the one asked about."""

    comparables: list[Comparable] = _says(
        "Up to five of them, the nearest first.", [example(Comparable)]
    )


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
    interval: Interval = _says(
        INTERVAL, {"nominal": 0.9, "lower": 3_400_000.0, "upper": 612_000_000.0}
    )
    model: str = _says(MODEL, "poster")
    warnings: list[str] = WARNINGS


class Measured(BaseModel):
    """How often a model named the class of films that it had not seen, given as much of them."""

    given: list[str] = _says(
        "What the model read of each film: `text`, `facts`, `video`, `audio`.", ["text", "facts"]
    )
    tested: str = _says("Which films they are.", "the latest films")
    films: int = _says("How many they are.", 556)
    exact: float = _says("The share whose class was the predicted one.", 0.353)
    one_away: float = _says("The share whose class was the predicted one or beside it.", 0.624)
    chance: float = _says("The share that guessing gets right.", 0.125)


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
    measured: Measured = _says(
        "How often the model is right of films that it knows as much of.", example(Measured)
    )
    warnings: list[str] = WARNINGS


class LoadedModel(BaseModel):
    """A model that the service answers with."""

    name: str = _says("Its name.", "revenue_classic")
    model: str = _says("What kind of model it is.", "XGBRegressor with a budget tail")
    source: str = _says("The data it was trained on.", "open_films")
    trained_until: str | None = _says("The latest release it has seen.", "2010-09-17")
    backtest: dict[str, Any] | None = _says(
        "How well its recipe forecast films years ahead of what it had learned from; scores by "
        "years ahead, as on its card.",
        {"h1_2": {"n": 4144, "r2": 0.54, "within_2": 0.48, "coverage": 0.9}},
    )


class Welcome(BaseModel):
    """What runs here."""

    name: str = _says("The service.", "boxoffice")
    version: str = _says("Its version.", "0.1.0")
    status: str = _says("`running`.", "running")
    models_version: str = _says("The version of its models.", "v1.2.0")
    role: str | None = _says(
        "What they are in the registry; null for models that were just trained.", "champion"
    )
    models: list[LoadedModel] = _says("The models it answers with.", [example(LoadedModel)])
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

    detail: list[Fault] = _says("Its faults, at most twenty.", [example(Fault)])
    request_id: str = REQUEST_ID


class Problem(BaseModel):
    """A request that was not answered."""

    detail: str = _says("Why.", "the body is larger than 65,536 bytes")
    request_id: str = REQUEST_ID
