"""What a value of a request must be: the value itself, a text in it, a pattern, that it is there, or that it is not."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import regex

from mockserver.configuration import Unreadable

SHOWN = 200  # characters of a value, where it is told
_SEARCH_SECONDS = 0.1  # for a pattern in one text; the server waits meanwhile
VALUE = 'a value, or one of {"equals": V}, {"not": V}, {"contains": "text"}, {"matches": "regex"}, {"present": false}'


class Absent:
    """What a request does not say."""

    def __repr__(self) -> str:
        return "nothing"


ABSENT = Absent()


@dataclass(frozen=True, slots=True)
class Expected:
    """What one value must be: a word of `_HOLDS`, and what it is held against."""

    word: str
    value: Any

    def holds(self, received: Any) -> bool:
        """Whether a value, ABSENT included, is so. Raises TimeoutError for a pattern that finds no end."""
        try:
            return _HOLDS[self.word](self.value, received)
        except RecursionError:  # nested hundreds of levels deep: like nothing that a test would look for
            return False

    def __str__(self) -> str:
        if self.word == "present":
            return "anything" if self.value else "nothing"
        told = self.value.pattern if isinstance(self.value, re.Pattern | regex.Pattern) else self.value
        return f"{_WORDS[self.word]}{shown(told)}"

    @staticmethod
    def read(value: Any, where: str) -> Expected:
        """A value that is meant as it is, a compiled pattern, or an object of one word. Raises Unreadable."""
        if isinstance(value, re.Pattern):
            return Expected("matches", value)
        if not isinstance(value, Mapping):
            return Expected("equals", list(value) if isinstance(value, tuple) else value)
        word, told = next(iter(value.items()), ("", None))
        if len(value) != 1 or word not in _HOLDS:
            raise Unreadable(where, f"{value!r} is not understood", VALUE)
        if word == "present" and not isinstance(told, bool):
            raise Unreadable(f"{where}/present", f"{told!r} is neither true nor false", "true or false")
        if word == "matches":
            try:
                told = regex.compile(told)
            except (regex.error, TypeError, ValueError, OverflowError, RecursionError) as error:
                raise Unreadable(
                    f"{where}/matches", f"{told!r} is no pattern: {error}", "a regular expression"
                ) from None
        return Expected(word, told)


def _equal(expected: Any, received: Any) -> bool:
    return isinstance(expected, bool) == isinstance(received, bool) and bool(expected == received)


def _contains(expected: Any, received: Any) -> bool:
    if isinstance(received, str):
        return isinstance(expected, str) and expected in received
    return isinstance(received, list | dict) and expected in received


def _matches(expected: Any, received: Any) -> bool:
    if received is ABSENT:
        return False
    if isinstance(expected, re.Pattern):  # a test's own; those that come over HTTP cannot stop the server
        return bool(expected.search(as_text(received)))
    return bool(expected.search(as_text(received), timeout=_SEARCH_SECONDS))


_HOLDS: Mapping[str, Callable[[Any, Any], bool]] = {
    "equals": _equal,
    "not": lambda expected, received: not _equal(expected, received),
    "contains": _contains,
    "matches": _matches,
    "present": lambda expected, received: (received is not ABSENT) == expected,
}
_WORDS = {"equals": "", "not": "not ", "contains": "containing ", "matches": "matching "}


def shown(value: Any) -> str:
    """A value as JSON, cut where it is long; nothing where there is none."""
    try:
        text = repr(value) if value is ABSENT else json.dumps(value, ensure_ascii=False, default=str)
    except RecursionError:
        text = "something nested hundreds of levels deep"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def as_text(value: Any) -> str:
    """A value as a text says it: texts as they are, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
