"""Token counts of one request, by the published formulas.

Source: `reference/openai-images.md` section 8. Text tokens are about a quarter of the characters, 6 more per picture;
a picture of the second generation costs a grid of patches that its quality decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from math import ceil
from typing import Any

from spec.units import Size

_GRIDS = {"low": 16, "medium": 48, "high": 96, "xhigh": 96, "max": 96}
_TEXT_PER_PICTURE = 6


def usage_of(prompt: str, count: int, size: Size, quality: str) -> Mapping[str, Any]:
    """The usage roles of a finished request; all counts are tokens."""
    text = (ceil(len(prompt) / 4) + _TEXT_PER_PICTURE) * count
    output = picture_tokens(count, size, quality)
    return {
        "usage-input": text,
        "usage-input-text": text,
        "usage-input-image": 0,
        "usage-output": output,
        "usage-output-text": 0,
        "usage-output-image": output,
        "usage-total": text + output,
    }


@lru_cache(maxsize=1024)
def picture_tokens(count: int, size: Size, quality: str) -> int:
    """Output tokens of `count` pictures; rounded once, after multiplying."""
    grid = _GRIDS.get(quality, _GRIDS["low"])
    width, height = size
    short = _half_up(grid * min(size) / max(size))
    return ceil(count * grid * short * (2_000_000 + width * height) / 4_000_000)


def _half_up(number: float) -> int:
    return int(number + 0.5)
