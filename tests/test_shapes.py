from collections.abc import Mapping
from functools import cache
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator

from spec.loading import load_contract
from spec.shapes import Shape, ShapeIndex, merge, shape_of

CREATE = load_contract("images").operation("createImage")
REQUEST = CREATE.body["application/json"]
BODY_IS_VALID = CREATE.compile(REQUEST).is_valid


@cache
def _is_valid(schema: bytes) -> Any:
    return CREATE.compile(orjson.loads(schema)).is_valid


def is_valid(schema: Mapping[str, Any], value: Any) -> bool:
    return bool(_is_valid(orjson.dumps(schema))(value))


# --- merge: the schema that holds when both do ----------------------------------------------------


CLOSED = {"additionalProperties": False}
OPEN_TO_TEXT = {"additionalProperties": {"type": "string"}}
# fmt: off
MEETINGS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "enum": ({"enum": ["a", "b", None]}, {"enum": ["c", "b", None]}, {"enum": ["b", None]}),
    "false-is-not-0": ({"enum": [0, 1]}, {"enum": [False, 1]}, {"enum": [1]}),
    "type": ({"type": ["string", "null"]}, {"type": "string"}, {"type": ["string"]}),
    "integer-in-number": ({"type": "number"}, {"type": "integer"}, {"type": ["integer"]}),
    "number-over-integer": ({"type": "integer"}, {"type": "number"}, {"type": ["integer"]}),
    "no-common-type": ({"type": "string"}, {"type": "array"}, {"not": {}}),
    "minimum": ({"minimum": 1, "minItems": 5}, {"minimum": 3, "minItems": 2}, {"minimum": 3, "minItems": 5}),
    "maximum": ({"maximum": 1, "maxItems": 5}, {"maximum": 3, "maxItems": 2}, {"maximum": 1, "maxItems": 2}),
    "required": ({"required": ["a"]}, {"required": ["b", "a"]}, {"required": ["a", "b"]}),
    "becomes-forbidden": ({"not": {"const": 1}}, {"not": {}}, {"not": {}}),
    "stays-forbidden": ({"not": {}}, {"not": {"const": 1}}, {"not": {}}),
    "patterns-apart": ({"pattern": "a"}, {"pattern": "b"}, {"allOf": [{"pattern": "a"}], "pattern": "b"}),
    "last-default": ({"default": 1, "x-role": "count"}, {"default": 2}, {"default": 2, "x-role": "count"}),
    "last-x-problem": ({"x-problem": {"enum": "a"}}, {"x-problem": "b"}, {"x-problem": "b"}),
    "items": ({"items": {"minimum": 1}}, {"items": {"minimum": 2}}, {"items": {"minimum": 2}}),
    "closed": ({"additionalProperties": True}, CLOSED, CLOSED),
    "stays-closed": (CLOSED, OPEN_TO_TEXT, CLOSED),
    "conditionals-apart": (
        {"if": {"const": 1}, "then": {"minimum": 0}}, {"if": {"const": 2}, "else": {"maximum": 9}},
        {"if": {"const": 1}, "then": {"minimum": 0}, "allOf": [{"if": {"const": 2}, "else": {"maximum": 9}}]},
    ),
    "open-to-some": ({"additionalProperties": True}, OPEN_TO_TEXT, OPEN_TO_TEXT),
}
# fmt: on


@pytest.mark.parametrize(("first", "second", "merged"), MEETINGS.values(), ids=MEETINGS)
def test_what_meets_is_merged(first: dict[str, Any], second: dict[str, Any], merged: dict[str, Any]) -> None:
    assert merge(first, second) == merged


def test_properties_are_merged_in_document_order_and_the_originals_stay() -> None:
    first = {"properties": {"b": {"minimum": 1}, "a": {}}}
    second = {"properties": {"c": {}, "b": {"minimum": 2}}}
    merged = merge(first, second)
    assert list(merged["properties"].items()) == [("b", {"minimum": 2}), ("a", {}), ("c", {})]
    assert first == {"properties": {"b": {"minimum": 1}, "a": {}}}
    assert second == {"properties": {"c": {}, "b": {"minimum": 2}}}


VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    1,
    2,
    3,
    1.5,
    "",
    "a",
    "ab",
    "abc",
    [],
    [1],
    ["a", 2],
    {},
    {"k": 1},
    {"k": "a"},
)
TYPES = st.sampled_from(["null", "boolean", "integer", "number", "string", "array", "object"])


