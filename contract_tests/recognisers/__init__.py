"""Recognisers: the name of the catalogued drift an exchange shows, by its entry's pattern or a function of its own."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, cached_property
from importlib import import_module
from typing import Any

from jsonpath_rfc9535 import find

from contract_tests.exchange import Exchange
from contract_tests.recognisers.facts import facts
from contract_tests.recognisers.registry import RECOGNISERS, Recogniser
from spec.drifts import Drift, catalogue
from spec.patterns import matches

__all__ = ["learned", "recognised", "recognisers"]


@cache
def recognisers() -> Mapping[str, Recogniser]:
    """The recognisers that are functions, by drift id; the others are patterns in the catalogue."""
    for module in ("answers", "tasks"):
        import_module(f"contract_tests.recognisers.{module}")
    return RECOGNISERS


def recognised(exchange: Exchange) -> list[Drift]:
    """The catalogued drifts an exchange shows, in catalogue order; of a drift and its special case, the latter."""
    seen = _Seen(exchange)
    found = [drift for drift in catalogue().values() if seen.shows(drift)]
    general = {id_ for drift in found for id_ in drift.narrows}
    return [drift for drift in found if drift.id not in general]


def learned(drift: Drift, exchange: Exchange) -> dict[str, str]:
    """The parameters of a drift as an exchange that shows it has them; those it does not show are left out."""
    known = facts(exchange) if drift.learned else {}
    values = {name: [node.value for node in find(path, known)] for name, path in drift.learned.items()}
    told = {name: next((v for v in found if isinstance(v, str | int | float)), None) for name, found in values.items()}
    return {name: _text(value) for name, value in told.items() if value not in (None, "")}


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


class _Seen:
    """An exchange that is looked at for many drifts."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    @cached_property
    def _facts(self) -> dict[str, Any]:
        return facts(self._exchange)

    def shows(self, drift: Drift) -> bool:
        """Whether it shows this one."""
        own = recognisers().get(drift.id)
        if own is not None:
            return own(self._exchange)
        return drift.shows is not None and matches(drift.shows, self._facts)
