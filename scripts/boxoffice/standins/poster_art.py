"""Draws a film's stand-in poster: motif, title, billed names, certificate, small print."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from boxoffice.standins.lettering import lettering, listed
from boxoffice.standins.looks import SANS, Colour, Film, Look, blend, look_of
from boxoffice.standins.motifs import two_motifs
from boxoffice.standins.scenes import grained, scene, shaded, to_image

SIZE = (400, 600)  # pixels
TITLE = (20, 395, 380, 522)  # left, top, right, bottom
GOLD, WHITE, BLACK = (214.0, 178.0, 88.0), (255.0, 255.0, 255.0), (0.0, 0.0, 0.0)


def poster(film: Film, generator: np.random.Generator) -> Image.Image:
    """Draw a film's poster: 400 x 600 pixels, RGB."""
    look = look_of(film)
    x, y, scale = generator.uniform((0.45, 0.39, 0.85), (0.55, 0.44, 1.1)).tolist()
    picture = scene(SIZE, look, two_motifs(film.genres, generator), generator, (x, y), scale)
    picture = shaded(picture, look.finish)
    paper, letters = _paper_and_letters(picture, TITLE, look)
    _veil(picture, TITLE[1], SIZE[1] + 60, paper, 0.55)
    picture = grained(picture, look.finish, generator)
    _names(picture, film, look)
    _title(picture, film, look, paper, letters)
    _gilding(picture, look.finish)
    _small_print(picture, film, letters)
    return picture


def _rounded(colour: Colour) -> tuple[int, ...]:
    return tuple(round(part) for part in colour)


def _paper_and_letters(
    picture: Image.Image, box: tuple[int, int, int, int], look: Look
) -> tuple[Colour, Colour]:
    """White letters on dark where the picture is dark, else the other way round."""
    if np.asarray(picture.crop(box).convert("L")).mean() < 125:
        return look.ink, WHITE
    return blend(look.sky, WHITE, 0.6), look.ink


def _veil(picture: Image.Image, top: int, bottom: int, colour: Colour, opacity: float) -> None:
    """Cover a band with a colour, softly, for text to stand on."""
    rows = np.arange(picture.height)
    cover = np.clip(np.minimum(rows - top, bottom - rows) / 50 + 1, 0, 1)
    mask = to_image(255 * opacity * cover[:, None]).resize(picture.size)
    picture.paste(_rounded(colour), (0, 0), mask)


def _paste(
    picture: Image.Image,
    mask: Image.Image,
    place: tuple[int, int],
    colour: Colour,
    metal: float = 0.0,
) -> None:
    """Put letters on a picture, in a colour or, by the share `metal`, in its metallic shades."""
    lighter, darker = blend(colour, WHITE, 0.8 * metal), blend(colour, BLACK, 0.45 * metal)
    shades = np.array([colour, lighter, colour, darker, colour])[:, None]
    fill = to_image(shades).resize((1, mask.height), Image.Resampling.BILINEAR)
    picture.paste(fill.resize(mask.size), place, mask)


def _title(picture: Image.Image, film: Film, look: Look, paper: Colour, letters: Colour) -> None:
    left, top, right, bottom = TITLE
    mask = lettering(
        film.title.upper(), look.typeface, (right - left, bottom - top), 92, narrow=0.8
    )
    halo = mask.reduce(2).filter(ImageFilter.GaussianBlur(2)).resize(mask.size)
    _paste(picture, halo.point([min(2 * i, 255) for i in range(256)]), (left + 2, top + 3), paper)
    if letters == WHITE:
        colour = blend(WHITE, GOLD, 0.15 + 0.5 * look.finish)
        _paste(picture, mask, (left, top), colour, look.finish)
    else:  # on light paper dark letters, which metal would make pale
        _paste(picture, mask, (left, top), blend(letters, look.accent, 0.2 * look.finish))


def _names(picture: Image.Image, film: Film, look: Look) -> None:
    """Billed names across the top."""
    if not film.cast:
        return
    paper, letters = _paper_and_letters(picture, (0, 0, picture.width, 60), look)
    _veil(picture, -40, 55, paper, 0.4)
    mask = lettering(listed(film.cast).upper(), SANS, (picture.width - 40, 46), 15, narrow=0.8)
    _paste(picture, mask, (20, 12), letters)


def _gilding(picture: Image.Image, finish: float) -> None:
    """A golden rule below the title and a frame, stronger as the finish rises."""
    draw = ImageDraw.Draw(picture, "RGBA")
    middle, half, y = picture.width / 2, picture.width * (0.1 + 0.35 * finish), TITLE[3] + 6
    draw.line([(middle - half, y), (middle + half, y)], (*_rounded(GOLD), round(255 * finish)), 2)
    edge = (7, 7, picture.width - 8, picture.height - 8)
    draw.rectangle(edge, outline=(*_rounded(GOLD), round(230 * finish**2)), width=2)


def _small_print(picture: Image.Image, film: Film, letters: Colour) -> None:
    """Certificate in its frame, date, length and countries."""
    left, top = 20, TITLE[3] + 16
    if film.certificate:
        draw = ImageDraw.Draw(picture)
        draw.rectangle((left, top + 6, left + 62, top + 36), outline=_rounded(letters), width=2)
        mask = lettering(film.certificate, SANS, (54, 26), 20, narrow=0.9)
        _paste(picture, mask, (left + 4, top + 8), letters)
        left += 72
    date = film.release_date
    parts = (
        date and f"{date:%Y-%m-%d}",
        film.runtime and f"{film.runtime:.0f} min",
        ", ".join(film.countries[:2]),
    )
    line = listed(part for part in parts if part)
    mask = lettering(line.upper(), SANS, (picture.width - 20 - left, 42), 14, narrow=0.8)
    _paste(picture, mask, (left, top), letters)
