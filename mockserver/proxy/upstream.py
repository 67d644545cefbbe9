"""The provider behind the proxy: one request as it came, one answer as it comes, and what can go wrong on the way."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from mockserver.proxy.judging import READABLE
from mockserver.relay import end_to_end
from spec.messages import header_text

_CONNECT_SECONDS = 15.0
_IDLE_SECONDS = 2.0  # shorter than any server keeps a connection that nobody uses: none is sent into a closing one
_LONGEST_FIELD = 64 * 1024
_AUTOMATIC = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


class Trouble(Exception):
    """No whole answer came from upstream. `status` is what a gateway answers then; the text says why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Copy:
    """The bytes of a body that is passed on, up to a limit; `data` is None where there were more."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self.size = 0

    def add(self, part: bytes) -> None:
        """What was passed on just now."""
        self.size += len(part)
        if self.size <= self._limit:
            self._parts.append(part)
        else:
            self._parts.clear()

    @property
    def data(self) -> bytes | None:
        """Everything."""
        return b"".join(self._parts) if self.size <= self._limit else None


class Upload:
    """The body of a request, passed on while it comes. `ended` when it came to its end; `failed`: it never will."""

    def __init__(self, http: web.BaseRequest, limit: int) -> None:
        self._http = http
        self.copy = Copy(limit)
        self.ended = asyncio.Event()
        self.failed = False
        if not http.body_exists:
            self.ended.set()

    async def parts(self) -> AsyncIterator[bytes]:
        """What comes, as it comes."""
        try:
            async for part in self._http.content.iter_any():
                self.copy.add(part)
                yield part
        except (web.RequestPayloadError, ConnectionError):
            self.failed = True
            raise
        self.ended.set()


class Upstream:
    """One provider. `silence` is how many seconds it may send nothing."""

    def __init__(self, root: str, silence: float) -> None:
        self.root = root
        self.name = URL(root).authority
        self._silence = silence
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS, sock_read=silence)
        self._session = aiohttp.ClientSession(
            timeout=timeout,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=_AUTOMATIC,
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_SECONDS),
            max_line_size=_LONGEST_FIELD,
            max_field_size=_LONGEST_FIELD,
        )

    def url(self, http: web.BaseRequest) -> URL:
        """Where a request really goes."""
        return URL(self.root + http.raw_path.partition("#")[0], encoded=True)

    async def send(self, http: web.BaseRequest, upload: Upload) -> aiohttp.ClientResponse:
        """Send the request on; the head of its answer. Raises what `trouble` explains. Nothing is sent twice."""
        return await self._session.request(
            http.method,
            self.url(http),
            headers=_asking(http),
            data=upload.parts() if http.body_exists else None,
            allow_redirects=False,
        )

    def trouble(self, error: Exception, upload: Upload, received: int | None = None) -> Trouble:
        """What an error of `send`, or of reading the answer, means; `received` counts the body's bytes so far."""
        if upload.failed:
            return Trouble(400, "the request broke off before its end, or its framing is broken; nothing came of it")
        name, so_far = self.name, "" if received is None else f" after {received:,} bytes of the body"
        match error:
            case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError():
                return Trouble(
                    502,
                    f"no secure connection to {name}: its certificate is not trusted (SSL_CERT_FILE names authorities)",
                )
            case aiohttp.ClientConnectorDNSError():
                return Trouble(502, f"there is no host {name}: check the URL the proxy was started with")
            case aiohttp.ConnectionTimeoutError():
                return Trouble(504, f"{name} took no connection within {_CONNECT_SECONDS:g} s: is it up?")
            case aiohttp.ClientConnectorError():
                return Trouble(502, f"{name} takes no connections ({_reason(error)}): is it up?")
            case TimeoutError():
                return Trouble(504, f"{name} sent nothing for {self._silence:g} s{so_far}; --timeout says how long")
            case aiohttp.ServerDisconnectedError():
                return Trouble(502, f"{name} closed the connection without an answer")
            case aiohttp.ClientPayloadError():
                return Trouble(502, f"{name} broke off its answer{so_far}")
            case aiohttp.ClientResponseError():
                return Trouble(502, f"{name} answered with what is no HTTP")
        return Trouble(502, f"{name} broke the connection{so_far}")

    async def close(self) -> None:
        """Let go of all connections."""
        await self._session.close()


def _reason(error: aiohttp.ClientConnectorError) -> str:
    number = error.os_error.errno
    return os.strerror(number).lower() if number else "no reason given"


def _asking(http: web.BaseRequest) -> CIMultiDict[str]:
    """The headers of a request, sent on: of the encodings an answer may have, those that can be read here.

    aiohttp keeps only the last of `X-A` and `x-a`, and leaves out bytes that are no UTF-8: names that repeat are
    spelled alike, and such bytes go on as the characters of Latin-1 they stand for.
    """
    headers, spelled = CIMultiDict[str](), dict[str, str]()
    for name, text in end_to_end(http.headers).items():
        headers.add(spelled.setdefault(name.lower(), header_text(name)), header_text(text))
    headers.popall("Host", None)
    headers.popall("Expect", None)  # answered already
    if "Accept-Encoding" in headers:
        asked = [each.strip() for text in headers.popall("Accept-Encoding") for each in text.split(",")]
        known = [each for each in asked if each.partition(";")[0].strip().lower() in READABLE]
        headers["Accept-Encoding"] = ", ".join(known) or "identity"
    return headers
