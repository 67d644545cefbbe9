"""Every catalogued drift played: it changes what its entry says, and nothing else."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import pytest
from conftest import CHEAP, GENERATIONS, Answer, ask, generate, opened

from mockserver.drift import Plan, moves
from mockserver.runner import MockServer
from mockserver.settings import Settings
from spec.drifts import DriftUse, catalogue, drift_uses
from spec.errors import UnknownName

GPT: dict[str, Any] = {"model": "gpt-image-2", "prompt": "A red fox", "size": "1024x640"}
NOTHING = Answer(0, {}, b"")
LOOKS = ("waiting", "started", "running", "done", "result")
ENDED = {"done", "result"}


@dataclass(frozen=True)
class Behaviour:
    """What a server says to one request of every kind, by kind."""

    answers: Mapping[str, Answer]

    def __getitem__(self, kind: str) -> Answer:
        return self.answers[kind]

    def differs(self, other: Behaviour) -> set[str]:
        """The kinds of request that are answered in another way."""
        return {kind for kind, answer in self.answers.items() if answer != other[kind]}

    def sizes(self, kind: str) -> list[tuple[int, int]]:
        """The sizes of the pictures embedded in an answer."""
        return [opened(base64.b64decode(item["b64_json"])).size for item in pictures_of(self[kind])]


def pictures_of(answer: Answer) -> list[Any]:
    """The items of an answer or of a task's result."""
    value = answer.json
    items: list[Any] = value["data"]["data"]["data"] if "code" in value else value["data"]
    return items


def told_of(behaviour: Behaviour, look: str) -> Any:
    """What a look at the task said of it."""
    return behaviour[look].json["data"]


def behaviour(*drifts: str) -> Behaviour:
    """How a server with these drifts behaves, with everything that differs between any two servers taken out."""
    settings = Settings(port=0, task_polls=4, drifts=drift_uses(drifts))
    with MockServer(settings, lambda: 1_700_000_000.0) as server:
        answers = {
            "submit": generate(server, "?async=true", **GPT, n=2),
            **{look: ask(f"{server.url}/v1/images/tasks/{first_task()}") for look in LOOKS},
            "link": generate(server, **CHEAP),
            "pictures": generate(server, **GPT, n=2),
            "auto": generate(server, model="gpt-image-2", prompt="A red fox"),
            "no model": generate(server, prompt="A red fox"),
            "no prompt": generate(server, model="gpt-image-2"),
            "too many": generate(server, **GPT, n=99),
            "no key": generate(server, key=None, **GPT),
            "unknown task": ask(f"{server.url}/v1/images/tasks/none"),
            "limited": ask(server.url + GENERATIONS, CHEAP, headers={"Prefer": "code=429"}),
            "unknown path": ask(f"{server.url}/v1/embeddings"),
            "wrong method": ask(server.url + GENERATIONS),
        }
        items = answers["link"].json.get("data")
        answers["file"] = ask(items[0]["url"], key=None) if items else NOTHING
        return Behaviour({kind: comparable(answer, server.url) for kind, answer in answers.items()})


def comparable(answer: Answer, root: str) -> Answer:
    kept = {
        name: text for name, text in answer.headers.items() if name not in ("date", "x-request-id", "content-length")
    }
    return Answer(answer.status, kept, answer.body.replace(root.encode(), b"http://mock"))


@cache
def first_task() -> str:
    """The id of any mock's first task; a drift may keep it to itself."""
    with MockServer() as server:
        return str(generate(server, "?async=true", **CHEAP).json["task_id"])


@pytest.fixture(scope="module")
def plain() -> Behaviour:
    """How a server without drifts behaves."""
    told = behaviour()
    assert [told[kind].status for kind in told.answers] == [
        *[200] * 4,
        200,
        200,
        200,
        200,
        200,
        *[400] * 3,
        401,
        400,
        429,
        404,
        405,
        200,
    ]
    assert [told_of(told, look)["status"] for look in LOOKS] == [
        "NOT_START",
        *["IN_PROGRESS"] * 2,
        *["SUCCESS"] * 2,
    ]
    assert len(pictures_of(told["result"])) == len(pictures_of(told["pictures"])) == 2
    return told


# --- what each drift changes, and into what ---------------------------------------------------------

Check = Callable[[Behaviour, Behaviour], None]


def chat_instead_of_pictures(_: Behaviour, drifted: Behaviour) -> None:
    for kind in ("submit", "link", "pictures", "auto"):
        value = drifted[kind].json
        assert value["object"] == "chat.completion"
        assert value["choices"][0]["message"]["role"] == "assistant"
        assert set(value["usage"]) == {"prompt_tokens", "completion_tokens", "total_tokens"}
        assert "data" not in value


