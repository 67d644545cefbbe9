from __future__ import annotations

import asyncio
from typing import Any

import pytest
from conftest import Answer, ask, delivered, generate
from hypothesis import given, settings
from hypothesis import strategies as st

from mockserver.runner import MockServer
from mockserver.settings import Settings
from mockserver.stores import InMemory
from mockserver.tasks import Order, Pace, Snapshot, Task, Tasks

FEW = settings(max_examples=40, deadline=None)
WORDS = ("NOT_START", "IN_PROGRESS", "SUCCESS")
STATES = ("queued", "running", "succeeded")


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def tasks(clock: Clock, seconds: float = 10.0, polls: int | None = None, limit: int = 100_000) -> Tasks:
    return Tasks(limit, Pace(seconds, polls), 0, clock)


def tasks_kept(server: MockServer) -> int:
    """How many tasks a server remembers."""
    assert isinstance(server.mock.state, InMemory)
    return len(server.mock.state.tasks)


def accept(store: Tasks, owner: str = "me", **roles: Any) -> Task:
    return asyncio.run(store.submit(Order(owner, roles, roles, "")))


def look(store: Tasks, task: Task, owner: str = "me") -> Snapshot | None:
    found = asyncio.run(store.look(task.id, owner))
    return None if found is None else found[1]


def submit(server: MockServer, key: str = "sk-test", **body: Any) -> str:
    """Send a request in async mode; the task's id."""
    answer = generate(
        server, "?async=true", key=key, **{"model": "dall-e-2", "prompt": "A fox", "size": "256x256", **body}
    )
    assert (answer.status, list(answer.json)) == (200, ["task_id"]), answer.body
    return str(answer.json["task_id"])


def poll(server: MockServer, task_id: str, key: str = "sk-test") -> Answer:
    return ask(f"{server.url}/v1/images/tasks/{task_id}", key=key)


# --- over HTTP --------------------------------------------------------------------------------------


def test_time_moves_a_task_from_waiting_to_its_pictures() -> None:
    clock = Clock()
    with MockServer(Settings(port=0, task_seconds=40.0), clock) as server:
        task_id = submit(server)
        seen = []
        for seconds in (0, 5, 10, 25, 39, 40, 60):
            clock.now = 1_700_000_000.0 + seconds
            seen.append(poll(server, task_id).json["data"])
    assert [data["status"] for data in seen] == [WORDS[n] for n in (0, 0, 1, 1, 1, 2, 2)]
    assert [data["progress"] for data in seen] == ["0%", "0%", "1%", "50%", "96%", "100%", "100%"]
    assert {data["submit_time"] for data in seen} == {1_700_000_000}
    assert [data["start_time"] for data in seen] == [0, 0, *[1_700_000_010] * 5]
    assert [data["finish_time"] for data in seen] == [*[0] * 5, *[1_700_000_040] * 2]
    assert [data["data"] is None for data in seen] == [True] * 5 + [False] * 2
    assert seen[-1]["data"]["created"] == 1_700_000_040


def test_the_envelope_is_the_documented_one_in_every_state(mock: MockServer) -> None:
    task_id = submit(mock)
    for status in WORDS:
        answer = poll(mock, task_id)
        assert answer.status == 200
        assert {"code": "success", "message": ""}.items() <= answer.json.items()
        data = answer.json["data"]
        assert {"task_id": task_id, "status": status, "fail_reason": ""}.items() <= data.items()


# --- tasks that fail --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        ("internal", "could not be made: it was asked to fail"),
        ("moderation-blocked", "The safety system rejected the request."),
    ],
)
def test_what_is_met_while_pictures_are_made_fails_the_task_and_not_the_submit(problem: str, said: str) -> None:
    body = {"model": "gpt-image-2", "prompt": "A fox", "size": "816x816"}
    prefer = {"Prefer": f"problem={problem}"}
    with MockServer(Settings(port=0, task_polls=3)) as server:
        accepted = ask(f"{server.url}/v1/images/generations?async=true", body, headers=prefer)
        assert (accepted.status, accepted.headers["preference-applied"]) == (200, f"problem={problem}")
        seen = [poll(server, accepted.json["task_id"]) for _ in range(4)]
        refused = ask(f"{server.url}/v1/images/generations", body, headers=prefer)
    assert {answer.status for answer in seen} == {200}
    told = [answer.json["data"] for answer in seen]
    assert [data["status"] for data in told] == ["NOT_START", "IN_PROGRESS", "FAILURE", "FAILURE"]
    assert [data["fail_reason"] == "" for data in told] == [True, True, False, False]
    assert said in told[-1]["fail_reason"]
    assert (told[-1]["progress"], told[-1]["data"]) == ("100%", None)
    assert told[-1]["finish_time"] >= told[-1]["start_time"] > 0
    assert refused.status >= 400, "asked for at once, it is refused at once"


