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


def revenue_scores(log_revenue, predicted) -> dict[str, float]:
    """Scores on log revenue and, transformed back, in USD.

    Parameters
    ----------
    log_revenue, predicted : array of shape (n,)
        Natural log of 1 + USD.

    Returns
    -------
    dict
        `r2`, `rmse`, `mae` (natural log units), `usd_r2`, `usd_mae` (USD).
    """
    usd, predicted_usd = np.expm1(log_revenue), np.expm1(predicted)
    return {
        "r2": r2_score(log_revenue, predicted),
        "rmse": root_mean_squared_error(log_revenue, predicted),
        "mae": mean_absolute_error(log_revenue, predicted),
        "usd_r2": r2_score(usd, predicted_usd),
        "usd_mae": mean_absolute_error(usd, predicted_usd),
    }


def r2_interval(target, predicted, seed: int, confidence: float = 0.95) -> dict[str, float]:
    """How far R2 depends on which films were held out: percentile bootstrap over films.

    Returns
    -------
    dict
        `lower`, `upper`.
    """
    found = bootstrap(
        (np.asarray(target), np.asarray(predicted)),
        r2_score,
        paired=True,
        vectorized=False,
        n_resamples=1000,
        confidence_level=confidence,
        method="percentile",
        rng=seed,
    ).confidence_interval
    return {"lower": found.low, "upper": found.high}


def success_scores(success, probability, threshold: float = 0.5) -> dict[str, float]:
    """Scores of a yes/no forecast.

    Parameters
    ----------
    success : array of shape (n,), bool
    probability : array of shape (n,)
        Of success.

    Returns
    -------
    dict
        `roc_auc`, `f1`, `brier`, `accuracy`, `recall_0` and `recall_1` (recall of each class).
        Always saying yes scores a high `f1` and a `recall_0` of 0.
    """
    said = np.asarray(probability) >= threshold
    return {
        "roc_auc": roc_auc_score(success, probability),
        "f1": f1_score(success, said, zero_division=0.0),
        "brier": brier_score_loss(success, probability),
        "accuracy": accuracy_score(success, said),
        "recall_0": recall_score(success, said, pos_label=0, zero_division=0.0),
        "recall_1": recall_score(success, said, pos_label=1, zero_division=0.0),
    }
