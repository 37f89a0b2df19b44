"""Errors of forecasts by their size: intervals, means and chances hold what they promise."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from boxoffice.films.forecast_errors import (
    BINS,
    FEWEST_FORECASTS,
    ForecastErrors,
    residual_quantiles,
)

RESIDUALS = st.lists(st.floats(-50, 50), min_size=40, max_size=200)
NOMINAL = st.floats(0.05, 0.9)


# One width for all


@pytest.mark.parametrize("nominal", [0.5, 0.8, 0.9])
@pytest.mark.parametrize("seed", range(3))
def test_coverage_is_nominal_on_exchangeable_data(nominal, seed):
    """Mean over many calibration sets, so that the tolerance can be narrow; skewed on purpose."""
    rng = np.random.default_rng(seed)
    coverage = []
    for _ in range(300):
        residuals = -rng.exponential(size=240)  # far below more often than far above
        lower, upper = residual_quantiles(residuals[:40], nominal)
        coverage.append(np.mean((residuals[40:] >= lower) & (residuals[40:] <= upper)))
    # 41 ranks in all: rounding up costs at most one rank in each tail.
    assert nominal - 0.01 <= np.mean(coverage) <= nominal + 2 / 41 + 0.01


def test_each_tail_misses_half():
    rng = np.random.default_rng(7)
    residuals = -rng.exponential(size=200_000)
    lower, upper = residual_quantiles(residuals[:100_000], 0.9)
    assert (residuals[100_000:] < lower).mean() == pytest.approx(0.05, abs=0.005)
    assert (residuals[100_000:] > upper).mean() == pytest.approx(0.05, abs=0.005)


def test_ranks_by_hand():
    # 19 residuals, nominal 0.9: rank ceil(20 * 0.95) = 19, the outermost ones.
    assert residual_quantiles(np.arange(19.0), 0.9) == (0, 18)
    # 39 residuals: rank ceil(40 * 0.95) = 38, one in from each end.
    assert residual_quantiles(np.arange(39.0), 0.9) == (1, 37)


@given(residuals=RESIDUALS, nominal=NOMINAL)
def test_flipping_the_sign_flips_the_interval(residuals, nominal):
    lower, upper = residual_quantiles(residuals, nominal)
    assert residual_quantiles(-np.array(residuals), nominal) == (-upper, -lower)


@given(residuals=RESIDUALS, nominal=NOMINAL, shift=st.floats(-10, 10))
def test_shifting_the_residuals_shifts_the_interval(residuals, nominal, shift):
    ends = residual_quantiles(residuals, nominal)
    moved = residual_quantiles(np.array(residuals) + shift, nominal)
    assert_allclose(moved, np.add(ends, shift), atol=1e-9)


@given(residuals=RESIDUALS, nominals=st.tuples(NOMINAL, NOMINAL).map(sorted))
def test_more_coverage_takes_a_wider_interval(residuals, nominals):
    (low, high), (wider_low, wider_high) = (residual_quantiles(residuals, n) for n in nominals)
    assert wider_low <= low <= high <= wider_high


@pytest.mark.parametrize("nominal", [0, 1, -0.1, 1.5, 90, float("nan")])
def test_nominal_out_of_range(nominal):
    with pytest.raises(ValueError, match="nominal must lie between 0 and 1"):
        residual_quantiles(np.zeros(100), nominal)


@pytest.mark.parametrize("n", [0, 1, 18])
def test_too_few_residuals(n):
    with pytest.raises(
        ValueError, match=f"{n} residuals are too few for a nominal coverage of 0.9"
    ):
        residual_quantiles(np.zeros(n), 0.9)


# By the size of the forecast


def simulated(n, seed):
    """Forecasts and outcomes in logs: the smaller the forecast, the more it is off."""
    rng = np.random.default_rng(seed)
    y_pred = rng.uniform(13, 20, n)
    return y_pred + rng.normal(scale=spread(y_pred)), y_pred


def spread(y_pred):
    return 2.0 - 0.2 * (y_pred - 13)  # 2 for the smallest, 0.6 for the largest


def inside_by_quarter(y_true, y_pred, lower, upper):
    inside = (y_true >= lower) & (y_true <= upper)
    return [rows.mean() for rows in np.array_split(inside[np.argsort(y_pred)], 4)]


def measured(n=20_000, seed=0, nominal=0.8):
    return ForecastErrors.of(*simulated(n, seed), nominal)


def test_intervals_hold_what_they_promise_in_every_quarter():
    y_true, y_pred = simulated(20_000, seed=1)
    ends = measured().interval(y_pred)
    assert inside_by_quarter(y_true, y_pred, *ends) == pytest.approx([0.8] * 4, abs=0.03)
    one_width = y_pred[:, None] + residual_quantiles(np.subtract(*simulated(20_000, 0)), 0.8)
    coverage = inside_by_quarter(y_true, y_pred, *one_width.T)
    assert coverage[0] < 0.65
    assert coverage[3] > 0.95


def test_nothing_jumps_where_a_bin_ends():
    y_pred = np.linspace(10, 23, 100_001)
    errors = measured()
    for end in (*errors.interval(y_pred), errors.expected(y_pred)):
        assert np.abs(np.diff(end)).max() < 0.001
    assert np.abs(np.diff(errors.chance_above(y_pred, np.full(len(y_pred), 16.0)))).max() < 0.001


def test_beyond_the_outermost_bins_their_errors_hold():
    errors = measured()
    y_pred = np.array([-50.0, 90.0])
    lower, upper = errors.interval(y_pred)
    assert_allclose(lower - y_pred, errors.lower[[0, -1]])
    assert_allclose(upper - y_pred, errors.upper[[0, -1]])


def test_expected_earnings_add_up_to_what_was_earned():
    y_true, y_pred = simulated(40_000, seed=2)
    expected = measured(40_000, seed=3).expected(y_pred)
    for rows in np.array_split(np.argsort(y_pred), 2):
        earned, forecast = (np.exp(values[rows]).sum() for values in (y_true, expected))
        assert forecast / earned == pytest.approx(1, abs=0.1)


def test_at_the_middle_of_a_bin_the_mean_is_what_its_films_earned():
    """Constant forecasts, so each bin's total is known."""
    middles = 10.0 + 2 * np.arange(BINS)
    y_pred = np.repeat(middles, 50)
    factors = np.tile([0.5, 1.0, 1.5, 3.0, 4.0], 10 * BINS)  # 2 on average
    errors = ForecastErrors.of(y_pred + np.log(factors), y_pred, 0.8)
    assert_allclose(errors.centers, middles)
    assert_allclose(np.exp(errors.expected(middles) - middles), 2.0)


