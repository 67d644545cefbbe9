"""Callbacks: who asked to be told hears of every change of a task, in the words a poll would be answered in."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from conftest import ask
from hypothesis import given
from hypothesis import strategies as st

from mockserver.callbacks import TRIES, refused, shown
from mockserver.runner import MockServer
from mockserver.settings import Settings
from spec.drifts import drift_uses

SPEC = Path(__file__).parent.parent / "spec"
NONE = "http://127.0.0.1:9/hook"


class Receiver:
    """A server that hears callbacks. `answers` are the statuses it gives, one after the other; then 200."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, dict[str, str], Any]] = []
        self.answers: list[int] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): text for name, text in self.headers.items()}
                receiver.heard.append((self.path, headers, json.loads(body)))
                self.send_response(receiver.answers.pop(0) if receiver.answers else 200)
                self.send_header("Location", "http://127.0.0.1:9/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Nothing on the terminal."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"

    @property
    def bodies(self) -> list[Any]:
        return [body for _, _, body in self.heard]

    @property
    def states(self) -> list[str]:
        return [body["status"] for body in self.bodies]

    @contextmanager
    def open(self) -> Iterator[Receiver]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver().open() as opened:
        yield opened


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The small family that the guide to the contract language has."""
    text = next(part for part in (SPEC / "README.md").read_text("utf-8").split("```yaml\n") if "notifyHook" in part)
    path = tmp_path_factory.mktemp("contracts") / "small.yaml"
    path.write_text(text.partition("```")[0], "utf-8")
    return str(path)


def submit(server: MockServer, hook: str, **headers: str) -> str:
    body = {"prompt": "A red fox", "state": "mine", "notifyHook": hook}
    return str(ask(f"{server.url}/mj/submit/imagine", body, headers=headers).json["result"])


def poll(server: MockServer, task: str) -> Any:
    return ask(f"{server.url}/mj/task/{task}/fetch").json


def deliveries(server: MockServer) -> list[Any]:
    told: list[Any] = ask(f"{server.url}/_imageproof/callbacks").json["deliveries"]
    return told


def soon(happened: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until something has happened."""
    until = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < until, "it has not happened"
        time.sleep(0.01)


def test_a_task_that_takes_time_is_told_about_without_a_single_poll(family: str, receiver: Receiver) -> None:
    with MockServer(Settings(port=0, contracts=(family,), task_seconds=0.8)) as server:
        task = submit(server, receiver.url)
        soon(lambda: len(deliveries(server)) == 2)
        assert receiver.states == ["IN_PROGRESS", "SUCCESS"]
        assert receiver.bodies[-1] == poll(server, task), "the body is what a poll is answered"
        assert receiver.bodies[-1]["state"] == "mine"
        assert ask(receiver.bodies[-1]["imageUrl"], key=None).status == 200
        path, headers, _ = receiver.heard[0]
        assert (path, headers["content-type"]) == ("/hook", "application/json")
        assert "authorization" not in headers
        first = deliveries(server)[0]
        assert first | {"at": 0} == {
            "task": task,
            "state": "running",
            "url": receiver.url,
            "at": 0,
            "tries": 1,
            "status": 200,
            "problem": "",
        }


def test_the_clock_moved_on_is_news_at_once(family: str, receiver: Receiver) -> None:
    with MockServer(Settings(port=0, contracts=(family,), task_seconds=3600)) as server:
        submit(server, receiver.url)
        for by, states in ((901, ["IN_PROGRESS"]), (2700, ["IN_PROGRESS", "SUCCESS"])):
            ask(f"{server.url}/_imageproof/clock/advance", {"by": by})
            soon(lambda expected=states: receiver.states == expected)  # type: ignore[misc]


def test_counted_polls_are_told_about_and_callbacks_do_not_count(family: str, receiver: Receiver) -> None:
    with MockServer(Settings(port=0, contracts=(family,), task_polls=3)) as server:
        task = submit(server, receiver.url)
        seen = []
        for number in range(3):
            seen.append(poll(server, task)["status"])
            soon(lambda expected=number: len(receiver.heard) == expected)  # type: ignore[misc]
        assert seen == ["NOT_START", "IN_PROGRESS", "SUCCESS"]
        assert receiver.states == seen[1:]


def test_failures_and_cancellations_are_told_with_their_reason(family: str, receiver: Receiver) -> None:
    with MockServer(Settings(port=0, contracts=(family,), task_seconds=3600)) as server:
        doomed, stopped = submit(server, receiver.url, Prefer="problem=internal"), submit(server, receiver.url)
        ask(f"{server.url}/_imageproof/tasks/{stopped}", {"state": "canceled", "reason": "no longer wanted"})
        soon(lambda: len(receiver.heard) == 1)
        server.advance(3600)
        soon(lambda: len(receiver.heard) == 2)
        told = {body["id"]: (body["status"], body["failReason"]) for body in receiver.bodies}
        assert told == {stopped: ("CANCEL", "no longer wanted"), doomed: ("FAILURE", "it was asked to fail")}


def test_a_receiver_that_fails_is_tried_again_and_not_for_ever(family: str, receiver: Receiver) -> None:
    receiver.answers = [500, 302, 200, *[503] * TRIES]
    with MockServer(Settings(port=0, contracts=(family,), task_seconds=0.0)) as server:
        submit(server, receiver.url)
        soon(lambda: len(deliveries(server)) == 1)
        [told] = deliveries(server)
        assert (told["state"], told["tries"], told["status"], told["problem"]) == ("succeeded", 3, 200, "")
        submit(server, receiver.url)
        soon(lambda: len(deliveries(server)) == 2)
        assert deliveries(server)[1]["tries"] == TRIES
        assert deliveries(server)[1]["problem"] == "it answers 503"
        assert len(receiver.heard) == 3 + TRIES


def test_a_receiver_that_is_not_there_harms_nobody(family: str) -> None:
    with MockServer(Settings(port=0, contracts=(family,), task_seconds=0.0)) as server:
        task = submit(server, NONE)
        soon(lambda: len(deliveries(server)) == 1)
        assert deliveries(server)[0]["status"] == 0
        assert "cannot be reached" in deliveries(server)[0]["problem"]
        assert poll(server, task)["status"] == "SUCCESS"


def test_news_never_leaves_this_machine_unasked(family: str) -> None:
    with MockServer(Settings(port=0, contracts=(family,), task_seconds=0.0)) as server:
        task = submit(server, "https://me:secret@hooks.example/x?token=secret")
        [told] = deliveries(server)
        assert (told["url"], told["tries"]) == ("https://hooks.example/x", 0)
        assert told["problem"].startswith("hooks.example is not this machine; `imageproof serve --callbacks any`")
        assert poll(server, task)["status"] == "SUCCESS"
        submit(server, "http://hooks.example/" + "x" * 100_000)
        submit(server, f"http://{'x' * 8_000}.example/")
        assert [len(told["url"]) for told in deliveries(server)[1:]] == [500, 500]
        assert max(len(str(told)) for told in deliveries(server)) < 1500


def test_a_reset_ends_what_was_to_be_told(family: str, receiver: Receiver) -> None:
    with MockServer(Settings(port=0, contracts=(family,), task_seconds=3600)) as server:
        first = submit(server, receiver.url)
        server.reset()
        assert submit(server, NONE) == first, "ids begin anew"
        ask(f"{server.url}/_imageproof/tasks/{first}", {"state": "failed"})
        soon(lambda: len(deliveries(server)) == 1)
        assert receiver.heard == []


def test_a_drift_is_told_as_a_poll_would_tell_it(family: str, receiver: Receiver) -> None:
    drifts = drift_uses(["task-fails-without-reason"])
    with MockServer(Settings(port=0, contracts=(family,), task_seconds=0.0, drifts=drifts)) as server:
        submit(server, receiver.url)
        soon(lambda: len(receiver.heard) == 1)
    assert (receiver.states, receiver.bodies[0]["failReason"]) == (["FAILURE"], None)


@pytest.mark.parametrize(
    ("url", "reach", "sent"),
    [
        ("http://127.0.0.1:1/x", "loopback", True),
        ("http://localhost/x", "loopback", True),
        ("https://[::1]/x", "loopback", True),
        ("http://127.0.0.1.example/x", "loopback", False),
        ("http://localhost.example/x", "loopback", False),
        ("http://127.0.0.1@example.com/x", "loopback", False),
        ("http://0.0.0.0/x", "loopback", False),
        ("http://169.254.169.254/x", "loopback", False),
        ("http://example.com/x", "any", True),
        ("file:///etc/passwd", "any", False),
        ("http://[::1/x", "any", False),
        ("http://127.0.0.1:99999/x", "any", False),
        ("http:///x", "any", False),
        ("http://127.0.0.1/" + "x" * 8_000, "any", True),
        ("http://127.0.0.1/" + "x" * 9_000, "any", False),
    ],
)
def test_where_news_may_go(url: str, reach: Any, sent: bool) -> None:
    assert (refused(url, reach) == "") == sent


@given(st.text())
def test_no_text_is_too_odd_for_a_callback(text: str) -> None:
    for url in (text, f"http://{text}"):
        refused(url, "any")
        assert "?" not in shown(url) or shown(url) == "?"
