"""Makers of hostile uploads: by kind, a function that gives the bytes. No file is committed."""

import gzip
import io
import pickle
import random
import struct
import zipfile
import zlib
from collections.abc import Callable
from datetime import date
from fractions import Fraction
from functools import cache

import av
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
from PIL import Image

Makers = dict[str, Callable[[], bytes]]

HEADER = b"budget,release_date,genres\n"
ROW = b"-1,2001-05-05,"  # what is wrong with it must be told, whatever follows
FLIPS = 5


# Tables: CSV


def row(cell: bytes, rows: int = 1) -> bytes:
    """A CSV whose last column holds a cell, in quotes, so many times."""
    return HEADER + (ROW + b'"' + cell.replace(b'"', b'""') + b'"\n') * rows


def csvs() -> Makers:
    text = (HEADER + ROW + b"\n").decode()
    return {
        "empty": lambda: b"",
        "a byte order mark alone": lambda: b"\xef\xbb\xbf",
        "a header without the columns": lambda: b"a,b\n1,2\n",
        "a column twice": lambda: b"budget,budget,release_date\n1,2,2001-05-05\n",
        "NUL bytes": lambda: bytes(1_000_000),
        "NUL bytes in cells": lambda: row(b"\0" * 1000, 100),
        "random bytes": lambda: random.Random(1).randbytes(1_000_000),
        "UTF-16": lambda: text.encode("utf-16"),
        "UTF-16 without a mark": lambda: text.encode("utf-16-be"),
        "UTF-32": lambda: text.encode("utf-32"),
        "bytes that are no UTF-8": lambda: row(b"\xc3\x28\xff\xfe" * 1000, 100),
        "quotes left open": lambda: HEADER + b'a","b\n' * 20_000,
        "quotes left open in long lines": lambda: HEADER + (b'a","b' * 8_000 + b"\n") * 30,
        "a quote that never ends": lambda: HEADER + b'"' + b"a\n" * 100_000,
        "a line that never ends": lambda: HEADER + b"a" * 30_000_000,
        "quotes alone": lambda: HEADER + b'"' * 10_000_000,
        "line ends alone, then a row": lambda: HEADER + b"\n" * 500_000 + ROW + b"\n",
        "commas alone": lambda: HEADER + b"," * 30_000_000,
        "a million columns": lambda: b",".join([b"c"] * 1_000_000) + b"\n",
        "a header of 30 MB": lambda: b"budget,release_date," + b"c" * 30_000_000,
        "short rows of a thousand columns": lambda: (
            HEADER[:-1] + b"," * 990 + b"\n" + b"1\n" * 10_000
        ),
        "cells of 130,000 characters": lambda: row(b"x" * 130_000, 300),
        "lists nested in lists": lambda: row(b"[" * 130_000, 50),
        "objects nested in objects": lambda: row(b'{"a":' * 25_000, 50),
        "brackets nested as Python has them": lambda: row(b"(" * 130_000, 50),
        "minus signs by the thousand": lambda: row(b"-" * 130_000 + b"1", 50),
        "sums by the thousand": lambda: row(b"1" + b"+1j" * 40_000, 20),
        "a number of 130,000 digits": lambda: row(b'[{"id": ' + b"9" * 129_000 + b"}]", 50),
        "lists of ten thousand names": lambda: row(
            b"[" + b",".join([b'{"name":"a"}'] * 10_000) + b"]", 120
        ),
        "genres all different": lambda: (
            HEADER + b"".join(ROW + b'"[{""name"":""%d""}]"\n' % each for each in range(100_000))
        ),
        "budgets beyond all numbers": lambda: (
            HEADER + b"1e999,2001-05-05,\nNaN,2001-05-05,\n-inf,2001-05-05,\n" * 1000
        ),
        "dates beyond all calendars": lambda: HEADER + b"1,99999999999-01-01,\n" * 1000,
        "HTML": lambda: b"<html><script>alert(1)</script></html>",
        "a pickle": lambda: pickle.dumps(pd.DataFrame({"budget": [1]})),
        "a gzip bomb": lambda: gzip.compress(bytes(50_000_000)),
        "a zip bomb, as of Excel": zip_bomb,
        "a PNG": lambda: png(10, 10),
        "a CSV that begins as Parquet": lambda: b"PAR1" + HEADER + ROW,
    }


def zip_bomb() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", bytes(50_000_000))
    return content.getvalue()


# Tables: Parquet


def parquet(columns: dict, compression: str = "zstd", **settings) -> bytes:
    content = io.BytesIO()
    pq.write_table(pa.table(columns), content, compression=compression, **settings)
    return content.getvalue()


