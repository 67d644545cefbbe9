"""From an aiohttp request to what was asked: decoded once, judged by the contract, read by role."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import HttpVersion11, StreamReader, web

from spec.contract import Contract, Operation
from spec.inputs import Input, Inputs
from spec.language import INPUT_ROLES
from spec.messages import Request, Undecodable, is_json
from spec.reader import Reader, plan_of
from spec.request_check import RequestCheck
from spec.shapes import ShapeIndex, is_object

_NOTHING: Mapping[str, str] = {}
UNREADABLE = object()


#: roles in our units, and what words stand for
Told = tuple[dict[str, Any], Sequence[tuple[str, Mapping[Any, Any]]]]


@dataclass(slots=True)
class Asked:
    """What a request asks: roles in our units, and what its words (`auto`) stand for."""

    roles: dict[str, Any]
    words: Sequence[tuple[str, Mapping[Any, Any]]]


class Intake:
    """Reads the requests of one operation."""

    def __init__(self, contract: Contract, operation: Operation) -> None:
        self.check = RequestCheck(contract, operation)
        self._readers = {media: Reader(schema) for media, schema in operation.body.items()}
        self.takes_pictures = bool(operation.request_roles & INPUT_ROLES)
        self._inputs = {media: Inputs(schema) for media, schema in operation.body.items()}
        self._always_parameters = any(parameter.location != "query" for parameter in operation.parameters)
        self._takes_body = bool(operation.body)
        self._asks = operation.asks
        self._fixed_path = None if "{" in operation.path else operation.path

    async def read(
        self, http: web.BaseRequest, path_parameters: Mapping[str, str], max_body: int, patience: float
    ) -> Request:
        """The request with its body decoded where that is possible.

        Raises web.HTTPRequestEntityTooLarge; web.RequestPayloadError or ConnectionError when the body breaks off,
        TimeoutError when nothing of it comes for `patience` seconds.
        """
        query = http.query if "?" in http.raw_path else _NOTHING
        body = b""
        if self._takes_body:
            if "expect" in http.headers:
                await invite_body(http, max_body)
            content = http.content
            # A short body has come with the head.
            body = content.read_nowait() if content.is_eof() else await _whole(content, max_body, patience)
            if len(body) > max_body:
                raise web.HTTPRequestEntityTooLarge(max_size=max_body, actual_size=len(body))
        path = self._fixed_path or http.path
        return self.request(http.method, path, http.headers, body, query, path_parameters)

    def request(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        query: Mapping[str, str] = _NOTHING,
        path_parameters: Mapping[str, str] = _NOTHING,
    ) -> Request:
        """A request that has come, its body decoded where that is possible."""
        request = Request(method, path, path_parameters, query, headers, body)
        if body:
            try:
                request.value = self.check.operation.decode(body, headers.get("content-type", ""))
            except Undecodable:
                request.value = UNREADABLE
        return request

    def accepts(self, request: Request, token: str | None) -> bool:
        """Whether the request, sent with this key, keeps the contract."""
        return request.value is not UNREADABLE and self.check.accepts_from(request, token)

    def asked(self, request: Request) -> Asked:
        """What an accepted request asks."""
        roles: dict[str, Any] = {}
        words: Sequence[tuple[str, Mapping[Any, Any]]] = ()
        if isinstance(request.value, dict):
            roles, words = self._readers[request.media].asked(request.value)
        if request.query or self._always_parameters:
            roles.update(self.check.asked_by_parameters(request))
        return Asked({**self._asks, **roles} if self._asks else roles, words)

    def said(self, request: Request) -> Mapping[str, Any]:
        """What any request asks, as far as it can be read."""
        body = self._readers.get(request.media)
        roles = dict(self._asks)
        if body is not None and isinstance(request.value, dict):
            roles.update(body.asked(request.value)[0])
        return {**roles, **self.check.asked_by_parameters(request)}

    def judged(self, media: str) -> Callable[[dict[str, Any]], Told | None] | None:
        """What the body of a request asks, None where it breaks the contract: judged and read in one go.

        None for a media type whose bodies are no JSON objects.
        """
        schema = self.check.operation.body.get(media)
        if schema is None or not is_json(media) or not is_object(schema):
            return None
        verdict = self.check.bodies[media]
        known = ShapeIndex(schema, lambda shape: (verdict.of(shape), plan_of(shape).asked))

        def told(value: dict[str, Any]) -> Told | None:
            is_valid, asked = known(value)
            return asked(value) if is_valid(value) else None

        return told

    def inputs(self, request: Request) -> list[Input]:
        """The pictures an accepted request gives."""
        return self._inputs[request.media](request.value) if isinstance(request.value, dict) else []


async def _whole(content: StreamReader, most: int, patience: float) -> bytes:
    """A body that comes bit by bit, as soon as it has ended or is longer than it may be. Raises TimeoutError."""
    parts, size = list[bytes](), 0
    while size <= most:
        async with asyncio.timeout(patience):
            part = await content.readany()
        if not part:
            break
        parts.append(part)
        size += len(part)
    return b"".join(parts)


async def invite_body(http: web.BaseRequest, max_body: int) -> None:
    """Answer `Expect: 100-continue`, as curl sends it with large bodies; without, it waits a second.

    Raises web.HTTPRequestEntityTooLarge before anything is uploaded.
    """
    length = http.content_length or 0
    if length > max_body:
        raise web.HTTPRequestEntityTooLarge(max_size=max_body, actual_size=length)
    if http.version >= HttpVersion11 and http.headers["expect"].lower() == "100-continue":
        await http.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        http.writer.output_size = 0  # the answer proper has not begun
