import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from spec.contract import Operation
from spec.documents import load_yaml
from spec.language import STATES
from spec.loading import load_contract, parse_contract
from spec.reader import Meaning, Reader
from spec.writer import Unfillable, Values, Writer

FEW = settings(max_examples=40, deadline=None)
IMAGES = load_contract("images")
CREATE = IMAGES.operation("createImage")
ASKED = Reader(CREATE.body["application/json"]).asked


def success(operation: Operation) -> Mapping[str, Any]:
    return operation.success.content["application/json"]


def readme_example() -> str:
    """The family document that spec/README.md shows."""
    text = (files("spec") / "README.md").read_text("utf-8")
    blocks: list[str] = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    return next(block for block in blocks if block.startswith("openapi:"))


SMALL = parse_contract(load_yaml(readme_example(), "README.md"), "README.md", "small")


def picture(role: str, value: str, outcome: Mapping[str, Any]) -> Values:
    """One picture of an outcome; as a Source must, it answers everything else from the outcome."""
    return Values({**outcome, role: value})


def outcome(roles: Mapping[str, Any], pictures: Sequence[str] = (), role: str = "image-b64") -> Values:
    """An outcome with these pictures; outside a list an image role is the first one."""
    first = {role: pictures[0]} if pictures else {}
    return Values({**first, **roles}, [picture(role, value, roles) for value in pictures])


def found(schema: Mapping[str, Any], value: Any) -> dict[str, list[Any]]:
    """Every meaning in `value`: role -> values in the order of reading."""
    meanings: dict[str, list[Any]] = {}
    for meaning in Reader(schema).read(value):
        meanings.setdefault(meaning.role, []).append(meaning.value)
    return meanings


def write(schema: Mapping[str, Any], roles: Mapping[str, Any], pictures: Sequence[str] = (), model: str = "") -> Any:
    return Writer(schema).write(outcome(roles, pictures), {"model": model})


# --- what a request asks ----------------------------------------------------------------------------


def asked(**body: Any) -> dict[str, Any]:
    return ASKED({"model": "gpt-image-2", "prompt": "A lighthouse", **body})[0]


def test_what_is_said_is_read_in_our_units() -> None:
    roles = asked(n=3, size="1536x1024", quality="high", output_format="webp", output_compression=40)
    assert roles["model"] == "gpt-image-2"
    assert roles["prompt"] == "A lighthouse"
    assert (roles["count"], roles["size"], roles["quality"]) == (3, (1536, 1024), "high")
    assert (roles["output-format"], roles["compression"]) == ("webp", 40)


def test_what_is_not_said_has_its_default() -> None:
    assert asked() == {
        "model": "gpt-image-2",
        "prompt": "A lighthouse",
        "count": 1,
        "quality": "auto",
        "background": "auto",
        "output-format": "png",
        "compression": 100,
        "size": "auto",
        "stream": False,
        "partial-count": 0,
        "delivery": "image-b64",
    }


NULLABLE = ("n", "quality", "background", "output_format", "output_compression", "size", "stream")


@FEW
@given(st.sets(st.sampled_from(NULLABLE)))
def test_null_is_read_as_left_out(names: set[str]) -> None:
    assert asked(**dict.fromkeys(names)) == asked()


@pytest.mark.parametrize(
    ("body", "delivery"),
    [
        ({"model": "dall-e-2"}, "image-url"),
        ({"model": "dall-e-3"}, "image-url"),
        ({"model": "dall-e-3", "response_format": "b64_json"}, "image-b64"),
        ({"model": "dall-e-3", "response_format": "url"}, "image-url"),
        ({"model": "gpt-image-1"}, "image-b64"),
        ({"model": "gpt-image-2.6-flare"}, "image-b64"),
        ({"model": "chatgpt-image-latest"}, "image-b64"),
    ],
)
def test_how_pictures_come_depends_on_the_model(body: dict[str, str], delivery: str) -> None:
    assert asked(**body)["delivery"] == delivery


