"""The mock as a caller sees it: refusals, answers, pictures."""

from __future__ import annotations

import gzip
import json
import socket
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count, pairwise
from typing import Any
from urllib.parse import urlsplit

import pytest
from conftest import CHEAP, GENERATIONS, PROFILES, Answer, ask, delivered, generate, opened
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from contract_tests.cases import KEY, Case
from contract_tests.mutations import defects, unknown_task
from contract_tests.valid_cases import cases, pixels
from mockserver.endpoint import masked
from mockserver.preferences import preferences
from mockserver.runner import MockServer
from mockserver.settings import Settings
from spec.drifts import drift_uses
from spec.language import IMAGE_ROLES
from spec.loading import load_contract
from spec.messages import Response
from spec.profiles import load_profile
from spec.response_check import ResponseCheck

FEW = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
IMAGES = load_contract("images")
CREATE = IMAGES.operation("createImage")
LOOK = IMAGES.operation("getImageTask")
USER, REQUEST = "image_generation_user_error", "invalid_request_error"


@pytest.fixture(scope="module")
def narrow() -> Iterator[MockServer]:
    """A mock that knows one key and takes small bodies only."""
    with MockServer(Settings(port=0, api_key="sk-right", max_body=2000)) as server:
        yield server


def send(server: MockServer, case: Case) -> Answer:
    """A generated case over the wire."""
    target = case.path + ("?" + "&".join(f"{name}={value}" for name, value in case.query.items()) if case.query else "")
    headers = {name: value.replace(KEY, "sk-test") for name, value in case.headers.items()}
    return ask(server.url + target, case.body or None, key=None, headers=headers, method=case.operation.method.upper())


def as_response(answer: Answer) -> Response:
    return Response(answer.status, answer.headers, answer.body)


