"""The known films nearest to those asked about, and what they earned."""

from typing import Any

import numpy as np
import pandas as pd

from boxoffice.core.model_files import ModelFileError
from boxoffice.films.comparables import (
    MOST_COMPARABLES,
    UNKNOWN_CERTIFICATE,
    Comparables,
    ComparedFacts,
    compared_facts,
)
from boxoffice.films.features import CERTIFICATES, GENRES, approximate_days, genre_column
from boxoffice.films.money import log_prices, usd_in_words
from boxoffice.forecasts.canonical import Films

# In words, what two films share that name the same one in a role.
_SHARED = {
    "franchise": "same series",
    "director": "same director",
    "cast": "cast in common",
    "companies": "same company",
}


class KnownFilms:
    """The training films, of which the nearest ones are told.

    Parameters
    ----------
    history : DataFrame
        `history.parquet`, as the stage `regress` exports it.

    Raises
    ------
    ModelFileError
        If an older `regress` wrote it.
    """

    def __init__(self, history: pd.DataFrame):
        if "genres" not in history:
            raise ModelFileError("history.parquet lacks the column genres: run `dvc repro`")
        self._facts = compared_facts(history)
        self._comparables = Comparables(self._facts)
        self._log_revenue = history["log_revenue"].to_numpy(float)

    def nearest_films(self, films: Films) -> list[list[dict[str, Any]]]:
        """The comparable films of each film, the nearest first.

        Returns
        -------
        list of list of dict
            `title`, `release_year`, `budget` and `revenue` (USD of the time of the film that is
            asked about) and `why`, what the two have in common.
        """
        asked = _asked_facts(films, np.arange(len(films)))
        places, budgets, revenues = self._nearest(asked)
        return [
            [
                {
                    "title": self._facts.titles[place],
                    "release_year": int(self._facts.years[place]),
                    "budget": budget,
                    "revenue": revenue,
                    "why": self._why(asked, row, place, budget),
                }
                for place, budget, revenue in zip(*found, strict=True)
                if place >= 0
            ]
            for row, found in enumerate(
                zip(places.tolist(), budgets.tolist(), revenues.tolist(), strict=True)
            )
        ]

    def named(self, films: Films, rows: np.ndarray) -> np.ndarray:
        """The comparable films of some films in words, by row numbers.

        Returns
        -------
        array of object, shape (n, MOST_COMPARABLES)
            'Titanic (1997), $1,840,000,000': revenue in USD of the time of the film asked about.
            None where there are fewer.
        """
        named = np.full((len(rows), MOST_COMPARABLES), None, dtype=object)
        places, _, revenues = self._nearest(_asked_facts(films, rows))
        heads = [
            f"{title} ({year}), $"
            for title, year in zip(self._facts.titles, self._facts.years, strict=True)
        ]
        for row, column in np.argwhere(places >= 0).tolist():
            revenue = float(f"{revenues[row, column]:.3g}")
            named[row, column] = f"{heads[places[row, column]]}{revenue:,.0f}"
        return named

    def _nearest(self, asked: ComparedFacts) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Places of the nearest films, and their budgets and revenues in USD of the asked ones."""
        places, _ = self._comparables.nearest(asked)
        prices = log_prices(approximate_days(asked.days, asked.years))[:, None]
        budgets, revenues = (
            np.round(np.exp(log_usd[places] + prices))
            for log_usd in (self._facts.log_budget, self._log_revenue)
        )
        return places, budgets, revenues

    def _why(self, asked: ComparedFacts, row: int, place: int, budget: float) -> str:
        """What an asked film shares with a known one, and the budget of the latter."""
        known = self._facts
        found = [
            words
            for role, words in _SHARED.items()
            if role in known.roles
            and role in asked.roles
            and set(known.roles[role][place]) & set(asked.roles[role][row] or ())
        ]
        both = (asked.genres[row] == 1) & (known.genres[place] == 1)
        if both.any():
            found.append(_listed([GENRES[number] for number in np.flatnonzero(both)]))
        certificate = known.certificates[place]
        if certificate == asked.certificates[row] != UNKNOWN_CERTIFICATE:
            found.append(CERTIFICATES[certificate])
        return ", ".join([*found, f"made for {usd_in_words(budget)}"])


def _asked_facts(films: Films, rows: np.ndarray) -> ComparedFacts:
    """What some films are compared by."""
    known = films.before_release(rows)
    columns = {name: values[rows] for name, values in films.columns.items()}
    years = columns["release_year"]
    days = films.days[rows]
    rank = known.columns["certificate_rank"]
    return ComparedFacts(
        titles=known.titles,
        days=days,
        years=years,
        log_budget=np.log1p(columns["budget"]) - log_prices(approximate_days(days, years)),
        genres=np.stack([columns[genre_column(name)] for name in GENRES], axis=1),
        certificates=np.where(np.isnan(rank), UNKNOWN_CERTIFICATE, rank).astype(int),
        roles=known.roles,
    )


def _listed(names: list[str]) -> str:
    """['Action', 'Adventure', 'War'] -> 'Action, Adventure and War'."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
