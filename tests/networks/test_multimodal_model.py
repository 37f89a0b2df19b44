"""Revenue classes, their scores, and the multimodal network, trained, exported and asked."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from boxoffice.media.embeddings import embed_texts
from boxoffice.media.encoders import image_encoder, text_encoder
from boxoffice.media.trailers import read_trailer
from boxoffice.networks.layers import FusionNetwork, pool_frames, save_network
from boxoffice.networks.multimodal_model import (
    MultimodalModel,
    accuracy_by_inputs,
    accuracy_interval,
    against_chance,
    check_choices,
    class_scores,
    class_weights,
    combinations_of,
    mcnemar,
    probabilities,
    rows_by_part,
    trailer_inputs,
    train_classes,
)
from boxoffice.networks.revenue_classes import CLASSES, class_edges, revenue_class
from boxoffice.networks.training import Rows, Settings, predict

SETTINGS = Settings(learning_rate=1e-3, weight_decay=0.01, batch_size=8, epochs=2, patience=2)
IMAGE = {"name": "efficientnet_lite0", "weights": None, "random_weights": False, "seed": 0}
TEXT = "all-MiniLM-L6-v2"


def some_rows(n, seed=0, **widths):
    rng = np.random.default_rng(seed)
    inputs = {name: rng.normal(size=(n, width)).astype("float32") for name, width in widths.items()}
    if "audio" in inputs:
        inputs["audio"] = (1000 * inputs["audio"]).astype("int16")
    return Rows(inputs, np.arange(n) % len(CLASSES))


def test_an_ablation_compares_every_choice():
    assert list(combinations_of(["text", "video", "audio"])) == [
        "text",
        "video",
        "audio",
        "text_video",
        "text_audio",
        "video_audio",
        "text_video_audio",
        "metadata",
        "text_video_audio_metadata",
    ]
    assert combinations_of(["text"]) == {
        "text": ("text",),
        "metadata": ("metadata",),
        "text_metadata": ("text", "metadata"),
    }


def test_class_edges_come_from_training_rows_alone():
    rng = np.random.default_rng(0)
    revenue = rng.lognormal(17, 1.5, 300)
    parts = rng.choice(["train", "validation", "test", "unused"], 300, p=[0.6, 0.15, 0.15, 0.1])
    inputs = {"text": rng.normal(size=(300, 4)).astype("float32")}
    rows = rows_by_part(inputs, revenue, parts)
    counts = np.bincount(rows["train"].target, minlength=8)
    assert counts.max() - counts.min() <= 1  # eighths of the training rows
    changed = np.where(parts == "train", revenue, revenue * 1000)
    others = rows_by_part(inputs, changed, parts)
    np.testing.assert_array_equal(others["train"].target, rows["train"].target)
    assert not np.array_equal(others["test"].target, rows["test"].target)
    for part, found in rows.items():
        np.testing.assert_array_equal(found.inputs["text"], inputs["text"][parts == part])


@pytest.mark.parametrize(
    ("modalities", "splits", "message"),
    [
        (["text", "vidoe"], ["70/20/10"], "expected some of text, video, audio"),
        ([], ["70/20/10"], "expected some of"),
        (["text", "text"], ["70/20/10"], "expected some of"),
        (["text"], ["70/20/20"], "adds up to 100"),
        (["text"], ["70/30"], "needs three parts"),
        (["text"], ["90/10/0"], "none of them empty"),
        (["text"], ["most/some/few"], "adds up to 100"),
    ],
)
def test_choices_that_there_are_not_are_refused(modalities, splits, message):
    with pytest.raises(ValueError, match=message):
        check_choices(modalities, splits)


def test_without_a_viewer_all_films_take_part_and_no_trailer_is_looked_for(tmp_path):
    seen, inputs, skipped, media = trailer_inputs(None, tmp_path / "nowhere", pd.Series([7, 8, 9]))
    assert seen.tolist() == [0, 1, 2]
    assert (inputs, len(skipped), media) == ({}, 0, "none")


def test_chance_is_one_in_eight():
    actual = np.arange(800) % 8
    assert against_chance(actual, np.zeros(800, dtype=int)) == pytest.approx(1.0)
    assert against_chance(actual, actual) < 1e-12


def test_weights_make_classes_count_the_same():
    target = np.repeat(np.arange(8), [10, 20, 5, 5, 5, 5, 5, 1])
    weights = class_weights(target)
    assert weights * np.bincount(target) == pytest.approx(len(target) / 8)
    assert np.isfinite(class_weights(np.zeros(4, dtype=int))).all()  # classes that no film has


def test_probabilities_add_up_and_keep_the_order():
    answer = probabilities(np.array([[0.0, 1.0, -1.0], [1000.0, 0.0, 0.0]]))
    assert answer.sum(axis=1) == pytest.approx(1)
    assert answer[0].argsort().tolist() == [2, 0, 1]


@pytest.mark.parametrize("fusion", ["concatenation", "attention"])
def test_rows_that_are_asked_change_nothing(fusion):
    train, validation = some_rows(32, text=5, metadata=4), some_rows(16, seed=1, text=5, metadata=4)
    first, few = train_classes(
        train, validation, some_rows(3, seed=2, text=5, metadata=4), SETTINGS, 0, fusion
    )
    second, many = train_classes(
        train, validation, some_rows(9, seed=3, text=5, metadata=4), SETTINGS, 0, fusion
    )
    assert few.shape == (3, 8)
    assert many.shape == (9, 8)
    assert first.history.equals(second.history)


def test_a_network_learns_what_there_is_to_learn():
    rng = np.random.default_rng(0)
    facts = rng.normal(size=(400, 3)).astype("float32")
    target = np.digitize(facts[:, 0], np.quantile(facts[:, 0], np.arange(1, 8) / 8))
    rows = Rows({"metadata": facts}, target)
    patient = Settings(3e-3, 0.01, batch_size=16, epochs=30, patience=30)
    asked = Rows({"metadata": facts[:100]}, target[:100])
    _, probability = train_classes(rows, rows, asked, patient, seed=0, label_spread=0.6)
    assert np.mean(probability.argmax(axis=1) == target[:100]) > 0.5


def test_accuracy_is_told_by_what_the_network_was_given():
    rows = some_rows(64, text=5, metadata=4)
    rows.inputs["metadata"][:, 0] = rows.target
    patient = Settings(3e-3, 0.01, batch_size=16, epochs=30, patience=30)
    trained, probability = train_classes(rows, rows, rows, patient, seed=0)
    scores = accuracy_by_inputs(trained.network, rows)
    assert set(scores) == {"text", "metadata", "text_metadata"}
    away = np.abs(probability.argmax(axis=1) - rows.target)
    assert scores["text_metadata"] == {
        "films": 64,
        "exact": np.mean(away == 0),
        "one_away": np.mean(away <= 1),
        "chance": 1 / 8,
    }
    assert scores["text"]["exact"] < scores["text_metadata"]["exact"]


def test_a_trailers_picture_and_sound_are_given_together():
    rows = some_rows(8, text=5, video=6, audio=25_600, metadata=4)
    network = FusionNetwork({name: values.shape[1] for name, values in rows.inputs.items()})
    scores = accuracy_by_inputs(network, rows)
    assert set(scores) == {
        *("text", "metadata", "text_metadata"),
        *("video_audio", "text_video_audio", "video_audio_metadata"),
        "text_video_audio_metadata",
    }


def exported_network(folder, **widths):
    """A network with its card, saved as the stage saves it."""
    train, validation = some_rows(16, **widths), some_rows(8, seed=1, **widths)
    trained, _ = train_classes(train, validation, validation, SETTINGS, seed=0)
    card = {
        "classes": list(CLASSES),
        "text_encoder": {"arguments": {"name": TEXT}},
        "image_encoder": {"arguments": IMAGE},
        "widths": widths,
        "facts": {"log_budget": 16.5, "runtime": 108.0},
        "fusion": "concatenation",
        "edges_usd": [],
        "metrics": {},
        "unread": {},
        "source": "open_films",
        "media": "real",
        "not_for": [],
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("boxoffice.core.paths.MODELS", folder)
        save_network("multimodal", trained.network, card)
    return folder, trained.network


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A network on text, video and audio."""
    widths = {"text": 384, "video": 2 * 1280, "audio": 480_000}
    return exported_network(tmp_path_factory.mktemp("models"), **widths)


