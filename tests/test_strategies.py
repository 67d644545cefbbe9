"""Valid requests drawn from a contract: all valid, nothing thrown away, everything possible in reach."""

import io
from base64 import b64decode
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jsonschema_rs
import pytest
from conftest import PROFILES
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.statistics import collector
from PIL import Image

from contract_tests.cases import Case, case_of, inputs
from contract_tests.pictures import Picture, as_value
from contract_tests.planning import collect
from contract_tests.sizes import boundary_sizes, sizes
from contract_tests.strategies import ObjectPlan, objects, values
from contract_tests.valid_cases import at_default, cases, pinned_values
from contract_tests.wording import PROMPTS
from spec.contract import Contract, Operation
from spec.forms import File, split
from spec.inputs import Input
from spec.profiles import PLAIN, load_profile
from spec.request_check import request_check
from spec.units import size_rule_reason

IMAGES = PLAIN.contract("images")
CREATE = IMAGES.operation("createImage")
BODY = CREATE.body["application/json"]
SIZE_RULE = {"multiple": 16, "max-edge": 3840, "max-ratio": 3, "min-pixels": 655360, "max-pixels": 8294400}
FEW = settings(max_examples=60, deadline=None, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate])
PROVIDERS = [IMAGES, *(load_profile(name).contract("images") for name in PROFILES)]
OPERATIONS = [
    pytest.param(contract, operation, id=f"{index}-{operation.id}")
    for index, contract in enumerate(PROVIDERS)
    for operation in contract.operations
]


def keeps(schema: Mapping[str, Any], value: Any) -> bool:
    return jsonschema_rs.Draft202012Validator(dict(schema), validate_formats=True).is_valid(value)


def drawn(schema: Mapping[str, Any], examples: int = 60) -> list[Any]:
    """Values of a schema; each has been checked to keep it."""
    found = []

    @settings(FEW, max_examples=examples, suppress_health_check=[HealthCheck.too_slow])
    @given(values(schema))
    def draw(value: Any) -> None:
        assert keeps(schema, value), value
        found.append(value)

    draw()
    return found


# --- whole requests ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("contract", "operation"), OPERATIONS)
def test_every_drawn_case_keeps_the_contract_and_hardly_any_is_thrown_away(
    contract: Contract, operation: Operation
) -> None:
    check = request_check(contract, operation)
    told: list[Mapping[str, Any]] = []

    examples = 150 if contract is IMAGES else 50

    @settings(FEW, max_examples=examples)
    @given(cases(contract, operation))
    def draw(case: Case) -> None:
        assert check.accepts(case.request), list(map(str, check.explain(case.request)))

    with collector.with_value(told.append):  # type: ignore[arg-type]  # None is only what it has by default
        draw()
    statuses = Counter(case["status"] for case in told[0]["generate-phase"]["test-cases"])
    assert statuses["valid"] >= examples * 2 / 3 or not statuses["invalid"]  # there are not always so many
    assert statuses["invalid"] <= 0.1 * statuses["valid"], statuses


def test_every_model_and_every_listed_value_turns_up() -> None:
    shown: dict[str, set[Any]] = {}
    for case in collect([cases(IMAGES, CREATE)] * 40, 25, 0):
        for name, value in case.request.value.items():
            if not isinstance(value, dict):
                shown.setdefault(name, set()).add(value)
    for name, schema in BODY["properties"].items():
        if "enum" in schema:
            assert set(schema["enum"]) <= shown[name], name
    assert set(PROMPTS) >= shown["prompt"]
    assert len(shown["prompt"]) == len(PROMPTS)
    assert {True, False} <= shown["stream"]
    assert {1, 2, 3} <= shown["n"], "more than three pictures would only cost more"
    assert max(count for count in shown["n"] if count) == 3


@pytest.mark.parametrize("name", [name for name in BODY["properties"] if pinned_values(BODY, name)])
def test_any_listed_value_can_be_asked_for_and_the_rest_is_drawn_to_fit(name: str) -> None:
    check = request_check(IMAGES, CREATE)
    for value in pinned_values(BODY, name):
        for least in (True, False):
            for case in collect([cases(IMAGES, CREATE, {name: value}, least)] * 3, 2, 0):
                assert case.request.value[name] == value
                assert check.accepts(case.request), case.body


