"""A shelf: values by key within a number of bytes, of which the oldest make room."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from sys import getsizeof
from typing import Any, Generic, TypeVar

T = TypeVar("T")
_PLACE_BYTES = 150  # what one place on a shelf takes besides its key and its value


class Shelf(Generic[T]):
    """The newest values, as many as weigh no more than `limit` bytes; one that is heavier than that is not kept."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._places: OrderedDict[str, tuple[T, int]] = OrderedDict()
        self.weight = 0

    def put(self, key: str, value: T) -> None:
        """Keep a value as the newest; what was kept under this key is replaced."""
        self.drop(key)
        weight = _PLACE_BYTES + getsizeof(key) + weight_of(value)
        if weight > self._limit:
            return
        self._places[key] = value, weight
        self.weight += weight
        while self.weight > self._limit:
            self.weight -= self._places.popitem(last=False)[1][1]

    def get(self, key: str) -> T | None:
        """The value of a key, None when it was never kept or has made room."""
        place = self._places.get(key)
        return None if place is None else place[0]

    def drop(self, key: str) -> None:
        """Forget one value, if it is there."""
        if key in self._places:
            self.weight -= self._places.pop(key)[1]

    def __contains__(self, key: str) -> bool:
        return key in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._places))

    def __len__(self) -> int:
        return len(self._places)

    def clear(self) -> None:
        """Forget everything."""
        self._places.clear()
        self.weight = 0


def weight_of(value: Any) -> int:
    """About how many bytes a value holds: its own and those of what it holds, each part once."""
    weight, seen, waiting = 0, set[int](), [value]
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        weight += getsizeof(part)
        if isinstance(part, Mapping):
            waiting += [*part.keys(), *part.values()]
        elif isinstance(part, list | tuple | set | frozenset):
            waiting += part
        elif is_dataclass(part) and not isinstance(part, type):
            waiting += [getattr(part, field.name) for field in fields(part)]
    return weight
