"""Hypothesis strategies for whole requests that keep the contract: body, path and query, in any media type."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from hypothesis import strategies as st

from contract_tests.cases import Case, case_of, inputs
from contract_tests.pictures import Picture, bytes_given, instead, measured, resized
from contract_tests.pictures import drawn as picture_bytes
from contract_tests.strategies import ObjectPlan, draw_object, values
from spec.contract import Contract, Operation, Parameter
from spec.forms import MEDIA_TYPE as FORM
from spec.language import Schema
from spec.memory import Remembered
from spec.messages import is_json
from spec.shapes import merge
from spec.units import parse_size

#: property of a body -> the only values it may have, as a hashable
Allowed = tuple[tuple[str, tuple[Any, ...]], ...]


@lru_cache(maxsize=64)
def body_plan(operation: Operation, media: str, allowed: Allowed = ()) -> ObjectPlan:
    """How bodies of an operation in one of its media types are drawn. Raises NotImplementedError for other types."""
    if not is_json(media) and media != FORM:
        raise NotImplementedError(f"no strategy for bodies of type {media}: contract_tests/valid_cases.py")
    schema = operation.body[media]
    known = schema.get("properties", {})
    narrowed = {name: {"enum": list(listed)} for name, listed in allowed if name in known}
    return ObjectPlan(merge(schema, {"properties": narrowed}) if narrowed else schema, operation.compile)


def at_default(operation: Operation, roles: frozenset[str]) -> Allowed:
    """Properties of these roles may only have their default."""
    found = {
        name: (inner["default"],)
        for schema in operation.body.values()
        for name, inner in schema.get("properties", {}).items()
        if inner.get("x-role") in roles and "default" in inner
    }
    return tuple(found.items())


def cases(
    contract: Contract,
    operation: Operation,
    fixed: Mapping[str, Any] | None = None,
    least: bool = False,
    allowed: Allowed = (),
    media: str | None = None,
) -> st.SearchStrategy[Case]:
    """Valid requests to an operation, in any of its media types or in one; nothing where none has what is `fixed`.

    `fixed` are properties of the body that are given, `allowed` the values others may have; with `least` only what is
    required is drawn. Raises NotImplementedError for a media type nobody can write.
    """
    texts = {
        location: {p.name: _texts(p) for p in operation.parameters if p.location == location and p.required}
        for location in ("path", "query")
    }
    kinds = [media] if media is not None else list(operation.body)
    plans = {kind: body_plan(operation, kind, allowed) for kind in kinds}
    plans = {kind: plan for kind, plan in plans.items() if plan.possible(fixed or {})}
    if kinds and not plans:
        return st.nothing()

    return _cases(contract, operation, texts, plans, least, fixed or {})


def _draw_case(
    draw: st.DrawFn,
    contract: Contract,
    operation: Operation,
    texts: Mapping[str, Mapping[str, st.SearchStrategy[str]]],
    plans: Mapping[str, ObjectPlan],
    least: bool,
    fixed: Mapping[str, Any],
) -> Case:
    path, query = ({name: draw(text) for name, text in known.items()} for known in texts.values())
    if not plans:
        return Case(contract, operation, path_parameters=path, query=query)
    kind = draw(st.sampled_from(list(plans))) if len(plans) > 1 else next(iter(plans))
    value = matched(operation, kind, draw_object(draw, plans[kind], least, fixed))
    path |= _model_in_path(operation, plans[kind].schema, value)
    return case_of(contract, operation, kind, value, path_parameters=path, query=query)


_cases = st.composite(_draw_case)  # made once: Hypothesis reads the source of what it decorates


def _model_in_path(operation: Operation, schema: Schema, value: Mapping[str, Any]) -> dict[str, str]:
    """The model where the path names one, too: the body's, else one that it might have."""
    named = [name for name, inner in schema.get("properties", {}).items() if inner.get("x-role") == "model"]
    listed = [model for name in named for model in (value.get(name), *pinned_values(schema, name))]
    found = {}
    for parameter in operation.parameters:
        fitting = [model for model in listed if model in parameter.schema.get("enum", ())]
        if parameter.location == "path" and parameter.role == "model" and fitting:
            found[parameter.name] = str(fitting[0])
    return found


def matched(operation: Operation, media: str, value: dict[str, Any]) -> dict[str, Any]:
    """The same body with every picture that must be of another's size in that size."""
    first: dict[str, Picture] = {}
    for one in inputs(operation, media)(value):
        data = bytes_given(one.value)
        picture = measured(data) if data is not None else None
        if picture is None:  # a link or a name: only its owner knows
            continue
        other = first.get(one.rule.get("like", ""))
        fit = picture if other is None else resized(picture, other)
        if fit != picture:
            value = replaced(value, one.param, instead(one.value, picture_bytes(fit)))
        first.setdefault(one.role, fit)
    return value


def replaced(value: Any, param: str, part: Any) -> Any:
    """A copy of a body with the part exchanged that a parameter names (`images[0].image_url`)."""
    steps = [int(step) if step.isdecimal() else step for step in re.findall(r"[^.\[\]]+", param)]

    def at(node: Any, left: list[Any]) -> Any:
        if not left:
            return part
        if isinstance(node, list):
            return [at(inner, left[1:]) if index == left[0] else inner for index, inner in enumerate(node)]
        return {name: at(inner, left[1:]) if name == left[0] else inner for name, inner in node.items()}

    return at(value, steps)


def _texts(parameter: Parameter) -> st.SearchStrategy[str]:
    return values(parameter.schema).map(lambda value: str(value).lower() if isinstance(value, bool) else str(value))


def pinned_values(schema: Schema, name: str) -> list[Any]:
    """Every value any part of an object schema lists for a property, the conditional parts too."""
    return list(_LISTED(schema).get(name, ()))


def _listed_values(schema: Schema) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for part in _parts(schema):
        for name, inner in part.get("properties", {}).items():
            listed, known = [inner["const"]] if "const" in inner else inner.get("enum", ()), found.setdefault(name, [])
            known += [value for value in listed if value is not None and value not in known]
    return found


_LISTED: Remembered[Schema, dict[str, list[Any]]] = Remembered(_listed_values)


def _parts(schema: Schema) -> Iterator[Schema]:
    yield schema
    for part in (*schema.get("allOf", ()), *(schema.get(key, {}) for key in ("if", "then", "else"))):
        if part:
            yield from _parts(part)


def pixels(case: Case) -> int:
    """Pixels of one picture of the case, to order cases by cost; words count as a megapixel."""
    size = case.asked.get("size")
    size = parse_size(size) if isinstance(size, str) else size
    return size[0] * size[1] if isinstance(size, tuple) else 1024 * 1024
