"""Pictures a caller gives: which rules of the contract (`x-picture`) one has to keep, and whether it does.

Knows rules and facts, not files: whoever has the bytes says what is in them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from spec.language import INPUT_ROLES, Schema, escape
from spec.reader import could_be
from spec.shapes import Shape, ShapeIndex
from spec.violations import Violation, param_name

Facts = Mapping[str, Any]


class Seen(Protocol):
    """What is in a picture: `format` is png, jpeg, webp, gif ...; sizes are pixels, upright."""

    @property
    def format(self) -> str: ...  # noqa: D102
    @property
    def width(self) -> int: ...  # noqa: D102
    @property
    def height(self) -> int: ...  # noqa: D102
    @property
    def alpha(self) -> bool: ...  # noqa: D102
    @property
    def transparent(self) -> bool: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Input:
    """One picture a request gives: its role, its parameter (`image[0]`), what stands there, and the rule for it.

    `value` is a `spec.forms.File` or a text: a URL, a data URL, a file's name; where it is `bare`, a URL or base64.
    `problem` is what breaking the rule is.
    """

    role: str
    param: str
    value: Any
    rule: Mapping[str, Any]
    problem: str
    bare: bool = False


class Inputs:
    """Finds the pictures in the bodies of one schema."""

    def __init__(self, schema: Schema) -> None:
        self._places = ShapeIndex(schema, _places)

    def __call__(self, value: Mapping[str, Any]) -> list[Input]:
        """Every picture a (valid) body gives, in the order of its schema."""
        return [found for name, schema in self._places(value) for found in _found(schema, value.get(name), (name,))]


def _places(shape: Shape) -> list[tuple[str, Schema]]:
    return [(name, schema) for name, schema in shape.properties.items() if _holds_picture(schema)]


def _holds_picture(schema: Schema) -> bool:
    branches = (*schema.get("anyOf", ()), *schema.get("oneOf", ()))
    inner = [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else ()), *branches]
    return schema.get("x-role") in INPUT_ROLES or any(map(_holds_picture, inner))


def _found(
    schema: Schema, value: Any, path: tuple[str | int, ...], rule: Mapping[str, Any] | None = None
) -> Iterator[Input]:
    rule = schema.get("x-picture", rule)
    if value is None:
        return
    if schema.get("x-role") in INPUT_ROLES:
        problem = schema.get("x-problem", {})
        named = problem if isinstance(problem, str) else problem.get("x-picture", "invalid-request")
        bare = schema.get("contentEncoding") == "base64"
        yield Input(schema["x-role"], param_name(path), value, rule or {}, named, bare)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _found(schema.get("items", {}), item, (*path, index), rule)
    elif isinstance(value, dict):
        for name, inner in schema.get("properties", {}).items():
            yield from _found(inner, value.get(name), (*path, name), rule)
    for branch in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        if could_be(branch, value):
            yield from _found(branch, value, path, rule)


def violation(given: Input, seen: Seen, others: Mapping[str, Seen]) -> Violation | None:
    """What is wrong with a picture by its rule; `others` are the first pictures of the other roles."""
    reason = reason_against(given.rule, seen, others)
    return broken(given, reason) if reason else None


def broken(given: Input, reason: str) -> Violation:
    """A picture that cannot be used, for a reason that is half a sentence."""
    pointer = "/" + "/".join(escape(part) for part in given.param.replace("]", "").replace("[", ".").split("."))
    return Violation(given.problem, "body", given.param, reason, "x-picture", pointer, {"reason": reason})


def reason_against(rule: Mapping[str, Any], seen: Seen, others: Mapping[str, Seen]) -> str | None:
    """Why a picture breaks a rule, as half a sentence; None when it keeps it.

    Rule fields: `formats` (a list), `square`, `min-edge` (pixels), `alpha` (has such a channel), `transparent` (some
    pixel is), `like` (of that input's size).
    Source: `reference/openai-images.md` section 3.1.
    """
    formats: Sequence[str] = rule.get("formats", ())
    if formats and seen.format not in formats:
        return f"it is {seen.format}, and one of {', '.join(formats)} is expected"
    if rule.get("square") and seen.width != seen.height:
        return f"it must be square, and is {seen.width}x{seen.height}"
    if min(seen.width, seen.height) < rule.get("min-edge", 0):
        return f"its edges must have {rule['min-edge']} pixels at least, and it is {seen.width}x{seen.height}"
    if rule.get("alpha") and not seen.alpha:
        return "it must have an alpha channel, and has none"
    if rule.get("transparent") and not seen.transparent:
        return "it must have transparent pixels, and has none"
    other = others.get(rule.get("like", ""))
    if other is not None and (seen.width, seen.height) != (other.width, other.height):
        return f"it is {seen.width}x{seen.height}, and must be {other.width}x{other.height} as the image is"
    return None
