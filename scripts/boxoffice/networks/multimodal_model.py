"""Eight revenue classes from text, trailer and facts: training, scores, the exported network."""

import re
from itertools import chain, combinations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, precision_recall_fscore_support

from boxoffice.core import paths
from boxoffice.core.model_files import load_card
from boxoffice.media.embeddings import embed_trailers
from boxoffice.media.encoders import ImageEncoder, image_encoder, text_encoder
from boxoffice.media.trailers import Trailer, find_trailers, read_trailer, trailer_is_stand_in
from boxoffice.networks.layers import FusionNetwork, OrdinalCrossEntropy, load_weights, pool_frames
from boxoffice.networks.poster_model import interval_95, resampled
from boxoffice.networks.revenue_classes import CLASSES, class_edges, revenue_class
from boxoffice.networks.training import Rows, Settings, Trained, fit_network, predict

if TYPE_CHECKING:  # prediction needs no DVCLive
    from dvclive import Live

MODALITIES = ("text", "video", "audio")
_FEWEST = 24  # films to train and test on
_PARTS = (("text",), ("metadata",), ("video", "audio"))  # what may be known of a film, or not


def combinations_of(modalities: list[str]) -> dict[str, tuple[str, ...]]:
    """Choices to compare in an ablation, by name: every subset of the modalities, facts, all."""
    sizes = range(1, len(modalities) + 1)
    chosen = [names for size in sizes for names in combinations(modalities, size)]
    chosen += [("metadata",), (*modalities, "metadata")]
    return {"_".join(names): names for names in chosen}


def class_weights(target: np.ndarray) -> np.ndarray:
    """Weights that make every class count the same: float array of shape (8,)."""
    counts = np.bincount(target, minlength=len(CLASSES))
    return len(target) / (len(CLASSES) * np.maximum(counts, 1))


def check_choices(modalities: list[str], splits: list[str]) -> None:
    """Raise a ValueError if one of the params `modalities` and `splits` is malformed."""
    unknown = [name for name in modalities if name not in MODALITIES]
    if unknown or not modalities or len(set(modalities)) < len(modalities):
        raise ValueError(f"modalities are {modalities}, expected some of {', '.join(MODALITIES)}")
    for split in splits:
        shares = re.fullmatch(r"([1-9]\d*)/([1-9]\d*)/([1-9]\d*)", split)
        if not shares or sum(map(int, shares.groups())) != 100:
            raise ValueError(
                f"split {split!r}: training/validation/test needs three parts, none of them empty, "
                "and adds up to 100"
            )


def trailer_inputs(
    viewer: ImageEncoder | None, folder: Path, ids: pd.Series
) -> tuple[np.ndarray, dict[str, np.ndarray], pd.DataFrame, str]:
    """Picture and sound of the films that have a readable trailer in a folder.

    Without a viewer no trailer is read: all films are taken, and the folder may be missing.

    Returns
    -------
    places : int array
        Of the films taken, in `ids`.
    inputs : dict of arrays
        `video` (pooled frames) and `audio` (waveforms) of the films taken.
    skipped : DataFrame
        `id`, `file` and `reason` of trailers that can't be used.
    media : {'stand_in', 'real', 'none'}

    Raises
    ------
    ValueError
        If fewer than 24 films are left.
    """
    if viewer is None:
        return np.arange(len(ids)), {}, pd.DataFrame(columns=["id", "file", "reason"]), "none"
    files, skipped = find_trailers(folder, ids)
    frames, waveforms, files, unreadable = embed_trailers(viewer, files)
    if len(files) < _FEWEST:
        raise ValueError(
            f"{folder} has readable trailers of only {len(files)} films, too few to train and test "
            "on: get trailers with `python scripts/fetch.py trailers`, or raise synthesize.trailers"
        )
    return (
        pd.Index(ids).get_indexer(files["id"]),
        {"video": pool_frames(frames), "audio": waveforms},
        pd.concat([skipped, unreadable], ignore_index=True),
        "stand_in" if files["path"].map(trailer_is_stand_in).any() else "real",
    )


def rows_by_part(inputs: dict[str, np.ndarray], revenue, parts: np.ndarray) -> dict[str, Rows]:
    """Rows of the parts 'train', 'validation' and 'test', classed by the training rows' edges."""
    edges = class_edges(revenue[parts == "train"])
    return {
        part: Rows(
            {name: np.asarray(values)[parts == part] for name, values in inputs.items()},
            revenue_class(revenue[parts == part], edges),
        )
        for part in ("train", "validation", "test")
    }


