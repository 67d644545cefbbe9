"""Clauses about refusals: what is wrong is refused, with the documented status and envelope, and makes nothing."""

from __future__ import annotations

from contract_tests.absences import model_names
from contract_tests.cases import CREDENTIALS, Case, inputs, optional_parameters
from contract_tests.clauses.registry import CONFORMS, Broken, Verdict, clause, wrong_in
from contract_tests.exchange import Exchange, place_of
from contract_tests.pictures import bytes_given, measured
from contract_tests.readings import is_of_another_model, says_the_same

_NOT_LET_IN = (401, 403)
#: what is said of a picture given: its format, or what its part is called
_ABOUT_A_PICTURE = ("invalid-image", "unsupported-file", "invalid-mask")
#: what any model reads, a provider's own as well
_LEAST = ("model", "prompt", "count", "size", "input-image", "mask")
_FAULT = 500


@clause("auth.enforced", "MUST", "security")
def auth_enforced(exchange: Exchange) -> Verdict:
    """Nobody is let in without a valid key.

    Why: an open route lets strangers spend the provider's money, or look at other people's pictures.
    How: requests without a key, with one nobody has, with the caller's and more behind it, and with a wrong one in the
        query are not answered 2xx (error.status judges which refusal it is).
    Do: check the key before anything else and answer with the documented status.
    """
    defect = exchange.case.defect
    if defect is None or defect.problem not in CREDENTIALS:
        return None
    if 200 <= exchange.response.status < 300 and exchange.response.status != defect.status:
        return Broken(f"{defect.status}: {defect.reason}", str(exchange.response.status))
    # Who is refused for something else was not let in, and nobody knows whether the key was looked at.
    return CONFORMS if exchange.response.status in (defect.status, *_NOT_LET_IN) else None


@clause("refusal.refused", "MUST", "x-problems", always=True)
def refused(exchange: Exchange) -> Verdict:
    """A request that breaks the contract is refused, not answered (and billed) as if it kept it.

    Why: what is silently mended or ignored is billed all the same, and nobody learns of it.
    How: a request with exactly one labelled defect is not answered 2xx.
    Do: validate against the contract, and refuse before anything is made.
    """
    defect = exchange.case.defect
    if defect is None or defect.problem in (*CREDENTIALS, "unknown-task", "unknown-parameter"):
        return None
    if not exchange.succeeded or (defect.tolerated and not exchange.pictures_made):
        return CONFORMS
    # The clauses below speak of that.
    if says_the_same(exchange.case) or _is_generous(exchange) or defect.lenient:
        return None
    return _let_through(exchange)


@clause(
    "refusal.lenient", "SHOULD", "x-problems.*.lenient", needs=lambda case: bool(case.defect and case.defect.lenient)
)
def lenient(exchange: Exchange) -> Verdict:
    """What the contract rules out is refused, though not every provider of this API looks at it.

    Why: what is silently mended or ignored is billed all the same, and nobody learns of it.
    How: a request with one labelled defect, of a kind the contract calls lenient, is answered neither 2xx nor 5xx.
    Do: look at what is handed on, and refuse before anything is made.
    """
    defect = exchange.case.defect
    if defect is None or not defect.lenient or defect.tolerated:
        return None
    if defect.problem in (*CREDENTIALS, "unknown-task", "unknown-parameter"):
        return None
    if exchange.response.status >= _FAULT:
        fault = Broken(f"{defect.status} for {defect.label}", str(exchange.response.status))
        return None if exchange.hand_made else fault  # refusal.survived speaks of that
    if not exchange.succeeded:
        return CONFORMS
    return None if says_the_same(exchange.case) else _let_through(exchange)


def _let_through(exchange: Exchange) -> Broken:
    defect = exchange.case.defect
    told = f"{defect.status} for {defect.label} ({defect.reason})" if defect else ""
    return Broken(told, f"{exchange.response.status}, as if nothing were wrong")


