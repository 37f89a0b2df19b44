"""Networks: shapes, scaling from training rows, absent modalities, files."""

import hashlib
import json

import numpy as np
import pytest
import torch
from torch import nn

from boxoffice.core import paths
from boxoffice.core.model_files import ModelFileError, load_card
from boxoffice.networks.layers import (
    AudioNetwork,
    FusionNetwork,
    OrdinalCrossEntropy,
    RevenueNetwork,
    Standardize,
    load_weights,
    pool_frames,
    save_network,
)
from boxoffice.networks.revenue_classes import CLASSES

WIDTHS = {"text": 384, "video": 2560, "audio": 480_000, "metadata": 60}


def some_inputs(n=4, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "text": rng.normal(size=(n, 384)).astype("float32"),
        "video": rng.normal(size=(n, 2560)).astype("float32"),
        "audio": rng.integers(-9000, 9000, (n, 480_000)).astype("int16"),
        "metadata": rng.normal(5.0, 3.0, size=(n, 60)).astype("float32"),
    }


def tensors(inputs, *names):
    return {name: torch.from_numpy(inputs[name]) for name in names or inputs}


def linear_sizes(module):
    layers = [layer for layer in module.modules() if isinstance(layer, nn.Linear)]
    return [(layer.in_features, layer.out_features) for layer in layers]


def test_the_revenue_head_is_1024_512_1_with_dropout():
    network = RevenueNetwork(1280)
    assert linear_sizes(network.head) == [(1280, 1024), (1024, 512), (512, 1)]
    assert [layer.p for layer in network.head if isinstance(layer, nn.Dropout)] == [0.2, 0.1]


def test_an_untrained_revenue_network_answers_near_the_training_mean():
    rng = np.random.default_rng(0)
    poster = rng.normal(3.0, 0.2, size=(50, 1280)).astype("float32")
    network = RevenueNetwork(1280).start_at(np.full(50, 7.8))
    answer = network.eval()({"poster": torch.from_numpy(poster)})
    assert answer.shape == (50,)
    assert answer.detach().numpy() == pytest.approx(7.8, abs=0.1)


def test_a_backbone_is_trained_along():
    backbone = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 5))
    network = RevenueNetwork(5, backbone)
    network({"poster": torch.rand(2, 3, 8, 8)}).sum().backward()
    assert backbone[1].weight.grad.abs().sum() > 0


def test_standardizing_gives_mean_0_and_deviation_1_and_cuts_at_5():
    rng = np.random.default_rng(0)
    training = rng.normal([5.0, -3.0, 0.0], [2.0, 0.1, 1.0], size=(1000, 3)).astype("float32")
    training[:, 2] = 7.0  # constant
    scale = Standardize(3).fit(training)
    scaled = scale(torch.from_numpy(training)).numpy()
    assert scaled.mean(axis=0) == pytest.approx(0, abs=1e-4)
    assert scaled[:, :2].std(axis=0) == pytest.approx(1, abs=1e-2)
    far = scale(torch.tensor([[1e6, -1e6, 7.0]])).numpy()
    assert far == pytest.approx(np.array([[5, -5, 0]]))


def test_scaling_is_part_of_the_weights():
    network = FusionNetwork({"metadata": 60}).fit_scale(some_inputs())
    copy = FusionNetwork({"metadata": 60})
    copy.load_state_dict(network.state_dict())
    inputs = tensors(some_inputs(), "metadata")
    assert torch.equal(network.eval()(inputs), copy.eval()(inputs))


def test_audio_becomes_1024_numbers():
    answer = AudioNetwork().eval()(torch.from_numpy(some_inputs()["audio"]))
    assert answer.shape == (4, 1024)


