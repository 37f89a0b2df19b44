"""The segments: scores, the choice of k, names, stability, and the same answer from ONNX."""

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boxoffice.audience import copula, segments
from boxoffice.audience.engagement import FEATURES, TARGET, read_engagement
from boxoffice.core.paths import RAW
from boxoffice.tabular.export import convert


@pytest.fixture(scope="module")
def original():
    return read_engagement(RAW / "assignment" / "movies.csv")


@pytest.fixture(scope="module")
def synthetic(original):
    return copula.sample(original, rows=300)


@pytest.fixture(scope="module")
def fitted(synthetic):
    return segments.segment_pipeline(4, 42).fit(synthetic[FEATURES].to_numpy(float))


def test_scores_are_the_two_formulas(fitted, synthetic):
    features = synthetic[FEATURES]
    unit = (features - features.min()) / (features.max() - features.min())
    scores = segments.scores(fitted, synthetic)
    engagement = (unit["avg_watch_time"] + unit["completion_rate"]) / 2
    popularity = 0.7 * unit["ratings_count"] + 0.3 * unit["avg_rating"]
    assert np.allclose(scores["engagement"], engagement)
    assert np.allclose(scores["popularity"], popularity)
    assert scores.index.equals(synthetic.index)


def test_centroids_are_the_means_of_their_films_scores(fitted, synthetic):
    labels = fitted.predict(synthetic[FEATURES].to_numpy(float))
    means = segments.scores(fitted, synthetic).groupby(labels).mean()
    assert np.allclose(segments.centroids(fitted), means, atol=1e-6)


def test_k_means_sees_both_scores_alike(synthetic):
    X = segments.scaled(synthetic)
    assert np.allclose(X.mean(axis=0), 0)
    assert np.allclose(X.std(axis=0), 1)


def blobs(centres, spread=0.1, each=60):
    generator = np.random.default_rng(3)
    return np.vstack([generator.normal(centre, spread, (each, 2)) for centre in centres])


def test_clear_groups_are_counted_right():
    choice = segments.choose_k(blobs([(0, 0), (0, 4), (4, 0), (4, 4)]), list(range(2, 9)), 42)
    assert choice.elbow == choice.best_silhouette == choice.chosen == 4
    assert list(choice.table["k"]) == list(range(2, 9))
    assert choice.table["inertia"].is_monotonic_decreasing


def test_from_the_elbow_on_the_best_silhouette_wins(synthetic):
    choice = segments.choose_k(segments.scaled(synthetic), list(range(2, 9)), 42)
    beyond = choice.table.query("k >= @choice.elbow").set_index("k")["silhouette"]
    assert choice.chosen == beyond.idxmax()


@pytest.mark.parametrize("ks", [[2], [3, 2], [1, 2], [2, 2], [2, 300]])
def test_candidates_that_are_none_are_refused(synthetic, ks):
    with pytest.raises(ValueError, match="ascending numbers from 2 to 299"):
        segments.choose_k(segments.scaled(synthetic), ks, 42)


def test_a_straight_fall_has_no_elbow():
    def distance(*inertia):
        return segments.distance_to_chord(pd.Series(inertia, index=[2, 3, 4, 5]))

    assert np.allclose(distance(6, 4, 2, 0), 0)
    assert np.allclose(distance(0, 0, 0, 0), 0)
    assert distance(9, 3, 2, 1).idxmax() == 3


def test_the_four_quadrants_have_their_names():
    centres = pd.DataFrame(
        [(0.9, 0.9), (0.9, 0.1), (0.1, 0.9), (0.1, 0.1)], columns=segments.SCORES
    )
    limits = pd.Series({"engagement": 0.5, "popularity": 0.5})
    names = segments.name_segments(centres, limits)
    assert names == ["Blockbusters", "Cult Classics", "Trending", "Low Performers"]


def test_segments_of_one_quadrant_are_numbered_from_the_strongest():
    centres = pd.DataFrame([(0.6, 0.6), (0.9, 0.9), (0.2, 0.2)], columns=segments.SCORES)
    limits = pd.Series({"engagement": 0.5, "popularity": 0.5})
    names = segments.name_segments(centres, limits)
    assert names == ["Blockbusters 2", "Blockbusters 1", "Low Performers"]


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=12),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_names_are_unique_and_of_their_quadrant(points, engagement, popularity):
    limits = pd.Series({"engagement": engagement, "popularity": popularity})
    names = segments.name_segments(pd.DataFrame(points, columns=segments.SCORES), limits)
    assert len(set(names)) == len(points)
    for name, (across, up) in zip(names, points, strict=True):
        assert name.rstrip(" 0123456789") == segments.NAMES[across > engagement, up > popularity]


def test_the_table_counts_every_film_and_its_hits(synthetic):
    found = segments.segment_films(synthetic, k=4, bootstraps=2, seed=42)
    table = found.table
    assert table["count"].sum() == len(synthetic)
    assert (table["count"] * table["hit_rate"]).sum() == pytest.approx(synthetic[TARGET].sum())
    assert sorted(table["segment"]) == sorted(found.names)
    assert table["mean_engagement"].is_monotonic_decreasing
    assert found.limits.to_dict() == pytest.approx(found.scores.mean().to_dict())
    assert found.metrics()["k"] == len(found.metrics()["segments"]) == 4
    assert found.stability.shape == (2,)


def test_hits_describe_the_segments_and_do_not_make_them(synthetic):
    flipped = synthetic.assign(hit=1 - synthetic[TARGET])
    found, other = (
        segments.segment_films(films, k=4, bootstraps=1, seed=42) for films in (synthetic, flipped)
    )
    assert (found.labels == other.labels).all()
    assert np.allclose(found.table["hit_rate"], 1 - other.table["hit_rate"])


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 1000))
def test_stability_is_an_index_and_repeats(original, seed):
    pipeline = segments.segment_pipeline(2, 42).fit(original[FEATURES].to_numpy(float))
    found = segments.stability(pipeline, original, bootstraps=4, seed=seed)
    assert found.shape == (4,)
    assert ((found >= -0.5) & (found <= 1)).all()
    assert (found == segments.stability(pipeline, original, bootstraps=4, seed=seed)).all()


def test_clear_groups_are_more_stable_than_an_even_cloud(original):
    generator = np.random.default_rng(0)
    cloud = pd.DataFrame(generator.uniform(size=(240, 4)), columns=FEATURES)
    groups = pd.DataFrame(
        np.hstack([blobs([(0, 0), (0, 4), (4, 0), (4, 4)])] * 2)[:, [0, 2, 1, 3]], columns=FEATURES
    )
    cloudy, clear = (
        segments.stability(
            segments.segment_pipeline(4, 42).fit(films.to_numpy()), films, bootstraps=10, seed=1
        ).mean()
        for films in (cloud, groups)
    )
    assert clear > 0.99
    assert cloudy < 0.95


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_onnx_finds_the_same_segments(fitted, synthetic):
    X = synthetic[FEATURES].to_numpy(np.float32)
    session = onnxruntime.InferenceSession(
        convert(fitted, len(FEATURES), "segments").SerializeToString()
    )
    labels = session.run(["label"], {"X": X})[0]
    assert (labels == fitted.predict(X.astype(float))).all()
