"""Forms: what clients send is read as the value the contract speaks of, and nothing else is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec.forms import File, Part, decode_form, joined, lowered, parts_of, split
from spec.messages import Undecodable

BOUNDARY = "0123456789abcdef"
CONTENT_TYPE = f"multipart/form-data; boundary={BOUNDARY}"
PICTURE = {
    "contentMediaType": "image/png",
    "maxLength": 10,
    "x-problem": {"maxLength": "big", "contentMediaType": "kind"},
}
SCHEMA = lowered(
    {
        "type": "object",
        "properties": {
            "prompt": {"type": "string"},
            "n": {"type": ["integer", "null"]},
            "scale": {"type": "number"},
            "stream": {"type": "boolean"},
            "image": {"type": "array", "items": PICTURE},
            "mask": PICTURE,
            "svg": {
                "type": "object",
                "properties": {
                    "model": {"type": "string"},
                    "reasoning": {"type": "object", "properties": {"effort": {}}},
                },
            },
        },
    },
    {"image": {"contentType": "image/png, image/webp"}, "mask": {"contentType": "image/png"}},
)


def form(*parts: Part) -> Any:
    return decode_form(joined(parts, BOUNDARY), CONTENT_TYPE, SCHEMA)


def text(name: str, value: str) -> Part:
    return Part(name, value.encode())


def part(head: str, data: bytes = b"x") -> bytes:
    return f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()


@given(st.lists(st.tuples(st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.binary(max_size=200)), max_size=6))
def test_what_is_joined_is_split_again(pairs: list[tuple[str, bytes]]) -> None:
    parts = [Part(name, data, "a.png", "image/png") for name, data in pairs if BOUNDARY.encode() not in data]
    assert split(joined(parts, BOUNDARY), CONTENT_TYPE) == parts


def test_texts_are_read_as_what_the_schema_says() -> None:
    parts = [text("prompt", "7"), text("n", "3"), text("scale", "0.5"), text("stream", "true")]
    assert form(*parts) == {"prompt": "7", "n": 3, "scale": 0.5, "stream": True}


@pytest.mark.parametrize(("name", "value"), [("n", "abc"), ("n", "2.5"), ("n", ""), ("n", "٣"), ("stream", "yes")])
def test_a_text_that_does_not_fit_stays_one(name: str, value: str) -> None:
    assert form(text(name, value)) == {name: value}


@pytest.mark.parametrize("names", [["image"], ["image[]"], ["image", "image"], ["image[]", "image[]"]])
def test_an_array_collects_its_parts_with_and_without_brackets(names: list[str]) -> None:
    found = form(*(Part(name, b"%d" % index, "a.png", "image/png") for index, name in enumerate(names)))
    assert [file.data for file in found["image"]] == [b"%d" % index for index in range(len(names))]
    assert {file["media"] for file in found["image"]} == {"image/png"}


def test_brackets_lead_into_objects() -> None:
    assert form(text("svg[model]", "m"), text("svg[reasoning][effort]", "low")) == {
        "svg": {"model": "m", "reasoning": {"effort": "low"}}
    }


@pytest.mark.parametrize("name", ["foo", "foo[]", "image[0]", "svg[no]", "svg[reasoning][no]", "[x]", "n[]"])
def test_a_name_that_leads_nowhere_stays_as_it_is(name: str) -> None:
    assert form(text(name, "x")) == {name: "x"}


def test_a_value_given_twice_is_a_list_where_one_belongs() -> None:
    assert form(text("n", "1"), text("n", "2")) == {"n": [1, 2]}


@pytest.mark.parametrize(
    ("head", "filename", "media"),
    [
        (
            'Content-Disposition: form-data; name="mask"; filename="a b.png"\r\nContent-Type: image/webp',
            "a b.png",
            "image/webp",
        ),
        ("Content-Disposition: form-data; name=mask; filename=a.JPG", "a.JPG", "image/jpeg"),
        ("Content-Disposition: form-data; name=mask; filename*=utf-8''%C3%A4.png", "ä.png", "image/png"),
        ('Content-Disposition: form-data; name="mask"; filename="upload"', "upload", "application/octet-stream"),
        ('Content-Disposition: form-data; name="mask"; filename=""', "", "application/octet-stream"),
        ('Content-Disposition: form-data; name="mask"; filename="x"\r\nContent-Type: Image/PNG; q=1', "x", "image/png"),
    ],
)
def test_a_file_has_a_name_and_says_what_it_is(head: str, filename: str, media: str) -> None:
    [file] = decode_form(part(head), CONTENT_TYPE, SCHEMA).values()
    assert (file["filename"], file["media"], file["bytes"], file.data) == (filename, media, 1, b"x")


WHOLE = joined([text("prompt", "x")], BOUNDARY)


@pytest.mark.parametrize(
    ("body", "content_type", "reason"),
    [
        (b"", CONTENT_TYPE, "end"),
        (WHOLE[:-6], CONTENT_TYPE, "end"),
        (WHOLE[:20], CONTENT_TYPE, "end"),
        (b"junk", CONTENT_TYPE, "whole form"),
        (WHOLE, "multipart/form-data", "no boundary"),
        (WHOLE, "multipart/form-data; boundary=other", "whole form"),
        (part("X: y"), CONTENT_TYPE, "Content-Disposition"),
        (part("Content-Disposition: form-data"), CONTENT_TYPE, "name"),
        (part('Content-Disposition: form-data; name=""'), CONTENT_TYPE, "no name"),
        (part('Content-Disposition: form-data; name="prompt"', b"\xff"), CONTENT_TYPE, "'prompt' is not UTF-8"),
        (joined([text("a", "x")] * 1001, BOUNDARY), CONTENT_TYPE, "whole form"),
    ],
)
def test_a_damaged_form_is_refused_with_a_reason(body: bytes, content_type: str, reason: str) -> None:
    with pytest.raises(Undecodable, match=reason):
        decode_form(body, content_type, SCHEMA)


@given(st.binary(max_size=300), st.integers(0, len(WHOLE)))
def test_any_bytes_are_read_or_refused(junk: bytes, at: int) -> None:
    for body in (junk, WHOLE[:at] + junk + WHOLE[at:]):
        try:
            decode_form(body, CONTENT_TYPE, SCHEMA)
        except Undecodable as error:
            assert str(error)  # noqa: PT017


def test_a_value_becomes_the_parts_clients_send() -> None:
    file = File(b"\x89PNG", "a.png", "image/png")
    value = {
        "image": [file],
        "prompt": "p",
        "n": 2,
        "stream": True,
        "svg": {"reasoning": {"effort": "low"}},
        "size": None,
    }
    parts = parts_of(value)
    assert [one.name for one in parts] == ["prompt", "n", "stream", "svg[reasoning][effort]", "image"]
    told = {name: inner for name, inner in value.items() if inner is not None}
    assert form(*parts) == told
    assert [one.name for one in parts_of({"image": [file, file]})] == ["image[]", "image[]"]


def test_a_file_s_schema_is_lowered_to_what_validators_see() -> None:
    image = SCHEMA["properties"]["image"]["items"]
    assert image["properties"] == {
        "media": {"type": "string", "enum": ["image/png", "image/webp"], "x-problem": {"enum": "kind"}},
        "bytes": {"type": "integer", "maximum": 10, "x-problem": {"maximum": "big"}},
    }
    assert (image["type"], image["required"]) == ("object", ["media"])
