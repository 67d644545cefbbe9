"""The compiled validators and openapi-core give one verdict on every request; every answer gets some verdict."""

import time
from base64 import b64decode
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

import orjson
import pytest
from conftest import PROFILES
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from contract_tests.cases import Case, json_case
from contract_tests.clauses import CONFORMS, Broken, judging
from contract_tests.exchange import Exchange
from contract_tests.mutations import defects, labelled, unknown_task
from contract_tests.recognisers import recognised
from contract_tests.seen import look
from contract_tests.valid_cases import cases
from spec.contract import Contract, Operation
from spec.events import frame, parse
from spec.loading import parse_contract
from spec.messages import Request, Response
from spec.profiles import PLAIN, load_profile
from spec.request_check import request_check

CONTRACTS = {name: load_profile(name).contract("images") for name in PROFILES} | {"contract": PLAIN.contract("images")}
IMAGES = CONTRACTS["contract"]
CREATE = IMAGES.operation("createImage")
TASK = IMAGES.operation("getImageTask")
NAMES = [*CREATE.body["application/json"]["properties"], "unknown", "Model", "n ", ""]
MANY = settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def verdict(request: Request, contract: Contract = IMAGES, operation: Operation = CREATE) -> bool:
    """Whether a request keeps the contract, both ways of asking being of one mind."""
    check = request_check(contract, operation)
    accepted = check.accepts(request)
    explained = check.explain(request)
    assert accepted == (not explained), f"accepted: {accepted}, explained: {list(map(str, explained))}, {request}"
    return accepted


def shared(name: str) -> Iterator[tuple[Contract, Operation]]:
    for operation in CONTRACTS[name].operations:
        yield CONTRACTS[name], operation


OPERATIONS = [
    pytest.param(contract, operation, id=f"{name}-{operation.id}")
    for name in CONTRACTS
    for contract, operation in shared(name)
]

# What is near a limit, or one thing to one validator and another to the other: 1.0 and 1, true and 1, "auto ".
edges = st.sampled_from(
    [0, 1, 1.0, 2.0, 10, 11, 100.0, -1, 1.5, 1e308, 2**53, 2**63, -(2**63), True, False, None, "", "auto", "auto ",
     "1024x1024", "1024X1024", "٣x٣", "1024x1024\n", "3840x2160", "png", "PNG", "true", "low\u0000", "dall-e-2",
     "gpt-image-2", "gpt-image-2\n", "x" * 1000, "x" * 1001, "é" * 1000, "🦊" * 1000, "🦊" * 1001, [], {}, [None],
     {"model": "x"}, {"model": 1}, {"model": "x", "reasoning": {"effort": "high"}}, {"reasoning": None}]
)  # fmt: skip
anything = edges | st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
simple = st.fixed_dictionaries(
    {"model": st.sampled_from(CREATE.body["application/json"]["properties"]["model"]["enum"]), "prompt": st.just("x")}
)


def with_body(body: bytes) -> Case:
    return replace(json_case(IMAGES, CREATE, {}), body=body)


# --- verdicts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("contract", "operation"), OPERATIONS)
def test_a_drawn_valid_request_is_accepted_both_ways(contract: Contract, operation: Operation) -> None:
    @settings(MANY, max_examples=120 if contract is IMAGES else 30)  # the others differ in few places
    @given(cases(contract, operation))
    def accepted(case: Case) -> None:
        assert verdict(case.request, contract, operation)

    accepted()


@pytest.mark.parametrize(("contract", "operation"), OPERATIONS)
def test_a_labelled_defect_is_refused_both_ways(contract: Contract, operation: Operation) -> None:
    @settings(MANY, max_examples=80 if contract is IMAGES else 25)
    @given(defects(contract, operation))
    def refused(case: Case) -> None:
        # Whether a key is known, and what is in a picture, is not in the request's shape.
        if case.defect and case.defect.problem != "invalid-credentials" and "x-picture" not in case.defect.rule:
            assert not verdict(case.request, contract, operation)
            check = request_check(contract, operation)
            assert check.violations(case.request) == check.explain(case.request)  # the quick way labels it

    refused()


@settings(MANY, max_examples=500)
@given(simple, st.dictionaries(st.sampled_from(NAMES), anything, max_size=3))
def test_random_values_at_random_properties_get_one_verdict(told: dict[str, Any], more: dict[str, Any]) -> None:
    verdict(json_case(IMAGES, CREATE, {**told, **more}).request)


