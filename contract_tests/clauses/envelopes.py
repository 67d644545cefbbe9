"""Clauses about what an error's envelope holds: a message for people, words for programs, a status that fits them."""

from __future__ import annotations

import json
from typing import Any

from contract_tests.clauses.registry import CONFORMS, Broken, Verdict, clause
from contract_tests.exchange import Exchange
from spec.language import walk
from spec.reader import Meaning


def _told(exchange: Exchange, role: str) -> Meaning | None:
    """What an error status says in this role; None where it says nothing, or what the document has for nothing."""
    if exchange.response.status < 400:
        return None
    told = next((m for m in exchange.error_meanings if m.role == role and m.raw is not None), None)
    return None if told is None or told.raw in _for_nothing(exchange, role) else told


def _for_nothing(exchange: Exchange, role: str) -> list[Any]:
    answer = exchange.case.operation.answer(exchange.response.status)
    parts = (part for schema in (answer.content if answer else {}).values() for _, part in walk(schema))
    return [part["default"] for part in parts if part.get("x-role") == role and "default" in part]


@clause("error.message", "SHOULD", "x-role: error-message")
def message(exchange: Exchange) -> Verdict:
    """An error's message says something to a person.

    Why: it is what ends up on the screen, and in the question to support.
    How: the message has a letter of some script in it.
    Do: say what was wrong and what would be right.
    """
    told = _told(exchange, "error-message")
    if told is None:
        return None
    text = str(told.raw)
    return CONFORMS if any(map(str.isalpha, text)) else Broken("a message", f"{text!r:.60}", told.pointer)


@clause("error.plain", "SHOULD", "x-role: error-message")
def plain(exchange: Exchange) -> Verdict:
    """An error's message is a sentence, not another error wrapped up.

    Why: programs see the outer error's status and code only; the real ones are text to them.
    How: the message holds no page, and no JSON object with an error or a message of its own.
    Do: translate the upstream's error into the envelope.
    """
    told = _told(exchange, "error-message")
    if told is None:
        return None
    text = str(told.raw)
    if "<html" in text.lower() or _holds_error(text):
        return Broken("a sentence", f"a document: {text[:80]!r}", told.pointer)
    return CONFORMS


def _holds_error(text: str) -> bool:
    start = text.find("{")
    if start < 0:
        return False
    try:
        found, _ = json.JSONDecoder().raw_decode(text[start:])
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and bool(found.keys() & {"error", "errors", "message", "detail"})


@clause("error.code-word", "SHOULD", "x-role: error-code")
def code_word(exchange: Exchange) -> Verdict:
    """An error's code is a word for programs, or none at all.

    Why: an empty code, or a sentence, cannot be compared with anything.
    How: where a text is told, it is not empty and has no blanks.
    Do: send a documented code, or null.
    """
    return _word(_told(exchange, "error-code"), "a code without blanks")


@clause("error.type-word", "MAY", "x-role: error-type")
def type_word(exchange: Exchange) -> Verdict:
    """An error's type is a word for programs, or none at all.

    Why: clients choose the class of their exception by it.
    How: where a text is told, it is not empty and has no blanks.
    Do: send a documented type, or null.
    """
    return _word(_told(exchange, "error-type"), "a type without blanks")


@clause("error.param-name", "MAY", "x-role: error-param")
def param_name(exchange: Exchange) -> Verdict:
    """The parameter an error names has a name.

    Why: an empty text is neither a name nor nothing.
    How: where a text is told, it is not empty.
    Do: name the parameter, or send null.
    """
    told = _told(exchange, "error-param")
    if told is None or not isinstance(told.raw, str):
        return None
    return CONFORMS if told.raw.strip() else Broken("a name, or null", repr(told.raw), told.pointer)


def _word(told: Meaning | None, expected: str) -> Verdict:
    if told is None or not isinstance(told.raw, str):
        return None
    if told.raw and not any(map(str.isspace, told.raw)):
        return CONFORMS
    return Broken(expected, f"{told.raw!r:.60}", told.pointer)


@clause("error.consistent", "SHOULD", "x-problems.*.status")
def consistent(exchange: Exchange) -> Verdict:
    """Status and code of an error speak of the same problem.

    Why: the status says try again, the code says never; clients follow one of them.
    How: a code the contract knows comes with a status it gives that; a defect of ours has clauses of its own.
    Do: keep status and code together when errors are passed on.
    """
    told = _told(exchange, "error-code")
    if told is None or exchange.case.defect is not None:
        return None
    known: dict[Any, set[int]] = {}
    for problem in exchange.case.contract.problems.values():
        known.setdefault(problem.fields.get("error-code"), set()).add(problem.status)
    statuses = known.get(told.raw) if isinstance(told.raw, str | int) else None
    if not statuses:
        return None
    if exchange.response.status in statuses:
        return CONFORMS
    wanted = " or ".join(map(str, sorted(statuses)))
    return Broken(f"{wanted} with code {told.raw!r}", str(exchange.response.status), told.pointer)


@clause("error.repeats-status", "SHOULD", "x-role: error-status")
def repeats_status(exchange: Exchange) -> Verdict:
    """The status an error repeats in its body is the one it was sent with.

    Why: one client reads the line, another one the body, and they do different things.
    How: the status told in the body, where there is one, against the answer's.
    Do: write both from one value.
    """
    told = _told(exchange, "error-status")
    if told is None or type(told.raw) is not int:  # another word of another envelope stands there
        return None
    fits = told.value == exchange.response.status
    return CONFORMS if fits else Broken(str(exchange.response.status), f"{told.value!r:.60}", told.pointer)
