"""One verb of the contract language: read what a value means.

`Reader(schema).read(value)` yields every meaning found in a message, whichever provider's shape it has, also in
messages that break the contract. `Reader(schema).asked(value)` is its fast form for requests: role -> value in our
units, defaults filled in. `spec/writer.py` is the inverse. Rules: `spec/README.md`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spec.language import Schema, escape, types_of, walk
from spec.shapes import Shape, ShapeIndex, is_object, shape_of
from spec.units import inward, resolution

JSON_TYPES: dict[type, str] = {
    dict: "object",
    list: "array",
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    type(None): "null",
}


@dataclass(frozen=True, slots=True)
class Meaning:
    """One value that means something: its role, where it stands (JSON pointer), and the value in our units."""

    role: str
    pointer: str
    value: Any
    raw: Any


class Reader:
    """Reads meanings out of values of one schema."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._plans: ShapeIndex[Plan] | None = ShapeIndex(schema, plan_of) if is_object(schema) else None

    def asked(self, value: Mapping[str, Any]) -> tuple[dict[str, Any], Sequence[tuple[str, Mapping[Any, Any]]]]:
        """Roles of a request object in our units, defaults for what is absent or null; and what words resolve to.

        The second part lists (role, table): a word in the table (`auto`) stands for the table's value, in our units.
        """
        if self._plans is None:
            return {meaning.role: meaning.value for meaning in self.read(value)}, ()
        return self._plans(value).asked(value)

    def read(self, value: Any, pointer: str = "") -> Iterator[Meaning]:
        """Every meaning in `value`, as far as it can be read; each (role, pointer) once."""
        seen: set[tuple[str, str]] = set()
        for meaning in _read(self._schema, value, pointer):
            if (meaning.role, meaning.pointer) not in seen:
                seen.add((meaning.role, meaning.pointer))
                yield meaning


def _add_parts(roles: dict[str, Any], plan: Plan, value: Mapping[str, Any]) -> None:
    """Add what texts say besides themselves, and what is said in lists: that is a list, too."""
    for name, schema in plan.texts:
        if isinstance(text := value.get(name), str):
            roles.update({m.role: m.value for m in _read(schema, text, "") if m.role != schema.get("x-role")})
    for name, inner in plan.lists:
        if isinstance(value.get(name), list):
            for meaning in inner.read(value[name]):
                roles.setdefault(meaning.role, []).append(meaning.value)
            if isinstance(texts := roles.get("prompt"), list):  # said in parts, it is one all the same
                roles["prompt"] = "\n".join(map(str, texts))


def _read(schema: Schema, value: Any, pointer: str) -> Iterator[Meaning]:
    role = schema.get("x-role")
    if role is not None and value is not None:
        convert = inward(role, schema)
        yield Meaning(role, pointer, value if convert is None else convert(value), value)
    if isinstance(value, str) and "x-parts" in schema:
        for inner, part in _said_in(value, schema):
            told = inward(inner["x-role"], inner)
            yield Meaning(inner["x-role"], pointer, part if told is None else told(part), part)
    if isinstance(value, dict):
        yield from _read_object(schema, value, pointer)
    elif isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            yield from _read(schema["items"], item, f"{pointer}/{index}")
    for branch in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        if could_be(branch, value):
            yield from _read(branch, value, pointer)


def _said_in(text: str, schema: Schema) -> Iterator[tuple[Schema, str]]:
    """What a text says besides itself: the parts of its schema that are found in it, with what they find."""
    for part in schema["x-parts"]:
        if match := re.search(part["pattern"], text):
            yield part, match[1]


def _read_object(schema: Schema, value: dict[str, Any], pointer: str) -> Iterator[Meaning]:
    conditional = "allOf" in schema or "if" in schema
    properties = shape_of(schema, value).properties if conditional else schema.get("properties", {})
    for name, inner in properties.items():
        if name in value:
            yield from _read(inner, value[name], f"{pointer}/{escape(name)}")
    extra = schema.get("additionalProperties")
    if isinstance(extra, Mapping):
        for name, part in value.items():
            if name not in properties:
                yield from _read(extra, part, f"{pointer}/{escape(name)}")