@clause("refusal.generous", "SHOULD", "x-problems")
def generous(exchange: Exchange) -> Verdict:
    """What the contract refuses is refused, though this provider knows what to do with it.

    Why: what one provider does as asked the next one refuses.
    How: 2xx where no model is named, where another model of the contract may be asked for the same, where a parameter
        is wrong that need not be known here or not by a provider's own model, where another picture is given than may
        be, or more of them, or where as many pictures, or as large ones, came as were asked for.
    Do: refuse it; or say in your own documents that you take it.
    """
    defect = exchange.case.defect
    if defect is None or defect.tolerated or defect.lenient:
        return None
    if says_the_same(exchange.case) or not _is_generous(exchange):
        return None
    if not exchange.succeeded:
        return CONFORMS
    return Broken(
        f"{defect.status} for {defect.label} ({defect.reason})", f"{exchange.response.status}, as if it were right"
    )


def _is_generous(exchange: Exchange) -> bool:
    """Whether what the contract refuses has one meaning only, and was done where it can be seen."""
    case, defect = exchange.case, exchange.case.defect
    value = case.request.value
    if defect is None or not isinstance(value, dict) or case.request.media not in case.operation.body:
        return False
    if defect.problem in (*CREDENTIALS, "unknown-parameter"):
        return False
    models = model_names(case)
    if defect.param in models:
        return not value.get(defect.param)  # one of the provider's own choice
    if defect.param in optional_parameters(case):  # perhaps it knows none of that name
        return True
    if exchange.own_model and _role_of(case, defect.param) not in _LEAST:  # what it takes stands in no contract
        return True
    if defect.problem in _ABOUT_A_PICTURE:
        return _is_a_picture(exchange)
    if defect.problem == "too-many" and _role_of(case, defect.param) == "input-image":
        return True
    return _is_as_asked(exchange) or is_of_another_model(case)


def _is_a_picture(exchange: Exchange) -> bool:
    """Whether what was given where a picture belongs is one all the same."""
    case, defect = exchange.case, exchange.case.defect
    given = inputs(case.operation, case.request.media)(case.request.value)
    data = [bytes_given(one.value) for one in given if defect is not None and one.param == defect.param]
    return bool(data) and all(one is not None and measured(one) is not None for one in data)


def _is_as_asked(exchange: Exchange) -> bool:
    """Whether exactly what the request says came, though it may not say it: so many pictures, of this size."""
    case, defect, made = exchange.case, exchange.case.defect, exchange.pictures
    role = _role_of(case, defect.param) if defect else ""
    asked = case.asked.get(role)
    if not exchange.succeeded or not made:
        return False
    if role == "count":
        return type(asked) is int and exchange.pictures_delivered == asked
    return role == "size" and isinstance(asked, tuple) and all((one.width, one.height) == asked for one in made)


def _role_of(case: Case, param: str) -> str:
    """The role of a parameter of the body, of what is in its list if it is one; empty where it has none."""
    name = param.partition("[")[0].partition(".")[0]
    schema = case.operation.body[case.request.media].get("properties", {}).get(name, {})
    return str(schema.get("x-role") or schema.get("items", {}).get("x-role") or "")


@clause("refusal.coerced", "SHOULD", "x-problems")
def coerced(exchange: Exchange) -> Verdict:
    """A value of another type is refused, even where it says the same: "2" for 2, null or an empty text for nothing.

    Why: what one provider reads with a smile the next one refuses.
    How: a request that keeps the contract once "2" is read as 2, or null or what is empty is left out, is not answered
        2xx.
    Do: check types before values.
    """
    defect = exchange.case.defect
    if defect is None or not says_the_same(exchange.case):
        return None
    if not exchange.succeeded:
        return CONFORMS
    return Broken(
        f"{defect.status} for {defect.label} ({defect.reason})", f"{exchange.response.status}: read as it was meant"
    )


