"""Scores of a forecast of ordered classes, and whether one forecast is better than another."""

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, precision_recall_fscore_support

from boxoffice.revenue_classes import CLASSES


def class_scores(actual, predicted) -> dict[str, float]:
    """Scores of predicted classes.

    Parameters
    ----------
    actual, predicted : int array of shape (n,)
        Places in `CLASSES`.

    Returns
    -------
    dict
        `accuracy`; `one_away_accuracy` (right, or the class beside it); `precision`, `recall` and
        `f1`, each `_weighted` by the films of a class and as the plain mean over classes, `_macro`.
    """
    actual, predicted = np.asarray(actual), np.asarray(predicted)
    scores = {
        "accuracy": accuracy_score(actual, predicted),
        "one_away_accuracy": np.mean(np.abs(actual - predicted) <= 1),
    }
    for average in ("weighted", "macro"):
        precision, recall, f1, _ = precision_recall_fscore_support(
            actual, predicted, labels=range(len(CLASSES)), average=average, zero_division=0.0
        )
        scores |= {
            f"precision_{average}": precision,
            f"recall_{average}": recall,
            f"f1_{average}": f1,
        }
    return scores


def mcnemar(actual, first, second) -> float:
    """Two-sided p-value that two forecasts of the same films are right equally often.

    The exact test of McNemar (1947): of the films that one alone got right, each is as likely to
    have the first or the second right.
    """
    right = np.asarray(first) == actual, np.asarray(second) == actual
    only_first = int(np.sum(right[0] & ~right[1]))
    only_second = int(np.sum(right[1] & ~right[0]))
    if only_first + only_second == 0:
        return 1.0
    return binomtest(only_first, only_first + only_second).pvalue


def against_chance(actual, predicted) -> float:
    """Two-sided p-value that a forecast is right as often as one in eight, by an exact test."""
    right = int(np.sum(np.asarray(predicted) == actual))
    return binomtest(right, len(actual), 1 / len(CLASSES)).pvalue


def accuracy_interval(actual, predicted, seed: int, tolerance: int = 0) -> dict[str, float]:
    """95 % percentile bootstrap interval, over films, of the share predicted within `tolerance`.

    Returns
    -------
    dict
        `lower`, `upper`.
    """
    right = np.abs(np.asarray(actual) - np.asarray(predicted)) <= tolerance
    drawn = np.random.default_rng(seed).choice(right, size=(1000, len(right)))
    lower, upper = np.quantile(drawn.mean(axis=1), [0.025, 0.975])
    return {"lower": lower, "upper": upper}