@pytest.mark.parametrize(
    ("model", "size", "quality"),
    [
        ("gpt-image-1", (1024, 1536), "medium"),
        ("gpt-image-1.5", (1024, 1536), "medium"),
        ("gpt-image-2", (1254, 1254), "low"),
        ("gpt-image-2-2026-04-21", (1254, 1254), "low"),
        ("gpt-image-2.5-sunburst", (1254, 1254), "low"),
    ],
)
def test_auto_stands_for_what_the_model_takes(model: str, size: tuple[int, int], quality: str) -> None:
    words = dict(ASKED({"model": model, "prompt": "x"})[1])
    assert words["size"] == {"auto": size}
    assert words["quality"] == {"auto": quality}
    assert words["background"] == {"auto": "opaque"}


@pytest.mark.parametrize(
    ("model", "size", "quality"),
    [
        ("dall-e-2", (1024, 1024), "standard"),
        ("dall-e-3", (1024, 1024), "standard"),
        ("gpt-image-2", "auto", "auto"),
    ],
)
def test_defaults_depend_on_the_model(model: str, size: Any, quality: str) -> None:
    roles = asked(model=model)
    assert (roles["size"], roles["quality"]) == (size, quality)
    assert roles.get("style") == ("vivid" if model == "dall-e-3" else None)


NESTED = {
    "type": "object",
    "properties": {
        "input": {
            "type": "object",
            "properties": {
                "prompt": {"type": "string", "x-role": "prompt"},
                "num_outputs": {"type": "integer", "default": 1, "x-role": "count"},
                "size": {"default": "auto", "x-role": "size", "x-resolves": {"auto": "512x512"}},
            },
        },
        "webhook": {"type": "string", "x-role": "callback-url"},
        "images": {"type": "array", "items": {"type": "string", "x-role": "input-image"}},
    },
}


@pytest.mark.parametrize("body", [{"input": {"prompt": "x"}}, {"input": {}}, {"input": None}, {}])
def test_defaults_and_words_inside_objects_count(body: dict[str, Any]) -> None:
    roles, words = Reader(NESTED).asked(body)
    assert (roles["count"], roles["size"]) == (1, "auto")
    assert dict(words) == {"size": {"auto": (512, 512)}}


def test_a_request_without_named_properties_is_read_by_its_alternatives() -> None:
    schema = {"oneOf": [{"type": "object", "properties": {"text": {"type": "string", "x-role": "prompt"}}}]}
    assert Reader(schema).asked({"text": "x"}) == ({"prompt": "x"}, ())


# --- the rules of writing ---------------------------------------------------------------------------


