"""Networks on disk: the same bytes, tied to their card, and no code when loaded."""

import hashlib
import json

import pytest
import torch
from torch import nn

from boxoffice import paths
from boxoffice.model_files import ModelFileError, load_card
from boxoffice.networks.layers import load_weights, save_network


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


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Linear(3, 2)


def test_a_network_comes_back_as_it_was(folder):
    save_network("poster", network(), {"target": "log10 revenue"})
    card = load_card("poster", folder)
    assert card["target"] == "log10 revenue"
    loaded = load_weights(network(seed=9), card, folder)
    assert torch.equal(loaded.weight, network().weight)
    assert not loaded.training


def test_the_same_network_gives_the_same_bytes(folder):
    save_network("poster", network(), {})
    first = (folder / "poster.safetensors").read_bytes()
    save_network("poster", network(), {})
    assert (folder / "poster.safetensors").read_bytes() == first


def test_an_altered_file_is_refused(folder):
    save_network("poster", network(), {})
    path = folder / "poster.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(ModelFileError, match=r"poster\.safetensors is not the file"):
        load_weights(network(), load_card("poster", folder), folder)


@pytest.mark.parametrize("name", ["poster.json", "poster.safetensors"])
def test_a_missing_file_is_named_with_the_remedy(folder, name):
    save_network("poster", network(), {})
    (folder / name).unlink()
    with pytest.raises(ModelFileError, match=rf"{name}.* is missing: run `dvc repro poster`"):
        load_weights(network(), load_card("poster", folder), folder)


def test_a_card_is_json_for_people(folder):
    save_network("poster", network(), {"metrics": {"r2": 0.123456789}})
    assert json.loads((folder / "poster.json").read_text())["metrics"] == {"r2": 0.123457}
