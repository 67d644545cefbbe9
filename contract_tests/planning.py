"""Which cases are sent, and in what order: everything that costs nothing, then the cheapest picture, then coverage.

Hypothesis draws valid requests. For refusals each is broken at every place, and each constraint is kept once. For
pictures a greedy choice keeps those that together show every asked value, then every pair of them (model with size,
size with format ...), with as few pictures as possible. Of the images contract's generations 12 pictures show 66 % of
the values and 32 % of their pairs, 40 pictures 96 % and 63 %, 151 all; of its edits 50 % and 22 %, 92 % and 60 %, 174
all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from heapq import heapify, heappop, heappush
from itertools import chain, combinations
from math import fsum
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from contract_tests import backend
from contract_tests.cases import CREDENTIALS, Case, most_images, with_value
from contract_tests.mutations import breaches, labelled, mutants, sample
from contract_tests.places import places, put
from contract_tests.sizes import boundary_sizes
from contract_tests.strategies import ObjectPlan, objects, values
from contract_tests.valid_cases import Allowed, at_default, body_plan, cases, pinned_values, pixels
from contract_tests.variations import streaming, varied
from contract_tests.wording import saying_besides, worded
from spec.contract import Contract, Operation, roles_in
from spec.language import Schema, walk
from spec.request_check import request_check
from spec.shapes import discriminators, is_object, shape_of
from spec.units import parse_size, ratio_of, size_text

_PER_MODEL = 5  # cases drawn of each to choose from
_TRIES = 3  # of one constraint, where something else is broken with it
_COVERED_ROLES = ("model", "size", "quality", "output-format", "background", "delivery", "count", "style", "duration")
_CENTRAL_ROLES = frozenset({"output-format", "background", "delivery", "count", "aspect", "body", "inputs"})
_RICH = 4  # requests of each model that say much at once
_COMMON_SIZES = ("1024x1024", "1536x1024", "1024x1536")  # what people ask for
_PARTIALS = (2, 0, 3)  # unfinished pictures asked for in streams


def collect(strategies: Sequence[st.SearchStrategy[Case]], rounds: int, seed_: int) -> list[Case]:
    """One case of each strategy per round, each kept once; the same seed gives the same cases."""
    found: dict[Any, Case] = {}

    @seed(seed_)
    @settings(
        max_examples=rounds,
        database=None,
        deadline=None,
        backend=backend.NAME,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.tuples(*strategies))
    def draw(drawn: tuple[Case, ...]) -> None:
        for case in drawn:
            found.setdefault(case.key, case)

    if strategies:
        draw()
    return list(found.values())


@lru_cache(maxsize=128)
def refusals(contract: Contract, operation: Operation, seed_: int, models: tuple[str, ...] = ()) -> tuple[Case, ...]:
    """One case for every constraint of the contract on requests to this operation, what could cost least first.

    A constraint that bodies of several media types share is broken in the first of them. `models`: only with these.
    """
    found: dict[Any, Case] = {}
    for media in operation.body or (None,):
        tries: dict[Any, int] = {}
        for valid in _to_be_broken(contract, operation, media, seed_, models):
            for mutant in mutants(valid):
                broken = breaches(mutant)
                if not broken or tries.get(broken, 0) >= _TRIES:
                    continue
                case = labelled(mutant)
                tries[broken] = tries.get(broken, 0) + 1 if case is None else _TRIES
                if case is not None and case.defect is not None:
                    found.setdefault((case.defect.problem, case.defect.param, case.defect.rule or broken), case)
    return tuple(sorted(found.values(), key=_could_cost))


def _to_be_broken(
    contract: Contract, operation: Operation, media: str | None, seed_: int, models: tuple[str, ...]
) -> list[Case]:
    """Valid cases that between them reach every rule of the body: each model, deciding value and inner object."""
    if media is None:
        return collect([cases(contract, operation)], 1, seed_)
    schema, named = operation.body[media], _names_of_role(operation.body[media], "model")
    pins: list[dict[str, Any]] = [{}]
    for name in (*named, *discriminators(schema)):
        listed = pinned_values(schema, name) or [sample(schema["properties"][name])]
        pins += [{name: value} for value in (models if models and name in named else listed)]
    pins += [
        {name: sample(inner)}
        for name, inner in schema.get("properties", {}).items()
        if is_object(inner) or "items" in inner
    ]
    allowed = tuple((name, models) for name in named) if models else ()
    plan = body_plan(operation, media, allowed)
    widest = _widest_first(schema, models)
    pins = [next((both for one in widest if plan.possible(both := {**one, **pin})), pin) for pin in pins]
    # A model that is left out is the provider's own choice, perhaps none of those asked for.
    pins = [pin for pin in pins if plan.possible(pin) and not (models and named and not pin.keys() & set(named))]
    reached = [cases(contract, operation, pin, True, allowed, media) for pin in pins]
    return sorted(collect(reached, 1, seed_), key=lambda case: len(case.body))


def plainest(contract: Contract, operation: Operation, media: str | None, seed_: int, models: Iterable[str]) -> Case:
    """The least there is to a valid request in one media type, with the model that forbids least of those given."""
    if media is None:
        return collect([cases(contract, operation, least=True)], 1, seed_)[0]
    plan = body_plan(operation, media)
    pins = [pin for pin in [*_widest_first(operation.body[media], tuple(models)), {}] if plan.possible(pin)]
    return collect([cases(contract, operation, pins[0], least=True, media=media)], 1, seed_)[0]


def _widest_first(schema: Schema, models: tuple[str, ...]) -> list[dict[str, Any]]:
    """Each model that may be named, the one that forbids least first: with it most other rules can be reached."""
    return sorted(
        ({name: model} for name in _names_of_role(schema, "model") for model in models or pinned_values(schema, name)),
        key=lambda pin: sum(map(shape_of(schema, pin).forbids, schema["properties"])),
    )


def _could_cost(case: Case) -> tuple[float, str, str]:
    """Credentials and broken bodies first, much asked for last: a provider that refuses nothing is met cheaply."""
    problem, param = (case.defect.problem, case.defect.param) if case.defect else ("", "")
    return (0 if problem in CREDENTIALS else most_images(case), problem, param)


def coverage(
    contract: Contract,
    operation: Operation,
    seed_: int,
    models: Iterable[str] = (),
    unavailable: frozenset[str] = frozenset(),
) -> list[Case]:
    """Valid cases: the cheapest, one with a mask, the shortest, one that gives several pictures; then the telling ones.

    Of those each time the one that shows most new values for its pictures.

    `models`: only these; roles in `unavailable` keep their default (a stream where the contract documents none).
    """
    if not operation.body:
        return collect([cases(contract, operation)], 1, seed_)
    allowed = at_default(operation, unavailable)
    drafts = [_draft(contract, operation, media, seed_, tuple(models), allowed) for media in operation.body]
    first, masked, plain, several, candidates = (
        list(chain.from_iterable(parts)) for parts in zip(*drafts, strict=True)
    )
    if not plain:  # none of the models asked for can do it
        return []
    begin = [min(group, key=_fitness) for group in (first, masked, plain, several) if group]
    begin = list({case.key: case for case in begin}.values())  # some may be the same
    return worded(_greedy([*begin], candidates), len(begin))


def _fitness(case: Case) -> tuple[bool, float]:
    """What comes first: what costs least; of those made from pictures first the models that can stream, so that one of
    the first can come in a stream and be compared with the others."""
    return "input-image" in case.asked and streaming(case) is None, _cost(case)


def _draft(
    contract: Contract, operation: Operation, media: str, seed_: int, models: tuple[str, ...], allowed: Allowed
) -> tuple[list[Case], ...]:
    """Cases of one media type: the customary ones, those with a mask, the shortest, those that give several, all."""
    schema = operation.body[media]
    each, allowed = _each_model(schema, models, allowed)
    plan = body_plan(operation, media, allowed)
    each = [pin for pin in each if plan.possible(pin)]
    pairs = ({**model, **pin} for model in each for pin in _pins(schema, _is_known(contract, model)))
    # Any model may show a size; but one left out is the provider's own choice, perhaps none of those asked for.
    sized = (
        {**model, **pin}
        for model in (each if models else [{}])
        for pin in _size_pins(schema, _is_known(contract, model))
    )
    rich = (pin for model in each for pin in _rich(schema, model, plan, _is_known(contract, model)))
    pins = [pin for pin in (*rich, *sized, *pairs) if plan.possible(pin)]
    customary = [
        pin for pin in (_customary(schema, pin, _is_known(contract, pin)) for pin in each) if plan.possible(pin)
    ]
    masks = {name: sample(schema["properties"][name]) for name in _names_of_role(schema, "mask")}
    masked = [both for pin in customary if masks and plan.possible(both := {**pin, **masks})]

    def drawn(pins: Iterable[dict[str, Any]], least: bool = True, rounds: int = 1) -> list[Case]:
        return collect([cases(contract, operation, pin, least, allowed, media) for pin in pins], rounds, seed_)

    plain, told_of = drawn(each), [model for model in each if _is_known(contract, model)]
    deep = list(_deep(schema, plain[0])) if plain else []
    usual = drawn(customary)
    told_masked = drawn(masked) or (_with_a_picture(plain[0], seed_) if plain else [])
    several = [both for case in usual for both in _several_given(case)]
    random = drawn(told_of, False, _PER_MODEL)
    return usual, told_masked, plain, several, [*plain, *drawn(pins), *deep, *random]


def _with_a_picture(plain: Case, seed_: int) -> list[Case]:
    """The same request with a picture to start from, where what is said stands in a list of words and pictures."""
    found = next(_lists_of_parts(plain.operation.body[str(plain.request.media)], plain.request.value), None)
    if found is None:
        return []
    path, part, said = found
    words, picture = (_name_of_role(part, role) for role in ("prompt", "input-image"))
    before = st.just(said) if isinstance(said, list) else st.tuples(_saying(part, words, st.just(said))).map(list)
    both = st.tuples(before, _saying(part, picture, values(part["properties"][picture]))).map(
        lambda told: with_value(plain, put(plain.request.value, path, [*told[0], told[1]]))
    )
    drawn = collect([both], 1, seed_)
    return [case for case in drawn if request_check(case.contract, case.operation).accepts(case.request)]


def _name_of_role(schema: Schema, role: str) -> str:
    """The first property that says a role, or holds something that does."""
    return next(str(name) for name, inner in schema["properties"].items() if role in roles_in([inner]))


def _saying(schema: Schema, name: str, drawn: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects of a schema that say little more than one property."""
    return drawn.flatmap(lambda one: objects(schema, least=True, fixed={name: one}))


