"""Uploaded pictures: judged once when they arrive, decoded when somebody draws on them.

What may be uploaded, and what is measured of it: the reference's sections on edits (input, mask, markup).
"""

import io
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b

from PIL import Image, UnidentifiedImageError

MOST_PIXELS = 50_000_000
"""A larger picture is refused before any of its pixels is decoded; in memory each takes four bytes."""

_MOST_BLOCKS = 500_000
"""A gif of more blocks is refused before it is decoded; one of 64 MiB whose blocks are full has half of them."""

# Only plugins that decode by themselves: others start programs, read further files or have no bound.
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
_NAMES = {"MPO": "jpeg"}  # what cameras write: a jpeg with more jpegs behind its end


class BadPicture(Exception):
    """These bytes are no picture that can be worked with. The text is half a sentence: "it is empty"."""


@dataclass(frozen=True, slots=True)
class Upload:
    """One uploaded picture as it came. Equal when its bytes are; sizes are pixels as a viewer shows them."""

    data: bytes = field(repr=False, compare=False)
    digest: str
    """blake2b of the bytes, 32 hex digits."""
    format: str = field(compare=False)
    """png, jpeg, webp, gif or bmp: what it is, whatever it was called."""
    width: int = field(compare=False)
    height: int = field(compare=False)
    transparent: bool = field(compare=False)
    """Whether any pixel of its first frame is less than opaque."""
    alpha: bool = field(compare=False)
    """Whether it could have such pixels: an alpha channel, or a colour that stands for none."""
    frames: int = field(compare=False)
    """1 or more; only the first is ever looked at."""


def opened(data: bytes) -> Upload:
    """Decode and measure a picture.

    Raises BadPicture for whatever is no whole png, jpeg, webp, gif or bmp of at most MOST_PIXELS, and nothing else.
    """
    if not data:
        raise BadPicture("it is empty")
    with _damage_told():
        image = _decoded(data)
        width, height = image.size if _turn(image) not in _SIDEWAYS else reversed(image.size)
        alpha = image.has_transparency_data
        transparent = alpha and _rgba(image).getchannel("A").getextrema()[0] != 255
        kind, frames = _format(image), _frames(image, data)
    digest = blake2b(data, digest_size=16).hexdigest()
    _decoded_lately.put(digest, image)
    return Upload(data, digest, kind, width, height, transparent, alpha, frames)


def pixels(upload: Upload) -> Image.Image:
    """The first frame as RGBA, turned as its EXIF orientation says: 16 bits become 8, CMYK becomes RGB."""
    image = _decoded_lately.take(upload.digest) or _decoded(upload.data)
    turn = _turn(image)
    image = _rgba(image)
    return image.transpose(turn) if turn is not None else image


class _Lately:
    """The last pictures that were decoded, each until it is taken: who opens one draws on it next."""

    def __init__(self, most: int, pixels: int) -> None:
        self._most, self._pixels = most, pixels
        self._images: OrderedDict[str, Image.Image] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, digest: str, image: Image.Image) -> None:
        """Keep one, if it is no larger than worth it; the oldest makes room."""
        if image.width * image.height > self._pixels:
            return
        with self._lock:
            self._images[digest] = image
            if len(self._images) > self._most:
                self._images.popitem(last=False)

    def take(self, digest: str) -> Image.Image | None:
        """The picture of these bytes, if it is still there."""
        with self._lock:
            return self._images.pop(digest, None)


_decoded_lately = _Lately(2, 4_000_000)  # as many as are worked on at a time, in memory 32 MB


@contextmanager
def _damage_told() -> Iterator[None]:
    try:
        yield
    except BadPicture:
        raise
    except UnidentifiedImageError:
        raise BadPicture("it cannot be read as png, jpeg, webp, gif or bmp") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise BadPicture(f"it has more than {MOST_PIXELS // 10**6} megapixels") from None
    except Exception as error:  # noqa: BLE001 - a damaged file can raise anything from struct.error to KeyError
        raise BadPicture(_CUT if "truncated" in str(error).lower() else "it is damaged") from None


_CUT = "it ends in the middle of the picture"


def _decoded(data: bytes) -> Image.Image:
    if data.startswith(b"GIF8") and _gif_frames(data) is None:  # before Pillow, which has no bound
        raise BadPicture(_CUT)
    image = Image.open(io.BytesIO(data), formats=_FORMATS)
    if image.width * image.height > MOST_PIXELS:
        raise BadPicture(f"its {image.width}x{image.height} pixels are more than {MOST_PIXELS // 10**6} megapixels")
    image.load()
    if not _is_whole(_format(image), data):
        raise BadPicture(_CUT)
    return image


def _format(image: Image.Image) -> str:
    name = image.format or ""
    return _NAMES.get(name, name.lower())


def _is_whole(name: str, data: bytes) -> bool:
    """Whether the end mark is there; Pillow is content when the first frame is."""
    return {"png": b"IEND\xae\x42\x60\x82", "jpeg": b"\xff\xd9"}.get(name, b"") in data


def _frames(image: Image.Image, data: bytes) -> int:
    if image.format == "GIF":
        return _gif_frames(data) or 1
    return getattr(image, "n_frames", 1) if image.format != "MPO" else 1


def _gif_frames(data: bytes) -> int | None:
    """Frames up to the end mark, None without one. Pillow would unpack all of them to count them.

    Raises BadPicture where there are more blocks than anybody has the time to walk.
    """

    def colours(flags: int) -> int:
        return 3 << (flags & 7) + 1 if flags & 0x80 else 0

    frames, inside = 0, False  # of what holds blocks of data: each begins with its size, the last one is empty
    try:
        at = 13 + colours(data[10])
        for _ in range(_MOST_BLOCKS):
            byte = data[at]
            if inside:
                at, inside = at + byte + 1, byte > 0
            elif byte == 0x3B:
                return frames
            elif byte == 0x2C:
                frames, at, inside = frames + 1, at + 11 + colours(data[at + 9]), True
            else:
                at, inside = at + (2 if byte == 0x21 else 1), byte == 0x21
    except IndexError:
        return None
    raise BadPicture(f"it is a gif of more than {_MOST_BLOCKS} blocks")


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = frozenset(_TURNS[orientation] for orientation in (5, 6, 7, 8))
_ORIENTATION = 0x0112


def _turn(image: Image.Image) -> Image.Transpose | None:
    try:
        return _TURNS.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # noqa: BLE001 - viewers show a picture with damaged EXIF data, too
        return None


def _rgba(image: Image.Image) -> Image.Image:
    return _deep_gray(image) if image.mode.startswith("I") else image.convert("RGBA")


def _deep_gray(image: Image.Image) -> Image.Image:
    """16 bits of gray; one level of them may stand for transparent."""
    deep, clear = image.convert("I"), image.info.get("transparency")
    scaled = deep.point([level >> 8 for level in range(1 << 16)], "L").convert("RGBA")
    if isinstance(clear, int):
        scaled.putalpha(deep.point([255 * (level != clear) for level in range(1 << 16)], "L"))
    return scaled
