from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar

import pytest
from conftest import CHEAP, GENERATIONS, Answer, ask, generate
from PIL import Image
from redis import Redis
from redis_server import RedisServer
from test_journal import entry
from test_tasks import Clock, poll, submit

from mockserver.in_redis.connection import shown
from mockserver.in_redis.state import InRedis
from mockserver.runner import MockServer
from mockserver.settings import Settings
from mockserver.stores import StateLost, Unusable
from mockserver.tasks import Ending, Order
from mockserver.uploads import Upload, opened

T = TypeVar("T")
LONG = "A fox. " * 140
PREDICTIONS = "/replicate/v1/predictions"


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    server = RedisServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def settings(redis: RedisServer, request: pytest.FixtureRequest) -> Settings:
    """A server of this test's own in the shared Redis."""
    secret = request.node.nodeid.encode()[-60:]
    return Settings(port=0, redis=redis.url, secret=secret, task_polls=4, contracts=("images", "replicate"))


@pytest.fixture
def workers(settings: Settings) -> Iterator[list[MockServer]]:
    """Two processes' worth of one server."""
    with MockServer(settings) as one, MockServer(settings) as two:
        yield [one, two]


def eventually(look: Callable[[], T], wanted: T) -> T:
    """What is seen as soon as it is what is wanted, or after a second."""
    for _ in range(50):
        if (seen := look()) == wanted:
            break
        time.sleep(0.02)
    return seen


def within(settings: Settings, work: Callable[[InRedis], Awaitable[T]], clock: Callable[[], float] = time.time) -> T:
    """What comes of some work with a state of its own."""

    async def run() -> T:
        state = InRedis(settings, clock)
        await state.open()
        try:
            return await work(state)
        finally:
            await state.close()

    return asyncio.run(run())


def keys(redis: RedisServer) -> dict[bytes, int]:
    """Every key and the seconds it has left."""
    client = Redis.from_url(redis.url)
    try:
        return {key: int(client.ttl(key)) for key in client.scan_iter()}
    finally:
        client.close()


def predict(server: MockServer, prompt: str, **headers: str) -> Answer:
    """Submit a task to another family, which lists what it has."""
    url = f"{server.url}/replicate/v1/models/black-forest-labs/flux-schnell/predictions"
    return ask(url, {"input": {"prompt": prompt}}, headers=headers)


# --- several processes answer as one ----------------------------------------------------------------


def conversation(servers: list[MockServer], clock: Clock) -> list[Any]:
    """What a caller sees who asks one after the other, a second apart, without what names a server."""
    turn = iter(range(1000))

    def next_one() -> MockServer:
        clock.now += 1
        return servers[next(turn) % len(servers)]

    def told(answer: Answer) -> Any:
        text = answer.body.decode()
        for server in servers:
            text = text.replace(server.url, "http://mock")
        return answer.status, text

    tasks = [submit(next_one(), prompt=f"Fox {number}") for number in range(3)]
    for question in ("", f"/{tasks[0]}"):
        assert tasks[0] not in ask(f"{next_one().url}{PREDICTIONS}{question}").body.decode()
    seen: list[Any] = [tasks, told(poll(next_one(), tasks[0]))]
    assert "NOT_START" in seen[-1][1], "a question to another family has moved it on"
    seen += [told(poll(next_one(), task)) for _ in range(5) for task in tasks]
    seen += [told(poll(next_one(), tasks[0], key="sk-other")), told(poll(next_one(), "0" * 32))]
    seen += [told(generate(next_one(), **{**CHEAP, "prompt": prompt})) for prompt in ("A fox", LONG)]
    predictions = [predict(next_one(), f"Fox {number}").json["id"] for number in range(4)]
    listed = ask(f"{next_one().url}{PREDICTIONS}").json["results"]
    assert [prediction["id"] for prediction in listed] == predictions[::-1], "the newest first"
    waited = predict(next_one(), "A fox", Prefer="wait=9")
    assert waited.json["status"] == "succeeded"
    return [*seen, predictions, told(waited), told(ask(f"{next_one().url}{PREDICTIONS}"))]


def test_two_processes_give_the_answers_of_one(settings: Settings) -> None:
    clock = Clock()
    with MockServer(settings, clock) as one, MockServer(settings, clock) as two:
        shared = conversation([one, two], clock)
    clock = Clock()
    with MockServer(replace(settings, redis=None), clock) as alone:
        assert shared == conversation([alone], clock)


@pytest.mark.parametrize("prompt", ["A red fox", LONG], ids=["short", "long"])
def test_a_link_of_one_process_leads_to_its_picture_on_another(workers: list[MockServer], prompt: str) -> None:
    one, _ = workers
    url = generate(one, **{**CHEAP, "prompt": prompt}).json["data"][0]["url"]
    files = [ask(url.replace(one.url, server.url), key=None) for server in workers]
    assert [file.status for file in files] == [200, 200]
    assert files[0].body == files[1].body


