"""Draws a film's stand-in trailer, frame by frame: certificate, shots with names, title."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter

from boxoffice.standins.lettering import lettering
from boxoffice.standins.looks import SANS, Film, Look, look_of
from boxoffice.standins.motifs import two_motifs
from boxoffice.standins.scenes import scene, to_image

SIZE = (320, 180)  # pixels
FRAME_RATE = 10
WIDE = (400, 225)  # of a scene, of which a shot shows a part
SCENES = 5
OPENING, CLOSING = 8, 24  # frames of the certificate and of the title


class Shot(NamedTuple):
    """Frames `start` to `stop` - 1 show one scene, a part of it at first and another at last."""

    start: int
    stop: int
    scene: int
    first: np.ndarray  # left, top, right, bottom in the scene
    last: np.ndarray


def frame_count(film: Film) -> int:
    """10 to 14 s, by how long the film is."""
    runtime = 110 if film.runtime is None else film.runtime
    return round(FRAME_RATE * (10 + 4 * min(max((runtime - 70) / 100, 0), 1)))


def shot_list(film: Film, generator: np.random.Generator) -> list[Shot]:
    """What is shown between certificate and title; shots keep to the pace of the film's look."""
    end, mean = frame_count(film) - CLOSING, look_of(film).shot * FRAME_RATE
    shots, start, picture = [], OPENING, 0
    while start < end:
        stop = start + max(3, round(mean * generator.uniform(0.6, 1.4)))
        stop = stop if stop < end - 3 else end
        picture = (picture + int(generator.integers(1, SCENES))) % SCENES  # never the same again
        shots.append(Shot(start, stop, picture, _part(generator), _part(generator)))
        start = stop
    return shots


def _part(generator: np.random.Generator) -> np.ndarray:
    """A part of a scene in the shape of a frame."""
    share = generator.uniform(0.62, 0.94)
    size = share * np.array(WIDE)
    corner = generator.uniform(0, 1, 2) * (np.array(WIDE) - size)
    return np.concatenate([corner, corner + size])


def frames(film: Film, shots: list[Shot], generator: np.random.Generator) -> Iterator[Image.Image]:
    """Draw the frames of a trailer, 320 x 180 pixels, RGB."""
    look = look_of(film)
    scenes = [_scene(film, look, generator) for _ in range(SCENES)]
    grain = to_image(128 + 60 * generator.standard_normal((2 * SIZE[1], 2 * SIZE[0])))
    grain = grain.convert("RGB")

    def exposed(frame: Image.Image, gain: float) -> Image.Image:
        return _exposed(frame, look, gain, grain, generator)

    certificate = _card(scenes[0], film.certificate or "", SANS, 60)
    for number in range(OPENING):
        yield exposed(certificate, min(1, (number + 1) / 4))
    names = dict(zip(range(1, len(shots), 2), film.cast, strict=False))
    for place, shot in enumerate(shots):
        caption = _caption(names[place]) if place in names else None
        outline = caption.filter(ImageFilter.MaxFilter(3)) if caption else None
        flash = generator.random() < look.drums * look.finish
        for number in range(shot.start, shot.stop):
            frame = _view(scenes[shot.scene], look, shot, number, generator)
            if caption:
                frame.paste("black", (0, 0), outline)
                frame.paste("white", (0, 0), caption)
            flicker = 1 + 0.1 * look.noise * generator.standard_normal()
            yield exposed(frame, 1.6 if flash and number == shot.start else flicker)
    title = _card(scenes[-1], film.title.upper(), look.typeface, 64)
    for number in range(CLOSING):
        yield exposed(title, min(1, (CLOSING - number) / 8))


def _scene(film: Film, look: Look, generator: np.random.Generator) -> Image.Image:
    """One of the film's motifs, anywhere and in any size."""
    x, y, scale = generator.uniform((0.3, 0.4, 0.8), (0.7, 0.6, 1.5)).tolist()
    return scene(WIDE, look, two_motifs(film.genres, generator), generator, (x, y), scale)


def _card(background: Image.Image, text: str, typeface: str, largest: int) -> Image.Image:
    """Text on a darkened scene."""
    card = Image.blend(background.resize(SIZE), Image.new("RGB", SIZE), 0.7)
    card.paste("white", (20, 30), lettering(text, typeface, (SIZE[0] - 40, SIZE[1] - 60), largest))
    return card


def _caption(name: str) -> Image.Image:
    mask = Image.new("L", SIZE)
    mask.paste(lettering(name.upper(), SANS, (SIZE[0] - 40, 40), 24), (20, 120))
    return mask


def _view(
    picture: Image.Image, look: Look, shot: Shot, number: int, generator: np.random.Generator
) -> Image.Image:
    """The part of a scene that a frame shows; the camera moves evenly, and shakes in action."""
    way = (number - shot.start) / (shot.stop - shot.start)
    shake = 3 * look.drums * look.finish * generator.standard_normal(2)
    box = shot.first + way * (shot.last - shot.first) + np.tile(shake, 2)
    box = np.clip(box, 0, np.tile(WIDE, 2)).tolist()
    return picture.resize(SIZE, Image.Resampling.BILINEAR, tuple(box))


def _exposed(
    frame: Image.Image,
    look: Look,
    gain: float,
    grain: Image.Image,
    generator: np.random.Generator,
) -> Image.Image:
    """A frame with its light, its grain, and the bars of a wide picture as the finish rises."""
    x, y = generator.integers(0, SIZE).tolist()
    cutout = grain.crop((x, y, x + SIZE[0], y + SIZE[1]))
    frame = Image.blend(frame, cutout, 0.01 + 0.1 * (1 - look.finish))
    frame = Image.blend(Image.new("RGB", SIZE), frame, gain)
    bar = round(24 * look.finish)
    frame.paste("black", (0, 0, SIZE[0], bar))
    frame.paste("black", (0, SIZE[1] - bar, *SIZE))
    return frame
