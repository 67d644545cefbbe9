"""Variations: a planned request again with one thing changed, so that what is ignored shows.

Sizes, counts, formats and deliveries are varied by the plan itself. What it varies at random, or not at all, is varied
here: the prompt, the pictures given, and what changes a picture without changing its shape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import cycle
from typing import Any

from contract_tests.cases import Case, expected_images, inputs, with_value
from contract_tests.mutations import unfit_pictures
from contract_tests.pictures import GALLERY, bytes_given, drawn, instead, measured, resized
from contract_tests.places import places, put
from contract_tests.sizes import boundary_sizes
from contract_tests.valid_cases import replaced
from contract_tests.wording import PROMPTS, said_besides
from spec.language import INPUT_ROLES, Schema, walk
from spec.request_check import request_check
from spec.units import parse_size

#: nothing else shows whether these are heard, and each is a MUST: they come right behind the first pictures
_GIVEN = ("input-image", "mask")
_PARTIALS = 2
_ENOUGH = 10  # pictures of one operation: who has paid for so many may pay for more at once
_COARSER = 4  # times as coarse as the grid of sizes that is allowed: 64 pixels for 16
_TWO = 2  # pictures: the fewest that are several
_LOSSY = ("jpeg", "webp")
#: these come when the plan has shown what it can
_LATER = ("seed", "style", "compression", "quality")


def with_variations(planned: list[Case]) -> list[Case]:
    """A plan with variations of its cases.

    Behind the first case: several pictures for another prompt, to come in another way. Behind the second, which has a
    mask where there are any: other pictures given, then several of them at once; there the several that are made come
    after these. At the end: what changes a picture but not its shape. Who asks for two pictures later on asks for more:
    of those some may be lost, or no more than four be made at once.
    """
    planned = [*_asking_for_more(_off_the_grid(_with_levels(planned)))]
    given = [found for role in _GIVEN if (found := _first(planned, role)) is not None]
    several = [found for found in (_several(planned),) if found is not None]
    later = [found for role in _LATER if (found := _first(planned, role)) is not None]
    together = [case for case in planned if len(case.asked.get("input-image") or ()) > 1][:1]
    begin = [*planned[:2], *given, *together, *several] if given else [*_told_how([*planned[:1], *several])]
    planned = planned[1:] if begin and not given else planned
    return list({case.key: case for case in (*begin, *planned, *later)}.values())


def _told_how(first: list[Case]) -> Iterator[Case]:
    """The same cases, each told how its pictures shall come, every time in another way, where they may be."""
    for number, case in enumerate(first):
        known = case.operation.body.get(case.request.media, {}).get("properties", {})
        ways = {name: [word for word in inner.get("enum", ()) if word is not None]
                for name, inner in known.items() if inner.get("x-role") == "delivery"}  # fmt: skip
        told = {name: words[number % len(words)] for name, words in ways.items() if words}
        other = with_value(case, {**case.request.value, **told}) if told else case
        yield other if request_check(other.contract, other.operation).accepts(other.request) else case


def with_a_stream(planned: list[Case]) -> list[Case]:
    """The same plan; of the first pictures that are made from others than the first case's, one comes in a stream.

    So what streams of edits are like is seen for no more pictures: whatever is asked of an edit is asked of it, too.
    """
    first = planned[0].asked.get("input-image") if planned else None
    for place, case in enumerate(planned):
        if first is not None and case.asked.get("input-image") != first and (other := streaming(case)) is not None:
            return [*planned[:place], other, *planned[place + 1 :]]
    return planned


def streaming(case: Case) -> Case | None:
    """The same request for one picture, answered by events, unfinished ones first; None where it cannot be."""
    known = case.operation.body.get(case.request.media, {}).get("properties", {})
    told = {
        name: value
        for role, value in (("stream", True), ("partial-count", _PARTIALS))
        for name, inner in known.items()
        if inner.get("x-role") == role
    }
    if not told or case.asked.get("count", 1) != 1:
        return None
    other = with_value(case, {**case.request.value, **told})
    return other if request_check(other.contract, other.operation).accepts(other.request) else None


def _off_the_grid(planned: Iterable[Case]) -> Iterator[Case]:
    """The same cases; the first but two that may have any size asks for one that coarser grids do not have."""
    left = True
    for place, case in enumerate(planned):
        other = _beside_the_grid(case) if left and place >= _TWO else None
        left = left and other is None
        yield other or case


def _beside_the_grid(case: Case) -> Case | None:
    """The same request for another size, if any size may be asked for."""
    schema = case.operation.body.get(case.request.media, {})
    if not isinstance(case.asked.get("size"), tuple) or not isinstance(case.request.value, dict):
        return None
    rules = [part["x-size-rule"] for _, part in walk(schema) if "x-size-rule" in part]
    sizes = [text for rule in rules for text in boundary_sizes(rule) if _is_off_the_grid(text, rule)]
    for place in places(schema, case.request.value, "size"):
        for text in sizes:
            other = with_value(case, put(case.request.value, place.path, text))
            if request_check(other.contract, other.operation).accepts(other.request):
                return other
    return None


def _is_off_the_grid(text: str, rule: Mapping[str, int]) -> bool:
    size, grid = parse_size(text), _COARSER * rule.get("multiple", 1)
    return isinstance(size, tuple) and any(edge % grid for edge in size)


def _with_levels(planned: list[Case]) -> Iterator[Case]:
    """The same cases, those in a lossy format told by turns to be compressed little and much, where they may be."""
    levels = cycle((15, 95))  # what ignores it compresses little: the first of them shows that
    for case in planned:
        known = case.operation.body.get(case.request.media, {}).get("properties", {})
        told = [name for name, inner in known.items() if inner.get("x-role") == "compression"]
        if not told or case.asked.get("output-format") not in _LOSSY or case.asked.get("compression", 100) != 100:
            yield case
            continue
        other = with_value(case, {**case.request.value, told[0]: next(levels)})
        yield other if request_check(other.contract, other.operation).accepts(other.request) else case


def _asking_for_more(planned: Iterable[Case]) -> Iterator[Case]:
    """The same cases, but the first that asks for two pictures asks for half of what it may, behind `_ENOUGH`."""
    left, many, made = list(planned), None, 0
    if first := next((case for case in left if case.asked.get("count") == _TWO), None):
        left.remove(first)
        many = _asking_for(first, _half_of_the_most)
    for case in left:
        if many is not None and made >= _ENOUGH:
            yield many
            many = None
        told = _asking_for(case, lambda _: _TWO + 1) if case.asked.get("count") == _TWO else case
        yield told
        made += expected_images(told)
    if many is not None:
        yield many


def _half_of_the_most(schema: Schema) -> int:
    return max(_TWO + 1, int(schema.get("maximum", 0)) // 2)


def _asking_for(case: Case, wanted: Callable[[Schema], int]) -> Case:
    """The same request for as many pictures as are wanted, if it may be."""
    schema = case.operation.body[case.request.media]
    for place in places(schema, case.request.value, "count"):
        other = with_value(case, put(case.request.value, place.path, wanted(place.schema)))
        if request_check(other.contract, other.operation).accepts(other.request):
            return other
    return case


def _first(planned: list[Case], role: str) -> Case | None:
    """A variation of the first case that has one."""
    return next((found for case in planned if (found := varied(case, role)) is not None), None)


def _several(planned: list[Case]) -> Case | None:
    """Two pictures where one was asked for, and another prompt; where there can only be one, just the prompt."""
    more = _first(planned, "count")
    return (varied(more, "prompt") or more) if more is not None else _first(planned, "prompt")


def varied(case: Case, role: str) -> Case | None:
    """The same request, valid, with another value of one role; None where there is none."""
    if not isinstance(case.request.value, dict) or case.request.media not in case.operation.body:
        return None
    for value in _others(case, role):
        other = with_value(case, value)
        fits = request_check(other.contract, other.operation).accepts(other.request) and not any(unfit_pictures(other))
        if fits and other.key != case.key:
            return other
    return None


def _others(case: Case, role: str) -> Iterator[dict[str, Any]]:
    """Bodies with another value of a role."""
    value = case.request.value
    if role in INPUT_ROLES:
        yield from _other_pictures(case, role)
        return
    for place in places(case.operation.body[case.request.media], value, role):
        yield from (put(value, place.path, other) for other in _VALUES[role](case, place.schema, place.value))


def _other_pictures(case: Case, role: str) -> Iterator[dict[str, Any]]:
    """Bodies in which the last picture of a role shows something else, of the same size."""
    given = [one for one in inputs(case.operation, case.request.media)(case.request.value) if one.role == role]
    for one in reversed(given):
        data = bytes_given(one.value)
        if data is None or (picture := measured(data)) is None:
            continue
        for turned in (True, False):
            data = drawn(replace(picture, turned=turned))
            yield replaced(case.request.value, one.param, instead(one.value, data))
        for other in GALLERY:
            if (changed := resized(other, picture)) != picture and other.format == picture.format:
                yield replaced(case.request.value, one.param, instead(one.value, drawn(changed)))


def _prompts(_: Case, schema: Schema, now: Any) -> Iterable[Any]:
    besides = said_besides(schema, now) if isinstance(now, str) else []
    words = now
    for said in besides:
        words = words.replace(said, "").strip()
    # Where a cache looks at the beginning only, an ending that differs shows it.
    others = [f"{words}, with a red boat", *(prompt for prompt in PROMPTS if prompt != words)]
    return [" ".join([other, *besides]) for other in others]


def _counts(_: Case, schema: Schema, now: Any) -> Iterable[Any]:
    return [_TWO] if schema.get("default", 1) == 1 and now in (None, 1) else []


def _seeds(_: Case, schema: Schema, now: Any) -> Iterable[Any]:
    least = schema.get("minimum", 1)
    return [seed for seed in (least, least + 1) if seed != now] if now is not None else []


def _listed(_: Case, schema: Schema, now: Any) -> Iterable[Any]:
    return [value for value in schema.get("enum", ()) if value is not None and value != now] if now is not None else []


def _levels(case: Case, _: Schema, __: Any) -> Iterable[Any]:
    if case.asked.get("output-format") not in _LOSSY:
        return []
    return [10] if case.asked.get("compression", 100) >= 60 else [100]


def _qualities(_: Case, schema: Schema, now: Any) -> Iterable[Any]:
    listed = schema.get("enum", ())
    return ["low"] if now == "high" and "low" in listed else []


_VALUES: dict[str, Callable[[Case, Schema, Any], Iterable[Any]]] = {
    "prompt": _prompts,
    "count": _counts,
    "seed": _seeds,
    "style": _listed,
    "compression": _levels,
    "quality": _qualities,
}
