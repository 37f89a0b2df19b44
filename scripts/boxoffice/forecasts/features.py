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
from boxoffice.films.features import IMPLAUSIBLE_BUDGET, calendar_facts
from boxoffice.forecasts.canonical import BeforeRelease, Films
from boxoffice.forecasts.comparables import KnownFilms
from boxoffice.forecasts.names import KINDS


class Past:
    """The training films, which say what a film's people earned before and how large budgets were.

    Parameters
    ----------
    history : Path
        `history.parquet`, as the stage `regress` exports it.

    Attributes
    ----------
    films : DataFrame
        `title`, `release_year` and `revenue` (nominal USD) of the training films.
    ids : dict of kind to set of int
        Their people ('person') and companies ('company').
    roles : list of str
        Those that the training films' source states.
    comparables : KnownFilms
    """

    def __init__(self, history: Path):
        films = pd.read_parquet(history)
        log_revenue = films["log_revenue"]
        self.roles = [role for role in ROLES if role in films]
        self._careers = Careers(films, log_revenue, tuple(self.roles))
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
                "revenue": np.expm1(log_revenue),
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


def features_of(
    films: Films, rows: np.ndarray, names: list[str], past: Past | None = None
) -> np.ndarray:
    """Features of some films, by row numbers, in the order of `names`: shape (n, n_features).

    NaN is unknown. `past` is needed for what only the pre-release models read.
    """
    columns = films.columns
    if len(rows) < len(films):
        columns = {name: values[rows] for name, values in columns.items()}
    columns = columns | {"log_budget": np.log1p(columns["budget"])}
    if past is not None:
        columns |= _pre_release_columns(columns, films.before_release(rows), past)
    table = np.full((len(rows), len(names)), np.nan)
    for place, name in enumerate(names):
        if name in columns:
            table[:, place] = columns[name]
    return table


def _pre_release_columns(
    columns: dict[str, np.ndarray], known: BeforeRelease, past: Past
) -> dict[str, np.ndarray]:
    """Where only the year is known, market and track record are those of the middle of the year."""
    middle = (columns["release_year"] - 1970).astype("datetime64[Y]").astype("datetime64[M]") + 6
    days = np.where(np.isnat(known.days), middle.astype("datetime64[D]") + 1, known.days)
    month = (known.days.astype("datetime64[M]").astype("int64") % 12 + 1).astype(float)
    month[np.isnat(known.days)] = np.nan
    return {
        "budget_implausible": (columns["budget"] < IMPLAUSIBLE_BUDGET).astype(float),
        "release_month": month,
        **calendar_facts(known.days),
        **known.columns,
        **past.features(days, columns["log_budget"], known.roles),
    }
