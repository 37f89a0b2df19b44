"""Figures of scores and forecasts, shared by notebooks."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from sklearn.calibration import CalibrationDisplay
from sklearn.metrics import ConfusionMatrixDisplay, RocCurveDisplay


def score_bars(results: pd.DataFrame, score: str, label: str, title: str) -> Figure:
    """Bars of a score by model and feature set, one panel per split.

    `results` is a table of `HeldOut.table`; the constant baseline and the repeated selected model
    are left out.
    """
    shown = results[~results["model"].isin(["baseline", "selected"])]
    grid = sns.catplot(
        shown, kind="bar", x=score, y="model", hue="feature_set", col="split", height=4, aspect=1.2
    )
    grid.set_axis_labels(label, "").set_titles("{col_name} split")
    grid.set(xlim=(min(0.0, shown[score].min()), None))
    grid.figure.suptitle(title, y=1.03)
    return grid.figure


def predicted_actual(points: pd.DataFrame, title: str) -> Figure:
    """Scatter forecasts against outcomes: columns `actual` and `predicted`, log10 USD."""
    figure, axis = plt.subplots(figsize=(5.6, 5.2))
    axis.scatter(points["actual"], points["predicted"], s=12, alpha=0.6)
    ends = [points.min().min(), points.max().max()]
    axis.plot(ends, ends, color="k", linewidth=1)
    axis.set(title=title, xlabel="actual, log10 USD", ylabel="predicted, log10 USD")
    return figure


def importances(table: pd.DataFrame, top: int = 15) -> Figure:
    """Draw a table of `Evaluation.importance`: permutation on the left, impurity on the right."""
    figure, axes = plt.subplots(1, 2, figsize=(12, 5), layout="constrained")
    permutation = table.head(top)[::-1]
    axes[0].barh(permutation.index, permutation["permutation"], xerr=permutation["permutation_std"])
    axes[0].set(title="Permutation importance", xlabel="fall of the score on the latest films")
    impurity = table.drop(columns=["permutation", "permutation_std"])
    largest = impurity.mean(axis=1).nlargest(top).index[::-1]
    impurity.loc[largest].plot.barh(ax=axes[1])
    axes[1].set(title="Impurity importance", xlabel="share of the gain in training", ylabel="")
    return figure


def forecast_intervals(
    y_true: np.ndarray, y_pred: np.ndarray, ends: tuple[np.ndarray, np.ndarray], scores: dict
) -> Figure:
    """Draw forecasts in ascending order with their interval, and coverage by quarter.

    `y_true`, `y_pred` and the `ends`, each of shape (n,), are natural logs of USD; `scores` are
    those of `interval_scores`.
    """
    order, nominal = np.argsort(y_pred), scores["nominal"]
    lower, middle, upper = (each[order] / np.log(10) for each in (ends[0], y_pred, ends[1]))
    rank = np.arange(len(order))
    figure, axes = plt.subplots(1, 2, figsize=(12, 4), width_ratios=(3, 1), layout="constrained")
    axes[0].fill_between(rank, lower, upper, alpha=0.25, label=f"{nominal:.0%} interval")
    axes[0].plot(rank, middle, label="forecast")
    axes[0].scatter(rank, y_true[order] / np.log(10), s=6, color="k", label="actual")
    axes[0].set(
        title="Forecasts and outcomes", xlabel="films, ordered by forecast", ylabel="log10 USD"
    )
    axes[0].legend(loc="lower right")
    axes[1].bar(["lowest", "2nd", "3rd", "highest"], scores["coverage_by_quartile"].values())
    axes[1].axhline(nominal, color="k", linestyle="--", label="nominal")
    axes[1].set(title="Coverage by quarter", xlabel="quarter of forecasts", ylabel="share inside")
    return figure


def backtest(frozen: pd.DataFrame, updated: pd.DataFrame) -> Figure:
    """Draw bias and error by years ahead, one line per size of budget.

    Both are tables of `backtest.with_intervals`; the dashed lines are those of the updated models.
    """
    figure, axes = plt.subplots(1, 2, figsize=(12, 4), layout="constrained")
    sizes = [0, 5e6, 20e6, 80e6, np.inf]
    labels = ["below $5M", "$5M-20M", "$20M-80M", "$80M and more"]
    for table, line in ((frozen, "-"), (updated, "--")):
        error = table["predicted"] - table["actual"]
        size = pd.cut(table["budget"], sizes, right=False, labels=labels)
        grouped = error.groupby([size, table["horizon"]], observed=True)
        for axis, values in zip(
            axes, (grouped.median(), grouped.apply(lambda e: e.abs().median())), strict=True
        ):
            axis.set_prop_cycle(None)
            for label in values.index.unique(level=0):
                axis.plot(
                    np.exp(values[label]), line, label=label if line == "-" else "_", marker="."
                )
    for axis, title in zip(
        axes, ("Median of forecast / actual", "Typical factor off"), strict=True
    ):
        axis.axhline(1, color="k", linewidth=1)
        axis.set(title=title, xlabel="years ahead", yscale="log")
        axis.yaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_minor_formatter("{x:g}")
    figure.legend(
        *axes[0].get_legend_handles_labels(),
        title="budget (dashed:\nhistory up to date)",
        loc="outside right",
    )
    return figure


def feature_selection(path: pd.DataFrame, penalty: float, scores: pd.Series, top: int) -> Figure:
    """Draw the LASSO path, its largest weights named, and scores by number of features kept."""
    figure, axes = plt.subplots(1, 2, figsize=(12, 4.2), layout="constrained")
    largest = path.iloc[0].abs().nlargest(top).index
    axes[0].plot(path.index, path.drop(columns=largest), color="0.8", linewidth=1)
    axes[0].plot(path.index, path[largest], label=largest)
    axes[0].axvline(penalty, color="k", linestyle="--")
    axes[0].legend(fontsize="small", loc="upper right")
    axes[0].set(
        title="LASSO path (dashed: chosen)", xscale="log", xlabel="penalty", ylabel="weight"
    )
    axes[1].plot(scores.index, scores, marker=".")
    axes[1].set(title="Recursive elimination", xlabel="features kept")
    axes[1].set(ylabel="R², rolling origins")
    return figure


def decisions(y_true: np.ndarray, probabilities: dict[str, np.ndarray], shown: str) -> Figure:
    """Draw what a probability of success decides at 0.5, how it ranks, and how it is calibrated.

    Each feature set's probabilities, of shape (n,), get a ROC curve; the other two panels are those
    of the feature set `shown`.
    """
    figure, axes = plt.subplots(1, 3, figsize=(14, 4.2), layout="constrained")
    ConfusionMatrixDisplay.from_predictions(
        y_true,
        probabilities[shown] >= 0.5,
        display_labels=["no success", "success"],
        colorbar=False,
        ax=axes[0],
    )
    axes[0].grid(False)
    for name, probability in probabilities.items():
        RocCurveDisplay.from_predictions(y_true, probability, name=name, ax=axes[1])
    axes[1].plot([0, 1], [0, 1], color="k", linestyle="--")
    CalibrationDisplay.from_predictions(
        y_true, probabilities[shown], n_bins=8, strategy="quantile", name=shown, ax=axes[2]
    )
    for axis, title in zip(axes, ("Decisions at 0.5", "Ranking", "Calibration"), strict=True):
        axis.set_title(title)
    return figure