def _lists_of_parts(
    schema: Schema, value: Any, path: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], Schema, Any]]:
    """Where a body has, or instead of a text could have, a list of words and pictures: the place, what may stand in the
    list, and what stands there now."""
    for branch in (schema, *schema.get("anyOf", ()), *schema.get("oneOf", ())):
        items = branch.get("items", {})
        roles = [roles_in([inner]) for inner in items.get("properties", {}).values()]
        if any("prompt" in one for one in roles) and any("input-image" in one and "prompt" not in one for one in roles):
            yield path, items, value
        elif isinstance(value, dict):
            for name, inner in branch.get("properties", {}).items():
                if name in value:
                    yield from _lists_of_parts(inner, value[name], (*path, name))
        elif isinstance(value, list) and items:
            for number, one in enumerate(value):
                yield from _lists_of_parts(items, one, (*path, number))


def _several_given(case: Case) -> Iterator[Case]:
    """The same request with another picture beside the one it gives, where several may be given."""
    value, other = case.request.value, varied(case, "input-image")
    for name, one in value.items():
        if other is not None and isinstance(one, list) and one != (another := other.request.value[name]):
            both = with_value(case, {**value, name: [*one, *another]})
            if request_check(case.contract, case.operation).accepts(both.request):
                yield both


def _deep(schema: Schema, plain: Case) -> Iterator[Case]:
    """A plain request with each listed value of what no pin reaches: ratios, what stands inside of objects, and what
    stands behind a prompt."""
    for role in (*_COVERED_ROLES, "aspect-ratio"):
        for place in places(schema, plain.request.value, role):
            if role == "model" or (len(place.path) == 1 and role != "aspect-ratio"):
                continue
            listed = place.schema.get("x-said", {}).get("among", place.schema.get("enum", ()))
            for value in [2] if role == "count" else listed:
                case = with_value(plain, put(plain.request.value, place.path, value))
                if request_check(case.contract, case.operation).accepts(case.request):
                    yield case
    draws = plain.operation.makes != "text"
    for place in places(schema, plain.request.value, "prompt") if draws else ():
        for text in saying_besides(place.schema, place.value) if isinstance(place.value, str) else ():
            yield with_value(plain, put(plain.request.value, place.path, text))


