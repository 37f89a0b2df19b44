"""Scores of logged forecasts, once their films are out.

They are those of the backtest, by its own functions, with the Brier score beside them.
"""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import brier_score_loss

from boxoffice.films.money import SUCCESS_MULTIPLE, log_prices
from boxoffice.live.store import Store
from boxoffice.tabular.backtest import FEWEST_SCORED, LARGE, LARGEST, forecast_scores

DAYS = (30, 90, 180)  # after release
SIZES = {  # by budget, nominal USD
    "small": (0, LARGE),
    "large": (LARGE, LARGEST),
    "largest": (LARGEST, np.inf),
}
LEADS = {"weeks_0_2": (0, 14), "weeks_2_5": (14, 35), "weeks_5_on": (35, np.inf)}  # days
GROUPS = {
    "all": "all films",
    "small": "budget below $20M",
    "large": "budget $20M to $150M",
    "largest": "budget from $150M on",
    "weeks_0_2": "forecast at most 2 weeks ahead",
    "weeks_2_5": "2 to 5 weeks ahead",
    "weeks_5_on": "more than 5 weeks ahead",
}


def outcomes(log: pd.DataFrame, store: Store, today: pd.Timestamp) -> pd.DataFrame:
    """What came of forecasts: a row per line of the log and day of `DAYS` after release.

    The film's release is the one that the store knows today; lines of that day or later are no
    forecasts and are left out, and so are days that are still to come, and films whose revenue the
    store did not know on that day.

    Parameters
    ----------
    log : DataFrame
        As `read_log` returns it.

    Returns
    -------
    DataFrame
        The columns of the log and `days`, `read_on` (the day of the revenue), `revenue` (nominal
        USD), `lead` (days from forecast to release), and what `forecast_scores` takes: `actual`,
        `predicted`, `expected`, `lower`, `upper` (natural logs, real USD), `success`, `chance`.
    """
    made = _with_latest_release(log, store, today)
    made = made[made["as_of"] < made["release_date"]]
    made = made.assign(lead=(made["release_date"] - made["as_of"]).dt.days)
    due = pd.concat(
        [
            made.assign(days=days, due=made["release_date"] + pd.Timedelta(days=days))
            for days in DAYS
        ],
        ignore_index=True,
    )
    due = due[due["due"] <= today].reset_index(drop=True)
    read = store.as_of_join(due[["film_id", "due"]], "revenues", on="film_id", at="due")
    found = due.assign(revenue=read.get("revenue", np.nan), read_on=read["as_of"])
    found = found[found["revenue"] > 0].reset_index(drop=True)
    prices = log_prices(found["release_date"].to_numpy())

    def real(amounts: pd.Series) -> pd.Series:
        return np.log1p(amounts) - prices

    return found.assign(
        actual=real(found["revenue"]),
        predicted=real(found["predicted_revenue"]),
        expected=real(found["expected_revenue"]),
        lower=real(found["revenue_lower"]),
        upper=real(found["revenue_upper"]),
        success=found["revenue"] > SUCCESS_MULTIPLE * found["budget"],
        chance=found["probability_success"],
    )


def _with_latest_release(log: pd.DataFrame, store: Store, today: pd.Timestamp) -> pd.DataFrame:
    films = store.latest("films", today.date()).set_index("id")
    if films.empty:
        return log
    latest = pd.to_datetime(log["film_id"].map(films["release_date"]))
    return log.assign(release_date=latest.fillna(log["release_date"]))


def last_forecasts(found: pd.DataFrame) -> pd.DataFrame:
    """Of rows of `outcomes`, those of each film's last forecast before release, by version."""
    ordered = found.sort_values("as_of", kind="stable")
    return ordered.drop_duplicates(["film_id", "version", "days"], keep="last").sort_index()


def log_scores(found: pd.DataFrame, nominal: float) -> dict[str, Any]:
    """Scores of rows of `outcomes`, by version and days after release.

    Each film counts once, with its last forecast; by lead time, with all of them. Groups of fewer
    than `FEWEST_SCORED` say how many they are.

    Returns
    -------
    dict
        `<version>.d<days>.{all,<size>,<lead>}`: the scores of `forecast_scores`, and `brier`.
    """
    scores: dict[str, Any] = {}
    for (version, days), rows in found.groupby(["version", "days"], sort=False):
        last = last_forecasts(rows)
        groups = {"all": last}
        for name, (low, high) in SIZES.items():
            groups[name] = last[(last["budget"] >= low) & (last["budget"] < high)]
        for name, (low, high) in LEADS.items():
            groups[name] = rows[(rows["lead"] > low) & (rows["lead"] <= high)]
        scores.setdefault(version, {})[f"d{days}"] = {
            name: _scores(group, nominal) for name, group in groups.items()
        }
    return scores


def _scores(rows: pd.DataFrame, nominal: float) -> dict[str, Any]:
    if len(rows) < FEWEST_SCORED:
        return {"n": len(rows)}
    brier = brier_score_loss(rows["success"], rows["chance"])
    return forecast_scores(rows, nominal) | {"brier": brier}
