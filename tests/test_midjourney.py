"""The flow a Midjourney client goes through, as the reference documents it, over plain HTTP and down to the pixels."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import Answer, ask, opened
from PIL import Image, ImageChops, ImageStat
from test_callbacks import Receiver, soon

from mockserver.runner import MockServer
from mockserver.settings import Settings
from spec.profiles import PLAIN, load_profile

FAMILY = ("midjourney",)
Task = dict[str, Any]


@pytest.fixture(scope="module")
def server() -> Iterator[MockServer]:
    with MockServer(Settings(port=0, contracts=FAMILY, task_polls=3)) as running:
        yield running


def post(server: MockServer, path: str, body: object, prefix: str = "", **headers: str) -> Answer:
    return ask(f"{server.url}{prefix}/mj/{path}", body, headers=headers)


def fetch(server: MockServer, task: str, key: str = "sk-test") -> Answer:
    return ask(f"{server.url}/mj/task/{task}/fetch", key=key)


def finished(server: MockServer, path: str, body: object) -> Task:
    """Submit, and poll to the end."""
    submitted = post(server, path, body).json
    assert submitted["code"] == 1, submitted
    for _ in range(3):
        task: Task = fetch(server, submitted["result"]).json
    assert task["status"] == "SUCCESS"
    return task


def pressed(server: MockServer, task: Task, label: str) -> Answer:
    [button] = [one for one in task["buttons"] if label in (one["label"], one["emoji"])]
    return post(server, "submit/action", {"taskId": task["id"], "customId": button["customId"]})


def picture(task: Task) -> Image.Image:
    return opened(ask(task["imageUrl"], key=None).body).convert("RGB")


def data_url(colour: str, size: tuple[int, int] = (64, 48)) -> str:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def difference(first: Image.Image, second: Image.Image) -> float:
    """How far two pictures are from each other, 0 to 255, looked at from afar."""
    near = [image.resize((32, 32)) for image in (first, second)]
    return max(ImageStat.Stat(ImageChops.difference(*near)).mean)


@pytest.fixture(scope="module")
def grid(server: MockServer) -> Task:
    return finished(server, "submit/imagine", {"prompt": "A lighthouse", "state": "mine"})


def test_imagine_is_accepted_polled_and_becomes_one_picture_of_four(server: MockServer) -> None:
    submitted = post(server, "submit/imagine", {"prompt": "A red fox"}).json
    assert (submitted["code"], submitted["description"]) == (1, "Submit success")
    seen = [fetch(server, submitted["result"]).json for _ in range(3)]
    assert [task["status"] for task in seen] == ["NOT_START", "IN_PROGRESS", "SUCCESS"]
    assert [task["progress"] for task in seen] == ["0%", "33%", "100%"]
    assert [bool(task["imageUrl"]) for task in seen] == [False, False, True]
    assert all(task["submitTime"] > 1_000_000_000_000 for task in seen)
    assert seen[0]["finishTime"] == 0 < seen[2]["startTime"] <= seen[2]["finishTime"]
    whole = picture(seen[2])
    assert whole.size == (2048, 2048)
    quarters = [whole.crop((x, y, x + 1024, y + 1024)) for y in (0, 1024) for x in (0, 1024)]
    assert min(difference(one, other) for i, one in enumerate(quarters) for other in quarters[:i]) > 4


def test_a_task_hands_back_what_was_asked(grid: Task) -> None:
    assert (grid["prompt"], grid["action"], grid["state"]) == ("A lighthouse", "IMAGINE", "mine")
    assert grid["properties"] == {"finalPrompt": "A lighthouse"}


@pytest.mark.parametrize("number", [1, 4])
def test_an_upscale_is_that_one_of_the_four(server: MockServer, grid: Task, number: int) -> None:
    child = finished(
        server, "submit/action", {"taskId": grid["id"], "customId": grid["buttons"][number - 1]["customId"]}
    )
    assert (child["action"], child["prompt"], child["state"]) == ("UPSCALE", "A lighthouse", "")
    whole, one = picture(grid), picture(child)
    assert one.size == (1024, 1024)
    corners = [(0, 0), (1024, 0), (0, 1024), (1024, 1024)]
    apart = [difference(one, whole.crop((x, y, x + 1024, y + 1024))) for x, y in corners]
    assert apart.index(min(apart)) == number - 1


@pytest.mark.parametrize(
    ("path", "asked"),
    [("change", {"taskId": "{id}", "action": "UPSCALE", "index": 2}), ("simple-change", {"content": "{id} u2"})],
)
def test_what_came_before_buttons_makes_the_same(
    server: MockServer, grid: Task, path: str, asked: dict[str, Any]
) -> None:
    told = {name: value.format(id=grid["id"]) if isinstance(value, str) else value for name, value in asked.items()}
    by_button = finished(server, "submit/action", {"taskId": grid["id"], "customId": grid["buttons"][1]["customId"]})
    task = finished(server, f"submit/{path}", told)
    assert (task["action"], task["imageUrl"].split("&o=")[1]) == ("UPSCALE", by_button["imageUrl"].split("&o=")[1])


@pytest.mark.parametrize(
    ("path", "asked", "told"),
    [
        ("change", {"taskId": "17", "action": "UPSCALE"}, "index_is_required"),
        ("change", {"taskId": "17", "action": "REROLL"}, "task_no_found"),
        ("simple-change", {"content": "17 U5"}, "content_parse_failed"),
        ("simple-change", {"content": "17 V4"}, "task_no_found"),
    ],
)
def test_what_came_before_buttons_is_refused_in_its_own_words(
    server: MockServer, path: str, asked: dict[str, Any], told: str
) -> None:
    answer = post(server, f"submit/{path}", asked)
    assert (answer.status, answer.json["description"].strip()) == (400, told)


def test_a_prompt_says_its_ratio_behind_its_words(server: MockServer) -> None:
    task = finished(server, "submit/imagine", {"prompt": "A red fox --ar 3:2 --seed 7"})
    width, height = opened(ask(task["imageUrl"], key=None).body).size
    assert (round(width / height, 1), task["prompt"]) == (1.5, "A red fox --ar 3:2 --seed 7")
    assert ask(f"{server.url}/mj/task/{task['id']}/image-seed").json["result"] == "7"


def test_variations_and_rerolls_are_other_grids(server: MockServer, grid: Task) -> None:
    others = []
    for label in ("V2", "🔄"):
        id_ = pressed(server, grid, label).json["result"]
        others.append([fetch(server, id_).json for _ in range(3)][-1])
    assert [task["action"] for task in others] == ["VARIATION", "REROLL"]
    drawn = [picture(task) for task in (grid, *others)]
    assert [image.size for image in drawn] == [(2048, 2048)] * 3
    assert len({image.tobytes() for image in drawn}) == 3


def test_a_button_that_needs_more_waits_until_it_is_given(server: MockServer, grid: Task) -> None:
    single = finished(server, "submit/action", {"taskId": grid["id"], "customId": grid["buttons"][1]["customId"]})
    waiting = pressed(server, single, "Vary (Region)").json
    assert waiting["code"] == 21
    assert [fetch(server, waiting["result"]).json["status"] for _ in range(5)] == ["MODAL"] * 5
    given = post(server, "submit/modal", {"taskId": waiting["result"], "prompt": "A windmill"}).json
    assert (given["code"], given["result"]) == (1, waiting["result"])
    seen = [fetch(server, waiting["result"]).json for _ in range(3)]
    assert [task["status"] for task in seen] == ["NOT_START", "IN_PROGRESS", "SUCCESS"]
    assert {task["prompt"] for task in seen} == {"A windmill"}
    assert post(server, "submit/modal", {"taskId": waiting["result"]}).status == 400


def test_describe_and_shorten_answer_in_words(server: MockServer) -> None:
    link = data_url("teal")
    described = finished(server, "submit/describe", {"base64": link})
    lines = described["properties"]["finalPrompt"].split("\n\n")
    assert [line[:3] for line in lines] == ["1. ", "2. ", "3. ", "4. "]
    assert (picture(described).size, picture(described).getpixel((1, 1))) == ((64, 48), (0, 128, 128))
    shortened = finished(server, "submit/shorten", {"prompt": "A very long prompt"})
    assert "A very long prompt" in shortened["properties"]["finalPrompt"]
    assert shortened["imageUrl"] == ""
    assert pressed(server, described, "2️⃣").json["code"] == 21


def test_blend_has_the_ratio_asked_for_and_looks_at_every_picture(server: MockServer) -> None:
    pictures = [data_url("teal"), data_url("navy")]
    sizes = {
        name: picture(finished(server, "submit/blend", {"base64Array": pictures, "dimensions": name})).size
        for name in ("PORTRAIT", "SQUARE", "LANDSCAPE")
    }
    assert {name: round(width / height, 2) for name, (width, height) in sizes.items()} == {
        "PORTRAIT": 0.67,
        "SQUARE": 1.0,
        "LANDSCAPE": 1.5,
    }
    assert post(server, "submit/blend", {"base64Array": pictures[:1]}).status == 400


def test_faces_are_swapped_and_pictures_become_links(server: MockServer) -> None:
    swap = {"sourceBase64": data_url("teal"), "targetBase64": data_url("navy")}
    assert picture(finished(server, "insight-face/swap", swap)).size == (1024, 1024)
    given = post(server, "submit/upload-discord-images", {"base64Array": list(swap.values())}).json
    assert given["code"] == 1
    colours = [opened(ask(link, key=None).body).convert("RGB").getpixel((0, 0)) for link in given["result"]]
    assert colours == [(0, 128, 128), (0, 0, 128)]


def test_several_tasks_are_listed_and_unknown_ones_are_not(server: MockServer, grid: Task) -> None:
    told = post(server, "task/list-by-condition", {"ids": [grid["id"], "17", 18]}).json
    assert [task["id"] for task in told] == [grid["id"]]
    assert post(server, "task/list-by-condition", {}).json == []


def test_a_picture_s_seed_is_told_in_digits(server: MockServer, grid: Task) -> None:
    told = ask(f"{server.url}/mj/task/{grid['id']}/image-seed").json
    assert (told["code"], bool(re.fullmatch(r"\d+", told["result"]))) == (1, True)


@pytest.mark.parametrize("prefix", ["/mj-fast", "/mj-relax", "/mj-turbo"])
def test_the_speed_may_stand_before_the_path(server: MockServer, prefix: str) -> None:
    assert post(server, "submit/imagine", {"prompt": "A fox"}, prefix).json["code"] == 1
    assert post(server, "submit/imagine", {"prompt": "A fox"}, "/mj-hasty").status == 404


def test_either_header_carries_the_key(server: MockServer) -> None:
    url = f"{server.url}/mj/submit/imagine"
    assert ask(url, {"prompt": "A fox"}, key=None, headers={"mj-api-secret": "sk-test"}).json["code"] == 1
    refused = ask(url, {"prompt": "A fox"}, key=None)
    assert (refused.status, refused.error["type"]) == (401, "new_api_error")


@pytest.mark.parametrize(
    ("path", "body", "told"),
    [
        ("submit/imagine", {}, "prompt_is_required"),
        ("submit/imagine", {"prompt": "A fox", "base64Array": ["data:image/png;base64,AAAA"]}, "base64Array[0]: "),
        ("submit/action", {"taskId": "17", "customId": "MJ::JOB::upsample::1::x"}, "task_no_found"),
        ("submit/action", {"taskId": "17"}, "customId_is_required"),
        ("submit/modal", {"taskId": "17"}, "task_no_found"),
    ],
)
def test_a_gateway_refuses_with_400_and_code_4(server: MockServer, path: str, body: object, told: str) -> None:
    answer = post(server, path, body)
    assert (answer.status, answer.json["code"], answer.json["type"]) == (400, 4, "upstream_error")
    assert answer.json["description"].startswith(told)


def test_what_a_task_does_not_offer_or_not_yet_is_refused(server: MockServer, grid: Task) -> None:
    answer = post(server, "submit/action", {"taskId": grid["id"], "customId": "MJ::JOB::dance::1::x"})
    assert (answer.status, answer.json["description"]) == (400, "unknown_action:MJ::JOB::dance::1::x")
    early = post(server, "submit/imagine", {"prompt": "A fox"}).json["result"]
    answer = post(server, "submit/action", {"taskId": early, "customId": grid["buttons"][0]["customId"]})
    assert (answer.status, answer.json["description"]) == (400, "task_status_not_success")


@pytest.mark.parametrize(
    ("problem", "code"), [("no-account", 3), ("moderation-blocked", 24), ("queue-full", 23), ("system-failure", 9)]
)
def test_a_proxy_refuses_with_200_and_a_code(server: MockServer, problem: str, code: int) -> None:
    answer = post(server, "submit/imagine", {"prompt": "A fox"}, Prefer=f"problem={problem}")
    assert (answer.status, answer.json["code"], answer.json["result"]) == (200, code, None)


def test_a_banned_word_is_told_at_once_and_a_failure_by_the_task() -> None:
    with MockServer(Settings(port=0, contracts=FAMILY, task_seconds=0.0, blocked=("forbidden",))) as server:
        assert post(server, "submit/imagine", {"prompt": "A forbidden fox"}).json["code"] == 24
        failing = post(server, "submit/imagine", {"prompt": "A fox"}, Prefer="problem=internal").json
        task = fetch(server, failing["result"]).json
        assert (task["status"], task["imageUrl"], task["buttons"]) == ("FAILURE", "", None)
        assert task["failReason"].startswith("do_request_failed")


def test_a_parameter_nobody_has_fails_its_task(server: MockServer) -> None:
    operation = PLAIN.contract("midjourney").operation("submitImagine")
    assert operation.fails is not None
    submitted = post(server, "submit/imagine", dict(operation.fails.says)).json
    task = [fetch(server, submitted["result"]).json for _ in range(3)][-1]
    assert (task["status"], task["imageUrl"], task["failReason"][:19]) == ("FAILURE", "", "[Invalid parameter]")


def test_a_task_belongs_to_its_key(server: MockServer, grid: Task) -> None:
    assert fetch(server, grid["id"], "sk-other").status == 400


def test_callbacks_carry_the_task_itself(server: MockServer) -> None:
    with Receiver().open() as receiver:
        id_ = post(server, "submit/imagine", {"prompt": "A fox", "notifyHook": receiver.url}).json["result"]
        for _ in range(3):
            last = fetch(server, id_).json
        soon(lambda: "SUCCESS" in receiver.states)
    assert receiver.bodies[-1] == last


def test_a_proxy_without_a_gateway_tells_of_its_queue_and_refuses_with_200() -> None:
    with MockServer(Settings(port=0, contracts=FAMILY, profile=load_profile("midjourney-proxy"))) as server:
        told = ask(f"{server.url}/mj/submit/imagine", {"prompt": "A red fox"}, key=None, headers={"mj-api-secret": "s"})
        wrong = ask(f"{server.url}/mj/submit/imagine", {}, key=None, headers={"mj-api-secret": "s"})
        bearer = ask(f"{server.url}/mj/submit/imagine", {"prompt": "A red fox"})
    assert (told.json["code"], told.json["properties"], wrong.status, wrong.json["code"]) == (
        22, {"numberOfQueues": 1}, 200, 4,
    )  # fmt: skip
    assert bearer.status == 401
