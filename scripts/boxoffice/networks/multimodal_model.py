"""Eight revenue classes from text, trailer and facts: training, scores, asking the network."""

from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, precision_recall_fscore_support

from boxoffice import paths
from boxoffice.media.encoders import image_encoder, text_encoder
from boxoffice.media.trailers import read_trailer
from boxoffice.model_files import load_card
from boxoffice.networks.layers import FusionNetwork, OrdinalCrossEntropy, load_weights, pool_frames
from boxoffice.networks.revenue_classes import CLASSES, class_edges, revenue_class
from boxoffice.networks.training import Rows, Settings, Trained, fit, predict

if TYPE_CHECKING:  # prediction needs no DVCLive
    from dvclive import Live

MODALITIES = ("text", "video", "audio")


def combinations_of(modalities: list[str]) -> dict[str, tuple[str, ...]]:
    """What an ablation compares: every choice of the modalities, the facts, and all of them.

    Returns
    -------
    dict
        Modalities by name: `text`, ..., `text_video_audio`, `metadata`, and all of them joined.
    """
    sizes = range(1, len(modalities) + 1)
    chosen = [names for size in sizes for names in combinations(modalities, size)]
    chosen += [("metadata",), (*modalities, "metadata")]
    return {"_".join(names): names for names in chosen}


def class_weights(target: np.ndarray) -> np.ndarray:
    """Weights that make every class count the same: float array of shape (8,)."""
    counts = np.bincount(target, minlength=len(CLASSES))
    return len(target) / (len(CLASSES) * np.maximum(counts, 1))


def check_choices(modalities: list[str], splits: list[str]) -> None:
    """Refuse modalities and splits that there are not.

    Raises
    ------
    ValueError
        With what was expected.
    """
    unknown = [name for name in modalities if name not in MODALITIES]
    if unknown or not modalities or len(set(modalities)) < len(modalities):
        raise ValueError(f"modalities are {modalities}, expected some of {', '.join(MODALITIES)}")
    for split in splits:
        shares = split.split("/")
        if not all(share.isdigit() for share in shares) or sum(map(int, shares)) != 100:
            raise ValueError(f"split {split!r} is no training/validation/test that adds up to 100")
        if len(shares) != 3 or "0" in shares:
            raise ValueError(f"split {split!r} needs three parts, none of them empty")


def rows_by_part(inputs: dict[str, np.ndarray], revenue, parts: np.ndarray) -> dict[str, Rows]:
    """Rows of the parts 'train', 'validation' and 'test', whose class edges the training rows set.

    Parameters
    ----------
    inputs : dict of arrays of shape (n, ...)
    revenue : array of shape (n,)
        USD.
    parts : array of str of shape (n,)
        Rows of other parts are left out.
    """
    edges = class_edges(revenue[parts == "train"])
    return {
        part: Rows(
            {name: values[parts == part] for name, values in inputs.items()},
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
    progress: bool = False,
) -> tuple[Trained, np.ndarray]:
    """Train a network of this seed and ask it for other rows.

    Parameters
    ----------
    train, validation, asked : Rows
        Inputs by modality, and the class of every film.

    Returns
    -------
    trained : Trained
    probability : array of shape (n_asked, 8)
    """
    torch.manual_seed(seed)
    widths = {name: values.shape[1] for name, values in train.inputs.items()}
    network = FusionNetwork(widths, fusion, dropout, modality_dropout).fit_scale(train.inputs)
    loss = OrdinalCrossEntropy(class_weights(train.target), label_spread)
    trained = fit(network, train, validation, loss, settings, seed, checkpoint, live, progress)
    return trained, probabilities(predict(trained.network, asked))


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Softmax over the last axis."""
    return torch.from_numpy(logits).softmax(dim=-1).numpy()


def class_scores(actual, predicted) -> dict[str, float]:
    """Scores of predicted classes.

    Parameters
    ----------
    actual, predicted : int array of shape (n,)
        Places in `CLASSES`.

    Returns
    -------
    dict
        `accuracy`; `one_away_accuracy` (right, or the class beside it); `precision`, `recall` and
        `f1`, each `_weighted` by the films of a class and as the plain mean over classes, `_macro`.
    """
    actual, predicted = np.asarray(actual), np.asarray(predicted)
    scores = {
        "accuracy": accuracy_score(actual, predicted),
        "one_away_accuracy": np.mean(np.abs(actual - predicted) <= 1),
    }
    for average in ("weighted", "macro"):
        precision, recall, f1, _ = precision_recall_fscore_support(
            actual, predicted, labels=range(len(CLASSES)), average=average, zero_division=0.0
        )
        scores |= {
            f"precision_{average}": precision,
            f"recall_{average}": recall,
            f"f1_{average}": f1,
        }
    return scores


def mcnemar(actual, first, second) -> float:
    """Two-sided p-value that two forecasts of the same films are right equally often.

    The exact test of McNemar (1947): of the films that one alone got right, each is as likely to
    have the first or the second right.
    """
    right = np.asarray(first) == actual, np.asarray(second) == actual
    only_first = int(np.sum(right[0] & ~right[1]))
    only_second = int(np.sum(right[1] & ~right[0]))
    if only_first + only_second == 0:
        return 1.0
    return binomtest(only_first, only_first + only_second).pvalue


def against_chance(actual, predicted) -> float:
    """Two-sided p-value that a forecast is right as often as one in eight, by an exact test."""
    right = int(np.sum(np.asarray(predicted) == actual))
    return binomtest(right, len(actual), 1 / len(CLASSES)).pvalue


def accuracy_interval(actual, predicted, seed: int, tolerance: int = 0) -> dict[str, float]:
    """95 % percentile bootstrap interval, over films, of the share predicted within `tolerance`.

    Returns
    -------
    dict
        `lower`, `upper`.
    """
    right = np.abs(np.asarray(actual) - np.asarray(predicted)) <= tolerance
    drawn = np.random.default_rng(seed).choice(right, size=(1000, len(right)))
    lower, upper = np.quantile(drawn.mean(axis=1), [0.025, 0.975])
    return {"lower": lower, "upper": upper}


class MultimodalModel:
    """The exported multimodal network with its encoders.

    Parameters
    ----------
    folder : Path
        Holds `multimodal.safetensors` and its card `multimodal.json`.

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

    def predict(self, text: str | None = None, trailer: Path | None = None) -> dict[str, float]:
        """Probability of every class of one film, lowest class first.

        What is not given counts as unknown; a modality that the network lacks is not read.

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
        if trailer is not None and {"video", "audio"} & set(self.modalities):
            frames, waveform = read_trailer(trailer)
            inputs["audio"] = waveform[None]
            if self.viewer:
                inputs["video"] = pool_frames(self.viewer(frames)[None])
        inputs = {name: inputs[name] for name in self.modalities if name in inputs}
        if not inputs:
            raise ValueError(f"nothing to predict from: give one of {', '.join(self.modalities)}")
        with torch.inference_mode():
            logits = self.network({name: torch.from_numpy(x) for name, x in inputs.items()})
        probability = probabilities(logits.numpy())[0]
        return dict(zip(self.card["classes"], probability.tolist(), strict=True))
