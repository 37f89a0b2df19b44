"""Shared figures show the numbers that they are given."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from boxoffice.tabular import plots


@pytest.fixture(autouse=True)
def close_figures():
    plt.switch_backend("Agg")
    yield
    plt.close("all")


def test_score_bars_leave_out_the_constant_and_the_repeated_model():
    rows = [
        {"split": split, "feature_set": "full", "model": model, "r2": r2}
        for split in ("random", "temporal")
        for model, r2 in {"baseline": -0.1, "linear": 0.4, "selected": 0.4}.items()
    ]
    figure = plots.score_bars(pd.DataFrame(rows), "r2", "R²", "Scores")
    assert [axis.get_title() for axis in figure.axes] == ["random split", "temporal split"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["linear"]
    for axis in figure.axes:
        assert [bar.get_width() for bar in axis.patches if bar.get_width()] == [0.4]


def test_predicted_against_actual():
    points = pd.DataFrame({"actual": [6.0, 7.0], "predicted": [6.5, 8.0]})
    (axis,) = plots.predicted_actual(points, "Forecasts").axes
    assert (axis.collections[0].get_offsets() == points.to_numpy()).all()
    assert list(axis.lines[0].get_xdata()) == list(axis.lines[0].get_ydata()) == [6, 8]


def test_forecast_intervals_show_the_coverage_of_each_quarter():
    y_pred = np.log([1e7, 1e6, 1e8, 1e5])
    quarters = {"q1": 0.5, "q2": 0.7, "q3": 0.9, "q4": 1.0}
    scores = {"nominal": 0.8, "coverage_by_quartile": quarters}
    ends = y_pred - [1, 2, 3, 4], y_pred + 1
    forecasts, coverage = plots.forecast_intervals(y_pred + 0.1, y_pred, ends, scores).axes
    low = forecasts.collections[0].get_paths()[0].vertices[:, 1].min()
    assert low == pytest.approx(5 - 4 / np.log(10))  # the end of the lowest forecast
    assert forecasts.lines[0].get_ydata() == pytest.approx([5, 6, 7, 8])
    assert [bar.get_height() for bar in coverage.patches] == list(quarters.values())


def test_importances_show_the_highest_of_either_kind():
    table = pd.DataFrame(
        {"forest": [0.1, 0.9], "permutation": [0.3, 0.2], "permutation_std": [0.1, 0.1]},
        index=["budget", "runtime"],
    )
    permutation, impurity = plots.importances(table, top=1).axes
    assert [label.get_text() for label in permutation.get_yticklabels()] == ["budget"]
    assert [label.get_text() for label in impurity.get_yticklabels()] == ["runtime"]


def backtested(errors):
    """Forecasts by `errors[budget][horizon]`, as `with_earlier_errors` gives them."""
    rows = [
        {"budget": budget, "horizon": horizon, "actual": 17.0, "predicted": 17.0 + error}
        for budget, by_horizon in errors.items()
        for horizon, error in by_horizon.items()
    ]
    return pd.DataFrame(rows)


def test_a_backtest_has_a_line_per_size_of_budget_and_kind():
    frozen = backtested({1e6: {0: np.log(2), 1: np.log(3)}, 1e8: {0: -np.log(2), 1: 0.0}})
    updated = backtested({1e6: {0: 0.0, 1: np.log(2)}, 1e8: {0: 0.0, 1: 0.0}})
    bias, off = plots.backtest_errors(frozen, updated).axes
    drawn = [line for line in bias.lines if len(line.get_xdata()) == 2]
    values = {(line.get_linestyle(), tuple(np.round(line.get_ydata(), 6))) for line in drawn}
    assert {("-", (2, 3)), ("-", (0.5, 1)), ("--", (1, 2)), ("--", (1, 1))} <= values
    off_by = {tuple(np.round(line.get_ydata(), 6)) for line in off.lines[:2]}
    assert off_by == {(2, 3), (2, 1)}


def test_feature_selection_names_the_largest_weights():
    path = pd.DataFrame(
        {"budget": [3.0, 1.0], "season": [-2.0, 0.0], "runtime": [0.1, 0.0]}, index=[0.01, 1.0]
    )
    scores = pd.Series([0.3, 0.5, 0.4], index=[1, 2, 3])
    lasso, elimination = plots.feature_selection(path, 0.1, scores, top=2).axes
    assert [text.get_text() for text in lasso.get_legend().get_texts()] == ["budget", "season"]
    assert elimination.lines[0].get_ydata().tolist() == [0.3, 0.5, 0.4]


def test_decisions_are_counted_at_one_half():
    y_true = np.array([True, True, False, False, True, False, True, False])
    probability = np.array([0.9, 0.4, 0.6, 0.1, 0.7, 0.2, 0.8, 0.3])
    figure = plots.decisions(y_true, {"full": probability, "classic": 1 - probability}, "full")
    confusion, ranking, calibration = figure.axes
    assert [text.get_text() for text in confusion.texts] == ["3", "1", "1", "3"]
    assert len(ranking.lines) == 3  # two feature sets and chance
    assert calibration.get_title() == "Calibration"