@settings(MANY, max_examples=150)
@given(anything)
def test_a_body_of_any_json_gets_one_verdict(value: Any) -> None:
    verdict(json_case(IMAGES, CREATE, value).request)


@MANY
@given(cases(IMAGES, CREATE), st.data())
def test_a_valid_body_with_one_property_changed_or_taken_gets_one_verdict(case: Case, data: st.DataObject) -> None:
    value = dict(case.request.value)
    name = data.draw(st.sampled_from(sorted(value)))
    if data.draw(st.booleans()):
        del value[name]
    else:
        value[name] = data.draw(anything)
    verdict(json_case(IMAGES, CREATE, value).request)


@MANY
@given(cases(IMAGES, CREATE, least=True), st.data())
@example(json_case(IMAGES, CREATE, {"model": "gpt-image-2", "prompt": "x"}), None)
def test_damaged_bytes_get_one_verdict(case: Case, data: st.DataObject | None) -> None:
    if data is None:
        verdict(case.request)
        return
    body = bytearray(case.body)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(body) - 1))
        match data.draw(st.sampled_from(["flip", "cut", "insert", "repeat"])):
            case "flip":
                body[at] ^= 1 << data.draw(st.integers(0, 7))
            case "cut" if at:
                del body[at:]
            case "insert":
                body[at:at] = data.draw(st.binary(min_size=1, max_size=3))
            case "repeat":
                body += body[at:]
    verdict(with_body(bytes(body)).request)


@pytest.mark.parametrize(
    "body",
    [b"", b" ", b"\n", b"null", b"{}", b"[]", b'"x"', b"0", b"\xef\xbb\xbf{}", b'{"model": NaN}', b'{"n": Infinity}',
     b'{"model": "dall-e-2", "prompt": "\\ud800"}', b'{"model": "dall-e-2", "prompt": "\xff"}',
     b'{"model": "dall-e-2", "prompt": "x", "n": 1e400}', b'{"model": "dall-e-2", "prompt": "x", "n": 1e2}',
     b'{"model": "dall-e-2", "prompt": "x", "n": 99999999999999999999999999}',
     b'{"model": "dall-e-2", "prompt": "x", "n": -0}', b'{"model": "dall-e-2", "prompt": "x", "n": -0.0}',
     b'{"model": "dall-e-2", "model": "no", "prompt": "x"}', b'{"model": "no", "model": "dall-e-2", "prompt": "x"}',
     b'{"model": "dall-e-2", "prompt": "x",}', b'{"model": "dall-e-2", "prompt": "x"} ', b"[" * 5000,
     b'{"model": "dall-e-2", "prompt": "x", "svg": ' + b"[" * 900 + b"]" * 900 + b"}"],
    ids=lambda body: repr(body[:60]),
)  # fmt: skip
def test_a_body_that_parsers_read_differently_gets_one_verdict(body: bytes) -> None:
    verdict(with_body(body).request)


CONTENT_TYPES = [
    "application/json", "application/json; charset=utf-8", "application/json;charset=UTF-8", "APPLICATION/JSON",
    " application/json ", "application/json;", "application/json; boundary=x", "application/json; charset=utf-16",
    "application/json, application/json", "application/problem+json", "application/vnd.api+json", "application/*",
    "*/*", "text/json", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
    "multipart/form-data", "application/octet-stream", "json", "/", ";", "",
]  # fmt: skip
AUTHORIZATIONS = [
    "Bearer key", "bearer key", "BEARER key", "Bearer  key", "Bearer key ", "Bearer", "Bearer ", "Bearer a b",
    "Bearerkey", "Basic a2V5", "Basic", "key", "", " ", "Bearer\tkey", "Digest x", "Bearer 🦊",
]  # fmt: skip


@pytest.mark.parametrize("content_type", [*CONTENT_TYPES, None])
def test_every_content_type_gets_one_verdict(content_type: str | None) -> None:
    for value in ({"model": "gpt-image-2", "prompt": "x"}, {"prompt": "x"}):
        verdict(replace(json_case(IMAGES, CREATE, value), media=content_type).request)
    verdict(replace(with_body(b""), media=content_type).request)


