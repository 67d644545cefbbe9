"""Recordings played: what was recorded comes back byte for byte, to requests that mean the same."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openai
import pytest
from click.testing import CliRunner
from conftest import CHEAP, GENERATIONS, ask, generate
from hypothesis import given, settings
from hypothesis import strategies as st
from test_exhibit import form
from test_exhibit import server as server  # noqa: PLC0414 - its fixture
from test_provider import KEY, Listener, create, png
from test_proxy import proxying, upstream

import imageproof
from contract_tests.budget import Ledger
from contract_tests.provider import Provider
from mockserver.replay.meaning import Meaning, meaning_of
from mockserver.replay.player import HEADER, Player, ReplaySettings
from mockserver.runner import MockServer
from mockserver.serving import ThreadedServer
from spec.errors import DocumentError
from spec.forms import Part, joined
from spec.recordings.blobs import Blobs, together
from spec.recordings.reading import read_har

JSON = "application/json"


@contextmanager
def playing(path: Path) -> Iterator[ThreadedServer[Player]]:
    """A recording, played."""
    with ThreadedServer(Player(ReplaySettings(port=0), read_har(path))) as server:
        yield server


def har(path: Path, *entries: Any) -> Path:
    """A HAR file as others write it: an entry is (request, response)."""
    told = [{"request": request, "response": response} for request, response in entries]
    path.write_text(json.dumps({"log": {"version": "1.2", "entries": told}}))
    return path


# --- recorded by the proxy ----------------------------------------------------------------------------


def session(base_url: str, key: str) -> list[bytes]:
    """What the official client gets, byte for byte."""
    asked: dict[str, Any] = {"model": "gpt-image-2", "prompt": f"A fox for {key}", "size": "1024x640"}
    with openai.OpenAI(base_url=base_url, api_key=key, max_retries=0) as client:
        images = client.images.with_raw_response
        made = images.generate(**{**asked, "prompt": "A fox"}).content
        image = ("fox.png", png(), "image/png")
        edited = images.edit(image=image, prompt="A crane", model="gpt-image-2").content
        with client.images.with_streaming_response.generate(
            **{**asked, "prompt": "A crane"}, stream=True, extra_body={"partial_images": 1}
        ) as answer:
            streamed = answer.read()
        with pytest.raises(openai.BadRequestError) as refused:
            images.generate(**asked, n=77)
    return [made, edited, streamed, refused.value.response.content]


def test_the_official_client_gets_the_same_bytes_from_a_recording(mock: MockServer, tmp_path: Path) -> None:
    with proxying(mock.url, tmp_path) as proxied:
        first = session(proxied.server.base_url, "sk-first-0123456789")
        proxied.passages(4)
    with playing(proxied.path) as server:
        assert session(server.base_url, "sk-other-9876543210") == first
        again = ask(server.url + GENERATIONS, {"size": "1024x640", "prompt": "A fox", "model": "gpt-image-2"})
        assert again.body == first[0]
        assert again.headers[HEADER] == "entry 1, 1 of 1"
        assert again.headers["x-request-id"] == mock.journal[0].request_id


def test_polls_are_answered_in_their_order_and_the_last_answer_stays(mock: MockServer, tmp_path: Path) -> None:
    mock.configure(task_polls=3)
    with proxying(mock.url, tmp_path) as proxied:
        task = generate(mock, "?async=true", **CHEAP).json["task_id"]
        url = f"/v1/images/tasks/{task}"
        polled = [ask(proxied.server.url + url).body for _ in range(3)]
        proxied.passages(3)
    assert len(set(polled)) > 1
    with playing(proxied.path) as server:
        assert [ask(server.url + url).body for _ in range(5)] == [*polled, polled[-1], polled[-1]]
        assert ask(f"{server.url}/_imageproof/reset", method="POST").status == 204
        assert ask(server.url + url).body == polled[0]


def test_what_was_played_and_what_was_not_recorded_is_told(tmp_path: Path) -> None:
    models = ({"method": "GET", "url": "https://a/v1/models"}, {"status": 200, "content": {"text": "{}"}})
    with playing(har(tmp_path / "x.har", models, models)) as server:
        for path in ("/v1/models",) * 3 + ("/v1/<b>",):
            ask(server.url + path)
        told = ask(f"{server.url}/_imageproof/journal").json
        page = ask(f"{server.url}/_imageproof/")
        assert [(one["entry"], one["path"], one["played"]) for one in told["entries"]] == [
            (1, "/v1/models", 1),
            (2, "/v1/models", 2),
        ]
        assert [one["path"] for one in told["not_recorded"]] == ["/v1/<b>"]
        assert b"2 of 2 recorded answers were played" in page.body
        assert b"GET /v1/&lt;b&gt;" in page.body
        assert "script-src 'none'" in page.headers["content-security-policy"]
        assert ask(f"{server.url}/_imageproof/reset", method="POST").status == 204
        assert ask(f"{server.url}/_imageproof/journal").json["not_recorded"] == []
        assert ask(f"{server.url}/_imageproof/drifts").status == 404


def test_pages_of_an_origin_may_call_a_recording_where_that_is_wished(tmp_path: Path) -> None:
    answer = {"status": 200, "headers": [{"name": "Access-Control-Allow-Origin", "value": "https://theirs"}]}
    path = har(
        tmp_path / "x.har", ({"method": "GET", "url": "https://a/v1/models"}, {**answer, "content": {"text": ""}})
    )
    headers = {"origin": "http://localhost:3000"}
    with ThreadedServer(Player(ReplaySettings(port=0, cors="*"), read_har(path))) as server:
        for asked in ("/v1/models", "/v1/other"):
            told = ask(server.url + asked, headers=headers).headers
            assert told["access-control-allow-origin"] == "*"
        preflight = ask(f"{server.url}/v1/models", method="OPTIONS", headers=headers)
        assert (preflight.status, preflight.headers["access-control-allow-methods"]) == (204, "GET, OPTIONS")
    with playing(path) as server:
        told = ask(f"{server.url}/v1/models", headers=headers).headers
        assert told["access-control-allow-origin"] == "https://theirs"


def test_a_stream_comes_in_chunks_event_by_event(tmp_path: Path) -> None:
    events = [b": hello\r\n\r\n", b"event: a\ndata: 1\n\n", b"data: [DONE]\n\n", b"data: cut"]
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n"
    body = b"".join(events)
    with upstream(lambda caller: caller.send(head % len(body) + body)) as url, proxying(url, tmp_path) as proxied:
        ask(proxied.url, CHEAP)
        proxied.passages()
    with playing(proxied.path) as server, socket.create_connection(("127.0.0.1", server.port), 10) as caller:
        asked = json.dumps(CHEAP)
        caller.sendall(
            f"POST {GENERATIONS} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: {JSON}\r\n"
            f"Content-Length: {len(asked)}\r\n\r\n{asked}".encode()
        )
        wire = b"".join(iter(lambda: caller.recv(65536), b""))
    assert wire.endswith(b"".join(b"%x\r\n%b\r\n" % (len(event), event) for event in events) + b"0\r\n\r\n")


# --- recorded by others -------------------------------------------------------------------------------


def test_the_recording_of_a_check_is_played(server: Listener, tmp_path: Path) -> None:
    with Provider(server.url, KEY, Ledger(None), record_to=tmp_path / "run.har") as provider:
        exchanges = [provider.send(case) for case in (create(prompt="A fox"), form())]
    with playing(tmp_path / "run.har") as player:
        for exchange in exchanges:
            case = exchange.case
            headers = {**case.headers, "authorization": "Bearer anything"}
            answer = ask(player.url + case.path, case.body, headers=headers)
            assert answer.body == exchange.response.body
            assert answer.headers["x-request-id"] == "req_1"


def test_the_recording_of_a_browser_is_played_from_its_base64_below_any_prefix(tmp_path: Path) -> None:
    url = "https://gateway.example/api/v1/images/generations?key=AIzaSomebodys"
    headers = [
        {"name": ":status", "value": "200"},
        {"name": "content-encoding", "value": "br"},
        {"name": "content-type", "value": JSON},
        {"name": "content-length", "value": "11"},
        {"name": "set-cookie", "value": "<key>"},
    ]
    text = base64.b64encode('{"ä": 1}'.encode()).decode()
    posted = {
        "mimeType": 'multipart/form-data; boundary="x"',
        "params": [{"name": "prompt", "value": "A fox"}, {"name": "n", "value": "1"}],
    }
    fetched = {"method": "GET", "url": "https://gateway.example/p.png"}
    path = har(
        tmp_path / "browser.har",
        (
            {"method": "POST", "url": url, "postData": posted},
            {"status": 200, "headers": headers, "content": {"size": 9, "text": text, "encoding": "base64"}},
        ),
        (fetched, {"status": 200, "content": {"size": 77}}),
        (fetched, {"status": 0, "content": {"size": 0}}),
    )
    body = joined([Part("n", b"1"), Part("prompt", b"A fox")], "other")
    with playing(path) as server:
        answer = ask(
            f"{server.url}{GENERATIONS}?key=mine", body, headers={"content-type": "multipart/form-data; boundary=other"}
        )
        lost = [each.missing for each in server.application.tape.missing]
    assert answer.json == {"ä": 1}
    assert not {"content-encoding", "set-cookie", ":status"} & set(answer.headers)
    assert lost == ["the body of its answer was not kept", "it had no answer"]


# --- when nothing fits --------------------------------------------------------------------------------


def test_what_was_not_recorded_is_told_with_the_nearest_that_was(tmp_path: Path) -> None:
    url = "https://gateway.example/v1/images/generations?async=true"
    asked = {"prompt": "A fox", "n": 1, "style": {"name": "vivid"}}
    other = {"method": "GET", "url": "https://gateway.example/v1/models"}
    told = {"status": 200, "content": {"text": "{}", "size": 2}}
    posted = {"mimeType": JSON, "text": json.dumps(asked)}
    path = har(tmp_path / "some.har", (other, told), ({"method": "POST", "url": url, "postData": posted}, told))
    with playing(path) as server:
        near = ask(
            server.url + GENERATIONS, {"prompt": f"A crane {KEY}", "n": True, "style": {"name": "vivid"}}, key=KEY
        )
        far = ask(f"{server.url}/v2/models")
    assert near.status == far.status == 404
    assert near.json["detail"].endswith(
        "The nearest is entry 2, POST /v1/images/generations: query async: recorded true, not asked; "
        'body /n: recorded 1, asked true; body /prompt: recorded "A fox", asked "A crane <key>".'
    )
    assert far.json["detail"].endswith("entry 1, GET /v1/models: path: recorded /v1/models, asked /v2/models.")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "no JSON"),
        ('{"\\udce9"', "no JSON"),
        ("[]", 'is not of type "object"'),
        ({"text": "x", "_file": "../secret.txt"}, "lies elsewhere"),
        ({"text": "x", "_file": "gone.png"}, "gone.png cannot be read"),
        ({"text": "?", "encoding": "base64"}, "no base64"),
    ],
)
def test_a_file_that_cannot_be_played_is_refused_with_place_and_reason(
    tmp_path: Path, content: Any, problem: str
) -> None:
    path = tmp_path / "some.har"
    if isinstance(content, str):
        path.write_text(content)
    else:
        har(path, ({"method": "GET", "url": "http://h/"}, {"status": 200, "content": content}))
    with pytest.raises(DocumentError, match=problem):
        read_har(path)
    result = CliRunner().invoke(imageproof.main, ["serve", "--replay", str(path)])
    assert result.exit_code == 2
    assert problem in result.output


def test_options_that_mean_nothing_for_a_recording_are_refused_by_name(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        imageproof.main, ["serve", "--replay", str(tmp_path / "x.har"), "--port", "0", "--drift", "x", "--workers", "2"]
    )
    assert result.exit_code == 2
    assert "does not go with --drift, --workers, but with --host" in result.output


# --- rules --------------------------------------------------------------------------------------------

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def said(body: bytes, media: str = JSON) -> Meaning:
    return meaning_of("POST", "/x", (), body, media)


def shuffled(value: Any) -> Any:
    """The same value with every object's members in another order."""
    if isinstance(value, dict):
        return {name: shuffled(value[name]) for name in reversed(value)}
    return [shuffled(item) for item in value] if isinstance(value, list) else value


