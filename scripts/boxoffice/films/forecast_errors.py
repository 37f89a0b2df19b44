"""How far forecasts are off, by their size: intervals, means and chances of a forecast.

Arrays only, so that the service needs no scikit-learn. All amounts are natural logs of USD.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

BINS = 6  # of equally many forecasts
FEWEST_FORECASTS = 40  # forecasts that make a bin
# Years ahead that backtests look, told apart in scores and on the models' cards.
HORIZONS = {"h0": (0, 0), "h1_2": (1, 2), "h3_5": (3, 5), "h6_9": (6, 9)}
FARTHEST = max(last for _, last in HORIZONS.values())
LEVELS = np.linspace(0.005, 0.995, 100)  # of the quantiles that chances are read from
APART = 1000.0  # logs of USD: more than any two errors differ by


def residual_quantiles(residuals, nominal: float) -> tuple[float, float]:
    """Offsets from a prediction to the lower and the upper end of its interval.

    Each tail gets half of what the interval may miss, as log revenue falls far below a prediction
    more often than far above it. The ranks carry the finite-sample correction of split conformal
    prediction (Lei et al., 2018, https://doi.org/10.1080/01621459.2017.1307116).

    Raises ValueError if `nominal` is out of range, or there are too few residuals for it.

    Parameters
    ----------
    residuals : array of shape (n,)
        Target minus a prediction by a model that did not see it.
    nominal : float
        Share of films that the interval should cover, between 0 and 1.
    """
    if not 0 < nominal < 1:
        raise ValueError(f"nominal must lie between 0 and 1, not {nominal}")
    ordered = np.sort(np.asarray(residuals, dtype=float))
    n = len(ordered)
    rank = int(np.ceil((n + 1) * (1 + nominal) / 2))
    if rank > n:
        raise ValueError(f"{n} residuals are too few for a nominal coverage of {nominal}")
    return float(ordered[n - rank]), float(ordered[rank - 1])


@dataclass(frozen=True)
class ForecastErrors:
    """Errors of forecasts in bins by their size, as in Mondrian conformal prediction.

    Forecasts of small films are off by more than those of large ones (Mondrian: Vovk et al., 2003,
    https://doi.org/10.1007/3-540-36182-0_43; Boström and Johansson, 2020, use the forecast's bins).
    What is measured in a bin belongs to its median forecast; between these it is interpolated, so
    that nothing jumps where one bin ends.

    Attributes
    ----------
    nominal : float
        Share of films that the interval should hold.
    centers : array of shape (n_bins,)
        Median forecast of each bin, ascending.
    lower, upper : arrays of shape (n_bins,)
        Offsets from a forecast to the ends of its interval.
    mean : array of shape (n_bins,)
        Log of what the films of a bin earned in all, over what was forecast in all.
    quantiles : array of shape (n_bins, n_levels)
        Of the errors, at `LEVELS`.
    """

    nominal: float
    centers: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    mean: np.ndarray
    quantiles: np.ndarray

    @classmethod
    def of(cls, y_true, y_pred, nominal: float) -> Self:
        """Measure forecasts of shape (n,) by models that did not see the films.

        Raises ValueError if there are too few forecasts for the nominal coverage.
        """
        y_true, y_pred = np.asarray(y_true, dtype=float), np.asarray(y_pred, dtype=float)
        order = np.argsort(y_pred, kind="stable")
        bins = np.array_split(order, min(BINS, max(1, len(order) // FEWEST_FORECASTS)))
        errors = [y_true[rows] - y_pred[rows] for rows in bins]
        lower, upper = np.array([residual_quantiles(each, nominal) for each in errors]).T
        centers = np.array([np.median(y_pred[rows]) for rows in bins])
        mean = [np.log(np.exp(y_true[rows]).sum() / np.exp(y_pred[rows]).sum()) for rows in bins]
        return cls(
            nominal,
            centers,
            *(_rising(centers, offsets) for offsets in (lower, upper, mean)),
            np.array([np.quantile(each, LEVELS) for each in errors]),
        )

    def card(self) -> dict[str, Any]:
        """What `from_card` reads again."""
        names = ("centers", "lower", "upper", "mean", "quantiles")
        return {"nominal": self.nominal} | {name: getattr(self, name).tolist() for name in names}

    @classmethod
    def from_card(cls, card: dict[str, Any]) -> Self:
        """Read a card's errors.

        Raises KeyError, TypeError or ValueError if something is missing or makes no sense.
        """
        names = ("centers", "lower", "upper", "mean", "quantiles")
        found = cls(float(card["nominal"]), *(np.array(card[name], dtype=float) for name in names))
        bins = len(found.centers)
        same = all(len(getattr(found, name)) == bins for name in names)
        if not (same and bins and found.quantiles.shape == (bins, len(LEVELS))):
            raise ValueError("bins differ")
        if not all(np.isfinite(getattr(found, name)).all() for name in names):
            raise ValueError("a number is missing")
        if not (np.diff(found.centers) >= 0).all() or not (np.diff(found.quantiles) >= 0).all():
            raise ValueError("bins or quantiles are in the wrong order")
        if not (0 < found.nominal < 1 and (found.lower < found.upper).all()):
            raise ValueError("the interval is empty")
        return found

    def interval(self, y_pred: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper ends, shape (n,) each."""
        ends = (self.lower, self.upper)
        return tuple(y_pred + np.interp(y_pred, self.centers, end) for end in ends)

    def expected(self, y_pred: np.ndarray) -> np.ndarray:
        """Log of the mean that films of such a forecast earn, shape (n,).

        A forecast of log revenue is a typical value. The mean is above it, since a film can earn
        ten times as much, but not ten times less than nothing.
        """
        return y_pred + np.interp(y_pred, self.centers, self.mean)

    def chance_above(self, y_pred: np.ndarray, threshold: np.ndarray) -> np.ndarray:
        """Chance that a film earns more than a threshold (log USD), shape (n,)."""
        place = np.interp(y_pred, self.centers, np.arange(len(self.centers)))
        below = np.floor(place).astype(int)
        above = np.minimum(below + 1, len(self.centers) - 1)
        weight = place - below
        chances = [
            _share_above(self.quantiles, rows, threshold - y_pred) for rows in (below, above)
        ]
        return (1 - weight) * chances[0] + weight * chances[1]


def _rising(centers: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Raise offsets where adding them would let a larger forecast end lower than a smaller one."""
    return np.maximum.accumulate(centers + offsets) - centers


def _share_above(quantiles: np.ndarray, rows: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Share of each row's error distribution that is above an error."""
    # Moved apart, the distributions are one rising curve, which is looked up once for all rows.
    moved = APART * np.arange(len(quantiles))
    held = errors.clip(quantiles[rows, 0], quantiles[rows, -1]) + moved[rows]
    curve = (quantiles + moved[:, None]).ravel()
    return 1 - np.interp(held, curve, np.tile(LEVELS, len(quantiles)))
