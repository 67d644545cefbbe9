"""Clauses about tasks: accepted with an id, moving only forward, ending once, with the pictures at the end."""

from __future__ import annotations

from itertools import groupby

from contract_tests.cases import KEY
from contract_tests.clauses.registry import CONFORMS, PLAUSIBLE_SECONDS, Broken, Verdict, clause
from contract_tests.exchange import Exchange
from contract_tests.states import status_words
from spec.contract import Operation
from spec.language import IMAGE_ROLES, TERMINAL_STATES, walk

_AT_ONCE_SECONDS = 15.0
#: when what became of a task, in the order it comes
TIMES = ("task-submitted", "task-started", "task-finished")
_RANKS = {"queued": 0, "running": 1, "needs-input": 1, "succeeded": 2, "failed": 2, "canceled": 2}


@clause("task.accepted", "MUST", "x-role: task-id")
def accepted(exchange: Exchange) -> Verdict:
    """A request for a task is answered with a task's id, and not with the pictures.

    Why: a client that asked for a task has no code for pictures at once, nor for an id elsewhere.
    How: a request for a task is answered with an id in the documented place, and no pictures.
    Do: answer with the id at once, in the documented place.
    """
    if not exchange.wants_task or not exchange.succeeded or exchange.case.defect is not None:
        return None
    if exchange.image_meanings and exchange.state is None:
        return Broken(
            "a task id", f"the pictures at once ({exchange.pictures_delivered})", exchange.image_meanings[0].pointer
        )
    id_ = exchange.said("task-id")
    return CONFORMS if id_ not in (None, "") else Broken("a task id", "none that can be read")


@clause("task.states", "MUST", "x-states")
def states(exchange: Exchange) -> Verdict:
    """Every status word of a task is documented.

    Why: a poller compares words; one it does not know looks like never finished.
    How: every status word against the documented ones, letter by letter.
    Do: use the documented words.
    """
    status = exchange.meaning("task-status")
    if status is None or not exchange.succeeded:
        return None
    known = status_words(exchange.case.operation)
    if status.raw in known:
        return CONFORMS
    return Broken(f"one of {', '.join(map(str, known))}", repr(status.raw), status.pointer)


@clause("task.order", "MUST", "x-states")
def order(exchange: Exchange) -> Verdict:
    """A task's state only moves forward, and a task that has ended stays ended.

    Why: a poller that saw the end has stopped; one that saw a step back shows nonsense.
    How: the states of all polls in order; one poll more is sent after the end.
    Do: keep what has ended as it ended, also with several workers.
    """
    words = [poll.state for poll in exchange.polls if poll.state is not None]
    ranks = [_RANKS[word] for word in words]
    if not ranks:
        return None
    told = " -> ".join(word for word, _ in groupby(words))
    kept = ranks == sorted(ranks) and len(TERMINAL_STATES & set(words)) <= 1
    return CONFORMS if kept else Broken("queued -> running -> ended", told)


@clause("task.ends", "MUST", "x-states")
def ends(exchange: Exchange) -> Verdict:
    """A task comes to an end.

    Why: a task without an end is a client that hangs, and money without a picture.
    How: polled politely until the time limit; every poll answers 2xx; 429 is waited for, 5xx asked once more.
    Do: fail a task that was lost.
    """
    if not exchange.polls:
        return None
    if exchange.gave_up:
        return Broken(f"one of {', '.join(sorted(TERMINAL_STATES))}", exchange.gave_up)
    last = exchange.polls[-1]
    if not last.succeeded:
        return Broken("200 for every poll of a task", str(last.response.status))
    return CONFORMS if last.state in TERMINAL_STATES else None


@clause("task.same", "MUST", "x-role: task-id")
def same(exchange: Exchange) -> Verdict:
    """A poll speaks of the task it was asked about.

    Why: a client with several tasks in the air sorts answers by id.
    How: the id in every poll against the id of the submit.
    Do: use one id from submit to end.
    """
    submitted = exchange.parent.said("task-id") if exchange.parent else None
    told = exchange.meaning("task-id")
    if submitted is None or told is None or not exchange.succeeded:
        return None
    return CONFORMS if told.value == submitted else Broken(f"{submitted!r}", f"{told.value!r}", told.pointer)


