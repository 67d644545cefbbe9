"""Hypothesis strategies from contract schemas: only the keywords our documents use, conditionals resolved on the way.

An object is drawn property by property; the properties that an `if` looks at come first, and after each of them the
schemas of the others are looked up again, so that nothing has to be thrown away.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from contract_tests.cases import Case, json_case
from spec.contract import Contract, Operation, Parameter
from spec.language import Schema, types_of
from spec.shapes import discriminators, is_object, merge, shape_of
from spec.units import parse_size, size_rule_reason

PROMPTS = (
    "A lighthouse built of books above a calm sea, evening light",
    "Isometric map of a tiny village in winter",
    "一只橘猫坐在窗台上看雨",
    "Ein Stillleben mit Birnen, Öl auf Leinwand",
    "🦊 reading a newspaper 📰 on a bench, flat colours",
    'A shop sign that says "OPEN 24/7 & more"',
    "قارب صغير على بحيرة هادئة",
    "Two chairs.\nOne red, one blue.",
)
_LINKS = ("https://example.com/picture.png", "https://example.com/a/b.webp?size=large")


def values(schema: Schema) -> st.SearchStrategy[Any]:
    """Values that keep `schema`. Raises NotImplementedError for a schema no strategy is written for."""
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(_fitting(schema))
    for key in ("anyOf", "oneOf"):
        if key in schema and not is_object(schema):
            rest = {name: value for name, value in schema.items() if name != key}
            return st.one_of([values(merge(rest, branch)) for branch in schema[key]])
    named = schema.get("type", ())
    types = [named] if isinstance(named, str) else list(named)
    if not types and "properties" in schema:
        types = ["object"]
    if not types:
        raise NotImplementedError(f"no strategy for a schema without a type: {sorted(schema)}")
    return st.one_of([_of_type(name, schema) for name in types])


def _fitting(schema: Schema) -> list[Any]:
    types = types_of(schema)
    nullable = not types or "null" in schema.get("type", ())
    return [value for value in schema["enum"] if value is not None or nullable]


def _of_type(name: str, schema: Schema) -> st.SearchStrategy[Any]:
    match name:
        case "null":
            return st.none()
        case "boolean":
            return st.booleans()
        case "integer" if schema.get("x-role") == "count":  # two show whether the number is heard, for little money
            return st.sampled_from([n for n in (1, 2, 3) if n <= schema.get("maximum", 3)])
        case "integer":
            return st.integers(schema.get("minimum"), schema.get("maximum"))
        case "number":
            return st.floats(schema.get("minimum"), schema.get("maximum"), allow_nan=False, allow_infinity=False)
        case "string":
            return _strings(schema)
        case "array":
            return st.lists(
                values(schema["items"]), min_size=schema.get("minItems", 0), max_size=schema.get("maxItems", 4)
            )
        case "object":
            return objects(schema)
    raise NotImplementedError(f"no strategy for type {name!r}")


def _strings(schema: Schema) -> st.SearchStrategy[str]:
    least, most = schema.get("minLength", 0), schema.get("maxLength", 200)
    if "x-size-rule" in schema:
        return sizes(schema["x-size-rule"]) | st.sampled_from(sorted(schema.get("x-resolves", {})) or ["1024x1024"])
    role = schema.get("x-role")
    if role == "prompt":
        return st.sampled_from([prompt for prompt in PROMPTS if least <= len(prompt) <= most])
    if role == "size":
        return st.sampled_from(["1024x1024", *schema.get("x-resolves", {})])
    if schema.get("format") == "uri":
        return st.sampled_from(_LINKS)
    if "pattern" in schema:
        return st.from_regex(re.compile(str(schema["pattern"])), fullmatch=True)
    return st.text(string.ascii_letters + string.digits + "-_", min_size=max(least, 1), max_size=min(most, 24))


@st.composite
def sizes(draw: st.DrawFn, rule: Mapping[str, int]) -> str:
    """`WxH` texts that keep a size rule, its corners among them."""
    step = rule.get("multiple", 1)
    longest = rule.get("max-edge", 4096)
    least, most = rule.get("min-pixels", step * step), rule.get("max-pixels", longest * longest)
    corners = [f"{width}x{height}" for width, height in _corners(rule)]
    at_a_corner: bool = bool(corners) and draw(st.booleans())
    if at_a_corner:
        return str(draw(st.sampled_from(corners)))
    ratio = rule.get("max-ratio", longest)
    width = (
        draw(st.integers(-(-int((least / ratio) ** 0.5) // step), min(longest, int((most * ratio) ** 0.5)) // step))
        * step
    )
    low = max(-(-least // width), -(-width // ratio), step)
    high = min(most // width, width * ratio, longest)
    if -(-low // step) > high // step:
        return draw(st.sampled_from(corners or ["1024x1024"]))
    return f"{width}x{draw(st.integers(-(-low // step), high // step)) * step}"


def _corners(rule: Mapping[str, int]) -> list[tuple[int, int]]:
    common = [
        (1024, 1024),
        (1536, 1024),
        (1024, 1536),
        (2048, 1152),
        (816, 816),
        (3840, 2160),
        (2160, 3840),
        (1536, 512),
    ]
    return [size for size in common if size_rule_reason(rule, f"{size[0]}x{size[1]}") is None]


@st.composite
def objects(draw: st.DrawFn, schema: Schema, least: bool = False) -> dict[str, Any]:
    """Objects that keep `schema`; with `least` only what is required."""
    deciding = discriminators(schema)
    drawn: dict[str, Any] = {}
    names = list(shape_of(schema, {}).properties)
    for name in sorted(names, key=lambda name: (name not in deciding, names.index(name))):
        shape = shape_of(schema, drawn)
        if shape.forbids(name):
            continue
        property_schema = shape.properties[name]
        if "enum" in property_schema and not [
            value for value in _fitting(property_schema) if value is not None or name in shape.required
        ]:
            continue
        if name in shape.required or (not least and draw(st.booleans())):
            drawn[name] = draw(values(property_schema))
    return {name: drawn[name] for name in names if name in drawn}


def drawable(schema: Schema, unavailable: frozenset[str]) -> Schema:
    """`schema` without the values of roles in `unavailable`: their properties are left at their default."""
    properties = {
        name: {**inner, "enum": [inner["default"]]}
        if inner.get("x-role") in unavailable and "default" in inner
        else inner
        for name, inner in schema.get("properties", {}).items()
    }
    return {**schema, "properties": properties}


@st.composite
def cases(
    draw: st.DrawFn,
    contract: Contract,
    operation: Operation,
    fixed: Mapping[str, Any] | None = None,
    least: bool = False,
    unavailable: frozenset[str] = frozenset(),
) -> Case:
    """Valid requests to an operation.

    `fixed` are properties of the body that are given; with `least` only what is required is drawn; roles in
    `unavailable` keep their default (a stream where the contract documents none).
    """
    query = {
        parameter.name: draw(_texts(parameter))
        for parameter in operation.parameters
        if parameter.location == "query" and parameter.required
    }
    path = {
        parameter.name: draw(_texts(parameter)) for parameter in operation.parameters if parameter.location == "path"
    }
    if not operation.body:
        return Case(contract, operation, path_parameters=path, query=query)
    media, schema = next(iter(operation.body.items()))
    if media != "application/json":
        raise NotImplementedError(f"no strategy for bodies of type {media}")
    schema = drawable(schema, unavailable)
    if fixed:
        pinned = {name: {"enum": [value]} for name, value in fixed.items()}
        schema = merge(schema, {"properties": pinned, "required": list(fixed)})
    return json_case(contract, operation, draw(objects(schema, least)), path_parameters=path, query=query)


def _texts(parameter: Parameter) -> st.SearchStrategy[str]:
    return values(parameter.schema).map(lambda value: str(value).lower() if isinstance(value, bool) else str(value))


def pixels(case: Case) -> int:
    """Pixels of one picture of the case, to order cases by cost; words count as a megapixel."""
    size = case.asked.get("size")
    size = parse_size(size) if isinstance(size, str) else size
    return size[0] * size[1] if isinstance(size, tuple) else 1024 * 1024
