"""Transport faults played: one function per fault, on the connection itself."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from html import escape
from typing import Any

from aiohttp import web

from mockserver.caller import TICK, gone, waits
from mockserver.error_pages import error_page, reason_of
from mockserver.faults import fault, number, one_of, share, text, time

_NO_LINGER = struct.pack("ii", 1, 0)
_FLUSH_SECONDS = 0.05  # what was sent before a reset has to be on its way by then


class _Nothing(web.StreamResponse):
    """What stands for an answer when the connection has been dealt with: aiohttp sends nothing, and closes."""

    async def prepare(self, request: web.BaseRequest) -> None:  # noqa: ARG002 - aiohttp's signature
        """Say so in the way aiohttp knows."""
        raise ConnectionResetError("the connection was closed on purpose")


@fault("reset", silent=True, at=share(0.0))
async def reset(http: web.BaseRequest, answer: web.StreamResponse, told: Mapping[str, Any]) -> web.StreamResponse:
    """The connection is reset (RST): at once, or after the head and a share of the body."""
    if told["at"] > 0:
        head, body = _message(http, answer)
        _send(http, head + body[: int(len(body) * told["at"])])
        await asyncio.sleep(_FLUSH_SECONDS)
    transport = http.transport
    if transport is not None:
        # A duplicate of the descriptor: the loop's own socket object does not let options be set.
        with socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno())) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        transport.abort()
    return _Nothing()


@fault("empty", silent=True)
async def empty(http: web.BaseRequest, _: web.StreamResponse, __: Mapping[str, Any]) -> web.StreamResponse:
    """The connection is closed without an answer."""
    return cut_off(http)


@fault("hang", silent=True, time=time(60.0))
async def hang(http: web.BaseRequest, _: web.StreamResponse, told: Mapping[str, Any]) -> web.StreamResponse:
    """Nothing comes for a time, then the connection is closed."""
    await waits(http, told["time"])
    return cut_off(http)


@fault("truncated", at=share(0.5), framing=one_of("length", "chunked"))
async def truncated(http: web.BaseRequest, answer: web.StreamResponse, told: Mapping[str, Any]) -> web.StreamResponse:
    """The body breaks off: less comes than Content-Length promises, or the last chunk is missing."""
    chunked = told["framing"] == "chunked"
    head, body = _message(http, answer, chunked=chunked)
    part = body[: int(len(body) * told["at"])]
    _send(http, head + (b"%x\r\n%b\r\n" % (len(part), part) if chunked and part else part))
    return cut_off(http)


@fault("cut-body", at=share(0.5))
async def cut_body(_: web.BaseRequest, answer: web.StreamResponse, told: Mapping[str, Any]) -> web.StreamResponse:
    """A whole HTTP message whose body is only part of the document: JSON that does not parse."""
    body = _body(answer)
    return _with_body(answer, body[: int(len(body) * told["at"])])


@fault("empty-body")
async def empty_body(_: web.BaseRequest, answer: web.StreamResponse, __: Mapping[str, Any]) -> web.StreamResponse:
    """The right status and content type, and no body."""
    return _with_body(answer, b"")


@fault("dribble", speed=number(100, least=1))
async def dribble(http: web.BaseRequest, answer: web.StreamResponse, told: Mapping[str, Any]) -> web.StreamResponse:
    """The body comes a few bytes at a time: `speed` bytes per second."""
    head, body = _message(http, answer)
    _send(http, head)
    step = max(1, int(told["speed"] * TICK))
    for start in range(0, len(body), step):
        if gone(http):
            break
        part = body[start : start + step]
        _send(http, part)
        await asyncio.sleep(len(part) / told["speed"])
    return cut_off(http)


@fault("slow-headers", pause=time(0.5))
async def slow_headers(
    http: web.BaseRequest, answer: web.StreamResponse, told: Mapping[str, Any]
) -> web.StreamResponse:
    """The header lines come one by one, with a pause before each."""
    head, body = _message(http, answer)
    for line in head.splitlines(keepends=True):
        if gone(http):
            break
        await asyncio.sleep(told["pause"])
        _send(http, line)
    _send(http, body)
    return cut_off(http)


@fault("html", status=number(502, least=200, most=599), by=one_of("auto", "nginx", "cloudflare", "text"))
async def html(http: web.BaseRequest, _: web.StreamResponse, told: Mapping[str, Any]) -> web.StreamResponse:
    """The error page of a proxy in front: nginx, or Cloudflare (also from 520 up) as HTML or as a line of text."""
    status, by = told["status"], told["by"]
    now = datetime.now(UTC)
    ray = blake2b(str(now.timestamp()).encode(), digest_size=8).hexdigest()
    if by == "auto":
        by = "cloudflare" if status >= 520 else "nginx"
    body, media, headers = error_page(status, by, escape(http.host), now.strftime("%Y-%m-%d %H:%M:%S UTC"), ray)
    answer = web.Response(status=status, reason=reason_of(status), body=body, headers=headers)
    answer.headers["Content-Type"] = media
    return answer


@fault("wrong-type", media=text("text/html"))
async def wrong_type(_: web.BaseRequest, answer: web.StreamResponse, told: Mapping[str, Any]) -> web.StreamResponse:
    """The right answer under another content type."""
    answer.headers["Content-Type"] = told["media"]
    return answer


def _body(answer: web.StreamResponse) -> bytes:
    """The bytes of an answer that is ready."""
    body = answer.body if isinstance(answer, web.Response) else None
    return bytes(body) if isinstance(body, bytes | bytearray) else b""


def _with_body(answer: web.StreamResponse, body: bytes) -> web.StreamResponse:
    return web.Response(status=answer.status, headers=answer.headers, body=body)


def _message(http: web.BaseRequest, answer: web.StreamResponse, *, chunked: bool = False) -> tuple[bytes, bytes]:
    """Head and body as they would have gone over the wire; the head says that the connection ends here."""
    body = _body(answer)
    framing = ("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(len(body)))
    lines = [f"HTTP/1.1 {answer.status} {answer.reason}"]
    lines += [f"{name}: {value}" for name, value in (*answer.headers.items(), framing, ("Connection", "close"))]
    head = "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")
    return head, b"" if http.method == "HEAD" else body


def _send(http: web.BaseRequest, data: bytes) -> None:
    if not gone(http) and http.transport is not None:
        http.transport.write(data)


def cut_off(http: web.BaseRequest) -> web.StreamResponse:
    """Everything sent so far still arrives, then the connection ends."""
    if http.transport is not None:
        http.transport.close()
    return _Nothing()
