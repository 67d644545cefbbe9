"""The connection to a provider: bytes out, bytes back, every exchange recorded whatever came of it.

Synchronous, because Hypothesis and pytest are; one aiohttp session on a loop of its own does the work.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import aiohttp
from aiohttp.http_exceptions import ContentEncodingError
from yarl import URL

from spec.messages import header_text
from spec.recordings.redactor import Redactor
from spec.recordings.writing import Recording

T = TypeVar("T")
_LARGEST_ANSWER = 256 * 1024 * 1024
_CONNECT_SECONDS = 15.0


class CouldNotLook(Exception):
    """The provider could not be asked: no connection, no answer in time, no entry. Says nothing about its contract.

    `arrived`: whether the request may have arrived, and be billed, all the same; `asked` is what was, if that is told.
    """

    def __init__(self, reason: str, arrived: bool = False, asked: str = "") -> None:
        super().__init__(f"{asked}: {reason}" if asked else reason)
        self.reason = reason
        self.arrived = arrived


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One request as it goes out, with its key; `alone` leaves its connection to nobody else."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    allow_redirects: bool = False
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Incoming:
    """What came back: status, headers, body, the seconds until it began; `broken` is why it did not come to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    began_after: float = 0.0
    broken: str = ""


class Connection:
    """Where requests go out. `timeout` is seconds; `recording`, where there is one, is told of every exchange."""

    def __init__(self, timeout: float, redact: Redactor, recording: Recording | None = None) -> None:
        self.redact = redact
        self._recording = recording
        self._timeout = timeout
        self._connect = min(timeout, _CONNECT_SECONDS)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="imageproof-provider", daemon=True)
        self._thread.start()
        self._session = self._run(self._open())

    async def _open(self) -> aiohttp.ClientSession:
        timeout = aiohttp.ClientTimeout(total=self._timeout, sock_connect=self._connect)
        return aiohttp.ClientSession(timeout=timeout, auto_decompress=True, cookie_jar=aiohttp.DummyCookieJar())

    def close(self) -> None:
        """Close connections and the loop; what is still under way is cut off."""
        if self._loop.is_closed():
            return
        self._run(self._shut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()
        if self._recording is not None:
            self._recording.close()

    async def _shut(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._session.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def ask(self, sent: Outgoing) -> Incoming:
        """Send a request; of an answer that breaks off what came. Raises CouldNotLook where not even a head came."""
        return self._run(self._recorded(sent))

    async def _recorded(self, sent: Outgoing) -> Incoming:
        began, clock = time.time(), time.perf_counter()
        answer, trouble = None, "cut off"
        try:
            answer = await self._ask(sent)
            trouble = answer.broken
        except CouldNotLook as error:
            trouble = str(error)
            raise
        finally:
            if self._recording is not None:
                request = (sent.method, full(sent.url, sent.query), sent.headers, sent.body)
                came = (answer.status, answer.headers, answer.body) if answer else None
                self._recording.add(began, time.perf_counter() - clock, request, came, trouble)
        return answer

    async def _ask(self, sent: Outgoing) -> Incoming:
        asked = f"{sent.method} {self.redact.text(sent.url)}"
        clock = time.perf_counter()
        try:
            async with self._session.request(
                sent.method,
                sent.url,
                headers=sent.headers,
                params=dict(sent.query) or None,
                data=sent.body or None,
                skip_auto_headers=("Content-Type", "Accept", "User-Agent"),
                allow_redirects=sent.allow_redirects,
            ) as answer:
                told = {header_text(name).lower(): header_text(text) for name, text in answer.headers.items()}
                body, began_after, broken = await self._body(answer, clock)
                if sent.alone or broken:  # a server may hang up on what it could not read: nobody else shall notice
                    answer.close()
                return Incoming(answer.status, told, body, began_after, broken)
        except aiohttp.ConnectionTimeoutError:
            raise CouldNotLook(f"no connection within {self._connect:g} s", asked=asked) from None
        except TimeoutError:
            raise CouldNotLook(f"no answer within {self._timeout:g} s", arrived=True, asked=asked) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            reason = self.redact.text(header_text(_reason(error)))
            arrived = not isinstance(error, aiohttp.ClientConnectorError | aiohttp.InvalidURL | ValueError)
            raise CouldNotLook(reason, arrived, asked) from None

    async def _body(self, answer: aiohttp.ClientResponse, clock: float) -> tuple[bytes, float, str]:
        """A body, the seconds from `clock` until it began, and why it did not come to its end."""
        pieces: list[bytes] = []
        began_after, left, broken = 0.0, _LARGEST_ANSWER, ""
        try:
            while left > 0 and (more := await answer.content.read(left)):
                began_after = began_after or time.perf_counter() - clock
                pieces.append(more)
                left -= len(more)
        except TimeoutError:
            broken = f"no end within {self._timeout:g} s"
        except (aiohttp.ClientError, OSError) as error:
            undecodable = isinstance(error.__cause__, ContentEncodingError)
            broken = (
                "its Content-Encoding cannot be undone" if undecodable else "the connection was closed before the end"
            )
        body = b"".join(pieces)
        length = answer.headers.get("content-length", "")
        owed = f" of {length}" if length.isdecimal() and "content-encoding" not in answer.headers else ""
        return body, began_after, broken and f"{broken}: {len(body)}{owed} bytes of the body were read"


def full(url: str, query: Mapping[str, str]) -> str:
    """The address with its query."""
    return str(URL(url).with_query(dict(query))) if query else url


def _reason(error: Exception) -> str:
    """Why there is no answer, as briefly as the system says it."""
    if isinstance(error, aiohttp.ClientConnectorError) and not isinstance(error, aiohttp.ClientSSLError):
        number = error.os_error.errno or 0
        return os.strerror(number) if number > 0 else error.os_error.strerror or str(error)
    if isinstance(error, aiohttp.ServerDisconnectedError) and error.message == "Server disconnected":
        return "the connection was closed without an answer"
    if isinstance(error, aiohttp.ClientResponseError):
        return f"the answer is no HTTP: {(error.message.splitlines() or [''])[0].rstrip(':')}"
    return str(error) or type(error).__name__
