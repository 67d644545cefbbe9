"""The artist draws the mock's pictures: real files of the asked size, the same bytes for the same request.

A picture is a small landscape whose colours and hills come from a hash of seed, prompt and index, with the
prompt written on it so that a person can see which request made it. An edit or a variation starts from uploads.
"""

import base64
import io
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from operator import attrgetter
from typing import NamedTuple

from PIL import GifImagePlugin, Image, ImageChops

from mockserver import landscape, lettering
from mockserver.film import mp4
from mockserver.landscape import Scene, digest, scene
from mockserver.lettering import Size, oval
from mockserver.png import png
from mockserver.retouching import Base, retouched
from mockserver.uploads import pixels


class _Format(NamedTuple):
    """One row of the table of formats."""

    media_type: str
    encode: "Callable[[Iterator[Image.Image], Picture], bytes]"
    alpha: bool = True
    lossy: bool = False
    animated: bool = False
    raster: bool = True


_FORMATS = {
    "png": _Format("image/png", lambda images, _: png(next(images))),
    "jpeg": _Format(
        "image/jpeg", lambda images, it: _saved(next(images), "JPEG", quality=it.compression), alpha=False, lossy=True
    ),
    "webp": _Format(
        "image/webp", lambda images, it: _saved(next(images), "WEBP", quality=it.compression, method=0), lossy=True
    ),
    "gif": _Format("image/gif", lambda images, it: b"".join(_animation(images, it)), animated=True),
    "mp4": _Format(
        "video/mp4", lambda images, it: mp4(images, (it.width, it.height), it.frame_ms), alpha=False, animated=True
    ),
    "svg": _Format("image/svg+xml", lambda images, it: "\n".join(_elements(images, it)).encode(), raster=False),
}

MIME_TYPES: dict[str, str] = {name: row.media_type for name, row in _FORMATS.items()}
"""Every format the artist can draw, and its media type."""

LONGEST_FRAME = 655350  # milliseconds: a gif counts hundredths of a second in 16 bits
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
    """1 or more; more than one only for gif, which then moves and starts again for ever, and mp4."""
    frame_ms: int = 200
    """0..655350, how long a frame stays. Rounded to 10, gif's unit; ignored for one frame. Above 0 for mp4."""
    base: Base | None = None
    """The uploads of an edit or a variation; None draws a landscape."""
    sharpness: float = 1.0
    """Above 0, at most 1: a partial of a stream is the whole picture not yet sharp. One of a gif stands still."""

    layout: str = ""
    """`grid`: four pictures, indexes 4*index on, in two rows; `copy`: the first upload itself. Else one picture,
    `video`: asked for because it moves; `small`: of a larger one, so that it does not name its own size and format."""

    def saying(self, prompt: str) -> "Picture":
        """The same picture of another prompt: what has been checked is taken over, every answer makes one."""
        one: Picture = object.__new__(Picture)
        one.prompt = prompt
        (
            one.width, one.height, one.format, one.compression, one.transparent, one.index, one.seed, one.label,
            one.frames, one.frame_ms, one.base, one.sharpness, one.layout,
        ) = _look(self)  # fmt: skip
        return one

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
        if not 0 <= self.frame_ms <= LONGEST_FRAME:
            raise ValueError(f"a frame stays 0..{LONGEST_FRAME} ms, not {self.frame_ms}")
        if not 0 < self.sharpness <= 1:
            raise ValueError(f"sharpness is above 0 and at most 1, not {self.sharpness}")


_look = attrgetter(*(field.name for field in fields(Picture) if field.name != "prompt"))


class Artist:
    """Draws pictures and remembers the last ones. Threads may share one artist."""

    # What remembering costs besides the picture's bytes, so that a million tiny ones cannot fill the memory.
    _ENTRY_BYTES = 256

    def __init__(self, cache_bytes: int = 64 * 1024 * 1024) -> None:
        self._limit = cache_bytes
        self._cached_bytes = 0
        self._pictures: OrderedDict[bytes, bytes | str] = OrderedDict()  # and their base64, under a key of its own
        self._lock = threading.Lock()

    @property
    def cached_bytes(self) -> int:
        """Bytes of memory the remembered pictures take, never more than the constructor's cache_bytes."""
        return self._cached_bytes

    def draw(self, picture: Picture) -> bytes:
        """Return the encoded picture: equal pictures give equal bytes, in every process.

        Raises ValueError when the format cannot hold the size (webp: at most 16383 pixels a side, gif: 65535).
        """
        key, picture = _named(picture)
        known = self._recall(key)
        if isinstance(known, bytes):
            return known
        drawn = _FORMATS[picture.format].encode(self._images(picture), picture)
        self._remember(key, drawn)
        return drawn

    def base64(self, picture: Picture) -> str:
        """The same as bare base64. Raises ValueError as `draw` does."""
        key = _BASE64 + _named(picture)[0]
        known = self._recall(key)
        if isinstance(known, str):
            return known
        text = base64.b64encode(self.draw(picture)).decode()
        self._remember(key, text)
        return text

    def has_base64(self, picture: Picture) -> bool:
        """Whether `base64` has nothing to draw."""
        return _BASE64 + _named(picture)[0] in self._pictures

    def _recall(self, key: bytes) -> bytes | str | None:
        with self._lock:
            known = self._pictures.get(key)
            if known is not None:
                self._pictures.move_to_end(key)
            return known

    def _images(self, picture: Picture) -> Iterator[Image.Image]:
        """The frames of a picture; a partial is made from the whole one, which is then at hand when it is asked for."""
        if picture.sharpness == 1:
            for number in range(picture.frames):
                yield _painted(picture, number / picture.frames)
            return
        whole = replace(picture, sharpness=1.0)
        if _FORMATS[picture.format].raster:
            with Image.open(io.BytesIO(self.draw(whole))) as image:
                yield _softened(image.convert("RGBA" if picture.transparent else "RGB"), picture.sharpness)
        else:
            yield _softened(_painted(whole), picture.sharpness)

    def _remember(self, key: bytes, drawn: bytes | str) -> None:
        cost = len(drawn) + self._ENTRY_BYTES
        with self._lock:
            if cost > self._limit or key in self._pictures:
                return
            while self._cached_bytes + cost > self._limit:
                _, oldest = self._pictures.popitem(last=False)
                self._cached_bytes -= len(oldest) + self._ENTRY_BYTES
            self._pictures[key] = drawn
            self._cached_bytes += cost