def said(error: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    """What an error says for programs."""
    return error["type"], error["code"], error["param"]


# --- refusals: what is wrong with the body ----------------------------------------------------------

GPT: dict[str, Any] = {"model": "gpt-image-2", "prompt": "A red fox"}
OLD_GPT: dict[str, Any] = {"model": "gpt-image-1.5", "prompt": "A red fox"}
WEBP: dict[str, Any] = {**GPT, "output_format": "webp"}
DALL_E: dict[str, Any] = {"model": "dall-e-3", "prompt": "A red fox"}


@pytest.mark.parametrize(
    ("body", "type_", "code", "param"),
    [
        ({"prompt": "x"}, REQUEST, "missing_required_parameter", "model"),
        ({"model": "gpt-image-2"}, REQUEST, "missing_required_parameter", "prompt"),
        ({}, REQUEST, "missing_required_parameter", "model"),
        ({**GPT, "colour": "red"}, REQUEST, "unknown_parameter", "colour"),
        ({**GPT, "mask": "x"}, REQUEST, "unknown_parameter", "mask"),
        ({**GPT, "response_format": "url"}, REQUEST, "unknown_parameter", "response_format"),
        ({**GPT, "response_format": None}, REQUEST, "unknown_parameter", "response_format"),
        ({**GPT, "style": "vivid"}, REQUEST, "unknown_parameter", "style"),
        ({**DALL_E, "background": "opaque"}, REQUEST, "unknown_parameter", "background"),
        ({**GPT, "n": "2"}, REQUEST, "invalid_type", "n"),
        ({**GPT, "n": 1.5}, REQUEST, "invalid_type", "n"),
        ({**GPT, "n": True}, REQUEST, "invalid_type", "n"),
        ({**GPT, "stream": "yes"}, REQUEST, "invalid_type", "stream"),
        ({**GPT, "size": 123}, REQUEST, "invalid_type", "size"),
        ({**GPT, "prompt": None}, REQUEST, "invalid_type", "prompt"),
        ({**GPT, "prompt": ["x"]}, REQUEST, "invalid_type", "prompt"),
        ({**GPT, "model": None}, REQUEST, "invalid_type", "model"),
        ({**GPT, "model": 3}, REQUEST, "invalid_type", "model"),
        ([GPT], REQUEST, "invalid_type", None),
        ("x", REQUEST, "invalid_type", None),
        ({**GPT, "quality": "ultra"}, REQUEST, "invalid_value", "quality"),
        ({**GPT, "quality": "hd"}, REQUEST, "invalid_value", "quality"),
        ({**GPT, "output_format": "bmp"}, REQUEST, "invalid_value", "output_format"),
        ({**DALL_E, "response_format": "png"}, REQUEST, "invalid_value", "response_format"),
        ({**GPT, "n": 0}, REQUEST, "integer_below_min_value", "n"),
        ({**GPT, "n": 11}, REQUEST, "integer_above_max_value", "n"),
        ({**DALL_E, "n": 2}, REQUEST, "integer_above_max_value", "n"),
        ({**GPT, "n": 10**40}, REQUEST, "integer_above_max_value", "n"),
        ({**GPT, "partial_images": 4}, REQUEST, "integer_above_max_value", "partial_images"),
        ({**WEBP, "output_compression": -1}, REQUEST, "integer_below_min_value", "output_compression"),
        ({**GPT, "output_compression": -1}, REQUEST, "integer_below_min_value", "output_compression"),
        ({**GPT, "output_compression": 101}, REQUEST, "integer_above_max_value", "output_compression"),
        ({**GPT, "prompt": ""}, REQUEST, "empty_string", "prompt"),
        ({**GPT, "prompt": "x" * 32_001}, REQUEST, "string_above_max_length", "prompt"),
        ({**CHEAP, "prompt": "x" * 1_001}, REQUEST, "string_above_max_length", "prompt"),
        ({**GPT, "model": "gpt-image-9"}, USER, "invalid_value", "model"),
        ({**GPT, "model": ""}, USER, "invalid_value", "model"),
        ({**GPT, "size": "bogus"}, USER, "invalid_value", "size"),
        ({**GPT, "size": "0x0"}, USER, "invalid_value", "size"),
        ({**GPT, "size": "1254x1254"}, USER, "invalid_value", "size"),
        ({**GPT, "size": "800x800"}, USER, "invalid_value", "size"),
        ({**GPT, "size": "3856x2160"}, USER, "invalid_value", "size"),
        ({**GPT, "size": "2048x512"}, USER, "invalid_value", "size"),
        ({**OLD_GPT, "size": "1536x896"}, USER, "invalid_value", "size"),
        ({**DALL_E, "size": "512x512"}, REQUEST, "invalid_size", None),
        ({**GPT, "output_compression": 50}, USER, "invalid_png_output_compression", None),
        ({**GPT, "stream": True, "n": 2}, USER, "unsupported_parameter", "input"),
        ({**GPT, "background": "transparent", "output_format": "jpeg"}, USER, "invalid_value", "output_format"),
    ],
    ids=lambda value: json.dumps(value)[:70] if isinstance(value, dict | list) else None,
)
def test_a_wrong_body_is_refused_by_type_code_and_param(
    mock: MockServer, body: Any, type_: str, code: str, param: str | None
) -> None:
    answer = ask(mock.url + GENERATIONS, body)
    assert (answer.status, answer.headers["content-type"]) == (400, "application/json")
    assert set(answer.error) == {"message", "type", "param", "code"}
    assert said(answer.error) == (type_, code, param)
    assert answer.error["message"].endswith(".")
    assert "?" not in answer.error["message"]
    assert "for ''" not in answer.error["message"]
    assert len(answer.error["message"]) < 500
    assert [(entry.status, bool(entry.problem and entry.detail)) for entry in mock.journal] == [(400, True)]


@pytest.mark.parametrize(
    ("wrong", "first"),
    [
        ({"n": 99, "colour": 1, "model": "gpt-image-9", "prompt": ""}, "model"),
        ({"n": 99, "colour": 1, "prompt": ""}, "colour"),
        ({"n": 99, "size": "bogus", "prompt": ""}, "prompt"),
        ({"n": 99, "size": "bogus", "quality": "ultra"}, "n"),
        ({"size": "bogus", "quality": "ultra", "output_compression": 101}, "quality"),
        ({"size": "bogus", "output_format": "webp", "output_compression": 101}, "output_compression"),
    ],
)
def test_of_several_mistakes_the_original_reports_this_one(mock: MockServer, wrong: dict[str, Any], first: str) -> None:
    assert generate(mock, **{**GPT, **wrong}).error["param"] == first


@pytest.mark.parametrize("name", ["n", "size", "quality", "stream", "output_compression", "partial_images"])
def test_null_means_absent_where_the_original_lets_it(mock: MockServer, name: str) -> None:
    plain = generate(mock, **GPT)
    assert {**generate(mock, **{**GPT, name: None}).json, "created": 0} == {**plain.json, "created": 0}


def test_an_integer_may_be_written_as_json_lets_it(mock: MockServer) -> None:
    answer = ask(mock.url + GENERATIONS, json.dumps({**CHEAP, "n": 2}).replace("2}", "2.0}").encode())
    assert len(delivered(answer)) == 2


@pytest.mark.parametrize(
    "body", [b"", b"{", b"{'a': 1}", b'{"n": NaN}', b'{"prompt": "\\ud800"}', b"\xff\xfe{}", b"[" * 5_000, b"{} {}",
             b"[" * 101 + b"]" * 101, b'{"svg":' * 990 + b"1" + b"}" * 990],
)  # fmt: skip
def test_what_is_not_json_is_refused_as_such(mock: MockServer, body: bytes) -> None:
    answer = ask(mock.url + GENERATIONS, body)
    assert (answer.status, said(answer.error)) == (400, (REQUEST, None, None))
    assert "application/json" in answer.error["message"]
    assert "?" not in answer.error["message"]


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_another_content_type_is_refused(mock: MockServer, media: str) -> None:
    answer = ask(mock.url + GENERATIONS, dict(CHEAP), headers={"Content-Type": media})
    assert (answer.status, said(answer.error)) == (400, (REQUEST, "unsupported_content_type", None))
    assert "application/json" in answer.error["message"]


@pytest.mark.parametrize("media", ["application/json; charset=utf-8", "Application/JSON"])
def test_json_may_be_named_in_other_ways(mock: MockServer, media: str) -> None:
    assert ask(mock.url + GENERATIONS, dict(CHEAP), headers={"Content-Type": media}).status == 200


# --- refusals: who asks, and where ------------------------------------------------------------------


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer ", "Basic c2s6", "sk-test"])
@pytest.mark.parametrize("place", [GENERATIONS, "/v1/images/tasks/none"])
def test_without_a_key_nothing_is_answered(mock: MockServer, place: str, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = ask(mock.url + place, {} if place == GENERATIONS else None, key=None, headers=headers)
    assert (answer.status, said(answer.error)) == (401, (REQUEST, None, None))
    assert answer.headers["www-authenticate"] == 'Bearer realm="OpenAI API"'


@pytest.mark.parametrize("place", [GENERATIONS, "/v1/images/tasks/none"])
def test_a_wrong_key_is_refused_before_anything_else_and_not_repeated(mock: MockServer, place: str) -> None:
    key = "sk-wrong-0123456789abcdef"
    answer = ask(mock.url + place, {} if place == GENERATIONS else None, key=key)
    assert (answer.status, said(answer.error)) == (401, (REQUEST, "invalid_api_key", None))
    assert answer.headers["www-authenticate"] == 'Bearer realm="OpenAI API"'
    assert "sk-wr***ef" in answer.error["message"]
    assert key not in answer.body.decode()


def test_with_an_api_key_set_only_that_one_is_valid(narrow: MockServer) -> None:
    assert generate(narrow, key="sk-right", **CHEAP).status == 200
    for key in ("sk-other", "sk-right2", "SK-RIGHT"):
        answer = generate(narrow, key=key, **CHEAP)
        assert (answer.status, answer.error["code"]) == (401, "invalid_api_key")


@given(st.text())
def test_a_masked_key_keeps_its_middle_to_itself_and_fits_into_json(key: str) -> None:
    shown = masked(key)
    assert json.dumps(shown, ensure_ascii=False).encode()
    assert "***" in shown
    assert len(shown) <= 10


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/", "/v1/embeddings", "/v1/images", "/v1/images/upscales", f"{GENERATIONS}/", "/x?y=z"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_path_has_no_body(mock: MockServer, method: str, path: str) -> None:
    answer = ask(mock.url + path, b"{}" if method == "POST" else None, key=None)
    assert (answer.status, answer.body) == (404, b"")
    assert [(entry.status, entry.problem) for entry in mock.journal] == [(404, "unknown-route")]
    assert "POST /v1/images/generations" in mock.journal[0].detail


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", GENERATIONS, "POST"),
        ("DELETE", GENERATIONS, "POST"),
        ("POST", "/v1/images/tasks/x", "GET, HEAD"),
    ],
)
def test_a_wrong_method_learns_the_right_one(mock: MockServer, method: str, path: str, allow: str) -> None:
    answer = ask(mock.url + path, method=method)
    assert (answer.status, answer.headers["allow"]) == (405, allow)
    assert said(answer.error) == (REQUEST, "method_not_supported", None)
    assert method in answer.error["message"]
    assert path in answer.error["message"]