def films(rows: int = 1, budget: float = -1.0, **columns) -> dict:
    return {
        "budget": np.full(rows, budget),
        "release_date": pa.array([date(2001, 5, 5)]).take(pa.array(np.zeros(rows, int))),
        **columns,
    }


def repeated(text: str, rows: int) -> pa.Array:
    """A column that holds a text in each row, in memory once."""
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, "int32")), pa.array([text]))


def parquets() -> Makers:
    return {
        "Parquet: its first bytes alone": lambda: b"PAR1",
        "Parquet: no footer": lambda: b"PAR1" + bytes(10_000),
        "Parquet: a footer longer than the file": lambda: (
            b"PAR1" + bytes(1000) + struct.pack("<I", 2**31) + b"PAR1"
        ),
        "Parquet: a footer of random bytes": lambda: (
            b"PAR1" + random.Random(2).randbytes(1000) + struct.pack("<I", 1000) + b"PAR1"
        ),
        "Parquet: cut short": lambda: parquet(films(1000))[:-500],
        "Parquet: cut in the middle": lambda: cut_in_the_middle(),
        "Parquet: encrypted": lambda: encrypted(plaintext_footer=False),
        "Parquet: encrypted columns": lambda: encrypted(plaintext_footer=True),
        "Parquet: a cell of 20 MB in 20,000 rows": lambda: parquet(
            films(20_000, x=repeated("x" * 20_000_000, 20_000))
        ),
        "Parquet: genres of 20 MB in 20,000 rows": lambda: parquet(
            films(20_000, genres=repeated("x" * 20_000_000, 20_000))
        ),
        "Parquet: cells of 100,000 characters in 100,000 rows": lambda: parquet(
            films(100_000, x=repeated("x" * 100_000, 100_000))
        ),
        "Parquet: a hundred columns of long cells": lambda: parquet(
            films(5000, **{f"x{n}": repeated("x" * 20_000, 5000) for n in range(100)})
        ),
        "Parquet: a compressed cell of 300 MB": lambda: parquet(
            films(x=pa.array(["x" * 300_000_000])),
            "snappy",
            use_dictionary=False,
            write_statistics=False,
        ),
        "Parquet: lists of ten million numbers": lambda: parquet(
            films(10, x=pa.array([np.zeros(10_000_000, "int8")] * 10))
        ),
        "Parquet: 300,000 rows in a page": lambda: parquet(films(300_000), data_page_size=2**30),
        "Parquet: five thousand columns": lambda: parquet(
            films(**{f"x{n}": [0] for n in range(5_000)})
        ),
        "Parquet: a thousand row groups": lambda: parquet(films(1000), row_group_size=1),
        "Parquet: lists nested in lists": lambda: parquet(films(x=nested(60))),
        "Parquet: text that is no UTF-8": lambda: parquet(
            films(title=pa.array([b"\xff\xfe\xc3\x28"]).view(pa.string()))
        ),
        "Parquet: budgets that are texts": lambda: parquet(films(100) | {"budget": ["lots"] * 100}),
        "Parquet: budgets that are lists": lambda: parquet(films() | {"budget": [[1.0]]}),
        "Parquet: budgets that are bytes": lambda: parquet(films() | {"budget": [b"\0"]}),
        "Parquet: an unknown time zone": lambda: parquet(
            films() | {"release_date": pa.array([1], pa.timestamp("us", "Nowhere/City"))}
        ),
        "Parquet: dates beyond all calendars": lambda: parquet(
            films() | {"release_date": pa.array([2**62], pa.timestamp("us"))}
        ),
        "Parquet: no columns": lambda: parquet({}),
        **{
            f"Parquet: bytes changed ({number})": lambda number=number: changed(
                parquet(films(2000, title=["A film"] * 2000)), number
            )
            for number in range(FLIPS)
        },
    }


def nested(depth: int) -> pa.Array:
    kind = pa.int8()
    for _ in range(depth):
        kind = pa.list_(kind)
    return pa.nulls(1, kind)


def cut_in_the_middle() -> bytes:
    """A file whose footer is right, and whose pages are not there."""
    whole = parquet(films(100_000, x=np.random.default_rng(0).random(100_000)))
    return whole[:4] + bytes(200_000) + whole[200_004:]


