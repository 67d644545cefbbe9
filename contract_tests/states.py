"""States: what an answer says of its task in a word that the contract does not have, as far as it can be guessed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from contract_tests.exchange import Exchange
from spec.contract import Operation
from spec.language import TERMINAL_STATES, Schema, walk, words_of


def status_words(operation: Operation) -> list[Any]:
    """Every word the contract has for a task's status; some, such as UNKNOWN, stand for no state."""
    return list(dict.fromkeys(word for part in _parts(operation) for word in (*_states(part), *part.get("enum", ()))))


def is_strange(poll: Exchange) -> bool:
    """Whether a look says of its task what nobody can know to be an end, or none: no word, or one of its own."""
    if "task-status" not in poll.case.operation.response_roles or poll.state is not None:
        return False
    told = poll.meaning("task-status")
    if told is None:
        return bool(poll.violations)
    return told.raw not in status_words(poll.case.operation) and not _likely(poll)


def seems_over(poll: Exchange) -> bool:
    """Whether a task is over all the same: the pictures are there, or its word is that of an end elsewhere."""
    if poll.state is not None:
        return False
    state = _likely(poll)
    return state in TERMINAL_STATES or (not state and bool(poll.pictures_delivered))


def _likely(poll: Exchange) -> str:
    """The end a word stands for that the contract does not have in any letters, where it is one of ours; else empty."""
    told = poll.meaning("task-status")
    said = told.raw.strip().casefold() if told is not None and isinstance(told.raw, str) else ""
    return said if said in TERMINAL_STATES else ""


def _parts(operation: Operation) -> Iterator[Schema]:
    for schema in operation.success.content.values():
        yield from (part for _, part in walk(schema) if part.get("x-role") == "task-status")


def _states(part: Schema) -> dict[Any, str]:
    return words_of(part, "x-states")
