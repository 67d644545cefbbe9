"""A key that stands in a prompt stands in what is drawn of it, too: a recording keeps the picture, not the key."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from collections.abc import Callable

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from spec import forms
from spec.forms import Part
from spec.recordings.redactor import Redactor
from spec.recordings.secrets import MASK

KEY = "sk-planted-0123456789abcdef"
PROMPT = f"A red fox, {KEY}, and a key: {KEY.upper()}"
FOX = Image.linear_gradient("L").resize((96, 64)).convert("RGB")
REDACT = Redactor([KEY])


def saved(name: str, image: Image.Image = FOX, **told: object) -> bytes:
    file = io.BytesIO()
    image.save(file, name, **told)
    return file.getvalue()


def told(**texts: bool) -> PngInfo:
    info = PngInfo()
    for keyword, packed in texts.items():
        info.add_text(keyword, PROMPT, packed)
        info.add_itxt(keyword, PROMPT, zip=packed)
    return info


def exif() -> bytes:
    data = Image.Exif()
    data[0x010E] = PROMPT
    return data.tobytes()


PICTURES = {
    "png": saved("PNG", pnginfo=told(prompt=False)),
    "png, compressed text": saved("PNG", pnginfo=told(prompt=True, other=False)),
    "png with exif": saved("PNG", exif=exif()),
    "jpeg": saved("JPEG", comment=PROMPT.encode(), exif=exif()),
    "webp": saved("WEBP", exif=exif(), xmp=PROMPT.encode()),
    "gif": saved("GIF", FOX.convert("P"), comment=PROMPT.encode()),
}
WAYS: dict[str, tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]] = {
    "as it is": (bytes, bytes),
    "in JSON": (
        lambda data: b'{"data":[{"b64_json":"' + base64.b64encode(data) + b'"}]}',
        lambda body: base64.b64decode(body.split(b'"')[5], validate=True),
    ),
    "in a form": (
        lambda data: forms.joined([Part("prompt", PROMPT.encode()), Part("image", data, "a.png", "image/png")], "b"),
        lambda body: forms.split(body, "multipart/form-data; boundary=b")[1].data,
    ),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_without_the_key_is_still_that_picture(name: str, way: str) -> None:
    put, taken = WAYS[way]
    body = REDACT.data(put(PICTURES[name]))
    data = taken(body)
    assert MASK.encode() in data or "compressed" in name
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        assert image.convert("RGB").tobytes() == Image.open(io.BytesIO(PICTURES[name])).convert("RGB").tobytes()
        assert KEY not in repr((image.info, dict(image.getexif()))).lower()
    assert KEY.encode() not in body.lower()
    assert KEY.encode() not in data.lower()
    assert REDACT.data(body) == body, "once is enough"
    assert b'name="prompt"' not in body or b"fox, <key>, and" in body, "a form's texts are masked as texts are"


def test_a_sum_that_was_wrong_stays_wrong_and_what_follows_no_chunk_is_masked() -> None:
    good = PICTURES["png"]
    at = good.index(b"tEXt") - 4
    length = struct.unpack_from(">I", good, at)[0]
    damaged = good[: at + 8 + length] + b"\0\0\0\0" + good[at + 12 + length :] + KEY.encode()
    masked = REDACT.data(damaged)
    chunk = masked[at + 4 : at + 8 + length]
    assert masked[at + 8 + length : at + 12 + length] == b"\0\0\0\0" != struct.pack(">I", zlib.crc32(chunk))
    assert masked.endswith(b"IEND\xaeB`\x82<key>")


def test_a_picture_without_the_key_beside_one_with_it_is_left_alone() -> None:
    plain = base64.b64encode(saved("PNG") * 400)
    body = b'["' + plain + b'", "' + base64.b64encode(PICTURES["png"]) + b'"]'
    assert REDACT.data(body).startswith(b'["' + plain + b'"')
    assert REDACT.judged_data(body) == body