def empty_instead_of_pictures(_: Behaviour, drifted: Behaviour) -> None:
    for kind in ("submit", "link", "pictures", "auto"):
        assert (drifted[kind].status, drifted[kind].json) == (200, {})


def one_picture(plain: Behaviour, drifted: Behaviour) -> None:
    for kind in ("result", "pictures"):
        assert len(pictures_of(drifted[kind])) == 1
        assert drifted.sizes(kind) == plain.sizes(kind)[:1] == [(1024, 640)]


def another_size(plain: Behaviour, drifted: Behaviour) -> None:
    for kind in ("result", "pictures"):
        [(width, height), _] = drifted.sizes(kind)
        assert width * height == pytest.approx(1_572_864, rel=0.01)
        assert abs(width / height - 1024 / 640) > 0.1
        assert len(pictures_of(drifted[kind])) == len(pictures_of(plain[kind]))
    assert opened(drifted["file"].body).size != opened(plain["file"].body).size == (256, 256)


def data_urls(plain: Behaviour, drifted: Behaviour) -> None:
    for kind in ("result", "pictures", "auto"):
        bare = [item["b64_json"] for item in pictures_of(plain[kind])]
        prefixed = [item["b64_json"] for item in pictures_of(drifted[kind])]
        assert prefixed == [f"data:image/png;base64,{text}" for text in bare]


def errors_with_status_200(plain: Behaviour, drifted: Behaviour) -> None:
    for kind in plain.differs(drifted):
        assert drifted[kind] == replace(plain[kind], status=200)


def pictures_at_once(plain: Behaviour, drifted: Behaviour) -> None:
    assert drifted["submit"] == plain["pictures"]
    assert all(drifted[look] == plain["unknown task"] for look in LOOKS)


def no_channel(_: Behaviour, drifted: Behaviour) -> None:
    answer = drifted["no model"]
    assert answer.status == 503
    assert (answer.error["code"], answer.error["type"], answer.error["param"]) == (
        "model_not_found",
        "new_api_error",
        None,
    )
    assert "无可用渠道" in answer.error["message"]


def said(role: str, **expected: Any) -> Check:
    """Another value at some looks, and nothing else but what follows from it."""

    def check(plain: Behaviour, drifted: Behaviour) -> None:
        for look, value in expected.items():
            assert told_of(drifted, look)[role] == value != told_of(plain, look)[role]

    return check


def ends_as_a_failure_in_between(plain: Behaviour, drifted: Behaviour) -> None:
    told = told_of(drifted, "done")
    assert (told["status"], told["data"], bool(told["fail_reason"])) == ("FAILURE", None, True)
    assert drifted["result"] == plain["result"]


def fails_and_nobody_knows_why(_: Behaviour, drifted: Behaviour) -> None:
    for look in ENDED:
        told = told_of(drifted, look)
        assert (told["status"], told["progress"], told["data"], told["fail_reason"]) == ("FAILURE", "100%", None, "")


def nothing_in_the_box(plain: Behaviour, drifted: Behaviour) -> None:
    for look in ENDED:
        assert told_of(drifted, look) == {**told_of(plain, look), "data": None}


def in_milliseconds(plain: Behaviour, drifted: Behaviour) -> None:
    for look in LOOKS:
        for moment in ("submit_time", "start_time", "finish_time"):
            assert told_of(drifted, look)[moment] == told_of(plain, look)[moment] * 1000


def another_name(plain: Behaviour, drifted: Behaviour) -> None:
    for look in LOOKS:
        other = told_of(drifted, look)["task_id"]
        assert other != first_task()
        assert {**told_of(drifted, look), "task_id": first_task()} == told_of(plain, look)


def id_elsewhere(plain: Behaviour, drifted: Behaviour) -> None:
    assert drifted["submit"].json == {"code": "success", "message": "", "data": plain["submit"].json["task_id"]}


def small_letters(plain: Behaviour, drifted: Behaviour) -> None:
    for look in LOOKS:
        assert told_of(drifted, look)["status"] == told_of(plain, look)["status"].lower()


def test_a_dead_link_answers_404_and_a_picture_asked_for_at_once_does_not() -> None:
    with MockServer(Settings(port=0, task_polls=1, drifts=drift_uses(["task-result-link-dead"]))) as server:
        task = generate(server, "?async=true", **CHEAP).json["task_id"]
        [item] = ask(f"{server.url}/v1/images/tasks/{task}").json["data"]["data"]["data"]
        assert ask(item["url"], key=None).status == 404
        [item] = generate(server, **CHEAP).json["data"]
        assert ask(item["url"], key=None).status == 200


def nothing_without_a_link(_: Behaviour, __: Behaviour) -> None:
    """The task of this behaviour asks for base64; the test above has one with a link."""


