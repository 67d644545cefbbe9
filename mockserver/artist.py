"""The artist draws the mock's pictures: real files of the asked size, the same bytes for the same request.

A picture is a small landscape whose colours and hills come from a hash of seed, prompt and index, with the
prompt written on it so that a person can see which request made it.
"""

import hashlib
import io
import math
import random
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from PIL import GifImagePlugin, Image, ImageChops, ImageDraw

from mockserver import lettering
from mockserver.lettering import Colour, Size, colour_of, gradient, oval, smooth, web_colour


class _Format(NamedTuple):
    """One row of the table of formats."""

    media_type: str
    draw: "Callable[[Picture], bytes]"
    alpha: bool = True
    lossy: bool = False
    animated: bool = False


_FORMATS = {
    "png": _Format("image/png", lambda it: _saved(_paint(it), "PNG", compress_level=1)),
    "jpeg": _Format(
        "image/jpeg", lambda it: _saved(_paint(it), "JPEG", quality=it.compression), alpha=False, lossy=True
    ),
    "webp": _Format("image/webp", lambda it: _saved(_paint(it), "WEBP", quality=it.compression, method=0), lossy=True),
    "gif": _Format("image/gif", lambda it: b"".join(_animation(it)), animated=True),
    "svg": _Format("image/svg+xml", lambda it: "\n".join(_elements(it)).encode()),
}

MIME_TYPES: dict[str, str] = {name: row.media_type for name, row in _FORMATS.items()}
"""Every format the artist can draw, and its media type."""

_GIF_COLOURS = 127


@dataclass(slots=True, unsafe_hash=True)  # a frozen one takes four times as long to make, and every answer makes one
class Picture:
    """Everything that determines the bytes of one picture.

    Raises ValueError for an unknown format, for numbers outside their ranges, and for transparency or
    several frames in a format that has none.
    """

    prompt: str
    """Any text, empty included. It chooses the scene and is written on it, cut with an ellipsis when long."""
    width: int
    """Pixels, 1 or more."""
    height: int
    """Pixels, 1 or more."""
    format: str = "png"
    """A key of MIME_TYPES."""
    compression: int = 100
    """0..100, the encoder's quality for jpeg and webp. Ignored for the others."""
    transparent: bool = False
    """A scene cut out as an oval, with alpha 0 in the corners from 8 pixels a side. An svg without sky."""
    index: int = 0
    """Which of the pictures of one request. Each has other colours and other hills."""
    seed: int = 0
    """The server's seed."""
    label: str = ""
    """The start of the footer, for example "gpt-image-2 · high · 1 of 4"."""
    frames: int = 1
    """1 or more; more than one only for gif, which then moves and starts again for ever."""
    frame_ms: int = 200
    """0..655350, how long a frame stays. Rounded to 10, gif's unit; ignored for one frame."""

    def __post_init__(self) -> None:
        row = _FORMATS.get(self.format)
        if row is None:
            raise ValueError(f"unknown picture format {self.format!r}; known: {', '.join(_FORMATS)}")
        if self.width < 1 or self.height < 1:
            raise ValueError(f"a picture is at least 1x1 pixels, not {self.width}x{self.height}")
        if not 0 <= self.compression <= 100:
            raise ValueError(f"compression is 0..100, not {self.compression}")
        if self.transparent and not row.alpha:
            raise ValueError(f"{self.format} has no alpha channel, so the picture cannot be transparent")
        if self.frames < 1 or (self.frames > 1 and not row.animated):
            raise ValueError(f"a {self.format} cannot have {self.frames} frames")
        if not 0 <= self.frame_ms <= 655350:
            raise ValueError(f"a frame stays 0..655350 ms, not {self.frame_ms}")