def test_what_is_fixed_decides_what_else_is_drawn() -> None:
    for case in collect([cases(IMAGES, CREATE, {"svg": {"model": "x"}})] * 10, 3, 0):
        assert case.request.value["output_format"] == "svg"
        assert case.request.value["model"].startswith("gpt-image-2.6-")
    for case in collect([cases(IMAGES, CREATE, {"n": 2})] * 10, 3, 0):
        assert case.request.value["model"] != "dall-e-3"
        assert case.request.value.get("stream") is not True


def test_what_no_request_can_have_is_not_drawn_at_all() -> None:
    assert cases(IMAGES, CREATE, {"model": "dall-e-3", "n": 2}).is_empty
    assert cases(IMAGES, CREATE, {"model": "dall-e-2", "background": "transparent"}).is_empty
    assert cases(IMAGES, CREATE, {"background": "transparent", "output_format": "jpeg"}).is_empty
    assert not cases(IMAGES, CREATE, {"background": "transparent", "output_format": "webp"}).is_empty


def test_the_least_case_says_only_what_is_required() -> None:
    assert {tuple(case.request.value) for case in collect([cases(IMAGES, CREATE, least=True)] * 9, 2, 0)} == {
        ("model", "prompt")
    }
    strict = load_profile("chat-bp").contract("images")
    least = collect([cases(strict, strict.operation("createImage"), least=True)], 1, 0)[0]
    assert set(least.request.value) == {"model", "prompt", "n", "size"}


def test_a_role_can_be_left_at_its_default() -> None:
    allowed = at_default(CREATE, frozenset({"stream", "partial-count"}))
    assert dict(allowed) == {"stream": (False,), "partial_images": (0,)}
    for case in collect([cases(IMAGES, CREATE, allowed=allowed)] * 40, 5, 0):
        assert case.request.value.get("stream", False) is False
        assert case.request.value.get("partial_images", 0) == 0


def test_the_same_seed_draws_the_same_cases_and_another_seed_others() -> None:
    first, again, other = ([case.body for case in collect([cases(IMAGES, CREATE)] * 5, 4, seed)] for seed in (7, 7, 8))
    assert first == again
    assert first != other


# --- pictures a request gives -----------------------------------------------------------------------

EDIT = IMAGES.operation("editImage")
VARY = IMAGES.operation("createImageVariation")
EDIT_FILE = EDIT.body["multipart/form-data"]["properties"]["image"]["items"]
FORM, JSON = "multipart/form-data", "application/json"


def opened(value: Any) -> Image.Image:
    """The picture a request gives, as a file or as a data URL."""
    data = value.data if isinstance(value, File) else b64decode(value.partition(";base64,")[2], validate=True)
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def given_in(operation: Operation, fixed: Mapping[str, Any] | None = None) -> list[tuple[Case, list[Input]]]:
    found = collect([cases(IMAGES, operation, fixed)] * 20, 8, 0)
    return [(case, inputs(operation, case.request.media)(case.request.value)) for case in found]


def test_both_kinds_of_body_are_drawn_and_one_can_be_asked_for() -> None:
    assert {case.request.media for case, _ in given_in(EDIT)} == {FORM, JSON}
    for media in (FORM, JSON):
        found = collect([cases(IMAGES, EDIT, media=media)] * 5, 2, 0)
        assert {case.request.media for case in found} == {media}


@pytest.mark.parametrize("operation", [EDIT, VARY], ids=lambda operation: operation.id)
def test_every_picture_given_is_real_and_keeps_the_rules_for_it(operation: Operation) -> None:
    for case, found in given_in(operation):
        assert found
        sizes = {one.role: opened(one.value).size for one in reversed(found)}
        for one in found:
            image = opened(one.value)
            assert (image.format or "").lower() in one.rule["formats"]
            assert not one.rule.get("square") or image.width == image.height
            assert not one.rule.get("alpha") or image.mode == "RGBA"
            assert not one.rule.get("transparent") or image.getchannel("A").getextrema()[0] == 0
            assert "like" not in one.rule or image.size == sizes["input-image"], case
            called = one.value["media"] if isinstance(one.value, File) else one.value.partition(";")[0][5:]
            assert called == Image.MIME[image.format or ""]


