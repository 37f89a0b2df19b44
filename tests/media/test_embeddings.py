"""Embeddings: what the cache spares, and that it returns what was computed, to the last bit."""

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from importlib.metadata import version

import av
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from pooch import file_hash

from boxoffice.core.compute import EXACT_TORCH
from boxoffice.media import embeddings
from boxoffice.media.embeddings import (
    CacheError,
    augmented,
    embed_posters,
    embed_texts,
    embed_trailers,
)
from boxoffice.media.encoders import BATCH, MINILM, cores, image_encoder, text_encoder
from boxoffice.media.files import MediaError
from boxoffice.media.posters import find_posters, read_poster
from boxoffice.media.trailers import find_trailers, read_trailer

TEXTS = [
    "A heist goes wrong.",
    "",
    "Drama.",
    "A heist goes wrong.",
    "Two robots fall in love. " * 9,
]


@pytest.fixture(scope="module")
def encoder():
    return image_encoder("efficientnet_lite0")


@pytest.fixture(scope="module")
def other_encoder():
    return image_encoder("efficientnet_lite0", random_weights=True)


@pytest.fixture(scope="module")
def text():
    return text_encoder(MINILM)


@pytest.fixture
def passes(encoder):
    """What goes forward through the encoder; empty it to start anew."""
    inputs = []
    hook = encoder.frozen.register_forward_hook(lambda _, given, __: inputs.append(len(given[0])))
    yield inputs
    hook.remove()


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache" / "embeddings.sqlite"


def draw_poster(folder, film):
    folder.mkdir(exist_ok=True)
    pixels = np.random.default_rng(film).integers(0, 256, (9, 6, 3), np.uint8)
    Image.fromarray(pixels).resize((60, 90)).save(folder / f"{film}.jpg")


def posters(folder, count):
    for film in range(1, count + 1):
        draw_poster(folder, film)
    files, skipped = find_posters(folder, range(1, count + 1))
    assert (len(files), len(skipped)) == (count, 0)
    return files


def rows(cache):
    """How many rows there are of each key."""
    with closing(sqlite3.connect(cache)) as connection:
        return dict(connection.execute("SELECT key, count(*) FROM embeddings GROUP BY key"))


def rows_of(encoder, cache):
    """How many rows an encoder has."""
    return sum(count for key, count in rows(cache).items() if key.startswith(encoder.key))


def change(cache, statement):
    with closing(sqlite3.connect(cache)) as connection:
        connection.execute(statement)
        connection.commit()


# Posters


def test_posters_are_embedded_as_the_encoder_does(encoder, cache, tmp_path):
    files = posters(tmp_path / "posters", 7)
    vectors = embed_posters(encoder, files, cache)
    assert vectors.shape == (7, 1, 1280)
    assert vectors.dtype == np.float32
    images = np.stack([read_poster(path) for path in files["path"]])
    np.testing.assert_array_equal(vectors[:, 0], encoder(images))
    assert embed_posters(encoder, files.head(0), cache).shape == (0, 1, 1280)


def test_a_second_run_computes_nothing(encoder, passes, cache, tmp_path):
    files = posters(tmp_path / "posters", 7)
    first = embed_posters(encoder, files, cache, views=1)
    passes.clear()
    np.testing.assert_array_equal(embed_posters(encoder, files, cache, views=1), first)
    fewer = files.iloc[[5, 2]]
    np.testing.assert_array_equal(embed_posters(encoder, fewer, cache), first[[5, 2], :1])
    assert passes == []


def test_only_a_changed_file_is_computed_again(encoder, passes, cache, tmp_path):
    files = posters(tmp_path / "posters", 7)
    first = embed_posters(encoder, files, cache)
    draw_poster(tmp_path, 99)
    (tmp_path / "99.jpg").replace(tmp_path / "posters" / "3.jpg")
    files, _ = find_posters(tmp_path / "posters", files["id"])
    passes.clear()
    second = embed_posters(encoder, files, cache)
    assert len(passes) == 1
    changed = (second != first).any(axis=(1, 2))
    assert list(files["id"][changed]) == [3]


