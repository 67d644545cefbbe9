"""Refused requests: what is reported first, and how (reference openai-images.md, sections 6 and 10)."""

from typing import Any

import orjson
import pytest

from spec.contract import Problem
from spec.loading import load_contract
from spec.messages import Request
from spec.request_check import RequestCheck
from spec.security import BEARER
from spec.violations import Violation, param_name, quoted_list, type_name

IMAGES = load_contract("images")
CHECK = RequestCheck(IMAGES, IMAGES.operation("createImage"))
TASK = RequestCheck(IMAGES, IMAGES.operation("getImageTask"))
SIMPLE = {"model": "gpt-image-2", "prompt": "A lighthouse"}
USER_ERROR = "image_generation_user_error"
REQUEST_ERROR = "invalid_request_error"


def request(value: Any, **headers: str) -> Request:
    """A request with this body: bytes as they are, anything else as JSON."""
    body = value if isinstance(value, bytes) else orjson.dumps(value)
    try:
        decoded = orjson.loads(body)
    except orjson.JSONDecodeError:
        decoded = None
    named = {"content-type": "application/json", "authorization": "Bearer key"}
    named |= {name.replace("_", "-"): text for name, text in headers.items()}
    return Request("post", "/v1/images/generations", headers=named, body=body, value=decoded)


def simple(**more: Any) -> Request:
    return request({**SIMPLE, **more})


def refusal(asked: Request) -> Violation:
    """What is reported first of a request that must be refused."""
    assert not CHECK.accepts(asked)
    return CHECK.reported(asked)


def answer(violation: Violation) -> tuple[int, str | None, str | None, str | None]:
    """Status, type, code and param of the error answer."""
    problem: Problem = IMAGES.problem(violation.problem)
    param = problem.fields["error-param"]
    return (
        problem.status,
        problem.fields["error-type"],
        problem.fields["error-code"],
        param.replace("{param}", violation.param) if param else None,
    )


MISSING = (400, REQUEST_ERROR, "missing_required_parameter")
TYPE = (400, REQUEST_ERROR, "invalid_type")
TOO_LONG = (400, REQUEST_ERROR, "string_above_max_length")
TOO_LARGE = (400, REQUEST_ERROR, "integer_above_max_value")
VALUE = (400, REQUEST_ERROR, "invalid_value")
UNKNOWN = (400, REQUEST_ERROR, "unknown_parameter")
NO_KEY = (401, REQUEST_ERROR, None, None)
USER_VALUE = (400, USER_ERROR, "invalid_value")

