"""JSON inside a document: its value, and where each part of it stands."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson

from spec.language import escape

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')
_LETTER = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[0-9a-fA-F]{4}|\\u[0-9a-fA-F]{4}|\\.|.", re.DOTALL)
_DEEPEST = 64


@dataclass(frozen=True, slots=True)
class Place:
    """A line and column of the document, from 1, and a JSON pointer where something is found by one."""

    line: int
    column: int = 1
    pointer: str = ""

    def __str__(self) -> str:
        return f"{self.line}:{self.column} {self.pointer}".rstrip()


class JsonError(Exception):
    """A text is no JSON: `reason` is half a sentence, `offset` is where in the text."""

    def __init__(self, reason: str, offset: int) -> None:
        self.reason, self.offset = reason, offset
        super().__init__(reason)


class Part:
    """A value out of a document; `places` says where its parts stand, by JSON pointer into it; `""` is always there."""

    def __init__(self, value: Any, places: Mapping[str, Place]) -> None:
        self._make: Callable[[], tuple[Any, Mapping[str, Place]]] = lambda: (value, places)

    @classmethod
    def late(cls, make: Callable[[], tuple[Any, Mapping[str, Place]]]) -> Part:
        """A Part that is made when it is first looked at: most of a large document never is."""
        part = cls(None, {})
        part._make = make
        return part

    @cached_property
    def _made(self) -> tuple[Any, Mapping[str, Place]]:
        return self._make()

    @property
    def value(self) -> Any:
        """The value."""
        return self._made[0]

    @property
    def places(self) -> Mapping[str, Place]:
        """JSON pointer -> place."""
        return self._made[1]

    def at(self, pointer: str = "") -> Place:
        """Where the part at `pointer` stands, or the nearest one around it."""
        while pointer not in self.places and pointer:
            pointer = pointer.rpartition("/")[0]
        return self.places[pointer]

    def below(self, pointer: str) -> Part:
        """The part at `pointer` as a Part of its own; None inside where nothing is."""
        places = {
            key.removeprefix(pointer): place
            for key, place in self.places.items()
            if f"{key}/".startswith(f"{pointer}/")
        }
        return Part(value_at(self.value, pointer), places or {"": self.at(pointer)})


def value_at(value: Any, pointer: str) -> Any:
    """What a JSON pointer names in `value`, None when nothing is there."""
    for segment in pointer.split("/")[1:]:
        key = segment.replace("~1", "/").replace("~0", "~")
        if isinstance(value, Mapping):
            value = value.get(key)
        elif isinstance(value, list) and key.isascii() and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value


class Lines:
    """The lines of a text inside a document: which place of the document an offset into the text is."""

    def __init__(self, text: str, numbers: Sequence[int]) -> None:
        """`numbers` are the document's line numbers of the text's lines."""
        self._numbers = numbers
        self._offsets = [0, *(match.end() for match in re.finditer("\n", text))]

    def place(self, offset: int) -> Place:
        """The place of the character at `offset`."""
        line = bisect_right(self._offsets, offset) - 1
        return Place(self._numbers[line], offset - self._offsets[line] + 1)


class JsonText:
    """A JSON text as a Part; `place` turns offsets into the text into places of the document. Raises JsonError."""

    def __init__(self, text: str, place: Callable[[int], Place]) -> None:
        self._text, self._place = text, place
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise JsonError(error.msg, min(error.pos, len(text))) from error
        #: pointer -> (where its key or, without one, its value starts; where its value starts)
        self._spans = dict(_spans(text))
        self.part = Part(value, {pointer: self._named(start, pointer) for pointer, (start, _) in self._spans.items()})

    def _named(self, offset: int, pointer: str) -> Place:
        place = self._place(offset)
        return Place(place.line, place.column, place.pointer or pointer)

    def inside(self, pointer: str) -> Callable[[int], Place]:
        """For the string at `pointer`: which place of the document an offset into the string's value is."""
        start = self._spans[pointer][1]
        token = _TOKEN.match(self._text, start)
        letters = [found.start() for found in _LETTER.finditer(token[0] if token else '"', 1)]
        return lambda offset: self._named(start + letters[min(offset, len(letters) - 1)], pointer)


def _spans(text: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """Every value of a valid JSON text: pointer -> (start of key or value, start of value).

    Raises JsonError when it is nested too deeply.
    """
    above: list[tuple[str, int | None]] = []  # pointer of each open container; the next index in an array
    key: tuple[str, int] | None = None
    for token in _TOKEN.finditer(text):
        mark, start = token[0], token.start()
        if mark in "]}":
            above.pop()
        elif mark not in ",:":
            inside = above[-1] if above else None
            if inside and inside[1] is None and key is None:
                key = (f"{inside[0]}/{escape(orjson.loads(mark))}", start)
                continue
            pointer, first = key or ("", start)
            if inside and inside[1] is not None:
                pointer, first = f"{inside[0]}/{inside[1]}", start
                above[-1] = (inside[0], inside[1] + 1)
            yield pointer, (first, start)
            key = None
            if mark in "[{":
                above.append((pointer, 0 if mark == "[" else None))
            if len(above) > _DEEPEST:
                raise JsonError(f"more than {_DEEPEST} levels of nesting", start)
