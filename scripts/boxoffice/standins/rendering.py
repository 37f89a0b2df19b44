"""Render stand-ins: a poster as JPEG, a trailer as MP4 with a tone.

A film's files depend on its facts, its id and the seed, and on nothing else: not on the other
films, nor on how many processes render them.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import av
import numpy as np
from av.codec.context import Flags
from joblib import Parallel, delayed
from PIL import Image
from tqdm import tqdm

from boxoffice.core.files import STAND_IN, replacing
from boxoffice.standins.facts import Facts, finish, look_of, shot_frames
from boxoffice.standins.pictures import COSINE, poster, scene, write

FRAME_RATE = 10
FRAME_SIZE, SCENE_SIZE = (320, 180), (400, 225)  # pixels of a frame, and of what a shot moves over
OPENING, CLOSING = 8, 24  # frames of the certificate and of the title
SAMPLE_RATE = 24_000  # Hz
SAMPLES = SAMPLE_RATE // FRAME_RATE  # of a frame
WAVE = 8 * np.array(COSINE)


def render_poster(facts: Facts, path: Path, seed: int = 0) -> None:
    """Write a film's poster, a JPEG whose comment says that it is a stand-in."""
    picture = poster(facts, np.random.default_rng([seed, facts.id, 0]))
    with replacing(path) as temporary:
        picture.save(temporary, "JPEG", quality=88, comment=STAND_IN)


def frame_count(facts: Facts) -> int:
    """Of the trailer: 10 to 14 s, by how long the film is."""
    runtime = 110 if facts.runtime is None else round(facts.runtime)
    return FRAME_RATE * 10 + 4 * min(max(runtime - 70, 0), 100) // 10


def shot_lengths(facts: Facts, generator: np.random.Generator) -> list[int]:
    """Draw how many frames each shot has, from certificate to title: `shot_frames` on average."""
    mean, left, lengths = shot_frames(facts), frame_count(facts) - OPENING - CLOSING, []
    while left:
        length = max(3, mean * int(generator.integers(60, 141)) // 100)
        lengths.append(left if left < length + 3 else length)
        left -= lengths[-1]
    return lengths


def frames(facts: Facts, generator: np.random.Generator) -> Iterator[Image.Image]:
    """Draw the frames of a trailer, 320 x 180 pixels, RGB."""
    yield from [_card(facts, facts.certificate or "", generator)] * OPENING
    for length in shot_lengths(facts, generator):
        picture = scene(SCENE_SIZE, facts, generator)
        first, last = generator.integers(np.subtract(SCENE_SIZE, FRAME_SIZE), size=(2, 2))
        for number in range(length):
            corner = first + (last - first) * number // length  # the camera moves evenly
            yield picture.crop((*corner.tolist(), *(corner + FRAME_SIZE).tolist()))
    yield from [_card(facts, facts.title, generator)] * CLOSING


def _card(facts: Facts, text: str, generator: np.random.Generator) -> Image.Image:
    picture = scene(FRAME_SIZE, facts, generator).point(lambda level: level // 2)
    write(picture, text, (20, 30, 300, 150), 48)
    return picture


def tone(facts: Facts) -> np.ndarray:
    """The sound of a trailer: strokes at the genre's pitch, two a shot, louder as money rises.

    Returns float32 samples between -1 and 1 at 24 kHz, shape (samples,).
    """
    sample = np.arange(frame_count(facts) * SAMPLES)
    stroke = shot_frames(facts) * SAMPLES // 2
    degree = sample * look_of(facts).pitch * 360 // SAMPLE_RATE
    sound = WAVE[degree % 360] + WAVE[degree * 3 // 2 % 360]  # and the fifth above
    sound = sound * (20 + finish(facts.budget)) // 60 * (stroke - sample % stroke) // stroke
    return (sound / 2**15).astype(np.float32)


def render_trailer(facts: Facts, path: Path, seed: int = 0) -> None:
    """Write a film's trailer, an MP4 (H.264, AAC) whose comment says that it is a stand-in.

    The same film gives the same bytes: one thread encodes, and nothing writes dates or versions.
    """
    generator, sound = np.random.default_rng([seed, facts.id, 1]), tone(facts)
    with (
        replacing(path) as temporary,
        av.open(temporary, "w", format="mp4", options={"fflags": "+bitexact"}) as container,
    ):
        container.metadata["comment"] = STAND_IN
        video = container.add_stream("libx264", rate=FRAME_RATE)
        video.width, video.height = FRAME_SIZE
        video.pix_fmt = "yuv420p"
        video.options = {"preset": "ultrafast", "crf": "28"}
        audio = container.add_stream("aac", rate=SAMPLE_RATE, layout="stereo")
        audio.bit_rate = 64_000
        audio.options = {"aac_coder": "fast"}
        for stream in (video, audio):
            stream.codec_context.thread_count = 1
            stream.codec_context.flags |= Flags.bitexact
        for number, picture in enumerate(frames(facts, generator)):
            frame = av.VideoFrame.from_image(picture).reformat(format="yuv420p", threads=1)
            frame.pts = number
            container.mux(video.encode(frame))
            samples = np.tile(sound[number * SAMPLES : (number + 1) * SAMPLES], (2, 1))
            heard = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
            heard.sample_rate, heard.pts = SAMPLE_RATE, number * SAMPLES
            container.mux(audio.encode(heard))
        for stream in (video, audio):
            container.mux(stream.encode())


def render(
    films: Sequence[Facts],
    folder: Path,
    renderer: Callable[[Facts, Path, int], None],
    suffix: str,
    seed: int,
    workers: int = -1,
) -> None:
    """Render a file `<id><suffix>` per film with `render_poster` or `render_trailer`.

    The folder then holds these and nothing else. `workers` are processes, -1 for one per core.
    """
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    calls = (delayed(renderer)(facts, folder / f"{facts.id}{suffix}", seed) for facts in films)
    done = Parallel(n_jobs=workers, return_as="generator_unordered")(calls)
    list(tqdm(done, folder.name, len(films), unit="file", disable=None))
