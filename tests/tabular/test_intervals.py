"""Scores of prediction intervals, against numbers worked out by hand."""

import numpy as np

from boxoffice.tabular.intervals import interval_scores


def test_the_ends_count_as_inside():
    y_pred = np.full(4, 2.0)
    scores = interval_scores([1, 2, 3, 9], y_pred, y_pred - 1, y_pred + 1, nominal=0.8)
    assert (scores["nominal"], scores["coverage"], scores["width"]) == (0.8, 0.75, 2.0)


def test_every_row_has_its_own_ends():
    lower, upper = [0.0, 0.0, 5.0, 1.0], [1.0, 4.0, 6.0, 3.0]
    scores = interval_scores([2, 2, 2, 2], [0.5, 2.0, 5.5, 2.0], lower, upper, nominal=0.5)
    assert scores["coverage"] == 0.5
    assert scores["width"] == 2
    # Missed by 1 above and by 3 below, each times 2 / (1 - 0.5).
    assert scores["score"] == 2 + 4 * (1 + 3) / 4


def test_the_score_is_best_with_the_right_ends():
    """The interval score is proper: neither narrower nor wider ends are rewarded."""
    y_true = np.random.default_rng(0).normal(size=100_000)
    y_pred = np.zeros(len(y_true))

    def score(end):
        return interval_scores(y_true, y_pred, y_pred - end, y_pred + end, nominal=0.9)["score"]

    right = 1.645  # of a standard normal, 5 % above and 5 % below
    assert score(right) < min(score(right - 0.4), score(right + 0.4))


def test_coverage_by_quarter_of_the_prediction():
    y_pred = np.array([40, 10, 30, 20, 41, 11, 31, 21])
    y_true = [40, 15, 30, 20, 41, 16, 31, 26]
    scores = interval_scores(y_true, y_pred, y_pred - 1.0, y_pred + 1.0, nominal=0.8)
    assert scores["coverage_by_quartile"] == {"q1": 0.0, "q2": 0.5, "q3": 1.0, "q4": 1.0}
