"""The feature sets: what each holds, and the facts of a film that it is made of.

`classic` explains films after the fact, for votes and popularity exist only after release.
`pre_release` holds what is known before release. `full` is both. A column that a source lacks is
left out of its sets.
"""

import numpy as np
import pandas as pd

from boxoffice.credits import ROLES

FEATURE_SETS = ("classic", "pre_release", "full")

# TMDB's genres for films; `Foreign` is one it has since given up.
GENRES = (
    "Action",
    "Adventure",
    "Animation",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Family",
    "Fantasy",
    "Foreign",
    "History",
    "Horror",
    "Music",
    "Mystery",
    "Romance",
    "Science Fiction",
    "Thriller",
    "War",
    "Western",
)
CLASSIC_GENRES = ("Action", "Adventure", "Fantasy", "Science Fiction", "Thriller", "Comedy")
CERTIFICATES = ("G", "PG", "PG-13", "R", "NC-17")
AFTER_RELEASE = ("popularity", "vote_average", "vote_count", "cast_popularity", "crew_popularity")
IMPLAUSIBLE_BUDGET = 1000  # USD: below it a budget is in another unit (7 for 7 million, say)


def column_name(label: str) -> str:
    """'Science Fiction' -> 'science_fiction', 'PG-13' -> 'pg_13'."""
    return label.lower().replace(" ", "_").replace("-", "_")


def genre_flags(genres: pd.Series, labels: tuple[str, ...] = GENRES) -> pd.DataFrame:
    """One 0/1 column per genre, named `genre_<name>`, from a column of lists of names."""
    return pd.DataFrame(
        {
            f"genre_{column_name(label)}": genres.map(lambda names, label=label: float(label in names))
            for label in labels
        }
    )


def film_facts(films: pd.DataFrame) -> pd.DataFrame:
    """Features that a film's own row states; nothing here is fitted.

    Parameters
    ----------
    films : DataFrame
        As `films.clean` returns it.

    Returns
    -------
    DataFrame, same index
        `budget_implausible` (0/1: the budget is stated in another unit), `weekday` (Monday = 0),
        `season_sin` and `season_cos` (day of the year on a circle), `english` (0/1), a flag per
        genre, and a flag per certificate where the source has certificates.
    """
    angle = 2 * np.pi * films["release_date"].dt.dayofyear / 365.25
    facts = {
        "budget_implausible": (films["budget"] < IMPLAUSIBLE_BUDGET).astype(float),
        "weekday": films["release_date"].dt.dayofweek.astype("int64"),
        "season_sin": np.sin(angle),
        "season_cos": np.cos(angle),
        "english": (films["original_language"] == "en").astype(float),
        **genre_flags(films["genres"]),
    }
    if "certificate" in films:
        facts |= {
            f"certificate_{column_name(label)}": (films["certificate"] == label).astype(float)
            for label in CERTIFICATES
        }
    return pd.DataFrame(facts, index=films.index)


def fact_columns(feature_set: str, films: pd.DataFrame) -> list[str]:
    """Columns of `films` that a feature set takes as they are, in a fixed order.

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
        "release_year",
        *(f"genre_{column_name(label)}" for label in CLASSIC_GENRES),
    ]
    pre_release = [
        "log_budget",
        "budget_implausible",
        "runtime",
        "release_year",
        "release_month",
        "weekday",
        "season_sin",
        "season_cos",
        "english",
        *(f"genre_{column_name(label)}" for label in GENRES),
        *(f"certificate_{column_name(label)}" for label in CERTIFICATES),
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
    facts = fact_columns(feature_set, films)
    return facts if feature_set == "classic" else [*facts, "release_date", *ROLES]


UNITS = {
    "log_budget": "natural log of 1 + nominal USD",
    "runtime": "minutes",
    "popularity": "TMDB popularity, no unit",
    "cast_popularity": "mean TMDB popularity, no unit",
    "crew_popularity": "mean TMDB popularity, no unit",
    "vote_average": "points of 10",
    "vote_count": "votes",
    "release_year": "year",
    "release_month": "month, 1-12",
    "weekday": "day of the week, Monday = 0",
    "season_sin": "sine of the day of the year",
    "season_cos": "cosine of the day of the year",
    "avg_watch_time": "minutes",
    "completion_rate": "share, 0-1",
    "ratings_count": "ratings",
    "avg_rating": "stars, 1-5",
}
TRACK_RECORD_UNITS = {
    "_count": "natural log of 1 + prior films",
    "_revenue_mean": "natural log of 1 + nominal USD",
    "_revenue_best": "natural log of 1 + nominal USD",
    "_return_mean": "natural log of revenue / budget",
    "_return_best": "natural log of revenue / budget",
}


def unit(name: str) -> str:
    """The unit of a feature, in words."""
    if name in UNITS:
        return UNITS[name]
    endings = (words for ending, words in TRACK_RECORD_UNITS.items() if name.endswith(ending))
    return next(endings, "0 or 1")
