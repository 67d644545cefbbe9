"""One function per catalogued drift that says whether an exchange shows it; ids: `spec/drifts.yaml`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from contract_tests.clauses.registry import PLAUSIBLE_SECONDS
from contract_tests.clauses.tasks import status_words
from contract_tests.exchange import Exchange
from spec.drifts import Drift, catalogue
from spec.language import STATES, TERMINAL_STATES

Recogniser = Callable[[Exchange], bool]
_RECOGNISERS: dict[str, Recogniser] = {}


def recognises(id_: str) -> Callable[[Recogniser], Recogniser]:
    """Register the recogniser of a drift."""

    def register(function: Recogniser) -> Recogniser:
        _RECOGNISERS[id_] = function
        return function

    return register


def recognisers() -> Mapping[str, Recogniser]:
    """Every recogniser by drift id."""
    return _RECOGNISERS


def recognised(exchange: Exchange) -> list[Drift]:
    """The catalogued drifts an exchange shows, in catalogue order."""
    return [drift for id_, drift in catalogue().items() if id_ in _RECOGNISERS and _RECOGNISERS[id_](exchange)]


@recognises("chat-shaped-200")
def chat_shaped(exchange: Exchange) -> bool:
    """A 2xx body with `choices`, or called a chat completion, without any picture."""
    value = exchange.response.value
    if not exchange.succeeded or not isinstance(value, dict) or exchange.image_meanings:
        return False
    return isinstance(value.get("choices"), list) or str(value.get("object", "")).startswith("chat.completion")


@recognises("empty-object-200")
def empty_object(exchange: Exchange) -> bool:
    """A 2xx body that is `{}`."""
    return exchange.succeeded and exchange.response.value == {}


@recognises("n-ignored-single-image")
def one_picture(exchange: Exchange) -> bool:
    """Several pictures asked for, exactly one delivered."""
    asked = exchange.asked.get("count", 1)
    return exchange.owes_pictures and isinstance(asked, int) and asked > 1 and exchange.pictures_delivered == 1


@recognises("size-ignored-200-wrong-aspect")
def wrong_aspect(exchange: Exchange) -> bool:
    """Pixels of another aspect than asked."""
    asked = exchange.asked.get("size")
    if not exchange.owes_pictures or not isinstance(asked, tuple):
        return False
    shapes = [picture.width / picture.height for picture in exchange.pictures if picture.height]
    return any(abs(shape - asked[0] / asked[1]) > 0.02 * shape for shape in shapes)


@recognises("data-url-inside-b64-json")
def data_url(exchange: Exchange) -> bool:
    """Base64 that starts with `data:`."""
    return exchange.succeeded and any(
        meaning.role == "image-b64" and str(meaning.raw).startswith("data:") for meaning in exchange.image_meanings
    )


@recognises("error-object-in-200")
def error_in_200(exchange: Exchange) -> bool:
    """A documented error body with a 2xx status."""
    return exchange.succeeded and exchange.is_error_body


@recognises("async-ignored-returns-sync")
def async_ignored(exchange: Exchange) -> bool:
    """A task asked for, pictures delivered at once."""
    return (
        exchange.wants_task
        and exchange.succeeded
        and bool(exchange.image_meanings)
        and exchange.said("task-id") is None
    )


@recognises("missing-model-503")
def missing_model(exchange: Exchange) -> bool:
    """The missing model answered with 503."""
    defect = exchange.case.defect
    if defect is None or defect.problem != "missing-parameter" or exchange.response.status != 503:
        return False
    body = next(iter(exchange.case.operation.body.values()), {})
    return bool(body.get("properties", {}).get(defect.param, {}).get("x-role") == "model")


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
    """A link in a task's result that cannot be fetched."""
    linked = [picture for picture in exchange.pictures if picture.role == "image-url"]
    return exchange.parent is not None and any(picture.problem for picture in linked)


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
