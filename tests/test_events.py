"""Event streams: framed as clients demand it, read tolerantly."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec.events import frame, lowered, parse

NAMES = st.from_regex(r"[a-z_.]{1,20}", fullmatch=True)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
)


@given(st.lists(st.fixed_dictionaries({"event": NAMES, "data": st.dictionaries(NAMES, JSON, max_size=3)}), max_size=4))
def test_what_is_framed_is_read_again(events: list[dict[str, Any]]) -> None:
    stream = parse(b"".join(map(frame, events)))
    assert (stream.events, stream.unfinished, stream.comments) == (events, "", [])


def test_an_event_is_two_lines_and_a_blank_one() -> None:
    assert frame({"event": "done", "data": {"type": "done"}}) == b'event: done\ndata: {"type":"done"}\n\n'


def test_a_text_s_lines_each_get_their_field() -> None:
    assert frame({"data": "a\nb"}) == b"data: a\ndata: b\n\n"
    assert parse(frame({"data": "a\nb"})).events == [{"data": "a\nb"}]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_any_line_ending_ends_a_line(end: bytes) -> None:
    body = end.join([b": ping", b"event: a", b'data: {"x":', b"data: 1}", b"", b"data: last", b""])
    stream = parse(body)
    assert stream.events == [{"event": "a", "data": {"x": 1}}]
    assert (stream.comments, stream.unfinished) == (["ping"], "data: last")


def test_an_event_that_is_not_ended_is_none() -> None:
    stream = parse(b"event: a\ndata: 1")
    assert (stream.events, stream.unfinished) == ([], "event: a\ndata: 1")


def test_data_that_is_nested_too_deeply_is_text() -> None:
    deep = '[{"a":' * 300 + "1" + "}]" * 300
    assert parse(f"data: {deep}\n\n".encode()).events == [{"data": deep}]


@given(st.binary(max_size=400))
def test_any_bytes_are_read(body: bytes) -> None:
    for event in parse(body).events:
        assert event


def test_validators_see_decoded_events() -> None:
    inner = {"type": "object", "properties": {"b64": {"type": "string"}}}
    schema = {
        "anyOf": [{"properties": {"event": {"const": "a"}, "data": {"type": "string", "contentSchema": inner}}}],
    }
    assert lowered(schema) == {"anyOf": [{"properties": {"event": {"const": "a"}, "data": inner}}]}