def objects(properties: dict[str, Any], *required: str, **more: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": properties, **more}


TEXT = {"type": "string", "x-role": "task-failure"}


@pytest.mark.parametrize(
    ("schema", "roles", "value"),
    [
        pytest.param(TEXT, {"task-failure": "refused"}, "refused", id="role"),
        pytest.param({**TEXT, "default": ""}, {"task-failure": "refused"}, "refused", id="role-before-default"),
        pytest.param({**TEXT, "default": ""}, {}, "", id="default"),
        pytest.param({**TEXT, "type": ["string", "null"]}, {}, None, id="null"),
        pytest.param({**TEXT, "type": ["string", "null"], "default": ""}, {}, "", id="default-before-null"),
        pytest.param(objects({"a": TEXT, "b": {"const": 1}}), {}, {"b": 1}, id="left-out"),
        pytest.param({"const": "success"}, {}, "success", id="const"),
        pytest.param(objects({"a": {"type": "string"}, "b": {"const": 1}}), {}, {"b": 1}, id="nothing-known"),
        pytest.param({"type": "object"}, {}, {}, id="object-of-nothing"),
        pytest.param({"type": ["object", "null"], "properties": {"a": TEXT}}, {}, None, id="null-object"),
        pytest.param({"type": "array", "default": [], "items": {"type": "string"}}, {}, [], id="other-list"),
        pytest.param(
            objects({"a": objects({"b": TEXT}, "b", default={}), "c": {"const": 1}}, "a"),
            {},
            {"a": {}, "c": 1},
            id="default-of-an-object",
        ),
        pytest.param({"type": "integer", "x-role": "usage-total"}, {"usage-total": 0}, 0, id="zero-is-known"),
        pytest.param({"x-role": "stream", "default": True}, {"stream": False}, False, id="false-is-known"),
    ],
)
def test_written_by_the_rule(schema: dict[str, Any], roles: dict[str, Any], value: Any) -> None:
    written = write(schema, roles)
    assert written == value
    assert type(written) is type(value)


@pytest.mark.parametrize(
    "schema",
    [
        pytest.param(TEXT, id="role-without-value"),
        pytest.param({"type": "string"}, id="no-meaning"),
        pytest.param(objects({"a": TEXT, "b": {"const": 1}}, "a"), id="required-part"),
        pytest.param(objects({"a": objects({"b": TEXT}, "b")}, "a"), id="required-part-of-a-required-part"),
        pytest.param({"anyOf": [TEXT, objects({"a": TEXT}, "a")]}, id="no-alternative"),
        pytest.param(objects({"a": TEXT}), id="object-nothing-is-known-of"),
        pytest.param({"type": "array", "items": {"type": "string", "x-role": "image-url"}}, id="no-picture"),
        pytest.param({"type": "array", "items": {"type": "string"}}, id="other-list"),
        pytest.param({**TEXT, "default": "", "x-when": {"model": {"const": "a"}}}, id="not-for-this-request"),
    ],
)
def test_unfillable(schema: dict[str, Any]) -> None:
    with pytest.raises(Unfillable):
        write(schema, {})


@FEW
@given(pictures=st.lists(st.text(), min_size=1, max_size=5))
def test_a_list_of_pictures_repeats_once_per_picture(pictures: list[str]) -> None:
    schema = {
        "type": "array",
        "items": objects(
            {
                "b64": {"type": "string", "x-role": "image-b64"},
                "prompt": {"type": "string", "x-role": "prompt"},
            }
        ),
    }
    assert write(schema, {"prompt": "p"}, pictures) == [{"b64": one, "prompt": "p"} for one in pictures]


def test_too_few_pictures_do_not_fill_a_list() -> None:
    schema = {"type": ["array", "null"], "minItems": 2, "items": {"type": "string", "x-role": "image-b64"}}
    assert write(schema, {}, ["one"]) is None
    assert write(schema, {}, ["one", "two"]) == ["one", "two"]


def test_one_picture_that_cannot_be_said_spoils_the_list() -> None:
    schema = {"type": ["array", "null"], "items": {"type": "string", "x-role": "image-url"}}
    pictures = Values({}, [Values({"image-url": "a"}), Values({"image-b64": "b"})])
    assert Writer(schema).write(pictures, {}) is None


def test_the_first_alternative_that_can_be_filled_is_taken() -> None:
    schema = {
        "oneOf": [objects({"task_id": {"type": "string", "x-role": "task-id"}}, "task_id")],
        "anyOf": [objects({"b64": {"type": "string", "x-role": "image-b64"}}, "b64"), {"type": "null"}],
    }
    assert write(schema, {"task-id": "t"}, ["p"]) == {"task_id": "t"}
    assert write(schema, {}, ["p"]) == {"b64": "p"}
    assert write(schema, {}) is None


def test_beside_properties_alternatives_say_what_must_be_there() -> None:
    image = IMAGES.document["components"]["schemas"]["Image"]
    assert write(image, {"revised-prompt": "r", "image-url": "u"}, model="dall-e-3") == {
        "revised_prompt": "r",
        "url": "u",
    }
    with pytest.raises(Unfillable):
        write(image, {"revised-prompt": "r"}, model="dall-e-3")


@pytest.mark.parametrize(
    ("condition", "request_", "there"),
    [
        ({"model": {"const": "a"}}, {"model": "a"}, True),
        ({"model": {"const": "a"}}, {"model": "b"}, False),
        ({"model": {"const": "a"}}, {}, False),
        ({"model": {"pattern": "^gpt"}}, {}, True),
        ({"model": {"type": "string", "pattern": "^gpt"}}, {}, False),
        ({"model": {"const": "a"}, "count": {"minimum": 2}}, {"model": "a", "count": 1}, False),
        ({"model": {"const": "a"}, "count": {"minimum": 2}}, {"model": "a", "count": 2}, True),
        ({"input-image": {"type": "array"}}, {"input-image": ["a.png"]}, True),
        ({"input-image": {"type": "array"}}, {"input-image": {"url": "a.png"}}, False),
    ],
)
def test_x_when_leaves_out_what_does_not_belong(
    condition: dict[str, Any], request_: dict[str, Any], there: bool
) -> None:
    writer = Writer(objects({"a": {"const": 1, "x-when": condition}, "b": {"const": 2}}))
    assert writer.write(Values({}), request_) == ({"a": 1, "b": 2} if there else {"b": 2})


def test_x_when_tells_true_from_1() -> None:
    writer = Writer(objects({"a": {"const": 1, "x-when": {"async": {"const": True}}}, "b": {"const": 2}}))
    answers = [writer.write(Values({}), {"async": value}) for value in (1, True, 1)]
    assert answers == [{"b": 2}, {"a": 1, "b": 2}, {"b": 2}]


def test_one_writer_serves_every_model() -> None:
    writer = Writer(success(CREATE))
    source = outcome({"created": 1.0, "quality": "low", "revised-prompt": "r"}, ["aGk="])
    models = ("dall-e-3", "gpt-image-2", "dall-e-2", "dall-e-3")
    answers = [writer.write(source, {"model": model}) for model in models]
    assert [set(answer) for answer in answers] == [
        {"created", "data"},
        {"created", "data", "quality"},
        {"created", "data"},
        {"created", "data"},
    ]
    assert ["revised_prompt" in answer["data"][0] for answer in answers] == [True, False, False, True]


def test_a_writer_knows_which_roles_it_may_say() -> None:
    assert {"image-url", "image-b64", "task-id", "usage-total"} <= Writer(success(CREATE)).roles


# --- what was written is read again -----------------------------------------------------------------

SECONDS = st.integers(1, 4_102_444_800).map(float)
TOKENS = st.integers(0, 10**9)
SYNC = st.fixed_dictionaries(
    {"created": SECONDS},
    optional={
        "background": st.sampled_from(["transparent", "opaque"]),
        "output-format": st.sampled_from(["png", "webp", "jpeg"]),
        "quality": st.sampled_from(["low", "medium", "high"]),
        "size": st.tuples(st.integers(1, 9999), st.integers(1, 9999)),
        "caller-tag": st.text(max_size=5),
    },
)
USAGE = st.fixed_dictionaries(
    {"usage-input": TOKENS, "usage-output": TOKENS, "usage-total": TOKENS},
    optional={"usage-input-text": TOKENS, "usage-output-image": TOKENS},
)
PICTURES = st.lists(st.text("ABCDabcd0189+/", min_size=4, max_size=8), min_size=1, max_size=4)
GPT = {"model": "gpt-image-2"}


def singles(meanings: Mapping[str, list[Any]]) -> dict[str, Any]:
    """Every role that was said once, without the pictures."""
    return {role: values[0] for role, values in meanings.items() if len(values) == 1 and not role.startswith("image-")}


@FEW
@given(roles=SYNC, usage=st.just({}) | USAGE, pictures=PICTURES)
def test_sync_answer_reads_as_it_was_written(roles: dict[str, Any], usage: dict[str, int], pictures: list[str]) -> None:
    said = {**roles, **usage}
    value = Writer(success(CREATE)).write(outcome(said, pictures), GPT)
    assert CREATE.compile(success(CREATE)).is_valid(value)
    meanings = found(success(CREATE), value)
    assert meanings["image-b64"] == pictures
    assert singles(meanings) == said


POLL = IMAGES.operation("getImageTask")
TASK = st.fixed_dictionaries(
    {"task-id": st.text(min_size=1, max_size=9), "task-progress": st.integers(0, 100)},
    optional={"task-submitted": SECONDS, "task-started": SECONDS, "task-failure": st.text(min_size=1)},
)
UNTOLD = {"task-submitted": 0.0, "task-started": 0.0, "task-finished": 0.0, "task-failure": ""}


@FEW
@given(task=TASK, state=st.sampled_from(["queued", "running", "failed"]))
def test_task_without_a_result_reads_as_it_was_written(task: dict[str, Any], state: str) -> None:
    value = Writer(success(POLL)).write(outcome({**task, "task-status": state}), GPT)
    assert POLL.compile(success(POLL)).is_valid(value)
    assert value["data"]["data"] is None
    assert singles(found(success(POLL), value)) == {**UNTOLD, **task, "task-status": state}


@FEW
@given(task=TASK, roles=SYNC, usage=USAGE, pictures=PICTURES)
def test_finished_task_carries_the_whole_sync_answer(
    task: dict[str, Any], roles: dict[str, Any], usage: dict[str, int], pictures: list[str]
) -> None:
    said = {**roles, **usage, **task, "task-status": "succeeded", "task-finished": 7.0}
    value = Writer(success(POLL)).write(outcome(said, pictures), GPT)
    assert POLL.compile(success(POLL)).is_valid(value)
    assert value["data"]["data"] == Writer(success(CREATE)).write(outcome({**roles, **usage}, pictures), GPT)
    meanings = found(success(POLL), value)
    assert meanings["image-b64"] == pictures
    assert singles(meanings) == {**UNTOLD, **said}


MILLIS = st.integers(1, 4_102_444_800_000).map(lambda millis: millis / 1000)


@FEW
@given(
    task=st.fixed_dictionaries(
        {"task-id": st.text(), "task-status": st.sampled_from(STATES), "task-progress": st.integers(0, 100)},
        optional={
            "task-submitted": MILLIS,
            "task-started": MILLIS,
            "task-finished": MILLIS,
            "task-failure": st.text(),
            "caller-tag": st.text(),
            "image-url": st.just("https://cdn.example/a.png"),
        },
    ),
)
def test_task_of_another_family_reads_as_it_was_written(task: dict[str, Any]) -> None:
    poll = SMALL.operation("fetchTask")
    value = Writer(success(poll)).write(Values(task), {})
    assert poll.compile(success(poll)).is_valid(value)
    assert {meaning.role: meaning.value for meaning in Reader(success(poll)).read(value)} == task


# --- broken answers ---------------------------------------------------------------------------------

CHAT = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1700000000,
    "model": "gpt-4o",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "![a](https://cdn.example/a.png)"}}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
}


