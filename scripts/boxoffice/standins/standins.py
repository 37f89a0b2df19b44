"""Stand-ins for the posters and trailers that can't be shipped: files made from a film's facts.

Only what is known before release shapes them. A film's files depend on its facts, its id and the
seed, and on nothing else: not on the other films, and not on how many processes render them.
"""

import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import av
import numpy as np
import pandas as pd
from av.codec.context import Flags
from joblib import Parallel, delayed
from PIL import Image
from tqdm import tqdm

from boxoffice.files import STAND_IN, replacing
from boxoffice.standins import poster_art, trailer_art
from boxoffice.standins.looks import Film, look_of
from boxoffice.standins.soundtracks import SAMPLE_RATE, soundtrack

BILLED = 5
POSTER, TRAILER = 0, 1  # what sets a film's two generators apart


def draw_films(
    films: pd.DataFrame, posters: int, trailers: int, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of the films that get a poster, and of those among them that get a trailer, too.

    Both are the first of one seeded permutation: asking for more leaves the others as they are.

    Raises
    ------
    ValueError
        If there are not so many films, or more trailers than posters.
    """
    if not 0 <= trailers <= posters <= len(films):
        raise ValueError(
            f"posters: {posters}, trailers: {trailers}; give at least 0 trailers, at least as many "
            f"posters, and at most {len(films)}, for so many films are usable"
        )
    order = np.random.default_rng(seed).permutation(len(films))
    drawn = films.sort_values("id").iloc[order[:posters]]
    return drawn, drawn.head(trailers)


def known_before_release(films: pd.DataFrame, people: pd.DataFrame) -> list[Film]:
    """The facts that may shape stand-ins, in the order of the rows; a source may lack some.

    Parameters
    ----------
    films : DataFrame
        Usable rows of `films.parquet`.
    people : DataFrame
        `people.parquet`: `id` and `name`.
    """
    names = people.set_index("id")["name"]
    return [
        Film(
            id=int(row.id),
            title=row.title,
            genres=_listed(row.genres),
            cast=tuple(names[person] for person in _listed(row.cast)[:BILLED]),
            certificate=_known(row.certificate),
            runtime=_known(row.runtime),
            budget=float(row.budget),
            release_date=_known(row.release_date),
            countries=_listed(row.countries),
        )
        for row in films.reindex(columns=Film._fields).itertuples()
    ]


def _listed(cell) -> tuple[str, ...]:
    return () if np.ndim(cell) == 0 else tuple(cell)


def _known(cell):
    return None if pd.isna(cell) else cell


def render_poster(film: Film, path: Path, seed: int = 0) -> None:
    """Write a film's poster, a JPEG whose comment says that it is a stand-in."""
    picture = poster_art.poster(film, np.random.default_rng([seed, film.id, POSTER]))
    with replacing(path) as temporary:
        picture.save(temporary, "JPEG", quality=88, comment=STAND_IN)


def render_trailer(film: Film, path: Path, seed: int = 0) -> None:
    """Write a film's trailer, an MP4 (H.264, AAC) whose comment says that it is a stand-in.

    The same film gives the same bytes: one thread encodes, and nothing writes dates or versions.
    """
    for_shots, for_frames, for_sound = np.random.default_rng([seed, film.id, TRAILER]).spawn(3)
    shots = trailer_art.shot_list(film, for_shots)
    cuts = [shot.start / trailer_art.FRAME_RATE for shot in shots]
    seconds = trailer_art.frame_count(film) / trailer_art.FRAME_RATE
    sound = soundtrack(look_of(film), seconds, cuts, for_sound)
    with replacing(path) as temporary:
        _encode(temporary, trailer_art.frames(film, shots, for_frames), sound)


def _encode(path: Path, pictures: Iterable[Image.Image], sound: np.ndarray) -> None:
    with av.open(path, "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        container.metadata["comment"] = STAND_IN
        video = container.add_stream("libx264", rate=trailer_art.FRAME_RATE)
        video.width, video.height = trailer_art.SIZE
        video.pix_fmt = "yuv420p"
        video.options = {"preset": "ultrafast", "crf": "28"}
        audio = container.add_stream("aac", rate=SAMPLE_RATE, layout="stereo")
        audio.bit_rate = 64_000
        audio.options = {"aac_coder": "fast"}
        for stream in (video, audio):
            stream.codec_context.thread_count = 1
            stream.codec_context.flags |= Flags.bitexact
        step = SAMPLE_RATE // trailer_art.FRAME_RATE
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_image(picture).reformat(format="yuv420p", threads=1)
            frame.pts = number
            container.mux(video.encode(frame))
            samples = np.ascontiguousarray(sound[:, number * step : (number + 1) * step])
            heard = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
            heard.sample_rate, heard.pts = SAMPLE_RATE, number * step
            container.mux(audio.encode(heard))
        for stream in (video, audio):
            container.mux(stream.encode())


def render(
    films: Sequence[Film],
    folder: Path,
    renderer: Callable[[Film, Path, int], None],
    suffix: str,
    seed: int,
    workers: int = -1,
) -> None:
    """Render a file `<id><suffix>` per film; the folder then holds these and nothing else.

    Parameters
    ----------
    renderer : callable
        `render_poster` or `render_trailer`.
    workers : int
        Processes, -1 for one per core.
    """
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    calls = (delayed(renderer)(film, folder / f"{film.id}{suffix}", seed) for film in films)
    done = Parallel(n_jobs=workers, return_as="generator_unordered")(calls)
    for _ in tqdm(done, total=len(films), desc=folder.name, unit="file", mininterval=1):
        pass
