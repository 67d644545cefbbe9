"""Errors by what stands in their envelope."""

from __future__ import annotations

from typing import Any

from faulty import CHEAP, asking, asking_wrongly, drawn, error, exchange, not_predicted, pictures, refusal

from contract_tests.cases import WRONG_KEY, json_case
from contract_tests.exchange import Exchange
from contract_tests.mutations import labelled
from exhibits import TOO_MANY, breaks, faithful, refused, silent
from spec.profiles import PLAIN


def _with(**members: Any) -> Exchange:
    case = asking_wrongly(TOO_MANY)
    told = refusal(case.defect)
    told["error"] |= members
    return refused(case, told)


@breaks("error.message", "''")
def an_empty_message() -> Exchange:
    return _with(message="")


@breaks("error.message", "'400'")
def a_number_for_a_message() -> Exchange:
    return _with(message="400")


@breaks("error.plain", "upstream said")
def an_error_in_an_error() -> Exchange:
    return _with(message='upstream said: {"error": {"message": "n is too large"}} (request id: 7)')


@breaks("error.plain", "<html>")
def a_page_in_a_message() -> Exchange:
    return _with(message="<html><h1>502 Bad Gateway</h1></html>")


@breaks("error.code-word", "''", also=("error.code",))
def an_empty_code() -> Exchange:
    return _with(code="")


@breaks("error.code-word", "failed to get image", also=("error.code",))
def a_sentence_for_a_code() -> Exchange:
    return _with(code="failed to get image")


@breaks("error.type-word", "''", also=("error.type",))
def an_empty_type() -> Exchange:
    return _with(type="")


@breaks("error.param-name", "''", also=("error.param",))
def an_empty_parameter() -> Exchange:
    return _with(param="")


@breaks("error.consistent", "500", also=("wire.accepted",))
def a_rate_limit_called_an_outage() -> Exchange:
    return exchange(asking(CHEAP), error("rate_limit_exceeded", None), 500)


@faithful
def a_refusal_in_chinese_with_an_example() -> Exchange:
    return _with(message='参数 n 无效：{"n": 99}，应为 {"n": 1}')


@faithful
def a_refusal_whose_type_is_null() -> Exchange:
    return _with(type=None)


@faithful
def a_rate_limit_of_its_own_words() -> Exchange:
    return exchange(asking(CHEAP), error("too_many_pictures", None, "等一下"), 429)


@silent(
    "error.message",
    "error.plain",
    "error.code-word",
    "error.type-word",
    "error.param-name",
    "error.consistent",
)
@faithful
def a_success_that_speaks_of_an_error() -> Exchange:
    return exchange(asking(CHEAP), pictures(drawn(), error=None, message=""))


@breaks("error.repeats-status", "500")
def another_status_in_the_body() -> Exchange:
    return not_predicted(404, status=500)


@faithful
def the_status_repeated() -> Exchange:
    return not_predicted(404, status=404)


@silent("error.repeats-status")
@faithful
def the_status_said_once() -> Exchange:
    return not_predicted(404)


@faithful
def a_gateways_own_code_where_others_repeat_the_status() -> Exchange:
    gemini = PLAIN.contract("gemini")
    told = {"contents": [{"parts": [{"text": "A red fox"}]}]}
    path = {"model": "gemini-2.5-flash-image"}
    create = gemini.operation("generateContent")
    case = labelled(json_case(gemini, create, told, path_parameters=path, credential=WRONG_KEY))
    assert case is not None
    return exchange(case, {"error": {"message": "No.", "type": "new_api_error", "param": "", "code": ""}}, 401)
