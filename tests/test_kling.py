"""Kling: an envelope around a task, pictures or a video at the end, the vendor's codes."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from typing import Any

import av
import pytest
from conftest import Answer, ask, opened
from PIL import Image
from test_callbacks import Receiver, soon

from mockserver.runner import MockServer
from mockserver.settings import Settings

PATH = "/kling/v1/images/generations"


@pytest.fixture(scope="module")
def server() -> Iterator[MockServer]:
    with MockServer(Settings(port=0, contracts=("kling",), task_polls=3)) as running:
        yield running


def submit(server: MockServer, **body: Any) -> Answer:
    return ask(server.url + PATH, {"prompt": "A red fox", **body})


def seen(server: MockServer, task: str) -> list[Any]:
    return [ask(f"{server.url}{PATH}/{task}").json for _ in range(3)]


def given(size: int) -> str:
    file = io.BytesIO()
    Image.new("RGB", (size, size), "red").save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def test_a_task_is_polled_to_as_many_pictures_as_were_asked_for(server: MockServer) -> None:
    accepted = submit(server, n=2, aspect_ratio="2:3", resolution="2k", external_task_id="mine").json
    assert {"code": 0, "message": "SUCCEED"}.items() <= accepted.items()
    assert accepted["data"]["task_status"] == "submitted"
    polls = seen(server, accepted["data"]["task_id"])
    assert [poll["data"]["task_status"] for poll in polls] == ["submitted", "processing", "succeed"]
    assert {poll["data"]["task_info"]["external_task_id"] for poll in polls} == {"mine"}
    assert polls[0]["data"]["created_at"] > 1_000_000_000_000
    links = [image["url"] for image in polls[2]["data"]["task_result"]["images"]]
    assert [opened(ask(link, key=None).body).size for link in links] == [(1680, 2512)] * 2


def test_a_picture_is_given_as_bare_base64_and_must_be_large_enough(server: MockServer) -> None:
    assert submit(server, image=given(300)).status == 200
    for image in (given(299), f"data:image/png;base64,{given(300)}", "none"):
        assert (submit(server, image=image).status, submit(server, image=image).json["code"]) == (400, 1201)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"n": 10}, 400, 1201),
        ({"model_name": "kling-v9"}, 404, 1203),
        ({"image": "https://example.com/a.png", "negative_prompt": "rain"}, 400, 1201),
        ({"image": "https://example.com/a.png", "model_name": "kling-v1-5"}, 400, 1201),
        ({"image": "https://example.com/a.png", "model_name": "kling-v1-5", "image_reference": "face"}, 200, 0),
    ],
)
def test_refusals_have_the_vendor_s_codes(server: MockServer, body: dict[str, Any], status: int, code: int) -> None:
    answer = submit(server, **body)
    assert (answer.status, answer.json["code"]) == (status, code)


def test_keys_and_tasks_nobody_knows(server: MockServer) -> None:
    empty, wrong = (ask(server.url + PATH, {"prompt": "x"}, key=key) for key in (None, "sk-wrong"))
    assert [(answer.status, answer.json["code"]) for answer in (empty, wrong)] == [(401, 1001), (401, 1002)]
    assert ask(f"{server.url}{PATH}/nobody").json["code"] == 1203


def test_a_callback_carries_the_data_and_not_the_envelope(server: MockServer) -> None:
    with Receiver().open() as receiver:
        task = submit(server, callback_url=receiver.url).json["data"]["task_id"]
        last = seen(server, task)[-1]
        soon(lambda: any(body["task_status"] == "succeed" for body in receiver.bodies))
    assert receiver.bodies[-1] == last["data"]


VIDEOS = "/kling/v1/videos/text2video"


def test_a_video_lasts_as_long_as_was_asked_for_and_is_known_under_its_own_path_only(server: MockServer) -> None:
    task = ask(server.url + VIDEOS, {"prompt": "A red fox", "duration": "10", "aspect_ratio": "1:1"}).json["data"]
    told = [ask(f"{server.url}{VIDEOS}/{task['task_id']}").json["data"] for _ in range(3)][-1]
    [video] = told["task_result"]["videos"]
    assert video["duration"] == "10"
    with av.open(io.BytesIO(ask(video["url"], key=None).body), "r") as film:
        assert (film.duration, film.streams.video[0].width) == (10 * av.time_base, 1024)
    other = ask(f"{server.url}{PATH}/{task['task_id']}")
    assert (other.status, other.json["code"]) == (404, 1203)
    assert task["task_id"] not in [one["task_id"] for one in ask(server.url + PATH).json["data"]]


def test_a_video_from_pictures_needs_one_of_its_ends(server: MockServer) -> None:
    path = "/kling/v1/videos/image2video"
    assert ask(server.url + path, {"prompt": "It runs"}).json["code"] == 1201
    assert ask(server.url + path, {"image_tail": given(300)}).json["code"] == 0
