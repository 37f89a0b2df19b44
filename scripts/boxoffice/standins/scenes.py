"""Pictures in a film's look: backdrop, motifs and finish, for posters and trailers alike."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageChops, ImageEnhance, ImageFilter

from boxoffice.standins.looks import Look, blend
from boxoffice.standins.motifs import WHITE, Motif, Pen


def to_image(pixels: np.ndarray) -> Image.Image:
    """A picture from numbers that may leave 0-255."""
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def backdrop(size: tuple[int, int], look: Look, generator: np.random.Generator) -> Image.Image:
    """Sky to ground; the higher the finish, the deeper, and the more lights and rays."""
    width, height = (side // 8 for side in size)  # it is all soft: coarse is enough
    x, y = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    sky, ground, ink, accent = (np.array(colour) for colour in look[:4])
    depth = 0.35 + 0.65 * look.finish
    pixels = sky + (ground - sky) * (0.5 + depth * y / 2)[..., None]
    lights = generator.uniform((-1, -1, 0.3), (1, 0.6, 0.8), (5, 3))
    for number, (cx, cy, r) in enumerate(lights):
        strength = 0.42 * min(max(5 * look.finish - number, 0), 1)
        light = strength * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / r**2)
        pixels += light[..., None] * ((accent, ink)[number % 2] - pixels)
    angle, reach = np.arctan2(y + 0.3, x), np.exp(-(x**2 + (y + 0.3) ** 2))
    rays = 0.3 * look.finish * np.clip(np.sin(14 * angle + generator.uniform(0, 6)), 0, 1) * reach
    pixels += rays[..., None] * (accent - pixels)
    return to_image(pixels).resize(size, Image.Resampling.BILINEAR)


def lit(picture: Image.Image, finish: float) -> Image.Image:
    """Glow, colour and contrast as the finish has them."""
    glow = picture.reduce(4).filter(ImageFilter.GaussianBlur(5)).resize(picture.size)
    picture = ImageChops.screen(picture, ImageEnhance.Brightness(glow).enhance(0.5 * finish))
    picture = ImageEnhance.Color(picture).enhance(0.6 + 0.6 * finish)
    return ImageEnhance.Contrast(picture).enhance(0.8 + 0.35 * finish)


def sparks(pen: Pen) -> None:
    """Points of light, fifty at the highest finish."""
    sizes = 0.006 + 0.03 * pen.generator.random(50) ** 3
    for number, (x, y) in enumerate(pen.scattered(50, pen.top, pen.bottom)):
        opacity = 0.5 * min(max(50 * pen.look.finish - number, 0), 1)
        pen.disc(x, y, sizes[number], blend(pen.look.accent, WHITE, 0.4), opacity)


def scene(
    size: tuple[int, int],
    look: Look,
    motifs: Sequence[Motif],
    generator: np.random.Generator,
    centre: tuple[float, float] = (0.5, 0.5),
    scale: float = 1.0,
) -> Image.Image:
    """A backdrop with the first motif, and the second shining through from behind it."""
    picture = backdrop((size[0] * 2, size[1] * 2), look, generator)
    if len(motifs) > 1:
        behind = picture.copy()
        motifs[1](Pen(behind, look, generator, (centre[0], centre[1] - 0.1), 1.25 * scale))
        picture = Image.blend(picture, behind, 0.4)
    motifs[0](Pen(picture, look, generator, centre, scale))
    sparks(Pen(picture, look, generator))
    return lit(picture.reduce(2), look.finish)


def shaded(picture: Image.Image, finish: float) -> Image.Image:
    """Corners that fall darker as the finish rises."""
    edge = Image.radial_gradient("L").resize(picture.size)
    edge = edge.point([round(0.75 * finish * max(level - 110, 0)) for level in range(256)])
    return Image.composite(Image.new("RGB", picture.size), picture, edge)


def grained(picture: Image.Image, finish: float, generator: np.random.Generator) -> Image.Image:
    """Grain, which money takes away."""
    width, height = picture.size
    grain = generator.standard_normal((height, width, 1), dtype=np.float32)
    return to_image(np.asarray(picture) + grain * (2 + 18 * (1 - finish)))