def test_polls_at_the_same_time_are_each_counted_once(settings: Settings) -> None:
    settings = replace(settings, task_polls=40)
    with MockServer(settings) as one, MockServer(settings) as two:
        task = submit(one)
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda number: poll((one, two)[number % 2], task), range(40)))
        progress = sorted(int(answer.json["data"]["progress"].rstrip("%")) for answer in answers)
        with MockServer(replace(settings, redis=None)) as alone:
            same = submit(alone)
            expected = [int(poll(alone, same).json["data"]["progress"].rstrip("%")) for _ in range(40)]
    assert progress == expected


def test_a_task_fails_and_is_made_to_fail_wherever_somebody_looks(workers: list[MockServer]) -> None:
    one, two = workers
    body = {"model": "dall-e-2", "prompt": "A fox", "size": "256x256"}
    prefer = {"Prefer": "problem=internal"}
    doomed = ask(f"{one.url}{GENERATIONS}?async=true", body, headers=prefer).json["task_id"]
    seen = [poll(server, doomed).json["data"] for server in (one, two, one, two)]
    assert [data["status"] for data in seen] == ["NOT_START", "IN_PROGRESS", "IN_PROGRESS", "FAILURE"]
    assert seen[-1]["fail_reason"]
    ended = submit(one)
    control = f"{two.url}/_imageproof/tasks"
    assert ask(f"{control}/{ended}", {"state": "failed", "reason": "out of paint"}).json["state"] == "failed"
    assert {poll(server, ended).json["data"]["fail_reason"] for server in workers} == {"out of paint"}
    listed = {task["id"]: task for task in ask(control).json["tasks"]}
    assert {id_: task["state"] for id_, task in listed.items()} == {doomed: "failed", ended: "failed"}
    assert ask(f"{control}/none", {"state": "failed"}).status == 404
    assert within(one.settings, lambda state: state.tasks.end("none", Ending("failed", ""))) is None
    assert len(ask(control).json["tasks"]) == 2, "and ending a task that is not there makes none"


def test_request_ids_of_all_processes_are_different(workers: list[MockServer]) -> None:
    ids = [ask(f"{server.url}/v1/images/tasks/x").headers["x-request-id"] for server in workers * 3]
    assert len(set(ids)) == 6


def test_the_journal_holds_what_every_process_was_asked(workers: list[MockServer]) -> None:
    for number in range(6):
        ask(f"{workers[number % 2].url}/v1/images/tasks/{number}")
    wanted = [f"/v1/images/tasks/{number}" for number in range(6)]
    for server in workers:
        assert eventually(lambda server=server: [it.path for it in server.journal], wanted) == wanted  # type: ignore[misc]
    assert {it.problem for it in workers[0].journal} == {"unknown-task"}


def test_what_one_process_was_asked_another_one_can_verify_and_show(workers: list[MockServer]) -> None:
    one, two = workers
    answer = generate(one, **{**CHEAP, "prompt": LONG, "n": 2})
    two.verify(prompt=LONG, n=2, within=1)
    [told] = ask(f"{two.url}/_imageproof/journal", key=None).json["entries"]
    assert (told["verdict"], told["made"]) == ("valid", 2)
    whole = ask(f"{two.url}/_imageproof/journal/{told['request_id']}", key=None).json
    assert whole["answer"]["body"].startswith(answer.body.decode()[:500])
    for picture in whole["pictures"]:
        for where in picture.values():
            if str(where).startswith("/"):
                assert ask(f"{two.url}{where}", key=None).status == 200


def test_a_reset_of_one_is_a_reset_of_all(workers: list[MockServer]) -> None:
    one, two = workers
    task = submit(one)
    url = generate(one, **{**CHEAP, "prompt": LONG}).json["data"][0]["url"]
    eventually(lambda: len(two.journal), 2)
    two.reset()
    assert two.journal == []
    assert poll(one, task).status == 400
    assert ask(url, key=None).status == 410
    assert submit(one) == task


def test_two_servers_in_one_redis_know_nothing_of_each_other(workers: list[MockServer], settings: Settings) -> None:
    task = submit(workers[0])
    with MockServer(replace(settings, secret=b"another")) as other:
        assert poll(other, task).status == 400
        other.reset()
    assert poll(workers[1], task).status == 200


# --- what lies in Redis -----------------------------------------------------------------------------


def test_uploads_of_a_task_are_there_for_every_process(settings: Settings) -> None:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(file, "PNG")
    asked = {"input-image": [opened(file.getvalue())], "size": (256, 256), "prompt": "A fox"}
    task = within(settings, lambda state: state.tasks.submit(Order("me", asked, asked, "http://mock")))
    found = within(settings, lambda state: state.tasks.look(task.id, "me"))
    assert found is not None
    [upload] = found[0].order.resolved["input-image"]
    assert isinstance(upload, Upload)
    assert upload.data == file.getvalue()
    assert found[0].order.asked == asked


