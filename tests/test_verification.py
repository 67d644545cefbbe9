"""Was a request made, how often, and which came nearest: over HTTP and from Python."""

from __future__ import annotations

import base64
import io
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import orjson
import pytest
from conftest import CHEAP, GENERATIONS, Answer, ask, delivered, generate
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from mockserver.artist import Artist, Picture
from mockserver.inspection import Inspection, small
from mockserver.journal import SHORT, Entry
from mockserver.runner import MockServer
from mockserver.settings import Settings
from mockserver.verification import NotSo, Pattern, Times, judge, pattern_of
from spec.errors import SpecError


def verify(server: MockServer, **told: Any) -> Answer:
    return ask(f"{server.url}/_imageproof/verify", told, key=None)


JSON = "application/json"


def packed(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)


def asked(server: MockServer) -> None:
    generate(server, **CHEAP)
    generate(server, **CHEAP, n=2)
    generate(server, **{**CHEAP, "prompt": "A blue whale", "n": 2})
    generate(server, "?async=true", **CHEAP)
    generate(server, **CHEAP, n=11)


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        ({}, 5),
        ({"method": "post"}, 5),
        ({"method": "GET"}, 0),
        ({"path": GENERATIONS}, 5),
        ({"path": "*/generations"}, 5),
        ({"path": "/v1/images/edits"}, 0),
        ({"operation": "createImage", "status": 200}, 4),
        ({"status": {"not": 200}}, 1),
        ({"problem": "above-maximum"}, 1),
        ({"problem": {"present": False}}, 4),
        ({"body": {"n": 2}}, 2),
        ({"body": {"n": True}}, 0),
        ({"body": {"n": {"present": False}}}, 2),
        ({"body": {"n": 2, "prompt": {"contains": "whale"}}}, 1),
        ({"body": {"prompt": {"matches": "^A (red|green) fox$"}}}, 4),
        ({"body": {"/prompt": "A blue whale"}}, 1),
        ({"query": {"async": True}}, 1),
        ({"query": {"async": {"present": False}}}, 4),
        ({"asked": {"count": 1}}, 2),
        ({"asked": {"size": "256x256", "model": "dall-e-2"}}, 5),
        ({"asked": {"size": "512x512"}}, 0),
    ],
)
def test_requests_are_found_by_what_they_were_and_what_they_asked(
    mock: MockServer, wanted: dict[str, Any], count: int
) -> None:
    asked(mock)
    answer = verify(mock, **wanted, times=count)
    assert (answer.status, answer.json["found"], len(answer.json["entries"])) == (200, count, count)
    assert verify(mock, **wanted, times=count + 1).status == 406
    assert len(mock.requests(**wanted)) == count


def test_without_a_number_once_is_enough_and_a_range_has_two_ends(mock: MockServer) -> None:
    asked(mock)
    assert verify(mock).status == 200
    assert verify(mock, path="/elsewhere").status == 406
    for times, status in (({"at_least": 5}, 200), ({"at_least": 6}, 406), ({"at_most": 4}, 406), ({"at_most": 5}, 200)):
        assert verify(mock, times=times).status == status


def test_what_cannot_be_set_is_told_beside_the_line_of_the_test(mock: MockServer) -> None:
    for wrongly in (lambda: mock.configure(faults=["nosuch"]), lambda: mock.verify(prompt={"contans": "fox"})):
        with pytest.raises(SpecError) as caught:
            wrongly()
        assert len(caught.traceback.filter(caught)) == 2  # here, and the lambda above


def test_the_nearest_miss_is_named_with_all_that_is_different(mock: MockServer) -> None:
    asked(mock)
    with pytest.raises(NotSo) as caught:
        mock.verify(path=GENERATIONS, status=200, prompt="A blue wale", n=2, times=1)
    assert [entry.name for entry in caught.traceback.filter(caught)] == [caught.traceback[0].name]
    assert str(caught.value).splitlines() == [
        'expected exactly once: path "/v1/images/generations", status 200, body prompt "A blue wale", body n 2',
        "found 0 times in 5 requests",
        f"nearest: POST {GENERATIONS} -> 200 (req_00000000000000000000000000000003)",
        '  body prompt: expected "A blue wale", received "A blue whale"',
    ]
    [near, *_] = verify(mock, body={"prompt": "A blue wale", "n": 3, "size": {"present": False}}).json["nearest"]
    assert near["differs"] == [
        {"where": "body prompt", "expected": '"A blue wale"', "received": '"A blue whale"'},
        {"where": "body n", "expected": "3", "received": "2"},
        {"where": "body size", "expected": "nothing", "received": '"256x256"'},
    ]