EXPECTED: dict[str, tuple[set[str], Check]] = {
    "chat-shaped-200": ({"submit", "link", "pictures", "auto", "file"}, chat_instead_of_pictures),
    "empty-object-200": ({"submit", "link", "pictures", "auto", "file"}, empty_instead_of_pictures),
    "n-ignored-single-image": ({*ENDED, "pictures"}, one_picture),
    "size-ignored-200-wrong-aspect": ({*ENDED, "link", "pictures", "file"}, another_size),
    "data-url-inside-b64-json": ({*ENDED, "pictures", "auto"}, data_urls),
    "error-object-in-200": (
        {"no model", "no prompt", "too many", "no key", "unknown task", "limited"},
        errors_with_status_200,
    ),
    "async-ignored-returns-sync": ({"submit", *LOOKS}, pictures_at_once),
    "missing-model-503": ({"no model"}, no_channel),
    "task-stuck": ({"running", *ENDED}, said("status", done="IN_PROGRESS", result="IN_PROGRESS")),
    "task-reverts": ({"started"}, said("status", started="NOT_START")),
    "task-ends-twice": ({"done"}, ends_as_a_failure_in_between),
    "progress-not-monotonic-or-stuck": ({"started", "running", *ENDED}, said("progress", running="0%", result="0%")),
    "progress-backwards": ({"started", "running"}, said("progress", started="89%", running="45%")),
    "progress-over-100": (ENDED, said("progress", done="150%", result="150%")),
    "task-fails-without-reason": (ENDED, fails_and_nobody_knows_why),
    "task-succeeds-empty": (ENDED, nothing_in_the_box),
    "task-id-changes": (set(LOOKS), another_name),
    "task-times-in-milliseconds": (set(LOOKS), in_milliseconds),
    "task-result-link-dead": (set(), nothing_without_a_link),
    "status-vocabulary-case": (set(LOOKS), small_letters),
    "task-id-location-varies": ({"submit"}, id_elsewhere),
}


def test_every_catalogued_drift_can_be_played_and_is_expected_here() -> None:
    own = {id_ for id_, found in catalogue().items() if found.shows is None}
    assert own == set(EXPECTED) <= moves()


@pytest.mark.parametrize("id_", EXPECTED)
def test_a_drift_changes_what_its_entry_says_and_nothing_else(plain: Behaviour, id_: str) -> None:
    changed, check = EXPECTED[id_]
    drifted = behaviour(id_)
    assert plain.differs(drifted) == changed
    check(plain, drifted)


# --- drifts together --------------------------------------------------------------------------------


def test_drifts_of_different_places_compose(plain: Behaviour) -> None:
    drifted = behaviour("n-ignored-single-image", "data-url-inside-b64-json", "missing-model-503")
    [item] = pictures_of(drifted["pictures"])
    assert item["b64_json"].startswith("data:image/png;base64,")
    assert drifted["no model"].status == 503
    assert plain.differs(drifted) == {*ENDED, "pictures", "auto", "no model"}


def test_a_drift_sees_what_another_has_made_of_an_answer() -> None:
    with MockServer(Settings(port=0, drifts=drift_uses(["error-object-in-200", "missing-model-503"]))) as server:
        answer = generate(server, prompt="A red fox")
    assert (answer.status, answer.error["code"]) == (200, "model_not_found")


def test_a_drift_can_be_told_parameters() -> None:
    with MockServer(Settings(port=0, drifts=drift_uses(["missing-model-503:code=no_such_channel"]))) as server:
        assert generate(server, prompt="A red fox").error["code"] == "no_such_channel"


def test_the_same_drift_twice_plays_once_and_the_last_counts() -> None:
    first, second = drift_uses(["missing-model-503:code=a"]), drift_uses(["missing-model-503:code=b"])
    plan = Plan([*first, *second])
    assert plan.ids == ("missing-model-503",)
    with MockServer(Settings(port=0, drifts=(*first, *second))) as server:
        assert generate(server, prompt="x").error["code"] == "b"
        assert [entry.drifts for entry in server.journal] == [("missing-model-503",)]


def test_an_unknown_drift_is_refused_with_the_nearest_names() -> None:
    with pytest.raises(UnknownName, match=r"unknown drift 'chat-shaped'\n.*chat-shaped-200"):
        drift_uses(["chat-shaped"])
    nobody_plays = replace(catalogue()["chat-shaped-200"], id="chat-shaped-201", plays={"chat-shaped-201": {}})
    with pytest.raises(UnknownName, match=r"unknown drift the mock can play 'chat-shaped-201'\n.*chat-shaped-200"):
        Plan([DriftUse(nobody_plays)])
