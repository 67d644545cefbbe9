"""From an aiohttp request to what was asked: decoded once, judged by the contract, read by role."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from spec.contract import Contract, Operation
from spec.messages import Request, Undecodable, decode
from spec.roles import Reader
from spec.validation import RequestCheck, bearer_token

_PREFERENCE = re.compile(r"\s*([A-Za-z-]+)\s*(?:=\s*\"?([^\";,]*)\"?)?\s*")


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
        self._always_parameters = any(parameter.location != "query" for parameter in operation.parameters)
        self._takes_body = bool(operation.body)

    async def read(self, http: web.BaseRequest, path_parameters: Mapping[str, str]) -> Request:
        """The request with its body decoded where that is possible. Raises web.HTTPRequestEntityTooLarge."""
        query = http.query if "?" in http.raw_path else _NOTHING
        request = Request(http.method, http.path, path_parameters, query, http.headers)
        if self._takes_body:
            request.body = await http.read()
            if request.body:
                try:
                    request.value = decode(request.body, request.media)
                except Undecodable:
                    request.value = UNREADABLE
        return request

    def accepts(self, request: Request) -> bool:
        """Whether the request keeps the contract."""
        return request.value is not UNREADABLE and self.check.accepts(request)

    def asked(self, request: Request) -> Asked:
        """What an accepted request asks."""
        roles: dict[str, Any] = {}
        words: Sequence[tuple[str, Mapping[Any, Any]]] = ()
        if isinstance(request.value, dict):
            roles, words = self._readers[request.media].asked(request.value)
        if request.query or self._always_parameters:
            roles.update(self.check.asked_by_parameters(request))
        return Asked(roles, words)


_NOTHING: Mapping[str, str] = {}
UNREADABLE = object()


def key_of(request: Request) -> str | None:
    """The caller's key."""
    return bearer_token(request.headers.get("authorization"))


def preferences(headers: Mapping[str, str]) -> dict[str, str]:
    """The `Prefer` header (RFC 7240) as a mapping; a preference without a value is `"true"`."""
    text = headers.get("prefer")
    if not text:
        return {}
    found = {}
    for part in re.split("[;,]", text):
        if match := _PREFERENCE.fullmatch(part):
            found[match[1].lower()] = (match[2] or "true").strip()
    return found
