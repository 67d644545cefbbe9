"""What an object must look like, given what is already in it: conditionals resolved, alternatives of `allOf` merged.

`if`/`then`/`else` make the schema of one property depend on the value of another (per-model rules). Everything that
reads, writes, generates or mutates wants the schema that holds *now*; that is a Shape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import jsonschema_rs

from spec.language import Schema, types_of
from spec.memory import Remembered

T = TypeVar("T")

_MEMO_LIMIT = 4096
_MEMO_TEXT = 256  # characters


@dataclass(frozen=True, slots=True)
class Shape:
    """One object schema with its conditionals resolved: property schemas merged, in document order."""

    properties: Mapping[str, Schema]
    required: frozenset[str]
    closed: bool
    schema: Schema
    """All of it, as one schema without conditionals."""

    def forbids(self, name: str) -> bool:
        """Whether the property may not be present at all."""
        schema = self.properties.get(name)
        return self.closed if schema is None else schema.get("not") == {}


def merge(first: Schema, second: Schema) -> dict[str, Any]:
    """The schema that holds when both do; of annotations and extensions the second's win.

    What cannot be said in one keyword, such as two patterns or two conditionals, is kept apart with `allOf`.
    """
    merged = dict(first)
    if "if" in first and "if" in second:
        conditional = {key: second[key] for key in ("if", "then", "else") if key in second}
        merged["allOf"] = [*merged.get("allOf", ()), conditional]
        second = {key: value for key, value in second.items() if key not in conditional}
    for key, value in second.items():
        combine = _COMBINE.get(key)
        if key not in merged:
            merged[key] = value
        elif combine is not None:
            merged[key] = combine(merged[key], value)
        elif key in _APART and not _same(merged[key], value):
            merged["allOf"] = [*merged.get("allOf", ()), {key: merged[key]}]
            merged[key] = value
        else:
            merged[key] = value
    if merged.get("type") == []:  # nothing is of both types
        del merged["type"]
        merged["not"] = {}
    excluded = merged.get("not", {}).get("enum")
    if "enum" in merged and excluded is not None:  # a shared enumeration without some of its values
        merged["enum"] = [item for item in merged["enum"] if not any(_same(item, other) for other in excluded)]
        del merged["not"]
    return merged


def _properties(first: Mapping[str, Schema], second: Mapping[str, Schema]) -> dict[str, Schema]:
    met = {name: merge(first[name], inner) if name in first else inner for name, inner in second.items()}
    return {**first, **met}


def _additional(first: Schema | bool, second: Schema | bool) -> Schema | bool:
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        return merge(first, second)
    if first is False or second is False:
        return False
    return second if first is True else first


def _types(first: str | list[str], second: str | list[str]) -> list[str]:
    ours, theirs = ([value] if isinstance(value, str) else value for value in (first, second))
    both = [item for item in theirs if item in ours or (item == "integer" and "number" in ours)]
    return both + [item for item in ours if item == "integer" and "number" in theirs and item not in both]


def _enum(first: list[Any], second: list[Any]) -> list[Any]:
    return [item for item in first if any(_same(item, other) for other in second)]


def _same(first: Any, second: Any) -> bool:
    return bool(first == second) and isinstance(first, bool) == isinstance(second, bool)


_APART = ("pattern", "format", "const", "anyOf", "oneOf")
_COMBINE: dict[str, Callable[[Any, Any], Any]] = {
    "properties": _properties,
    "required": lambda first, second: list(dict.fromkeys([*first, *second])),
    "enum": _enum,
    "type": _types,
    "items": merge,
    "contentSchema": merge,
    "additionalProperties": _additional,
    "allOf": lambda first, second: [*first, *second],
    "not": lambda first, second: {} if {} in (first, second) else {"anyOf": [first, second]},
    "x-problem": lambda first, second: (
        {**first, **second} if isinstance(first, Mapping) and isinstance(second, Mapping) else second
    ),
    **dict.fromkeys(("minimum", "minLength", "minItems"), max),
    **dict.fromkeys(("maximum", "maxLength", "maxItems"), min),
}


class ShapeIndex(Generic[T]):
    """The shapes of one object schema, each derived once into what the caller works with.

    The shape depends only on the properties that an `if` looks at (the discriminators); results are remembered by
    their values, so the usual request costs one dictionary look-up.
    """

    def __init__(self, schema: Schema, derive: Callable[[Shape], T]) -> None:
        self._schema = schema
        self._derive = derive
        self.discriminators = discriminators(schema)
        self._absent = [_ABSENT] * len(self.discriminators)
        self._memo: dict[tuple[Any, ...], T] = {}
        self._fixed: T | None = None if self.discriminators else derive(_resolved(schema, {}))

    def __call__(self, value: Mapping[str, Any]) -> T:
        """What was derived from the shape that holds for this object."""
        if self._fixed is not None:
            return self._fixed
        values = tuple(map(value.get, self.discriminators, self._absent))
        key = (*values, *map(type, values))  # in JSON true is not 1
        try:
            return self._memo[key]
        except KeyError:
            derived = self._derive(_resolved(self._schema, value))
        except TypeError:  # an unhashable value where a word belongs: a broken message, not worth remembering
            return self._derive(_resolved(self._schema, value))
        if any(isinstance(value, str | bytes) and len(value) > _MEMO_TEXT for value in values):
            return derived  # no word a rule looks for is that long, and memory is limited
        if len(self._memo) >= _MEMO_LIMIT:
            self._memo.clear()
        self._memo[key] = derived
        return derived


_ABSENT = object()


def shape_of(schema: Schema, value: Mapping[str, Any]) -> Shape:
    """The shape of `value`'s object schema, given the properties it has so far."""
    return _INDEXES(schema)(value)


