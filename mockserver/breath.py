"""Breath: who draws pauses again and again while callers ask for what takes no drawing.

Left alone, a thread that computes keeps its processor, and Python's lock, for milliseconds at a time, and whoever could
be answered in a fraction of one waits as long. A pause gives both to those who wait, whatever the system thinks of
priorities, and costs no processor time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

_WORK, _PAUSE = 0.0004, 0.0003  # seconds
_RECENTLY = 0.05  # seconds; who has just been answered will ask again
_STRIP = 128 * 1024  # bytes, so few that they stay in the processor's cache

T = TypeVar("T")
R = TypeVar("R")


class Breath:
    """What those who draw for a server know of its callers."""

    __slots__ = ("heard",)

    def __init__(self) -> None:
        self.heard = 0
        """How many times something has come from any of them."""

    def during(self, function: Callable[[T], R], on: T) -> R:
        """What comes of some work in this thread, which pauses for callers who come meanwhile."""
        _work.breath, _work.heard, _work.since, _work.until = self, self.heard, time.perf_counter(), 0.0
        try:
            return function(on)
        finally:
            _work.breath = None


class _Work(threading.local):
    """What a thread is about: since when without a pause, and until when it pauses for whom it has heard."""

    breath: Breath | None = None
    heard = 0
    since = until = 0.0


_work = _Work()


def breathe() -> None:
    """Pause for a moment, if it is time to and somebody may be waiting. To be called between any two steps of work."""
    breath = _work.breath
    if breath is None:
        return
    now = time.perf_counter()
    if breath.heard != _work.heard:
        _work.heard, _work.until = breath.heard, now + _RECENTLY
    if now < _work.until and now - _work.since >= _WORK:
        time.sleep(_PAUSE)
        _work.since = time.perf_counter()


def strips(height: int, row: int) -> Iterator[tuple[int, int]]:
    """The rows of an image in parts, from above to below, with a pause after each; `row` is how many bytes one has."""
    rows = max(1, _STRIP // max(row, 1))
    for top in range(0, height, rows):
        yield top, min(height, top + rows)
        breathe()
