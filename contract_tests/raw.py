"""What is wrong below the level of schemas: bytes, boundaries, headers, methods, paths.

A defect is *firm* where no reader could take the request for a good one; then it must be refused as the contract says.
Elsewhere it is tolerated (RFC 8259 lets a parser skip a byte order mark, and many take the last of two equal keys):
nothing may break and nothing may be made. Those requests also lack what they need, so that nobody makes a picture of
one, however it is read. Source: RFC 8259, RFC 7578, RFC 9110; `reference/openai-images.md` sections 3.1, 6 and 10.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from contract_tests.cases import LONGER_KEY, WRONG_KEY, Case, Defect, inputs, makes_pictures, with_value
from contract_tests.mutations import asking_nothing, labelled
from contract_tests.planning import plainest
from contract_tests.valid_cases import replaced
from spec import forms
from spec.contract import Answer, Contract, Operation
from spec.forms import File
from spec.language import INPUT_ROLES
from spec.messages import is_json

_DEEP = 5000  # levels: more than parsers that recurse can take, ten kilobytes
#: where some look for a key; there only a wrong one is sent: it is logged
_QUERY_KEYS = ("key", "api_key", "access_token")
_LONG_HEADER = 9000  # bytes; many servers take 8192
_ON_EVERY_OPERATION = ("missing-credentials", "wrong-method")
_ELSEWHERE = "frameworks and gateways answer before the API does"
_BOUNDARY = re.compile(r"boundary=([\w-]+)")


@lru_cache(maxsize=32)
def raw(contract: Contract, seed: int, models: tuple[str, ...] = ()) -> tuple[Case, ...]:
    """Every raw defect of a contract, each once: on the first operation that can have it; keys on every operation."""
    found: dict[tuple[str, str, str], Case] = {}
    for operation in contract.operations:
        for case in _of(contract, operation, seed, models):
            problem, rule = (case.defect.problem, case.defect.rule) if case.defect else ("", "")
            place = operation.id if problem in _ON_EVERY_OPERATION else ""
            found.setdefault((place, problem, rule), case)
    return tuple(found.values())


def _of(contract: Contract, operation: Operation, seed: int, models: tuple[str, ...]) -> Iterator[Case]:
    plain = plainest(contract, operation, next(iter(operation.body), None), seed, models)
    if operation.secured:
        yield from _keys(plain)
    yield from _methods(plain)
    for media in operation.body:
        valid = plainest(contract, operation, media, seed, models)
        nothing = asking_nothing(valid)
        yield from _json(valid) if is_json(media) else _form(valid)
        if nothing is not None:
            yield from _tolerated_json(nothing) if is_json(media) else _tolerated_form(nothing)
            yield from _media(nothing)
            if is_json(media) and makes_pictures(operation):
                yield from (*_paths(nothing), *_headers(nothing))


def _firm(case: Case, rule: str) -> Iterator[Case]:
    """A case that nobody may take, labelled by the contract."""
    if (found := labelled(case)) is not None and found.defect is not None:
        yield replace(found, defect=replace(found.defect, rule=rule))


def _spoiled(case: Case, problem: str, rule: str, why: str = "", **changes: Any) -> Case:
    """A case with changes; `why` is given where the defect is tolerated, in addition to what the contract tolerates."""
    known = case.contract.problem(problem)
    told = f"{rule}: {why}" if why else rule
    defect = Defect(
        problem, "", told, known.status, known.fields.get("error-code"), rule, why or known.tolerated, known.lenient
    )
    return replace(case, defect=defect, **changes)


# --- keys, methods, paths, headers -----------------------------------------------------------------------------------


def _keys(case: Case) -> Iterator[Case]:
    header = case.operation.schemes[0].header.lower()
    yield _spoiled(case, "missing-credentials", "an empty key", credential="")
    if case.operation.schemes[0].word:
        odd = {header: "Basic aW1hZ2Vwcm9vZjppbWFnZXByb29m"}
        yield _spoiled(case, "missing-credentials", "a key of another scheme", credential=None, odd_headers=odd)
    yield _spoiled(case, "invalid-credentials", "the caller's key with more behind it", credential=LONGER_KEY)
    if case.operation is case.contract.operations[0]:
        in_query = {**case.query, **dict.fromkeys(_QUERY_KEYS, WRONG_KEY)}
        yield _spoiled(case, "missing-credentials", "a wrong key in the query", credential=None, query=in_query)


def _methods(case: Case) -> Iterator[Case]:
    """Methods a path does not have. Never DELETE: somewhere it may delete something."""
    taken = {one.method.lower() for one in case.contract.operations if one.path == case.operation.path}
    others = ("get", "put") if case.operation.body else ("put",)
    if case.operation is case.contract.operations[0]:
        others = (*others, "patch", "head", "options")
    for method in others:
        if method not in taken:
            nowhere = elsewhere(case.operation, method=method)
            rule = f"{method.upper()} where there is {case.operation.method.upper()}"
            empty = Case(case.contract, nowhere, path_parameters=case.path_parameters)
            yield _spoiled(empty, "wrong-method", rule, _ELSEWHERE)


def _paths(case: Case) -> Iterator[Case]:
    path = case.operation.path
    for rule, other in (
        ("a slash at the end", f"{path}/"),
        ("two slashes", "//".join(path.rsplit("/", 1))),
        ("a letter missing", path[:-1]),
        ("capitals", path.upper()),
    ):
        yield _spoiled(
            replace(case, operation=elsewhere(case.operation, path=other)), "unknown-route", rule, _ELSEWHERE
        )


def elsewhere(operation: Operation, **changes: Any) -> Operation:
    """An operation where none is: any answer will do, but pictures would be recognised."""
    success = operation.success
    return replace(
        operation,
        parameters=(),
        body={},
        links=(),
        answers={success.status: success, "default": Answer("default", {}, {}, operation.pointer)},
        **changes,
    )


def _headers(case: Case) -> Iterator[Case]:
    media = case.media
    for rule, why, headers in (
        ("a header of 9000 bytes", "servers may refuse it (431), or read it", {"x-imageproof": "a" * _LONG_HEADER}),
        ("a Content-Encoding that it does not have", "not every server looks at it", {"content-encoding": "gzip"}),
        ("only web pages accepted", "the header may be ignored, or refused (406)", {"accept": "text/html"}),
        ("a charset nobody knows", "JSON is UTF-8 whatever is said", {"content-type": f"{media}; charset=imageproof"}),
        ("a malformed Content-Type", "it may be ignored", {"content-type": f"{media};;=;"}),
    ):  # fmt: skip
        yield _spoiled(case, "malformed-body", rule, why, odd_headers=MappingProxyType(headers))


def _media(case: Case) -> Iterator[Case]:
    yield _spoiled(case, "wrong-media-type", "no Content-Type", media=None)
    yield _spoiled(case, "wrong-media-type", "called a web form", media="application/x-www-form-urlencoded")


# --- JSON ------------------------------------------------------------------------------------------------------------


def _json(case: Case) -> Iterator[Case]:
    body = case.body
    for rule, other in (
        ("cut in the middle of a text", body[: body.find(b'"') + 2]),
        ("a comma too many", body[:-1] + b",}"),
        ("a colon missing", body.replace(b'":', b'" ', 1)),
        ("single quotes", body.replace(b"'", b" ").replace(b'"', b"'")),
        ("a form's text", b"imageproof=1&other=2"),
        ("a form", forms.joined([forms.Part("imageproof", b"1")], "imageproof")),
        ("only blanks", b"  \r\n"),
        ("null at the top", b"null"),
        ("a text at the top", b'"imageproof"'),
        ("a number at the top", b"1"),
    ):
        if other != body:  # nothing is said, so there is nothing to spoil
            yield from _firm(replace(case, body=other), rule)


def _tolerated_json(case: Case) -> Iterator[Case]:
    """JSON that parsers read differently; `case` already lacks what it needs."""
    body, name = case.body, _number(case)
    more = b"," if len(body) > 2 else b""

    def with_value(text: bytes, again: bytes = b"") -> bytes:
        key = b'"' + name.encode() + b'":'
        return b"{" + key + text + (b"," + key + again if again else b"") + more + body[1:]

    for rule, why, other in (
        ("a byte order mark", "a parser may skip it (RFC 8259, 8.1)", b"\xef\xbb\xbf" + body),
        ("bytes after the end", "parsers of streams stop before them", body + b"\n}"),
        ("a key twice", "which of them counts is left open (RFC 8259, 4)", with_value(b"0", b"-1")),
        ("a comment", "some parsers skip it", b"/* imageproof */" + body),
        ("not UTF-8", "some parsers replace such bytes", with_value(b'"\xff\xfe"')),
        ("UTF-16", "some parsers notice", b"\xff\xfe" + body.decode().encode("utf-16-le")),
        ("half a surrogate pair", "a parser may read it (RFC 8259, 8.2)", with_value(b'"\\ud800"')),
        ("the character 0", "it is a text as any other", with_value(b'"\\u0000"')),
        ("a number beyond 64 bits", "its type is a matter of the parser", with_value(b"9" * 40)),
        ("a number beyond all floats", "its type is a matter of the parser", with_value(b"1e999")),
        (f"{_DEEP} levels", "how deep is left open (RFC 8259, 9)", with_value(b"[" * _DEEP + b"]" * _DEEP)),
    ):
        yield _spoiled(case, "malformed-body", rule, why, body=other)


# --- forms -----------------------------------------------------------------------------------------------------------


def _form(case: Case) -> Iterator[Case]:
    another = f"{case.request.media}; boundary=another-{_boundary(case)}"
    yield from _firm(replace(case, media=another), "another boundary than its Content-Type names")
    yield from _firm(replace(case, body=b'{"imageproof":1}'), "JSON called a form")
    for one in inputs(case.operation, case.request.media)(case.request.value)[:1]:
        empty = File(b"", one.value["filename"], one.value["media"])
        yield from _firm(with_value(case, replaced(case.request.value, one.param, empty)), "a file of no bytes")


def _tolerated_form(case: Case) -> Iterator[Case]:
    """Forms that parsers read differently; `case` already lacks what it needs."""
    body, boundary, number = case.body, _boundary(case), _number(case)
    ending = f"--{boundary}--\r\n".encode()

    def with_part(disposition: str, data: bytes = b"", twice: bytes = b"") -> bytes:
        head = f"Content-Disposition: form-data{disposition}\r\n" if disposition != "none" else ""
        told = [data, twice] if twice else [data]
        parts = [f"--{boundary}\r\n{head}\r\n".encode() + one + b"\r\n" for one in told]
        return b"".join(parts) + body

    for rule, why, other in (
        ("no boundary at the end", "some parsers take what has come", body.removesuffix(ending)),
        ("lines that end without a return", "some parsers read them", _without_returns(case)),
        ("an epilogue", "it is to be ignored (RFC 2046)", body + b"imageproof\x00\xff"),
        ("a part without a name", "some parsers pass it over", with_part("")),
        ("a part without headers", "some parsers pass it over", with_part("none")),
        ("a file without a name", "some parsers take it for a text", re.sub(rb'; filename="[^"]*"', b"", body)),
        ("a file nobody chose", "browsers send it", with_part(f'; name="{_file(case)}"; filename=""')),
        ("a part twice", "some take the first, some the last", with_part(f'; name="{number}"', b"0", b"-1")),
        ("a text that is not UTF-8", "some parsers replace such bytes", with_part(f'; name="{number}"', b"\xff\xfe")),
    ):
        if other != body:
            yield _spoiled(case, "malformed-body", rule, why, body=other)


def _boundary(case: Case) -> str:
    return "".join(_BOUNDARY.findall(case.media or ""))


def _without_returns(case: Case) -> bytes:
    """The form with bare line feeds; files as they are, they would become others."""
    parts = forms.split(case.body, case.media or "")
    return case.body if any(b"\r\n" in part.data for part in parts) else case.body.replace(b"\r\n", b"\n")


def _number(case: Case) -> str:
    """A property that takes no number below 1 and no text: how many pictures; or one that nobody knows."""
    return _of_role(case, {"count"}) or "imageproof"


def _file(case: Case) -> str:
    return _of_role(case, {"mask"}) or _of_role(case, INPUT_ROLES) or "imageproof"


def _of_role(case: Case, roles: Collection[str]) -> str:
    known = case.operation.body[case.request.media].get("properties", {})
    return next((name for name, inner in known.items() if inner.get("x-role") in roles), "")
