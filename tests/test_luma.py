"""Luma's videos: the flow as a plain HTTP script has it; a file that plays at the end, and one that follows it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import av
import pytest
from conftest import Answer, ask, opened

from contract_tests import footage
from mockserver import resolution
from mockserver.runner import MockServer
from mockserver.settings import Settings

PATH = "/luma/generations"


@pytest.fixture(scope="module")
def server() -> Iterator[MockServer]:
    with MockServer(Settings(port=0, contracts=("luma",), task_polls=3)) as running:
        yield running


def submit(server: MockServer, path: str = PATH, **body: Any) -> Answer:
    return ask(server.url + path, {"user_prompt": "A red fox", "aspect_ratio": "16:9", **body})


def polled(server: MockServer, id_: str) -> list[Any]:
    return [ask(f"{server.url}{PATH}/{id_}").json for _ in range(3)]


def test_a_generation_is_polled_to_a_video_that_plays(server: MockServer) -> None:
    accepted = submit(server, f"{PATH}/").json
    assert {"prompt": "A red fox", "state": "pending", "video": None}.items() <= accepted.items()
    polls = polled(server, accepted["id"])
    assert [poll["state"] for poll in polls] == ["pending", "processing", "completed"]
    assert [poll["video"] is None for poll in polls] == [True, True, False]
    video, cover = polls[2]["video"], polls[2]["thumbnail"]
    answer = ask(video["url"], key=None)
    assert answer.headers["content-type"] == "video/mp4"
    with av.open(io.BytesIO(answer.body), "r") as film:
        frames = [(frame.width, frame.height) for frame in film.decode(video=0)]
        assert film.duration == 5 * av.time_base
    assert set(frames) == {(video["width"], video["height"])} == {opened(ask(cover["url"], key=None).body).size}
    assert (len(frames), round(video["width"] / video["height"], 2)) == (20, 1.77)


def test_what_is_there_can_be_extended_and_asked_about_together(server: MockServer) -> None:
    first = submit(server).json["id"]
    early = submit(server, f"{PATH}/{first}/extend")
    assert (early.status, early.json["error"]["message"]) == (400, "the generation is not completed")
    polled(server, first)
    more = submit(server, f"{PATH}/{first}/extend", user_prompt="It runs").json["id"]
    before, after = polled(server, first)[2], polled(server, more)[2]
    assert before["video"]["url"] != after["video"]["url"]
    told = ask(server.url + "/luma/tasks", {"ids": [first, "nobody", more]}).json["data"]
    assert [(one["task_id"], one["action"]) for one in told] == [(first, "LUMA_VIDEO"), (more, "LUMA_EXTEND")]
    assert [one["data"]["video"]["url"] for one in told] == [before["video"]["url"], after["video"]["url"]]


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        (PATH, {"user_prompt": ""}, "invalid_request"),
        (PATH, {"aspect_ratio": "2:1"}, "invalid_request"),
        (PATH, {"image_url": "no picture"}, "invalid_request"),
        (f"{PATH}/nobody/extend", {}, "task_not_exist"),
    ],
)
def test_what_is_wrong_is_refused(server: MockServer, path: str, body: dict[str, Any], code: str) -> None:
    answer = submit(server, path, **body)
    assert (answer.status, answer.json["error"]["code"]) == (400, code)


def test_without_the_library_for_videos_one_is_a_gif(server: MockServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolution, "MOVING", "gif")
    link = polled(server, submit(server, aspect_ratio="1:1").json["id"])[2]["video"]["url"]
    image = opened(ask(link, key=None).body)
    assert (image.format, getattr(image, "n_frames", 1), image.info["duration"]) == ("GIF", 20, 250)


def test_a_videos_bytes_are_told_by_how_they_begin() -> None:
    assert [footage.format_of(data) for data in (b"\0\0\0\x20ftypisom", b"\x1a\x45\xdf\xa3\0", b"GIF89a")] == [
        "mp4", "webm", "",
    ]  # fmt: skip
