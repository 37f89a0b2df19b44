"""Prediction intervals: they hold what they promise on exchangeable data."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from boxoffice.tabular.intervals import interval_scores, residual_quantiles

RESIDUALS = st.lists(st.floats(-50, 50), min_size=40, max_size=200)
NOMINAL = st.floats(0.05, 0.9)


@pytest.mark.parametrize("nominal", [0.5, 0.8, 0.9])
@pytest.mark.parametrize("seed", range(3))
def test_coverage_is_nominal_on_exchangeable_data(nominal, seed):
    """Mean over many calibration sets, so that the tolerance can be narrow; skewed on purpose."""
    rng = np.random.default_rng(seed)
    coverage = []
    for _ in range(300):
        residuals = -rng.exponential(size=240)  # far below more often than far above
        lower, upper = residual_quantiles(residuals[:40], nominal)
        coverage.append(interval_scores(residuals[40:], np.zeros(200), lower, upper)["coverage"])
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


def test_interval_scores_count_the_ends_as_inside():
    scores = interval_scores([1, 2, 3, 9], [2, 2, 2, 2], lower=-1.0, upper=1.0)
    assert (scores["coverage"], scores["width"]) == (0.75, 2.0)


def test_interval_scores_by_quarter_of_the_prediction():
    predicted = [40, 10, 30, 20, 41, 11, 31, 21]
    target = [40, 15, 30, 20, 41, 16, 31, 26]
    scores = interval_scores(target, predicted, lower=-1.0, upper=1.0)
    assert scores["coverage_by_quartile"] == {"q1": 0.0, "q2": 0.5, "q3": 1.0, "q4": 1.0}
