"""The other verb of the contract language: write what is meant as a value.

`Writer(schema).write(source)` fills a schema from a Source, whichever provider's shape it has; `spec/reader.py` is its
inverse. Rules: `spec/README.md`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from spec.language import REPEATS, Schema, walk
from spec.shapes import fits, is_object, shape_of
from spec.units import outward


class Source(Protocol):
    """What a Writer fills a schema from. `get` answers a role with a value in our units, or None."""

    def each(self, kind: str) -> Sequence[Source]:
        """One source per one of `REPEATS`; each answers its own roles and falls back to this source."""

    def get(self, role: str) -> Any:
        """The value of `role` in our units, or None where there is none."""


@dataclass(slots=True)
class Values:
    """A Source made of plain dictionaries: for answers without pictures, and for tests."""

    roles: Mapping[str, Any]
    images: Sequence[Source] = field(default_factory=tuple)
    models: Sequence[Source] = field(default_factory=tuple)
    tasks: Sequence[Source] = field(default_factory=tuple)
    actions: Sequence[Source] = field(default_factory=tuple)
    descriptions: Sequence[Source] = field(default_factory=tuple)

    def each(self, kind: str) -> Sequence[Source]:
        """See Source."""
        found: Sequence[Source] = getattr(self, kind)  # each of REPEATS has its field
        return found

    def get(self, role: str) -> Any:
        """See Source."""
        return self.roles.get(role)


class Unfillable(Exception):
    """A required part of a schema has no role value, const, default or null to be filled with."""


class _Missing:
    """The mark for "nothing to write here"; its only instance is MISSING."""


MISSING = _Missing()
_Write = Callable[[Source], Any]
_Convert = Callable[[Any], Any]
_SPECIALISED_LIMIT = 1024


class Writer:
    """Writes values of one schema from a Source.

    Which parts belong to an answer (`x-when`) depends on a few words of the request, the model first of all; a writer
    is compiled once for each combination of them.
    """

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        parts = [found for _, found in walk(schema)]
        self.roles = frozenset(found["x-role"] for found in parts if "x-role" in found)
        #: what is written whatever comes of a request, None where that depends
        self.constant = None if self.roles or "x-when" in schema else schema.get("const", schema.get("default"))
        self._conditions = tuple({role: None for found in parts for role in found.get("x-when", ())})
        self._specialised: dict[tuple[Any, ...], _Write] = {}

    def write(self, source: Source, asked: Mapping[str, Any]) -> Any:
        """The value of this schema; `asked` (role -> value) decides the parts under `x-when`.

        Raises Unfillable when a required part cannot be filled.
        """
        words = [asked.get(role) for role in self._conditions]
        key = (*words, *map(type, words))  # in JSON true is not 1
        try:
            write = self._specialised.get(key)
        except TypeError:  # a list or an object: not worth remembering
            write = _writer(self._schema, asked)
        if write is None:
            if len(self._specialised) >= _SPECIALISED_LIMIT:
                self._specialised.clear()
            write = self._specialised[key] = _writer(self._schema, asked)
        value = write(source)
        if value is MISSING:
            raise Unfillable("no alternative of this schema can be filled from this outcome")
        return value


def _writer(schema: Schema, asked: Mapping[str, Any]) -> _Write:
    """The compiled form of the five rules: role, default, null, left out, else not fillable (MISSING)."""
    if not holds(schema, asked):
        return _Same(MISSING)
    if "x-role" in schema:
        return _role_writer(schema)
    if "const" in schema:
        return _Same(schema["const"])
    if is_object(schema):
        return _object_writer(schema, asked)
    alternatives = [*schema.get("oneOf", ()), *schema.get("anyOf", ())]
    if alternatives:
        writers = [_writer(branch, asked) for branch in alternatives]
        return _first_of([write for write in writers if not _never(write)], _fallback(schema))
    if "items" in schema:
        return _array_writer(schema, asked)
    return _Same(_fallback(schema))


def holds(schema: Schema, asked: Mapping[str, Any]) -> bool:
    """Whether this part belongs to answers of such a request (`x-when`)."""
    return fits(schema.get("x-when", {}), asked)


@dataclass(frozen=True, slots=True)
class _Same:
    """Writes the same whatever comes of a request."""

    value: Any

    def __call__(self, _: Source) -> Any:
        # each answer its own: a drift may change it in place
        return copy.deepcopy(self.value) if isinstance(self.value, dict | list) else self.value


def _never(write: _Write | None) -> bool:
    """Whether this can never be filled."""
    return isinstance(write, _Same) and write.value is MISSING


def _fallback(schema: Schema) -> Any:
    """What stands where no value is known: the default, or null where null is allowed."""
    if "default" in schema:
        return schema["default"]
    named = schema.get("type", ())
    return None if "null" in ([named] if isinstance(named, str) else named) else MISSING


def _role_writer(schema: Schema) -> _Write:
    role, convert, fallback = _role_part(schema)

    def write(source: Source) -> Any:
        value = source.get(role)
        if value is None:
            return fallback
        return value if convert is None else convert(value)

    return write


#: what is written for a role that says again what another one says
_WRITTEN_AS: Mapping[str, str] = {"same-image-url": "image-url"}


def _role_part(schema: Schema) -> tuple[str, _Convert | None, Any]:
    """What writing a schema with a role takes: the role, the conversion, and what stands where there is no value."""
    said: str = schema["x-role"]
    role = _WRITTEN_AS.get(said, said)
    return role, outward(role, schema), _fallback(schema)


def _first_of(writers: list[_Write], fallback: Any) -> _Write:
    def write(source: Source) -> Any:
        for writer in writers:
            value = writer(source)
            if value is not MISSING:
                return value
        return fallback

    return write


def _object_writer(schema: Schema, asked: Mapping[str, Any]) -> _Write:
    fallback = _fallback(schema)
    shape = shape_of(schema, {})
    parts = {name: inner for name, inner in shape.properties.items() if holds(inner, asked)}
    # A plain role is written in the loop below, without a call for it: most properties are one.
    members = [(name, name in shape.required, *_member(inner, asked)) for name, inner in parts.items()]
    if not shape.required <= parts.keys() or any(required and _never(write) for _, required, write, *_ in members):
        return _Same(fallback)
    members = [member for member in members if not _never(member[2])]
    either = [frozenset(branch.get("required", ())) for key in ("anyOf", "oneOf") for branch in schema.get(key, ())]

    def write(source: Source) -> Any:
        filled: dict[str, Any] = {}
        get = source.get
        for name, required, writer, role, convert, default in members:
            if writer is not None:
                value = writer(source)
            elif (value := get(role)) is None:
                value = default
            elif convert is not None:
                value = convert(value)
            if value is not MISSING:
                filled[name] = value
            elif required:
                return fallback
        if either and not any(names <= filled.keys() for names in either):
            return fallback
        return filled if filled or (fallback is MISSING and not parts) else fallback

    return write


def _member(schema: Schema, asked: Mapping[str, Any]) -> tuple[_Write | None, str, _Convert | None, Any]:
    """A property as the loop of an object's writer takes it: a writer, or else what `_role_part` says."""
    return (None, *_role_part(schema)) if "x-role" in schema else (_writer(schema, asked), "", None, None)


def _array_writer(schema: Schema, asked: Mapping[str, Any]) -> _Write:
    fallback = _fallback(schema)
    item = _writer(schema["items"], asked)
    held = {found.get("x-role") for _, found in walk(schema["items"])}
    kind = next((kind for kind, roles in REPEATS.items() if roles & held), None)
    if kind is None:
        return _one_item(item, fallback) if "error-message" in held else _Same(fallback)
    least = schema.get("minItems", 1)

    def write(source: Source) -> Any:
        items = [item(one) for one in source.each(kind)]
        return items if len(items) >= least and MISSING not in items else fallback

    return write


def _one_item(item: _Write, fallback: Any) -> _Write:
    def write(source: Source) -> Any:
        return fallback if (only := item(source)) is MISSING else [only]

    return write


def alternatives_of(schema: Schema) -> Iterable[Schema]:
    """The alternatives a schema offers at its top, or itself."""
    return (*schema.get("oneOf", ()), *schema.get("anyOf", ())) or (schema,)
