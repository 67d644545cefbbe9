"""The calls of a run, read back from its run.har: which operation, what was sent, whether it was taken, what came."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spec.contract import Contract, Operation
from spec.errors import DocumentError
from spec.messages import Undecodable, decode, is_json, media_type
from spec.reader import Reader
from spec.recordings.reading import Recorded, read_har

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
        recorded = read_har(path)
    except DocumentError:
        return []
    patterns = [(operation, _pattern(operation)) for contract in contracts for operation in contract.operations]
    found = []
    for one in recorded:
        method = one.method.lower()
        operation = next((each for each, ends in patterns if each.method == method and ends.search(one.url.path)), None)
        if operation is not None:
            found.append(_call(operation, one))
    return found


def _pattern(operation: Operation) -> re.Pattern[str]:
    """Whether a path ends in the operation's, whatever stands before it."""
    parts = re.split(r"\{[^}]*\}", operation.path)
    return re.compile(f"{'[^/]+'.join(map(re.escape, parts))}$")


def _call(operation: Operation, one: Recorded) -> Call:
    asked = _asked(operation, one.media, one.body or b"")
    kind = media_type(next((text for name, text in one.headers if name.lower() == "content-type"), ""))
    status = one.status
    try:
        answer = decode(one.answer, kind) if is_json(kind) else None
    except Undecodable:
        answer = None
    taken = True if 200 <= status < 300 else False if 400 <= status < 500 and status not in _ELSEWHERE else None
    blamed = "" if taken else _blamed(operation, status, answer)
    if status == 404 and blamed in (asked or ()):
        taken = False  # a model that is not there
    return Call(operation, status, asked, media_type(one.media), taken, blamed, answer)


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
