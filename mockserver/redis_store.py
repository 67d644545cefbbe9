"""A mock's state in Redis, so that several processes are one server: tasks, uploads, the journal, what is counted.

Servers with the same secret share their state, others have keys of their own. Every key expires: a link's time and an
hour after it was last written. Callers' keys are stored as digests only.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from hashlib import blake2b
from operator import attrgetter
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as LostConnection
from redis.exceptions import RedisError

from mockserver.artist import Picture
from mockserver.journal import Entry
from mockserver.packing import blobs_of, pack, unpack
from mockserver.settings import Settings
from mockserver.stores import StateLost, Unusable
from mockserver.tasks import Ending, Order, Pace, Snapshot, Task, task_id

log = logging.getLogger("imageproof.mock")

_CONNECT_SECONDS, _ANSWER_SECONDS = 1.0, 2.0
_SPARE_SECONDS, _DAY = 3600, 24 * 3600
_JOURNAL_SECONDS = 0.02  # what is asked meanwhile goes to Redis in one message

# One look at a task: counted, and the looks that start and end it noted, whoever looks at the same time.
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
# A task that has waited begun anew, if it is still there.
_RESUME = """
if redis.call('EXISTS', KEYS[1]) == 1 then
    redis.call('HSET', KEYS[1], 'task', ARGV[1])
    redis.call('HDEL', KEYS[1], 'polls', 'started', 'finished')