def test_an_unknown_task_is_flat(mock: MockServer) -> None:
    case = unknown_task(IMAGES, LOOK)
    answer = send(mock, case)
    assert (answer.status, answer.json["code"]) == (400, "task_not_exist")
    assert not ResponseCheck(LOOK).violations(as_response(answer))


@pytest.mark.parametrize("sent", ["plainly", "in chunks", "after asking"])
def test_a_body_too_large_is_refused(narrow: MockServer, sent: str) -> None:
    body = json.dumps({**CHEAP, "prompt": "x" * 5_000}).encode()
    head = f"POST {GENERATIONS} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer sk-right\r\n"
    framing, wire = {
        "plainly": (f"Content-Length: {len(body)}", body),
        "in chunks": ("Transfer-Encoding: chunked", f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"),
        "after asking": (f"Expect: 100-continue\r\nContent-Length: {len(body)}", b""),
    }[sent]
    came = raw(narrow, f"{head}{framing}\r\n\r\n", wire)
    status, _, text = came.partition(b"\r\n")
    assert status.split()[1] == b"413"
    error = json.loads(text.rpartition(b"\r\n\r\n")[2])["error"]
    assert said(error) == (REQUEST, "request_too_large", None)
    assert "2000" in error["message"]


def raw(server: MockServer, head: str | bytes, body: bytes = b"", *, shut: bool = False) -> bytes:
    """Bytes as they are to a server; all that comes back until it closes the connection, or until an answer is over."""
    parts = urlsplit(server.url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10) as wire:
        wire.sendall((head.encode() if isinstance(head, str) else head) + body)
        if shut:
            wire.shutdown(socket.SHUT_WR)
        came = b""
        while more := wire.recv(65536):
            came += more
            if b"413" in came and came.endswith(b"}"):
                break
        return came


def test_a_body_of_which_nothing_more_comes_is_not_waited_for() -> None:
    head = f"POST {GENERATIONS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\nContent-Type: application/json\r\n"
    with MockServer(Settings(port=0, body_seconds=0.1)) as server:
        parts = urlsplit(server.url)
        with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10) as wire:
            wire.sendall(f"{head}Content-Length: 100\r\n\r\n".encode() + b'{"prompt": "A red')
            assert wire.recv(65536).startswith(b"HTTP/1.1 400 ")
        [entry] = server.journal
        assert (entry.problem, "nothing more of it came for 0.1 s" in entry.answer.decode()) == ("malformed-body", True)


