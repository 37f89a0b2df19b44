"""Effects on a forecast: right where the right answer is known, and said in words."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boxoffice.drivers import (
    LEAST,
    MOST,
    Drivers,
    factor_words,
    largest,
    part_of,
    point_words,
    value_words,
)

FEATURES = ["log_budget", "budget_rank", "runtime", "genre_action", "genre_comedy", "cast_count"]
TYPICAL = np.array([17.0, 0.5, 110.0, 0.0, 0.0, 2.0])
SMALL = st.floats(-3, 3, width=32)


def shapley(predict, parts, takes, film, typical):
    """The definition: the mean gain of a part over every order in which parts become the film's."""
    effects = dict.fromkeys(parts, 0.0)
    orders = list(permutations(parts))
    for order in orders:
        row = typical.copy()
        before = predict(row[None])[0]
        for part in order:
            row[takes[part]] = film[takes[part]]
            after = predict(row[None])[0]
            effects[part] += (after - before) / len(orders)
            before = after
    return [effects[part] for part in parts]


def test_features_are_grouped_into_what_people_name():
    drivers = Drivers(FEATURES, TYPICAL)
    assert drivers.parts == ["budget", "runtime", "genres", "cast"]
    assert part_of("director_revenue_best") == "director"
    assert part_of("certificate_pg_13") == "certificate"
    assert part_of("season_cos") == part_of("weekday") == "release_date"
    assert part_of("budget_relative") == "budget"


@settings(max_examples=50, deadline=None)
@given(st.lists(SMALL, min_size=21, max_size=21), st.lists(SMALL, min_size=6, max_size=6))
def test_effects_are_shapley_values_where_parts_meet_two_by_two(weights, film):
    """A quadratic model: its effects are known from the definition, and they sum up."""
    square = np.zeros((6, 6))
    square[np.triu_indices(6)] = weights

    def predict(rows):
        return np.einsum("ni,ij,nj->n", rows, square, rows)

    typical = np.linspace(-1, 1, 6).astype(np.float32)
    film = np.array(film, dtype=np.float32)
    drivers = Drivers(FEATURES, typical)
    forecast, effects = drivers.ask(predict, film)
    takes = {
        part: [place for place, name in enumerate(FEATURES) if part_of(name) == part]
        for part in drivers.parts
    }
    right = shapley(predict, drivers.parts, takes, film.astype(float), typical.astype(float))
    np.testing.assert_allclose(effects, right, atol=1e-3)
    gap = predict(film[None])[0] - predict(typical[None])[0]
    assert effects.sum() == pytest.approx(gap, abs=1e-3)
    assert forecast == pytest.approx(predict(film[None])[0])


def test_what_is_typical_has_no_effect():
    drivers = Drivers(FEATURES, TYPICAL)
    _, effects = drivers.ask(lambda rows: rows.sum(axis=1), TYPICAL)
    assert effects.tolist() == [0.0] * len(drivers.parts)


def test_the_largest_come_first_and_trifles_are_left_out():
    parts = list("abcdefg")
    effects = np.array([0.1, -0.9, LEAST / 2, 0.4, -0.3, 0.2, 0.15])
    told = largest(parts, effects)
    assert [part for part, _ in told] == ["b", "d", "e", "f", "g"]
    assert len(told) == MOST
    assert told[0] == ("b", -0.9)


@pytest.mark.parametrize(
    ("effect", "words"),
    [(np.log(2.3), "revenue × 2.3"), (np.log(0.6), "revenue × 0.60"), (0.0, "revenue × 1.00")],
)
def test_effects_on_log_revenue_read_as_factors(effect, words):
    assert factor_words(effect) == words


@pytest.mark.parametrize(
    ("effect", "words"),
    [
        (0.123, "+12 percentage points"),
        (-0.05, "-5 percentage points"),
        (0.006, "+0.6 percentage points"),
    ],
)
def test_effects_on_a_probability_read_as_points(effect, words):
    assert point_words(effect) == words


@pytest.mark.parametrize(
    ("part", "value", "words"),
    [
        ("budget", 237e6, "$237,000,000"),
        ("runtime", 162.0, "162 minutes"),
        ("vote_avg", 7.2, "7.2 of 10"),
        ("release_year", 2009, "2009"),
        ("genres", [], "none"),
        ("cast", ["A", "B", "C", "D", "E"], "A, B, C and 2 more"),
        ("certificate", "PG-13", "PG-13"),
        ("runtime", None, "not stated"),
    ],
)
def test_values_read_as_people_write_them(part, value, words):
    assert value_words(part, value) == words
