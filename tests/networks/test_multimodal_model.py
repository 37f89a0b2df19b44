"""The multimodal network: what is compared, trained and exported; a real trailer goes through."""

import numpy as np
import pytest

from boxoffice.media.embeddings import embed_texts
from boxoffice.media.encoders import image_encoder, text_encoder
from boxoffice.media.trailers import read_trailer
from boxoffice.networks.layers import pool_frames, save_network
from boxoffice.networks.multimodal_model import (
    MultimodalModel,
    against_chance,
    check_choices,
    class_weights,
    combinations_of,
    probabilities,
    rows_by_part,
    train_classes,
)
from boxoffice.networks.revenue_classes import CLASSES
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


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A network on text, video and audio, saved as the stage saves it."""
    folder = tmp_path_factory.mktemp("models")
    widths = {"text": 384, "video": 2 * 1280, "audio": 480_000}
    train, validation = some_rows(16, **widths), some_rows(8, seed=1, **widths)
    trained, _ = train_classes(train, validation, validation, SETTINGS, seed=0)
    card = {
        "classes": list(CLASSES),
        "text_encoder": {"arguments": {"name": TEXT}},
        "image_encoder": {"arguments": IMAGE},
        "widths": widths,
        "fusion": "concatenation",
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("boxoffice.paths.MODELS", folder)
        save_network("multimodal", trained.network, card)
    return folder, trained.network


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
    frames, waveform = read_trailer(sintel)
    expected = asked(
        network,
        text=text_encoder(TEXT)(["A girl looks for her dragon."]),
        video=pool_frames(image_encoder(**IMAGE)(frames)[None]),
        audio=waveform[None],
    )
    assert list(both.values()) == pytest.approx(expected, abs=1e-6)
    assert sum(both.values()) == pytest.approx(1)
    alone = model.predict(text="A girl looks for her dragon.")
    assert max(abs(both[name] - alone[name]) for name in CLASSES) > 1e-4  # it was seen or heard


def test_nothing_to_predict_from_is_an_error(exported):
    with pytest.raises(ValueError, match="give one of text, video, audio"):
        MultimodalModel(exported[0]).predict()
