"""Find trailers, and decode them to frames over their length and the sound of their start."""

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, groupby, pairwise
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import pandas as pd
from av.audio.frame import AudioFrame
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation

from boxoffice.core.files import STAND_IN
from boxoffice.media.files import MediaError, find_files

TRAILER_SUFFIXES = (".mp4", ".webm", ".mov", ".mkv")
_MAX_PIXELS = 7680 * 4320  # of one frame: 8K
_MAX_DECODED = 100_000_000_000  # pixels of all frames: 13 minutes of 4K, 33 of 1080p at 24 a second
# Of the stated duration that must be there, and of the packets that must decode.
_LEAST_SHARE = 0.95
# All that hold picture and sound and that PyAV writes. Without the list FFmpeg takes some text
# files for films, and a playlist makes it open whatever is listed.
_FORMATS = (
    *("mov", "matroska", "avi", "mpegts", "mpeg", "ogg", "flv", "asf"),
    *("mxf", "gxf", "nut", "rm", "wtv", "dv", "swf"),
)
_TIMEOUT = 60  # seconds that the disk may take to give the next packet
# The same bytes whatever the processor's instruction set.
_SCALING = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.BITEXACT


class Trailer(NamedTuple):
    """What a network sees and hears of a trailer."""

    frames: np.ndarray  # RGB (frames, size, size, 3) of uint8, in the order of time
    waveform: np.ndarray  # mono sound (samples,) of int16


