"""A Case: one request to one operation, valid or with exactly one labelled defect, before it is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson

from spec import forms
from spec.contract import Contract, Operation, roles_in
from spec.inputs import Inputs
from spec.language import IMAGE_ROLES, ISSUED_ROLES
from spec.messages import Request, Undecodable, is_json
from spec.reader import Reader
from spec.request_check import request_check

if TYPE_CHECKING:
    from contract_tests.exchange import Exchange
    from spec.followups import Offer

#: stands for the caller's key until the request is sent
KEY = "{key}"
#: stands for the key of somebody else, where the caller has one
OTHER_KEY = "{other-key}"
#: a key no provider knows; the mock refuses keys of this form so that a 401 can be tried
WRONG_KEY = "sk-wrong-imageproof-0000000000000000"
#: the caller's key and more: for whoever compares only how keys begin it is good
LONGER_KEY = f"{KEY}.{WRONG_KEY}"
#: problems with the key, not with what is asked
CREDENTIALS = ("missing-credentials", "invalid-credentials")
_LONGEST_WORD = 60
#: what pictures are made from: words, other pictures, the task of others
_ORDERS = frozenset({"prompt", "input-image", "parent-task"})


@dataclass(frozen=True, slots=True)
class Defect:
    """What is wrong with a request: the contract's name for the problem, the parameter, and what must come back.

    `rule` is the constraint that is broken, as in `maximum 10`; empty where the problem says it all. `tolerated` says
    why a provider may read it otherwise: then nothing may break and nothing may be made, any refusal is as good.
    `lenient` says why one may let it pass, or refuse it in words of its own.
    """

    problem: str
    param: str
    reason: str
    status: int
    code: str | None = None
    rule: str = ""
    tolerated: str = ""
    lenient: str = ""

    @property
    def label(self) -> str:
        """`n: above-maximum`."""
        return f"{self.param}: {self.problem}" if self.param else self.problem


@dataclass(frozen=True, eq=False, slots=True)
class About:
    """What a request about tasks is about: the exchanges that submitted them, and which offer of theirs it takes up.

    None are named where it is planned only: what its stand-ins mean is known when there are tasks.
    """

    submits: tuple[Exchange, ...] = ()
    offer: Offer | None = None


@dataclass(frozen=True, repr=False)
class Case:
    """One request. `credential` is the key it is sent with, KEY stands for the caller's; None sends none.

    `odd_headers` are sent besides or instead, lower case. `about` are the tasks it is about, if it follows up on some.
    `doomed`: it keeps the contract, and nothing is to come of it (`x-fails`); it may be refused as well.
    """

    contract: Contract
    operation: Operation
    body: bytes = b""
    media: str | None = None
    path_parameters: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    credential: str | None = KEY
    defect: Defect | None = None
    odd_headers: Mapping[str, str] = field(default_factory=dict)
    about: About | None = None
    doomed: bool = False

    def __repr__(self) -> str:
        return f"<Case {self.operation.id}: {self.label}: {self.path} {dict(self.query)} {self.body[:500]!r}>"

    def _repr_pretty_(self, printer: Any, _: bool) -> None:
        """How Hypothesis shows a case."""
        printer.text(repr(self))

    @property
    def makes(self) -> str:
        """What comes of the request (`x-makes`), by its operation or the offer it takes up."""
        return self.about.offer.makes if self.about and self.about.offer else self.operation.makes

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
        return {**headers, **self.odd_headers}

    @cached_property
    def request(self) -> Request:
        """The case as the contract's checks see it."""
        request = Request(
            self.operation.method.upper(), self.path, self.path_parameters, self.query, self.headers, self.body
        )
        if self.body:
            try:
                request.value = self.operation.decode(self.body, self.media or "")
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
        return {
            **self.operation.asks,
            **roles,
            **request_check(self.contract, self.operation).asked_by_parameters(self.request),
        }

    @property
    def key(self) -> tuple[Any, ...]:
        """What makes two cases the same request."""
        return (
            self.operation.label,
            self.path,
            tuple(self.query.items()),
            self.body,
            self.media,
            self.credential,
            tuple(self.odd_headers.items()),
            # Asked when there are other tasks it is another question.
            self.about and tuple(one.number for one in self.about.submits),
        )

    @property
    def label(self) -> str:
        """A short name for test ids and tables: the defect and its rule, or what is asked; the kind of body, too."""
        kind = f" ({self.request.media})" if len(self.operation.body) > 1 and self.media is not None else ""
        if self.defect is not None:
            rule = f" ({_cut(self.defect.rule)})" if self.defect.rule else ""
            return self.defect.label + rule + kind
        told = self.request.value if isinstance(self.request.value, dict) else {}
        words = [f"{name}={value}" for name, value in told.items() if name != "prompt" and _is_short(value)]
        words += [f"{name}={value}" for name, value in self.query.items()]
        words += ["of which nothing comes"] if self.doomed else []
        return (", ".join(words) or "plain") + kind


