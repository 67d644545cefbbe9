"""Moves on sizes: what a provider makes of the size that was asked for."""

from __future__ import annotations

from math import sqrt
from typing import Any

from mockserver.drift.registry import asks
from spec.drifts import DriftUse
from spec.units import Size


@asks("size")
def size(roles: dict[str, Any], use: DriftUse) -> dict[str, Any]:
    """Another size: `fixed`; the one of `snap` whose ratio is nearest; edges within `least` and `most`, `step`s long
    (`down` or to the nearest); or at most so many `pixels`. Only sizes of `above` pixels, and other than `but`.
    """
    asked, told = roles.get("size"), use.parameters
    if not isinstance(asked, tuple) or asked[0] * asked[1] <= int(told.get("above", 0)):
        return roles
    return {**roles, "size": _made_of(asked, told)}


def _made_of(asked: Size, told: Any) -> Size:
    if "fixed" in told:
        return _edges(told["fixed"])
    if "snap" in told:
        choices = [_edges(text) for text in told["snap"]]
        return min(choices, key=lambda one: abs(one[0] / one[1] - asked[0] / asked[1]))
    if "pixels" in told:
        scale = min(1.0, sqrt(int(told["pixels"]) / (asked[0] * asked[1])))
        return round(asked[0] * scale), round(asked[1] * scale)
    step, least, most = int(told["step"]), int(told.get("least", told["step"])), int(told.get("most", 100_000))
    down = bool(told.get("down"))
    width, height = (
        (min(max(edge, least), most) // step if down else round(min(max(edge, least), most) / step)) * step
        for edge in asked
    )
    return width, height


def _edges(text: str) -> Size:
    width, _, height = str(text).partition("x")
    return int(width), int(height)
