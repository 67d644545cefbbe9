"""What answers say of their pictures."""

from __future__ import annotations

from typing import Any

from faulty import CHEAP, GPT, asking, drawn, exchange, pictures

from contract_tests.exchange import Exchange
from exhibits import ECHOED, WIDE, breaks, faithful, silent


def _saying(told: dict[str, Any], data: bytes | None = None, **asked: Any) -> Exchange:
    return exchange(asking({**GPT, **asked}), pictures(data or drawn(*WIDE), **{**ECHOED, **told}))


@breaks("echo.background", "every pixel opaque")
def an_opaque_picture_called_transparent() -> Exchange:
    return _saying({"background": "transparent"})


@breaks("echo.background", "an alpha of 0")
def a_transparent_picture_called_opaque() -> Exchange:
    return _saying({}, drawn(*WIDE, transparent=True))


@breaks("echo.quality", "low")
def another_quality_named() -> Exchange:
    return _saying({}, quality="high")


@breaks("echo.caller-tag", "'user-8'")
def another_callers_mark() -> Exchange:
    return _saying({"safety_identifier": "user-8"}, safety_identifier="user-7")


@silent("echo.quality", "echo.caller-tag")
@faithful
def a_quality_left_to_the_provider() -> Exchange:
    return _saying({"quality": "medium"}, quality="auto")


@faithful
def all_that_was_asked_for_named() -> Exchange:
    return _saying({"safety_identifier": "user-7"}, quality="low", safety_identifier="user-7")


@silent("echo.background", "echo.quality", "echo.caller-tag")
@faithful
def nothing_named() -> Exchange:
    return exchange(asking(CHEAP), pictures(drawn()))
