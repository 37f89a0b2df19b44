"""K-Means segments of films by how far they are watched and how widely they are rated.

Two scores, both from features scaled to 0-1 by the training rows' range:

- engagement = (avg_watch_time + completion_rate) / 2
- popularity = 0.7 ratings_count + 0.3 avg_rating

`hit` enters neither the scores nor the clusters.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, silhouette_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from boxoffice.audience.engagement import FEATURES, TARGET

SCORES = ["engagement", "popularity"]

WEIGHTS = np.array([[0.5, 0], [0.5, 0], [0, 0.7], [0, 0.3]])  # rows: FEATURES; columns: SCORES

# (high engagement, high popularity) -> name
NAMES = {
    (True, True): "Blockbusters",
    (True, False): "Cult Classics",
    (False, True): "Trending",
    (False, False): "Low Performers",
}


def onnx_shape(columns: int):
    """Make skl2onnx's shape calculator for a transformer with so many output columns."""

    def shape(operator):
        rows = operator.inputs[0].type.shape[0]
        operator.outputs[0].type = type(operator.inputs[0].type)([rows, columns])

    return shape


class ScoreWeights(TransformerMixin, BaseEstimator):
    """Weigh four scaled features into two scores: the product with `WEIGHTS`; nothing is fitted.

    The two `onnx_` methods are skl2onnx's protocol for transformers that it does not know.
    """

    def fit(self, X, y=None):
        """Remember the number of features only."""
        self.n_features_in_ = np.shape(X)[1]
        return self

    def transform(self, X) -> np.ndarray:
        """Scores, shape (rows, 2), from features scaled to 0-1, shape (rows, 4)."""
        return np.asarray(X) @ WEIGHTS

    def onnx_shape_calculator(self):
        """Tell skl2onnx the number of output columns."""
        return onnx_shape(len(SCORES))

    def onnx_converter(self):
        """Tell skl2onnx the product with `WEIGHTS`."""
        from skl2onnx.algebra.onnx_ops import OnnxMatMul

        def convert(scope, operator, container):
            options = {"op_version": container.target_opset, "output_names": operator.outputs[:1]}
            product = OnnxMatMul(operator.inputs[0], WEIGHTS.astype(np.float32), **options)
            product.add_to(scope, container)

        return convert


def segment_pipeline(k: int, seed: int, n_init: int = 10) -> Pipeline:
    """Unfitted pipeline from the four features, in the order of `FEATURES`, to a cluster number."""
    return Pipeline(
        [
            ("range", MinMaxScaler()),
            ("scores", ScoreWeights()),
            ("unit", MinMaxScaler()),
            ("standard", StandardScaler()),  # so that both scores weigh alike in a distance
            ("kmeans", KMeans(n_clusters=k, n_init=n_init, random_state=seed)),
        ]
    )


def scores(pipeline: Pipeline, films: pd.DataFrame) -> pd.DataFrame:
    """Engagement and popularity, 0-1 on the films that `pipeline` was fitted on."""
    values = pipeline[:2].transform(films[FEATURES].to_numpy(float))
    return pd.DataFrame(values, columns=SCORES, index=films.index)


def scaled(films: pd.DataFrame) -> np.ndarray:
    """Standardised scores, fitted on these films: the input of K-Means, shape (films, 2)."""
    return segment_pipeline(k=1, seed=0)[:-1].fit_transform(films[FEATURES].to_numpy(float))


def centroids(pipeline: Pipeline) -> pd.DataFrame:
    """Fitted centroids in units of the two scores, shape (k, 2)."""
    centres = pipeline["kmeans"].cluster_centers_
    for step in ("standard", "unit"):
        centres = pipeline[step].inverse_transform(centres)
    return pd.DataFrame(centres, columns=SCORES).rename_axis("cluster")


class Choice(NamedTuple):
    """The number of clusters, and what it was chosen by."""

    table: pd.DataFrame  # k, inertia, distance_to_chord, silhouette
    elbow: int
    best_silhouette: int
    chosen: int


def choose_k(X: np.ndarray, ks: list[int], seed: int, n_init: int = 10) -> Choice:
    """Choose the number of clusters by elbow and silhouette together.

    The elbow is where the inertia curve, both axes scaled to 0-1, lies farthest below the chord
    between its ends (Satopää et al., Finding a Kneedle in a Haystack, 2011). The silhouette is
    the mean over all rows (Rousseeuw, 1987). Before the elbow, one more cluster still explains
    much; so the rule takes, *from the elbow on*, the k with the highest silhouette, the smallest
    of several equal ones.

    Raises ValueError if the candidates are not such a list.

    Parameters
    ----------
    X : array of shape (rows, 2)
        Standardised scores of the training rows.
    ks : list of int
        Candidates, two or more, ascending, each from 2 to rows - 1.
    """
    if len(ks) < 2 or sorted(set(ks)) != list(ks) or ks[0] < 2 or ks[-1] >= len(X):
        raise ValueError(
            f"ks: {list(ks)}; give two or more ascending numbers from 2 to {len(X) - 1}"
        )
    fits = [KMeans(k, n_init=n_init, random_state=seed).fit(X) for k in ks]
    inertia = pd.Series([model.inertia_ for model in fits], index=ks)
    table = pd.DataFrame(
        {
            "inertia": inertia,
            "distance_to_chord": distance_to_chord(inertia),
            "silhouette": [silhouette_score(X, model.labels_) for model in fits],
        }
    )
    elbow = table["distance_to_chord"].idxmax()
    return Choice(
        table=table.rename_axis("k").reset_index(),
        elbow=int(elbow),
        best_silhouette=int(table["silhouette"].idxmax()),
        chosen=int(table.loc[elbow:, "silhouette"].idxmax()),
    )