def test_a_body_that_comes_bit_by_bit_is_read_to_its_end() -> None:
    body = json.dumps({**CHEAP, "prompt": "x" * 900}).encode()
    head = f"POST {GENERATIONS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\nContent-Type: application/json\r\n"
    with MockServer(Settings(port=0, body_seconds=0.4)) as server:
        parts = urlsplit(server.url)
        with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10) as wire:
            wire.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode())
            for start in range(0, len(body), 200):  # longer altogether than nothing may come
                time.sleep(0.1)
                wire.sendall(body[start : start + 200])
            assert wire.recv(65536).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "wish", [{"user": 17}, {"model": "gpt-image-2.6-flare", "output_format": "gif", "frame_duration_ms": 700_000}]
)
def test_where_no_source_says_whether_it_is_refused_it_is_let_through(mock: MockServer, wish: dict[str, Any]) -> None:
    assert generate(mock, **{"model": "gpt-image-2", "prompt": "A fox", **wish}).status == 200


def test_a_caller_that_asks_before_it_sends_a_large_body_is_told_to_go_on(mock: MockServer) -> None:
    parts = urlsplit(mock.url)
    body = json.dumps(CHEAP).encode()
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10) as wire:
        wire.sendall(
            f"POST {GENERATIONS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\nExpect: 100-continue\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
        )
        assert wire.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        wire.sendall(body)
        assert wire.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_compressed_body_is_read_and_a_broken_one_refused(mock: MockServer) -> None:
    body = gzip.compress(json.dumps(CHEAP).encode())
    assert ask(mock.url + GENERATIONS, body, headers={"Content-Encoding": "gzip"}).status == 200
    answer = ask(mock.url + GENERATIONS, b"no gzip", headers={"Content-Encoding": "gzip"})
    assert (answer.status, said(answer.error)) == (400, (REQUEST, None, None))


def test_a_caller_that_goes_away_in_the_middle_harms_nobody(mock: MockServer, caplog: pytest.LogCaptureFixture) -> None:
    head = f"POST {GENERATIONS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\nContent-Length: 999\r\n\r\n"
    raw(mock, head, b"{", shut=True)
    assert generate(mock, **CHEAP).status == 200
    assert not [record for record in caplog.records if record.exc_info]


