"""Ask the exported models: one film as somebody states it, or a table of films.

The API, its page and the command line answer through this module alone.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from boxoffice import paths
from boxoffice.films.features import CLASSIC_GENRES, column_name
from boxoffice.forecasts.drivers import (
    WORDS,
    Drivers,
    factor_words,
    part_of,
    point_words,
    value_words,
)
from boxoffice.forecasts.film_features import Past, known_numbers, matrix, pre_release_columns
from boxoffice.forecasts.known_names import KnownNames
from boxoffice.forecasts.stated_films import film_rows, stated_value
from boxoffice.model_files import ExportedModel, ModelFileError, checked_bytes

# request field -> column of the films, for what exists after release only
AFTER_RELEASE = {
    "popularity": "popularity",
    "vote_avg": "vote_average",
    "vote_count": "vote_count",
}
GENRE_FLAGS = {column_name(genre): f"genre_{column_name(genre)}" for genre in CLASSIC_GENRES}
CLASSIC_NUMBERS = {
    "budget": "budget",
    **AFTER_RELEASE,
    "runtime": "runtime",
    "release_year": "release_year",
}
EDGE = 1e-5  # cards hold six digits: so far beyond its range, relatively, a value is still inside
# How a feature of the card reads in a request's terms: its field, and back from feature to value.
RANGED = {
    "log_budget": ("budget", np.expm1),
    "runtime": ("runtime", float),
    "popularity": ("popularity", float),
    "vote_average": ("vote_avg", float),
    "vote_count": ("vote_count", float),
    "release_year": ("release_year", float),
}


class FilmModels:
    """Revenue and success models of one feature set, which read the same features."""

    def __init__(self, feature_set: str, folder: Path):
        self.revenue = ExportedModel(f"revenue_{feature_set}", folder)
        self.success = ExportedModel(f"success_{feature_set}", folder)
        self.features = self.revenue.features
        if self.success.features != self.features:
            raise ModelFileError(
                f"{folder}/success_{feature_set}.json names other features than "
                f"revenue_{feature_set}.json: run `dvc repro`"
            )
        # The pre-release models put the exact training median for what is unknown; cards round it.
        unknown = np.full(len(self.features), np.nan)
        typical = self.revenue.median if feature_set == "classic" else unknown
        self.drivers = Drivers(self.features, typical)
        self.nominal, self.lower, self.upper = _interval(self.revenue.card, folder)
        self._limits = [
            (place, low - EDGE * abs(low), high + EDGE * abs(high))
            for place, (name, low, high) in enumerate(
                zip(
                    self.features,
                    self.revenue.minimum.tolist(),
                    self.revenue.maximum.tolist(),
                    strict=True,
                )
            )
            if name in RANGED
        ]
        self.typical = self._typical_words()

    def _typical_words(self) -> dict[str, str]:
        """The median of each part that one feature speaks of, in words.

        More features, as those of a budget in the market of its time, have no common value.
        """
        parts = [part_of(feature) for feature in self.features]
        return {
            field: value_words(field, _short(back(median)))
            for feature, median in zip(self.features, self.revenue.median.tolist(), strict=True)
            for field, back in [RANGED.get(feature, (None, None))]
            if field is not None and parts.count(field) == 1
        }

    def outside(self, film: list[float]) -> list[str]:
        """A warning for each feature that lies outside the training films' range."""
        return [
            self._outside_words(place)
            for place, low, high in self._limits
            if film[place] < low or film[place] > high
        ]

    def told(
        self,
        film: dict[str, Any],
        effects: list[tuple[str, float]],
        effect_words: Callable[[float], str],
    ) -> list[dict[str, Any]]:
        """Drivers of a film's forecast in words."""
        told = []
        for part, effect in effects:
            value = value_words(part, stated_value(part, film))
            typical = self.typical.get(part)
            usual = f" (typically {typical})" if typical else ""
            told.append(
                {
                    "name": part,
                    "value": value,
                    "typical": typical,
                    "effect": effect,
                    "words": f"{WORDS.get(part, part)} {value}{usual}: {effect_words(effect)}",
                }
            )
        return told

    def _outside_words(self, place: int) -> str:
        field, back = RANGED[self.features[place]]
        least, most = (
            value_words(field, _short(back(end[place])))
            for end in (self.revenue.minimum, self.revenue.maximum)
        )
        return (
            f"{field} is outside the training films' range, {least} to {most}: "
            "the forecast is an extrapolation"
        )