def test_pictures_of_several_kinds_are_given_and_sometimes_many() -> None:
    found = given_in(EDIT)
    images = [opened(one.value) for _, inner in found for one in inner if one.role == "input-image"]
    assert {image.format for image in images} == {"PNG", "JPEG", "WEBP"}
    assert {"RGB", "RGBA"} <= {image.mode for image in images}
    assert len({image.size for image in images}) == 3
    assert {one.role for _, inner in found for one in inner} == {"input-image", "mask", "markup"}
    assert {sum(one.role == "input-image" for one in inner) for _, inner in found} == {1, 2, 3}


def test_a_mask_has_the_size_of_the_first_picture_whatever_that_is() -> None:
    wide = {
        "model": "gpt-image-2.5-flare",
        "image": [as_value(Picture("webp", 256, 192, alpha=False, transparent=False), EDIT_FILE)],
    }
    for case, found in given_in(EDIT, wide):
        assert {opened(one.value).size for one in found if one.role != "input-image"} <= {(256, 192)}, case


def test_pictures_are_never_links_to_somebody_elses_server() -> None:
    shop = load_profile("zhongzhuan").contract("images")
    bodies = [case.body for case, _ in given_in(EDIT)]
    bodies += [case.body for case in collect([cases(shop, shop.operation("createImage"))] * 20, 5, 0)]
    assert any(b"data:image/" in body for body in bodies)
    assert not any(b"http" in body for body in bodies)
    assert not any(b"file_id" in body for body in bodies), "the name of no file is known"


def test_the_same_seed_sends_the_same_form_with_the_same_boundary() -> None:
    first, again = (collect([cases(IMAGES, EDIT, media=FORM)] * 5, 4, 7) for _ in range(2))
    assert [(case.body, case.media) for case in first] == [(case.body, case.media) for case in again]
    assert len({case.media for case in first}) > 1
    for case in first:
        boundary = (case.media or "").partition("boundary=")[2]
        assert case.body.startswith(f"--{boundary}\r\n".encode())
        assert case.body.count(boundary.encode()) == len(split(case.body, case.media or "")) + 1


def test_a_form_says_what_its_value_says() -> None:
    svg = {"model": "x", "reasoning": {"effort": "low"}}
    value: dict[str, Any] = {"prompt": "Two chairs.\nOne red.", "n": 2, "stream": False, "svg": svg, "quality": None}
    value["image"] = [as_value(Picture(), EDIT_FILE)]
    told = case_of(IMAGES, EDIT, FORM, value).request.value
    assert told == {name: inner for name, inner in value.items() if inner is not None}
    assert told["image"][0].data == value["image"][0].data


# --- sizes ------------------------------------------------------------------------------------------


@st.composite
def size_rules(draw: st.DrawFn) -> dict[str, int]:
    rule = {"multiple": draw(st.sampled_from([1, 2, 8, 16, 64])), "max-edge": draw(st.integers(1024, 4096))}
    if draw(st.booleans()):
        rule["max-ratio"] = draw(st.integers(2, 8))
    if draw(st.booleans()):
        rule["min-pixels"] = draw(st.integers(1, 800_000))
    if draw(st.booleans()):
        rule["max-pixels"] = draw(st.integers(1_100_000, 16_000_000))
    return rule


@FEW
@given(size_rules(), st.data())
def test_every_drawn_size_keeps_its_rule(rule: dict[str, int], data: st.DataObject) -> None:
    for _ in range(3):
        text = data.draw(sizes(rule))
        assert size_rule_reason(rule, text) is None, text


@FEW
@given(size_rules())
def test_boundary_sizes_keep_the_rule_and_some_lie_at_its_limits(rule: dict[str, int]) -> None:
    found = [tuple(map(int, text.split("x"))) for text in boundary_sizes(rule)]
    step, longest = rule["multiple"], rule["max-edge"] // rule["multiple"] * rule["multiple"]
    assert found
    assert all(size_rule_reason(rule, f"{width}x{height}") is None for width, height in found)
    longer = max(max(size) for size in found) + step
    assert all(size_rule_reason(rule, f"{longer}x{other}") for other in range(step, longest + 1, step)), "longest edge"
    square = min((width for width, height in found if width == height), default=0)
    assert size_rule_reason(rule, f"{square - step}x{square - step}") is not None, "the smallest square"