@pytest.mark.parametrize("prefer", ["problem=rate-limited", "problem=invalid-request", "code=500"])
def test_a_problem_of_the_request_itself_refuses_the_submit(mock: MockServer, prefer: str) -> None:
    body = {"model": "dall-e-2", "prompt": "A fox", "size": "256x256"}
    answer = ask(f"{mock.url}/v1/images/generations?async=true", body, headers={"Prefer": prefer})
    assert answer.status >= 400


def test_the_words_for_a_failure_are_those_of_the_model(mock: MockServer) -> None:
    prefer = {"Prefer": "problem=moderation-blocked"}
    body = {"model": "dall-e-3", "prompt": "A fox", "size": "1024x1024"}
    at_once = ask(f"{mock.url}/v1/images/generations", body, headers={"Prefer": "problem=content-policy-violation"})
    task_id = ask(f"{mock.url}/v1/images/generations?async=true", body, headers=prefer).json["task_id"]
    last = [poll(mock, task_id) for _ in range(3)][-1]
    assert last.json["data"]["fail_reason"] == at_once.error["message"]


def test_counted_polls_move_a_task_whatever_the_time() -> None:
    with MockServer(Settings(port=0, task_polls=5, task_seconds=1e9), Clock()) as server:
        task_id = submit(server)
        seen = [poll(server, task_id).json["data"] for _ in range(6)]
    assert [data["status"] for data in seen] == [WORDS[n] for n in (0, 1, 1, 1, 2, 2)]
    assert [data["progress"] for data in seen] == ["0%", "1%", "33%", "66%", "100%", "100%"]


def test_the_result_is_what_the_same_request_gets_at_once_and_stays_so(mock: MockServer) -> None:
    body: dict[str, Any] = {
        "model": "gpt-image-2",
        "prompt": "A fox",
        "size": "816x816",
        "n": 2,
        "output_format": "webp",
    }
    at_once = generate(mock, **body)
    task_id = submit(mock, **body)
    results = [poll(mock, task_id).json["data"]["data"] for _ in range(5)]
    assert results[:2] == [None, None]
    assert results[2] == results[3] == results[4]
    assert {**results[2], "created": 0} == {**at_once.json, "created": 0}


def test_a_link_in_the_result_leads_to_the_host_the_request_was_sent_to(mock: MockServer) -> None:
    task_id = submit(mock)
    elsewhere = mock.url.replace("127.0.0.1", "localhost")
    polls = [ask(f"{root}/v1/images/tasks/{task_id}") for root in (mock.url, elsewhere) * 3]
    links = {answer.json["data"]["data"]["data"][0]["url"] for answer in polls[2:]}
    assert len(links) == 1
    assert links.pop().startswith(f"{mock.url}/")


def test_another_key_sees_no_task_and_does_not_move_it(mock: MockServer) -> None:
    task_id = submit(mock, key="sk-mine")
    for _ in range(5):
        stranger = poll(mock, task_id, key="sk-other")
        assert (stranger.status, stranger.json["code"]) == (400, "task_not_exist")
    assert poll(mock, task_id, key="sk-mine").json["data"]["status"] == "NOT_START"


def test_an_unknown_task_is_a_flat_400_and_not_a_404(mock: MockServer) -> None:
    for name in ("0" * 32, "no-such-task", "a%2Fb", "%F0%9F%A6%8A", "a%252Fb"):
        answer = poll(mock, name)
        assert (answer.status, answer.json) == (
            400,
            {"code": "task_not_exist", "message": "task_not_exist", "data": None},
        )


