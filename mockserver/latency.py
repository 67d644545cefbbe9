"""How long answers take: durations as people write them, and distributions to draw them from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from math import inf, log
from random import Random
from statistics import NormalDist

from spec.errors import SpecError

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)?", re.ASCII)
_SECONDS = {"ms": 0.001, "s": 1.0, None: 1.0, "m": 60.0, "h": 3600.0}
_PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d+)?)=(.+)", re.ASCII)
LATENCY_EXPECTED = "250ms, 1.5s, a range such as 200ms-2s, or two percentiles such as p50=800ms,p99=8s"


def duration(text: str) -> float:
    """`250ms`, `1.5s`, `2m`, `1h` or plain seconds, as seconds. Raises SpecError."""
    match = _DURATION.fullmatch(text.strip())
    seconds = inf if match is None else float(match[1]) * _SECONDS[match[2]]
    if match is None or seconds == inf:
        raise SpecError(f"{text!r} is no duration\n  expected: 250ms, 1.5s or 2m")
    return seconds


def duration_text(seconds: float) -> str:
    """Seconds as `duration` reads them."""
    return f"{seconds * 1000:g}ms" if 0 < seconds < 1 else f"{seconds:g}s"


@dataclass(frozen=True)
class Latency:
    """Seconds every answer is delayed by: somewhere between `least` and `most`.

    With `percentiles` ((percent, seconds) twice), log-normal through both: most answers quick, a few very slow, as
    real providers are.
    """

    least: float = 0.0
    most: float = 0.0
    percentiles: tuple[tuple[float, float], tuple[float, float]] | None = None

    def __bool__(self) -> bool:
        return self.most > 0 or self.percentiles is not None

    @cached_property
    def _curve(self) -> tuple[float, float]:
        """Mean and deviation of the logarithm."""
        assert self.percentiles is not None  # noqa: S101 - for the type checker: asked for these only
        (p, low), (q, high) = self.percentiles
        z, deviate = NormalDist().inv_cdf(p / 100), NormalDist().inv_cdf(q / 100)
        sigma = (log(high) - log(low)) / (deviate - z)
        return log(low) - sigma * z, sigma

    def draw(self, random: Random) -> float:
        """Seconds for one answer."""
        return (
            random.uniform(self.least, self.most) if self.percentiles is None else random.lognormvariate(*self._curve)
        )

    def __str__(self) -> str:
        if self.percentiles is not None:
            return ",".join(f"p{percent:g}={duration_text(seconds)}" for percent, seconds in self.percentiles)
        ends = dict.fromkeys([self.least, self.most])
        return "-".join(map(duration_text, ends))


def latency(text: str) -> Latency:
    """`250ms`, `200ms-2s`, or `p50=800ms,p99=8s`. Raises SpecError."""
    try:
        if "=" in text:
            return _through(text)
        ends = [duration(part) for part in text.split("-")]
    except SpecError:
        ends = []
    if not 1 <= len(ends) <= 2:
        raise SpecError(f"{text!r} is no latency\n  expected: {LATENCY_EXPECTED}")
    return Latency(min(ends), max(ends))


def _through(text: str) -> Latency:
    found = [_PERCENTILE.fullmatch(part.strip()) for part in text.split(",")]
    points = sorted((float(match[1]), duration(match[2])) for match in found if match)
    if len(points) == len(found) == 2:
        low, high = points
        if 0 < low[0] < high[0] and 0 < low[1] <= high[1]:
            return Latency(percentiles=(low, high))
    raise SpecError(
        f"{text!r} is no latency\n  expected: two different percentiles above 0, the higher one not quicker, such as "
        "p50=800ms,p99=8s"
    )
