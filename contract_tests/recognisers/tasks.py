"""Recognisers of drifts of tasks, from the submit to the last poll."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from contract_tests.clauses.registry import PLAUSIBLE_SECONDS
from contract_tests.exchange import Exchange
from contract_tests.recognisers.registry import recognises
from contract_tests.states import status_words
from spec.language import STATES, TERMINAL_STATES


@recognises("task-stuck")
def stuck(exchange: Exchange) -> bool:
    """Nobody has seen the end, and the last looks saw the same state."""
    states = {poll.state for poll in exchange.polls[-2:]}
    return bool(exchange.gave_up) and len(states) == 1 and None not in states


@recognises("task-reverts")
def reverts(exchange: Exchange) -> bool:
    """A state that lies before the one a look saw earlier."""
    ranks = [STATES.index(poll.state) for poll in exchange.polls if poll.state is not None]
    steps = pairwise(ranks)
    return any(later < earlier and STATES[later] not in TERMINAL_STATES for earlier, later in steps)


@recognises("task-ends-twice")
def ends_twice(exchange: Exchange) -> bool:
    """Two different ends; or, in a poll, another end than its siblings saw."""
    polls = exchange.parent.polls if exchange.parent else exchange.polls
    return len({poll.state for poll in polls} & TERMINAL_STATES) > 1


@recognises("progress-over-100")
def too_much(exchange: Exchange) -> bool:
    """A percentage above 100."""
    return any(value > 100 for value in _progress(exchange))


@recognises("progress-not-monotonic-or-stuck")
def no_progress(exchange: Exchange) -> bool:
    """0 percent from the beginning to a good end."""
    told = _progress(exchange)
    return bool(told) and not any(told) and exchange.polls[-1].state == "succeeded"


@recognises("progress-backwards")
def backwards(exchange: Exchange) -> bool:
    """Less than before, while the task runs."""
    told = [poll.said("task-progress") for poll in exchange.polls if poll.state == "running"]
    told = [value for value in told if type(value) is int]
    return told != sorted(told)


@recognises("task-fails-without-reason")
def no_reason(exchange: Exchange) -> bool:
    """Failed, where the contract has a place for a reason, and there is none."""
    said = exchange.case.operation.response_roles
    return exchange.state == "failed" and "task-failure" in said and not exchange.said("task-failure")


@recognises("task-succeeds-empty")
def empty_handed(exchange: Exchange) -> bool:
    """A task that has succeeded and holds no picture."""
    return exchange.parent is not None and exchange.owes_pictures and not exchange.image_meanings


@recognises("task-id-changes")
def another_id(exchange: Exchange) -> bool:
    """A poll with another id than its submit."""
    told = exchange.said("task-id")
    if exchange.case.defect is not None:  # asked for another task, or for somebody else's
        return False
    return exchange.parent is not None and told is not None and told != exchange.parent.said("task-id")


@recognises("task-times-in-milliseconds")
def milliseconds(exchange: Exchange) -> bool:
    """A time of a task that is now, taken for milliseconds."""
    times = [exchange.said(f"task-{moment}") for moment in ("submitted", "started", "finished")]
    return any(type(time) in (int, float) and abs(time / 1000 - exchange.at) < PLAUSIBLE_SECONDS for time in times)


@recognises("task-result-link-dead")
def dead_link(exchange: Exchange) -> bool:
    """A link in a task's result that cannot be fetched; an empty one is none."""
    linked = [picture for picture in exchange.pictures if picture.role == "image-url"]
    return exchange.parent is not None and any(picture.problem and picture.raw for picture in linked)


@recognises("status-vocabulary-case")
def other_letters(exchange: Exchange) -> bool:
    """A documented word for a task's status but for its letters' case."""
    return any(
        meaning.role == "task-status" and _unlike(meaning.raw, words)
        for poll in (exchange, *exchange.polls)
        for words in (status_words(poll.case.operation),)
        for meaning in poll.meanings
    )


@recognises("task-id-location-varies")
def id_elsewhere(exchange: Exchange) -> bool:
    """A task asked for, and a text somewhere else that may be its id."""
    value = exchange.response.value
    if not exchange.wants_task or not exchange.succeeded or exchange.said("task-id") or not isinstance(value, dict):
        return False
    if "object" in value:  # something else, and its id
        return False
    inner = value.get("data")
    return any(isinstance(text, str) and text for text in (inner, value.get("id"), value.get("task_id")))


def _progress(exchange: Exchange) -> list[int]:
    told = [poll.said("task-progress") for poll in exchange.polls]
    return [value for value in told if type(value) is int]


def _unlike(word: Any, words: list[Any]) -> bool:
    """Whether a word is one of the words in other letters."""
    return isinstance(word, str) and word not in words and word.upper() in map(str.upper, map(str, words))
