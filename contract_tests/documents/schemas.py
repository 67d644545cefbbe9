"""Documented JSON Schemas: made safe to work with, and asked what values they describe."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contract_tests.documents.json_text import Part, Place
from spec.language import SCHEMA_LISTS, Schema, escape, types_of

_TYPES = frozenset({"string", "integer", "number", "boolean", "object", "array", "null"})
_SCALARS: dict[str, Any] = {"string": "", "integer": 0, "number": 0.0, "boolean": False}
_DEEPEST = 24


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_length(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _anything(_: Any) -> bool:
    return True


_KEYWORDS: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("title", "description", "format"), _is_text),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _is_number),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems"), _is_length),
    **dict.fromkeys(("default", "const", "example"), _anything),
    "pattern": _is_text,
    "enum": lambda value: isinstance(value, list) and bool(value),
    "required": lambda value: isinstance(value, list) and all(map(_is_text, value)),
}


def sound_schema(schema: Any, depth: int = 0) -> dict[str, Any]:
    """`schema` with every keyword that JSON Schema understands and that is well formed; the rest is dropped.

    OpenAPI 3.0's `nullable` becomes a type.
    """
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return {}
    sound = {key: schema[key] for key, is_sound in _KEYWORDS.items() if key in schema and is_sound(schema[key])}
    named = schema.get("type")
    types = [name for name in (named if isinstance(named, list) else [named]) if _is_text(name) and name in _TYPES]
    if types:
        types += ["null"] if schema.get("nullable") is True and "null" not in types else []
        sound["type"] = types if isinstance(named, list) or len(types) > 1 else types[0]
    if isinstance(schema.get("properties"), Mapping):
        sound["properties"] = {
            str(name): sound_schema(inner, depth + 1) for name, inner in schema["properties"].items()
        }
    if isinstance(schema.get("items"), Mapping):
        sound["items"] = sound_schema(schema["items"], depth + 1)
    extra = schema.get("additionalProperties")
    if isinstance(extra, bool | Mapping):
        sound["additionalProperties"] = extra if isinstance(extra, bool) else sound_schema(extra, depth + 1)
    for key in SCHEMA_LISTS:
        if isinstance(schema.get(key), list) and schema[key]:
            sound[key] = [sound_schema(inner, depth + 1) for inner in schema[key]]
    return sound


def schema_part(part: Part) -> Part:
    """A documented schema as a Part with sound keywords only."""
    return Part.late(lambda: (sound_schema(part.value), part.places))


def specimen(schema: Schema) -> Any:
    """The fullest value a schema describes: every property, one item per array, alternatives on top of one another."""
    value: Any = None
    if "properties" in schema or "object" in types_of(schema):
        value = {name: specimen(inner) for name, inner in schema.get("properties", {}).items()}
    elif "items" in schema or "array" in types_of(schema):
        value = [specimen(schema["items"])] if "items" in schema else []
    for key in SCHEMA_LISTS:
        for branch in schema.get(key, ()):
            value = _laid_over(value, specimen(branch))
    if value is None:
        types = types_of(schema)
        value = _SCALARS.get(min(types), "") if types else ""
    return value


def _laid_over(below: Any, above: Any) -> Any:
    if isinstance(below, dict) and isinstance(above, dict):
        return {**below, **{name: _laid_over(below.get(name), value) for name, value in above.items()}}
    if isinstance(below, list) and isinstance(above, list):
        return [_laid_over(below[0], above[0])] if below and above else below or above
    if isinstance(below, dict | list):  # a list beside an object: nothing holds both, the first alternative speaks
        return below
    return above if below is None or isinstance(above, dict | list) else below


def describes_nothing(schema: Schema) -> bool:
    """Whether a schema is an object without members: `object {0}`, or nothing at all."""
    silent = {"type", "title", "description", "properties", "required", "default", "example"}
    return not schema.keys() - silent and not schema.get("properties") and types_of(schema) <= {"object"}


@dataclass(frozen=True, slots=True)
class Property:
    """A declared property, and where its schema is."""

    schema: Schema
    pointer: str


def properties(part: Part) -> dict[str, Property]:
    """The properties an object schema declares, those of its `allOf`, `anyOf` and `oneOf` included."""
    return dict(_properties(part.value, ""))


def _properties(schema: Schema, pointer: str) -> Iterator[tuple[str, Property]]:
    for key in SCHEMA_LISTS:
        for index, branch in enumerate(schema.get(key, ())):
            yield from _properties(branch, f"{pointer}/{key}/{index}")
    for name, inner in schema.get("properties", {}).items():
        yield name, Property(inner, f"{pointer}/properties/{escape(name)}")


def required_names(part: Part) -> dict[str, Place]:
    """The properties an object schema demands, each with the place that says so."""
    return {name: part.at(pointer) for name, pointer in _required(part.value, "")}


def _required(schema: Schema, pointer: str) -> Iterator[tuple[str, str]]:
    for index, branch in enumerate(schema.get("allOf", ())):
        yield from _required(branch, f"{pointer}/allOf/{index}")
    for index, name in enumerate(schema.get("required", ())):
        yield name, f"{pointer}/required/{index}"


def schema_at(schema: Schema, path: Sequence[str]) -> tuple[Schema, str] | None:
    """The schema of the value at `path` (property names, `[]` for an item) and its pointer.

    None where none is described.
    """
    if not path:
        return schema, ""
    if path[0] == "[]":
        steps = [("/items", schema["items"])] if "items" in schema else []
    else:
        inner = schema.get("properties", {}).get(path[0])
        steps = [] if inner is None else [(f"/properties/{escape(path[0])}", inner)]
    for where, inner in steps:
        if found := schema_at(inner, path[1:]):
            return found[0], where + found[1]
    for key in SCHEMA_LISTS:
        for index, branch in enumerate(schema.get(key, ())):
            if found := schema_at(branch, path):
                return found[0], f"/{key}/{index}{found[1]}"
    return None


def judging(schema: Schema) -> Iterator[Schema]:
    """`schema` and its alternatives: everything that says something about the value itself."""
    yield schema
    for key in SCHEMA_LISTS:
        for branch in schema.get(key, ()):
            yield from judging(branch)


def listed(schema: Schema) -> list[Any] | None:
    """The values a schema lists, None where it lists none: those that all of `allOf` take, any of the alternatives."""
    found = [*schema["enum"]] if "enum" in schema else [schema["const"]] if "const" in schema else None
    told = [values for branch in schema.get("allOf", ()) if (values := listed(branch)) is not None]
    either = [[value for branch in schema.get(key, ()) for value in listed(branch) or ()] for key in ("anyOf", "oneOf")]
    for values in (*told, *filter(None, either)):
        found = values if found is None else [value for value in found if value in values]
    return found


def property_path(pointer: str) -> str:
    """A pointer into a schema as the field it speaks of: `/properties/data/items/properties/url` -> `data[].url`."""
    path = ""
    segments = iter(pointer.split("/")[1:])
    for segment in segments:
        if segment == "properties":
            name = next(segments, "").replace("~1", "/").replace("~0", "~")
            path += f".{name}" if path else name
        elif segment == "items":
            path += "[]"
    return path
