"""Servers: `imageproof serve` as a process of its own, and MockServer in a thread."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner
from conftest import CHEAP, GENERATIONS, Answer, ask, delivered, generate

import imageproof
from mockserver.faults import catalogue
from mockserver.latency import latency
from mockserver.runner import MockServer
from mockserver.serving import CannotListen
from mockserver.settings import Latency, Settings

SERVE = [sys.executable, "-m", "imageproof", "serve"]


@dataclass
class Served:
    """A running `imageproof serve`; `banner` is what it has said so far."""

    process: subprocess.Popen[str]
    url: str
    banner: str

    def rest(self) -> tuple[str, str]:
        """Wait for the end; what else was said to stdout, and what to stderr."""
        self.process.wait(5)
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        return self.process.stdout.read(), self.process.stderr.read()


@contextmanager
def serving(*options: str, **environment: str) -> Iterator[Served]:
    """`imageproof serve` on a free port, once it listens; killed at the end if it still runs."""
    process = subprocess.Popen(
        [*SERVE, "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    with process:
        try:
            assert process.stdout is not None
            banner, url = "", None
            while url is None:
                line = process.stdout.readline()
                assert line, process.stderr and process.stderr.read()
                banner += line
                url = re.search(r"OPENAI_BASE_URL=(http://\S+)/v1\n", line)
            yield Served(process, url[1], banner)
        finally:
            if process.poll() is None:
                process.kill()


@contextmanager
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        yield holder.getsockname()[1]


class InFlight:
    """A request that was sent and whose answer is still awaited."""

    def __init__(self, url: str) -> None:
        self.answer: Answer | None = None
        self._thread = threading.Thread(target=self._ask, args=(url,))
        self._thread.start()
        time.sleep(0.3)
        assert self.answer is None

    def _ask(self, url: str) -> None:
        self.answer = ask(url + GENERATIONS, dict(CHEAP))

    def wait(self) -> Answer:
        self._thread.join(20)
        assert self.answer is not None
        return self.answer


# --- imageproof serve -------------------------------------------------------------------------------


def test_a_free_port_is_taken_and_told_with_all_a_caller_needs() -> None:
    with serving() as served:
        parts = urlsplit(served.url)
        assert parts.port not in (0, 4010)
        with socket.create_connection((parts.hostname or "", parts.port or 0)) as idle:
            idle.sendall(b"GET /_imageproof/health HTTP/1.1\r\nHost: x\r\n\r\n")
            assert idle.recv(65536).startswith(b"HTTP/1.1 200")
            served.process.terminate()
            rest, complaints = served.rest()  # whoever is idle is not waited for
    told = served.banner + rest
    assert "export OPENAI_API_KEY=" in told
    assert "POST /v1/images/generations" in told
    assert "GET /v1/images/tasks/{task_id}" in told
    assert (served.process.returncode, complaints) == (0, "")


def test_a_taken_port_is_one_clear_line_and_exit_code_3() -> None:
    with taken_port() as port:
        result = subprocess.run([*SERVE, "--port", str(port)], capture_output=True, text=True, timeout=30)
    assert (result.returncode, result.stdout) == (3, "")
    [line] = result.stderr.splitlines()
    assert f"127.0.0.1:{port}" in line
    assert "taken" in line
    assert "--port" in line


@pytest.mark.parametrize(
    ("options", "kind", "nearest"),
    [
        (("--profile", "zhongzuan"), "profile", "zhongzhuan"),
        (("--drift", "chat-shaped-20"), "drift", "chat-shaped-200"),
    ],
)
def test_an_unknown_name_is_exit_code_2_and_the_nearest_known_ones(
    options: tuple[str, ...], kind: str, nearest: str
) -> None:
    result = CliRunner().invoke(imageproof.main, ["serve", "--port", "0", *options])
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"unknown {kind} {options[1]!r}" in result.stderr
    assert nearest in result.stderr


@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_a_running_request_finish(name: signal.Signals) -> None:
    with serving("--latency", "800ms") as served:
        request = InFlight(served.url)
        served.process.send_signal(name)
        time.sleep(0.2)
        assert served.process.poll() is None
        with pytest.raises(ConnectionRefusedError):
            ask(f"{served.url}/_imageproof/health")
        assert request.wait().status == 200
        _, complaints = served.rest()
        assert (served.process.returncode, complaints) == (0, "")


def test_a_second_signal_does_not_wait_for_anybody() -> None:
    with serving("--latency", "20s") as served:
        parts = urlsplit(served.url)
        with socket.create_connection((parts.hostname or "", parts.port or 0)) as wire:
            wire.sendall(b"GET /v1/images/tasks/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\n\r\n")
            time.sleep(0.2)
            served.process.send_signal(signal.SIGINT)
            time.sleep(0.3)
            assert served.process.poll() is None
            served.process.send_signal(signal.SIGINT)
            _, complaints = served.rest()
    assert (served.process.returncode, complaints) == (128 + signal.SIGINT, "")


def test_options_reach_the_mock() -> None:
    options = ("--seed", "7", "--latency", "200ms", "--task-polls", "1", "--drift", "n-ignored-single-image")
    with serving(*options, IMAGEPROOF_API_KEY="sk-right") as served:
        body = {**CHEAP, "n": 2}
        began = time.perf_counter()
        answer = ask(served.url + GENERATIONS, body, key="sk-right")
        assert time.perf_counter() - began >= 0.2
        [picture] = delivered(answer)
        assert ask(served.url + GENERATIONS, body, key="sk-left").status == 401
        task_id = ask(f"{served.url}{GENERATIONS}?async=true", body, key="sk-right").json["task_id"]
        poll = ask(f"{served.url}/v1/images/tasks/{task_id}", key="sk-right")
        assert poll.json["data"]["status"] == "SUCCESS"
        served.process.terminate()
        rest, _ = served.rest()
    assert "drifts: n-ignored-single-image" in rest
    assert "sk-right" not in served.banner + rest
    pictures = []
    for seed in (7, 8):
        with MockServer(Settings(port=0, seed=seed)) as server:
            pictures += delivered(generate(server, **CHEAP))
    assert picture == pictures[0] != pictures[1]


@pytest.mark.parametrize("text", ["", "soon", "1d", "-1s", "1s-2s-3s", "1s-", "s", "1,5s"])
def test_a_latency_that_is_none_is_exit_code_2_and_an_example(text: str) -> None:
    result = CliRunner().invoke(imageproof.main, ["serve", "--latency", text])
    assert result.exit_code == 2
    assert "200ms-2s" in result.output


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("250ms", (0.25, 0.25)),
        ("1.5s", (1.5, 1.5)),
        ("2", (2, 2)),
        ("200ms-2s", (0.2, 2)),
        ("2s-1s", (1, 2)),
        ("0s", (0, 0)),
    ],
)
def test_a_latency_is_a_duration_or_a_range(text: str, seconds: tuple[float, float]) -> None:
    assert [latency(text).least, latency(text).most] == pytest.approx(seconds)


def test_faults_and_limits_are_told_at_start_and_played() -> None:
    options = ("--fault", "html:status=524,first=1", "--rate-limit", "2rpm", "--block", "weapon", "--quota-images", "1")
    with serving(*options) as served:
        asked = [{**CHEAP, "prompt": "x"}, {**CHEAP, "prompt": "A WEAPON"}, dict(CHEAP)]
        statuses = [ask(served.url + GENERATIONS, body).status for body in asked]
        assert ask(served.url + GENERATIONS, dict(CHEAP), key="sk-other").json["error"]["code"] == "insufficient_quota"
        assert ask(f"{served.url}/_imageproof/state", key=None).status == 200
        served.process.terminate()
        rest, _ = served.rest()
    assert statuses == [524, 400, 429]
    assert "html:status=524,first=1" in served.banner + rest
    assert "2rpm" in served.banner + rest


def test_a_token_is_told_only_when_it_was_made_up() -> None:
    with serving("--control-token", "let-me-in") as served:
        assert ask(f"{served.url}/_imageproof/state", key=None).status == 401
        assert ask(f"{served.url}/_imageproof/state", key="let-me-in").status == 200
        served.process.terminate()
        rest, complaints = served.rest()
    assert "let-me-in" not in served.banner + rest + complaints
    with serving("--host", "0.0.0.0") as served:
        served.process.terminate()
        rest, _ = served.rest()
        assert re.search(r"control token: \S{20,}", served.banner + rest)
    with serving(IMAGEPROOF_CONTROL_TOKEN="from-the-environment") as served:
        assert ask(f"{served.url}/_imageproof/state", key="from-the-environment").status == 200


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--fault", "lightning"], "lightning"),
        (["--fault", "html:status=1"], "200 to 599"),
        (["--fault", "empty:on=drawImage"], "createImage"),
        (["--rate-limit", "fast"], "60rpm"),
        (["--latency", "p50=1s"], "p50=800ms,p99=8s"),
        (["--task-time", "1s-2s"], "1.5s"),
        (["--url-expiry", "1s-2s"], "1.5s"),
    ],
)
def test_what_cannot_be_served_is_exit_code_2_and_says_what_can(options: list[str], word: str) -> None:
    result = CliRunner().invoke(imageproof.main, ["serve", *options])
    assert result.exit_code == 2
    assert word in " ".join(result.output.split())
    assert "Traceback" not in result.output


def test_help_and_explain_know_every_fault() -> None:
    told = CliRunner().invoke(imageproof.main, ["serve", "--help"]).output
    for name, known in catalogue().items():
        assert name in told
        explained = CliRunner().invoke(imageproof.main, ["explain", name])
        assert (explained.exit_code, known.title in " ".join(explained.output.split())) == (0, True)


# --- MockServer -------------------------------------------------------------------------------------


def test_started_it_listens_and_stopped_it_does_not() -> None:
    server = MockServer()
    assert server.start() is server
    url = server.url
    assert server.port != 0
    assert server.base_url == f"{url}/v1"
    assert ask(f"{url}/_imageproof/health").status == 200
    server.stop()
    server.stop()
    with pytest.raises(ConnectionRefusedError):
        ask(f"{url}/_imageproof/health")


def test_stopping_what_never_ran_does_nothing() -> None:
    MockServer().stop()


def test_starting_twice_is_one_server_and_stopped_it_can_start_again() -> None:
    with MockServer() as server:
        port = server.port
        server.start()
        assert server.port == port
        server.stop()
        server.start()
        assert generate(server, **CHEAP).status == 200


def test_stopping_lets_a_running_request_finish_and_ends_the_thread() -> None:
    before = set(threading.enumerate())
    server = MockServer(Settings(port=0, latency=Latency(0.6, 0.6))).start()
    request = InFlight(server.url)
    server.stop()
    assert request.wait().status == 200
    assert set(threading.enumerate()) <= before


def test_a_taken_port_cannot_be_listened_on() -> None:
    with taken_port() as port:
        server = MockServer(Settings(port=port))
        for _ in range(2):
            with pytest.raises(CannotListen, match=f"127.0.0.1:{port}: the port is taken"):
                server.start()
        server.stop()
        server.reset()
    with server:
        assert server.port == port
        assert generate(server, **CHEAP).status == 200


def test_a_host_that_is_none_cannot_be_listened_on() -> None:
    with pytest.raises(CannotListen, match=r"no-such-host\.invalid:0: ."):
        MockServer(Settings(host="no-such-host.invalid", port=0)).start()


def test_two_servers_know_nothing_of_each_other() -> None:
    with MockServer(Settings(port=0, task_polls=1)) as one, MockServer(Settings(port=0, task_polls=1, seed=1)) as two:
        assert one.port != two.port
        task_id = generate(one, "?async=true", **CHEAP).json["task_id"]
        assert ask(f"{one.url}/v1/images/tasks/{task_id}").status == 200
        assert ask(f"{two.url}/v1/images/tasks/{task_id}").status == 400
        assert [len(server.journal) for server in (one, two)] == [2, 1]


def test_latency_delays_every_answer_of_an_operation_within_its_range() -> None:
    with MockServer(Settings(port=0, latency=Latency(0.1, 0.2))) as server:
        for body in (CHEAP, {}):
            began = time.perf_counter()
            generate(server, **body)
            assert time.perf_counter() - began >= 0.1
        assert all(0.1 <= entry.seconds < 1 for entry in server.journal)


def test_delayed_answers_do_not_wait_for_each_other() -> None:
    with MockServer(Settings(port=0, latency=Latency(0.5, 0.5))) as server:
        began = time.perf_counter()
        requests = [threading.Thread(target=generate, args=(server,), kwargs=CHEAP) for _ in range(8)]
        for request in requests:
            request.start()
        for request in requests:
            request.join()
        assert time.perf_counter() - began < 2
        assert [entry.status for entry in server.journal] == [200] * 8


def test_a_reset_forgets_also_what_is_still_running() -> None:
    with MockServer(Settings(port=0, latency=Latency(0.6, 0.6))) as server:
        request = InFlight(server.url)
        server.reset()
        assert request.wait().status == 200
        assert server.journal == []
