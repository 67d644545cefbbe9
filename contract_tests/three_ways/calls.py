"""The calls of a run, read back from its run.har: which operation, what was sent, whether it was taken, what came."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from spec.contract import Contract, Operation
from spec.messages import Undecodable, decode, is_json, media_type
from spec.roles import Reader

#: refusals that are about the caller, the path or the moment, not about what is asked
_ELSEWHERE = frozenset({401, 403, 404, 405, 408, 429})


@dataclass(frozen=True, slots=True)
class Call:
    """One request and its answer. `asked` is the body's value, None where it is no object.

    `taken` is whether it was accepted, None where the answer says nothing about what was asked; `blamed` is the member
    a refusal names, empty where it names none.
    """

    operation: Operation
    status: int
    asked: Mapping[str, Any] | None
    media: str
    taken: bool | None
    blamed: str
    answer: Any


def calls(path: Path, contracts: Sequence[Contract]) -> list[Call]:
    """The calls of a run.har to operations of the contracts; none where there is no such file, or it is no HAR."""
    try:
        log = orjson.loads(path.read_bytes())
        entries = log["log"]["entries"]
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError):
        return []
    operations = [operation for contract in contracts for operation in contract.operations]
    return list(_calls(entries, operations)) if isinstance(entries, list) else []


def _calls(entries: Sequence[Mapping[str, Any]], operations: Sequence[Operation]) -> Iterator[Call]:
    patterns = [(operation, _pattern(operation)) for operation in operations]
    for entry in entries:
        try:
            request, response = entry["request"], entry["response"]
            method, path = request["method"].lower(), urlsplit(request["url"]).path
        except (KeyError, TypeError, AttributeError, ValueError):
            continue
        operation = next((one for one, ends in patterns if one.method == method and ends.search(path)), None)
        if operation is not None:
            yield _call(operation, request, response)


def _pattern(operation: Operation) -> re.Pattern[str]:
    """Whether a path ends in the operation's, whatever stands before it."""
    parts = re.split(r"\{[^}]*\}", operation.path)
    return re.compile(f"{'[^/]+'.join(map(re.escape, parts))}$")


def _call(operation: Operation, request: Mapping[str, Any], response: Mapping[str, Any]) -> Call:
    sent = request.get("postData") or {}
    media = media_type(str(sent.get("mimeType", "")))
    asked = _asked(operation, str(sent.get("mimeType", "")), _bytes(sent, str(sent.get("comment", ""))))
    content = response.get("content") or {}
    kind, data = media_type(str(content.get("mimeType", ""))), _bytes(content, str(content.get("encoding", "")))
    status = int(response.get("status", 0))
    try:
        answer = decode(data, kind) if is_json(kind) else None
    except Undecodable:
        answer = None
    taken = True if 200 <= status < 300 else False if 400 <= status < 500 and status not in _ELSEWHERE else None
    blamed = "" if taken else _blamed(operation, status, answer)
    if status == 404 and blamed in (asked or ()):
        taken = False  # a model that is not there
    return Call(operation, status, asked, media, taken, blamed, answer)


def _bytes(body: Mapping[str, Any], encoding: str) -> bytes:
    text = body.get("text")
    if not isinstance(text, str):
        return b""
    if "base64" in encoding:
        try:
            return base64.b64decode(text)
        except (binascii.Error, ValueError):
            return b""
    return text.encode("utf-8", "replace")


def _asked(operation: Operation, content_type: str, data: bytes) -> Mapping[str, Any] | None:
    if media_type(content_type) not in operation.body or not data:
        return None
    try:
        value = operation.decode(data, content_type)
    except Undecodable:
        return None
    return value if isinstance(value, dict) else None


def _blamed(operation: Operation, status: int, answer: Any) -> str:
    """The member of the request that a refusal names."""
    documented = operation.answer(status)
    if answer is None or documented is None:
        return ""
    found = [one for schema in documented.content.values() for one in Reader(schema).read(answer)]
    told = next((one.value for one in found if one.role == "error-param" and isinstance(one.value, str)), "")
    return re.split(r"[.\[]", told)[0]
