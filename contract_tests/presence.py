"""Presence: which operations a provider has at all, found out with requests that ask for nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from contract_tests.cases import Case
from contract_tests.exchange import Exchange
from spec.contract import Contract, Operation
from spec.messages import Response


@dataclass(eq=False)
class Presence:
    """What is there. `_probe` sends a request that should cost nothing; it may raise CouldNotLook, BudgetSpent."""

    _probe: Callable[[Case], Exchange]
    _absent: dict[tuple[str, str], bool] = field(default_factory=dict)
    _nowhere: dict[tuple[str, str], Exchange] = field(default_factory=dict)
    """By method and root: what a path answers that nobody has."""

    def lacks(self, contract: Contract, operation: Operation) -> bool:
        """Whether an optional operation is absent: it answers as a path nobody has does.

        A request without a body asks for nothing, so it costs nothing; who delivers all the same is counted.
        """
        return operation.optional_because is not None and self._is_absent(contract, operation)

    def known_absent(self, contract: Contract, operation: Operation) -> bool:
        """Whether an operation was looked for and is not there. Sends nothing."""
        return self._absent.get((contract.name, operation.id), False)

    def lacks_family(self, contract: Contract) -> bool:
        """Whether a whole family is absent: what it begins with answers as a path nobody has does.

        Whatever that is: a key sent as this family sends it may open no path, and all errors may come with 200.
        """
        first = next((op for op in contract.operations if op.optional_because is None), contract.operations[0])
        return self._is_absent(contract, first, whatever=True)

    def _is_absent(self, contract: Contract, operation: Operation, whatever: bool = False) -> bool:
        name = (contract.name, operation.id)
        known = self._absent.get(name)
        if known is None:
            parameters = {
                p.name: next(iter(p.schema.get("enum", ["imageproof-no-such-thing"])))
                for p in operation.parameters
                if p.location == "path"
            }
            # Near it: a gateway may answer with its own web page wherever it has no API at all.
            root = operation.path.split("/")[1]
            there = self._probe(Case(contract, operation, path_parameters=parameters))
            if (operation.method, root) not in self._nowhere:
                nowhere = Case(contract, replace(operation, path=f"/{root}/imageproof/no-such-path"))
                self._nowhere[operation.method, root] = self._probe(nowhere)
            told, elsewhere = there.response, self._nowhere[operation.method, root].response
            # A gateway's own web page, or a server that fails whatever it is asked.
            nothing = whatever and not there.pictures_delivered
            nothing |= told.status in (404, 405) or told.status >= 500 or told.media == "text/html"
            known = told.status == 501 or (nothing and _signature(told) == _signature(elsewhere))
            if known and parameters:  # it may be the thing named that is not there: a path that is has other methods
                other = self._probe(Case(contract, replace(operation, method="patch"), path_parameters=parameters))
                known = other.response.status != 405 or elsewhere.status == 405
            self._absent[name] = known
        return known


def _signature(response: Response) -> tuple[int, Any]:
    """What an answer looks like, apart from texts that repeat the request."""

    def shape(value: Any) -> Any:
        return {key: shape(inner) for key, inner in value.items()} if isinstance(value, dict) else type(value).__name__

    return response.status, shape(response.value) if response.value is not None else bool(response.body)
