"""Event streams served: names, order, framing, pictures becoming sharp, failures, callers that go away."""

from __future__ import annotations

import base64
import http.client
import io
import json
import math
import socket
import time
from typing import Any
from urllib.parse import urlsplit

import pytest
from conftest import GENERATIONS, Answer, ask, generate, opened
from PIL import Image, ImageChops, ImageStat
from test_edits import edit

from mockserver.runner import MockServer
from mockserver.settings import Settings
from spec.events import parse
from spec.loading import load_contract
from spec.messages import Response
from spec.response_check import ResponseCheck

CHEAP: dict[str, Any] = {"model": "gpt-image-2", "prompt": "A red fox", "size": "1024x1024", "quality": "low"}
IMAGES = load_contract("images")


def events(answer: Answer) -> list[dict[str, Any]]:
    assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream"), answer.body
    stream = parse(answer.body)
    assert (stream.unfinished, stream.comments) == ("", [])
    return stream.events


def stream(server: MockServer, **value: Any) -> Answer:
    return generate(server, **{**CHEAP, "stream": True, **value})


def pixels(event: dict[str, Any]) -> Image.Image:
    return opened(base64.b64decode(event["data"]["b64_json"], validate=True))


@pytest.mark.parametrize("wanted", [None, 0, 1, 2, 3])
@pytest.mark.parametrize("kind", ["image_generation", "image_edit"])
def test_partials_come_first_and_one_completed_last(mock: MockServer, wanted: int | None, kind: str) -> None:
    told: dict[str, Any] = {"stream": True, "partial_images": wanted}
    found = events(stream(mock, **told) if kind == "image_generation" else edit(mock, **told))
    partials = wanted or 0
    assert [event["event"] for event in found] == [f"{kind}.partial_image"] * partials + [f"{kind}.completed"]
    assert [event["data"].get("partial_image_index") for event in found] == [*range(partials), None]
    assert all(event["event"] == event["data"]["type"] for event in found)
    assert {event["data"]["created_at"] for event in found} == {found[0]["data"]["created_at"]}
    assert len({pixels(event).size for event in found}) == 1


def test_every_event_keeps_the_contract_and_so_does_the_whole(mock: MockServer) -> None:
    answer = stream(mock, partial_images=2)
    operation = IMAGES.operation("createImage")
    check = ResponseCheck(operation)
    assert check.violations(Response(answer.status, answer.headers, answer.body)) == []
    for event in events(answer):
        assert check.conforms_event(operation.success, "text/event-stream", event)
        broken = {**event, "data": {**event["data"], "b64_json": 7}}
        assert not check.conforms_event(operation.success, "text/event-stream", broken)


def test_the_completed_picture_is_the_one_a_plain_answer_has(mock: MockServer) -> None:
    done = events(stream(mock, partial_images=1))[-1]["data"]
    plain = generate(mock, **CHEAP).json
    assert done["b64_json"] == plain["data"][0]["b64_json"]
    for name in ("size", "quality", "background", "output_format"):
        assert done[name] == plain[name]


def test_partials_become_sharp(mock: MockServer) -> None:
    *partials, done = (pixels(event).convert("RGB") for event in events(stream(mock, partial_images=3)))
    away = [ImageStat.Stat(ImageChops.difference(partial, done)).rms[0] for partial in partials]
    assert away == sorted(away, reverse=True)
    assert away[0] > 2 * away[-1] > 0


def test_partials_cost_what_the_contract_says(mock: MockServer) -> None:
    used = [events(stream(mock, partial_images=wanted))[-1]["data"]["usage"] for wanted in (0, 2)]
    assert used[1]["output_tokens"] - used[0]["output_tokens"] == 2 * 77
    assert "output_tokens_details" not in used[0]


def test_the_bytes_are_what_clients_demand(mock: MockServer) -> None:
    body = stream(mock, partial_images=1).body
    assert body.startswith(b"event: image_generation.partial_image\ndata: {")
    assert body.endswith(b"}\n\n")
    assert body.count(b"\n\n") == 2
    assert b"[DONE]" not in body
    assert b"\nid:" not in body


