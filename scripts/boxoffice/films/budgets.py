"""How a budget compares with those of its time: the arithmetic behind the market, on arrays alone.

The service imports it, so it needs no scikit-learn; the transformer is `market.MarketContext`.
"""

import numpy as np
import pandas as pd

FEWEST = 10  # films that make a market; with fewer a film counts as average
YEARS = 5.0
DAYS_PER_YEAR = 365.25


class _SmallerBefore:
    """How many of the values at places [low, high) are smaller than another value.

    A wavelet matrix (Claude and Navarro, 2012, https://doi.org/10.1007/978-3-642-34109-0_18): it
    goes through the bits of the values' ranks, so a query takes log2(n) steps instead of n.
    """

    def __init__(self, values: np.ndarray):
        self.ordered = np.sort(values)
        rank = np.searchsorted(self.ordered, values)
        self.levels = []  # from the highest bit: its number, and how many zeros come before a place
        for bit in reversed(range(len(values).bit_length())):
            ones = (rank >> bit) & 1
            self.levels.append((bit, np.concatenate([[0], np.cumsum(1 - ones)])))
            rank = np.concatenate([rank[ones == 0], rank[ones == 1]])

    def count(self, low: np.ndarray, high: np.ndarray, value: np.ndarray) -> np.ndarray:
        rank = np.searchsorted(self.ordered, value)
        found = np.zeros(len(rank), dtype=np.int64)
        for bit, zeros in self.levels:
            one = (rank >> bit) & 1 == 1
            low_zeros, high_zeros = zeros[low], zeros[high]
            found += np.where(one, high_zeros - low_zeros, 0)
            low = np.where(one, zeros[-1] + low - low_zeros, low_zeros)
            high = np.where(one, zeros[-1] + high - high_zeros, high_zeros)
        return found


class PastBudgets:
    """Budgets of the training films by day, which tell a later film's rank among them.

    Parameters
    ----------
    films : DataFrame of shape (n, ...)
        Training rows: `release_date` and `log_budget` (natural log USD).

    Attributes
    ----------
    days_, log_budgets_ : arrays of shape (n,), ordered by day
    """

    def __init__(self, films: pd.DataFrame):
        days = _days(films)
        order = np.argsort(days, kind="stable")
        self.days_ = days[order]
        self.log_budgets_ = films["log_budget"].to_numpy(float)[order]
        self._sums = np.concatenate([[0.0], np.cumsum(self.log_budgets_)])
        self._smaller = _SmallerBefore(self.log_budgets_)

    def features(self, films: pd.DataFrame, years: float) -> dict[str, np.ndarray]:
        """`budget_rank` and `budget_relative` among the films of the years before, shape (n,) each.

        0.5 and 0 where the window is too empty.
        """
        days, budgets = _days(films), films["log_budget"].to_numpy(float)
        low = np.searchsorted(self.days_, days - years * DAYS_PER_YEAR, side="left")
        high = np.searchsorted(self.days_, days, side="left")
        enough = high - low >= FEWEST
        count = np.maximum(high - low, 1)
        rank = self._smaller.count(low, high, budgets) / count
        mean = (self._sums[high] - self._sums[low]) / count
        return {
            "budget_rank": np.where(enough, rank, 0.5),
            "budget_relative": np.where(enough, budgets - mean, 0.0),
        }


def _days(films: pd.DataFrame) -> np.ndarray:
    return films["release_date"].to_numpy("datetime64[D]").astype("int64")