_BASE64 = b"base64 "


def _named(picture: Picture) -> tuple[bytes, Picture]:
    """What a picture is remembered under, and the picture without what makes no difference to its bytes."""
    row = _FORMATS[picture.format]
    compression = picture.compression if row.lossy else 100
    frame_ms = (picture.frame_ms + 5) // 10 * 10 if picture.frames > 1 else 0
    if (compression, frame_ms) != (picture.compression, picture.frame_ms):
        picture = replace(picture, compression=compression, frame_ms=frame_ms)
    # The digest stands in for the picture because a prompt can be far larger than what it draws.
    return digest(repr(picture)), picture


def _saved(image: Image.Image, encoder: str, **options: int) -> bytes:
    file = io.BytesIO()
    image.save(file, encoder, **options)
    return file.getvalue()


def _animation(images: Iterator[Image.Image], picture: Picture) -> Iterator[bytes]:
    """The parts of a gif in the colours of its first frame; the others hold only the box that has changed."""
    if max(picture.width, picture.height) > 65535:
        raise ValueError(f"a gif has at most 65535 pixels a side, not {picture.width}x{picture.height}")
    # Put together here because Pillow leaves out frames that look like the one before.
    options = {"duration": picture.frame_ms, "disposal": 1, "loop": 0} if picture.frames > 1 else {}
    if picture.transparent:
        options["transparency"] = _GIF_COLOURS
    before, palette = None, None
    for image in images:
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


def _elements(images: Iterator[Image.Image], picture: Picture) -> Iterator[str]:
    """The svg of a picture, line by line. What is no drawing is embedded as the image it is."""
    width, height = picture.width, picture.height
    size = f'width="{width}" height="{height}"'
    yield f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {width} {height}">'
    yield f"<title>{lettering.escaped(picture.prompt)}</title>"
    if picture.base is None and picture.sharpness == 1:
        yield from landscape.elements(_view(picture)((width, height)), with_sky=not picture.transparent)
        yield from lettering.markup((width, height), picture.prompt, _footer(picture))
    else:
        yield f'<image {size} href="data:image/png;base64,{base64.b64encode(png(next(images))).decode()}"/>'
    yield "</svg>"


def _painted(picture: Picture, turn: float = 0.0) -> Image.Image:
    if picture.layout == "grid":
        return _grid(picture)
    if picture.layout == "copy" and picture.base is not None:
        return pixels(picture.base.images[0])
    size, view, footer = (picture.width, picture.height), _view(picture, turn), _footer(picture)
    if picture.base is not None:
        image = retouched(picture.base, size, view, picture.prompt, footer, transparent=picture.transparent)
    else:
        image = landscape.painted(view(size))
        if picture.transparent:
            image.putalpha(oval(size))
        lettering.write(image, picture.prompt, footer)
    return image


def _grid(picture: Picture) -> Image.Image:
    """Four pictures of half the edges: the first two, and the others below them."""
    width, height = picture.width // 2, picture.height // 2
    whole = Image.new("RGB", (picture.width, picture.height))
    for number in range(4):
        part = replace(picture, width=width, height=height, layout="", index=4 * picture.index + number)
        whole.paste(_painted(part), (number % 2 * width, number // 2 * height))
    return whole


def _view(picture: Picture, turn: float = 0.0) -> Callable[[Size], Scene]:
    motif = picture.base.motif if picture.base is not None and picture.base.vary else picture.prompt
    return lambda size: scene(size, motif, picture.index, picture.seed, turn)


def _footer(picture: Picture) -> str:
    if picture.layout == "small":
        return picture.label
    facts = (picture.label, f"{picture.width}x{picture.height}", picture.format)
    return " · ".join(fact for fact in facts if fact)


_COARSEST = 9


def _softened(image: Image.Image, sharpness: float) -> Image.Image:
    """The image with as many pixels as that sharpness leaves: nine a side near 0, by equal ratios to all at 1.

    The image itself shines through as much: how far few pixels are off depends on where their edges fall.
    """
    fewest = min(_COARSEST / min(image.size), 0.5)
    scale = fewest ** (1 - sharpness)
    small = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    soft = image.resize(small, Image.Resampling.BOX).resize(image.size, Image.Resampling.BICUBIC)
    return Image.blend(soft, image, sharpness)