@clause("task.succeeds", "MUST", "x-states")
def succeeds(exchange: Exchange) -> Verdict:
    """The task of a request that keeps the contract comes to its pictures.

    Why: what the contract allows must come to a picture, not only to an id.
    How: the task of a request without a defect ends as succeeded.
    Do: refuse at the submit what cannot be made.
    """
    if exchange.parent is None or exchange.state not in TERMINAL_STATES or exchange.case.defect is not None:
        return None
    if exchange.parent.given_up is not None or exchange.parent.case.doomed:
        return None
    if exchange.state == "succeeded":
        return CONFORMS
    return Broken("a task that succeeds: the request keeps the contract", f"{exchange.state}: {_reason(exchange)}")


@clause("task.reason", "SHOULD", "x-role: task-failure")
def reason(exchange: Exchange) -> Verdict:
    """A task that has failed says why, and one that has succeeded says nothing of the kind.

    Why: without a reason nobody knows whether to try again, reword or pay.
    How: a failed task has a text in the documented place, a succeeded one has none.
    Do: say why, and leave the field empty otherwise.
    """
    said = exchange.said("task-failure")
    if "task-failure" not in exchange.case.operation.response_roles or not exchange.succeeded:
        return None
    if exchange.state == "failed":
        return CONFORMS if said else Broken("a reason", "none")
    if exchange.state == "succeeded":
        return Broken("no reason for a failure", f"{said!r:.80}") if said else CONFORMS
    return None


def _reason(exchange: Exchange) -> str:
    return str(exchange.said("task-failure") or "no reason")


@clause("task.result", "MUST", "x-role: task-status")
def result(exchange: Exchange) -> Verdict:
    """A task that has succeeded carries its pictures.

    Why: a success without a picture sends the client round again, or into a crash.
    How: a poll that says succeeded carries at least one picture.
    Do: say succeeded only when the result can be read.
    """
    if exchange.state != "succeeded" or not exchange.succeeded or exchange.case.defect is not None:
        return None
    if exchange.unready:
        return None
    if not exchange.case.operation.response_roles & IMAGE_ROLES or exchange.makes == "text":
        return None
    if exchange.pictures_delivered:
        return CONFORMS
    reason = exchange.said("task-failure")
    return Broken("pictures in a task that has succeeded", f"none: {reason!r:.80}" if reason else "none")


@clause("task.progress", "SHOULD", "x-role: task-progress")
def progress(exchange: Exchange) -> Verdict:
    """Progress is a percentage that never falls, and is 100 exactly when the task has succeeded.

    Why: a bar that jumps back, or stops short, makes people submit and pay again.
    How: over all polls: 0 to 100, never falling, 100 at a good end and not before.
    Do: derive progress from what is done.
    """
    told = [(poll.said("task-progress"), poll.state) for poll in exchange.polls]
    told = [(value, state) for value, state in told if value not in (None, "")]  # some say nothing of what has failed
    if not told:
        return None
    bad = next((value for value, _ in told if type(value) is not int or not 0 <= value <= 100), None)
    if bad is not None:
        return Broken("0 to 100 percent", repr(bad))
    values = [value for value, _ in told]
    if values != sorted(values):
        return Broken("progress that never falls", " -> ".join(map(str, values)))
    early = next((state for value, state in told if value == 100 and state not in TERMINAL_STATES), None)
    if early is not None:
        return Broken("100 percent at the end", f"100 percent while {early}")
    late = next((value for value, state in told if state == "succeeded" and value != 100), None)
    return CONFORMS if late is None else Broken("100 percent for a task that has succeeded", f"{late} percent")


