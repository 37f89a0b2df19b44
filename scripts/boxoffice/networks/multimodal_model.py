"""Eight revenue classes from text, trailer and facts: training, scores, the exported network."""

from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, precision_recall_fscore_support

from boxoffice import paths
from boxoffice.media.embeddings import embed_trailers
from boxoffice.media.encoders import ImageEncoder, image_encoder, text_encoder
from boxoffice.media.trailers import find_trailers, read_trailer, trailer_is_stand_in
from boxoffice.model_files import load_card
from boxoffice.networks.layers import FusionNetwork, OrdinalCrossEntropy, load_weights, pool_frames
from boxoffice.networks.revenue_classes import CLASSES, class_edges, revenue_class
from boxoffice.networks.training import Rows, Settings, Trained, fit_network, predict

if TYPE_CHECKING:  # prediction needs no DVCLive
    from dvclive import Live

MODALITIES = ("text", "video", "audio")
_FEWEST = 24  # films to train and test on


def combinations_of(modalities: list[str]) -> dict[str, tuple[str, ...]]:
    """Choices to compare in an ablation: every subset of the modalities, the facts, everything.

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
    """Check the params `modalities` and `splits`.

    Raises
    ------
    ValueError
        If one is unknown or malformed.
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


def trailer_inputs(
    viewer: ImageEncoder | None, folder: Path, ids: pd.Series
) -> tuple[np.ndarray, dict[str, np.ndarray], pd.DataFrame, str]:
    """Picture and sound of the films that have a readable trailer.

    Parameters
    ----------
    viewer : ImageEncoder or None
        None if no trailer is to be read: then all films are taken, and the folder may be missing.
    folder : Path
        Holds `<id>.mp4` and the like.
    ids : Series of shape (n,)
        Of the films.

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
    """Rows of the parts 'train', 'validation' and 'test', classed by the training rows' edges.

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
    progress: bool = False,
) -> tuple[Trained, np.ndarray]:
    """Train a network, and forecast other rows.

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
    trained = fit_network(
        network, train, validation, loss, settings, seed, checkpoint, live, progress
    )
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
    """Two-sided p-value of the hypothesis that two forecasts are right equally often.

    The exact test of McNemar (1947), on the films that only one of the two got right.
    """
    right = np.asarray(first) == actual, np.asarray(second) == actual
    only_first = int(np.sum(right[0] & ~right[1]))
    only_second = int(np.sum(right[1] & ~right[0]))
    if only_first + only_second == 0:
        return 1.0
    return binomtest(only_first, only_first + only_second).pvalue


def against_chance(actual, predicted) -> float:
    """Two-sided p-value of the hypothesis that a forecast is right one time in eight (binomial)."""
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