def test_no_end_falls_where_the_forecast_rises():
    """Of forecasts whose errors are large up to 12 and small beyond."""
    y_pred = np.linspace(10, 14, 400)
    wide = np.where(y_pred < 12, 4.0, 0.1)
    errors = ForecastErrors.of(y_pred + wide * np.tile([-1, -0.5, 0.5, 1], 100), y_pred, 0.8)
    asked = np.linspace(9, 15, 200)
    for end in (*errors.interval(asked), errors.expected(asked)):
        assert (np.diff(end) > -1e-9).all()


def test_a_forecast_that_is_off_both_ways_is_expected_to_earn_more():
    errors = measured()
    y_pred = np.linspace(13, 20, 50)
    assert (errors.expected(y_pred) > y_pred).all()


@pytest.mark.parametrize("forecast", [14.0, 16.0, 18.5])
@pytest.mark.parametrize("ahead", [-1.0, -0.3, 0.0, 0.5, 1.5])
def test_chances_are_those_of_simulated_films(forecast, ahead):
    errors = measured(40_000)
    rng = np.random.default_rng(4)
    outcome = forecast + rng.normal(scale=spread(forecast), size=100_000)
    chance = errors.chance_above(np.array([forecast]), np.array([forecast + ahead])).item()
    assert chance == pytest.approx((outcome > forecast + ahead).mean(), abs=0.05)


@given(forecast=st.floats(5, 30), thresholds=st.lists(st.floats(0, 40), min_size=2, max_size=20))
def test_a_higher_threshold_is_never_likelier(forecast, thresholds):
    thresholds = np.sort(thresholds)
    chances = measured(400).chance_above(np.full(len(thresholds), forecast), thresholds)
    assert (np.diff(chances) <= 1e-12).all()
    assert ((chances >= 0) & (chances <= 1)).all()


