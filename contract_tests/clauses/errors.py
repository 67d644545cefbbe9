"""Clauses about how an error is told: the documented status, envelope, type, code and param, nothing of the inside."""

from __future__ import annotations

import re

from contract_tests.cases import CREDENTIALS
from contract_tests.clauses.registry import CONFORMS, Broken, Verdict, clause
from contract_tests.exchange import Exchange

_NOT_LET_IN, _NOT_NOW = (401, 403), (402, 429)
_STACK = re.compile(
    r"Traceback \(most recent call last\)|\bat [\w.$]+\([\w.]+:\d+\)|goroutine \d+ \["
    r"|/(?:home|usr|app|root)/[\w./-]+\.(?:py|go|js)"
)


def _speaks_of_another(exchange: Exchange) -> bool:
    """Whether the refusal is about something the contract lets us leave out: another drift, found by wire.accepted."""
    said = exchange.error("error-param")
    if exchange.lacks_model or exchange.lacks_feature:
        return True
    if not isinstance(said, str):
        return False
    told = exchange.case.request.value
    declared = {name for schema in exchange.case.operation.body.values() for name in schema.get("properties", {})}
    return (
        isinstance(told, dict)
        and said in declared
        and said not in told
        and exchange.case.defect is not None
        and exchange.case.defect.param != said
    )


def _is_about_an_id(exchange: Exchange) -> bool:
    """Whether it may be refused for the task or version it names, which is none: that may well be looked at first."""
    case = exchange.case
    unknown = case.contract.problem("unknown-task").status
    names_a_task = bool(case.operation.request_roles & {"parent-task", "task-id", "model-version"})
    other = case.defect is not None and case.defect.problem != "unknown-task"
    return names_a_task and other and exchange.response.status in (unknown, 404)


@clause("error.status", "SHOULD", "x-problems.*.status")
def status(exchange: Exchange) -> Verdict:
    """A refusal has the status the contract gives this problem.

    Why: programs tell a wrong parameter from a lack of rights by the status.
    How: the status of a 4xx refusal against the one `x-problems` gives this defect.
    Do: use the documented status for this problem.
    """
    defect = exchange.case.defect
    if defect is None or not 400 <= exchange.response.status < 500:
        return None
    if exchange.lacks_model or exchange.lacks_feature:
        return None
    if defect.problem in CREDENTIALS and exchange.response.status in _NOT_NOW:  # so much for anybody
        return None
    if defect.lenient or _is_about_an_id(exchange):
        return None
    if exchange.response.status == defect.status or (
        defect.problem in CREDENTIALS and defect.status not in _NOT_LET_IN
    ):
        return CONFORMS
    return Broken(f"{defect.status} for {defect.label}", str(exchange.response.status))


@clause("error.code", "SHOULD", "x-problems.*.code")
def code(exchange: Exchange) -> Verdict:
    """A refusal has the error code the contract gives this problem.

    Why: the code is what programs compare; the message is for people.
    How: the code of a refusal against the one `x-problems` gives this defect.
    Do: send the documented code for this problem.
    """
    defect = exchange.case.defect
    if defect is None or defect.code is None or not 400 <= exchange.response.status < 500 or not exchange.is_error_body:
        return None
    if _speaks_of_another(exchange) or defect.lenient or _is_about_an_id(exchange):
        return None
    said = exchange.error("error-code")
    return CONFORMS if said == defect.code else Broken(f"code {defect.code!r} for {defect.label}", f"code {said!r}")


@clause("error.type", "MAY", "x-problems.*.type")
def type_(exchange: Exchange) -> Verdict:
    """A refusal's error type is one the contract has.

    Why: programs that tell kinds of errors apart by their type know the contract's, and no vendor's own.
    How: the type of a refusal is one that some problem of the contract has; which one is not asked.
    Do: use the contract's types; a word of your own can stand in the message.
    """
    defect = exchange.case.defect
    if defect is None or not 400 <= exchange.response.status < 500 or not exchange.is_error_body:
        return None
    problems = exchange.case.contract.problems.values()
    known = {type_ for problem in problems if isinstance(type_ := problem.fields.get("error-type"), str)}
    said = exchange.error("error-type")
    if not known or said is None:
        return None
    fits = isinstance(said, str) and said in known
    return CONFORMS if fits else Broken(f"one of {', '.join(sorted(known))}", f"{said!r:.80}")


@clause("error.param", "SHOULD", "x-problems.*.param")
def param(exchange: Exchange) -> Verdict:
    """A refusal names the parameter that is wrong.

    Why: a form shows the mistake beside the right field only when the field is named.
    How: the parameter a refusal names against the one that was broken.
    Do: name the parameter that is wrong.
    """
    defect = exchange.case.defect
    if defect is None or not 400 <= exchange.response.status < 500 or not exchange.is_error_body:
        return None
    if _speaks_of_another(exchange):
        return None
    wanted = exchange.case.contract.problem(defect.problem).fields.get("error-param")
    if wanted != "{param}" or not defect.param:
        return None
    said = exchange.error("error-param")
    return CONFORMS if said == defect.param else Broken(f"param {defect.param!r}", f"param {said!r}")


@clause("error.envelope", "MUST", "responses.4XX.content.*.schema")
def envelope(exchange: Exchange) -> Verdict:
    """Every error has the documented envelope.

    Why: a client reads error.message blindly; another shape becomes a crash instead of a message.
    How: the body of a 4xx or 5xx is validated against the documented error's schema; of a status nobody documents, too.
    Do: wrap every error, the framework's and the gateway's too, in the documented envelope.
    """
    response = exchange.response
    answer = exchange.case.operation.answer(response.status)
    if response.status >= 400 and answer is None and isinstance(response.value, dict) and not exchange.is_error_body:
        return Broken("the documented error envelope", f"an object that starts with {response.body[:60]!r}")
    if response.status < 400 or answer is None or not answer.content:
        return None
    found = [v for v in exchange.violations if v.location in ("body", "media-type") and not v.is_null]
    if not found:
        return CONFORMS
    wrong = "; ".join(dict.fromkeys(map(str, found[:3])))
    return Broken("the documented error envelope", f"{wrong} (starts with {response.body[:60]!r})", found[0].pointer)


@clause("error.in-success", "MUST", "responses", shown_by=("lookups", "pictures", "streams", "tasks", "followups"))
def in_success(exchange: Exchange) -> Verdict:
    """An error is never carried by a 2xx status.

    Why: clients take 2xx for success, look for pictures, and crash or store nothing.
    How: a 2xx body is a documented error and no documented success.
    Do: send errors with an error status.
    """
    if not exchange.succeeded:
        return None
    if exchange.is_error_body:
        return Broken(
            "an error status for an error",
            f"{exchange.response.status} with an error body: {exchange.error('error-message')}",
        )
    return CONFORMS


@clause("error.no-leak", "MUST", "components.schemas.Error", always=True)
def no_leak(exchange: Exchange) -> Verdict:
    """An error tells nothing of the provider's inside: no stack trace, no source path.

    Why: a stack trace tells attackers what runs, and callers nothing they can use.
    How: error bodies are searched for stack traces and paths of source files.
    Do: log the trace, and send a message for the caller.
    """
    if exchange.response.status < 400:
        return None
    match = _STACK.search(exchange.response.body[:20_000].decode("utf-8", "replace"))
    return Broken("a message for the caller", f"the provider's inside: {match[0][:80]!r}") if match else CONFORMS
