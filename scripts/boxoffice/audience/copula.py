"""A Gaussian copula per class: many engagement rows in the pattern of a few.

Each class (hit, miss) has its own marginals and its own rank dependence. A row is a draw of a
correlated normal vector, taken to uniform numbers, taken through the marginals' quantile functions
(Sklar's theorem; Nelsen, An Introduction to Copulas, 2006; the Synthetic Data Vault does the same,
Patki et al., 2016).
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.covariance import LedoitWolf

from boxoffice.audience.engagement import COLUMNS, FEATURES, ID, TARGET

# What a column can hold at all, whatever the few rows show.
BOUNDS = {
    "avg_watch_time": (0, np.inf),
    "completion_rate": (0, 1),
    "ratings_count": (0, np.inf),
    "avg_rating": (1, 5),
}


class ClassModel(NamedTuple):
    """One class: its rows, shape (rows, 4), and its latent correlation, shape (4, 4)."""

    rows: np.ndarray
    correlation: np.ndarray


def rank_correlation(rows: np.ndarray) -> np.ndarray:
    """Return the shrunk correlation of the columns' normal scores.

    Ranks become normal scores (van der Waerden), the scale of the copula. Their covariance is
    shrunk (Ledoit and Wolf, 2004), since seven rows can't give six correlations. The result is
    positive definite. From shape (rows, columns) to shape (columns, columns).
    """
    ranks = stats.rankdata(rows, axis=0)
    covariance = LedoitWolf().fit(stats.norm.ppf(ranks / (len(rows) + 1))).covariance_
    deviation = np.sqrt(np.diag(covariance))
    return covariance / np.outer(deviation, deviation)


def fit_classes(films: pd.DataFrame) -> dict[int, ClassModel]:
    """Estimate both classes, keyed by `hit`.

    Raises ValueError if a class has fewer than three rows: ranks of two rows are always in full
    agreement.
    """
    rows = {hit: films.loc[films[TARGET] == hit, FEATURES].to_numpy(float) for hit in (0, 1)}
    if min(map(len, rows.values())) < 3:
        raise ValueError(
            f"column hit: {len(rows[0])} misses and {len(rows[1])} hits; a copula per class needs "
            "at least 3 rows of each, add films"
        )
    return {hit: ClassModel(values, rank_correlation(values)) for hit, values in rows.items()}


def mixture_quantiles(uniform: np.ndarray, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the quantiles of weighted values, linear between them and never beyond them.

    The smallest value is the quantile at 0 and the largest that at 1, as in `numpy.quantile`.
    `uniform`, shape (n,), are probabilities; `values` and `weights`, shape (m,), a weighted sample.
    """
    # Merge equal values: twice in the curve, they would make a step that draws copies.
    support, place = np.unique(values, return_inverse=True)
    if len(support) == 1:
        return np.full(len(uniform), support[0])
    mass = np.bincount(place, weights)
    middles = np.cumsum(mass) - mass / 2
    places = (middles - middles[0]) / (middles[-1] - middles[0])
    return np.interp(uniform, places, support)


def sample(
    films: pd.DataFrame,
    rows: int = 1200,
    hit_rate: float = 0.53,
    noise: float = 0.2,
    overlap: float = 0.45,
    seed: int = 42,
) -> pd.DataFrame:
    """Draw synthetic films in the pattern of the given ones.

    Raises ValueError if a setting is out of its range, or a class has too few rows.

    Parameters
    ----------
    films : DataFrame
        The pattern, in the engagement schema, three or more rows of each class.
    rows : int
        How many films to draw.
    hit_rate : float, 0-1
        Share of hits, met to the nearest row.
    noise : float, 0-1
        Share of each feature's latent variance that is its own: 0 keeps the features as dependent
        within a class as they were, 1 makes them independent within a class.
    overlap : float, 0-1
        Weight of both classes together in the marginals of each: 0 keeps the classes as far apart
        as they were, 1 makes their marginals equal. A feature's correlation with `hit` falls
        about in proportion to 1 - overlap.
    seed : int

    Returns
    -------
    DataFrame, shape (rows, 6)
        The engagement schema with ids that `films` does not use; values stay in the ranges of
        `films` and have as many decimals.
    """
    if rows < 2:
        raise ValueError(f"rows: {rows}; give 2 or more")
    for name, share in {"hit_rate": hit_rate, "noise": noise, "overlap": overlap}.items():
        if not 0 <= share <= 1:
            raise ValueError(f"{name}: {share}; give a share from 0 to 1")
    classes = fit_classes(films)
    generator = np.random.default_rng(seed)
    hits = round(rows * hit_rate)
    labels = generator.permutation(np.repeat([0, 1], [rows - hits, hits]))
    drawn = np.empty((rows, len(FEATURES)))
    for hit, model in classes.items():
        chosen = labels == hit
        correlation = (1 - noise) * model.correlation + noise * np.eye(len(FEATURES))
        uniform = _uniform(generator, correlation, int(chosen.sum()))
        drawn[chosen] = _through_marginals(uniform, model.rows, classes, overlap)
    return _as_films(drawn, labels, films)


def _uniform(generator: np.random.Generator, correlation: np.ndarray, rows: int) -> np.ndarray:
    # A Cholesky factor, and not the default SVD, whose signs depend on the LAPACK at hand.
    factor = np.linalg.cholesky(correlation)
    return stats.norm.cdf(generator.standard_normal((rows, len(correlation))) @ factor.T)


def _through_marginals(
    uniform: np.ndarray, own: np.ndarray, classes: dict[int, ClassModel], overlap: float
) -> np.ndarray:
    pooled = np.vstack([model.rows for model in classes.values()])
    values = np.vstack([own, pooled])
    weights = np.repeat([(1 - overlap) / len(own), overlap / len(pooled)], [len(own), len(pooled)])
    columns = zip(uniform.T, values.T, strict=True)
    return np.column_stack([mixture_quantiles(u, column, weights) for u, column in columns])


def _as_films(drawn: np.ndarray, labels: np.ndarray, films: pd.DataFrame) -> pd.DataFrame:
    synthetic = pd.DataFrame(drawn, columns=FEATURES)
    for column in FEATURES:
        synthetic[column] = synthetic[column].round(decimals(films[column])).clip(*BOUNDS[column])
    first = int(films[ID].max()) + 1
    synthetic.insert(0, ID, np.arange(first, first + len(synthetic)))
    synthetic[TARGET] = labels
    return synthetic.astype({"ratings_count": "int64", TARGET: "int64"})[COLUMNS]


def decimals(values: pd.Series, most: int = 6) -> int:
    """Return how many decimals, up to `most`, the values are given to."""
    exact = (n for n in range(most) if np.allclose(values, values.round(n), rtol=0, atol=1e-9))
    return next(exact, most)
