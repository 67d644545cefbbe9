"""Tasks in Redis: each look is one script there, so that it counts once whoever looks at the same time."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from hashlib import blake2b
from typing import Any, cast

from mockserver.in_redis.blobs import BlobsInRedis
from mockserver.in_redis.connection import Connection
from mockserver.packing import blobs_of, pack, unpack
from mockserver.tasks import Ending, Order, Pace, Snapshot, Task, task_id

# Counted, and the looks that start and end it noted, whoever looks at the same time.
_LOOK = """
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then return false end
local polls = redis.call('HINCRBY', KEYS[1], 'polls', 1)
if ARGV[3] ~= '0' and polls >= tonumber(ARGV[3]) then redis.call('HSETNX', KEYS[1], 'started', ARGV[2]) end
if ARGV[4] ~= '0' and polls >= tonumber(ARGV[4]) then redis.call('HSETNX', KEYS[1], 'finished', ARGV[2]) end
return redis.call('HMGET', KEYS[1], 'polls', 'task', 'started', 'finished', 'ending')
"""
# A task ended before its time, if it is still there.
_END = """
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSET', KEYS[1], 'ending', ARGV[1]) end
"""
# A task that has waited begun anew, if it is still there; it is the newest then.
_RESUME = """
if redis.call('EXISTS', KEYS[1]) == 1 then
    redis.call('HSET', KEYS[1], 'task', ARGV[1])
    redis.call('HDEL', KEYS[1], 'polls', 'started', 'finished')
    redis.call('ZADD', KEYS[2], ARGV[2], ARGV[3])
end
"""


class TasksInRedis:
    """Tasks in Redis, moved on by whoever looks."""

    def __init__(
        self, connection: Connection, blobs: BlobsInRedis, pace: Pace, seed: int, clock: Callable[[], float]
    ) -> None:
        self._connection, self._blobs = connection, blobs
        self.pace, self._seed, self._clock = pace, seed, clock

    def _owner(self, key: str) -> str:
        return blake2b(key.encode("utf-8", "replace"), digest_size=16).hexdigest()

    async def submit(self, order: Order, template: str = "") -> Task:
        """Accept a request; its task gets an id in the shape of `template`."""
        it = self._connection
        with it.reaching():
            number = await it.twice(lambda: it.redis.incr(it.key("tasks")))
        now = self._clock()
        task = Task(task_id(self._seed, number, template, now), order, now, ending=order.ending)
        packed = await self._packed(task.submitted, order)
        with it.reaching():
            pipe = it.redis.pipeline(transaction=True)
            key = it.key("task", task.id)
            pipe.hset(key, mapping={"owner": self._owner(order.owner), "task": packed})
            pipe.expire(key, it.seconds)
            pipe.expire(it.key("tasks"), it.seconds)
            accepted, moment = it.key("accepted"), time.time()  # how keys expire, not what time it is for the mock
            pipe.zadd(accepted, {task.id: moment})
            pipe.zremrangebyscore(accepted, "-inf", moment - it.seconds)
            pipe.expire(accepted, it.seconds)
            await pipe.execute()
        return task

    async def _packed(self, submitted: float, order: Order) -> bytes:
        """An order as it lies in Redis; the pictures in it lie beside it."""
        blobs: dict[str, bytes] = {}
        parts = [dict(order.asked), dict(order.resolved), order.base_url, order.family, order.operation, order.waits]
        packed = pack([submitted, _parts(order.ending), parts], blobs)
        if blobs:
            self._blobs.keep(blobs)
            await self._blobs.write()
        return packed

    async def resume(self, id_: str, order: Order) -> None:
        """Begin a task that has waited, now and with this order, if there is one of this id."""
        it, packed = self._connection, await self._packed(self._clock(), order)
        with it.reaching():
            await it.redis.eval(_RESUME, 2, it.key("task", id_), it.key("accepted"), packed, time.time(), id_)

    async def look(self, id_: str, owner: str) -> tuple[Task, Snapshot] | None:
        """Poll a task; None when there is none of this id, any more, or it belongs to another key."""
        it, now = self._connection, self._clock()
        ends = [self.pace.starting_poll, self.pace.polls or 0]
        with it.reaching():
            found = await it.redis.eval(_LOOK, 1, it.key("task", id_), self._owner(owner), repr(now), *ends)
        return None if found is None else await self._seen(id_, found, now, owner)

    async def peek(self, id_: str) -> tuple[Task, Snapshot] | None:
        """What a look would see now, whoever asks; it is not counted. None when there is none of this id."""
        it = self._connection
        with it.reaching():
            found = await cast("Awaitable[list[Any]]", it.redis.hmget(it.key("task", id_), _FIELDS))
        if found[1] is None:
            return None
        seen = await self._seen(id_, [found[0] or 1, *found[1:]], self._clock())
        if seen is not None:
            seen[0].polls = int(found[0] or 0)
        return seen

    async def end(self, id_: str, ending: Ending) -> None:
        """End a task now, if there is one of this id."""
        it = self._connection
        with it.reaching():
            await it.redis.eval(_END, 1, it.key("task", id_), pack(_parts(ending), {}))

    async def ids(self) -> list[str]:
        """The ids of all tasks kept, oldest first."""
        it = self._connection
        with it.reaching():
            wanted = it.redis.zrangebyscore(it.key("accepted"), time.time() - it.seconds, "+inf")
            found = await cast("Awaitable[list[bytes]]", wanted)
        return [id_.decode() for id_ in found]

    async def _seen(self, id_: str, found: list[Any], now: float, owner: str = "") -> tuple[Task, Snapshot] | None:
        """The task that lies in Redis as these fields, whose owner is not told there; None where a picture it needs
        has expired.
        """
        polls, packed, *moments, ended = found
        started, finished = (None if moment is None else float(moment) for moment in moments)
        wanted = blobs_of(packed)
        blobs = await self._blobs.find(wanted)
        if len(blobs) < len(wanted):
            return None
        submitted, doomed, (asked, resolved, base_url, family, operation, waits) = unpack(packed, blobs)
        order = Order(owner, asked, resolved, base_url, family, operation, _ending(doomed), waits)
        ending = order.ending if ended is None else _ending(unpack(ended, {}))
        task = Task(id_, order, submitted, int(polls), started, finished, ending)
        return task, self.pace.look(task, now)


_FIELDS = ["polls", "task", "started", "finished", "ending"]


def _parts(ending: Ending | None) -> list[Any] | None:
    return None if ending is None else [ending.state, ending.reason, ending.at]


def _ending(parts: list[Any] | None) -> Ending | None:
    return None if parts is None else Ending(*parts)
