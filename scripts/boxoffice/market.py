"""How large a film's budget is by the standards of its time."""

from typing import Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

FEWEST = 10  # films that make a market; with fewer a film counts as average


class MarketContext(TransformerMixin, BaseEstimator):
    """Compare a budget with those of the training films released in the years before.

    Nominal budgets grow with the decades, and a budget that led its year once is small today. Only
    training films released *strictly before* a row count, so a row never meets itself.

    Parameters
    ----------
    years : float
        Length of the window before a film's release.

    Attributes
    ----------
    days_, log_budgets_ : arrays of shape (n_training,), ordered by day
    """

    def __init__(self, years: float = 5.0):
        self.years = years

    def fit(self, X: pd.DataFrame, y=None) -> Self:
        """Remember release dates and log budgets of the training rows."""
        days = _days(X)
        order = np.argsort(days, kind="stable")
        self.days_ = days[order]
        self.log_budgets_ = X["log_budget"].to_numpy(float)[order]
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Features of shape (n, 2).

        `budget_rank`: share of the window's films with a smaller budget, 0-1. `budget_relative`:
        log budget less the window's mean log budget. 0.5 and 0 where the window is too empty.
        """
        check_is_fitted(self, "days_")
        days, budgets = _days(X), X["log_budget"].to_numpy(float)
        low = np.searchsorted(self.days_, days - self.years * 365.25, side="left")
        high = np.searchsorted(self.days_, days, side="left")
        count = high - low
        enough = count >= FEWEST

        position = np.arange(len(self.days_))
        in_window = (position >= low[:, None]) & (position < high[:, None])
        smaller = (in_window & (self.log_budgets_ < budgets[:, None])).sum(axis=1)
        sums = np.concatenate([[0.0], np.cumsum(self.log_budgets_)])
        count = np.maximum(count, 1)
        return pd.DataFrame(
            {
                "budget_rank": np.where(enough, smaller / count, 0.5),
                "budget_relative": np.where(
                    enough, budgets - (sums[high] - sums[low]) / count, 0.0
                ),
            },
            index=X.index,
        )

    def get_feature_names_out(self, input_features=None) -> np.ndarray:
        """`budget_rank`, `budget_relative`."""
        return np.array(["budget_rank", "budget_relative"], dtype=object)


def _days(X: pd.DataFrame) -> np.ndarray:
    return X["release_date"].to_numpy("datetime64[D]").astype("int64")
