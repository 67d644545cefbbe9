"""Answers about refusals: what breaks a clause, what keeps all of them, where one cannot know."""

from __future__ import annotations

from dataclasses import replace

from faulty import (
    CHEAP,
    HEADERS,
    IMAGES,
    NOW,
    RUNNING,
    asking,
    asking_in_vain,
    asking_wrongly,
    drawn,
    editing,
    error,
    exchange,
    pictures,
    refusal,
    swapped,
)

from contract_tests.cases import LONGER_KEY, WRONG_KEY, Case, json_case, with_value
from contract_tests.exchange import Exchange
from contract_tests.mutations import labelled
from contract_tests.raw import raw
from exhibits import TOO_MANY, breaks, faithful, refused, silent
from spec.forms import File
from spec.profiles import PLAIN


@breaks("auth.enforced", "200")
def pictures_without_a_key() -> Exchange:
    return exchange(asking_wrongly(CHEAP, credential=None), pictures(drawn()))


@breaks("auth.enforced", "200")
def pictures_for_a_wrong_key() -> Exchange:
    return exchange(asking_wrongly(CHEAP, credential=WRONG_KEY), pictures(drawn()))


@silent("auth.enforced")
def what_is_not_paid_for_without_a_key() -> Exchange:
    return refused(asking_wrongly(CHEAP, credential=None), error("insufficient_balance", None), 402)


@silent("auth.enforced")
@breaks("error.status", "400")
def a_missing_key_told_as_any_mistake() -> Exchange:
    return refused(asking_wrongly(CHEAP, credential=None), status=400)


@breaks("error.status", "403")
def a_missing_key_forbidden() -> Exchange:
    return refused(asking_wrongly(CHEAP, credential=None), status=403)


@silent("refusal.unknown-parameter")
@breaks("refusal.refused", "200, as if nothing were wrong")
def pictures_for_a_request_with_a_defect() -> Exchange:
    return exchange(asking_wrongly(TOO_MANY), pictures(drawn()))


@breaks("refusal.refused", "200", also=("wire.schema", "error.in-success"))
def a_refusal_with_200() -> Exchange:
    return refused(asking_wrongly(TOO_MANY), status=200)


@breaks("refusal.unknown-parameter", "200, as if it were not there")
def pictures_for_an_invented_parameter() -> Exchange:
    return exchange(asking_wrongly({**CHEAP, "imageproof_x": 1}), pictures(drawn()))


@faithful
def an_invented_parameter_refused() -> Exchange:
    return refused(asking_wrongly({**CHEAP, "imageproof_x": 1}))


@breaks("refusal.no-5xx", "503")
def a_callers_mistake_called_an_outage() -> Exchange:
    return refused(asking_wrongly({"prompt": "A red fox"}), error("model_not_found", None), 503)


@breaks("error.status", "403")
def a_bad_parameter_forbidden() -> Exchange:
    return refused(asking_wrongly(TOO_MANY), status=403)


@breaks("error.code", "code 'bad_request'")
def another_error_code() -> Exchange:
    return refused(asking_wrongly(TOO_MANY), error("bad_request", "n"))


@breaks("error.code", "code None")
def no_error_code() -> Exchange:
    return refused(asking_wrongly(TOO_MANY), error(None, "n"))


@breaks("error.param", "param 'prompt'")
def another_parameter_blamed() -> Exchange:
    return refused(asking_wrongly(TOO_MANY), error("integer_above_max_value", "prompt"))


@breaks("error.param", "param None")
def no_parameter_named() -> Exchange:
    return refused(asking_wrongly(TOO_MANY), error("integer_above_max_value", None))


@breaks("error.envelope", "body")
def a_frameworks_own_error() -> Exchange:
    return refused(asking_wrongly(TOO_MANY), {"detail": [{"loc": ["body", "n"], "msg": "too many"}]})


@breaks("error.envelope")
def an_error_that_is_a_text() -> Exchange:
    return refused(asking_wrongly(TOO_MANY), {"error": "too many"})


@breaks("error.envelope")
def an_error_without_its_parameter() -> Exchange:
    return refused(asking_wrongly(TOO_MANY), {"error": {"message": "too many", "type": None, "code": None}})


