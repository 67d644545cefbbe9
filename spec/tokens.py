"""What a request costs in tokens, counted by the rules of a document's `x-usage`.

The numbers stand in the document; here is how to count with them. `spec/README.md` teaches the rules; the formulas come
from the project's reference on the Images API, section 8. All arithmetic is exact: a rounding too early is a token.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from math import ceil, floor, isqrt
from typing import Any, NamedTuple

import jsonschema_rs

from spec.errors import DocumentError
from spec.grammar import check_schema, check_well_formed
from spec.language import escape
from spec.shapes import condition
from spec.units import Size

#: tokens of one picture of this size that is looked at
InputWay = Callable[[Size], int]
#: tokens of so many pictures of this size and quality; None for a quality the rule does not have
OutputWay = Callable[[int, Size, str], int | None]


def orientation(size: Size) -> str:
    """`square`, `portrait` or `landscape`."""
    width, height = size
    return "square" if width == height else "portrait" if width < height else "landscape"


def tiles(said: Mapping[str, Any]) -> InputWay:
    """The shorter edge is brought to a length, then tiles are counted: a base, and so much for each one begun."""
    edge, tile, base, each = (int(said[key]) for key in ("shorter-edge", "tile", "base", "per-tile"))

    def tokens(size: Size) -> int:
        longer = Fraction(edge * max(size), min(size))
        return base + each * ceil(Fraction(edge, tile)) * ceil(longer / tile)

    return tokens


def patches(said: Mapping[str, Any]) -> InputWay:
    """The longer edge is brought towards a length, but not below a scale and never up; then a token per patch begun.

    A thin picture is padded to the ratio. One of too many patches is shrunk to that area, and only whole ones count.
    """
    patch, limit = int(said["patch"]), int(said["limit"])
    edge, least, ratio = (_exact(said[key]) for key in ("longer-edge", "least-scale", "max-ratio"))

    def tokens(size: Size) -> int:
        longer, shorter = (Fraction(side) for side in (max(size), min(size)))
        scale = max(least, min(edge / longer, Fraction(1))) / patch
        shorter = max(shorter, longer / ratio)
        count = ceil(longer * scale) * ceil(shorter * scale)
        if count <= limit:
            return count
        return isqrt(floor(limit * longer / shorter)) * isqrt(floor(limit * shorter / longer))

    return tokens


def table(said: Mapping[str, Any]) -> OutputWay:
    """So many tokens per picture, by quality and orientation: a size nobody published costs what its like does."""

    def tokens(count: int, size: Size, quality: str) -> int | None:
        row = said.get(quality)
        return None if row is None else count * int(row[orientation(size)])

    return tokens


def grid(said: Mapping[str, Any]) -> OutputWay:
    """A grid whose longer edge the quality decides, weighed with the pixels; rounded once, after multiplying."""
    add, per, edges = int(said["add-pixels"]), int(said["per-pixels"]), said["longer-edge"]

    def tokens(count: int, size: Size, quality: str) -> int | None:
        if quality not in edges:
            return None
        longer = int(edges[quality])
        shorter = floor(Fraction(longer * min(size), max(size)) + Fraction(1, 2))
        return ceil(Fraction(count * longer * shorter * (add + size[0] * size[1]), per))

    return tokens


def _exact(number: float) -> Fraction:
    return Fraction(str(number))  # 0.1 as it is written, not the float next to it


# --- the words of x-usage, each with what it may be -------------------------------------------------

_TOKENS = {"type": "integer", "minimum": 0, "title": "a whole number of tokens"}
_PIXELS = {"type": "integer", "minimum": 1, "title": "a whole number, 1 or more"}
_NUMBER = {"type": "number", "exclusiveMinimum": 0, "title": "a number above 0"}


def _mapping(needed: Mapping[str, Any], perhaps: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    words = {**needed, **(perhaps or {})}
    title = f"a mapping of {', '.join(needed)}" if needed else f"a mapping with one of {', '.join(words)}"
    if needed and perhaps:
        title += f", and perhaps {', '.join(perhaps)}"
    return {
        "type": "object", "title": title, "required": list(needed), "properties": words,
        "additionalProperties": False, **more,
    }  # fmt: skip


def _by_word(inner: Mapping[str, Any], word: str) -> dict[str, Any]:
    return {"type": "object", "title": f"a mapping: {word} -> {inner['title']}", "minProperties": 1,
            "additionalProperties": inner}  # fmt: skip


_BY_ORIENTATION = _mapping({"square": _TOKENS, "portrait": _TOKENS, "landscape": _TOKENS})

INPUT_WAYS: dict[str, tuple[Callable[[Mapping[str, Any]], InputWay], dict[str, Any]]] = {
    "tiles": (tiles, _mapping({"shorter-edge": _PIXELS, "tile": _PIXELS, "base": _TOKENS, "per-tile": _TOKENS})),
    "patches": (
        patches,
        _mapping(
            {
                "patch": _PIXELS,
                "longer-edge": _PIXELS,
                "least-scale": {**_NUMBER, "maximum": 1, "title": "a number above 0, at most 1"},
                "max-ratio": {"type": "number", "minimum": 1, "title": "a number, 1 or more"},
                "limit": _PIXELS,
            }
        ),
    ),
}
OUTPUT_WAYS: dict[str, tuple[Callable[[Mapping[str, Any]], OutputWay], dict[str, Any]]] = {
    "table": (table, _by_word(_BY_ORIENTATION, "quality")),
    "grid": (
        grid, _mapping({"longer-edge": _by_word(_PIXELS, "quality"), "add-pixels": _TOKENS, "per-pixels": _PIXELS}),
    ),
}  # fmt: skip
_ONE = {"minProperties": 1, "maxProperties": 1}
_RULE = _mapping(
    {
        "model": {"type": "object", "title": "a JSON Schema of the model"},
        "text": _mapping({"bytes-per-token": _NUMBER}, {"per-picture": _TOKENS, "per-input-image": _TOKENS}),
        "output": _mapping({}, {name: shape for name, (_, shape) in OUTPUT_WAYS.items()}, **_ONE),
    },
    {
        "input-image": _mapping({}, {name: shape for name, (_, shape) in INPUT_WAYS.items()}, **_ONE),
        "fidelity": _by_word(_BY_ORIENTATION, "fidelity"),
        "per-partial": _TOKENS,
    },
    dependentRequired={"fidelity": ["input-image"]},  # more of nothing would be read by nobody
)
#: what `x-usage` may be, as a JSON Schema; titles say what was expected
SHAPE: dict[str, Any] = {"type": "array", "minItems": 1, "title": "a list of rules", "items": _RULE}
_VALID = jsonschema_rs.Draft202012Validator(SHAPE)


def check_usage(file: str, rules: Any) -> None:
    """Refuse an `x-usage` that is not understood. Raises DocumentError with place and expectation."""
    for error in _VALID.iter_errors(rules):
        where = "".join(f"/{escape(str(part))}" for part in error.instance_path)
        part: Any = SHAPE
        expected = [part["title"]]
        for step in error.schema_path:
            part = part[step]
            if isinstance(part, dict) and "title" in part:
                expected.append(part["title"])
        raise DocumentError(file, f"/x-usage{where}", error.message, expected[-1])
    for index, rule in enumerate(rules):
        where = f"/x-usage/{index}/model"
        check_well_formed(file, where, rule["model"])
        check_schema(file, where, rule["model"], {})


# --- counting ---------------------------------------------------------------------------------------


class _Rule(NamedTuple):
    fits: Callable[[Any], bool]
    bytes_per_token: Fraction
    per_picture: int
    per_input: int
    output: OutputWay
    input: InputWay | None
    fidelity: Mapping[str, Mapping[str, int]]
    per_partial: int


class _Count(NamedTuple):
    """What is known without the prompt."""

    bytes_per_token: Fraction
    text: int
    image: int
    output: int


class Tokens:
    """The rules of one document, compiled; the first one whose model and quality fit counts."""

    def __init__(self, rules: Sequence[Mapping[str, Any]]) -> None:
        """`rules` are a checked `x-usage`; none at all count nothing."""
        self._rules = [_rule(rule) for rule in rules]
        self._kept = lru_cache(maxsize=4096)(self._count)  # by what decides, never by the prompt

    def count(
        self,
        *,
        model: str | None,
        prompt: str,
        count: int,
        size: Size,
        quality: str,
        inputs: Sequence[Size] = (),
        fidelity: str | None = None,
        partials: int = 0,
    ) -> dict[str, int] | None:
        """Tokens by usage role, of `count` pictures of `size` pixels made from `prompt` and the pictures `inputs`.

        `partials` are the unfinished pictures that were really delivered. None where no rule fits. What goes in is
        counted once per picture that comes out.
        """
        kept = self._kept(model, count, size, quality, tuple(inputs), fidelity, partials)
        if kept is None:
            return None
        length = len(prompt) if prompt.isascii() else len(prompt.encode("utf-8", "surrogatepass"))
        per = kept.bytes_per_token
        text = kept.text + count * -(-length * per.denominator // per.numerator)
        return {
            "usage-input": text + kept.image,
            "usage-input-text": text,
            "usage-input-image": kept.image,
            "usage-output": kept.output,
            "usage-output-text": 0,
            "usage-output-image": kept.output,
            "usage-total": text + kept.image + kept.output,
        }

    def _count(
        self,
        model: str | None,
        count: int,
        size: Size,
        quality: str,
        inputs: tuple[Size, ...],
        fidelity: str | None,
        partials: int,
    ) -> _Count | None:
        if min(min(one) for one in (size, *inputs)) < 1:  # an answer may say anything
            return None
        for rule in self._rules:
            if rule.fits(model) and (output := rule.output(count, size, quality)) is not None:
                text = count * (rule.per_picture + rule.per_input * len(inputs))
                more = rule.fidelity.get(fidelity or "", {})
                image = sum(rule.input(one) + int(more.get(orientation(one), 0)) for one in inputs) if rule.input else 0
                return _Count(rule.bytes_per_token, text, count * image, output + partials * rule.per_partial)
        return None


def _rule(said: Mapping[str, Any]) -> _Rule:
    text = said["text"]
    [(way, numbers)] = said["output"].items()
    looked_at = [INPUT_WAYS[name][0](numbers) for name, numbers in said.get("input-image", {}).items()]
    return _Rule(
        condition(said["model"]),
        _exact(text["bytes-per-token"]),
        int(text.get("per-picture", 0)),
        int(text.get("per-input-image", 0)),
        OUTPUT_WAYS[way][0](numbers),
        looked_at[0] if looked_at else None,
        said.get("fidelity", {}),
        int(said.get("per-partial", 0)),
    )
