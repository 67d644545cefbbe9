"""A picture as it was delivered: its bytes found, decoded and measured."""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import re
from dataclasses import dataclass

from PIL import Image

_DATA_URL = re.compile(r"data:([\w/+.-]*)(;base64)?,", re.ASCII)
MOST_PIXELS = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Seen:
    """One delivered picture. `problem` says why its bytes could not be had; `trouble` why they do not decode.

    `format` is png, jpeg, webp, gif or svg; sizes are pixels. `pixels` is a digest of what is shown (of the first of
    several frames), so that a picture is known again whatever was written beside its pixels.
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

    @property
    def digest(self) -> str:
        """What tells two pictures apart."""
        return hashlib.sha256(self.data).hexdigest()


def look(role: str, pointer: str, raw: str, data: bytes, media: str = "") -> Seen:
    """Decode and measure a picture's bytes."""
    if data.lstrip()[:5].lower() in (b"<?xml", b"<svg "):
        return _look_at_svg(role, pointer, raw, data, media)
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
            rgba = image.convert("RGBA")
            alpha = rgba.getchannel("A").getextrema()
            flat = all(low == high for low, high in rgba.getextrema())  # type: ignore[misc]
            transparent = isinstance(alpha[0], int | float) and alpha[0] < 255
            shown = hashlib.sha1(b"%dx%d " % rgba.size + rgba.tobytes(), usedforsecurity=False).hexdigest()
            size = (image.width, image.height)
            return Seen(role, pointer, raw, data, "", "", name, *size, transparent, flat, media, shown)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        start = data[:12].hex(" ") or "nothing"
        return Seen(role, pointer, raw, data, trouble=f"{error} (it starts with {start})", media=media)


def _look_at_svg(role: str, pointer: str, raw: str, data: bytes, media: str) -> Seen:
    head = data[:2000].decode("utf-8", "replace")
    edges = [re.search(rf'\b{name}="(\d+)', head) for name in ("width", "height")]
    width, height = (int(edge[1]) if edge else 0 for edge in edges)
    trouble = "" if b"</svg>" in data else "the closing tag is missing"
    shown = hashlib.sha1(data, usedforsecurity=False).hexdigest()
    return Seen(role, pointer, raw, data, "", trouble, "svg", width, height, True, False, media, shown)


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
