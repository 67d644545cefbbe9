"""Clauses about tasks: accepted with an id, moving only forward, ending once, with the pictures at the end."""

from __future__ import annotations

from contract_tests.clauses.registry import CONFORMS, Broken, Verdict, clause
from contract_tests.exchange import Exchange
from spec.language import TERMINAL_STATES

_RANKS = {"queued": 0, "running": 1, "needs-input": 1, "succeeded": 2, "failed": 2, "canceled": 2}


@clause("task.accepted", "MUST", "x-role: task-id")
def accepted(exchange: Exchange) -> Verdict:
    """A request for a task is answered with a task's id, and not with the pictures."""
    if not exchange.wants_task or not exchange.succeeded or exchange.case.defect is not None:
        return None
    if exchange.image_meanings:
        return Broken(
            "a task id", f"{len(exchange.image_meanings)} pictures at once", exchange.image_meanings[0].pointer
        )
    id_ = exchange.said("task-id")
    return CONFORMS if id_ not in (None, "") else Broken("a task id", "none that can be read")


@clause("task.states", "MUST", "x-states")
def states(exchange: Exchange) -> Verdict:
    """Every status word of a task is documented."""
    status = next((m for m in exchange.meanings if m.role == "task-status"), None)
    if status is None or not exchange.succeeded:
        return None
    return CONFORMS if status.value in _RANKS else Broken("a documented status", repr(status.raw), status.pointer)


@clause("task.order", "MUST", "x-states")
def order(exchange: Exchange) -> Verdict:
    """A task's state only moves forward, and a task that has ended stays ended."""
    words = [poll.said("task-status") for poll in exchange.polls]
    ranks = [_RANKS[word] for word in words if word in _RANKS]
    if not ranks:
        return None
    told = " -> ".join(dict.fromkeys(str(word) for word in words))
    return CONFORMS if ranks == sorted(ranks) else Broken("queued -> running -> ended", told)


@clause("task.ends", "MUST", "x-states")
def ends(exchange: Exchange) -> Verdict:
    """A task comes to an end."""
    if not exchange.polls:
        return None
    if exchange.gave_up:
        return Broken(f"one of {', '.join(sorted(TERMINAL_STATES))}", exchange.gave_up)
    last = exchange.polls[-1]
    if not last.succeeded:
        return Broken("200 for every poll of a task", str(last.response.status))
    return CONFORMS


@clause("task.result", "MUST", "x-role: task-status")
def result(exchange: Exchange) -> Verdict:
    """A task that has succeeded carries its pictures; one that has not carries none."""
    state = exchange.said("task-status")
    if state is None or not exchange.succeeded or exchange.case.defect is not None:
        return None
    pictures = [meaning for meaning in exchange.image_meanings if meaning.raw]
    if state == "succeeded" and not pictures:
        return Broken("pictures in a task that has succeeded", "none")
    return CONFORMS


@clause("task.progress", "SHOULD", "x-role: task-progress")
def progress(exchange: Exchange) -> Verdict:
    """Progress is a percentage that never falls, and is 100 exactly when the task has succeeded."""
    told = [(poll.said("task-progress"), poll.said("task-status")) for poll in exchange.polls]
    told = [(value, state) for value, state in told if value is not None]
    if not told:
        return None
    bad = next((value for value, _ in told if not isinstance(value, int) or not 0 <= value <= 100), None)
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
    """A task is submitted, then started, then finished."""
    names = ("task-submitted", "task-started", "task-finished")
    told = [(name, exchange.said(name)) for name in names]
    reached = [(name, value) for name, value in told if isinstance(value, int | float) and value > 0]
    if not reached or not exchange.succeeded:
        return None
    values = [value for _, value in reached]
    if values == sorted(values):
        return CONFORMS
    return Broken(" <= ".join(name for name, _ in reached), ", ".join(f"{name} {value:.0f}" for name, value in reached))