@pytest.mark.parametrize("authorization", [*AUTHORIZATIONS, None])
@pytest.mark.parametrize("operation", [CREATE, TASK], ids=lambda operation: operation.id)
def test_every_authorization_gets_one_verdict(authorization: str | None, operation: Operation) -> None:
    case = json_case(IMAGES, CREATE, {"model": "gpt-image-2", "prompt": "x"})
    if operation is TASK:
        case = Case(IMAGES, TASK, path_parameters={"task_id": "t"})
    request = replace(case, credential=None).request
    headers = {} if authorization is None else {"authorization": authorization}
    accepted = verdict(replace(request, headers={**request.headers, **headers}), IMAGES, operation)
    token = (authorization or "").strip()
    assert accepted == (token.lower().startswith("bearer ") and bool(token[7:].strip()))


@settings(MANY, max_examples=150)
@given(st.dictionaries(st.sampled_from(["async", "Async", "n", "x"]), st.text(max_size=8), max_size=3), st.booleans())
@example({"async": ""}, True)
def test_every_query_gets_one_verdict(query: Mapping[str, str], valid: bool) -> None:
    case = json_case(IMAGES, CREATE, {"model": "gpt-image-2", "prompt": "x"} if valid else {})
    verdict(replace(case, query=query).request)


@settings(MANY, max_examples=150)
@given(st.text(max_size=12))
@example("")
@example("a/b")
@example("..")
@example("{task_id}")
@example("%2F")
def test_every_path_parameter_gets_one_verdict(task: str) -> None:
    case = Case(IMAGES, TASK, path_parameters={"task_id": task})
    assert verdict(case.request, IMAGES, TASK) == bool(task)


def test_a_request_read_from_the_wire_as_unreadable_is_refused_both_ways() -> None:
    assert not verdict(with_body(b"{").request)
    assert not verdict(with_body(orjson.dumps({"model": "gpt-image-2", "prompt": "x"})[:-1]).request)


# --- a family with typed parameters -----------------------------------------------------------------

PROBLEM = {"status": 400, "message": "{reason}"}
NEEDED = ("invalid-request", "malformed-body", "wrong-media-type", "body-too-large", "missing-credentials",
          "invalid-credentials", "unknown-route", "wrong-method", "internal")  # fmt: skip
REFUSED = {
    "description": "Refused.",
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["message"],
                "properties": {"message": {"type": "string", "x-role": "error-message"}},
            }
        }
    },
}
TYPED = {
    "count": ({"type": "integer", "minimum": 1, "maximum": 4, "x-role": "count"}, False),
    "share": ({"type": "number", "minimum": 0.5}, False),
    "fast": ({"type": "boolean", "x-role": "async"}, False),
    "word": ({"type": "string", "enum": ["a", "b"]}, True),
    "name": ({"type": "string", "minLength": 2, "maxLength": 4}, False),
    "link": ({"type": "string", "format": "uri"}, False),
    "code": ({"type": "string", "pattern": "^x[0-9]+$"}, False),
}


def typed_document() -> dict[str, Any]:
    """A family with every kind of value as a parameter in the query, in a header, and in an optional body."""
    operation = {
        "operationId": "get",
        "parameters": [
            {"name": name if place == "query" else f"X-{name}", "in": place, "required": required, "schema": schema}
            for place in ("query", "header")
            for name, (schema, required) in TYPED.items()
        ],
        "responses": {
            "200": {"description": "Yes.", "content": {"application/json": {"schema": {"type": "object"}}}},
            "400": REFUSED,
        },
    }
    body = {"type": "object", "properties": {name: schema for name, (schema, _) in TYPED.items()}}
    posting = {
        "operationId": "post",
        "requestBody": {"content": {"application/json": {"schema": body}}},
        "responses": operation["responses"],
    }
    return {
        "openapi": "3.2.0",
        "info": {"title": "Typed", "version": "1"},
        "x-problems": dict.fromkeys(NEEDED, PROBLEM),
        "paths": {"/get": {"get": operation}, "/post": {"post": posting}},
    }


TYPED_CONTRACT = parse_contract(typed_document(), "typed.yaml", "typed")
GET, POST = TYPED_CONTRACT.operations
TEXTS = [
    "", "1", "4", "5", "0", "1.0", "1.5", "0.5", "1e0", "1e400", " 1", "1 ", "1_0", "+1", "-1", "-0", "01", "0x1", "١",
    "true", "false", "True", "TRUE", "yes", "a", "b", "c", "A", "ab", "abcde", "nan", "inf", "-inf", "null", "None",
    "x1", "x1\n", "xx", "a:b", "a: b", "1,2", "a&b", "%41", "🦊🦊", "9" * 400,
]  # fmt: skip
GOOD = {"count": "2", "share": "0.75", "fast": "true", "word": "b", "name": "abc", "link": "a:b", "code": "x1"}