@clause("task.times", "SHOULD", "x-role: task-submitted, task-started, task-finished")
def times(exchange: Exchange) -> Verdict:
    """A task is submitted, then started, then finished, and not in another time or unit.

    Why: waiting times are measured, and tasks expired, by these fields.
    How: submitted <= started <= finished where told, and within a day of now in the documented unit.
    Do: send Unix seconds, or whatever unit is documented, from one clock.
    """
    told = [(name, exchange.said(name)) for name in TIMES]
    reached = [
        (name, value)
        for name, value in told
        if type(value) in (int, float) and (value > 0 or not _may_be_unknown(exchange.case.operation, name))
    ]
    if not reached or not exchange.succeeded:
        return None
    values = [value for _, value in reached]
    if values != sorted(values):
        said = ", ".join(f"{name} {value:.15g}" for name, value in reached)
        return Broken(" <= ".join(name for name, _ in reached), said)
    first, value = reached[0]
    if (exchange.parent is not None or exchange.wants_task) and abs(value - exchange.at) > PLAUSIBLE_SECONDS:
        return Broken(f"{first} within a day of {exchange.at:.0f} (Unix seconds)", f"{value:.15g}")
    return CONFORMS


def _may_be_unknown(operation: Operation, role: str) -> bool:
    """Whether the contract has a value of this role for what is not known: null, or the nought of a default."""
    parts = [part for schema in operation.success.content.values() for _, part in walk(schema)]
    found = [part for part in parts if part.get("x-role") == role]
    return any("default" in part or "null" in part.get("type", ()) for part in found)


@clause("task.canceled", "SHOULD", "x-effect: cancel")
def canceled(exchange: Exchange) -> Verdict:
    """A task that was given up before it ended ends as canceled.

    Why: what nobody waits for any more is made, and billed.
    How: one task is given up right after its submit; what its last look says, where that was accepted.
    Do: stop the work, or refuse to.
    """
    given_up = exchange.given_up
    last = exchange.polls[-1].state if exchange.polls else None
    if given_up is None or given_up.state not in (None, "queued", "running", "canceled") or last not in TERMINAL_STATES:
        return None
    return CONFORMS if last == "canceled" else Broken("canceled, as it was given up", str(last))


@clause("task.private", "MUST", "x-problems.unknown-task")
def private(exchange: Exchange) -> Verdict:
    """A task is shown to nobody but the key that submitted it.

    Why: whoever guesses or finds an id sees other people's prompts and pictures.
    How: a task is looked at with an invalid key and, where one is given, with another valid one.
    Do: look tasks up under the key they were submitted with, and deny that there are others.
    """
    if exchange.parent is None or exchange.case.credential == KEY:
        return None
    if exchange.succeeded and (exchange.said("task-status") is not None or exchange.image_meanings):
        return Broken("no word about a task of another key", f"{exchange.response.status}, and the task")
    return CONFORMS


@clause("task.stable", "SHOULD", "x-role: image-*")
def stable(exchange: Exchange) -> Verdict:
    """A task that has ended keeps its pictures: each look shows the same.

    Why: who looks again, after a crash, expects what was made, not something else or nothing.
    How: the pixels of a look that found the task succeeded against those of the look after it.
    Do: keep what was made, and hand out the same for as long as the task is known.
    """
    ended = [{picture.pixels for picture in poll.pictures if picture.pixels} for poll in exchange.polls
             if poll.state == "succeeded" and poll.succeeded]  # fmt: skip
    if len(ended) < 2 or not ended[0]:
        return None
    changed = next((later for later in ended[1:] if later != ended[0]), None)
    return CONFORMS if changed is None else Broken("the same pictures again", "others" if changed else "none")


@clause("task.at-once", "SHOULD", "x-role: async")
def at_once(exchange: Exchange) -> Verdict:
    """A request for a task is answered at once, not when the picture is there.

    Why: tasks are for callers whose connection does not last as long as a picture takes.
    How: the seconds until the submit is answered.
    Do: answer with the id before the work begins.
    """
    if not exchange.wants_task or not exchange.succeeded or exchange.said("task-id") in (None, ""):
        return None
    if exchange.seconds <= _AT_ONCE_SECONDS:
        return CONFORMS
    return Broken(f"an answer within {_AT_ONCE_SECONDS:g} s", f"{exchange.seconds:.0f} s")
