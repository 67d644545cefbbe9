"""Rate limits: token buckets per key, on the mock's clock. Knows no HTTP and no provider's words."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from spec.errors import SpecError

_LIMIT = re.compile(r"(\d+)\s*([ri])pm", re.ASCII)
_UNITS = {"r": "requests", "i": "images"}
_EARLY = 1e-6  # seconds: the clock's own grain, so that who waits as long as told is let in
KEYS = 10_000
MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most `amount` of a unit (`requests` or `images`) per minute and key."""

    amount: int
    unit: str

    def __str__(self) -> str:
        return f"{self.amount}{self.unit[0]}pm"


def rate_limit(text: str) -> RateLimit:
    """`60rpm` or `5ipm`. Raises SpecError."""
    match = _LIMIT.fullmatch(text.strip().lower())
    if match is None or int(match[1]) < 1:
        raise SpecError(f"rate limit {text!r} cannot be read\n  expected: 60rpm (requests) or 5ipm (images) per minute")
    return RateLimit(int(match[1]), _UNITS[match[2]])


@dataclass(frozen=True, slots=True)
class Excess:
    """What a limit refused; `wait` is the seconds until it would pass, None when it never will."""

    limit: RateLimit
    used: int
    requested: int
    wait: float | None


@dataclass(slots=True)
class _Bucket:
    """Tokens left at one moment; they grow back at the limit's pace."""

    tokens: float
    at: float


class Limits:
    """The buckets of every key, at most `keys` of them; the one idle longest makes room, and starts full again.

    Of two limits on the same unit the last one counts.
    """

    def __init__(self, limits: Iterable[RateLimit], clock: Callable[[], float], keys: int = KEYS) -> None:
        self._limits = {limit.unit: limit for limit in limits}
        self._clock = clock
        self._keys = keys
        self._buckets: OrderedDict[str, dict[str, _Bucket]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key: str, unit: str, amount: int = 1) -> Excess | None:
        """Use up `amount` of a unit; None when that was possible, else nothing is used up."""
        limit = self._limits.get(unit)
        if limit is None:
            return None
        bucket = self._bucket(key, limit)
        pace = limit.amount / MINUTE
        missing = amount - bucket.tokens
        if missing <= pace * _EARLY:
            bucket.tokens -= amount
            return None
        wait = missing / pace if amount <= limit.amount else None
        return Excess(limit, limit.amount - int(bucket.tokens), amount, wait)

    def give_back(self, key: str, unit: str, amount: int = 1) -> None:
        """What was taken did not come to pass."""
        if limit := self._limits.get(unit):
            bucket = self._bucket(key, limit)
            bucket.tokens = min(float(limit.amount), bucket.tokens + amount)

    def standing(self, key: str) -> Mapping[str, float]:
        """Roles for an answer's headers: per unit the limit, what remains, and seconds until all is there again."""
        roles: dict[str, float] = {}
        for unit, limit in self._limits.items():
            tokens = self._bucket(key, limit).tokens
            roles[f"limit-{unit}"] = limit.amount
            roles[f"remaining-{unit}"] = max(0, int(tokens + limit.amount / MINUTE * _EARLY))
            roles[f"reset-{unit}"] = (limit.amount - tokens) * MINUTE / limit.amount
        return roles

    def _bucket(self, key: str, limit: RateLimit) -> _Bucket:
        """The key's bucket as it stands now."""
        now = self._clock()
        buckets = self._buckets.get(key)
        if buckets is None:
            buckets = self._buckets[key] = {}
            if len(self._buckets) > self._keys:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(key)
        bucket = buckets.get(limit.unit)
        if bucket is None:
            bucket = buckets[limit.unit] = _Bucket(float(limit.amount), now)
        elapsed = max(0.0, now - bucket.at)
        bucket.tokens = min(float(limit.amount), bucket.tokens + elapsed * limit.amount / MINUTE)
        bucket.at = now
        return bucket