def test_all_boundary_sizes_are_drawn() -> None:
    found: set[str] = set()

    @settings(FEW, max_examples=300)
    @given(sizes(SIZE_RULE))
    def draw(size: str) -> None:
        found.add(size)

    draw()
    assert set(boundary_sizes(SIZE_RULE)) < found


def test_the_boundary_sizes_of_the_images_api_are_those_people_know() -> None:
    assert set(boundary_sizes(SIZE_RULE)) == {
        "1024x1024", "1536x1024", "1024x1536", "816x816", "1440x480", "480x1440", "1024x640", "640x1024",
        "3840x2160", "2160x3840",
    }  # fmt: skip


# --- single values ----------------------------------------------------------------------------------

SCHEMAS: dict[str, dict[str, Any]] = {
    "const": {"const": "x"},
    "enum": {"type": "string", "enum": ["a", "b"]},
    "enum-and-null": {"type": ["string", "null"], "enum": ["a", "b", None]},
    "enum-of-anything": {"enum": [1, "a", None, True]},
    "boolean": {"type": "boolean"},
    "integer": {"type": "integer", "minimum": -3, "maximum": 4},
    "count-of-many": {"type": "integer", "minimum": 5, "maximum": 9, "x-role": "count"},
    "number": {"type": "number", "minimum": 0.25, "maximum": 0.5},
    "null": {"type": "null"},
    "string": {"type": "string", "minLength": 3, "maxLength": 5},
    "long-string": {"type": "string", "minLength": 300, "maxLength": 400},
    "short-prompt": {"type": "string", "maxLength": 10, "x-role": "prompt"},
    "pattern": {"type": "string", "pattern": r"^\d{2}-[a-f]+$"},
    "unanchored-pattern": {"type": "string", "pattern": "ab"},
    "uri": {"type": "string", "format": "uri", "minLength": 1, "maxLength": 100},
    "several-types": {"type": ["integer", "string", "null"], "minimum": 2, "maxLength": 3},
    "array": {"type": "array", "items": {"type": "integer"}, "minItems": 5, "maxItems": 6},
    "open-array": {"type": "array", "items": {"type": "string"}, "minItems": 7},
    "any-of": {"anyOf": [{"type": "integer", "minimum": 3}, {"type": "string", "maxLength": 2}], "title": "x"},
    "any-of-with-more": {"type": "integer", "maximum": 9, "oneOf": [{"minimum": 8}, {"maximum": 1}]},
    "all-of": {"type": "integer", "allOf": [{"minimum": 3}, {"maximum": 4}]},
    "nested": {
        "type": "object",
        "required": ["a"],
        "additionalProperties": False,
        "properties": {"a": {"type": "array", "items": {"type": "object", "properties": {"b": {"type": "boolean"}}}}},
    },
    "conditional": {
        "type": "object",
        "required": ["kind", "value"],
        "properties": {"value": {"type": ["integer", "string"]}, "kind": {"enum": ["n", "s"], "type": "string"}},
        "if": {"properties": {"kind": {"const": "n"}}, "required": ["kind"]},
        "then": {"properties": {"value": {"type": "integer"}, "more": {"type": "boolean"}}, "required": ["more"]},
        "else": {"properties": {"value": {"type": "string"}}},
    },
    "backwards": {  # what comes first in the document is decided by what comes last
        "type": "object",
        "required": ["a", "b", "c"],
        "properties": {"a": {"enum": [1, 2, 3]}, "b": {"enum": [1, 2, 3]}, "c": {"enum": [1, 2, 3]}},
        "allOf": [
            {"if": {"properties": {"a": {"const": 1}}}, "then": {"properties": {"c": {"const": 3}}}},
            {"if": {"properties": {"c": {"const": 3}}}, "then": {"properties": {"b": {"const": 2}}}},
            {"if": {"properties": {"b": {"const": 2}}}, "then": {"properties": {"a": {"enum": [1, 3]}}}},
        ],
    },
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_value_keeps_its_schema(name: str) -> None:
    assert drawn(SCHEMAS[name])


def test_every_alternative_is_drawn() -> None:
    assert {type(value) for value in drawn(SCHEMAS["several-types"])} == {int, str, type(None)}
    assert {type(value) for value in drawn(SCHEMAS["any-of"])} == {int, str}
    assert set(drawn(SCHEMAS["enum-and-null"])) == {"a", "b", None}
    assert {value["kind"] for value in drawn(SCHEMAS["conditional"])} == {"n", "s"}
    assert {value["a"] for value in drawn(SCHEMAS["backwards"])} == {1, 2, 3}
    assert set(drawn(SCHEMAS["integer"])) == set(range(-3, 5))


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "multipleOf": ({"type": "integer", "multipleOf": 3}, "multipleOf on integer"),
    "uniqueItems": ({"type": "array", "items": {"type": "integer"}, "uniqueItems": True}, "uniqueItems on array"),
    "patternProperties": ({"type": "object", "patternProperties": {}}, "patternProperties on object"),
    "additional": (
        {"type": "object", "additionalProperties": {"type": "string"}},
        "additionalProperties: {...} on object",
    ),
    "not": ({"type": "string", "not": {"const": "x"}}, "not on string"),
    "date-time": ({"type": "string", "format": "date-time"}, "format: date-time on string"),
    "exclusive": ({"type": "number", "exclusiveMinimum": 0}, "exclusiveMinimum on number"),
    "pattern-and-length": ({"type": "string", "pattern": "^a+$", "maxLength": 3}, "maxLength on string"),
    "no-type": ({"description": "anything"}, "without a type"),
    "no-such-type": ({"type": "text"}, "'text'"),
    "if-on-a-string": ({"type": "string", "if": {"const": "a"}, "then": {"const": "b"}}, "if, then on string"),
    "inside": (
        {"type": "object", "required": ["a"], "properties": {"a": {"type": "array", "items": {"minProperties": 1}}}},
        "minProperties on any value",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_schema_no_strategy_is_written_for_is_refused_by_name(name: str) -> None:
    schema, told = REFUSED[name]
    with pytest.raises(NotImplementedError, match="no strategy for") as caught:
        drawn(schema)
    assert told in str(caught.value)


def test_a_body_that_is_neither_json_nor_a_form_is_refused_by_name() -> None:
    other = replace(CREATE, body={"application/xml": BODY})
    with pytest.raises(NotImplementedError, match="application/xml"):
        cases(IMAGES, other)


def test_the_document_says_what_is_said_never_and_what_nothing_else() -> None:
    schema = {
        "type": "object",
        "properties": {
            "kind": {"type": "string", "enum": ["a"], "x-said": {}},
            "odd": {"type": "integer", "x-said": {"never": "why"}},
            "steps": {"type": "integer", "minimum": 1, "maximum": 50, "x-said": {"among": [4, 8]}},
        },
    }

    @FEW
    @given(objects(schema), objects(schema, fixed={"steps": 2}))
    def draw(value: Any, other: Any) -> None:
        assert value in ({"kind": "a"}, {"kind": "a", "steps": 4}, {"kind": "a", "steps": 8})
        assert other == {"kind": "a", "steps": 2}

    draw()
    assert not ObjectPlan(schema).possible({"odd": 1}), "no caller says it"


def test_objects_have_what_is_fixed_and_what_is_required() -> None:
    @FEW
    @given(objects(SCHEMAS["conditional"], least=True, fixed={"kind": "n"}))
    def draw(value: Any) -> None:
        assert list(value) == ["value", "kind", "more"] or set(value) == {"value", "kind", "more"}
        assert keeps(SCHEMAS["conditional"], value)

    draw()


def test_a_path_names_the_model_that_is_asked_for() -> None:
    azure = load_profile("azure").contract("images")
    operation = azure.operation("createImageByDeployment")
    for fixed in ({}, {"model": "gpt-image-1"}):
        [case] = collect([cases(azure, operation, fixed, True, (("model", ("gpt-image-1",)),))], 1, 0)
        assert case.path_parameters == {"deployment": "gpt-image-1"}
