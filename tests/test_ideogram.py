"""Ideogram: pictures at once, from JSON and from forms with JSON in them; descriptions instead of pictures."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from conftest import Answer, ask, opened
from PIL import Image

from mockserver.runner import MockServer
from mockserver.settings import Settings
from spec.forms import Part, joined

ROOT = "/ideogram"


@pytest.fixture(scope="module")
def server() -> Iterator[MockServer]:
    with MockServer(Settings(port=0, contracts=("ideogram",))) as running:
        yield running


def picture(kind: str = "PNG") -> Part:
    file = io.BytesIO()
    Image.new("RGB", (96, 64), "red").save(file, kind)
    return Part("image_file", file.getvalue(), f"a.{kind.lower()}", f"image/{kind.lower()}")


def form(server: MockServer, path: str, *parts: Part) -> Answer:
    headers = {"content-type": "multipart/form-data; boundary=b"}
    return ask(f"{server.url}{ROOT}/{path}", joined(parts, "b"), headers=headers)


def asked(**request: Any) -> Part:
    return Part("image_request", json.dumps(request).encode())


def sizes(answer: Answer) -> list[tuple[int, int]]:
    assert answer.status == 200, answer.body
    found = [opened(ask(one["url"], key=None).body).size for one in answer.json["data"]]
    assert [one["resolution"] for one in answer.json["data"]] == [f"{width}x{height}" for width, height in found]
    return found


def test_generate_tells_when_what_and_how_large(server: MockServer) -> None:
    request = {"prompt": "A red fox", "aspect_ratio": "ASPECT_16_9", "num_images": 2, "seed": 7, "style_type": "ANIME"}
    answer = ask(f"{server.url}{ROOT}/generate", {"image_request": request})
    assert sizes(answer) == [(1360, 768)] * 2
    assert datetime.fromisoformat(answer.json["created"]).tzinfo is not None
    told = {"prompt": "A red fox", "seed": 7, "style_type": "ANIME", "is_image_safe": True}
    assert all(told.items() <= one.items() for one in answer.json["data"])


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_form_carries_the_picture_and_json_beside_it(server: MockServer, kind: str) -> None:
    answer = form(server, "remix", picture(kind), asked(prompt="A blue fox", aspect_ratio="ASPECT_2_3"))
    assert sizes(answer) == [(832, 1248)]
    assert sizes(form(server, "upscale", picture(kind), asked(resemblance=80))) == [(1024, 1024)]


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ([picture(), asked(aspect_ratio="ASPECT_2_3")], "image_request.prompt is required"),
        ([picture(), asked(prompt="A fox", num_images=9)], "image_request.num_images: "),
        ([picture(), Part("image_request", b"{")], "the body is not the multipart/form-data it claims to be"),
        ([asked(prompt="A fox")], "image_file is required"),
        ([picture("GIF"), asked(prompt="A fox")], "image_file: "),
    ],
)
def test_a_mistake_in_either_part_is_named(server: MockServer, parts: list[Part], said: str) -> None:
    answer = form(server, "remix", *parts)
    assert (answer.status, answer.error["message"][: len(said)]) == (400, said)


def test_describe_answers_in_words(server: MockServer) -> None:
    told = form(server, "describe", picture()).json["descriptions"]
    assert len({one["text"] for one in told}) == 4


def test_the_third_version_takes_plain_fields(server: MockServer) -> None:
    fields = {"prompt": "A red fox", "resolution": "1344x768", "num_images": "2"}
    path = "v1/ideogram-v3/generate"
    assert sizes(form(server, path, *(Part(k, v.encode()) for k, v in fields.items()))) == [(1344, 768)] * 2
    both = {**fields, "aspect_ratio": "1x1"}
    assert form(server, path, *(Part(k, v.encode()) for k, v in both.items())).status == 400


def test_either_header_carries_the_key(server: MockServer) -> None:
    url, body = f"{server.url}{ROOT}/generate", {"image_request": {"prompt": "A fox"}}
    assert [ask(url, body, key=None).status, ask(url, body, key=None, headers={"Api-Key": "k"}).status] == [401, 200]
