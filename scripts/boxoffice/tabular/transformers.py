"""scikit-learn transformers of what came before a film: budgets of its time, track records."""

from typing import Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from boxoffice.films.budgets import YEARS, PastBudgets
from boxoffice.films.careers import SHRINKAGE, STATISTICS, Careers
from boxoffice.films.credits import ROLES


class ReleaseYear(TransformerMixin, BaseEstimator):
    """The year of release, held at the latest years of training.

    What a year did to films can't be told for years that are coming, nor from the last one alone:
    training films later than the given quantile, and all that come after them, share one year.
    """

    def __init__(self, quantile: float = 0.75):
        self.quantile = quantile

    def fit(self, X: pd.DataFrame, y=None) -> Self:
        """Remember the year at which to hold."""
        self.latest_ = float(np.quantile(X["release_year"], self.quantile, method="lower"))
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """`release_year`, of shape (n, 1)."""
        check_is_fitted(self, "latest_")
        return X[["release_year"]].astype(float).clip(upper=self.latest_)

    def get_feature_names_out(self, input_features=None) -> np.ndarray:
        """`release_year`."""
        return np.array(["release_year"], dtype=object)


class MarketContext(TransformerMixin, BaseEstimator):
    """Compare a budget with those of the training films released in the years before.

    Budgets grow with the decades, and a budget that led its year once is small today. Only
    training films released *strictly before* a row count, so a row never meets itself.
    The window before a film's release is `years` long; it ends at the last training film.
    """

    def __init__(self, years: float = YEARS):
        self.years = years

    def fit(self, X: pd.DataFrame, y=None) -> Self:
        """Remember release dates and log budgets of the training rows."""
        self.budgets_ = PastBudgets(X)
        return self

    def update(self, X: pd.DataFrame) -> None:
        """Remember later films, too: all of them, as in `fit`."""
        self.fit(X)

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


class TrackRecord(TransformerMixin, BaseEstimator):
    """Strictly prior track record of a film's people, companies and franchise.

    `fit` remembers the training films with their revenue. `transform` gives every row what the
    training films *released strictly before it* earned, by role. A film's own revenue and those of
    its own day or later never enter its row, neither in training nor in test; in a `Pipeline` the
    folds of a cross-validation are therefore right by themselves.

    Parameters
    ----------
    roles : tuple of str
        Columns of lists of entity ids (see `credits.ROLES`).
    shrinkage : float
        Prior films' means are drawn towards the training mean as if this many average films were
        added (James-Stein style).

    Notes
    -----
    Features per role, over all prior films of its entities: `count` (log1p), `revenue_best` (log of
    real USD) and `return_mean` (log of revenue / budget, shrunk). A row without history gets count
    0 and the training means.
    """

    def __init__(self, roles: tuple[str, ...] = ROLES, shrinkage: float = SHRINKAGE):
        self.roles = roles
        self.shrinkage = shrinkage

    def fit(self, X: pd.DataFrame, y=None, log_revenue=None) -> Self:
        """Remember training films: `release_date`, `log_budget` and the columns of `roles`.

        `y`, shape (n,), is the natural log of revenue in real USD, unless `log_revenue` is given,
        as it is for classifiers, whose `y` is another target.
        """
        self.careers_ = Careers(X, y if log_revenue is None else log_revenue, self.roles)
        return self

    def update(self, X: pd.DataFrame, log_revenue) -> None:
        """Remember later films, too: all of them, as in `fit`; the training means stay."""
        self.careers_ = Careers(X, log_revenue, self.roles, self.careers_.mean_)

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Track record of each row: shape (n, n_roles * 3), floats, no missing values."""
        check_is_fitted(self, "careers_")
        return pd.DataFrame(self.careers_.features(X, self.shrinkage), index=X.index)

    def get_feature_names_out(self, input_features=None) -> np.ndarray:
        """`<role>_<statistic>` for every role."""
        return np.array(
            [f"{role}_{name}" for role in self.roles for name in STATISTICS], dtype=object
        )
