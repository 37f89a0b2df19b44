"""The eight classes: quantiles of training revenue, and of nothing else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxoffice.networks.revenue_classes import CLASSES, class_edges, revenue_class


def test_the_classes_are_in_order_of_revenue():
    names = "Disaster Flop Successful Average Hit Outstanding Superhit Blockbuster"
    assert " ".join(CLASSES) == names
    revenue = np.array([1.0, 1e5, 1e6, 1e7, 5e7, 1e8, 5e8, 2e9])
    assert revenue_class(revenue, class_edges(revenue)).tolist() == list(range(8))


@given(st.lists(st.integers(1, 10**9), min_size=16, max_size=200, unique=True))
def test_classes_divide_the_training_films_evenly(revenue):
    counts = np.bincount(revenue_class(revenue, class_edges(revenue)), minlength=8)
    assert counts.max() - counts.min() <= 2


def test_edges_are_eighths_of_what_they_are_made_of():
    edges = class_edges(np.arange(1, 10))
    assert edges.tolist() == [2, 3, 4, 5, 6, 7, 8]


def test_films_beyond_the_training_range_fall_into_the_outer_classes():
    edges = class_edges(np.arange(100, 1000))
    assert revenue_class([0, 1e12], edges).tolist() == [0, 7]


def test_a_film_on_an_edge_belongs_above():
    edges = class_edges(np.arange(1, 10))
    assert revenue_class([2.0], edges).tolist() == [1]


def test_too_few_revenues_are_refused():
    with pytest.raises(ValueError, match="doesn't divide into 8 classes"):
        class_edges([5.0] * 40)
