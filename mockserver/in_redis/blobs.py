"""Uploaded bytes in Redis, and orders too long for a link."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mockserver.in_redis.connection import Connection


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
