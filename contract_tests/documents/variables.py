"""Variables of a Postman collection: `{{name}}` in a text is what the collection says it is.

A variable may stand for a text with variables. One that the collection does not define comes from an environment, as
keys do, and stays as it is; one that starts with `$` (`{{$guid}}`) is made up by Postman for each request.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass

_VARIABLE = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_DEEPEST = 8
_LONGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class Filled:
    """A text with its variables filled in; `unknown` are those that could not be, `back` leads to the first text."""

    text: str
    unknown: frozenset[str]
    back: Callable[[int], int]


def filled(text: str, variables: Mapping[str, str], unknown_as: str | None = None) -> Filled:
    """Fill the variables of a text in; those not known become `unknown_as`, or stay."""
    starts, origins, pieces, unknown = [0], [0], [""], set()
    length = last = 0
    for match in _VARIABLE.finditer(text):
        value = _value(match[1], variables)
        if value is None:
            unknown.add(match[1])
            value = match[0] if unknown_as is None else unknown_as
        before = text[last : match.start()]
        pieces += (before, value)
        starts += (length + len(before), length + len(before) + len(value))
        origins += (match.start(), match.end())
        length, last = starts[-1], match.end()
    pieces.append(text[last:])
    # an offset inside what was filled in leads to the variable, one behind it counts on from the variable's end
    inside = [False, *([True, False] * (len(starts) // 2))]

    def back(offset: int) -> int:
        index = bisect_right(starts, offset) - 1
        return origins[index] if inside[index] else origins[index] + offset - starts[index]

    return Filled("".join(pieces), frozenset(unknown), back)


def _value(name: str, variables: Mapping[str, str], depth: int = 0) -> str | None:
    if name.startswith("$"):
        return "0"
    if name not in variables or depth > _DEEPEST:
        return None
    parts = (_value(inner, variables, depth + 1) for inner in _VARIABLE.findall(variables[name]))
    values = iter(list(parts))
    told = _VARIABLE.sub(lambda match: found if (found := next(values)) is not None else match[0], variables[name])
    return told if len(told) <= _LONGEST else None
