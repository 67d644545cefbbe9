"""Clauses about what follows tasks: what takes up their offers, lists that tell of them, words in place of pictures."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

from contract_tests.clauses.registry import CONFORMS, PLAUSIBLE_SECONDS, Broken, Verdict, clause
from contract_tests.clauses.tasks import TIMES
from contract_tests.exchange import Exchange
from contract_tests.grids import apart, quarters, small
from spec.contract import Operation
from spec.followups import ANY_TASK
from spec.language import LINK_ROLES, TERMINAL_STATES
from spec.reader import Meaning

#: what of a task is the same wherever it is told; of links only where they lead, they may be signed anew
_LASTING = frozenset({
    "task-id", "task-status", "task-kind", "task-submitted", "task-started", "task-finished", "task-seconds",
    "task-failure",
    "task-url", "cancel-url", "model", "model-version", "prompt", "asked-input", "caller-tag",
    "width", "height",
    *LINK_ROLES, "cover-url",
})  # fmt: skip
_LINKS = frozenset({*LINK_ROLES, "cover-url"})
#: what says nothing of whether an operation is there, or that it is not
_NOT_THERE = (401, 403, 404, 405, 501)
_CLOCK_SECONDS = 1.0  # one place may tell whole seconds, another parts of them
#: what differs from a quarter by no more than this on the average, of 255, is that quarter
_SAME = 8.0
_ITEM = re.compile(r".*?/\d+(?=/|$)")


@clause("task.follow-up", "SHOULD", "x-follow-ups", shown_by=("followups",))
def follow_up(exchange: Exchange) -> Verdict:
    """What takes up a task's offer is another task, with a picture of its own.

    Why: who asked for one picture of four, large, gets the four again, and pays twice.
    How: the id of the answer to an offer, and in the end its pixels, against those of the task that offered it.
    Do: make a task for each offer that is taken up, and do what was offered.
    """
    about, offer = (exchange.parent or exchange).case.about, exchange.takes_up
    if about is None or offer is None or not exchange.succeeded:
        return None
    before = about.submits[0]
    told = exchange.meaning("task-id")
    if told is not None and told.value == before.said("task-id"):
        return Broken("a task of its own", f"{told.raw!r:.60}, the task that offered it", told.pointer)
    known = {picture.pixels for poll in before.polls for picture in poll.pictures if picture.pixels}
    twin = next((picture for picture in exchange.pictures if picture.pixels in known), None)
    if twin is not None:
        return Broken(f"a picture of its own ({offer.label or offer.action})", "the pixels it began with", twin.pointer)
    return CONFORMS


@clause("task.part", "SHOULD", "x-makes: part", shown_by=("followups",))
def part(exchange: Exchange) -> Verdict:
    """Who asks for one picture of four is given that one.

    Why: it is chosen by its place; another one is another picture, and is paid for.
    How: what comes of an offer of one part, made small, against the four quarters of the picture it was offered with,
        and that as a whole: broken where one of these is the same and the quarter asked for is not.
    Do: count the parts as they are read, from the left and from the top.
    """
    offer, about = exchange.takes_up, (exchange.parent or exchange).case.about
    if offer is None or about is None or offer.makes != "part" or not offer.part:
        return None
    grids = [picture for poll in about.submits[0].polls[-1:] for picture in poll.pictures if picture.pixels]
    made = next((picture for picture in exchange.pictures if picture.pixels), None)
    if not grids or made is None:
        return None
    *far, whole = (apart(cells, small(made.data)) for cells in (*quarters(grids[0].data), small(grids[0].data)))
    nearest = min(*far, whole)
    if nearest > _SAME or offer.part > len(far):  # drawn anew: it may look otherwise
        return None
    if far[offer.part - 1] <= 2 * max(nearest, _SAME):
        return CONFORMS
    came = "all four" if whole == nearest else f"picture {far.index(nearest) + 1}"
    return Broken(f"picture {offer.part} of the four", came, made.pointer)


@clause("task.offers", "SHOULD", "x-follow-ups", "history", shown_by=("tasks", "followups"))
def offers(history: Sequence[Exchange]) -> Verdict:
    """A task that has ended well offers what may follow it.

    Why: what follows is asked for by a word that only the task itself can tell.
    How: where this provider has the operation that takes such words up, a look at a task with pictures tells of some,
        if the contract has any for its kind.
    Do: pass the offers on with the pictures.
    """
    there = any(_takes_offers_up(one.case.operation) and one.response.status not in _NOT_THERE for one in history)
    ended = [one for one in history if one.parent is not None and one.state == "succeeded" and one.succeeded]
    owing = [one for one in ended if _owes_offers(one)]
    if not there or not owing:
        return None
    bad = next((one for one in owing if not any(m.role == "offered-action" and m.raw for m in one.meanings)), None)
    return CONFORMS if bad is None else Broken("what may follow", "nothing", shown_by=(bad,))


def _takes_offers_up(operation: Operation) -> bool:
    """Whether requests to an operation name what was offered, and nothing else tells what they mean."""
    return "action" in operation.request_roles and "action" not in operation.asks


def _owes_offers(look: Exchange) -> bool:
    """Whether the contract has offers for a task like this, and a place for them in a look at it."""
    if "offered-action" not in look.case.operation.response_roles or not look.pictures_delivered:
        return False
    kind = look.takes_up.kind if look.takes_up else str(look.asked.get("task-kind", ""))
    return any(True for _ in look.case.contract.follow_ups.offered(kind, ANY_TASK))


@clause("task.offers-once", "MAY", "x-role: offered-action")
def offers_once(exchange: Exchange) -> Verdict:
    """A task offers each thing once.

    Why: each offer is a button.
    How: no word to send stands twice in one answer.
    Do: list each offer once.
    """
    told = [one for one in exchange.meanings if one.role == "offered-action" and one.raw not in (None, "")]
    if not told or not exchange.succeeded:
        return None
    seen: set[str] = set()  # in texts: a provider may offer anything, objects as well
    for one in told:
        if (word := repr(one.raw)) in seen:
            return Broken("each word once", f"{word:.80} twice", one.pointer)
        seen.add(word)
    return CONFORMS


@clause("words.said", "SHOULD", "x-role: description")
def words_said(exchange: Exchange) -> Verdict:
    """Who asks for words about a picture or a prompt is told some.

    Why: an empty description is billed like a good one.
    How: a text that is not blank, in the answer or in the task's end, where words are what comes of the request.
    Do: answer with an error when there is nothing to say.
    """
    if exchange.makes != "text" or exchange.case.defect is not None or not exchange.succeeded:
        return None
    if exchange.case.operation.tells_tasks or "description" not in exchange.case.operation.response_roles:
        return None
    if exchange.state not in (None, "succeeded") or (exchange.state is None and exchange.wants_task):
        return None
    said = [one.raw for one in exchange.meanings if one.role in ("description", "prompt", "revised-prompt")]
    blank = not any(isinstance(text, str) and text.strip() for text in said)
    return Broken("a text", f"{said[0]!r:.60}" if said else "none") if blank else CONFORMS


@clause("list.asked", "MUST", "x-role: task-id")
def list_asked(exchange: Exchange) -> Verdict:
    """A list of tasks asked for by their ids has each of them once, and no other.

    Why: who polls many tasks with one request never hears of the one that is missing.
    How: all tasks of the run are asked for by their ids, when they have ended.
    Do: look all ids up, under the key they were submitted with.
    """
    if "task-id" not in exchange.case.operation.request_roles or (found := _listed(exchange)) is None:
        return None
    ids = [str(submit.said("task-id")) for submit in _about(exchange)]
    told = Counter(_id(item) for item in found.values())
    missing = next((id_ for id_ in ids if not told[id_]), None)
    other = next((id_ for id_, times in told.items() if id_ not in ids or times > 1), None)
    if missing is not None:
        return Broken(f"{len(ids)} tasks, {missing!r:.60} among them", f"{told.total()} without it")
    if other is not None:
        return Broken(f"{len(ids)} tasks, each once", f"{other!r:.60} {told[other]} times")
    return CONFORMS


@clause("list.own", "SHOULD", "x-role: task-id")
def list_own(exchange: Exchange) -> Verdict:
    """A list of one's own tasks has those that were just submitted, each once.

    Why: whoever lost an id finds it there, or nowhere.
    How: the list is asked for when the tasks of the run have ended.
    Do: list the newest first, under the key they were submitted with.
    """
    if "task-id" in exchange.case.operation.request_roles or (found := _listed(exchange)) is None:
        return None
    told = Counter(_id(item) for item in found.values())
    twice = next((id_ for id_, times in told.items() if times > 1), None)
    if twice is not None:
        return Broken("each task once", f"{twice!r:.60} {told[twice]} times")
    # The last ones: a list has pages.
    last = str(_about(exchange)[-1].said("task-id"))
    return CONFORMS if told[last] else Broken(f"{last!r:.60} among them", f"{told.total()} tasks without it")


@clause("list.agrees", "SHOULD", "x-role: task-id")
def list_agrees(exchange: Exchange) -> Verdict:
    """A list says of a task what a look at it says.

    Why: two readers of one task must see one result.
    How: id, state, times, kind, wishes, pictures and offers of each listed task against the last look at it.
    Do: write both from one place.
    """
    if (found := _listed(exchange)) is None:
        return None
    # What has not ended may have moved on.
    ended = [submit for submit in _about(exchange) if submit.polls and submit.polls[-1].state in TERMINAL_STATES]
    looks = {str(submit.said("task-id")): submit.polls[-1] for submit in ended if submit.polls[-1].succeeded}
    compared = [(looks[id_], item) for item in found.values() if (id_ := _id(item)) in looks]
    for look, item in compared:
        if broken := _disagreement(look, item):
            return broken
    return CONFORMS if compared else None


@clause("list.times", "SHOULD", "x-role: task-submitted, task-started, task-finished")
def list_times(exchange: Exchange) -> Verdict:
    """A list tells of a task times that it can have.

    Why: waiting times are measured, and tasks expired, by these fields, wherever they stand.
    How: submitted <= started <= finished of each listed task of this run that has ended, and each within a day of its
        submit.
    Do: write them in the documented unit, and null where one is not known.
    """
    if (found := _listed(exchange)) is None:
        return None
    submits = {str(submit.said("task-id")): submit for submit in _about(exchange)}
    told = False
    for item in found.values():
        submit = submits.get(_id(item))
        times = [one for role in TIMES for one in item if one.role == role and type(one.value) in (int, float)]
        times = [one for one in times if one.value]  # nought is what is not known
        if submit is None or not times:
            continue
        told = True
        far = next((one for one in times if abs(one.value - submit.at) > PLAUSIBLE_SECONDS), None)
        if far is not None:
            return Broken(
                f"{far.role} within a day of {submit.at:.0f} (Unix seconds)", f"{far.value:.15g}", far.pointer
            )
        early = next((later for one, later in pairwise(times) if later.value < one.value - _CLOCK_SECONDS), None)
        if early is not None:
            return Broken(f"{early.role} not before the others", f"{early.value:.15g}", early.pointer)
    return CONFORMS if told else None


def _about(exchange: Exchange) -> tuple[Exchange, ...]:
    return exchange.case.about.submits if exchange.case.about else ()


def _listed(exchange: Exchange) -> dict[str, list[Meaning]] | None:
    """What a list says of each task: the item's place -> its meanings; None for what is no list of the run's tasks."""
    if not exchange.case.operation.tells_tasks or not exchange.succeeded or not _about(exchange):
        return None
    found: dict[str, list[Meaning]] = {}
    for meaning in exchange.meanings:
        if item := _ITEM.match(meaning.pointer):
            found.setdefault(item[0], []).append(meaning)
    return found


def _id(item: list[Meaning]) -> str:
    return next((str(one.value) for one in item if one.role == "task-id"), "")


def _disagreement(look: Exchange, item: list[Meaning]) -> Broken | None:
    said: dict[str, list[Any]] = {}
    for one in look.meanings:
        said.setdefault(one.role, []).append(_comparable(one))
    for one in item:
        # An envelope may have words of its own for what is there, and none for what is not.
        judged = one.role in _LASTING and one.raw not in (None, "", 0) and any(said.get(one.role, ()))
        if judged and not any(_alike(_comparable(one), other) for other in said[one.role]):
            expected = f"{one.role} {said[one.role][0]!r:.60}, as a look says"
            return Broken(expected, f"{one.value!r:.60}", one.pointer)
    pictures = [sum(one.role in LINK_ROLES and bool(one.raw) for one in told) for told in (look.meanings, item)]
    if pictures[0] and not pictures[1]:
        return Broken("the pictures a look tells of", "none", item[0].pointer)
    offers = [sum(one.role == "offered-action" and bool(one.raw) for one in told) for told in (look.meanings, item)]
    if 0 < offers[0] < offers[1]:
        return Broken(f"{offers[0]} offers, as a look says", f"{offers[1]}", item[0].pointer)
    return None


def _comparable(meaning: Meaning) -> Any:
    if meaning.role in _LINKS and isinstance(meaning.raw, str):
        return urlsplit(meaning.raw).path
    return meaning.value


def _alike(one: Any, other: Any) -> bool:
    if type(one) in (int, float) and type(other) in (int, float):
        return bool(abs(one - other) <= _CLOCK_SECONDS)
    return bool(one == other)
