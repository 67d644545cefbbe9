"""Kind readings: what a request that breaks the contract may well mean to a provider that lets much pass."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from contract_tests.absences import model_names
from contract_tests.cases import Case, optional_parameters, with_value, without
from spec.forms import FILE
from spec.messages import is_json
from spec.request_check import request_check

_NUMBER = re.compile(r"-?\d{1,9}", re.ASCII)
_FLAGS = {"true": True, "yes": True, "false": False, "no": False}


def is_often_let_pass(case: Case) -> bool:
    """Whether a provider may well know what to do with it: leave out what it does not know, take a default, do it."""
    if case.defect is None:
        return False
    problem, param = case.defect.problem, case.defect.param
    known = problem == "unknown-parameter" or param in (*model_names(case), *optional_parameters(case))
    return known or says_the_same(case) or is_of_another_model(case)


def is_of_another_model(case: Case) -> bool:
    """Whether another model of the contract takes this value, which the one that is named does not take anywhere."""
    value, param, models = case.request.value, case.defect.param if case.defect else "", model_names(case)
    if not isinstance(value, dict) or case.request.media not in case.operation.body:
        return False
    needed = (*case.operation.body[case.request.media].get("required", ()), *models, param)
    least = {name: value[name] for name in needed if name in value}
    check = request_check(case.contract, case.operation)
    if param not in least or check.accepts(with_value(case, least).request):
        return False
    others = (with_value(case, {**least, name: one.name}) for name in models for one in case.contract.models)
    return any(check.accepts(other.request) for other in others)


def says_the_same(case: Case) -> bool:
    """Whether a body keeps the contract once what is wrong in it is read kindly: left out, or as another type.

    Nothing is null, no text, an empty object: where each member has a value, and in forms, these stand for it. Whoever
    reads files of a form does not see a text of that name, nor a part of another name.
    """
    defect, value = case.defect, case.request.value
    if defect is None or not isinstance(value, dict) or defect.param not in value:
        return False
    told, check = value[defect.param], request_check(case.contract, case.operation)
    in_form = not is_json(case.request.media)
    unseen = in_form and (defect.problem == "wrong-name" or (isinstance(told, str) and _is_file(case, defect.param)))
    if told is None or told in ("", {}) or unseen:
        return check.accepts(without(case, defect.param).request)
    if in_form:
        return False
    return any(check.accepts(with_value(case, {**value, defect.param: other}).request) for other in _read_kindly(told))


def _is_file(case: Case, name: str) -> bool:
    return FILE in case.operation.body[case.request.media].get("properties", {}).get(name, {})


def _read_kindly(told: Any) -> Iterator[Any]:
    """What a value of one type says in another: "2" is 2, "true" is true, 2 is "2", 2.0 is 2."""
    if isinstance(told, str) and _NUMBER.fullmatch(told):
        yield int(told)
    elif isinstance(told, str) and told.lower() in _FLAGS:
        yield _FLAGS[told.lower()]
    elif isinstance(told, float) and told.is_integer():
        yield int(told)
    elif type(told) is int:
        yield str(told)
