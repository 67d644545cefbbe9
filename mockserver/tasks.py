"""Tasks: requests accepted now and finished later. Knows no HTTP and no provider's words.

States are the contract language's: queued, running, and at the end succeeded, failed or canceled.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any, NamedTuple

from mockserver.ids import written
from mockserver.shelf import Shelf

_QUEUED_SHARE = 0.25  # of a task's time passes before it starts


@dataclass(frozen=True, slots=True)
class Ending:
    """How a task ends that does not succeed: failed or canceled, why, and when; None: once its time is up."""

    state: str
    reason: str
    at: float | None = None


class Order(NamedTuple):
    """What a task is to make: roles as they were said and as they are meant, for whom, and where its links lead.

    `operation` and `family` say which operation accepted it; `ending` is how making it will fail, None: it succeeds.
    One that `waits` is not begun before somebody gives what it waits for.
    """

    owner: str
    asked: Mapping[str, Any]
    resolved: Mapping[str, Any]
    base_url: str
    family: str = ""
    operation: str = ""
    ending: Ending | None = None
    waits: bool = False


@dataclass(slots=True)
class Task:
    """One accepted request. Times are Unix seconds; `polls` counts looks at it."""

    id: str
    order: Order
    submitted: float
    polls: int = 0
    started: float | None = None
    finished: float | None = None
    ending: Ending | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a task looks like at one moment; progress is 0..100, `reason` why it failed.

    Drifts only: `pictures` says whether a success has any, `otherwise` what is told instead of the truth, by role.
    """

    state: str
    progress: int
    reason: str = ""
    pictures: bool = True
    otherwise: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pace:
    """How tasks move on. With `polls`, the nth look finds a task done: the first finds it queued, those between find it
    running. Otherwise it takes `seconds`.
    """

    seconds: float
    polls: int | None = None

    @property
    def starting_poll(self) -> int:
        """Which look finds a task running or done; 0 when looks do not count."""
        return 1 + math.ceil((self.polls - 1) * _QUEUED_SHARE) if self.polls else 0

    def look(self, task: Task, now: float) -> Snapshot:
        """What a task is at its latest look; notes when it started and finished."""
        ending = task.ending
        if ending is not None and ending.at is not None:
            task.finished = ending.at
            return Snapshot(ending.state, 100, ending.reason)
        if task.order.waits:
            return Snapshot("needs-input", 0)
        share = self._share(task, now)
        if share < _QUEUED_SHARE:
            return Snapshot("queued", 0)
        if task.started is None:
            task.started = now if self.polls else task.submitted + self.seconds * _QUEUED_SHARE
        if share < 1:
            return Snapshot("running", max(1, min(99, int(100 * (share - _QUEUED_SHARE) / (1 - _QUEUED_SHARE)))))
        if task.finished is None:
            task.finished = max(task.started, now if self.polls else task.submitted + self.seconds)
        return Snapshot("succeeded", 100) if ending is None else Snapshot(ending.state, 100, ending.reason)

    def wait(self, task: Task, now: float) -> float | None:
        """Seconds until the task's state changes if nobody does anything; None where it is looks that move it on."""
        if self.polls or task.order.waits:
            return None
        elapsed = now - task.submitted
        return next((at - elapsed for at in (self.seconds * _QUEUED_SHARE, self.seconds) if at > elapsed), None)

    def _share(self, task: Task, now: float) -> float:
        if self.polls:
            return (task.polls - 1) / (self.polls - 1) if self.polls > 1 else 1.0
        return (now - task.submitted) / self.seconds if self.seconds > 0 else 1.0


def task_id(seed: int, number: int, template: str, now: float) -> str:
    """An id in the shape of `template` (`x-ids`), else 32 hex digits: the same seed names the nth task the same."""
    if template:
        return written(template, seed, number, now)
    return blake2b(f"{seed}:{number}".encode(), digest_size=16).hexdigest()


class Tasks:
    """Tasks in memory, as many as fit into `limit` bytes; the oldest make room. `pace` may change at any time."""

    def __init__(self, limit: int, pace: Pace, seed: int, clock: Callable[[], float]) -> None:
        self.pace, self._seed, self._clock = pace, seed, clock
        self._tasks: Shelf[Task] = Shelf(limit)
        self._count = 0

    def __len__(self) -> int:
        return len(self._tasks)

    async def submit(self, order: Order, template: str = "") -> Task:
        """Accept a request; its task gets an id in the shape of `template`."""
        self._count += 1
        now = self._clock()
        task = Task(task_id(self._seed, self._count, template, now), order, now, ending=order.ending)
        self._tasks.put(task.id, task)
        return task

    async def look(self, id_: str, owner: str) -> tuple[Task, Snapshot] | None:
        """Poll a task: time, or the count of looks, moves it on.

        None when there is none of this id, any more, or it belongs to another key.
        """
        task = self._tasks.get(id_)
        if task is None or task.order.owner != owner:
            return None
        task.polls += 1
        return task, self.pace.look(task, self._clock())

    async def peek(self, id_: str) -> tuple[Task, Snapshot] | None:
        """What a look would see now, whoever asks; it is not counted. None when there is none of this id."""
        task = self._tasks.get(id_)
        if task is None:
            return None
        seen = replace(task, polls=max(1, task.polls))  # a copy: what this look notes, nobody has seen yet
        snapshot = self.pace.look(seen, self._clock())
        return replace(seen, polls=task.polls), snapshot

    async def end(self, id_: str, ending: Ending) -> None:
        """End a task now, if there is one of this id."""
        task = self._tasks.get(id_)
        if task is not None:
            task.ending = ending

    async def resume(self, id_: str, order: Order) -> None:
        """Begin a task that has waited, now and with this order, if there is one of this id."""
        task = self._tasks.get(id_)
        if task is not None:
            self._tasks.put(id_, replace(task, order=order, submitted=self._clock(), polls=0))

    async def ids(self) -> list[str]:
        """The ids of all tasks kept, oldest first."""
        return list(self._tasks)

    def clear(self) -> None:
        """Forget every task."""
        self._tasks.clear()
        self._count = 0
