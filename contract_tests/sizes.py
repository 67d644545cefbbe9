"""Sizes that keep a size rule, and those at its limits."""

from __future__ import annotations

from collections.abc import Mapping
from math import isqrt

from hypothesis import strategies as st

from spec.units import size_rule_reason


@st.composite
def sizes(draw: st.DrawFn, rule: Mapping[str, int]) -> str:
    """`WxH` texts that keep a size rule, its corners among them."""
    corners = boundary_sizes(rule)
    at_a_corner: bool = bool(corners) and draw(st.booleans())
    if at_a_corner:
        return draw(st.sampled_from(corners))
    step, longest, ratio, least, most = _bounds(rule)
    narrowest, widest = isqrt(max(least // ratio - 1, 0)) // step + 1, min(longest, isqrt(most * ratio)) // step
    width = draw(st.integers(narrowest, max(narrowest, widest))) * step
    low, high = _heights(rule, width)
    if low > high:
        return draw(st.sampled_from(corners))
    return f"{width}x{draw(st.integers(low // step, high // step)) * step}"


def boundary_sizes(rule: Mapping[str, int]) -> list[str]:
    """Sizes at the limits of a rule: common ones, the fewest pixels, the longest edges, the narrowest shape."""
    step, longest, ratio, least, most = _bounds(rule)
    square = -(-(isqrt(least - 1) + 1) // step) * step
    short = next(edge for edge in range(step, longest + 1, step) if edge * edge * ratio >= least)
    found = [(1024, 1024), (1536, 1024), (1024, 1536), (square, square), (short * ratio, short)]
    found += [(width, least // width) for width in range(square, longest + 1, step) if least % width == 0][:1]
    widths = range(min(longest, isqrt(most * ratio)) // step * step, 0, -step)
    found += [(width, _heights(rule, width)[1]) for width in widths if _heights(rule, width) > (0, 0)][:1]
    found += [(height, width) for width, height in found[3:]]
    texts = dict.fromkeys(f"{width}x{height}" for width, height in found)
    return [text for text in texts if size_rule_reason(rule, text) is None]


def _heights(rule: Mapping[str, int], width: int) -> tuple[int, int]:
    """The least and the greatest height that goes with a width; (0, -1) where none does."""
    step, longest, ratio, least, most = _bounds(rule)
    low = -(-max(-(-least // width), -(-width // ratio)) // step) * step
    high = min(most // width, width * ratio, longest) // step * step
    return (low, high) if low <= high else (0, -1)


def _bounds(rule: Mapping[str, int]) -> tuple[int, int, int, int, int]:
    step, longest = rule.get("multiple", 1), rule.get("max-edge", 4096)
    least, most = rule.get("min-pixels", step * step), rule.get("max-pixels", longest * longest)
    return step, longest // step * step, int(rule.get("max-ratio", longest)), least, most
