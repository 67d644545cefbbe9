"""A mock's state in Redis: tasks, uploads, the journal, what is counted.

Servers with the same secret share their state, others have keys of their own. Every key expires: a link's time and an
hour after it was last written. Callers' keys are stored as digests only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mockserver.in_redis.blobs import BlobsInRedis
from mockserver.in_redis.connection import DAY, Connection
from mockserver.in_redis.journal import JournalInRedis
from mockserver.in_redis.tasks import TasksInRedis
from mockserver.settings import Settings
from mockserver.tasks import Pace


class InRedis:
    """The state of a server of several processes. Its methods raise StateLost."""

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        self._connection = Connection(settings)
        self.worker = 0
        self.blobs = BlobsInRedis(self._connection)
        pace = Pace(settings.task_seconds, settings.task_polls)
        self.tasks = TasksInRedis(self._connection, self.blobs, pace, settings.seed, clock)
        self.journal = JournalInRedis(self._connection, settings.journal_store)
        self._cleared = False

    @property
    def unsettled(self) -> bool:
        """Whether `settle` has something to do."""
        return self._cleared or bool(self.blobs.waiting)

    async def open(self) -> None:
        """Connect and get a number among this server's processes."""
        it = self._connection
        await it.open()
        with it.reaching():
            self.worker = await it.redis.incr(it.key("workers")) - 1
            await it.redis.expire(it.key("workers"), DAY * 30)

    async def holds(self) -> Mapping[str, int]:
        """How much there is, counted key by key."""
        it = self._connection
        await self.journal.write()
        with it.reaching():
            requests = int(await it.redis.get(it.key("requests")) or 0)
            entries = int(await it.redis.get(it.key("journal-entries")) or 0)
            blobs = [key async for key in it.redis.scan_iter(it.key("blob", "*"), count=1000)]
            weights = [await it.redis.strlen(key) for key in blobs]
        tasks = len(await self.tasks.ids())
        return {"requests": requests, "journal": entries, "tasks": tasks, "blobs": sum(weights)}

    async def settle(self) -> None:
        """Write uploads, and forget what is to be forgotten."""
        if self._cleared:
            self._cleared = False
            it = self._connection
            with it.reaching():
                kept = it.key("workers").encode()
                keys = [key async for key in it.redis.scan_iter(it.key("*"), count=1000) if key != kept]
                if keys:
                    await it.redis.unlink(*keys)
        if self.blobs.waiting:
            await self.blobs.write()

    def clear(self) -> None:
        """Forget everything at the next `settle`."""
        self.blobs.waiting.clear()
        self.journal.forget()
        self._cleared = self._connection.redis is not None

    async def close(self) -> None:
        """Write the rest of the journal and disconnect."""
        if self._connection.redis is not None:
            await self.journal.close()
            await self._connection.close()
