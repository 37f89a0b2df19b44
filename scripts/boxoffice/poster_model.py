"""Revenue from a poster: the rows to learn from, training, and asking the trained network."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from boxoffice import paths
from boxoffice.compute import cores
from boxoffice.embeddings import augmented
from boxoffice.encoders import image_encoder, normalized
from boxoffice.media import sha256
from boxoffice.network_files import load_card, load_weights
from boxoffice.networks import RevenueNetwork
from boxoffice.posters import read_poster
from boxoffice.training import Rows, Settings, Trained, fit, predict

if TYPE_CHECKING:  # prediction needs no DVCLive
    from dvclive import Live


@dataclass
class EmbeddedPosters(Rows):
    """Rows whose input `poster`, if any, has the shape (n, 1 + views, width).

    Training draws one view of a poster each time; otherwise it is the poster itself, the first.
    """

    training: bool = False

    def batch(self, rows: np.ndarray) -> tuple[dict[str, Tensor], Tensor]:
        inputs, target = super().batch(rows)
        if "poster" in inputs:
            views = inputs["poster"]
            drawn = torch.zeros(len(rows), dtype=torch.int64)
            if self.training:
                drawn = torch.randint(views.shape[1], (len(rows),))
            inputs["poster"] = views[torch.arange(len(rows)), drawn]
        return inputs, target


@dataclass
class PosterFiles(Rows):
    """Rows whose input `poster` holds the paths of images, for training the backbone too.

    Training sees an altered view each time.
    """

    training: bool = False

    def batch(self, rows: np.ndarray) -> tuple[dict[str, Tensor], Tensor]:
        posters = self.inputs["poster"][rows]
        others = {name: values for name, values in self.inputs.items() if name != "poster"}
        inputs, target = Rows(others, self.target).batch(rows)
        with ThreadPoolExecutor(cores()) as pool:
            images = list(pool.map(read_poster, posters))
        if self.training:
            draw = np.random.default_rng(int(torch.randint(2**62, ())))
            images = [augmented(image, draw) for image in images]
        return inputs | {"poster": normalized(np.stack(images))}, target

    def fingerprint(self) -> str:
        """A hash of the images' bytes and the rest."""
        files = [sha256(path) for path in self.inputs["poster"]]
        return Rows(self.inputs | {"poster": np.array(files)}, self.target).fingerprint()


def train_revenue(
    train: Rows,
    validation: Rows,
    asked: Rows,
    settings: Settings,
    seed: int,
    encoder: dict | None = None,
    checkpoint: Path | None = None,
    live: "Live | None" = None,
    progress: bool = False,
) -> tuple[Trained, np.ndarray, np.ndarray]:
    """Train a network of this seed and ask it for the validation rows and others.

    Parameters
    ----------
    encoder : dict, optional
        Arguments of `image_encoder`, whose backbone is trained along if the rows are
        `PosterFiles`.

    Returns
    -------
    trained, validation_forecast, forecast : Trained, arrays of log10 USD
    """
    torch.manual_seed(seed)
    widths = {name: values.shape[-1] for name, values in train.inputs.items()}
    backbone = None
    if isinstance(train, PosterFiles):
        loaded = image_encoder(**encoder)
        backbone, widths["poster"] = loaded.module, loaded.dim
    network = RevenueNetwork(widths, backbone).fit_scale(train.inputs, train.target)
    trained = fit(
        network,
        train,
        validation,
        nn.MSELoss(),
        settings,
        seed,
        checkpoint,
        live,
        progress,
    )
    return trained, predict(trained.network, validation), predict(trained.network, asked)


class PosterModel:
    """The exported poster network with its encoder.

    Parameters
    ----------
    folder : Path
        Holds `poster.safetensors` and its card `poster.json`.

    Raises
    ------
    NetworkFileError
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
        network = RevenueNetwork(self.card["widths"], backbone)
        self.network = load_weights(network, self.card, folder)

    def predict(self, poster: Path) -> dict[str, float]:
        """Revenue of one film, nominal USD: `revenue`, and `lower` and `upper` of its interval.

        Raises
        ------
        MediaError
            If the file is no readable image.
        """
        image = read_poster(poster)[None]
        if self.network.backbone is None:
            values = torch.from_numpy(self.encoder(image))
        else:
            values = normalized(image)
        with torch.inference_mode():
            forecast = self.network({"poster": values}).item()
        ends = self.card["interval"]
        return {
            "revenue": 10**forecast,
            "lower": 10 ** (forecast + ends["lower"]),
            "upper": 10 ** (forecast + ends["upper"]),
        }
