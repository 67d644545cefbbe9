"""Allowances: why the contract allows what a mutant does, where it does. Such a mutant is no deviation to be convicted.

Nothing here is about one API: every reason is read from the contract document, or from the answer itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml
from mutants import DROPPED, EACH, Mutant, Unchanged

from mockserver.replies import Reply
from spec.contract import Answer, Contract, Operation
from spec.language import IMAGE_ROLES, SCHEMA_LISTS, Schema, walk
from spec.reader import Meaning, Reader
from spec.response_check import ResponseCheck

#: roles whose value nobody outside can know -> why
UNJUDGED = {
    "revised-prompt": "the provider's own words",
    "finish-reason": "the provider's own words",
    "error-message": "the provider's own words",
    "error-title": "the provider's own words",
    "task-failure": "the provider's own words",
    "task-log": "the provider's own words",
    "description": "the provider's own words",
    "offered-action": "the provider's own words",
    "offered-label": "the provider's own words",
    "offered-emoji": "the provider's own words",
    "image-markdown": "the words around a picture are the provider's own",
    "listed-model-owner": "the provider's own words",
    "caller-tag": "the caller's own words",
    "request-id": "the provider's own name for the exchange",
}
#: what an answer is sent for: an answer that no longer says it is never excused
_OWED = IMAGE_ROLES | {"task-id", "task-status", "error-message", "event-type"}
_PROBLEM_ROLES = ("error-type", "error-code", "error-param")
_WHY = Path(__file__).with_name("survivors.yaml")
_LEFT_OUT = "optional: it may be left out"


def explained(name: str) -> str:
    """Why a mutant that survives is no hole to be closed (`survivors.yaml`); empty where nobody has said so."""
    known = yaml.safe_load(_WHY.read_text("utf-8"))
    return next((str(one["why"]) for one in known if any(fnmatchcase(name, pattern) for pattern in one["mutants"])), "")


def allowance(contract: Contract, operation: Operation, reply: Reply, mutant: Mutant) -> str:
    """Why the contract allows a mutant that keeps the schema of its answer; empty where it does not say so."""
    answer = operation.answer(reply.status)
    if answer is None:
        return ""
    match mutant.where:
        case "header":
            return _of_header(answer, mutant)
        case "status":
            return _of_status(operation, reply, mutant)
        case _:
            return _of_body(contract, operation, answer, reply, mutant)


def _of_status(operation: Operation, reply: Reply, mutant: Mutant) -> str:
    other = operation.answer(mutant.status(reply.status))
    check = ResponseCheck(operation)
    if other is operation.success and any(
        not list(check.schema_violations(schema, reply.value)) for schema in operation.refusing_successes
    ):
        return "the contract documents refusals with this status"
    return ""


def _of_header(answer: Answer, mutant: Mutant) -> str:
    told = {name.lower(): header for name, header in answer.headers.items()}.get(mutant.path[0].lower())
    if told is None:
        return "the contract says nothing of this header"
    if mutant.kind == DROPPED and not told.get("required"):
        return _LEFT_OUT
    return ""


def _of_body(contract: Contract, operation: Operation, answer: Answer, reply: Reply, mutant: Mutant) -> str:
    try:
        changed = mutant.body(reply.value)
    except Unchanged:
        return ""
    found = [
        *(one for schema in answer.content.values() for one in _places(schema, mutant.path)),
        *(one for schema in answer.items.values() for one in _places(schema, mutant.path[1:])),
    ]
    told = list(_values(changed, mutant.path))
    unsaid = all(value is None for value in _values(reply.value, mutant.path))
    for holder, schema in found:
        if mutant.kind == DROPPED and mutant.path[-1] not in holder.get("required", ()):
            return _LEFT_OUT
        role = _role(schema)
        if unsaid and role in operation.request_roles:
            return f"{role}: what was not asked for is the provider's to choose"
        if reason := _of_role(role, contract, reply) or _of_value(schema, told):
            return reason
        if not any("x-role" in part for _, part in walk(schema)):
            return "it keeps the schema, and means nothing that could be judged"
    if reply.streams and not mutant.path:
        return ""  # the order of events is a meaning of its own
    before, after = (_told(answer, value) for value in (reply.value, changed))
    if after == before:
        return "it says the same" + (", in another order" if mutant.kind == "reversed" else "")
    if after < before and not {role for role, _ in before - after} & _OWED:
        return f"{_LEFT_OUT}, and nothing else is said"
    return ""


def _of_role(role: str, contract: Contract, reply: Reply) -> str:
    if role in UNJUDGED:
        return f"{role}: {UNJUDGED[role]}"
    if role in _PROBLEM_ROLES and reply.problem and contract.problem(reply.problem).fields.get(role) is None:
        return f"{role}: the contract gives this problem none, and which word stands there is left open"
    return ""


def _role(schema: Schema) -> str:
    """The role of a member, whichever alternative says it; empty where they say different ones that matter."""
    roles = {part["x-role"] for part in _alternatives(schema) if "x-role" in part}
    return min(roles) if len(roles) == 1 or (roles <= UNJUDGED.keys() and roles) else ""


def _of_value(schema: Schema, told: list[Any]) -> str:
    if told and all(value is None for value in told) and "null" in schema.get("type", ()):
        return "null is allowed, and says nothing"
    if told and "default" in schema and all(_same(value, schema["default"]) for value in told):
        return "it is what the contract writes where nothing is known (default)"
    return ""


def _same(value: Any, other: Any) -> bool:
    return type(value) is type(other) and bool(value == other)


def _told(answer: Answer, value: Any) -> Counter[tuple[str, str]]:
    """What an answer says, wherever it stands: how often it says a value of a role."""
    said: list[Meaning] = []
    for schema in answer.content.values():
        said += Reader(schema).read(value)
    for schema in answer.items.values():
        said += [one for event in value if isinstance(value, list) for one in Reader(schema).read(event)]
    # An alternative more that says the same says nothing more.
    distinct = {(one.role, one.pointer, repr(one.value)): one for one in said if one.value not in (None, "")}
    return Counter(fact for one in distinct.values() for fact in _facts(one))


def _facts(meaning: Meaning) -> Iterator[tuple[str, str]]:
    if isinstance(meaning.value, dict):
        yield from ((meaning.role, f"{name}: {value!r}") for name, value in meaning.value.items())
    else:
        yield meaning.role, repr(meaning.value)


def _values(value: Any, path: tuple[str, ...]) -> Iterator[Any]:
    """The values a path leads to."""
    if not path:
        yield value
    elif path[0] == EACH:
        for inner in value if isinstance(value, list) else ():
            yield from _values(inner, path[1:])
    elif isinstance(value, Mapping) and path[0] in value:
        yield from _values(value[path[0]], path[1:])


def _places(schema: Schema, path: tuple[str, ...]) -> Iterator[tuple[Schema, Schema]]:
    """The schema around a member, and the member's, in every alternative that has it."""
    step, *rest = path or ("",)
    for holder in _alternatives(schema):
        inner = holder.get("items") if step == EACH else holder.get("properties", {}).get(step)
        if not isinstance(inner, Mapping):
            continue
        if not rest:
            yield holder, inner
        yield from _places(inner, tuple(rest)) if rest else ()


def _alternatives(schema: Schema) -> Iterator[Schema]:
    yield schema
    for part in (part for key in SCHEMA_LISTS for part in schema.get(key, ())):
        yield from _alternatives(part)
