"""The connection to a Redis: this server's keys there, how long they last, and what it is like when it is lost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from typing import TypeVar, cast
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as LostConnection
from redis.exceptions import RedisError

from mockserver.settings import Settings
from mockserver.stores import StateLost, Unusable

DAY = 24 * 3600  # seconds
_CONNECT_SECONDS, _ANSWER_SECONDS = 1.0, 2.0
_SPARE_SECONDS = 3600

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
        self.seconds = int(settings.url_seconds or DAY) + _SPARE_SECONDS
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
