"""The feature sets: what each holds, and the facts of a film that it is made of.

`classic` explains films after the fact, for votes and popularity exist only after release.
`pre_release` holds what is known before release. `full` is both. A column that a source lacks is
left out of its sets.
"""

import numpy as np
import pandas as pd

from boxoffice.films.credits import ROLES
from boxoffice.films.money import MILLION, log_amounts

FEATURE_SETS = ("classic", "pre_release", "full")

# TMDB's genres for films and their ids; `Foreign` is one it has since given up.
GENRE_IDS = {
    "Action": 28,
    "Adventure": 12,
    "Animation": 16,
    "Comedy": 35,
    "Crime": 80,
    "Documentary": 99,
    "Drama": 18,
    "Family": 10751,
    "Fantasy": 14,
    "Foreign": 10769,
    "History": 36,
    "Horror": 27,
    "Music": 10402,
    "Mystery": 9648,
    "Romance": 10749,
    "Science Fiction": 878,
    "Thriller": 53,
    "War": 10752,
    "Western": 37,
}
GENRES = tuple(GENRE_IDS)
CLASSIC_GENRES = ("Action", "Adventure", "Fantasy", "Science Fiction", "Thriller", "Comedy")
CERTIFICATES = ("G", "PG", "PG-13", "R", "NC-17")  # from the mildest to the strictest
# What grows with the budget: forecasts may not fall when these rise.
BUDGET_FEATURES = ("log_budget", "budget_rank", "budget_relative")
AFTER_RELEASE = (
    "log_popularity",
    "vote_average",
    "log_vote_count",
    "cast_popularity",
    "crew_popularity",
)
# From snapshots taken before each release, see `films.popularity`.
POPULARITY_BEFORE = ("cast_popularity_before", "crew_popularity_before")
AMERICA = "United States of America"  # as TMDB spells it
IMPLAUSIBLE_BUDGET = 1000  # USD: below it a budget is in another unit (7 for 7 million, say)


def column_name(label: str) -> str:
    """'Science Fiction' -> 'science_fiction', 'PG-13' -> 'pg_13'."""
    return label.lower().replace(" ", "_").replace("-", "_")


def genre_column(label: str) -> str:
    """'Science Fiction' -> 'genre_science_fiction'."""
    return f"genre_{column_name(label)}"


def genre_flags(genres: pd.Series, labels: tuple[str, ...] = GENRES) -> pd.DataFrame:
    """One 0/1 column per genre, named `genre_<name>`, from a column of lists of names."""
    return pd.DataFrame(
        {
            genre_column(label): genres.map(lambda names, label=label: float(label in names))
            for label in labels
        }
    )


def approximate_days(days: np.ndarray, years: np.ndarray) -> np.ndarray:
    """Days of release, the middle of the year where no more is known: datetime64[D], shape (n,)."""
    middle = (years - 1970).astype("datetime64[Y]").astype("datetime64[M]") + 6
    return np.where(np.isnat(days), middle.astype("datetime64[D]") + 1, days)


def calendar_facts(days: np.ndarray) -> dict[str, np.ndarray]:
    """`weekday` (Monday = 0), `season_sin` and `season_cos` (day of the year on a circle).

    Parameters
    ----------
    days : array of datetime64[D], shape (n,)
        NaT is unknown, and NaN in the answer.
    """
    day_of_year = (days - days.astype("datetime64[Y]")).astype(float) + 1
    day_of_year[np.isnat(days)] = np.nan
    angle = 2 * np.pi * day_of_year / 365.25
    weekday = (days.astype("int64") + 3) % 7  # 1970 began on a Thursday
    return {
        "weekday": np.where(np.isnat(days), np.nan, weekday),
        "season_sin": np.sin(angle),
        "season_cos": np.cos(angle),
    }


