"""Ways to a picture that fail every time: after a few no more is paid for what never came."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from contract_tests.cases import Case, expected_images
from contract_tests.exchange import Exchange

_ENOUGH = 3  # failures, where the model has failed, too
_AT_MOST = 6  # failures, whatever models are left


@dataclass(slots=True)
class Failing:
    """What became of the ways to a picture: an operation, at once, as a stream or as a task."""

    _failed: defaultdict[Any, list[Exchange]] = field(default_factory=lambda: defaultdict(list))
    _works: set[Any] = field(default_factory=set)

    def note(self, exchange: Exchange) -> None:
        """Learn from the answer to a request that keeps the contract and asks for pictures."""
        if exchange.succeeded:
            self._works.add(_way(exchange.case))
        elif expected_images(exchange.case) and exchange.response.status // 100 in (3, 5):
            self._failed[_way(exchange.case)].append(exchange)

    def why_not(self, case: Case) -> str:
        """Why nothing more is paid for a way to a picture; empty where it has worked, or may."""
        failed = self._failed.get(_way(case), [])
        if not expected_images(case) or _way(case) in self._works or len(failed) < _ENOUGH:
            return ""
        if len(failed) < _AT_MOST and case.asked.get("model") not in {one.case.asked.get("model") for one in failed}:
            return ""
        statuses = " and ".join(dict.fromkeys(str(one.response.status) for one in failed))
        return f"{case.operation.label} fails at every picture: the first {len(failed)} were answered {statuses}"


def _way(case: Case) -> Any:
    return case.contract.name, case.operation.id, case.asked.get("stream"), case.operation.becomes_task(case.asked)