# fmt: off
REFUSED: dict[str, tuple[Request, str, tuple[Any, ...]]] = {
    "no-model": (request({"prompt": "x"}), "missing-parameter", (*MISSING, "model")),
    "model-null": (simple(model=None), "wrong-type", (*TYPE, "model")),
    "model-number": (simple(model=3), "wrong-type", (*TYPE, "model")),
    "model-unknown": (simple(model="gpt-image-9"), "unknown-model", (*USER_VALUE, "model")),
    "model-empty": (simple(model=""), "unknown-model", (*USER_VALUE, "model")),
    "no-prompt": (request({"model": "gpt-image-2"}), "missing-parameter", (*MISSING, "prompt")),
    "prompt-null": (simple(prompt=None), "wrong-type", (*TYPE, "prompt")),
    "prompt-empty": (simple(prompt=""), "too-short", (400, REQUEST_ERROR, "empty_string", "prompt")),
    "prompt-too-long": (simple(prompt="x" * 32_001), "too-long", (*TOO_LONG, "prompt")),
    "prompt-too-long-for-dall-e-2": (simple(model="dall-e-2", prompt="x" * 1_001), "too-long", (*TOO_LONG, "prompt")),
    "n-text": (simple(n="2"), "wrong-type", (*TYPE, "n")),
    "n-fraction": (simple(n=1.5), "wrong-type", (*TYPE, "n")),
    "n-true": (simple(n=True), "wrong-type", (*TYPE, "n")),
    "n-0": (simple(n=0), "below-minimum", (400, REQUEST_ERROR, "integer_below_min_value", "n")),
    "n-11": (simple(n=11), "above-maximum", (*TOO_LARGE, "n")),
    "n-2-on-dall-e-3": (simple(model="dall-e-3", n=2), "above-maximum", (*TOO_LARGE, "n")),
    "size-number": (simple(size=123), "wrong-type", (*TYPE, "size")),
    "size-9x9": (simple(size="9x9"), "bad-size", (*USER_VALUE, "size")),
    "size-bogus": (simple(size="bogus"), "bad-size", (*USER_VALUE, "size")),
    "size-1254x1254": (simple(size="1254x1254"), "bad-size", (*USER_VALUE, "size")),
    "size-not-preset": (simple(model="gpt-image-1.5", size="1536x896"), "bad-preset-size", (*USER_VALUE, "size")),
    "quality-hd-on-gpt": (simple(quality="hd"), "not-allowed", (*VALUE, "quality")),
    "quality-empty": (simple(quality=""), "not-allowed", (*VALUE, "quality")),
    "quality-max-on-2": (simple(quality="max"), "not-allowed", (*VALUE, "quality")),
    "unknown-key": (simple(seed=1), "unknown-parameter", (*UNKNOWN, "seed")),
    "unknown-key-null": (simple(seed=None), "unknown-parameter", (*UNKNOWN, "seed")),
    "input-fidelity": (simple(input_fidelity="high"), "unknown-parameter", (*UNKNOWN, "input_fidelity")),
    "unknown-key-on-dall-e": (simple(model="dall-e-2", seed=1), "unknown-parameter", (*UNKNOWN, "seed")),
    "gpt-key-on-dall-e": (simple(model="dall-e-3", background="opaque"), "unknown-parameter", (*UNKNOWN, "background")),
    "response-format-on-gpt": (simple(response_format="url"), "unknown-parameter", (*UNKNOWN, "response_format")),
    "response-format-null-on-gpt": (simple(response_format=None), "unknown-parameter", (*UNKNOWN, "response_format")),
    "response-format-null-on-dall-e": (
        simple(model="dall-e-3", response_format=None), "wrong-type", (*TYPE, "response_format"),
    ),
    "style-on-gpt": (simple(style="vivid"), "unknown-parameter", (*UNKNOWN, "style")),
    "style-null-on-gpt": (simple(style=None), "unknown-parameter", (*UNKNOWN, "style")),
    "style-on-dall-e-2": (simple(model="dall-e-2", style="vivid"), "unknown-parameter", (*UNKNOWN, "style")),
    "compression-of-png": (
        simple(output_compression=50), "png-compression", (400, USER_ERROR, "invalid_png_output_compression", None),
    ),
    "compression-of-gif": (
        simple(model="gpt-image-2.6-flare", output_format="gif", output_compression=50), "combination",
        (*USER_VALUE, "output_compression"),
    ),
    "compression-of-svg": (
        simple(model="gpt-image-2.6-flare", output_format="svg", output_compression=100), "combination",
        (*USER_VALUE, "output_compression"),
    ),
    "compression-101": (
        simple(output_compression=101, output_format="webp"), "above-maximum", (*TOO_LARGE, "output_compression"),
    ),
    "stream-text": (simple(stream="yes"), "wrong-type", (*TYPE, "stream")),
    "stream-of-two": (
        simple(stream=True, n=2), "stream-needs-one", (400, USER_ERROR, "unsupported_parameter", "input"),
    ),
    "transparent-jpeg": (
        simple(background="transparent", output_format="jpeg"), "combination", (*USER_VALUE, "output_format"),
    ),
    "body-not-json": (request(b'{"model": '), "malformed-body", (400, REQUEST_ERROR, None, None)),
    "body-nan": (request(b'{"n": NaN}'), "malformed-body", (400, REQUEST_ERROR, None, None)),
    "body-empty": (request(b""), "malformed-body", (400, REQUEST_ERROR, None, None)),
    "body-array": (request([]), "wrong-type", (*TYPE, "")),
    "wrong-content-type": (
        request(SIMPLE, content_type="text/plain"), "wrong-media-type",
        (400, REQUEST_ERROR, "unsupported_content_type", None),
    ),
    "no-content-type": (
        request(SIMPLE, content_type=""), "wrong-media-type", (400, REQUEST_ERROR, "unsupported_content_type", None),
    ),
    "no-key": (request(SIMPLE, authorization=""), "missing-credentials", NO_KEY),
    "empty-key": (request(SIMPLE, authorization="Bearer "), "missing-credentials", NO_KEY),
    "other-scheme": (request(SIMPLE, authorization="Basic a2V5"), "missing-credentials", NO_KEY),
}
# fmt: on


