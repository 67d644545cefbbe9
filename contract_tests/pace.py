"""Pace: how fast requests may follow each other, as the caller says, and as a provider does that turns some away."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: a limit that lets in more than this between two refusals is not worth going slowly for
_OFTEN = 10
#: how often it is believed that going slower helps; who still says 429 does not count requests
_TRIES = 3
#: after so many that were let in a faster pace is tried, and after twice as many where that was too fast
_PATIENCE = 20
_FASTEST = 20.0  # requests a second: what is faster is no pace
_MARGIN = 1.05  # clocks differ
#: from here on a rate is told as how many a second, and not as how many seconds apart
_FAST = 1.2
#: what older reports tell of it
UNKNOWN: Mapping[str, Any] = {"turned_away": 0, "per_second": None, "pictures_per_second": None}
_KINDS = {"per_second": "", "pictures_per_second": " for pictures"}


@dataclass(slots=True)
class Pace:
    """`per_second`: most requests, None for as fast as answers come; `slowed`: how often that was learned.

    `turned_away` counts the answers 429.
    """

    per_second: float | None = None
    turned_away: int = 0
    slowed: int = 0
    _told: float | None = None
    _next: float = 0.0
    _sent: float = 0.0
    _since: float | None = None
    _waited: float = 0.0
    _let_in: int = 0
    _patience: int = _PATIENCE
    _before: float | None = None

    def __post_init__(self) -> None:
        self._told = self.per_second

    def wait(self) -> None:
        """Sleep until the next request may be sent."""
        now = self._sent = time.monotonic()
        if self.per_second is None:
            return
        self._next = max(self._next, now) + 1 / self.per_second
        time.sleep(max(self._next - 1 / self.per_second - now, 0.0))
        self._sent = time.monotonic()

    def slow_to(self, per_second: float) -> None:
        """Go no faster than this from now on."""
        self.per_second = per_second if self.per_second is None else min(self.per_second, per_second)

    def heed(self, *, turned_away: bool, told: float | None = None) -> None:
        """Learn from the answer to what was sent last: two refusals, with a few let in between, are a limit.

        `told`: the seconds it says to wait.
        """
        if not turned_away:
            if not self._let_in and self._since is not None:
                self._waited = self._sent - self._since
            self._let_in += 1
            if self._let_in % self._patience == 0 and self.per_second != self._told:
                self._hurry()
            return
        self.turned_away += 1
        if self._since is not None and not self._let_in:
            return  # still the same refusal
        now = time.monotonic()
        if self._before is not None:  # faster was too fast
            self.per_second, self._before, self._patience = self._before, None, self._patience * 2
        elif self._since is not None and self._let_in <= _OFTEN:
            usual = self._let_in / self.per_second if self.per_second else 0.0
            took = told + usual if told else min(now - self._since, self._waited + usual)
            self._slow_down(took / self._let_in)
        self._since, self._let_in = now, 0

    def _slow_down(self, seconds: float) -> None:
        self.slowed += 1
        if self.slowed > _TRIES:
            self.per_second = self._told
        elif seconds > 0:
            self.slow_to(1 / (seconds * _MARGIN))

    def _hurry(self) -> None:
        """Go twice as fast, for a while or for good: some say 429 for another reason."""
        self.slowed, self._before = 0, self.per_second
        faster = 2 * (self.per_second or _FASTEST)
        self.per_second = self._told if faster > min(self._told or _FASTEST, _FASTEST) else faster

    @property
    def learned(self) -> float | None:
        """Requests per second, where a provider has taught to go slower than was told."""
        kept = self.per_second if self._before is None else self._before
        return kept if kept != self._told else None


@dataclass(slots=True)
class Paces:
    """One pace for all requests, and one besides for those that make pictures, which many providers count apart."""

    every: Pace
    pictures: Pace = field(default_factory=Pace)

    def wait(self, *, makes: bool) -> None:
        """Sleep until the next request may be sent, one that `makes` pictures or one that does not."""
        self.every.wait()
        if makes:
            self.pictures.wait()

    def heed(self, *, makes: bool, turned_away: bool, told: float | None = None) -> None:
        """Learn from its answer, which says to wait so many seconds where it was turned away."""
        if makes:
            self.pictures.heed(turned_away=turned_away, told=told)
        if not (makes and turned_away):
            self.every.heed(turned_away=turned_away, told=told)

    def data(self) -> dict[str, Any]:
        """How many were turned away, and to how many a second that has slowed requests; None where it has not."""
        return {
            "turned_away": self.every.turned_away + self.pictures.turned_away,
            "per_second": self.every.learned,
            "pictures_per_second": self.pictures.learned,
        }


def told(data: Mapping[str, Any]) -> str:
    """What `Paces.data` says, in a sentence; empty where nobody was turned away."""
    many, slowed = data["turned_away"], slowed_to(data)
    said = [slowed] if slowed else []
    return "; ".join([*said, f"{many} request{'s were' if many > 1 else ' was'} answered 429"]) if many else ""


def slowed_to(data: Mapping[str, Any]) -> str:
    """To what a provider has slowed a run, in half a sentence; empty where it has not."""
    slow = [f"{_often(data[name])}{what}" for name, what in _KINDS.items() if data[name]]
    return f"slowed to {' and '.join(slow)}, as the provider asks" if slow else ""


def _often(per_second: float) -> str:
    if per_second > _FAST:
        return f"{per_second:.2g} requests a second"
    return f"a request every {1 / per_second:.2g} s" if per_second < 1 / _FAST else "1 request a second"


def rate(text: str) -> float:
    """Requests per second from `2`, `2/s` or `60/min`. Raises ValueError with what was expected."""
    number, _, unit = text.strip().partition("/")
    seconds = {"": 1, "s": 1, "sec": 1, "second": 1, "m": 60, "min": 60, "minute": 60}.get(unit.strip().lower())
    try:
        value = float(number)
    except ValueError:
        value = 0.0
    if seconds is None or not 0 < value < 1e6:
        raise ValueError(f"{text!r} is no rate; expected requests per second as 2, or 60/min")
    return value / seconds
