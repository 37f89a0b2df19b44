"""Revenue from a poster: training data, training, scores, and the exported network."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from pooch import file_hash
from scipy.stats import rankdata
from torch import Tensor, nn

from boxoffice.core import paths
from boxoffice.core.compute import cores
from boxoffice.core.model_files import load_card
from boxoffice.media.embeddings import augmented
from boxoffice.media.encoders import image_encoder, normalized
from boxoffice.media.posters import read_poster
from boxoffice.networks.layers import RevenueNetwork, load_weights
from boxoffice.networks.training import Rows, Settings, Trained, fit_network, predict

if TYPE_CHECKING:  # prediction needs no DVCLive
    from dvclive import Live


@dataclass
class EmbeddedPosters(Rows):
    """Rows whose input `poster` has the shape (n, 1 + views, width).

    Training draws a random view each time; otherwise the first is used, the poster itself.
    """

    training: bool = False

    def batch(self, rows: np.ndarray) -> tuple[dict[str, Tensor], Tensor]:
        inputs, target = super().batch(rows)
        views = inputs["poster"]
        drawn = torch.randint(views.shape[1], (len(rows),)) if self.training else 0
        return {"poster": views[torch.arange(len(rows)), drawn]}, target


@dataclass
class PosterFiles(Rows):
    """Rows whose input `poster` holds paths of images, for training the backbone too.

    Training augments the images anew each time.
    """

    training: bool = False

    def batch(self, rows: np.ndarray) -> tuple[dict[str, Tensor], Tensor]:
        with ThreadPoolExecutor(cores()) as pool:
            images = list(pool.map(read_poster, self.inputs["poster"][rows]))
        if self.training:
            draw = np.random.default_rng(int(torch.randint(2**62, ())))
            images = [augmented(image, draw) for image in images]
        return {"poster": normalized(np.stack(images))}, torch.from_numpy(self.target[rows])

    def fingerprint(self) -> str:
        files = [file_hash(path) for path in self.inputs["poster"]]
        return Rows({"poster": np.array(files)}, self.target).fingerprint()


def poster_rows(
    posters: np.ndarray, log10_revenue: np.ndarray, parts: np.ndarray
) -> dict[str, Rows]:
    """Rows of the parts 'train', 'validation' and 'test' (`asked`), as `train_revenue` takes them.

    `posters` has the shape (n, 1 + views, width), or holds paths of images.
    """
    kind = PosterFiles if posters.dtype == object else EmbeddedPosters
    masks = {"train": "train", "validation": "validation", "asked": "test"}
    return {
        name: kind(
            {"poster": posters[parts == part]},
            np.asarray(log10_revenue)[parts == part],
            training=part == "train",
        )
        for name, part in masks.items()
    }


def train_revenue(
    train: Rows,
    validation: Rows,
    asked: Rows,
    settings: Settings,
    seed: int,
    encoder: dict | None = None,
    checkpoint: Path | None = None,
    live: "Live | None" = None,
) -> tuple[Trained, np.ndarray, np.ndarray]:
    """Train a network, and forecast the validation rows and others, in log10 USD.

    Parameters
    ----------
    encoder : dict, optional
        Arguments of `image_encoder`, whose backbone is trained too if the rows are `PosterFiles`.
    """
    torch.manual_seed(seed)
    width, backbone = train.inputs["poster"].shape[-1], None
    if isinstance(train, PosterFiles):
        loaded = image_encoder(**encoder)
        width, backbone = loaded.dim, loaded.module
    network = RevenueNetwork(width, backbone).start_at(train.target)
    loss = nn.MSELoss()
    trained = fit_network(network, train, validation, loss, settings, seed, checkpoint, live)
    return trained, predict(trained.network, validation), predict(trained.network, asked)


def likeness(network: RevenueNetwork, train: Rows, asked: Rows) -> np.ndarray:
    """How like posters are to those of training, which the network remembers.

    Returns
    -------
    array of shape (n,)
        The cosine similarity of each embedding asked about to the mean one of training.
    """
    mean = predict(network.embedding, replace(train, training=False)).mean(axis=0)
    network.typical.copy_(torch.from_numpy(mean / np.linalg.norm(mean)))
    return predict(network.embedding, asked) @ network.typical.cpu().numpy()


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros(np.shape(part)), where=whole > 0)


def _roc_auc(above: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """The share of pairs in the right order (Mann and Whitney); NaN without both classes."""
    positives, rows = above.sum(-1), above.shape[-1]
    ranks = (rankdata(predicted, axis=-1) * above).sum(-1)
    pairs = positives * (rows - positives)
    ordered = ranks - positives * (positives + 1) / 2
    return np.divide(ordered, pairs, out=np.full(np.shape(pairs), np.nan), where=pairs > 0)


def poster_scores(actual, predicted, median) -> dict[str, np.ndarray]:
    """Scores along the last axis.

    Parameters
    ----------
    actual, predicted : array of shape (..., n)
        log10 USD.
    median : float, or array of shape (..., n)
        Of the training films, log10 USD; films above it form the positive class.

    Returns
    -------
    dict
        `loss` is the mean squared error, `within_25` the share of films whose forecast is 25 % of
        the revenue away at most; `accuracy` and all that follows are of being above the median.
    """
    actual, predicted = np.asarray(actual, dtype=float), np.asarray(predicted, dtype=float)
    loss = ((actual - predicted) ** 2).mean(-1)
    variance = ((actual - actual.mean(-1, keepdims=True)) ** 2).mean(-1)
    away = np.abs(10 ** (predicted - actual) - 1)
    above, said = actual > median, predicted > median
    found = (above & said).sum(-1)
    precision, recall = _ratio(found, said.sum(-1)), _ratio(found, above.sum(-1))
    return {
        "loss": loss,
        "r2": 1 - loss / variance,
        "rmse": np.sqrt(loss),
        "within_25": (away <= 0.25).mean(-1),
        "within_50": (away <= 0.5).mean(-1),
        "accuracy": (above == said).mean(-1),
        "precision": precision,
        "recall": recall,
        "f1": _ratio(2 * precision * recall, precision + recall),
        "roc_auc": _roc_auc(above, predicted),
    }


def resampled(rows: int, seed: int) -> np.ndarray:
    """Rows drawn with replacement: int array of shape (1000, rows)."""
    return np.random.default_rng(seed).integers(rows, size=(1000, rows))


def interval_95(values: np.ndarray) -> dict[str, float]:
    """`lower` and `upper` end of the 95 % percentile bootstrap interval of resampled values."""
    lower, upper = np.nanquantile(values, [0.025, 0.975])
    return {"lower": lower, "upper": upper}


def with_intervals(actual, predicted, median, seed: int) -> dict[str, dict]:
    """`scores` on held-out films, and `interval_95`, by score, of a bootstrap over films."""
    actual, predicted = np.asarray(actual), np.asarray(predicted)
    median = np.broadcast_to(median, actual.shape)
    drawn = resampled(len(actual), seed)
    spread = poster_scores(actual[drawn], predicted[drawn], median[drawn])
    return {
        "scores": poster_scores(actual, predicted, median),
        "interval_95": {name: interval_95(values) for name, values in spread.items()},
    }


def gain(actual, predicted, reference, seed: int) -> dict[str, float]:
    """How much smaller the mean squared error is than a reference forecast's of the same films.

    Gives the `value`, and `lower` and `upper` end of its 95 % paired bootstrap interval.
    """
    actual, predicted, reference = map(np.asarray, (actual, predicted, reference))
    each = (actual - reference) ** 2 - (actual - predicted) ** 2
    return {"value": each.mean(), **interval_95(each[resampled(len(each), seed)].mean(axis=1))}


class PosterModel:
    """The exported poster network with its encoder.

    Raises
    ------
    ModelFileError
        If one is missing or altered.
    WeightsError
        If the encoder's weights can't be had.
    """

    def __init__(self, folder: Path = paths.MODELS):
        self.card = load_card("poster", folder)
        finetuned = self.card["encoder"]["finetuned"]
        arguments = self.card["encoder"]["arguments"]
        if finetuned:  # the file beside the card holds the backbone's weights, too
            arguments = arguments | {"weights": None, "random_weights": True}
        self.encoder = image_encoder(**arguments)
        backbone = self.encoder.module if finetuned else None
        network = RevenueNetwork(self.card["widths"]["poster"], backbone)
        self.network = load_weights(network, self.card, folder)

    def predict(self, poster: Path) -> dict[str, float]:
        """Revenue of one film, nominal USD: `revenue`, and `lower` and `upper` of its interval.

        `likeness` is the similarity to the posters of training, see the function of that name.

        Raises
        ------
        MediaError
            If the file is no readable image.
        """
        image = read_poster(poster)[None]
        embedded = self.network.embedding.backbone is None
        values = torch.from_numpy(self.encoder(image)) if embedded else normalized(image)
        with torch.inference_mode():
            forecast = self.network({"poster": values}).item()
            like = (self.network.embedding({"poster": values}) @ self.network.typical).item()
        ends = {"revenue": 0, **self.card["interval"]}
        usd = {name: 10 ** (forecast + ends[name]) for name in ("revenue", "lower", "upper")}
        return usd | {"likeness": like}
