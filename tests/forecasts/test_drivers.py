"""Effects on a forecast: right where the right answer is known, and said in words."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boxoffice.forecasts.drivers import (
    _MOST,
    LEAST,
    Drivers,
    factor_words,
    part_of,
    point_words,
    value_words,
)

FEATURES = ["log_budget", "budget_rank", "runtime", "genre_action", "genre_comedy", "cast_count"]
TYPICAL = np.array([17.0, 0.5, 110.0, 0.0, 0.0, 2.0])
SMALL = st.floats(-3, 3, width=32)


def test_features_are_grouped_into_what_people_name():
    drivers = Drivers(FEATURES, TYPICAL)
    assert drivers.parts == ["budget", "runtime", "genres", "cast"]
    assert part_of("director_revenue_best") == "director"
    assert part_of("certificate_rank") == "certificate"
    assert part_of("season_cos") == part_of("weekday") == "release_date"
    assert part_of("budget_relative") == "budget"


@settings(max_examples=50, deadline=None)
@given(st.lists(SMALL, min_size=6, max_size=6), st.lists(SMALL, min_size=6, max_size=6))
def test_an_effect_is_what_the_forecast_loses_when_the_part_becomes_typical(weights, film):
    """By asking again, for a model in which features act together."""

    def predict(rows):
        return rows @ np.array(weights) + 0.1 * rows.prod(axis=1)

    film = np.array(film, dtype=np.float32)
    drivers = Drivers(FEATURES, TYPICAL)
    ((forecast, effects),) = drivers.ask(predict, film[None])
    assert forecast == pytest.approx(predict(film[None].astype(float))[0], abs=1e-3)
    for part, effect in effects:
        other = film.copy()
        places = [place for place, name in enumerate(FEATURES) if part_of(name) == part]
        other[places] = TYPICAL[places]
        assert effect == pytest.approx(forecast - predict(other[None].astype(float))[0], abs=1e-3)


def test_what_is_typical_has_no_effect():
    drivers = Drivers(FEATURES, TYPICAL)
    ((_, effects),) = drivers.ask(lambda rows: rows.sum(axis=1), TYPICAL[None])
    assert effects == []


def test_films_are_answered_together_as_alone():
    films = np.random.default_rng(0).normal(size=(5, 6))
    drivers = Drivers(FEATURES, TYPICAL)

    def predict(rows):
        return rows.sum(axis=1)

    together = drivers.ask(predict, films)
    assert together == [answer for film in films for answer in drivers.ask(predict, film[None])]


def test_the_largest_come_first_and_trifles_are_left_out():
    features = list("abcdefg")
    weights = np.array([0.1, -0.9, LEAST / 2, 0.4, -0.3, 0.2, 0.15])
    drivers = Drivers(features, np.zeros(7))
    ((forecast, effects),) = drivers.ask(lambda rows: rows @ weights, np.ones((1, 7)))
    assert forecast == pytest.approx(weights.sum())
    assert [part for part, _ in effects] == ["b", "d", "e", "f", "g"]
    assert len(effects) == _MOST
    assert effects[0][1] == pytest.approx(-0.9)


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
