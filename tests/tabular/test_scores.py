"""Scores against numbers worked out by hand."""

import numpy as np
import pytest

from boxoffice.tabular.scores import r2_interval, revenue_scores, success_scores


def test_revenue_scores():
    scores = revenue_scores(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 5.0]))
    assert scores["r2"] == pytest.approx(1 - 4 / 2)
    assert scores["rmse"] == pytest.approx((4 / 3) ** 0.5)
    assert scores["mae"] == pytest.approx(2 / 3)


def test_revenue_scores_in_dollars():
    usd, predicted = np.array([1e6, 2e6, 6e6]), np.array([2e6, 2e6, 5e6])
    scores = revenue_scores(np.log1p(usd), np.log1p(predicted))
    assert scores["usd_mae"] == pytest.approx(2e6 / 3)
    assert scores["usd_r2"] == pytest.approx(1 - 2 / 14)


def test_a_right_forecast():
    log_revenue = np.array([10.0, 15.0, 20.0])
    scores = revenue_scores(log_revenue, log_revenue)
    assert (scores["r2"], scores["usd_r2"]) == (1, 1)
    assert (scores["rmse"], scores["mae"], scores["usd_mae"]) == (0, 0, 0)


def test_r2_interval_holds_r2_and_narrows_with_more_films():
    rng = np.random.default_rng(0)
    target = rng.normal(size=400)
    predicted = target + rng.normal(size=400)
    few, many = (r2_interval(target[:n], predicted[:n], seed=0) for n in (50, 400))
    assert many["lower"] < revenue_scores(target, predicted)["r2"] < many["upper"]
    assert many["upper"] - many["lower"] < few["upper"] - few["lower"]
    assert many == r2_interval(target, predicted, seed=0)


def test_success_scores():
    success = np.array([True, True, True, False, False])
    probability = np.array([0.9, 0.6, 0.4, 0.5, 0.1])
    assert success_scores(success, probability) == pytest.approx(
        {
            "roc_auc": 5 / 6,  # of six pairs, 0.4 against 0.5 is in the wrong order
            "f1": 2 / 3,  # 2 right of 3 said and of 3 true
            "brier": (0.01 + 0.16 + 0.36 + 0.25 + 0.01) / 5,
            "accuracy": 3 / 5,
            "recall_0": 1 / 2,
            "recall_1": 2 / 3,
        }
    )


def test_the_threshold_moves_recall_and_not_the_ranking():
    success = np.array([1, 1, 0, 0])
    probability = np.array([0.9, 0.4, 0.6, 0.1])
    low, high = (success_scores(success, probability, threshold) for threshold in (0.3, 0.7))
    assert (low["recall_1"], low["recall_0"]) == (1, 0.5)
    assert (high["recall_1"], high["recall_0"]) == (0.5, 1)
    assert (low["roc_auc"], low["brier"]) == (high["roc_auc"], high["brier"])


def test_always_saying_yes_is_found_out():
    scores = success_scores(np.array([True] * 6 + [False] * 4), np.full(10, 0.6))
    assert scores["f1"] == pytest.approx(0.75)
    assert scores["recall_0"] == 0
    assert scores["recall_1"] == 1
    assert scores["roc_auc"] == 0.5


def test_always_saying_no_scores_zero_without_a_warning(recwarn):
    scores = success_scores(np.array([True, False]), np.zeros(2))
    assert (scores["f1"], scores["recall_1"], scores["recall_0"]) == (0, 0, 1)
    assert not recwarn.list