def train_classes(
    train: Rows,
    validation: Rows,
    asked: Rows,
    settings: Settings,
    seed: int,
    fusion: str = "concatenation",
    dropout: float = 0.3,
    modality_dropout: float = 0.0,
    label_spread: float = 0.0,
    checkpoint: Path | None = None,
    live: "Live | None" = None,
) -> tuple[Trained, np.ndarray]:
    """Train a network on rows of inputs by modality and classes, and forecast other rows.

    Returns
    -------
    trained : Trained
    probability : array of shape (n_asked, 8)
    """
    torch.manual_seed(seed)
    widths = {name: values.shape[1] for name, values in train.inputs.items()}
    network = FusionNetwork(widths, fusion, dropout, modality_dropout).fit_scale(train.inputs)
    loss = OrdinalCrossEntropy(class_weights(train.target), label_spread)
    trained = fit_network(network, train, validation, loss, settings, seed, checkpoint, live)
    return trained, probabilities(predict(trained.network, asked))


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Softmax over the last axis."""
    return torch.from_numpy(logits).softmax(dim=-1).numpy()


def class_scores(actual, predicted) -> dict[str, float]:
    """Scores of predicted classes: places in `CLASSES`, shape (n,).

    `one_away_accuracy` counts the class beside the right one, too; precision, recall and F1 are
    `_weighted` by the films of a class, and `_macro`, the plain mean over classes.
    """
    actual, predicted = np.asarray(actual), np.asarray(predicted)
    scores = {
        "accuracy": accuracy_score(actual, predicted),
        "one_away_accuracy": np.mean(np.abs(actual - predicted) <= 1),
    }
    for average in ("weighted", "macro"):
        values = precision_recall_fscore_support(
            actual, predicted, labels=range(len(CLASSES)), average=average, zero_division=0.0
        )
        names = ("precision", "recall", "f1")
        scores |= {f"{name}_{average}": value for name, value in zip(names, values, strict=False)}
    return scores


def mcnemar(actual, first, second) -> float:
    """Two-sided p-value of the hypothesis that two forecasts are right equally often.

    The exact test of McNemar (1947), on the films that only one of the two got right.
    """
    first, second = np.asarray(first) == actual, np.asarray(second) == actual
    one_alone = int(np.sum(first != second))
    return binomtest(int(np.sum(first & ~second)), one_alone).pvalue if one_alone else 1.0


def against_chance(actual, predicted) -> float:
    """Two-sided p-value of the hypothesis that a forecast is right one time in eight (binomial)."""
    right = int(np.sum(np.asarray(predicted) == actual))
    return binomtest(right, len(actual), 1 / len(CLASSES)).pvalue


def accuracy_interval(actual, predicted, seed: int, tolerance: int = 0) -> dict[str, float]:
    """`lower` and `upper` end of `interval_95` of the share predicted within `tolerance`."""
    right = np.abs(np.asarray(actual) - np.asarray(predicted)) <= tolerance
    return interval_95(right[resampled(len(right), seed)].mean(axis=1))


def accuracy_by_inputs(network: FusionNetwork, test: Rows) -> dict[str, dict[str, float]]:
    """How a network does on held-out films, given all that it reads, or parts of that.

    By the names of the inputs given, joined by '_': `films`, how many there are; `exact` and
    `one_away`, the shares in the predicted class and within one class of it; `chance`.
    """
    parts = [part for part in _PARTS if set(part) & set(test.inputs)]
    choices = chain.from_iterable(combinations(parts, size + 1) for size in range(len(parts)))
    scores = {}
    for choice in choices:
        names = set(chain.from_iterable(choice))
        given = {name: values for name, values in test.inputs.items() if name in names}
        away = np.abs(predict(network, Rows(given, test.target)).argmax(axis=1) - test.target)
        scores["_".join(given)] = {
            "films": len(test),
            "exact": float(np.mean(away == 0)),
            "one_away": float(np.mean(away <= 1)),
            "chance": 1 / len(CLASSES),
        }
    return scores


class MultimodalModel:
    """The exported multimodal network with its encoders.

    Raises
    ------
    ModelFileError
        If one is missing or altered.
    WeightsError
        If an encoder's weights can't be had.
    """

    def __init__(self, folder: Path = paths.MODELS):
        self.card = load_card("multimodal", folder)
        self.modalities = list(self.card["widths"])
        self.reader = text_encoder(**self.card["text_encoder"]["arguments"])
        self.viewer = None
        if "video" in self.modalities:
            self.viewer = image_encoder(**self.card["image_encoder"]["arguments"])
        network = FusionNetwork(self.card["widths"], self.card["fusion"])
        self.network = load_weights(network, self.card, folder)

    def predict(
        self,
        text: str | None = None,
        trailer: Path | Trailer | None = None,
        facts: np.ndarray | None = None,
    ) -> dict[str, float]:
        """Probability of every class of one film, lowest class first.

        What is not given counts as unknown; a modality that the network lacks is not read.

        Parameters
        ----------
        trailer : Path or Trailer, optional
            A file, or what `read_trailer` made of it.
        facts : float array of shape (n_facts,), optional
            As the card names them; NaN is an unknown one, and counts as typical.

        Raises
        ------
        MediaError
            If the trailer can't be read.
        ValueError
            If nothing that the network reads is given.
        """
        inputs = {}
        if text is not None and "text" in self.modalities:
            inputs["text"] = self.reader([text])
        if facts is not None and "metadata" in self.modalities:
            typical = np.array(list(self.card["facts"].values()))
            inputs["metadata"] = np.where(np.isnan(facts), typical, facts)[None].astype("float32")
        if trailer is not None and {"video", "audio"} & set(self.modalities):
            if not isinstance(trailer, Trailer):
                trailer = read_trailer(trailer)
            frames, waveform = trailer
            inputs["audio"] = waveform[None]
            if self.viewer:
                inputs["video"] = pool_frames(self.viewer(frames)[None])
        read = {name: torch.from_numpy(inputs[name]) for name in self.modalities if name in inputs}
        if not read:
            raise ValueError(f"nothing to predict from: give one of {', '.join(self.modalities)}")
        with torch.inference_mode():
            logits = self.network(read)
        probability = probabilities(logits.numpy())[0]
        return dict(zip(self.card["classes"], probability.tolist(), strict=True))
