"""Places: where in a body something of a role is said, or could be, however deep inside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from spec.language import Schema
from spec.reader import could_be
from spec.shapes import is_object, shape_of


@dataclass(frozen=True, slots=True)
class Place:
    """One place in a body: the keys and numbers that lead there, its schema, and what stands there (None: nothing)."""

    path: tuple[str | int, ...]
    schema: Schema
    value: Any


def places(schema: Schema, value: Mapping[str, Any], role: str, path: tuple[str | int, ...] = ()) -> Iterator[Place]:
    """Every place of a role in a body, those nothing forbids: in its objects and in what stands in its lists."""
    shape = shape_of(schema, value)
    for name, inner in shape.properties.items():
        if shape.forbids(name) or "never" in inner.get("x-said", {}):
            continue
        now = value.get(name)
        if inner.get("x-role") == role:
            yield Place((*path, name), inner, now)
        elif said := _alternative(inner, role, now):
            yield Place((*path, name), said, now)
        elif is_object(inner) and isinstance(now, Mapping | None):
            yield from places(inner, now or {}, role, (*path, name))
        elif isinstance(now, list) and is_object(inner.get("items", {})):
            for number, one in enumerate(now):
                if isinstance(one, Mapping):
                    yield from places(inner["items"], one, role, (*path, name, number))


def _alternative(schema: Schema, role: str, value: Any) -> Schema | None:
    """The alternative of a schema that a value is said by, where it says a role."""
    branches = [*schema.get("anyOf", ()), *schema.get("oneOf", ())] if value is not None else []
    return next((one for one in branches if one.get("x-role") == role and could_be(one, value)), None)


def put(value: Any, path: tuple[str | int, ...], part: Any) -> Any:
    """A copy of a body with this part at a place, and the objects around it made where there are none."""
    if not path:
        return part
    key, *rest = path
    if isinstance(key, int):
        return [put(one, tuple(rest), part) if number == key else one for number, one in enumerate(value)]
    return {**(value or {}), key: put((value or {}).get(key), tuple(rest), part)}