def test_of_two_long_texts_the_place_is_shown_where_they_part(mock: MockServer) -> None:
    generate(mock, **{**CHEAP, "prompt": "A fox. " * 60 + "Snow."})
    with pytest.raises(NotSo, match=r'prompt: expected …"[A fox.]{30}Ice\.", received …"[A fox.]{30}Snow\."'):
        mock.verify(prompt="A fox. " * 60 + "Ice.")


def test_python_says_fields_as_names_and_patterns_as_patterns(mock: MockServer) -> None:
    asked(mock)
    assert [entry.value["prompt"] for entry in mock.requests(prompt=re.compile("whale$"))] == ["A blue whale"]
    assert len(mock.verify(n=2, at_least=1, at_most=2)) == 2
    with pytest.raises(NotSo, match=r"expected never: body n 2\nfound 2 times in 5 requests"):
        mock.verify(n=2, times=0)
    with pytest.raises(SpecError, match="times, or at_least and at_most"):
        mock.verify(n=2, times=1, at_least=1)


def test_it_can_wait_for_what_is_still_to_come(mock: MockServer) -> None:
    generate(mock, "?async=true", **CHEAP)
    assert ask(f"{mock.url}/_imageproof/verify", {"within": "20ms", "times": 2}, key=None).status == 406
    assert len(mock.verify(within=5, path=GENERATIONS)) == 1


def test_an_upper_limit_holds_when_nothing_more_has_come_in_all_the_time(mock: MockServer) -> None:
    def verified(times: int) -> int:
        with ThreadPoolExecutor(1) as pool:
            verdict = pool.submit(verify, mock, times=times, within="200ms", path=GENERATIONS)
            time.sleep(0.05)
            generate(mock, **CHEAP)
            return verdict.result().status

    assert [verified(times) for times in (0, 1, 3)] == [406, 406, 200]


def test_a_pattern_that_finds_no_end_does_not_hold_the_server_up(mock: MockServer) -> None:
    generate(mock, **{**CHEAP, "prompt": "a" * 40 + "!"})
    answer = verify(mock, body={"prompt": {"matches": "(a|a)*$"}})
    assert (answer.status, answer.error["where"]) == (400, "/body/prompt")
    assert answer.error["message"] == "'(a|a)*$' takes too long in a text of 41 characters"


@pytest.mark.parametrize(
    ("told", "where"),
    [
        ({"pth": "/v1"}, "/pth"),
        ({"body": 3}, "/body"),
        ({"body": {"n": {"more": 2}}}, "/body/n"),
        ({"body": {"n": {"equals": 2, "not": 3}}}, "/body/n"),
        ({"body": {"prompt": {"matches": "("}}}, "/body/prompt/matches"),
        ({"body": {"prompt": {"matches": 3}}}, "/body/prompt/matches"),
        ({"body": {"n": {"present": 1}}}, "/body/n/present"),
        ({"times": -1}, "/times"),
        ({"times": True}, "/times"),
        ({"times": {}}, "/times"),
        ({"times": {"at_least": 3, "at_most": 2}}, "/times"),
        ({"times": {"least": 3}}, "/times"),
        ({"within": "soon"}, "/within"),
    ],
)
def test_what_is_not_understood_is_told_with_its_place(mock: MockServer, told: dict[str, Any], where: str) -> None:
    answer = verify(mock, **told)
    assert (answer.status, answer.error["where"]) == (400, where)
    assert answer.error["message"]
    assert answer.error["expected"]


def test_files_of_a_form_are_known_by_name_kind_and_size(mock: MockServer) -> None:
    parts = [("prompt", None, b"A cave"), ("model", None, b"gpt-image-2"), ("image", "room.png", b"x" * 40_000)]
    lines = [
        f'--b\r\nContent-Disposition: form-data; name="{name}"'.encode()
        + (f'; filename="{file}"\r\nContent-Type: image/png'.encode() if file else b"")
        + b"\r\n\r\n"
        + data
        for name, file, data in parts
    ]
    body = b"\r\n".join(lines) + b"\r\n--b--\r\n"
    ask(f"{mock.url}/v1/images/edits", body, headers={"content-type": "multipart/form-data; boundary=b"})
    file = {"media": "image/png", "bytes": 40_000, "filename": "room.png"}
    [entry] = mock.verify(path="*/edits", prompt="A cave", image={"contains": file})
    assert (entry.size, entry.cut) == (len(body), False)
    told = ask(f"{mock.url}/_imageproof/journal/{entry.request_id}", key=None).json
    assert "-F 'image=@\"room.png\";type=image/png'" in told["curl"]
    assert "--form-string 'prompt=A cave'" in told["curl"]


