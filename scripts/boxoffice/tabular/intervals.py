"""How right prediction intervals are."""

import numpy as np


def interval_scores(y_true, y_pred, lower, upper, nominal: float) -> dict:
    """Score intervals on held-out rows.

    Parameters
    ----------
    y_true, y_pred : arrays of shape (n,)
    lower, upper : arrays of shape (n,)
        Ends of each row's interval.
    nominal : float
        The share of rows that they should hold.

    Returns
    -------
    dict
        `coverage`, the share of rows within; `width`, mean; `score`, the mean interval score,
        smaller is better (Winkler, 1972; Gneiting and Raftery, 2007,
        https://doi.org/10.1198/016214506000001437); `coverage_by_quartile`, from the lowest quarter
        of the predictions, `q1`, to the highest, `q4`.
    """
    y_true, y_pred, lower, upper = map(np.asarray, (y_true, y_pred, lower, upper))
    inside = (y_true >= lower) & (y_true <= upper)
    missed = np.maximum(lower - y_true, 0) + np.maximum(y_true - upper, 0)
    quarters = np.array_split(inside[np.argsort(y_pred, kind="stable")], 4)
    return {
        "nominal": nominal,
        "coverage": inside.mean(),
        "width": (upper - lower).mean(),
        "score": (upper - lower).mean() + 2 / (1 - nominal) * missed.mean(),
        "coverage_by_quartile": {f"q{n}": part.mean() for n, part in enumerate(quarters, start=1)},
    }
