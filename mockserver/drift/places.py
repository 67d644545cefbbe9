"""Places in an answer: what stands there, and writing another value where a meaning was read."""

from __future__ import annotations

from typing import Any

from spec.reader import Meaning


def at(value: Any, pointer: str) -> Any:
    """What stands at a JSON pointer."""
    for part in pointer.split("/")[1:]:
        value = value[int(part) if isinstance(value, list) else part]
    return value


def put(value: Any, meaning: Meaning, new: Any) -> None:
    """Replace, inside `value`, what a meaning was read from."""
    above, _, last = meaning.pointer.rpartition("/")
    holder = at(value, above)
    holder[int(last) if isinstance(holder, list) else last] = new