def test_every_key_expires_and_none_holds_a_callers_key(workers: list[MockServer], redis: RedisServer) -> None:
    submit(workers[0], key="sk-very-secret")
    generate(workers[0], **{**CHEAP, "prompt": LONG})
    eventually(lambda: len(workers[1].journal), 2)
    assert all(0 < seconds <= 30 * 24 * 3600 for seconds in keys(redis).values())
    client = Redis.from_url(redis.url)
    dumped = b"".join(client.dump(key) or b"" for key in keys(redis))
    client.close()
    assert b"sk-very-secret" not in dumped


def test_the_shared_journal_stays_within_its_bytes_and_keeps_the_newest(settings: Settings) -> None:
    async def fill(state: InRedis) -> tuple[list[str], list[str], Mapping[str, int]]:
        for number in range(300):
            state.journal.add(entry(number, f"/{number}"))
            if number % 50 == 0:
                await state.journal.write()
        kept, newest = await state.journal.entries(), await state.journal.newest(7)
        return [it.path for it in kept], [it.path for it in newest], await state.holds()

    kept, newest, holds = within(replace(settings, journal_store=10_000), fill)
    assert kept == [f"/{number}" for number in range(300 - len(kept), 300)]
    assert newest == kept[-7:]
    assert 10 < len(kept) < 100
    assert (holds["requests"], holds["journal"]) == (300, len(kept))


def test_while_redis_takes_nothing_the_newest_entries_wait_and_no_more_than_fit(settings: Settings) -> None:
    async def fill(state: InRedis) -> list[str]:
        for number in range(1000):
            state.journal.add(entry(number, f"/{number}"))
        return [it.path for it in await state.journal.entries()]

    kept = within(replace(settings, journal_store=10_000), fill)
    assert kept == [f"/{number}" for number in range(1000 - len(kept), 1000)]
    assert 10 < len(kept) < 100


def test_what_is_promised_again_lives_on(settings: Settings, redis: RedisServer) -> None:
    async def keep(state: InRedis) -> None:
        state.blobs.keep({"digest": b"data"})
        assert state.unsettled
        await state.settle()
        assert not state.unsettled

    within(settings, keep)
    [name] = [key for key in keys(redis) if key.endswith(b"blob:digest")]
    client = Redis.from_url(redis.url)
    client.expire(name, 5)
    client.close()
    within(settings, keep)
    assert keys(redis)[name] > 7000


def test_it_is_known_how_much_there_is(workers: list[MockServer]) -> None:
    submit(workers[0])
    generate(workers[1], **{**CHEAP, "prompt": LONG})
    eventually(lambda: len(workers[0].journal), 2)
    held = ask(f"{workers[0].url}/_imageproof/state").json["holds"]
    assert {**held, "blobs": 0} == {"requests": 2, "journal": 2, "tasks": 1, "blobs": 0, "keys_with_limits": 0}
    assert 1000 < held["blobs"] < 2000


# --- Redis is not there -----------------------------------------------------------------------------


def test_without_redis_a_server_does_not_start_and_says_which() -> None:
    with pytest.raises(StateLost, match=r"Redis at redis://127.0.0.1:1/0 does not answer: .*127.0.0.1") as caught:
        MockServer(Settings(port=0, redis="redis://me:hidden@127.0.0.1:1/0")).start()
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("url", ["localhost", "http://localhost:6379", "redis://localhost:many", ""])
def test_what_is_no_url_of_a_redis_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(Unusable, match="expected redis://HOST:6379/0"):
        MockServer(Settings(port=0, redis=url))


def test_a_password_is_not_shown() -> None:
    assert shown("redis://me:hidden@db.example:6379/1?password=hidden") == "redis://db.example:6379/1"


def test_while_redis_is_lost_tasks_get_the_documented_500_and_afterwards_all_is_well(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    own = RedisServer()
    own.start()
    try:
        with MockServer(replace(settings, redis=own.url)) as server:
            task = submit(server)
            own.stop()
            began = time.monotonic()
            lost = [generate(server, "?async=true", **CHEAP), poll(server, task), generate(server, **CHEAP)]
            assert time.monotonic() - began < 5
            own.start()
            back = poll(server, submit(server))
    finally:
        own.stop()
    assert [answer.status for answer in lost] == [500, 500, 200]
    assert list(lost[0].json) == ["error"]
    assert back.status == 200
    assert "Redis at redis://127.0.0.1" in caplog.text
    assert "Traceback" not in caplog.text


def test_a_redis_that_was_restarted_meanwhile_is_not_noticed(settings: Settings) -> None:
    own = RedisServer()
    own.start()
    try:
        with MockServer(replace(settings, redis=own.url)) as server:
            submit(server)
            own.stop()
            own.start()
            assert poll(server, submit(server)).status == 200
    finally:
        own.stop()


def test_a_redis_that_says_nothing_holds_nobody_up(settings: Settings) -> None:
    own = RedisServer()
    own.start()
    try:
        with MockServer(replace(settings, redis=own.url)) as server:
            own.pause()
            began = time.monotonic()
            assert generate(server, "?async=true", **CHEAP).status == 500
            assert time.monotonic() - began < 4
            own.resume()
            assert generate(server, "?async=true", **CHEAP).status == 200
    finally:
        own.stop()
