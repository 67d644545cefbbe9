"""Requests with exactly one thing wrong: every constraint of the contract broken once, by name.

A mutation takes a valid request apart at one place. What it is called and what must come back is not decided here but
asked of the contract itself, which also throws out anything that breaks more than one constraint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import orjson
from hypothesis import strategies as st

from contract_tests.cases import WRONG_KEY, Case, Defect
from contract_tests.strategies import cases, values
from spec.contract import Contract, Operation
from spec.language import Schema
from spec.shapes import shape_of
from spec.validation import request_check

_OTHER_TYPES: dict[str, Any] = {
    "string": 17,
    "integer": "2",
    "number": "0.5",
    "boolean": "yes",
    "array": "none",
    "object": "none",
}
_UNKNOWN_KEY = "imageproof_unknown"


def defects(contract: Contract, operation: Operation) -> st.SearchStrategy[Case]:
    """Requests to an operation with one labelled defect each."""
    return _defective(contract, operation).filter(lambda case: case is not None)  # type: ignore[return-value]


@st.composite
def _defective(draw: st.DrawFn, contract: Contract, operation: Operation) -> Case | None:
    case = draw(cases(contract, operation, least=True))
    options = list(_mutants(case))
    if isinstance(case.request.value, dict):
        schema = operation.body[case.request.media]
        options += [
            replace(case, body=orjson.dumps(value)) for value in _broken_objects(draw, schema, case.request.value)
        ]
    return labelled(draw(st.sampled_from(options))) if options else None


def labelled(case: Case) -> Case | None:
    """The case with its defect named by the contract; None when it is valid or breaks several things at once."""
    violations = request_check(case.contract, case.operation).explain(case.request)
    if case.authorization is not None and WRONG_KEY in case.authorization:
        problem = case.contract.problem("invalid-credentials")
        return replace(case, defect=Defect("invalid-credentials", "", "the key is wrong", problem.status))
    if not violations or len({(violation.location, violation.param) for violation in violations}) > 1:
        return None
    first = violations[0]
    problem = case.contract.problem(first.problem)
    return replace(
        case, defect=Defect(first.problem, first.param, first.reason, problem.status, problem.fields.get("error-code"))
    )


def _mutants(case: Case) -> Iterator[Case]:
    """What can be wrong with the envelope: key, content type, bytes."""
    if case.operation.secured:
        yield replace(case, authorization=None)
        yield replace(case, authorization=f"Bearer {WRONG_KEY}")
    if case.body:
        yield replace(case, media="text/plain")
        yield replace(case, body=case.body[:-1])
        yield replace(case, body=b"[1, 2]")
        yield replace(case, body=case.body.replace(b"{", b'{"n":NaN,', 1))


def _broken_objects(draw: st.DrawFn, schema: Schema, value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    shape = shape_of(schema, value)
    for name in sorted(shape.required):
        yield {key: inner for key, inner in value.items() if key != name}
    if shape.closed:
        yield {**value, _UNKNOWN_KEY: 1}
    for name, inner in shape.properties.items():
        if shape.forbids(name):
            yield {**value, name: draw(values(_without_not(schema, name)))}
            continue
        for broken in _broken_values(inner):
            yield {**value, name: broken}


def _without_not(schema: Schema, name: str) -> Schema:
    """The property's own schema, before a condition forbade it."""
    inner: Schema = schema.get("properties", {}).get(name, {"type": "string"})
    return {key: part for key, part in inner.items() if key != "not"}


def _broken_values(schema: Schema) -> Iterator[Any]:
    """Values that break one constraint of a property each."""
    named = schema.get("type", ())
    types = [named] if isinstance(named, str) else list(named)
    if types and "null" not in types:
        yield None
    yield from (_OTHER_TYPES[kind] for kind in types[:1] if kind != "null")
    if "integer" in types:
        yield 1.5
    if "enum" in schema and "string" in types:
        yield "imageproof-no-such-value"
    for keyword, breaks in _BREAKS.items():
        if keyword in schema:
            yield from breaks(schema[keyword])


def _sizes_out_of(rule: Mapping[str, int]) -> Iterator[str]:
    yield "bogus"
    step = rule.get("multiple", 1)
    if step > 1:
        yield "1025x1024"
    if "max-edge" in rule:
        yield f"{rule['max-edge'] + step}x2160"
    if "max-ratio" in rule:
        yield f"{512 * (rule['max-ratio'] + 1)}x512"
    if "min-pixels" in rule:
        yield "16x16"


_BREAKS: dict[str, Callable[[Any], Iterable[Any]]] = {
    "minimum": lambda limit: [limit - 1],
    "maximum": lambda limit: [limit + 1],
    "minLength": lambda limit: ["x" * (limit - 1)] if limit else [],
    "maxLength": lambda limit: ["x" * (limit + 1)],
    "minItems": lambda limit: [[]] if limit else [],
    "pattern": lambda _: ["\u0000"],
    "x-size-rule": _sizes_out_of,
}


def unknown_task(contract: Contract, operation: Operation) -> Case:
    """A well-formed request for something that does not exist."""
    problem = contract.problem("unknown-task")
    path = {
        parameter.name: "imageproof-no-such-task" for parameter in operation.parameters if parameter.location == "path"
    }
    defect = Defect("unknown-task", "", "there is no such task", problem.status, problem.fields.get("error-code"))
    return Case(contract, operation, path_parameters=path, defect=defect)