def test_audio_hears_loudness():
    wave = torch.from_numpy(some_inputs()["audio"])
    network = AudioNetwork().eval()
    assert not torch.allclose(network(wave), network(wave // 8))


def test_frames_are_pooled_over_time():
    frames = np.arange(2 * 30 * 5, dtype="float32").reshape(2, 30, 5)
    pooled = pool_frames(frames)
    assert pooled.shape == (2, 10)
    np.testing.assert_array_equal(pooled[0, :5], frames[0].mean(axis=0))
    np.testing.assert_array_equal(pooled[1, 5:], frames[1].max(axis=0))


@pytest.mark.parametrize("fusion", ["concatenation", "attention"])
@pytest.mark.parametrize("names", [("text",), ("text", "video"), tuple(WIDTHS)])
def test_fusion_gives_eight_logits_for_every_choice_of_modalities(fusion, names):
    inputs = some_inputs()
    network = FusionNetwork({name: WIDTHS[name] for name in names}, fusion).fit_scale(inputs)
    answer = network.eval()(tensors(inputs, *names))
    assert answer.shape == (4, len(CLASSES)) == (4, 8)
    assert linear_sizes(network.head)[1:] == [(512, 256), (256, 8)]


def test_an_unknown_fusion_is_refused():
    with pytest.raises(ValueError, match="unknown fusion 'atention'"):
        FusionNetwork({"text": 384}, "atention")


def test_concatenation_joins_text_video_audio_and_facts():
    network = FusionNetwork(WIDTHS)
    assert linear_sizes(network.head)[0] == (384 + 2560 + 1024 + 60, 512)


@pytest.mark.parametrize("fusion", ["concatenation", "attention"])
def test_every_modality_reaches_the_answer(fusion):
    inputs = some_inputs()
    network = FusionNetwork(WIDTHS, fusion).fit_scale(inputs).eval()
    answer = network(tensors(inputs))
    for name in WIDTHS:
        changed = network(tensors(inputs | {name: inputs[name][::-1].copy()}))
        assert not torch.allclose(answer, changed, atol=1e-6), name


@pytest.mark.parametrize("fusion", ["concatenation", "attention"])
def test_a_modality_may_be_absent(fusion):
    inputs = some_inputs()
    network = FusionNetwork(WIDTHS, fusion).fit_scale(inputs).eval()
    answer = network(tensors(inputs, "text"))
    assert torch.isfinite(answer).all()
    assert not torch.allclose(answer, network(tensors(inputs)))


@pytest.mark.parametrize("fusion", ["concatenation", "attention"])
def test_films_miss_modalities_in_training_only(fusion):
    inputs = tensors(some_inputs(n=1), "text", "metadata")
    inputs = {name: values.repeat(200, 1) for name, values in inputs.items()}
    network = FusionNetwork({"text": 384, "metadata": 60}, fusion, 0.0, modality_dropout=0.5)
    in_training = network.train()(inputs).detach()
    assert torch.isfinite(in_training).all()
    assert len(in_training.round(decimals=4).unique(dim=0)) == 4  # both, either, none
    assert len(network.eval()(inputs).detach().round(decimals=4).unique(dim=0)) == 1


def test_plain_cross_entropy_is_torchs():
    logits, target = torch.randn(20, 8), torch.arange(20) % 8
    weight = np.linspace(0.5, 2.0, 8)
    expected = nn.functional.cross_entropy(
        logits, target, weight=torch.tensor(weight, dtype=torch.float32)
    )
    assert OrdinalCrossEntropy(weight, 0.0)(logits, target).item() == pytest.approx(expected.item())


def test_a_neighbouring_class_costs_less_than_a_far_one():
    loss = OrdinalCrossEntropy(np.ones(8), 0.6)
    sure = 10.0 * torch.eye(8)
    costs = [loss(sure[[answer]], torch.tensor([2])).item() for answer in (2, 3, 7)]
    assert costs == sorted(costs)
    assert loss.labels.sum(dim=1).numpy() == pytest.approx(1.0)


# On disk

CARD = {
    "source": "open_films",
    "media": "stand_in",
    "interval": {},
    "least_likeness": 0.5,
    "not_for": [],
}


@pytest.mark.parametrize("name", ["poster", "multimodal"])
def test_the_exported_networks_belong_to_their_cards(name):
    path = paths.MODELS / f"{name}.safetensors"
    if not path.exists():
        pytest.skip("the networks of a whole run are not here (dvc repro)")
    card = load_card(name)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == card["sha256"]
    asked = {"target", "source", "media", "row_filter", "training_rows", "metrics", "widths"}
    assert asked < set(card)
    assert card["not_for"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "MODELS", tmp_path)
    return tmp_path


def small_network(seed=0):
    torch.manual_seed(seed)
    return nn.Linear(3, 2)


def test_a_network_comes_back_as_it_was(folder):
    save_network("poster", small_network(), CARD | {"target": "log10 revenue"})
    card = load_card("poster", folder)
    assert card["target"] == "log10 revenue"
    loaded = load_weights(small_network(seed=9), card, folder)
    assert torch.equal(loaded.weight, small_network().weight)
    assert not loaded.training


def test_the_same_network_gives_the_same_bytes(folder):
    save_network("poster", small_network(), CARD)
    first = (folder / "poster.safetensors").read_bytes()
    save_network("poster", small_network(), CARD)
    assert (folder / "poster.safetensors").read_bytes() == first


def test_an_altered_file_is_refused(folder):
    save_network("poster", small_network(), CARD)
    path = folder / "poster.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(ModelFileError, match=r"poster\.safetensors is not the file"):
        load_weights(small_network(), load_card("poster", folder), folder)


@pytest.mark.parametrize("name", ["poster.json", "poster.safetensors"])
def test_a_missing_file_is_named_with_the_remedy(folder, name):
    save_network("poster", small_network(), CARD)
    (folder / name).unlink()
    with pytest.raises(ModelFileError, match=rf"{name}.* is missing: run `dvc repro`"):
        load_weights(small_network(), load_card("poster", folder), folder)


def test_a_card_is_json_for_people(folder):
    save_network("poster", small_network(), CARD | {"metrics": {"r2": 0.123456789}})
    assert json.loads((folder / "poster.json").read_text())["metrics"] == {"r2": 0.123457}
