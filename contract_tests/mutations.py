"""Requests with exactly one thing wrong: every constraint of the contract broken once, by name.

A mutation takes a valid request apart at one place. What it is called and what must come back is not decided here but
asked of the contract itself, which also throws out anything that breaks more than one constraint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import orjson
from hypothesis import strategies as st

from contract_tests.cases import WRONG_KEY, Case, Defect
from contract_tests.strategies import cases, pinned_values
from spec.contract import Contract, Operation
from spec.language import Schema
from spec.shapes import is_object, shape_of
from spec.validation import cast, parameter_text, request_check
from spec.violations import Violation

_OTHER_TYPES: dict[str, Any] = {
    "string": 17,
    "integer": "2",
    "number": "0.5",
    "boolean": "yes",
    "array": "none",
    "object": "none",
}
_UNKNOWN_KEY = "imageproof_unknown"
_NO_SUCH_VALUE = "imageproof-no-such-value"


def defects(contract: Contract, operation: Operation) -> st.SearchStrategy[Case]:
    """Requests to an operation with one labelled defect each."""
    valid = cases(contract, operation, least=True) | cases(contract, operation)
    return _defective(valid).filter(lambda case: case is not None)  # type: ignore[return-value]


@st.composite
def _defective(draw: st.DrawFn, valid: st.SearchStrategy[Case]) -> Case | None:
    options = list(mutants(draw(valid)))
    return labelled(options[draw(st.integers(0, len(options) - 1))])


def labelled(case: Case) -> Case | None:
    """The case with its defect named by the contract; None when it is valid or breaks several parameters at once."""
    if case.credential == WRONG_KEY:
        problem, reason = case.contract.problem("invalid-credentials"), "the key is wrong"
        code = problem.fields.get("error-code")
        return replace(case, defect=Defect("invalid-credentials", "", reason, problem.status, code))
    violations = request_check(case.contract, case.operation).explain(case.request)
    if len({(violation.location, violation.param) for violation in violations}) != 1:
        return None
    first = violations[0]
    problem = case.contract.problem(first.problem)
    code = problem.fields.get("error-code")
    return replace(case, defect=Defect(first.problem, first.param, first.reason, problem.status, code, _rule(first)))


def _rule(violation: Violation) -> str:
    """The rule that is broken, whatever value breaks it: `maximum 10`."""
    facts = violation.facts
    if violation.keyword == "x-size-rule":
        return f"{violation.keyword} {violation.reason}"
    limit = facts.get("limit", facts.get("allowed", facts.get("expected") if violation.keyword == "type" else ""))
    return f"{violation.keyword} {limit}".strip()


@cache
def _compiled(operation: Operation, media: str) -> Any:
    return operation.compile(operation.body[media])


def breaches(case: Case) -> frozenset[Any]:
    """The places of the contract a case breaks, by the compiled validator: many times faster than its explanation."""
    if case.credential in (None, WRONG_KEY):
        return frozenset({("credential", case.credential)})
    request, found = case.request, set(_broken_parameters(case))
    if not case.operation.body:
        return frozenset(found)
    if request.media not in case.operation.body:
        return frozenset({*found, ("media-type", bool(request.body))})
    if request.value is None:
        return frozenset({*found, ("body", bool(request.body), b"NaN" in request.body)})
    for error in _compiled(case.operation, request.media).iter_errors(request.value):
        place = tuple(error.schema_path)
        # A size rule is one keyword with several reasons; `required` and `additionalProperties` name no parameter.
        detail = error.message if place[-1] in ("format", "required", "additionalProperties") else ""
        found.add((place, detail))
    return frozenset(found)


def _broken_parameters(case: Case) -> Iterator[Any]:
    for parameter in case.operation.parameters:
        text = parameter_text(parameter, case.request)
        if text is None:
            yield from [(parameter.location, parameter.name)] if parameter.required else []
        else:
            errors = case.operation.compile(parameter.schema).iter_errors(cast(parameter, text))
            yield from ((parameter.location, parameter.name, *error.schema_path) for error in errors)


def mutants(case: Case) -> Iterator[Case]:
    """Everything that can be done to a valid case to break it at one place."""
    if case.operation.secured:
        yield replace(case, credential=None)
        yield replace(case, credential=WRONG_KEY)
    yield from _broken_queries(case)
    if not case.body:
        return
    yield replace(case, media="text/plain")
    yield replace(case, body=b"")
    yield replace(case, body=case.body[:-1])
    yield replace(case, body=case.body.replace(b"{", b'{"n":NaN,', 1))
    yield replace(case, body=b"[1, 2]")
    if isinstance(case.request.value, dict):
        for value in _broken_objects(case.operation.body[case.request.media], case.request.value):
            yield replace(case, body=orjson.dumps(value))


def _broken_queries(case: Case) -> Iterator[Case]:
    for parameter in case.operation.parameters:
        if parameter.location == "query":
            without = {name: text for name, text in case.query.items() if name != parameter.name}
            if parameter.required:
                yield replace(case, query=without)
            for value in _broken_values(parameter.schema, None):
                yield replace(case, query={**without, parameter.name: str(value)})


def _broken_objects(schema: Schema, value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    shape = shape_of(schema, value)
    for name in sorted(shape.required):
        yield {key: inner for key, inner in value.items() if key != name}
    if shape.closed:
        yield {**value, _UNKNOWN_KEY: 1}
    for name, inner in shape.properties.items():
        if shape.forbids(name):
            yield {**value, name: sample(_without_not(schema, name))}
            continue
        elsewhere = [other for other in pinned_values(schema, name) if other not in inner.get("enum", [other])]
        for broken in (*_broken_values(inner, value.get(name)), *elsewhere):
            yield {**value, name: broken}


def _without_not(schema: Schema, name: str) -> Schema:
    """The property's own schema, before a condition forbade it."""
    inner: Schema = schema.get("properties", {}).get(name, {"type": "string"})
    return {key: part for key, part in inner.items() if key != "not"}