def _cut(text: str) -> str:
    """A long text without its middle: what tells two lists apart is at their ends."""
    half = _LONGEST_WORD // 2
    return text if len(text) <= _LONGEST_WORD else f"{text[:half]}…{text[-half:]}"


def _is_short(value: Any) -> bool:
    return isinstance(value, int) or (isinstance(value, str) and len(value) <= _LONGEST_WORD)


@cache
def _reader(operation: Operation, media: str) -> Reader:
    return Reader(operation.body[media])


@cache
def inputs(operation: Operation, media: str) -> Inputs:
    """Finds the pictures that bodies of this kind give."""
    return Inputs(operation.body[media])


def json_case(contract: Contract, operation: Operation, value: Any, **more: Any) -> Case:
    """A case whose body is JSON."""
    return Case(contract, operation, orjson.dumps(value), "application/json", **more)


def case_of(contract: Contract, operation: Operation, media: str, value: Any, **more: Any) -> Case:
    """A case whose body is a value in one of the operation's media types: JSON, or a form."""
    if is_json(media):
        return Case(contract, operation, orjson.dumps(value), media, **more)
    # No client says what a text in a form is, be it JSON.
    parts = [replace(part, media=None) if part.filename is None else part
             for part in forms.parts_of(value, operation.body[media])]  # fmt: skip
    # The boundary follows from the content, so that the same value is the same bytes.
    boundary = f"imageproof-{sha256(forms.joined(parts, '')).hexdigest()[:24]}"
    return Case(contract, operation, forms.joined(parts, boundary), f"{media}; boundary={boundary}", **more)


def with_value(case: Case, value: Any) -> Case:
    """The same request with another value in its body."""
    told = case_of(case.contract, case.operation, case.request.media, value)
    return replace(case, body=told.body, media=told.media)


def optional_parameters(case: Case) -> dict[str, str]:
    """The parameters a provider of this family may lack, each with the contract's reason."""
    properties = case.operation.body.get(case.request.media, {}).get("properties", {})
    found = {name: inner["x-optional"] for name, inner in properties.items() if "x-optional" in inner}
    return found | {one.name: one.optional_because for one in case.operation.parameters if one.optional_because}


def without(case: Case, name: str) -> Case:
    """The same request without one of its parameters."""
    if name in case.query:
        return replace(case, query={key: text for key, text in case.query.items() if key != name})
    return with_value(case, {key: value for key, value in case.request.value.items() if key != name})


def makes_pictures(operation: Operation) -> bool:
    """Whether a request makes pictures, or what is paid for like one, at once or as a task."""
    told = operation.response_roles & (IMAGE_ROLES | {"task-id", "description"})
    asks = operation.request_roles
    return bool(told and asks & _ORDERS and "task-id" not in asks)


def needs_issued(operation: Operation) -> bool:
    """Whether every request to the operation names what only the provider can name, such as the task it follows."""
    return any(p.required and p.role in ISSUED_ROLES for p in operation.parameters) or any(
        roles_in([schema.get("properties", {}).get(name, {})]) & ISSUED_ROLES
        for schema in operation.body.values()
        for name in schema.get("required", ())
    )


def expected_images(case: Case) -> int:
    """How many pictures a case costs where the contract is kept."""
    return 0 if case.defect is not None else most_images(case)


def most_images(case: Case) -> int:
    """How many pictures a case could cost where the contract is not kept; none for a body nobody can read."""
    if not makes_pictures(case.operation) or not case.asked.keys() & {"count", *_ORDERS}:
        return 0
    told = case.asked.get("count", 1)
    return max(told, 1) if isinstance(told, int) and not isinstance(told, bool) else 1