@breaks("error.envelope", "'param' is missing; body error.code: 'code' is missing")
def an_error_without_its_parameter_and_code() -> Exchange:
    return refused(asking_wrongly(TOO_MANY), {"error": {"message": "too many", "type": "invalid_request_error"}})


@breaks("error.envelope", also=("wire.accepted",))
def a_flat_outage() -> Exchange:
    return exchange(asking(CHEAP), {"code": 500, "message": "upstream"}, 500)


@breaks("error.in-success", "200 with an error body: Out of paint", also=("wire.schema", "images.count"))
def an_error_for_pictures() -> Exchange:
    return exchange(asking(CHEAP), error(None, None, "Out of paint"))


@breaks("error.no-leak", "Traceback")
def a_stack_trace() -> Exchange:
    case = asking_wrongly(TOO_MANY)
    told = refusal(case.defect)
    told["error"]["message"] = "Traceback (most recent call last):\n  File ..., in generate"
    return refused(case, told)


@breaks("error.no-leak", "/app/relay/images.py", also=("wire.accepted",))
def a_source_path() -> Exchange:
    return exchange(asking(CHEAP), error(None, None, "error in /app/relay/images.py"), 500)


@breaks("error.no-leak", "goroutine 7 [", also=("wire.accepted", "error.envelope", "wire.content-type"))
def a_panic() -> Exchange:
    headers = {**HEADERS, "content-type": "text/plain"}
    return exchange(asking(CHEAP), b"panic: nil map\n\ngoroutine 7 [running]:\nmain.relay()", 500, headers)


@breaks("error.status", "404")
def an_unknown_task_not_found() -> Exchange:
    return exchange(asking_in_vain(), {"code": "task_not_exist", "message": "task_not_exist"}, 404)


@breaks("task.unknown", "200")
def an_unknown_task_in_progress() -> Exchange:
    return exchange(asking_in_vain(), RUNNING.body)


@breaks("task.unknown", "500", also=("refusal.no-5xx",))
def an_unknown_task_that_breaks_the_server() -> Exchange:
    return exchange(asking_in_vain(), error(None, None), 500)


@silent(
    "images.count",
    "created.plausible",
    "usage.sums",
    "images.b64-clean",
    "error.in-success",
    "task.unknown",
    "images.delivery",
    "images.reachable",
    "images.decodes",
    "images.format",
    "images.media-type",
    "images.not-blank",
    "echo.size",
    "echo.format",
    "stream.framing",
    "stream.partials",
    "task.accepted",
    "task.states",
    "task.order",
    "task.ends",
    "task.same",
    "task.succeeds",
    "task.reason",
    "task.result",
    "task.progress",
    "task.times",
)
@faithful
def the_documented_refusal() -> Exchange:
    return refused(asking_wrongly(TOO_MANY))


@faithful
def a_refusal_in_other_words() -> Exchange:
    case = asking_wrongly(TOO_MANY)
    told = refusal(case.defect)
    told["error"] |= {"message": "n 不能大于 10 (request id: 2026)", "trace": "a1"}
    return refused(case, {"request_id": "req_1", **told})


@breaks("error.type", "'new_api_error'")
def a_type_of_the_vendors_own() -> Exchange:
    case = asking_wrongly(TOO_MANY)
    told = refusal(case.defect)
    told["error"]["type"] = "new_api_error"
    return refused(case, told)


@silent("error.type")
@faithful
def a_refusal_without_a_type() -> Exchange:
    case = asking_wrongly(TOO_MANY)
    told = refusal(case.defect)
    told["error"]["type"] = None
    return refused(case, told)


@silent("error.code")
@faithful
def a_missing_key_refused() -> Exchange:
    return refused(asking_wrongly(CHEAP, credential=None), status=401)


@faithful
def a_wrong_key_refused() -> Exchange:
    return refused(asking_wrongly(CHEAP, credential=WRONG_KEY), status=401)


@silent("error.param")
@faithful
def an_unknown_task_refused() -> Exchange:
    return exchange(asking_in_vain(), {"code": "task_not_exist", "message": "任务不存在", "data": None}, 400)


@silent("wire.accepted")
@faithful
def too_many_requests() -> Exchange:
    return exchange(asking(CHEAP), error("rate_limit_exceeded", None), 429, {**HEADERS, "retry-after": "1"})


