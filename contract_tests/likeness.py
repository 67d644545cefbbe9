"""How much alike two pictures are, coarsely: what a person would see from across the room."""

from __future__ import annotations

import io
from functools import lru_cache
from statistics import StatisticsError, correlation

from PIL import Image, ImageChops, ImageStat

Size = tuple[int, int]
#: the edge, in cells, to which pictures are brought before they are compared
CELLS = 32
#: pictures whose cells differ less, of 255, are one in another encoding, or with a little noise over it
SAME = 1.0
#: the mean of the luminance table of the JPEG standard (T.81, K.1), which is level 50 of every common encoder
_STANDARD = 57.625


@lru_cache(maxsize=128)
def coarse(data: bytes, cells: Size = (CELLS, CELLS)) -> Image.Image | None:
    """A picture as a few RGBA cells; None where it does not decode."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.draft("RGB", (cells[0] * 4, cells[1] * 4))
            return image.convert("RGBA").resize(cells, Image.Resampling.BOX)
    except Exception:  # noqa: BLE001 - decoders raise whatever a provider's bytes lead them to
        return None


def distance(one: bytes, other: bytes) -> float | None:
    """The mean difference of two pictures' cells, 0 (alike) to 255; None where one does not decode."""
    left, right = coarse(one), coarse(other)
    if left is None or right is None:
        return None
    return _mean(ImageChops.difference(left.convert("RGB"), right.convert("RGB")))


def likeness(one: bytes, other: bytes) -> float | None:
    """How much two pictures' cells go together (Pearson's correlation of their colours), -1 to 1, whatever else is laid
    over them; None where one does not decode or is of one colour."""
    left, right = coarse(one), coarse(other)
    if left is None or right is None:
        return None
    grounds = [Image.new("RGBA", cells.size, "grey") for cells in (left, right)]
    laid = [Image.alpha_composite(ground, cells) for ground, cells in zip(grounds, (left, right), strict=True)]
    try:
        found = [correlation(*(one.getchannel(band).tobytes() for one in laid)) for band in "RGB"]
    except StatisticsError:
        return None
    return sum(found) / len(found)


def quantised(jpeg: bytes) -> dict[int, list[int]]:
    """The tables by which a jpeg was quantised: another level of compression has others."""
    with Image.open(io.BytesIO(jpeg)) as image:
        return dict(getattr(image, "quantization", {}))


def graded(jpeg: bytes) -> int | None:
    """The level, 1 to 100, of which the standard's luminance table would be as coarse as a jpeg's; None without one."""
    tables = quantised(jpeg)
    if not tables:
        return None
    scale = 100 * sum(tables[min(tables)]) / len(tables[min(tables)]) / _STANDARD
    return max(1, min(100, round(100 - scale / 2 if scale <= 100 else 5000 / scale)))  # as libjpeg scales it


def differences(before: bytes, after: bytes, mask: bytes) -> tuple[float, float] | None:
    """How much a picture was changed where a mask keeps it and where the mask is transparent, 0 to 255 each.

    Cells on the border, and those where the picture before was transparent itself, do not count. None where that leaves
    nothing on one of the sides, or something does not decode.
    """
    left, right, hole = coarse(before), coarse(after), coarse(mask)
    if left is None or right is None or hole is None:
        return None
    solid = left.getchannel("A").point(lambda alpha: 255 if alpha == 255 else 0)
    kept = ImageChops.darker(hole.getchannel("A").point(lambda alpha: 255 if alpha == 255 else 0), solid)
    open_ = ImageChops.darker(hole.getchannel("A").point(lambda alpha: 255 if alpha == 0 else 0), solid)
    if not kept.getbbox() or not open_.getbbox():
        return None
    changed = ImageChops.difference(left.convert("RGB"), right.convert("RGB"))
    return _mean(changed, kept), _mean(changed, open_)


def _mean(image: Image.Image, where: Image.Image | None = None) -> float:
    bands = ImageStat.Stat(image, where).mean
    return sum(bands) / len(bands)
