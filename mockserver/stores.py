"""Where a mock's state lies: in the memory of one process here, in Redis for several (`in_redis`).

`promise`, `keep` and `add` are called where nothing can wait; what they leave to do is done by `settle`, before the
answer that speaks of it is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from mockserver.journal import Entry, Journal
from mockserver.settings import Settings
from mockserver.shelf import Shelf
from mockserver.tasks import Ending, Order, Pace, Snapshot, Task, Tasks


class StateLost(Exception):
    """The store cannot be reached; the text says which and why, without its password."""


class Unusable(Exception):
    """The store that was asked for cannot be used here; the text says what to do."""


class TaskStore(Protocol):
    """Tasks by id."""

    pace: Pace
    """How tasks move on, those that have been accepted, too; may be replaced at any time."""

    async def submit(self, order: Order, template: str = "") -> Task:
        """Accept a request."""

    async def look(self, id_: str, owner: str) -> tuple[Task, Snapshot] | None:
        """Poll a task; None when there is none of this id, any more, or it belongs to another key."""

    async def peek(self, id_: str) -> tuple[Task, Snapshot] | None:
        """What a look would see now, whoever asks; it is not counted. None when there is none of this id."""

    async def end(self, id_: str, ending: Ending) -> None:
        """End a task now, if there is one of this id."""

    async def resume(self, id_: str, order: Order) -> None:
        """Begin a task that has waited, now and with this order, if there is one of this id."""

    async def ids(self) -> list[str]:
        """The ids of all tasks kept, oldest first."""


class BlobStore(Protocol):
    """Bytes by their digest: uploaded pictures, and orders too long for a link."""

    def keep(self, blobs: Mapping[str, bytes]) -> None:
        """Keep some bytes, from the next `settle` on where others look, too."""

    async def find(self, digests: Iterable[str]) -> dict[str, bytes]:
        """Those of the digests that are kept."""


class JournalStore(Protocol):
    """What was asked and answered."""

    def add(self, entry: Entry) -> None:
        """Write one entry; the oldest make room."""

    async def entries(self) -> list[Entry]:
        """What is kept, oldest first."""

    async def newest(self, count: int) -> list[Entry]:
        """The last ones, oldest first."""


class State(Protocol):
    """Everything a mock remembers from one request to the next. Its methods raise StateLost."""

    @property
    def tasks(self) -> TaskStore:
        """Accepted requests."""

    @property
    def blobs(self) -> BlobStore:
        """Bytes that are needed again."""

    @property
    def journal(self) -> JournalStore:
        """The journal."""

    worker: int
    """Which process of a server this is, counted as they start; what each counts itself, it counts from here."""

    @property
    def unsettled(self) -> bool:
        """Whether `settle` has something to do."""

    async def holds(self) -> Mapping[str, int]:
        """How much there is, by what it is: `requests` seen, `journal` entries and `tasks` kept, bytes of `blobs`."""

    async def open(self) -> None:
        """Begin; called once per process, in its event loop."""

    async def settle(self) -> None:
        """Do what was left to do."""

    def clear(self) -> None:
        """Forget everything, at the latest at the next `settle`."""

    async def close(self) -> None:
        """Do what is left to do and end."""


class BlobsInMemory:
    """Bytes by digest, as many as fit into `limit` bytes; those not promised for longest make room."""

    def __init__(self, limit: int) -> None:
        self._shelf: Shelf[bytes] = Shelf(limit)

    @property
    def weight(self) -> int:
        """About how many bytes all of them hold."""
        return self._shelf.weight

    def keep(self, blobs: Mapping[str, bytes]) -> None:
        """Keep some bytes; promised again, they are as new."""
        for digest, data in blobs.items():
            self._shelf.put(digest, data)

    async def find(self, digests: Iterable[str]) -> dict[str, bytes]:
        """Those of the digests that are kept."""
        return {digest: data for digest in digests if (data := self._shelf.get(digest)) is not None}

    def __len__(self) -> int:
        return len(self._shelf)

    def clear(self) -> None:
        """Forget everything."""
        self._shelf.clear()


class InMemory:
    """The state of one process."""

    worker = 0
    unsettled = False

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        pace = Pace(settings.task_seconds, settings.task_polls)
        self.tasks = Tasks(settings.task_store, pace, settings.seed, clock)
        self.blobs = BlobsInMemory(settings.blob_store)
        self.journal = Journal(settings.journal_store)

    async def holds(self) -> Mapping[str, int]:
        """How much there is."""
        return {
            "requests": self.journal.total,
            "journal": len(self.journal),
            "tasks": len(self.tasks),
            "blobs": self.blobs.weight,
        }

    async def open(self) -> None:
        """Nothing to begin."""

    async def settle(self) -> None:
        """Nothing is left to do."""

    def clear(self) -> None:
        """Forget everything."""
        self.tasks.clear()
        self.blobs.clear()
        self.journal.clear()

    async def close(self) -> None:
        """Nothing to end."""


def state_of(settings: Settings, clock: Callable[[], float]) -> State:
    """The state the settings ask for. Raises Unusable."""
    if settings.redis is None:
        return InMemory(settings, clock)
    try:
        from mockserver.in_redis.state import InRedis
    except ImportError as error:
        raise Unusable("state in Redis needs a client: pip install 'imageproof[redis]'") from error
    return InRedis(settings, clock)
