"""Backtests: forecasts made at many cut-off dates, of the films that came afterwards.

This is what a producer gets: a model that learned from everything before a day, asked about films
some years ahead. A *frozen* model knows nothing later; an *updated* one has learned at the cut-off,
too, but its market and track records are kept up to date until each film's day of release.
"""

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, clone
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score, roc_auc_score

from boxoffice.films.comparables import median_of_comparables
from boxoffice.films.features import input_columns
from boxoffice.films.forecast_errors import FARTHEST, HORIZONS, ForecastErrors
from boxoffice.films.money import SUCCESS_MULTIPLE
from boxoffice.tabular.intervals import interval_scores
from boxoffice.tabular.pipelines import fit_films, with_history

HISTORIES = ("frozen", "updated")
BASELINES = ("log_budget", "comparables")
FEWEST_TRAINING = 50  # films
FEWEST_SCORED = 20  # forecasts that scores are worth
RECENT = 6  # years whose errors make an interval; with older ones it held fewer small films
WARM_UP = 5  # years of forecasts before the first scored one, whose errors make its interval
LARGE, LARGEST = 20_000_000, 150_000_000  # budgets, nominal USD


def backtest(
    films: pd.DataFrame, feature_set: str, model: BaseEstimator, first_year: int, every: int = 1
) -> pd.DataFrame:
    """Forecast films from yearly cut-offs, `WARM_UP` years before `first_year` to the last film.

    Parameters
    ----------
    films : DataFrame
        Usable films, with features and targets.
    model : estimator
        Unfitted; of log revenue.
    every : int
        Years from one cut-off to the next.

    Returns
    -------
    DataFrame, a row per forecast
        `cutoff` (year; films released before it are learned from), `horizon` (the film's year less
        that), `film` (its index in `films`), `actual`, and the forecasts `frozen`, `updated` and
        `log_budget`, a straight line in the log budget (natural logs, real USD).
    """
    years = range(first_year - WARM_UP, int(films["release_year"].max()) + 1, every)
    made = Parallel(n_jobs=-1)(
        delayed(_forecasts)(films, feature_set, model, year) for year in years
    )
    return pd.concat(made, ignore_index=True)


def _forecasts(
    films: pd.DataFrame, feature_set: str, model: BaseEstimator, year: int
) -> pd.DataFrame:
    known = films[films["release_year"] < year]
    asked = films[films["release_year"].between(year, year + FARTHEST)]
    if len(known) < FEWEST_TRAINING or asked.empty:
        return pd.DataFrame()
    X = asked[input_columns(feature_set, films)]
    pipeline = fit_films(feature_set, known, clone(model))
    line = LinearRegression().fit(known[["log_budget"]], known["log_revenue"])
    return pd.DataFrame(
        {
            "cutoff": year,
            "horizon": asked["release_year"] - year,
            "film": asked.index,
            "actual": asked["log_revenue"],
            "frozen": pipeline.predict(X),
            "updated": with_history(pipeline, films).predict(X),
            "log_budget": line.predict(asked[["log_budget"]]),
        }
    )


def with_comparables(forecasts: pd.DataFrame, films: pd.DataFrame) -> pd.DataFrame:
    """Add a baseline, `comparables`: the median of the five nearest films known at the cut-off."""
    parts = [
        rows.assign(
            comparables=median_of_comparables(
                films[films["release_year"] < cutoff], films.loc[rows["film"]]
            )
        )
        for cutoff, rows in forecasts.groupby("cutoff")
    ]
    return pd.concat(parts, ignore_index=True)


def baseline_scores(table: pd.DataFrame) -> dict[str, dict[str, dict[str, float]]]:
    """`r2` and `within_2` of the baselines in a table of `with_earlier_errors`, by years ahead."""
    found: dict[str, dict] = {}
    for name, years in HORIZONS.items():
        rows = table[table["horizon"].between(*years)]
        for baseline in BASELINES if len(rows) >= FEWEST_SCORED else ():
            error = rows[baseline] - rows["actual"]
            found.setdefault(baseline, {})[name] = {
                "r2": r2_score(rows["actual"], rows[baseline]),
                "within_2": _near(error).mean(),
            }
    return found


