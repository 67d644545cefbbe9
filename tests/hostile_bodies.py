"""Hostile bodies: JSON, forms and pictures that break what reads them."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from functools import cache
from typing import Any

import orjson
from conftest import CHEAP, GENERATIONS
from hostile import EDITS, MAX_BODY, VARIATIONS, Headers, Hostile, junk, kind, length, request
from hypothesis import strategies as st
from PIL import Image

# --- JSON -------------------------------------------------------------------------------------------

_JSON: dict[str, bytes] = {
    "deep lists": b'{"prompt":' + b"[" * 100_000,
    "deep objects": b'{"prompt":' * 50_000,
    "deep and whole": b'{"prompt":' + b"[" * 900 + b"]" * 900 + b"}",
    "duplicate keys": b'{"prompt":"a","prompt":1,"model":"dall-e-2","size":"256x256"}',
    "lone surrogate": b'{"model":"dall-e-2","size":"256x256","prompt":"\\ud800"}',
    "surrogate pair": b'{"model":"dall-e-2","size":"256x256","prompt":"\\ud83e\\udd8a"}',
    "raw surrogate": b'{"prompt":"\xed\xa0\x80"}',
    "NaN": b'{"model":"dall-e-2","prompt":"a","n":NaN}',
    "Infinity": b'{"model":"dall-e-2","prompt":"a","n":-Infinity}',
    "huge integer": b'{"model":"dall-e-2","prompt":"a","n":' + b"9" * 5000 + b"}",
    "beyond 64 bits": b'{"model":"dall-e-2","prompt":"a","n":18446744073709551616}',
    "huge exponent": b'{"model":"dall-e-2","prompt":"a","n":1e400}',
    "tiny exponent": b'{"model":"dall-e-2","prompt":"a","size":"256x256","n":1e-400}',
    "whole float": b'{"model":"dall-e-2","prompt":"a","size":"256x256","n":1.0}',
    "BOM": b"\xef\xbb\xbf" + orjson.dumps(CHEAP),
    "UTF-16": orjson.dumps(CHEAP).decode().encode("utf-16"),
    "UTF-32": orjson.dumps(CHEAP).decode().encode("utf-32"),
    "Latin-1": '{"prompt":"é"}'.encode("latin-1"),
    "NUL": b'{"prompt":"\\u0000","model":"dall-e-2","size":"256x256"}\x00',
    "raw control bytes": b'{"prompt":"\x00\x1b"}',
    "trailing comma": b'{"prompt":"a",}',
    "two values": b'{"prompt":"a"}{"prompt":"b"}',
    "comment": b'{"prompt":"a"/* x */}',
    "no object": b"[]",
    "null": b"null",
    "string": b'"' + b"a" * 100_000 + b'"',
    "many keys": orjson.dumps({f"key{number}": number for number in range(20_000)}),
    "many items": b'{"prompt":"a","images":[' + b",".join([b"1"] * 100_000) + b"]}",
    "long key": b'{"' + b"k" * 200_000 + b'":1}',
    "format string": b'{"prompt":"{0.__class__} %s %n {param}","model":"{0}{x!r}","size":"{"}',
    "too large": b'{"prompt":"' + b"a" * MAX_BODY + b'"}',
    "prototype": b'{"__proto__":{"n":1},"constructor":{},"prompt":"a","\\u0000upload":[1]}',
}
_FIELDS = (
    "model",
    "prompt",
    "n",
    "size",
    "quality",
    "style",
    "stream",
    "images",
    "mask",
    "user",
    "output_format",
    "\x00tuple",
)


@kind("json")
def broken_json(draw: st.DrawFn) -> Hostile:
    """JSON that no parser should like."""
    name = draw(st.sampled_from(sorted(_JSON)))
    target = draw(st.sampled_from([GENERATIONS, GENERATIONS, EDITS, VARIATIONS, "/_imageproof/settings"]))
    media = draw(
        st.sampled_from(
            [
                "application/json",
                "application/json;charset=utf-16",
                "text/json",
                "application/x+json",
                "APPLICATION/JSON",
                "a/b;",
            ]
        )
    )
    return Hostile(request(_JSON[name], target, "PUT" if target.startswith("/_") else "POST", media))


@kind("values")
def wrong_values(draw: st.DrawFn) -> Hostile:
    """Whole JSON with values nobody expects under names that are known."""
    scalar = (
        st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=30)
        | st.sampled_from(["1024x1024", "0x0", "-1x5", "99999999999x9", "١x٢", "auto", "{n}", "data:", "http://["])
    )  # fmt: skip
    value = st.recursive(
        scalar,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_FIELDS), inner, max_size=3),
        max_leaves=8,
    )
    told: dict[str, Any] = dict(CHEAP) if draw(st.booleans()) else {}
    told.update(draw(st.dictionaries(st.sampled_from(_FIELDS) | st.text(max_size=5), value, max_size=5)))
    return Hostile(request(orjson.dumps(told), draw(st.sampled_from([GENERATIONS, EDITS]))))


# --- forms ------------------------------------------------------------------------------------------


def part(disposition: str | bytes, data: bytes, more: bytes = b"", boundary: bytes = b"x") -> bytes:
    """One part of a form, as wrong as its parts."""
    told = disposition if isinstance(disposition, bytes) else disposition.encode("utf-8", "surrogatepass")
    return b"--" + boundary + b"\r\nContent-Disposition: " + told + b"\r\n" + more + b"\r\n" + data + b"\r\n"


@cache
def picture(size: int = 16, encoder: str = "PNG") -> bytes:
    """A small picture that is one."""
    file = io.BytesIO()
    Image.linear_gradient("L").resize((size, size)).convert("RGB").save(file, encoder)
    return file.getvalue()


def whole_form(*parts: bytes) -> bytes:
    """Parts, and what a good edit needs besides."""
    texts = {"model": "dall-e-2", "prompt": "x", "size": "256x256", "response_format": "url"}
    return b"".join(
        [*(part(f'form-data; name="{name}"', text.encode()) for name, text in texts.items()), *parts, b"--x--\r\n"]
    )


def form(body: bytes, content_type: str | bytes = "multipart/form-data; boundary=x", target: str = EDITS) -> Hostile:
    """A form, sent."""
    told: Headers = [("Content-Type", content_type), ("Content-Length", str(len(body)))]
    return Hostile(request(target=target, more=told) + body, answers=2)


IMAGE = b"Content-Type: image/png\r\n"


@kind("boundaries")
def boundaries(draw: st.DrawFn) -> Hostile:
    """Boundaries that are missing, wrong, long, inside the data, or never come."""
    types = [
        "multipart/form-data", "multipart/form-data; boundary=", 'multipart/form-data; boundary="',
        'multipart/form-data; boundary="x"',
        "multipart/form-data; boundary=x; boundary=y", "multipart/form-data; boundary=" + "b" * 7000,
        "multipart/form-data; boundary=\u00e9",
        "multipart/form-data; boundary*=utf-8''x", "multipart/form-data; boundary*=bogus''x",
        "multipart/form-data; boundary*0=x; boundary*1=y",
        "multipart/mixed; boundary=x", "multipart/form-data; boundary=%00", "multipart/form-data; boundary=\\",
        "multipart/form-data; charset=utf-7; boundary=x",
        "multipart/form-data;" * 300 + "boundary=x", "multipart/form-data; boundary=x",
    ]  # fmt: skip
    body = whole_form(part('form-data; name="image"; filename="a.png"', picture(), IMAGE))
    ends = [
        b"--x--\r\n",
        b"--x--",
        b"--x",
        b"",
        b"--x-",
        b"--x--\r\n--x--\r\n",
        b"--x--" + b"\n" * 70_000,
        b"--y--\r\n",
        b"--x--\r\nepilogue",
    ]
    body = body.removesuffix(b"--x--\r\n") + draw(st.sampled_from(ends))
    changed = draw(st.sampled_from(["none", "none", "bare newlines", "preamble", "inside", "near", "nothing"]))
    body = {
        "bare newlines": body.replace(b"\r\n", b"\n"), "preamble": b"hello\r\n" * 20_000 + body,
        "inside": part('form-data; name="prompt"', b"\r\n--x" * 3000) + body,
        "near": part('form-data; name="prompt"', b"\r\n--\r\n-" * 150_000) + body, "nothing": b"",
    }.get(changed, body)  # fmt: skip
    return form(body, draw(st.sampled_from(types) | st.just("multipart/form-data; boundary=x")))


@kind("parts")
def parts(draw: st.DrawFn) -> Hostile:
    """Thousands of parts, duplicate names, nested forms, headers without end."""
    nested = b"Content-Type: multipart/mixed; boundary=x\r\n"
    many = draw(st.sampled_from([1, 2, 17, 999, 1001, 9000]))
    one = draw(st.sampled_from([
        part('form-data; name="image[]"; filename="a.png"', picture(), IMAGE), part('form-data; name="prompt"', b"x"),
        part('form-data; name="n"', b"9" * 400),
        part('form-data; name="image"', b"text"), part('form-data; name="prompt"; filename="a"', b"\xff"),
        part('form-data; name="image"; filename="a.png"', b"", IMAGE),
        part('form-data; name="x"', part('form-data; name="y"', b"z"), nested),
        part('form-data; name="mask"; filename=""', b""),
        part('form-data; name="prompt"', b"\xff\xfe"),
        part('form-data; name="prompt"', b"a", b"X: " + b"y" * 9000 + b"\r\n"),
        part('form-data; name="prompt"', b"a", b"X: y\r\n" * 3000),
        part('form-data; name="prompt"', b"YQ==", b"Content-Transfer-Encoding: base64\r\n"),
        part('form-data; name="p"', b"a", b"no colon here\r\n"),
        part('form-data; name="_charset_"', b"utf-7"), part('form-data; name="n"', "١".encode()),
        part('form-data; name="stream"', b"TRUE"),
    ]))  # fmt: skip
    body = whole_form(one * many)
    return form(
        body[: draw(st.integers(1, len(body)))] if draw(st.integers(0, 3)) == 0 else body,
        target=draw(st.sampled_from([EDITS, VARIATIONS, GENERATIONS])),
    )


@kind("names")
def names(draw: st.DrawFn) -> Hostile:
    """Names and file names with NUL, path tricks, RFC 5987, brackets and quotes."""
    text = draw(st.sampled_from([
        "a\x00.png", "../../etc/passwd", "C:\\x.png", 'a"b', 'a\\"b', "é.png", "\udc80", "a" * 5000, "", "a\rb", "a;b",
        "%00", "\u202egnp.exe", "a\nb", "{0}", "CON",
    ]) | st.text(max_size=20))  # fmt: skip
    name = draw(st.sampled_from([
        "image", "image[]", "image[0]", "image[a][b]", "image[][]", "[]", "[", "svg[reasoning]",
        "svg[reasoning][effort]", "svg[a][b][c]" + "[d]" * 2000, "prompt", "prompt[]",
        "n[x]", "__proto__", "", "image]", "image[[]]", "svg", "mask", "\x00upload", "model",
    ]))  # fmt: skip
    disposition = draw(st.sampled_from([
        'form-data; name="{name}"; filename="{text}"', 'form-data; name="{text}"',
        "form-data; name={name}; filename={text}", "form-data; filename*=utf-8''{text}; name=\"{name}\"",
        "form-data; name=\"{name}\"; filename*=utf-8''%ff%fe", "form-data; name=\"{name}\"; filename*=bogus'{text}'a",
        'form-data; name="{name}"; name="{text}"', 'attachment; name="{name}"',
        "form-data", "", 'form-data; name="{name}', "form-data; name*=utf-8''{name}",
        'form-data; name="{name}"; filename*0="a"; filename*1="{text}"', ";;;=;", 'form-data; NAME="{name}"',
    ]))  # fmt: skip
    told = disposition.replace("{name}", name).replace("{text}", text)
    media = draw(
        st.sampled_from(
            [
                IMAGE,
                b"",
                b"Content-Type: \r\n",
                b"Content-Type: \xff\r\n",
                b"Content-Type: image/png\r\nContent-Type: x\r\n",
                b"Content-Type: image/png; charset=utf-7\r\n",
            ]
        )
    )
    return form(whole_form(part(told, draw(st.just(picture()) | junk), media)))


# --- pictures ---------------------------------------------------------------------------------------


def png_of(width: int, height: int, data: bytes, depth: int = 8, colour: int = 0, more: bytes = b"") -> bytes:
    """A PNG that says it has that size, whatever its data."""
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
        + more
        + chunk(b"IDAT", data)
        + chunk(b"IEND", b"")
    )


def chunk(name: bytes, data: bytes) -> bytes:
    """One chunk of a PNG."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def gif_of(frames: int, size: tuple[int, int] = (1, 1)) -> bytes:
    """A gif of frames that hold nothing."""
    return b"GIF89a" + struct.pack("<HH", *size) + b"\x00\x00\x00" + b"\x2c\0\0\0\0\1\0\1\0\0\2\1\0\0" * frames + b";"


