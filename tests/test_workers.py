from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import CHEAP, GENERATIONS, ask
from redis_server import RedisServer

import imageproof

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="several processes need Unix")
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    server = RedisServer()
    server.start()
    yield server
    server.stop()


class Served:
    """`imageproof serve` with two workers."""

    def __init__(self, redis: RedisServer, *options: str) -> None:
        command = [sys.executable, str(ROOT / "imageproof.py"), "serve", "--port", "0", "--workers", "2", *options]
        self.process = subprocess.Popen(
            [*command, "--redis", redis.url],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        self.said = ""
        while "Ctrl-C" not in self.said or "OPENAI_API_KEY" not in self.said:
            line = self.process.stdout.readline()
            assert line, self.process.communicate()
            self.said += line
        found = re.search(r"OPENAI_BASE_URL=(http://\S+)/v1", self.said)
        assert found
        self.url = found[1]

    def workers(self) -> set[int]:
        """The processes that serve now."""
        listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True)
        return set(map(int, listed.stdout.split()))

    def await_workers(self, count: int) -> set[int]:
        """The processes that serve, once there are so many."""
        until = time.monotonic() + 10
        while len(now := self.workers()) != count:
            assert time.monotonic() < until
            time.sleep(0.05)
        return now

    def stopped(self, number: signal.Signals) -> tuple[int, str]:
        """The exit code and what was written to stderr after a signal."""
        self.process.send_signal(number)
        _, error = self.process.communicate(timeout=30)
        return self.process.returncode, error


@pytest.fixture
def served(redis: RedisServer) -> Iterator[Served]:
    server = Served(redis, "--task-polls", "4")
    yield server
    if server.process.poll() is None:
        os.killpg(server.process.pid, signal.SIGKILL)
        server.process.communicate()


def test_two_processes_serve_one_port_and_a_task_moves_on_whoever_is_asked(served: Served) -> None:
    assert "[" not in served.said
    served.await_workers(2)
    task = ask(f"{served.url}{GENERATIONS}?async=true", CHEAP).json["task_id"]
    seen = [ask(f"{served.url}/v1/images/tasks/{task}") for _ in range(5)]  # each on a connection of its own
    assert [answer.json["data"]["progress"] for answer in seen] == ["0%", "11%", "55%", "100%", "100%"]
    url = seen[-1].json["data"]["data"]["data"][0]["url"]
    assert {ask(url, key=None).status for _ in range(6)} == {200}


def test_a_process_that_dies_is_replaced_and_ids_stay_different(served: Served) -> None:
    before = served.await_workers(2)
    ids = [ask(f"{served.url}/v1/images/tasks/x").headers["x-request-id"] for _ in range(10)]
    victim = before.pop()
    os.kill(victim, signal.SIGKILL)
    until = time.monotonic() + 10
    while victim in (now := served.workers()) or len(now) < 2:
        assert time.monotonic() < until
        time.sleep(0.05)
    assert before < now
    ids += [ask(f"{served.url}/v1/images/tasks/x").headers["x-request-id"] for _ in range(10)]
    assert len(set(ids)) == 20


def test_what_would_change_only_one_process_is_refused(served: Served) -> None:
    for method, path in (("PATCH", "/settings"), ("PUT", "/settings"), ("POST", "/clock/advance")):
        answer = ask(f"{served.url}/_imageproof{path}", {}, method=method)
        assert answer.status == 409
        assert "2 processes serve here" in answer.body.decode()
    assert ask(f"{served.url}/_imageproof/journal").status == 200
    assert ask(f"{served.url}/_imageproof/reset", {}).status == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_running_requests_finish(redis: RedisServer, number: signal.Signals) -> None:
    served = Served(redis, "--latency", "1s")
    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(ask, served.url + GENERATIONS, CHEAP) for _ in range(4)]
        time.sleep(0.5)
        code, error = served.stopped(number)
        assert [one.result().status for one in running] == [200] * 4
    assert (code, error) == (0, "")
    assert not served.workers()


def test_ctrl_c_in_a_terminal_reaches_every_process_and_ends_them_quietly(redis: RedisServer) -> None:
    served = Served(redis)
    os.killpg(served.process.pid, signal.SIGINT)
    _, error = served.process.communicate(timeout=30)
    assert (served.process.returncode, error) == (0, "")


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        (["--workers", "2"], 2, "name one with --redis redis://localhost:6379/0"),
        (["--workers", "0"], 2, "Invalid value for '--workers'"),
        (["--workers", "2", "--redis", "nonsense"], 2, "expected redis://HOST:6379/0"),
        (["--workers", "2", "--redis", "redis://127.0.0.1:1/0"], 3, "Start it, or name another with --redis."),
        (["--workers", "1", "--redis", "redis://127.0.0.1:1/0"], 3, "Redis at redis://127.0.0.1:1/0 does not answer"),
    ],
)
def test_what_cannot_be_started_says_what_to_do(options: list[str], code: int, sentence: str) -> None:
    result = CliRunner().invoke(imageproof.main, ["serve", "--port", "0", *options], env={"IMAGEPROOF_REDIS_URL": None})
    assert result.exit_code == code
    assert sentence in " ".join(result.output.split())
    assert "Traceback" not in result.output


def test_a_port_that_is_taken_is_said_as_with_one_process(redis: RedisServer) -> None:
    options = ["serve", "--port", str(redis.port), "--workers", "2", "--redis", redis.url]
    result = CliRunner().invoke(imageproof.main, options)
    assert result.exit_code == 3
    assert f"cannot listen on 127.0.0.1:{redis.port}: the port is taken" in result.output
