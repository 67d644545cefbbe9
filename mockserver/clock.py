"""The mock's clock: the real one, or one that can be moved on."""

from __future__ import annotations

from collections.abc import Callable

#: 9999-12-31T23:59:59Z, the last moment that can be written
LAST_MOMENT = 253402300799.0


class Clock:
    """What time it is for the mock, in Unix seconds: another clock's time plus what it was moved on by."""

    __slots__ = ("_base", "offset")

    def __init__(self, base: Callable[[], float]) -> None:
        self._base = base
        self.offset = 0.0

    def __call__(self) -> float:
        """Now."""
        return self._base() + self.offset

    def advance(self, seconds: float) -> None:
        """Move on; time never goes back, and ends with the year 9999. Raises ValueError."""
        if not 0 <= seconds <= LAST_MOMENT - self():
            raise ValueError(f"a clock is moved on by seconds from 0 up, to the year 9999 at most, not by {seconds!r}")
        self.offset += seconds

    def reset(self) -> None:
        """Back to the real time."""
        self.offset = 0.0
