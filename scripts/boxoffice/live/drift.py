"""Drift: how far films lie from those that a model learned from, feature by feature.

A population stability index is not among the measures: of 20 films without any drift its median is
0.97, and only from 100 films on does it stay below the usual threshold of 0.2 in 95% of draws.
"""

import numpy as np
import pandas as pd

FEWEST_WATCHED = 100  # films that a verdict takes, and that a feature must be known of
LEVEL = 0.05  # false discovery rate: the share of false ones among what is said to have drifted
SIZE = 200  # films in a rolling window
# Later films are later, and the models hold the year at their last ones.
NOT_WATCHED = ("release_year",)


def drift(training: pd.DataFrame, window: pd.DataFrame) -> pd.DataFrame:
    """Compare films with the training films, feature by feature.

    Known values are compared by a two-sample Kolmogorov-Smirnov test, which is conservative where
    values repeat, and flags (0/1), of which it would hardly find any, by Fisher's exact test. So is
    how often a feature is unknown. All p-values are adjusted together (Benjamini and Hochberg,
    1995, https://doi.org/10.1111/j.2517-6161.1995.tb02031.x).

    Parameters
    ----------
    training : DataFrame of shape (n_training, n_features)
        Numbers; NaN is unknown.
    window : DataFrame of shape (n, ...)
        Has the columns of `training`.

    Returns
    -------
    DataFrame, a row per feature
        `n`, the films of the window; `mean` and `mean_training`; `missing` and `missing_training`,
        the shares of films that it is unknown of; `unseen`, the share of known values outside the
        training films' range; `wasserstein`, the distance of the distributions in standard
        deviations of the training films; `ks`, their Kolmogorov-Smirnov distance, and the
        `p_value`; `missing_p_value`; `adjusted_p`, the smaller of both after adjusting; and
        `drifted`, whether that is below `LEVEL`. Of fewer than `FEWEST_WATCHED` films there are
        neither distances nor p-values, and `drifted` is NA.
    """
    watched = [name for name in training if name not in NOT_WATCHED]
    table = pd.DataFrame(
        [_row(training[name].to_numpy(float), window[name].to_numpy(float)) for name in watched],
        index=pd.Index(watched, name="feature"),
    )
    adjusted = _adjusted(table[["p_value", "missing_p_value"]].to_numpy())
    table["adjusted_p"] = pd.DataFrame(adjusted, table.index).min(axis=1)
    drifted = (table["adjusted_p"] < LEVEL).astype("boolean")
    return table.assign(drifted=drifted.mask(table["adjusted_p"].isna()))


def _row(training: np.ndarray, values: np.ndarray) -> dict[str, float]:
    """A row of `drift`, but for what is adjusted."""
    learned, known = training[~np.isnan(training)], values[~np.isnan(values)]
    outside = (known < learned.min()) | (known > learned.max()) if len(learned) else known == known
    found = {
        "n": len(values),
        "mean": _mean(known),
        "mean_training": _mean(learned),
        "missing": _mean(np.isnan(values)),
        "missing_training": _mean(np.isnan(training)),
        "unseen": _mean(outside),
        **dict.fromkeys(("wasserstein", "ks", "p_value", "missing_p_value"), np.nan),
    }
    if len(values) < FEWEST_WATCHED:
        return found
    if found["missing"] or found["missing_training"]:
        found["missing_p_value"] = _fisher(np.isnan(training), np.isnan(values))
    if min(len(learned), len(known)) >= FEWEST_WATCHED:
        found |= _distances(learned, known)
    return found


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else np.nan


def _distances(learned: np.ndarray, known: np.ndarray) -> dict[str, float]:
    from scipy import stats  # takes most of a second, which the service's start need not wait for

    if np.isin(learned, (0, 1)).all() and np.isin(known, (0, 1)).all():
        ks = far = abs(known.mean() - learned.mean())  # of flags the same
        p_value = _fisher(learned, known)
    else:
        ks, p_value = stats.ks_2samp(learned, known, method="asymp")
        far = stats.wasserstein_distance(learned, known)
    spread = learned.std() if np.ptp(learned) else np.nan
    return {"ks": ks, "p_value": p_value, "wasserstein": far / spread}


def _fisher(*samples: np.ndarray) -> float:
    """P-value for two samples of flags having the same share."""
    from scipy import stats

    counts = [[np.count_nonzero(flags), np.count_nonzero(flags == 0)] for flags in samples]
    return stats.fisher_exact(counts).pvalue


def _adjusted(p_values: np.ndarray) -> np.ndarray:
    """P-values of any shape, adjusted together for the rate of false discoveries; NaN is none."""
    tested = ~np.isnan(p_values)
    if not tested.any():
        return p_values
    from scipy import stats

    adjusted = p_values.copy()
    adjusted[tested] = stats.false_discovery_control(p_values[tested])
    return adjusted


def rolling(
    training: pd.DataFrame, films: pd.DataFrame, days: pd.Series, size: int = SIZE
) -> pd.DataFrame:
    """`drift` in windows of `size` films in the order of `days`, each half of it after the other.

    The last window ends with the last film. Fewer films than `size` are one window.

    Parameters
    ----------
    films : DataFrame of shape (n, ...), n > 0
    days : Series of datetime64, length n
        Of each film's release, say.

    Returns
    -------
    DataFrame
        Rows of `drift` by `window` (its number), its `first` and `last` day, and `feature`.
    """
    order = np.argsort(days.to_numpy(), kind="stable")
    size = min(size, len(films))
    found = {}
    for number, end in enumerate(sorted(range(len(films), size - 1, -max(size // 2, 1)))):
        rows = order[end - size : end]
        span = number, days.iloc[rows[0]], days.iloc[rows[-1]]
        found[span] = drift(training, films.iloc[rows])
    return pd.concat(found, names=["window", "first", "last"])


def last_window(windows: pd.DataFrame) -> pd.DataFrame:
    """The last window of `rolling`, a row per feature, the farthest first.

    `since` tells since when a feature has drifted: the last day of the earliest window of those,
    without a break up to the last one, in which it has; NaT if it hasn't. How far a feature lies is
    `wasserstein`, or by how much `missing` differs where that is more.
    """
    drifted = windows["drifted"].fillna(False).astype(bool).unstack("feature")
    ends = drifted.index.get_level_values("last")
    table = windows.loc[drifted.index[-1]]
    in_a_row = drifted[::-1].cummin().sum()[table.index]
    table = table.assign(since=[ends[-count] if count else pd.NaT for count in in_a_row])
    more_missing = (table["missing"] - table["missing_training"]).abs()
    far = table["wasserstein"].fillna(0).clip(lower=more_missing.fillna(0))
    return table.loc[far.sort_values(ascending=False, kind="stable").index]
