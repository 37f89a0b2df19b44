"""What the earlier films of people, companies and franchises earned.

Arrays only, so that the service needs no scikit-learn; `TrackRecord` is the transformer.
"""

from collections.abc import Sequence
from itertools import chain

import numpy as np
import pandas as pd

STATISTICS = ("count", "revenue_best", "return_mean")
SHRINKAGE = 2.0  # average films added to a mean of prior films
# Track records clip at these values, so that a wrong unit (a revenue of $12) does not spoil a
# career. The target is not clipped.
LEAST_REVENUE = np.log1p(1e4)  # log of real USD
MOST_RETURN = 4.0  # log of revenue / budget: a factor of 55 either way
_DAYS = 1_000_000  # more than any calendar here holds: one key, entity * _DAYS + day, orders both


def _day_numbers(days: np.ndarray) -> np.ndarray:
    return days.astype("int64") + _DAYS // 2


def flat_pairs(lists: Sequence[Sequence[int] | None]) -> tuple[np.ndarray, np.ndarray]:
    """Flatten lists of ids, of which None is empty.

    Returns
    -------
    rows, ids : int arrays of shape (n_pairs,)
        The number of each id's list, and the id.
    """
    lists = [() if item is None else item for item in lists]
    lengths = np.fromiter(map(len, lists), dtype=np.int64, count=len(lists))
    ids = np.fromiter(chain.from_iterable(lists), dtype=np.int64, count=lengths.sum())
    return np.repeat(np.arange(len(lists)), lengths), ids


class _History:
    """Films of one role's entities by entity and day, with running sums and maxima."""

    def __init__(self, entity, day, revenue, multiple):
        order = np.lexsort((day, entity))
        self.entities, code = np.unique(entity[order], return_inverse=True)
        self.start = np.searchsorted(code, np.arange(len(self.entities)))
        self.key = code * _DAYS + day[order]
        self.return_sum = np.concatenate([[0.0], np.cumsum(multiple[order])])
        # An offset per entity lifts each above the last, so one running maximum serves all.
        offset = code * 1000.0
        self.revenue_best = np.maximum.accumulate(revenue[order] + offset) - offset

    def before(self, entity, day):
        """Slices [low, high) of an entity's films released strictly before a day."""
        if not len(self.entities):
            nothing = np.zeros(len(entity), dtype=np.int64)
            return nothing, nothing
        code = np.searchsorted(self.entities, entity).clip(max=len(self.entities) - 1)
        low = self.start[code]
        high = np.searchsorted(self.key, code * _DAYS + day, side="left")
        known = self.entities[code] == entity
        return np.where(known, low, 0), np.where(known, high, 0)


class Careers:
    """Training films by role and entity, for the track record of films released later.

    Parameters
    ----------
    films : DataFrame of shape (n, ...)
        Training rows: `release_date`, `log_budget` (natural log, real USD) and the columns of
        `roles`.
    log_revenue : array of shape (n,)
        Natural log of revenue in real USD.
    roles : tuple of str
        Columns of lists of entity ids.
    mean : dict, optional
        `mean_` of the films that a model learned from, where these are later ones.

    Attributes
    ----------
    history_ : dict of role to the training films of its entities
    mean_ : dict
        Training means of log revenue (`revenue`) and log revenue/budget (`return`).
    """

    def __init__(
        self,
        films: pd.DataFrame,
        log_revenue,
        roles: tuple[str, ...],
        mean: dict[str, float] | None = None,
    ):
        revenue = np.asarray(log_revenue, dtype=float)
        multiple = (revenue - films["log_budget"].to_numpy(float)).clip(-MOST_RETURN, MOST_RETURN)
        revenue = revenue.clip(min=LEAST_REVENUE)
        self.roles = roles
        self.mean_ = mean or {"revenue": float(revenue.mean()), "return": float(multiple.mean())}
        day = _day_numbers(films["release_date"].to_numpy("datetime64[D]"))
        self.history_ = {}
        for role in roles:
            row, entity = flat_pairs(films[role])
            self.history_[role] = _History(entity, day[row], revenue[row], multiple[row])

    def features(self, films: pd.DataFrame, shrinkage: float) -> dict[str, np.ndarray]:
        """Those of `role_features` for every role, each an array of shape (n,)."""
        days = films["release_date"].to_numpy("datetime64[D]")
        blocks = {}
        for role in self.roles:
            blocks |= self.role_features(role, films[role], days, shrinkage)
        return blocks

    def role_features(
        self, role: str, lists: Sequence[Sequence[int] | None], days: np.ndarray, shrinkage: float
    ) -> dict[str, np.ndarray]:
        """`<role>_<statistic>` of n films: an array of shape (n,) each.

        `count` is log1p of the number of prior films, `revenue_best` log of real USD, `return_mean`
        the mean log of revenue / budget, shrunk towards the training mean by `shrinkage` average
        films.

        Parameters
        ----------
        lists : n lists of entity ids
            None is unknown, and NaN in the answer.
        days : array of datetime64[D], shape (n,)
        """
        history, n = self.history_[role], len(lists)
        row, entity = flat_pairs(lists)
        low, high = history.before(entity, _day_numbers(days)[row])
        seen = high > low
        row, low, high = row[seen], low[seen], high[seen]
        count = np.bincount(row, high - low, minlength=n)
        total = np.bincount(row, history.return_sum[high] - history.return_sum[low], minlength=n)
        best = np.full(n, -np.inf)
        np.maximum.at(best, row, history.revenue_best[high - 1])
        features = {
            f"{role}_count": np.log1p(count),
            f"{role}_revenue_best": np.where(count > 0, best, self.mean_["revenue"]),
            f"{role}_return_mean": (total + shrinkage * self.mean_["return"]) / (count + shrinkage),
        }
        unknown = [number for number, ids in enumerate(lists) if ids is None]
        for values in features.values() if unknown else ():
            values[unknown] = np.nan
        return features