end
"""
# Entries added, and the oldest dropped until the rest weighs no more than it may.
_ADD = """
local weight = 0
for i = 3, #ARGV do redis.call('RPUSH', KEYS[1], ARGV[i]) weight = weight + #ARGV[i] + 100 end
weight = redis.call('INCRBY', KEYS[2], weight)
while weight > tonumber(ARGV[1]) do weight = redis.call('DECRBY', KEYS[2], #redis.call('LPOP', KEYS[1]) + 100) end
redis.call('EXPIRE', KEYS[1], ARGV[2])
redis.call('EXPIRE', KEYS[2], ARGV[2])
redis.call('INCRBY', KEYS[3], #ARGV - 2)
redis.call('EXPIRE', KEYS[3], ARGV[2])
"""

_T = TypeVar("_T")


class Connection:
    """A Redis, this server's keys in it, and how long they last. Raises Unusable for what is no URL of a Redis."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.redis or ""
        try:
            parse_url(self._url)
        except ValueError as error:
            raise Unusable(f"{shown(self._url)!r} is no URL of a Redis; expected redis://HOST:6379/0") from error
        self._prefix = f"imageproof:{blake2b(settings.secret, digest_size=8).hexdigest()}:"
        self.seconds = int(settings.url_seconds or _DAY) + _SPARE_SECONDS
        self.redis: Redis = cast("Redis", None)

    def key(self, *parts: object) -> str:
        """A key of this server's."""
        return self._prefix + ":".join(map(str, parts))

    @contextmanager
    def reaching(self) -> Iterator[None]:
        """Whatever Redis fails with becomes StateLost."""
        try:
            yield
        except (RedisError, OSError) as error:
            raise StateLost(f"Redis at {shown(self._url)} does not answer: {str(error).rstrip('.')}") from error

    async def twice(self, ask: Callable[[], Awaitable[_T]]) -> _T:
        """Ask again where the connection had died in the meantime: only for what may happen twice."""
        try:
            return await ask()
        except (LostConnection, OSError):
            await self.redis.connection_pool.disconnect(inuse_connections=False)  # the others died with it
            return await ask()

    async def open(self) -> None:
        """Connect. Raises StateLost."""
        with self.reaching():
            self.redis = Redis.from_url(
                self._url,
                socket_connect_timeout=_CONNECT_SECONDS,
                socket_timeout=_ANSWER_SECONDS,
                retry=Retry(NoBackoff(), 0),  # a look may have been counted already
            )
            await self.redis.ping()

    async def close(self) -> None:
        """Disconnect."""
        await self.redis.aclose()
        self.redis = cast("Redis", None)


def shown(url: str) -> str:
    """A URL of a Redis without its password."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()


class BlobsInRedis:
    """Bytes by digest."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.waiting: dict[str, bytes] = {}

    def keep(self, blobs: Mapping[str, bytes]) -> None:
        """Keep some bytes from the next `write` on."""
        self.waiting.update(blobs)

    async def write(self) -> None:
        """Write what waits; of what is there already only the time is renewed, so that nothing large travels twice."""
        blobs, self.waiting = self.waiting, {}
        it = self._connection
        with it.reaching():
            pipe = it.redis.pipeline(transaction=False)
            for digest in blobs:
                pipe.expire(it.key("blob", digest), it.seconds)
            known = await pipe.execute()
            pipe = it.redis.pipeline(transaction=False)
            for (digest, data), there in zip(blobs.items(), known, strict=True):
                if not there:
                    pipe.set(it.key("blob", digest), data, ex=it.seconds)
            await pipe.execute()

    async def find(self, digests: Iterable[str]) -> dict[str, bytes]:
        """Those of the digests that are kept."""
        names = list(digests)
        if not names:
            return {}
        it = self._connection
        with it.reaching():
            found = await it.redis.mget([it.key("blob", name) for name in names])
        return {name: data for name, data in zip(names, found, strict=True) if isinstance(data, bytes)}


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
            await it.redis.eval(_RESUME, 1, it.key("task", id_), packed)

    async def look(self, id_: str, owner: str) -> tuple[Task, Snapshot] | None:
        """Poll a task; None when there is none of this id, any more, or it belongs to another key."""
        it, now = self._connection, self._clock()
        ends = [self.pace.starting_poll, self.pace.polls or 0]
        with it.reaching():
            found = await it.redis.eval(_LOOK, 1, it.key("task", id_), self._owner(owner), repr(now), *ends)
        return None if found is None else await self._seen(id_, found, now)

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
        """The ids of all tasks kept."""
        it = self._connection
        start = it.key("task", "")
        with it.reaching():
            found = [key.decode() async for key in it.redis.scan_iter(it.key("task", "*"), count=1000)]
        return sorted(key.removeprefix(start) for key in found)

    async def _seen(self, id_: str, found: list[Any], now: float) -> tuple[Task, Snapshot] | None:
        """The task that lies in Redis as these fields; None where a picture it needs has expired."""
        polls, packed, *moments, ended = found
        started, finished = (None if moment is None else float(moment) for moment in moments)
        wanted = blobs_of(packed)
        blobs = await self._blobs.find(wanted)
        if len(blobs) < len(wanted):
            return None
        submitted, doomed, (asked, resolved, base_url, family, operation, waits) = unpack(packed, blobs)
        order = Order("", asked, resolved, base_url, family, operation, _ending(doomed), waits)
        ending = order.ending if ended is None else _ending(unpack(ended, {}))
        task = Task(id_, order, submitted, int(polls), started, finished, ending)
        return task, self.pace.look(task, now)


_FIELDS = ["polls", "task", "started", "finished", "ending"]


def _parts(ending: Ending | None) -> list[Any] | None:
    return None if ending is None else [ending.state, ending.reason, ending.at]


def _ending(parts: list[Any] | None) -> Ending | None:
    return None if parts is None else Ending(*parts)


_BESIDE = ("body", "made", "answer")
_told = attrgetter(*(field.name for field in fields(Entry) if field.name not in _BESIDE))
_drawn = attrgetter(*(field.name for field in fields(Picture)))


def _parts_of(entry: Entry) -> list[Any]:
    made = [one if isinstance(one, str) else list(_drawn(one)) for one in entry.made]
    return [*_told(entry), entry.body.decode("utf-8", "replace"), made, entry.answer.decode("utf-8", "replace")]


def _entry(parts: list[Any]) -> Entry:
    *told, body, made, answer = parts
    pictures = [one if isinstance(one, str) else Picture(*one) for one in made]
    entry = Entry(*told)
    entry.body, entry.made, entry.answer = body.encode(), pictures, answer.encode()
    return entry


class JournalInRedis:
    """The journal of all processes. An entry is there within a moment of its answer, not before it."""

    def __init__(self, connection: Connection, limit: int) -> None:
        self._connection = connection
        self._limit = limit
        self._waiting: list[bytes] = []
        self._weight = 0
        self._writing: asyncio.Task[None] | None = None

    def add(self, entry: Entry) -> None:
        """Write one entry; the oldest make room."""
        packed = pack(_parts_of(entry), {})
        self._weight += len(packed)
        if self._weight < self._limit:
            self._waiting.append(packed)
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._write_soon())

    async def _write_soon(self) -> None:
        while self._waiting:
            await asyncio.sleep(_JOURNAL_SECONDS)
            await self.write()
        self._writing = None

    async def write(self) -> None:
        """Write what waits. What Redis does not take is lost, and the log says so."""
        waiting, self._waiting, self._weight = self._waiting, [], 0
        if not waiting:
            return
        it = self._connection
        keys = it.key("journal"), it.key("journal-weight"), it.key("requests")
        try:
            with it.reaching():
                await it.redis.eval(_ADD, 3, *keys, self._limit, it.seconds, *waiting)
        except StateLost as error:
            log.warning("%d entries of the journal are lost: %s", len(waiting), error)

    async def entries(self) -> list[Entry]:
        """What is kept, oldest first."""
        return await self._range(0)

    async def newest(self, count: int) -> list[Entry]:
        """The last ones, oldest first."""
        return await self._range(-count) if count else []

    async def _range(self, start: int) -> list[Entry]:
        it = self._connection
        await self.write()
        with it.reaching():
            found = await cast("Awaitable[list[bytes]]", it.redis.lrange(it.key("journal"), start, -1))
        return sorted((_entry(unpack(packed, {})) for packed in found), key=lambda entry: entry.at)

    async def close(self) -> None:
        """Write the rest."""
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None
        await self.write()

    def forget(self) -> None:
        """Drop what waits."""
        self._waiting, self._weight = [], 0


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
            await it.redis.expire(it.key("workers"), _DAY * 30)

    async def holds(self) -> Mapping[str, int]:
        """How much there is, counted key by key."""
        it = self._connection
        await self.journal.write()
        with it.reaching():
            requests = int(await it.redis.get(it.key("requests")) or 0)
            entries = await it.redis.llen(it.key("journal"))
            tasks = [key async for key in it.redis.scan_iter(it.key("task", "*"), count=1000)]
            blobs = [key async for key in it.redis.scan_iter(it.key("blob", "*"), count=1000)]
            weights = [await it.redis.strlen(key) for key in blobs]
        return {"requests": requests, "journal": entries, "tasks": len(tasks), "blobs": sum(weights)}

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