class Artist:
    """Draws pictures and remembers the last ones. Threads may share one artist."""

    # What remembering costs besides the picture's bytes, so that a million tiny ones cannot fill the memory.
    _ENTRY_BYTES = 256

    def __init__(self, cache_bytes: int = 64 * 1024 * 1024) -> None:
        self._limit = cache_bytes
        self._cached_bytes = 0
        self._pictures: OrderedDict[bytes, bytes] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def cached_bytes(self) -> int:
        """Bytes of memory the remembered pictures take, never more than the constructor's cache_bytes."""
        return self._cached_bytes

    def draw(self, picture: Picture) -> bytes:
        """Return the encoded picture: equal pictures give equal bytes, in every process.

        Raises ValueError when the format cannot hold the size (webp: at most 16383 pixels a side, gif: 65535).
        """
        row = _FORMATS[picture.format]
        picture = replace(
            picture,
            compression=picture.compression if row.lossy else 100,
            frame_ms=(picture.frame_ms + 5) // 10 * 10 if picture.frames > 1 else 0,
        )
        # The digest stands in for the picture because a prompt can be far larger than what it draws.
        key = _digest(repr(picture))
        with self._lock:
            if (known := self._pictures.get(key)) is not None:
                self._pictures.move_to_end(key)
                return known
        drawn = row.draw(picture)
        self._remember(key, drawn)
        return drawn

    def _remember(self, key: bytes, drawn: bytes) -> None:
        cost = len(drawn) + self._ENTRY_BYTES
        with self._lock:
            if cost > self._limit or key in self._pictures:
                return
            while self._cached_bytes + cost > self._limit:
                _, oldest = self._pictures.popitem(last=False)
                self._cached_bytes -= len(oldest) + self._ENTRY_BYTES
            self._pictures[key] = drawn
            self._cached_bytes += cost


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _saved(image: Image.Image, encoder: str, **options: int) -> bytes:
    file = io.BytesIO()
    image.save(file, encoder, **options)
    return file.getvalue()


def _animation(picture: Picture) -> Iterator[bytes]:
    """The parts of a gif in the colours of its first frame; the others hold only the box that has changed."""
    if max(picture.width, picture.height) > 65535:
        raise ValueError(f"a gif has at most 65535 pixels a side, not {picture.width}x{picture.height}")
    # Put together here because Pillow leaves out frames that look like the one before.
    options = {"duration": picture.frame_ms, "disposal": 1, "loop": 0} if picture.frames > 1 else {}
    if picture.transparent:
        options["transparency"] = _GIF_COLOURS
    before, palette = None, None
    for number in range(picture.frames):
        image = _paint(picture, number / picture.frames)
        opaque = image.convert("RGB")
        palette = palette or opaque.quantize(_GIF_COLOURS)
        frame = opaque.quantize(palette=palette, dither=Image.Dither.NONE)
        if picture.transparent:
            frame.paste(_GIF_COLOURS, mask=image.getchannel("A").point([255] * 128 + [0] * 128))
        if before is None:
            frame.putpalette(bytes(palette.getpalette() or ()).ljust(3 * _GIF_COLOURS + 3, b"\0"))
            yield _saved(frame, "GIF", optimize=False, **options).removesuffix(b";")
        else:
            box = ImageChops.subtract_modulo(frame, before).getbbox() or (0, 0, 1, 1)
            yield from GifImagePlugin.getdata(frame.crop(box), box[:2], **options)
        before = frame
    yield b";"


def _elements(picture: Picture) -> Iterator[str]:
    """The svg of a picture, line by line."""
    width, height = picture.width, picture.height
    scene = _scene(picture)
    size = f'width="{width}" height="{height}"'
    yield f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {width} {height}">'
    yield f"<title>{lettering.escaped(picture.prompt)}</title>"
    for number, colours in enumerate((scene.sky, *(colours for _, colours in scene.hills))):
        stops = "".join(
            f'<stop offset="{at / (len(colours) - 1)}" stop-color="{web_colour(colour)}"/>'
            for at, colour in enumerate(colours)
        )
        yield f'<linearGradient id="g{number}" x2="0" y2="1">{stops}</linearGradient>'
    if not picture.transparent:
        yield f'<rect {size} fill="url(#g0)"/>'
    x, y, radius = scene.sun
    sun = f'cx="{x:.1f}" cy="{y:.1f}" fill="{web_colour(scene.light)}"'
    for reach, strength in _HALOS:
        yield f'<circle {sun} r="{radius * reach:.1f}" fill-opacity="{strength / 255:.2f}"/>'
    for number, (ridge, _) in enumerate(scene.hills, 1):
        points = " ".join(f"{at * width:.1f},{y:.1f}" for at, y in zip(_ALONG, ridge, strict=True))
        yield f'<polygon points="{points} {width},{height} 0,{height}" fill="url(#g{number})"/>'
    yield from lettering.markup((width, height), picture.prompt, _footer(picture))
    yield "</svg>"


def _paint(picture: Picture, turn: float = 0.0) -> Image.Image:
    image = _landscape(_scene(picture, turn), (picture.width, picture.height))
    if picture.transparent:
        image.putalpha(oval(image.size))
    lettering.write(image, picture.prompt, _footer(picture))
    return image