@pytest.mark.parametrize("sent", [0, 1, 2])
def test_a_failure_in_mid_stream_nests_its_error_and_ends_it(mock: MockServer, sent: int) -> None:
    answer = ask(
        mock.url + GENERATIONS,
        {**CHEAP, "stream": True, "partial_images": 2},
        headers={"Prefer": f"stream-error={sent}"},
    )
    *partials, last = events(answer)
    assert [event["event"] for event in partials] == ["image_generation.partial_image"] * sent
    assert last["event"] == last["data"]["type"] == "error"
    assert last["data"]["error"]["code"] == "image_generation_failed"
    assert answer.headers["preference-applied"] == f"stream-error={sent}"


def test_a_wish_that_is_not_met_is_not_said_to_be(mock: MockServer) -> None:
    answer = ask(mock.url + GENERATIONS, CHEAP, headers={"Prefer": "stream-error=1, delay=1ms"})
    assert (answer.status, answer.headers["preference-applied"]) == (200, "delay=1ms")


@pytest.mark.parametrize(
    ("value", "status", "code"),
    [
        ({"n": 2}, 400, "unsupported_parameter"),
        ({"partial_images": 4}, 400, "integer_above_max_value"),
        ({"stream": "yes"}, 400, "invalid_type"),
        ({"model": "gpt-image-2.6-flare", "output_format": "gif"}, 400, "invalid_value"),
        ({"model": "dall-e-3"}, 400, "unknown_parameter"),
    ],
)
def test_what_is_wrong_before_the_first_event_is_plain_json(
    mock: MockServer, value: dict[str, Any], status: int, code: str
) -> None:
    answer = stream(mock, **value)
    assert (answer.status, answer.error["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/json"


def test_a_stream_that_fails_in_the_middle_ends_with_its_connection(caplog: pytest.LogCaptureFixture) -> None:
    with MockServer(Settings(port=0, event_interval=math.inf)) as server:  # nobody can wait as long
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            stream(server, partial_images=1)
        assert "failed after 1 of 2 events" in server.journal[0].detail
        assert generate(server, **CHEAP).status == 200
    assert "failed after 1 of 2 events" in caplog.text


def test_stream_false_and_null_are_no_streams(mock: MockServer) -> None:
    for value in (False, None):
        assert stream(mock, stream=value).headers["content-type"] == "application/json"


def test_events_are_sent_one_by_one() -> None:
    with MockServer(Settings(port=0, event_interval=0.3)) as server:
        stream(server)  # drawn once: what is measured is the waiting
        with connected(server, partial_images=2) as file:
            came = [time.monotonic() for line in file if line.startswith(b"event:")]
    assert len(came) == 3
    assert came[1] - came[0] > 0.2
    assert came[2] - came[1] > 0.2


def connected(server: MockServer, **value: Any) -> io.BufferedReader:
    """A raw connection that has asked for a stream; closing it hangs up."""
    body = json.dumps({**CHEAP, "stream": True, **value}).encode()
    parts = urlsplit(server.url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=20) as connection:
        connection.sendall(
            f"POST {GENERATIONS} HTTP/1.1\r\nHost: mock\r\nAuthorization: Bearer k\r\nConnection: close\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        return connection.makefile("rb")


def test_a_caller_that_goes_away_is_noticed_and_nothing_breaks(caplog: pytest.LogCaptureFixture) -> None:
    with MockServer(Settings(port=0, event_interval=0.2)) as server:
        with connected(server, partial_images=3) as file:
            for line in file:
                if line.startswith(b"event:"):
                    break
        until = time.monotonic() + 10
        while not server.journal and time.monotonic() < until:
            time.sleep(0.05)
        [entry] = server.journal
        assert "went away after" in entry.detail
        assert stream(server).status == 200
    assert not [record for record in caplog.records if record.exc_info]