@pytest.mark.parametrize(
    ("value", "meanings"),
    [
        pytest.param({"created": 1, "data": {"url": "u"}}, {"created": [1.0]}, id="data-is-an-object"),
        pytest.param({"created": 1, "data": None}, {"created": [1.0]}, id="data-is-null"),
        pytest.param({"created": None, "data": [{"url": None}]}, {}, id="nulls"),
        pytest.param({"data": [None, "x", {"url": "u"}]}, {"image-url": ["u"]}, id="odd-items"),
        pytest.param({"created": "1700000000", "data": []}, {"created": ["1700000000"]}, id="a-time-as-text"),
        pytest.param({"data": [{"url": 5}, {"url": []}]}, {"image-url": [5, []]}, id="wrong-types"),
        pytest.param({"size": "big", "data": []}, {"size": ["big"]}, id="no-size"),
        pytest.param({"usage": {"total_tokens": "many"}}, {"usage-total": ["many"]}, id="no-number"),
        pytest.param({"usage": [1]}, {}, id="usage-is-a-list"),
        pytest.param(CHAT, {"created": [1700000000.0], "usage-total": [3]}, id="chat-shaped"),
        pytest.param(
            {"task_id": "t", "created": 1, "data": [{"url": "u"}]},
            {"created": [1.0], "image-url": ["u"], "task-id": ["t"]},
            id="two-answers-at-once",
        ),
        pytest.param([{"url": "u"}], {}, id="a-list"),
        pytest.param("u", {}, id="a-text"),
        pytest.param(b"<html>", {}, id="bytes"),
        pytest.param(None, {}, id="nothing"),
    ],
)
def test_broken_answer_is_read_as_far_as_it_goes(value: Any, meanings: dict[str, list[Any]]) -> None:
    assert found(success(CREATE), value) == meanings


