"""The control API: the mock looked at and changed while it runs, and who may do so."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import CHEAP, GENERATIONS, Answer, ask, delivered, generate

from mockserver.clock import LAST_MOMENT
from mockserver.guard import is_loopback
from mockserver.runner import MockServer
from mockserver.settings import Settings
from spec.drifts import drift_uses
from spec.errors import SpecError
from spec.profiles import load_profile

CONTROL = "/_imageproof"


def call(
    server: MockServer,
    path: str,
    body: Any = None,
    *,
    method: str | None = None,
    key: str | None = None,
    **headers: str,
) -> Answer:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return ask(server.url + CONTROL + path, body, method=method, key=key, headers=named)


def patch(server: MockServer, **changes: Any) -> Answer:
    return call(server, "/settings", changes, method="PATCH")


@pytest.fixture(scope="module")
def guarded() -> Iterator[MockServer]:
    """A mock with a token of its own."""
    with MockServer(Settings(port=0, control_token="let-me-in")) as server:
        yield server


# --- changing ---------------------------------------------------------------------------------------


def test_from_all_well_to_ten_bad_gateways_and_back(mock: MockServer) -> None:
    assert generate(mock, **CHEAP).status == 200
    for _ in range(2):  # said again, it begins again
        assert patch(mock, faults=["html:status=502,first=10"]).status == 200
        assert [generate(mock, **CHEAP).status for _ in range(11)] == [502] * 10 + [200]
    assert patch(mock, faults=["html:status=502,first=10"]).status == 200
    assert patch(mock, faults=[]).status == 200
    assert generate(mock, **CHEAP).status == 200


def test_a_change_leaves_what_it_does_not_name(mock: MockServer) -> None:
    patch(mock, faults=["html:first=2"], quota_images=3)
    generate(mock, **CHEAP)  # the first of two
    changed = patch(mock, blocked=["weapon"]).json
    assert (changed["faults"], changed["quota_images"], changed["blocked"]) == (["html:first=2"], 3, ["weapon"])
    assert [generate(mock, **CHEAP).status for _ in range(3)] == [502, 200, 429]  # lost pictures were made, too
    patch(mock, latency="1ms")
    assert generate(mock, **CHEAP).status == 429
    patch(mock, quota_images=3)
    assert generate(mock, **CHEAP).status == 200


def test_put_takes_everything_else_back_to_the_start(mock: MockServer) -> None:
    start = call(mock, "/settings").json
    patch(mock, faults=["empty"], latency="50ms", blocked=["x"])
    answer = call(mock, "/settings", {"rate_limits": ["60rpm"]}, method="PUT")
    assert answer.json == {**start, "rate_limits": ["60rpm"]}


def test_every_field_can_be_set_to_what_it_shows(mock: MockServer) -> None:
    changes = {
        "drifts": ["n-ignored-single-image"],
        "faults": ["html:status=524,rate=0.5"],
        "latency": "p50=1ms,p99=2ms",
        "rate_limits": ["60rpm", "5ipm"],
        "blocked": ["weapon"],
        "quota_images": 7,
        "task_seconds": 2.5,
        "task_polls": 4,
    }
    assert patch(mock, **changes).json == changes
    shown = call(mock, "/settings").json
    assert shown == changes
    assert call(mock, "/settings", shown, method="PUT").json == changes


def test_drifts_are_changed_a_profile_s_own_included() -> None:
    with MockServer(Settings(port=0, profile=load_profile("zhongzhuan"))) as server:
        body: dict[str, Any] = {"model": "dall-e-2", "prompt": "x", "n": 1, "size": "256x256"}
        assert call(server, "/settings").json["drifts"] == ["chat-shaped-200"]
        assert "choices" in generate(server, **body).json
        patch(server, drifts=[])
        assert "data" in generate(server, **body).json
        call(server, "/reset", method="POST")
        assert "choices" in generate(server, **body).json


def test_tasks_take_the_time_they_are_told(mock: MockServer) -> None:
    patch(mock, task_polls=1)
    task = generate(mock, "?async=true", **CHEAP).json["task_id"]
    assert ask(f"{mock.url}/v1/images/tasks/{task}").json["data"]["status"] == "SUCCESS"


def test_latency_comes_and_goes(mock: MockServer) -> None:
    patch(mock, latency=0.3)
    began = time.perf_counter()
    generate(mock, **CHEAP)
    assert 0.3 <= time.perf_counter() - began < 2
    assert patch(mock, latency=0).json["latency"] == "0s"


@pytest.mark.parametrize(
    ("body", "where", "words"),
    [
        ({"colour": "red"}, "body", ["colour"]),
        ({"faults": "empty"}, "/faults", ["'empty'", "a list"]),
        ({"faults": ["lightning"]}, "/faults", ["lightning"]),
        ({"faults": ["empty:on=drawImage"]}, "body", ["drawImage", "createImage"]),
        ({"faults": [3]}, "/faults", ["[3]"]),
        ({"drifts": ["n-ignored"]}, "/drifts", ["n-ignored-single-image"]),
        ({"drifts": [{"id": "missing-model-503", "with": "x"}]}, "/drifts", ["a list"]),
        ({"latency": "soon"}, "/latency", ["soon", "200ms-2s"]),
        ({"latency": -1}, "/latency", ["-1"]),
        ({"latency": True}, "/latency", ["True"]),
        ({"rate_limits": ["fast"]}, "/rate_limits", ["fast", "60rpm"]),
        ({"rate_limits": [60]}, "/rate_limits", ["60"]),
        ({"blocked": [""]}, "/blocked", ["a list of words"]),
        ({"quota_images": -1}, "/quota_images", ["-1"]),
        ({"quota_images": 1.5}, "/quota_images", ["1.5"]),
        ({"task_seconds": None}, "/task_seconds", ["None"]),
        ({"task_polls": 0}, "/task_polls", ["0"]),
        ([], "body", ["list", "faults"]),
        (b"{", "line 1", ["JSON"]),
        (b"", "line 1", ["JSON"]),
    ],
)
def test_a_change_that_is_not_understood_changes_nothing_and_says_why(
    mock: MockServer, body: Any, where: str, words: list[str]
) -> None:
    before = call(mock, "/settings").json
    sent = {"blocked": ["weapon"], **body} if isinstance(body, dict) and "blocked" not in body else body
    answer = call(mock, "/settings", sent, method="PATCH")
    error = answer.json["error"]
    assert (answer.status, error["where"]) == (400, where)
    assert all(word in error["message"] + error["expected"] for word in words), error
    assert error["expected"]
    assert call(mock, "/settings").json == before


def test_reset_is_as_it_started(mock: MockServer) -> None:
    first = generate(mock, **CHEAP)
    patch(mock, faults=["empty"], drifts=["empty-object-200"], latency="1ms")
    call(mock, "/clock/advance", {"by": 30})
    call(mock, "/reset", method="POST")
    state = call(mock, "/state").json
    assert (state["faults"], state["clock"]["offset"], state["holds"]["requests"]) == ([], 0, 0)
    again = generate(mock, **CHEAP)
    assert (again.status, again.headers["x-request-id"]) == (200, first.headers["x-request-id"])


# --- looking ----------------------------------------------------------------------------------------


def test_the_state_says_what_is_played_and_held(mock: MockServer) -> None:
    patch(mock, faults=["html:first=1"], quota_images=9, rate_limits=["60rpm"])
    generate(mock, **CHEAP)
    generate(mock, **CHEAP, n=2)
    generate(mock, "?async=true", **CHEAP)
    ask(f"{mock.base_url}/models")  # is no picture
    state = call(mock, "/state").json
    assert state["faults"] == [{"fault": "html:first=1", "seen": 4, "played": 1}]
    assert state["pictures_against_quota"] == 4
    assert state["holds"] == {"requests": 4, "journal": 4, "tasks": 1, "blobs": 0, "keys_with_limits": 1}
    assert (state["profile"], state["contracts"]) == ("contract", ["images"])
    assert state["settings"]["quota_images"] == 9
    assert abs(state["clock"]["now"] - time.time()) < 60


def test_the_journal_is_filtered(mock: MockServer) -> None:
    for body in (CHEAP, {"prompt": "x"}, CHEAP):
        generate(mock, **body)
    ask(f"{mock.url}/v1/images/tasks/x")
    between = mock.journal[1].at

    def found(query: str) -> list[tuple[str, int]]:
        entries = call(mock, f"/journal{query}").json["entries"]
        return [(entry["operation"], entry["status"]) for entry in entries]

    good, bad, look = ("createImage", 200), ("createImage", 400), ("getImageTask", 400)
    assert found("") == [good, bad, good, look]
    assert found("?status=400") == [bad, look]
    assert found("?operation=createImage&status=400") == [bad]
    assert found("?limit=2") == [good, look]
    assert found("?limit=0") == []
    assert found(f"?since={between}") == [bad, good, look]
    whole = call(mock, "/journal?limit=1").json
    assert (whole["found"], len(whole["entries"])) == (4, 1)


@pytest.mark.parametrize("query", ["status=x", "limit=-1", "since=nan", "since=inf", "colour=red", "limit=1.5"])
def test_a_filter_that_is_not_understood_says_why(mock: MockServer, query: str) -> None:
    answer = call(mock, f"/journal?{query}")
    assert answer.status == 400
    assert query.partition("=")[0] in answer.json["error"]["message"]


def test_the_faults_are_listed(mock: MockServer) -> None:
    assert call(mock, "/faults").json["html"]["written"] == "html:status=502,by=auto"


def test_looking_changes_no_answer(mock: MockServer) -> None:
    first = generate(mock, **CHEAP).headers["x-request-id"]
    looks = [call(mock, path) for path in ("/health", "/state", "/settings", "/journal", "/clock", "/faults")]
    unknown, wrong = call(mock, "/typo"), call(mock, "/journal", {})
    assert all(look.headers["x-request-id"].startswith("req_control_") for look in (*looks, unknown, wrong))
    assert (unknown.status, unknown.error["message"]) == (404, "there is no '/_imageproof/typo'")
    assert "POST /_imageproof/verify" in unknown.error["expected"]
    assert (wrong.status, wrong.headers["allow"], wrong.error["where"]) == (405, "GET, HEAD", "method")
    assert int(generate(mock, **CHEAP).headers["x-request-id"][4:], 16) == int(first[4:], 16) + 1
    assert len(mock.journal) == 2


def test_pictures_and_refusals_of_the_control_calls_have_an_id_too(mock: MockServer) -> None:
    url = generate(mock, **CHEAP).json["data"][0]["url"]
    answers = [ask(url), ask(f"{mock.url}/_imageproof/files/x"), call(mock, "/journal?x=1"), call(mock, "/x")]
    assert all(answer.headers["x-request-id"] for answer in answers)
    assert len({answer.headers["x-request-id"] for answer in answers}) == 4


# --- the clock --------------------------------------------------------------------------------------


def test_the_clock_moves_tasks_on() -> None:
    with MockServer(Settings(port=0, task_seconds=60)) as server:
        url = f"{server.url}/v1/images/tasks/{generate(server, '?async=true', **CHEAP).json['task_id']}"
        assert ask(url).json["data"]["progress"] == "0%"
        assert call(server, "/clock/advance", {"by": "30s"}).json["offset"] == 30
        assert ask(url).json["data"]["status"] == "IN_PROGRESS"
        server.advance(31)
        assert ask(url).json["data"]["status"] == "SUCCESS"
        assert call(server, "/clock").json["offset"] == 61


@pytest.mark.parametrize(
    "body",
    [
        {"by": -1},
        {"by": "soon"},
        {"by": None},
        {"by": True},
        {"by": 1e300},
        {"by": "99999999999999h"},
        {"by": "9" * 400},
        {},
        {"by": 1, "x": 2},
        [],
    ],
)
def test_time_is_moved_on_by_a_time(mock: MockServer, body: Any) -> None:
    assert call(mock, "/clock/advance", body).status == 400
    assert call(mock, "/clock").json["offset"] == 0


def test_up_to_the_last_moment_there_is_every_answer_can_be_written(mock: MockServer) -> None:
    assert call(mock, "/clock/advance", {"by": LAST_MOMENT - time.time() - 60}).status == 200
    assert len(delivered(generate(mock, **CHEAP))) == 1
    assert call(mock, "/clock/advance", {"by": 120}).status == 400


# --- tasks ------------------------------------------------------------------------------------------


def test_tasks_are_listed_and_looking_here_moves_none_of_them_on(mock: MockServer) -> None:
    ids = [generate(mock, "?async=true", **{**CHEAP, "prompt": f"Fox {n}"}).json["task_id"] for n in range(3)]
    for _ in range(3):
        listed = call(mock, "/tasks").json
    assert (listed["found"], [task["id"] for task in listed["tasks"]]) == (3, ids)
    assert listed["tasks"][1] | {"submitted": 0} == {
        "id": ids[1],
        "operation": "createImage",
        "state": "queued",
        "progress": 0,
        "reason": "",
        "submitted": 0,
        "started": None,
        "finished": None,
        "polls": 0,
        "prompt": "Fox 1",
    }


def test_a_task_is_made_to_fail_while_it_runs() -> None:
    with MockServer(Settings(port=0, task_seconds=60)) as server:
        id_ = generate(server, "?async=true", **CHEAP).json["task_id"]
        server.advance(30)
        answer = call(server, f"/tasks/{id_}", {"state": "failed", "reason": "out of paint"})
        assert (answer.status, answer.json["state"], answer.json["reason"]) == (200, "failed", "out of paint")
        looks = [ask(f"{server.url}/v1/images/tasks/{id_}").json["data"] for _ in range(2)]
        server.advance(60)
        looks.append(ask(f"{server.url}/v1/images/tasks/{id_}").json["data"])
        [told] = {tuple(sorted((key, str(value)) for key, value in look.items())) for look in looks}
        seen = dict(told)
        assert (seen["status"], seen["fail_reason"], seen["data"]) == ("FAILURE", "out of paint", "None")
        assert int(seen["submit_time"]) + 29 <= int(seen["finish_time"]) <= int(seen["submit_time"]) + 40
        again = call(server, f"/tasks/{id_}", {"state": "failed"})
        assert (again.status, again.json["error"]["message"]) == (409, f"task {id_} has failed already")


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        ({"state": "canceled"}, 409, "queued, running, succeeded, failed"),
        ({"state": "succeeded"}, 400, "failed or canceled"),
        ({"state": "failed", "reason": 1}, 400, "reason a text"),
        ({"state": "failed", "why": "x"}, 400, "reason a text"),
        ({}, 400, "state is failed or canceled"),
        ([], 400, "state is failed or canceled"),
        (b"{", 400, "state is failed or canceled"),
    ],
)
def test_a_task_that_cannot_be_ended_so_goes_on(mock: MockServer, body: Any, status: int, expected: str) -> None:
    id_ = generate(mock, "?async=true", **CHEAP).json["task_id"]
    answer = call(mock, f"/tasks/{id_}", body, method="POST")
    assert answer.status == status
    assert expected in answer.json["error"]["expected"]
    assert call(mock, "/tasks").json["tasks"][0]["state"] == "queued"
    assert call(mock, "/tasks/none", {"state": "failed"}).status == 404


# --- from Python ------------------------------------------------------------------------------------


def test_a_test_configures_and_the_reset_takes_it_back(mock: MockServer) -> None:
    mock.configure(faults=["problem:name=overloaded,first=1"], drifts=["n-ignored-single-image"], task_polls=1)
    assert [generate(mock, **CHEAP).status for _ in range(2)] == [503, 200]
    assert len(generate(mock, **CHEAP, n=2).json["data"]) == 1
    mock.reset()
    assert len(generate(mock, **CHEAP, n=2).json["data"]) == 2


def test_what_cannot_be_configured_is_raised_where_it_was_said(mock: MockServer) -> None:
    for changes in ({"colour": 1}, {"faults": ["lightning"]}, {"drifts": ["x"]}, {"faults": ["empty:on=x"]}):
        with pytest.raises(SpecError):
            mock.configure(**changes)
    with pytest.raises(ValueError, match="-1"):
        mock.advance(-1)
    assert generate(mock, **CHEAP).status == 200


def test_a_server_that_does_not_run_yet_can_be_configured() -> None:
    server = MockServer(Settings(port=0, drifts=drift_uses(["empty-object-200"])))
    server.configure(drifts=[])
    with server:
        assert "data" in generate(server, **CHEAP).json


# --- who may ----------------------------------------------------------------------------------------

CALLS = [
    ("GET", "/state"),
    ("GET", "/settings"),
    ("PATCH", "/settings"),
    ("PUT", "/settings"),
    ("POST", "/reset"),
    ("GET", "/journal"),
    ("GET", "/faults"),
    ("GET", "/tasks"),
    ("POST", "/tasks/x"),
    ("GET", "/callbacks"),
    ("GET", "/clock"),
    ("POST", "/clock/advance"),
]


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_with_a_token_nothing_goes_without_it(guarded: MockServer, method: str, path: str) -> None:
    body = {"by": 0} if "clock" in path else {}
    sent = None if method == "GET" else body
    for key in (None, "sk-test", "let-me-i", "let-me-in2", "ß"):
        answer = call(guarded, path, sent, method=method, key=key and key.encode().decode("latin-1"))
        assert (answer.status, answer.json["error"]["where"]) == (401, "Authorization")
        assert b"let-me-in" not in answer.body
    assert call(guarded, path, sent, method=method, key="let-me-in").status == (400 if "tasks/" in path else 200)


def test_with_a_token_health_pictures_and_the_api_stay_open(guarded: MockServer) -> None:
    assert call(guarded, "/health").status == 200
    assert ask(generate(guarded, **CHEAP).json["data"][0]["url"], key=None).status == 200


@pytest.mark.parametrize(("method", "path"), CALLS)
@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:4010"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": ""},
        {"Host": "[bad"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://[bad"},
    ],
)
def test_on_loopback_no_foreign_page_gets_in(mock: MockServer, method: str, path: str, headers: dict[str, str]) -> None:
    answer = call(mock, path, None if method == "GET" else {"by": 0}, method=method, **headers)
    assert (answer.status, answer.json["error"]["where"]) == (403, next(iter(headers)))
    assert mock.mock.settings is mock.mock.started_with


def test_on_loopback_its_own_pages_and_names_get_in(mock: MockServer) -> None:
    assert call(mock, "/state", Origin=mock.url).status == 200
    for host in ("localhost", f"localhost:{mock.port}", "127.0.0.1:80", "[::1]:4010"):
        assert call(mock, "/state", Host=host).status == 200


def test_a_server_that_others_can_reach_makes_up_a_token() -> None:
    with MockServer(Settings(host="0.0.0.0", port=0)) as server:
        token = server.mock.guard.token
        assert token is not None
        assert len(token) > 20
        assert call(server, "/state").status == 401
        assert call(server, "/state", key=token).status == 200
        assert call(server, "/health").status == 200
    assert MockServer(Settings(host="0.0.0.0", port=0)).mock.guard.token != token


@pytest.mark.parametrize(
    ("host", "alone"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.5", False),
        ("mock.example", False),
    ],
)
def test_loopback_is_what_only_this_machine_reaches(host: str, alone: bool) -> None:
    assert is_loopback(host) is alone


# --- CORS -------------------------------------------------------------------------------------------

PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,x-stainless-os"}


def options(server: MockServer, origin: str | None, path: str = GENERATIONS) -> Answer:
    headers = {**PREFLIGHT, **({"Origin": origin} if origin else {})}
    return ask(server.url + path, method="OPTIONS", key=None, headers=headers)


def test_without_cors_nothing_is_said_to_browsers(mock: MockServer) -> None:
    assert options(mock, "http://app.example").status == 405
    answer = ask(mock.url + GENERATIONS, dict(CHEAP), headers={"Origin": "http://app.example"})
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("cors", "origin", "allowed"),
    [
        ("*", "http://app.example", "*"),
        ("http://app.example", "http://app.example", "http://app.example"),
        ("http://app.example/", "http://app.example", "http://app.example"),
        ("http://app.example", "http://evil.example", None),
        ("*", None, None),
    ],
)
def test_a_page_of_the_origin_may_call(cors: str, origin: str | None, allowed: str | None) -> None:
    with MockServer(Settings(port=0, cors=cors)) as server:
        flight = options(server, origin)
        task_flight = options(server, origin, "/v1/images/tasks/x")
        sent = {"Origin": origin} if origin else {}
        good = ask(server.url + GENERATIONS, dict(CHEAP), headers=sent)
        bad = ask(server.url + GENERATIONS, {}, headers=sent)
        nowhere = ask(f"{server.url}/nowhere", headers=sent)
        assert len(server.journal) == 3
    assert (flight.status, flight.body) == (204, b"")
    for answer in (flight, good, bad, nowhere):
        assert answer.headers.get("access-control-allow-origin") == allowed
    if allowed is None:
        return
    assert flight.headers["access-control-allow-headers"] == "authorization,x-stainless-os"
    assert flight.headers["access-control-allow-methods"] == "OPTIONS, POST"
    assert task_flight.headers["access-control-allow-methods"] == "GET, HEAD, OPTIONS"
    assert "X-Request-ID" in good.headers["access-control-expose-headers"]
    assert good.headers.get("vary") == (None if allowed == "*" else "Origin")


def test_who_asks_a_path_that_is_nearly_right_finds_in_the_log_what_was_meant(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with MockServer(Settings(port=0)) as server:
        for _ in range(2):
            assert ask(f"{server.url}/images/generations?key=secret-1", dict(CHEAP)).body == b""
        ask(f"{server.url}/v1/v1/images/edits", dict(CHEAP))
        ask(f"{server.url}/favicon.ico")
        ask(f"{server.url}/v1/images/upscales", dict(CHEAP))
        for number in range(20):
            ask(f"{server.url}/v1/images/generation/{number}", dict(CHEAP))
    told = [record.getMessage() for record in caplog.records]
    assert told[:2] == [
        "POST /images/generations?key=***: nothing is served there; perhaps POST /v1/images/generations is meant",
        "POST /v1/v1/images/edits: nothing is served there; perhaps POST /v1/images/edits is meant",
    ]
    assert len(told) == 5 - 2, "icons and upscales are like nothing, and many wrong paths are told of only so often"


def test_a_browser_that_is_shown_the_address_is_led_to_the_page() -> None:
    with MockServer(Settings(port=0)) as server:
        shown = ask(f"{server.url}/", headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
        assert (shown.status, shown.headers["location"]) == (302, "/_imageproof/")
        assert ask(f"{server.url}/", headers={"accept": "*/*"}).status == 404
        assert len(server.journal) == 1