def exif_jpeg(exif: bytes) -> bytes:
    """A jpeg with that EXIF data, whatever it is."""
    whole = picture(16, "JPEG")
    return whole[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 8) + b"Exif\0\0" + exif + whole[2:]


@cache
def bad_pictures() -> dict[str, bytes]:
    """Pictures that lie, by what they lie about."""
    turn = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01"
    return {
        "many pixels": png_of(50_000, 50_000, zlib.compress(bytes(100_000))),
        "just too many": png_of(10_000, 5_001, zlib.compress(bytes(MAX_BODY))),
        "more than said": png_of(16, 16, zlib.compress(bytes(40_000_000), 9)),
        "no pixels": png_of(0, 0, b""),
        "2**31 wide": png_of(2**31 - 1, 1, zlib.compress(b"\0")),
        "text bomb": png_of(
            16, 16, zlib.compress(bytes(272)), more=chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(60_000_000), 9))
        ),
        "profile bomb": png_of(
            16, 16, zlib.compress(bytes(272)), more=chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(60_000_000), 9))
        ),
        "many text chunks": png_of(16, 16, zlib.compress(bytes(272)), more=chunk(b"tEXt", b"a\0b") * 20_000),
        "palette missing": png_of(16, 16, zlib.compress(bytes(272)), colour=3),
        "depth 16 of palette": png_of(16, 16, zlib.compress(bytes(544)), depth=16, colour=3),
        "many frames": gif_of(100_000),
        "large screen": gif_of(3, (65_535, 65_535)),
        "half a gif": gif_of(3)[:-8],
        "dead gif": b"GIF89a\x01\0\x01\0\0\0\0" + b"\x2c" * 400_000,
        "extensions": b"GIF89a\x01\0\x01\0\0\0\0" + b"\x21\xfe\x01a\0" * 200_000 + gif_of(1)[13:],
        "turned 99": exif_jpeg(turn + struct.pack(">HH", 99, 0) + bytes(4)),
        "turned 6": exif_jpeg(turn + struct.pack(">HH", 6, 0) + bytes(4)),
        "exif in a circle": exif_jpeg(b"MM\0*\0\0\0\x08\0\x01\x87\x69\0\x04\0\0\0\x01\0\0\0\x08" + b"\0\0\0\x08"),
        "exif of junk": exif_jpeg(b"II*\0\xff\xff\xff\xff" + b"\xff" * 5000),
        "polyglot": picture() + b"<script>alert(1)</script>PK\x03\x04" + picture(16, "JPEG"),
        "script first": b"<svg onload=x>" + picture(),
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
        "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1 1\n%%EndComments\n(x) run\n",
        "tiff": b"II*\0\x08\0\0\0" + b"\xff" * 300,
        "bmp": b"BM" + struct.pack("<IHHIIiiHHIIiiII", 100, 0, 0, 54, 40, 60_000, -60_000, 1, 24, 0, 0, 0, 0, 0, 0),
        "webp": b"RIFF\xff\xff\xff\xffWEBPVP8X\x0a\0\0\0\x12\0\0\0\xff\xff\xff\xff\xff\xff",
        "empty": b"",
        "png": picture(),
        "jpeg": picture(16, "JPEG"),
        "gif": picture(16, "GIF"),
        "true webp": picture(16, "WEBP"),
    }


