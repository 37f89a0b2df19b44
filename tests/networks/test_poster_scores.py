"""Scores of log10 revenue: against scikit-learn's, and what their intervals hold."""

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    mean_squared_error,
    precision_score,
    r2_score,
    recall_score,
    roc_auc_score,
)

from boxoffice.networks.poster_model import gain, poster_scores, resampled, with_intervals

RNG = np.random.default_rng(0)
ACTUAL = RNG.normal(7.8, 0.5, 200)
FORECAST = ACTUAL + RNG.normal(0, 0.5, 200)
MEDIAN = float(np.median(ACTUAL))


def test_scores_are_scikit_learns():
    above, said = ACTUAL > MEDIAN, FORECAST > MEDIAN
    expected = {
        "loss": mean_squared_error(ACTUAL, FORECAST),
        "r2": r2_score(ACTUAL, FORECAST),
        "rmse": mean_squared_error(ACTUAL, FORECAST) ** 0.5,
        "accuracy": accuracy_score(above, said),
        "precision": precision_score(above, said),
        "recall": recall_score(above, said),
        "f1": f1_score(above, said),
        "roc_auc": roc_auc_score(above, FORECAST),
    }
    scores = poster_scores(ACTUAL, FORECAST, MEDIAN)
    assert {name: scores[name] for name in expected} == pytest.approx(expected)


def test_tied_forecasts_count_half():
    actual, forecast = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 2.0, 2.0, 2.0])
    scores = poster_scores(actual, forecast, 2.5)
    assert scores["roc_auc"] == roc_auc_score(actual > 2.5, forecast) == 0.75


def test_within_is_a_share_of_the_revenue_itself():
    actual = np.log10([100e6, 100e6, 100e6, 200e6])
    forecast = np.log10([124e6, 76e6, 149e6, 302e6])
    scores = poster_scores(actual, forecast, 8.0)
    assert scores["within_25"] == 0.5
    assert scores["within_50"] == 0.75


def test_rows_of_a_matrix_are_scored_one_by_one():
    drawn = resampled(len(ACTUAL), seed=0)[:5]
    together = poster_scores(ACTUAL[drawn], FORECAST[drawn], MEDIAN)
    for place, rows in enumerate(drawn):
        for name, value in poster_scores(ACTUAL[rows], FORECAST[rows], MEDIAN).items():
            assert together[name][place] == pytest.approx(value), name


def test_a_constant_forecast_tells_nothing():
    scores = poster_scores(ACTUAL, np.full(len(ACTUAL), MEDIAN), MEDIAN)
    assert scores["roc_auc"] == 0.5
    assert scores["f1"] == scores["precision"] == scores["recall"] == 0.0


def test_intervals_hold_the_scores():
    result = with_intervals(ACTUAL, FORECAST, MEDIAN, seed=0)
    for name, ends in result["interval_95"].items():
        assert ends["lower"] <= result["scores"][name] <= ends["upper"], name
    again = with_intervals(ACTUAL, FORECAST, MEDIAN, seed=0)
    assert again == result


def test_a_median_may_differ_from_film_to_film():
    medians = np.where(np.arange(200) < 100, 7.0, 8.5)
    result = with_intervals(ACTUAL, FORECAST, medians, seed=0)
    expected = np.mean((medians < ACTUAL) == (medians < FORECAST))
    assert result["scores"]["accuracy"] == pytest.approx(expected)


def test_a_gain_is_shown_where_there_is_one_and_not_where_there_is_none():
    median = np.full(len(ACTUAL), ACTUAL.mean())
    worse = ACTUAL + RNG.normal(0, 1.5, 200)
    assert gain(ACTUAL, ACTUAL + 0.1, median, seed=0)["lower"] > 0
    assert gain(ACTUAL, worse, median, seed=0)["upper"] < 0
    assert gain(ACTUAL, median, median, seed=0) == {"value": 0.0, "lower": 0.0, "upper": 0.0}


def test_the_gain_is_the_difference_of_the_losses():
    found = gain(ACTUAL, FORECAST, np.full(200, 7.8), seed=0)
    expected = np.mean((ACTUAL - 7.8) ** 2) - np.mean((ACTUAL - FORECAST) ** 2)
    assert found["value"] == pytest.approx(expected)
    assert found["lower"] < found["value"] < found["upper"]