def _each_model(schema: Schema, models: tuple[str, ...], allowed: Allowed) -> tuple[list[dict[str, Any]], Allowed]:
    """One pin per model that may be asked for, and what is allowed then."""
    each: list[dict[str, Any]] = [{}]
    for name in _names_of_role(schema, "model"):
        listed = models or tuple(pinned_values(schema, name))
        if listed:
            each, allowed = [{name: model} for model in listed], (*allowed, (name, listed))
    return each, allowed


def streamed(contract: Contract, operation: Operation, seed_: int, models: Iterable[str] = ()) -> list[Case]:
    """Valid requests for event streams: one small picture each, with and without unfinished ones on the way."""
    found: list[Case] = []
    for media, schema in operation.body.items():
        each, allowed = _each_model(schema, tuple(models), ())
        plan = body_plan(operation, media, allowed)
        wanted = [
            _customary(
                schema,
                {**pin, **_said(schema, "stream", True), **_said(schema, "partial-count", partials)},
                _is_known(contract, pin),
            )
            for partials in _PARTIALS
            for pin in each
        ]
        pins = [pin for pin in wanted if plan.possible(pin)]
        found += collect([cases(contract, operation, pin, True, allowed, media) for pin in pins], 1, seed_)
    found = [case for case in found if case.asked.get("stream") is True]
    return _greedy([min(found, key=_cost)], found) if found else []


