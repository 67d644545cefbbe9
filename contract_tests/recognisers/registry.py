"""Which function recognises which drift: those that no pattern can tell."""

from __future__ import annotations

from collections.abc import Callable

from contract_tests.exchange import Exchange

Recogniser = Callable[[Exchange], bool]
RECOGNISERS: dict[str, Recogniser] = {}


def recognises(id_: str) -> Callable[[Recogniser], Recogniser]:
    """Register the recogniser of a drift."""

    def register(function: Recogniser) -> Recogniser:
        RECOGNISERS[id_] = function
        return function

    return register