def asked(network, **inputs):
    """The network's own answer to arrays, lowest class first."""
    rows = Rows(inputs, np.zeros(len(next(iter(inputs.values()))), dtype=int))
    return probabilities(predict(network, rows))[0]


def test_text_alone_is_enough(exported, tmp_path):
    folder, network = exported
    answer = MultimodalModel(folder).predict(text="A heist goes wrong.")
    assert list(answer) == list(CLASSES)
    text = embed_texts(text_encoder(TEXT), ["A heist goes wrong."], tmp_path / "cache.sqlite")
    assert list(answer.values()) == pytest.approx(asked(network, text=text), abs=1e-6)


def test_a_real_trailer_goes_through_extraction_embedding_and_prediction(exported, shared_data):
    sintel = shared_data / "trailers" / "sintel_trailer_480p_52s.mp4"
    folder, network = exported
    model = MultimodalModel(folder)
    both = model.predict(text="A girl looks for her dragon.", trailer=sintel)
    read = frames, waveform = read_trailer(sintel)
    expected = asked(
        network,
        text=text_encoder(TEXT)(["A girl looks for her dragon."]),
        video=pool_frames(image_encoder(**IMAGE)(frames)[None]),
        audio=waveform[None],
    )
    assert list(both.values()) == pytest.approx(expected, abs=1e-6)
    assert model.predict(text="A girl looks for her dragon.", trailer=read) == both
    assert sum(both.values()) == pytest.approx(1)
    alone = model.predict(text="A girl looks for her dragon.")
    assert max(abs(both[name] - alone[name]) for name in CLASSES) > 1e-4  # it was seen or heard


