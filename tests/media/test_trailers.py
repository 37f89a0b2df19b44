"""Trailers: extraction from files made here in every container, and each fault with its reason."""

import os
import struct
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import av
import numpy as np
import pytest
from av.stream import Disposition
from PIL import Image

from boxoffice.core.files import STAND_IN
from boxoffice.media import trailers
from boxoffice.media.files import MediaError
from boxoffice.media.trailers import (
    TRAILER_SUFFIXES,
    find_trailers,
    read_trailer,
    trailer_is_stand_in,
)

FRAMES = 50  # of a film here: the centre of none of 30 parts falls between two frames
HERTZ, LEVEL = 440, 0.3  # of its sound
PARTS, SAMPLES, SAMPLE_RATE = 30, 480_000, 16_000
# H.264 is left to containers that say in which order its frames are shown.
CONTAINERS = {
    "mp4": ("libx264", "aac"),
    "mov": ("libx264", "pcm_s16le"),
    "mkv": ("libx264", "libopus"),
    "webm": ("libvpx", "libopus"),
    "m4v": ("libx264", "ac3"),
    "3gp": ("mpeg4", "aac"),
    "avi": ("mpeg4", "libmp3lame"),
    "ts": ("libx264", "aac"),
    "mpg": ("mpeg1video", "mp2"),
    "vob": ("mpeg2video", "ac3"),
    "ogv": ("libvpx", "libopus"),
    "flv": ("flv", "libmp3lame"),
    "asf": ("wmv2", "mp2"),
    "mxf": ("mpeg2video", "pcm_s16le"),
    "gxf": ("mpeg2video", "pcm_s16le"),
    "nut": ("ffv1", "pcm_s16le"),
    "rm": ("rv20", "ac3"),
    "wtv": ("mpeg2video", "mp2"),
    "dv": ("dvvideo", "pcm_s16le"),
    "swf": ("flv", "libmp3lame"),
}
CODECS = {
    "mp4": [("libx265", "aac"), ("libsvtav1", "libopus"), ("mpeg4", "libmp3lame")],
    "webm": [("libvpx-vp9", "libopus")],
    "mov": [("mjpeg", "pcm_s24le"), ("prores_ks", "alac")],
    "mkv": [("ffv1", "ac3"), ("libx264", "pcm_f32le")],
}
SETTINGS = {
    "gxf": {"size": (720, 576), "layout": "mono"},
    "dv": {"size": (720, 576)},
    "rm": {"size": (176, 144)},
    "swf": {"sample_rate": 44_100},
    "mjpeg": {"pixels": "yuvj420p"},
    "prores_ks": {"pixels": "yuv422p10le"},
}


def grey(index, width, height):
    """A picture whose grey tells its number."""
    return np.full((height, width, 3), round(255 * index / FRAMES), np.uint8)


