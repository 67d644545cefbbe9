"""Responses: a reply in the form aiohttp sends."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from http import HTTPStatus

from aiohttp import HttpVersion11, web
from aiohttp.client_exceptions import ClientConnectionResetError
from aiohttp.http import SERVER_SOFTWARE

from mockserver.links import http_date
from mockserver.replies import Reply

#: the head of an answer with this request id and so many bytes of body
Head = Callable[[str, int], bytes]
_AUTOMATIC = frozenset({"content-length", "content-type", "date", "server", "connection", "transfer-encoding"})


class Ready(web.StreamResponse):
    """An answer whose bytes are ready: they leave in one piece. Only for HTTP/1.1 kept alive, with a body."""

    _keep_alive = True  # for who asks whether the connection stays open

    def __init__(self, data: bytes) -> None:  # not the inherited one: nothing of what it prepares is needed
        self.data = data

    async def prepare(self, request: web.BaseRequest) -> None:
        """Send everything. Raises ConnectionError where nobody listens any more."""
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ClientConnectionResetError("Cannot write to closing transport")
        transport.write(self.data)
        await request.writer.drain()

    async def write_eof(self, data: bytes = b"") -> None:
        """Everything has been sent."""


def respond(reply: Reply, request_id: str, http: web.BaseRequest) -> web.StreamResponse:
    """The answer to a request, with its request id: ready where possible, else `whole`."""
    if (
        http.version == HttpVersion11
        and http.keep_alive
        and http.method != "HEAD"
        and (data := ready(reply, request_id)) is not None
    ):
        return Ready(data)
    return whole(reply, request_id)


def beginning(answer: web.StreamResponse, size: int) -> bytes:
    """The first bytes of an answer as it goes over the wire; of a stream only the head."""
    if isinstance(answer, Ready):
        return answer.data[:size]
    lines = [f"{name}: {value}\r\n" for name, value in answer.headers.items()]
    head = (_status_line(answer.status) + "".join(lines) + "\r\n").encode("utf-8", "replace")
    body = answer.body if isinstance(answer, web.Response) else None
    return (head + body[:size] if isinstance(body, bytes) else head)[:size]


def ready(reply: Reply, request_id: str) -> bytes | None:
    """An answer as HTTP/1.1 has it where the connection stays open; None for one without a body or of odd headers."""
    if not reply.media:
        return None
    headers = reply.headers
    if not reply.identified:
        headers.setdefault("x-request-id", request_id)
    if not _AUTOMATIC.isdisjoint(map(str.lower, headers)):
        return None
    lines = [f"{name}: {value}" for name, value in headers.items()]
    if not "".join(lines).isprintable():  # what might be no header line at all is left to aiohttp to refuse
        return None
    body = reply.body()
    lines.append(f"Content-Type: {reply.media}\r\nContent-Length: {len(body)}\r\n{_ending(int(time.time()))}")
    head = _status_line(reply.status) + "\r\n".join(lines)
    return head.encode() + body


def ready_head(status: int, headers: Mapping[str, str], ids: Sequence[str], media: str) -> Head | None:
    """The head of answers with always the same headers, the request's id apart; None where `ready` would make none."""
    mark = "\0"
    names = {**headers, **dict.fromkeys(ids or ("x-request-id",), mark)}
    lines = [f"{name}: {text}" for name, text in names.items()]
    if not _AUTOMATIC.isdisjoint(map(str.lower, names)) or not "".join(lines).replace(mark, "").isprintable():
        return None
    text = _status_line(status) + "\r\n".join(lines) + f"\r\nContent-Type: {media}\r\nContent-Length: "
    parts = text.split(mark)

    def head(request_id: str, length: int) -> bytes:
        return f"{request_id.join(parts)}{length}\r\n{_ending(int(time.time()))}".encode()

    return head


def whole(reply: Reply, request_id: str) -> web.Response:
    """A reply as aiohttp sends any answer, changeable until then; the request id is always there, in some header."""
    headers = reply.headers
    if not reply.identified:
        headers.setdefault("x-request-id", request_id)
    if reply.media:
        headers["Content-Type"] = reply.media
    return web.Response(status=reply.status, body=reply.body(), headers=headers)


@lru_cache(maxsize=64)
def _status_line(status: int) -> str:
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else ""
    return f"HTTP/1.1 {status} {phrase}\r\n"


@lru_cache(maxsize=4)
def _ending(second: int) -> str:
    return f"Date: {http_date(second)}\r\nServer: {SERVER_SOFTWARE}\r\n\r\n"