def test_the_oldest_tasks_make_room_and_are_unknown_from_then_on() -> None:
    with MockServer(Settings(port=0, task_store=9300, task_polls=1)) as server:
        ids = [submit(server) for _ in range(5)]
        answers = [poll(server, task_id) for task_id in ids]
        assert tasks_kept(server) == 3
    assert [answer.status for answer in answers] == [400, 400, 200, 200, 200]
    assert answers[0].json["code"] == "task_not_exist"


def test_task_ids_are_32_hex_digits_all_different_and_the_same_after_a_reset(mock: MockServer) -> None:
    first = [submit(mock) for _ in range(4)]
    assert len(set(first)) == 4
    assert all(len(task_id) == 32 and int(task_id, 16) for task_id in first)
    mock.reset()
    assert poll(mock, first[0]).status == 400
    assert [submit(mock) for _ in range(4)] == first


def test_a_request_that_is_refused_makes_no_task(mock: MockServer) -> None:
    answer = generate(mock, "?async=true", model="dall-e-2", prompt="A fox", n=99)
    assert (answer.status, answer.error["code"]) == (400, "integer_above_max_value")
    assert tasks_kept(mock) == 0


@pytest.mark.parametrize("query", ["async", "async=", "async=1", "async=TRUE", "async=yes", "async=false", "x=true"])
def test_only_the_text_true_asks_for_a_task(mock: MockServer, query: str) -> None:
    answer = generate(mock, f"?{query}", model="dall-e-2", prompt="A fox", size="256x256")
    assert len(delivered(answer)) == 1
    assert tasks_kept(mock) == 0


# --- the store alone --------------------------------------------------------------------------------


@FEW
@given(
    seconds=st.floats(0, 100),
    polls=st.none() | st.integers(1, 12),
    steps=st.lists(st.floats(0, 40), min_size=1, max_size=20),
)
def test_a_task_only_moves_on(seconds: float, polls: int | None, steps: list[float]) -> None:
    clock = Clock()
    store = tasks(clock, seconds, polls)
    task = accept(store)
    before = (0, 0)
    ended: set[float | None] = set()
    for step in steps:
        clock.now += step
        snapshot = look(store, task)
        assert snapshot is not None
        now = (STATES.index(snapshot.state), snapshot.progress)
        assert now >= before
        assert (snapshot.progress == 0) == (snapshot.state == "queued")
        assert (snapshot.progress == 100) == (snapshot.state == "succeeded")
        assert (task.started is None) == (snapshot.state == "queued")
        assert (task.finished is None) == (snapshot.state != "succeeded")
        if task.started is not None:
            assert task.submitted <= task.started <= clock.now + 1e-6
        if task.finished is not None and task.started is not None:
            assert task.started <= task.finished <= clock.now + 1e-6
            ended.add(task.finished)
        before = now
    assert len(ended) <= 1
    if polls is not None:
        assert (before[0] == 2) == (len(steps) >= polls)
    else:
        assert (before[0] == 2) == (clock.now - task.submitted >= seconds or seconds == 0)


@FEW
@given(st.lists(st.tuples(st.integers(0, 4000), st.floats(0, 9), st.booleans()), max_size=60))
def test_heavy_use_stays_within_the_bytes_granted_and_keeps_the_newest(steps: list[tuple[int, float, bool]]) -> None:
    clock, limit = Clock(), 20_000
    store = tasks(clock, limit=limit)
    made: list[Task] = []
    for size, pause, polled in steps:
        clock.now += pause
        made.append(accept(store, prompt="x" * size, upload=bytes(size)))
        kept = [look(store, task) is not None for task in made]
        assert kept == sorted(kept), "an older task outlived a newer one"
        assert kept[-1]
        assert sum(2 * len(task.order.asked["upload"]) for task, here in zip(made, kept, strict=True) if here) <= limit
        if polled:
            look(store, made[0])
    assert len(store) == sum(look(store, task) is not None for task in made)


def test_a_task_heavier_than_all_that_is_granted_is_not_kept_and_pushes_nobody_out() -> None:
    store = tasks(Clock(), limit=10_000)
    small, large = accept(store), accept(store, upload=bytes(20_000))
    assert look(store, small) is not None
    assert look(store, large) is None


def test_a_task_belongs_to_the_key_that_submitted_it() -> None:
    store = tasks(Clock(), polls=3)
    task = accept(store)
    assert look(store, task, "you") is None
    assert look(store, task) == Snapshot("queued", 0)
    assert task.polls == 1
