"""Answers about the message itself: what breaks a clause, what keeps all of them, where one cannot know."""

from __future__ import annotations

from dataclasses import replace

import orjson
from faulty import (
    CHEAP,
    EDIT,
    GPT,
    HEADERS,
    IMAGES,
    LINK,
    LINKED,
    NOW,
    TOKENS,
    asking,
    asking_wrongly,
    drawn,
    error,
    exchange,
    in_base64,
    links,
    pictures,
)

from contract_tests.cases import Case, json_case
from contract_tests.exchange import Exchange
from contract_tests.mutations import labelled
from exhibits import ECHOED, TOO_MANY, WIDE, breaks, faithful, refused, silent
from spec.profiles import PLAIN


@breaks("wire.accepted", "400: No red foxes today")
def a_valid_request_refused() -> Exchange:
    return exchange(asking(CHEAP), error("invalid_value", "prompt", "No red foxes today"), 400)


@breaks("wire.accepted", "500")
def a_valid_request_answered_with_an_outage() -> Exchange:
    return exchange(asking(CHEAP), error(None, None), 500)


@breaks("wire.accepted", "404", also=("error.consistent",))
def a_value_the_contract_allows_refused_for_the_model() -> Exchange:
    return exchange(asking(CHEAP), error("invalid_value", "size", "256x256 is no size of the model dall-e-2"), 404)


@silent("wire.accepted")
@breaks("wire.options", "400: Only opaque here")
def a_value_of_what_need_not_be_there_refused() -> Exchange:
    told = asking({**GPT, "model": "gpt-image-1.5", "size": "1024x1024", "background": "transparent"})
    return exchange(told, error("invalid_value", "background", "Only opaque here"), 400)


@breaks("wire.options", "400: png or jpeg")
def a_format_refused() -> Exchange:
    return exchange(
        asking({**GPT, "output_format": "webp"}), error("invalid_value", "output_format", "png or jpeg"), 400
    )


@silent("wire.options")
@faithful
def a_picture_on_an_opaque_ground() -> Exchange:
    return exchange(asking(CHEAP), pictures(drawn()))


@faithful
def an_option_that_is_taken() -> Exchange:
    return exchange(asking({**GPT, "background": "opaque"}), pictures(drawn(*WIDE)))


@silent("wire.schema")
@breaks("wire.status", "201")
def pictures_with_201() -> Exchange:
    return exchange(asking(CHEAP), pictures(drawn()), 201)


@silent("wire.content-type", "wire.request-id")
@breaks("wire.status", "418", also=("wire.accepted",))
def a_status_nobody_documents() -> Exchange:
    return exchange(asking(CHEAP), error(None, None), 418)


@silent("wire.json")
@breaks("wire.content-type", "text/plain")
def pictures_called_text() -> Exchange:
    return exchange(asking(CHEAP), pictures(drawn()), headers={**HEADERS, "content-type": "text/plain"})


@breaks("wire.content-type", "no Content-Type")
def pictures_without_a_content_type() -> Exchange:
    return exchange(asking(CHEAP), pictures(drawn()), headers={"x-request-id": "req_1"})


@breaks("wire.content-type", "text/html", also=("error.envelope",))
def a_gateways_error_page() -> Exchange:
    page = b"<html><body><h1>400 Bad Request</h1></body></html>"
    return refused(asking_wrongly(TOO_MANY), page, headers={**HEADERS, "content-type": "text/html"})


@breaks("wire.schema", "created")
def no_creation_time() -> Exchange:
    return exchange(asking(CHEAP), {"data": [{"b64_json": in_base64(drawn())}]})


@breaks("wire.schema", "an object with nothing in it", also=("images.count",))
def an_empty_object() -> Exchange:
    return exchange(asking(CHEAP), {})


@breaks("wire.schema", also=("images.count",))
def a_bare_list() -> Exchange:
    return exchange(asking(CHEAP), [LINK])


@breaks("wire.schema", also=("images.count",))
def an_item_without_a_picture() -> Exchange:
    return exchange(asking(LINKED), {"created": int(NOW), "data": [{"revised_prompt": "A fox"}]})


@breaks("wire.schema", "usage")
def usage_without_its_total() -> Exchange:
    return exchange(asking(GPT), pictures(drawn(*WIDE), usage={"input_tokens": 1, "output_tokens": 2}))


@breaks("wire.json", "do not parse", also=("wire.schema", "images.count"))
def json_cut_off() -> Exchange:
    return exchange(asking(CHEAP), orjson.dumps(pictures(drawn()))[:-1])