@dataclass
class Read:
    """Films that the same models answer.

    Attributes
    ----------
    models : FilmModels
    places : list of int
        Of the films among those that were asked for.
    features : array of shape (n, n_features)
    warnings : list of lists of str
    """

    models: FilmModels
    places: list[int]
    features: np.ndarray
    warnings: list[list[str]]

    def with_answers(self, answers: list) -> Iterator[tuple[int, Any, list[str]]]:
        """Place, answer and all warnings of each film."""
        rows = zip(self.places, answers, self.warnings, self.features.tolist(), strict=True)
        for place, answer, warnings, features in rows:
            yield place, answer, warnings + self.models.outside(features)


class Forecasts:
    """The exported models of a folder, each checked against its card and loaded once.

    Parameters
    ----------
    folder : Path
        What `dvc repro` wrote to `models/`.

    Attributes
    ----------
    cards : dict of name to card
    known_films : DataFrame
        `title`, `release_year` and `revenue` (nominal USD) of the training films.
    names : KnownNames
        Whom a name means among them.

    Raises
    ------
    ModelFileError
        If a file is missing or altered; the message names it.
    """

    def __init__(self, folder: Path = paths.MODELS):
        folder = Path(folder)
        self._classic = FilmModels("classic", folder)
        self._pre_release = FilmModels("pre_release", folder)
        self._hit = ExportedModel("hit", folder)
        self._segments = ExportedModel("segments", folder)
        loaded = (
            self._classic.revenue,
            self._classic.success,
            self._pre_release.revenue,
            self._pre_release.success,
            self._hit,
            self._segments,
        )
        self.cards = {model.card["name"]: model.card for model in loaded}
        _check_files(folder, self._pre_release.revenue.card)
        self._past = Past(folder / "history.parquet")
        self.known_films = self._past.films
        self.names = KnownNames(folder / "names.parquet", self._past.ids)
        self._needed = [
            field for field, column in AFTER_RELEASE.items() if column in self._classic.features
        ]
        self._unused = [field for field in AFTER_RELEASE if field not in self._needed]

    def revenue(self, film: dict[str, Any]) -> dict[str, Any]:
        """What one film will earn; see `revenues`."""
        (answer,) = self.revenues([film])
        return answer

    def revenues(self, films: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """What each film will earn, and why.

        Parameters
        ----------
        films : list of dict
            Fields of the request that are stated and right (`film_fields.faults` tells); None is
            one that was not stated.

        Returns
        -------
        list of dict
            `predicted_revenue` (nominal USD), `log_revenue` (natural log of 1 + USD), `interval`
            (`nominal`, and the ends in USD), `model`, `drivers` and `warnings`.
        """
        answers: list[dict[str, Any]] = [{}] * len(films)
        for read in self.read(films):
            models = read.models
            asked = models.drivers.ask(models.revenue.predict, read.features)
            for place, (log_revenue, effects), warnings in read.with_answers(asked):
                answers[place] = {
                    "predicted_revenue": math.expm1(log_revenue),
                    "log_revenue": log_revenue,
                    "interval": {
                        "nominal": models.nominal,
                        "lower": math.expm1(log_revenue + models.lower),
                        "upper": math.expm1(log_revenue + models.upper),
                    },
                    "model": models.revenue.card["name"],
                    "drivers": models.told(films[place], effects, factor_words),
                    "warnings": warnings,
                }
        return answers

    def success(self, film: dict[str, Any]) -> dict[str, Any]:
        """Whether one film will earn more than 1.5 times its budget; see `successes`."""
        (answer,) = self.successes([film])
        return answer

    def successes(self, films: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Whether each film will earn more than 1.5 times its budget, and why.

        Returns
        -------
        list of dict
            `success`, `probability_failure`, `probability_success`, `model`, `drivers` (effects
            are differences of the probability) and `warnings`.
        """
        answers: list[dict[str, Any]] = [{}] * len(films)
        for read in self.read(films):
            models = read.models
            asked = models.drivers.ask(models.success.predict, read.features)
            for place, (probability, effects), warnings in read.with_answers(asked):
                answers[place] = {
                    "success": probability >= 0.5,
                    "probability_failure": 1 - probability,
                    "probability_success": probability,
                    "model": models.success.card["name"],
                    "drivers": models.told(films[place], effects, point_words),
                    "warnings": warnings,
                }
        return answers

    def hit(self, film: dict[str, float]) -> dict[str, Any]:
        """Whether a film's audience makes it a hit: `hit`, `hit_probability`, `model`, `warnings`.

        Parameters
        ----------
        film : dict
            `avg_watch_time` (minutes), `completion_rate` (0-1), `ratings_count`, `avg_rating`
            (1-5).
        """
        features = _engagement(self._hit, film)
        probability = float(self._hit.predict(features)[0])
        return {
            "hit": probability >= 0.5,
            "hit_probability": probability,
            "model": "hit",
            "warnings": _engagement_warnings(self._hit, features[0]),
        }

    def segment(self, film: dict[str, float]) -> dict[str, Any]:
        """A film's audience segment: `segment`, `engagement` and `popularity`, `model`, `warnings`.

        Engagement and popularity are 0-1 within the training films' range and may lie beyond
        outside of it.
        """
        features = _engagement(self._segments, film)
        number = int(self._segments.run(features)["label"][0])
        low, high = self._segments.minimum, self._segments.maximum
        scaled = (features[0] - low) / (high - low)
        scores = self._segments.card["scores"]
        return {
            "segment": self._segments.card["segments"][number],
            **{name: float(scaled @ np.array(weights)) for name, weights in scores.items()},
            "model": "segments",
            "warnings": _engagement_warnings(self._segments, features[0]),
        }

    def score(self, films: pd.DataFrame) -> pd.DataFrame:
        """Revenue and success of many films.

        A row is answered by the classic model where all that it needs is known, else by the
        pre-release model.

        Parameters
        ----------
        films : DataFrame of shape (n, ...)
            `budget` (USD, > 0) and `release_date` or `release_year`; where known `popularity`,
            `runtime`, `vote_average`, `vote_count`, `original_language`, `certificate`,
            `american` (0/1), `genre_<name>` (0/1) and a column of lists of ids per role. NaN, NaT
            and None are unknown; a role without a column is unknown for all.

        Returns
        -------
        DataFrame, same index
            `predicted_revenue`, `log_revenue`, `revenue_lower`, `revenue_upper` (nominal USD),
            `probability_success` and `model` ('classic' or 'pre_release', categorical).
        """
        classic = self._is_classic(films)
        log_revenue, lower, upper, probability = (np.empty(len(films)) for _ in range(4))
        for rows, models, features_of in (
            (classic, self._classic, self.classic_features),
            (~classic, self._pre_release, self.pre_release_features),
        ):
            if not rows.any():
                continue
            features = features_of(films if rows.all() else films[rows]).astype(np.float32)
            log_revenue[rows] = models.revenue.predict(features)
            probability[rows] = models.success.predict(features)
            lower[rows], upper[rows] = models.lower, models.upper
        return pd.DataFrame(
            {
                "predicted_revenue": np.expm1(log_revenue),
                "log_revenue": log_revenue,
                "revenue_lower": np.expm1(log_revenue + lower),
                "revenue_upper": np.expm1(log_revenue + upper),
                "probability_success": probability,
                "model": pd.Categorical.from_codes(
                    classic.astype(np.int8), ["pre_release", "classic"]
                ),
            },
            index=films.index,
        )

    def classic_features(self, films: pd.DataFrame) -> np.ndarray:
        """The classic models' features of films as `score` takes them, shape (n, n_features)."""
        names = [*CLASSIC_NUMBERS.values(), *GENRE_FLAGS.values()]
        columns = {name: films[name].to_numpy(float) for name in names if name in films}
        if "release_year" not in columns:
            columns["release_year"] = films["release_date"].dt.year.to_numpy()
        return matrix(self._classic.features, known_numbers(columns), len(films))

    def pre_release_features(self, films: pd.DataFrame) -> np.ndarray:
        """The pre-release models' features of films as `score` takes them."""
        columns = pre_release_columns(films, self._past)
        return matrix(self._pre_release.features, columns, len(films))

    def _is_classic(self, films: pd.DataFrame) -> np.ndarray:
        needed = [AFTER_RELEASE[field] for field in self._needed]
        if not set(needed) <= set(films):
            return np.zeros(len(films), dtype=bool)
        return films[needed].notna().all(axis=1).to_numpy()

    def read(self, films: list[dict[str, Any]]) -> Iterator["Read"]:
        """Features and warnings of films as they were stated, by the models that answer them."""
        before_release = [place for place, film in enumerate(films) if self._missing(film)]
        rated = sorted(set(range(len(films))) - set(before_release))
        if rated:
            asked = [films[place] for place in rated]
            warnings = [self._unused_words(film) for film in asked]
            yield Read(self._classic, rated, self._rated_features(asked), warnings)
        if before_release:
            asked = [films[place] for place in before_release]
            table, unknown = film_rows(asked, self.names)
            features = self.pre_release_features(table)
            warnings = [
                self._not_used(film) + words for film, words in zip(asked, unknown, strict=True)
            ]
            yield Read(self._pre_release, before_release, features, warnings)

    def _missing(self, film: dict[str, Any]) -> list[str]:
        """What the classic models need and the film lacks; a film without votes has no mean."""
        unrated = film.get("vote_count") == 0
        return [
            field
            for field in self._needed
            if film.get(field) is None or (unrated and field == "vote_avg")
        ]

    def _rated_features(self, films: list[dict[str, Any]]) -> np.ndarray:
        """The classic models' features of films as they were stated; a flag left out is 0."""
        columns = {
            column: np.array([film.get(field) for film in films], dtype=float)
            for field, column in CLASSIC_NUMBERS.items()
        }
        flags = {
            column: np.array([film.get(field) or 0 for film in films], dtype=float)
            for field, column in GENRE_FLAGS.items()
        }
        return matrix(self._classic.features, known_numbers(columns | flags), len(films))

    def _unused_words(self, film: dict[str, Any]) -> list[str]:
        return [
            f"{field} is not used: the training films' source has none"
            for field in self._unused
            if film.get(field) is not None
        ]

    def _not_used(self, film: dict[str, Any]) -> list[str]:
        given = [field for field in AFTER_RELEASE if film.get(field) is not None]
        if not given:
            return []
        if film.get("vote_count") == 0:
            return ["nobody has voted yet: the pre-release model answers"]
        return [
            f"{', '.join(given)} not used: without {', '.join(self._missing(film))} "
            "the pre-release model answers"
        ]


def _interval(card: dict[str, Any], folder: Path) -> tuple[float, float, float]:
    """Nominal level and ends, relative to a forecast, of a card."""
    try:
        ends = [float(card["interval"][key]) for key in ("nominal", "lower", "upper")]
    except (KeyError, TypeError, ValueError) as error:
        ends = [math.nan] * 3
        reason = f"lacks {error}"
    else:
        reason = f"has {ends}"
    if not (0 < ends[0] < 1 and ends[1] < ends[2]):
        raise ModelFileError(
            f"{folder / card['name']}.json {reason} for its interval: run `dvc repro`"
        )
    return tuple(ends)


def _check_files(folder: Path, card: dict[str, Any]) -> None:
    """Compare what lies beside the models with the sums on the card of the one that needs it."""
    for name in ("history.parquet", "names.parquet"):
        if name not in card.get("files", {}):
            raise ModelFileError(
                f"{folder / card['name']}.json doesn't name {name}: run `dvc repro`"
            )
        checked_bytes(folder / name, card["files"][name])


def _short(value: float) -> float:
    """To four digits, for cards hold logarithms to six: $20,000,000 and not $19,999,142."""
    return float(f"{value:.4g}")


def _engagement(model: ExportedModel, film: dict[str, float]) -> np.ndarray:
    return np.array([[film[name] for name in model.features]], dtype=float)


def _engagement_warnings(model: ExportedModel, film: np.ndarray) -> list[str]:
    warnings = []
    for name, value, low, high in zip(
        model.features, film, model.minimum, model.maximum, strict=True
    ):
        if not low - EDGE * abs(low) <= value <= high + EDGE * abs(high):
            warnings.append(
                f"{name} is outside the training films' range, {low:,g} to {high:,g}: "
                "the answer is an extrapolation"
            )
    return warnings