def test_what_is_no_http_costs_one_line_in_the_log(mock: MockServer, caplog: pytest.LogCaptureFixture) -> None:
    came = raw(mock, b"GET /v1/images/tasks/\xff HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b" 400 " in came.partition(b"\r\n")[0]
    assert [record.exc_info for record in caplog.records] == [None]
    assert "\n" not in caplog.records[0].getMessage()


def test_a_key_of_any_bytes_is_refused_in_the_documented_way(mock: MockServer) -> None:
    head = b"GET /v1/images/tasks/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer sk-wrong"
    came = raw(mock, head + b"\xff\xfe\xfd\r\n\r\n")
    assert came.startswith(b"HTTP/1.1 401 ")
    assert b"invalid_api_key" in came


# --- refusals: asked for, and unexpected ------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "type_", "code", "headers"),
    [
        (400, REQUEST, "invalid_value", {}),
        (401, REQUEST, "invalid_api_key", {"www-authenticate": 'Bearer realm="OpenAI API"'}),
        (403, REQUEST, None, {}),
        (404, REQUEST, "model_not_found", {}),
        (413, REQUEST, "request_too_large", {}),
        (429, "requests", "rate_limit_exceeded", {"retry-after": "1"}),
        (500, "image_generation_server_error", "image_generation_failed", {}),
        (503, "service_unavailable_error", "server_is_overloaded", {"retry-after": "1"}),
    ],
)
def test_a_documented_failure_comes_when_it_is_preferred(
    mock: MockServer,
    caplog: pytest.LogCaptureFixture,
    status: int,
    type_: str,
    code: str | None,
    headers: dict[str, str],
) -> None:
    answer = ask(mock.url + GENERATIONS, dict(CHEAP), headers={"Prefer": f"code={status}"})
    assert (answer.status, said(answer.error)) == (status, (type_, code, None))
    assert {"preference-applied": f"code={status}", **headers}.items() <= answer.headers.items()
    assert "?" not in answer.error["message"]
    assert "for ''" not in answer.error["message"]
    assert not ResponseCheck(CREATE).violations(as_response(answer))
    assert [entry.status for entry in mock.journal] == [status]
    assert not caplog.records


def test_a_lookup_fails_in_its_own_words_when_that_is_preferred(mock: MockServer) -> None:
    url = f"{mock.url}/v1/images/tasks/x"
    unknown = ask(url, headers={"Prefer": "code=400"})
    assert (unknown.status, unknown.json["code"]) == (400, "task_not_exist")
    limited = ask(url, headers={"Prefer": "code=429"})
    assert (limited.status, limited.headers["retry-after"]) == (429, "1")


@pytest.mark.parametrize("code", ["418", "404x", "abc", "", "true", "\u00ff"])
@pytest.mark.parametrize("place", [GENERATIONS, "/v1/images/tasks/x"])
def test_a_status_that_is_not_documented_is_a_clear_refusal(mock: MockServer, place: str, code: str) -> None:
    body = dict(CHEAP) if place == GENERATIONS else None
    answer = ask(mock.url + place, body, headers={"Prefer": f"code={code}"})
    text = answer.body.decode()
    assert answer.status == 400
    assert "Prefer asks for status" in text
    assert "undocumented_status" in text
    assert "200" in text
    assert "429" in text
    operation = CREATE if place == GENERATIONS else LOOK
    assert not ResponseCheck(operation).violations(as_response(answer))


@pytest.mark.parametrize("prefer", ["code=200", "respond-async", "wait=10", "return=minimal"])
def test_other_preferences_change_nothing(mock: MockServer, prefer: str) -> None:
    assert len(delivered(ask(mock.url + GENERATIONS, dict(CHEAP), headers={"Prefer": prefer}))) == 1


def test_a_preference_does_not_excuse_a_wrong_request(mock: MockServer) -> None:
    for key, status in (("sk-test", 400), (None, 401), ("sk-wrong-1", 401)):
        answer = ask(mock.url + GENERATIONS, {"prompt": "x"}, key=key, headers={"Prefer": "code=503"})
        assert answer.status == status


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("code=429", {"code": "429"}),
        ('code="429"; wait=5', {"code": "429", "wait": "5"}),
        ("respond-async, Code = 500", {"respond-async": "true", "code": "500"}),
        ("", {}),
        ("=;,==", {}),
    ],
)
def test_preferences_are_read_as_the_rfc_writes_them(text: str, found: dict[str, str]) -> None:
    assert preferences({"prefer": text}) == found
    fields = CIMultiDict([("Prefer", part) for part in text.split(",")])
    assert preferences(fields) == found, "they may come in several fields"


@pytest.mark.parametrize("breaks_at", [1, 2])
def test_whatever_breaks_in_the_mock_is_the_documented_500(caplog: pytest.LogCaptureFixture, breaks_at: int) -> None:
    looks = count(1)

    def clock() -> float:
        if next(looks) == breaks_at:
            raise RuntimeError("the secret inside")
        return 1_700_000_000.0

    with MockServer(Settings(port=0), clock) as server:
        answer = generate(server, **CHEAP)
        entries = server.journal
        assert generate(server, **CHEAP).status == 200
    assert answer.status == 500
    assert said(answer.error) == ("image_generation_server_error", "image_generation_failed", None)
    assert b"secret" not in answer.body
    assert not ResponseCheck(CREATE).violations(as_response(answer))
    place = CREATE.id if breaks_at == 1 else ""  # what breaks before the answer is ready breaks in the operation
    assert [(entry.operation, entry.status, entry.problem) for entry in entries] == [(place, 500, "internal")]
    [record] = caplog.records
    assert "the secret inside" in str(record.exc_info)


