"""The poster network: training data, a trained backbone, scores, the exported network."""

import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from pooch import file_hash
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    mean_squared_error,
    precision_score,
    r2_score,
    recall_score,
    roc_auc_score,
)

from boxoffice.media.embeddings import embed_posters
from boxoffice.media.encoders import image_encoder
from boxoffice.media.files import MediaError
from boxoffice.networks.layers import save_network
from boxoffice.networks.poster_model import (
    EmbeddedPosters,
    PosterFiles,
    PosterModel,
    gain,
    likeness,
    poster_rows,
    poster_scores,
    resampled,
    train_revenue,
    with_intervals,
)
from boxoffice.networks.training import Settings, predict

SETTINGS = Settings(learning_rate=1e-3, weight_decay=1e-4, batch_size=4, epochs=1, patience=1)
ENCODER = {"name": "efficientnet_lite0", "weights": None, "random_weights": False, "seed": 0}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Twelve pictures, the brighter the more their film earned."""
    folder = tmp_path_factory.mktemp("posters")
    rng = np.random.default_rng(0)
    rows = []
    for number in range(12):
        noise = rng.integers(0, 40, (90, 60, 3)) + 15 * number
        path = folder / f"{number}.jpg"
        Image.fromarray(noise.astype("uint8")).save(path)
        rows.append((number, str(path), file_hash(path)))
    return pd.DataFrame(rows, columns=["id", "path", "sha256"])


REVENUE = np.linspace(7, 9, 12).astype("float32")


def embedded(n=20, views=2, seed=0, training=False):
    rng = np.random.default_rng(seed)
    return EmbeddedPosters(
        {"poster": rng.normal(size=(n, 1 + views, 6)).astype("float32")},
        rng.normal(8, 0.5, n).astype("float32"),
        training,
    )


def test_only_training_draws_altered_views():
    rows = np.arange(20)
    still, moving = embedded(), embedded(training=True)
    torch.manual_seed(0)
    inputs, target = still.batch(rows)
    np.testing.assert_array_equal(inputs["poster"], still.inputs["poster"][:, 0])
    np.testing.assert_array_equal(target, still.target)
    drawn = moving.batch(rows)[0]["poster"].numpy()
    views = moving.inputs["poster"]
    found = [[np.array_equal(drawn[i], views[i, v]) for v in range(3)] for i in rows]
    assert np.sum(found, axis=1).tolist() == [1] * 20  # of the same film
    assert (np.sum(found, axis=0) > 0).all()  # every view at some time


def test_forecasts_are_of_the_rows_asked_and_change_nothing():
    train, validation = embedded(training=True), embedded(n=6, seed=1)
    first = train_revenue(train, validation, embedded(n=5, seed=2), SETTINGS, seed=0)
    other = train_revenue(train, validation, embedded(n=9, seed=3), SETTINGS, seed=0)
    assert [len(first[1]), len(first[2]), len(other[2])] == [6, 5, 9]
    assert first[0].val_loss == other[0].val_loss
    np.testing.assert_array_equal(first[1], other[1])


def test_rows_by_part_hold_embeddings_or_files(files):
    parts = np.array(["train"] * 6 + ["validation", "test"] * 3, dtype=object)
    rng = np.random.default_rng(0)
    embeddings = rng.normal(size=(12, 3, 6)).astype("float32")
    for posters, kind in (
        (embeddings, EmbeddedPosters),
        (files["path"].to_numpy(object), PosterFiles),
    ):
        rows = poster_rows(posters, REVENUE, parts)
        assert [(name, len(part)) for name, part in rows.items()] == [
            ("train", 6),
            ("validation", 3),
            ("asked", 3),
        ]
        assert all(isinstance(part, kind) for part in rows.values())
        assert [part.training for part in rows.values()] == [True, False, False]
        np.testing.assert_array_equal(rows["asked"].inputs["poster"], posters[7::2])
        np.testing.assert_array_equal(rows["asked"].target, REVENUE[7::2])


def poster_files(files, rows, training=False):
    return PosterFiles({"poster": files["path"].to_numpy()[rows]}, REVENUE[rows], training)


def test_fine_tuning_trains_the_backbone_and_goes_on_from_its_weights(files):
    train = poster_files(files, np.arange(8), training=True)
    validation = poster_files(files, np.arange(8, 10))
    asked = poster_files(files, np.arange(10, 12))
    results = [
        train_revenue(train, validation, asked, SETTINGS, seed=0, encoder=ENCODER) for _ in range(2)
    ]
    trained, _, forecast = results[0]
    assert forecast.shape == (2,)
    assert np.isfinite(forecast).all()
    before = image_encoder(**ENCODER).module.state_dict()
    after = trained.network.embedding.backbone.state_dict()
    moved = [name for name in before if not torch.equal(before[name], after[name])]
    assert any(name.endswith("weight") for name in moved)
    assert all((before[n] - after[n]).abs().max() < 0.1 for n in moved if n.endswith("conv.weight"))
    np.testing.assert_array_equal(forecast, results[1][2])  # the same again


def test_the_fingerprint_follows_the_files_content(files, tmp_path):
    rows = poster_files(files, np.arange(3))
    copies = []
    for number, path in enumerate(rows.inputs["poster"]):
        copy = tmp_path / f"{number}.jpg"
        shutil.copyfile(path, copy)
        copies.append(str(copy))
    moved = replace(rows, inputs={"poster": np.array(copies, dtype=object)})
    assert moved.fingerprint() == rows.fingerprint()
    Image.new("RGB", (60, 90)).save(copies[0])
    assert moved.fingerprint() != rows.fingerprint()


@pytest.fixture(scope="module")
def exported(files, tmp_path_factory):
    """A network trained on the pictures' embeddings, saved as the stage saves it."""
    folder = tmp_path_factory.mktemp("models")
    encoder = image_encoder(**ENCODER)
    embeddings = embed_posters(encoder, files, folder / "cache.sqlite")
    rows = EmbeddedPosters({"poster": embeddings}, REVENUE)
    trained, _, forecast = train_revenue(rows, rows, rows, SETTINGS, seed=0)
    alike = likeness(trained.network, rows, rows)
    card = {
        "encoder": {"key": encoder.key, "finetuned": False, "arguments": ENCODER},
        "widths": {"poster": encoder.dim},
        "interval": {"lower": -0.5, "upper": 0.25},
        "least_likeness": alike.min().item(),
        "source": "open_films",
        "media": "stand_in",
        "not_for": [],
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("boxoffice.core.paths.MODELS", folder)
        save_network("poster", trained.network, card)
    return folder, forecast, trained, rows, alike


def test_the_exported_network_answers_as_the_trained_one(files, exported):
    folder, forecast, trained, rows, alike = exported
    model = PosterModel(folder)
    for place in (0, 11):
        answer = model.predict(files["path"][place])
        assert np.log10(answer["revenue"]) == pytest.approx(forecast[place], abs=1e-4)
        assert np.log10(answer["lower"]) == pytest.approx(forecast[place] - 0.5, abs=1e-4)
        assert np.log10(answer["upper"]) == pytest.approx(forecast[place] + 0.25, abs=1e-4)
        assert answer["likeness"] == pytest.approx(alike[place], abs=1e-4)
    np.testing.assert_array_equal(predict(trained.network, rows), forecast)


def test_likeness_is_the_cosine_to_the_mean_embedding_of_training(exported):
    *_, rows, alike = exported
    unit = rows.inputs["poster"][:, 0]
    unit = unit / np.linalg.norm(unit, axis=1, keepdims=True)
    mean = unit.mean(axis=0)
    np.testing.assert_allclose(alike, unit @ mean / np.linalg.norm(mean), rtol=1e-5)
    assert alike.max() <= 1.00001


def test_a_file_that_is_no_image_is_refused(exported, tmp_path):
    path = tmp_path / "1.jpg"
    path.write_text("a poster, honestly")
    with pytest.raises(MediaError, match="not an image"):
        PosterModel(exported[0]).predict(path)


# Scores

RNG = np.random.default_rng(0)
ACTUAL = RNG.normal(7.8, 0.5, 200)
FORECAST = ACTUAL + RNG.normal(0, 0.5, 200)
MEDIAN = float(np.median(ACTUAL))


def test_scores_are_scikit_learns():
    above, said = ACTUAL > MEDIAN, FORECAST > MEDIAN
    expected = {
        "loss": mean_squared_error(ACTUAL, FORECAST),
        "r2": r2_score(ACTUAL, FORECAST),
        "rmse": mean_squared_error(ACTUAL, FORECAST) ** 0.5,
        "accuracy": accuracy_score(above, said),
        "precision": precision_score(above, said),
        "recall": recall_score(above, said),
        "f1": f1_score(above, said),
        "roc_auc": roc_auc_score(above, FORECAST),
    }
    scores = poster_scores(ACTUAL, FORECAST, MEDIAN)
    assert {name: scores[name] for name in expected} == pytest.approx(expected)


def test_tied_forecasts_count_half():
    actual, forecast = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 2.0, 2.0, 2.0])
    scores = poster_scores(actual, forecast, 2.5)
    assert scores["roc_auc"] == roc_auc_score(actual > 2.5, forecast) == 0.75