def test_unknown_words_are_handed_over_as_they_are() -> None:
    value = {"code": "success", "data": {"status": "LOST", "progress": "half", "finish_time": "soon"}}
    assert found(success(POLL), value) == {
        "task-status": ["LOST"],
        "task-progress": ["half"],
        "task-finished": ["soon"],
    }


def test_a_meaning_says_where_it_stands_and_what_was_there() -> None:
    value = {"data": [{"b64_json": "aGk="}], "size": "1024x1536"}
    assert list(Reader(success(CREATE)).read(value)) == [
        Meaning("image-b64", "/data/0/b64_json", "aGk=", "aGk="),
        Meaning("size", "/size", (1024, 1536), "1024x1536"),
    ]


def test_names_in_pointers_are_escaped() -> None:
    schema = {"properties": {"a/b": {"properties": {"c~d": {"x-role": "task-id"}}}}}
    assert [meaning.pointer for meaning in Reader(schema).read({"a/b": {"c~d": "t"}})] == ["/a~1b/c~0d"]


def test_the_same_meaning_in_two_alternatives_is_found_once() -> None:
    schema = {"anyOf": [objects({"id": {"x-role": "task-id"}}), objects({"id": {"x-role": "task-id"}})]}
    assert found(schema, {"id": "t"}) == {"task-id": ["t"]}


