"""What moved a forecast away from that for a more usual film, in words.

A *part* is what people would name: the budget, say, which four features speak of. Its effect is
what the forecast loses when the features of the part alone become those of the median training film
(an ablation with a baseline; see Covert, Lundberg and Lee, 2021, https://jmlr.org/papers/v22/20-1316).
Effects of parts that act together don't sum up.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from boxoffice.films.credits import ROLES

_MOST = 5  # drivers that an answer names
MOST_EFFECT = 100.0  # on log revenue: beyond any sense, and below what a float holds
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
# Parts whose words are others than their names.
WORDS = {
    "vote_avg": "mean vote",
    "vote_count": "number of votes",
    "release_year": "year of release",
    "release_date": "day of release",
    "original_language": "language",
    "countries": "country",
    "franchise": "series",
    "editor": "editing",
    "executives": "executive producers",
}

_FORMATS = {
    "budget": "${:,.0f}",
    "runtime": "{:,.0f} minutes",
    "vote_avg": "{:.1f} of 10",
    "vote_count": "{:,.0f}",
    "popularity": "{:,.1f}",
    "release_year": "{:.0f}",
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
        The median training film; NaN is left to the model, which puts the median: what is unknown
        is typical.

    Attributes
    ----------
    parts : list of str
    """

    def __init__(self, features: list[str], typical: np.ndarray):
        of = [part_of(feature) for feature in features]
        self.parts = list(dict.fromkeys(of))
        self._features_of = np.array([[part == other for other in of] for part in self.parts])
        self._typical = np.asarray(typical, dtype=np.float32)

    def ask(
        self, predict: Callable[[np.ndarray], np.ndarray], films: np.ndarray
    ) -> list[tuple[float, list[tuple[str, float]]]]:
        """Forecast and largest effects of each film, with one call of the model.

        Parameters
        ----------
        predict : callable
            From shape (n, n_features) to (n,).
        films : array of shape (n_films, n_features)

        Returns
        -------
        list of (forecast, list of (part, effect))
            One per film, in the units of the forecast; the largest effects first.
        """
        films = films.astype(np.float32)
        # A part whose features are typical already has no effect, so it isn't asked about.
        other = (films != self._typical) & ~np.isnan(films)
        film, part = np.nonzero(other @ self._features_of.T)
        without = np.where(self._features_of[part], self._typical, films[film])
        rows = np.concatenate([films, without])
        order = np.argsort(rows[:, 0])  # trees answer faster where rows side by side are alike
        answers = np.empty(len(rows))
        answers[order] = predict(rows[order])
        effect = answers[film] - answers[len(films) :]
        largest = np.argsort(-np.abs(effect), kind="stable")
        largest = largest[np.abs(effect[largest]) >= LEAST]
        effects: list[list[tuple[str, float]]] = [[] for _ in films]
        for number, place, size in zip(
            film[largest].tolist(), part[largest].tolist(), effect[largest].tolist(), strict=True
        ):
            effects[number].append((self.parts[place], size))
        return [
            (forecast, found[:_MOST])
            for forecast, found in zip(answers.tolist(), effects, strict=False)
        ]


def factor_words(effect: float) -> str:
    """An effect on log revenue: 0.83 -> 'revenue × 2.3'."""
    factor = math.exp(min(effect, MOST_EFFECT))
    return f"revenue × {factor:.2f}" if factor < 1.95 else f"revenue × {factor:.1f}"


def point_words(effect: float) -> str:
    """An effect on a probability: 0.123 -> '+12 percentage points'."""
    digits = 0 if abs(effect) >= 0.01 else 1
    return f"{100 * effect:+.{digits}f} percentage points"


def value_words(part: str, value: Any) -> str:
    """A stated value as people would write it: 'budget', 237e6 -> '$237,000,000'."""
    if value is None:
        return "not stated"
    if part in _FORMATS:
        return _FORMATS[part].format(value)
    if isinstance(value, list):
        shown = ", ".join(map(str, value[:3])) or "none"
        return shown + (f" and {len(value) - 3} more" if len(value) > 3 else "")
    return str(value)
