"""Pairs: two answers to requests that differ in what was asked. Costs nothing, both are paid for anyway.

What must then differ, or stay equal, comes from roles. A pair need not differ in one role alone: a clause says what
else may differ without changing what it concludes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any
from weakref import WeakKeyDictionary

from contract_tests.cases import Case, inputs
from contract_tests.exchange import Exchange, place_of
from contract_tests.pictures import bytes_given
from contract_tests.seen import Seen
from spec.language import INPUT_ROLES
from spec.reader import Reader

#: roles that say nothing about the pictures
_ASIDE = frozenset({"caller-tag", "callback-url", "async"})
#: read once for each request: every later answer is compared with it
_WISHES: WeakKeyDictionary[Exchange, Mapping[str, Any]] = WeakKeyDictionary()
_SPOKEN: WeakKeyDictionary[Exchange, Mapping[str, Any]] = WeakKeyDictionary()
#: roles that say how pictures come, not what they show
_WAY = frozenset({"delivery", "stream", "partial-count"})


@dataclass(frozen=True, eq=False)
class Pair:
    """Two results of one operation; `base` came first."""

    base: Exchange
    other: Exchange

    @cached_property
    def differs(self) -> frozenset[str]:
        """The roles that were not asked alike, what no picture shows left out."""
        one, two = wish(self.base), wish(self.other)
        return frozenset(role for role in {*one, *two} - _ASIDE if one.get(role) != two.get(role))

    def only(self, role: str, *but: str) -> bool:
        """Whether they differ in this role, and at most in `but`, besides the way in which pictures come."""
        return role in self.differs and self.differs <= {role, *but, *_WAY}

    def told(self, role: str) -> tuple[Any, Any] | None:
        """What both requests say of a role themselves, where that differs; None where one leaves it to a default."""
        one, two = spoken(self.base), spoken(self.other)
        if role not in one or role not in two or one[role] == two[role]:
            return None
        return one[role], two[role]

    def meant(self, role: str) -> tuple[Any, Any] | None:
        """What both requests mean by a role, said or by default, where that differs."""
        one, two = wish(self.base).get(role), wish(self.other).get(role)
        return None if one is None or two is None or one == two else (one, two)

    @cached_property
    def same_pixels(self) -> Seen | None:
        """A picture of the second that shows, pixel for pixel, what one of the first does; no copy of the same."""
        known = {picture.pixels: copied(self.base, picture.pointer) for picture in decoded(self.base)}
        for picture in decoded(self.other):
            if picture.pixels in known:
                given = copied(self.other, picture.pointer)
                if given is None or given != known[picture.pixels]:
                    return picture
        return None


def origin(exchange: Exchange) -> Exchange:
    """The exchange that asked for what this one delivers: itself, or what submitted its task."""
    return origin(exchange.parent) if exchange.parent else exchange


def decoded(exchange: Exchange) -> list[Seen]:
    """The pictures whose pixels were seen."""
    return [picture for picture in exchange.pictures if picture.pixels]


def copied(exchange: Exchange, pointer: str) -> str | None:
    """The digest of the picture that the one at `pointer` hands back as it was given (`x-makes: copies`); None if none.

    They come in the order in which they were given.
    """
    if exchange.makes != "copies":
        return None
    places = list(dict.fromkeys(place_of(meaning.pointer) for meaning in exchange.image_meanings))
    given = wish(exchange).get("input-image", ())
    return given[at] if (at := places.index(place_of(pointer))) < len(given) else None


def is_result(exchange: Exchange) -> bool:
    """Whether this answer carries pictures that a request which keeps the contract asked for, by itself."""
    asked = origin(exchange).case
    return exchange.owes_pictures and bool(exchange.image_meanings) and asked.defect is None and asked.about is None


def pairs_of(exchange: Exchange, earlier: Iterable[Exchange]) -> Iterator[Pair]:
    """The pairs an answer makes with earlier ones: results of the same operation, each asked for by itself."""
    if not is_result(exchange):
        return
    asked = origin(exchange)
    for one in earlier:
        first = origin(one)
        if first is not asked and first.case.operation is asked.case.operation and first.case.key != asked.case.key:
            yield Pair(one, exchange)


def wish(exchange: Exchange) -> Mapping[str, Any]:
    """Role -> what a request asks for, defaults included, pictures as digests of their bytes."""
    asked = origin(exchange)
    if asked not in _WISHES:
        _WISHES[asked] = _wish(asked.case)
    return _WISHES[asked]


def _wish(case: Case) -> Mapping[str, Any]:
    return {**{role: _plain(value) for role, value in case.asked.items() if role not in INPUT_ROLES}, **_given(case)}


def spoken(exchange: Exchange) -> Mapping[str, Any]:
    """Role -> what a request says itself, pictures as digests; what words such as `auto` leave open is left out."""
    asked = origin(exchange)
    if asked not in _SPOKEN:
        _SPOKEN[asked] = _spoken(asked.case)
    return _SPOKEN[asked]


def _spoken(case: Case) -> Mapping[str, Any]:
    told = {
        parameter.role: case.asked[parameter.role]
        for parameter in case.operation.parameters
        if parameter.role and parameter.role in case.asked and parameter.name in {*case.query, *case.path_parameters}
    }
    schema = case.operation.body.get(case.request.media)
    if schema is None or not isinstance(case.request.value, dict):
        return told
    reader = Reader(schema)
    left_open = dict(reader.asked(case.request.value)[1])
    for meaning in reader.read(case.request.value):
        if meaning.raw is None or meaning.role in INPUT_ROLES or meaning.value in left_open.get(meaning.role, ()):
            continue
        told.setdefault(meaning.role, _plain(meaning.value))
    return {**told, **_given(case)}


def _given(case: Case) -> dict[str, Any]:
    """Input role -> digests of the pictures a request gives, in order."""
    if not isinstance(case.request.value, dict) or case.request.media not in case.operation.body:
        return {}
    found: dict[str, tuple[str, ...]] = {}
    for one in inputs(case.operation, case.request.media)(case.request.value):
        data = bytes_given(one.value)
        known = sha256(data).hexdigest() if data is not None else str(one.value)
        found[one.role] = (*found.get(one.role, ()), known)
    return found


def _plain(value: Any) -> Any:
    return tuple(map(_plain, value)) if isinstance(value, list) else value
