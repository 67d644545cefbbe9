"""A Case: one request to one operation, valid or with exactly one labelled defect, before it is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any
from urllib.parse import quote

import orjson

from spec.contract import Contract, Operation
from spec.messages import Request, Undecodable, decode
from spec.roles import Reader
from spec.validation import request_check

#: stands for the caller's key until the request is sent
KEY = "{key}"
#: a key no provider knows; the mock refuses keys of this form so that a 401 can be tried
WRONG_KEY = "sk-wrong-imageproof-0000000000000000"
#: problems with the key, not with what is asked
CREDENTIALS = ("missing-credentials", "invalid-credentials")


@dataclass(frozen=True, slots=True)
class Defect:
    """What is wrong with a request: the contract's name for the problem, the parameter, and what must come back.

    `rule` is the constraint that is broken, as in `maximum 10`; empty where the problem says it all.
    """

    problem: str
    param: str
    reason: str
    status: int
    code: str | None = None
    rule: str = ""

    @property
    def label(self) -> str:
        """`n: above-maximum`."""
        return f"{self.param}: {self.problem}" if self.param else self.problem


@dataclass(frozen=True, repr=False)
class Case:
    """One request. `credential` is the key it is sent with, KEY stands for the caller's; None sends none."""

    contract: Contract
    operation: Operation
    body: bytes = b""
    media: str | None = None
    path_parameters: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    credential: str | None = KEY
    defect: Defect | None = None

    def __repr__(self) -> str:
        return f"<Case {self.operation.id}: {self.label}: {self.path} {dict(self.query)} {self.body[:500]!r}>"

    def _repr_pretty_(self, printer: Any, _: bool) -> None:
        """How Hypothesis shows a case."""
        printer.text(repr(self))

    @property
    def path(self) -> str:
        """The path with its parameters filled in."""
        path = self.operation.path
        for name, value in self.path_parameters.items():
            path = path.replace(f"{{{name}}}", quote(value, safe=""))
        return path

    @property
    def headers(self) -> dict[str, str]:
        """The headers that matter, lower case; the key as the contract says it is sent."""
        headers = {"accept": "application/json"}
        if self.media is not None:
            headers["content-type"] = self.media
        if self.credential is not None and self.operation.schemes:
            scheme = self.operation.schemes[0]
            headers[scheme.header.lower()] = scheme.text(self.credential)
        return headers

    @cached_property
    def request(self) -> Request:
        """The case as the contract's checks see it."""
        request = Request(
            self.operation.method.upper(), self.path, self.path_parameters, self.query, self.headers, self.body
        )
        if self.body:
            try:
                request.value = decode(self.body, request.media)
            except Undecodable:
                request.value = None
        return request

    @cached_property
    def asked(self) -> Mapping[str, Any]:
        """What the request asks: role -> value in our units, defaults included."""
        roles: dict[str, Any] = {}
        schema = self.operation.body.get(self.request.media)
        if schema is not None and isinstance(self.request.value, dict):
            roles = _reader(self.operation, self.request.media).asked(self.request.value)[0]
        return {**roles, **request_check(self.contract, self.operation).asked_by_parameters(self.request)}

    @property
    def key(self) -> tuple[Any, ...]:
        """What makes two cases the same request."""
        return (
            self.operation.id,
            self.path,
            tuple(self.query.items()),
            self.body,
            self.media,
            self.credential,
        )

    @property
    def label(self) -> str:
        """A short name for test ids and tables."""
        if self.defect is not None:
            return self.defect.label
        told = self.request.value if isinstance(self.request.value, dict) else {}
        words = [f"{name}={value}" for name, value in told.items() if name != "prompt" and isinstance(value, str | int)]
        words += [f"{name}={value}" for name, value in self.query.items()]
        return ", ".join(words) or "plain"


@cache
def _reader(operation: Operation, media: str) -> Reader:
    return Reader(operation.body[media])


def json_case(contract: Contract, operation: Operation, value: Any, **more: Any) -> Case:
    """A case whose body is JSON."""
    return Case(contract, operation, orjson.dumps(value), "application/json", **more)


def expected_images(case: Case) -> int:
    """How many pictures a case costs where the contract is kept."""
    return 0 if case.defect is not None or "prompt" not in case.asked else most_images(case)


def most_images(case: Case) -> int:
    """How many pictures a case could cost where the contract is not kept."""
    if not {"prompt", "count"} & case.asked.keys():
        return 0
    told = case.asked.get("count", 1)
    return max(told, 1) if isinstance(told, int) and not isinstance(told, bool) else 1
