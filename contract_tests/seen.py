"""A picture as it was delivered: its bytes found, decoded and measured."""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import cast
from xml.etree.ElementTree import Element, ParseError, XMLPullParser

from PIL import Image, ImageChops, ImageStat

from contract_tests import footage

_OBJECT = re.compile(r" <_io[^>]*>")  # how Pillow names a file in memory
_DATA_URL = re.compile(r"data:([\w/+.-]*)(;base64)?,", re.ASCII)
MOST_PIXELS = 64 * 1024 * 1024
_MOST_NOTES = 20_000
_PIXELS = re.compile(r"\s*(\d{1,6}(?:\.\d{1,6})?)(?:px)?\s*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Seen:
    """One delivered picture.

    `problem` says why its bytes could not be had; `trouble` why they do not decode; `unseen` why nobody tried.

    `format` is png, jpeg, webp, gif, svg, or one of `footage.FORMATS`; sizes are pixels. `pixels` is a digest of what
    is shown (of the first of several frames), so that a picture is known again whatever was written beside its pixels.
    `end` says what is wrong with the end of the file, `opacity` is the least and the most alpha, `noise` whether
    neighbouring pixels have nothing in common, `notes` are the texts beside the pixels, `again` is what a second look
    found otherwise. Of a video all this is said of the first frame; `moves` says whether any other is different,
    `seconds` how long it lasts.
    """

    role: str
    pointer: str
    raw: str
    data: bytes = b""
    problem: str = ""
    trouble: str = ""
    format: str = ""
    width: int = 0
    height: int = 0
    alpha: bool = False
    flat: bool = False
    media: str = ""
    pixels: str = ""
    end: str = ""
    frames: int = 1
    opacity: tuple[int, int] = (255, 255)
    noise: bool = False
    notes: str = ""
    again: str = ""
    moves: bool = False
    seconds: float = 0.0
    unseen: str = ""

    @property
    def digest(self) -> str:
        """What tells two pictures apart."""
        return hashlib.sha256(self.data).hexdigest()


def look(role: str, pointer: str, raw: str, data: bytes, media: str = "") -> Seen:
    """Decode and measure a picture's bytes; what was just looked at is known."""
    return replace(_looked_at(data, media), role=role, pointer=pointer, raw=raw)


@lru_cache(maxsize=8)
def _looked_at(data: bytes, media: str) -> Seen:
    role = pointer = raw = ""
    if (drawing := _svg(data)) is not None:
        return _look_at_svg(Seen(role, pointer, raw, data, format="svg", media=media), *drawing)
    if name := footage.format_of(data):
        return _look_at_video(role, pointer, raw, data, media, name)
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.width * image.height > MOST_PIXELS:
                return Seen(
                    role,
                    pointer,
                    raw,
                    data,
                    trouble=f"{image.width}x{image.height} pixels are more than is looked at",
                    media=media,
                )
            image.load()
            name = (image.format or "").lower()
            seen = _measured(Seen(role, pointer, raw, data, format=name, media=media), image)
            frames = int(getattr(image, "n_frames", 1))
            return replace(seen, end=_end(name, data), frames=frames, moves=frames > 1, notes=_notes(image))
    except Exception as error:  # noqa: BLE001 - decoders raise whatever a provider's bytes lead them to
        start = data[:12].hex(" ") or "nothing"
        told = _OBJECT.sub("", str(error)) or type(error).__name__
        return Seen(role, pointer, raw, data, trouble=f"{told} (it starts with {start})", media=media)


def _measured(seen: Seen, image: Image.Image) -> Seen:
    """What can be said of the pixels of a picture."""
    rgba = image.convert("RGBA")
    alpha = rgba.getchannel("A").getextrema()
    return replace(
        seen,
        width=image.width,
        height=image.height,
        alpha=isinstance(alpha[0], int | float) and alpha[0] < 255,
        flat=all(low == high for low, high in rgba.getextrema()),  # type: ignore[misc]
        pixels=hashlib.sha1(b"%dx%d " % rgba.size + rgba.tobytes(), usedforsecurity=False).hexdigest(),
        opacity=(int(alpha[0]), int(alpha[1])),  # type: ignore[arg-type]
        noise=_is_noise(image),
    )


def _look_at_video(role: str, pointer: str, raw: str, data: bytes, media: str, name: str) -> Seen:
    seen = Seen(role, pointer, raw, data, media=media)
    if not footage.can_decode():
        return replace(seen, unseen=footage.NO_DECODER)
    try:
        found = footage.decoded(data)
    except footage.NoFilm as error:
        return replace(seen, unseen=str(error))
    except Exception as error:  # noqa: BLE001 - as above
        return replace(seen, trouble=f"{error} (it is to be {name})")
    first = _measured(replace(seen, format=name), found.first)
    return replace(
        first,
        flat=first.flat and not found.moves,  # many begin with a black frame
        frames=found.frames,
        moves=found.moves,
        seconds=found.seconds,
    )


def _end(format_: str, data: bytes) -> str:
    """What is missing at the end of a file, or behind it, though it can be decoded; empty where nothing is."""
    if format_ == "png" and b"IEND" not in data[-4096:] and b"IEND\xaeB`\x82" not in data:
        return "no IEND chunk"
    if format_ == "jpeg" and b"\xff\xd9" not in data[data.rfind(b"\xff\xda") :]:
        return "no end-of-image marker"
    if format_ == "gif" and not data.rstrip(b"\0").endswith(b";"):
        return "no trailer"
    if format_ == "webp" and int.from_bytes(data[4:8], "little") + 8 > len(data):
        return f"{len(data)} bytes where its header says {int.from_bytes(data[4:8], 'little') + 8}"
    behind = data[_length(format_, data) :].strip(b"\0")
    return f"{len(behind)} bytes behind it: {behind[:40]!r}" if behind else ""


def _length(format_: str, data: bytes) -> int:
    """How many bytes of a file that goes to its end are the picture."""
    if format_ == "png":
        return data.rfind(b"IEND\xaeB`\x82") + 8 if b"IEND\xaeB`\x82" in data else len(data)
    if format_ == "jpeg":
        return data.rfind(b"\xff\xd9") + 2
    if format_ == "webp":
        return int.from_bytes(data[4:8], "little") + 8
    return len(data)


def _is_noise(image: Image.Image) -> bool:
    """Whether pixels side by side differ as much as any two: in the middle, where a picture shows something."""
    x, y = image.width // 2, image.height // 2
    edge = min(128, image.width, image.height)
    if edge < 32:
        return False
    middle = image.crop((x - edge // 2, y - edge // 2, x + edge // 2, y + edge // 2)).convert("L")
    beside = ImageChops.difference(middle.crop((0, 0, edge - 2, edge - 2)), middle.crop((1, 1, edge - 1, edge - 1)))
    spread = ImageStat.Stat(middle).stddev[0]
    # Of independent pixels the mean difference is 1.13 (normal) to 1.15 (uniform) times the spread.
    return bool(spread > 20 and ImageStat.Stat(beside).mean[0] > 0.95 * spread)


def _notes(image: Image.Image) -> str:
    """Texts beside the pixels: a PNG's text chunks, comments, EXIF."""
    texts = [f"{name}: {value}" for name, value in image.info.items() if isinstance(value, str)]
    texts += [
        value.decode("utf-8", "replace")
        for name, value in image.info.items()
        if name == "comment" and isinstance(value, bytes)
    ]
    texts += [value for value in image.getexif().values() if isinstance(value, str)]
    return "\n".join(texts)[:_MOST_NOTES]


def _svg(data: bytes) -> tuple[Mapping[str, str], str] | None:
    """The attributes of an SVG's root, and what keeps it from being shown; None where these bytes are none."""
    head = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not head.startswith(b"<"):
        return None
    parser: XMLPullParser[Element] = XMLPullParser(("start",))
    trouble = ""
    try:
        parser.feed(data)
        parser.close()
    except (ParseError, ValueError) as error:
        trouble = f"it is no XML: {error}"
    try:
        root = next((root for _, root in cast("Iterator[tuple[str, Element]]", parser.read_events())), None)
    except (ParseError, ValueError):  # told again in its place
        root = None
    if root is not None:
        return (root.attrib, trouble) if root.tag.rpartition("}")[2] == "svg" else None
    return ({}, trouble) if head.startswith(b"<svg") else None


def _look_at_svg(seen: Seen, root: Mapping[str, str], trouble: str) -> Seen:
    """A drawing in vectors: its size is what its root says in pixels; without that it has none of its own."""
    edges = [_PIXELS.fullmatch(root.get(name, "")) for name in ("width", "height")]
    width, height = (round(float(edge[1])) if edge else 0 for edge in edges)
    return replace(
        seen,
        trouble=trouble,
        width=width if height else 0,
        height=height if width else 0,
        alpha=True,
        pixels=hashlib.sha1(seen.data, usedforsecurity=False).hexdigest(),
    )


def unreachable(role: str, pointer: str, raw: str, problem: str) -> Seen:
    """A picture whose bytes could not be had."""
    return Seen(role, pointer, raw, problem=problem)


def decode_base64(text: str) -> tuple[bytes, str]:
    """The bytes of base64 text, and what is unclean about it: a data URL's prefix, blanks, wrong padding or letters."""
    complaint = ""
    if match := _DATA_URL.match(text):
        complaint = f"it starts with {text[: match.end()]!r}"
        text = text[match.end() :]
    stripped = "".join(text.split())
    if stripped != text and not complaint:
        complaint = "it has blanks or line breaks in it"
    try:
        return base64.b64decode(stripped, validate=True), complaint
    except (binascii.Error, ValueError) as error:
        return b"", f"it is not base64: {error}"
