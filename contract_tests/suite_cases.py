"""Which cases each shipped test is given: planned from the contract, by what an operation means, never by its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from contract_tests.cases import Case
from contract_tests.mutations import unknown_task
from contract_tests.planning import coverage, refusals
from contract_tests.run import Run, looks_up, makes, operations_of, submits, unavailable_roles
from spec.contract import Contract, Operation

_MOST_TASKS = 2


def cases_of(kind: str, run: Run) -> list[Case]:
    """The cases of a kind: refusals, lookups, pictures or tasks."""
    found = []
    for contract, operation in operations_of(run.contracts):
        found += _KINDS[kind](contract, operation, run)
    return found


def _refusals(contract: Contract, operation: Operation, run: Run) -> list[Case]:
    return refusals(contract, operation, run.options.seed)


def _lookups(contract: Contract, operation: Operation, _: Run) -> list[Case]:
    return [unknown_task(contract, operation)] if looks_up(operation) else []


def _pictures(contract: Contract, operation: Operation, run: Run) -> list[Case]:
    if not makes(operation):
        return []
    most = run.provider.ledger.most_images
    planned = coverage(contract, operation, run.options.seed, run.options.models, unavailable_roles(operation))
    return planned if most is None else planned[: max(most, 1)]


def _tasks(contract: Contract, operation: Operation, run: Run) -> list[Case]:
    if not submits(operation):
        return []
    parameter = next(parameter for parameter in operation.parameters if parameter.role == "async")
    planned = coverage(contract, operation, run.options.seed + 1, run.options.models, unavailable_roles(operation))[
        :_MOST_TASKS
    ]
    return [replace(case, query={**case.query, parameter.name: "true"}) for case in planned]


_KINDS: dict[str, Callable[[Contract, Operation, Run], list[Case]]] = {
    "refusals": _refusals,
    "lookups": _lookups,
    "pictures": _pictures,
    "tasks": _tasks,
}
