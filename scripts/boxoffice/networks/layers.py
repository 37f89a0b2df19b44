"""The networks that are trained here: on embeddings, on waveforms, and on facts."""

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from boxoffice.core import paths
from boxoffice.core.model_files import checked_bytes, write_model
from boxoffice.networks.revenue_classes import CLASSES

AUDIO_DIM = 1024
WINDOW = 400  # samples: 25 ms
TOKEN_DIM = 256
FUSIONS = ("concatenation", "attention")
LIMIT = 5.0  # standard deviations


class Standardize(nn.Module):
    """Give every column mean 0 and deviation 1 on the training rows, and cut what lies beyond 5."""

    def __init__(self, width: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("deviation", torch.ones(width))

    def fit(self, training: np.ndarray) -> "Standardize":
        """Learn from an array of shape (n, ..., width); constant columns only lose their mean."""
        rows = training.reshape(-1, training.shape[-1]).astype(np.float64)
        deviation = rows.std(axis=0)
        deviation[deviation < 1e-6] = 1.0
        self.mean.copy_(torch.from_numpy(rows.mean(axis=0)))
        self.deviation.copy_(torch.from_numpy(deviation))
        return self

    def forward(self, values: Tensor) -> Tensor:
        return ((values - self.mean) / self.deviation).clamp(-LIMIT, LIMIT)


class UnitLength(nn.Module):
    """Scale every row to length 1, so that a wide embedding doesn't drown what is narrow."""

    def forward(self, values: Tensor) -> Tensor:
        return nn.functional.normalize(values, dim=1)


def tower(modality: str, width: int) -> nn.Module:
    """What makes a modality ready to be joined with others."""
    if modality == "audio":
        return AudioNetwork()
    return Standardize(width) if modality == "metadata" else UnitLength()


def perceptron(
    inputs: int, hidden: tuple[int, ...], dropout: tuple[float, ...], outputs: int
) -> nn.Sequential:
    """Hidden layers with ReLU and dropout, and a linear one."""
    layers, width = [], inputs
    for wide, share in zip(hidden, dropout, strict=True):
        layers += [nn.Linear(width, wide), nn.ReLU(), nn.Dropout(share)]
        width = wide
    return nn.Sequential(*layers, nn.Linear(width, outputs))


class PosterEmbedding(nn.Module):
    """Embeddings of posters, of length 1.

    Parameters
    ----------
    backbone : Module, optional
        Makes embeddings from images (n, 3, 224, 224). Without it, the input is embeddings.
    """

    def __init__(self, backbone: nn.Module | None = None):
        super().__init__()
        self.backbone = backbone
        self.scale = UnitLength()

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        """The input `poster`, embeddings (n, width) or images -> (n, width)."""
        poster = inputs["poster"]
        if self.backbone is not None:
            poster = self.backbone(poster)
        return self.scale(poster)


class RevenueNetwork(nn.Module):
    """log10 revenue from a poster's embedding: 1024 -> 512 -> 1.

    Parameters
    ----------
    width : int
        Of the embedding.
    backbone : Module, optional
        See `PosterEmbedding`; it is trained along.

    Attributes
    ----------
    typical : Tensor of shape (width,)
        The direction of the mean embedding of training, which `poster_model.likeness` sets.
    """

    def __init__(self, width: int, backbone: nn.Module | None = None):
        super().__init__()
        self.embedding = PosterEmbedding(backbone)
        self.head = perceptron(width, (1024, 512), (0.2, 0.1), 1)
        self.register_buffer("typical", torch.zeros(width))

    def start_at(self, log10_revenue) -> "RevenueNetwork":
        """Start at the mean of the training films' log10 revenue."""
        nn.init.constant_(self.head[-1].bias, float(np.mean(log10_revenue)))
        return self

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        """The input `poster`, embeddings (n, width) or images -> log10 USD of shape (n,)."""
        return self.head(self.embedding(inputs)).squeeze(1)


class AudioNetwork(nn.Module):
    """A 1-D CNN on 30 s of sound: waveforms (n, 480000) -> (n, 1024).

    The first layer reads windows of 25 ms, as speech recognition does.
    """

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(1, 32, kernel_size=WINDOW, stride=WINDOW),
            *self.normed(32),
            nn.Conv1d(32, 64, kernel_size=8, stride=8),
            *self.normed(64),
            nn.Conv1d(64, 128, kernel_size=8, stride=8),
            *self.normed(128),
            nn.AdaptiveAvgPool1d(1),
            nn.Flatten(),
            nn.Linear(128, AUDIO_DIM),
            nn.ReLU(),
        )

    @staticmethod
    def normed(channels: int) -> list[nn.Module]:
        return [nn.BatchNorm1d(channels), nn.ReLU()]

    def forward(self, waveform: Tensor) -> Tensor:
        """int16 samples at 16 kHz, shape (n, samples) -> float of shape (n, 1024)."""
        return self.layers(waveform.float().unsqueeze(1))  # normalized inside, so not scaled


def pool_frames(frames: np.ndarray) -> np.ndarray:
    """Embeddings of a trailer's frames over time: (n, frames, d) -> mean and maximum, (n, 2 d)."""
    return np.concatenate([frames.mean(axis=1), frames.max(axis=1)], axis=1)


