"""Models on disk: a file that runs no code when loaded, and a JSON card beside it."""

import hashlib
import json
import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from boxoffice.core import paths
from boxoffice.core.files import replacing
from boxoffice.core.reports import write_json

# Set before ONNX Runtime is imported: it would report its use over the network.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime

# ONNX Runtime walks small blocks of rows through the trees twice as fast as large ones.
BLOCK = 1024
FEATURE_NAMES = "features"  # key of the features' names in an ONNX file's metadata

# What the service reads of a card beside its features.
_REQUIRED = {
    "segments": ("model", "segments", "scores"),
    "poster": ("interval", "least_likeness", "media", "not_for"),
    "multimodal": ("edges_usd", "widths", "facts", "metrics", "unread", "media", "not_for"),
}


class ModelFileError(Exception):
    """A model can't be loaded; the message names the file and the remedy."""


def write_model(
    name: str, suffix: str, content: bytes, card: dict, folder: Path | None = None
) -> None:
    """Write `<name><suffix>` and `<name>.json`, which gets the file's SHA-256, to `models/`.

    `folder` is another folder to write to.
    """
    folder = folder or paths.MODELS
    with replacing(folder / f"{name}{suffix}") as path:
        path.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    write_json(folder / f"{name}.json", {"name": name, **card, "sha256": digest})


def checked_bytes(path: Path, sha256: str) -> bytes:
    """Read a file that a card names.

    Raises
    ------
    ModelFileError
        If it is missing or is not the one that the card was written with.
    """
    if not path.is_file():
        raise ModelFileError(f"{path} is missing: run `dvc repro`, or `dvc pull`")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ModelFileError(
            f"{path} is not the file that its card was written with (SHA-256 differs): "
            "run `dvc checkout models`, or `dvc repro`"
        )
    return content


def load_card(name: str, folder: Path = paths.MODELS) -> dict:
    """Read the card of a model.

    Raises
    ------
    ModelFileError
        If there is none, or it is no card, or that of another model.
    """
    path = folder / f"{name}.json"
    if not path.is_file():
        raise ModelFileError(f"{path} is missing: run `dvc repro`, or `dvc pull`")
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelFileError(f"{path} is not readable JSON ({error}): run `dvc repro`") from error
    if not isinstance(card, dict):
        raise ModelFileError(f"{path} is no card: run `dvc repro`")
    if card.get("name", name) != name:
        raise ModelFileError(
            f"{path} is the card of {card['name']!r:.80}, copied under another name: "
            "run `dvc checkout models`, or `dvc repro`"
        )
    lacking = {"name", "source", "sha256", *_REQUIRED.get(name, ("model",))} - set(card)
    if lacking:
        raise ModelFileError(f"{path} lacks {', '.join(sorted(lacking))}: run `dvc repro`")
    return card


class ExportedModel:
    """A model with its card.

    Parameters
    ----------
    name : str
        Of `<name>.onnx` and `<name>.json`.
    folder : Path

    Attributes
    ----------
    card : dict
    features : list of str
        In the order that the model takes them.
    minimum, median, maximum : arrays of shape (n_features,)
        Of the training films; NaN where none had the feature.
    held : bool array of shape (n_features,)
        Features whose values beyond their range count as its end.

    Raises
    ------
    ModelFileError
        If a file is missing or altered, or the card is of another model.
    """

    def __init__(self, name: str, folder: Path = paths.MODELS):
        self.card = load_card(name, folder)
        path = folder / f"{name}.onnx"
        content = checked_bytes(path, self.card["sha256"])
        try:
            self.features = [feature["name"] for feature in self.card["features"]]
            self.minimum, self.median, self.maximum = (
                np.array([feature[key] for feature in self.card["features"]], dtype=float)
                for key in ("minimum", "median", "maximum")
            )
            self.held = np.array([feature["held"] for feature in self.card["features"]], bool)
        except (KeyError, TypeError, ValueError) as error:
            raise ModelFileError(
                f"{folder / name}.json says too little of its features ({error}): run `dvc repro`"
            ) from error
        try:
            self._session = _session(_compact(content))
        except OSError as error:
            raise ModelFileError(f"no room for a temporary copy of {path.name}: {error}") from error
        except Exception as error:  # ONNX Runtime's own have no common class
            raise ModelFileError(f"{path} is no model ({error}): run `dvc repro`") from error
        written = self._session.get_modelmeta().custom_metadata_map.get(FEATURE_NAMES)
        if written != json.dumps(self.features):
            raise ModelFileError(
                f"{path} and its card name different features, or in another order: "
                "run `dvc checkout models`, or `dvc repro`"
            )
        self._outputs = [output.name for output in self._session.get_outputs()]
        self._lowest = np.where(self.held, self.minimum, -np.inf).astype(np.float32)
        self._highest = np.where(self.held, self.maximum, np.inf).astype(np.float32)

    def run(self, features: np.ndarray) -> dict[str, np.ndarray]:
        """Answer every output by name, for features of shape (n, n_features)."""
        values = self._session.run(self._outputs, {"X": self._read(features)})
        return dict(zip(self._outputs, values, strict=True))

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Shape (n,): a regressor's value, or a classifier's probability of its second class."""
        features = self._read(features)
        if len(features) == 1:
            # ONNX Runtime adds up the trees of a single row in another order than those of several.
            return self._block(np.repeat(features, 2, axis=0))[:1]
        if len(features) <= BLOCK:
            return self._block(features)
        starts = range(0, len(features), BLOCK)
        return np.concatenate([self._block(features[at : at + BLOCK]) for at in starts])

    def _read(self, features: np.ndarray) -> np.ndarray:
        features = np.asarray(features, dtype=np.float32)
        return features.clip(self._lowest, self._highest) if self.held.any() else features

    def _block(self, features: np.ndarray) -> np.ndarray:
        (values,) = self._session.run(self._outputs[-1:], {"X": features})
        return values[:, -1]


def _session(content: bytes, written: str = "") -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # requests and blocks of a table run side by side
    options.log_severity_level = 3  # errors
    options.optimized_model_filepath = written
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _compact(content: bytes) -> bytes:
    """The same model in ONNX Runtime's own format, which takes half of the memory once loaded."""
    with TemporaryDirectory() as folder:
        if shutil.disk_usage(folder).free < 3 * len(content):
            raise OSError(f"{folder} is full")
        path = Path(folder) / "model.ort"
        _session(content, str(path))
        return path.read_bytes()
