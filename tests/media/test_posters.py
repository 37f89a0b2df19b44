"""Posters: any kind of image becomes an upright RGB square, and each fault has its reason."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from boxoffice.core.files import STAND_IN
from boxoffice.media.files import MediaError
from boxoffice.media.posters import find_posters, poster_is_stand_in, read_poster, write_bitmap

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
ORIENTATION = 0x0112  # the EXIF tag


def poster(width=200, height=300):
    """Red and green above blue and white."""
    image = Image.new("RGB", (width, height), WHITE)
    image.paste(RED, (0, 0, width // 2, height // 2))
    image.paste(GREEN, (width // 2, 0, width, height // 2))
    image.paste(BLUE, (0, height // 2, width // 2, height))
    return image


def noise(seed=0, size=(60, 90)):
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def saved(image, path, **settings):
    image.save(path, **settings)
    return path


def corners(square):
    side = len(square)
    near, far = side // 4, side * 3 // 4
    return [square[y, x].tolist() for y in (near, far) for x in (near, far)]


def assert_corners(square, *colours):
    assert square.shape == (224, 224, 3)
    assert square.dtype == np.uint8
    assert np.abs(np.subtract(corners(square), colours)).max() <= 3


@pytest.mark.parametrize("suffix", ["jpg", "jpeg", "png", "webp", "gif", "bmp", "avif"])
@pytest.mark.parametrize("size", [(200, 300), (1000, 1500), (300, 100), (64, 64)])
def test_the_whole_poster_is_squeezed_to_a_square(tmp_path, suffix, size):
    path = saved(poster(*size), tmp_path / f"1.{suffix}")
    assert_corners(read_poster(path), RED, GREEN, BLUE, WHITE)
    assert read_poster(path, size=64).shape == (64, 64, 3)
    assert read_poster(path).flags.writeable


def half_transparent(mode):
    """Left half opaque black, right half fully transparent."""
    image = Image.new("LA", (200, 300), (0, 255))
    image.paste((0, 0), (100, 0, 200, 300))
    return image.convert(mode)


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
@pytest.mark.parametrize("suffix", ["png", "webp"])
def test_what_is_transparent_becomes_white(tmp_path, mode, suffix):
    path = saved(half_transparent(mode), tmp_path / f"1.{suffix}")
    assert_corners(read_poster(path), (0, 0, 0), WHITE, (0, 0, 0), WHITE)


@pytest.mark.parametrize("mode", ["P", "L", "RGB"])
def test_a_transparent_colour_becomes_white(tmp_path, mode):
    image = poster().convert(mode)
    path = saved(image, tmp_path / "1.png", transparency=image.getpixel((0, 0)))
    assert read_poster(path)[56, 56].tolist() == [255, 255, 255]
    assert read_poster(path)[168, 56].max() == read_poster(saved(image, path))[168, 56].max()


@pytest.mark.parametrize(
    ("mode", "suffix"), [("P", "png"), ("P", "gif"), ("CMYK", "jpg"), ("YCbCr", "jpg")]
)
def test_any_colour_mode_becomes_rgb(tmp_path, mode, suffix):
    path = saved(poster().convert(mode), tmp_path / f"1.{suffix}")
    assert_corners(read_poster(path), RED, GREEN, BLUE, WHITE)


def test_grey_becomes_rgb(tmp_path):
    grey = Image.fromarray(np.repeat(np.linspace(0, 255, 256), 3).reshape(256, 3).astype(np.uint8))
    for suffix in ("jpg", "png"):
        square = read_poster(saved(grey.convert("L"), tmp_path / f"1.{suffix}"))
        assert (square[..., 0] == square[..., 1]).all()
        assert square[112].mean() == pytest.approx(128, abs=2)
    black_and_white = read_poster(
        saved(grey.convert("L").convert("1", dither=0), tmp_path / "2.png")
    )
    assert black_and_white[0, 0].tolist() == [0, 0, 0]
    assert black_and_white[-1, -1].tolist() == [255, 255, 255]


def test_16_bit_grey_keeps_its_brightness(tmp_path):
    levels = np.repeat(np.arange(256, dtype=np.uint16) * 257, 256).reshape(256, 256)
    path = saved(Image.fromarray(levels), tmp_path / "1.png")
    assert np.abs(read_poster(path, size=256)[:, 0, 0].astype(int) - np.arange(256)).max() <= 1


@pytest.mark.parametrize("suffix", ["webp", "gif", "png"])
def test_of_an_animation_the_first_picture_is_taken(tmp_path, suffix):
    path = tmp_path / f"1.{suffix}"
    poster().save(path, save_all=True, append_images=[Image.new("RGB", (200, 300), RED)])
    assert_corners(read_poster(path), RED, GREEN, BLUE, WHITE)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
@pytest.mark.parametrize(
    ("orientation", "turn"),
    [
        (2, Image.Transpose.FLIP_LEFT_RIGHT),
        (3, Image.Transpose.ROTATE_180),
        (6, Image.Transpose.ROTATE_90),
        (8, Image.Transpose.ROTATE_270),
    ],
)
def test_a_turned_poster_is_upright(tmp_path, suffix, orientation, turn):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    path = saved(poster().transpose(turn), tmp_path / f"1.{suffix}", exif=exif)
    assert_corners(read_poster(path), RED, GREEN, BLUE, WHITE)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("exif", [b"Exif\0\0II*\0garbage", b"Exif\0\0garbage", b"garbage"])
def test_broken_exif_does_not_matter(tmp_path, exif):
    path = saved(poster(), tmp_path / "1.jpg", exif=exif)
    assert_corners(read_poster(path), RED, GREEN, BLUE, WHITE)


def test_a_large_jpeg_looks_the_same_as_decoded_in_full(tmp_path):
    smooth = noise(size=(10, 15)).resize((2000, 3000), Image.Resampling.BICUBIC)
    path = saved(smooth, tmp_path / "1.jpg", quality=95)
    with Image.open(path) as image:
        full = np.asarray(image.resize((224, 224), Image.Resampling.BICUBIC)).astype(int)
    assert np.abs(read_poster(path) - full).mean() < 1


def test_the_format_is_that_of_the_content_not_of_the_name(tmp_path):
    path = saved(poster(), tmp_path / "1.jpg", format="PNG")
    assert_corners(read_poster(path), RED, GREEN, BLUE, WHITE)


@pytest.mark.parametrize(
    ("mode", "suffix", "size"),
    [
        ("RGB", "jpg", (60, 90)),
        ("RGB", "jpg", (2000, 3000)),
        ("CMYK", "jpg", (1200, 1500)),
        ("L", "jpg", (1200, 1500)),
        ("RGB", "png", (301, 449)),
        ("RGBA", "png", (301, 449)),
        ("P", "gif", (301, 449)),
        ("1", "png", (301, 449)),
        ("I;16", "png", (301, 449)),
        ("RGB", "webp", (301, 449)),
    ],
)
def test_its_bitmap_is_read_to_the_same_bits(tmp_path, mode, suffix, size):
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    image = noise(size=size)
    image = image.convert("L").convert("I;16") if mode == "I;16" else image.convert(mode)
    settings = {} if suffix == "gif" else {"exif": exif}
    path = saved(image, tmp_path / f"1.{suffix}", **settings)
    square = read_poster(path)
    write_bitmap(path, path)
    assert path.read_bytes()[:2] == b"BM"
    np.testing.assert_array_equal(read_poster(path), square)


def test_what_is_no_image_has_no_bitmap(tmp_path):
    path = tmp_path / "1.jpg"
    path.write_bytes(b"I am a text.")
    with pytest.raises(MediaError, match="not an image"):
        write_bitmap(path, path)
    assert path.read_bytes() == b"I am a text."


def test_reading_is_the_same_each_time_and_in_threads(tmp_path):
    paths = [saved(noise(seed), tmp_path / f"{seed}.jpg") for seed in range(8)]
    alone = [read_poster(path) for path in paths]
    with ThreadPoolExecutor(4) as pool:
        assert all(map(np.array_equal, alone, pool.map(read_poster, paths)))


# Faults


def reason(path):
    with pytest.raises(MediaError) as error:
        read_poster(path)
    return str(error.value)


@pytest.mark.parametrize(
    "content",
    [b"", b"I am a text.\n" * 100, b"<html>404</html>", bytes(5000)],
    ids=["empty", "text", "web page", "zeros"],
)
def test_what_is_no_image_is_refused(tmp_path, content):
    path = tmp_path / "1.jpg"
    path.write_bytes(content)
    assert reason(path) == "not an image"


def test_an_image_that_is_a_program_is_not_run(tmp_path):
    assert reason(saved(noise(), tmp_path / "1.jpg", format="EPS")) == "not an image"


def test_a_missing_file_is_a_reason(tmp_path):
    assert reason(tmp_path / "1.jpg") == "can't be read: No such file or directory"


@pytest.mark.parametrize("share", [0.2, 0.5, 0.95])
@pytest.mark.parametrize(
    ("suffix", "settings", "expected"),
    [
        ("jpg", {}, {"truncated"}),
        ("jpg", {"progressive": True}, {"truncated"}),
        ("png", {}, {"truncated"}),
        ("webp", {}, {"broken image"}),
        ("avif", {}, {"not an image", "broken image"}),
    ],
)
def test_a_truncated_image_is_refused(tmp_path, suffix, settings, expected, share):
    path = saved(noise(size=(200, 300)), tmp_path / f"1.{suffix}", **settings)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    assert reason(path) in expected


def test_more_pixels_than_any_poster_has_are_not_decoded(tmp_path):
    large = saved(Image.new("1", (7200, 7200)), tmp_path / "1.png")
    assert reason(large) == "too large: 7200 x 7200 pixels"
    bomb = saved(Image.new("1", (14_000, 14_000)), tmp_path / "2.png")
    assert reason(bomb) == "too large"


# Folders


def test_posters_are_found_by_id_and_the_broken_ones_set_aside(tmp_path):
    for film, suffix in [(30, "jpg"), (4, "png"), (5, "webp"), (6, "jpeg"), (99, "jpg")]:
        saved(noise(film), tmp_path / f"{film}.{suffix}")
    (tmp_path / "7.jpg").write_bytes((tmp_path / "30.jpg").read_bytes()[:2000])
    (tmp_path / "8.jpg").write_text("I am a text.")
    (tmp_path / "9.png").touch()
    files, skipped = find_posters(tmp_path, [4, 5, 6, 7, 8, 9, 30])
    assert files["id"].tolist() == [4, 5, 6, 30]
    assert dict(zip(skipped["id"], skipped["reason"], strict=True)) == {
        7: "truncated",
        8: "not an image",
        9: "empty file",
    }


def test_the_same_picture_under_several_ids_belongs_to_none(tmp_path):
    """The same bytes, or the same pixels in another format, mode or turn."""
    jpeg = saved(noise(0), tmp_path / "1.jpg")
    (tmp_path / "2.jpg").write_bytes(jpeg.read_bytes())
    with Image.open(jpeg) as decoded:
        saved(decoded.convert("RGBA"), tmp_path / "30.png")
        exif = Image.Exif()
        exif[ORIENTATION] = 3
        turned = decoded.transpose(Image.Transpose.ROTATE_180)
        saved(turned, tmp_path / "4.webp", lossless=True, exif=exif)
    saved(noise(1), tmp_path / "5.jpg")
    files, skipped = find_posters(tmp_path, [1, 2, 30, 4, 5])
    assert files["id"].tolist() == [5]
    assert dict(zip(skipped["id"], skipped["reason"], strict=True)) == {
        1: "same image as 2, 4, 30",
        2: "same image as 1, 4, 30",
        4: "same image as 1, 2, 30",
        30: "same image as 1, 2, 4",
    }


def test_pictures_of_one_colour_differ_by_their_shape(tmp_path):
    saved(Image.new("RGB", (20, 30)), tmp_path / "1.png")
    saved(Image.new("RGB", (30, 20)), tmp_path / "2.png")
    assert find_posters(tmp_path, [1, 2])[0]["id"].tolist() == [1, 2]


def test_a_stand_in_says_so(tmp_path):
    assert poster_is_stand_in(saved(poster(), tmp_path / "1.jpg", comment=STAND_IN))
    assert not poster_is_stand_in(saved(poster(), tmp_path / "2.jpg", comment="A comment"))
    assert not poster_is_stand_in(saved(poster(), tmp_path / "3.png"))
    (tmp_path / "4.jpg").write_text("I am a text.")
    with pytest.raises(MediaError, match="not an image"):
        poster_is_stand_in(tmp_path / "4.jpg")


def test_real_posters_are_read(shared_data):
    folder = shared_data / "posters"
    ids = sorted(int(path.stem) for path in folder.iterdir())
    files, skipped = find_posters(folder, ids)
    assert files["id"].tolist() == ids
    assert skipped.empty
    squares = np.stack([read_poster(path) for path in files["path"][:50]])
    assert squares.shape == (50, 224, 224, 3)
    assert (squares.std(axis=(1, 2, 3)) > 5).all()  # none is blank
    assert not any(map(poster_is_stand_in, files["path"][:50]))
