"""What moved a forecast away from that for a typical film, in words.

A *part* is what people would name: the budget, say, which four features speak of. Its effect is
the mean of two differences: what the forecast loses when the part alone becomes typical, and what
the forecast for a typical film gains when the part alone becomes this film's. That is the Shapley
value (Shapley, 1953; Strumbelj and Kononenko, 2014, https://doi.org/10.1007/s10115-013-0679-x) of
a model in which parts meet at most two by two, at two rows per part instead of two to the power of
their number. Typical is the median of the training films.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from boxoffice.credits import ROLES

MOST = 5  # drivers that are told
LEAST = 0.005  # effects below it are not worth a word: half a per cent, half a point

_FEATURE_PARTS = {
    "log_budget": "budget",
    "budget_implausible": "budget",
    "budget_rank": "budget",
    "budget_relative": "budget",
    "vote_average": "vote_avg",
    "log_vote_count": "vote_count",
    "log_popularity": "popularity",
    "release_month": "release_date",
    "weekday": "release_date",
    "season_sin": "release_date",
    "season_cos": "release_date",
    "english": "original_language",
    "american": "countries",
}
WORDS = {
    "budget": "budget",
    "popularity": "popularity",
    "runtime": "runtime",
    "vote_avg": "mean vote",
    "vote_count": "number of votes",
    "release_year": "year of release",
    "release_date": "day of release",
    "original_language": "language",
    "countries": "country",
    "genres": "genres",
    "certificate": "certificate",
    "franchise": "series",
    "writers": "writers",
    "editor": "editing",
    "executives": "executive producers",
}


def part_of(feature: str) -> str:
    """The part that a feature speaks of: 'log_budget' -> 'budget', 'cast_count' -> 'cast'."""
    if feature in _FEATURE_PARTS:
        return _FEATURE_PARTS[feature]
    if feature.startswith("genre_"):
        return "genres"
    if feature.startswith("certificate_"):
        return "certificate"
    return next((role for role in ROLES if feature.startswith(f"{role}_")), feature)


class Drivers:
    """The parts of a model's features and how to ask the model for their effects.

    Parameters
    ----------
    features : list of str
    typical : array of shape (n_features,)
        The median training film; NaN is left to the model's imputation.

    Attributes
    ----------
    parts : list of str
    """

    def __init__(self, features: list[str], typical: np.ndarray):
        of = [part_of(feature) for feature in features]
        self.parts = list(dict.fromkeys(of))
        member = np.array([[part == other for other in of] for part in self.parts])
        everything = np.ones((1, len(features)), dtype=bool)
        # True takes the film's feature, False the typical one.
        self._takes = np.concatenate([everything, ~everything, ~member, member])
        self._typical = np.asarray(typical, dtype=np.float32)

    def ask(
        self, predict: Callable[[np.ndarray], np.ndarray], film: np.ndarray
    ) -> tuple[float, np.ndarray]:
        """Forecast and effects with one call of the model.

        Parameters
        ----------
        predict : callable
            From shape (n, n_features) to (n,).
        film : array of shape (n_features,)

        Returns
        -------
        forecast : float
        effects : array of shape (n_parts,)
            In the units of the forecast.
        """
        answers = predict(np.where(self._takes, film.astype(np.float32), self._typical))
        film_own, typical = float(answers[0]), float(answers[1])
        n = len(self.parts)
        without, alone = answers[2 : 2 + n], answers[2 + n :]
        return film_own, ((film_own - without) + (alone - typical)) / 2


def largest(parts: list[str], effects: np.ndarray) -> list[tuple[str, float]]:
    """The parts that moved a forecast most, the largest first."""
    ranked = sorted(zip(parts, effects.tolist(), strict=True), key=lambda pair: -abs(pair[1]))
    return [(part, effect) for part, effect in ranked[:MOST] if abs(effect) >= LEAST]


def factor_words(effect: float) -> str:
    """An effect on log revenue: 0.83 -> 'revenue × 2.3'."""
    factor = math.exp(effect)
    return f"revenue × {factor:.2f}" if factor < 1.95 else f"revenue × {factor:.1f}"


def point_words(effect: float) -> str:
    """An effect on a probability: 0.123 -> '+12 percentage points'."""
    return (
        f"{100 * effect:+.0f} percentage points"
        if abs(effect) >= 0.01
        else (f"{100 * effect:+.1f} percentage points")
    )


def value_words(part: str, value: Any) -> str:
    """A stated value as people would write it: 'budget', 237e6 -> '$237,000,000'."""
    if value is None:
        return "not stated"
    if part == "budget":
        return f"${value:,.0f}"
    if part == "runtime":
        return f"{value:,.0f} minutes"
    if part == "vote_avg":
        return f"{value:.1f} of 10"
    if part == "vote_count":
        return f"{value:,.0f}"
    if part == "popularity":
        return f"{value:,.1f}"
    if part == "release_year":
        return f"{value:.0f}"
    if isinstance(value, list):
        shown = ", ".join(map(str, value[:3])) or "none"
        return shown + (f" and {len(value) - 3} more" if len(value) > 3 else "")
    return str(value)
