"""The landscape: what a picture shows. Sky, a sun, four hills, their colours and outlines chosen by a hash."""

import hashlib
import math
import random
from collections.abc import Iterator
from typing import NamedTuple

from PIL import Image, ImageDraw

from mockserver.breath import breathe
from mockserver.lettering import Colour, Size, colour_of, gradient, lay, smooth, stretched, web_colour

# Lightness (0..1) of zenith, horizon, farthest and nearest hill, then chroma: day, dusk, night.
_MOODS = ((0.70, 0.94, 0.80, 0.42, 0.11), (0.42, 0.82, 0.62, 0.24, 0.13), (0.20, 0.58, 0.46, 0.15, 0.10))
_GOLDEN_TURN = (math.sqrt(5) - 1) / 2
_HILLS = 4
_HALOS = ((3.1, 26), (1.9, 46), (1.0, 235))
_ALONG = [step / 96 for step in range(97)]


class Scene(NamedTuple):
    """A sky, a sun with two halos, and hills, the nearer the darker: the ridge and the colours of each."""

    size: Size
    sky: tuple[Colour, Colour, Colour]
    sun: tuple[float, float, float]
    light: Colour
    hills: list[tuple[list[float], tuple[Colour, Colour]]]


def scene(size: Size, motif: str, index: int, seed: int, turn: float = 0.0) -> Scene:
    """What there is to see: each index has other colours and hills. During one turn the sun circles, the hills sway."""
    width, height = size
    request = random.Random(digest(f"{seed} {motif}"))
    chance = random.Random(digest(f"{seed} {index} {motif}"))
    # Golden turns keep the hues of one request apart however many there are; the moods part near misses.
    hue = (request.random() + index * _GOLDEN_TURN) % 1
    mood = (request.randrange(len(_MOODS)) + index) % len(_MOODS)
    zenith, horizon, far, near, chroma = _MOODS[mood]
    warm = hue + chance.choice((-1, 1)) * chance.uniform(0.16, 0.30)
    sway = math.sin(turn * math.tau)

    sky = (
        colour_of(zenith, chroma, hue),
        colour_of((zenith + horizon) / 2, chroma * 0.9, hue + (warm - hue) * 0.35),
        colour_of(horizon, chroma * 0.8, warm),
    )
    radius = min(width, height) * chance.uniform(0.09, 0.15)
    x, y = width * chance.uniform(0.2, 0.8), height * chance.uniform(0.22, 0.42)
    sun = x + radius * 0.5 * sway, y + radius * 0.5 * (math.cos(turn * math.tau) - 1), radius

    hills = []
    for hill in range(_HILLS):
        nearness = hill / (_HILLS - 1)
        lightness, tint = far + (near - far) * nearness, warm + (hue - warm) * nearness
        colours = colour_of(lightness, chroma * 0.8, tint), colour_of(lightness + 0.06, chroma * 0.6, tint)
        waves = [
            (height * swing, chance.uniform(low, high) * math.tau, chance.uniform(0, math.tau) + 0.2 * sway)
            for swing, low, high in ((0.05, 0.5, 1.0), (0.025, 1.3, 2.4), (0.008, 4.0, 7.0))
        ]
        crest = height * (0.50 + 0.36 * nearness)
        ridge = [crest + sum(high * math.sin(wide * x + phase) for high, wide, phase in waves) for x in _ALONG]
        hills.append((ridge, colours))
        breathe()
    return Scene(size, sky, sun, colour_of(0.97, 0.05, warm), hills)


def digest(text: str) -> bytes:
    """32 bytes that stand for any text, lone surrogates included."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def painted(scene: Scene) -> Image.Image:
    """The scene as an RGB image."""
    image = gradient(scene.sky, scene.size)
    x, y, radius = scene.sun
    side = max(1, round(2 * radius * _HALOS[0][0]))
    lay(image, scene.light, (round(x - side / 2), round(y - side / 2)), _glow(side))
    ends = [min(scene.size[1], math.ceil(max(ridge)) + 1) for ridge, _ in scene.hills[1:]]
    # What the next hill hides need not be painted.
    for (ridge, colours), end in zip(scene.hills, [*ends, scene.size[1]], strict=True):
        breathe()
        _raise_hill(image, ridge, colours, end)
    return image


def _glow(side: int) -> Image.Image:
    """A mask: the sun in its halos, each as strong as if it was laid on the one before."""

    def circles(draw: ImageDraw.ImageDraw, grid: int) -> None:
        clear = 1.0
        for reach, strength in _HALOS:
            clear *= 1 - strength / 255
            near = (1 - reach / _HALOS[0][0]) * side * grid / 2
            far = max(near, side * grid - 1 - near)
            draw.ellipse((near, near, far, far), fill=round(255 * (1 - clear)))

    return smooth((side, side), circles)


def _raise_hill(image: Image.Image, ridge: list[float], colours: tuple[Colour, Colour], end: int) -> None:
    width, height = image.size
    top, foot = min(height - 1, math.floor(min(ridge))), min(height, math.ceil(max(ridge)) + 1)

    def below_ridge(draw: ImageDraw.ImageDraw, grid: int) -> None:
        outline = [(at * width * grid, (y - top) * grid) for at, y in zip(_ALONG, ridge, strict=True)]
        draw.polygon([*outline, (width * grid, foot * grid), (0, foot * grid)], fill=255)

    column = gradient(colours, (1, height - top))

    def slope(above: int, below: int) -> Image.Image:
        return stretched(column.crop((0, above - top, 1, below - top)), width)

    # Only the skyline needs a mask; everything under it is filled whole.
    lay(image, slope(top, foot), (0, top), smooth((width, foot - top), below_ridge))
    if foot < end:
        breathe()
        image.paste(slope(foot, end), (0, foot))


def elements(scene: Scene, with_sky: bool = True) -> Iterator[str]:
    """The scene as elements of an svg of its size, line by line."""
    width, height = scene.size
    for number, colours in enumerate((scene.sky, *(colours for _, colours in scene.hills))):
        stops = "".join(
            f'<stop offset="{at / (len(colours) - 1)}" stop-color="{web_colour(colour)}"/>'
            for at, colour in enumerate(colours)
        )
        yield f'<linearGradient id="g{number}" x2="0" y2="1">{stops}</linearGradient>'
    if with_sky:
        yield f'<rect width="{width}" height="{height}" fill="url(#g0)"/>'
    x, y, radius = scene.sun
    sun = f'cx="{x:.1f}" cy="{y:.1f}" fill="{web_colour(scene.light)}"'
    for reach, strength in _HALOS:
        yield f'<circle {sun} r="{radius * reach:.1f}" fill-opacity="{strength / 255:.2f}"/>'
    for number, (ridge, _) in enumerate(scene.hills, 1):
        points = " ".join(f"{at * width:.1f},{y:.1f}" for at, y in zip(_ALONG, ridge, strict=True))
        yield f'<polygon points="{points} {width},{height} 0,{height}" fill="url(#g{number})"/>'