def test_every_encoder_has_its_own_rows(encoder, other_encoder, passes, cache, tmp_path):
    files = posters(tmp_path / "posters", 3)
    first = embed_posters(encoder, files, cache)
    other = embed_posters(other_encoder, files, cache)
    assert not np.array_equal(first, other)
    assert rows_of(encoder, cache) == rows_of(other_encoder, cache) == 3
    passes.clear()
    np.testing.assert_array_equal(embed_posters(encoder, files, cache), first)
    assert passes == []


@pytest.mark.parametrize("package", ["pillow", "torchvision", "torch"])
def test_another_version_finds_no_row(encoder, passes, cache, tmp_path, monkeypatch, package):
    files = posters(tmp_path / "posters", 3)
    embed_posters(encoder, files, cache)
    passes.clear()
    monkeypatch.setattr(
        embeddings, "version", lambda name: "0" if name == package else version(name)
    )
    embed_posters(encoder, files, cache)
    assert len(passes) == 1


def test_exact_and_other_embeddings_are_kept_apart(encoder, passes, cache, tmp_path, monkeypatch):
    files = posters(tmp_path / "posters", 3)
    for name, value in EXACT_TORCH.items():
        monkeypatch.setenv(name, value)
    embed_posters(encoder, files, cache)
    monkeypatch.delenv("MKL_CBWR")
    embed_posters(encoder, files, cache)
    assert len(passes) == 2
    assert sorted(rows(cache).values()) == [3, 3]


def test_company_changes_no_bit(encoder, cache, tmp_path):
    """What a run computes depends on what an earlier one left."""
    files = posters(tmp_path / "posters", 2 * BATCH + 2)
    whole = embed_posters(encoder, files, cache, views=2)
    pieces = tmp_path / "pieces.sqlite"
    for part in (files.iloc[[4]], files.iloc[3:8], files.iloc[::-1]):
        embed_posters(encoder, part, pieces, views=1)
    np.testing.assert_array_equal(embed_posters(encoder, files, pieces, views=2), whole)


def test_more_views_keep_those_there_are(encoder, passes, cache, tmp_path):
    files = posters(tmp_path / "posters", BATCH)
    plain = embed_posters(encoder, files, cache)
    passes.clear()
    three = embed_posters(encoder, files, cache, views=2)
    assert len(passes) == 2
    np.testing.assert_array_equal(three[:, :1], plain)
    assert len(np.unique(three.reshape(-1, 1280), axis=0)) == 3 * BATCH
    other = embed_posters(encoder, files, cache, views=2, seed=1)
    np.testing.assert_array_equal(other[:, 0], three[:, 0])
    assert (other[:, 1:] != three[:, 1:]).any(axis=2).all()
    assert sorted(rows(cache).values()) == [BATCH] * 5


def test_a_view_shows_the_poster_upright_and_unmirrored():
    """Dark above on the left: a mirror image or a rotation would have it elsewhere."""
    image = np.full((224, 224, 3), 200, np.uint8)
    image[:112, :112] = 40
    draw = np.random.default_rng(0)
    views = [augmented(image, draw) for _ in range(30)]
    for view in views:
        assert (view.shape, view.dtype) == (image.shape, image.dtype)
        quarters = view.reshape(2, 112, 2, 112, 3).mean(axis=(1, 3, 4))
        assert quarters[0, 0] < quarters.ravel()[1:].min() - 40
    brightness = [view.mean() for view in views]
    assert np.ptp(brightness) > 20
    np.testing.assert_array_equal(augmented(image, np.random.default_rng(0)), views[0])


def test_a_poster_that_is_gone_is_named(encoder, cache, tmp_path):
    files = posters(tmp_path / "posters", 3)
    (tmp_path / "posters" / "2.jpg").write_text("no image")
    with pytest.raises(MediaError, match=r"2\.jpg: not an image"):
        embed_posters(encoder, files, cache)


# Killed, at once, damaged

RUN = """
import os, signal, sys
import numpy as np
from boxoffice.media.embeddings import embed_posters
from boxoffice.media.encoders import image_encoder
from boxoffice.media.posters import find_posters

folder, cache, count, killed_at = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
passes = []

def kill(*_):
    passes.append(1)
    if len(passes) == killed_at:
        os.kill(os.getpid(), signal.SIGKILL)

encoder = image_encoder("efficientnet_lite0")
encoder.frozen.register_forward_hook(kill)
files, _ = find_posters(folder, range(1, count + 1))
np.save(f"{cache}.{os.getpid()}.npy", embed_posters(encoder, files, cache))
"""