def changed(content: bytes, seed: int) -> bytes:
    """Some bytes of a file changed, not those that tell its format."""
    draw, content = random.Random(seed), bytearray(content)
    for _ in range(max(10, len(content) // 100)):
        content[draw.randrange(8, len(content) - 8)] = draw.randrange(256)
    return bytes(content)


class Vault(pe.KmsClient):
    """Keeps keys to itself."""

    def __init__(self, config):
        super().__init__()

    def wrap_key(self, key: bytes, name: str) -> str:
        return key.hex()

    def unwrap_key(self, wrapped: str, name: str) -> bytes:
        return bytes.fromhex(wrapped)


def encrypted(plaintext_footer: bool) -> bytes:
    config = pe.EncryptionConfiguration(
        footer_key="key", column_keys={"key": ["budget"]}, plaintext_footer=plaintext_footer
    )
    properties = pe.CryptoFactory(Vault).file_encryption_properties(
        pe.KmsConnectionConfig(), config
    )
    return parquet(films(100), encryption_properties=properties)


# Images


def png(width: int, height: int, depth: int = 8, colour: int = 2, *more: bytes) -> bytes:
    """A black PNG of some size, of which little need be stored; `more` are chunks."""
    channels = {0: 1, 2: 3, 6: 4}[colour]
    line = bytes(1 + width * channels * depth // 8)
    pixels = zlib.compressobj(1)
    content = b"".join([pixels.compress(line) for _ in range(height)]) + pixels.flush()
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [chunk(b"IHDR", header), *more, chunk(b"IDAT", content), chunk(b"IEND", b"")]
    )


def chunk(kind: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def stated_png(width: int, height: int) -> bytes:
    """A PNG that says that it is so large, with a few pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(1000)))
        + chunk(b"IEND", b"")
    )


@cache
def photo(format: str = "JPEG", **settings) -> bytes:
    content = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (450, 300, 3), dtype="uint8")
    Image.fromarray(noise).save(content, format, **settings)
    return content.getvalue()


def scan_bomb(side: int = 7000, scans: int = 2000) -> bytes:
    """A progressive JPEG with its last scan by the thousand; each passes over all pixels."""
    content = io.BytesIO()
    Image.new("L", (side, side)).save(content, "JPEG", progressive=True, quality=1)
    whole = content.getvalue()
    last = whole.rindex(b"\xff\xda")
    return whole[:last] + whole[last:-2] * scans + b"\xff\xd9"


def animation(frames: int, side: int) -> bytes:
    content = io.BytesIO()
    pictures = [Image.new("P", (side, side), number % 2) for number in range(frames)]
    pictures[0].save(content, "GIF", save_all=True, append_images=pictures[1:])
    return content.getvalue()


def bmp(width: int, height: int) -> bytes:
    """A BMP that says that it is so large."""
    return b"BM" + struct.pack("<IIIIiiHHIIiiII", 54, 0, 54, 40, width, height, 1, 24, *[0] * 6)


def images() -> Makers:
    return {
        "no bytes": lambda: b"",
        "text": lambda: b"I am a text.\n" * 1000,
        "SVG": lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "PostScript": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        "TIFF": lambda: photo("TIFF"),
        "ICO": lambda: photo("ICO"),
        "a pickle of an image": lambda: pickle.dumps(Image.new("L", (9, 9))),
        "JPEG: cut short": lambda: photo()[:5000],
        "JPEG: its first bytes alone": lambda: photo()[:3],
        "JPEG: wrong first bytes": lambda: b"\0\0\0" + photo()[3:],
        "JPEG: thousands of scans": scan_bomb,
        "JPEG: no size": lambda: photo().replace(b"\x01\xc2\x01\x2c", bytes(4), 1),
        "JPEG: 65,500 x 65,500 stated": lambda: photo().replace(
            b"\x01\xc2\x01\x2c", b"\xff\xdc\xff\xdc", 1
        ),
        "PNG: 200,000 x 200,000 stated": lambda: stated_png(200_000, 200_000),
        "PNG: 2^31 x 2^31 stated": lambda: stated_png(2**31 - 1, 2**31 - 1),
        "PNG: no size": lambda: stated_png(0, 0),
        "PNG: 50 million pixels stated": lambda: stated_png(7000, 7000),
        "PNG: 36 million pixels, transparent": lambda: png(6000, 6000, 8, 6),
        "PNG: a comment of 100 MB": lambda: png(
            9, 9, 8, 2, chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(100_000_000)))
        ),
        "PNG: a profile of 100 MB": lambda: png(
            9, 9, 8, 2, chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(100_000_000)))
        )[:-30],
        "PNG: a negative chunk": lambda: stated_png(9, 9)[:33] + b"\xff" * 100,
        "GIF: cut short": lambda: photo("GIF")[:1000],
        "GIF: 65,535 x 65,535 stated": lambda: (
            b"GIF89a\xff\xff\xff\xff\0\0\0,\0\0\0\0\xff\xff\xff\xff\0"
        ),
        "WebP: cut short": lambda: photo("WEBP")[:2000],
        "WebP: 16,384 x 16,384 stated": lambda: (
            b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\x10\0\0\0\xff\x3f\0\xff\x3f\0"
        ),
        "AVIF: cut short": lambda: photo("AVIF")[:2000],
        "AVIF: bytes changed": lambda: changed(photo("AVIF"), 3)[:-100],
        "BMP: 2^30 x 2^30 stated": lambda: bmp(2**30, 2**30),
        "BMP: negative sizes": lambda: bmp(-(2**31), -(2**31)),
        "BMP: no pixels": lambda: bmp(5000, 5000),
    }


# Videos


def film(
    codec: str = "mpeg4",
    width: int = 64,
    height: int = 48,
    frames: int = 10,
    sound: bool = True,
    picture: bool = True,
    format: str = "mp4",
) -> bytes:
    """A film of one colour. From the second on its frames are the same packet again."""
    content = io.BytesIO()
    with av.open(content, "w", format=format) as container:
        if picture:
            video = container.add_stream(codec, rate=24)
            video.width, video.height, video.pix_fmt = width, height, "yuv420p"
            video.codec_context.thread_count = 1
        if sound:
            audio = container.add_stream("aac", rate=16_000)
            for packet in audio.encode(silence()):
                container.mux(packet)
            container.mux(audio.encode(None))
        if picture:
            planes = np.zeros((height * 3 // 2, width), "uint8")
            black = av.VideoFrame.from_ndarray(planes, "yuv420p")
            made = []
            for number in range(2):
                black.pts, black.time_base = number, Fraction(1, 24)
                made += video.encode(black)
            made += video.encode(None)
            for number in range(frames):
                packet = made[min(number, 1)]
                packet.pts = packet.dts = number
                packet.duration, packet.time_base = 1, Fraction(1, 24)
                container.mux(packet)
    return content.getvalue()


def silence() -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), "float32"), "fltp", "mono")
    frame.sample_rate, frame.pts = 16_000, 0
    return frame


def box(kind: bytes, *content: bytes) -> bytes:
    whole = b"".join(content)
    return struct.pack(">I", len(whole) + 8) + kind + whole


def videos() -> Makers:
    return {
        "no bytes at all": lambda: b"",
        "a text": lambda: b"I am a text.\n" * 1000,
        "a JPEG": photo,
        "a GIF": lambda: photo("GIF"),
        "a playlist": lambda: b"#EXTM3U\nfile:///etc/passwd\n",
        "a list of files": lambda: b"ffconcat version 1.0\nfile /etc/passwd\n",
        "a manifest": lambda: (
            b"<?xml version='1.0'?><MPD><BaseURL>http://localhost/</BaseURL></MPD>"
        ),
        "subtitles": lambda: b"1\n00:00:00,000 --> 99:59:59,000\nHello\n",
        "sound alone": lambda: film(picture=False),
        "picture alone": lambda: film(sound=False),
        "one frame": lambda: film(frames=1),
        "MP4: its first bytes alone": lambda: film()[:40],
        "MP4: cut short": lambda: film(frames=500)[:3000],
        "MP4: boxes in boxes": lambda: box(b"ftyp", b"isom\0\0\0\0") + boxes(3000),
        "MP4: a box of four billion entries": lambda: (
            box(b"ftyp", b"isom\0\0\0\0") + box(b"moov", many_entries())
        ),
        "MP4: 8K, 600 frames": lambda: film(width=7680, height=4320, frames=600),
        "MKV: cut short": lambda: film(format="matroska", frames=500)[:3000],
        "MKV: its first bytes alone": lambda: film(format="matroska")[:60],
        "AVI: cut short": lambda: film(format="avi", frames=500)[:7000],
        **{
            f"MP4: bytes changed ({number})": lambda number=number: changed(
                film(frames=200), number
            )
            for number in range(FLIPS)
        },
        **{
            f"MKV: bytes changed ({number})": lambda number=number: changed(
                film(format="matroska", frames=200), number
            )
            for number in range(FLIPS)
        },
    }


def boxes(depth: int) -> bytes:
    content = b""
    for _ in range(depth):
        content = box(b"moov", content)
    return content


def many_entries() -> bytes:
    table = box(b"stts", bytes(4), struct.pack(">I", 2**32 - 1))
    return box(b"trak", box(b"mdia", box(b"minf", box(b"stbl", table))))