@clause("refusal.unknown-parameter", "SHOULD", "x-problems.unknown-parameter", needs=wrong_in("unknown-parameter"))
def unknown_parameter(exchange: Exchange) -> Verdict:
    """A parameter nobody knows is refused, so that a misspelt one is noticed.

    Why: `sizes` for `size` is answered with the default size, and billed.
    How: a request with one invented parameter, or one its model does not know, is not answered 2xx.
    Do: refuse what is not known, and name it.
    """
    defect = exchange.case.defect
    if defect is None or defect.problem != "unknown-parameter":
        return None
    if not exchange.succeeded:
        return CONFORMS
    return Broken(f"{defect.status} for {defect.label}", f"{exchange.response.status}, as if it were not there")


@clause("refusal.method", "SHOULD", "paths", always=True, needs=wrong_in("wrong-method"))
def method(exchange: Exchange) -> Verdict:
    """A method that a path does not have is not answered as if it had made something.

    Why: a link somebody follows, or a crawler, is told of pictures that nobody asked for.
    How: a 2xx to GET, PUT ... where there is POST is not the right method's answer, be it an empty one.
    Do: answer 405, or 404.
    """
    defect = exchange.case.defect
    if defect is None or defect.problem != "wrong-method":
        return None
    taken = exchange.succeeded and exchange.response.value is not None
    if not taken or any(one.location != "header" and one.keyword != "minItems" for one in exchange.violations):
        return CONFORMS
    return Broken(
        f"{defect.status} for {defect.rule}", f"{exchange.response.status}, and an answer as to the right one"
    )


@clause("refusal.no-5xx", "MUST", "x-problems", always=True)
def no_5xx(exchange: Exchange) -> Verdict:
    """The caller's mistake is not answered as the server's (5xx), which clients repeat, and pay again.

    Why: clients repeat a 5xx by themselves, so one mistake is sent, and perhaps paid, three times.
    How: a request with one labelled defect is not answered 5xx; one that is, is sent once more, and only both count.
    Do: catch bad input before it reaches the model, and answer 4xx.
    """
    defect = exchange.case.defect
    if defect is None or exchange.lacks_model or (defect.lenient and not defect.tolerated):
        return None
    if exchange.hand_made:  # refusal.survived speaks of that
        return None
    no_channel = defect.tolerated and exchange.response.status == 503  # so gateways say that nobody serves a model
    if exchange.response.status < 500 or no_channel:
        return CONFORMS
    return Broken(f"{defect.status} for {defect.label}", str(exchange.response.status))


@clause("refusal.survived", "SHOULD", "x-problems", always=True)
def survived(exchange: Exchange) -> Verdict:
    """Bytes that no client sends are not answered as the server's mistake (5xx) either.

    Why: whoever scans an API sees where it falls over; a client that is broken is told to try again.
    How: a form that is none, and what parsers and servers read in ways of their own, is not answered 5xx.
    Do: catch what a framework raises where it reads a body, and answer 4xx.
    """
    defect = exchange.case.defect
    if defect is None or not exchange.hand_made:
        return None
    if exchange.response.status < 500 or exchange.response.status == 501:  # HTTP has that for a method nobody knows
        return CONFORMS
    return Broken(f"{defect.status} for {defect.label}", str(exchange.response.status))


@clause(
    "meta.unknown-parameter",
    "MUST",
    "requestBody.*.schema.additionalProperties",
    shown_by=("refusals",),
    needs=wrong_in("unknown-parameter"),
)
def parameter_without_effect(exchange: Exchange) -> Verdict:
    """A parameter nobody knows, where it is not refused, changes nothing: as many pictures come as without it.

    Why: a misspelt or newer parameter must not cost more.
    How: the pictures that come where a parameter nobody knows is not refused.
    Do: refuse what is unknown, or leave it out of everything.
    """
    defect = exchange.case.defect
    if defect is None or defect.problem != "unknown-parameter" or exchange.response.status >= 500:
        return None
    if not exchange.succeeded:
        return CONFORMS
    asked, came = exchange.asked.get("count", 1), len({place_of(m.pointer) for m in exchange.image_meanings if m.raw})
    return CONFORMS if came in (asked, 0) else Broken(f"{asked} pictures, with {defect.param} or without", str(came))