def started(folder, cache, count, killed_at=0):
    arguments = [str(folder), str(cache), str(count), str(killed_at)]
    return subprocess.Popen([sys.executable, "-c", RUN, *arguments])


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_what_a_killed_run_did_is_kept(encoder, passes, tmp_path):
    # So many groups of a batch are begun ahead of the one whose rows are written.
    groups = 2 * cores() + 4
    count = (groups + 2) * BATCH
    files = posters(tmp_path / "posters", count)
    cache = tmp_path / "cache.sqlite"
    assert started(tmp_path / "posters", cache, count, groups).wait(120) == -signal.SIGKILL
    kept = rows_of(encoder, cache)
    assert 0 < kept < count
    resumed = embed_posters(encoder, files, cache)
    assert len(passes) * BATCH == count - kept
    np.testing.assert_array_equal(
        resumed, embed_posters(encoder, files, tmp_path / "unbroken.sqlite")
    )


def test_two_processes_may_fill_one_cache(encoder, tmp_path):
    count = 4 * BATCH
    files = posters(tmp_path / "posters", count)
    cache = tmp_path / "cache.sqlite"
    processes = [started(tmp_path / "posters", cache, count) for _ in range(2)]
    assert [process.wait(120) for process in processes] == [0, 0]
    assert list(rows(cache).values()) == [count]
    expected = embed_posters(encoder, files, tmp_path / "alone.sqlite")
    for process in processes:
        np.testing.assert_array_equal(np.load(f"{cache}.{process.pid}.npy"), expected)


@pytest.mark.parametrize("value", ["substr(value, 1, 1000)", "x'00'", "'text'", "x''"])
def test_a_damaged_row_is_reported(text, cache, value):
    embed_texts(text, TEXTS, cache)
    change(cache, f"UPDATE embeddings SET value = {value} WHERE rowid = 2")
    with pytest.raises(CacheError, match="delete it") as raised:
        embed_texts(text, TEXTS, cache)
    assert str(cache) in str(raised.value)