PLAIN = st.fixed_dictionaries(
    {},
    optional={
        "type": TYPES | st.lists(TYPES, min_size=1, max_size=3, unique=True),
        "enum": st.lists(st.sampled_from(VALUES), min_size=1, max_size=4),
        "const": st.sampled_from(VALUES),
        "minimum": st.integers(0, 3),
        "maximum": st.integers(0, 3),
        "minLength": st.integers(0, 3),
        "maxLength": st.integers(0, 3),
        "minItems": st.integers(0, 2),
        "maxItems": st.integers(0, 2),
        "pattern": st.sampled_from(["a", "^ab", "c$"]),
        "not": st.sampled_from([{}, {"type": "string"}, {"const": 1}]),
        "required": st.just(["k"]),
    },
)
INSIDE = st.fixed_dictionaries(
    {},
    optional={
        "properties": st.fixed_dictionaries({}, optional={"k": PLAIN}),
        "items": PLAIN,
        "anyOf": st.lists(PLAIN, min_size=1, max_size=2),
    },
)
NOTHING: dict[str, Any] = {}
CONDITIONAL = st.just(NOTHING) | st.fixed_dictionaries({"if": PLAIN}, optional={"then": PLAIN, "else": PLAIN})
SCHEMAS = st.tuples(PLAIN, INSIDE, CONDITIONAL).map(lambda parts: {**parts[0], **parts[1], **parts[2]})


@settings(max_examples=60, deadline=None)
@given(first=SCHEMAS, second=SCHEMAS)
def test_merged_schema_accepts_what_both_accept(first: dict[str, Any], second: dict[str, Any]) -> None:
    checks = [Draft202012Validator(schema).is_valid for schema in (first, second, merge(first, second))]
    for value in VALUES:
        one, other, both = (check(value) for check in checks)
        assert both == (one and other), value


# --- shapes: conditionals resolved by what is there -----------------------------------------------


def test_not_anything_forbids_a_property() -> None:
    gpt = shape_of(REQUEST, {"model": "gpt-image-2"})
    assert gpt.forbids("style")
    assert gpt.forbids("no-such-key")
    assert not gpt.forbids("n")
    assert not shape_of(REQUEST, {"model": "dall-e-3"}).forbids("style")


def test_open_shape_forbids_no_unknown_key() -> None:
    assert not Shape({}, frozenset(), closed=False, schema={}).forbids("anything")


def test_model_decides_the_bounds_and_the_defaults() -> None:
    dall_e_3 = shape_of(REQUEST, {"model": "dall-e-3"}).properties
    gpt = shape_of(REQUEST, {"model": "gpt-image-1.5"}).properties
    assert (dall_e_3["n"]["minimum"], dall_e_3["n"]["maximum"], gpt["n"]["maximum"]) == (1, 1, 10)
    assert (dall_e_3["response_format"]["default"], gpt["response_format"]["default"]) == ("url", "b64_json")
    assert dall_e_3["size"]["enum"] == ["1024x1024", "1792x1024", "1024x1792", None]
    assert dall_e_3["size"]["x-problem"] == {"enum": "bad-legacy-size"}
    assert gpt["size"]["x-resolves"] == {"auto": "1024x1536"}


def test_else_holds_where_the_condition_does_not() -> None:
    def compression(**request: str) -> Any:
        properties = shape_of(REQUEST, {"model": "gpt-image-2", **request}).properties
        return properties["output_compression"]["minimum"]

    assert compression() == 100
    assert compression(output_format="png") == 100
    assert compression(output_format="webp") == 0


NESTED = {
    "properties": {"a": {}, "b": {}, "n": {"maximum": 10}},
    "allOf": [
        {
            "if": {"properties": {"a": {"const": 1}}, "required": ["a"]},
            "then": {
                "required": ["b"],
                "if": {"properties": {"b": {"const": 2}}, "required": ["b"]},
                "then": {"properties": {"n": {"maximum": 5}}, "allOf": [{"properties": {"n": {"maximum": 3}}}]},
                "else": {"properties": {"n": {"maximum": 7}}},
            },
            "else": {"additionalProperties": False},
        }
    ],
}


