"""Exported models answer as scikit-learn does, and their cards tell what to feed them."""

import hashlib
import json
import os
import subprocess
import sys

import numpy as np
import onnx
import pandas as pd
import pytest
from sklearn.pipeline import Pipeline

from boxoffice.audience import engagement, hits, segments
from boxoffice.core import paths
from boxoffice.films.companies import companies_of
from boxoffice.films.credits import credit_roles
from boxoffice.films.features import film_facts, input_columns
from boxoffice.films.forecast_errors import ForecastErrors
from boxoffice.films.schema import clean, read_source
from boxoffice.films.splits import add_splits
from boxoffice.films.votes import votes_of
from boxoffice.tabular import export, models
from boxoffice.tabular.export import convert, export_model, run_model, unit
from boxoffice.tabular.pipelines import fit_films, track_record_inputs
from boxoffice.tabular.scores import revenue_scores, success_scores
from boxoffice.tabular.transformers import MarketContext, TrackRecord

# ONNX computes in float32, with 24 bits: about 6e-8 of each number, summed over a hundred trees or
# sixty terms. On log revenue, 1e-4 is a hundredth of a percent of the dollars.
LOG_REVENUE = 1e-4
PROBABILITY = 1e-5

REVENUE = models.revenue_models(seed=0)
SUCCESS = models.success_models(seed=0)


def smaller(model):
    """A model of 30 trees, since what there is to agree on doesn't grow with their number."""
    number = next((key for key in model.get_params() if key.endswith("n_estimators")), None)
    return model.set_params(**{number: 30}) if number else model


REVENUE = {name: smaller(model) for name, model in REVENUE.items()}
SUCCESS = {name: smaller(model) for name, model in SUCCESS.items()}
REVENUE["ensemble"] = models.revenue_ensemble(REVENUE)
SUCCESS["ensemble"] = models.success_ensemble(SUCCESS)


@pytest.fixture(scope="module")
def films():
    movies, credits, _ = read_source(paths.RAW / "open_films")
    movies = movies.iloc[:600]
    films = clean(movies).merge(credit_roles(movies, credits), on="id", validate="one_to_one")
    films = add_splits(films.join(film_facts(films)), test_size=0.3, seed=42)
    return films[films["usable"]].reset_index(drop=True)


def parts(films):
    return films[films["split_temporal"] == "train"], films[films["split_temporal"] == "test"]


def features_of(pipeline, feature_set, films):
    """What the service feeds a model: the features, not yet imputed."""
    return pipeline[0].transform(films[input_columns(feature_set, films)])


def with_gaps(features):
    """The same features, one in five missing."""
    gaps = np.random.default_rng(0).random(features.shape) < 0.2
    return features.mask(gaps)


def onnx_path(tmp_path, estimator, n_features):
    path = tmp_path / "model.onnx"
    path.write_bytes(convert(estimator, n_features, "model").SerializeToString(deterministic=True))
    return path


def as_float32(features):
    """What both sides are given: beside a threshold, float32 and float64 fall on two sides."""
    return features.astype(np.float32).astype(float)


@pytest.mark.parametrize("feature_set", ["classic", "pre_release"])
@pytest.mark.parametrize("name", REVENUE)
def test_revenue_models_agree(films, tmp_path, feature_set, name):
    train, test = parts(films)
    pipeline = fit_films(feature_set, train, REVENUE[name])
    known = features_of(pipeline, feature_set, test)
    path = onnx_path(tmp_path, pipeline[1:], known.shape[1])
    for features in (known, with_gaps(known)):
        expected = pipeline[1:].predict(as_float32(features))
        answer = run_model(path, features)["variable"]
        assert answer.shape == (len(test), 1)
        np.testing.assert_allclose(answer[:, 0], expected, rtol=0, atol=LOG_REVENUE)
    assert np.ptp(answer) > 1  # not one figure for all


@pytest.mark.parametrize("feature_set", ["classic", "pre_release"])
@pytest.mark.parametrize("name", SUCCESS)
def test_success_models_agree(films, tmp_path, feature_set, name):
    train, test = parts(films)
    pipeline = fit_films(feature_set, train, SUCCESS[name], target="success")
    known = features_of(pipeline, feature_set, test)
    path = onnx_path(tmp_path, pipeline[1:], known.shape[1])
    for features in (known, with_gaps(known)):
        expected = pipeline[1:].predict_proba(as_float32(features))
        answer = run_model(path, features)["probabilities"]
        np.testing.assert_allclose(answer, expected, rtol=0, atol=PROBABILITY)
    assert np.ptp(answer[:, 1]) > 0.2


