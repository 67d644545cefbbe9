"""Pictures without secrets: what a prompt left in their metadata is masked so that they still can be shown.

Formats have lengths in front of what they hold, so a mask is as long as what it hides; PNG has sums besides, and may
have its texts compressed (PNG specification, 5.3 and 11.3.3).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from struct import pack, unpack_from

Mask = Callable[[bytes], bytes]

_PNG = b"\x89PNG\r\n\x1a\n"
_LONGEST_TEXT = 4 * 1024 * 1024  # bytes of a compressed text that are looked at
_PART = b"\r\n--"  # begins the line between two parts of a form


def is_binary(data: bytes) -> bool:
    """Whether these bytes are no text."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return True
    return False


def without_secrets(body: bytes, shortly: Mask, alike: Mask) -> bytes:
    """A body that holds pictures as they are, perhaps as parts of a form: its texts masked `shortly`, pictures `alike`.

    `alike` keeps the length.
    """
    if _PNG in body:
        return b"".join(_pngs(body, shortly, alike))
    return _PART.join(alike(part) if is_binary(part) else shortly(part) for part in body.split(_PART))


def _pngs(body: bytes, shortly: Mask, alike: Mask) -> Iterator[bytes]:
    at = 0
    while (start := body.find(_PNG, at)) >= 0:
        yield without_secrets(body[at:start], shortly, alike)
        yield _PNG
        at = start + len(_PNG)
        while (chunk := _chunk(body, at)) is not None:
            kind, data, told = chunk
            masked = _masked(kind, data, alike)
            whole = told == zlib.crc32(kind + data)  # a sum that is wrong stays wrong
            yield pack(">I", len(masked)) + kind + masked + pack(">I", zlib.crc32(kind + masked) if whole else told)
            at += 12 + len(data)
            if kind == b"IEND":
                break
    yield without_secrets(body[at:], shortly, alike)


def _chunk(body: bytes, at: int) -> tuple[bytes, bytes, int] | None:
    """Kind, data and sum of the chunk that begins here; None where none does."""
    if at + 12 > len(body):
        return None
    length, kind = unpack_from(">I4s", body, at)
    end = at + 8 + length
    if not kind.isalpha() or end + 4 > len(body):
        return None
    return kind, body[at + 8 : end], unpack_from(">I", body, end)[0]


def _masked(kind: bytes, data: bytes, alike: Mask) -> bytes:
    head, packed = _compressed(kind, data)
    if packed:
        text = _unpacked(packed)
        if (masked := alike(text)) != text:
            return alike(head) + zlib.compress(masked)
    return alike(data)


def _compressed(kind: bytes, data: bytes) -> tuple[bytes, bytes]:
    """What stands before a compressed text, and that text; empty where a chunk has none."""
    keyword = data.find(b"\0")
    if kind == b"zTXt" and keyword >= 0:
        return data[: keyword + 2], data[keyword + 2 :]
    if kind == b"iTXt" and data[keyword + 1 : keyword + 2] == b"\1":
        language = data.find(b"\0", keyword + 3)
        end = data.find(b"\0", language + 1) + 1
        if 0 < language < end:
            return data[:end], data[end:]
    return data, b""


def _unpacked(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, _LONGEST_TEXT)
    except zlib.error:
        return b""