def test_additional_properties_are_read_by_their_schema() -> None:
    schema = {"type": "object", "additionalProperties": {"type": "string", "x-role": "image-url"}}
    assert found(schema, {"1": "u", "2": "v"}) == {"image-url": ["u", "v"]}


WORDS = st.sampled_from(["auto", "1x1", "5%", "QUEUED", "2024-11-03", "gpt-image-2", "true", "7"])
NAMES = st.sampled_from(["data", "created", "url", "usage", "status", "progress", "size", "task_id", "model"])
GARBAGE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(), inner, max_size=4),
    max_leaves=12,
)
SCHEMAS = [success(operation) for contract in (IMAGES, SMALL) for operation in contract.operations] + [
    CREATE.body["application/json"]
]


@settings(max_examples=150, deadline=None)
@given(value=GARBAGE)
@example(value={"created": 10**400, "data": {"data": {"created": 10**400}, "finish_time": 10**400}})
@example(value={"model": ["gpt-image-2"], "stream": {}, "output_format": []})
def test_reading_never_fails(value: Any) -> None:
    for schema in SCHEMAS:
        for meaning in Reader(schema).read(value):
            assert meaning.value is not None
    if isinstance(value, dict):
        ASKED(value)


# --- other providers' shapes ------------------------------------------------------------------------

REPLICATE = {
    "type": "object",
    "required": ["id", "status", "output"],
    "properties": {
        "id": {"type": "string", "x-role": "task-id"},
        "model": {"type": "string", "x-role": "model"},
        "status": {
            "type": "string",
            "x-role": "task-status",
            "x-states": {
                "starting": "queued",
                "processing": "running",
                "succeeded": "succeeded",
                "failed": "failed",
                "canceled": "canceled",
                "aborted": "canceled",
            },
        },
        "output": {
            "oneOf": [
                {
                    "type": "string",
                    "x-role": "image-url",
                    "x-when": {"model": {"type": "string", "pattern": "pro|ultra|kontext"}},
                },
                {"type": "array", "items": {"type": "string", "x-role": "image-url"}},
                {"type": "null"},
            ]
        },
        "error": {"type": ["string", "null"], "x-role": "task-failure"},
        "created_at": {"type": "string", "format": "date-time", "x-role": "task-submitted"},
        "completed_at": {"type": ["string", "null"], "format": "date-time", "x-role": "task-finished"},
        "source": {"type": "string", "default": "api"},
    },
}