def test_facts_are_read_beside_a_text_and_unknown_ones_are_typical(tmp_path):
    folder, network = exported_network(tmp_path, text=384, metadata=2)
    model = MultimodalModel(folder)
    text = text_encoder(TEXT)(["A heist goes wrong."])
    for facts, read in (
        ([18.0, 140.0], [18.0, 140.0]),
        ([18.0, np.nan], [18.0, 108.0]),
        ([np.nan, np.nan], [16.5, 108.0]),
    ):
        answer = model.predict("A heist goes wrong.", facts=np.array(facts))
        metadata = np.array([read], dtype="float32")
        expected = asked(network, text=text, metadata=metadata)
        assert list(answer.values()) == pytest.approx(expected, abs=1e-6)
    alone = model.predict("A heist goes wrong.")
    assert list(alone.values()) == pytest.approx(asked(network, text=text), abs=1e-6)


def test_nothing_to_predict_from_is_an_error(exported):
    with pytest.raises(ValueError, match="give one of text, video, audio"):
        MultimodalModel(exported[0]).predict()


# The classes


def test_the_classes_are_in_order_of_revenue():
    names = "Disaster Flop Successful Average Hit Outstanding Superhit Blockbuster"
    assert " ".join(CLASSES) == names
    revenue = np.array([1.0, 1e5, 1e6, 1e7, 5e7, 1e8, 5e8, 2e9])
    assert revenue_class(revenue, class_edges(revenue)).tolist() == list(range(8))


@given(st.lists(st.integers(1, 10**9), min_size=16, max_size=200, unique=True))
def test_classes_divide_the_training_films_evenly(revenue):
    counts = np.bincount(revenue_class(revenue, class_edges(revenue)), minlength=8)
    assert counts.max() - counts.min() <= 2


def test_edges_are_eighths_of_what_they_are_made_of():
    edges = class_edges(np.arange(1, 10))
    assert edges.tolist() == [2, 3, 4, 5, 6, 7, 8]


def test_films_beyond_the_training_range_fall_into_the_outer_classes():
    edges = class_edges(np.arange(100, 1000))
    assert revenue_class([0, 1e12], edges).tolist() == [0, 7]


def test_a_film_on_an_edge_belongs_above():
    edges = class_edges(np.arange(1, 10))
    assert revenue_class([2.0], edges).tolist() == [1]


def test_too_few_revenues_are_refused():
    with pytest.raises(ValueError, match="doesn't divide into 8 classes"):
        class_edges([5.0] * 40)


# Scores

RNG = np.random.default_rng(0)
ACTUAL = RNG.integers(0, 8, 300)
FORECAST = np.clip(ACTUAL + RNG.integers(-2, 3, 300), 0, 7)


def test_one_away_counts_the_neighbours():
    scores = class_scores([0, 1, 2, 7], [0, 2, 4, 6])
    assert scores["accuracy"] == 0.25
    assert scores["one_away_accuracy"] == 0.75


def test_averages_are_scikit_learns():
    scores = class_scores(ACTUAL, FORECAST)
    assert scores["f1_weighted"] == pytest.approx(f1_score(ACTUAL, FORECAST, average="weighted"))
    assert scores["f1_macro"] == pytest.approx(f1_score(ACTUAL, FORECAST, average="macro"))
    assert scores["recall_weighted"] == pytest.approx(scores["accuracy"])


def test_a_class_that_no_film_has_counts_as_zero_in_the_plain_mean():
    assert class_scores([0, 0], [0, 0])["f1_macro"] == pytest.approx(1 / 8)


def test_mcnemar_looks_at_films_that_one_alone_got_right():
    actual = np.zeros(20, dtype=int)
    first = np.r_[np.zeros(12), np.ones(8)].astype(int)
    second = np.r_[np.ones(2), np.zeros(10), np.ones(8)].astype(int)
    assert mcnemar(actual, first, second) == pytest.approx(0.5)  # 2 against 0
    assert mcnemar(actual, first, first) == 1.0
    far_worse = np.ones(20, dtype=int)
    assert mcnemar(actual, first, far_worse) == pytest.approx(2 / 2**12)


def test_the_interval_holds_the_accuracy_and_narrows_with_more_films():
    accuracy = class_scores(ACTUAL, FORECAST)["accuracy"]
    few = accuracy_interval(ACTUAL[:30], FORECAST[:30], seed=0)
    many = accuracy_interval(ACTUAL, FORECAST, seed=0)
    assert many["lower"] < accuracy < many["upper"]
    assert many["upper"] - many["lower"] < few["upper"] - few["lower"]
    assert accuracy_interval(ACTUAL, FORECAST, seed=0) == many


def test_the_interval_of_one_away_lies_above():
    one_away = accuracy_interval(ACTUAL, FORECAST, seed=0, tolerance=1)
    assert one_away["lower"] > accuracy_interval(ACTUAL, FORECAST, seed=0)["upper"]