# --- answers ----------------------------------------------------------------------------------------


def test_every_answer_has_a_request_id_of_its_own(mock: MockServer) -> None:
    answers = [
        generate(mock, **CHEAP),
        generate(mock, **CHEAP),
        generate(mock, "?async=true", **CHEAP),
        generate(mock, prompt="x"),
        generate(mock, key=None, **CHEAP),
        generate(mock, key="sk-wrong-1", **CHEAP),
        ask(f"{mock.url}/v1/images/tasks/x"),
        ask(f"{mock.url}/nowhere"),
        ask(mock.url + GENERATIONS, method="DELETE"),
        ask(mock.url + GENERATIONS, b"{"),
        *(ask(mock.url + GENERATIONS, dict(CHEAP), headers={"Prefer": f"code={code}"}) for code in (404, 429, 418)),
    ]
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert len(set(ids)) == len(ids)
    assert [entry.request_id for entry in mock.journal] == ids
    mock.reset()
    assert [generate(mock, **CHEAP).headers["x-request-id"]] == ids[:1]


@pytest.mark.parametrize("format_", ["png", "jpeg", "webp"])
def test_base64_holds_pictures_of_the_asked_size_and_format(mock: MockServer, format_: str) -> None:
    answer = generate(mock, **GPT, size="1024x640", output_format=format_, n=2)
    pictures = [opened(data) for data in delivered(answer)]
    assert [(picture.size, picture.format) for picture in pictures] == [((1024, 640), format_.upper())] * 2
    assert {"size": "1024x640", "output_format": format_, "background": "opaque"}.items() <= answer.json.items()


@pytest.mark.parametrize("size", ["256x256", "512x512", "1024x1024"])
def test_a_link_leads_to_a_picture_of_the_asked_size(mock: MockServer, size: str) -> None:
    answer = generate(mock, **{**CHEAP, "size": size})
    [url] = [item["url"] for item in answer.json["data"]]
    file = ask(url, key=None)
    assert (file.status, file.headers["content-type"]) == (200, "image/png")
    assert opened(file.body).size == tuple(int(edge) for edge in size.split("x"))


def test_a_link_says_what_a_head_request_would_get_without_sending_it(mock: MockServer) -> None:
    url = generate(mock, **CHEAP).json["data"][0]["url"]
    file, head = ask(url, key=None), ask(url, key=None, method="HEAD")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == str(len(file.body))
    assert head.headers["content-type"] == file.headers["content-type"]
    for path in ("/v1/images/tasks/x", "/_imageproof/health", "/nowhere", GENERATIONS):
        got, head = ask(mock.url + path), ask(mock.url + path, method="HEAD")
        assert (head.status, head.body) == (got.status, b"")
        assert head.headers.get("content-length", "0") == str(len(got.body)) or path == GENERATIONS


def test_a_link_to_another_host_name_stays_with_it(mock: MockServer) -> None:
    answer = ask(mock.url + GENERATIONS, dict(CHEAP), headers={"Host": "mock.example:8443"})
    assert answer.json["data"][0]["url"].startswith("http://mock.example:8443/")


def test_a_file_nobody_was_promised_is_not_there(mock: MockServer) -> None:
    url = generate(mock, **CHEAP).json["data"][0]["url"]
    other = generate(mock, **CHEAP, n=2).json["data"][1]["url"]
    assert ask(f"{url.partition('?')[0]}?{other.partition('?')[2]}", key=None).status == 404
    assert ask(url.replace(".png", ".txt"), key=None).status == 404
    assert ask(f"{mock.url}/_imageproof/files/x", key=None).status == 404
    assert ask(url.partition("?")[0], key=None).status == 404
    assert ask(url, key=None).status == 200


@pytest.mark.parametrize(("body", "n"), [({**CHEAP, "response_format": "b64_json"}, 10), (CHEAP, 3), (OLD_GPT, 2)])
def test_n_pictures_are_n_different_ones(mock: MockServer, body: dict[str, Any], n: int) -> None:
    pictures = delivered(generate(mock, **body, n=n))
    assert len({opened(data).tobytes() for data in pictures}) == n


def test_the_same_seed_and_prompt_give_the_same_bytes_and_another_seed_does_not() -> None:
    body = {**CHEAP, "response_format": "b64_json", "n": 2}
    came = []
    for seed in (7, 7, 8):
        with MockServer(Settings(port=0, seed=seed)) as server:
            came.append(delivered(generate(server, **body)))
            assert delivered(generate(server, **body)) == came[-1]
            assert delivered(generate(server, **{**body, "prompt": "A blue fox"})) != came[-1]
    assert came[0] == came[1]
    assert not set(came[0]) & set(came[2])