def find_trailers(folder: Path, ids: Iterable[int]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Find the trailers of some films; see `find_files`.

    Nothing is decoded yet: a broken file makes `read_trailer` fail.
    """
    return find_files(folder, ids, TRAILER_SUFFIXES, kind="trailer")


def read_trailer(
    path: Path, frames: int = 30, size: int = 224, seconds: int = 30, sample_rate: int = 16_000
) -> Trailer:
    """Decode a trailer in any codec that PyAV reads and a common container.

    Parameters
    ----------
    frames : int
        The film is divided into as many equal parts; the frame on screen at the centre of each is
        taken, upright and squeezed whole to a square. One frame may serve several parts.
    size : int
        Side of the square in pixels.
    seconds : int
        Length of the sound, from its start; a shorter one is padded with silence.
    sample_rate : int
        Samples per second, of all channels mixed to one.

    Raises
    ------
    MediaError
        If there is no picture or no sound, one frame only, no length, less than the container
        states, more than 100 billion pixels, or bytes that can't be decoded.
    """
    start, length = _extent(path)
    centres = [start + (part + 0.5) * length / frames for part in range(frames)]
    return Trailer(_pictures(path, centres, size), _waveform(path, seconds, sample_rate))


def trailer_is_stand_in(path: Path) -> bool:
    """Whether this project drew the film; raises `MediaError` if it is no video."""
    with _opened(path) as container:
        return container.metadata.get("comment") == STAND_IN


@contextmanager
def _opened(path: Path) -> Iterator[InputContainer]:
    options = {"format_whitelist": ",".join(_FORMATS)}
    try:
        container = av.open(
            str(path), container_options=options, metadata_errors="replace", timeout=_TIMEOUT
        )
    except OSError as error:  # of the file, not of what is in it
        raise MediaError(f"can't be read: {error.strerror}") from error
    except av.FFmpegError as error:
        raise MediaError("not a video") from error
    with container:
        try:
            yield container
        except (av.FFmpegError, IndexError) as error:  # PyAV's own where a track turns up late
            raise MediaError("damaged") from error


def _best(container: InputContainer, kind: str) -> Stream:
    stream = container.streams.best(kind)
    if stream is None or stream.disposition & Disposition.attached_pic:
        raise MediaError(f"no {kind} track")
    if stream.codec_context is None:
        raise MediaError(f"unknown {kind} codec")
    stream.codec_context.options = {"max_pixels": str(_MAX_PIXELS)}
    # One thread decodes damaged bytes the same each time; to use more, read more trailers at once.
    stream.codec_context.thread_count = 1
    return stream


def _extent(path: Path) -> tuple[float, float]:
    """Start and length of the picture in seconds, by its packets' times; none is decoded."""
    with _opened(path) as container:
        video, _ = _best(container, "video"), _best(container, "audio")
        begins, ends, reached = [], [], 0.0
        for packet in container.demux():
            begin = _begin(packet)
            if begin == -math.inf or packet.is_discard:  # the mark of the end; cut by an edit list
                continue
            end = begin + float((packet.duration or 0) * packet.time_base)
            reached = max(reached, end)
            if packet.stream is video:
                begins.append(begin)
                ends.append(end)
        if len(begins) == 1:
            raise MediaError("one frame only")
        if not begins or max(ends) <= min(begins):
            raise MediaError("zero length")
        if reached < _LEAST_SHARE * (container.duration or 0) / av.time_base:
            raise MediaError("truncated")
        size = f"{video.width} x {video.height} pixels"
        if video.width * video.height > _MAX_PIXELS:
            raise MediaError(f"too large: {size}")
        if len(begins) * video.width * video.height > _MAX_DECODED:
            raise MediaError(f"too long for a trailer: {len(begins)} frames of {size}")
        return min(begins), max(ends) - min(begins)


def _pictures(path: Path, times: list[float], size: int) -> np.ndarray:
    """The frame on screen at each of the ascending times.

    Every frame is decoded, one at a time: seeking to 30 places of a trailer of 52 s took longer,
    for decoding starts again at the key frame before each.
    """
    pictures = np.empty((len(times), size, size, 3), np.uint8)
    done = 0
    with _opened(path) as container:
        frames = _decoded(container, "video")
        for shown, following in pairwise(chain(frames, [None])):
            until = len(times) if following is None else bisect_left(times, _begin(following))
            if until > done:
                pictures[done:until] = _square(shown, size)
                done = until
            if done == len(times):
                return pictures
    raise MediaError("no frame can be decoded")


def _decoded(container: InputContainer, kind: str) -> Iterator[VideoFrame | AudioFrame]:
    """The frames of a track; a few damaged packets are skipped, as players do."""
    failed = 0
    for count, packet in enumerate(container.demux(_best(container, kind)), 1):
        try:
            yield from packet.decode()
        except av.FFmpegError as error:
            failed += 1
            if failed > 1 + (1 - _LEAST_SHARE) * count:
                raise MediaError(f"damaged {kind}") from error


def _begin(timed: Packet | VideoFrame) -> float:
    """When a frame comes on screen, in seconds; a few formats state the decoding time only."""
    begin = timed.dts if timed.pts is None else timed.pts
    return -math.inf if begin is None else float(begin * timed.time_base)


def _square(frame: VideoFrame, size: int) -> np.ndarray:
    """The whole frame, squeezed to a square and turned as its container says."""
    square = frame.to_ndarray(
        width=size, height=size, format="rgb24", interpolation=_SCALING, threads=1
    )
    return np.rot90(square, round(frame.rotation / 90))


def _waveform(path: Path, seconds: int, sample_rate: int) -> np.ndarray:
    """The sound's first seconds, padded with silence."""
    waveform = np.zeros(seconds * sample_rate, np.int16)
    done = 0
    with _opened(path) as container:
        for samples in _mono(_decoded(container, "audio"), sample_rate):
            part = samples[: waveform.size - done]
            waveform[done : done + part.size] = part
            done += part.size
            if done == waveform.size:
                break
    if done == 0:
        raise MediaError("empty audio track")
    return waveform


def _mono(frames: Iterable[AudioFrame], sample_rate: int) -> Iterator[np.ndarray]:
    """Pieces of the sound as int16; a stream may change its layout or rate on the way."""
    for _, alike in groupby(frames, lambda one: (one.format.name, one.layout.name, one.rate)):
        resampler = av.AudioResampler("s16", "mono", sample_rate)
        for frame in chain(alike, [None]):
            for piece in resampler.resample(frame):
                if piece is not None:  # the end, where there was nothing to convert
                    yield piece.to_ndarray()[0]
