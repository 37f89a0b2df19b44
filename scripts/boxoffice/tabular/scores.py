"""Scores of predictions on held-out rows."""

import numpy as np
from scipy.stats import bootstrap
from sklearn.metrics import (
    accuracy_score,
    brier_score_loss,
    f1_score,
    mean_absolute_error,
    r2_score,
    recall_score,
    roc_auc_score,
    root_mean_squared_error,
)


def revenue_scores(y_true, y_pred) -> dict[str, float]:
    """Scores on log revenue and, transformed back, in USD.

    `y_true` and `y_pred`, arrays of shape (n,), are natural logs of 1 + USD, and so are `rmse` and
    `mae`; `usd_mae` is in USD.
    """
    usd_true, usd_pred = np.expm1(y_true), np.expm1(y_pred)
    return {
        "r2": r2_score(y_true, y_pred),
        "rmse": root_mean_squared_error(y_true, y_pred),
        "mae": mean_absolute_error(y_true, y_pred),
        "usd_r2": r2_score(usd_true, usd_pred),
        "usd_mae": mean_absolute_error(usd_true, usd_pred),
    }


def r2_interval(y_true, y_pred, seed: int, confidence: float = 0.95) -> dict[str, float]:
    """Confidence interval of R2, `lower` and `upper`: percentile bootstrap over held-out films."""
    found = bootstrap(
        (np.asarray(y_true), np.asarray(y_pred)),
        r2_score,
        paired=True,
        vectorized=False,
        n_resamples=1000,
        confidence_level=confidence,
        method="percentile",
        rng=seed,
    ).confidence_interval
    return {"lower": found.low, "upper": found.high}


def success_scores(y_true, probability, threshold: float = 0.5) -> dict[str, float]:
    """Scores of a yes/no forecast, among them the recall of each class.

    A constant yes scores a high `f1` and a `recall_0` of 0.

    Parameters
    ----------
    y_true : array of shape (n,), bool or 0/1
    probability : array of shape (n,)
        Of the second class.
    """
    y_pred = np.asarray(probability) >= threshold
    return {
        "roc_auc": roc_auc_score(y_true, probability),
        "f1": f1_score(y_true, y_pred, zero_division=0.0),
        "brier": brier_score_loss(y_true, probability),
        "accuracy": accuracy_score(y_true, y_pred),
        "recall_0": recall_score(y_true, y_pred, pos_label=0, zero_division=0.0),
        "recall_1": recall_score(y_true, y_pred, pos_label=1, zero_division=0.0),
    }
