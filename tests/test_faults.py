"""Transport faults, seen from a raw socket; forced problems; conditions that refuse what the contract allows."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from http.client import IncompleteRead
from itertools import count
from typing import Any

import pytest
from conftest import CHEAP, GENERATIONS, Answer, ask, generate
from hypothesis import given, settings
from hypothesis import strategies as st

from mockserver.faults import Faults, catalogue, described, fault_use, fault_uses
from mockserver.limits import rate_limit
from mockserver.runner import MockServer
from mockserver.settings import Settings
from spec.errors import SpecError, UnknownName
from spec.loading import load_contract
from spec.messages import Response
from spec.profiles import load_profile
from spec.response_check import ResponseCheck

IMAGES = load_contract("images")
CREATE = IMAGES.operation("createImage")
GPT: dict[str, Any] = {"model": "gpt-image-2", "prompt": "A red fox"}


def preferring(server: MockServer, prefer: str, body: Any = None, path: str = GENERATIONS) -> Answer:
    return ask(server.url + path, dict(CHEAP) if body is None else body, headers={"Prefer": prefer})


def raw(server: MockServer, prefer: str, seconds: float = 5) -> tuple[bytes, BaseException | None, float]:
    """Everything that comes over a connection until it ends: the bytes, what ended it, and seconds taken."""
    body = json.dumps(CHEAP).encode()
    head = (
        f"POST {GENERATIONS} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer sk-test\r\nPrefer: {prefer}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    began, received = time.perf_counter(), b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=seconds) as connection:
        connection.sendall(head.encode() + body)
        try:
            while data := connection.recv(65536):
                received += data
        except OSError as error:
            return received, error, time.perf_counter() - began
    return received, None, time.perf_counter() - began


def parts(message: bytes) -> tuple[dict[str, str], bytes]:
    head, _, body = message.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")[1:]
    return {name.lower(): text for name, _, text in (line.partition(": ") for line in lines)}, body


# --- what arrives -----------------------------------------------------------------------------------


def test_a_reset_is_a_reset_and_no_answer(mock: MockServer) -> None:
    received, error, _ = raw(mock, "fault=reset")
    assert (received, type(error)) == (b"", ConnectionResetError)


def test_a_reset_halfway_lets_half_through(mock: MockServer) -> None:
    received, error, _ = raw(mock, 'fault="reset:at=0.5"')
    headers, body = parts(received)
    assert isinstance(error, ConnectionResetError)
    assert 0 < len(received) < int(headers["content-length"]) + len(received) - len(body)


def test_empty_is_an_end_without_a_byte(mock: MockServer) -> None:
    assert raw(mock, "fault=empty")[:2] == (b"", None)


def test_hanging_lasts_as_long_as_told_and_ends_without_a_byte(mock: MockServer) -> None:
    received, error, seconds = raw(mock, 'fault="hang:time=300ms"')
    assert (received, error) == (b"", None)
    assert 0.25 < seconds < 3


def test_a_client_that_leaves_is_not_hung_on_to() -> None:
    server = MockServer(Settings(port=0)).start()
    assert isinstance(raw(server, "fault=hang", 0.3)[1], TimeoutError)
    began = time.perf_counter()
    server.stop()
    assert time.perf_counter() - began < 3


@pytest.mark.parametrize("at", [0.0, 0.5, 0.9])
def test_less_comes_than_was_promised(mock: MockServer, at: float) -> None:
    headers, body = parts(raw(mock, f'fault="truncated:at={at}"')[0])
    whole = int(headers["content-length"])
    assert len(body) == int(whole * at) < whole
    with pytest.raises(IncompleteRead):
        preferring(mock, f'fault="truncated:at={at}"')


def test_the_last_chunk_is_missing(mock: MockServer) -> None:
    received, error, _ = raw(mock, 'fault="truncated:at=0.5,framing=chunked"')
    headers, body = parts(received)
    assert (headers["transfer-encoding"], error) == ("chunked", None)
    assert "content-length" not in headers
    size, _, chunk = body.partition(b"\r\n")
    assert int(size, 16) == len(chunk) - 2 > 0
    assert not body.endswith(b"0\r\n\r\n")


def test_a_cut_body_is_whole_http_and_half_a_document(mock: MockServer) -> None:
    answer = preferring(mock, "fault=cut-body")
    assert (answer.status, int(answer.headers["content-length"])) == (200, len(answer.body))
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.body)


def test_an_empty_body_has_nothing_but_its_headers(mock: MockServer) -> None:
    answer = preferring(mock, "fault=empty-body")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["content-type"] == "application/json"


def test_a_body_dribbles_at_the_speed_that_was_told(mock: MockServer) -> None:
    headers, body = parts(raw(mock, 'fault="dribble:speed=400"')[0])
    assert len(body) == int(headers["content-length"])
    _, _, seconds = raw(mock, 'fault="dribble:speed=400"')
    assert len(body) / 400 * 0.9 < seconds < len(body) / 400 + 3


def test_header_lines_come_one_by_one_and_the_answer_is_right(mock: MockServer) -> None:
    received, error, seconds = raw(mock, 'fault="slow-headers:pause=50ms"')
    headers, body = parts(received)
    assert (error, len(body)) == (None, int(headers["content-length"]))
    assert json.loads(body)["data"]
    assert seconds > 0.05 * len(headers)


@pytest.mark.parametrize(
    ("fault", "status", "server", "words"),
    [
        ("html", 502, "nginx", ["<center><h1>502 Bad Gateway</h1></center>", "<hr><center>nginx</center>"]),
        ("html:status=500", 500, "nginx", ["500 Internal Server Error"]),
        ("html:status=503", 503, "nginx", ["503 Service Unavailable"]),
        ("html:status=504", 504, "nginx", ["504 Gateway Timeout"]),
        ("html:status=502,by=cloudflare", 502, "cloudflare", ["<!DOCTYPE html>", "502: Bad Gateway", "Ray ID"]),
        ("html:status=524", 524, "cloudflare", ["<!DOCTYPE html>", "524: A timeout occurred", "127.0.0.1"]),
        ("html:status=524,by=text", 524, "cloudflare", ["error code: 524"]),
    ],
)
def test_a_proxy_answers_with_a_page_of_its_own(
    mock: MockServer, fault: str, status: int, server: str, words: list[str]
) -> None:
    answer = preferring(mock, f'fault="{fault}"')
    text = answer.body.decode()
    assert (answer.status, answer.headers["server"]) == (status, server)
    assert all(word in text for word in words)
    assert "{" not in text
    assert answer.headers["content-type"].startswith("text/plain" if "by=text" in fault else "text/html")
    assert "x-request-id" not in answer.headers
    assert ("cf-ray" in answer.headers) == (server == "cloudflare")


def test_a_right_answer_comes_under_another_type(mock: MockServer) -> None:
    answer = preferring(mock, 'fault="wrong-type:media=text/plain"')
    assert (answer.status, answer.headers["content-type"]) == (200, "text/plain")
    assert answer.json["data"]


def test_a_fault_befalls_a_refusal_too(mock: MockServer) -> None:
    headers, body = parts(raw(mock, 'fault="truncated:at=1"')[0])
    assert len(body) == int(headers["content-length"])
    answer = preferring(mock, "fault=wrong-type", {"prompt": "x"})
    assert (answer.status, answer.headers["content-type"]) == (400, "text/html")


def test_the_next_request_is_not_befallen(mock: MockServer) -> None:
    for name in ("reset", "empty", "truncated", "html"):
        raw(mock, f"fault={name}", 0.5)
        assert generate(mock, **CHEAP).status == 200


def test_the_journal_says_what_befell_and_what_was_seen(mock: MockServer) -> None:
    for prefer in ("fault=reset", 'fault="html:status=524"', "fault=truncated", "wait=1"):
        raw(mock, prefer, 0.5)
    assert [(entry.fault, entry.status) for entry in mock.journal] == [
        ("reset", 0),
        ("html:status=524", 524),
        ("truncated", 200),
        ("", 200),
    ]


def test_a_preferred_delay_is_waited_and_said(mock: MockServer) -> None:
    began = time.perf_counter()
    answer = preferring(mock, "delay=300ms")
    assert (answer.status, answer.headers["preference-applied"]) == (200, "delay=300ms")
    assert 0.3 <= time.perf_counter() - began < 3


@pytest.mark.parametrize(
    ("prefer", "words"),
    [
        ("fault=lightning", ["lightning", "truncated"]),
        ('fault="html:colour=red"', ["colour", "status"]),
        ('fault="html:status=99"', ["99", "200 to 599"]),
        ('fault="truncated:at=x"', ["'x'", "0 to 1"]),
        ("fault=problem", ["needs name"]),
        ("delay=soon", ["soon", "250ms"]),
        ("problem=earthquake", ["earthquake", "moderation-blocked", "unknown-route"]),
        ('fault="problem:name=earthquake"', ["earthquake", "overloaded"]),
    ],
)
def test_a_preference_that_makes_no_sense_is_a_clear_refusal(mock: MockServer, prefer: str, words: list[str]) -> None:
    answer = preferring(mock, prefer)
    assert answer.status == 400
    assert "preference-applied" not in answer.headers
    assert (answer.error["type"], answer.error["param"]) == ("imageproof_preference", "Prefer")
    assert all(word in answer.error["message"] for word in words), answer.error["message"]


def test_faults_stay_away_from_the_control_calls() -> None:
    with MockServer(Settings(port=0, faults=fault_uses(["empty"]))) as server:
        assert ask(f"{server.url}/_imageproof/health", headers={"Prefer": "fault=reset"}).status == 200
        assert raw(server, "wait=1")[0] == b""


# --- which request ----------------------------------------------------------------------------------


def seen(reference: str, requests: int = 10) -> str:
    faults = Faults(fault_uses([reference]), 0)
    return "".join("x" if faults.befalling(CREATE) else "." for _ in range(requests))


@pytest.mark.parametrize(
    ("reference", "pattern"),
    [
        ("empty", "xxxxx"),
        ("empty:first=2", "xx..."),
        ("empty:first=0", "....."),
        ("empty:after=2", "..xxx"),
        ("empty:after=1,first=2", ".xx.."),
        ("empty:rate=0", "....."),
        ("empty:on=createImage", "xxxxx"),
        ("empty:on=images.createImage", "xxxxx"),
        ("empty:on=getImageTask", "....."),
        ("empty:on=other.createImage", "....."),
    ],
)
def test_a_fault_befalls_those_it_was_told_to(reference: str, pattern: str) -> None:
    assert seen(reference, 5) == pattern


def test_a_rate_is_kept_and_comes_from_the_seed() -> None:
    assert seen("empty:rate=0.3", 2000).count("x") == pytest.approx(600, abs=80)
    assert seen("empty:rate=0.3", 50) == seen("empty:rate=0.3", 50)
    other = Faults(fault_uses(["empty:rate=0.3"]), 1)
    assert seen("empty:rate=0.3", 50) != "".join("x" if other.befalling(CREATE) else "." for _ in range(50))


def test_the_first_of_several_that_fits_befalls() -> None:
    faults = Faults(fault_uses(["html:first=1", "empty:first=2"]), 0)
    found = [faults.befalling(CREATE) for _ in range(3)]
    assert [use.fault.name if use else None for use in found] == ["html", "empty", None]
    assert faults.counts() == [
        {"fault": "html:first=1", "seen": 3, "played": 1},
        {"fault": "empty:first=2", "seen": 3, "played": 1},
    ]


@pytest.mark.parametrize("name", sorted(catalogue()))
def test_every_fault_can_be_written_as_it_is_described(name: str) -> None:
    known = catalogue()[name]
    assert known.title.endswith(".")
    use = fault_use(described(known).replace("...", "internal"))
    assert use.fault is known
    assert {key: type(value) for key, value in use.parameters.items()} == {
        key: str if parameter.default is None else type(parameter.default)
        for key, parameter in known.parameters.items()
    }
    assert fault_use({"fault": name, **use.parameters, "first": 2}).first == 2


@settings(max_examples=200, deadline=None)
@given(
    st.text(max_size=40)
    | st.sampled_from(sorted(catalogue())).flatmap(lambda n: st.text(max_size=20).map(f"{n}:".__add__))
)
def test_whatever_is_written_is_read_or_refused(reference: str) -> None:
    with contextlib.suppress(SpecError):
        assert fault_use(reference).fault.name == reference.partition(":")[0].strip()


def test_a_fault_on_what_nobody_serves_is_refused_at_start() -> None:
    for reference in ("empty:on=drawImage", "empty:on=other.createImage", "problem:name=earthquake"):
        with pytest.raises(UnknownName):
            MockServer(Settings(port=0, faults=fault_uses([reference])))


def test_operations_of_one_id_are_told_apart_by_their_families() -> None:
    faults = fault_uses(["html:on=midjourney.listTasks"])
    with MockServer(Settings(port=0, contracts=("luma", "midjourney"), faults=faults)) as server:
        for path, status in (("/mj/task/list-by-ids", 502), ("/luma/tasks", 200)):
            assert ask(server.url + path, {"ids": ["x"]}).status == status
        [request] = server.verify(operation="listTasks", family="midjourney", times=1)
        endpoint = server.mock.endpoint_of(request)
        assert endpoint is not None
        assert endpoint.contract.name == "midjourney"


def test_a_client_gets_through_after_the_first_failures() -> None:
    faults = fault_uses(["problem:name=overloaded,first=1", "html:status=502,after=1,first=1"])
    with MockServer(Settings(port=0, faults=faults)) as server:
        answers = [generate(server, **CHEAP) for _ in range(3)]
        entries = server.journal
    assert [answer.status for answer in answers] == [503, 502, 200]
    assert answers[0].error["code"] == "server_is_overloaded"
    assert "preference-applied" not in answers[0].headers
    assert [entry.fault for entry in entries] == [
        "problem:name=overloaded,first=1",
        "html:status=502,after=1,first=1",
        "",
    ]


def test_what_a_caller_wishes_comes_before_the_server_s_faults(mock: MockServer) -> None:
    mock.configure(faults=["html:first=1"])
    assert preferring(mock, "code=429").status == 429
    assert preferring(mock, "problem=forbidden").status == 403
    assert preferring(mock, "fault=wrong-type").status == 200
    assert [generate(mock, **CHEAP).status for _ in range(2)] == [502, 200]


# --- problems by name -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(IMAGES.problems))
def test_every_problem_can_be_had_by_its_name_and_keeps_the_contract(
    mock: MockServer, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    problem = IMAGES.problems[name]
    answer = preferring(mock, f"problem={name}")
    assert (answer.status, answer.headers["preference-applied"]) == (problem.status, f"problem={name}")
    if problem.answer is None:
        assert not ResponseCheck(CREATE).violations(Response(answer.status, answer.headers, answer.body))
    else:
        assert name != "unknown-route" or answer.body == b""
    assert [entry.problem for entry in mock.journal] == [name]
    assert not caplog.records


@pytest.mark.parametrize(
    ("name", "status", "type_", "code"),
    [
        ("moderation-blocked", 400, "image_generation_user_error", "moderation_blocked"),
        ("content-policy-violation", 400, "invalid_request_error", "content_policy_violation"),
        ("billing-hard-limit", 400, "invalid_request_error", "billing_hard_limit_reached"),
        ("forbidden", 403, "invalid_request_error", None),
        ("unsupported-country", 403, "request_forbidden", "unsupported_country_region_territory"),
        ("unknown-model-id", 404, "invalid_request_error", "model_not_found"),
        ("rate-limited", 429, "requests", "rate_limit_exceeded"),
        ("image-rate-limited", 429, "input-images", "rate_limit_exceeded"),
        ("quota-exhausted", 429, "insufficient_quota", "insufficient_quota"),
        ("credit-balance-exhausted", 429, None, "credit_balance_exhausted"),
        ("organization-usage-limit", 429, None, "organization_usage_limit_exceeded"),
        ("organization-spend-limit", 429, None, "organization_spend_limit_exceeded"),
        ("project-spend-limit", 429, None, "project_spend_limit_exceeded"),
        ("slow-down", 429, "rate_limit_error", "slow_down"),
        ("internal", 500, "image_generation_server_error", "image_generation_failed"),
        ("server-error", 500, "server_error", None),
        ("overloaded", 503, "service_unavailable_error", "server_is_overloaded"),
    ],
)
def test_the_errors_of_the_real_api(
    mock: MockServer, name: str, status: int, type_: str | None, code: str | None
) -> None:
    answer = preferring(mock, f"problem={name}", GPT)
    assert (answer.status, answer.error["type"], answer.error["code"]) == (status, type_, code)
    assert "?" not in answer.error["message"]
    assert "{" not in answer.error["message"]


def test_moderation_says_its_stage_its_categories_and_the_request(mock: MockServer) -> None:
    answer = preferring(mock, "problem=moderation-blocked", GPT)
    assert answer.error["moderation_details"] == {"moderation_stage": "input", "categories": ["other"]}
    assert answer.headers["x-request-id"] in answer.error["message"]
    assert "moderation_details" not in preferring(mock, "problem=overloaded").error


def test_verification_is_asked_for_the_model_at_hand(mock: MockServer) -> None:
    assert "`gpt-image-2`" in preferring(mock, "problem=forbidden", GPT).error["message"]


# --- blocked words and quota ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def strict() -> Iterator[MockServer]:
    """A mock that blocks a word and makes five pictures in all."""
    with MockServer(Settings(port=0, blocked=("WeaPon", "straße"), quota_images=5)) as server:
        yield server


@pytest.mark.parametrize("prompt", ["a weapon", "WEAPONS of light", "eine STRASSE", "x" * 500 + "weapon"])
def test_a_blocked_word_is_refused_in_the_words_of_the_model(strict: MockServer, prompt: str) -> None:
    strict.reset()
    for model, code in (("gpt-image-2", "moderation_blocked"), ("dall-e-3", "content_policy_violation")):
        answer = generate(strict, model=model, prompt=prompt)
        assert (answer.status, answer.error["code"]) == (400, code)
    assert generate(strict, **{**CHEAP, "prompt": "a weap on"}).status == 200


def test_the_quota_counts_pictures_that_are_made(strict: MockServer) -> None:
    strict.reset()
    asked: list[dict[str, Any]] = [{"n": 3}, {"n": 3}, {"n": 0}, {"n": 1, "prompt": "weapon"}, {"n": 2}, {"n": 1}]
    statuses = [generate(strict, **{**CHEAP, **wish}).status for wish in asked]
    assert statuses == [200, 429, 400, 400, 200, 429]
    last = generate(strict, **CHEAP)
    assert (last.error["type"], last.error["code"]) == ("insufficient_quota", "insufficient_quota")
    assert "retry-after" not in last.headers, "no waiting helps"
    assert not ResponseCheck(CREATE).violations(Response(last.status, last.headers, last.body))
    assert generate(strict, "?async=true", **CHEAP).status == 429


def test_a_contract_without_words_for_it_is_refused_at_start(tmp_path: Any) -> None:
    profile = tmp_path / "silent.yaml"
    profile.write_text(
        "profile: silent\ntitle: t\nsources: [s]\noverlays:\n  images:\n    overlay: 1.0.0\n"
        "    info: {title: t, version: '1'}\n    actions:\n"
        "      - {target: \"$['x-problems']['quota-exhausted']\", remove: true}\n"
    )
    settings_ = Settings(port=0, profile=load_profile(str(profile)), contracts=("images",), quota_images=1)
    with pytest.raises(SpecError, match="quota-exhausted"):
        MockServer(settings_)


# --- rate limits ------------------------------------------------------------------------------------


class Hand:
    """A clock that stands still until it is moved."""

    now = 1_795_258_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def limited() -> Iterator[MockServer]:
    """A mock with four requests and three images a minute, on a clock that stands still."""
    limits = tuple(map(rate_limit, ("4rpm", "3ipm")))
    with MockServer(Settings(port=0, rate_limits=limits, task_polls=3), Hand()) as server:
        yield server


def test_too_many_requests_are_told_when_to_come_back(limited: MockServer) -> None:
    for _ in range(4):
        assert generate(limited, prompt="x").status == 400  # a refused request counts, its images do not
    answer = generate(limited, **CHEAP)
    assert (answer.status, answer.error["type"], answer.error["code"]) == (429, "requests", "rate_limit_exceeded")
    assert "limit 4, used 4, requested 1" in answer.error["message"]
    assert "try again in 15s" in answer.error["message"]
    wanted = {"retry-after": "15", "retry-after-ms": "15000", "x-should-retry": "true"}
    assert wanted.items() <= answer.headers.items()
    assert not [name for name in answer.headers if name.startswith("x-ratelimit")]
    assert not ResponseCheck(CREATE).violations(Response(answer.status, answer.headers, answer.body))
    assert generate(limited, key="sk-other", **CHEAP).status == 200
    limited.advance(14.9)
    again = generate(limited, **CHEAP)
    assert (again.status, again.headers["retry-after"], again.headers["retry-after-ms"]) == (429, "1", "100")
    limited.advance(0.1)
    assert generate(limited, **CHEAP).status == 200  # what was refused with 429 was not counted


def test_too_many_images_are_told_so_and_leave_the_requests_alone(limited: MockServer) -> None:
    assert generate(limited, **CHEAP, n=2).status == 200
    for _ in range(10):
        answer = generate(limited, **CHEAP, n=2)
        assert (answer.status, answer.error["type"]) == (429, "input-images")
        assert "limit 3, used 2, requested 2" in answer.error["message"]
    assert answer.headers["retry-after"] == "20"
    assert generate(limited, **CHEAP).status == 200
    limited.advance(20)
    assert generate(limited, "?async=true", **CHEAP).status == 200


def test_more_than_ever_passes_is_not_worth_retrying(limited: MockServer) -> None:
    answer = generate(limited, **CHEAP, n=4)
    assert (answer.status, answer.headers["x-should-retry"]) == (429, "false")
    assert "retry-after" not in answer.headers
    assert "retry-after-ms" not in answer.headers


def test_whoever_has_no_key_uses_up_nobody_s_limit(limited: MockServer) -> None:
    assert [generate(limited, key=None, **CHEAP).status for _ in range(6)] == [401] * 6
    assert [generate(limited, key="sk-wrong-1", **CHEAP).status for _ in range(6)] == [401] * 6


def test_polls_are_requests_and_no_images() -> None:
    with MockServer(Settings(port=0, rate_limits=(rate_limit("1ipm"), rate_limit("3rpm"))), Hand()) as server:
        task = generate(server, "?async=true", **CHEAP).json["task_id"]
        answers = [ask(f"{server.url}/v1/images/tasks/{task}") for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert answers[2].error["type"] == "requests"


def test_a_provider_that_documents_its_standing_says_it(tmp_path: Any) -> None:
    roles = {
        f"x-ratelimit-{part}-{unit}": f"{part}-{unit}"
        for part in ("limit", "remaining")
        for unit in ("requests", "images")
    }
    actions = "".join(
        f"      - target: $.components.responses.Generated.headers\n"
        f"        update: {{{name}: {{schema: {{type: integer, x-role: {role}}}}}}}\n"
        for name, role in roles.items()
    )
    reset = (
        "      - target: $.components.responses.TooMany.headers\n"
        "        update: {x-ratelimit-reset-requests: {schema: "
        "{type: string, format: duration-text, x-role: reset-requests}}}\n"
    )
    profile = tmp_path / "telling.yaml"
    profile.write_text(
        "profile: telling\ntitle: t\nsources: [s]\noverlays:\n  images:\n    overlay: 1.0.0\n"
        f"    info: {{title: t, version: '1'}}\n    actions:\n{actions}{reset}"
    )
    limits = (rate_limit("2rpm"), rate_limit("9ipm"))
    settings_ = Settings(port=0, profile=load_profile(str(profile)), contracts=("images",), rate_limits=limits)
    with MockServer(settings_, Hand()) as server:
        first = generate(server, **CHEAP, n=2)
        generate(server, **CHEAP)
        refused = generate(server, **CHEAP)
    assert {name: first.headers[name] for name in roles} == {
        "x-ratelimit-limit-requests": "2",
        "x-ratelimit-remaining-requests": "1",
        "x-ratelimit-limit-images": "9",
        "x-ratelimit-remaining-images": "7",
    }
    assert refused.headers["x-ratelimit-reset-requests"] == "1m0s"


def test_the_clock_of_the_limits_is_the_mock_s() -> None:
    ticks = count(Hand.now, 30)
    with MockServer(Settings(port=0, rate_limits=(rate_limit("60rpm"),)), lambda: float(next(ticks))) as server:
        assert all(generate(server, **CHEAP).status == 200 for _ in range(70))
