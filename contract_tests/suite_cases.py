"""Which cases each shipped test is given: planned from the contract, by what an operation means, never by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import lru_cache
from typing import Any

import orjson

from contract_tests.cases import Case, expected_images
from contract_tests.mutations import unknown_task
from contract_tests.planning import coverage, refusals
from contract_tests.run import Run, delivers, looks_up, operations_of, submits, unavailable_roles
from spec.contract import Contract, Operation
from spec.units import outward

_MOST_TASKS = 2
_SHARE_OF_TASKS = 3  # one picture in so many


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
    if not delivers(operation):
        return []
    planned = _planned(contract, operation, run.options.seed, run.options.models)
    most = run.provider.ledger.most_images
    return planned if most is None else _affordable(planned, most - _for_tasks(run, most), run)


def _tasks(contract: Contract, operation: Operation, run: Run) -> list[Case]:
    if not submits(operation):
        return []
    planned = _planned(contract, operation, run.options.seed, run.options.models)
    most = run.provider.ledger.most_images
    if not delivers(operation):  # there is no other way to a picture
        return planned if most is None else _affordable(planned, most, run)
    cheapest = sorted(planned, key=expected_images)[:_MOST_TASKS]
    submitted = [_as_task(case) for case in cheapest]
    return submitted if most is None else _affordable(submitted, _for_tasks(run, most), run)


@lru_cache(maxsize=32)
def _planned(contract: Contract, operation: Operation, seed: int, models: tuple[str, ...]) -> list[Case]:
    return coverage(contract, operation, seed, models, unavailable_roles(operation))


def _for_tasks(run: Run, most: int) -> int:
    """How many of the pictures are kept for tasks, where tasks are another way to the same pictures."""
    both = any(submits(operation) and delivers(operation) for _, operation in operations_of(run.contracts))
    return min(_MOST_TASKS, most // _SHARE_OF_TASKS) if both else 0


def _affordable(planned: Iterable[Case], most: int, run: Run) -> list[Case]:
    """The cases that fit into `most` pictures, in order; what is left out is noted."""
    chosen: list[Case] = []
    left_out: list[Case] = []
    for case in planned:
        images = expected_images(case)
        fits = images <= most and not left_out
        most -= images if fits else 0
        (chosen if fits else left_out).append(case)
    if left_out:
        cap = run.provider.ledger.most_images
        kind = "tasks" if left_out[0].asked.get("async") is True else "pictures"
        place = f"{left_out[0].operation.id}: {len(left_out)} more cases of {kind}"
        run.findings.not_tested[place] = f"at most {cap} picture{'s' if cap != 1 else ''} may be made (--max-images)"
    return chosen


def _as_task(case: Case) -> Case:
    """The same request, with a task wanted for an answer."""
    for parameter in case.operation.parameters:
        if parameter.role == "async":
            return replace(case, query={**case.query, parameter.name: str(_word_for_true(parameter.schema))})
    value = dict(case.request.value)
    for name, inner in case.operation.body[case.request.media].get("properties", {}).items():
        if inner.get("x-role") == "async":
            value[name] = _word_for_true(inner)
    return replace(case, body=orjson.dumps(value))


def _word_for_true(schema: Any) -> Any:
    convert = outward("async", schema)
    return convert(True) if convert else True


_KINDS: dict[str, Callable[[Contract, Operation, Run], list[Case]]] = {
    "refusals": _refusals,
    "lookups": _lookups,
    "pictures": _pictures,
    "tasks": _tasks,
}