def typed(query: Mapping[str, str], headers: Mapping[str, str]) -> Request:
    return Request("GET", "/get", {}, query, {f"x-{name}": text for name, text in headers.items()})


@pytest.mark.parametrize("name", TYPED)
def test_every_text_of_a_typed_parameter_gets_one_verdict(name: str) -> None:
    for text in TEXTS:
        verdict(typed(GOOD | {name: text}, GOOD), TYPED_CONTRACT, GET)
        if text.isprintable() and text == text.strip():  # what HTTP lets through
            verdict(typed(GOOD, GOOD | {name: text}), TYPED_CONTRACT, GET)


@settings(MANY, max_examples=100)
@given(st.dictionaries(st.sampled_from(sorted(TYPED)), st.sampled_from(TEXTS) | st.text(max_size=6)))
def test_typed_parameters_in_any_combination_get_one_verdict(query: dict[str, str]) -> None:
    verdict(typed(query, GOOD), TYPED_CONTRACT, GET)


def test_a_valid_set_of_typed_parameters_is_accepted() -> None:
    assert verdict(typed(GOOD, GOOD), TYPED_CONTRACT, GET)
    for name in GOOD:
        assert not verdict(typed(GOOD | {name: ""}, GOOD), TYPED_CONTRACT, GET), name


@MANY
@given(st.dictionaries(st.sampled_from(sorted(TYPED)), st.sampled_from(TEXTS) | anything, max_size=3))
@example({"code": "x1\n"})  # `$` stands before a line break in one validator and not in the other
@example({"count": 1.0})
@example({"share": 1})
@example({"fast": 1})
def test_typed_properties_get_one_verdict(value: dict[str, Any]) -> None:
    verdict(json_case(TYPED_CONTRACT, POST, value).request, TYPED_CONTRACT, POST)


def test_a_body_that_may_be_left_out_may_be_left_out() -> None:
    assert verdict(Request("POST", "/post", headers={"content-type": "application/json"}), TYPED_CONTRACT, POST)
    assert verdict(Request("POST", "/post"), TYPED_CONTRACT, POST)


# --- verdicts on answers ----------------------------------------------------------------------------

USAGE = {"input_tokens": 11, "input_tokens_details": {"image_tokens": 0, "text_tokens": 11}, "output_tokens": 272,
         "total_tokens": 283}  # fmt: skip
SYNC = {"created": 1, "background": "opaque", "data": [{"url": "http://127.0.0.1/x.png"}, {"b64_json": "AAAA"}],
        "output_format": "png", "quality": "low", "size": "1024x640", "usage": USAGE}  # fmt: skip
POLL = {
    "code": "success",
    "message": "",
    "data": {"task_id": "t", "status": "SUCCESS", "fail_reason": "", "submit_time": 1, "start_time": 2,
             "finish_time": 3, "progress": "100%", "data": SYNC},
}  # fmt: skip
ERROR = {"error": {"message": "no", "type": "x", "param": "n", "code": "y"}}
FLAT_ERROR = {"code": "task_not_exist", "message": "no", "data": None}
PNG = b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
WORDS = ["SUCCESS", "IN_PROGRESS", "46%", "1%", "data:image/png;base64,", "http://[", "webp", "1x1", 1e300]


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key) in a JSON value."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield value, key
        yield from places(inner)


@st.composite
def answers(draw: st.DrawFn, *right: Any) -> Any:
    """A right answer with up to three things replaced by anything; now and then anything at all."""
    value = deepcopy(draw(st.sampled_from(right)))
    for _ in range(draw(st.integers(1, 3))):
        found = list(places(value))
        container, key = found[draw(st.integers(0, len(found) - 1))] if found else (None, None)
        if container is None or draw(st.integers(0, 20)) == 0:
            return deepcopy(draw(anything))
        container[key] = deepcopy(draw(anything | st.sampled_from(WORDS)))
    return value


