"""Clauses about what polls of one task say beside its state: ids, times, and an end that stays as it is."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from contract_tests.cases import OTHER_KEY
from contract_tests.clauses.registry import CONFORMS, Broken, Verdict, clause
from contract_tests.exchange import Exchange
from spec.language import TERMINAL_STATES

_CLOCK_SECONDS = 60.0
_UNRESERVED = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:@!$&'()*+,;=")


@clause("task.id-form", "SHOULD", "x-role: task-id")
def id_form(exchange: Exchange) -> Verdict:
    """A task's id can be put into a path as it is.

    Why: clients build the address of the poll from it, often without escaping.
    How: the id a submit tells has no blanks, slashes or other signs that have a meaning in an address.
    Do: use letters, digits, dashes.
    """
    id_ = exchange.said("task-id")
    if not exchange.wants_task or not exchange.succeeded or id_ in (None, "") or type(id_) not in (str, int):
        return None
    odd = sorted(set(str(id_)) - _UNRESERVED)
    return CONFORMS if not odd else Broken("letters, digits and dashes", f"{odd[0]!r} in {str(id_)[:60]!r}")


@clause("task.settled", "SHOULD", "x-states")
def settled(exchange: Exchange) -> Verdict:
    """What has ended says the same when it is asked again.

    Why: two readers of one task must see one result.
    How: the last two polls of an ended task agree in reason and times.
    Do: write the result down once.
    """
    ended = [poll for poll in exchange.polls if poll.state in TERMINAL_STATES]
    if len(ended) < 2 or ended[-1].state != ended[-2].state:
        return None
    before, after = (_result(poll) for poll in ended[-2:])
    for what, told in before.items():
        if after[what] != told:
            return Broken(f"{what} as before: {told!r:.60}", f"{after[what]!r:.60}")
    return CONFORMS


def _result(poll: Exchange) -> dict[str, Any]:
    roles = ("task-failure", "task-submitted", "task-started", "task-finished")
    return {role: poll.said(role) for role in roles}


@clause("task.submitted-once", "SHOULD", "x-role: task-submitted")
def submitted_once(exchange: Exchange) -> Verdict:
    """A task was submitted once, so that time never changes.

    Why: a time that moves along makes every waiting time nought, and no task ever expires.
    How: the same value in all polls that tell it.
    Do: write it down at the submit.
    """
    told = [value for poll in exchange.polls if (value := poll.said("task-submitted")) not in (None, 0)]
    if len(told) < 2:
        return None
    other = next((value for value in told if value != told[0]), None)
    return CONFORMS if other is None else Broken(f"{told[0]} in every poll", f"{other}")


@clause("task.finished-time", "SHOULD", "x-role: task-finished")
def finished_time(exchange: Exchange) -> Verdict:
    """The time of the end is told when there is one.

    Why: a client takes a time for the end, or nought for 1970.
    How: nothing, null or 0 while the task goes on; above 0 in a task that has ended, where the member is there.
    Do: set it with the state.
    """
    told = exchange.meaning("task-finished")
    if told is None or exchange.parent is None or exchange.state is None or not exchange.succeeded:
        return None
    if told.raw is None or type(told.value) not in (int, float):
        return None
    if exchange.state in TERMINAL_STATES:
        return (
            CONFORMS
            if told.value > 0
            else Broken("a time", f"{told.value:.15g} in a task that has ended", told.pointer)
        )
    return (
        CONFORMS if told.value <= 0 else Broken("none yet", f"{told.value:.15g} while {exchange.state}", told.pointer)
    )


@clause("task.no-result", "SHOULD", "x-states")
def no_result(exchange: Exchange) -> Verdict:
    """A task that has failed or was canceled brings no pictures.

    Why: nobody knows whether they are good, and who pays for them.
    How: the pictures in a poll that tells such an end.
    Do: deliver, and say succeeded; or fail, and keep them.
    """
    if exchange.parent is None or exchange.state not in ("failed", "canceled") or not exchange.succeeded:
        return None
    found = next((meaning for meaning in exchange.image_meanings if meaning.raw), None)
    return CONFORMS if found is None else Broken("no pictures", f"{exchange.pictures_delivered}", found.pointer)


@clause("task.links", "SHOULD", "x-role: task-url, cancel-url")
def task_links(exchange: Exchange) -> Verdict:
    """The links to a task are links, and lead to that task.

    Why: clients follow them instead of building addresses, and poll or cancel what they name.
    How: an http(s) link that holds the id told beside it.
    Do: build them from the public address and the task's id.
    """
    id_ = exchange.said("task-id")
    told = [one for one in exchange.meanings if one.role in ("task-url", "cancel-url") and one.raw is not None]
    if not told or id_ in (None, "") or not exchange.succeeded:
        return None
    for one in told:
        link = str(one.raw)
        if not link.lower().startswith(("http://", "https://")) or not {str(id_), quote(str(id_), "")} & _parts(link):
            return Broken(f"a link to {str(id_)[:60]}", f"{one.raw!r:.100}", one.pointer)
    return CONFORMS


def _parts(link: str) -> set[str]:
    return set(re.split(r"[/?=&#]", link))


@clause("task.seconds", "SHOULD", "x-role: task-seconds")
def task_seconds(exchange: Exchange) -> Verdict:
    """The work took no longer than the caller waited.

    Why: it is what work is billed by, by the second.
    How: 0 or more, and at most the time since the request, a minute more for clocks.
    Do: measure the work in the documented unit.
    """
    told = exchange.meaning("task-seconds")
    if told is None or type(told.value) not in (int, float) or not exchange.succeeded:
        return None
    begun = exchange.parent.at if exchange.parent else exchange.at
    most = exchange.at + exchange.seconds - begun + _CLOCK_SECONDS
    fits = 0 <= told.value <= most
    return CONFORMS if fits else Broken(f"0 to {most:.0f} seconds", f"{told.value:.15g}", told.pointer)


@clause("task.kind", "SHOULD", "x-role: task-kind")
def task_kind(exchange: Exchange) -> Verdict:
    """A task says what kind of work it is, and it is the kind that was asked for.

    Why: clients choose what they show, and what may follow, by it.
    How: the word told, where it is there and not empty, against the one the operation stands for.
    Do: write it down at the submit.
    """
    asked = exchange.asked.get("task-kind")
    told = exchange.meaning("task-kind")
    if told is None or told.raw in (None, "") or not isinstance(asked, str) or not exchange.succeeded:
        return None
    if exchange.case.defect is not None:
        return None
    return CONFORMS if told.value == asked else Broken(f"{asked!r}", f"{told.value!r:.60}", told.pointer)


@clause("task.unknown", "MUST", "x-problems.unknown-task", shown_by=("lookups", "tasks"))
def unknown_task(exchange: Exchange) -> Verdict:
    """A task that does not exist is refused.

    Why: a client that polls a lost task must learn that it is lost, or it polls for ever.
    How: a task id nobody has is asked about; any 4xx is a refusal (error.status judges which).
    Do: answer an unknown id with the documented status.
    """
    defect = exchange.case.defect
    if defect is None or defect.problem != "unknown-task" or exchange.case.credential == OTHER_KEY:
        return None  # what is another key's is task.private's business
    answer = exchange.case.operation.answers.get(str(exchange.response.status))
    # Some answer with nothing at all, and say so in their documents.
    nothing = answer is not None and not answer.content and not exchange.response.body
    refused = exchange.response.status < 500 and not exchange.succeeded  # some refuse with 200 and a code
    if exchange.response.status == defect.status or refused or nothing:
        return CONFORMS
    return Broken(f"{defect.status}: {defect.reason}", str(exchange.response.status))
