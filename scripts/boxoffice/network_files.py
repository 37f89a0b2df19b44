"""Trained networks on disk: safetensors, which run no code when loaded, and a JSON card beside."""

import hashlib
import json
from pathlib import Path

from safetensors.torch import load, save
from torch import nn

from boxoffice import paths
from boxoffice.reports import replacing, write_json


class NetworkFileError(Exception):
    """A network can't be loaded; the message names the file and the remedy."""


def save_network(name: str, network: nn.Module, card: dict) -> None:
    """Write `models/<name>.safetensors` and its card `models/<name>.json`.

    Parameters
    ----------
    card : dict
        What `load_card` gives back: how to build the network, and what a user must know of it.
    """
    content = save({key: value.contiguous() for key, value in network.state_dict().items()})
    with replacing(paths.MODELS / f"{name}.safetensors") as path:
        path.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    write_json(paths.MODELS / f"{name}.json", {"name": name, **card, "sha256": digest})


def load_card(name: str, folder: Path = paths.MODELS) -> dict:
    """Read the card of a network.

    Raises
    ------
    NetworkFileError
        If there is none.
    """
    path = folder / f"{name}.json"
    if not path.is_file():
        raise NetworkFileError(f"{path} is missing: run `dvc repro {name}`")
    return json.loads(path.read_text(encoding="utf-8"))


def load_weights(network: nn.Module, card: dict, folder: Path = paths.MODELS) -> nn.Module:
    """Give a network that was built after its card the weights beside that card.

    Raises
    ------
    NetworkFileError
        If the file is missing or is not the one that the card was written with.
    """
    path = folder / f"{card['name']}.safetensors"
    if not path.is_file():
        raise NetworkFileError(f"{path} is missing: run `dvc repro {card['name']}`")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != card["sha256"]:
        raise NetworkFileError(
            f"{path} is not the file that its card {card['name']}.json describes: "
            f"run `dvc repro {card['name']}`, or `dvc checkout`"
        )
    network.load_state_dict(load(content))
    return network.eval()