def certificate_rank(certificates: np.ndarray) -> np.ndarray:
    """How strict each certificate is, from 0 (G) to 4 (NC-17); NaN for another one or none.

    `certificates` is an array of objects, shape (n,).
    """
    ranks = dict(zip(CERTIFICATES, range(len(CERTIFICATES)), strict=True))
    return np.array([ranks.get(label, np.nan) for label in certificates], dtype=float)


def film_facts(films: pd.DataFrame) -> pd.DataFrame:
    """Features that a film's own row states; nothing here is fitted.

    Parameters
    ----------
    films : DataFrame
        As `films.clean` returns it.

    Returns
    -------
    DataFrame, same index
        `budget_implausible` (0/1: the budget is stated in another unit), those of
        `calendar_facts`, `english` (0/1), a flag per genre; where the source has the columns,
        `american` (0/1), `certificate_rank`, `log_vote_count` and `log_popularity` (natural
        log of 1 + value).
    """
    facts = {
        "budget_implausible": (films["budget"] < IMPLAUSIBLE_BUDGET).astype(float),
        **calendar_facts(films["release_date"].to_numpy("datetime64[D]")),
        "english": (films["original_language"] == "en").astype(float),
        **genre_flags(films["genres"]),
    }
    if "certificate" in films:
        facts["certificate_rank"] = certificate_rank(films["certificate"].to_numpy(object))
    if "countries" in films:
        facts["american"] = films["countries"].map(lambda names: float(AMERICA in names))
    for name in ("vote_count", "popularity"):
        if name in films:
            facts[f"log_{name}"] = np.log1p(films[name])
    return pd.DataFrame(facts, index=films.index).astype({"weekday": "int64"})


def as_stated(films: pd.DataFrame) -> pd.DataFrame:
    """The films with the amounts that their source states, where those were read as millions."""
    films, rows = films.copy(), films["in_millions"]
    for name in ("budget", "revenue"):
        films[name] = films[name].where(~rows, films[name] / MILLION)
    implausible = (films["budget"] < IMPLAUSIBLE_BUDGET).astype(float)
    return films.assign(budget_implausible=implausible, **log_amounts(films))


def fact_columns(feature_set: str, films: pd.DataFrame) -> list[str]:
    """Columns of `films` that a feature set takes as they are, in a fixed order.

    Year of release, market and track record are not among them (see `tabular.transformers`).

    Raises
    ------
    ValueError
        If the feature set is unknown.
    """
    classic = [
        "log_budget",
        "popularity",
        "runtime",
        "vote_average",
        "vote_count",
        *(genre_column(label) for label in CLASSIC_GENRES),
    ]
    pre_release = [
        "log_budget",
        "budget_implausible",
        "runtime",
        "release_month",
        "weekday",
        "season_sin",
        "season_cos",
        "english",
        "american",
        *(genre_column(label) for label in GENRES),
        "certificate_rank",
        *POPULARITY_BEFORE,
    ]
    sets = {
        "classic": classic,
        "pre_release": pre_release,
        "full": [*pre_release, *AFTER_RELEASE],
    }
    if feature_set not in sets:
        raise ValueError(f"unknown feature set {feature_set!r}, expected one of {FEATURE_SETS}")
    return [name for name in sets[feature_set] if name in films]


def input_columns(feature_set: str, films: pd.DataFrame) -> list[str]:
    """Every column of `films` that a feature set's pipeline reads: facts, then dates and roles."""
    facts = [*fact_columns(feature_set, films), "release_year"]
    roles = [role for role in ROLES if role in films]
    return facts if feature_set == "classic" else [*facts, "release_date", *roles]


def without_absent(films: pd.DataFrame) -> pd.DataFrame:
    """Drop what a source lacks: roles that no usable film names anybody in, genres that none has.

    The six classic genres stay, for the classic set is the same everywhere.
    """
    usable = films[films["usable"]]
    classic = [genre_column(label) for label in CLASSIC_GENRES]
    absent = [role for role in ROLES if not usable[role].map(len).any()]
    absent += [
        name
        for name in usable
        if name.startswith("genre_") and name not in classic and not usable[name].any()
    ]
    return films.drop(columns=absent)