@silent("wire.accepted")
@faithful
def a_model_this_key_does_not_have() -> Exchange:
    return exchange(asking(CHEAP), error("model_not_found", None), 404)


@faithful
def another_missing_parameter_blamed_first() -> Exchange:
    # That the provider demands a size is a drift, but not one of this refusal's words: wire.accepted finds it.
    told = {"model": "gpt-image-2", "prompt": "A red fox", "n": 99}
    return refused(asking_wrongly(told), error("missing_required_parameter", "size"))


@breaks("refusal.coerced", "200: read as it was meant")
def a_number_in_words_taken_for_one() -> Exchange:
    return exchange(asking_wrongly({**CHEAP, "n": "1"}), pictures(drawn()))


@silent("refusal.refused")
@breaks("refusal.coerced", "200")
def null_taken_for_nothing() -> Exchange:
    return exchange(asking_wrongly({**CHEAP, "response_format": "b64_json", "user": None}), pictures(drawn()))


@silent("refusal.refused")
@breaks("refusal.coerced", "200")
def an_empty_text_taken_for_nothing() -> Exchange:
    return exchange(asking_wrongly({**CHEAP, "quality": ""}), pictures(drawn()))


@silent("refusal.refused")
@breaks("refusal.coerced", "200")
def a_text_of_the_name_of_a_file_not_seen() -> Exchange:
    case = editing(drawn(1024, 1024))
    told = labelled(with_value(case, {**case.request.value, "mask": "none"}))
    assert told is not None
    return exchange(told, pictures(drawn(1024, 1024)))


@silent("refusal.coerced")
@breaks("refusal.refused", "200")
def no_prompt_at_all() -> Exchange:
    return exchange(asking_wrongly({**CHEAP, "prompt": ""}), pictures(drawn()))


@silent("refusal.coerced")
@breaks("refusal.refused", "200")
def null_for_what_must_be_said() -> Exchange:
    return exchange(asking_wrongly({**CHEAP, "prompt": None}), pictures(drawn()))


@silent("refusal.refused", "refusal.coerced")
@breaks("refusal.generous", "200, as if it were right")
def a_model_of_the_providers_own_choice() -> Exchange:
    return exchange(asking_wrongly({"prompt": "A red fox"}), pictures(drawn()))


@breaks("refusal.generous", "200")
def what_another_model_takes() -> Exchange:
    return exchange(asking_wrongly({**CHEAP, "quality": "high"}), pictures(drawn()))


@breaks("refusal.generous", "200")
def as_large_as_nobody_may_ask() -> Exchange:
    return exchange(asking_wrongly({**CHEAP, "size": "320x200"}), pictures(drawn(320, 200)))


@breaks("refusal.generous", "200")
def a_picture_of_another_format_given() -> Exchange:
    return exchange(giving(drawn(format_="gif"), "image.gif"), pictures(drawn(1024, 1024)))


@silent("refusal.refused")
@breaks("refusal.generous", "200")
def more_pictures_given_than_may_be() -> Exchange:
    return exchange(giving(drawn(), times=17), pictures(drawn(1024, 1024)))


@silent("refusal.refused")
@breaks("refusal.generous", "200")
def a_mask_without_an_alpha_channel_taken() -> Exchange:
    mask = File(drawn(1024, 1024), "mask.png", "image/png")
    return exchange(giving(drawn(1024, 1024), mask=mask), pictures(drawn(1024, 1024)))


@silent("refusal.refused")
@breaks("refusal.generous", "200")
def an_unknown_style_for_a_model_of_the_providers_own() -> Exchange:
    return exchange(own_model(style="imageproof"), pictures(drawn()))


@silent("refusal.generous")
@breaks("refusal.refused", "200")
def no_picture_asked_of_a_model_of_the_providers_own() -> Exchange:
    return exchange(own_model(n=0), pictures(drawn()))


def own_model(**told: object) -> Case:
    [contract] = PLAIN.contracts(models=("flux-schnell",))
    body = {"model": "flux-schnell", "prompt": "A red fox", **told}
    case = labelled(json_case(contract, contract.operation("createImage"), body))
    assert case is not None
    return case


