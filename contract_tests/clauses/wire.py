"""Clauses about the message itself: status, content type, schema, headers, times."""

from __future__ import annotations

from contract_tests.absences import NOT_ABOUT_THE_REQUEST
from contract_tests.cases import Case, makes_pictures, optional_parameters
from contract_tests.clauses.registry import CONFORMS, PLAUSIBLE_SECONDS, Broken, Verdict, clause
from contract_tests.exchange import Exchange
from contract_tests.waits import doubt_of

#: what any model must take, a provider's own as well
_LEAST = frozenset({"model", "prompt", "input-image"})


@clause("wire.accepted", "MUST", "requestBody")
def accepted(exchange: Exchange) -> Verdict:
    """A request that keeps the contract is accepted.

    Why: a request the contract allows must work, or code written to the contract fails in production.
    How: a case without a defect is answered 2xx; 429 and a model this key lacks do not count, and what is paid for and
        answered 5xx is asked once more.
    Do: accept what is documented, or document the limit with its own error.
    """
    status = exchange.response.status
    if exchange.case.defect is not None or status == 429 or exchange.lacks_model or exchange.lacks_feature:
        return None
    if exchange.case.doomed and 400 <= status < 500:
        return None
    if exchange.own_model and 400 <= status < 500 and exchange.named - _LEAST:
        return None  # which sizes and options it takes stands in no contract
    if _is_refused_as_sent(exchange) or exchange.refuses_option:  # wire.media and wire.options speak of that
        return None
    if exchange.unsettled:  # wire.steady speaks of that
        return None
    said = exchange.error("error-message")
    if exchange.failed_midway:
        return Broken("what was asked for: the request keeps the contract", f"{status}, and then an error: {said}")
    if exchange.succeeded:
        return CONFORMS
    return Broken("a 2xx answer: the request keeps the contract", f"{status}{f': {said}' if said else ''}")


@clause("wire.steady", "SHOULD", "requestBody", of_broken=True)
def steady(exchange: Exchange) -> Verdict:
    """What is paid for works at the first try.

    Why: clients try again by themselves, wait longer, and may pay for both.
    How: no request that keeps the contract is answered 5xx, or by a stream that breaks off, and rightly a moment later;
        how often is run.steady's.
    Do: try again yourself what failed within you.
    """
    if exchange.case.defect is not None or exchange.parent is not None or not makes_pictures(exchange.case.operation):
        return None
    if exchange.unsettled:
        return Broken("an answer at the first try", f"{doubt_of(exchange)}, and no more may be spent on another")
    if exchange.at_first and exchange.succeeded and not exchange.failed_midway:
        return Broken(
            "an answer at the first try", f"{exchange.at_first} at first, {exchange.response.status} at the second"
        )
    return CONFORMS if exchange.succeeded else None


@clause("wire.options", "SHOULD", "requestBody")
def options(exchange: Exchange) -> Verdict:
    """What may be said of a parameter that need not be everywhere is accepted where the parameter is.

    Why: code written to the contract fails with one model and works with another.
    How: a case without a defect is not refused for the value of a parameter that the contract lets a provider lack, nor
        for a format of pictures.
    Do: accept every documented value, or say in your own documents which of them you lack.
    """
    case = exchange.case
    if case.defect is not None or exchange.lacks_model or exchange.lacks_feature or exchange.own_model:
        return None
    if name := exchange.refuses_option:
        told = case.request.value.get(name) if isinstance(case.request.value, dict) else ""
        said = exchange.error("error-message")
        return Broken(f"{name} {told!r:.40} accepted", f"{exchange.response.status}{f': {said}' if said else ''}")
    return CONFORMS if exchange.succeeded and optional_parameters(case).keys() & _said(case) else None


def _said(case: Case) -> set[str]:
    return {*(case.request.value if isinstance(case.request.value, dict) else ()), *case.query}


def _is_refused_as_sent(exchange: Exchange) -> bool:
    """Whether a valid request is refused that says it in another kind of body than the first the contract has."""
    case, kinds = exchange.case, list(exchange.case.operation.body)
    another = len(kinds) > 1 and case.request.media in kinds[1:]
    return another and case.defect is None and 400 <= exchange.response.status < 500


@clause("wire.media", "SHOULD", "requestBody.content")
def media(exchange: Exchange) -> Verdict:
    """What may be said in several kinds of body is accepted in each.

    Why: a client that sends the other kind, as newer ones do, is refused with a request the contract allows.
    How: a valid request in any kind of body but the first (a form, for edits) is not refused; of that, wire.accepted.
    Do: read both kinds, or say that one is not read here.
    """
    kinds, response = list(exchange.case.operation.body), exchange.response
    if len(kinds) < 2 or exchange.case.request.media not in kinds[1:] or exchange.case.defect is not None:
        return None
    if response.status in NOT_ABOUT_THE_REQUEST or response.status >= 500:
        return None
    if exchange.lacks_model or exchange.lacks_feature:
        return None
    said = exchange.error("error-message")
    told = f"{response.status}{f': {said}' if said else ''}"
    return CONFORMS if exchange.succeeded else Broken(f"{exchange.case.request.media} is taken, too", told)