@settings(max_examples=40)
@given(VALUES, VALUES)
def test_bodies_mean_the_same_exactly_if_their_values_are_equal(one: Any, other: Any) -> None:
    assert said(json.dumps([one]).encode()) == said(json.dumps([shuffled(one)], indent=3).encode())
    told = [json.dumps(value, sort_keys=True) for value in (one, other)]
    equal = told[0] == told[1] or (one == other and not {bool, list, dict} & {type(one), type(other)})
    assert (said(json.dumps([one]).encode()) == said(json.dumps([other]).encode())) is equal


PARTS = st.lists(
    st.builds(Part, st.sampled_from(["a", "b[]"]), st.binary(max_size=20), st.none() | st.just("f.png"), st.none()),
    max_size=4,
)


@settings(max_examples=40)
@given(PARTS, PARTS)
def test_forms_mean_the_same_exactly_if_the_parts_of_each_name_are(one: list[Part], other: list[Part]) -> None:
    def sides(parts: list[Part]) -> list[list[bytes]]:
        return [[part.data for part in parts if part.name == name] for name in ("a", "b[]")]

    def form_of(parts: list[Part], boundary: str) -> Meaning:
        return said(joined(parts, boundary), f"multipart/form-data; boundary={boundary}")

    assert (form_of(one, "left7391") == form_of(other, "right9137")) is (sides(one) == sides(other))


PICTURE = png(64, 64) + bytes(range(256)) * 8


@settings(max_examples=40)
@given(
    st.lists(
        st.binary(max_size=9)
        | st.text(max_size=9).map(str.encode)
        | st.sampled_from([base64.b64encode(PICTURE), base64.b64encode(PICTURE)[:-3], b"A" * 4000, PICTURE]).map(
            lambda data: b'"' + data + b'"'
        )
    ),
    st.booleans(),
)
def test_a_body_taken_apart_can_be_put_together_again(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], as_form: bool
) -> None:
    folder = tmp_path_factory.getbasetemp() / "blobs"
    parts = [Part("image[]", piece, "p.png", "image/png") for piece in pieces]
    body = joined(parts, "zzz") if as_form else b"".join(pieces)
    apart = Blobs(folder / "some.files").apart(body, "multipart/form-data; boundary=zzz" if as_form else JSON)
    if apart.text is None:
        assert (folder / apart.file).read_bytes() == body
    else:
        assert together(apart.text, apart.pieces, lambda file: (folder / file).read_bytes()) == body
        assert PICTURE not in apart.text.encode()
        assert base64.b64encode(PICTURE) not in apart.text.encode()
