"""The mock's clock: the real one, or one that can be moved on."""

from __future__ import annotations

from collections.abc import Callable


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
        """Move on; time never goes back. Raises ValueError."""
        if not 0 <= seconds < float("inf"):
            raise ValueError(f"a clock is moved on by seconds from 0 up, not by {seconds!r}")
        self.offset += seconds

    def reset(self) -> None:
        """Back to the real time."""
        self.offset = 0.0
