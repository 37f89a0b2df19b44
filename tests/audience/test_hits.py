"""The hit models: metrics, no leak from test films, fair leave-one-out, and the same from ONNX."""

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxoffice.audience import copula, hits
from boxoffice.audience.engagement import FEATURES, TARGET, read_engagement
from boxoffice.audience.segments import SCORES
from boxoffice.core.paths import RAW
from boxoffice.tabular.export import convert

GRIDS = {"random_forest": {"model__max_depth": [3, 6]}, "xgboost": {"model__max_depth": [2]}}


@pytest.fixture(scope="module")
def original():
    return read_engagement(RAW / "assignment" / "movies.csv")


@pytest.fixture(scope="module")
def parts(original):
    return hits.split(copula.sample(original, rows=400), 0.25, 42)


@pytest.fixture(scope="module")
def searches(parts):
    train, _ = parts
    return hits.search(hits.synthetic_models(4, 42), GRIDS, train, folds=3, seed=42)


def test_the_split_is_disjoint_stratified_and_repeats(original, parts):
    train, test = parts
    assert not set(train["movie_id"]) & set(test["movie_id"])
    assert train[TARGET].mean() == pytest.approx(test[TARGET].mean(), abs=0.01)
    again, _ = hits.split(copula.sample(original, rows=400), 0.25, 42)
    pd.testing.assert_frame_equal(train, again)


def test_the_features_are_six_and_a_segment(parts):
    X, _ = hits.xy(parts[0])
    step = hits.SegmentFeatures(k=3, seed=42).fit(X)
    made = pd.DataFrame(step.transform(X), columns=step.get_feature_names_out())
    assert list(made.columns[:6]) == [*FEATURES, *SCORES]
    assert (made[FEATURES].to_numpy() == X).all()
    assert made[SCORES].min().min() >= 0
    assert made[SCORES].max().max() <= 1
    assert (made.filter(like="segment_").sum(axis=1) == 1).all()


def test_a_row_is_transformed_alike_alone_and_among_others(parts):
    X, _ = hits.xy(parts[0])
    step = hits.SegmentFeatures(k=4, seed=42).fit(X)
    alone = np.vstack([step.transform(row[None]) for row in X[:20]])
    assert np.allclose(alone, step.transform(X)[:20])


def test_test_films_change_nothing_that_is_fitted(parts, searches):
    train, test = parts
    strange = test.assign(hit=1 - test[TARGET], **{name: test[name] * 9 for name in FEATURES})
    hits.score_all(searches, train, strange)
    again = hits.search(hits.synthetic_models(4, 42), GRIDS, train, folds=3, seed=42)
    X, _ = hits.xy(test)
    for name, search in searches.items():
        assert search.best_params_ == again[name].best_params_
        assert (search.predict_proba(X) == again[name].predict_proba(X)).all()


def test_clusters_are_learned_inside_each_fold(parts):
    """Held-out rows far away must not stretch the ranges that the training rows set."""
    X, y = hits.xy(parts[0])
    model = hits.synthetic_models(4, 42)["random_forest"].fit(X[:200], y[:200])
    ranges = model["segments"].segments_["range"]
    assert (ranges.data_max_ == X[:200].max(axis=0)).all()
    model.predict_proba(X[200:] * 100)
    assert (ranges.data_max_ == X[:200].max(axis=0)).all()


def test_segments_do_not_look_at_hit(parts):
    X, y = hits.xy(parts[0])
    first, second = (hits.SegmentFeatures().fit(X, target) for target in (y, 1 - y))
    assert (first.transform(X) == second.transform(X)).all()


def test_models_learn_more_than_the_majority(parts, searches):
    scored = hits.score_all(searches, *parts)
    assert list(scored) == ["baseline", "random_forest", "xgboost", "selected"]
    assert scored["baseline"]["roc_auc"] == 0.5
    assert scored["baseline"]["recall_0"] == 0
    assert scored["selected"]["roc_auc"] > 0.7
    assert scored["selected"]["brier"] < scored["baseline"]["brier"]
    assert scored["selected"] == scored[hits.selected(searches)]


