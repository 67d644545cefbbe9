"""Lives of tasks: submitted, looked at politely until they end and once more, several at a time.

A planned walk and no state machine that draws its steps: every submit is paid for, so a machine that starts again for
each example, and once more for each step it takes away, cannot keep within a budget. What a machine would find by
chance is asked of every first task of an operation on purpose: two at once, by nobody's key, by an id beside its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from contract_tests.cases import OTHER_KEY, WRONG_KEY, Case, Defect
from contract_tests.connection import CouldNotLook
from contract_tests.exchange import Exchange
from contract_tests.mutations import labelled
from contract_tests.states import is_strange, seems_over
from contract_tests.waits import MOMENT_SECONDS, is_not_now, retry_after, trouble_of
from spec.language import TERMINAL_STATES
from spec.messages import part_at

_FIRST_SECONDS = 0.05
_LONGEST_SECONDS = 5.0
#: how long "not now" is waited for where nobody says how long
_NOT_NOW_SECONDS = 1.0
#: how long tasks are waited for once one has never ended
_IMPATIENT_SECONDS = 5.0
#: how long pictures that may be late are waited for
_LATE_SECONDS = 30.0
#: how long one is waited for that says the same all the time, in a word nobody knows
_STRANGE_SECONDS = 8.0

#: what tells that a task moves on
_MOVING = ("task-status", "task-progress")

Ask = Callable[[Case, Exchange], Exchange]


@dataclass(eq=False)
class Life:
    """One task that is watched; `due` is when it may be looked at again, both times by the monotonic clock.

    `ended`: it was seen to end. `trouble` is what was wrong with a look that is asked again; `unseen`: why none was.
    `strange` is what it says in words nobody knows, and `since` when.
    """

    submit: Exchange
    target: Case
    until: float
    due: float = 0.0
    wait: float = _FIRST_SECONDS
    ended: bool = False
    trouble: str = ""
    unseen: str = ""
    over: bool = False
    strange: Any = None
    since: float = 0.0

    def puzzles(self, poll: Exchange) -> bool:
        """Whether it has said for long what nobody understands, with nothing in it that moves."""
        if not is_strange(poll):
            self.strange = None
            return False
        told = (poll.response.status, [(one.role, one.raw) for one in poll.meanings if one.role in _MOVING])
        if told != self.strange:
            self.strange, self.since = told, time.monotonic()
        return time.monotonic() - self.since >= _STRANGE_SECONDS

    def put_off(self, seconds: float) -> None:
        """Look again after so many seconds, or more: the longer a task takes, the less often it is looked at."""
        self.due = time.monotonic() + max(self.wait, seconds)
        self.wait = min(self.wait * 1.5, _LONGEST_SECONDS)


@dataclass(eq=False)
class Watch:
    """Looks at tasks. `ask` sends one look, `patiently` until there is an answer; `timeout` is seconds.

    `other_key`: whether there is somebody else's.
    """

    ask: Ask
    patiently: Ask
    timeout: float
    other_key: bool = False
    stuck: bool = False

    def follow(self, *submits: Exchange) -> None:
        """Poll the tasks that answers link to, by turns, until each has ended, and once more; polls are kept there.

        Raises CouldNotLook, at last, where one was answered "not now" for all of its time.
        """
        tasks = [(submit, target) for submit in submits if (target := linked(submit)) is not None]
        patience = min(self.timeout, _IMPATIENT_SECONDS) if self.stuck else self.timeout
        began = time.monotonic()
        lives = [Life(submit, target, began + patience) for submit, target in tasks if not submit.polls]
        while left := [life for life in lives if not life.over]:
            life = min(left, key=lambda one: one.due)
            time.sleep(max(0.0, min(life.due, life.until) - time.monotonic()))
            self._look(life, patience)
        if unseen := next((life.unseen for life in lives if life.unseen and not life.ended), ""):
            raise CouldNotLook(unseen)

    def look_again(self, submit: Exchange) -> Exchange | None:
        """Look once more at a task that was seen to succeed; None where that is no look at it. It is kept there."""
        target, ended = linked(submit), [poll for poll in submit.polls if poll.state == "succeeded" and poll.succeeded]
        if target is None or not ended:
            return None
        poll = self.ask(target, submit)
        if is_not_now(poll) or trouble_of(poll):
            return None
        submit.polls.append(poll)
        return poll

    def intrude(self, submit: Exchange) -> list[Exchange]:
        """Look at a task with other keys and under ids beside its own; costs nothing."""
        target = linked(submit)
        return [self.patiently(case, submit) for case in strangers(target, self.other_key)] if target else []

    def give_up(self, submit: Exchange) -> Exchange | None:
        """Give a task up; None where its answer does not say how, it has ended already, or that is refused."""
        target = linked(submit, "cancel") if submit.state not in TERMINAL_STATES else None
        answer = self.patiently(target, submit) if target is not None else None
        return answer if answer is not None and answer.succeeded else None

    def _look(self, life: Life, patience: float) -> None:
        poll, polls = self.ask(life.target, life.submit), life.submit.polls
        pause, is_late = retry_after(poll), time.monotonic() >= life.until
        if is_not_now(poll):  # that was no look: nothing is said about the task
            life.over = is_late
            life.unseen = f"polls are answered {poll.response.status}, and there was no end within {patience:g} s"
            life.put_off(_NOT_NOW_SECONDS if pause is None else pause)
            return
        if (trouble := trouble_of(poll)) and not life.trouble:
            life.trouble = trouble
            life.put_off(max(pause or 0.0, MOMENT_SECONDS))
            return
        poll.at_first, life.trouble, life.unseen = life.trouble, "", ""
        polls.append(poll)
        if life.ended or not poll.succeeded:
            life.over = True
        elif poll.state in TERMINAL_STATES and not poll.awaits_pictures:  # what has ended stays as it is
            life.ended, life.due = True, time.monotonic() + (pause or 0.0)
        elif seems_over(poll) or (poll.state == "needs-input" and life.submit.takes_up is not None):
            life.over = True  # or nobody but the caller can move it on
        elif life.puzzles(poll):
            life.over = self.stuck = True  # the words are told; what they mean nobody learns by waiting
        elif is_late:
            life.over = True
            # Whose pictures are late, or who was hardly waited for: nothing is said about it.
            if not poll.awaits_pictures and patience == self.timeout:
                life.submit.gave_up = f"no end after {patience:g} s and {len(polls)} polls"
                self.stuck = True
        else:
            if poll.awaits_pictures:
                life.until = min(life.until, time.monotonic() + _LATE_SECONDS)
            life.put_off(pause or 0.0)


def linked(exchange: Exchange, effect: str = "") -> Case | None:
    """The look at a task that an answer links to, or what has that effect on it; None where it names none."""
    case = exchange.case
    for link in case.operation.links:
        told = {name: part_at(exchange.response.value, pointer) for name, pointer in link.parameters.items()}
        if case.contract.operation(link.operation).effect == effect and all(
            type(value) in (str, int) and value != "" for value in told.values()
        ):
            target = case.contract.operation(link.operation)
            places = {parameter.name: parameter.location for parameter in target.parameters}
            path, query = (
                {name: str(value) for name, value in told.items() if places.get(name) == place}
                for place in ("path", "query")
            )
            return Case(case.contract, target, path_parameters=path, query=query)
    return None


def strangers(target: Case, other_key: bool) -> Iterator[Case]:
    """Looks at somebody's task that must show nothing: with no good key, with another's, under an id beside its own."""
    if target.operation.secured:
        for credential in (None, WRONG_KEY):
            if (wrong := labelled(replace(target, credential=credential))) is not None:
                yield wrong
        if other_key:
            yield _in_vain(replace(target, credential=OTHER_KEY), "the task is another key's")
    for name, id_ in target.path_parameters.items():
        for beside in (f"{id_}0", id_[:-1]):
            if beside:
                path = {**target.path_parameters, name: beside}
                yield _in_vain(replace(target, path_parameters=path), "there is no such task")


def _in_vain(case: Case, reason: str) -> Case:
    problem = case.contract.problem("unknown-task")
    code = problem.fields.get("error-code")
    return replace(case, defect=Defect("unknown-task", "", reason, problem.status, code, lenient=problem.lenient))
