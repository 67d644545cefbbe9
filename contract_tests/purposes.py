"""What an operation is for, read from the meanings of what it is asked and answers."""

from __future__ import annotations

from collections.abc import Iterable

from contract_tests.cases import makes_pictures
from spec.contract import Contract, Operation
from spec.language import IMAGE_ROLES


def delivers(operation: Operation) -> bool:
    """Whether the operation can answer with the pictures it makes, or with words about those it is given."""
    told = operation.response_roles & (IMAGE_ROLES | {"description"})
    return makes_pictures(operation) and bool(told) and not operation.always_task


def streams(operation: Operation) -> bool:
    """Whether the operation can answer with events when asked to."""
    return delivers(operation) and "stream" in operation.request_roles and operation.success.events is not None


def submits(operation: Operation) -> bool:
    """Whether the operation can answer with a task: when asked to, or always."""
    can = operation.always_task or ("async" in operation.request_roles and "task-id" in operation.response_roles)
    return can and makes_pictures(operation)


def looks_up(operation: Operation) -> bool:
    """Whether the operation asks about a task by its id."""
    return "task-id" in operation.request_roles


def needs_nothing(operation: Operation) -> bool:
    """Whether the operation only tells something, and need not be told anything for it."""
    told = operation.body or operation.refuses or any(parameter.required for parameter in operation.parameters)
    return operation.method.lower() == "get" and not told


def tells_models(operation: Operation) -> bool:
    """Whether the operation tells which models there are, or of one of them."""
    return "listed-model" in operation.response_roles


def operations_of(contracts: Iterable[Contract]) -> list[tuple[Contract, Operation]]:
    """Every operation with its contract."""
    return [(contract, operation) for contract in contracts for operation in contract.operations]
