"""Pictures a case gives: small, real, and the same bytes each time. What is in a picture is measured with Pillow."""

from __future__ import annotations

import base64
import binascii
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Any

from PIL import Image, ImageDraw, ImageOps

from spec.forms import FILE, File
from spec.inputs import reason_against
from spec.language import INPUT_ROLES, Schema

_DATA_URL = re.compile(r"data:[\w/+.-]*(?:;[\w=+.-]+)*;base64,", re.ASCII)
_BASE64 = re.compile(r"[A-Za-z0-9+/]{40,}={0,2}", re.ASCII)  # shorter ones may be names
_EDGE = 256
NO_PICTURE = b"imageproof: these bytes are no picture\n"


@dataclass(frozen=True, slots=True)
class Picture:
    """What is in a picture; sizes are pixels. `alpha`: it could have transparent pixels, `transparent`: it has some.

    `turned`: its negative, what is transparent on the other side: what is made of one looks like none of the other.
    """

    format: str = "png"
    width: int = _EDGE
    height: int = _EDGE
    alpha: bool = True
    transparent: bool = True
    turned: bool = False

    @property
    def media(self) -> str:
        """`image/png`."""
        return f"image/{self.format}"


#: keeps every rule that allows its format
PLAINEST = Picture()
#: what is given, by turns; the first that keeps a rule is what is given where nothing is drawn
GALLERY = (
    PLAINEST,
    Picture(alpha=False, transparent=False),
    Picture("jpeg", alpha=False, transparent=False),
    Picture("webp", _EDGE, 192, alpha=False, transparent=False),
    Picture("png", 192, _EDGE, transparent=False),
    Picture("webp"),
)


@cache
def drawn(picture: Picture) -> bytes:
    """A picture's bytes: two gradients and a disc; a quarter of it is transparent where it is to be."""
    size = (picture.width, picture.height)
    ramp = Image.linear_gradient("L").resize(size)
    image = Image.merge("RGB", (ramp, ramp.transpose(Image.Transpose.FLIP_LEFT_RIGHT), ramp.rotate(180)))
    box = (size[0] // 4, size[1] // 4, size[0] * 3 // 4, size[1] * 3 // 4)
    ImageDraw.Draw(image).ellipse(box, fill=(200, 60, 40))
    if picture.alpha:
        image.putalpha(255)
    if picture.transparent:
        image.paste((0, 0, 0, 0), (size[0] // 2, size[1] // 2, *size))
    if picture.turned:
        colours, alpha = ImageOps.invert(image.convert("RGB")), image.getchannel("A") if picture.alpha else None
        image = colours
        if alpha is not None:
            image.putalpha(alpha.transpose(Image.Transpose.ROTATE_180))
    file = io.BytesIO()
    image.save(file, picture.format.upper(), **({"lossless": True} if picture.format == "webp" else {}))
    return file.getvalue()


@lru_cache(maxsize=256)
def measured(data: bytes) -> Picture | None:
    """What is in a picture's bytes; None where they are no whole picture."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            alpha = "A" in image.getbands() or "transparency" in image.info
            opaque = image.convert("RGBA").getchannel("A").getextrema()[0] == 255 if alpha else True
            return Picture((image.format or "").lower(), image.width, image.height, alpha, not opaque)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def bytes_given(value: Any) -> bytes | None:
    """The bytes of a file or a data URL; None for a link or a name, which only the provider can resolve."""
    if isinstance(value, File):
        return value.data
    match = _DATA_URL.match(value) if isinstance(value, str) else None
    bare = match is None and isinstance(value, str) and _BASE64.fullmatch(value) is not None
    if match is None and not bare:
        return None
    try:
        return base64.b64decode(value[match.end() if match else 0 :], validate=True)
    except (binascii.Error, ValueError):
        return b""


def takes_picture(schema: Schema) -> bool:
    """Whether a value of this schema is a picture, as a file or as a text."""
    return FILE in schema or schema.get("x-role") in INPUT_ROLES


def possible(schema: Schema) -> list[Picture]:
    """The pictures of the gallery that keep a schema's rule and may be called what they are; at least one."""
    called = schema.get("properties", {}).get("media", {}).get("enum")
    rule = schema.get("x-picture", {})
    least = rule.get("min-edge", 0)
    gallery = [replace(p, width=max(p.width, least), height=max(p.height, least)) for p in GALLERY]
    fit = [p for p in gallery if (called is None or p.media in called) and reason_against(rule, p, {}) is None]
    if schema.get("x-role") == "mask":  # an opaque one leaves nothing to be changed
        # Open where a picture that is given is not clear itself: there nothing could be seen to change.
        fit = [replace(p, turned=True) for p in fit if p.transparent]
        fit = [p for p in fit if p.format == "png"] or fit  # whether others are taken is not settled
    return fit or [PLAINEST]


def as_value(picture: Picture, schema: Schema) -> Any:
    """A picture as a value of a schema: a file, bare base64, or a data URL."""
    if schema.get("contentEncoding") == "base64":
        return base64.b64encode(drawn(picture)).decode()
    return _wrapped(drawn(picture), picture.media, FILE in schema)


def instead(value: Any, data: bytes) -> Any:
    """Other bytes under the same name: the file, or the data URL, with its data exchanged."""
    if isinstance(value, File):
        return File(data, value["filename"], value["media"])
    if not str(value).startswith("data:"):
        return base64.b64encode(data).decode()
    media = str(value).removeprefix("data:").partition(";")[0]
    return _wrapped(data, media, as_file=False)


def _wrapped(data: bytes, media: str, as_file: bool) -> Any:
    if as_file:
        return File(data, f"picture.{media.rpartition('/')[2]}", media)
    return f"data:{media};base64,{base64.b64encode(data).decode()}"


def resized(picture: Picture, other: Picture) -> Picture:
    """The same picture in another's size."""
    return replace(picture, width=other.width, height=other.height)


def spoiled(picture: Picture, rule: Mapping[str, Any]) -> dict[str, bytes]:
    """Pictures that break one field of a rule each, by that field; `decodes` is no picture at all."""
    broken = {
        "formats": replace(picture, format="gif", alpha=False, transparent=False),
        "square": replace(picture, height=picture.height * 3 // 4),
        "min-edge": replace(
            picture, width=max(rule.get("min-edge", 2) - 1, 1), height=max(rule.get("min-edge", 2) - 1, 1)
        ),
        "alpha": replace(picture, alpha=False, transparent=False),
        "transparent": replace(picture, transparent=False),
        "like": replace(picture, width=picture.width // 2, height=picture.height // 2),
    }
    return {"decodes": NO_PICTURE, **{field: drawn(broken[field]) for field in rule if rule[field]}}