def forecast_errors(forecasts: pd.DataFrame, kind: str, nominal: float) -> ForecastErrors:
    """Errors of forecasts at most two years ahead, of the films of the last `RECENT` years."""
    released = forecasts["cutoff"] + forecasts["horizon"]
    recent = released > released.max() - RECENT
    near = forecasts[recent & (forecasts["horizon"] <= HORIZONS["h1_2"][1])]
    return ForecastErrors.of(near["actual"], near[kind], nominal)


def with_earlier_errors(
    forecasts: pd.DataFrame, films: pd.DataFrame, kind: str, first_year: int, nominal: float
) -> pd.DataFrame:
    """Forecasts of a kind from `first_year` on, with what earlier errors tell of each.

    At every cut-off, the errors are those of forecasts of films released before it.

    Returns
    -------
    DataFrame
        `cutoff`, `horizon`, `actual`, `predicted`, `lower`, `upper` and `expected` (natural logs,
        real USD), `chance` and `success` (of revenue > 1.5 x budget), `budget` (nominal USD).
    """
    budget = films["budget"].reindex(forecasts["film"]).to_numpy()
    threshold = films["log_budget"].reindex(forecasts["film"]).to_numpy() + np.log(SUCCESS_MULTIPLE)
    success = films["success"].reindex(forecasts["film"]).to_numpy(bool)
    table = forecasts.assign(
        predicted=forecasts[kind], budget=budget, threshold=threshold, success=success
    )
    released = table["cutoff"] + table["horizon"]
    parts = []
    for cutoff, rows in table[table["cutoff"] >= first_year].groupby("cutoff"):
        try:
            errors = forecast_errors(table[released < cutoff], kind, nominal)
        except ValueError:  # too few forecasts so far
            continue
        predicted = rows["predicted"].to_numpy()
        lower, upper = errors.interval(predicted)
        parts.append(
            rows.assign(
                lower=lower,
                upper=upper,
                expected=errors.expected(predicted),
                chance=errors.chance_above(predicted, rows["threshold"].to_numpy()),
            )
        )
    return pd.concat(parts, ignore_index=True) if parts else table.iloc[:0]


def horizon_scores(table: pd.DataFrame, nominal: float) -> dict[str, dict]:
    """Scores of `with_earlier_errors` by years ahead, where there are enough forecasts."""
    by_horizon = {name: table[table["horizon"].between(*years)] for name, years in HORIZONS.items()}
    return {
        name: forecast_scores(rows, nominal)
        for name, rows in by_horizon.items()
        if len(rows) >= FEWEST_SCORED
    }


def forecast_scores(rows: pd.DataFrame, nominal: float) -> dict:
    """Scores of forecasts in rows of `with_earlier_errors`.

    Those of `point_scores`, and of the interval; `within_2_large` is `within_2` for budgets from
    $20M on, `largest_ratio` the median of forecast over actual for budgets from $150M on.
    """
    error = rows["predicted"] - rows["actual"]
    large, largest = rows["budget"] >= LARGE, rows["budget"] >= LARGEST
    found = point_scores(rows["actual"], rows["predicted"], rows["expected"])
    found["interval"] = interval_scores(
        rows["actual"], rows["predicted"], rows["lower"], rows["upper"], nominal
    )
    if large.any():
        found["within_2_large"] = _near(error[large]).mean()
    if largest.any():
        found["largest_ratio"] = np.exp(error[largest].median())
    if rows["success"].nunique() == 2:
        found["roc_auc"] = roc_auc_score(rows["success"], rows["chance"])
    found["coverage"] = found["interval"]["coverage"]
    return found


def point_scores(y_true: pd.Series, y_pred: pd.Series, expected: pd.Series) -> dict[str, float]:
    """Scores of forecasts, without their intervals.

    Parameters
    ----------
    y_true, y_pred, expected : Series of length n
        Actual revenue, its forecast and the mean of films of such a forecast: natural logs of USD.

    Returns
    -------
    dict
        `n`, `r2`, `rmse`; `bias` and `median_error` of forecast less actual; `within_2`, the share
        of films that earn between half and twice the forecast; `total_ratio`, what was expected in
        all over what was earned in all.
    """
    error = y_pred - y_true
    return {
        "n": len(error),
        "r2": r2_score(y_true, y_pred),
        "rmse": np.sqrt((error**2).mean()),
        "bias": error.mean(),
        "median_error": error.median(),
        "within_2": _near(error).mean(),
        "total_ratio": np.exp(expected).sum() / np.exp(y_true).sum(),
    }


def _near(error: pd.Series) -> pd.Series:
    return error.abs() < np.log(2)
