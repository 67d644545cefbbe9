"""Requests with exactly one thing wrong: every constraint of the contract broken once, by name.

A mutation takes a valid request apart at one place. What it is called and what must come back is not decided here but
asked of the contract itself, which also throws out anything that breaks more than one constraint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from hypothesis import strategies as st

from contract_tests.cases import WRONG_KEY, Case, Defect, inputs, with_value
from contract_tests.pictures import (
    Picture,
    as_value,
    bytes_given,
    instead,
    measured,
    possible,
    spoiled,
    takes_picture,
)
from contract_tests.strategies import alternatives
from contract_tests.valid_cases import cases, pinned_values, replaced
from spec.contract import Contract, Operation
from spec.explainer import undecodable_reason
from spec.forms import FILE, File
from spec.inputs import Input, broken, reason_against, violation
from spec.language import Schema
from spec.messages import is_json
from spec.parameters import cast, parameter_text
from spec.request_check import request_check
from spec.shapes import is_object, shape_of
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
_NO_SUCH_MEDIA = "application/x-imageproof"
_MOST_BYTES = 100_000  # a limit above is not broken: nobody's line shall carry megabytes to be refused


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
    violations = request_check(case.contract, case.operation).violations(case.request)
    violations = violations or [found for found, _ in unfit_pictures(case)]
    if len({(violation.location, violation.param) for violation in violations}) != 1:
        return None
    first = violations[0]
    problem = case.contract.problem(first.problem)
    code = problem.fields.get("error-code")
    why = (problem.tolerated, problem.lenient)
    defect = Defect(first.problem, first.param, first.reason, problem.status, code, _rule(first), *why)
    return replace(case, defect=defect)


def _rule(violation: Violation) -> str:
    """The rule that is broken, whatever value breaks it: `maximum 10`."""
    facts = violation.facts
    if violation.problem == "malformed-body":
        return violation.reason.partition(" at line ")[0]
    if violation.keyword in ("x-size-rule", "x-picture"):
        return f"{violation.keyword} {violation.reason}"
    if violation.keyword == "enum" and facts.get("value") == "":
        return "enum of no text at all"
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
        # JSON says where it breaks off, which is another place each time; what matters is that it does.
        why = b"NaN" in request.body if is_json(request.media) else undecodable_reason(case.operation, request)
        return frozenset({*found, (request.media, bool(request.body), why)})
    for error in _compiled(case.operation, request.media).iter_errors(request.value):
        place = tuple(error.schema_path)
        # A size rule is one keyword with several reasons; `required` and `additionalProperties` name no parameter.
        detail = error.message if place[-1] in ("format", "required", "additionalProperties") else ""
        found.add((place, detail or error.instance == ""))
    if not found:
        found.update((one.param, field) for one, field in unfit_pictures(case))
    return frozenset(found)


def unfit_pictures(case: Case) -> Iterator[tuple[Violation, str]]:
    """The pictures in a body that break the contract's rules for them, each with the field of the rule it breaks.

    Pictures that only the provider can see (a link, the name of a file) are taken as they should be.
    """
    if not isinstance(case.request.value, dict):
        return
    first: dict[str, Picture] = {}
    for one in inputs(case.operation, case.request.media)(case.request.value):
        data = bytes_given(one.value)
        if data is None:
            continue
        picture = measured(data)
        if picture is None:
            yield broken(one, "these bytes are no picture"), "decodes"
        elif found := violation(one, picture, first):
            yield found, _broken_field(one, picture, first)
        else:
            first.setdefault(one.role, picture)


def _broken_field(one: Input, picture: Picture, first: Mapping[str, Picture]) -> str:
    return next(field for field in one.rule if reason_against({field: one.rule[field]}, picture, first))


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
    yield from _broken_paths(case)
    yield from _broken_queries(case)
    if not case.body:
        return
    if (nothing := asking_nothing(case)) is not None:  # or whoever reads it whatever it is called makes pictures of it
        yield replace(nothing, media="text/plain")
    yield replace(case, body=b"")
    yield from _broken_json(case) if is_json(case.request.media) else _broken_form(case)
    value, schema = case.request.value, case.operation.body[case.request.media]
    if isinstance(value, dict):
        yield from (with_value(case, broken_value) for broken_value in _broken_objects(schema, value))
        yield from (with_value(case, broken_value) for broken_value in _broken_pictures(case))


def asking_nothing(case: Case) -> Case | None:
    """The same request without what it cannot do without: nobody makes pictures of it, however it is read.

    None where its body needs nothing.
    """
    schema = case.operation.body.get(case.request.media, {})
    needed = shape_of(schema, case.request.value).required if isinstance(case.request.value, dict) else ()
    of_role = {name: schema["properties"][name].get("x-role") for name in needed if name in schema["properties"]}
    left_out = next((name for name in sorted(needed) if of_role.get(name) == "prompt"), min(needed, default=None))
    if left_out is None:
        return None
    return with_value(case, {name: value for name, value in case.request.value.items() if name != left_out})


def _broken_json(case: Case) -> Iterator[Case]:
    yield replace(case, body=case.body[:-1])
    yield replace(case, body=case.body.replace(b"{", b'{"n":NaN,', 1))
    yield replace(case, body=b"[1, 2]")


def _broken_form(case: Case) -> Iterator[Case]:
    yield replace(case, body=case.body[: len(case.body) * 2 // 3])
    yield replace(case, media=case.request.media)  # without its boundary
    for name, inner in case.operation.body[case.request.media].get("properties", {}).items():
        if "enum" in inner:
            yield with_value(case, {**case.request.value, name: ""})  # how browsers send what was not filled in


def _broken_pictures(case: Case) -> Iterator[Any]:
    """Bodies with one picture that is none, or that breaks one field of its rule."""
    for one in inputs(case.operation, case.request.media)(case.request.value):
        picture = measured(bytes_given(one.value) or b"")
        for data in spoiled(picture, one.rule).values() if picture is not None else ():
            yield replaced(case.request.value, one.param, instead(one.value, data))


def _broken_paths(case: Case) -> Iterator[Case]:
    for parameter in case.operation.parameters:
        if parameter.location == "path":
            for value in _broken_values(parameter.schema, None):
                if isinstance(value, str) and value.isprintable() and value:  # or it is another path
                    yield replace(case, path_parameters={**case.path_parameters, parameter.name: value})


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
    if either := alternatives(schema):
        names = frozenset().union(*either)
        yield {key: inner for key, inner in value.items() if key not in names}
        yield {**value, **{name: sample(shape.properties[name]) for name in sorted(names - value.keys())}}
    for name, inner in shape.properties.items():
        if shape.forbids(name):
            yield {**value, name: sample(_without_not(schema, name))}
            continue
        elsewhere = [other for other in pinned_values(schema, name) if other not in inner.get("enum", [other])]
        for other in (*_broken_values(inner, value.get(name)), *elsewhere):
            yield {**value, name: other}


def _without_not(schema: Schema, name: str) -> Schema:
    """The property's own schema, before a condition forbade it."""
    inner: Schema = schema.get("properties", {}).get(name, {"type": "string"})
    return {key: part for key, part in inner.items() if key != "not"}