def distance_to_chord(curve: pd.Series) -> pd.Series:
    """How far a falling curve lies below the chord of its ends, with both axes scaled to 0-1."""
    x = curve.index.to_series()
    across = (x - x.iloc[0]) / (x.iloc[-1] - x.iloc[0])
    fall = curve.iloc[0] - curve.iloc[-1]
    height = (curve - curve.iloc[-1]) / fall if fall else 1 - across
    return 1 - across - height


def name_segments(centres: pd.DataFrame, limits: pd.Series) -> list[str]:
    """Name each cluster by the quadrant of its centroid.

    Where several clusters share a quadrant they are numbered from the strongest (highest sum of
    both scores) down: "Blockbusters 1", "Blockbusters 2".

    `centres`, shape (k, 2), and `limits` are in units of engagement and popularity; above its limit
    a score is high.
    """
    high = centres[SCORES].gt(limits[SCORES])
    quadrants = pd.Series([NAMES[tuple(row)] for row in high.to_numpy().tolist()])
    strength = centres[SCORES].sum(axis=1).reset_index(drop=True)
    number = strength.groupby(quadrants).rank(method="first", ascending=False).astype(int)
    shared = quadrants.duplicated(keep=False)
    return quadrants.mask(shared, quadrants + " " + number.astype(str)).tolist()


def segment_table(
    table: pd.DataFrame, labels: np.ndarray, names: list[str], hit: pd.Series
) -> pd.DataFrame:
    """One row per segment: count, mean engagement, mean popularity, hit rate.

    `hit` only describes the segments; it had no part in making them. A cluster without rows has
    no mean and is left out.
    """
    grouped = table.assign(cluster=labels, hit=np.asarray(hit)).groupby("cluster")
    summary = grouped.agg(
        count=("hit", "size"),
        mean_engagement=("engagement", "mean"),
        mean_popularity=("popularity", "mean"),
        hit_rate=("hit", "mean"),
    ).reset_index()
    summary.insert(0, "segment", [names[cluster] for cluster in summary["cluster"]])
    return summary.sort_values("mean_engagement", ascending=False, ignore_index=True)


def stability(pipeline: Pipeline, films: pd.DataFrame, bootstraps: int, seed: int) -> np.ndarray:
    """How far clusters refitted on bootstrap samples agree with the fitted ones: (bootstraps,).

    Each refit, scaling included, sees rows drawn with replacement and then labels all rows; the
    agreement is the adjusted Rand index (Hubert and Arabie, 1985): 1 the same partition, 0 what
    chance gives.
    """
    X = films[FEATURES].to_numpy(float)
    reference = pipeline.predict(X)
    generator = np.random.default_rng(seed)
    agreements = np.empty(bootstraps)
    for turn in range(bootstraps):
        drawn = _bootstrap(X, pipeline["kmeans"].n_clusters, generator)
        agreements[turn] = adjusted_rand_score(reference, clone(pipeline).fit(drawn).predict(X))
    return agreements


def _bootstrap(X: np.ndarray, distinct: int, generator: np.random.Generator) -> np.ndarray:
    # A tiny sample can repeat so much that k clusters have fewer than k points: draw again.
    needed = min(distinct, len(np.unique(X, axis=0)))
    while True:
        drawn = X[generator.integers(0, len(X), len(X))]
        if len(np.unique(drawn, axis=0)) >= needed:
            return drawn


class Segmentation(NamedTuple):
    """Films grouped into k segments, and how good the grouping is."""

    pipeline: Pipeline
    scores: pd.DataFrame  # engagement and popularity, by film
    labels: np.ndarray  # a cluster's number, by film
    names: list[str]  # by cluster
    limits: pd.Series  # the thresholds that names go by
    table: pd.DataFrame  # one row per segment
    silhouette: float
    stability: np.ndarray  # adjusted Rand index, by bootstrap sample

    def metrics(self) -> dict:
        """Figures of the grouping and of each segment."""
        described = self.table.drop(columns="cluster").set_index("segment")
        return {
            "k": len(self.names),
            "inertia": self.pipeline["kmeans"].inertia_,
            "silhouette": self.silhouette,
            "stability": self.stability.mean(),
            "threshold": self.limits.to_dict(),
            "segments": {
                name.lower().replace(" ", "_"): row
                for name, row in described.to_dict("index").items()
            },
        }


def segment_films(films: pd.DataFrame, k: int, bootstraps: int, seed: int) -> Segmentation:
    """Fit k segments to films in the engagement schema, name and judge them.

    The thresholds of the names are means and not medians. Where hits and misses form two clouds of
    like size, the median film is at the edge of one cloud, and names would hang on a handful of
    films; the mean lies between the clouds.
    """
    X = films[FEATURES].to_numpy(float)
    pipeline = segment_pipeline(k, seed).fit(X)
    labels, by_film = pipeline.predict(X), scores(pipeline, films)
    limits = by_film.mean()
    names = name_segments(centroids(pipeline), limits)
    return Segmentation(
        pipeline,
        by_film,
        labels,
        names,
        limits,
        segment_table(by_film, labels, names, films[TARGET]),
        silhouette_score(pipeline[:-1].transform(X), labels),
        stability(pipeline, films, bootstraps, seed),
    )
