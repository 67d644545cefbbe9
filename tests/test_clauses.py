"""Every clause convicts what breaks it, and only that; it acquits what keeps it, whatever its looks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import orjson
import pytest
from faulty import (
    CHEAP,
    FAILED,
    GPT,
    HEADERS,
    LINK,
    LINKED,
    NOW,
    QUEUED,
    RUNNING,
    STREAMED,
    TASK_ID,
    TOKENS,
    Poll,
    Target,
    asking,
    asking_in_vain,
    asking_wrongly,
    blank,
    broken,
    done,
    drawn,
    error,
    event,
    exchange,
    failing,
    finished,
    in_base64,
    links,
    partial,
    pictures,
    refusal,
    stream,
    task,
    whole,
)

from contract_tests.cases import WRONG_KEY, Case
from contract_tests.clauses import CONFORMS, catalogue
from contract_tests.exchange import Exchange
from spec.events import frame

Build = Callable[[], Exchange]
WIDE = (1024, 640)
TOO_MANY = {**CHEAP, "n": 99}
ECHOED = {"background": "opaque", "output_format": "png", "quality": "low", "size": "1024x640", "usage": TOKENS}


@dataclass(frozen=True)
class Fault:
    """An answer that breaks `clause`, and with it `also`; `received` is part of what the finding says."""

    clause: str
    build: Build
    received: str
    also: frozenset[str]


FAULTS: dict[str, Fault] = {}
FAITHFUL: dict[str, Build] = {}


def breaks(clause_: str, received: str = "", also: tuple[str, ...] = ()) -> Callable[[Build], Build]:
    """This answer breaks a clause, those it cannot but break with it, and no other."""

    def register(build: Build) -> Build:
        FAULTS[build.__name__] = Fault(clause_, build, received, frozenset(also))
        return build

    return register


def faithful(build: Build) -> Build:
    """This answer breaks nothing."""
    FAITHFUL[build.__name__] = build
    return build


def refused(case: Case, body: Any = None, status: int = 400, **more: Any) -> Exchange:
    """The refusal of a request; the right envelope unless told otherwise."""
    return exchange(case, refusal(case.defect) if body is None else body, status, **more)


# --- the message ------------------------------------------------------------------------------------


@breaks("wire.accepted", "400: No red foxes today")
def a_valid_request_refused() -> Exchange:
    return exchange(asking(CHEAP), error("invalid_value", "prompt", "No red foxes today"), 400)


@breaks("wire.accepted", "500")
def a_valid_request_answered_with_an_outage() -> Exchange:
    return exchange(asking(CHEAP), error(None, None), 500)


@breaks("wire.accepted", "404")
def a_listed_model_missing_in_other_words() -> Exchange:
    return exchange(asking(CHEAP), error("invalid_value", "model"), 404)


@breaks("wire.status", "201")
def pictures_with_201() -> Exchange:
    return exchange(asking(CHEAP), pictures(drawn()), 201)


@breaks("wire.status", "418", also=("wire.accepted",))
def a_status_nobody_documents() -> Exchange:
    return exchange(asking(CHEAP), error(None, None), 418)


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


# --- refusals ---------------------------------------------------------------------------------------


@breaks("auth.enforced", "200")
def pictures_without_a_key() -> Exchange:
    return exchange(asking_wrongly(CHEAP, credential=None), pictures(drawn()))


@breaks("auth.enforced", "200")
def pictures_for_a_wrong_key() -> Exchange:
    return exchange(asking_wrongly(CHEAP, credential=WRONG_KEY), pictures(drawn()))


@breaks("auth.enforced", "403")
def a_missing_key_forbidden() -> Exchange:
    return refused(asking_wrongly(CHEAP, credential=None), status=403)


@breaks("refusal.refused", "200, as if nothing were wrong")
def pictures_for_a_request_with_a_defect() -> Exchange:
    return exchange(asking_wrongly(TOO_MANY), pictures(drawn()))


@breaks("refusal.refused", "200", also=("wire.schema", "error.in-success"))
def a_refusal_with_200() -> Exchange:
    return refused(asking_wrongly(TOO_MANY), status=200)


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


@breaks("task.unknown", "404", also=("wire.status",))
def an_unknown_task_not_found() -> Exchange:
    return exchange(asking_in_vain(), {"code": "task_not_exist", "message": "task_not_exist"}, 404)


@breaks("task.unknown", "200")
def an_unknown_task_in_progress() -> Exchange:
    return exchange(asking_in_vain(), RUNNING.body)


@breaks("task.unknown", "500", also=("refusal.no-5xx",))
def an_unknown_task_that_breaks_the_server() -> Exchange:
    return exchange(asking_in_vain(), error(None, None), 500)


# --- pictures ---------------------------------------------------------------------------------------


@breaks("images.count", "1")
def one_picture_of_two() -> Exchange:
    return exchange(asking({**CHEAP, "n": 2}), pictures(drawn()))


@breaks("images.count", "2")
def two_pictures_for_one() -> Exchange:
    return exchange(asking(CHEAP), pictures(drawn(), drawn(index=1)))


@breaks("images.count", "0", also=("wire.schema",))
def no_pictures() -> Exchange:
    return exchange(asking(CHEAP), pictures())


@breaks("images.count", "1")
def one_picture_of_two_in_a_task() -> Exchange:
    return task(RUNNING, done(), told={**CHEAP, "n": 2})


@breaks("images.delivery", "image-b64")
def base64_for_a_link() -> Exchange:
    return exchange(asking(LINKED), pictures(drawn()))


@breaks("images.delivery", "image-url")
def a_link_for_base64() -> Exchange:
    return exchange(asking(CHEAP), links(LINK))


@breaks("images.reachable", "answers 404")
def a_dead_link() -> Exchange:
    return exchange(asking(LINKED), links(LINK), targets={LINK: Target(problem="GET it answers 404")})


@breaks("images.decodes", "it starts with 89 50 4e 47")
def a_picture_cut_off() -> Exchange:
    return exchange(asking(CHEAP), pictures(drawn()[: len(drawn()) // 2]))


@breaks("images.decodes", "it starts with")
def a_page_behind_a_link() -> Exchange:
    page = Target(b"<!doctype html><title>Log in</title>", "text/html")
    return exchange(asking(LINKED), links(LINK), targets={LINK: page})


@breaks("images.size", "64x64")
def a_thumbnail() -> Exchange:
    return exchange(asking(CHEAP), pictures(drawn(64, 64)))


@breaks("images.size", "640x1024", also=("echo.size",))
def a_picture_turned_round() -> Exchange:
    return exchange(asking(GPT), pictures(drawn(640, 1024), size="1024x640"))


@breaks("images.size", "640x1024")
def a_picture_turned_round_and_called_so() -> Exchange:
    return exchange(asking(GPT), pictures(drawn(640, 1024), size="640x1024"))


@breaks("images.format", "png")
def png_for_webp() -> Exchange:
    return exchange(asking({**GPT, "output_format": "webp"}), pictures(drawn(*WIDE), output_format="png"))


@breaks("images.media-type", "application/octet-stream")
def a_link_to_octets() -> Exchange:
    return exchange(asking(LINKED), links(LINK), targets={LINK: Target(drawn(), "application/octet-stream")})


@breaks("images.media-type", "no Content-Type")
def a_link_to_something_unnamed() -> Exchange:
    return exchange(asking(LINKED), links(LINK), targets={LINK: Target(drawn(), "")})


@breaks("images.alpha", "every pixel opaque")
def an_opaque_background() -> Exchange:
    return exchange(asking({**GPT, "background": "transparent"}), pictures(drawn(*WIDE)))


@breaks("images.not-blank", "every pixel alike")
def a_placeholder() -> Exchange:
    return exchange(asking(CHEAP), pictures(blank()))


@breaks("images.distinct", "/data/0/b64_json and /data/1/b64_json")
def the_same_picture_twice() -> Exchange:
    return exchange(asking({**CHEAP, "n": 2}), pictures(drawn(), drawn()))


@breaks("echo.size", "1024x640")
def another_size_named() -> Exchange:
    return exchange(asking(GPT), pictures(drawn(*WIDE), size="1024x1024"))


@breaks("echo.format", "png")
def another_format_named() -> Exchange:
    return exchange(asking(GPT), pictures(drawn(*WIDE), output_format="jpeg"))


# --- streams ----------------------------------------------------------------------------------------


@breaks("stream.content-type", "application/json")
def plain_json_for_a_stream() -> Exchange:
    return exchange(asking(STREAMED), pictures(drawn(*WIDE), **ECHOED))


@breaks("error.in-success", "200 with an error body: Out of paint", also=("wire.schema", "images.count"))
def an_error_for_a_stream() -> Exchange:
    return exchange(asking(STREAMED), error(None, None, "Out of paint"))


@breaks("stream.content-type", "text/event-stream")
def a_stream_nobody_asked_for() -> Exchange:
    return stream(finished(), asked=GPT)


@breaks("wire.content-type", "text/plain", also=("stream.content-type", "images.count"))
def events_called_text() -> Exchange:
    told = stream(finished())
    return exchange(told.case, told.response.body, headers={**HEADERS, "content-type": "text/plain"})


@breaks("stream.framing", "at the end, and none", also=("stream.completed", "images.count"))
def a_last_event_that_is_never_ended() -> Exchange:
    return stream(partial(0), frame(finished())[:-1])


@breaks("stream.framing", "'[DONE]'", also=("wire.schema",))
def done_behind_the_last_event() -> Exchange:
    return stream(partial(0), finished(), b"data: [DONE]\n\n")


@breaks("stream.framing", "none", also=("images.count",))
def a_stream_of_nothing() -> Exchange:
    return stream(b": waiting\n\n")


@breaks("stream.framing", "'{", also=("stream.completed", "wire.schema", "images.count"))
def json_cut_off_in_an_event() -> Exchange:
    return stream(partial(0), frame(finished()).rstrip()[:-1] + b"\n\n")


@breaks("stream.completed", "0 in 2 events", also=("images.count",))
def a_stream_without_its_picture() -> Exchange:
    return stream(partial(0), partial(1))


@breaks("stream.completed", "2 in 2 events", also=("images.count", "images.distinct"))
def a_picture_finished_twice() -> Exchange:
    return stream(finished(), finished())


@breaks("stream.completed", "1 unfinished behind it")
def an_unfinished_picture_behind_the_finished_one() -> Exchange:
    return stream(finished(), partial(0))


@breaks("stream.partials", "1, 0")
def unfinished_pictures_out_of_order() -> Exchange:
    return stream(partial(1), partial(0), finished())


@breaks("stream.partials", "1, 2")
def unfinished_pictures_counted_from_one() -> Exchange:
    return stream(partial(1), partial(2), finished())


@breaks("stream.partials", "None", also=("wire.schema",))
def an_unfinished_picture_without_its_number() -> Exchange:
    nameless = partial(0)
    del nameless["data"]["partial_image_index"]
    return stream(nameless, finished())


@breaks("stream.partials", "3")
def more_unfinished_pictures_than_asked_for() -> Exchange:
    return stream(partial(0), partial(1), partial(2), finished())


@breaks("stream.partial-pictures", "256x160")
def a_small_unfinished_picture() -> Exchange:
    return stream(event("partial_image", drawn(256, 160), partial_image_index=0), finished())


@breaks("stream.partial-pictures", "starts with")
def an_unfinished_picture_that_is_none() -> Exchange:
    return stream(event("partial_image", b"no picture", partial_image_index=0), finished())


@breaks("wire.schema", "2 events: body data.type")
def an_event_of_another_name_than_its_type() -> Exchange:
    odd = partial(0)
    odd["data"]["type"] = "image_edit.partial_image"
    return stream(odd, finished())


@breaks("wire.accepted", "200, and then an error: Out of paint")
def a_stream_that_fails_on_the_way() -> Exchange:
    return stream(partial(0), failing())


@breaks("images.size", "640x1024", also=("echo.size",))
def a_streamed_picture_of_another_size() -> Exchange:
    return stream(event("completed", drawn(640, 1024), usage=TOKENS))


@breaks("images.format", "webp", also=("echo.format",))
def a_streamed_picture_of_another_format() -> Exchange:
    return stream(event("completed", drawn(*WIDE, format_="webp"), usage=TOKENS))


@breaks("usage.sums", "300 = 11 + 272")
def streamed_usage_that_does_not_add_up() -> Exchange:
    return stream(finished(usage={**TOKENS, "total_tokens": 300}))


@breaks("images.b64-clean", "data:image/png;base64,")
def a_data_url_in_an_event() -> Exchange:
    told = finished()
    told["data"]["b64_json"] = "data:image/png;base64," + told["data"]["b64_json"]
    return stream(told)


# --- tasks ------------------------------------------------------------------------------------------


@breaks("task.accepted", "the pictures at once (1)")
def pictures_for_a_task() -> Exchange:
    return exchange(asking(CHEAP, **{"async": "true"}), pictures(drawn()))


@breaks("task.accepted", "none that can be read", also=("wire.schema",))
def a_task_id_of_another_name() -> Exchange:
    return exchange(asking(CHEAP, **{"async": "true"}), {"id": TASK_ID})


@breaks("task.accepted", "none that can be read", also=("wire.schema",))
def an_empty_task_id() -> Exchange:
    return exchange(asking(CHEAP, **{"async": "true"}), {"task_id": ""})


@breaks("task.states", "'DONE'", also=("wire.schema",))
def a_status_word_of_its_own() -> Exchange:
    return task(RUNNING, done(status="DONE"))


@breaks("task.order", "running -> queued -> succeeded")
def a_task_that_goes_back() -> Exchange:
    return task(RUNNING, replace(QUEUED, progress="40%"), done())


@breaks("task.order", "failed -> running", also=("task.succeeds",))
def a_task_that_starts_again() -> Exchange:
    return task(FAILED, RUNNING)


@breaks("task.order", "succeeded -> failed -> succeeded", also=("task.succeeds",))
def a_task_that_ends_in_two_ways() -> Exchange:
    return task(done(), replace(FAILED, progress="100%"), done())


@breaks("task.same", "'another'")
def a_poll_that_speaks_of_another_task() -> Exchange:
    return task(replace(RUNNING, more=(("task_id", "another"),)), done())


@breaks("task.reason", "https://cdn.example")
def a_success_whose_link_stands_where_a_reason_belongs() -> Exchange:
    return task(RUNNING, done(more=(("fail_reason", "https://cdn.example/1.png"),)))


@breaks("task.succeeds", "failed: It was too hard.")
def a_task_that_fails() -> Exchange:
    return task(RUNNING, FAILED)


@breaks("task.succeeds", "failed: It was too hard.")
def a_task_that_fails_at_100_percent() -> Exchange:
    return task(RUNNING, replace(FAILED, progress="100%"))


@breaks("task.reason", "none", also=("task.succeeds",))
def a_task_that_fails_and_does_not_say_why() -> Exchange:
    return task(RUNNING, replace(FAILED, more=()))


@breaks("task.ends", "no end after 1 s")
def a_task_without_an_end() -> Exchange:
    return task(QUEUED, RUNNING, gave_up="no end after 1 s and 2 polls")


@breaks("task.ends", "500", also=("wire.accepted",))
def a_task_lost_on_the_way() -> Exchange:
    return task(RUNNING, Poll("", "", http=500))


@breaks("task.result", "none", also=("images.count",))
def a_success_without_pictures() -> Exchange:
    return task(RUNNING, done(data=None))


@breaks("task.progress", "40 -> 10 -> 100")
def progress_that_falls() -> Exchange:
    return task(RUNNING, replace(RUNNING, progress="10%"), done())


@breaks("task.progress", "100 percent while running")
def progress_too_early() -> Exchange:
    return task(replace(RUNNING, progress="100%"), done())


@breaks("task.progress", "50 percent")
def a_success_half_way() -> Exchange:
    return task(RUNNING, done(progress="50%"))


@breaks("task.progress", "150")
def progress_beyond_the_end() -> Exchange:
    return task(RUNNING, done(progress="150%"))


@breaks("task.times", "task-finished")
def finished_before_it_was_started() -> Exchange:
    return task(RUNNING, done(times=(int(NOW), int(NOW) + 5, int(NOW) + 2)))


@breaks("task.times", "1800000000000")
def task_times_in_milliseconds() -> Exchange:
    return task(QUEUED, done(times=(int(NOW) * 1000, int(NOW) * 1000 + 1000, int(NOW) * 1000 + 3000)))


# --- what keeps the contract, whatever it looks like ------------------------------------------------


@faithful
def plain_pictures() -> Exchange:
    return exchange(asking({**CHEAP, "n": 2}), pictures(drawn(), drawn(index=1)))


@faithful
def a_plain_link() -> Exchange:
    return exchange(asking(LINKED), links(LINK))


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


@faithful
def both_representations_of_one_picture() -> Exchange:
    value = pictures(drawn())
    value["data"][0]["url"] = LINK
    return exchange(asking(CHEAP), value)


@faithful
def a_link_of_another_host_with_a_query() -> Exchange:
    signed = "https://bucket.r2.example/a%20fox.png?sig=x%2By&exp=1800000000"
    return exchange(asking(LINKED), links(signed))


@faithful
def a_revised_prompt() -> Exchange:
    value = links(LINK)
    value["data"][0]["revised_prompt"] = "A red fox in the snow, oil on canvas"
    told = {"model": "dall-e-3", "prompt": "A red fox"}
    return exchange(asking(told), value, targets={LINK: Target(drawn(1024, 1024))})


@faithful
def no_size_asked_and_any_delivered() -> Exchange:
    value = pictures(drawn(320, 200), size="320x200")
    return exchange(asking({"model": "gpt-image-2", "prompt": "A red fox"}), value)


def _in_format(format_: str, **told: Any) -> Exchange:
    asked = {**GPT, "model": "gpt-image-2.6-flare", "output_format": format_, **told}
    data = drawn(*WIDE, format_, transparent="background" in told)
    return exchange(asking(asked), pictures(data, output_format=format_, size="1024x640"))


@faithful
def a_jpeg() -> Exchange:
    return _in_format("jpeg")


@faithful
def a_gif() -> Exchange:
    return _in_format("gif")


@faithful
def an_svg() -> Exchange:
    return _in_format("svg")


@faithful
def a_transparent_webp() -> Exchange:
    return _in_format("webp", background="transparent")


@faithful
def the_documented_refusal() -> Exchange:
    return refused(asking_wrongly(TOO_MANY))


@faithful
def a_refusal_in_other_words() -> Exchange:
    case = asking_wrongly(TOO_MANY)
    told = refusal(case.defect)
    told["error"] |= {"message": "n 不能大于 10 (request id: 2026)", "type": "new_api_error", "trace": "a1"}
    return refused(case, {"request_id": "req_1", **told})


@faithful
def a_missing_key_refused() -> Exchange:
    return refused(asking_wrongly(CHEAP, credential=None), status=401)


@faithful
def a_wrong_key_refused() -> Exchange:
    return refused(asking_wrongly(CHEAP, credential=WRONG_KEY), status=401)


@faithful
def an_unknown_task_refused() -> Exchange:
    return exchange(asking_in_vain(), {"code": "task_not_exist", "message": "任务不存在", "data": None}, 400)


@faithful
def too_many_requests() -> Exchange:
    return exchange(asking(CHEAP), error("rate_limit_exceeded", None), 429, {**HEADERS, "retry-after": "1"})


@faithful
def a_model_this_key_does_not_have() -> Exchange:
    return exchange(asking(CHEAP), error("model_not_found", None), 404)


@faithful
def another_missing_parameter_blamed_first() -> Exchange:
    # That the provider demands a size is a drift, but not one of this refusal's words: wire.accepted finds it.
    told = {"model": "gpt-image-2", "prompt": "A red fox", "n": 99}
    return refused(asking_wrongly(told), error("missing_required_parameter", "size"))


@faithful
def a_stream_with_all_that_was_asked_for() -> Exchange:
    return stream(partial(0), partial(1), finished())


@faithful
def a_stream_with_fewer_unfinished_pictures_than_asked_for() -> Exchange:
    return stream(finished())


@faithful
def a_stream_with_comments_and_other_line_ends() -> Exchange:
    return stream(b": hello\r\n\r\n", frame(partial(0)).replace(b"\n", b"\r\n"), b": still here\n", finished())


@faithful
def a_task_for_a_streaming_request() -> Exchange:
    return exchange(asking(STREAMED, **{"async": "true"}), {"task_id": TASK_ID})


@faithful
def a_plain_task() -> Exchange:
    return task(QUEUED, RUNNING, RUNNING, done())


@faithful
def a_task_done_at_once() -> Exchange:
    return task(done(times=(int(NOW), int(NOW), int(NOW))))


@faithful
def a_task_unknown_for_a_while() -> Exchange:
    return task(Poll("UNKNOWN", "0%"), Poll("NOT_START", "0%", times=(0, 0, 0)), RUNNING, done())


@faithful
def a_task_with_fields_nobody_knows() -> Exchange:
    return task(done(more=(("id", 7), ("platform", "gpt"), ("properties", {"input": ""}))))


@faithful
def a_task_asked_for_too_often() -> Exchange:
    return task(RUNNING, Poll("", "", http=429), RUNNING, done())


@faithful
def a_task_with_a_link() -> Exchange:
    return task(RUNNING, done(data=links(LINK)), told=LINKED)


# --- the tests --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_breaks_its_clause_and_what_goes_with_it(name: str) -> None:
    fault = FAULTS[name]
    found = broken(fault.build())
    assert set(found) == {fault.clause, *fault.also}
    assert fault.received in found[fault.clause].received
    assert found[fault.clause].expected


@pytest.mark.parametrize("name", FAITHFUL)
def test_a_faithful_answer_breaks_nothing(name: str) -> None:
    assert broken(FAITHFUL[name]()) == {}


@pytest.fixture(scope="module")
def acquitted() -> set[str]:
    """The clauses that say of one of the faithful answers that it keeps them."""
    return {
        clause.id
        for build in FAITHFUL.values()
        for part in whole(build())
        for clause in catalogue().values()
        if clause.judge(part) is CONFORMS
    }


@pytest.mark.parametrize("id_", catalogue())
def test_every_clause_has_an_answer_it_convicts_and_one_it_acquits(id_: str, acquitted: set[str]) -> None:
    assert id_ in {fault.clause for fault in FAULTS.values()}
    assert id_ in acquitted


@pytest.mark.parametrize("name", FAULTS)
def test_a_pointer_leads_to_the_place_of_the_fault(name: str) -> None:
    for part in whole(FAULTS[name].build()):
        for found in broken(replace(part, polls=[])).values():
            value, steps = part.response.value, found.pointer.split("/")[1:]
            for step in steps[:-1]:
                value = value[int(step)] if isinstance(value, list) else value[step]
            if steps:  # the last one may be what is missing
                assert isinstance(value, dict) or int(steps[-1]) < len(value)


SILENT = {
    "the count of a refusal": ("images.count", the_documented_refusal),
    "the count of a task's id": ("images.count", lambda: task(QUEUED)),
    "the pictures of a task that failed": ("task.result", lambda: task(FAILED)),
    "the alpha where none was asked": ("images.alpha", plain_pictures),
    "the size of a picture that does not decode": ("images.size", a_picture_cut_off),
    "the size where any will do": ("images.size", no_size_asked_and_any_delivered),
    "whether 429 is acceptance": ("wire.accepted", too_many_requests),
    "whether a model that is not there is acceptance": ("wire.accepted", a_model_this_key_does_not_have),
    "the code where the key is at fault": ("error.code", a_missing_key_refused),
    "the parameter of an error without one": ("error.param", an_unknown_task_refused),
    "the schema of an undocumented success": ("wire.schema", pictures_with_201),
    "the finished picture of a stream that failed": ("stream.completed", a_stream_that_fails_on_the_way),
    "the count of a stream that failed": ("images.count", a_stream_that_fails_on_the_way),
    "whether events come where none were asked": ("stream.content-type", plain_pictures),
    "unfinished pictures where none came": (
        "stream.partial-pictures",
        a_stream_with_fewer_unfinished_pictures_than_asked_for,
    ),
    "whether a single picture is different": ("images.distinct", a_plain_link),
    "whether a key is demanded where it is given": ("auth.enforced", plain_pictures),
}


@pytest.mark.parametrize("what", SILENT)
def test_a_clause_is_silent_where_it_cannot_know(what: str) -> None:
    id_, build = SILENT[what]
    assert [catalogue()[id_].judge(part) for part in whole(build())] == [None] * len(list(whole(build())))
