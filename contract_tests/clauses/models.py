"""Clauses about the models a provider says it has."""

from __future__ import annotations

from datetime import datetime

from contract_tests.clauses.registry import CONFORMS, PLAUSIBLE_SECONDS, Broken, Verdict, clause
from contract_tests.exchange import Exchange
from spec.reader import Meaning


def _listed(exchange: Exchange, role: str = "listed-model") -> list[Meaning]:
    if not exchange.succeeded or exchange.case.defect is not None:
        return []
    return [meaning for meaning in exchange.meanings if meaning.role == role]


@clause("models.some", "SHOULD", "x-role: listed-model")
def some(exchange: Exchange) -> Verdict:
    """A list of models has models in it.

    Why: clients offer what the list says: nothing.
    How: a list that a key may see names at least one.
    Do: list what the key may use.
    """
    operation = exchange.case.operation
    if "listed-model" not in operation.response_roles or not exchange.succeeded or exchange.case.defect is not None:
        return None
    if exchange.response.value is None:
        return None
    return CONFORMS if _listed(exchange) else Broken("one model or more", "none")


@clause("models.unique", "SHOULD", "x-role: listed-model")
def unique(exchange: Exchange) -> Verdict:
    """A list names each model once.

    Why: a choice with two equal entries; code that keys by name loses one.
    How: the names of one list.
    Do: merge channels before they are listed.
    """
    listed = _listed(exchange)
    if len(listed) < 2:
        return None
    names = [repr(meaning.value) for meaning in listed]
    bad = next((m for m, name in zip(listed, names, strict=True) if names.count(name) > 1), None)
    return (
        Broken("every model once", f"{bad.value!r} {names.count(repr(bad.value))} times", bad.pointer)
        if bad
        else CONFORMS
    )


@clause("models.same", "SHOULD", "x-role: listed-model")
def same(exchange: Exchange) -> Verdict:
    """A question about one model is answered about that model.

    Why: a client reads the abilities and the end of another one.
    How: the name in the answer is the one asked for, or begins with it, as a dated release does.
    Do: look up by the name that was given.
    """
    asked, listed = exchange.asked.get("listed-model"), _listed(exchange)
    if not isinstance(asked, str) or len(listed) != 1:
        return None
    said = listed[0]
    return CONFORMS if str(said.value).startswith(asked) else Broken(asked, f"{said.value!r:.60}", said.pointer)


@clause("models.created", "SHOULD", "x-role: listed-model-created")
def created(exchange: Exchange) -> Verdict:
    """A model's birthday lies in the past, in the documented unit.

    Why: lists are sorted by it; milliseconds taken for seconds are always the newest.
    How: every time told is a number and not later than tomorrow.
    Do: send the documented unit; a constant will do.
    """
    told = [meaning for meaning in _listed(exchange, "listed-model-created") if meaning.raw is not None]
    if not told:
        return None
    for meaning in told:
        if type(meaning.value) not in (int, float):
            return Broken("a time", f"{meaning.value!r:.60}", meaning.pointer)
        if meaning.value > exchange.at + PLAUSIBLE_SECONDS:
            return Broken(f"at most {exchange.at:.0f} (Unix seconds)", f"{meaning.value:.15g}", meaning.pointer)
    return CONFORMS


@clause("models.names", "SHOULD", "x-role: listed-model")
def names(exchange: Exchange) -> Verdict:
    """A model's name is a text that can be sent back as it is.

    Why: clients copy it from the list into a request or a path.
    How: every name listed has no blanks at its ends, and no line breaks.
    Do: list the names that requests are accepted with.
    """
    listed = [meaning for meaning in _listed(exchange) if isinstance(meaning.value, str)]
    if not listed:
        return None
    bad = next((one for one in listed if one.value != one.value.strip() or not one.value.isprintable()), None)
    return Broken(repr(bad.value.strip()), f"{bad.value!r:.60}", bad.pointer) if bad else CONFORMS


@clause("models.shutdown", "SHOULD", "x-role: listed-model-shutdown")
def shutdown(exchange: Exchange) -> Verdict:
    """The day a model ends is a day.

    Why: programs warn before it, and choose another model behind it.
    How: every day told is a date of ISO 8601, a time behind it or not; null and an empty text say nothing.
    Do: send YYYY-MM-DD, or leave it out.
    """
    told = [meaning for meaning in _listed(exchange, "listed-model-shutdown") if meaning.raw not in (None, "")]
    if not told:
        return None
    bad = next((one for one in told if not _is_day(one.raw)), None)
    return Broken("a date, such as 2026-12-01", f"{bad.raw!r:.60}", bad.pointer) if bad else CONFORMS


def _is_day(text: object) -> bool:
    try:
        return isinstance(text, str) and bool(datetime.fromisoformat(text))
    except ValueError:
        return False