@pytest.fixture(scope="module")
def audience(films):
    return engagement.from_films(films)


@pytest.mark.parametrize("name", [*hits.synthetic_models(4, 0), *("voting", "stacking")])
def test_hit_models_agree(audience, tmp_path, name):
    models = hits.film_models(seed=0) | hits.synthetic_models(4, seed=0)
    model = models[name].fit(*hits.xy(audience))
    X, _ = hits.xy(audience)
    path = onnx_path(tmp_path, model, X.shape[1])
    X = as_float32(X)
    expected = model.predict_proba(X)
    answer = run_model(path, X)["probabilities"]
    np.testing.assert_allclose(answer, expected, rtol=0, atol=PROBABILITY)


def test_segments_agree(audience, tmp_path):
    X = audience[engagement.FEATURES].to_numpy(float)
    pipeline = segments.segment_pipeline(k=4, seed=0).fit(X)
    answer = run_model(onnx_path(tmp_path, pipeline, X.shape[1]), X)
    assert (answer["label"] == pipeline.predict(X)).all()
    np.testing.assert_allclose(answer["scores"], pipeline.transform(X), rtol=0, atol=1e-4)


# The files


CARD = {"target": "log_revenue", "source": "open_films", "metrics": {"r2": 0.5}, "not_for": ["x"]}


@pytest.fixture
def models_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "MODELS", tmp_path / "models")
    return paths.MODELS


@pytest.fixture(scope="module")
def fitted(films):
    train, _ = parts(films)
    pipeline = fit_films("pre_release", train, REVENUE["ensemble"])
    return pipeline, features_of(pipeline, "pre_release", train)


def test_the_card_tells_what_to_feed(fitted, models_folder):
    pipeline, training = fitted
    export_model("revenue", pipeline[1:], training, CARD)
    card = json.loads((models_folder / "revenue.json").read_text())
    assert card["name"] == "revenue"
    assert card["model"] == "VotingRegressor with a budget tail"
    assert {key: card[key] for key in CARD} == CARD
    names = list(pipeline[0].get_feature_names_out())
    assert [feature["name"] for feature in card["features"]] == names == list(training)
    for feature in card["features"]:
        column = training[feature["name"]]
        assert feature["unit"] == unit(feature["name"])
        assert feature["minimum"] == pytest.approx(column.min(), rel=1e-5)
        assert feature["maximum"] == pytest.approx(column.max(), rel=1e-5)


def test_the_same_model_gives_the_same_bytes(fitted, models_folder):
    pipeline, training = fitted
    contents = []
    for _ in range(2):
        export_model("revenue", pipeline[1:], training, CARD)
        contents.append([path.read_bytes() for path in sorted(models_folder.iterdir())])
    assert contents[0] == contents[1]
    assert len(contents[0]) == 2


CONVERTED_ELSEWHERE = """
import hashlib
from boxoffice.core import paths
from boxoffice.tabular import export, models
from boxoffice.audience import hits
from boxoffice.audience.engagement import read_engagement
films = hits.xy(read_engagement(paths.RAW / "assignment" / "movies.csv"))
model = hits.synthetic_models(k=2, seed=0)["random_forest"].fit(*films)
print(hashlib.sha256(export.convert(model, 4, "hit").SerializeToString()).hexdigest())
"""