def _index(schema: Schema) -> ShapeIndex[Shape]:
    return ShapeIndex(schema, lambda shape: shape)


_INDEXES: Remembered[Schema, ShapeIndex[Shape]] = Remembered(_index)


def _resolved(schema: Schema, value: Mapping[str, Any]) -> Shape:
    flat = _flatten(schema, value)
    return Shape(
        flat.get("properties", {}), frozenset(flat.get("required", ())), flat.get("additionalProperties") is False, flat
    )


def _flatten(schema: Schema, value: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {key: inner for key, inner in schema.items() if key not in ("allOf", "if", "then", "else")}
    for part in schema.get("allOf", ()):
        flat = merge(flat, _flatten(part, value))
    if "if" in schema:
        branch = schema.get("then") if condition(schema["if"])(value) else schema.get("else")
        if branch:
            flat = merge(flat, _flatten(branch, value))
    return flat


def _question(schema: Schema) -> Callable[[Any], bool]:
    asked: Callable[[Any], bool] = jsonschema_rs.Draft202012Validator(dict(schema)).is_valid
    return asked


condition: Remembered[Schema, Callable[[Any], bool]] = Remembered(_question)
"""A schema compiled as a yes-or-no question; compiled once per schema object."""


def fits(when: Mapping[str, Schema], asked: Mapping[str, Any]) -> bool:
    """Whether what is asked (role -> value) meets every condition of an `x-when` (request role -> schema)."""
    return all(condition(wanted)(asked.get(role)) for role, wanted in when.items())


def discriminators(schema: Schema) -> tuple[str, ...]:
    """The properties whose values decide which conditional parts of `schema` hold."""
    return tuple(dict.fromkeys(name for question in _questions(schema) for name in _looked_at(question)))


def _questions(schema: Schema) -> Iterator[Schema]:
    """Every `if` of a schema, those inside its branches too."""
    if "if" in schema:
        yield schema["if"]
    for part in (*schema.get("allOf", ()), schema.get("then", {}), schema.get("else", {})):
        if part:
            yield from _questions(part)


def _looked_at(question: Schema) -> Iterator[str]:
    yield from question.get("properties", ())
    yield from question.get("required", ())
    for part in (
        question.get("not", {}),
        *(part for key in ("allOf", "anyOf", "oneOf") for part in question.get(key, ())),
    ):
        if part:
            yield from _looked_at(part)
    yield from (name for inner in _questions(question) for name in _looked_at(inner))


def is_object(schema: Schema) -> bool:
    """Whether `schema` describes an object whose properties are named."""
    return "object" in types_of(schema) or ("properties" in schema and not types_of(schema))
