"""Two versions of the models on the same films: which one is off by less, and how sure that is.

A challenger forecasts every film that the champion forecasts. A forecast doesn't change what a film
earns, so both can be held against the same films; an A/B split would show each version other films,
which differ far more from each other than the versions do.
"""

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import bootstrap

from boxoffice.live.versions import CHALLENGER, CHAMPION

BOTH = [CHAMPION, CHALLENGER]
FEWEST_PAIRED = 20  # films that an interval is worth
NOMINAL = 0.95
RESAMPLES = 9_999
SEED = 0  # the same films always give the same interval


def paired_comparison(scores: pd.DataFrame) -> dict[str, Any]:
    """Compare champion and challenger on the films that both forecast.

    Parameters
    ----------
    scores : DataFrame
        `film_id`, `role` ('champion' or 'challenger') and `log_error`, the natural log of the
        forecast less that of the actual revenue; a row per film and role.

    Returns
    -------
    dict
        `n` films that both forecast; `rmse` of each role (natural log), by name; `difference`, the
        challenger's mean squared log error less the champion's (below 0: the challenger is better);
        `nominal`, `lower` and `upper`, its bootstrap interval. What too few films can't tell is
        None: scores of none, an interval of fewer than `FEWEST_PAIRED`.

    Raises
    ------
    ValueError
        If a film has several rows of a role.
    """
    ours = scores[scores["role"].isin(BOTH)]
    if twice := ours.loc[ours.duplicated(["film_id", "role"]), "film_id"].tolist():
        raise ValueError(f"film_id {twice[0]} has several rows of one role: choose one forecast")
    squared = ours.assign(squared=ours["log_error"] ** 2).pivot(
        index="film_id", columns="role", values="squared"
    )
    squared = squared.reindex(columns=BOTH).dropna()
    n = len(squared)
    difference = squared[CHALLENGER] - squared[CHAMPION]
    enough = n >= FEWEST_PAIRED
    lower, upper = interval_of_mean(difference, difference.index) if enough else (None, None)
    return {
        "n": n,
        "rmse": {role: float(np.sqrt(squared[role].mean())) if n else None for role in BOTH},
        "difference": float(difference.mean()) if n else None,
        "nominal": NOMINAL,
        "lower": lower,
        "upper": upper,
    }


def interval_of_mean(values, films, nominal: float = NOMINAL) -> tuple[float, float]:
    """Bootstrap interval (percentiles) of the mean of values, drawing whole films.

    Parameters
    ----------
    values, films : array-likes of shape (n,)
        Numbers, and the film that each is of: those of one film are drawn together.
    nominal : float
        Share of such intervals that hold the true mean.
    """
    by_film = pd.Series(np.asarray(values, dtype=float)).groupby(np.asarray(films))
    found = bootstrap(
        (by_film.sum().to_numpy(), by_film.size().to_numpy()),
        lambda total, count, axis: total.sum(axis) / count.sum(axis),
        paired=True,
        vectorized=True,
        n_resamples=RESAMPLES,
        batch=500,
        confidence_level=nominal,
        method="percentile",
        rng=np.random.default_rng(SEED),
    )
    return float(found.confidence_interval.low), float(found.confidence_interval.high)
