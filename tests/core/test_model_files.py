"""Exported models are loaded only as they were exported."""

import hashlib
import json
import shutil

import numpy as np
import onnx
import pytest

from boxoffice.core.model_files import BLOCK, ExportedModel, ModelFileError
from boxoffice.forecasts.forecasts import Forecasts
from boxoffice.tabular.export import run_model

TABULAR = (
    "revenue_classic",
    "revenue_pre_release",
    "success_classic",
    "success_pre_release",
    "hit",
    "segments",
)
FILES = (
    *(f"{name}{ending}" for name in TABULAR for ending in (".onnx", ".json")),
    "history.parquet",
    "names.parquet",
    "training_features.parquet",
)


@pytest.fixture
def copy(models, tmp_path):
    """The files that the tabular models need, to be spoilt."""
    for name in FILES:
        shutil.copyfile(models / name, tmp_path / name)
    return tmp_path


def card_of(folder, name):
    return json.loads((folder / f"{name}.json").read_text())


def write_card(folder, name, card):
    (folder / f"{name}.json").write_text(json.dumps(card))


def films(model, n):
    """Random films within the training ranges."""
    draw = np.random.default_rng(0)
    low, high = (np.nan_to_num(end) for end in (model.minimum, model.maximum))
    return (low + (high - low) * draw.random((n, len(low)))).astype(np.float32)


@pytest.mark.parametrize("name", TABULAR[:5])
def test_answers_are_those_of_the_file_in_blocks_or_at_once(models, name):
    model = ExportedModel(name, models)
    features = films(model, 2 * BLOCK + 7)
    outputs = run_model(models / f"{name}.onnx", features)
    whole = outputs[list(outputs)[-1]][:, -1]
    np.testing.assert_allclose(model.predict(features), whole, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(model.predict(features[:3]), model.predict(features)[:3])


def test_every_model_of_the_service_is_whole(copy):
    assert set(Forecasts(copy).cards) == set(TABULAR)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named_with_the_remedy(copy, name):
    (copy / name).unlink()
    with pytest.raises(ModelFileError, match=rf"{name} is missing: run `dvc repro`"):
        Forecasts(copy)


@pytest.mark.parametrize("name", [name for name in FILES if not name.endswith(".json")])
def test_an_altered_file_is_named_with_the_remedy(copy, name):
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(ModelFileError, match=rf"{name} is not the file .* run `dvc checkout"):
        Forecasts(copy)


def test_a_card_that_is_no_json_is_named(copy):
    (copy / "hit.json").write_text('{"name": "hit"')
    with pytest.raises(ModelFileError, match=r"hit\.json is not readable JSON"):
        Forecasts(copy)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        *(("hit", key) for key in ("sha256", "model", "source", "features")),
        ("segments", "scores"),
        ("revenue_classic", "interval"),
    ],
)
def test_a_card_that_lacks_something_is_named(copy, name, key):
    card = card_of(copy, name)
    del card[key]
    write_card(copy, name, card)
    with pytest.raises(ModelFileError, match=rf"{name}\.json .*{key}"):
        Forecasts(copy)


@pytest.mark.parametrize("content", ["null", "[]", '"a text"'])
def test_a_card_that_is_no_object_is_named(copy, content):
    (copy / "hit.json").write_text(content)
    with pytest.raises(ModelFileError, match=r"hit\.json is no card"):
        Forecasts(copy)


@pytest.mark.parametrize("end", [5, "much", None])
def test_an_interval_that_is_none_is_refused(copy, end):
    card = card_of(copy, "revenue_classic")
    card["interval"]["lower"] = end
    write_card(copy, "revenue_classic", card)
    with pytest.raises(ModelFileError, match=r"revenue_classic\.json .* interval"):
        Forecasts(copy)


def test_a_median_that_is_no_number_is_named(copy):
    card = card_of(copy, "hit")
    card["features"][0]["median"] = "some"
    write_card(copy, "hit", card)
    with pytest.raises(ModelFileError, match=r"hit\.json says too little"):
        Forecasts(copy)


def test_a_card_with_another_number_of_features_is_refused(copy):
    card = card_of(copy, "hit")
    card["features"].pop()
    write_card(copy, "hit", card)
    with pytest.raises(ModelFileError, match=r"hit\.onnx and its card name different features"):
        Forecasts(copy)


def test_a_card_that_names_the_features_in_another_order_is_refused(copy):
    card = card_of(copy, "hit")
    card["features"].reverse()
    write_card(copy, "hit", card)
    with pytest.raises(ModelFileError, match=r"hit\.onnx .* in another order: run `dvc checkout"):
        Forecasts(copy)


def test_a_file_that_names_no_features_is_refused(copy):
    model = onnx.load(copy / "hit.onnx")
    del model.metadata_props[:]
    content = model.SerializeToString()
    (copy / "hit.onnx").write_bytes(content)
    write_card(copy, "hit", card_of(copy, "hit") | {"sha256": hashlib.sha256(content).hexdigest()})
    with pytest.raises(ModelFileError, match=r"hit\.onnx and its card name different features"):
        Forecasts(copy)


def test_a_card_that_names_no_history_is_refused(copy):
    card = card_of(copy, "revenue_pre_release")
    del card["files"]["history.parquet"]
    write_card(copy, "revenue_pre_release", card)
    with pytest.raises(ModelFileError, match=r"revenue_pre_release\.json doesn't name history"):
        Forecasts(copy)


@pytest.mark.parametrize(
    ("name", "copied"), [("revenue_classic", "success_classic"), ("hit", "segments")]
)
def test_a_model_under_another_name_is_refused(copy, name, copied):
    """Both read the same features: nothing but the name on the card tells them apart."""
    for ending in (".onnx", ".json"):
        shutil.copyfile(copy / f"{name}{ending}", copy / f"{copied}{ending}")
    with pytest.raises(ModelFileError, match=rf"{copied}\.json is the card of '{name}'"):
        Forecasts(copy)


def test_models_of_two_runs_are_not_mixed(copy):
    """A success model that reads other features than the revenue model beside it."""
    for ending in (".onnx", ".json"):
        shutil.copyfile(copy / f"success_pre_release{ending}", copy / f"success_classic{ending}")
    write_card(
        copy, "success_classic", card_of(copy, "success_classic") | {"name": "success_classic"}
    )
    with pytest.raises(ModelFileError, match=r"success_classic\.json names other features"):
        Forecasts(copy)


def test_a_file_that_is_no_model_is_refused_even_with_a_right_sum(copy):
    (copy / "hit.onnx").write_bytes(b"no model")
    card = card_of(copy, "hit") | {"sha256": hashlib.sha256(b"no model").hexdigest()}
    write_card(copy, "hit", card)
    with pytest.raises(ModelFileError, match=r"hit\.onnx is no model"):
        Forecasts(copy)


@pytest.mark.parametrize("name", ["revenue_classic", "revenue_pre_release", "success_classic"])
def test_a_row_is_answered_to_the_bit_as_among_others(models, name):
    model = ExportedModel(name, models)
    rows = films(model, 50)
    assert [model.predict(row[None])[0] for row in rows] == model.predict(rows).tolist()
