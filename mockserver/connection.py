"""Connections: aiohttp's, which answer the usual request as soon as its bytes are there.

For every request aiohttp makes a request object, a writer and a task, and goes round the event loop twice: more work
than the mock has with a valid JSON request, which waits for nothing. So what came is first shown to the mock. What it
cannot answer at once, and whatever did not come in one piece, alone and on an idle connection, goes aiohttp's way.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from typing import Any

from aiohttp import HttpVersion11, StreamReader, web, web_protocol
from aiohttp.http import RawRequestMessage
from aiohttp.http_exceptions import HttpProcessingError

log = logging.getLogger("imageproof.wire")
#: takes a request with its whole body; the answer as it goes over the wire, None where it is not that simple
AtOnce = Callable[[RawRequestMessage, bytes], bytes | None]
#: finds out by method and path who may know
Asks = Callable[[tuple[str, str]], AtOnce | None]
_Messages = Sequence[tuple[RawRequestMessage, StreamReader]]

_AT_MOST = 32 * 1024  # bytes of head and body; aiohttp stops reading when bodies much longer than that wait to be read
_END = b"\r\n\r\n"


class Connection(web_protocol.RequestHandler):
    """One connection. What is no HTTP is answered without being quoted."""

    __slots__ = ("_asks", "_consumed", "_feed")

    def __init__(self, manager: web.Server, asks: Asks, **told: Any) -> None:
        super().__init__(manager, **told)
        self._asks = asks
        parser: Any = self._parser
        self._feed = parser.feed_data
        self._consumed = getattr(parser, "message_consumed", None)  # newer parsers count what waits to be answered
        self._parser = _Shown(parser, self._fed)  # type: ignore[assignment]

    def _fed(self, data: bytes) -> tuple[_Messages, bool, bytes]:
        """What a parser makes of data, without the request that has been answered."""
        found: tuple[_Messages, bool, bytes] = self._feed(data)
        if len(found[0]) == 1 and self._is_idle() and self._answers(*found[0][0], data):
            return (), *found[1:]
        return found

    def _is_idle(self) -> bool:
        """Whether nothing is being answered, and what was answered before has been sent."""
        waiter = self._waiter
        return waiter is not None and not waiter.done() and not self._messages and not self._paused

    def _answers(self, message: RawRequestMessage, payload: StreamReader, data: bytes) -> bool:
        """Answer a request at once, where that is possible."""
        at_once = self._asks((message.method, message.path))
        if (
            at_once is None
            or not payload.is_eof()
            or message.should_close
            or message.compression
            or message.upgrade
            or message.version != HttpVersion11
            or len(data) > _AT_MOST
        ):
            return False
        body = data[data.find(_END) + len(_END) :]
        # The body proper: a head that came in two pieces, chunks, or the beginning of another request do not fit.
        if message.headers.get("content-length") != str(len(body)) or self.transport is None:
            return False
        answer = at_once(message, body)
        if answer is None:
            return False
        self.transport.write(answer)
        if self._consumed is not None:
            self._consumed()
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        return True

    def handle_error(
        self, request: Any, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """A page of text; it also says so in the log."""
        return super().handle_error(request, status, exc, _unquoted(message or "") + "\n")


class _Shown:
    """A parser whose data go through somebody's hands."""

    def __init__(self, parser: Any, feed_data: Callable[[bytes], Any]) -> None:
        self._parser = parser
        self.feed_data = feed_data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._parser, name)


class Server(web.Server):
    """aiohttp's server, with connections of our own."""

    def __init__(self, handler: Any, asks: Asks, **told: Any) -> None:
        super().__init__(handler, access_log=None, logger=log, **told)
        self._asks = asks

    def __call__(self) -> Connection:
        """A connection that somebody opens."""
        return Connection(self, self._asks, loop=self._loop, **self._kwargs)


_CLIENT_ERRORS = (HttpProcessingError, web.RequestPayloadError, ConnectionError)


def _briefly(record: logging.LogRecord) -> bool:
    """One line for what a client got wrong on the wire, where aiohttp logs a traceback."""
    if record.exc_info and isinstance(error := record.exc_info[1], _CLIENT_ERRORS):
        told = _unquoted(getattr(error, "message", "") or str(error))
        record.msg, record.args = "a client got HTTP wrong: %s", (told,)
        record.exc_info = record.exc_text = None
    return True


_PREFIX = re.compile(r"\d+, message:\s*")


def _unquoted(message: str) -> str:
    """What was wrong, without what aiohttp quotes behind a colon: it may be a header with somebody's key."""
    return _PREFIX.sub("", message).partition(":")[0].strip() or "it cannot be read"


log.addFilter(_briefly)
