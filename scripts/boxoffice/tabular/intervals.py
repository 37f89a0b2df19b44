"""Prediction intervals from out-of-fold residuals."""

import numpy as np


def residual_quantiles(residuals, nominal: float) -> tuple[float, float]:
    """Offsets from a prediction to the lower and the upper end of its interval.

    Each tail gets half of what the interval may miss, as log revenue falls far below a prediction
    more often than far above it. The ranks carry the finite-sample correction of split conformal
    prediction (Lei et al., 2018, https://doi.org/10.1080/01621459.2017.1307116); residuals from
    cross-validation stand in for a calibration set, as in CV+ (Barber et al., 2021,
    https://doi.org/10.1214/20-AOS1965).

    Raises ValueError if `nominal` is out of range, or there are too few residuals for it.

    Parameters
    ----------
    residuals : array of shape (n,)
        Target minus out-of-fold prediction.
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


def interval_scores(y_true, y_pred, lower: float, upper: float) -> dict:
    """Score intervals on held-out rows: the share of targets within them, and their width.

    `coverage_by_quartile` goes from the lowest quarter of predictions, `q1`, to the highest, `q4`.
    As one pair of ends serves all films, it may cover too few of the hard ones and too many of the
    others.
    """
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    inside = (y_true >= y_pred + lower) & (y_true <= y_pred + upper)
    quarters = np.array_split(inside[np.argsort(y_pred, kind="stable")], 4)
    return {
        "coverage": inside.mean(),
        "width": upper - lower,
        "coverage_by_quartile": {f"q{n}": part.mean() for n, part in enumerate(quarters, start=1)},
    }