def test_pictures_are_shown_small_and_as_they_were_made(mock: MockServer) -> None:
    file = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(file, "PNG")
    [made] = delivered(generate(mock, model="dall-e-3", prompt="A fox", size="1792x1024"))
    data = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
    edit = {"model": "gpt-image-1", "prompt": "A fire", "images": [{"image_url": data}], "size": "1024x1024"}
    [edited] = delivered(ask(f"{mock.url}/v1/images/edits", edit))
    for entry, wanted, size in zip(mock.journal, (made, edited), ((160, 91), (1024, 1024)), strict=True):
        [told] = ask(f"{mock.url}/_imageproof/journal/{entry.request_id}", key=None).json["pictures"]
        assert ask(mock.url + told["link"], key=None).body == wanted
        assert Image.open(io.BytesIO(ask(mock.url + told["thumbnail"], key=None).body)).size == size


def test_a_picture_that_is_shown_small_does_not_say_that_it_is() -> None:
    shown = small(Picture("A fox", 1536, 1024, label="gpt-image-2 · low"))
    assert (shown.width, shown.height) == (160, 107)
    assert Artist().draw(shown) != Artist().draw(replace(shown, layout=""))  # its footer would name 160x107 and webp


def test_a_long_body_is_cut_and_says_so(mock: MockServer) -> None:
    generate(mock, **{**CHEAP, "prompt": "x" * 30_000})
    [entry] = mock.requests(model="dall-e-2", prompt={"matches": r"^x{1000}… \(30000 characters\)$"})
    assert entry.cut
    assert len(entry.body) < SHORT < entry.size


def test_no_key_is_kept_wherever_it_was_sent(mock: MockServer) -> None:
    key = "sk-" + "Planted" * 4
    generate(mock, f"?api_key={key}&async=true", key=key, **{**CHEAP, "prompt": f"A fox and {key}", "user": key})
    ask(f"{mock.url}/v1/nothing/{key}?accessToken={key}&api%6Bey=Planted&X-Amz-Signature=Planted", key=key)
    generate(mock, **{**CHEAP, "model": key})
    generate(mock, **{**CHEAP, "prompt": f"A fox and {key} {20_000 * 'x'}", key: "A fox"})
    generate(mock, **{**CHEAP, "prompt": 985 * "x" + f" {key} {20_000 * 'x'}"})
    form = f'--b\r\nContent-Disposition: form-data; name="prompt"\r\n\r\nA fox and {key}\r\n--b--\r\n'.encode()
    ask(f"{mock.url}/v1/images/edits", form, headers={"content-type": "multipart/form-data; boundary=b"}, key=key)
    ask(mock.url + GENERATIONS, CHEAP, headers={"Prefer": f'fault="wrong-type:media=text/{key}"'})
    assert len(mock.journal) == 7
    shown = [f"/journal/{entry.request_id}" for entry in mock.journal]
    for path in ("/journal", "/tasks", *shown):
        answer = ask(f"{mock.url}/_imageproof{path}", key=None)
        assert answer.status == 200
        assert b"Planted" not in answer.body
    assert mock.journal[0].path == f"{GENERATIONS}?api_key=***&async=true"


def test_only_drifts_that_made_a_difference_are_said_to_have_played(mock: MockServer) -> None:
    mock.configure(drifts=["n-ignored-single-image", "missing-model-503", "usage-null", "task-id-changes"])
    generate(mock, **CHEAP)
    generate(mock, **CHEAP, n=2)
    generate(mock, model="gpt-image-1", prompt="A fox", n=2)
    ask(mock.url + GENERATIONS, {"prompt": "A fox", "n": 2, "size": "1x1", "quality": "low"})
    assert [entry.drifts for entry in mock.journal[:2]] == [(), ("n-ignored-single-image",)]
    assert [len(mock.requests(drift=id_)) for id_ in ("n-ignored-single-image", "usage-null")] == [2, 1]


