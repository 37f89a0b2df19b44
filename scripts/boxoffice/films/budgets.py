"""Compare a film's budget with those of the years before its release, in real dollars.

Arrays only, so that the service needs no scikit-learn; `MarketContext` is the transformer.
"""

import numpy as np
import pandas as pd

FEWEST = 10  # films that make a market; with fewer a film counts as average
YEARS = 5.0
DAYS_PER_YEAR = 365.25


class PastBudgets:
    """Budgets of the training films by day of release.

    Parameters
    ----------
    films : DataFrame of shape (n, ...)
        Training rows: `release_date` and `log_budget` (natural log, real USD).

    Attributes
    ----------
    days_, log_budgets_ : arrays of shape (n,), ordered by day
        Days since 1970-01-01 and natural log, real USD.
    """

    def __init__(self, films: pd.DataFrame):
        days = _days(films)
        order = np.argsort(days, kind="stable")
        self.days_ = days[order]
        self.log_budgets_ = films["log_budget"].to_numpy(float)[order]
        self._sums = np.concatenate([[0.0], np.cumsum(self.log_budgets_)])

    def features(self, films: pd.DataFrame, years: float = YEARS) -> dict[str, np.ndarray]:
        """See `among`, for films with `release_date` and `log_budget`."""
        return self.among(_days(films), films["log_budget"].to_numpy(float), years)

    def among(
        self, days: np.ndarray, log_budgets: np.ndarray, years: float = YEARS
    ) -> dict[str, np.ndarray]:
        """Compare budgets with those of the training films released in the years before.

        Parameters
        ----------
        days : int array of shape (n,)
            Days of release since 1970-01-01; films of the same day or later don't count. A film
            after the last training film is compared with the years before that one, else the
            window of a film that is coming would be empty.
        log_budgets : array of shape (n,)
            Natural log, real USD.
        years : float
            Length of the window.

        Returns
        -------
        dict
            `budget_rank`, the share of the window's budgets that are smaller, and
            `budget_relative`, the log budget less the window's mean; shape (n,) each, 0.5 and 0
            where fewer than `FEWEST` films are in the window.
        """
        days = np.minimum(days, self.days_[-1] + 1)
        low = np.searchsorted(self.days_, days - years * DAYS_PER_YEAR)
        high = np.searchsorted(self.days_, days)
        enough = high - low >= FEWEST
        count = np.maximum(high - low, 1)
        rank = self._smaller(low, high, log_budgets) / count
        mean = (self._sums[high] - self._sums[low]) / count
        return {
            "budget_rank": np.where(enough, rank, 0.5),
            "budget_relative": np.where(enough, log_budgets - mean, 0.0),
        }

    def _smaller(self, low: np.ndarray, high: np.ndarray, log_budgets: np.ndarray) -> np.ndarray:
        """Count the budgets at places [low, high) that are smaller; shape (n,)."""
        found = np.zeros(len(low), dtype=np.int64)
        window = low * (len(self.days_) + 1) + high
        order = np.argsort(window, kind="stable")  # each window is sorted once, for all its films
        window = window[order]
        starts = np.flatnonzero(window[1:] != window[:-1]) + 1
        for rows in np.split(order, starts) if len(order) else []:
            budgets = self.log_budgets_[low[rows[0]] : high[rows[0]]]
            if len(rows) == 1:  # counting takes less time than sorting
                found[rows] = np.count_nonzero(budgets < log_budgets[rows])
            else:
                found[rows] = np.searchsorted(np.sort(budgets), log_budgets[rows])
        return found


def _days(films: pd.DataFrame) -> np.ndarray:
    return films["release_date"].to_numpy("datetime64[D]").astype("int64")
