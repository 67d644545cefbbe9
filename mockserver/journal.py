"""The journal: what was asked and answered, newest last, bounded by bytes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from sys import getsizeof


@dataclass(slots=True)
class Entry:
    """One request and its answer; `seconds` is how long it took, `problem` the contract's word for a refusal.

    `status` is what the caller saw: 0 where a fault let nothing through, or the caller did not wait for it.
    """

    request_id: str
    at: float
    method: str
    path: str
    operation: str
    status: int
    seconds: float
    problem: str = ""
    detail: str = ""
    drifts: tuple[str, ...] = ()
    fault: str = ""

    @property
    def weight(self) -> int:
        """About how many bytes the entry holds."""
        return 300 + getsizeof(self.path) + getsizeof(self.detail)


class Journal:
    """The last entries, as many as fit into `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: deque[Entry] = deque()
        self._weight = 0
        self.total = 0

    def add(self, entry: Entry) -> None:
        """Write one entry; the oldest make room."""
        self._entries.append(entry)
        self._weight += entry.weight
        self.total += 1
        while self._weight > self._limit:
            self._weight -= self._entries.popleft().weight

    async def entries(self) -> list[Entry]:
        """What is kept, oldest first."""
        return list(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries))

    def __len__(self) -> int:
        return len(self._entries)

    def clear(self) -> None:
        """Forget everything, the count included."""
        self._entries.clear()
        self._weight = self.total = 0
