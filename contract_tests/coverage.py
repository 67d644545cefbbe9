"""Coverage: how much of the contract a run has looked at. Whoever tells a score tells this beside it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from contract_tests.exchange import Exchange
from spec.contract import Contract


@dataclass(eq=False)
class Coverage:
    """The operations that answered, and the problems that were provoked: pairs of a family and an id."""

    operations: set[tuple[str, str]] = field(default_factory=set)
    problems: set[tuple[str, str]] = field(default_factory=set)

    def note(self, exchange: Exchange) -> None:
        """An exchange was judged."""
        operation, defect = exchange.case.operation, exchange.case.defect
        self.operations.add((operation.family, operation.id))
        if defect is not None:
            self.problems.add((operation.family, defect.problem))

    def of_problems(self, contracts: Iterable[Contract]) -> tuple[int, int]:
        """Problems provoked, and all the contracts name."""
        every = {(contract.operations[0].family, problem) for contract in contracts for problem in contract.problems}
        return len(every & self.problems), len(every)