def test_models_of_synthetic_films_know_the_originals(original, searches):
    external = hits.score(searches[hits.selected(searches)], original)
    assert external["roc_auc"] > 0.9


def test_every_film_model_fits_and_scores(parts):
    train, test = parts
    small = {"random_forest": {"model__n_estimators": [10]}}
    searches = hits.search(hits.film_models(42), small, train, folds=2, seed=42)
    scored = hits.score_all(searches, train, test)
    assert {"random_forest", "xgboost", "voting", "stacking"} <= set(scored)
    for name in searches:
        assert scored[name]["roc_auc"] > 0.6
    table = hits.cv_table(searches)
    assert table.set_index("model").loc["random_forest", "chosen"] == "n_estimators = 10"
    assert table.set_index("model").loc["voting", "chosen"] == "as given"
    assert (table["cv_log_loss"] > 0).all()


def test_leave_one_out_cannot_learn_what_is_not_there(original):
    models = {"logistic_regression": hits.logistic_regression(42)}
    grids = {"logistic_regression": {"model__C": [0.1, 1]}}
    real = hits.leave_one_out(models, grids, original, folds=3, seed=42)
    assert real["logistic_regression"]["accuracy"] == 1
    generator = np.random.default_rng(1)
    noise = original.assign(**{name: generator.normal(size=len(original)) for name in FEATURES})
    empty = hits.leave_one_out(models, grids, noise, folds=3, seed=42)
    assert empty["logistic_regression"]["accuracy"] < 0.8


def test_metrics_by_hand():
    scored = hits.metrics(np.array([0, 0, 1, 1, 1]), np.array([0.1, 0.6, 0.4, 0.7, 0.9]))
    assert scored == pytest.approx(
        {
            "accuracy": 3 / 5,
            "roc_auc": 5 / 6,
            "f1": 2 / 3,
            "brier": (0.01 + 0.36 + 0.36 + 0.09 + 0.01) / 5,
            "precision": 2 / 3,
            "recall_0": 1 / 2,
            "recall_1": 2 / 3,
        }
    )


@given(st.lists(st.floats(0, 1), min_size=2, max_size=40), st.data())
def test_metrics_are_finite_shares(probability, data):
    hit = data.draw(
        st.lists(st.integers(0, 1), min_size=len(probability), max_size=len(probability))
    )
    if len(set(hit)) < 2:
        with pytest.raises(ValueError, match="one class"):
            hits.metrics(np.array(hit), np.array(probability))
        return
    assert all(0 <= value <= 1 for value in hits.metrics(np.array(hit), probability).values())


def test_a_new_film_gets_a_sensible_probability(searches):
    strong, weak = [(100, 0.85, 6000, 4.4)], [(45, 0.58, 1200, 3.7)]
    for search in searches.values():
        assert search.predict_proba(strong)[0, 1] > 0.5 > search.predict_proba(weak)[0, 1]


def test_rows_that_are_not_four_finite_features_are_refused(searches):
    with pytest.raises(ValueError, match="3 features"):
        searches["xgboost"].predict_proba([(100, 0.85, 6000)])
    with pytest.raises(ValueError, match="NaN"):
        searches["xgboost"].predict_proba([(100, 0.85, np.nan, 4.4)])


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("name", ["random_forest", "xgboost"])
def test_onnx_gives_the_same_probability(original, searches, name):
    model = searches[name].best_estimator_
    X = copula.sample(original, rows=2000, seed=1)[FEATURES].to_numpy(np.float32)
    session = onnxruntime.InferenceSession(convert(model, len(FEATURES), name).SerializeToString())
    probability = session.run(["probabilities"], {"X": X})[0]
    assert np.abs(probability - model.predict_proba(X.astype(float))).max() < 1e-5
