"""Retouching: a new picture that starts from uploaded ones, as edits and variations do.

What a mask, a markup and further pictures mean: the reference's sections 3 (edits) and 4 (variations).
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

from mockserver import lettering
from mockserver.landscape import Scene, digest, painted
from mockserver.lettering import Size, oval
from mockserver.uploads import Upload, pixels

_Box: TypeAlias = tuple[int, int, int, int]
MOST_IMAGES = 16


@dataclass(frozen=True, slots=True)
class Base:
    """What a picture starts from. Raises ValueError unless there are 1..16 images."""

    images: tuple[Upload, ...]
    """The first is worked on; of the others small prints are laid on it."""
    mask: Upload | None = None
    """Where its alpha is 0 the scene is painted in, where it is 255 no pixel changes. Stretched to the first image."""
    markup: Upload | None = None
    """Ink on clear ground: the scene is painted in where there is ink, near it, and where ink runs all around.
    Stretched to the first image; ignored beside a mask."""
    vary: bool = False
    """A variation: the same motif in other colours with other hills, and without words. Looks at one image only."""

    def __post_init__(self) -> None:
        if not 1 <= len(self.images) <= MOST_IMAGES:
            raise ValueError(f"a picture starts from 1..{MOST_IMAGES} images, not {len(self.images)}")

    @property
    def motif(self) -> str:
        """What chooses the scene of a variation, which has no prompt."""
        return "".join(image.digest for image in self.images)

    @property
    def weight(self) -> int:
        """Bytes of memory its uploads take."""
        return sum(len(upload.data) for upload in (*self.images, self.mask, self.markup) if upload is not None)


def retouched(
    base: Base, size: Size, scene: Callable[[Size], Scene], prompt: str, footer: str, *, transparent: bool = False
) -> Image.Image:
    """Draw an edit or a variation: RGB, or RGBA when transparent.

    The first image covers the size, its aspect kept, what is too much cut off evenly. A transparent result keeps the
    image's own clear parts, and is cut out as an oval if it has none. Otherwise the scene shows through clear parts,
    unless a mask says that they stay: then they are white.
    """
    first = base.images[0]
    covering = _covering(first, size)
    image = covering.convert("RGB") if transparent else _flattened(covering, size)
    hole = _hole(base, size, transparent)
    if base.vary:
        image = _varied(image, scene(size))
    elif hole is None:
        image = _regraded(image, scene(size))
    elif (box := hole.getbbox()) is not None:
        patch = painted(scene((box[2] - box[0], box[3] - box[1])))
        if base.mask is not None:
            _dress(patch, _room(hole.crop(box)), base, prompt, footer, side=min(size))
        image.paste(patch, box[:2], hole.crop(box))
    if transparent:
        alpha = covering.getchannel("A") if first.transparent else oval(size)
        image.putalpha(alpha if hole is None else ImageChops.lighter(alpha, hole) if first.transparent else alpha)
    if base.mask is None:
        _dress(image, (0, 0, *size), base, prompt, footer)
    return image


def _flattened(image: Image.Image, size: Size) -> Image.Image:
    ground = Image.new("RGB", size, "white")
    ground.paste(image, (0, 0), image)
    return ground


@lru_cache(maxsize=2)  # image and mask: the same for all pictures of one request and all frames of one picture
def _covering(upload: Upload, size: Size, over: Size | None = None, soft: bool = False) -> Image.Image:
    """An upload, stretched over the size of another one first, that covers a size. Not to be drawn on."""
    image = pixels(upload)
    method = Image.Resampling.BILINEAR if soft else Image.Resampling.LANCZOS
    if over is not None and image.size != over:
        image = image.resize(over, method)
    if image.size == size:
        return image
    if upload.transparent:
        return ImageOps.fit(image, size, method)
    return ImageOps.fit(image.convert("RGB"), size, method).convert("RGBA")  # the same in a third of the time


def _hole(base: Base, size: Size, transparent: bool) -> Image.Image | None:
    """Where the scene is to be painted in, 255 for all of it; None without a word about where."""
    first = base.images[0]
    if base.vary:
        return None
    overlay = base.mask or base.markup
    if overlay is not None:
        # Bilinear, because Lanczos rings: beside an edge it would open what is closed.
        alpha = _covering(overlay, size, (first.width, first.height), True).getchannel("A")
        return ImageChops.invert(alpha) if base.mask is not None else _redrawn(alpha)
    if first.transparent and not transparent:
        return ImageChops.invert(_covering(first, size).getchannel("A"))
    return None


_COARSE = 96
_STEEPER = [min(max(3 * level - 180, 0), 255) for level in range(256)]


def _redrawn(ink: Image.Image) -> Image.Image:
    """Ink grown by a fiftieth of the picture, and filled where it runs all around, with soft edges."""
    scale = max(1.0, min(ink.size) / _COARSE)
    coarse = ink.resize((math.ceil(ink.width / scale), math.ceil(ink.height / scale)), Image.Resampling.BOX)
    wet = coarse.point([0] * 8 + [255] * 248).filter(ImageFilter.MaxFilter(5))
    outside = ImageOps.expand(wet, 1)
    ImageDraw.floodfill(outside, (0, 0), 128)
    filled = outside.point([255] * 128 + [0] + [255] * 127).filter(ImageFilter.GaussianBlur(1.2))
    inner = (1, 1, 1 + coarse.width, 1 + coarse.height)
    return filled.resize(ink.size, Image.Resampling.BICUBIC, inner).point(_STEEPER)


_OPEN = 200


def _room(hole: Image.Image) -> _Box:
    """The largest box about the middle of a hole that is as good as open, or the whole of it when none is large."""
    width, height = hole.size
    for part in (1.0, 0.92, 0.84, 0.76, 0.7, 0.6, 0.5):
        x, y = round(width * (1 - part) / 2), round(height * (1 - part) / 2)
        box = x, y, width - x, height - y
        if not any(hole.crop(box).histogram()[:_OPEN]):
            return box
    return 0, 0, width, height


_COVERING = 240  # of a panel: the image may have words in the same place


def _dress(image: Image.Image, room: _Box, base: Base, prompt: str, footer: str, side: int = 0) -> None:
    """Lay prints of the further images and the lettering on the part of an image that is room."""
    part = image.crop(room)
    if not base.vary:
        _lay_prints(part, base.images[1:])
    # In a hole of a larger picture, letters between what suits the one and the other are read best.
    side = round(math.sqrt(side * min(part.size)))
    lettering.write(part, "" if base.vary else prompt, footer, side=side, strength=_COVERING)
    image.paste(part, room[:2])


_SMALLEST_PRINT = 8


def _lay_prints(image: Image.Image, uploads: tuple[Upload, ...]) -> None:
    """Small prints with a white edge in the upper right corner, each a little askew."""
    if not uploads:
        return
    width, height = image.size
    rows = 1 if len(uploads) <= 4 else 2 if len(uploads) <= 8 else 3
    columns = math.ceil(len(uploads) / rows)
    cell = int(min(0.28 * min(width, height), 0.94 * width / columns, 0.5 * height / rows))
    if cell < _SMALLEST_PRINT:
        return
    for number, upload in enumerate(uploads):
        row, column = divmod(number, columns)
        print_ = _print(upload, round(cell * 0.8))
        x = round(width - 0.03 * width - (column + 0.5) * cell - print_.width / 2)
        y = round(0.03 * height + (row + 0.5) * cell - print_.height / 2)
        shadow = print_.getchannel("A").point(lambda level: level * 0.45)
        drop = max(1, cell // 40)
        image.paste((0, 0, 0), (x + drop, y + 2 * drop), shadow.filter(ImageFilter.BoxBlur(drop)))
        image.paste(print_, (x, y), print_)


def _print(upload: Upload, side: int) -> Image.Image:
    scale = side / max(upload.width, upload.height)
    inner = max(1, round(upload.width * scale)), max(1, round(upload.height * scale))
    small = _flattened(pixels(upload).resize(inner, Image.Resampling.LANCZOS, reducing_gap=2.0), inner)
    framed = ImageOps.expand(small, max(1, side // 20), "white").convert("RGBA")
    margin = max(2, side // 12)
    angle = random.Random(digest(upload.digest)).uniform(-5, 5)
    return ImageOps.expand(framed, margin, (255, 255, 255, 0)).rotate(angle, Image.Resampling.BICUBIC)


def _regraded(image: Image.Image, scene: Scene) -> Image.Image:
    """The image in the light of a scene: its sky and sun from above, its colours all over."""
    toned = Image.blend(image, _toned(image, scene), 0.3)
    return Image.composite(painted(scene), toned, _fading(image.size, 0.5, 165))


def _varied(image: Image.Image, scene: Scene) -> Image.Image:
    """The image in other colours, and with the hills of a scene at its foot."""
    red, green, blue = image.split()
    # Exchanged like this the bands turn every hue by a third, one way or the other; HSV takes ten times as long.
    turned = Image.merge("RGB", (green, blue, red) if sum(scene.sky[0]) % 2 else (blue, red, green))
    toned = Image.blend(turned, _toned(image, scene), 0.4)
    return Image.composite(painted(scene), toned, ImageOps.flip(_fading(image.size, 0.45, 480)))


def _toned(image: Image.Image, scene: Scene) -> Image.Image:
    """The lights and darks of an image in the colours of a scene."""
    nearest = scene.hills[-1][1][0]
    return ImageOps.colorize(image.convert("L"), nearest, scene.light, scene.sky[1])


def _fading(size: Size, part: float, strength: int) -> Image.Image:
    """A mask that falls evenly from strength at the upper edge to nothing at that part of the height; 255 is all."""
    width, height = size[0], max(1, round(size[1] * part))
    levels = [min(255, (255 - level) * strength // 255) for level in range(256)]
    column = Image.linear_gradient("L").resize((1, height)).point(levels)
    mask = Image.new("L", size)
    mask.paste(column.resize((width, height), Image.Resampling.NEAREST), (0, 0))
    return mask
