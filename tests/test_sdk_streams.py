"""Streams through the official client: unfinished pictures, the finished one, failures, and leaving in the middle."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from conftest import opened
from official import Sdk, journal_of
from test_sdk_pictures import PROMPT, picture

from mockserver.runner import MockServer
from mockserver.settings import Settings

STREAMED: dict[str, Any] = {"model": "gpt-image-2", "prompt": PROMPT, "size": "1024x640", "stream": True}


@pytest.fixture(scope="module")
def _slow() -> Iterator[MockServer]:
    with MockServer(Settings(port=0, event_interval=0.3)) as server:
        yield server


@pytest.fixture
def slow(_slow: MockServer) -> MockServer:
    """A server that takes its time between events, and has seen nothing yet."""
    _slow.reset()
    return _slow


@pytest.fixture(scope="module")
def watcher(flavour: str, _slow: MockServer) -> Iterator[Sdk]:
    """The client, led to the slow server."""
    watcher = Sdk(flavour, _slow.base_url)
    yield watcher
    watcher.close()


def streamed(sdk: Sdk, operation: str, **asked: Any) -> Any:
    """The stream of a generation or an edit."""
    given: dict[str, Any] = {"image": picture()} if operation == "edit" else {}
    return sdk.done(getattr(sdk.images, operation)(**{**STREAMED, **given, **asked}))


@pytest.mark.parametrize("count", [0, 1, 2, 3])
@pytest.mark.parametrize(("operation", "prefix"), [("generate", "image_generation"), ("edit", "image_edit")])
def test_as_many_unfinished_pictures_come_as_were_asked_for(sdk: Sdk, operation: str, prefix: str, count: int) -> None:
    *unfinished, finished = sdk.all_of(streamed(sdk, operation, partial_images=count))
    assert [(event.type, event.partial_image_index) for event in unfinished] == [
        (f"{prefix}.partial_image", index) for index in range(count)
    ]
    assert finished.type == f"{prefix}.completed"
    pictures = [opened(base64.b64decode(event.b64_json)) for event in (*unfinished, finished)]
    assert {(image.format, image.size) for image in pictures} == {("PNG", (1024, 640))}
    assert len({image.tobytes() for image in pictures}) == count + 1
    assert {(event.size, event.output_format, event.background) for event in (*unfinished, finished)} == {
        ("1024x640", "png", "opaque")
    }
    usage = finished.usage
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens > 0


def test_every_format_that_can_be_streamed_is_what_it_says(sdk: Sdk) -> None:
    for name in ("png", "jpeg", "webp"):
        for event in sdk.all_of(streamed(sdk, "generate", partial_images=1, output_format=name)):
            assert opened(base64.b64decode(event.b64_json)).format == name.upper()


def test_a_stream_has_the_headers_of_the_real_one(sdk: Sdk) -> None:
    raw = sdk.done(sdk.images.with_raw_response.generate(**STREAMED))
    assert raw.headers["content-type"] == "text/event-stream"
    assert raw.headers["openai-version"] == "2020-10-01"
    assert raw.headers["x-request-id"] == raw.request_id
    assert len(sdk.all_of(raw.parse())) == 1


def test_a_stream_that_fails_raises_after_what_came(sdk: Sdk, imageproof_mock: MockServer) -> None:
    stream = streamed(sdk, "edit", partial_images=3, extra_headers={"Prefer": "stream-error=2"})
    assert [sdk.next(stream).partial_image_index for _ in range(2)] == [0, 1]
    with pytest.raises(openai.APIError, match="asked for with Prefer") as caught:
        sdk.next(stream)
    assert type(caught.value) is openai.APIError
    assert (caught.value.code, caught.value.type) == ("image_generation_failed", "image_generation_server_error")
    assert len(imageproof_mock.journal) == 1


def test_a_stream_that_is_cut_off_raises_after_what_came(sdk: Sdk) -> None:
    wish = {"Prefer": 'fault="truncated:at=0.9"'}
    stream = streamed(sdk, "generate", partial_images=2, extra_headers=wish)
    assert [sdk.next(stream).partial_image_index for _ in range(2)] == [0, 1]
    with pytest.raises((openai.APIError, httpx.TransportError)):
        sdk.next(stream)


def test_a_stream_that_dribbles_or_is_mislabelled_is_whole(sdk: Sdk) -> None:
    for fault in ("dribble:speed=90000000", "wrong-type:media=text/plain"):
        stream = streamed(sdk, "generate", partial_images=1, extra_headers={"Prefer": f'fault="{fault}"'})
        assert [event.type.rpartition(".")[2] for event in sdk.all_of(stream)] == ["partial_image", "completed"]


def test_what_is_refused_is_refused_before_the_stream_begins(sdk: Sdk) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        streamed(sdk, "generate", n=2)
    assert caught.value.code == "unsupported_parameter"
    with pytest.raises(openai.BadRequestError):
        streamed(sdk, "generate", partial_images=4)


def test_a_failure_before_the_stream_is_tried_again(sdk: Sdk, imageproof_mock: MockServer) -> None:
    imageproof_mock.configure(faults=["problem:name=overloaded-unnamed,first=1"])
    stream = sdk.done(sdk.connected(max_retries=1).images.generate(**STREAMED, timeout=5))
    assert len(sdk.all_of(stream)) == 1
    assert [entry.status for entry in imageproof_mock.journal] == [503, 200]


@pytest.mark.parametrize("way", ["close", "with"])
def test_the_server_notices_who_leaves_in_mid_stream(watcher: Sdk, slow: MockServer, way: str) -> None:
    stream = streamed(watcher, "generate", partial_images=3)
    assert len(slow.journal) == 0  # not answered to the end yet
    if way == "close":
        assert watcher.next(stream).partial_image_index == 0
        watcher.done(stream.close())
    else:
        with watcher.within(stream) as entered:
            assert watcher.next(entered).partial_image_index == 0
    [entry] = journal_of(slow, 1)
    assert (entry.status, entry.detail) == (200, "the caller went away after 1 of 4 events")


def test_events_come_one_by_one(watcher: Sdk, slow: MockServer) -> None:
    stream = streamed(watcher, "edit", partial_images=1)
    assert watcher.next(stream).type == "image_edit.partial_image"
    assert slow.journal == []
    assert watcher.next(stream).type == "image_edit.completed"
    [entry] = journal_of(slow, 1)
    assert (entry.status, entry.detail) == (200, "")
