"""How large a film's budget is by the standards of its time, as a scikit-learn transformer."""

from typing import Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from boxoffice.budgets import YEARS, PastBudgets


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
    budgets_ : PastBudgets
        Those of the training films, by day.
    """

    def __init__(self, years: float = YEARS):
        self.years = years

    def fit(self, X: pd.DataFrame, y=None) -> Self:
        """Remember release dates and log budgets of the training rows."""
        self.budgets_ = PastBudgets(X)
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Features of shape (n, 2).

        `budget_rank`: share of the window's films with a smaller budget, 0-1. `budget_relative`:
        log budget less the window's mean log budget. 0.5 and 0 where the window is too empty.
        """
        check_is_fitted(self, "budgets_")
        return pd.DataFrame(self.budgets_.features(X, self.years), index=X.index)

    def get_feature_names_out(self, input_features=None) -> np.ndarray:
        """`budget_rank`, `budget_relative`."""
        return np.array(["budget_rank", "budget_relative"], dtype=object)
