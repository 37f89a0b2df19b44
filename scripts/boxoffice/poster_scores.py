"""Scores of a forecast of log10 revenue, with bootstrap intervals over films."""

import numpy as np
from scipy.stats import rankdata

RESAMPLES = 1000


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros(np.shape(part)), where=whole > 0)


def _roc_auc(above: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """The share of pairs in the right order (Mann and Whitney); NaN without both classes."""
    positives, rows = above.sum(-1), above.shape[-1]
    ranks = (rankdata(predicted, axis=-1) * above).sum(-1)
    pairs = positives * (rows - positives)
    ordered = ranks - positives * (positives + 1) / 2
    return np.divide(ordered, pairs, out=np.full(np.shape(pairs), np.nan), where=pairs > 0)


def poster_scores(actual, predicted, median) -> dict[str, np.ndarray]:
    """Scores along the last axis.

    Parameters
    ----------
    actual, predicted : array of shape (..., n)
        log10 USD.
    median : float, or array of shape (..., n)
        Of the training films, log10 USD; films above it form the positive class.

    Returns
    -------
    dict
        `loss` (mean squared error), `r2`, `rmse` (log10 USD); `within_25` and `within_50` (share of
        films whose forecast is that many per cent of the revenue away at most); `accuracy`,
        `precision`, `recall`, `f1`, `roc_auc` of being above the median.
    """
    actual, predicted = np.asarray(actual, dtype=float), np.asarray(predicted, dtype=float)
    loss = ((actual - predicted) ** 2).mean(-1)
    variance = ((actual - actual.mean(-1, keepdims=True)) ** 2).mean(-1)
    away = np.abs(10 ** (predicted - actual) - 1)
    above, said = actual > median, predicted > median
    found = (above & said).sum(-1)
    precision, recall = _ratio(found, said.sum(-1)), _ratio(found, above.sum(-1))
    return {
        "loss": loss,
        "r2": 1 - loss / variance,
        "rmse": np.sqrt(loss),
        "within_25": (away <= 0.25).mean(-1),
        "within_50": (away <= 0.5).mean(-1),
        "accuracy": (above == said).mean(-1),
        "precision": precision,
        "recall": recall,
        "f1": _ratio(2 * precision * recall, precision + recall),
        "roc_auc": _roc_auc(above, predicted),
    }


def resampled(rows: int, seed: int) -> np.ndarray:
    """Rows drawn with replacement: int array of shape (1000, rows)."""
    return np.random.default_rng(seed).integers(rows, size=(RESAMPLES, rows))


def _ends(values: np.ndarray) -> dict[str, float]:
    lower, upper = np.nanquantile(values, [0.025, 0.975])
    return {"lower": lower, "upper": upper}


def with_intervals(actual, predicted, median, seed: int) -> dict[str, dict]:
    """Scores on held-out films, each with its 95 % percentile bootstrap interval over films.

    Returns
    -------
    dict
        `scores` and `interval_95` (`lower` and `upper` of every score).
    """
    actual, predicted = np.asarray(actual), np.asarray(predicted)
    median = np.broadcast_to(median, actual.shape)
    drawn = resampled(len(actual), seed)
    spread = poster_scores(actual[drawn], predicted[drawn], median[drawn])
    return {
        "scores": poster_scores(actual, predicted, median),
        "interval_95": {name: _ends(values) for name, values in spread.items()},
    }


def gain(actual, predicted, reference, seed: int) -> dict[str, float]:
    """How much smaller the mean squared error is than a reference forecast's of the same films.

    Returns
    -------
    dict
        `value` (positive where `predicted` is the better), `lower` and `upper` of its 95 % paired
        bootstrap interval.
    """
    actual, predicted, reference = map(np.asarray, (actual, predicted, reference))
    each = (actual - reference) ** 2 - (actual - predicted) ** 2
    return {"value": each.mean(), **_ends(each[resampled(len(each), seed)].mean(axis=1))}