def test_within_is_a_share_of_the_revenue_itself():
    actual = np.log10([100e6, 100e6, 100e6, 200e6])
    forecast = np.log10([124e6, 76e6, 149e6, 302e6])
    scores = poster_scores(actual, forecast, 8.0)
    assert scores["within_25"] == 0.5
    assert scores["within_50"] == 0.75


def test_rows_of_a_matrix_are_scored_one_by_one():
    drawn = resampled(len(ACTUAL), seed=0)[:5]
    together = poster_scores(ACTUAL[drawn], FORECAST[drawn], MEDIAN)
    for place, rows in enumerate(drawn):
        for name, value in poster_scores(ACTUAL[rows], FORECAST[rows], MEDIAN).items():
            assert together[name][place] == pytest.approx(value), name


def test_a_constant_forecast_tells_nothing():
    scores = poster_scores(ACTUAL, np.full(len(ACTUAL), MEDIAN), MEDIAN)
    assert scores["roc_auc"] == 0.5
    assert scores["f1"] == scores["precision"] == scores["recall"] == 0.0


def test_intervals_hold_the_scores():
    result = with_intervals(ACTUAL, FORECAST, MEDIAN, seed=0)
    for name, ends in result["interval_95"].items():
        assert ends["lower"] <= result["scores"][name] <= ends["upper"], name
    again = with_intervals(ACTUAL, FORECAST, MEDIAN, seed=0)
    assert again == result


def test_a_median_may_differ_from_film_to_film():
    medians = np.where(np.arange(200) < 100, 7.0, 8.5)
    result = with_intervals(ACTUAL, FORECAST, medians, seed=0)
    expected = np.mean((medians < ACTUAL) == (medians < FORECAST))
    assert result["scores"]["accuracy"] == pytest.approx(expected)


def test_a_gain_is_shown_where_there_is_one_and_not_where_there_is_none():
    median = np.full(len(ACTUAL), ACTUAL.mean())
    worse = ACTUAL + RNG.normal(0, 1.5, 200)
    assert gain(ACTUAL, ACTUAL + 0.1, median, seed=0)["lower"] > 0
    assert gain(ACTUAL, worse, median, seed=0)["upper"] < 0
    assert gain(ACTUAL, median, median, seed=0) == {"value": 0.0, "lower": 0.0, "upper": 0.0}


def test_the_gain_is_the_difference_of_the_losses():
    found = gain(ACTUAL, FORECAST, np.full(200, 7.8), seed=0)
    expected = np.mean((ACTUAL - 7.8) ** 2) - np.mean((ACTUAL - FORECAST) ** 2)
    assert found["value"] == pytest.approx(expected)
    assert found["lower"] < found["value"] < found["upper"]