@breaks("wire.json", "do not parse", also=("wire.schema", "images.count"))
def json_with_something_behind_it() -> Exchange:
    return exchange(asking(CHEAP), orjson.dumps(pictures(drawn())) + b"\n<!-- served by cache -->")


@breaks("wire.json", "0 bytes", also=("error.envelope",))
def an_empty_body_called_json() -> Exchange:
    return refused(asking_wrongly(TOO_MANY), b"")


@breaks("wire.request-id", "no such header")
def pictures_without_a_request_id() -> Exchange:
    return exchange(asking(CHEAP), pictures(drawn()), headers={"content-type": "application/json"})


@breaks("wire.request-id")
def a_refusal_without_a_request_id() -> Exchange:
    return refused(asking_wrongly(TOO_MANY), headers={"content-type": "application/json", "x-request-id": ""})


@breaks("created.plausible", "1800000000000")
def created_in_milliseconds() -> Exchange:
    return exchange(asking(CHEAP), {**pictures(drawn()), "created": int(NOW * 1000)})


@breaks("created.plausible", "0")
def created_in_1970() -> Exchange:
    return exchange(asking(CHEAP), {**pictures(drawn()), "created": 0})


@breaks("usage.sums", "300 = 11 + 272")
def usage_that_does_not_add_up() -> Exchange:
    return exchange(asking(GPT), pictures(drawn(*WIDE), usage={**TOKENS, "total_tokens": 300}))


@breaks("usage.sums", "272 = 1 + 272")
def usage_details_that_do_not_add_up() -> Exchange:
    details = {"image_tokens": 272, "text_tokens": 1}
    return exchange(asking(GPT), pictures(drawn(*WIDE), usage={**TOKENS, "output_tokens_details": details}))


@breaks("usage.sums", "usage-input is -1", also=("wire.schema",))
def negative_usage() -> Exchange:
    counts = {"input_tokens": -1, "output_tokens": 1, "total_tokens": 0}
    return exchange(asking(GPT), pictures(drawn(*WIDE), usage=counts))


@breaks("images.b64-clean", "data:image/png;base64,")
def a_data_url_for_base64() -> Exchange:
    value = pictures(drawn())
    value["data"][0]["b64_json"] = "data:image/png;base64," + value["data"][0]["b64_json"]
    return exchange(asking(CHEAP), value)


@breaks("images.b64-clean", "line breaks")
def base64_in_lines() -> Exchange:
    value = pictures(drawn())
    text = value["data"][0]["b64_json"]
    value["data"][0]["b64_json"] = "\n".join(text[at : at + 76] for at in range(0, len(text), 76))
    return exchange(asking(CHEAP), value)


@breaks("images.b64-clean", "not base64")
def base64_without_its_padding() -> Exchange:
    value = pictures(drawn() + b"!" * (1 + (-len(drawn()) % 3)))
    text = value["data"][0]["b64_json"]
    assert text.endswith("=")
    value["data"][0]["b64_json"] = text.rstrip("=")
    return exchange(asking(CHEAP), value)


@breaks("images.b64-clean", "not base64")
def base64_of_the_url_alphabet() -> Exchange:
    value = pictures(drawn())
    text = value["data"][0]["b64_json"]
    assert "+" in text
    value["data"][0]["b64_json"] = text.replace("+", "-").replace("/", "_")
    return exchange(asking(CHEAP), value)


@faithful
def the_whole_answer_of_a_gpt_model() -> Exchange:
    details = {
        "input_tokens_details": {"image_tokens": 0, "text_tokens": 11},
        "output_tokens_details": {"image_tokens": 272, "text_tokens": 0},
    }
    return exchange(asking(GPT), pictures(drawn(*WIDE), **{**ECHOED, "usage": {**TOKENS, **details}}))


@faithful
def a_gpt_answer_that_echoes_nothing() -> Exchange:
    return exchange(asking(GPT), pictures(drawn(*WIDE)))


@faithful
def fields_nobody_knows() -> Exchange:
    value = pictures(drawn(), id="img_1", object="list", model="dall-e-2-eu", cost={"usd": 0.01}, warnings=[])
    value["data"][0] |= {"index": 0, "seed": 7, "mime_type": "image/png", "nsfw": False}
    return exchange(asking(CHEAP), value)


@faithful
def members_in_another_order() -> Exchange:
    value = pictures(drawn(*WIDE), **ECHOED)
    return exchange(asking(GPT), dict(reversed(value.items())))


