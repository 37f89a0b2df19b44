"""How near synthetic films come to the originals, and whether they merely repeat them."""

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import MinMaxScaler

from boxoffice.audience import copula
from boxoffice.audience.engagement import FEATURES, TARGET


def ks_distances(original: pd.DataFrame, synthetic: pd.DataFrame) -> pd.DataFrame:
    """Return the two-sample Kolmogorov-Smirnov test of each feature: distance and p-value.

    0 means equal distributions, 1 disjoint ones. With 15 originals the test sees only gross
    differences.
    """
    tests = stats.ks_2samp(original[FEATURES], synthetic[FEATURES])
    columns = {"ks_distance": tests.statistic, "p_value": tests.pvalue}
    return pd.DataFrame(columns, index=pd.Index(FEATURES, name="feature"))


def hit_correlations(films: pd.DataFrame) -> pd.Series:
    """Return each feature's Pearson (point-biserial) correlation with `hit`."""
    return films[FEATURES].corrwith(films[TARGET]).rename("hit_correlation")


def overlap_sweep(original: pd.DataFrame, overlaps, **settings) -> pd.DataFrame:
    """Return the hit correlations of films sampled at several overlaps.

    `settings` go to `copula.sample`. The columns are `overlap`, `feature` and `hit_correlation`.
    """
    correlations = {
        value: hit_correlations(copula.sample(original, overlap=value, **settings))
        for value in overlaps
    }
    table = pd.DataFrame(correlations).rename_axis(index="feature", columns="overlap").T
    return table.reset_index().melt("overlap", value_name="hit_correlation")


def correlation_distance(original: pd.DataFrame, synthetic: pd.DataFrame) -> dict[str, float]:
    """Compare correlation matrices: `mean_absolute` over pairs, `frobenius` over the whole."""
    difference = (original[FEATURES].corr() - synthetic[FEATURES].corr()).to_numpy()
    pairs = difference[np.triu_indices_from(difference, k=1)]
    return {
        "mean_absolute": float(np.abs(pairs).mean()),
        "frobenius": float(np.linalg.norm(difference)),
    }


def exact_copies(original: pd.DataFrame, synthetic: pd.DataFrame) -> int:
    """Count synthetic films whose four features equal those of an original."""
    originals = pd.MultiIndex.from_frame(original[FEATURES].astype(float))
    return int(pd.MultiIndex.from_frame(synthetic[FEATURES].astype(float)).isin(originals).sum())


def neighbour_distances(
    original: pd.DataFrame, synthetic: pd.DataFrame
) -> tuple[np.ndarray, np.ndarray]:
    """Return Euclidean distances to the nearest original, features scaled to the originals' range.

    First from each synthetic film: all near 0 would mean copies with a little noise. Then from each
    original to the nearest other one: the yardstick.
    """
    scaler = MinMaxScaler().fit(original[FEATURES])
    scaled = scaler.transform(original[FEATURES])
    neighbours = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(scaled)
    between, _ = neighbours.kneighbors(scaler.transform(synthetic[FEATURES]))
    within, _ = neighbours.kneighbors()  # without X, a row is not its own neighbour
    return between[:, 0], within[:, 0]


def out_of_range(original: pd.DataFrame, synthetic: pd.DataFrame) -> pd.Series:
    """Count, by feature, the synthetic values outside the originals' minimum and maximum."""
    low, high = original[FEATURES].min(), original[FEATURES].max()
    outside = synthetic[FEATURES].lt(low) | synthetic[FEATURES].gt(high)
    return outside.sum().rename("out_of_range")


def by_feature(original: pd.DataFrame, synthetic: pd.DataFrame) -> pd.DataFrame:
    """Return one row per feature: KS test, both hit correlations, values out of range."""
    return ks_distances(original, synthetic).assign(
        hit_correlation_original=hit_correlations(original),
        hit_correlation_synthetic=hit_correlations(synthetic),
        out_of_range=out_of_range(original, synthetic),
    )


def report(original: pd.DataFrame, synthetic: pd.DataFrame) -> dict:
    """Return every figure of the comparison as one dict of numbers, ready for metrics."""
    features = by_feature(original, synthetic)
    between, within = neighbour_distances(original, synthetic)
    return {
        "ks_distance": features["ks_distance"].to_dict(),
        "correlation_distance": correlation_distance(original, synthetic),
        "hit_correlation": {
            "original": features["hit_correlation_original"].to_dict(),
            "synthetic": features["hit_correlation_synthetic"].to_dict(),
        },
        "exact_copies": exact_copies(original, synthetic),
        "nearest_neighbour": {
            "synthetic_to_original_median": float(np.median(between)),
            "synthetic_to_original_min": float(between.min()),
            "original_to_original_median": float(np.median(within)),
        },
        "out_of_range": features["out_of_range"].to_dict(),
    }
