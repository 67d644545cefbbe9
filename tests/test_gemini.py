"""The official Gemini client takes the mock for the real thing: pictures inline, in one answer and in events."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import ask, opened
from google.genai import Client
from google.genai.errors import ClientError, ServerError
from google.genai.types import GenerateContentConfig, GenerateContentResponse, HttpOptions, ImageConfig, Part
from PIL import Image

from mockserver.runner import MockServer
from mockserver.settings import Settings

MODEL = "gemini-2.5-flash-image"
WIDE = GenerateContentConfig(response_modalities=["TEXT", "IMAGE"], image_config=ImageConfig(aspect_ratio="16:9"))


@pytest.fixture(scope="module")
def server() -> Iterator[MockServer]:
    with MockServer(Settings(port=0, contracts=("gemini",))) as running:
        yield running


@pytest.fixture(scope="module", params=[None, "v1beta"], ids=["the client's own version", "v1beta"])
def client(server: MockServer, request: pytest.FixtureRequest) -> Iterator[Client]:
    made = Client(api_key="sk-test", http_options=HttpOptions(base_url=server.url, api_version=request.param))
    yield made
    made.close()


def pictures(answer: GenerateContentResponse) -> list[Image.Image]:
    parts = [
        part for candidate in answer.candidates or () for part in (candidate.content and candidate.content.parts) or ()
    ]
    return [opened(part.inline_data.data) for part in parts if part.inline_data is not None and part.inline_data.data]


def test_a_picture_comes_inline_in_the_ratio_asked_for(client: Client) -> None:
    answer = client.models.generate_content(model=MODEL, contents="A red fox", config=WIDE)
    [picture] = pictures(answer)
    assert (picture.format, picture.size) == ("PNG", (1360, 768))
    assert answer.model_version == MODEL


def test_words_in_parts_are_one_prompt_and_a_picture_given_is_started_from(client: Client) -> None:
    file = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(file, "PNG")
    given = Part.from_bytes(data=file.getvalue(), mime_type="image/png")
    asked: list[Any] = [["A red fox"], ["A red fox", "in winter"], ["A red fox", given]]
    drawn = [
        pictures(client.models.generate_content(model=MODEL, contents=contents))[0].convert("RGB").tobytes()
        for contents in asked
    ]
    assert len(set(drawn)) == 3


def test_a_stream_brings_the_picture_whole(client: Client) -> None:
    chunks = list(client.models.generate_content_stream(model=MODEL, contents="A red fox", config=WIDE))
    [picture] = [picture for chunk in chunks for picture in pictures(chunk)]
    assert picture.size == (1360, 768)
    assert str(chunks[-1].candidates and chunks[-1].candidates[0].finish_reason).endswith("STOP")


def test_mistakes_are_told_in_the_words_the_client_reads(client: Client) -> None:
    with pytest.raises(ClientError) as caught:
        client.models.generate_content(model="gemini-9", contents="A red fox")
    assert (caught.value.code, caught.value.status) == (404, "NOT_FOUND")
    with pytest.raises(ClientError) as caught:
        client.models.generate_content(model=MODEL, contents=Part.from_bytes(data=b"none", mime_type="image/png"))
    assert (caught.value.code, caught.value.status) == (400, "INVALID_ARGUMENT")
    options = HttpOptions(headers={"Prefer": "problem=overloaded"})
    forced = GenerateContentConfig(http_options=options)
    with pytest.raises(ServerError):
        client.models.generate_content(model=MODEL, contents="A red fox", config=forced)


def test_either_header_carries_the_key(server: MockServer) -> None:
    url = f"{server.url}/v1beta/models/{MODEL}:generateContent"
    body = {"contents": [{"parts": [{"text": "A red fox"}]}]}
    statuses = [
        ask(url, body, key=key, headers=headers).status
        for key, headers in ((None, {}), ("sk-test", {}), (None, {"x-goog-api-key": "sk-test"}))
    ]
    assert statuses == [401, 200, 200]
