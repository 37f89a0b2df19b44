"""Download posters and trailers of a source's films through TMDB, with the user's key."""

import logging
import re
import shutil
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import av
import pandas as pd
from PIL import Image, UnidentifiedImageError
from tqdm import tqdm
from yt_dlp import YoutubeDL
from yt_dlp.networking.exceptions import TransportError
from yt_dlp.utils import YoutubeDLError

from boxoffice.core import paths
from boxoffice.core.commands import without_passwords
from boxoffice.core.files import SourceError, replacing
from boxoffice.films import schema as films
from boxoffice.media import posters, trailers
from boxoffice.sources import tmdb5000, tmdb_api, tmdb_films
from boxoffice.sources.tmdb_api import (
    FAULTS_IN_A_ROW,
    Movie,
    ServiceFault,
    Tmdb,
    Unavailable,
    Video,
)

POSTERS, TRAILERS = paths.RAW / "posters", paths.RAW / "trailers"
TMDB_SIZE = "w342"  # pixels wide; the encoders look at 224
SUFFIX = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp"}
VIDEO = "https://www.youtube.com/watch?v={key}"
# Whole files before parts that ffmpeg would have to join; encoders need neither more than 480
# lines nor the best sound. A direct link states no height.
FORMAT = "/".join(
    [f"best[ext={ext}][height<=?480]" for ext in ("mp4", "webm")]
    + [f"bestvideo[ext={ext}][height<=480]+bestaudio[ext={audio}]"
       for ext, audio in (("mp4", "m4a"), ("webm", "webm"))]
)  # fmt: skip
SPEED = 4_000_000  # bytes per second
PAUSE = 10.0  # seconds before each video: YouTube lets a guest have some 300 an hour
TRAILERS_TRIED = 3
SITE_REFUSES = r"HTTP Error (403|429|5\d\d)|not a bot|rate-limited|Giving up after"


class FetchSummary(NamedTuple):
    """How many films a run fetched, found there and skipped, and the table of those skipped."""

    fetched: int
    there: int
    skipped: int
    table: Path


class SourceFilms(NamedTuple):
    """The films of a source, and those whose row is faulty (id, title, reason)."""

    wanted: pd.DataFrame
    rejected: pd.DataFrame
    have_tmdb_ids: bool


def films_of(source: str, ids: str | None = None, limit: int | None = None) -> SourceFilms:
    """Read which films a source has.

    Raises SourceError if `movies.csv` can't be used, see `schema.set_aside`.

    Parameters
    ----------
    source : str
        A folder of `data/raw`, or an absolute path.
    ids : {"tmdb", "title"}, optional
        Find films by TMDB's id or by title and year. The default is "tmdb" for `tmdb5000` and
        `tmdb_api` alone, since a wrong "title" costs a search, and a wrong "tmdb" brings posters of
        other films.
    limit : int, optional
        The first rows only.
    """
    path = paths.RAW / source / "movies.csv"
    table = films.read_text(path).head(limit)
    movies, rejected = films.set_aside(table, films.MOVIES, path, "id")
    title = table.loc[rejected["line"] - 2, "title"].to_numpy()
    from_tmdb = paths.RAW / source in (tmdb5000.TMDB5000, tmdb_films.TMDB_API)
    have_tmdb_ids = ids == "tmdb" if ids else from_tmdb
    return SourceFilms(movies, rejected[["id", "reason"]].assign(title=title), have_tmdb_ids)


def tmdb_id(tmdb: Tmdb, film, have_tmdb_ids: bool) -> int:
    """Return TMDB's id of a row of `movies.csv`; raises as `find_film` does."""
    if have_tmdb_ids:
        return int(film.id)
    return tmdb_api.find_film(tmdb, film.title, int(film.release_date[:4]))


