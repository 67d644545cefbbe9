"""Grids: pictures that hold four, two by two. What their quarters show, and whether anything parts them."""

from __future__ import annotations

import io
from functools import lru_cache
from itertools import pairwise

from PIL import Image, ImageChops, ImageStat

#: quarters are compared as so many cells a side
_CELLS = 24
#: lines on either side of the middle that what parts two pictures is told from, and how much more it must change
_BESIDE, _MORE, _LEAST = 8, 1.25, 1.0
#: how much, of 255, a middle line has to change along itself before anything could be seen to part it
_SHOWS = 8.0


def small(data: bytes, box: tuple[int, int, int, int] | None = None) -> Image.Image:
    """A picture, or a part of it, as a few cells."""
    with Image.open(io.BytesIO(data)) as image:
        return image.convert("RGB").resize((_CELLS, _CELLS), Image.Resampling.BOX, box)


@lru_cache(maxsize=16)
def quarters(data: bytes) -> tuple[Image.Image, ...]:
    """The four quarters of a picture as a few cells each, as they are read: from the left, and from the top."""
    with Image.open(io.BytesIO(data)) as image:
        x, y = image.width // 2, image.height // 2
        whole = image.convert("RGB")
    boxes = [(left, top, left + x, top + y) for top in (0, y) for left in (0, x)]
    return tuple(whole.resize((_CELLS, _CELLS), Image.Resampling.BOX, box) for box in boxes)


def apart(one: Image.Image, other: Image.Image) -> float:
    """How far apart two small pictures are, of 255."""
    return sum(ImageStat.Stat(ImageChops.difference(one, other)).mean) / 3


@lru_cache(maxsize=16)
def parted(data: bytes) -> bool | None:
    """Whether something parts a picture in its middle, one way or the other: its neighbours there have nothing to do
    with each other, while those beside it have. None where next to nothing is to be seen there."""
    with Image.open(io.BytesIO(data)) as image:
        grey = image.convert("L")
    found = [_is_parted(part) for part in (grey, grey.transpose(Image.Transpose.TRANSPOSE))]
    return True if True in found else None if None in found else False


def _is_parted(image: Image.Image) -> bool | None:
    """The same for the left half and the right half."""
    x, (width, height) = image.width // 2, image.size
    if width < 4 * _BESIDE:
        return None
    lines = [image.crop((at, 0, at + 1, height)) for at in range(x - _BESIDE - 1, x + _BESIDE + 1)]
    steps = [ImageStat.Stat(ImageChops.difference(*two)).mean[0] for two in pairwise(lines)]
    middle = steps.pop(_BESIDE)
    if middle > _MORE * max(steps) + _LEAST:
        return True
    return False if min(ImageStat.Stat(line).stddev[0] for line in lines) > _SHOWS else None