@pytest.mark.parametrize(("asked", "problem", "told"), REFUSED.values(), ids=REFUSED)
def test_refused_as_the_reference_says(asked: Request, problem: str, told: tuple[Any, ...]) -> None:
    found = refusal(asked)
    assert (found.problem, answer(found)) == (problem, told)


@pytest.mark.parametrize(
    "asked",
    [
        simple(),
        simple(n=None, size=None, quality=None, stream=None, partial_images=None),
        simple(n=1.0),
        simple(prompt=" "),
        simple(size="816x816"),
        simple(size="auto"),
        simple(model="gpt-image-2.5-flare", quality="max"),
        simple(model="dall-e-3", style="vivid", response_format="url"),
        simple(output_format="webp", output_compression=50),
        simple(model="gpt-image-2.6-flare", output_format="gif", output_compression=100),
        simple(stream=True, partial_images=2),
        simple(background="transparent"),
        request(SIMPLE, content_type="Application/JSON; charset=utf-8"),
        request(SIMPLE, authorization="bearer  key"),
    ],
    ids=lambda asked: asked.body.decode(),
)
def test_valid_request_is_accepted_and_has_nothing_to_explain(asked: Request) -> None:
    assert CHECK.accepts(asked)
    assert CHECK.explain(asked) == []


def test_reported_in_the_measured_order() -> None:
    body = {
        "size": "9x9",
        "output_compression": 5,
        "quality": "hd",
        "n": 0,
        "prompt": "",
        "seed": 1,
        "model": "gpt-image-9",
    }
    right = {**SIMPLE, "n": 1, "quality": "low", "output_compression": 100, "size": "auto"}
    order = []
    while not CHECK.accepts(request(body)):
        order.append(refusal(request(body)).param)
        del body[order[-1]]
        body |= {name: value for name, value in right.items() if name == order[-1]}
    assert order == ["model", "seed", "prompt", "n", "quality", "output_compression", "size"]


def test_key_is_looked_at_before_the_body() -> None:
    found = refusal(request({"seed": 1}, authorization=""))
    assert (found.location, found.problem) == ("security", "missing-credentials")


def test_a_missing_model_is_reported_before_an_unknown_key() -> None:
    asked = request({"seed": 1})
    assert [found.param for found in CHECK.explain(asked)] == ["model", "seed", "prompt"]


def test_every_unknown_key_is_one_violation_with_its_own_name() -> None:
    found = CHECK.explain(simple(seed=1, mask="x", svg=None))
    assert sorted(one.param for one in found if one.problem == "unknown-parameter") == ["mask", "seed", "svg"]


def test_places_inside_objects_are_named() -> None:
    svg = {"model": "m", "more": 1, "reasoning": {"effort": "huge"}}
    asked = simple(model="gpt-image-2.6-flare", output_format="svg", svg=svg)
    assert {(found.param, found.pointer) for found in CHECK.explain(asked)} == {
        ("svg.more", "/svg/more"),
        ("svg.reasoning.effort", "/svg/reasoning/effort"),
    }


def test_null_where_a_size_belongs_does_not_hide_what_else_is_wrong() -> None:
    assert refusal(simple(size=None, n=0)).param == "n"