def test_a_damaged_file_is_reported(text, cache):
    embed_texts(text, [f"Part {number}." for number in range(60)], cache)
    whole = cache.read_bytes()
    for content in (b"no database at all" * 300, whole[: len(whole) // 2]):
        cache.write_bytes(content)
        with pytest.raises(CacheError, match=r"damaged.*delete it"):
            embed_texts(text, [f"Part {number}." for number in range(60)], cache)


def test_a_cache_that_cannot_be_opened_is_reported(text, tmp_path):
    with pytest.raises(CacheError, match="unable to open"):
        embed_texts(text, TEXTS, tmp_path)


# Trailers


def film(path, shade, sound=True, frames=30):
    """Write a short trailer, its picture growing lighter from `shade`."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=15)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = container.add_stream("aac", rate=16_000, layout="mono") if sound else None
        for number in range(frames):
            picture = np.full((48, 64, 3), shade + 4 * number, np.uint8)
            picture[:, ::8] = 255 - shade
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode())
        if sound:
            time = np.arange(16_000 * frames // 15) / 16_000
            wave = (0.5 * np.sin(2 * np.pi * (200 + shade) * time)).astype(np.float32)
            samples = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
            samples.sample_rate = 16_000
            container.mux(audio.encode(samples))
            container.mux(audio.encode())


@pytest.fixture
def trailers(tmp_path):
    """Three trailers that can be used, one without sound, and one that is no video."""
    folder = tmp_path / "trailers"
    folder.mkdir()
    for number, name in {1: "10.mp4", 2: "30.mkv", 3: "50.mp4"}.items():
        film(folder / name, 30 * number)
    film(folder / "20.mp4", 15, sound=False)
    (folder / "40.mp4").write_text("no video")
    files, _ = find_trailers(folder, range(100))
    assert list(files["id"]) == [10, 20, 30, 40, 50]
    return files


def test_a_trailer_becomes_frames_and_sound(encoder, cache, trailers):
    vectors, waveforms, kept, _ = embed_trailers(encoder, trailers, cache, frames=6)
    assert (vectors.shape, vectors.dtype) == ((3, 6, 1280), np.float32)
    assert (waveforms.shape, waveforms.dtype) == ((3, 480_000), np.int16)
    assert list(kept["id"]) == [10, 30, 50]
    assert list(kept) == list(trailers)
    for place, path in enumerate(kept["path"]):
        trailer = read_trailer(path, frames=6)
        np.testing.assert_array_equal(vectors[place], encoder(trailer.frames))
        np.testing.assert_array_equal(waveforms[place], trailer.waveform)
    assert len(np.unique(waveforms, axis=0)) == 3


def test_a_trailer_that_cannot_be_used_is_skipped_with_its_reason(encoder, cache, trailers):
    for _ in range(2):
        *_, kept, skipped = embed_trailers(encoder, trailers, cache, frames=2)
        assert list(kept["id"]) == [10, 30, 50]
        assert skipped.to_dict("list") == {
            "id": [20, 40],
            "file": ["20.mp4", "40.mp4"],
            "reason": ["no audio track", "not a video"],
        }
    *_, kept, skipped = embed_trailers(encoder, kept, cache, frames=2)
    assert (len(kept), len(skipped)) == (3, 0)
    assert list(skipped) == ["id", "file", "reason"]


def test_without_a_usable_trailer_there_are_empty_arrays(encoder, cache, trailers):
    broken = trailers[trailers["id"].isin([20, 40])]
    vectors, waveforms, kept, skipped = embed_trailers(encoder, broken, cache)
    assert (vectors.shape, waveforms.shape) == ((0, 30, 1280), (0, 480_000))
    assert (len(kept), len(skipped)) == (0, 2)


def test_a_second_run_decodes_no_trailer(encoder, passes, cache, trailers):
    usable = trailers[trailers["id"].isin([10, 30, 50])]
    first = embed_trailers(encoder, usable, cache, frames=6)
    for path in usable["path"]:
        os.unlink(path)
    passes.clear()
    for once, again in zip(first, embed_trailers(encoder, usable, cache, frames=6), strict=True):
        np.testing.assert_array_equal(again, once)
    assert passes == []


def test_sound_is_kept_once_for_all_encoders(encoder, other_encoder, cache, trailers):
    usable = trailers[trailers["id"].isin([10, 30, 50])]
    six = embed_trailers(encoder, usable, cache, frames=6)
    two = embed_trailers(encoder, usable, cache, frames=2)
    embed_trailers(other_encoder, usable, cache, frames=6)
    assert two[0].shape == (3, 2, 1280)
    np.testing.assert_array_equal(six[1], two[1])
    assert list(rows(cache).values()) == [3] * 4


def test_lost_sound_is_read_again_without_a_forward_pass(encoder, passes, cache, trailers):
    usable = trailers[trailers["id"].isin([10, 30, 50])]
    first = embed_trailers(encoder, usable, cache, frames=2)
    change(cache, "DELETE FROM embeddings WHERE key LIKE '%sound%'")
    passes.clear()
    again = embed_trailers(encoder, usable, cache, frames=2)
    np.testing.assert_array_equal(again[1], first[1])
    assert passes == []


def test_the_real_trailer_is_embedded(encoder, cache, shared_data):
    (path,) = (shared_data / "trailers").glob("*.mp4")
    files = pd.DataFrame({"id": [45745], "path": [str(path)], "sha256": [file_hash(path)]})
    vectors, waveforms, kept, skipped = embed_trailers(encoder, files, cache)
    assert (len(kept), len(skipped)) == (1, 0)
    assert len(np.unique(vectors[0], axis=0)) > 20  # of 30, for some are black
    assert np.isfinite(vectors).all()
    assert np.abs(waveforms[0].astype(int)).max() > 1000


# Texts


def test_texts_are_embedded_as_the_encoder_does(text, cache):
    vectors = embed_texts(text, TEXTS, cache)
    assert (vectors.shape, vectors.dtype) == ((len(TEXTS), 384), np.float32)
    np.testing.assert_array_equal(vectors, text(TEXTS))
    assert rows_of(text, cache) == len(set(TEXTS))
    assert embed_texts(text, [], cache).shape == (0, 384)


def test_only_new_texts_are_computed(text, cache):
    inputs = []
    hook = text.frozen.register_forward_hook(lambda *_: inputs.append(1))
    first = embed_texts(text, TEXTS, cache)
    inputs.clear()
    second = embed_texts(text, ["A new one.", *TEXTS[::-1]], cache)
    hook.remove()
    np.testing.assert_array_equal(second[1:], first[::-1])
    assert len(inputs) == 1
