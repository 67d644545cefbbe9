"""Answers about streams: what breaks a clause, what keeps all of them, where one cannot know."""

from __future__ import annotations

from dataclasses import replace

from faulty import (
    GPT,
    HEADERS,
    LINKED,
    STREAMED,
    TOKENS,
    asking,
    blank,
    chatted,
    drawn,
    error,
    event,
    exchange,
    failing,
    finished,
    partial,
    pictures,
    stream,
)

from contract_tests.exchange import Exchange
from exhibits import ECHOED, WIDE, breaks, faithful, silent
from spec.events import frame

#: a stream is asked for, unfinished pictures are not
WITHOUT = {**STREAMED, "partial_images": 0}


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


@silent("stream.framing")
@breaks("stream.completed", "0 in 0 events", also=("images.count",))
def a_stream_of_nothing() -> Exchange:
    return stream(b": waiting\n\n")


@breaks("stream.framing", "'{", also=("stream.completed", "wire.schema", "images.count"))
def json_cut_off_in_an_event() -> Exchange:
    return stream(partial(0), frame(finished()).rstrip()[:-1] + b"\n\n")


@breaks("stream.completed", "0 in 2 events", also=("images.count",))
def a_stream_without_its_picture() -> Exchange:
    return stream(partial(0), partial(1))


@breaks("stream.completed", "2 in 3 events", also=("images.count", "images.distinct"))
def a_picture_finished_twice() -> Exchange:
    return stream(partial(0), finished(), finished())


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


@silent("images.count", "stream.completed")
@breaks("wire.accepted", "200, and then an error: Out of paint")
def a_stream_that_fails_on_the_way() -> Exchange:
    return stream(partial(0), failing())


@breaks("images.size", "640x1024", also=("echo.size",))
def a_streamed_picture_of_another_size() -> Exchange:
    return stream(event("completed", drawn(640, 1024), usage=TOKENS), asked=WITHOUT)


@breaks("images.format", "webp", also=("echo.format",))
def a_streamed_picture_of_another_format() -> Exchange:
    return stream(event("completed", drawn(*WIDE, format_="webp"), usage=TOKENS), asked=WITHOUT)


@breaks("usage.sums", "300 = 11 + 272")
def streamed_usage_that_does_not_add_up() -> Exchange:
    return stream(partial(0), finished(usage={**TOKENS, "total_tokens": 300}))


@breaks("images.b64-clean", "data:image/png;base64,")
def a_data_url_in_an_event() -> Exchange:
    told = finished()
    told["data"]["b64_json"] = "data:image/png;base64," + told["data"]["b64_json"]
    return stream(told, asked=WITHOUT)


@faithful
def a_stream_with_all_that_was_asked_for() -> Exchange:
    return stream(partial(0), partial(1), finished())


@faithful
def a_stream_with_fewer_unfinished_pictures_than_asked_for() -> Exchange:
    return stream(partial(0), finished())


@breaks("stream.partials-sent", "none")
@silent("stream.partial-pictures")
def a_stream_without_the_unfinished_pictures_asked_for() -> Exchange:
    return stream(finished())


@silent("stream.partials-sent", "stream.partial-pictures")
@faithful
def a_stream_that_was_asked_for_no_unfinished_pictures() -> Exchange:
    return stream(finished(), asked=WITHOUT)


@faithful
def a_stream_with_comments_and_other_line_ends() -> Exchange:
    return stream(b": hello\r\n\r\n", frame(partial(0)).replace(b"\n", b"\r\n"), b": still here\n", finished())


@silent("images.delivery")
@faithful
def links_asked_for_by_default_where_events_only_know_base64() -> Exchange:
    return stream(finished(), asked={**LINKED, "stream": True, "size": "1024x640"})


@breaks("stream.partial-format", "jpeg")
def an_unfinished_picture_of_another_format() -> Exchange:
    return stream(event("partial_image", drawn(1024, 640, "jpeg", index=0), partial_image_index=0), finished())


@breaks("stream.agrees", "medium")
def an_unfinished_picture_of_another_quality() -> Exchange:
    return stream(partial(0, quality="medium"), finished())


@breaks("stream.failure-ends", "1 pictures behind", also=("wire.accepted",))
def a_picture_behind_a_failure() -> Exchange:
    return stream(partial(0), failing(), finished())


@breaks("stream.incremental", "all of them after 29.9 s")
def a_stream_held_back_by_a_proxy() -> Exchange:
    return replace(stream(partial(0), finished()), seconds=30.0, first_byte=29.9)


@breaks("stream.incremental", "all of them after 4.5 s")
def a_short_stream_that_takes_its_time_to_arrive_at_once() -> Exchange:
    return replace(stream(partial(0), finished()), seconds=5.0, first_byte=4.5)


@breaks("stream.converges", "of 255 away")
def unfinished_pictures_that_become_blurred() -> Exchange:
    black = event("partial_image", blank(1024, 640), partial_image_index=1)
    return stream(partial(0), black, finished())


@breaks("stream.unfinished", "the finished picture")
def the_finished_picture_for_an_unfinished_one() -> Exchange:
    return stream(event("partial_image", drawn(1024, 640), partial_image_index=0), finished())


@faithful
def a_slow_stream_that_comes_bit_by_bit() -> Exchange:
    return replace(stream(partial(0), partial(1), finished()), seconds=120.0, first_byte=30.0)


@faithful
def a_last_unfinished_picture_that_is_nearly_done() -> Exchange:
    return stream(partial(0), partial(1), finished())


@silent(
    "stream.partial-format",
    "stream.agrees",
    "stream.failure-ends",
    "stream.incremental",
    "stream.converges",
    "stream.unfinished",
)
@faithful
def a_stream_of_the_finished_picture_alone() -> Exchange:
    return replace(stream(finished(), asked={**STREAMED, "partial_images": 0}), seconds=60.0, first_byte=59.9)


@breaks("stream.ending", "none")
def a_stream_that_is_just_closed() -> Exchange:
    return chatted()


@breaks("stream.ending", "2 of them")
def two_ends() -> Exchange:
    return chatted("[DONE]", "[DONE]")


@faithful
def a_stream_that_ends_as_documented() -> Exchange:
    return chatted("[DONE]")


@silent("stream.ending")
@faithful
def a_stream_that_has_no_such_text() -> Exchange:
    return stream(partial(0), finished())


@breaks("wire.schema", "usage")
def a_finished_picture_with_the_usage_of_a_chat() -> Exchange:
    return stream(partial(0), finished(usage={"prompt_tokens": 11, "completion_tokens": 272, "total_tokens": 283}))