@silent("refusal.generous")
@breaks("refusal.refused", "200")
def what_no_picture_is_given() -> Exchange:
    return exchange(giving(b"GIF89a nothing", "image.png"), pictures(drawn(1024, 1024)))


@faithful
def a_missing_model_refused() -> Exchange:
    return refused(asking_wrongly({"prompt": "A red fox"}))


def giving(data: bytes, name: str = "image.png", times: int = 1, **more: File) -> Case:
    case = editing(drawn(1024, 1024))
    spoilt = labelled(
        with_value(case, {**case.request.value, "image": [File(data, name, "image/png")] * times, **more})
    )
    assert spoilt is not None
    return spoilt


@silent("refusal.no-5xx")
@breaks("refusal.survived", "500")
def a_form_that_is_none() -> Exchange:
    broken = labelled(replace(editing(drawn(1024, 1024)), body=b"imageproof"))
    assert broken is not None
    return refused(broken, error(None, None), 500)


@silent("refusal.survived")
@breaks("refusal.no-5xx", "500")
def json_with_a_slip() -> Exchange:
    broken = labelled(replace(asking(CHEAP), body=b'{"prompt":'))
    assert broken is not None
    return refused(broken, error(None, None), 500)


@faithful
def a_form_that_is_none_refused() -> Exchange:
    broken = labelled(replace(editing(drawn(1024, 1024)), body=b"imageproof"))
    assert broken is not None
    return refused(broken)


@faithful
def a_number_in_words_refused() -> Exchange:
    return refused(asking_wrongly({**CHEAP, "n": "1"}))


@silent("auth.enforced")
@breaks("refusal.no-5xx", "500")
def a_server_that_fails_without_a_key() -> Exchange:
    return refused(asking_wrongly(CHEAP, credential=None), error(None, None), 500)


@breaks("error.envelope", "detail", also=("error.status",))
def a_frameworks_own_error_with_a_status_of_its_own() -> Exchange:
    return refused(asking_wrongly(TOO_MANY), {"detail": [{"loc": ["body", "n"], "msg": "too many"}]}, 422)


@silent("error.envelope")
@breaks("error.status", "422")
def a_documented_error_with_a_status_of_its_own() -> Exchange:
    return refused(asking_wrongly(TOO_MANY), status=422)


@silent("refusal.refused")
@breaks("refusal.lenient", "200, as if nothing were wrong")
def a_value_handed_on_that_is_none() -> Exchange:
    return swapped("imageproof")


@silent("error.status", "error.code")
@faithful
def a_value_refused_by_the_host_in_its_own_words() -> Exchange:
    return swapped("imageproof", status=403)


@silent("refusal.lenient")
@faithful
def a_value_of_the_list() -> Exchange:
    return swapped("PORTRAIT")


def raw_refusal(rule: str) -> Case:
    return next(case for case in raw(IMAGES, 0) if case.defect is not None and case.defect.rule == rule)


@breaks("auth.enforced", "200")
def pictures_for_a_key_that_only_begins_as_the_right_one() -> Exchange:
    return exchange(raw_refusal("the caller's key with more behind it"), pictures(drawn()))


@breaks("auth.enforced", "200")
def pictures_for_any_key_in_the_query() -> Exchange:
    return exchange(raw_refusal("a wrong key in the query"), pictures(drawn()))


@silent("auth.enforced")
def a_query_refused_before_its_key() -> Exchange:
    case = raw_refusal("a wrong key in the query")
    return refused(case, error("unknown_parameter", "key"), 400)


@breaks("auth.no-echo", "all of it")
def a_wrong_key_told_again_with_the_right_one_in_it() -> Exchange:
    case = raw_refusal("the caller's key with more behind it")
    told = refused(case, error("invalid_api_key", None, f"Incorrect API key: {LONGER_KEY}"), 401)
    return replace(told, repeats_key=True)


@breaks("refusal.method", "200, and an answer as to the right one")
def pictures_for_a_get() -> Exchange:
    return exchange(raw_refusal("GET where there is POST"), {"created": int(NOW), "data": []})


@faithful
def a_list_for_a_get() -> Exchange:
    return exchange(raw_refusal("GET where there is POST"), {"object": "list", "data": []})


@silent("refusal.method")
def pictures_for_a_post() -> Exchange:
    return exchange(asking(CHEAP), pictures(drawn()))