def _footer(picture: Picture) -> str:
    facts = (picture.label, f"{picture.width}x{picture.height}", picture.format)
    return " · ".join(fact for fact in facts if fact)


# Lightness (0..1) of zenith, horizon, farthest and nearest hill, then chroma: day, dusk, night.
_MOODS = ((0.70, 0.94, 0.80, 0.42, 0.11), (0.42, 0.82, 0.62, 0.24, 0.13), (0.20, 0.58, 0.46, 0.15, 0.10))
_GOLDEN_TURN = (math.sqrt(5) - 1) / 2
_HILLS = 4
_HALOS = ((3.1, 26), (1.9, 46), (1.0, 235))
_ALONG = [step / 96 for step in range(97)]


class _Scene(NamedTuple):
    """A sky, a sun with two halos, and hills, the nearer the darker: the ridge and the colours of each."""

    sky: tuple[Colour, Colour, Colour]
    sun: tuple[float, float, float]
    light: Colour
    hills: list[tuple[list[float], tuple[Colour, Colour]]]


def _scene(picture: Picture, turn: float = 0.0) -> _Scene:
    """What there is to see; during one turn the sun circles a little and the hills sway."""
    width, height = picture.width, picture.height
    request = random.Random(_digest(f"{picture.seed} {picture.prompt}"))
    scene = random.Random(_digest(f"{picture.seed} {picture.index} {picture.prompt}"))
    # Golden turns keep the hues of one request apart however many there are; the moods part near misses.
    hue = (request.random() + picture.index * _GOLDEN_TURN) % 1
    mood = (request.randrange(len(_MOODS)) + picture.index) % len(_MOODS)
    zenith, horizon, far, near, chroma = _MOODS[mood]
    warm = hue + scene.choice((-1, 1)) * scene.uniform(0.16, 0.30)
    sway = math.sin(turn * math.tau)

    sky = (
        colour_of(zenith, chroma, hue),
        colour_of((zenith + horizon) / 2, chroma * 0.9, hue + (warm - hue) * 0.35),
        colour_of(horizon, chroma * 0.8, warm),
    )
    radius = min(width, height) * scene.uniform(0.09, 0.15)
    x, y = width * scene.uniform(0.2, 0.8), height * scene.uniform(0.22, 0.42)
    sun = x + radius * 0.5 * sway, y + radius * 0.5 * (math.cos(turn * math.tau) - 1), radius

    hills = []
    for hill in range(_HILLS):
        nearness = hill / (_HILLS - 1)
        lightness, tint = far + (near - far) * nearness, warm + (hue - warm) * nearness
        colours = colour_of(lightness, chroma * 0.8, tint), colour_of(lightness + 0.06, chroma * 0.6, tint)
        waves = [
            (height * swing, scene.uniform(low, high) * math.tau, scene.uniform(0, math.tau) + 0.2 * sway)
            for swing, low, high in ((0.05, 0.5, 1.0), (0.025, 1.3, 2.4), (0.008, 4.0, 7.0))
        ]
        crest = height * (0.50 + 0.36 * nearness)
        ridge = [crest + sum(high * math.sin(wide * x + phase) for high, wide, phase in waves) for x in _ALONG]
        hills.append((ridge, colours))
    return _Scene(sky, sun, colour_of(0.97, 0.05, warm), hills)


def _landscape(scene: _Scene, size: Size) -> Image.Image:
    image = gradient(scene.sky, size)
    x, y, radius = scene.sun
    for reach, strength in _HALOS:
        side = max(1, round(2 * radius * reach))
        image.paste(scene.light, (round(x - side / 2), round(y - side / 2)), oval((side, side), strength))
    for ridge, colours in scene.hills:
        _raise_hill(image, ridge, colours)
    return image


def _raise_hill(image: Image.Image, ridge: list[float], colours: tuple[Colour, Colour]) -> None:
    width, height = image.size
    top, foot = min(height - 1, math.floor(min(ridge))), min(height, math.ceil(max(ridge)) + 1)

    def below_ridge(draw: ImageDraw.ImageDraw, grid: int) -> None:
        outline = [(at * width * grid, (y - top) * grid) for at, y in zip(_ALONG, ridge, strict=True)]
        draw.polygon([*outline, (width * grid, foot * grid), (0, foot * grid)], fill=255)

    # Only the skyline needs smoothing; everything under it is filled whole.
    shape = Image.new("L", (width, height - top), 255)
    shape.paste(smooth((width, foot - top), below_ridge), (0, 0))
    image.paste(gradient(colours, shape.size), (0, top), shape)
