"""What the people and companies behind a film earned before it."""

from typing import Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from boxoffice.credits import ROLES

STATISTICS = ("count", "revenue_best", "return_mean")
# Wrong units and typing errors (a revenue of $12) must not mark a career: beyond these, values are
# clipped in the record, not in the target.
LEAST_REVENUE = np.log1p(1e4)  # log USD
MOST_RETURN = 4.0  # log of revenue / budget: a factor of 55 either way
DAYS = (
    1_000_000  # more days than any calendar here holds: (entity, day) becomes entity * DAYS + day
)


def _days(dates: pd.Series) -> np.ndarray:
    return dates.to_numpy("datetime64[D]").astype("int64") + DAYS // 2


def _pairs(lists: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Flatten a column of lists: row numbers and entity ids, shape (n_pairs,) each."""
    lengths = np.fromiter(map(len, lists), dtype=np.int64, count=len(lists))
    ids = np.concatenate([np.asarray(item, dtype=np.int64) for item in lists] or [[]])
    return np.repeat(np.arange(len(lists)), lengths), ids.astype(np.int64)


class _History:
    """All films of one role's entities, ordered by entity and day, with running sums and maxima."""

    def __init__(self, entity, day, revenue, multiple):
        order = np.lexsort((day, entity))
        self.entities, code = np.unique(entity[order], return_inverse=True)
        self.start = np.searchsorted(code, np.arange(len(self.entities)))
        self.key = code * DAYS + day[order]
        self.return_sum = np.concatenate([[0.0], np.cumsum(multiple[order])])
        # One running maximum serves all entities: an offset per entity lifts each above the last.
        offset = code * 1000.0
        self.revenue_best = np.maximum.accumulate(revenue[order] + offset) - offset

    def before(self, entity, day):
        """Slices [low, high) of an entity's films released strictly before a day."""
        if not len(self.entities):
            nothing = np.zeros(len(entity), dtype=np.int64)
            return nothing, nothing
        code = np.searchsorted(self.entities, entity).clip(max=len(self.entities) - 1)
        low = self.start[code]
        high = np.searchsorted(self.key, code * DAYS + day, side="left")
        known = self.entities[code] == entity
        return np.where(known, low, 0), np.where(known, high, 0)


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

    Attributes
    ----------
    history_ : dict of role to the training films of its entities
    mean_ : dict
        Training means of log revenue (`revenue`) and log revenue/budget (`return`).

    Notes
    -----
    Features per role, over all prior films of its entities: `count` (log1p), `revenue_best` (log
    USD) and `return_mean` (log of revenue / budget, shrunk). A row without history gets count 0 and
    the training means.
    """

    def __init__(self, roles: tuple[str, ...] = ROLES, shrinkage: float = 2.0):
        self.roles = roles
        self.shrinkage = shrinkage

    def fit(self, X: pd.DataFrame, y=None, log_revenue=None) -> Self:
        """Remember training films.

        Parameters
        ----------
        X : DataFrame of shape (n, ...)
            `release_date`, `log_budget` and the columns of `roles`.
        y : array of shape (n,)
            Natural log of revenue in USD, unless `log_revenue` is given.
        log_revenue : array of shape (n,), optional
            For classifiers, whose `y` is another target.
        """
        revenue = np.asarray(y if log_revenue is None else log_revenue, dtype=float)
        multiple = (revenue - X["log_budget"].to_numpy(float)).clip(-MOST_RETURN, MOST_RETURN)
        revenue = revenue.clip(min=LEAST_REVENUE)
        self.mean_ = {"revenue": float(revenue.mean()), "return": float(multiple.mean())}
        day = _days(X["release_date"])
        self.history_ = {}
        for role in self.roles:
            row, entity = _pairs(X[role])
            self.history_[role] = _History(entity, day[row], revenue[row], multiple[row])
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Track record of each row: shape (n, n_roles * 3), floats, no missing values."""
        check_is_fitted(self, "history_")
        day = _days(X["release_date"])
        blocks = {}
        for role in self.roles:
            blocks |= self._role_features(role, X[role], day)
        return pd.DataFrame(blocks, index=X.index)

    def _role_features(self, role: str, lists: pd.Series, day: np.ndarray) -> dict[str, np.ndarray]:
        history, n = self.history_[role], len(lists)
        row, entity = _pairs(lists)
        low, high = history.before(entity, day[row])
        seen = high > low
        row, low, high = row[seen], low[seen], high[seen]
        count = np.bincount(row, high - low, minlength=n)
        total = np.bincount(row, history.return_sum[high] - history.return_sum[low], minlength=n)
        best = np.full(n, -np.inf)
        np.maximum.at(best, row, history.revenue_best[high - 1])
        return {
            f"{role}_count": np.log1p(count),
            f"{role}_revenue_best": np.where(count > 0, best, self.mean_["revenue"]),
            f"{role}_return_mean": (total + self.shrinkage * self.mean_["return"])
            / (count + self.shrinkage),
        }

    def get_feature_names_out(self, input_features=None) -> np.ndarray:
        """`<role>_<statistic>` for every role."""
        return np.array(
            [f"{role}_{name}" for role in self.roles for name in STATISTICS], dtype=object
        )
