"""What in a request and its answer breaks the contract, told by whoever only passes them on."""

from __future__ import annotations

import contextlib
import threading
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from multidict import MultiMapping
from yarl import URL

from mockserver.routes import Routes
from spec.contract import Contract, Operation
from spec.language import IMAGE_ROLES
from spec.messages import Request, Response, Undecodable, decode
from spec.reader import Reader
from spec.request_check import request_check
from spec.response_check import ResponseCheck
from spec.violations import Violation

#: the content encodings that can be read here; others are not asked for
READABLE = ("gzip", "deflate", "identity")
_ANY_HEAD, _NO_HEAD = 32 + zlib.MAX_WBITS, -zlib.MAX_WBITS  # gzip's or zlib's; some send deflate without
Headers = MultiMapping[str]


@dataclass(frozen=True, slots=True)
class Place:
    """The operation that a request means, and the parameters of its path."""

    contract: Contract
    operation: Operation
    parameters: Mapping[str, str]


class Judge:
    """Judges messages by some contracts. Slow for refused requests (milliseconds): not for an event loop."""

    def __init__(self, contracts: Iterable[Contract]) -> None:
        self._routes: Routes[tuple[Contract, Operation]] = Routes()
        self._checks: dict[int, ResponseCheck] = {}
        self._lock = threading.Lock()
        for contract in contracts:
            for operation in contract.operations:
                for prefix, path in product(("", *contract.prefixes), (operation.path, *operation.also)):
                    self._routes.add(operation.method, prefix + path, (contract, operation))

    def place(self, method: str, url: URL) -> Place | None:
        """The operation that a method and a path mean; None for one that no contract has."""
        target, parameters, _ = self._routes.find(method, url.path_safe)
        return None if target is None else Place(*target, parameters)

    def request(self, place: Place, request: Request) -> list[Violation]:
        """Everything in which a request breaks the contract."""
        check = request_check(place.contract, place.operation)
        with self._lock:
            return [] if check.accepts(request) else check.explain(request)

    def answer(self, place: Place, request: Request, response: Response) -> list[Violation]:
        """Everything in which the answer to a request breaks the contract."""
        expected = frozenset({"task-id"}) if place.operation.becomes_task(_asked(place, request)) else IMAGE_ROLES
        with self._lock:
            check = self._checks.setdefault(id(place.operation), ResponseCheck(place.operation))
            return check.violations(response, expected)

    def secrets(self, place: Place, response: Response) -> list[str]:
        """The secrets an answer hands out by its contract."""
        schema = place.operation.success.content.get(response.media)
        if "callback-secret" not in place.operation.response_roles or schema is None:
            return []
        try:
            value = decode(response.body, response.media)
        except Undecodable:
            return []
        return [str(each.value) for each in Reader(schema).read(value) if each.role == "callback-secret"]


def request_of(place: Place, method: str, url: URL, headers: Headers, body: bytes) -> Request:
    """A request as it is judged; `body` is without its content encoding."""
    request = Request(method, url.path, place.parameters, url.query, _lowered(headers), body)
    if body:
        with contextlib.suppress(Undecodable):  # then it has no value, which is explained
            request.value = place.operation.decode(body, headers.get("content-type", ""))
    return request


def response_of(status: int, headers: Headers, body: bytes) -> Response:
    """An answer as it is judged; `body` is without its content encoding."""
    return Response(status, _lowered(headers), body)


def _lowered(headers: Headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _asked(place: Place, request: Request) -> dict[str, Any]:
    """What a request asks, as far as it can be read: role -> value."""
    asked = request_check(place.contract, place.operation).asked_by_parameters(request)
    if isinstance(request.value, dict) and (schema := place.operation.body.get(request.media)) is not None:
        asked.update((each.role, each.value) for each in Reader(schema).read(request.value))
    return asked


def readable(body: bytes, headers: Headers, most: int) -> bytes | None:
    """A body without its content encoding.

    None where it has one that cannot be read, is broken, or makes more of it than `most` bytes.
    """
    if not body:  # also of a HEAD, whose headers are about another
        return body
    for encoding in reversed([each.strip().lower() for each in headers.get("content-encoding", "").split(",")]):
        if encoding in ("gzip", "x-gzip", "deflate"):
            stream = zlib.decompressobj(_ANY_HEAD if "gzip" in encoding or body[:1] == b"\x78" else _NO_HEAD)
            try:
                body = stream.decompress(body, most)
            except zlib.error:
                return None
            if not stream.eof:  # it breaks off, or it is longer than anybody reads
                return None
        elif encoding not in ("", "identity"):
            return None
    return body