def test_every_process_writes_the_same_bytes():
    # Python orders sets by a hash that differs between processes; 0 and 1 order these two ways.
    said = {
        subprocess.run(
            [sys.executable, "-c", CONVERTED_ELSEWHERE],
            env={**os.environ, "PYTHONHASHSEED": str(hash_seed)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in (0, 1)
    }
    assert len(said) == 1


def test_the_card_tells_a_changed_file(fitted, models_folder):
    pipeline, training = fitted
    export_model("revenue", pipeline[1:], training, CARD)
    stated = json.loads((models_folder / "revenue.json").read_text())["sha256"]
    content = (models_folder / "revenue.onnx").read_bytes()
    assert hashlib.sha256(content).hexdigest() == stated
    middle = len(content) // 2
    changed = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    assert hashlib.sha256(changed).hexdigest() != stated


def test_a_model_that_cannot_be_converted_overwrites_nothing(fitted, models_folder):
    pipeline, training = fitted
    export_model("revenue", pipeline[1:], training, CARD)
    before = {path: path.read_bytes() for path in models_folder.iterdir()}
    unknown = Pipeline([("track_record", TrackRecord())])
    with pytest.raises(Exception, match="TrackRecord"):
        export_model("revenue", unknown, training, CARD)
    assert {path: path.read_bytes() for path in models_folder.iterdir()} == before


def test_loading_needs_neither_pickle_nor_the_training_library(fitted, models_folder):
    pipeline, training = fitted
    export_model("revenue", pipeline[1:], training, CARD)
    path = models_folder / "revenue.onnx"
    model = onnx.load(path)
    onnx.checker.check_model(model)
    assert {node.domain for node in model.graph.node} <= {"", "ai.onnx.ml"}  # no code of our own
    assert {entry.domain: entry.version for entry in model.opset_import} == export.OPSET
    program = (
        "import sys, onnxruntime\n"
        "session = onnxruntime.InferenceSession(sys.argv[1], providers=['CPUExecutionProvider'])\n"
        "assert session.get_inputs()[0].shape[1] == int(sys.argv[2])\n"
        "assert not {'sklearn', 'xgboost', 'joblib', 'boxoffice'} & set(sys.modules)\n"
    )
    command = [sys.executable, "-c", program, str(path), str(training.shape[1])]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_history_gives_the_same_track_record(films, tmp_path):
    """What the service does: the training films from history.parquet, refitted as features."""
    train, test = parts(films)
    pipeline = fit_films("pre_release", train, "passthrough")
    expected = features_of(pipeline, "pre_release", test)
    train[["id", *track_record_inputs(train), "log_revenue"]].to_parquet(tmp_path / "h.parquet")
    history = pd.read_parquet(tmp_path / "h.parquet")
    track_record = (
        TrackRecord(pipeline[0].named_transformers_["track_record"].roles)
        .fit(history, history["log_revenue"])
        .transform(test)
    )
    market = MarketContext().fit(history).transform(test)
    assert (track_record["director_count"] > 0).any()
    for made in (track_record, market):
        pd.testing.assert_frame_equal(made, expected[list(made)], check_exact=True)


# What the last `dvc repro` exported

EXPORTED = {
    "revenue_classic", "revenue_pre_release", "success_classic", "success_pre_release", "hit",
    "segments",
}  # fmt: skip
CARD_KEYS = {"name", "model", "target", "source", "row_filter", "training_rows", "metrics"}


@pytest.fixture(scope="module")
def exported():
    """Cards of the ONNX models in models/, by name, where a whole run has left them."""
    cards = {
        path.stem: json.loads(path.read_text())
        for path in paths.MODELS.glob("*.json")
        if not path.with_suffix(".safetensors").exists()  # the networks' cards
    }
    tables = [paths.PROCESSED / "films.parquet", paths.SYNTHETIC / "movies.csv"]
    if not set(cards) >= EXPORTED or not all(table.exists() for table in tables):
        pytest.skip("the models and tables of a whole run are not here (dvc repro)")
    return cards


@pytest.fixture(scope="module")
def known(exported):
    """The films that the exported models of films learned from: all usable ones."""
    films = pd.read_parquet(paths.PROCESSED / "films.parquet")
    return films[films["usable"]].reset_index(drop=True)


def test_every_model_has_a_card_that_belongs_to_it(exported):
    assert set(exported) == EXPORTED == {path.stem for path in paths.MODELS.glob("*.onnx")}
    for name, card in exported.items():
        content = (paths.MODELS / f"{name}.onnx").read_bytes()
        assert card["sha256"] == hashlib.sha256(content).hexdigest(), name
        (given,) = onnx.load_from_string(content).graph.input
        assert given.type.tensor_type.shape.dim[1].dim_value == len(card["features"])
        assert set(card) >= CARD_KEYS
        assert card["not_for"]
        for feature in card["features"]:
            assert feature["unit"]
            assert feature["minimum"] <= feature["maximum"]


@pytest.mark.parametrize("target", ["revenue", "success"])
def test_a_card_says_whose_votes_the_model_learned(exported, target):
    card = exported[f"{target}_classic"]
    assert card["votes"] == votes_of(card["source"])
    assert "votes" not in exported[f"{target}_pre_release"]


@pytest.mark.parametrize("target", ["revenue", "success"])
def test_a_card_says_which_companies_the_model_learned(exported, target):
    card = exported[f"{target}_pre_release"]
    assert card["companies"] == companies_of(card["source"])
    assert "companies" not in exported[f"{target}_classic"]


def features_like(card, train, films):
    """The features of a card, computed from the training films and nothing of the model."""
    features = fit_films(card["feature_set"], train, "passthrough")
    table = features_of(features, card["feature_set"], films)
    assert list(table) == [feature["name"] for feature in card["features"]]
    return table


def metrics_of(stage):
    return json.loads((paths.METRICS / f"{stage}.json").read_text())


@pytest.mark.parametrize("feature_set", ["classic", "pre_release"])
def test_the_exported_revenue_model_is_the_measured_recipe_on_all_films(
    exported, known, feature_set
):
    """Through ONNX alone: on films that it learned from, it does better than on later ones."""
    name = f"revenue_{feature_set}"
    card, measured = exported[name], metrics_of("regress")
    assert card["training_rows"] == len(known) == measured["rows"]
    assert card["trained_until"] == str(known["release_date"].max().date())
    assert card["selected"] == measured["selected"][feature_set]
    held_out = card["metrics"]["temporal"]
    assert held_out == pytest.approx(measured["temporal"][feature_set]["selected"], rel=1e-5)
    answer = run_model(paths.MODELS / f"{name}.onnx", features_like(card, known, known))
    scores = revenue_scores(known["log_revenue"].to_numpy(), answer["variable"][:, 0])
    assert scores["r2"] > held_out["r2"]


@pytest.mark.parametrize("feature_set", ["classic", "pre_release"])
def test_a_revenue_card_has_the_errors_and_the_backtest_of_forecasts(exported, feature_set):
    card, measured = exported[f"revenue_{feature_set}"], metrics_of("regress")
    errors = ForecastErrors.from_card(card["interval"])
    assert errors.nominal == measured["interval"][feature_set]["nominal"]
    asked = np.log(np.array([1e5, 1e7, 1e9]))
    lower, upper = errors.interval(asked)
    assert (lower < asked).all()
    assert (asked < upper).all()
    assert set(card["backtest"]) == set(measured["backtest"][feature_set])
    for name, scores in card["backtest"].items():
        assert scores["r2"] == pytest.approx(measured["backtest"][feature_set][name]["r2"], 1e-4)


@pytest.mark.parametrize("feature_set", ["classic", "pre_release"])
def test_the_exported_success_model_is_the_measured_recipe_on_all_films(
    exported, known, feature_set
):
    name = f"success_{feature_set}"
    card = exported[name]
    assert card["training_rows"] == len(known)
    measured = metrics_of("classify")["success"]["temporal"][feature_set]["selected"]
    assert card["metrics"]["temporal"] == pytest.approx(measured, rel=1e-5)
    answer = run_model(paths.MODELS / f"{name}.onnx", features_like(card, known, known))
    scores = success_scores(known["success"].to_numpy(), answer["probabilities"][:, 1])
    assert scores["roc_auc"] > card["metrics"]["temporal"]["roc_auc"]


def test_the_exported_hit_model_has_the_figures_of_its_card(exported):
    original = engagement.read_engagement(paths.RAW / "assignment" / "movies.csv")
    X, hit = hits.xy(original)
    probability = run_model(paths.MODELS / "hit.onnx", X)["probabilities"][:, 1]
    expected = exported["hit"]["metrics"]["external"]
    assert hits.metrics(hit, probability) == pytest.approx(expected, rel=1e-3)


def test_the_exported_segments_are_those_of_the_report(exported):
    synthetic = engagement.read_engagement(paths.SYNTHETIC / "movies.csv")
    X = synthetic[engagement.FEATURES]
    label = run_model(paths.MODELS / "segments.onnx", X)["label"]
    names = exported["segments"]["segments"]
    found = pd.Series(label).map(dict(enumerate(names))).value_counts().to_dict()
    reported = json.loads((paths.METRICS / "segment.json").read_text())["synthetic"]["segments"]
    counts = {name: reported[name.lower().replace(" ", "_")]["count"] for name in names}
    assert found == counts


def test_no_feature_of_a_film_model_is_constant(exported):
    """A source's absent roles and genres are left out, so nobody has to state them."""
    for name in ("revenue_pre_release", "success_pre_release"):
        features = exported[name]["features"]
        assert [f["name"] for f in features if not f["minimum"] < f["maximum"]] == []