def test_a_link_and_base64_of_the_same_request_are_the_same_picture(mock: MockServer) -> None:
    [fetched] = delivered(generate(mock, **CHEAP))
    [embedded] = delivered(generate(mock, **CHEAP, response_format="b64_json"))
    assert fetched == embedded


def test_gpt_models_say_what_was_resolved_and_used(mock: MockServer) -> None:
    answer = generate(mock, **GPT, size="1024x1024", quality="low", n=2)
    told = answer.json
    assert list(told) == ["created", "background", "data", "output_format", "quality", "size", "usage"]
    assert [list(item) for item in told["data"]] == [["b64_json"]] * 2
    # "A red fox" has 9 bytes: 3 tokens, and 6 more per picture.
    assert told["usage"] == usage(18, 391)


def usage(text: int, output: int) -> dict[str, Any]:
    """The usage of an answer to a prompt alone."""
    return {
        "input_tokens": text,
        "input_tokens_details": {"image_tokens": 0, "text_tokens": text},
        "output_tokens": output,
        "output_tokens_details": {"image_tokens": output, "text_tokens": 0},
        "total_tokens": text + output,
    }


@pytest.mark.parametrize(
    ("asked", "used"),
    [
        ({"model": "gpt-image-2", "quality": "low", "n": 2}, usage(18, 391)),
        ({"model": "gpt-image-1", "quality": "medium", "n": 2}, usage(18, 2112)),
        ({"model": "gpt-image-1.5", "quality": "high"}, usage(9, 4160)),
        ({"model": "gpt-image-2.5-sunburst", "quality": "xhigh"}, usage(9, 3122)),
        ({"model": "gpt-image-2", "quality": "auto"}, usage(9, 196)),
    ],
)
def test_usage_is_what_the_model_would_have_charged(
    mock: MockServer, asked: dict[str, Any], used: dict[str, Any]
) -> None:
    assert generate(mock, **asked, prompt="A red fox", size="1024x1024").json["usage"] == used


def test_a_task_s_result_says_what_it_used() -> None:
    with MockServer(Settings(port=0, task_seconds=0)) as server:
        sent = ask(f"{server.url}{GENERATIONS}?async=true", {**GPT, "size": "1024x1024"}).json["task_id"]
        result = ask(f"{server.url}/v1/images/tasks/{sent}").json["data"]["data"]
    assert result["usage"] == usage(9, 196)


def test_dall_e_models_say_less(mock: MockServer) -> None:
    two, three = generate(mock, **CHEAP).json, generate(mock, **DALL_E).json
    assert list(two) == list(three) == ["created", "data"]
    assert list(two["data"][0]) == ["url"]
    assert list(three["data"][0]) == ["revised_prompt", "url"]
    assert three["data"][0]["revised_prompt"]


def test_a_caller_tag_comes_back_to_whoever_sent_one(mock: MockServer) -> None:
    assert generate(mock, **GPT, safety_identifier="user-7").json["safety_identifier"] == "user-7"
    assert "safety_identifier" not in generate(mock, **GPT).json
    given: list[dict[str, Any]] = [{"user": "bob"}, {"safety_identifier": ""}]
    given += [{"user": "bob", "safety_identifier": said} for said in ("", None, "user-7")]
    tags = [generate(mock, **GPT, **tags).json.get("safety_identifier") for tags in given]
    assert tags == ["bob", None, "bob", "bob", "user-7"], "one wins over the other unless it is empty"
    assert generate(mock, **GPT, user=7).json["safety_identifier"] == "7"


@pytest.mark.parametrize(
    ("body", "size", "quality"),
    [
        (GPT, "1254x1254", "low"),
        (OLD_GPT, "1024x1536", "medium"),
        ({**GPT, "size": "auto", "quality": "auto"}, "1254x1254", "low"),
    ],
)
def test_auto_and_nothing_are_resolved_and_delivered(
    mock: MockServer, body: dict[str, Any], size: str, quality: str
) -> None:
    answer = generate(mock, **body)
    assert (answer.json["size"], answer.json["quality"]) == (size, quality)
    assert "x".join(map(str, opened(delivered(answer)[0]).size)) == size


@pytest.mark.parametrize("format_", ["png", "webp"])
def test_a_transparent_background_is_one(mock: MockServer, format_: str) -> None:
    body = {**GPT, "size": "816x816", "output_format": format_}
    clear = generate(mock, **body, background="transparent")
    assert clear.json["background"] == "transparent"
    alpha = opened(delivered(clear)[0]).convert("RGBA").getchannel("A")
    assert alpha.getpixel((0, 0)) == 0
    assert alpha.getpixel((408, 408)) == 255
    opaque = generate(mock, **body)
    assert opened(delivered(opaque)[0]).convert("RGBA").getchannel("A").getextrema() == (255, 255)


