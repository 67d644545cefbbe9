"""Connections: aiohttp's, which answer the usual request as soon as its bytes are there.

For every request aiohttp makes a request object, a writer and a task, and goes round the event loop twice: more work
than the mock has with a valid JSON request, which waits for nothing. So what came is first shown to the mock. What it
cannot answer at once, and whatever did not come alone, as head and body, on an idle connection, goes aiohttp's way.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Sequence
from typing import Any

from aiohttp import HttpVersion11, StreamReader, web, web_protocol
from aiohttp.http import RawRequestMessage
from aiohttp.http_exceptions import HttpProcessingError

from mockserver.breath import Breath

log = logging.getLogger("imageproof.wire")
_Messages = Sequence[tuple[RawRequestMessage, StreamReader]]

_AT_MOST = 32 * 1024  # bytes of head and body; aiohttp stops reading when bodies much longer than that wait to be read
_END = b"\r\n\r\n"


#: answers requests of one head by their bodies: the bytes that are to be sent, None where more is needed for it
Answers = Callable[[bytes], bytes | None]
#: who answers requests with this head; None where that depends on more than their bodies
Hears = Callable[[RawRequestMessage], Answers | None]
#: what of aiohttp's own is relied on; where a version of it has other names, everything goes its way
_RELIED_ON = ("_parser", "_waiter", "_messages", "_paused", "_close", "_force_close", "_keepalive_timeout", "_loop")
_HEADS = 512
_BESIDE = 0.01  # seconds within which a body comes that was sent with its head
_LONGEST_HEAD = 4096  # bytes
_UNKNOWN = -1


class AtOnce:
    """What a server answers at once, without waiting for anything.

    `heads` says by the bytes of a request's head, as far as they are known, how long its body is and who answers it:
    clients send the same head again and again.
    """

    def __init__(self, breath: Breath | None = None) -> None:
        self.breath = breath or Breath()
        self._hears: dict[tuple[str, str], Hears] = {}
        self._allowed = False
        self.heads: dict[bytes, tuple[int, Answers]] = {}

    def add(self, method: str, path: str, hears: Hears) -> None:
        """Answer such requests; the first one for a method and path stays."""
        self._hears.setdefault((method.upper(), path), hears)

    def allow(self, allowed: bool) -> None:
        """Begin or end it; the settings may be others now, so everything is heard anew."""
        self.heads.clear()
        self._allowed = allowed

    def learn(self, head: bytes, message: RawRequestMessage, length: int) -> Answers | None:
        """Who answers requests with this head, which promises a body of so many bytes; None where nobody does."""
        hears = self._hears.get((message.method, message.path)) if self._allowed else None
        answers = None if hears is None else hears(message)
        if answers is not None and len(head) <= _LONGEST_HEAD:
            if len(self.heads) >= _HEADS:
                self.heads.clear()
            self.heads[head] = length, answers
        return answers


class Connection(web_protocol.RequestHandler):
    """One connection. What is no HTTP is answered without being quoted."""

    __slots__ = ("_at_once", "_breath", "_consumed", "_feed", "_heads", "_held", "_missing")

    def __init__(self, manager: web.Server, at_once: AtOnce, **told: Any) -> None:
        super().__init__(manager, **told)
        self._at_once, self._heads, self._breath = at_once, at_once.heads, at_once.breath
        self._held: tuple[bytes, asyncio.TimerHandle] | None = None
        self._missing = 0  # bytes of a body that has begun: at 0 the next ones begin a request
        if not all(hasattr(self, name) for name in _RELIED_ON):
            self._heads = {}
            return
        parser: Any = self._parser
        self._feed = parser.feed_data
        self._consumed = getattr(parser, "message_consumed", None)  # newer parsers count what waits to be answered
        self._parser = _Shown(parser, self._fed)  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Something has come."""
        self._breath.heard += 1
        if self._held is not None:
            data = self._taken(self._held) + data
        end = data.find(_END) + len(_END)
        if (known := self._heads.get(data[:end])) is not None and not self._missing and self._is_idle():
            length, answers = known
            if len(data) - end == length and (answer := answers(data[end:])) is not None:
                self._send(answer)
                return
            if length and len(data) == end:  # many clients send head and body one after the other
                self._held = data, self._loop.call_later(_BESIDE, self._let_go)
                return
        super().data_received(data)

    def _taken(self, held: tuple[bytes, asyncio.TimerHandle]) -> bytes:
        """A head that was held back; it is no longer."""
        self._held = None
        held[1].cancel()
        return held[0]

    def _let_go(self) -> None:
        """The body has not come beside its head: aiohttp waits for it."""
        if self._held is not None:
            super().data_received(self._taken(self._held))

    def connection_lost(self, exc: BaseException | None) -> None:
        """The caller has gone, maybe between a head and its body."""
        if self._held is not None:
            self._taken(self._held)
        super().connection_lost(exc)

    def _fed(self, data: bytes) -> tuple[_Messages, bool, bytes]:
        """What a parser makes of data, without the request that has been answered."""
        missing = self._missing
        if data:  # without, the parser goes on with what it has
            self._missing = missing - len(data) if 0 < len(data) <= missing else _UNKNOWN
        found: tuple[_Messages, bool, bytes] = self._feed(data)
        if len(found[0]) != 1 or not data:
            return found
        [(message, payload)] = found[0]
        self._missing = self._left(message, payload, data)
        if missing != 0:
            return found
        if self._missing == 0 and self._answers(message, data):
            if self._consumed is not None:
                self._consumed()
            return (), *found[1:]
        if self._missing == _length(message) and _is_plain(message):
            self._at_once.learn(data, message, self._missing)  # for the next one with this head
        return found

    def _left(self, message: RawRequestMessage, payload: StreamReader, data: bytes) -> int:
        """How many bytes of this request's body have not come with these data, where there is no doubt about it."""
        if message.upgrade or message.chunked or _END not in data:
            return _UNKNOWN
        left = _length(message) - (len(data) - data.find(_END) - len(_END))
        return left if left >= 0 and payload.is_eof() == (left == 0) else _UNKNOWN

    def _answers(self, message: RawRequestMessage, data: bytes) -> bool:
        """Answer a request that came in one piece at once, where that is possible."""
        if not _is_plain(message) or len(data) > _AT_MOST:
            return False
        end = data.find(_END) + len(_END)
        answers = self._at_once.learn(data[:end], message, len(data) - end)
        if answers is None or not self._is_idle() or (answer := answers(data[end:])) is None:
            return False
        self._send(answer)
        return True

    def _is_idle(self) -> bool:
        """Whether nothing is being answered, what was answered before has been sent, and the connection is to stay."""
        waiter = self._waiter
        return (
            waiter is not None
            and not waiter.done()
            and not (self._messages or self._paused or self._close or self._force_close)
        )

    def _send(self, answer: bytes) -> None:
        assert self.transport is not None  # noqa: S101 - for the type checker: data has just come from it
        self.transport.write(answer)
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout

    def handle_error(
        self, request: Any, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """A page of text; it also says so in the log."""
        return super().handle_error(request, status, exc, _unquoted(message or "") + "\n")


def _is_plain(message: RawRequestMessage) -> bool:
    """Whether nothing about a request's head asks for more than an answer."""
    return not (
        message.should_close
        or message.compression
        or message.chunked
        or message.upgrade
        or message.version != HttpVersion11
        or _length(message) > _AT_MOST
    )


def _length(message: RawRequestMessage) -> int:
    """How many bytes of body a head promises: the parser has seen to it that it is a number."""
    return int(message.headers.get("content-length", 0))


class _Shown:
    """A parser whose data go through somebody's hands."""

    def __init__(self, parser: Any, feed_data: Callable[[bytes], Any]) -> None:
        self._parser = parser
        self.feed_data = feed_data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._parser, name)


class Server(web.Server):
    """aiohttp's server, with connections of our own."""

    def __init__(self, handler: Any, at_once: AtOnce, **told: Any) -> None:
        super().__init__(handler, access_log=None, logger=log, **told)
        self._at_once = at_once

    def __call__(self) -> Connection:
        """A connection that somebody opens."""
        return Connection(self, self._at_once, loop=self._loop, **self._kwargs)


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
