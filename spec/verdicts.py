"""Schemas as yes-or-no questions, compiled once: a message that keeps the contract is accepted in microseconds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from spec.contract import Operation
from spec.language import Schema
from spec.shapes import Shape, ShapeIndex, is_object
from spec.units import FORMAT_PATTERNS


def verdict(operation: Operation, schema: Schema) -> Callable[[Any], bool]:
    """A schema as a yes-or-no question, asked without calling back into Python where a pattern can do it."""
    is_valid: Callable[[Any], bool] = operation.compile(_with_patterns(schema)).is_valid
    return is_valid


def _with_patterns(node: Any) -> Any:
    if isinstance(node, list):
        return [_with_patterns(item) for item in node]
    if not isinstance(node, Mapping):
        return node
    found = {key: _with_patterns(value) for key, value in node.items()}
    pattern = FORMAT_PATTERNS.get(found["format"]) if isinstance(found.get("format"), str) else None
    if pattern is not None:
        del found["format"]
        found["allOf"] = [*found.get("allOf", ()), {"pattern": pattern}]
    return found


class BodyVerdict:
    """Whether a body keeps its schema, asked of the shape that holds for it: without conditionals, it is short.

    A property test holds it to the verdict of the whole schema.
    """

    def __init__(self, operation: Operation, schema: Schema) -> None:
        self._operation = operation
        self._known: dict[bytes, Callable[[Any], bool]] = {}
        self._by_shape = ShapeIndex(schema, self.of) if is_object(schema) else None
        self._whole = verdict(operation, schema)

    def of(self, shape: Shape) -> Callable[[Any], bool]:
        """The question for objects of this shape."""
        # Many values make one shape, such as every text where one word is looked for.
        content = orjson.dumps(shape.schema)
        if content not in self._known:
            self._known[content] = verdict(self._operation, shape.schema)
        return self._known[content]

    def __call__(self, value: Any) -> bool:
        """Yes or no."""
        return (self._whole if self._by_shape is None or type(value) is not dict else self._by_shape(value))(value)