def _said(schema: Schema, role: str, value: Any) -> dict[str, Any]:
    return dict.fromkeys(_names_of_role(schema, role), value)


def _customary(schema: Schema, pin: dict[str, Any], known: bool = True) -> dict[str, Any]:
    """One small picture, count and size said: accepted even where they are demanded, and its pixels can be judged."""
    told = {**pin, **_said(schema, "count", 1)}
    for name in _names_of_role(schema, "size"):
        listed = [parse_size(text) for text in shape_of(schema, told).properties[name].get("enum", ()) if text]
        fixed = [size for size in listed if isinstance(size, tuple)] or [(1024, 1024)]
        told[name] = size_text(min(fixed, key=lambda size: size[0] * size[1]))
    for name in _names_of_role(schema, "quality") if known else ():  # left to the provider it may be the dearest
        listed = [word for word in shape_of(schema, told).properties[name].get("enum", ()) if word is not None]
        told.update({name: listed[0]} if listed else {})
    return told


def _pins(schema: Schema, known: bool) -> Iterator[dict[str, Any]]:
    """Every listed value of the properties whose effect can be seen, and two pictures."""
    for role in _COVERED_ROLES if known else ("delivery", "count"):
        for name in _names_of_role(schema, role):
            if role not in ("model", "size"):
                yield from ({name: value} for value in pinned_values(schema, name))
            if role == "count":
                yield {name: 2}


def _rich(schema: Schema, model: dict[str, Any], plan: ObjectPlan, known: bool) -> Iterator[dict[str, Any]]:
    """Few requests that say much at once: in each another value of every property whose effect can be seen."""
    listed = {
        name: [value for value in pinned_values(schema, name) if value != "auto"]
        for role in (_COVERED_ROLES if known else ("delivery",))
        if role not in ("model", "size", "count")
        for name in _names_of_role(schema, role)
    }
    listed |= {name: [pin[name] for pin in _size_pins(schema, known)] for name in _names_of_role(schema, "size")}
    used = Counter((name, schema["properties"][name].get("default")) for name in listed)
    for _ in range(_RICH):
        pin = dict(model)
        for name, known_values in listed.items():
            fitting = [value for value in known_values if plan.possible({**pin, name: value})]
            if fitting:
                uses = [used[name, value] for value in fitting]
                pin[name] = fitting[uses.index(min(uses))]
                used[name, pin[name]] += 1
        yield pin