class FusionNetwork(nn.Module):
    """Eight revenue classes from several modalities: joined -> 512 -> 256 -> 8.

    Embeddings are scaled to length 1, facts standardized, sound goes through a CNN. A modality that
    is absent from the inputs counts as zeros.

    Parameters
    ----------
    widths : dict of str to int
        Modalities and their columns; of `audio`, whose waveforms go through a CNN, any number.
    fusion : {'concatenation', 'attention'}
        Attention lets the modalities weigh each other as tokens of 256 numbers each.
    dropout : float
    modality_dropout : float
        Share of films that miss a modality while training, each by itself.
    """

    def __init__(
        self,
        widths: dict[str, int],
        fusion: str = "concatenation",
        dropout: float = 0.3,
        modality_dropout: float = 0.0,
    ):
        super().__init__()
        if fusion not in FUSIONS:
            raise ValueError(f"unknown fusion {fusion!r}, expected one of {', '.join(FUSIONS)}")
        self.modality_dropout = modality_dropout
        self.towers = nn.ModuleDict({name: tower(name, width) for name, width in widths.items()})
        self.dims = widths | ({"audio": AUDIO_DIM} if "audio" in widths else {})
        self.attention = AttentionFusion(self.dims) if fusion == "attention" else None
        joined = TOKEN_DIM * len(widths) if self.attention else sum(self.dims.values())
        self.head = perceptron(joined, (512, 256), (dropout, dropout), len(CLASSES))

    def extra_repr(self) -> str:
        return f"modality_dropout={self.modality_dropout}"

    def fit_scale(self, inputs: dict[str, np.ndarray]) -> "FusionNetwork":
        """Standardize the facts by training rows."""
        if "metadata" in self.towers:
            self.towers["metadata"].fit(inputs["metadata"])
        return self

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        """Inputs of shape (n, columns) each -> logits of shape (n, 8)."""
        rows = len(next(iter(inputs.values())))
        features, present = [], []
        for name, tower in self.towers.items():
            if name in inputs:
                values = tower(inputs[name])
            else:
                values = self.head[0].weight.new_zeros(rows, self.dims[name])
            kept = torch.full_like(values[:, :1], name in inputs)
            if self.training and len(self.towers) > 1:
                kept *= torch.rand_like(kept) >= self.modality_dropout
            features.append(values * kept)
            present.append(kept)
        if self.attention:
            return self.head(self.attention(features, torch.cat(present, dim=1)))
        return self.head(torch.cat(features, dim=1))


class AttentionFusion(nn.Module):
    """Self-attention between modalities, each a token of 256 numbers (Vaswani et al., 2017)."""

    def __init__(self, dims: dict[str, int]):
        super().__init__()
        self.project = nn.ModuleList(nn.Linear(dim, TOKEN_DIM) for dim in dims.values())
        self.modality = nn.Parameter(torch.randn(len(dims), TOKEN_DIM) * 0.02)
        self.attend = nn.MultiheadAttention(TOKEN_DIM, num_heads=4, batch_first=True)
        self.norm = nn.LayerNorm(TOKEN_DIM)

    def forward(self, features: list[Tensor], present: Tensor) -> Tensor:
        """Modalities of shape (n, width) and their presence (n, m) -> (n, m x 256)."""
        tokens = [layer(values) for layer, values in zip(self.project, features, strict=True)]
        tokens = torch.stack(tokens, dim=1) + self.modality
        absent = (present == 0) & (present.sum(1, keepdim=True) > 0)  # never mask all of a row
        heard, _ = self.attend(tokens, tokens, tokens, key_padding_mask=absent, need_weights=False)
        return (self.norm(tokens + heard) * present.unsqueeze(2)).flatten(1)


class OrdinalCrossEntropy(nn.Module):
    """Cross-entropy against labels that spread to the neighbouring classes.

    The label of class k gives class j the weight exp(-(j - k)^2 / (2 spread^2)), normalized: an
    answer beside the right class costs less than one far away (Diaz and Marathe, 2019, "Soft
    labels for ordinal regression"). A spread of 0 gives plain cross-entropy.

    Parameters
    ----------
    class_weight : array of shape (8,)
    spread : float
        In classes.
    """

    def __init__(self, class_weight: np.ndarray, spread: float):
        super().__init__()
        distance = torch.arange(len(CLASSES)).float()
        distance = distance[:, None] - distance
        labels = torch.eye(len(CLASSES))
        if spread > 0:
            labels = torch.softmax(-(distance**2) / (2 * spread**2), dim=1)
        self.register_buffer("labels", labels)
        self.register_buffer("class_weight", torch.as_tensor(class_weight, dtype=torch.float32))

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Logits of shape (n, 8) and classes of shape (n,) -> the weighted mean."""
        each = -(self.labels[target] * logits.log_softmax(dim=1)).sum(dim=1)
        weight = self.class_weight[target]
        return (weight * each).sum() / weight.sum()


def save_network(name: str, network: nn.Module, card: dict) -> None:
    """Write `models/<name>.safetensors` and its card `models/<name>.json`."""
    content = save({key: value.contiguous() for key, value in network.state_dict().items()})
    write_model(name, ".safetensors", content, card)


def load_weights(network: nn.Module, card: dict, folder: Path = paths.MODELS) -> nn.Module:
    """Give a network that was built after its card the weights beside that card.

    Raises
    ------
    ModelFileError
        If the file is missing or is not the one that the card was written with.
    """
    content = checked_bytes(folder / f"{card['name']}.safetensors", card["sha256"])
    network.load_state_dict(load(content))
    return network.eval()