@pytest.mark.parametrize(
    ("more", "facts"),
    [
        ({"n": 11}, {"value": 11, "limit": 10, "received": "an integer"}),
        ({"n": "2"}, {"value": "2", "expected": "an integer", "received": "a string"}),
        ({"n": 1.5}, {"expected": "an integer", "received": "a decimal number"}),
        ({"prompt": ""}, {"length": 0, "limit": 1}),
        ({"prompt": "x" * 32_001}, {"length": 32_001, "limit": 32_000}),
        ({"quality": "hd"}, {"value": "hd", "allowed": "'low', 'medium', 'high', and 'auto'"}),
        ({"quality": ""}, {"allowed": "'low', 'medium', 'high', and 'auto'"}),
        ({"size": "9x9"}, {"value": "9x9", "reason": "both edges must be divisible by 16"}),
        ({"size": "800x800"}, {"reason": "at least 655360 pixels in all are needed"}),
        ({"model": "dall-e-2", "size": "9x9"}, {"allowed": "'256x256', '512x512', and '1024x1024'"}),
    ],
)
def test_facts_fill_the_message(more: dict[str, Any], facts: dict[str, Any]) -> None:
    found = refusal(simple(**more)).facts
    assert {name: found[name] for name in facts} == facts


@pytest.mark.parametrize("given", [{}, {"image_url": "https://a.b", "file_id": "f"}])
def test_of_alternatives_it_is_said_that_one_is_wanted(given: dict[str, str]) -> None:
    body = {"model": "gpt-image-2", "prompt": "x", "images": [given]}
    [found] = RequestCheck(IMAGES, IMAGES.operation("editImage")).explain(request(body))
    assert found.reason == "exactly one of 'image_url' and 'file_id' belongs here"


def test_long_values_are_shortened_in_facts() -> None:
    value = refusal(simple(model="m" * 5_000)).facts["value"]
    assert (len(value), value[-3:]) == (120, "...")


def test_task_id_may_not_be_empty() -> None:
    def poll(task_id: str) -> Request:
        return Request(
            "get",
            f"/v1/images/tasks/{task_id}",
            path_parameters={"task_id": task_id},
            headers={"authorization": "Bearer key"},
        )

    assert TASK.accepts(poll("3dad96708a77485e97ac7ef652796d7b"))
    assert not TASK.accepts(poll(""))
    assert [(found.location, found.param) for found in TASK.explain(poll(""))] == [("path", "task_id")]


def test_the_query_says_its_roles_in_our_words() -> None:
    def asked(**query: str) -> dict[str, Any]:
        return CHECK.asked_by_parameters(Request("post", "/v1/images/generations", query=query))

    assert asked(**{"async": "true"}) == {"async": True}
    assert asked(**{"async": "1"}) == {"async": "1"}
    assert asked() == {}


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer key", "key"),
        ("bearer key", "key"),
        ("Bearer  key ", "key"),
        ("Bearer", None),
        ("Bearer ", None),
        ("Basic key", None),
        ("key", None),
        ("", None),
        (None, None),
    ],
)
def test_bearer_key(header: str | None, token: str | None) -> None:
    assert BEARER.key({} if header is None else {"authorization": header}) == token


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (None, "null"),
        ("", "a string"),
        (1, "an integer"),
        (1.5, "a decimal number"),
        (True, "a boolean"),
        ({}, "an object"),
        ([], "an array"),
    ],
)
def test_types_are_named_as_the_api_names_them(value: Any, name: str) -> None:
    assert type_name(value) == name


@pytest.mark.parametrize(
    ("items", "text"),
    [
        ([], ""),
        ([None], ""),
        (["a", None], "'a'"),
        (["a", "b"], "'a' and 'b'"),
        (["a", "b", "c"], "'a', 'b', and 'c'"),
    ],
)
def test_lists_have_an_oxford_comma_from_three_items_up(items: list[str | None], text: str) -> None:
    assert quoted_list(items) == text


def test_params_are_named_as_in_code() -> None:
    assert param_name(["images", 0, "url"]) == "images[0].url"
    assert param_name([]) == ""