def _size_pins(schema: Schema, known: bool) -> Iterator[dict[str, Any]]:
    """Every listed size, and those at the limits of the size rules; of a provider's own model the common ones."""
    rules = {str(part["x-size-rule"]): part["x-size-rule"] for _, part in walk(schema) if "x-size-rule" in part}
    for name in _names_of_role(schema, "size"):
        if known:
            yield from ({name: value} for value in pinned_values(schema, name))
            yield from ({name: size} for rule in rules.values() for size in boundary_sizes(rule))
        else:
            yield from ({name: size} for size in _COMMON_SIZES)


def _is_known(contract: Contract, model: dict[str, Any]) -> bool:
    """Whether the contract tells of this model; a provider's own is known to take what all take, and no more."""
    told = contract.document.get("x-models", {})
    return not told or not model or any(name in told for name in model.values())


def _names_of_role(schema: Schema, role: str) -> list[str]:
    return [name for name, inner in schema.get("properties", {}).items() if inner.get("x-role") == role]


def _greedy(chosen: list[Case], candidates: list[Case]) -> list[Case]:
    """`chosen`, and of the candidates always the one that shows most that is new for its cost, while any does."""
    shown = {pair for case in chosen for pair in shows(case)}
    common = _commonness(candidates)

    def entry(place: int, case: Case, left: frozenset[Any]) -> tuple[float, int, int, frozenset[Any]]:
        # Sets have another order in each process: only a sum that is rounded once is the same in all.
        gain = fsum(_worth(one) * common.get(one, 1.0) for one in left) / _cost(case)
        return (-gain, len(case.body), place, left)

    heap = [entry(place, case, shows(case)) for place, case in enumerate(candidates)]
    heapify(heap)
    while heap:
        _, _, place, before = heappop(heap)
        left = before - shown
        if left != before:  # it has lost worth since: others may be better now, none is worth more than it was
            if left:
                heappush(heap, entry(place, candidates[place], left))
        elif left:
            chosen.append(candidates[place])
            shown |= left
    return chosen


def _commonness(candidates: list[Case]) -> dict[Any, float]:
    """Asked value -> the share of the models that know it: what a preview of one model adds can wait."""
    knowing: dict[Any, set[Any]] = {}
    for case in candidates:
        for value in shows(case):
            if len(value) == 1:
                knowing.setdefault(value, set()).add(case.asked.get("model"))
    models = {case.asked.get("model") for case in candidates}
    return {value: len(some) / len(models) for value, some in knowing.items()}


def shows(case: Case) -> frozenset[Any]:
    """What a case shows: each asked value, and each pair of them."""
    told = [(role, case.asked[role]) for role in _COVERED_ROLES if case.asked.get(role) is not None]
    if len(case.operation.body) > 1:
        told.append(("body", case.request.media))
    if case.asked.get("stream") is True:
        told.append(("partial-count", case.asked.get("partial-count")))
    pictures = case.asked.get("input-image")
    if isinstance(pictures, list) and len(pictures) > 1:
        told.append(("inputs", "several"))
    size = case.asked.get("size")
    aspect = []
    ratio = size[0] / size[1] if isinstance(size, tuple) else ratio_of(case.asked.get("aspect-ratio"))
    if ratio is not None:
        aspect = [("aspect", "square" if ratio == 1 else "wide" if ratio > 1 else "tall")]
    return frozenset([*((value,) for value in [*told, *aspect] if value[0] != "model"), *combinations(told, 2)])


def _worth(shown: tuple[Any, ...]) -> int:
    """A value nobody has asked for yet is worth far more than a new pair, most where a role matters to every model."""
    if len(shown) > 1:
        return 1
    return 60 if shown[0][0] in _CENTRAL_ROLES else 20


def _cost(case: Case) -> float:
    return int(case.asked.get("count", 1)) * (1 + pixels(case) / (4 * 1024 * 1024))