def collect(
    source: SourceFilms, folder: Path, suffixes: tuple[str, ...], fetch: Callable, what: str
) -> FetchSummary:
    """Call `fetch(film, bar)` for every film that has no file in `folder` yet.

    Films without one go to `<folder>.skipped.csv` with the reason, however the run ends. Raises
    SourceError if the service fails for ten films in a row, or at Ctrl-C; the next run goes on.
    """
    there = {path.stem for path in folder.glob("*") if path.suffix.lower() in suffixes}
    wanted = source.wanted[~source.wanted["id"].isin(there)]
    skipped = source.rejected.to_dict("records")
    fetched = faults = 0
    table = folder.with_name(f"{folder.name}.skipped.csv")
    done = len(source.wanted) - len(wanted)
    try:
        total = len(source.wanted)
        with tqdm(desc=what, unit="film", total=total, initial=done, disable=None) as bar:
            for film in wanted.itertuples():
                try:
                    fetch(film, bar)
                    fetched, faults = fetched + 1, 0
                except Unavailable as error:
                    reason = without_passwords(str(error))
                    skipped.append({"id": film.id, "title": film.title, "reason": reason})
                    faults += isinstance(error, ServiceFault)
                    if faults == FAULTS_IN_A_ROW:
                        raise SourceError(
                            f"{faults} films in a row failed, the last one because: {error}. "
                            f"{what} fetched: {fetched}; the same command goes on from there, later"
                        ) from error
                bar.update()
    except KeyboardInterrupt:
        raise SourceError(
            f"interrupted. {what} fetched: {fetched}; the same command goes on from there"
        ) from None
    finally:
        with replacing(table) as temporary:
            pd.DataFrame(skipped, columns=["id", "title", "reason"]).to_csv(temporary, index=False)
    return FetchSummary(fetched, done, len(skipped), table)


def fetch_posters(
    source: SourceFilms, folder: Path, tmdb: Tmdb, size: str = TMDB_SIZE
) -> FetchSummary:
    """Download the poster that TMDB shows of each film as `<id>.jpg`, `.png` or `.webp`.

    Raises SourceError if TMDB can't be used, has no posters of that size, or fails on the way.
    """
    address, sizes = tmdb.images()
    if size not in sizes:
        raise SourceError(f"TMDB has no posters of size {size}, but of {', '.join(sizes)}")

    def fetch(film, _) -> None:
        number = tmdb_id(tmdb, film, source.have_tmdb_ids)
        path = tmdb.ask(f"movie/{number}", Movie).poster_path
        if not path:
            raise Unavailable("TMDB has no poster of it")
        content = tmdb.image(f"{address}{size}{path}")
        with replacing(folder / f"{film.id}{image_suffix(content)}") as temporary:
            temporary.write_bytes(content)

    return collect(source, folder, posters.POSTER_SUFFIXES, fetch, "posters")


def image_suffix(content: bytes) -> str:
    """Return the suffix for an image after decoding it (`verify` passes a truncated JPEG).

    Raises Unavailable if it is no complete image of a known format.
    """
    try:
        with Image.open(BytesIO(content), formats=list(SUFFIX)) as image:
            image.load()
            return SUFFIX.get(image.format, ".jpg")  # Pillow calls some JPEGs MPO
    except UnidentifiedImageError as error:
        raise Unavailable("what came is not a JPEG, PNG or WebP image") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise Unavailable(f"the image can't be read: {error}") from error


def fetch_trailers(
    source: SourceFilms,
    folder: Path,
    tmdb: Tmdb,
    video: str = VIDEO,
    pause: float = PAUSE,
    backoff: float = 1.0,
) -> FetchSummary:
    """Download the trailer of each film as `<id>.mp4` or `.webm`, at most 480 lines high.

    Raises SourceError if TMDB can't be used, or it or the videos' site fails on the way.

    Parameters
    ----------
    video : str
        Address of a video, with `{key}` where TMDB's key of it belongs.
    pause : float
        Seconds to wait before each video.
    backoff : float
        Seconds before a broken download goes on; it doubles with each try.
    """
    tmdb.images()  # stops at once if the key is wrong

    def fetch(film, bar: tqdm) -> None:
        number = tmdb_id(tmdb, film, source.have_tmdb_ids)
        language = film.original_language
        movie = tmdb.ask(
            f"movie/{number}",
            Movie,
            append_to_response="videos",
            include_video_language=f"{language},en",
        )
        keys = trailer_keys(movie.videos.results, language)
        if not keys:
            raise Unavailable("TMDB lists no trailer on YouTube")
        reasons = []
        for key in keys[:TRAILERS_TRIED]:
            address = video.replace("{key}", quote(key, safe=""))
            try:
                return download_video(address, folder, film.id, bar, pause, backoff)
            except ServiceFault:
                raise
            except Unavailable as error:
                reasons.append(f"{key}: {error}")
        raise Unavailable("; ".join(reasons))

    return collect(source, folder, trailers.TRAILER_SUFFIXES, fetch, "trailers")


