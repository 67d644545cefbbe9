"""The moves drifts are played with, each on its own: what it changes, and what it leaves alone."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from faulty import CREATE, EDIT, GPT, STREAMED, TASK, drawn, in_base64
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict
from PIL import Image

from mockserver.drift import Plan
from mockserver.replies import Refusal, Reply
from spec import events, forms
from spec.drifts import Contradiction, DriftUse, catalogue, compatible, drift_uses
from spec.messages import Request
from spec.patterns import matches

FOX = in_base64(drawn())


def plan(told: Mapping[str, Any] | None = None, **plays: Any) -> Plan:
    """A plan of one drift that makes these moves; `told` are its parameters."""
    return Plan([DriftUse(replace(catalogue()["created-zero"], id="one", plays=plays), told or {})])


def answered(*items: dict[str, Any], **more: Any) -> Reply:
    return Reply(200, {}, "application/json", {"created": 17, "data": list(items), **more})


def told(reply: Reply, **plays: Any) -> Any:
    return plan(answer=plays).reply(reply, CREATE).value


# --- bodies ---------------------------------------------------------------------------------------------------------


def test_members_are_merged_renamed_and_dropped_in_the_places_that_are_named() -> None:
    two = answered({"b64_json": FOX}, {"b64_json": FOX})
    value = told(
        two,
        on="pictures",
        merge={"result": {"created": 0}, "item": {"url": None}, "last": {"seen": "{created}"}, "$": {"id": "x"}},
        rename={"$": {"data": "images"}},
        drop={"$.images[0]": ["b64_json"]},
    )
    assert value == {"created": 0, "id": "x", "images": [{"url": None}, {"b64_json": FOX, "url": None, "seen": 17}]}


def test_values_are_put_and_scaled_by_what_they_mean() -> None:
    value = told(
        answered({"url": "https://a/b"}), on="pictures", put={"image-url": "{image-url}.gone"}, scale={"created": 1000}
    )
    assert value == {"created": 17000, "data": [{"url": "https://a/b.gone"}]}


def test_the_result_of_a_task_is_a_place_as_the_answer_is() -> None:
    inner = {"created": 17, "data": [{"b64_json": FOX}]}
    poll = Reply(
        200,
        {},
        "application/json",
        {"code": "success", "data": {"task_id": "t", "status": "SUCCESS", "progress": "100%", "data": inner}},
    )
    value = plan(answer={"on": "result", "merge": {"result": {"usage": None}}}).reply(poll, TASK).value
    assert value["data"]["data"] == {**inner, "usage": None}


@pytest.mark.parametrize("on", ["refusal", "stream", "submit", "poll", "result"])
def test_an_answer_a_move_is_not_on_stays_as_it_is(on: str) -> None:
    reply = answered({"b64_json": FOX})
    assert plan(answer={"on": on, "body": {}, "status": 500}).reply(reply, CREATE) == reply


def test_a_move_wants_what_it_needs() -> None:
    reply = answered({"b64_json": FOX})
    for wanting in ({"having": ["image-url"]}, {"takes": ["mask"]}, {"lacks": ["prompt"]}, {"least": 2}):
        assert plan(answer={"on": "pictures", "body": {}, **wanting}).reply(reply, CREATE) == reply


def test_an_error_is_said_in_another_envelope() -> None:
    error = {"message": "No {braces} here", "type": "t", "param": None, "code": "c"}
    reply = Reply(400, {}, "application/json", {"error": error}, "too-long")
    assert told(reply, on="refusal", body={"detail": "{error-message}", "why": ["{error-code}", "a {error-code}"]}) == {
        "detail": "No {braces} here",
        "why": ["c", "a c"],
    }
    assert told(reply, on="refusal", problems=["too-short"], body={}) == {"error": error}


def test_a_refusal_that_is_sent_as_a_success_is_a_refusal_to_every_other_move() -> None:
    error = {"message": "No.", "type": "t", "param": None, "code": "c"}
    reply = Reply(200, {}, "application/json", {"error": error}, "too-long")
    for on in ("pictures", "success", "poll", "submit", "result"):
        assert told(reply, on=on, body={}) == {"error": error}
    assert told(reply, on="refusal", body={"detail": "{error-message}"}) == {"detail": "No."}


def test_a_page_is_sent_as_the_bytes_it_is() -> None:
    reply = plan({"status": "502"}, answer={"on": "pictures", "body": "<html></html>"}).reply(
        answered({"b64_json": FOX}), CREATE
    )
    assert (reply.status, reply.media, reply.body()) == (502, "text/html", b"<html></html>")


def test_pictures_are_redrawn_in_another_format_and_size() -> None:
    value = told(answered({"b64_json": FOX}), on="pictures", redraw={"image-b64": {"format": "jpeg", "size": "40x30"}})
    with Image.open(io.BytesIO(base64.b64decode(value["data"][0]["b64_json"]))) as image:
        assert (image.format, image.size) == ("JPEG", (40, 30))


# --- requests -------------------------------------------------------------------------------------------------------


def request(**value: Any) -> Request:
    return Request(
        "POST", CREATE.path, headers=CIMultiDict({"Content-Type": "application/json"}), body=b"{}", value=value
    )


def test_a_defect_is_mended_by_dropping_by_its_limit_or_by_a_value() -> None:
    for by, expected in (("drop", {"a": 1}), ("limit", {"a": 1, "n": 10}), (3, {"a": 1, "n": 3})):
        asked = request(a=1, n=11)
        refusal = Refusal("above-maximum", "n", "count", {"limit": 10})
        assert plan(forgive={"problems": ["above-maximum"], "of": "count", "by": by}).forgives(asked, refusal, CREATE)
        assert asked.value == expected


def test_another_problem_another_role_another_operation_is_not_overlooked() -> None:
    forgive = {"problems": ["above-maximum"], "of": "count", "by": "drop"}
    for refusal in (Refusal("below-minimum", "n", "count"), Refusal("above-maximum", "n", "partial-count")):
        assert not plan(forgive=forgive).forgives(request(n=1), refusal, CREATE)
    wrong = Refusal("above-maximum", "n", "count", {"limit": 10})
    assert not plan(forgive={**forgive, "takes": ["mask"]}).forgives(request(n=1), wrong, CREATE)


def test_a_missing_key_becomes_somebodys_and_the_other_headers_stay() -> None:
    asked = request()
    assert plan(forgive={"problems": ["missing-credentials"], "by": "drop"}).forgives(
        asked, Refusal("missing-credentials"), CREATE
    )
    assert CREATE.key(asked.headers)
    assert asked.media == "application/json"


def test_what_keeps_the_contract_is_refused_where_the_pattern_fits() -> None:
    rejecting = plan(
        reject={"when": {"given": "count", "asked": {"size": "64x32"}}, "problem": "unknown-parameter", "role": "count"}
    )
    refusal = rejecting.rejection({"size": (64, 32), "count": 2}, request(n=2), CREATE)
    assert refusal is not None
    assert (refusal.problem, refusal.param, refusal.role) == ("unknown-parameter", "n", "count")
    assert rejecting.rejection({"size": (64, 64), "count": 2}, request(n=2), CREATE) is None
    assert rejecting.rejection({"size": (64, 32), "count": 1}, request(), CREATE) is None


def a_form_of(**value: Any) -> Request:
    """A form of texts, as clients send it."""
    body = forms.joined(forms.parts_of(value), "b")
    return replace(request(**value), headers={"content-type": "multipart/form-data; boundary=b"}, body=body)


def test_pictures_given_are_counted_in_forms() -> None:
    rejecting = plan(reject={"when": {"pictures": 2, "given": "input-image"}})
    assert rejecting.rejection(
        {"input-image": ["a", "b"]},
        a_form_of(image=["a", "b"]),
        EDIT,
    )
    assert rejecting.rejection({"input-image": ["a"]}, request(), EDIT) is None


def test_a_form_is_refused_for_what_it_calls_its_parts() -> None:
    rejecting = plan(reject={"when": {"parts": "image[]"}})
    assert rejecting.rejection({}, a_form_of(image=["a", "b"]), EDIT)
    assert rejecting.rejection({}, a_form_of(image=["a"]), EDIT) is None


def test_other_things_are_heard_than_were_said() -> None:
    hearing = plan(
        ask={"when": {"delivery": "image-url"}, "put": {"count": 1, "seed": 5}, "drop": ["stream"], "add": {"x": 1}}
    )
    assert hearing.asked({"delivery": "image-url", "count": 3, "stream": True}) == {
        "delivery": "image-url",
        "count": 1,
        "x": 1,
    }
    assert hearing.asked({"delivery": "image-b64", "count": 3}) == {"delivery": "image-b64", "count": 3}


def test_some_pictures_are_lost_where_there_are_enough() -> None:
    losing = plan(lose={"least": 3, "fewer": 1})
    assert [losing.asked({"count": count})["count"] for count in (1, 2, 3, 4)] == [1, 2, 2, 3]


SIZES = st.tuples(st.integers(64, 3840), st.integers(64, 3840))


@given(SIZES)
def test_sizes_become_what_their_rule_says(size: tuple[int, int]) -> None:
    def made(**rule: Any) -> tuple[int, int]:
        width, height = plan(size=rule).asked({"size": size})["size"]
        return width, height

    assert made(fixed="512x512") == (512, 512)
    assert all(
        edge % 64 == 0 and 0 <= asked - edge < 64 for edge, asked in zip(made(step=64, down=True), size, strict=True)
    )
    assert all(256 <= edge <= 1440 and edge % 32 == 0 for edge in made(step=32, least=256, most=1440))
    assert made(snap=["2x1", "1x2"]) == ((2, 1) if size[0] / size[1] > 1.25 else (1, 2))
    width, height = made(pixels=10_000)
    assert width * height <= 10_000 * 1.05 or (width, height) == size
    assert made(fixed="1x1", above=size[0] * size[1]) == size


def test_a_size_that_is_a_word_stays_one() -> None:
    assert plan(size={"fixed": "512x512"}).asked({"size": "auto"}) == {"size": "auto"}


# --- refusals -------------------------------------------------------------------------------------------------------


def test_a_refusal_gets_another_status_and_other_fields_if_it_is_meant() -> None:
    refusing = plan(
        {"type": "mine"},
        refuse={
            "problems": ["a", "b"],
            "but": ["b"],
            "of": "size",
            "status": 500,
            "error": {"code": None},
            "told": ["type"],
        },
    )
    assert refusing.refusal(Refusal("a", role="size")) == Refusal(
        "a", role="size", status=500, fields={"error-code": None, "error-type": "mine"}
    )
    for other in (Refusal("b", role="size"), Refusal("c", role="size"), Refusal("a", role="count")):
        assert refusing.refusal(other) == other
    first = refusing.refusal(Refusal("a", role="size", status=503))
    assert first.status == 503, "the status another drift has given stays"


# --- streams --------------------------------------------------------------------------------------------------------


def event(name: str, **data: Any) -> dict[str, Any]:
    return {"event": f"image_generation.{name}", "data": {"type": f"image_generation.{name}", "b64_json": FOX, **data}}


PARTIAL, DONE = event("partial_image", partial_image_index=0), event("completed")


def streamed(id_: str) -> Reply:
    """A stream of two events as a drift sends it."""
    reply = Reply(200, {}, events.MEDIA_TYPE, [PARTIAL, DONE])
    return Plan(drift_uses([id_])).reply(reply, CREATE)


def test_events_are_left_out_repeated_and_replaced() -> None:
    assert streamed("stream-ends-without-final").value == [PARTIAL]
    assert streamed("stream-completed-twice").value == [PARTIAL, DONE, DONE]
    [first, last] = streamed("stream-error-flat").value
    assert first == PARTIAL
    assert last == {
        "event": "error",
        "data": {"type": "error", "code": "upstream_error", "message": "upstream error", "param": None},
    }


def test_events_are_framed_in_other_ways() -> None:
    plain = [events.frame(PARTIAL), events.frame(DONE)]
    assert streamed("stream-done-sentinel-on-images").framed() == [*plain, b"data: [DONE]\n\n"]
    assert streamed("stream-last-event-unended").framed() == [plain[0], plain[1][:-1]]
    nameless = [frame.partition(b"\n")[2] for frame in plain]
    assert streamed("sse-event-line-missing").framed() == nameless
    named = [b"event: image.chunk\n", b"event: image.complete\n"]
    assert streamed("sse-event-names-own-vocabulary").framed() == [a + b for a, b in zip(named, nameless, strict=True)]
    assert streamed("stream-event-without-data").framed() == [b"event: ping\nid: 0\n\n", *plain]
    assert streamed("heartbeat-only-stream-never-ends").framed() == [b": keep-alive\n\n"] * 2


def test_drifts_of_streams_hear_nothing_of_streams() -> None:
    roles = {**GPT, "stream": True, "partial-count": 2}
    assert Plan(drift_uses(["stream-request-json-answer"])).asked(roles) == GPT
    assert Plan(drift_uses(["partial-images-accepted-never-sent"])).asked(roles) == {**roles, "partial-count": 0}
    assert STREAMED["partial_images"] == 2


# --- together -------------------------------------------------------------------------------------------------------


def test_two_drifts_that_set_the_same_switch_are_refused_by_name() -> None:
    both = drift_uses(["size-not-applied-512", "size-rounded-to-64"])
    with pytest.raises(
        Contradiction, match=r"'size-not-applied-512' and 'size-rounded-to-64' .* both set size\n  expected: one"
    ):
        Plan(both)
    compatible(drift_uses(["size-not-applied-512", "created-zero", "size-not-applied-512"]))


# --- patterns -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "value", "fits"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, True),
        ({"a": 1}, {"a": 2}, False),
        ({"a": 1}, {}, False),
        ({"a": None}, {"a": None}, True),
        ({"a": None}, {}, False),
        ({"a": "$absent"}, {"b": 1}, True),
        ({"a": "$absent"}, {"a": None}, False),
        ({"a": ["x", "y"]}, {"a": "y"}, True),
        ({"a": ["x", "y"]}, {"a": "z"}, False),
        ({"a": "~^x+$"}, {"a": "xx"}, True),
        ({"a": "~^x+$"}, {"a": 7}, False),
        ({"a": {"b": 1}}, {"a": [{"b": 2}, {"b": 1}]}, True),
        ({"a": {"b": "$absent"}}, {"a": [{"b": 2}]}, False),
        ({"a": "x"}, {"a": ["y", "x"]}, True),
        ({"a": {"$schema": {"minimum": 3}}}, {"a": 3}, True),
        ({"a": {"$schema": {"minimum": 3}}}, {"a": 2}, False),
        ([{"a": 1}, {"b": 1}], {"b": 1}, True),
        ({}, {"a": 1}, True),
    ],
)
def test_a_pattern_says_what_a_value_looks_like(pattern: Any, value: Any, fits: bool) -> None:
    assert matches(pattern, value) is fits
