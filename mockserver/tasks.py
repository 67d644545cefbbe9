"""Tasks: requests accepted now and finished later. Knows no HTTP and no provider's words.

States are the contract language's: queued, running, succeeded (failed and canceled come from drifts and control).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from spec.contract import Operation

_QUEUED_SHARE = 0.25  # of a task's time passes before it starts


@dataclass(slots=True)
class Task:
    """One accepted request. Times are Unix seconds; `polls` counts looks at it."""

    id: str
    operation: Operation
    owner: str
    asked: Mapping[str, Any]
    resolved: Mapping[str, Any]
    base_url: str
    submitted: float
    polls: int = 0
    started: float | None = None
    finished: float | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a task looks like at one moment; progress is 0..100."""

    state: str
    progress: int


class Tasks:
    """Tasks by id, at most `limit`; the oldest make room.

    With `polls`, the nth look finds a task done: the first finds it queued, those between find it running. Otherwise
    it takes `seconds`.
    """

    def __init__(self, limit: int, seconds: float, polls: int | None, seed: int, clock: Callable[[], float]) -> None:
        self._limit, self._seconds, self._polls, self._clock = limit, seconds, polls, clock
        self._seed = seed
        self._tasks: OrderedDict[str, Task] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return len(self._tasks)

    def submit(
        self, operation: Operation, owner: str, asked: Mapping[str, Any], resolved: Mapping[str, Any], base_url: str
    ) -> Task:
        """Accept a request."""
        self._count += 1
        id_ = blake2b(f"{self._seed}:{self._count}".encode(), digest_size=16).hexdigest()
        task = self._tasks[id_] = Task(id_, operation, owner, asked, resolved, base_url, self._clock())
        if len(self._tasks) > self._limit:
            self._tasks.popitem(last=False)
        return task

    def find(self, id_: str, owner: str) -> Task | None:
        """The task of this id; None when there is none or it belongs to another key."""
        task = self._tasks.get(id_)
        return task if task is not None and task.owner == owner else None

    def look(self, task: Task) -> Snapshot:
        """Poll a task: time, or the count of looks, moves it on."""
        task.polls += 1
        share = (task.polls - 1) / max(self._polls - 1, 1) if self._polls else self._elapsed(task)
        if self._polls == 1:
            share = 1.0
        if share < _QUEUED_SHARE and share < 1:
            return Snapshot("queued", 0)
        if task.started is None:
            task.started = task.submitted + self._seconds * _QUEUED_SHARE if not self._polls else self._clock()
        if share < 1:
            return Snapshot("running", max(1, min(99, int(100 * (share - _QUEUED_SHARE) / (1 - _QUEUED_SHARE)))))
        if task.finished is None:
            task.finished = max(task.started, task.submitted + self._seconds if not self._polls else self._clock())
        return Snapshot("succeeded", 100)

    def _elapsed(self, task: Task) -> float:
        return (self._clock() - task.submitted) / self._seconds if self._seconds > 0 else 1.0

    def clear(self) -> None:
        """Forget every task."""
        self._tasks.clear()
        self._count = 0