@pytest.mark.parametrize(
    ("model", "pictures", "output"),
    [
        ("flux-schnell", ["https://x/0.webp"], ["https://x/0.webp"]),
        ("flux-schnell", ["https://x/0.webp", "https://x/1.webp"], ["https://x/0.webp", "https://x/1.webp"]),
        ("flux-1.1-pro", ["https://x/0.webp"], "https://x/0.webp"),
        ("flux-schnell", [], None),
        ("flux-1.1-pro", [], None),
    ],
)
def test_replicate_output_is_a_list_or_a_text_by_model(model: str, pictures: list[str], output: Any) -> None:
    state = "succeeded" if pictures else "running"
    roles = {"task-id": "e6je", "model": model, "task-status": state, "task-submitted": 1733103245.988}
    value = Writer(REPLICATE).write(outcome(roles, pictures, "image-url"), {"model": model})
    assert value == {
        "id": "e6je",
        "model": model,
        "status": "succeeded" if pictures else "processing",
        "output": output,
        "error": None,
        "created_at": "2024-12-02T01:34:05.988Z",
        "completed_at": None,
        "source": "api",
    }
    meanings = found(REPLICATE, value)
    assert meanings.pop("image-url", []) == pictures
    assert singles(meanings) == roles


MIDJOURNEY = {
    "type": "object",
    "required": ["id", "status", "progress"],
    "properties": {
        "id": {"type": "string", "x-role": "task-id"},
        "action": {"type": "string", "default": "IMAGINE"},
        "status": {
            "type": "string",
            "x-role": "task-status",
            "x-states": {
                "NOT_START": "queued",
                "SUBMITTED": "queued",
                "": "queued",
                "IN_PROGRESS": "running",
                "MODAL": "needs-input",
                "SUCCESS": "succeeded",
                "FAILURE": "failed",
                "CANCEL": "canceled",
            },
        },
        "progress": {"type": "string", "format": "percent-text", "x-role": "task-progress"},
        "prompt": {"type": ["string", "null"], "x-role": "prompt"},
        "submitTime": {"type": "integer", "default": 0, "format": "unix-millis", "x-role": "task-submitted"},
        "startTime": {"type": "integer", "default": 0, "format": "unix-millis", "x-role": "task-started"},
        "finishTime": {"type": "integer", "default": 0, "format": "unix-millis", "x-role": "task-finished"},
        "imageUrl": {"type": "string", "default": "", "x-role": "image-url"},
        "failReason": {"type": "string", "default": "", "x-role": "task-failure"},
        "buttons": {"type": ["array", "null"], "items": {"type": "object"}},
    },
}


def test_midjourney_counts_milliseconds_and_percent() -> None:
    roles = {
        "task-id": "1730621718151844",
        "task-status": "running",
        "task-progress": 46,
        "prompt": "cat",
        "task-submitted": 1730621718.151,
        "task-started": 1730621720.1,
    }
    value = Writer(MIDJOURNEY).write(outcome(roles), {})
    assert value == {
        "id": "1730621718151844",
        "action": "IMAGINE",
        "status": "IN_PROGRESS",
        "progress": "46%",
        "prompt": "cat",
        "submitTime": 1730621718151,
        "startTime": 1730621720100,
        "finishTime": 0,
        "imageUrl": "",
        "failReason": "",
        "buttons": None,
    }
    assert singles(found(MIDJOURNEY, value)) == {**roles, "task-finished": 0.0, "task-failure": ""}


def test_midjourney_answers_nobody_documents_are_read() -> None:
    value = {"id": 1730621718151844, "status": "", "progress": "", "submitTime": None, "buttons": [{}]}
    assert found(MIDJOURNEY, value) == {
        "task-id": [1730621718151844],
        "task-status": ["queued"],
        "task-progress": [""],
    }