def trailer_keys(videos: list[Video], language: str) -> list[str]:
    """Return YouTube's keys of a film's trailers, the best first.

    Official ones go first, then those in the film's own language, then the oldest: later ones
    advertise anniversaries, restorations and discs, made when it was known what the film earned.
    """

    def rank(video: Video) -> tuple:
        published = video.published_at or "9999"
        return not video.official, video.iso_639_1 != language, published

    found = [
        video
        for video in videos
        if (video.type, video.site) == ("Trailer", "YouTube")
        and video.iso_639_1 in (language, "en")
    ]
    return [video.key for video in sorted(found, key=rank)]


def download_video(
    address: str, folder: Path, name: str, bar: tqdm, pause: float = 0, backoff: float = 1.0
) -> None:
    """Download a video with yt-dlp as `<name>.mp4` or `.webm`, its megabytes shown in `bar`.

    It is written to a folder beside `folder`, and moved there once it is complete and a video.
    Raises Unavailable if there is no such video, and ServiceFault if the site can't be reached, or
    refuses for now.
    """

    def show(progress: dict) -> None:
        megabytes = progress.get("downloaded_bytes", 0) / 1e6
        bar.set_postfix_str(f"{name}: {megabytes:.1f} MB", refresh=False)
        bar.update(0)

    def wait(n: int) -> float:
        return backoff * 2**n

    temporary = folder.with_name(f".{folder.name}.part")
    options = {
        "format": FORMAT,
        "outtmpl": str(temporary / name).replace("%", "%%") + ".%(ext)s",
        "noplaylist": True,
        "retries": tmdb_api.TRIES,
        "fragment_retries": tmdb_api.TRIES,
        "retry_sleep_functions": {"http": wait, "fragment": wait},
        "socket_timeout": 30,
        "ratelimit": SPEED,
        "sleep_interval": pause,
        # YouTube's pages ask for one of these, whichever is installed.
        "js_runtimes": {runtime: {} for runtime in ("deno", "node", "bun", "quickjs")},
        "logger": logging.Logger("yt-dlp", logging.CRITICAL),  # silent: errors are raised
        "color": "no_color",
        "progress_hooks": [show],
    }
    shutil.rmtree(temporary, ignore_errors=True)  # of a run that was killed
    try:
        with YoutubeDL(options) as site:
            site.download([address])
        path = next(temporary.glob(f"{name}.*"), None)
        if path is None:
            raise Unavailable("nothing was downloaded")
        require_video(path)
        folder.mkdir(parents=True, exist_ok=True)
        path.replace(folder / path.name)
    except YoutubeDLError as error:
        raise _reason(error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _reason(error: YoutubeDLError) -> Unavailable:
    text = re.sub(r"^ERROR: | \(caused by .*", "", " ".join(str(error).split()))
    cause = (getattr(error, "exc_info", None) or (None, None))[1]
    while cause is not None and not isinstance(cause, TransportError):
        cause = getattr(cause, "cause", None)
    if isinstance(cause, TransportError) or re.search(SITE_REFUSES, text):
        return ServiceFault(text)
    return Unavailable(text)


def require_video(path: Path) -> None:
    """Raise Unavailable unless a file opens as a video with a picture."""
    try:
        with av.open(path) as container:
            if not container.streams.video:
                raise Unavailable("the file has no video track")
    except av.FFmpegError as error:
        raise Unavailable(f"the file is not a video: {error.strerror}") from error
