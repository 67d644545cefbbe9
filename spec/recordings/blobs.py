"""Bodies taken apart: what is binary lies in files of its own, each once, named by its hash; the text is left.

Pictures stand in bodies as they are (files of a form) or as base64 (in JSON, in the events of a stream). In the text
that is left a mark stands for each, `{{HASH.png}}`. A body that is no text even so is a file as a whole.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from spec import forms
from spec.messages import Undecodable, media_type

_SHORTEST = 1024  # bytes: what is shorter stays where it stands
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{%d,}={0,2}" % (_SHORTEST * 4 // 3))
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpg"),
    (b"GIF8", "gif"),
    (b"RIFF", "webp"),
    (b"<svg", "svg"),
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a body that lies in a file: what stands for it in the text, and whether it was base64 there."""

    mark: str
    file: str
    base64: bool


@dataclass(frozen=True, slots=True)
class Apart:
    """A body taken apart: its text and the pieces missing from it, or, where it is no text, the `file` it lies in."""

    text: str | None
    pieces: tuple[Piece, ...] = ()
    file: str = ""


class Blobs:
    """A folder of files named by their SHA-256. It is made when the first is kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, data: bytes) -> str:
        """Keep some bytes, once; their file's path, from where the folder lies."""
        kind = next((kind for signature, kind in _SIGNATURES if data.startswith(signature)), "bin")
        name = f"{sha256(data).hexdigest()}.{kind}"
        path = self._folder / name
        if not path.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            unfinished = self._folder / f".{name}.{os.getpid()}"
            unfinished.write_bytes(data)
            unfinished.replace(path)  # there at once, or not at all
        return f"{self._folder.name}/{name}"

    def apart(self, body: bytes, content_type: str) -> Apart:
        """A body's text, and files for what is binary in it. `together` is the inverse."""
        pieces: dict[str, Piece] = {}
        contents: dict[str, bytes] = {}

        def put(data: bytes, encoded: bool) -> bytes:
            file = self.keep(data)
            contents[file] = data
            mark = f"{{{{{Path(file).name}{':base64' if encoded else ''}}}}}"
            pieces[mark] = Piece(mark, file, encoded)
            return mark.encode()

        def shortened(found: re.Match[bytes]) -> bytes:
            data = _decoded(found[0])
            return found[0] if data is None else put(data, True)

        left = b"".join(put(part, False) if is_file else part for part, is_file in _parts(body, content_type))
        shorter = _BASE64.sub(shortened, left)
        if not _is_text(shorter):
            return Apart(None, (), self.keep(body))
        text = shorter.decode()
        if together(text, pieces.values(), contents.__getitem__) != body:  # it speaks of such a mark itself
            return Apart(None, (), self.keep(body))
        return Apart(text, tuple(pieces.values()))


def together(text: str, pieces: Iterable[Piece], read: Callable[[str], bytes]) -> bytes:
    """The body that was taken apart; `read` gives a file's bytes."""
    known = {piece.mark: piece for piece in pieces}
    if not known:
        return text.encode()
    marks = re.compile("(" + "|".join(map(re.escape, known)) + ")")

    def whole(part: str) -> bytes:
        if (piece := known.get(part)) is None:
            return part.encode()
        data = read(piece.file)
        return base64.b64encode(data) if piece.base64 else data

    return b"".join(map(whole, marks.split(text)))


def _decoded(text: bytes) -> bytes | None:
    """What stands in base64; None where it could not be written again letter for letter."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return data if base64.b64encode(data) == text else None


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _parts(body: bytes, content_type: str) -> Iterator[tuple[bytes, bool]]:
    """A body in parts, and which of them are files of a form worth a file of their own."""
    at = 0
    if media_type(content_type) == forms.MEDIA_TYPE:
        try:
            parts = forms.split(body, content_type)
        except Undecodable:
            parts = []
        for part in parts:
            start = body.find(part.data, at)
            if part.filename is not None and start >= 0 and (len(part.data) >= _SHORTEST or not _is_text(part.data)):
                yield body[at:start], False
                yield part.data, True
                at = start + len(part.data)
    yield body[at:], False