def test_a_chance_does_not_depend_on_the_other_films_asked_about():
    errors = measured()
    y_pred, threshold = np.linspace(11, 22, 30), np.linspace(22, 11, 30)
    together = errors.chance_above(y_pred, threshold)
    alone = [
        errors.chance_above(y_pred[[row]], threshold[[row]]).item() for row in range(len(y_pred))
    ]
    assert together.tolist() == alone


@pytest.mark.parametrize("tail", [0.1, 0.9])
def test_chances_agree_with_the_ends_of_the_interval(tail):
    """At the lower end nine in ten earn more, at the upper end one in ten."""
    errors = measured(40_000)
    y_pred = errors.centers
    lower, upper = errors.interval(y_pred)
    end = lower if tail == 0.9 else upper
    assert_allclose(errors.chance_above(y_pred, end), tail, atol=0.01)


# How many bins


@pytest.mark.parametrize(
    ("n", "bins"),
    [
        (FEWEST_FORECASTS - 1, 1),
        (2 * FEWEST_FORECASTS - 1, 1),
        (2 * FEWEST_FORECASTS, 2),
        (BINS * FEWEST_FORECASTS, BINS),
        (5000, BINS),
    ],
)
def test_every_bin_has_enough_forecasts(n, bins):
    errors = measured(n)
    assert len(errors.centers) == bins
    assert (np.diff(errors.centers) > 0).all()


def test_one_bin_has_one_width():
    y_true, y_pred = simulated(FEWEST_FORECASTS, seed=5)
    errors = ForecastErrors.of(y_true, y_pred, 0.8)
    offsets = residual_quantiles(y_true - y_pred, 0.8)
    asked = np.array([5.0, 16.0, 30.0])
    for end, offset in zip(errors.interval(asked), offsets, strict=True):
        assert_allclose(end - asked, offset)
    total = np.log(np.exp(y_true).sum() / np.exp(y_pred).sum())
    assert_allclose(errors.expected(asked) - asked, total)
    assert_allclose(errors.chance_above(asked, asked + np.median(y_true - y_pred)), 0.5, atol=0.02)


@pytest.mark.parametrize("n", [0, 1, 18])
def test_too_few_forecasts(n):
    with pytest.raises(ValueError, match=r"too few for a nominal coverage of 0\.9"):
        measured(n, nominal=0.9)


# On a card


def test_a_card_gives_the_same_answers():
    errors = measured()
    read = ForecastErrors.from_card(json.loads(json.dumps(errors.card())))
    y_pred, threshold = np.linspace(11, 22, 40), np.full(40, 16.0)
    assert read.nominal == errors.nominal
    for name, arguments in {
        "interval": (y_pred,),
        "expected": (y_pred,),
        "chance_above": (y_pred, threshold),
    }.items():
        answers = [getattr(each, name)(*arguments) for each in (read, errors)]
        np.testing.assert_array_equal(*answers)


@pytest.mark.parametrize("name", ["nominal", "centers", "lower", "upper", "mean", "quantiles"])
def test_a_card_that_lacks_something(name):
    card = measured().card()
    del card[name]
    with pytest.raises(KeyError, match=name):
        ForecastErrors.from_card(card)


@pytest.mark.parametrize(
    "change",
    [
        {"nominal": 0},
        {"nominal": 90},
        {"nominal": "most"},
        {"nominal": None},
        {"centers": []},
        {"centers": 16.0},
        {"lower": [-1.0]},
        {"lower": ["low"] * 4},
        {"upper": [-9.0] * 4},
        {"upper": [None] * 4},
        {"mean": [0.1] * 5},
        {"quantiles": [[0.0, 1.0]] * 4},
        {"quantiles": [0.0] * 4},
        {"mean": [None] * 4},
        {"centers": [14.0, 15.0, None, 17.0]},
        {"centers": [17.0, 16.0, 15.0, 14.0]},
        {"quantiles": [np.linspace(1, -1, 100).tolist()] * 4},
        {"lower": [-np.inf] * 4},
    ],
    ids=str,
)
def test_a_card_that_makes_no_sense(change):
    with pytest.raises((TypeError, ValueError)):
        ForecastErrors.from_card(measured().card() | change)


def test_a_card_without_bins():
    card = measured().card()
    empty = {name: [] for name in card if name != "nominal"}
    with pytest.raises(ValueError, match="bins differ"):
        ForecastErrors.from_card(card | empty)
