"""Reading a vendor document, whatever its shape: the registry of shapes, and the one way in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from contract_tests.documents import apifox_export, apifox_page, openapi, postman
from contract_tests.documents.document import Document, DocumentUnreadable

__all__ = ["SHAPES", "DocumentUnreadable", "Shape", "read_document"]

_LARGEST = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Shape:
    """A form in which tools write documents: how to tell it, and its reader (name, text) -> Document."""

    name: str
    marks: str
    recognises: Callable[[str], bool]
    read: Callable[[str, str], Document]


#: every known shape; the first that recognises a text reads it
SHAPES = (
    Shape(apifox_export.SHAPE, apifox_export.MARKS, apifox_export.recognises, apifox_export.read),
    Shape(apifox_page.SHAPE, apifox_page.MARKS, apifox_page.recognises, apifox_page.read),
    Shape(postman.SHAPE, postman.MARKS, postman.recognises, postman.read),
    Shape(openapi.SHAPE, openapi.MARKS, openapi.recognises, openapi.read),
)


def read_document(path: str | Path) -> Document:
    """The vendor document in a file.

    Raises DocumentUnreadable, which says what is wrong, where, and what would be right.
    """
    path = Path(path)
    text = _text(path)
    for shape in SHAPES:
        if shape.recognises(text):
            return shape.read(str(path), text)
    known = "".join(f"\n    {shape.name}: {shape.marks}" for shape in SHAPES)
    raise DocumentUnreadable(str(path), "", "this is none of the known shapes of a vendor document", f"one of{known}")


def _text(path: Path) -> str:
    """The file's text with plain line breaks. Raises DocumentUnreadable."""
    try:
        if path.stat().st_size > _LARGEST:
            raise DocumentUnreadable(
                str(path), "", "the file is too large", f"a document of {_LARGEST >> 20} MiB at most"
            )
        raw = path.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DocumentUnreadable(
            str(path), "", f"the file cannot be read: {reason}", "the path of a text file"
        ) from error
    except ValueError as error:  # a path with a NUL in it
        raise DocumentUnreadable(
            str(path), "", f"no file can have this name: {error}", "the path of a text file"
        ) from error
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        where = f"byte {error.start}"
        raise DocumentUnreadable(str(path), where, "this is not UTF-8 text", "a text file; save it as UTF-8") from error
    if "\0" in text:
        raise DocumentUnreadable(
            str(path), f"character {text.index(chr(0))}", "this is binary, not text", "a text file"
        )
    if not text.strip():
        raise DocumentUnreadable(str(path), "", "the file is empty", "a vendor document; export or copy the page again")
    return text.replace("\r\n", "\n").replace("\r", "\n")
