"""Features of films for the exported models; the same as the pipeline's.

Columns that a model reads are made by the functions that the stages use; a test compares both for
every film of the test split.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from boxoffice.films.budgets import PastBudgets
from boxoffice.films.careers import SHRINKAGE, Careers
from boxoffice.films.credits import ROLES
from boxoffice.films.features import IMPLAUSIBLE_BUDGET, approximate_days, calendar_facts
from boxoffice.films.money import log_prices
from boxoffice.forecasts.canonical import Films
from boxoffice.forecasts.comparables import KnownFilms
from boxoffice.forecasts.names import KINDS


class Past:
    """The training films, which say what a film's people earned before and how large budgets were.

    Parameters
    ----------
    history : Path
        `history.parquet`, see `films.history`.
    mean : dict, optional
        `mean` of the films that the models learned from, where these are later ones.

    Attributes
    ----------
    mean : dict
        What track records are shrunk towards, see `Careers`.
    films : DataFrame
        `title`, `release_year` and `revenue` (nominal USD) of the training films.
    last_year : int
        In which the latest of them was released.
    ids : dict of kind to set of int
        Their people ('person') and companies ('company').
    roles : list of str
        Those that the training films' source states.
    comparables : KnownFilms
    """

    def __init__(self, history: Path, mean: dict[str, float] | None = None):
        films = pd.read_parquet(history)
        log_revenue = films["log_revenue"]
        released = films["release_date"].to_numpy("datetime64[D]")
        self.last_year = films["release_date"].max().year
        self.roles = [role for role in ROLES if role in films]
        self._careers = Careers(films, log_revenue, tuple(self.roles), mean)
        self.mean = self._careers.mean_
        self._budgets = PastBudgets(films)
        self.comparables = KnownFilms(films)
        self.ids: dict[str, set[int]] = {kind: set() for kind in KINDS.values()}
        for role in self.roles:
            if role in KINDS:
                self.ids[KINDS[role]].update(*films[role].map(lambda ids: ids.tolist()))
        self.films = pd.DataFrame(
            {
                "title": films["title"],
                "release_year": films["release_date"].dt.year,
                "revenue": np.expm1(log_revenue + log_prices(released)),
            }
        )

    def features(
        self, days: np.ndarray, log_budget: np.ndarray, roles: dict[str, list]
    ) -> dict[str, np.ndarray]:
        """Market and track record of films by release and budget; none of a role that is absent."""
        found = self._budgets.among(days.astype("int64"), log_budget)
        for role in self.roles:
            if role in roles:
                found |= self._careers.role_features(role, roles[role], days, SHRINKAGE)
        return found


def release_days(films: Films, rows: np.ndarray) -> np.ndarray:
    """Days of release of some films, shape (n,); mid-year where only the year is known."""
    return approximate_days(films.days[rows], films.columns["release_year"][rows])


def features_of(
    films: Films, rows: np.ndarray, names: list[str], latest_year: float, past: Past | None = None
) -> np.ndarray:
    """Features of some films, by row numbers, in the order of `names`: shape (n, n_features).

    NaN is unknown. Later years count as `latest_year` (see `tabular.transformers.ReleaseYear`).
    `past` is needed for what only the pre-release models read.
    """
    columns = films.columns
    if len(rows) < len(films):
        columns = {name: values[rows] for name, values in columns.items()}
    days = release_days(films, rows)
    columns = columns | {
        "log_budget": np.log1p(columns["budget"]) - log_prices(days),
        "release_year": np.minimum(columns["release_year"], latest_year),
    }
    if past is not None:
        known = films.before_release(rows)
        columns |= {
            "budget_implausible": (columns["budget"] < IMPLAUSIBLE_BUDGET).astype(float),
            **_calendar(films.days[rows]),
            **known.columns,
            **past.features(days, columns["log_budget"], known.roles),
        }
    table = np.full((len(rows), len(names)), np.nan)
    for place, name in enumerate(names):
        if name in columns:
            table[:, place] = columns[name]
    return table


def _calendar(days: np.ndarray) -> dict[str, np.ndarray]:
    month = (days.astype("datetime64[M]").astype("int64") % 12 + 1).astype(float)
    month[np.isnat(days)] = np.nan
    return {"release_month": month, **calendar_facts(days)}
