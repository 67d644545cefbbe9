"""Recognisers give a broken answer its name, and findings are one per cause."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from faulty import (
    CHEAP,
    FAILED,
    GPT,
    HEADERS,
    LINK,
    LINKED,
    NOW,
    QUEUED,
    RUNNING,
    STREAMED,
    TASK_ID,
    Target,
    asking,
    asking_in_vain,
    asking_wrongly,
    blank,
    broken,
    done,
    drawn,
    editing,
    error,
    exchange,
    finished,
    followed,
    in_base64,
    links,
    partial,
    pictures,
    prediction,
    predictions,
    refusal,
    stream,
    task,
    whole,
)
from PIL import Image

from contract_tests.cases import WRONG_KEY, Case, json_case
from contract_tests.clauses import catalogue as clauses
from contract_tests.exchange import Exchange
from contract_tests.findings import Finding, Findings, Tally
from contract_tests.mutations import labelled
from contract_tests.raw import raw
from contract_tests.recognisers import recognised, recognisers
from mockserver.drift import moves
from spec.drifts import catalogue, drift
from spec.profiles import PLAIN

Build = Callable[[], Exchange]
NO_MODEL = {"prompt": "A red fox"}
NO_END = "no end after 1 s"
MILLIS = int(NOW) * 1000
UNEXPLAINED = replace(FAILED, more=())
OUTAGE = error("model_not_found", None)
CHAT = {
    "id": "chatcmpl-123",
    "object": "chat.completion",
    "created": int(NOW),
    "choices": [{"index": 0, "message": {"role": "assistant", "content": LINK}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21},
}


def chat() -> Exchange:
    return exchange(asking(CHEAP), CHAT)


def in_async(body: Any) -> Exchange:
    return exchange(asking(CHEAP, **{"async": "true"}), body)


def two(*data: bytes, **told: Any) -> Exchange:
    return exchange(asking({**CHEAP, **told, "n": 2}), pictures(*data))


def data_url(media: str = "image/png") -> Exchange:
    item = {"b64_json": f"data:{media};base64,{in_base64(drawn())}"}
    return exchange(asking(CHEAP), {"created": int(NOW), "data": [item]})


def dead_link(problem: str = "GET https://cdn.example/1.png answers 410") -> Exchange:
    judged = task(RUNNING, done(data=links(LINK)), told=LINKED)
    submit = replace(judged, polls=[])
    poll = judged.polls[-1]
    gone = exchange(poll.case, poll.response.value, targets={LINK: Target(b"", problem=problem)}, parent=submit)
    judged.polls[-1] = gone
    return judged


SHOWS: dict[str, tuple[Build, ...]] = {
    "chat-shaped-200": (
        chat,
        lambda: in_async(CHAT),
        lambda: exchange(asking(CHEAP), {"choices": []}),
        lambda: exchange(asking(CHEAP), {"object": "chat.completion.chunk"}),
    ),
    "empty-object-200": (lambda: exchange(asking(CHEAP), {}), lambda: in_async({})),
    "n-ignored-single-image": (
        lambda: two(drawn()),
        lambda: task(RUNNING, done(), told={**CHEAP, "n": 3}),
    ),
    "size-ignored-200-wrong-aspect": (
        lambda: exchange(asking(GPT), pictures(drawn(1145, 1374))),
        lambda: exchange(asking(CHEAP), pictures(drawn(256, 240))),
        lambda: task(done(data=pictures(drawn(256, 192)))),
    ),
    "data-url-inside-b64-json": (data_url, lambda: data_url("image/webp")),
    "error-object-in-200": (
        lambda: exchange(asking(CHEAP), error(None, None)),
        lambda: exchange(asking_wrongly({**CHEAP, "n": 99}), error("invalid_value", "n")),
        lambda: exchange(asking_in_vain(), {"code": "task_not_exist", "message": "task_not_exist"}),
    ),
    "async-ignored-returns-sync": (lambda: in_async(pictures(drawn())), lambda: in_async(links(LINK))),
    "missing-model-503": (lambda: exchange(asking_wrongly(NO_MODEL), OUTAGE, 503),),
    "task-stuck": (
        lambda: task(QUEUED, RUNNING, RUNNING, gave_up=NO_END),
        lambda: task(QUEUED, QUEUED, gave_up=NO_END),
    ),
    "task-reverts": (
        lambda: task(RUNNING, replace(QUEUED, progress="40%"), done()),
        lambda: task(RUNNING, done(), replace(RUNNING, progress="99%"), gave_up=NO_END),
    ),
    "task-ends-twice": (lambda: task(done(), replace(FAILED, progress="100%")), lambda: task(FAILED, done())),
    "progress-not-monotonic-or-stuck": (
        lambda: task(QUEUED, replace(RUNNING, progress="0%"), done(progress="0%")),
        lambda: task(done(progress="0%")),
    ),
    "progress-backwards": (lambda: task(RUNNING, replace(RUNNING, progress="30%"), done()),),
    "progress-over-100": (
        lambda: task(RUNNING, done(progress="101%")),
        lambda: task(replace(RUNNING, progress="999%")),
    ),
    "task-fails-without-reason": (lambda: task(RUNNING, UNEXPLAINED),),
    "task-succeeds-empty": (lambda: task(RUNNING, done(data=None)),),
    "task-id-changes": (lambda: task(replace(RUNNING, more=(("task_id", "another"),)), done()),),
    "task-times-in-milliseconds": (
        lambda: task(replace(QUEUED, times=(MILLIS, 0, 0)), done(times=(MILLIS, MILLIS, MILLIS))),
    ),
    "task-result-link-dead": (dead_link,),
    "status-vocabulary-case": (
        lambda: task(replace(QUEUED, status="queued"), done(status="success"), gave_up=NO_END),
        lambda: task(RUNNING, done(status="Success"), gave_up=NO_END),
    ),
    "task-id-location-varies": (
        lambda: in_async({"code": "success", "message": "", "data": TASK_ID}),
        lambda: in_async({"id": TASK_ID}),
    ),
}

CORRECT: dict[str, Build] = {
    "pictures": lambda: two(drawn(), drawn(index=1)),
    "one link": lambda: exchange(asking(LINKED), links(LINK)),
    "pixels": lambda: exchange(asking(GPT), pictures(drawn(1024, 640), size="1024x640")),
    "task": lambda: task(QUEUED, RUNNING, done()),
    "refusal": lambda: exchange(asking_wrongly(NO_MODEL), refusal(asking_wrongly(NO_MODEL).defect), 400),
    "unknown task": lambda: exchange(asking_in_vain(), {"code": "task_not_exist", "message": "no"}, 400),
}


#: broken in a way that looks like a drift and is another one: id -> what is not called so
def _in_other_words() -> Exchange:
    """A task whose code is a number, as its family has it, with a state in a word of its own."""
    kling = PLAIN.contract("kling")
    told = {"code": 0, "message": "", "request_id": "1", "data": {"task_id": "7", "task_status": "succeeded"}}
    return exchange(Case(kling, kling.operation("getImages"), path_parameters={"task_id": "7"}), told)


OTHERWISE: dict[str, tuple[Build, ...]] = {
    "chat-shaped-200": (
        lambda: exchange(asking(CHEAP), {**pictures(drawn()), "choices": [], "object": "chat.completion"}),
        lambda: exchange(asking(CHEAP), CHAT, 500),
        lambda: exchange(asking(CHEAP), [CHAT]),
    ),
    "empty-object-200": (
        lambda: exchange(asking(CHEAP), {"data": []}),
        lambda: exchange(asking(CHEAP), []),
        lambda: exchange(asking(CHEAP), {}, 500),
    ),
    "n-ignored-single-image": (
        lambda: exchange(asking({**CHEAP, "n": 2}), pictures()),
        lambda: exchange(asking({**CHEAP, "n": 3}), pictures(drawn(), drawn(index=1))),
        lambda: exchange(asking(CHEAP), pictures(drawn(), drawn(index=1))),
    ),
    "size-ignored-200-wrong-aspect": (
        lambda: exchange(asking(CHEAP), pictures(drawn(512, 512))),
        lambda: exchange(asking({"model": "gpt-image-2", "prompt": "A red fox"}), pictures(drawn(320, 200))),
    ),
    "data-url-inside-b64-json": (
        lambda: exchange(asking(CHEAP), links(f"data:image/png;base64,{in_base64(drawn())}")),
        lambda: exchange(asking(CHEAP), {"created": int(NOW), "data": [{"b64_json": f"{in_base64(drawn())}\n"}]}),
    ),
    "error-object-in-200": (
        lambda: exchange(asking(CHEAP), error(None, None), 500),
        lambda: exchange(asking(CHEAP), {"error": "out of paint"}),
        lambda: exchange(asking(CHEAP), {**pictures(drawn()), **error(None, None)}),
    ),
    "async-ignored-returns-sync": (
        lambda: exchange(asking(CHEAP), pictures(drawn())),
        lambda: in_async({"task_id": TASK_ID, **pictures(drawn())}),
    ),
    "missing-model-503": (
        lambda: exchange(asking_wrongly({"model": "dall-e-2"}), OUTAGE, 503),
        lambda: exchange(asking_wrongly(NO_MODEL), OUTAGE, 500),
        lambda: exchange(asking_wrongly({**CHEAP, "model": "none"}), OUTAGE, 503),
        lambda: exchange(asking(CHEAP), OUTAGE, 503),
    ),
    "task-stuck": (lambda: task(QUEUED, RUNNING, done()), lambda: task(QUEUED, RUNNING, gave_up=NO_END)),
    "task-reverts": (lambda: task(done(), replace(FAILED, progress="100%")), lambda: task(QUEUED, RUNNING, done())),
    "task-ends-twice": (lambda: task(done(), RUNNING, done()), lambda: task(RUNNING, FAILED, FAILED)),
    "progress-not-monotonic-or-stuck": (
        lambda: task(replace(RUNNING, progress="0%"), done()),
        lambda: task(replace(RUNNING, progress="0%"), gave_up=NO_END),
    ),
    "progress-backwards": (lambda: task(RUNNING, done(progress="0%")),),
    "progress-over-100": (lambda: task(RUNNING, done(progress="100")), lambda: task(done(progress="many"))),
    "task-fails-without-reason": (lambda: task(RUNNING, FAILED), lambda: task(RUNNING, done())),
    "task-succeeds-empty": (
        lambda: task(RUNNING, FAILED),
        lambda: exchange(asking(CHEAP), pictures()),
        lambda: task(done(data=pictures(b""))),
    ),
    "task-id-changes": (lambda: task(replace(RUNNING, more=(("task_id", None),)), done()),),
    "task-times-in-milliseconds": (
        lambda: task(done(times=(int(NOW) - 100_000_000, int(NOW), int(NOW)))),
        lambda: task(done(times=(1000, 1000, 1000))),
    ),
    "task-result-link-dead": (
        lambda: exchange(asking(LINKED), links(LINK), targets={LINK: Target(b"", problem="GET answers 404")}),
    ),
    "status-vocabulary-case": (
        lambda: task(RUNNING, done(status="DONE"), gave_up=NO_END),
        lambda: task(RUNNING, done()),
    ),
    "task-id-location-varies": (
        lambda: in_async({}),
        lambda: in_async(pictures(drawn())),
        lambda: exchange(asking(CHEAP), {"code": "success", "data": TASK_ID}),
    ),
}


def names(judged: Exchange) -> set[str]:
    return {drift.id for part in whole(judged) for drift in recognised(part)}


def examples(table: dict[str, tuple[Build, ...]]) -> list[Any]:
    return [
        pytest.param(id_, build, id=f"{id_}-{number}")
        for id_, builds in table.items()
        for number, build in enumerate(builds)
    ]


# --- names ------------------------------------------------------------------------------------------


def test_every_catalogued_drift_is_played_and_recognised_and_no_other() -> None:
    patterns = {id_ for id_, found in catalogue().items() if found.shows is not None}
    assert patterns | set(recognisers()) == set(catalogue())
    assert not patterns & set(recognisers())
    assert all(set(found.plays) <= moves() for found in catalogue().values())
    assert set(SHOWS) == set(OTHERWISE) == set(recognisers())


@pytest.mark.parametrize(("id_", "build"), examples(SHOWS))
def test_a_drift_is_recognised_as_itself_alone_and_its_clause_convicts(id_: str, build: Build) -> None:
    judged = build()
    assert names(judged) == {id_}


@pytest.mark.parametrize("id_", SHOWS)
def test_the_clause_of_a_drift_convicts_it_and_the_drift_explains_the_rest(id_: str) -> None:
    found = broken(SHOWS[id_][0]())
    assert catalogue()[id_].clause in found
    assert [clause for clause in found if not catalogue()[id_].explains(clause)] == []


@pytest.mark.parametrize("what", CORRECT)
def test_a_correct_answer_has_no_drifts_name(what: str) -> None:
    judged = CORRECT[what]()
    assert broken(judged) == {}
    for part in whole(judged):
        assert recognised(part) == []


@pytest.mark.parametrize(("id_", "build"), examples(OTHERWISE))
def test_something_else_is_not_called_by_the_name(id_: str, build: Build) -> None:
    assert id_ not in names(build())


@pytest.mark.parametrize("id_", ["code-is-string-success", "status-key-renamed"])
def test_what_another_family_has_as_documented_is_not_called_a_drift(id_: str) -> None:
    assert id_ not in names(_in_other_words())


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'"text"', b"17", b"true", b"{", b"<html>", b"\xff\x00"])
@pytest.mark.parametrize("status", [200, 400, 503])
def test_no_recogniser_stumbles_over_what_is_no_answer_at_all(status: int, body: bytes) -> None:
    for case in (asking({**CHEAP, "n": 2}), asking_wrongly(NO_MODEL), asking_in_vain()):
        assert names(exchange(case, body, status)) <= {"missing-model-503"}


# --- what a drift explains --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("id_", "clause", "explained"),
    [
        ("chat-shaped-200", "wire.schema", True),
        ("chat-shaped-200", "images.count", True),
        ("chat-shaped-200", "usage.sums", True),
        ("chat-shaped-200", "wire.request-id", False),
        ("chat-shaped-200", "error.envelope", False),
        ("n-ignored-single-image", "images.distinct", True),
        ("n-ignored-single-image", "images.size", False),
        ("size-ignored-200-wrong-aspect", "echo.size", True),
        ("size-ignored-200-wrong-aspect", "echo.format", False),
        ("missing-model-503", "error.param", True),
        ("missing-model-503", "error.envelope", False),
    ],
)
def test_a_drift_explains_its_clause_and_its_patterns(id_: str, clause: str, explained: bool) -> None:
    assert drift(id_).explains(clause) is explained


@pytest.mark.parametrize("id_", catalogue())
def test_every_clause_a_drift_speaks_of_exists(id_: str) -> None:
    found = catalogue()[id_]
    assert found.clause in clauses()
    for pattern in found.also:
        assert any(replace(found, clause="", also=(pattern,)).explains(clause) for clause in clauses()), pattern


# --- findings ---------------------------------------------------------------------------------------


def judged(*exchanges: Exchange) -> Findings:
    findings = Findings()
    for one in exchanges:
        findings.judge(one)
    return findings


def causes(findings: Findings) -> list[tuple[str, str | None]]:
    return [(finding.clause.id, finding.drift.id if finding.drift else None) for finding in findings.all]


def test_a_chat_shaped_answer_is_one_finding_that_counts_all_it_breaks() -> None:
    answer = chat()
    assert {"wire.schema", "images.count"} <= set(broken(answer))
    findings = judged(answer)
    assert causes(findings) == [("wire.schema", "chat-shaped-200")]
    [finding] = findings.all
    assert (finding.count, finding.title) == (1, "A chat completion where pictures belong")
    assert set(finding.others) == set(broken(answer)) - {"wire.schema"}
    assert finding.others["images.count"] == 1


def test_the_same_drift_again_is_the_same_finding() -> None:
    findings = judged(chat(), chat(), in_async(CHAT))
    [finding] = findings.all
    assert finding.count == 3
    assert finding.others == {"images.count": 2, "task.accepted": 1}


def test_the_shortest_exchange_is_the_evidence() -> None:
    long, short, longer = (exchange(asking(CHEAP), {**CHAT, "id": "x" * size}) for size in (50, 5, 500))
    [finding] = judged(long, short, longer).all
    assert finding.exchange is short


def test_one_cause_in_two_operations_is_one_finding_that_names_both() -> None:
    envelope = {"code": "task_not_exist", "message": "task_not_exist"}
    findings = judged(
        exchange(asking_wrongly({**CHEAP, "n": 99}), error("invalid_value", "n")),
        exchange(asking_in_vain(), envelope),
    )
    assert causes(findings) == [("error.in-success", "error-object-in-200")]
    [finding] = findings.all
    assert (finding.count, finding.operations) == (2, ["createImage", "getImageTask"])
    assert finding.operation == finding.exchange.case.operation.id


def test_two_causes_in_one_answer_are_two_findings() -> None:
    answer = exchange(asking({**GPT, "n": 2}), pictures(drawn(1145, 1374)), headers={"content-type": "text/plain"})
    assert set(causes(judged(answer))) == {
        ("images.count", "n-ignored-single-image"),
        ("images.size", "size-ignored-200-wrong-aspect"),
        ("wire.content-type", "content-type-vs-mediatype-empty"),
        ("wire.request-id", None),
    }


def test_a_clause_broken_without_a_name_is_found_under_its_own() -> None:
    findings = judged(exchange(asking(CHEAP), pictures(drawn(400, 400))))
    assert causes(findings) == [("images.size", None)]
    assert findings.all[0].title == "The decoded pixels have the size asked for."


def test_a_name_does_not_swallow_what_it_does_not_explain() -> None:
    answer = exchange(asking(CHEAP), CHAT, headers={"content-type": "application/json"})
    assert causes(judged(answer)) == [("wire.schema", "chat-shaped-200"), ("wire.request-id", None)]


SVG = {"model": "gpt-image-2.6-flare"}
ONE_ANSWER: dict[str, tuple[Any, int, dict[str, str], str]] = {
    "an empty object": ({}, 200, HEADERS, "empty-object-200"),
    "a page": (b"<!doctype html><h1>Welcome</h1>", 200, {"content-type": "text/html"}, "wire.content-type"),
    "another place": (b"", 302, {"content-type": "text/html", "location": "/login"}, "wire.redirect"),
}


@pytest.mark.parametrize("kind", ONE_ANSWER)
def test_one_answer_to_whatever_is_asked_is_one_finding(kind: str) -> None:
    body, status, headers, cause = ONE_ANSWER[kind]
    broken = [{**GPT, "n": 99}, {**GPT, "n": "2"}, {**GPT, "size": 5}, {**GPT, "imageproof_x": 1}, NO_MODEL]
    keys = [asking_wrongly(GPT, credential=None), asking_wrongly(GPT, credential=WRONG_KEY)]
    cases = [asking(GPT), asking({**GPT, "stream": True}), *map(asking_wrongly, broken), *keys]
    found = judged(*(exchange(case, body, status, headers) for case in cases)).all
    assert {one.cause for one in found} - {"wire.request-id"} == {cause}
    assert max(one.cases.total() for one in found) == len(cases)  # each once, however many clauses it breaks


@pytest.mark.parametrize(
    ("asked", "answer", "status", "name"),
    [
        ({"prompt": "山" * 400}, error(None, "", "prompt is too long"), 400, "prompt-limit-counted-in-bytes"),
        ({**SVG, "output_format": "svg"}, pictures(drawn(1024, 640)), 200, "output-format-forced-png"),
    ],
)  # fmt: skip
def test_a_drift_keeps_its_name_where_it_is_told_in_other_words(
    asked: dict[str, Any], answer: Any, status: int, name: str
) -> None:
    assert name in {drift.id for drift in recognised(exchange(asking({**GPT, **asked}), answer, status))}


TEXT = {**HEADERS, "content-type": "text/plain"}
CLEAR: dict[str, Any] = {"background": "transparent", "output_format": "webp"}


def prompted(prompt: str, data: bytes, created: float = NOW, **told: Any) -> Exchange:
    return exchange(asking({**GPT, **told, "prompt": prompt}), {**pictures(data), "created": int(created)})


def edited(given: bytes, made: bytes, mask: bytes | None = None) -> Exchange:
    return exchange(editing(given, mask), pictures(made))


def left_open() -> bytes:
    """A mask that opens the left half."""
    image = Image.new("RGBA", (512, 512), (0, 0, 0, 255))
    image.paste((0, 0, 0, 0), (0, 0, 256, 512))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def never_looked_at() -> list[Exchange]:
    new = [drawn(1024, 1024, index=index) for index in (2, 3, 4)]
    first, second = drawn(512, 512), drawn(512, 512, index=1)
    return [edited(first, new[0], left_open()), edited(first, new[1]), edited(second, new[2])]


ONE_FAULT: dict[str, tuple[Callable[[], list[Exchange]], str, str]] = {
    "pictures to start from are never looked at": (never_looked_at, "edit.based", "SHOULD"),
    "a mask that is ignored": (lambda: never_looked_at()[:1], "mask-ignored", "SHOULD"),
    "JPEG whatever is asked": (
        lambda: [
            prompted("A fox", drawn(1024, 640, "jpeg")),
            prompted("A whale", drawn(1024, 640, "jpeg", index=1), **CLEAR),
            prompted("A crow", drawn(1024, 640, "jpeg", index=2), output_format="jpeg"),
        ],
        "meta.output-format",
        "MUST",
    ),
    "everything is called text": (
        lambda: [exchange(asking(CHEAP), pictures(drawn()), headers=TEXT),
                 exchange(asking_wrongly({**CHEAP, "n": 99}), error("invalid_value", "n"), 400, TEXT)],
        "content-type-vs-mediatype-empty",
        "MUST",
    ),
    "unfinished pictures are counted from 1": (
        lambda: [stream(partial(1), partial(2), partial(3), finished(), asked={**STREAMED, "partial_images": 3})],
        "stream.partials",
        "MUST",
    ),
    "a stream that finishes twice": (
        lambda: [stream(partial(0), finished(), finished()),
                 exchange(asking({**GPT, "n": 2}), pictures(wide(1), wide(2)))],
        "stream-completed-twice",
        "MUST",
    ),
    "a stream of nothing": (lambda: [stream(b"\n"), stream(partial(0))], "stream-ends-without-final", "MUST"),
    "events called JSON": (
        lambda: [exchange(asking(STREAMED), stream(partial(0), finished()).response.body)],
        "stream.content-type",
        "MUST",
    ),
    "milliseconds": (
        lambda: [prompted("A fox", wide(1), MILLIS), prompted("A crow", wide(2), NOW + 9)],
        "created-milliseconds",
        "SHOULD",
    ),
    "mistakes and odd bytes are answered 500": (
        lambda: [exchange(case, error(None, None), 500)
                 for case in raw(PLAIN.contract("images"), 0)
                 if case.defect and case.operation.id == "createImage"
                 and (case.defect.problem == "malformed-body" or "Content-Encoding" in str(case.defect))],
        "malformed-json-500",
        "MUST",
    ),
    "blank pictures": (
        lambda: [prompted("A fox", blank(1024, 640)), prompted("A crow", blank(1024, 640)),
                 prompted("A fox", blank(1024, 640), background="transparent")],
        "images.not-blank",
        "MUST",
    ),
}  # fmt: skip


def wide(index: int) -> bytes:
    return drawn(1024, 640, index=index)


@pytest.mark.parametrize("kind", ONE_FAULT)
def test_one_fault_is_one_finding(kind: str) -> None:
    build, cause, level = ONE_FAULT[kind]
    answers = build()
    for number, one in enumerate(answers):
        one.at += number
    findings = Findings(wants=lambda id_: id_ != "run.request-ids")  # exhibits have one for all
    for one in answers:
        findings.judge(one)
    findings.look_back()
    assert {(one.cause, one.level) for one in findings.all} == {(cause, level)}


@pytest.mark.parametrize("status", [400, 402])
def test_who_is_refused_for_something_else_was_not_let_in(status: int) -> None:
    for key in (None, WRONG_KEY):
        answer = exchange(asking_wrongly(GPT, credential=key), error("quota", None), status)
        assert not {"authorization-optional", "authorization-template-default"} & {d.id for d in recognised(answer)}


def test_good_json_said_to_be_compressed_is_no_body_that_does_not_parse() -> None:
    [case] = [case for case in raw(PLAIN.contract("images"), 0) if "Content-Encoding" in str(case.defect)]
    [finding] = judged(exchange(case, error(None, None), 500)).all
    assert (finding.clause.id, finding.drift) == ("refusal.survived", None)


def test_what_is_shown_is_what_can_be_sent_again_tomorrow() -> None:
    small, value = {"data": pictures(drawn(400, 400))}, {**CHEAP, "user": "somebody", "quality": "standard"}
    looked_at = task(RUNNING, done(**small))
    at_once = exchange(asking(value), pictures(drawn(400, 400)))
    findings = judged(*looked_at.polls, looked_at)
    [finding] = [one for one in findings.all if one.cause == "images.size"]
    assert finding.exchange.parent is looked_at
    assert (finding.operation, finding.label) == ("createImage", "POST /v1/images/generations")
    findings.judge(at_once)
    assert finding.exchange is at_once


def test_what_the_server_does_in_every_family_is_one_finding() -> None:
    chat_contract = PLAIN.contract("chat")
    talk = json_case(chat_contract, chat_contract.operation("createChatCompletion"), {"model": "gpt-4-all"})
    cases = [asking_wrongly({**GPT, "size": 5}), labelled(talk)]
    oops, none = error(None, None, "Oops"), {"content-type": "application/json"}
    findings = judged(*(exchange(case, oops, 500, none) for case in cases if case is not None)).all
    assert [(one.cause, one.family, one.operations) for one in findings] == [
        ("validation-error-500", "images", ["createImage"])
    ]
    assert findings[0].cases.total() == 2


def test_a_request_id_of_ones_own_name_is_one_finding_where_there_is_none_at_all_too() -> None:
    own = {"content-type": "application/json", "x-litellm-call-id": "1"}
    none = {"content-type": "application/json"}
    findings = judged(*(exchange(asking(CHEAP), pictures(drawn()), headers=one) for one in (own, none, none)))
    assert [(one.cause, one.count) for one in findings.all] == [("relay-version-header", 3)]


def test_the_most_severe_come_first_then_the_named_then_the_most_seen() -> None:
    no_id = exchange(asking(LINKED), links(LINK), headers={"content-type": "application/json"})
    opaque = exchange(asking({**GPT, "background": "transparent"}), pictures(drawn(1024, 640)))
    big = [exchange(asking(CHEAP), pictures(drawn(edge, edge))) for edge in (400, 384)]
    findings = judged(no_id, exchange(asking(CHEAP), pictures(blank())), opaque, *big, data_url())
    assert causes(findings) == [
        ("images.alpha", "webp-transparent-unsupported"),
        ("images.b64-clean", "data-url-inside-b64-json"),
        ("images.size", None),
        ("images.not-blank", None),
        ("wire.request-id", None),
    ]
    assert [finding.clause.level for finding in findings.all] == ["MUST"] * 3 + ["SHOULD"] * 2


def test_only_a_broken_must_is_a_drift_of_the_whole() -> None:
    assert not judged(CORRECT["pictures"]()).drifted
    assert not judged(exchange(asking(CHEAP), pictures(blank()))).drifted
    assert judged(chat()).drifted


def test_judged_again_with_its_polls_a_submit_is_not_counted_twice() -> None:
    ended = task(RUNNING, replace(RUNNING, progress="10%"), done())
    polls, ended.polls = ended.polls, []
    findings = Findings()
    assert findings.judge(ended) == []
    ended.polls = polls
    [finding] = findings.judge(ended)
    assert finding.clause.id == "task.progress"
    assert findings.judge(ended) == [finding]
    assert finding.count == 1
    assert findings.tallies["task.progress"] == Tally(0, 1)
    assert findings.tallies["wire.schema"] == Tally(1, 0)


def test_clauses_are_tallied_and_those_nothing_applied_to_are_named() -> None:
    findings = judged(CORRECT["pictures"](), two(drawn()), CORRECT["refusal"]())
    assert findings.tallies["images.count"] == Tally(1, 1)
    assert findings.tallies["error.envelope"] == Tally(1, 0)
    assert {"task.order", "images.alpha", "auth.enforced"} <= set(findings.untested())
    assert not set(findings.untested()) & set(findings.tallies)
    assert set(findings.untested()) | set(findings.tallies) == set(clauses())


def test_links_that_are_dead_everywhere_are_one_finding() -> None:
    gone = Target(b"", problem="GET https://cdn.example/2.png answers 410")
    dead = [exchange(asking(LINKED), links(LINK), targets={LINK: gone}) for _ in range(2)]
    everywhere = judged(dead_link().polls[-1], *dead)
    assert [(one.cause, one.count) for one in everywhere.all] == [("file-url-not-immediately-accessible", 3)]
    elsewhere = replace(gone, problem="GET it answers 500")
    apart = judged(dead_link().polls[-1], exchange(asking(LINKED), links(LINK), targets={LINK: elsewhere}))
    assert {one.cause for one in apart.all} == {"task-result-link-dead", "images.reachable"}


def test_a_word_nobody_knows_is_one_finding_in_a_look_and_in_a_list() -> None:
    found, submit = Findings(), followed(status="done")
    for judged in (*whole(submit), predictions(prediction(status="done"), about=submit)):
        found.judge(judged)
    assert [(one.clause.id, one.others["wire.schema"] > 1) for one in found.all] == [("task.states", True)]
    found.judge(predictions(prediction(logs=7), about=submit))
    assert [one.clause.id for one in found.all] == ["task.states", "wire.schema"], "another member is another cause"


def test_judging_tells_what_an_exchange_added_to() -> None:
    findings = Findings()
    first: list[Finding] = findings.judge(chat())
    assert findings.judge(CORRECT["pictures"]()) == []
    assert findings.judge(chat()) == first == findings.all


def accepted_in_spite_of(told: dict[str, Any]) -> Exchange:
    return exchange(asking_wrongly({**GPT, **told}), pictures(drawn(1024, 640)))


def test_each_parameter_that_is_not_checked_is_a_finding_until_nothing_is_checked_at_all() -> None:
    wrong: list[dict[str, Any]] = [{"quality": "best"}, {"output_format": "bmp"}, {"prompt": ""}]
    few = judged(*map(accepted_in_spite_of, [*wrong, {"quality": "worst"}]))
    assert {finding.cause: finding.count for finding in few.all} == {
        "refusal.refused (quality)": 2,
        "refusal.refused (output_format)": 1,
        "refusal.refused (prompt)": 1,
    }
    more = {"model": "dall-e-3", "size": "1024x1024", "style": "loud"}
    [all_] = judged(*map(accepted_in_spite_of, [*wrong, more])).all
    assert (all_.cause, all_.count, all_.others.total()) == ("refusal.refused", 4, 0)