_DATA_URLS = (
    "data:image/png;base64,", "data:;base64,", "data:image/png,", "data:image/png;base64", "DATA:image/png;base64,",
    "data:image/svg+xml;base64,", "",
    "data:" + "a;" * 4000 + "base64,", "data:image/png;base64,%%", "file:///etc/passwd#", "http://127.0.0.1:1/",
    "http://[::1/", "http:///_imageproof/files/x?o=",
    "http://x/_imageproof/files/../state?o=~", "data:image/png;base64, ", "\x00", "file-", "javascript:",
)  # fmt: skip


@kind("pictures")
def pictures(draw: st.DrawFn) -> Hostile:
    """Uploads that lie, are cut or damaged; as files and as data URLs."""
    data = bad_pictures()[draw(st.sampled_from(sorted(bad_pictures())))]
    if data and draw(st.booleans()):
        at = draw(st.integers(0, min(len(data), 200) - 1))
        data = draw(
            st.sampled_from(
                [
                    data[:at],
                    data[:at] + draw(junk) + data[at + 1 :],
                    data[:-1],
                    data[: len(data) // 2],
                    data + bytes(70_000),
                ]
            )
        )
    if draw(st.booleans()):
        media = draw(st.sampled_from([IMAGE, b"Content-Type: image/webp\r\n", b"", b"Content-Type: image/svg+xml\r\n"]))
        names_ = draw(
            st.lists(st.sampled_from(["image", "image", "mask", "markup", "image[]"]), min_size=1, max_size=3)
        )
        return form(
            whole_form(*(part(f'form-data; name="{name}"; filename="a.png"', data, media) for name in names_)),
            target=draw(st.sampled_from([EDITS, VARIATIONS])),
        )
    text = draw(st.sampled_from(_DATA_URLS)) + base64.b64encode(data).decode()
    told: dict[str, Any] = {"model": "gpt-image-1", "prompt": "x", "images": [{"image_url": text}], "size": "1024x1024"}
    if draw(st.booleans()):
        told = {"model": "gpt-image-1", "prompt": "x", "images": [{"file_id": text[:200]}], "mask": {"image_url": text}}
    return Hostile(request(orjson.dumps({**told, "n": 99 if draw(st.integers(0, 3)) else 1}), EDITS))


@kind("long bodies")
def long_bodies(draw: st.DrawFn) -> Hostile:
    """Bodies about as large as may be, and larger."""
    size = MAX_BODY + draw(st.sampled_from([-300, 0, 1, 4000, 3 * MAX_BODY]))
    body = b'{"prompt":"' + b"a" * size + b'"}'
    how = draw(st.sampled_from(["length", "chunked", "expect", "form"]))
    if how == "form":
        return form(whole_form(part('form-data; name="image"; filename="a"', bytes(size), IMAGE)))
    if how == "chunked":
        pieces = draw(length)
        sent = b"".join(
            b"%x\r\n%b\r\n" % (len(one), one)
            for one in (body[at : at + pieces] for at in range(0, len(body), max(pieces, 4000)))
        )
        return Hostile(
            request(more=[("Content-Type", "application/json"), ("Transfer-Encoding", "chunked")])
            + sent
            + b"0\r\n\r\n",
            answers=2,
        )
    return Hostile(request(body, more=[("Expect", "100-continue")] if how == "expect" else []), answers=2)
