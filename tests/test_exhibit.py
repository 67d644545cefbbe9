"""The evidence of findings: folders a person can act on, requests that can be sent again, and the whole run as HAR."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema_rs
import pytest
from test_provider import IMAGES, Asked, Listener, Told, asking, create, links, listening, png

from contract_tests.budget import Ledger
from contract_tests.cases import Case, case_of
from contract_tests.connection import CouldNotLook
from contract_tests.provider import Provider
from contract_tests.report import exhibit
from spec.forms import File
from spec.recordings.reading import read_har
from spec.recordings.redactor import Redactor
from spec.recordings.writing import Recording

EDIT = IMAGES.operation("editImage")
KEY = "sk-test-0123456789"
needs_curl = pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl")

HAR = json.loads((Path(__file__).parent.parent / "fixtures" / "har-1.2.schema.json").read_bytes())


def form(**more: Any) -> Case:
    """An edit with two files in its form."""
    files = [File(png(), "first.png", "image/png"), File(png(), "../../second.png", "image/png")]
    return case_of(IMAGES, EDIT, "multipart/form-data", {"prompt": "x", "image[]": files, **more})


def answer(asked: Asked) -> Told:
    """A picture as a link and one as base64; the link is a real one."""
    if asked.method == "GET":
        return Told(png(), headers={"content-type": "image/png"})
    told = links(f"http://{asked.headers['host']}/p.png?a=1&b=2").value
    told["data"].append({"b64_json": base64.b64encode(png()).decode()})
    return Told(told, headers={"x-request-id": "req_1"})


@pytest.fixture(scope="module")
def server() -> Iterator[Listener]:
    with listening(answer) as running:
        yield running


def exhibited(server: Listener, case: Case, folder: Path) -> Path:
    with asking(server.url, key=KEY) as provider:
        exchange = provider.send(case)
    exhibit.write_exchange(folder, exchange, Redactor([KEY]), "OPENAI_API_KEY")
    return folder


def test_an_exhibit_holds_the_request_the_answer_and_every_file_of_both(server: Listener, tmp_path: Path) -> None:
    case = form()
    folder = exhibited(server, case, tmp_path / "01")
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files == {"replay.sh", "request.http", "request.body", "answer.http", "answer.json",
                     "uploads/1-first.png", "uploads/2-second.png", "pictures/1.png", "pictures/2.png"}  # fmt: skip
    assert (folder / "request.body").read_bytes() == case.body
    head, _, body = (folder / "request.http").read_bytes().partition(b"\r\n\r\n")
    assert body == case.body
    assert head.startswith(f"POST {server.url}/v1/images/edits HTTP/1.1\r\n".encode())
    assert b"authorization: Bearer $OPENAI_API_KEY" in head
    assert b"x-request-id: req_1" in (folder / "answer.http").read_bytes()
    assert json.loads((folder / "answer.json").read_bytes())["data"]
    for name in ("uploads/1-first.png", "uploads/2-second.png", "pictures/1.png", "pictures/2.png"):
        assert (folder / name).read_bytes() == png()


@needs_curl
@pytest.mark.parametrize(
    "case", [form(), create(prompt='O\'Neill "$HOME" `x` \\ %s 🦊\n'), create()], ids=["form", "text", "short"]
)
def test_the_replay_sends_the_same_bytes_with_the_callers_own_key(server: Listener, tmp_path: Path, case: Case) -> None:
    folder = exhibited(server, case, tmp_path / "it's 100% here")
    server.asked.clear()
    ran = subprocess.run(
        ["sh", str(folder / "replay.sh")],
        env={**os.environ, "OPENAI_API_KEY": "sk-another"},
        capture_output=True,
        timeout=20,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith(b"HTTP/1.1 200")
    (again,) = server.asked
    assert (again.method, again.path, again.body) == ("POST", urlsplit(case.path).path, case.body)
    assert again.headers["authorization"] == "Bearer sk-another"
    assert again.headers["content-type"] == case.media


def test_a_replay_without_a_key_says_what_it_needs(server: Listener, tmp_path: Path) -> None:
    folder = exhibited(server, create(), tmp_path / "01")
    kept = {name: text for name, text in os.environ.items() if name != "OPENAI_API_KEY"}
    ran = subprocess.run(["sh", str(folder / "replay.sh")], env=kept, capture_output=True, text=True, timeout=20)
    assert ran.returncode != 0
    assert "export OPENAI_API_KEY=" in ran.stderr


@needs_curl
@pytest.mark.parametrize("member", ["task_id", "an id"])
def test_the_replay_of_a_look_at_a_task_submits_it_once_more(tmp_path: Path, member: str) -> None:
    ids, states = iter(["task-1", "task-2"]), iter(["SUCCESS", "IN_PROGRESS", "SUCCESS"])

    def studio(asked: Asked) -> Told:
        if asked.method == "POST":
            return Told({member: next(ids)})
        return Told({"code": "success", "data": {"task_id": asked.path.rpartition("/")[2], "status": next(states)}})

    with listening(studio) as server, asking(server.url, key=KEY) as provider:
        submit = provider.send(create())
        case = Case(IMAGES, IMAGES.operation("getImageTask"), path_parameters={"task_id": "task-1"})
        look = provider.send(case)
        (tmp_path / "submit").mkdir()
        (tmp_path / "submit" / "request.body").write_bytes(submit.case.body)
        (tmp_path / "replay.sh").write_text(exhibit.replay_of_a_task(submit, look, "OPENAI_API_KEY"), "utf-8")
        (tmp_path / "sleep").write_text("#!/bin/sh\n", "utf-8")
        (tmp_path / "sleep").chmod(0o755)
        told = {**os.environ, "OPENAI_API_KEY": KEY, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
        server.asked.clear()
        ran = subprocess.run(["sh", str(tmp_path / "replay.sh")], env=told, capture_output=True, text=True, timeout=20)
    assert ran.returncode == 0, ran.stderr
    first, *looks = [(one.method, one.path.rpartition("/")[2], one.body) for one in server.asked]
    assert first == ("POST", "generations", submit.case.body)
    if member == "task_id":
        assert looks == [("GET", "task-2", b"")] * 2, "until it says what the shown one said"
        assert '"SUCCESS"' in ran.stdout
    else:
        assert not looks
        assert "look yourself" in (tmp_path / "replay.sh").read_text("utf-8")


def test_only_exhibits_of_an_earlier_run_make_room(tmp_path: Path) -> None:
    for name in ("01-old", "02-mine", "notes"):
        (tmp_path / "findings" / name).mkdir(parents=True)
    (tmp_path / "findings" / "01-old" / "replay.sh").touch()
    exhibit.clear(tmp_path)
    assert {path.name for path in (tmp_path / "findings").iterdir()} == {"02-mine", "notes"}


def test_the_name_of_an_exhibit_leads_nowhere_else() -> None:
    assert exhibit.name_of(1, "chat-shaped-200") == "findings/01-chat-shaped-200"
    assert re.fullmatch(r"findings/02-[\w.-]+", exhibit.name_of(2, "../../etc/ passwd\n"))


def recorded(path: Path) -> Any:
    har = json.loads(path.read_text("utf-8"))
    assert not list(jsonschema_rs.validator_for(HAR).iter_errors(har))
    return har["log"]["entries"]


def test_a_run_is_recorded_with_every_link_that_was_followed(server: Listener, tmp_path: Path) -> None:
    with Provider(server.url, KEY, Ledger(None), record_to=tmp_path / "run.har") as provider:
        provider.send(create())
        provider.send(form())
    entries = recorded(tmp_path / "run.har")
    told = [(entry["request"]["method"], entry["response"]["status"]) for entry in entries]
    twice = [("GET", 200), ("GET", 200)]  # a link is good for more than one look
    assert told == [("POST", 200), *twice, ("POST", 200), *twice]
    assert [pair["name"] for pair in entries[1]["request"]["queryString"]] == ["a", "b"]
    content = entries[1]["response"]["content"]
    assert content["encoding"] == "base64"
    assert base64.b64decode(content["text"]) == png()
    assert json.loads(entries[0]["request"]["postData"]["text"])["prompt"] == "A fox"
    assert entries[3]["request"]["postData"]["comment"] == "base64"
    assert base64.b64decode(entries[3]["request"]["postData"]["text"]) == form().body
    assert {"name": "authorization", "value": "<key>"} in entries[0]["request"]["headers"]


def test_a_request_nobody_answered_is_recorded_with_the_reason(tmp_path: Path) -> None:
    with listening(answer) as gone:
        url = gone.url
    gone.server_close()
    with Provider(url, KEY, Ledger(None), record_to=tmp_path / "run.har") as provider, pytest.raises(CouldNotLook):
        provider.send(create())
    (entry,) = recorded(tmp_path / "run.har")
    assert entry["response"]["status"] == 0
    assert "refused" in entry["comment"]


def test_a_link_that_leads_nowhere_is_recorded_all_the_same_and_read(tmp_path: Path) -> None:
    urls = ("http://host:99999/x.png", "http://[bad/x", "https://\u202e.example/x?sig=1", "http://[\ud800\udcff")
    recording = Recording(tmp_path / "run.har", Redactor([KEY]))
    for url in urls:
        recording.add(0.0, 0.1, ("GET", url, {}, b""), None, "leads nowhere")
    recording.add(0.0, 0.1, ("GET", "http://h/?a=1", {}, b""), (200, {}, b"{}"))
    recording.close()
    assert [entry["request"]["queryString"] for entry in recorded(tmp_path / "run.har")] == [
        *([[]] * 4),
        [{"name": "a", "value": "1"}],
    ]
    read = read_har(tmp_path / "run.har")
    assert [bool(each.missing) for each in read] == [True] * 4 + [False]


def test_a_recording_is_bounded_and_says_what_it_left_out(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "run.har", Redactor([KEY]), longest_body=900, all_bodies=5_000)
    for _ in range(8):
        recording.add(0.0, 0.1, ("GET", "http://h/", {}, b""), (200, {}, 700 * b"x"))
    recording.add(0.0, 0.1, ("GET", "http://h/", {}, b""), (200, {}, 1_900 * b"x"))
    recording.close()
    entries = recorded(tmp_path / "run.har")
    assert "text" in entries[0]["response"]["content"]
    assert entries[-2]["response"]["content"]["comment"] == "left out: 700 bytes are more than is kept"
    assert "1,900 bytes" in entries[-1]["response"]["content"]["comment"]


def test_nothing_is_recorded_where_nobody_asks_for_it(server: Listener, tmp_path: Path) -> None:
    with asking(server.url) as provider:
        provider.send(create(n=1))
    assert not list(tmp_path.iterdir())
