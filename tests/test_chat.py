"""Chat completions with pictures: the official client reads them, and the contract tests read them in pieces, too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import orjson
import pytest
from conftest import ask, opened
from openai import NotFoundError, OpenAI

from contract_tests.streams import read
from mockserver.runner import MockServer
from mockserver.settings import Settings
from spec.loading import load_contract
from spec.response_check import ResponseCheck

ASKED = "Draw a red fox"
LINK = "https://cdn.example/fox.png"


@pytest.fixture(scope="module")
def server() -> Iterator[MockServer]:
    with MockServer(Settings(port=0, contracts=("chat",))) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: MockServer) -> Iterator[OpenAI]:
    with OpenAI(api_key="sk-test", base_url=f"{server.url}/v1", max_retries=0) as made:
        yield made


def size(content: str) -> tuple[int, int]:
    """The one picture in a message; a link to download it is no second one."""
    [link] = re.findall(r"!\[.*?\]\((https?://[^\s)]+)\)", content)
    return opened(ask(link, key=None).body).size


def test_the_picture_stands_in_the_message(client: OpenAI) -> None:
    answer = client.chat.completions.create(model="gpt-4-all", messages=[{"role": "user", "content": ASKED}])
    assert (answer.object, answer.choices[0].finish_reason) == ("chat.completion", "stop")
    assert size(answer.choices[0].message.content or "") == (1024, 1024)


def test_a_stream_brings_it_in_deltas_and_ends_with_done(client: OpenAI, server: MockServer) -> None:
    messages: Any = [{"role": "user", "content": ASKED}]
    chunks = list(client.chat.completions.create(model="gpt-4-all", messages=messages, stream=True))
    assert size("".join(chunk.choices[0].delta.content or "" for chunk in chunks)) == (1024, 1024)
    body = {"model": "gpt-4-all", "messages": messages, "stream": True}
    assert ask(f"{server.url}/v1/chat/completions", body).body.endswith(b"data: [DONE]\n\n")


def test_a_picture_may_be_given(server: MockServer) -> None:
    parts = [{"type": "text", "text": ASKED}, {"type": "image_url", "image_url": {"url": LINK}}]
    bodies = [{"model": "gpt-4-all", "messages": [{"role": "user", "content": content}]} for content in (ASKED, parts)]
    answers = [ask(f"{server.url}/v1/chat/completions", body).json for body in bodies]
    links = [re.search(r"!\[.*?\]\((\S+)\)", answer["choices"][0]["message"]["content"]) for answer in answers]
    assert len({ask(link[1], key=None).body for link in links if link}) == 2


def test_a_model_nobody_has_is_told_as_the_client_expects(client: OpenAI) -> None:
    with pytest.raises(NotFoundError) as caught:
        client.chat.completions.create(model="gpt-9", messages=[{"role": "user", "content": ASKED}])
    assert caught.value.code == "model_not_found"


@pytest.mark.parametrize("cuts", [(), (5,), (3, 12, 30), tuple(range(1, 40))])
def test_a_picture_told_in_pieces_is_read_as_one(cuts: tuple[int, ...]) -> None:
    operation = load_contract("chat").operation("createChatCompletion")
    text = f"> 50%\n\n![fox]({LINK})"
    places = [0, *(cut for cut in cuts if cut < len(text)), len(text)]
    events = [
        {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
         "choices": [{"index": 0, "delta": {"content": text[begin:end]}, "finish_reason": None}]}
        for begin, end in pairwise(places)
    ]  # fmt: skip
    body = b"".join(b"data: " + orjson.dumps(event) + b"\n\n" for event in events) + b"data: [DONE]\n\n"
    assert operation.success.events is not None
    found = read(body, operation.success.events, ResponseCheck(operation))
    assert [event.kind for event in found] == [*["other"] * (len(events) - 1), "completed"]
    assert found[-1].said("image-markdown") == text
