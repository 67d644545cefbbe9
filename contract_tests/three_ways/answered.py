"""What is answered: each member of a success, each status, as the contract, the document and the provider have it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from contract_tests.documents.schemas import describes_nothing, specimen
from contract_tests.documents.subject import PURPOSES, Subject
from contract_tests.three_ways.calls import Call
from contract_tests.three_ways.row import NOTHING, UNSEEN, Row, who_deviates
from spec.contract import roles_in
from spec.language import IMAGE_ROLES, Schema, types_of
from spec.reader import Reader
from spec.writer import alternatives_of

_DEEPEST = 4
_FEWEST_STATUSES = ("4", "5")


def answer_rows(subject: Subject, calls: Sequence[Call]) -> Iterator[Row]:
    """A row for each member of a success that the contract always has, the document shows, or the provider sends.

    What is inside a member the contract does not have is not told again.
    """
    rows: dict[str, Row] = {}
    for row in _members_compared(subject, calls):
        rows[row.name] = row
        above = rows.get(row.name.rpartition(".")[0].removesuffix("[]"))
        if above is None or above.contract != NOTHING:
            yield row


def _members_compared(subject: Subject, calls: Sequence[Call]) -> Iterator[Row]:
    came_back = [
        call.answer for call in calls if _is_of(call, subject) and call.taken and isinstance(call.answer, dict)
    ]
    answers = [answer for answer in came_back if not _is_task(answer, subject)]
    demanded, known = _of_contract(subject)
    shown = _of_document(subject)
    seen = Counter(path for answer in answers for path in _paths(answer))
    described = bool(shown) or any(response.schema or response.examples for response in subject.documented.successes)
    for path in dict.fromkeys([*demanded, *shown, *seen]):
        always, came = path in demanded, seen[path]
        document = described and ((always and path not in shown) or (path in shown and path not in known))
        lacking = bool(answers) and always and came < _owing(path, answers)
        provider = lacking or (came > 0 and path in shown and path not in known)  # else it adds, which it may
        apart = bool(answers) and (path in shown) != (came > 0)
        contract = "always" if always else "may be" if path in known else NOTHING
        yield Row(
            "answer",
            path,
            contract,
            "shown" if path in shown else NOTHING if described else "no answer described",
            shown.get(path, 0),
            f"in {came} of {len(answers)}" if answers else UNSEEN,
            who_deviates(document, provider, apart),
            bool(answers),
        )


def status_rows(subject: Subject, calls: Sequence[Call]) -> Iterator[Row]:
    """A row for each status that the document or the provider has."""
    seen = Counter(str(call.status) for call in calls if _is_of(call, subject) and call.status)
    told = {response.status: response.place.line for response in subject.documented.responses}
    for status in sorted({*told, *seen}):
        contract = subject.operation.answer(int(status)) is not None if status.isdigit() else True
        documented = status in told or (status[0] in _FEWEST_STATUSES and not told.keys().isdisjoint(_general(status)))
        came = seen[status]
        yield Row(
            "status",
            status,
            "documented" if contract else NOTHING,
            "documented" if documented else NOTHING,
            told.get(status, 0),
            f"{came} times" if came > 1 else "once" if came else UNSEEN,
            who_deviates(documented != contract, came > 0 and not contract, came > 0 and not documented),
            came > 0,
        )


def _general(status: str) -> set[str]:
    return {f"{status[0]}XX", "default"}


def _is_task(answer: Any, subject: Subject) -> bool:
    """Whether an answer is a task that is yet to bring what was asked for: it has the members of that alternative."""
    roles = {meaning.role for meaning in Reader(subject.answer).read(answer)}
    return "task-id" in roles and not roles & IMAGE_ROLES and "task-id" not in subject.operation.request_roles


def _is_of(call: Call, subject: Subject) -> bool:
    return call.operation.id == subject.operation.id


def _of_contract(subject: Subject) -> tuple[list[str], set[str]]:
    """The members every answer with pictures (or what the operation is for) has, and all that one may have."""
    alternatives = list(alternatives_of(subject.answer))
    meant = [schema for schema in alternatives if roles_in([schema]) & PURPOSES - {"task-id", "task-result"}]
    told = [dict(_members(schema, True)) for schema in meant or alternatives]
    known = {path for schema in alternatives for path, _ in _members(schema, True)}
    always = [path for path in (told[0] if told else {}) if all(each.get(path) for each in told)]
    return always, known


def _members(schema: Schema, demanded: bool, above: str = "", depth: int = 0) -> Iterator[tuple[str, bool]]:
    """(path, whether it is always there) of everything a schema describes."""
    if depth > _DEEPEST:
        return
    for key in ("allOf", "anyOf", "oneOf"):
        for branch in schema.get(key, ()):
            yield from _members(branch, demanded and key == "allOf", above, depth)
    required = schema.get("required", ())
    for name, inner in schema.get("properties", {}).items():
        if inner.get("not") == {}:
            continue
        path, always = f"{above}.{name}" if above else name, demanded and name in required
        yield path, always
        yield from _members(inner, always and "null" not in types_of(inner), path, depth + 1)
    if "items" in schema:
        yield from _members(schema["items"], demanded, f"{above}[]", depth)


def _of_document(subject: Subject) -> dict[str, int]:
    """The members the documented successes show or describe, each with its line."""
    found: dict[str, int] = {}
    for response in subject.documented.successes:
        for example in response.examples:
            for path, pointer in _paths(example.value).items():
                found.setdefault(path, example.at(pointer).line)
        if response.schema and not describes_nothing(response.schema.value):
            for path in _paths(specimen(response.schema.value)):
                found.setdefault(path, response.schema.at().line)
    return found


def _paths(value: Any, above: str = "", pointer: str = "", depth: int = 0) -> dict[str, str]:
    """Every member of a value: path -> pointer of the first one."""
    found: dict[str, str] = {}
    if depth > _DEEPEST:
        return found
    if isinstance(value, Mapping):
        for name, inner in value.items():
            path = f"{above}.{name}" if above else str(name)
            found.setdefault(path, f"{pointer}/{name}")
            found |= {
                key: at for key, at in _paths(inner, path, f"{pointer}/{name}", depth + 1).items() if key not in found
            }
    elif isinstance(value, list):
        for index, inner in enumerate(value[:20]):
            inside = _paths(inner, f"{above}[]", f"{pointer}/{index}", depth)
            found |= {key: at for key, at in inside.items() if key not in found}
    return found


def _owing(path: str, answers: Sequence[Any]) -> int:
    """In how many answers a member must be: those that have what it is a member of."""
    above = path.rpartition(".")[0].removesuffix("[]")
    return len(answers) if not above else sum(above in _paths(answer) for answer in answers)
