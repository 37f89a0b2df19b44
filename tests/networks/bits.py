"""Print digests of small computations, each by the project's own code: see test_same_bits.py."""

import hashlib
import sys
from pathlib import Path

import numpy as np
import torch

from boxoffice.media.encoders import MINILM, image_encoder, text_encoder
from boxoffice.media.posters import read_poster
from boxoffice.media.trailers import read_trailer
from boxoffice.networks.multimodal_model import train_classes
from boxoffice.networks.poster_model import EmbeddedPosters, train_revenue
from boxoffice.networks.training import Rows, Settings

SETTINGS = Settings(learning_rate=1e-3, weight_decay=0.01, batch_size=4, epochs=2, patience=2)
DRAW = np.random.default_rng(0)


def say(what, *arrays):
    content = b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)
    print(what, hashlib.sha256(content).hexdigest()[:16], flush=True)


def normal(*shape):
    return DRAW.normal(size=shape).astype("float32")


def weights(trained):
    return [value.numpy() for value in trained.network.state_dict().values()]


folder = Path(sys.argv[1])
torch.set_num_threads(1)
values = DRAW.lognormal(size=1000)
say("numpy", np.log10(values), np.exp(values), values**0.3, values.reshape(50, 20).std(axis=0))
matrix = DRAW.normal(size=(40, 30))
say("linear algebra", matrix @ matrix.T, *np.linalg.svd(matrix))

poster = read_poster(folder / "1.jpg", size=64)
say("poster", poster)
trailer = read_trailer(folder / "1.mp4", frames=2, size=64, seconds=1)
say("trailer", trailer.frames, trailer.waveform)

image = torch.from_numpy(poster)[None].permute(0, 3, 1, 2).float() / 255
with torch.inference_mode():
    say("image encoder", image_encoder("efficientnet_lite0").frozen(image).numpy())
say("text encoder", text_encoder(MINILM)(["Two robots fall in love."]))

rows = EmbeddedPosters({"poster": normal(8, 2, 16)}, normal(8), True)
trained, _, forecast = train_revenue(rows, rows, rows, SETTINGS, seed=0)
say("revenue", forecast, *weights(trained))
audio = DRAW.integers(-9000, 9000, (8, 25_600)).astype("int16")
rows = Rows({"text": normal(8, 16), "audio": audio, "metadata": normal(8, 6)}, np.arange(8))
trained, probability = train_classes(rows, rows, rows, SETTINGS, 0, "attention", 0.5, 0.1, 0.6)
say("classes", probability, *weights(trained))
