"""The journal of all processes, in Redis."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable
from dataclasses import fields
from operator import attrgetter
from typing import Any, cast

from mockserver.artist import Picture
from mockserver.in_redis.connection import Connection
from mockserver.journal import Entry
from mockserver.packing import pack_plain, unpack_plain
from mockserver.stores import StateLost

log = logging.getLogger("imageproof.mock")

_MOMENT = 0.05  # seconds; what is asked meanwhile goes to Redis in one message
_AHEAD = 4  # times what the journal may weigh may wait: packed it is lighter, and what is left must fill the journal
_PARTS = 64  # of the journal at least, so that little is dropped at once

# Parts added, and the oldest dropped until the rest weighs no more than it may. Each begins with its number of entries.
_ADD = """
local weight, entries = 0, 0
local function held(part) return tonumber(string.match(part, '^%d+')) end
for i = 4, #ARGV do
    redis.call('RPUSH', KEYS[1], ARGV[i])
    weight, entries = weight + #ARGV[i] + 100, entries + held(ARGV[i])
end
redis.call('INCRBY', KEYS[4], ARGV[3])
weight = redis.call('INCRBY', KEYS[2], weight)
while weight > tonumber(ARGV[1]) do
    local dropped = redis.call('LPOP', KEYS[1])
    if not dropped then break end
    weight, entries = redis.call('DECRBY', KEYS[2], #dropped + 100), entries - held(dropped)
end
redis.call('INCRBY', KEYS[3], entries)
for i = 1, #KEYS do redis.call('EXPIRE', KEYS[i], ARGV[2]) end
"""

_BESIDE = ("drifts", "body", "made", "answer")
_told = attrgetter(*(field.name for field in fields(Entry) if field.name not in _BESIDE))
_drawn = attrgetter(*(field.name for field in fields(Picture)))


def _parts_of(entry: Entry) -> list[Any]:
    made = [one if isinstance(one, str) else _drawn(one) for one in entry.made]
    texts = entry.body.decode("utf-8", "replace"), entry.answer.decode("utf-8", "replace")
    return [*_told(entry), entry.drifts, made, *texts]


def _entry(parts: list[Any]) -> Entry:
    *told, drifts, made, body, answer = parts
    names = [field.name for field in fields(Entry) if field.name not in _BESIDE]
    pictures = [one if isinstance(one, str) else Picture(*one) for one in made]
    told_by_name = dict(zip(names, told, strict=True))
    return Entry(**told_by_name, drifts=tuple(drifts), body=body.encode(), made=pictures, answer=answer.encode())


class JournalInRedis:
    """The journal of all processes. An entry is there within a moment of its answer, not before it.

    It lies there in parts of a few entries each: what many requests leave behind is packed and sent in one go.
    """

    def __init__(self, connection: Connection, limit: int) -> None:
        self._connection = connection
        self._limit = limit
        self._waiting: deque[Entry] = deque()
        self._weight = self._seen = 0
        self._writing: asyncio.Task[None] | None = None

    def add(self, entry: Entry) -> None:
        """Write one entry; the oldest make room."""
        self._seen += 1
        self._weight += entry.weight
        self._waiting.append(entry)
        while self._weight > _AHEAD * self._limit:
            self._weight -= self._waiting.popleft().weight
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._write_soon())

    async def _write_soon(self) -> None:
        while self._waiting:
            await asyncio.sleep(_MOMENT)
            await self.write()
        self._writing = None

    async def write(self) -> None:
        """Write what waits. What Redis does not take is lost, and the log says so."""
        waiting, weight, seen = list(self._waiting), self._weight, self._seen
        if not waiting:
            return
        self.forget()
        it = self._connection
        keys = (it.key(name) for name in ("journal", "journal-weight", "journal-entries", "requests"))
        step = max(1, len(waiting) * self._limit // (_PARTS * weight))
        parts = [_packed(waiting[start : start + step]) for start in range(0, len(waiting), step)]
        try:
            with it.reaching():
                await it.redis.eval(_ADD, 4, *keys, self._limit, it.seconds, seen, *parts)
        except StateLost as error:
            log.warning("%d entries of the journal are lost: %s", len(waiting), error)

    async def entries(self) -> list[Entry]:
        """What is kept, oldest first."""
        return _entries(await self._parts(0))

    async def newest(self, count: int) -> list[Entry]:
        """The last ones, oldest first."""
        if not count:
            return []
        wanted = 1
        while True:
            parts = await self._parts(wanted)
            found = _entries(parts)
            if len(found) >= count or len(parts) < wanted:
                return found[-count:]
            wanted *= 8

    async def _parts(self, last: int) -> list[bytes]:
        """So many of the last parts; 0: all of them."""
        it = self._connection
        await self.write()
        with it.reaching():
            return await cast("Awaitable[list[bytes]]", it.redis.lrange(it.key("journal"), -last, -1))

    async def close(self) -> None:
        """Write the rest."""
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None
        await self.write()

    def forget(self) -> None:
        """Drop what waits."""
        self._waiting.clear()
        self._weight = self._seen = 0


def _entries(parts: list[bytes]) -> list[Entry]:
    """What parts of the journal hold, oldest first."""
    entries = [_entry(one) for part in parts for one in unpack_plain(part.partition(b" ")[2])]
    return sorted(entries, key=lambda entry: entry.at)


def _packed(entries: list[Entry]) -> bytes:
    """One part of the journal: how many entries there are, then what they say."""
    return b"%d " % len(entries) + pack_plain(tuple(map(_parts_of, entries)))