def test_the_answer_is_seen_as_it_was_sent(mock: MockServer) -> None:
    answer = generate(mock, **CHEAP, n=11)
    mock.configure(faults=["empty"])
    with pytest.raises(ConnectionError):
        generate(mock, **CHEAP)
    refused, lost = (ask(f"{mock.url}/_imageproof/journal/{it.request_id}", key=None).json for it in mock.journal)
    assert refused["answer"]["head"].startswith("HTTP/1.1 400 Bad Request\r\n")
    assert answer.headers["x-request-id"] in refused["answer"]["head"]
    assert orjson.loads(refused["answer"]["body"]) == answer.json
    assert not refused["answer"]["cut"]
    assert (lost["verdict"], lost["status"]) == ("fault", 0)
    assert '"url":' in lost["answer"]["body"]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_was_asked_can_be_looked_at(mock: MockServer, data: Any) -> None:
    """What is refused, too: nothing in a body, a query or a path keeps the journal from being read."""
    fields = ["model", "prompt", "n", "size", "quality", "response_format", "stream", "user", "image", "input"]
    values = VALUES | st.floats() | st.lists(VALUES, max_size=2) | st.dictionaries(st.text(max_size=3), VALUES)
    body = data.draw(st.dictionaries(st.sampled_from(fields), values, max_size=5) | values)
    operation = data.draw(st.sampled_from(list(mock.mock._endpoints.values()))).operation
    entry = Entry(
        "r",
        0.0,
        operation.method,
        operation.path,
        operation.id,
        400,
        0.0,
        "x",
        media=JSON,
        body=packed(body),
        family=operation.family,
    )
    assert isinstance(mock.mock.asked_by(entry), dict)
    assert isinstance(Inspection(mock.mock)._line(entry), dict)


def test_what_is_nested_as_deeply_as_json_may_be_can_be_looked_at(mock: MockServer) -> None:
    body = b'{"prompt":' + b"[" * 990 + b"]" * 990 + b"}"
    entry = Entry("r", 0.0, "POST", GENERATIONS, "createImage", 400, 0.0, media=JSON, body=body, family="images")
    mock.mock.journal.add(entry)
    assert ask(f"{mock.url}/_imageproof/journal", key=None).status == 200
    assert ask(f"{mock.url}/_imageproof/journal/r", key=None).status == 200
    for wanted in ("x", {"contains": "x"}, {"matches": "x"}, {"not": 3}):
        assert verify(mock, body={"prompt": wanted, "n": 3}, asked={"prompt": wanted}).status == 406


def test_more_than_the_journal_holds_cannot_be_vouched_for() -> None:
    entries = [Entry(f"req_{n}", float(n), "GET", "/v1/models", "listModels", 200, 0.0) for n in range(3)]
    pattern = Pattern({"path": "/v1/models"}, lambda _: {})
    assert judge(pattern, Times(3), entries, forgotten=5).held
    for times in (Times(3, 3), Times(0, 9), Times(4)):
        verdict = judge(pattern, times, entries, forgotten=5)
        assert not verdict.held
        assert "5 older requests made room" in verdict.explain()


VALUES = st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab\\*[?", max_size=3)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from("nmp"), VALUES, max_size=3), max_size=6), st.data())
def test_found_and_missed_together_are_everything_and_each_miss_is_one(bodies: list[dict[str, Any]], data: Any) -> None:
    entries = [
        Entry(str(n), 0.0, "POST", "/x", "x", 200, 0.0, media="application/json", body=orjson.dumps(body))
        for n, body in enumerate(bodies)
    ]
    wanted = data.draw(st.dictionaries(st.sampled_from("nmp"), VALUES, max_size=3))
    verdict = judge(pattern_of(wanted, lambda _: {}), Times(0, 0), entries)

    def kinds(value: Any) -> tuple[type, Any]:
        return type(value), value

    fits = [body for body in bodies if all(n in body and kinds(body[n]) == kinds(wanted[n]) for n in wanted)]
    assert [entry.value for entry in verdict.found] == fits
    assert verdict.held == (not fits)
    for near in judge(pattern_of(wanted, lambda _: {}), Times(99), entries).nearest:
        names = {miss.where.removeprefix("body ") for miss in near.misses}
        assert names
        assert names == {
            n for n in wanted if n not in near.entry.value or kinds(near.entry.value[n]) != kinds(wanted[n])
        }


def test_of_a_guarded_server_nobody_verifies_without_the_token() -> None:
    with MockServer(Settings(port=0, control_token="let-me-in")) as server:
        for path, body in (("/verify", {}), ("/drifts", None), ("/journal/req_1", None)):
            assert ask(f"{server.url}/_imageproof{path}", body, key=None).status == 401
            assert ask(f"{server.url}/_imageproof{path}", body, key="let-me-in").status in (200, 404, 406)
        assert ask(f"{server.url}/_imageproof/", key=None).status == 200
