"""Follow-ups: what is asked about tasks once they are there: their offers, what they wait for, lists, look-ups.

Which task that will be only the provider can name. So a case is planned, and priced, with stand-ins for what only the
provider can name; when its turn has come they are filled in from the tasks of the run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from contract_tests.cases import About, Case, with_value
from contract_tests.exchange import Exchange
from contract_tests.findings import Finding
from contract_tests.places import places, put
from contract_tests.planning import collect
from contract_tests.run import Run
from contract_tests.valid_cases import cases
from spec.contract import Contract, Operation, roles_in
from spec.followups import ANY_TASK, Offer
from spec.language import Schema
from spec.request_check import request_check
from spec.units import outward

#: stands for a task that is still to be made
TASK = "{task}"


def follow_up(run: Run, planned: Case) -> tuple[Exchange | None, list[Finding], str]:
    """Send what is asked about tasks of this run, and judge the answer and what becomes of it; or say why not."""
    found: list[Finding] = []
    case = filled(planned, run.submits)
    while case is not None and (broken := run.look_again(*_asked_about(case))):  # what was there may be gone
        found += broken
        case = filled(planned, run.submits)
    if case is None:
        reason = "no task of this run has come to where that could be asked"
        run.findings.not_tested[f"{planned.operation.id}: {planned.label}"] = reason
        return None, found, reason
    exchange, findings, reason = run.judge(case)
    findings = [*found, *findings]
    if exchange is not None and exchange.succeeded and not case.operation.tells_tasks:
        findings = [*findings, *run.follow(exchange)]
    return exchange, findings, reason


def _asked_about(case: Case) -> tuple[Exchange, ...]:
    return case.about.submits if case.about else ()


# --- planned ---------------------------------------------------------------------------------------------------------


def questions(contract: Contract, operation: Operation, seed: int) -> list[Case]:
    """What costs nothing: lists of tasks, and looks at one that are not how it is polled."""
    polled = {link.operation for one in contract.operations for link in one.links}
    asks = operation.tells_tasks or ("task-id" in operation.request_roles and operation.id not in polled)
    if not asks or operation.effect:
        return []
    return [_said(_least(contract, operation, seed), {"task-id": TASK})]


def offers(contract: Contract, operation: Operation, seed: int, tasks: Iterable[Case]) -> list[Case]:
    """Requests that take up what the planned tasks, or what follows them, will offer; or that give what one waits for.

    Of the offers the first that makes something else, or waits for something, is enough.
    """
    found = _reached(contract, tasks)
    if operation.effect == "resume":
        waits = any(offer.waits for offer in found)
        return [_exemplary(_said(_least(contract, operation, seed), {"task-id": TASK}))] if waits else []
    if "parent-task" not in operation.request_roles:
        return []
    least = _least(contract, operation, seed)
    told = [_taking_up(least, offer) for offer in found]
    kept = [case for case in told if case is not None and any(offer.is_meant(case.asked) for offer in found)]
    return list({case.key: case for case in kept}.values())


def doomed(contract: Contract, operation: Operation, seed: int) -> list[Case]:
    """The request of which nothing comes (`x-fails`), where the contract knows one; it is seen how that is told."""
    if operation.fails is None:
        return []
    told = _said(_least(contract, operation, seed), operation.fails.says)
    return [replace(told, about=None, doomed=True)] if operation.fails.is_asked(told.asked) else []


def _reached(contract: Contract, tasks: Iterable[Case]) -> list[Offer]:
    """One offer for each thing that may come of one, beginning with what these tasks offer."""
    kinds = list(dict.fromkeys(kind for case in tasks if isinstance(kind := case.asked.get("task-kind"), str)))
    found: dict[tuple[str, bool], Offer] = {}
    for kind in kinds:  # it grows on the way
        for offer in contract.follow_ups.offered(kind, ANY_TASK):
            if (offer.makes, offer.waits) not in found:
                found[offer.makes, offer.waits] = offer
                kinds += [offer.kind] if not offer.waits and offer.kind not in kinds else []
    return list(found.values())


def _taking_up(case: Case, offer: Offer) -> Case | None:
    """The request that takes up an offer; None where these requests cannot say it."""
    roles = {"parent-task": TASK, "action": offer.action, "task-kind": offer.kind}
    told = _said(case, {**roles, "part": offer.part} if offer.part else roles)
    return told if request_check(told.contract, told.operation).accepts(told.request) else None


def _least(contract: Contract, operation: Operation, seed: int) -> Case:
    media = next(iter(operation.body), None)
    return replace(collect([cases(contract, operation, least=True, media=media)], 1, seed)[0], about=About())


def _exemplary(case: Case) -> Case:
    """The request with the document's own examples of what may be said besides."""
    schema, value = case.operation.body[case.request.media], case.request.value
    examples = {name: part["examples"][0] for name, part in schema["properties"].items() if "examples" in part}
    return with_value(case, {**examples, **value})


