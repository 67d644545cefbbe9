"""Mutants of answers: one thing in an answer changed, as a careless change to a server would change it.

They are generated from answers as they are: every member at every depth is dropped, made null, emptied, given another
type, put out of range and wrapped; arrays lose, repeat and reorder items; headers are lost and the status changes.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

#: stands for every item of an array in a mutant's path
EACH = "*"
DROPPED = "dropped"
#: what no provider says
FOREIGN = "imageproof-mutant"
HUGE = 10**15
_OTHERS = {2: (201, 204, 302, 400, 500), 4: (200, 404, 500), 5: (200,)}


class Unchanged(Exception):
    """The mutant changes nothing in this value: there is no such member, or it is like that already."""


Change = Callable[[Any], Any]


def _wrapped(value: Any) -> Any:
    return {"data": value}


def _listed(value: Any) -> Any:
    return [value]


def _null(value: Any) -> Any:
    return _other(value, None)


def _other(value: Any, new: Any) -> Any:
    if value == new and type(value) is type(new):
        raise Unchanged
    return new


def _empty(value: Any) -> Any:
    return _other(value, type(value)())


def _text(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _number(value: Any) -> Any:
    return int(value) if re.fullmatch(r"\d+", value) else 7


#: JSON type -> kind of mutation -> what it makes of a value
_CHANGES: Mapping[type, Mapping[str, Change]] = {
    str: {
        "empty": _empty,
        "number": _number,
        "other text": lambda _: FOREIGN,
        "cut off": lambda text: _other(text, text[: len(text) // 2]),
        "padded": lambda text: f" {text}\n",
    },
    int: {
        "text": _text,
        "negative": lambda number: -abs(number) - 1,
        "zero": lambda number: _other(number, 0),
        "huge": lambda _: HUGE,
        "fraction": lambda number: number + 0.5,
    },
    float: {"text": _text, "negative": lambda number: -abs(number) - 1, "huge": lambda _: float(HUGE)},
    bool: {"text": _text, "number": int, "opposite": lambda value: not value},
    list: {
        "empty": _empty,
        "first item": lambda items: _at(items, 0),
        "last lost": lambda items: _other(items, items[:-1]),
        "last repeated": lambda items: [*items, *_other(items, items[-1:])] if items else _at(items, 0),
        "reversed": lambda items: _other(items, items[::-1]),
        "object": lambda items: {str(index): item for index, item in enumerate(items)},
    },
    dict: {"empty": _empty, "listed members": lambda members: list(members.values()), "text": lambda _: FOREIGN},
    type(None): {"text": lambda _: FOREIGN, "number": lambda _: 7, "object": lambda _: {}},
}
_ANY: Mapping[str, Change] = {"null": _null, "in a list": _listed, "in an object": _wrapped}


def _at(items: list[Any], index: int) -> Any:
    if not items:
        raise Unchanged
    return items[index]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: where (member names, EACH for the items of an array), and which.

    `where` is body, header or status; a header's name and a status are the path.
    """

    where: str
    path: tuple[str, ...]
    kind: str

    def __str__(self) -> str:
        return f"{self.where} {'/'.join(('', *self.path)) if self.where == 'body' else self.path[0]}: {self.kind}"

    def body(self, value: Any) -> Any:
        """A changed copy of a body. Raises Unchanged."""
        if self.kind == DROPPED:
            return _drop(copy.deepcopy(value), self.path)
        return _changed(copy.deepcopy(value), self.path, self._change)

    def headers(self, headers: dict[str, str]) -> dict[str, str]:
        """Changed headers. Raises Unchanged."""
        [name] = self.path
        if name not in headers:
            raise Unchanged
        left = {other: text for other, text in headers.items() if other != name}
        return left if self.kind == DROPPED else {**left, name: str(self._change(headers[name]))}

    def status(self, status: int) -> int:
        """The changed status. Raises Unchanged."""
        return int(_other(status, int(self.path[0])))

    def _change(self, value: Any) -> Any:
        change = _ANY.get(self.kind) or _CHANGES[type(value)].get(self.kind)
        if change is None:
            raise Unchanged
        return change(value)


def mutants(value: Any, headers: Mapping[str, str], status: int, stream: bool = False) -> list[Mutant]:
    """Every mutant of an answer, each once, in the order of its members; the events of a stream stay events."""
    found = [Mutant("body", path, kind) for path, kind in _of(value, ()) if not stream or _is_stream(path, kind)]
    found += [Mutant("header", (name,), kind) for name in headers for kind in (DROPPED, "empty", "other text")]
    found += [Mutant("status", (str(other),), f"from {status}") for other in _OTHERS[status // 100] if other != status]
    return list(dict.fromkeys(found))


def _is_stream(path: tuple[str, ...], kind: str) -> bool:
    """Whether events are left that can be sent: a list of them, each an object whose name is text."""
    return (
        kind in ("last lost", "last repeated", "reversed", "empty")
        if not path
        else path != (EACH,) and (path != (EACH, "event") or kind in (DROPPED, "other text", "cut off", "empty"))
    )


def _of(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if path and path[-1] != EACH:
        yield path, DROPPED
    for kind in (*_ANY, *_CHANGES[type(value)]):
        yield path, kind
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _of(inner, (*path, name))
    elif isinstance(value, list):
        for inner in value:
            yield from _of(inner, (*path, EACH))


def _drop(value: Any, path: tuple[str, ...]) -> Any:
    def without(holder: Any) -> Any:
        if not isinstance(holder, dict) or path[-1] not in holder:
            raise Unchanged
        del holder[path[-1]]
        return holder

    return _changed(value, path[:-1], without)


def _changed(value: Any, path: tuple[str, ...], change: Change) -> Any:
    """`value` with the change at every place the path leads to. Raises Unchanged where it leads to none."""
    if not path:
        return change(value)
    step, *rest = path
    done = False
    places: list[Any] = []
    if step == EACH and isinstance(value, list):
        places = list(range(len(value)))
    elif isinstance(value, dict) and step in value:
        places = [step]
    for place in places:
        try:
            value[place] = _changed(value[place], tuple(rest), change)
            done = True
        except Unchanged:
            continue
    if not done:
        raise Unchanged
    return value
