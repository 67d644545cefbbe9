"""Patterns: what a value must look like, in the short form the drift catalogue is written in.

A pattern is JSON Schema in shorthand: a scalar is that value; a list is any of its patterns; a mapping needs each of
its members, which match; `~text` is a regular expression; `$absent` forbids a member; `{$schema: ...}` is JSON Schema
as it stands. Where the value is a list, one of its items has to match.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import jsonschema_rs
import orjson

ABSENT = "$absent"
_SCHEMA = "$schema"


def schema_of(pattern: Any) -> dict[str, Any]:
    """A pattern as JSON Schema."""
    if isinstance(pattern, list):
        return {"anyOf": [schema_of(one) for one in pattern]}
    if isinstance(pattern, Mapping):
        if _SCHEMA in pattern:
            return dict(pattern[_SCHEMA])
        wanted = {name: inner for name, inner in pattern.items() if inner != ABSENT}
        unwanted = [name for name, inner in pattern.items() if inner == ABSENT]
        return _or_an_item(
            {
                "type": "object",
                "required": list(wanted),
                "properties": {name: schema_of(inner) for name, inner in wanted.items()},
                "not": {"anyOf": [{"required": [name]} for name in unwanted]} if unwanted else False,
            }
        )
    if isinstance(pattern, str) and pattern.startswith("~"):
        return _or_an_item({"type": "string", "pattern": pattern[1:]})
    return _or_an_item({"const": pattern})


def _or_an_item(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "array", "contains": schema}]}


def matches(pattern: Any, value: Any) -> bool:
    """Whether a value looks like this."""
    return _compiled(orjson.dumps(pattern)).is_valid(value)


@cache
def _compiled(pattern: bytes) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(schema_of(orjson.loads(pattern)))
