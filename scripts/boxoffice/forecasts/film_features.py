"""Features of films as somebody states them, for the exported models; the same as the pipeline's.

Columns that a model reads are made by the functions that the stages use; a test compares both for
every film of the test split.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from boxoffice.films.budgets import YEARS, PastBudgets
from boxoffice.films.careers import SHRINKAGE, Careers
from boxoffice.films.credits import ROLES
from boxoffice.films.features import IMPLAUSIBLE_BUDGET, calendar_facts, certificate_flags
from boxoffice.forecasts.known_names import KINDS


def known_numbers(films: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Numbers of films by feature, where a zero that means "unknown" is NaN, as in `films.clean`.

    Parameters
    ----------
    films : mapping of column to array of shape (n,)
        `budget` (USD), `runtime` (minutes), `vote_average` (0-10), `vote_count`, ... ; NaN is
        unknown.
    """
    numbers = dict(films) | {"log_budget": np.log1p(films["budget"])}
    if "runtime" in numbers:
        numbers["runtime"] = np.where(films["runtime"] == 0, np.nan, films["runtime"])
    if "vote_average" in numbers and "vote_count" in numbers:
        unrated = films["vote_count"] == 0
        numbers["vote_average"] = np.where(unrated, np.nan, films["vote_average"])
    return numbers


def matrix(names: list[str], columns: Mapping[str, np.ndarray], n: int) -> np.ndarray:
    """Columns in the order of `names`, shape (n, len(names)); one that is absent is NaN."""
    table = np.full((n, len(names)), np.nan)
    for place, name in enumerate(names):
        if name in columns:
            table[:, place] = columns[name]
    return table


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
    """

    def __init__(self, history: Path):
        films = pd.read_parquet(history)
        log_revenue = films["log_revenue"]
        self.roles = [role for role in ROLES if role in films]
        self._careers = {role: Careers(films, log_revenue, (role,)) for role in self.roles}
        self._budgets = PastBudgets(films)
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

    def features(self, films: pd.DataFrame) -> dict[str, np.ndarray]:
        """Market and track record of films with `release_date`, `log_budget` and roles.

        A role that is unknown, for all films or for some (None), gets no feature.
        """
        found = self._budgets.features(films, YEARS)
        for role in self.roles:
            if role not in films:
                continue
            known = films[role].notna().to_numpy()
            part = films if known.all() else films[known]
            for name, values in self._careers[role].features(part, SHRINKAGE).items():
                found[name] = np.full(len(films), np.nan)
                found[name][known] = values
        return found


def pre_release_columns(films: pd.DataFrame, past: Past) -> dict[str, np.ndarray]:
    """Every feature that is known before release, from films as `Forecasts.score` takes them.

    Where only the year is stated, month, weekday and season are unknown, and market and track
    record are those of the middle of the year.
    """
    stated = [name for name in films if films[name].dtype.kind in "fi"]
    columns = known_numbers({name: films[name].to_numpy() for name in stated})
    columns["budget_implausible"] = (columns["budget"] < IMPLAUSIBLE_BUDGET).astype(float)
    dates = released(films)
    columns |= {"release_year": dates.dt.year.to_numpy(float)}
    if "release_date" in films:
        exact = films["release_date"]
        columns["release_month"] = exact.dt.month.to_numpy(float)
        columns |= {name: values.to_numpy(float) for name, values in calendar_facts(exact).items()}
    if "original_language" in films:
        language = films["original_language"]
        english = (language == "en").to_numpy(float)
        columns["english"] = np.where(language.isna(), np.nan, english)
    # Many training films have no certificate, so none is a value like the others.
    certificates = films.get("certificate", pd.Series(None, index=films.index, dtype=object))
    flags = certificate_flags(certificates)
    columns |= {name: values.to_numpy(float) for name, values in flags.items()}
    roles = {role: films[role] for role in past.roles if role in films}
    return columns | past.features(
        pd.DataFrame(
            {"release_date": dates, "log_budget": columns["log_budget"], **roles},
            index=films.index,
        )
    )


def released(films: pd.DataFrame) -> pd.Series:
    """Release dates; the middle of `release_year` where no day is stated."""
    if "release_date" not in films:
        return _mid_year(films["release_year"])
    dates = films["release_date"]
    if "release_year" in films and dates.isna().any():
        dates = dates.fillna(_mid_year(films["release_year"]))
    return dates


def _mid_year(years: pd.Series) -> pd.Series:
    return pd.to_datetime(years.astype("int64").astype(str) + "-07-02", format="%Y-%m-%d")