def sample(schema: Schema) -> Any:
    """One value that keeps a property's schema, with everything in it that can be; the same one each time."""
    if takes_picture(schema):
        return as_value(possible(schema)[0], schema)
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
            shape, either = shape_of(schema, {}), alternatives(schema)
            others = frozenset().union(*either[1:]) - either[0] if either else frozenset()
            left = [name for name in shape.properties if not shape.forbids(name) and name not in others]
            return {name: sample(shape.properties[name]) for name in left}
    return "x" * max(schema.get("minLength", 1), 1)


def _types(schema: Schema) -> list[str]:
    named = schema.get("type", "object" if is_object(schema) else ())
    return [name for name in ([named] if isinstance(named, str) else named) if name != "null"]


def _broken_values(schema: Schema, value: Any) -> Iterator[Any]:
    """Values that break one constraint of a property each; `value` is what it has now."""
    if FILE in schema:
        yield from _broken_files(schema, value)
        return
    named, types = schema.get("type", ()), _types(schema)
    if types and "null" not in named:
        yield None
    yield from (_OTHER_TYPES[kind] for kind in types[:1])
    yield from (1.5, "two") if "integer" in types else ()
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
        yield from _broken_lists(schema, value)


def _broken_lists(schema: Schema, value: list[Any]) -> Iterator[list[Any]]:
    """A list whose last item is broken, and one that is too long."""
    last = value[-1] if value else None
    yield from ([*value[:-1], other] for other in _broken_values(schema["items"], last))
    if "maxItems" in schema:
        yield (value or [sample(schema["items"])]) * (schema["maxItems"] + 1)


def _broken_files(schema: Schema, value: Any) -> Iterator[Any]:
    """A text where a file belongs, and a file that calls itself something else."""
    file = value if isinstance(value, File) else sample(schema)
    yield "none"
    yield File(file.data, file["filename"], _NO_SUCH_MEDIA)


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
    # One more, however it is counted: in characters, signs, bytes or UTF-16; in letters where there is a pattern.
    "maxLength": lambda limit: ["x" * limit + "🦊", "x" * (limit + 1)] if limit < _MOST_BYTES else [],
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
    code = problem.fields.get("error-code")
    defect = Defect("unknown-task", "", "there is no such task", problem.status, code, lenient=problem.lenient)
    return Case(contract, operation, path_parameters=path, defect=defect)