@pytest.mark.parametrize(
    ("value", "maximum", "required", "closed"),
    [
        ({}, 10, [], True),
        ({"b": 2}, 10, [], True),
        ({"a": 1}, 7, ["b"], False),
        ({"a": 1, "b": 2}, 3, ["b"], False),
        ({"a": 1, "b": 3}, 7, ["b"], False),
    ],
)
def test_conditionals_inside_conditionals(
    value: dict[str, Any], maximum: int, required: list[str], closed: bool
) -> None:
    shape = shape_of(NESTED, value)
    found = (shape.properties["n"]["maximum"], list(shape.required), shape.closed)
    assert found == (maximum, required, closed)


def test_index_looks_at_every_property_a_condition_names() -> None:
    index = ShapeIndex(NESTED, lambda shape: shape.properties["n"]["maximum"])
    assert set(index.discriminators) == {"a", "b"}
    values: list[dict[str, Any]] = [{}, {"a": 1}, {"a": 1, "b": 2}, {"a": 2, "b": 2}, {"a": 1}]
    assert [index(value) for value in values] == [10, 7, 3, 10, 7]


def test_index_tells_true_from_1() -> None:
    schema = {"if": {"properties": {"s": {"const": True}}, "required": ["s"]}, "then": {"required": ["t"]}}
    for values in ((True, 1), (1, True)):
        index = ShapeIndex(schema, lambda shape: shape.required)
        assert {type(value): index({"s": value}) for value in values} == {bool: {"t"}, int: frozenset()}


def test_index_takes_a_list_where_a_word_belongs() -> None:
    assert ShapeIndex(NESTED, lambda shape: shape.required)({"a": [1]}) == frozenset()


# --- the shape and the whole schema decide alike --------------------------------------------------

WORDS: dict[str, list[Any]] = {
    name: [*schema.get("enum", ()), None, True, False, 1.5, "text", [], {}]
    for name, schema in REQUEST["properties"].items()
}
for _name, _schema in REQUEST["properties"].items():
    for _bound in {"minimum", "maximum"} & _schema.keys():
        WORDS[_name] += [_schema[_bound] + step for step in (-1, 0, 1)]
WORDS["size"] += ["auto", "1024x1024", "256x256", "1792x1024", "816x816", "9x9", "bogus"]
WORDS["svg"] += [{"model": "m"}, {"model": "m", "reasoning": {"effort": "max"}}, {"model": "m", "more": 1}]
WORDS["unknown"] = [None, 1]
USUAL = {"model": "gpt-image-2", "prompt": "A lighthouse"}


@st.composite
def requests(draw: st.DrawFn) -> dict[str, Any]:
    """A model, a prompt, and a few properties with values from all over the schema."""
    body = {**USUAL, "model": draw(st.sampled_from(WORDS["model"]))}
    for name in draw(st.lists(st.sampled_from(sorted(WORDS)), max_size=4, unique=True)):
        body[name] = draw(st.sampled_from(WORDS[name]))
    for name in draw(st.lists(st.sampled_from(["model", "prompt"]), max_size=1)):
        body.pop(name, None)
    return body


@settings(max_examples=300, deadline=None)
@given(body=requests())
def test_shape_and_whole_schema_decide_alike(body: dict[str, Any]) -> None:
    shape = shape_of(REQUEST, body)
    broken = {
        name
        for name, value in body.items()
        if shape.forbids(name) or (name in shape.properties and not is_valid(shape.properties[name], value))
    } | (shape.required - body.keys())
    assert BODY_IS_VALID(body) == (not broken), broken


def test_requests_drawn_here_are_of_both_kinds() -> None:
    verdicts = set()

    @settings(max_examples=50, deadline=None, database=None)
    @given(body=requests())
    def collect(body: dict[str, Any]) -> None:
        verdicts.add(BODY_IS_VALID(body))

    collect()
    assert verdicts == {True, False}


def test_shapes_of_long_texts_are_told_but_not_remembered() -> None:
    schema = {"type": "object", "if": {"properties": {"a": {"const": "x"}}}, "then": {"required": ["b"]}}
    index = ShapeIndex(schema, lambda shape: shape.required)
    assert index({"a": "x"}) == {"b"}
    before = len(index._memo)
    assert index({"a": "x" * 1000}) == frozenset()
    assert len(index._memo) == before