@clause("wire.status", "MUST", "responses")
def status(exchange: Exchange) -> Verdict:
    """The status of every answer is one the operation documents; which one refuses a mistake is another clause's.

    Why: clients branch on the status: an unknown one ends in a default that retries or gives up.
    How: the status of every answer against the operation's `responses`.
    Do: answer with one of the documented statuses.
    """
    found = next((v for v in exchange.violations if v.location == "status"), None)
    if _is_refused_as_sent(exchange):
        return None
    if exchange.case.defect is not None and 400 <= exchange.response.status < 500:
        return None  # refused it is; with which status is judged by error.status
    return (
        Broken(f"one of {', '.join(exchange.case.operation.answers)}", str(exchange.response.status))
        if found
        else CONFORMS
    )


@clause("wire.content-type", "MUST", "responses.*.content")
def content_type(exchange: Exchange) -> Verdict:
    """The Content-Type is the documented one.

    Why: clients choose their parser by it; a wrong one makes a good body unreadable.
    How: the media type, without parameters and whatever its case, against the documented ones.
    Do: send the documented Content-Type, on errors of the gateway in front, too.
    """
    answer = exchange.case.operation.answer(exchange.response.status)
    if answer is None or not answer.content:
        return None
    found = next((v for v in exchange.violations if v.location == "media-type"), None)
    return (
        Broken(" or ".join([*answer.content, *answer.items]), exchange.response.media or "no Content-Type")
        if found
        else CONFORMS
    )


@clause("wire.schema", "MUST", "responses.2XX.content.*.schema")
def schema(exchange: Exchange) -> Verdict:
    """The body of a success keeps the documented schema.

    Why: a field that is missing or of another type breaks typed clients at the first access.
    How: a 2xx body is validated against the JSON Schema of its status; unknown members are allowed, and null for one
        that may be left out is wire.null's.
    Do: send every required member in its documented type.
    """
    if not exchange.succeeded or exchange.case.operation.answer(exchange.response.status) is None:
        return None
    if exchange.case.defect is not None and exchange.pictures_delivered:  # what is wrong in it may well come back
        return None
    found = [v for v in exchange.violations if v.location == "body" and not v.is_null]
    if not found:
        return CONFORMS
    return Broken(
        "a body that keeps the documented schema",
        f"{_described(exchange)}: {'; '.join(dict.fromkeys(map(str, found[:3])))}",
        found[0].pointer,
    )


@clause("wire.null", "SHOULD", "responses.*.content.*.schema")
def null(exchange: Exchange) -> Verdict:
    """What is not there is left out, where the contract has no null for it.

    Why: official clients take null for a member that is not there; strict typed ones, and `in`, do not.
    How: a null the schema does not allow, where the same body without that member keeps the schema.
    Do: leave the member out.
    """
    if exchange.response.value is None or exchange.case.operation.answer(exchange.response.status) is None:
        return None
    found = [v for v in exchange.violations if v.is_null]
    if not found:
        return CONFORMS if exchange.succeeded else None
    names = ", ".join(dict.fromkeys(one.param or one.pointer for one in found[:5]))
    return Broken("no member, or one of its documented type", f"null for {names}", found[0].pointer)


def _described(exchange: Exchange) -> str:
    """A body in a few words."""
    value = exchange.response.value
    if isinstance(value, dict):
        return f"an object with {', '.join(list(value)[:6]) or 'nothing in it'}"
    return f"{len(value)} events" if exchange.streams else f"{len(exchange.response.body)} bytes"


@clause("wire.json", "MUST", "responses.*.content")
def json_body(exchange: Exchange) -> Verdict:
    """A body that is called JSON is JSON, whole and with nothing around it.

    Why: a parser that stops at the first stray byte loses an answer that was paid for.
    How: a body called application/json parses as a whole, by RFC 8259.
    Do: send the JSON document and nothing else: no wrapper, no page, no cut.
    """
    if exchange.response.media != "application/json":
        return None
    body = exchange.response.body
    if exchange.response.value is None and body.strip() != b"null":
        return Broken("JSON", f"{len(body)} bytes that do not parse, starting with {body[:40]!r}")
    return CONFORMS


@clause("wire.request-id", "SHOULD", "x-role: request-id")
def request_id(exchange: Exchange) -> Verdict:
    """Every answer names itself, so that a user can quote it to the provider.

    Why: without it a user cannot say which request failed, and support cannot look.
    How: the header the contract gives the role `request-id` is there and not empty.
    Do: set the header on every answer, refusals included.
    """
    answer = exchange.case.operation.answer(exchange.response.status)
    names = [
        name
        for name, header in (answer.headers if answer else {}).items()
        if header["schema"].get("x-role") == "request-id"
    ]
    if not names:
        return None
    missing = [name for name in names if not exchange.response.headers.get(name.lower())]
    return Broken(f"a header {missing[0]}", "no such header") if missing else CONFORMS


@clause("created.plausible", "SHOULD", "x-role: created")
def created(exchange: Exchange) -> Verdict:
    """The time of creation is now, in the documented unit.

    Why: clients sort, expire and bill by it; milliseconds taken for seconds lie in the year 58000.
    How: the value, in the documented unit, is within a day of when the request was sent.
    Do: send the time now, in the documented unit.
    """
    value = exchange.said("created")
    if value is None or not exchange.succeeded or exchange.case.defect is not None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return Broken("a time", repr(value))
    if abs(value - exchange.at) > PLAUSIBLE_SECONDS:
        return Broken(f"within a day of {exchange.at:.0f} (Unix seconds)", f"{value:.15g}")
    return CONFORMS