# --- filled in -------------------------------------------------------------------------------------------------------


def filled(planned: Case, submits: Sequence[Exchange]) -> Case | None:
    """The planned request about tasks of these; None where none of them has come so far."""
    operation = planned.operation
    own = [one for one in submits if one.case.contract is planned.contract and _id(one) is not None]
    if operation.tells_tasks:
        kind = operation.asks.get("task-kind")
        told = list({_id(one): one for one in own if kind in (None, _kind(one)) and one.polls}.values())
        ids: Any = [_id(one) for one in told]
    elif operation.effect == "resume":
        resumed = {id(one) for other in submits if other.case.about for one in other.case.about.submits}
        told = [one for one in own if one.polls and one.polls[-1].state == "needs-input" and id(one) not in resumed]
        told, ids = told[:1], [_id(one) for one in told[:1]]
    elif "parent-task" in operation.request_roles:
        return next((case for one in own if _has_succeeded(one) for case in _pressed(planned, one)), None)
    else:
        told = [one for one in own if _has_succeeded(one) and one.polls[-1].pictures_delivered][:1]
        ids = [_id(one) for one in told]
    if not told:
        return None
    return replace(_said(planned, {"task-id": ids if operation.tells_tasks else ids[0]}), about=About(tuple(told)))


def _pressed(planned: Case, parent: Exchange) -> Iterator[Case]:
    """The planned request with the task that it follows, where that offers what is planned."""
    for offer in planned.contract.follow_ups.offered(_kind(parent), ANY_TASK):
        if offer.is_meant(planned.asked):
            offered = [one.value for one in parent.polls[-1].meanings if one.role == "offered-action"]
            words = [word for word in offered if isinstance(word, str) and offer.is_said_by(word)]
            if "action" not in planned.operation.request_roles:
                words = [offer.action]  # nobody has to name it
            for word in words[:1]:
                told = _said(planned, {"parent-task": _id(parent), "action": word})
                yield replace(told, about=About((parent,), offer))


def _has_succeeded(submit: Exchange) -> bool:
    ended = bool(submit.polls) and submit.polls[-1].succeeded and submit.polls[-1].state == "succeeded"
    return ended and not submit.case.doomed


def _kind(submit: Exchange) -> str:
    """What kind of work a task is: the one asked for, or the one of the offer it takes up."""
    return submit.takes_up.kind if submit.takes_up else str(submit.asked.get("task-kind", ""))


def _id(submit: Exchange) -> Any:
    return submit.said("task-id") or None


def _said(case: Case, roles: Mapping[str, Any]) -> Case:
    """The request with these values of roles wherever it can say them."""
    named = [p for p in case.operation.parameters if p.role in roles]
    path = {p.name: str(roles[str(p.role)]) for p in named if p.location == "path"}
    query = {p.name: str(roles[str(p.role)]) for p in named if p.location == "query"}
    case = replace(case, path_parameters={**case.path_parameters, **path}, query={**case.query, **query})
    value, schema = case.request.value, case.operation.body.get(case.request.media)
    if not isinstance(value, dict) or schema is None:
        return case
    for role, told in roles.items():
        for place in places(schema, value, role):
            value = put(value, place.path, _worded(role, place.schema, told))
    for name, inner in schema.get("properties", {}).items():
        if "x-parts" in inner and isinstance(value.get(name), str):
            value = {**value, name: _with_parts(value[name], inner, roles)}
        for role in roles_in([inner.get("items", {})]) & roles.keys():
            told = roles[role] if isinstance(roles[role], list) else [roles[role]]
            value = {**value, name: [_worded(role, inner["items"], one) for one in told]}
    return with_value(case, value)


def _with_parts(text: str, schema: Schema, roles: Mapping[str, Any]) -> str:
    """A text that says more than itself, with other parts; those it does not say it goes on not saying."""
    for part in schema["x-parts"]:
        if part["x-role"] in roles and (match := re.search(part["pattern"], text)):
            begin, end = match.span(1)
            text = f"{text[:begin]}{_worded(part['x-role'], part, roles[part['x-role']])}{text[end:]}"
    return text


def _worded(role: str, schema: Schema, value: Any) -> Any:
    convert = outward(role, schema)
    return convert(value) if convert else value