@faithful
def more_headers_and_a_charset() -> Exchange:
    headers = {
        **HEADERS,
        "content-type": "Application/JSON; charset=utf-8",
        "cf-ray": "1",
        "openai-processing-ms": "17",
        "server": "nginx",
        "set-cookie": "a=b",
    }
    return exchange(asking(CHEAP), pictures(drawn()), headers=headers)


@faithful
def json_over_many_lines() -> Exchange:
    return exchange(asking(CHEAP), b"\n" + orjson.dumps(pictures(drawn()), option=orjson.OPT_INDENT_2) + b"\n\n")


@faithful
def a_slow_answer() -> Exchange:
    return exchange(asking(CHEAP), {**pictures(drawn()), "created": int(NOW) + 170}, seconds=170)


OWN = {"model": "flux-schnell", "prompt": "A red fox"}


def own(**told: str) -> Case:
    """A request for a model of the provider's own."""
    [contract] = PLAIN.contracts(models=("flux-schnell",))
    return json_case(contract, contract.operation("createImage"), {**OWN, **told})


@silent("wire.accepted")
@faithful
def a_size_a_model_of_the_providers_own_does_not_have() -> Exchange:
    return exchange(own(size="1536x1024"), error("invalid_value", "size"), 400)


@breaks("wire.accepted", "400")
def a_model_of_the_providers_own_that_takes_nothing() -> Exchange:
    return exchange(own(), error("invalid_value", "size"), 400)


@silent("images.delivery")
@faithful
def base64_from_a_model_of_the_providers_own_that_was_not_asked_how() -> Exchange:
    return exchange(own(size="256x256"), pictures(drawn()))


@silent("images.delivery")
@breaks("images.link-heard", "image-b64")
def base64_from_a_model_of_the_providers_own_that_was_asked_for_a_link() -> Exchange:
    return exchange(own(size="256x256", response_format="url"), pictures(drawn()))


@faithful
def a_link_from_a_model_of_the_providers_own_that_was_asked_for_one() -> Exchange:
    return exchange(own(size="256x256", response_format="url"), links(LINK))


@silent("images.link-heard")
@breaks("images.delivery", "image-url")
def a_link_from_a_model_of_the_providers_own_that_was_asked_for_base64() -> Exchange:
    return exchange(own(size="256x256", response_format="b64_json"), links(LINK))


@breaks("wire.null", "data[0].url")
def null_for_the_link_nobody_asked_for() -> Exchange:
    value = pictures(drawn(), usage=None, size=None)
    value["data"][0] |= {"url": None, "revised_prompt": None}
    return exchange(asking(CHEAP), value)


@breaks("wire.schema", "created", also=("wire.null",))
def null_for_what_must_be_there_and_for_what_need_not() -> Exchange:
    return exchange(asking(CHEAP), {**pictures(drawn()), "created": None, "usage": None})


@silent("wire.null")
@breaks("wire.json", "do not parse", also=("wire.schema", "images.count"))
def half_an_answer() -> Exchange:
    return exchange(asking(CHEAP), orjson.dumps(pictures(drawn()))[:100])


def _edit_in_json() -> Case:
    picture = f"data:image/png;base64,{in_base64(drawn())}"
    told = {"model": "gpt-image-1.5", "prompt": "In winter", "size": "1024x1024", "images": [{"image_url": picture}]}
    case = json_case(IMAGES, EDIT, told)
    assert labelled(case) is None
    return case


@silent("wire.accepted")
@breaks("wire.media", "415")
def an_edit_in_json_refused_as_no_form() -> Exchange:
    return exchange(_edit_in_json(), error("unsupported_media_type", None), 415)


@silent("wire.media")
@breaks("wire.accepted", "500")
def an_edit_in_json_that_breaks_the_server() -> Exchange:
    return exchange(_edit_in_json(), error(None, None), 500)


@faithful
def an_edit_in_json() -> Exchange:
    return exchange(_edit_in_json(), pictures(drawn(1024, 1024)))


@breaks("wire.steady", "502 at first, 200 at the second")
def pictures_at_the_second_try() -> Exchange:
    return replace(exchange(asking(CHEAP), pictures(drawn())), at_first="answered 502")


@silent("wire.accepted")
@breaks("wire.steady", "500, and no more may be spent on another")
def a_failure_that_cannot_be_asked_again() -> Exchange:
    return replace(exchange(asking(CHEAP), error(None, None), 500), unsettled=True)


@silent("wire.steady")
def a_refusal_at_the_second_try() -> Exchange:
    return replace(refused(asking_wrongly(TOO_MANY)), at_first="answered 502")
