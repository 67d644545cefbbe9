"""Places in an answer: writing another value where a meaning was read."""

from __future__ import annotations

from typing import Any

from spec.roles import Meaning


def put(value: Any, meaning: Meaning, new: Any) -> None:
    """Replace, inside `value`, what a meaning was read from."""
    *path, last = [int(part) if part.isdigit() else part for part in meaning.pointer.split("/")[1:]]
    for part in path:
        value = value[part]
    value[last] = new