def quarters(_, width, height):
    """Red and green above blue and white."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[: height // 2, : width // 2] = (255, 0, 0)
    picture[: height // 2, width // 2 :] = (0, 255, 0)
    picture[height // 2 :, : width // 2] = (0, 0, 255)
    picture[height // 2 :, width // 2 :] = (255, 255, 255)
    return picture


def write_film(
    path,
    video="libx264",
    audio="aac",
    *,
    begins=range(FRAMES),
    rate=25,
    picture=grey,
    size=(96, 64),
    pixels="yuv420p",
    matrix="ITU601",
    rotation=0,
    seconds=2,
    sample_rate=48_000,
    layout="stereo",
    channel=None,
    comment="",
    options=None,
):
    """A film whose frames begin at `begins` / `rate` seconds; a tone, in one channel or in all."""
    with av.open(path, "w", options=options or {}) as container:
        container.metadata["comment"] = comment
        if video:
            pictures = container.add_stream(video, rate=Fraction(rate))
            (pictures.width, pictures.height), pictures.pix_fmt = size, pixels
            pictures.set_display_rotation(rotation)
        if audio:
            sounds = container.add_stream(audio, rate=sample_rate, layout=layout)
        if video:
            pictures.codec_context.colorspace = {"ITU601": 6, "ITU709": 1}[matrix]
            for index, begin in enumerate(begins):
                frame = av.VideoFrame.from_ndarray(picture(index, *size))
                frame = frame.reformat(format=pixels, dst_colorspace=matrix)
                frame.pts, frame.time_base = begin, 1 / Fraction(rate)
                container.mux(pictures.encode(frame))
            container.mux(pictures.encode())
        if audio:
            for frame in tone(sounds, seconds, channel):
                container.mux(sounds.encode(frame))
            container.mux(sounds.encode())
    if hasattr(os, "sched_setscheduler"):  # root's SVT-AV1 has made this thread a real-time one
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return path


def tone(sounds, seconds, channel):
    """Frames of a tone in the format that a track takes."""
    if not seconds:
        return []
    time = np.arange(round(seconds * sounds.rate)) / sounds.rate
    samples = np.zeros((time.size, sounds.channels), np.int16)
    loud = slice(None) if channel is None else [channel]
    samples[:, loud] = LEVEL * 32767 * np.sin(2 * np.pi * HERTZ * time)[:, None]
    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), "s16", sounds.layout)
    frame.sample_rate = sounds.rate
    return av.AudioResampler(sounds.format, sounds.layout, sounds.rate).resample(frame)


def numbers(trailer):
    """Which frames of a grey film were taken."""
    return np.rint(trailer.frames.mean(axis=(1, 2, 3)) / 255 * FRAMES).astype(int).tolist()


def on_screen(begins, end):
    """By definition: the last frame that begins before the centre of each part."""
    centres = [begins[0] + (end - begins[0]) * (part + 0.5) / PARTS for part in range(PARTS)]
    return [sum(begin <= centre for begin in begins) - 1 for centre in centres]


def assert_tone(waveform, seconds=2.0, tolerance=0.15):
    """The tone at its pitch and level for so many seconds, then silence."""
    assert waveform.dtype == np.int16
    assert waveform.shape == (SAMPLES,)
    sounding = np.flatnonzero(np.abs(waveform) > 100)
    assert sounding[-1] / SAMPLE_RATE == pytest.approx(seconds, abs=tolerance)
    middle = waveform[SAMPLE_RATE // 2 : SAMPLE_RATE * 3 // 2].astype(float)
    assert np.abs(np.fft.rfft(middle)).argmax() == HERTZ
    assert middle.std() == pytest.approx(
        LEVEL * 32767 / np.sqrt(2), rel=0.06
    )  # LAME lowers it by 5 %


EVERY = [
    *((container, *codecs) for container, codecs in CONTAINERS.items()),
    *((container, *codecs) for container, several in CODECS.items() for codecs in several),
]


@pytest.mark.parametrize(("container", "video", "audio"), EVERY)
def test_every_container_and_codec_gives_the_same_film(tmp_path, container, video, audio):
    settings = SETTINGS.get(container, {}) | SETTINGS.get(video, {})
    trailer = read_trailer(write_film(tmp_path / f"1.{container}", video, audio, **settings))
    assert trailer.frames.shape == (PARTS, 224, 224, 3)
    assert trailer.frames.dtype == np.uint8
    expected = on_screen([index / 25 for index in range(FRAMES)], FRAMES / 25)
    assert np.abs(np.subtract(numbers(trailer), expected)).max() <= 1
    assert_tone(trailer.waveform)


@pytest.mark.parametrize("rate", ["7/3", "24000/1001", "120", "1", "12.5"])
def test_frames_are_on_screen_at_the_centres_of_equal_parts(tmp_path, rate):
    trailer = read_trailer(write_film(tmp_path / "1.mp4", rate=rate, seconds=1))
    rate = float(Fraction(rate))
    begins = [index / rate for index in range(FRAMES)]
    assert numbers(trailer) == on_screen(begins, FRAMES / rate)


@pytest.mark.parametrize("container", ["3gp", "webm", "mkv"])
def test_frames_of_a_variable_rate_are_taken_by_time_not_by_number(tmp_path, container):
    video, audio = CONTAINERS[container]
    begins = [0, 1, 2, 3, 100, 101, 400, 410]  # hundredths of a second
    film = write_film(tmp_path / f"1.{container}", video, audio, begins=begins, rate=100)
    assert numbers(read_trailer(film)) == on_screen(begins, 411)


def test_what_an_edit_list_cuts_off_is_not_shown(tmp_path):
    film = write_film(tmp_path / "1.mp4")
    content = bytearray(film.read_bytes())
    entry = content.index(b"elst") + 12  # the pictures': duration in ms, begin in 1/12800 s
    begin = int.from_bytes(content[entry + 4 : entry + 8])
    content[entry : entry + 8] = struct.pack(">II", 1000, begin + 12_800)
    film.write_bytes(content)
    shown = on_screen([index / 25 for index in range(25)], 1)
    assert numbers(read_trailer(film)) == [25 + index for index in shown]


def test_a_film_of_fewer_frames_repeats_them(tmp_path):
    trailer = read_trailer(write_film(tmp_path / "1.mp4", begins=range(2)))
    assert numbers(trailer) == [0] * 15 + [1] * 15


@pytest.mark.parametrize("container", ["mkv", "ts", "flv"])
def test_a_film_that_does_not_begin_at_zero_is_the_same(tmp_path, container):
    video, audio = CONTAINERS[container]
    late = range(250, 250 + FRAMES)
    plain = write_film(tmp_path / f"1.{container}", video, audio)
    shifted = write_film(tmp_path / f"2.{container}", video, audio, begins=late)
    assert numbers(read_trailer(shifted)) == numbers(read_trailer(plain))


@pytest.mark.parametrize("layout", ["mono", "stereo", "5.1"])
@pytest.mark.parametrize("sample_rate", [8_000, 16_000, 48_000])
def test_sound_of_any_layout_and_rate_becomes_mono_at_16_khz(tmp_path, layout, sample_rate):
    film = write_film(tmp_path / "1.mp4", layout=layout, sample_rate=sample_rate)
    assert_tone(read_trailer(film).waveform)


@pytest.mark.parametrize("channel", range(6))
def test_every_channel_but_the_bass_is_heard(tmp_path, channel):
    film = write_film(tmp_path / "1.mkv", audio="pcm_s16le", layout="5.1", channel=channel)
    assert read_trailer(film).waveform.any() == (channel != 3)


def test_no_sound_is_lost_on_the_way_to_another_rate(tmp_path):
    film = write_film(tmp_path / "1.mkv", audio="pcm_s16le", sample_rate=44_100)
    assert_tone(read_trailer(film).waveform, tolerance=0.0005)


def test_sound_may_change_its_layout_and_rate_on_the_way(tmp_path):
    film = write_film(tmp_path / "1.ts")
    other = write_film(tmp_path / "2.ts", layout="mono", sample_rate=32_000)
    film.write_bytes(film.read_bytes() + other.read_bytes())
    assert_tone(read_trailer(film).waveform, seconds=4, tolerance=0.3)


def test_sound_is_cut_or_padded_to_the_seconds_asked_for(tmp_path):
    film = write_film(tmp_path / "1.mp4", begins=range(0, 33 * 25, 25), seconds=33)
    assert_tone(read_trailer(film).waveform, seconds=30)
    short = read_trailer(film, seconds=3, sample_rate=8_000).waveform
    assert short.shape == (24_000,)
    assert np.abs(short[-100:]).max() > 100
    longer = read_trailer(film, seconds=40).waveform
    assert not longer[34 * SAMPLE_RATE :].any()


def test_frames_and_size_are_those_asked_for(tmp_path):
    film = write_film(tmp_path / "1.mp4")
    assert read_trailer(film, frames=7, size=32).frames.shape == (7, 32, 32, 3)
    assert numbers(read_trailer(film, frames=1)) == [FRAMES // 2]


@pytest.mark.parametrize("size", [(192, 64), (64, 192), (34, 30)])
@pytest.mark.parametrize("matrix", ["ITU601", "ITU709"])
def test_the_whole_frame_is_squeezed_to_a_square_in_its_colours(tmp_path, size, matrix):
    film = write_film(tmp_path / "1.mp4", picture=quarters, size=size, matrix=matrix)
    expected = quarters(None, 224, 224).astype(int)
    for y, x in [(28, 28), (28, 196), (196, 28), (196, 196)]:
        assert np.abs(read_trailer(film).frames[:, y, x] - expected[y, x]).max() <= 4


@pytest.mark.parametrize("rotation", [90, 180, 270])
@pytest.mark.parametrize("container", ["mp4", "mov", "mkv"])
def test_a_rotated_film_is_upright(tmp_path, container, rotation):
    plain = write_film(tmp_path / f"1.{container}", picture=quarters)
    turned = write_film(tmp_path / f"2.{container}", picture=quarters, rotation=rotation)
    expected = np.rot90(read_trailer(plain).frames, rotation // 90, axes=(1, 2))
    assert np.array_equal(read_trailer(turned).frames, expected)


def test_reading_is_the_same_each_time_and_in_threads(tmp_path):
    films = [write_film(tmp_path / f"{name}.mp4", picture=quarters) for name in range(4)]
    alone = [read_trailer(film) for film in films]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(read_trailer, films))
    for one, other in zip(alone, together, strict=True):
        assert np.array_equal(one.frames, other.frames)
        assert np.array_equal(one.waveform, other.waveform)


def test_a_title_in_another_encoding_does_not_matter(tmp_path):
    film = write_film(tmp_path / "1.mp4", comment="A comment")
    film.write_bytes(film.read_bytes().replace(b"A comment", b"A\xe9comment"))
    assert read_trailer(film).frames.any()


# Faults


def reason(film):
    with pytest.raises(MediaError) as error:
        read_trailer(film)
    return str(error.value)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "not a video"),
        (b"I am a text.\n" * 100, "not a video"),
        (b"<html><body>404</body></html>", "not a video"),
        (bytes(10_000), "not a video"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "not a video"),
    ],
    ids=["empty", "text", "web page", "zeros", "header only"],
)
@pytest.mark.parametrize("suffix", TRAILER_SUFFIXES)
def test_what_is_no_video_is_refused(tmp_path, suffix, content, expected):
    film = tmp_path / f"1{suffix}"
    film.write_bytes(content)
    assert reason(film) == expected


def test_an_image_is_no_video(tmp_path):
    for kind in ("png", "jpeg", "gif", "webp"):
        Image.new("RGB", (64, 64)).save(tmp_path / "1.mp4", kind)
        assert reason(tmp_path / "1.mp4") == "not a video"


def test_a_list_of_films_is_not_followed(tmp_path):
    write_film(tmp_path / "1.mp4")
    (tmp_path / "2.mp4").write_text("ffconcat version 1.0\nfile 1.mp4\n")
    assert reason(tmp_path / "2.mp4") == "not a video"


def test_a_missing_file_is_a_reason(tmp_path):
    assert reason(tmp_path / "1.mp4") == "can't be read: No such file or directory"
    assert reason(tmp_path) == "can't be read: Is a directory"


@pytest.mark.parametrize("container", ["mp4", "mkv", "webm", "mov"])
def test_sound_pictures_and_time_are_needed(tmp_path, container):
    video, audio = CONTAINERS[container]
    film = tmp_path / f"1.{container}"
    assert reason(write_film(film, video, None)) == "no audio track"
    assert reason(write_film(film, None, audio)) == "no video track"
    assert reason(write_film(film, video, audio, begins=[0])) == "one frame only"
    # Some containers leave out a track in which there is nothing.
    empty = {"no audio track", "empty audio track"}
    assert reason(write_film(film, video, audio, seconds=0)) in empty
    assert reason(write_film(film, video, audio, begins=[])) in {"no video track", "zero length"}


def test_a_cover_is_no_film(tmp_path):
    with av.open(tmp_path / "1.mp4", "w") as container:
        sounds = container.add_stream("aac", rate=48_000, layout="stereo")
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 64, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        frame = av.VideoFrame.from_ndarray(quarters(None, 64, 64))
        container.mux([*cover.encode(frame), *cover.encode()])
        for frame in tone(sounds, 2, None):
            container.mux(sounds.encode(frame))
        container.mux(sounds.encode())
    assert reason(tmp_path / "1.mp4") == "no video track"


def cut(film, share):
    content = film.read_bytes()
    film.write_bytes(content[: round(len(content) * share)])
    return film


@pytest.mark.parametrize("container", ["mp4", "mov", "mkv", "webm", "avi", "flv"])
def test_half_a_file_is_truncated(tmp_path, container):
    video, audio = CONTAINERS[container]
    settings = {"options": {"movflags": "faststart"}} if container in {"mp4", "mov"} else {}
    film = write_film(tmp_path / f"1.{container}", video, audio, **settings)
    assert reason(cut(film, 0.5)) == "truncated"


def test_half_a_file_without_its_index_is_no_video(tmp_path):
    assert reason(cut(write_film(tmp_path / "1.mp4"), 0.5)) == "not a video"


def test_half_a_file_that_does_not_state_its_length_is_a_shorter_film(tmp_path):
    trailer = read_trailer(cut(write_film(tmp_path / "1.ts"), 0.5))
    assert FRAMES / 3 < numbers(trailer)[-1] < FRAMES * 2 / 3


def test_a_file_that_lost_its_last_packets_is_used(tmp_path):
    film = write_film(tmp_path / "1.mp4", options={"movflags": "faststart"})
    assert numbers(read_trailer(cut(film, 0.98)))[-1] == FRAMES - 1


def blank(film, kind, packets):
    """Overwrite the content of some packets of a track with zeros."""
    content = bytearray(film.read_bytes())
    with av.open(film) as container:
        track = container.streams.best(kind)
        for packet in [packet for packet in container.demux(track) if packet.size][packets]:
            content[packet.pos : packet.pos + packet.size] = bytes(packet.size)
    film.write_bytes(content)
    return film


@pytest.mark.parametrize("kind", ["video", "audio"])
def test_one_damaged_packet_is_passed_over_but_not_many(tmp_path, kind):
    film = write_film(tmp_path / "1.mov", "mjpeg", pixels="yuvj420p")
    whole = numbers(read_trailer(film))
    assert (
        np.abs(np.subtract(numbers(read_trailer(blank(film, kind, slice(9, 10)))), whole)).max()
        <= 1
    )
    assert reason(blank(film, kind, slice(25, None))) == f"damaged {kind}"


def test_huge_frames_are_refused_before_they_are_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr(trailers, "_MAX_PIXELS", 128 * 64)
    huge = write_film(tmp_path / "1.ts", size=(192, 64))
    assert reason(huge) == "too large: 192 x 64 pixels"
    # The same behind a small film, whose size is all that the container shows.
    small = write_film(tmp_path / "2.ts", size=(128, 64))
    assert read_trailer(small).frames.any()
    small.write_bytes(small.read_bytes() + huge.read_bytes())
    assert reason(small) == "damaged video"


def test_endless_films_are_refused_before_they_are_decoded(tmp_path, monkeypatch):
    film = write_film(tmp_path / "1.mp4")
    monkeypatch.setattr(trailers, "_MAX_DECODED", FRAMES * 96 * 64 - 1)
    assert reason(film) == f"too long for a trailer: {FRAMES} frames of 96 x 64 pixels"


# Folders


def test_trailers_are_found_by_id_and_twins_are_set_aside(tmp_path):
    write_film(tmp_path / "20.webm", "libvpx", "libopus")
    write_film(tmp_path / "3.mp4", seconds=1)
    write_film(tmp_path / "4.mov", audio="aac", seconds=1.5)
    (tmp_path / "5.MKV").write_bytes((tmp_path / "4.mov").read_bytes())
    (tmp_path / "6.mp4").touch()
    files, skipped = find_trailers(tmp_path, [20, 3, 4, 5, 6, 7])
    assert files["id"].tolist() == [3, 20]
    assert skipped["reason"].tolist() == ["same trailer as 5", "same trailer as 4", "empty file"]


def test_a_stand_in_says_so(tmp_path):
    assert trailer_is_stand_in(write_film(tmp_path / "1.mp4", comment=STAND_IN))
    assert not trailer_is_stand_in(write_film(tmp_path / "2.mp4"))
    (tmp_path / "3.mp4").touch()
    with pytest.raises(MediaError, match="not a video"):
        trailer_is_stand_in(tmp_path / "3.mp4")


def test_the_real_trailer_goes_through_extraction(shared_data):
    path = shared_data / "trailers" / "sintel_trailer_480p_52s.mp4"
    trailer = read_trailer(path)
    assert trailer.frames.shape == (30, 224, 224, 3)
    assert trailer.waveform.shape == (480_000,)
    means = trailer.frames.mean(axis=(1, 2, 3))
    assert len(set(means)) > 25  # shots differ
    assert means.max() > 50
    per_second = trailer.waveform.reshape(30, -1).astype(float).std(axis=1)
    assert (per_second > 100).sum() >= 25  # not silent, and for the whole 30 s
    assert not trailer_is_stand_in(path)
