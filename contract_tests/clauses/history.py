"""Clauses about everything a run has seen: names used twice, clocks that stand still, one picture for everybody."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from contract_tests.cases import makes_pictures
from contract_tests.clauses.registry import CONFORMS, Broken, Verdict, clause
from contract_tests.exchange import Exchange
from contract_tests.headers import whole_number
from contract_tests.pairs import copied, decoded, is_result, origin, wish
from contract_tests.waits import doubt_of
from spec.language import LINK_ROLES
from spec.units import size_text

#: a clock may differ between the machines that answer
_CLOCK_SECONDS = 5.0
#: within this time answers may well have been made in the same second
_STANDING_SECONDS = 3.0
_FEW = 3
#: of ten requests to a provider of which one in fifty fails, three fail in one run of a thousand
_OFTEN, _MANY = 3, 0.2

History = Sequence[Exchange]


def _submits(history: History) -> list[Exchange]:
    # What follows up on a task may be there already: whoever takes it up again is told the same.
    submits = [one for one in history if one.parent is None and one.wants_task and one.succeeded]
    return [one for one in submits if one.takes_up is None]


def _twice(told: Iterable[tuple[Any, Exchange]]) -> Iterator[tuple[Any, Exchange, Exchange]]:
    """What is told by two exchanges, with both."""
    known: dict[Any, Exchange] = {}
    for value, exchange in told:
        first = known.setdefault(value, exchange)
        if first is not exchange:
            yield value, first, exchange


def _unlike_twice(told: list[tuple[Any, Exchange]], what: str) -> Verdict:
    if len(told) < 2:
        return None
    for value, first, second in _twice(told):
        return Broken(f"{what} of its own for each", f"{value!r:.80} twice", shown_by=(first, second))
    return CONFORMS


def _header(exchange: Exchange, role: str) -> str:
    """The text of the header that has this role, empty where the answer has none."""
    answer = exchange.case.operation.answer(exchange.response.status)
    for name, header in (answer.headers if answer else {}).items():
        if header["schema"].get("x-role") == role:
            return exchange.response.headers.get(name.lower(), "")
    return ""


@clause("run.request-ids", "SHOULD", "x-role: request-id", "history")
def request_ids(history: History) -> Verdict:
    """No two answers have the same request id.

    Why: a support request that quotes an id used twice cannot be answered.
    How: the request ids of all answers of a run.
    Do: make an id for each request; leave it out of what is cached.
    """
    return _unlike_twice([(id_, one) for one in history if (id_ := _header(one, "request-id"))], "a request id")


@clause("run.task-ids", "MUST", "x-role: task-id", "history", shown_by=("tasks", "followups"))
def task_ids(history: History) -> Verdict:
    """No two tasks have the same id.

    Why: two tasks with one id have one result.
    How: the task ids of all submits of a run.
    Do: make an id for each task, whatever is asked.
    """
    told = [(id_, one) for one in _submits(history) if (id_ := one.said("task-id")) not in (None, "")]
    return _unlike_twice(told, "a task id")


@clause("run.links", "MUST", "x-role: image-url", "history", shown_by=("pictures", "tasks", "followups"))
def links(history: History) -> Verdict:
    """No two pictures have the same link, unless they are the same picture of the same request.

    Why: who stores links finds another picture than the one made.
    How: the links of all answers of a run to different prompts, pictures or masks, those that lead somewhere.
    Do: name files by something of their own.
    """
    told: dict[tuple[Any, ...], tuple[Any, Exchange]] = {}
    for one in history:
        if is_result(one):
            dead = {picture.pointer for picture in one.pictures if picture.problem}
            for meaning in one.image_meanings:
                if (
                    meaning.role in LINK_ROLES
                    and isinstance(meaning.raw, str)
                    and meaning.raw
                    and meaning.pointer not in dead
                ):
                    # A provider may well answer the same wish with the same picture.
                    told.setdefault((meaning.raw, _wish(one, meaning.pointer)), (meaning.raw, one))
    return _unlike_twice(list(told.values()), "a link")


def _wish(exchange: Exchange, pointer: str) -> str:
    """What makes the picture at `pointer` what it is: the one it is a copy of, or all it was asked to be."""
    asked = wish(exchange)
    return copied(exchange, pointer) or repr([asked.get(role) for role in ("prompt", "input-image", "mask")])


@clause("run.steady", "MUST", "requestBody", "history", shown_by=("pictures", "streams", "tasks", "followups"))
def steady(history: History) -> Verdict:
    """What is paid for fails now and then at most.

    Why: whoever sells calls of which every third fails sells a third less.
    How: of all requests that keep the contract and are paid for fewer than a fifth fail at the first try (5xx, or a
        stream that breaks off) and succeed at the second, or only two do.
    Do: find what fails, or try again yourself before you answer.
    """
    paid = [one for one in history if one.parent is None and one.case.defect is None
            and makes_pictures(one.case.operation) and (one.succeeded or one.unsettled)]  # fmt: skip
    failed = [one for one in paid if one.at_first or one.unsettled]
    if not paid:
        return None
    if len(failed) < _OFTEN or len(failed) < _MANY * len(paid):
        return CONFORMS
    troubles = ", ".join(sorted({one.at_first or doubt_of(one) for one in failed}))
    return Broken("answers at the first try", f"{troubles} for {len(failed)} of {len(paid)}", shown_by=tuple(failed))


@clause("run.created", "SHOULD", "x-role: created", "history")
def created(history: History) -> Verdict:
    """The time of creation moves on from answer to answer: it neither stands still nor runs backwards.

    Why: a constant is no time; links and caches are reckoned from it.
    How: the times of all direct answers of a run, in the order they were asked for.
    Do: tell when this answer was made.
    """
    found = [(one, told) for one in history if one.parent is None and is_result(one)
             if type(told := one.said("created")) in (int, float)]  # fmt: skip
    if len(found) < 2:
        return None
    found.sort(key=lambda entry: entry[0].at)
    first, last = found[0], found[-1]
    spread = (last[0].at + last[0].seconds) - (first[0].at + first[0].seconds)
    if len({told for _, told in found}) == 1 and len(found) >= _FEW and spread > _STANDING_SECONDS:
        received = f"{first[1]:.15g} in all of {len(found)} answers"
        return Broken(f"times that move on within {spread:.0f} s", received, shown_by=(first[0], last[0]))
    highest = first
    for entry in found[1:]:
        # One that was asked before the other had been answered may well be the older.
        if entry[1] < highest[1] - _CLOCK_SECONDS and entry[0].at >= highest[0].at + highest[0].seconds:
            received = f"{highest[1]:.15g}, later {entry[1]:.15g}"
            return Broken("times that never run backwards", received, shown_by=(highest[0], entry[0]))
        highest = max(highest, entry, key=lambda one: one[1])
    return CONFORMS


@clause("run.listed-models", "MAY", "x-role: listed-model", "history", shown_by=("lookups", "pictures"))
def listed_models(history: History) -> Verdict:
    """A model the provider lists can be used with the same key.

    Why: a list of models is what programs let people choose from.
    How: models that are listed, and refused as unknown when asked for.
    Do: list what the key may use.
    """
    lists = [one for one in history if one.succeeded and one.said("listed-model") is not None]
    listed = {m.value for one in lists for m in one.meanings if m.role == "listed-model"}
    if not listed:
        return None
    used = [one for one in history if one.case.defect is None and one.asked.get("model") in listed]
    refused = next((one for one in used if one.lacks_model), None)
    if refused is not None:
        model = refused.asked["model"]
        received = f"{model} is listed, and {refused.response.status} when it is asked for"
        return Broken("what is listed can be used", received, shown_by=(lists[0], refused))
    return CONFORMS if any(is_result(one) for one in used) else None


@clause("run.rate-limits", "MAY", "x-role: limit-requests, remaining-requests", "history")
def rate_limits(history: History) -> Verdict:
    """What a rate limit leaves is never more than the limit, and not less than nothing.

    Why: clients wait by what these headers say.
    How: limit and remainder in the headers of every answer.
    Do: count down from the limit.
    """
    told = False
    for one in history:
        for kind in ("requests", "images"):
            limit, remaining = (whole_number(_header(one, f"{what}-{kind}")) for what in ("limit", "remaining"))
            if limit is None or remaining is None:
                continue
            told = True
            if not 0 <= remaining <= limit:
                return Broken(f"0 to {limit} {kind} left", f"{remaining}", shown_by=(one,))
    return CONFORMS if told else None


@clause("meta.constant", "MUST", "x-role: image-*", "history")
def constant(history: History) -> Verdict:
    """What is delivered depends on what is asked: it is not always the same picture.

    Why: a picture that never changes is a stub, and it is billed.
    How: pixels of all answers of a run that was asked for different prompts, sizes and formats.
    Do: draw what is asked for.
    """
    found = [one for one in history if is_result(one) and decoded(one)]
    first: dict[int, Exchange] = {}
    for one in found:
        first.setdefault(id(origin(one)), one)
    if len(first) < 2:
        return None
    shown = {picture.pixels for one in found for picture in decoded(one)}
    wishes = [wish(one) for one in first.values()]
    roles = [
        role for role in ("prompt", "input-image", "size", "output-format") if len({w.get(role) for w in wishes}) > 1
    ]
    if len(shown) > 1 or not {"prompt", "input-image"} & set(roles):
        return CONFORMS if len(shown) > 1 else None
    if not {"size", "output-format"} & set(roles):
        return None  # one size, one format: it is the prompt that is ignored
    [same] = {(picture.width, picture.height, picture.format) for picture in decoded(found[0])} or {(0, 0, "")}
    received = f"one {size_text(same[:2])} {same[2]} for {len(first)} requests that differ in {', '.join(roles)}"
    ends = (found[0], found[-1])
    return Broken("pictures of what is asked for", received, decoded(found[-1])[0].pointer, ends)
