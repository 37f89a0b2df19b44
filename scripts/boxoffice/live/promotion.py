"""Whether a version forecasts worse than another, by what both backtests said of the same films."""

import pandas as pd

from boxoffice.core.files import SourceError
from boxoffice.films.forecast_errors import HORIZONS
from boxoffice.live.shadow import FEWEST_PAIRED, NOMINAL, interval_of_mean

# What the stages keep of every held-out forecast of the models that answer.
HELD_OUT_FORECASTS = {
    "revenue": "reports/tables/regress/backtest.csv",  # natural logs of real USD
    "success": "reports/tables/classify/latest.csv",  # 0 or 1, and its probability
}
ONE_FORECAST = ["feature_set", "id", "cutoff"]  # success has no cut-off but the split's


def backtest_comparison(
    champion: dict[str, pd.DataFrame], candidate: dict[str, pd.DataFrame]
) -> pd.DataFrame:
    """Compare two versions on the films that both have forecast.

    The noise of a difference is which films there happen to be: its interval comes from drawing the
    films again, each with the forecasts of both versions. There are several differences, so the
    intervals are as wide as lets all of them together hold with a probability of `NOMINAL`
    (Bonferroni).

    Parameters
    ----------
    champion, candidate : dict of target to DataFrame
        The tables of `HELD_OUT_FORECASTS`: `feature_set`, `id`, `actual`, `predicted`, and of
        revenue `cutoff` and `horizon` (years).

    Returns
    -------
    DataFrame, a row for each target, feature set and horizon
        `target`, `feature_set`, `horizon`, `films`, `champion` and `candidate` (root mean squared
        errors), `difference` of the mean squared errors (above 0: the candidate is worse), `lower`,
        `upper`, and `worse`, whether the whole interval is above 0.

    Raises
    ------
    SourceError
        If fewer than `FEWEST_PAIRED` films were forecast by both, of a target or of what the
        champion has forecast of so many.
    """
    parts, lacking = {}, []
    for target in HELD_OUT_FORECASTS:
        asked = _with_ahead(champion[target])
        found = _groups(target, _paired(asked, candidate[target]))
        parts |= found
        lacking += [key for key in _groups(target, asked) or [(target,)] if key not in found]
    if lacking:
        raise SourceError(
            f"fewer than {FEWEST_PAIRED} films were forecast by both versions of: "
            + "; ".join(", ".join(key) for key in lacking)
        )
    nominal = 1 - (1 - NOMINAL) / len(parts)
    found = []
    for (target, feature_set, horizon), rows in parts.items():
        squared = rows[["champion", "candidate"]] ** 2
        difference = squared["candidate"] - squared["champion"]
        lower, upper = interval_of_mean(difference, rows["id"], nominal)
        found.append(
            {
                "target": target,
                "feature_set": feature_set,
                "horizon": horizon,
                "films": rows["id"].nunique(),
                **squared.mean() ** 0.5,
                "difference": difference.mean(),
                "lower": lower,
                "upper": upper,
                "worse": lower > 0,
            }
        )
    return pd.DataFrame(found)


def _with_ahead(table: pd.DataFrame) -> pd.DataFrame:
    """Forecasts with how far `ahead` they were: the name of a horizon, or 'latest'."""
    table = table.assign(ahead="latest")
    for name, years in HORIZONS.items() if "horizon" in table else ():
        table.loc[table["horizon"].between(*years), "ahead"] = name
    return table


def _groups(target: str, table: pd.DataFrame) -> dict[tuple[str, str, str], pd.DataFrame]:
    """The rows of each target, feature set and horizon with enough films."""
    return {
        (target, *key): rows
        for key, rows in table.groupby(["feature_set", "ahead"], sort=False)
        if rows["id"].nunique() >= FEWEST_PAIRED
    }


def _paired(champion: pd.DataFrame, candidate: pd.DataFrame) -> pd.DataFrame:
    """Errors of both versions in the columns `champion` and `candidate`, a row per forecast."""
    keys = [name for name in ONE_FORECAST if name in champion]
    champion, candidate = (
        table.assign(error=table["predicted"] - table["actual"]) for table in (champion, candidate)
    )
    return champion.rename(columns={"error": "champion"}).merge(
        candidate[[*keys, "error"]].rename(columns={"error": "candidate"}), on=keys, validate="1:1"
    )


def worse_in_words(table: pd.DataFrame) -> list[str]:
    """What of a `backtest_comparison` got worse beyond its noise, a line for each."""
    return [
        f"{row.target}, {row.feature_set}, {row.horizon}: RMSE {row.champion:.3f} -> "
        f"{row.candidate:.3f} on {row.films:,} films; squared errors {row.difference:+.4f}, "
        f"between {row.lower:+.4f} and {row.upper:+.4f}"
        for row in table[table["worse"]].itertuples()
    ]
