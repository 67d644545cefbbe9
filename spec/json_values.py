"""JSON as a value: strictly, and no deeper than what reads it can go."""

from __future__ import annotations

from typing import Any

import orjson

_DEEPEST = 100  # levels; validators and explanations are recursive, and no request of any family has ten


class Undecodable(Exception):
    """A body is not what its content type says; the text is half a sentence for a person."""


def decode_json(text: bytes) -> Any:
    """The value of a JSON text (no NaN, no lone surrogates, at most 100 levels). Raises Undecodable."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Undecodable(f"{error.msg} at line {error.lineno}, column {error.colno}") from error
    if text.count(b"[") + text.count(b"{") > _DEEPEST and _depth(value) > _DEEPEST:
        raise Undecodable(f"it is nested more than {_DEEPEST} levels deep")
    return value


def _depth(value: Any) -> int:
    """How many arrays and objects lie in each other, up to one more than is allowed."""
    level, depth = [value], 0
    while level and depth <= _DEEPEST:
        inner = [part.values() if isinstance(part, dict) else part for part in level if isinstance(part, dict | list)]
        level, depth = [part for parts in inner for part in parts], depth + bool(inner)
    return depth
