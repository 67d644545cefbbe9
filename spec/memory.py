"""What is worked out once for a part of a document, and remembered as long as that very part is asked about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

A = TypeVar("A")
T = TypeVar("T")

_LIMIT = 4096  # parts; those of the shipped documents are fewer, those made on the way must not pile up


class Remembered(Generic[A, T]):
    """A function of one object that cannot be hashed, such as a schema; computed once per object, not per value."""

    def __init__(self, derive: Callable[[A], T]) -> None:
        self._derive = derive
        self._known: dict[int, tuple[A, T]] = {}  # with the object, so that its id stays its own

    def __call__(self, part: A) -> T:
        """What was derived from this object."""
        known = self._known.get(id(part))
        if known is None:
            if len(self._known) >= _LIMIT:
                self._known.clear()
            known = self._known[id(part)] = (part, self._derive(part))
        return known[1]