STATUSES = [200, 201, 204, 302, 400, 401, 404, 429, 500, 503]
REQUESTS = [
    json_case(IMAGES, CREATE, {"model": "gpt-image-2", "prompt": "x", "n": 2, "size": "1024x640"}),
    json_case(IMAGES, CREATE, {"model": "dall-e-2", "prompt": "x"}, query={"async": "true"}),
    labelled(json_case(IMAGES, CREATE, {"model": "dall-e-2", "prompt": "x", "n": 0})),
    labelled(replace(json_case(IMAGES, CREATE, {"model": "dall-e-2", "prompt": "x"}), credential=None)),
    unknown_task(IMAGES, TASK),
]


def answered(case: Case, status: int, content_type: str, value: Any, parent: Exchange | None = None) -> Exchange:
    """An exchange with any JSON for an answer, its pictures looked at."""
    body = b"" if value is None else repr(value).encode("utf-8", "replace")
    response = Response(status, {"content-type": content_type}, body, value)
    exchange = Exchange(case, "http://127.0.0.1/x", {}, response, time.time(), 0.1, parent=parent)
    exchange.pictures = [look(m.role, m.pointer, str(m.raw), PNG) for m in exchange.image_meanings]
    return exchange


@settings(MANY, max_examples=300, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(REQUESTS),
    st.sampled_from(STATUSES),
    st.sampled_from(["application/json", "text/html", "", "application/json; charset=x"]),
    answers(SYNC, ERROR, FLAT_ERROR, {"task_id": "t"}),
    st.lists(answers(POLL, FLAT_ERROR), max_size=3),
)
@example(REQUESTS[2], 400, "application/json", {"error": {**ERROR["error"], "param": ["n"]}}, [])
@example(REQUESTS[1], 200, "application/json", {"task_id": "t"}, [{**POLL, "data": {"task_id": "t", "status": [1]}}])
def test_no_answer_makes_a_clause_or_a_recogniser_fail(
    case: Case, status: int, content_type: str, value: Any, polled: list[Any]
) -> None:
    asked = answered(case, status, content_type, value)
    lookup = Case(IMAGES, TASK, path_parameters={"task_id": "t"})
    asked.polls = [answered(lookup, status, content_type, poll, asked) for poll in polled]
    for exchange in (asked, *asked.polls):
        recognised(exchange)
        for clause in judging("exchange"):
            found = clause.judge(exchange)
            assert found is None or found is CONFORMS or isinstance(found, Broken)


EVENT: dict[str, Any] = {"event": "image_generation.completed",
         "data": {"type": "image_generation.completed", "b64_json": "AAAA", "created_at": 1, "size": "1024x640",
                  "quality": "low", "background": "opaque", "output_format": "png", "usage": USAGE}}  # fmt: skip
PARTIAL: dict[str, Any] = {"event": "image_generation.partial_image",
           "data": {**EVENT["data"], "type": "image_generation.partial_image", "partial_image_index": 0}}  # fmt: skip
FAILURE = {"event": "error", "data": {"type": "error", **ERROR}}
STREAMED = json_case(IMAGES, CREATE, {"model": "gpt-image-2", "prompt": "x", "stream": True, "partial_images": 2})


@settings(MANY, max_examples=200, suppress_health_check=list(HealthCheck))
@given(st.lists(answers(PARTIAL, EVENT, FAILURE), max_size=4), st.binary(max_size=20), st.sampled_from(STATUSES))
@example([{**PARTIAL, "data": {**PARTIAL["data"], "partial_image_index": [0]}}, EVENT], b"", 200)
@example([{"data": "[DONE]"}], b"data: {", 200)
def test_no_stream_makes_a_clause_or_a_recogniser_fail(told: list[Any], more: bytes, status: int) -> None:
    body = b"".join(frame(event) for event in told if isinstance(event, dict)) + more
    response = Response(status, {"content-type": "text/event-stream"}, body, parse(body).events)
    exchange = Exchange(STREAMED, "http://127.0.0.1/x", {}, response, time.time(), 0.1)
    exchange.pictures = [look(m.role, m.pointer, str(m.raw), PNG) for m in exchange.image_meanings]
    exchange.unfinished = [look(m.role, m.pointer, str(m.raw), PNG) for m in exchange.unfinished_meanings]
    recognised(exchange)
    for clause in judging("exchange"):
        found = clause.judge(exchange)
        assert found is None or found is CONFORMS or isinstance(found, Broken)