@pytest.mark.parametrize("format_", ["jpeg", "webp"])
def test_compression_makes_files_smaller(mock: MockServer, format_: str) -> None:
    body = {**GPT, "size": "816x816", "output_format": format_}
    weights = [len(delivered(generate(mock, **body, output_compression=level))[0]) for level in (100, 50, 5)]
    assert all(lighter < heavier for heavier, lighter in pairwise(weights))
    assert len(delivered(generate(mock, **body))[0]) == weights[0]


def test_created_is_now_in_seconds(mock: MockServer) -> None:
    came = generate(mock, **CHEAP)
    entry = mock.journal[0]
    assert came.json["created"] == int(entry.at)


def test_many_callers_at_once_get_what_each_asked_for(mock: MockServer) -> None:
    def one(number: int) -> tuple[Any, Any]:
        if number % 3 == 0:
            refused = generate(mock, **CHEAP, n=100 + number)
            return refused.error["message"], f"'n' must be 10 or less; {100 + number} was given."
        size = ("256x256", "512x512")[number % 2]
        picture = opened(delivered(generate(mock, model="dall-e-2", prompt=f"{number}", size=size))[0])
        return "x".join(map(str, picture.size)), size

    with ThreadPoolExecutor(12) as pool:
        outcomes = list(pool.map(one, range(48)))
    assert all(came == wanted for came, wanted in outcomes)


def test_health_says_who_is_there() -> None:
    uses = drift_uses(["n-ignored-single-image"])
    with MockServer(Settings(port=0, profile=load_profile("zhongzhuan"), drifts=uses)) as server:
        answer = ask(f"{server.url}/_imageproof/health", key=None)
    assert answer.json == {
        "status": "ok",
        "profile": "zhongzhuan",
        "drifts": ["chat-shaped-200", "n-ignored-single-image"],
    }


# --- generated requests -----------------------------------------------------------------------------


@FEW
@given(case=cases(IMAGES, CREATE).filter(lambda case: pixels(case) <= 2_500_000))
def test_any_valid_request_gets_an_answer_that_keeps_the_contract(imageproof_mock: MockServer, case: Case) -> None:
    answer = send(imageproof_mock, case)
    wants_task = case.query.get("async") == "true"
    expected = frozenset({"task-id"}) if wants_task else IMAGE_ROLES
    assert answer.status == 200, answer.body
    assert not ResponseCheck(CREATE).violations(as_response(answer), expected)
    if not wants_task and case.asked.get("stream") is not True:
        assert len(answer.json["data"]) == case.asked.get("count", 1)


@FEW
@given(case=cases(IMAGES, LOOK))
def test_any_lookup_is_answered_as_documented(imageproof_mock: MockServer, case: Case) -> None:
    answer = send(imageproof_mock, case)
    assert answer.status in (200, 400)
    assert not ResponseCheck(LOOK).violations(as_response(answer))


@settings(FEW, max_examples=120)
@given(case=st.sampled_from([CREATE, LOOK]).flatmap(lambda operation: defects(IMAGES, operation)))
def test_any_labelled_defect_gets_the_answer_it_was_labelled_with(imageproof_mock: MockServer, case: Case) -> None:
    assert case.defect is not None
    answer = send(imageproof_mock, case)
    problem = IMAGES.problem(case.defect.problem)
    assert case.defect.code in (None, problem.fields["error-code"])
    assert (answer.status, answer.error["code"]) == (case.defect.status, problem.fields["error-code"])
    assert answer.error["param"] in (case.defect.param or None, problem.fields["error-param"])
    assert not ResponseCheck(case.operation).violations(as_response(answer))


@pytest.mark.parametrize("drifting", [True, False])
@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_serves(profile: str, drifting: bool) -> None:
    played = load_profile(profile)
    with MockServer(Settings(port=0, profile=played if drifting else replace(played, drifts=()))) as server:
        assert ask(f"{server.url}/_imageproof/health", key=None).json["profile"] == profile
        served = [(contract, operation) for contract in server.mock.contracts for operation in contract.operations]

        @settings(FEW, max_examples=8)
        @given(st.sampled_from(served).flatmap(lambda pair: cases(*pair, least=True)))
        def serves(case: Case) -> None:
            answer = send(server, case)
            assert answer.status == (400 if "task-id" in case.operation.request_roles else 200), answer.body
            assert drifting or not ResponseCheck(case.operation).violations(as_response(answer))

        serves()