def could_be(schema: Schema, value: Any) -> bool:
    """Whether a value is of a type that a schema names, or it names none."""
    types = types_of(schema)
    name = JSON_TYPES.get(type(value), "")  # a body that is no JSON comes as bytes
    return not types or name in types or (name == "integer" and "number" in types)


@dataclass(frozen=True, slots=True)
class Plan:
    """How to read what a request asks: a shape, flattened for speed.

    Defaults in our units; property -> (role, conversion); words and what they mean.

    `nested` are the objects with roles inside, `lists` the arrays: what is said there is said several times; `texts`
    say more than themselves. `rivals` are the properties of one role, what counts first in front.
    """

    defaults: dict[str, Any]
    fields: Mapping[str, tuple[str, Callable[[Any], Any] | None]]
    resolves: tuple[tuple[str, Mapping[Any, Any]], ...]
    nested: tuple[tuple[str, Reader], ...]
    lists: tuple[tuple[str, Reader], ...]
    texts: tuple[tuple[str, Schema], ...]
    rivals: tuple[tuple[str, tuple[str, ...]], ...]

    def asked(self, value: Mapping[str, Any]) -> tuple[dict[str, Any], Sequence[tuple[str, Mapping[Any, Any]]]]:
        """What `Reader.asked` says of an object of this shape."""
        roles = self.defaults.copy()
        fields = self.fields
        for name, found in value.items():
            if found is not None and (known := fields.get(name)) is not None:
                role, convert = known
                roles[role] = found if convert is None else convert(found)
        for role, names in self.rivals:
            if role in roles:
                self._settle(role, names, value, roles)
        resolves = self.resolves
        for name, inner in self.nested:
            part = value.get(name)
            below, words = inner.asked(part if isinstance(part, dict) else {})
            roles.update(below)
            resolves = (*resolves, *words)
        if self.texts or self.lists:
            _add_parts(roles, self, value)
        return roles, resolves

    def _settle(self, role: str, names: Sequence[str], value: Mapping[str, Any], roles: dict[str, Any]) -> None:
        """Of several properties of one role the first that is not empty speaks."""
        for name in names:
            if (found := value.get(name)) is not None and found != "":
                convert = self.fields[name][1]
                roles[role] = found if convert is None else convert(found)
                return
        del roles[role]
        if role in self.defaults:
            roles[role] = self.defaults[role]


def plan_of(shape: Shape) -> Plan:
    """A shape as a plan."""
    defaults: dict[str, Any] = {}
    fields: dict[str, tuple[str, Callable[[Any], Any] | None]] = {}
    resolves, nested, lists = [], [], []
    for name, schema in shape.properties.items():
        role = schema.get("x-role")
        if role is not None:
            convert = _listed if role == "input-image" else inward(role, schema)
            fields[name] = (role, convert)
            if (default := schema.get("default")) is not None:
                defaults[role] = convert(default) if convert else default
            if table := schema.get("x-resolves"):
                resolves.append((role, {word: resolution(to, convert) for word, to in table.items()}))
        if (role is None or is_object(schema)) and any(
            "x-role" in part for _, part in walk(schema) if part is not schema
        ):
            if is_object(schema):
                nested.append((name, Reader(schema)))
            elif "items" in schema:
                lists.append((name, Reader(schema)))
    texts = tuple((name, schema) for name, schema in shape.properties.items() if "x-parts" in schema)
    said = {role: tuple(name for name, (other, _) in fields.items() if other == role) for role, _ in fields.values()}
    rivals = tuple((role, names) for role, names in said.items() if len(names) > 1 and role != "input-image")
    return Plan(defaults, fields, tuple(resolves), tuple(nested), tuple(lists), texts, rivals)


def _listed(value: Any) -> list[Any]:
    """What may be said several times is always a list."""
    return [value]
