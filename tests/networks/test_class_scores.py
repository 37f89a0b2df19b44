"""Scores of classes, against scikit-learn's and counted by hand."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from boxoffice.networks.multimodal_model import accuracy_interval, class_scores, mcnemar

RNG = np.random.default_rng(0)
ACTUAL = RNG.integers(0, 8, 300)
FORECAST = np.clip(ACTUAL + RNG.integers(-2, 3, 300), 0, 7)


def test_one_away_counts_the_neighbours():
    scores = class_scores([0, 1, 2, 7], [0, 2, 4, 6])
    assert scores["accuracy"] == 0.25
    assert scores["one_away_accuracy"] == 0.75


def test_averages_are_scikit_learns():
    scores = class_scores(ACTUAL, FORECAST)
    assert scores["f1_weighted"] == pytest.approx(f1_score(ACTUAL, FORECAST, average="weighted"))
    assert scores["f1_macro"] == pytest.approx(f1_score(ACTUAL, FORECAST, average="macro"))
    assert scores["recall_weighted"] == pytest.approx(scores["accuracy"])


def test_a_class_that_no_film_has_counts_as_zero_in_the_plain_mean():
    assert class_scores([0, 0], [0, 0])["f1_macro"] == pytest.approx(1 / 8)


def test_mcnemar_looks_at_films_that_one_alone_got_right():
    actual = np.zeros(20, dtype=int)
    first = np.r_[np.zeros(12), np.ones(8)].astype(int)
    second = np.r_[np.ones(2), np.zeros(10), np.ones(8)].astype(int)
    assert mcnemar(actual, first, second) == pytest.approx(0.5)  # 2 against 0
    assert mcnemar(actual, first, first) == 1.0
    far_worse = np.ones(20, dtype=int)
    assert mcnemar(actual, first, far_worse) == pytest.approx(2 / 2**12)


def test_the_interval_holds_the_accuracy_and_narrows_with_more_films():
    accuracy = class_scores(ACTUAL, FORECAST)["accuracy"]
    few = accuracy_interval(ACTUAL[:30], FORECAST[:30], seed=0)
    many = accuracy_interval(ACTUAL, FORECAST, seed=0)
    assert many["lower"] < accuracy < many["upper"]
    assert many["upper"] - many["lower"] < few["upper"] - few["lower"]
    assert accuracy_interval(ACTUAL, FORECAST, seed=0) == many


def test_the_interval_of_one_away_lies_above():
    one_away = accuracy_interval(ACTUAL, FORECAST, seed=0, tolerance=1)
    assert one_away["lower"] > accuracy_interval(ACTUAL, FORECAST, seed=0)["upper"]