def sample(schema: Schema) -> Any:
    """One value that keeps a property's schema, with everything in it that can be; the same one each time."""
    if "const" in schema:
        return schema["const"]
    listed = [value for value in schema.get("enum", ()) if value is not None]
    if listed:
        return listed[0]
    if schema.get("format") == "uri":
        return "https://example.com/picture.png"
    kinds = _types(schema)
    match kinds[0] if kinds else "string":
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
        case "array":
            return [sample(schema["items"])] * max(schema.get("minItems", 1), 1)
        case "object":
            shape = shape_of(schema, {})
            return {name: sample(inner) for name, inner in shape.properties.items() if not shape.forbids(name)}
    return "x" * max(schema.get("minLength", 1), 1)


def _types(schema: Schema) -> list[str]:
    named = schema.get("type", "object" if is_object(schema) else ())
    return [name for name in ([named] if isinstance(named, str) else named) if name != "null"]


def _broken_values(schema: Schema, value: Any) -> Iterator[Any]:
    """Values that break one constraint of a property each; `value` is what it has now."""
    named, types = schema.get("type", ()), _types(schema)
    if types and "null" not in named:
        yield None
    yield from (_OTHER_TYPES[kind] for kind in types[:1])
    if "integer" in types:
        yield 1.5
    if "enum" in schema or "const" in schema:
        yield from _unlisted(schema, types)
    for keyword, breaks in _BREAKS.items():
        if keyword in schema:
            yield from breaks(schema[keyword])
    if schema.get("format") == "uri":
        yield "no link at all"
    if isinstance(value, dict):
        yield from _broken_objects(schema, value)
    elif isinstance(value, list) and "items" in schema:
        yield from ([*value[:-1], broken] for broken in _broken_values(schema["items"], value[-1] if value else None))
        if "maxItems" in schema:
            yield (value or [sample(schema["items"])]) * (schema["maxItems"] + 1)


def _unlisted(schema: Schema, types: list[str]) -> Iterator[Any]:
    """Values of the right type that an enumeration does not have."""
    listed = [schema["const"]] if "const" in schema else schema["enum"]
    if "string" in types:
        yield _NO_SUCH_VALUE
    if "integer" in types or "number" in types:
        limits = (schema.get("minimum", 1), schema.get("maximum", 16))
        yield from (number for number in (*limits, 7) if number not in listed)
    if "boolean" in types:
        yield from (flag for flag in (True, False) if flag not in listed)
    if "object" in types and {} not in listed:
        yield sample({key: part for key, part in schema.items() if key not in ("enum", "const")})


def _sizes_out_of(rule: Mapping[str, int]) -> Iterator[str]:
    step, longest = int(rule.get("multiple", 1)), int(rule.get("max-edge", 4096))
    yield "bogus"
    if step > 1:
        yield f"{1024 + step // 2}x1024"
    if "max-edge" in rule:
        yield f"{longest + step}x{max(longest // 2 // step, 1) * step}"
    if "max-ratio" in rule:
        short = next(e for e in range(step, longest, step) if e * e * rule["max-ratio"] >= rule.get("min-pixels", 1))
        yield f"{int(short * rule['max-ratio']) + step}x{short}"
    if "min-pixels" in rule:
        yield f"{step}x{step}"
    if "max-pixels" in rule:
        yield f"{longest // step * step}x{longest // step * step}"


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
