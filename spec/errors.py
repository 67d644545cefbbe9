"""What is wrong with our own input: a contract document, a profile, a drift name.

SpecError
├── DocumentError   a contract document, overlay or catalogue is broken
└── UnknownName     a profile, drift or clause nobody knows, with the nearest known ones
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_NEAR = 0.6  # what is less alike is no slip of the pen
_MOST = 24  # names that are told where none is near


class SpecError(Exception):
    """Our own input is wrong; the text says what, where, what was expected."""


class DocumentError(SpecError):
    """A document is refused at load.

    `file` is the document's name, `location` a JSON pointer or `line N`, `problem` what is wrong and `expected`
    what would have been right.
    """

    def __init__(self, file: str, location: str, problem: str, expected: str) -> None:
        self.file, self.location, self.problem, self.expected = file, location, problem, expected
        super().__init__(f"{file}:{location and f' {location}:'} {problem}\n  expected: {expected}")


class UnknownName(SpecError):
    """A name is not in its catalogue; the text offers the nearest known names."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        if near := difflib.get_close_matches(name, names, n=3, cutoff=_NEAR):
            told = f"nearest known: {', '.join(near)}"
        else:
            more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
            told = f"known: {', '.join(names[:_MOST])}{more}"
        super().__init__(f"unknown {kind} {name!r}\n  {told}")
