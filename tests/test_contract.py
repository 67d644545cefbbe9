import contextlib
import copy
import re
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV32SpecValidator

from spec.contract import Contract, Operation
from spec.documents import SPEC, load_yaml, shipped
from spec.errors import DocumentError, SpecError, UnknownName
from spec.language import (
    EXTENSIONS,
    FORMATS,
    KEYWORD_PROBLEMS,
    KEYWORDS,
    PROBLEMS,
    REQUEST_ROLES,
    RESPONSE_ROLES,
    SIZE_RULE_FIELDS,
    STATES,
)
from spec.loading import load_contract, load_contracts, parse_contract
from spec.reader import Reader
from spec.request_check import RequestCheck
from spec.response_check import ResponseCheck
from spec.writer import Source, Unfillable, Values, Writer

CONTRACTS = load_contracts()
IMAGES = next(contract for contract in CONTRACTS if contract.name == "images")
DOCUMENT = load_yaml((SPEC / "images.yaml").read_text("utf-8"), "images.yaml")
README = (files("spec") / "README.md").read_text("utf-8")
YAML_BLOCKS: list[str] = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
EXAMPLE = next(block for block in YAML_BLOCKS if block.startswith("openapi:"))
SMALL = parse_contract(load_yaml(EXAMPLE, "README.md"), "README.md", "small")

Edit = Callable[[dict[str, Any]], None]


def at(document: Any, pointer: str) -> Any:
    """The part of a document that a JSON pointer names."""
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        document = document[int(key)] if isinstance(document, list) else document[key]
    return document


def put(pointer: str, value: Any) -> Edit:
    """The edit that sets one part."""
    whole, _, name = pointer.rpartition("/")

    def edit(document: dict[str, Any]) -> None:
        part = at(document, whole)
        if isinstance(part, list):
            part.append(value)
        else:
            part[name.replace("~1", "/")] = value

    return edit


def drop(pointer: str) -> Edit:
    """The edit that takes one part away."""
    whole, _, name = pointer.rpartition("/")
    return lambda document: at(document, whole).pop(name.replace("~1", "/"))


#: images.yaml without the rules per model and most parameters, which take the official validator long
LEAN = copy.deepcopy(DOCUMENT)
_request = LEAN["components"]["schemas"]["GenerationRequest"]
_request["properties"] = {
    name: copy.deepcopy(at(DOCUMENT, inner["$ref"][1:])) if "$ref" in (inner := _request["properties"][name]) else inner
    for name in ("model", "prompt", "n", "quality", "size", "user")
}
del _request["allOf"]
LEAN["paths"]["/v1/images/generations"]["post"]["parameters"] = [DOCUMENT["components"]["parameters"]["Async"]]
_answers = LEAN["paths"]["/v1/images/generations"]["post"]["responses"]
_answers["200"] = copy.deepcopy(DOCUMENT["components"]["responses"]["Generated"])
del _answers["200"]["content"]["text/event-stream"]
LEAN["paths"] = {path: LEAN["paths"][path] for path in ("/v1/images/generations", "/v1/images/tasks/{task_id}")}
LEAN["components"]["schemas"] = {
    name: LEAN["components"]["schemas"][name]
    for name in ("GenerationRequest", "Images", "Image", "Usage", "TaskAccepted", "TaskEnvelope", "TaskError", "Error")
}
LEAN["components"]["responses"] = {
    name: answer for name, answer in LEAN["components"]["responses"].items() if name not in ("Generated", "Edited")
}


def edited(*edits: Edit) -> dict[str, Any]:
    document = copy.deepcopy(LEAN)
    for edit in edits:
        edit(document)
    return document


def refusal(document: dict[str, Any]) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        parse_contract(document, "images.yaml", "images")
    return caught.value


# --- what is shipped --------------------------------------------------------------------------------


def test_images_are_shipped_and_catalogues_are_no_contracts() -> None:
    assert "images" in shipped()
    assert "drifts" not in shipped()
    assert tuple(contract.name for contract in CONTRACTS) == shipped()


@pytest.mark.parametrize("name", shipped())
def test_shipped_document_is_valid_openapi(name: str) -> None:
    document = load_yaml((SPEC / f"{name}.yaml").read_text("utf-8"), name)
    assert [str(error) for error in OpenAPIV32SpecValidator(document).iter_errors()] == []


OPERATIONS = [(contract, operation) for contract in (*CONTRACTS, SMALL) for operation in contract.operations]
#: a value for every role an answer may ask for, wherever its schema does not name its words
MODEL = {"listed-model": "m", "listed-model-created": 1_730_621_718.0, "listed-model-owner": "o"}
SAID: dict[str, Any] = {
    **dict.fromkeys(RESPONSE_ROLES, "text"),
    **{role: 7 for role, types in RESPONSE_ROLES.items() if types == {"integer"}},
    "created": 1_730_621_718.0,
    "retry-after": 7,
    **MODEL,
    "background": "opaque",
    "caller-tag": "tag",
    "model": "m",
    "output-format": "png",
    "prompt": "A lighthouse",
    "quality": "low",
    "seed": 7,
    "size": (1024, 1536),
    "asked-input": {"prompt": "A lighthouse"},
    "callback-secret": "whsec_text",
    "cancel-url": "https://api.example/tasks/7/cancel",
    "task-url": "https://api.example/tasks/7",
    "task-submitted": 1.0,
}
PICTURE = {
    "video-url": "https://cdn.example/a.mp4",
    "cover-url": "https://cdn.example/a.png",
    "width": 1024,
    "height": 640,
    "duration": 5,
    "image-url": "https://cdn.example/a.png",
    "image-b64": "aGk=",
    "image-data-url": "data:image/png;base64,aGk=",
    "image-markdown": "![a](https://cdn.example/a.png)",
    "revised-prompt": "A lighthouse of books",
}
BASE = {role: value for role, value in SAID.items() if role not in PICTURE and not role.startswith(("task-", "error-"))}


class One(Values):
    """One picture: lists inside its part speak of it."""

    def each(self, _: str) -> Sequence[Source]:
        return (self,)


OF_TASKS = {"task-id": "7", "task-submitted": 1.0, "task-url": "https://api.example/tasks/7"}
OUTCOMES = {
    "pictures": Values({**BASE, **PICTURE}, [One({**BASE, **PICTURE}), One({**BASE, **PICTURE})]),
    "models": Values(MODEL, models=[Values(MODEL), Values(MODEL)]),
    "queued": Values({**OF_TASKS, "task-status": "queued", "task-progress": 0}),
    "running": Values({**OF_TASKS, "task-status": "running", "task-progress": 46, "task-started": 2.0}),
    "succeeded": Values(
        {**BASE, **PICTURE, **OF_TASKS, "task-status": "succeeded", "task-progress": 100, "task-finished": 3.0},
        [One({**BASE, **PICTURE})],
    ),
    "failed": Values({**OF_TASKS, "task-status": "failed", "task-progress": 100, "task-failure": "refused"}),
    "words": Values({"description": "text"}, descriptions=[Values({"description": "text"})]),
    "secret": Values({"callback-secret": "whsec_text"}),
}


def models(contract: Contract) -> list[str]:
    """Every model a request of this contract can name."""
    return [
        model
        for operation in contract.operations
        for schema in operation.body.values()
        for part in schema.get("properties", {}).values()
        if part.get("x-role") == "model"
        for model in part.get("enum", ())
    ]


@pytest.mark.parametrize(
    ("contract", "operation"), OPERATIONS, ids=[f"{contract.name}-{operation.id}" for contract, operation in OPERATIONS]
)
def test_every_success_can_be_written_and_is_then_valid(contract: Contract, operation: Operation) -> None:
    check = ResponseCheck(operation)
    for status, answer in operation.answers.items():
        for media, schema in answer.content.items() if status.startswith("2") else ():
            for model in models(contract) or [""]:
                filled = 0
                for outcome in OUTCOMES.values():
                    if operation.task_states and outcome.get("task-status") not in {None, *operation.task_states}:
                        continue  # what accepts a task need not have words for its end
                    try:
                        value = Writer(schema).write(outcome, {"model": model})
                    except Unfillable:
                        continue
                    filled += 1
                    assert list(check.schema_violations(schema, value)) == []
                    assert check.conforms(answer, media, value)
                assert filled, f"nothing fills {answer.pointer} for model {model!r}"


@pytest.mark.parametrize("contract", [*CONTRACTS, SMALL], ids=lambda contract: contract.name)
def test_every_problem_can_be_told_by_an_answer(contract: Contract) -> None:
    for problem in contract.problems.values():
        documented = [problem.answer, *(operation.answer(problem.status) for operation in contract.operations)]
        told = []
        for answer in documented:
            for schema in answer.content.values() if answer else ():
                with contextlib.suppress(Unfillable):  # a task's answer has no words for what is wrong with a body
                    told.append(Writer(schema).write(Values(problem.fields), {}))
                    assert contract.operations[0].compile(schema).is_valid(told[-1]), problem.name
        assert told or problem.answer, problem.name


def test_operations_know_their_labels_and_their_keys() -> None:
    create = IMAGES.operation("createImage")
    assert (create.label, create.family, create.body_required, create.secured) == (
        "POST /v1/images/generations",
        "images",
        True,
        True,
    )
    assert create.optional_because is None
    assert create.parameters[0].optional_because
    assert IMAGES.operation("getImageTask").optional_because


def test_operations_know_what_can_be_asked_and_answered() -> None:
    create = IMAGES.operation("createImage")
    assert {"model", "prompt", "count", "size", "async", "delivery"} <= create.request_roles
    assert {"image-url", "image-b64", "created", "task-id", "usage-total"} <= create.response_roles
    assert "error-message" not in create.response_roles


def test_links_lead_from_the_submit_to_the_poll() -> None:
    for contract, submit, poll, parameters in (
        (IMAGES, "createImage", "getImageTask", {"task_id": "/task_id"}),
        (SMALL, "submitImagine", "fetchTask", {"id": "/result"}),
    ):
        (link,) = contract.operation(submit).links
        assert (link.operation, link.parameters) == (poll, parameters)


def test_the_nearest_documented_answer_counts() -> None:
    answers = "/paths/~1v1~1images~1generations/post/responses"
    refused = {"$ref": "#/components/responses/Refused"}
    changed = [drop(f"{answers}/500"), drop(f"{answers}/503"), put(f"{answers}/5XX", refused)]
    create = parse_contract(edited(*changed), "images.yaml", "images").operation("createImage")
    assert create.answer(500) is create.answers["5XX"]
    assert create.answer(400) is create.answers["400"]
    assert create.answer(302) is None
    assert SMALL.operations[0].answer(302) is SMALL.operations[0].answers["default"]


def test_a_problem_nobody_tells_apart_is_an_invalid_request() -> None:
    assert IMAGES.problem("too-short").name == "too-short"
    assert IMAGES.problem("malformed-value").name == "invalid-request"


def test_a_document_may_be_a_file_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(EXAMPLE, "utf-8")
    contract = load_contract(str(file))
    assert (contract.name, contract.file) == ("mine", "mine.yaml")
    assert [operation.family for operation in contract.operations] == ["mine", "mine"]


def test_an_overlay_may_change_a_document_first() -> None:
    def without_tasks(name: str, document: dict[str, Any]) -> dict[str, Any]:
        assert name == "images"
        drop("/components/responses/Generated/links")(document)
        document["paths"] = {path: item for path, item in document["paths"].items() if path.endswith("generations")}
        return document

    assert [operation.id for operation in load_contract("images", without_tasks).operations] == ["createImage"]


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"unknown family 'imags'\n  nearest known: images"):
        load_contract("imags")


def test_a_file_that_is_not_there_is_refused() -> None:
    with pytest.raises(DocumentError, match="no such file"):
        load_contract("no-such/images.yaml")


# --- broken YAML ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "location", "problem"),
    [
        pytest.param("a: [1\nb: 2", "line 2, column 2", "expected ',' or ']'", id="syntax"),
        pytest.param("a:\n\t- b", "line 2, column 1", "'\\t'", id="tab"),
        pytest.param("a:\n  b: 1\n  b: 2", "line 3, column 3", "'b' stands twice", id="duplicate-key"),
        pytest.param("a: 1\non: push", "line 2, column 1", "'on' is read as True", id="boolean-key"),
        pytest.param("responses:\n  200: x", "line 2, column 3", "'200' is read as 200", id="number-as-key"),
        pytest.param("a: &a {x: 1}\nb: {<<: *a}", "line 2, column 5", "merge", id="merge-key"),
        pytest.param("a: !!python/name:os.system", "line 1, column 4", "could not determine", id="python-tag"),
        pytest.param("- a", "line 1", "this is no mapping", id="list"),
        pytest.param("", "line 1", "it is empty", id="empty"),
        pytest.param("a: 1\n---\nb: 2", "line 2, column 1", "another document", id="two-documents"),
        pytest.param("a: 2026-99-99", "", "month must be in 1..12", id="no-date"),
        pytest.param("[" * 600, "", "recursion", id="too-deep"),
    ],
)
def test_text_that_is_no_document_is_refused(text: str, location: str, problem: str) -> None:
    with pytest.raises(DocumentError) as caught:
        load_yaml(text, "mine.yaml")
    error = caught.value
    assert (error.file, error.location) == ("mine.yaml", location)
    assert problem in error.problem
    assert error.expected == "a YAML mapping"


def test_an_alias_that_contains_itself_is_refused() -> None:
    document = load_yaml("openapi: 3.2.0\ninfo: &x {title: t, version: v, x-y: *x}\n", "mine.yaml")
    with pytest.raises(DocumentError, match="/info/x-y: a YAML alias contains itself"):
        parse_contract(document, "mine.yaml", "mine")


# --- broken documents: exactly one defect each ------------------------------------------------------

CREATE = "/paths/~1v1~1images~1generations/post"
TASK = "/paths/~1v1~1images~1tasks~1{task_id}/get"
SCHEMAS = "/components/schemas"
REQUEST = f"{SCHEMAS}/GenerationRequest"
ASKED = f"{REQUEST}/properties"
STATUS = f"{SCHEMAS}/TaskEnvelope/properties/data/properties/status"
USAGE = f"{SCHEMAS}/Usage"
LINK = f"{CREATE}/responses/200/links/task"
#: where the parts of components stand once `$ref` is followed
IN_REQUEST = f"{CREATE}/requestBody/content/application~1json/schema"
IN_IMAGES = f"{CREATE}/responses/200/content/application~1json/schema/anyOf/0"
IN_STATUS = f"{TASK}/responses/200/content/application~1json/schema/properties/data/properties/status"

# fmt: off
BROKEN: dict[str, tuple[list[Edit], str, str, str]] = {
    # the document
    "openapi-version": ([put("/openapi", "3.1.0")], "/openapi", "openapi is '3.1.0'", "3.2.0"),
    "no-openapi": ([drop("/openapi")], "/openapi", "openapi is None", "3.2.0"),
    "not-openapi": ([drop("/info/title")], "/info", '"title" is a required property', "OpenAPI 3.2"),
    "link-without-operation": ([drop(f"{LINK}/operationId")], LINK, "not valid OpenAPI", "OpenAPI 3.2"),
    "unknown-extension": ([put("/x-problms", {})], "/x-problms", "'x-problms' is not", "x-problems"),
    "unknown-extension-on-operation": ([put(f"{TASK}/x-optionl", "x")], f"{TASK}/x-optionl", "x-optionl", "x-optional"),
    "unknown-extension-on-parameter": (
        [put(f"{CREATE}/parameters/0/x-role", "async")], f"{CREATE}/parameters/0/x-role", "x-role", "x-optional",
    ),
    "ids-of-no-role": ([put("/x-ids", {"task": "{uuid}"})], "/x-ids/task", "is not understood", "or task-id"),
    "ids-that-never-change": ([put("/x-ids", {"task-id": "task"})], "/x-ids/task-id", "'task' is not", "{digits:N}"),
    "ids-of-an-unknown-part": (
        [put("/x-ids", {"task-id": "{uuid}{letters:3}"})], "/x-ids/task-id", "is not understood", "{alnum:N}",
    ),
    "fails-of-no-problem": (
        [put(f"{TASK}/x-fails", {"says": {"prompt": "A fox"}, "problem": "not-here"})], f"{TASK}/x-fails",
        "x-fails is not understood", "says (request role -> value), and problem",
    ),
    "refuses-with-no-problem": (
        [put(f"{TASK}/x-refuses", "not-here")], f"{TASK}/x-refuses", "unknown problem 'not-here'", "x-problems",
    ),
    "suffix-is-no-text": (
        [put("/x-problems/internal/suffix", 5)], "/x-problems/internal/suffix", "no text", "behind the message",
    ),
    "no-operation": ([put("/paths", {})], "/paths", "no operation", "one path with a method"),
    # references
    "dangling-ref": (
        [put(f"{SCHEMAS}/Images/properties/usage", {"$ref": "#/components/schemas/Usge"})],
        f"{SCHEMAS}/Images/properties/usage", "#/components/schemas/Usge names nothing", "a part of this document",
    ),
    "dangling-ref-nobody-uses": (
        [put(f"{SCHEMAS}/Spare", {"$ref": "#/components/schemas/Usge"})], f"{SCHEMAS}/Spare", "names nothing", "a part",
    ),
    "remote-ref": (
        [put(f"{SCHEMAS}/Images/properties/usage", {"$ref": "usage.yaml#/Usage"})],
        f"{SCHEMAS}/Images/properties/usage", "is not in this document", "#/",
    ),
    "circular-ref": (
        [put(f"{SCHEMAS}/Image/properties/child", {"$ref": "#/components/schemas/Image"})],
        f"{SCHEMAS}/Image/properties/child", "#/components/schemas/Image refers to itself", "without recursion",
    ),
    # operations
    "no-operation-id": ([drop(f"{TASK}/operationId")], TASK, "no operationId", "an operationId"),
    "operation-id-twice": ([put(f"{TASK}/operationId", "createImage")], "", "'createImage'", "OpenAPI 3.2"),
    "no-success": ([drop(f"{TASK}/responses/200")], f"{TASK}/responses", "no 2xx answer", "successful"),
    "no-responses": ([drop(f"{TASK}/responses")], f"{TASK}/responses", "no 2xx answer", "successful"),
    "path-parameter-missing": ([drop(f"{TASK}/parameters")], "", "'task_id'", "OpenAPI 3.2"),
    "path-parameter-misnamed": ([put(f"{TASK}/parameters/0/name", "id")], "", "'task_id'", "OpenAPI 3.2"),
    "path-parameter-too-many": (
        [put(f"{CREATE}/parameters/-", {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}})],
        "", "'id'", "OpenAPI 3.2",
    ),
    "parameters-on-a-path": (
        [put("/paths/~1v1~1images~1generations/parameters", [])], "/paths/~1v1~1images~1generations/parameters",
        "not in the contract language", "on each operation",
    ),
    "unknown-method": (
        [put("/paths/~1v1~1images~1generations/query", {"responses": {"200": {"description": "x"}}})],
        "/paths/~1v1~1images~1generations/query", "not in the contract language", "get, put, post",
    ),
    "parameter-in-a-cookie": (
        [put(f"{CREATE}/parameters/-", {"name": "k", "in": "cookie", "schema": {"type": "string"}})],
        f"{CREATE}/parameters/1", "nobody would read", "query, header",
    ),
    "parameter-without-schema": (
        [put(f"{CREATE}/parameters/-", {"name": "k", "in": "query", "content": {"application/json": {}}})],
        f"{CREATE}/parameters/1", "nobody would read", "a schema",
    ),
    # roles
    "unknown-role": (
        [put(f"{ASKED}/n/x-role", "cuont")], f"{IN_REQUEST}/properties/n/x-role", "unknown role 'cuont'", "count",
    ),
    "role-is-a-list": (
        [put(f"{ASKED}/n/x-role", ["count"])], f"{IN_REQUEST}/properties/n/x-role", "unknown role", "count",
    ),
    "role-is-null": ([put(f"{ASKED}/n/x-role", None)], f"{IN_REQUEST}/properties/n/x-role", "unknown role", "count"),
    "role-on-the-wrong-type": (
        [put(f"{ASKED}/seed", {"type": "boolean", "x-role": "seed"})], f"{IN_REQUEST}/properties/seed/x-role",
        "role 'seed' on the wrong type (boolean)", "integer or string",
    ),
    "role-on-the-wrong-type-of-an-alternative": (
        [put(f"{ASKED}/seed", {"type": "array", "anyOf": [{"x-role": "seed"}]})],
        f"{IN_REQUEST}/properties/seed/anyOf/0/x-role", "role 'seed' on the wrong type (array)", "integer or string",
    ),
    "role-in-a-parameter": (
        [put(f"{CREATE}/parameters/0/schema/x-role", "asynch")], f"{CREATE}/parameters/0/schema/x-role",
        "unknown role 'asynch'", "async",
    ),
    "role-in-a-header": (
        [put("/components/headers/RequestId/schema/x-role", "id")],
        f"{CREATE}/responses/200/headers/x-request-id/schema/x-role", "unknown role 'id'", "request-id",
    ),
    "role-nobody-reads": (
        [put(f"{ASKED}/seed", {"allOf": [{"type": "integer", "x-role": "seed"}]})],
        f"{IN_REQUEST}/properties/seed/allOf/0/x-role", "nobody would read", "outside allOf",
    ),
    # words
    "unknown-state": (
        [put(f"{STATUS}/x-states/QUEUED", "waiting")], f"{IN_STATUS}/x-states/QUEUED", "unknown state 'waiting'",
        "queued",
    ),
    "state-of-no-word": (
        [put(f"{STATUS}/x-states/QUEUD", "queued")], f"{IN_STATUS}/x-states/QUEUD", "'QUEUD' is not in the enum",
        "QUEUED",
    ),
    "status-without-states": ([drop(f"{STATUS}/x-states")], IN_STATUS, "'task-status' without x-states", "x-states"),
    "states-are-a-list": ([put(f"{STATUS}/x-states", ["QUEUED"])], f"{IN_STATUS}/x-states", "no mapping", "a mapping"),
    "word-stands-for-a-list": (
        [put(f"{ASKED}/quality/x-resolves/auto", ["low"])], f"{IN_REQUEST}/properties/quality/x-resolves/auto",
        "'auto' stands for a list", "a single value",
    ),
    "when-of-no-role": (
        [put(f"{USAGE}/x-when", {"modle": {"const": "x"}})], f"{IN_IMAGES}/properties/usage/x-when", "'modle'", "model",
    ),
    "when-of-a-response-role": (
        [put(f"{USAGE}/x-when", {"task-id": {"const": "x"}})], f"{IN_IMAGES}/properties/usage/x-when", "'task-id'",
        "model",
    ),
    "when-without-schema": (
        [put(f"{USAGE}/x-when", {"model": "dall-e-3"})], f"{IN_IMAGES}/properties/usage/x-when/model",
        '"dall-e-3" is not of types', "a JSON Schema",
    ),
    "when-with-a-typo": (
        [put(f"{USAGE}/x-when", {"model": {"patern": "x"}})], f"{IN_IMAGES}/properties/usage/x-when/model/patern",
        "keyword 'patern'", "pattern",
    ),
    # keywords and formats
    "unknown-keyword": (
        [put(f"{ASKED}/n/minimun", 1)], f"{IN_REQUEST}/properties/n/minimun", "keyword 'minimun'", "minimum",
    ),
    "keyword-not-in-the-language": (
        [put(f"{ASKED}/n/multipleOf", 1)], f"{IN_REQUEST}/properties/n/multipleOf", "keyword 'multipleOf'", "minimum",
    ),
    "malformed-keyword-in-a-request": (
        [put(f"{ASKED}/user/type", "strng")], "/properties/user/type", "'strng'", "OpenAPI 3.2",
    ),
    "malformed-keyword-in-a-header": (
        [put("/components/headers/RequestId/schema/minLength", -1)],
        f"{CREATE}/responses/200/headers/x-request-id/schema/minLength", "-1", "a JSON Schema",
    ),
    "malformed-properties": (
        [put("/components/headers/RequestId/schema/properties", "x")],
        f"{CREATE}/responses/200/headers/x-request-id/schema/properties", '"x"', "a JSON Schema",
    ),
    "unknown-format": (
        [put(f"{ASKED}/user/format", "email")], f"{IN_REQUEST}/properties/user/format", "unknown format 'email'", "uri",
    ),
    "boolean-schema": (
        [put(f"{ASKED}/seed", True)], f"{IN_REQUEST}/properties/seed", "a bool where a schema belongs", "a mapping",
    ),
    "boolean-items": (
        [put(f"{ASKED}/seeds", {"type": "array", "items": True})], f"{IN_REQUEST}/properties/seeds/items",
        "a bool where a schema belongs", "a mapping",
    ),
    "boolean-then": (
        [put(f"{REQUEST}/allOf", [{"if": {}, "then": False}])],
        f"{IN_REQUEST}/allOf/0/then", "a bool where a schema belongs", "a mapping",
    ),
    "order-of-no-property": (
        [put(f"{REQUEST}/x-order", ["modle"])], f"{IN_REQUEST}/x-order", "x-order is not understood", "model",
    ),
    "order-is-a-text": ([put(f"{REQUEST}/x-order", "model")], f"{IN_REQUEST}/x-order", "not understood", "a list"),
    "said-and-never-said": (
        [put(f"{ASKED}/seed", {"type": "integer", "x-said": {"as": 1, "never": "why"}})],
        f"{IN_REQUEST}/properties/seed/x-said", "not understood", "never",
    ),
    "contract-of-another-kind": ([put("/x-contract", "draft")], "/x-contract", "not understood", "proposed"),
    "late-without-a-state": (
        [put(f"{ASKED}/seed", {"type": "integer", "x-late": True})],
        f"{IN_REQUEST}/properties/seed/x-late", "where no state is", "task-status",
    ),
    "size-rule-of-nothing": (
        [put(f"{ASKED}/size/x-size-rule", {})], f"{IN_REQUEST}/properties/size/x-size-rule", "not understood",
        "max-edge",
    ),
    "size-rule-with-a-typo": (
        [put(f"{ASKED}/size/x-size-rule", {"max_edge": 9})], f"{IN_REQUEST}/properties/size/x-size-rule",
        "not understood", "max-edge",
    ),
    "size-rule-of-zero": (
        [put(f"{ASKED}/size/x-size-rule", {"multiple": 0})], f"{IN_REQUEST}/properties/size/x-size-rule",
        "not understood", "above 0",
    ),
    # problems
    "problem-instead-of-nothing": (
        [put("/x-problems/wrong-type/x-when", {"model": {"const": "x"}})], "/x-problems/wrong-type",
        "instead-of and x-when belong together", "which problem it replaces",
    ),
    "problem-instead-of-an-unknown-one": (
        [put("/x-problems/wrong-type/x-when", {"model": {"const": "x"}}),
         put("/x-problems/wrong-type/instead-of", "wrong-tpye")],
        "/x-problems/wrong-type/instead-of", "unknown problem 'wrong-tpye'", "wrong-type",
    ),
    "problem-when-of-no-role": (
        [put("/x-problems/wrong-type/x-when", {"modle": {"const": "x"}}),
         put("/x-problems/wrong-type/instead-of", "internal")],
        "/x-problems/wrong-type/x-when", "'modle'", "model",
    ),
    "no-problems": ([drop("/x-problems")], "/x-problems", "no x-problems", "a mapping"),
    "mandatory-problem": ([drop("/x-problems/internal")], "/x-problems", "'internal' is not described", "'internal'"),
    "problem-without-status": (
        [drop("/x-problems/wrong-type/status")], "/x-problems/wrong-type", "no status", "HTTP status",
    ),
    "problem-with-a-text-as-status": (
        [put("/x-problems/wrong-type/status", "400")], "/x-problems/wrong-type", "no status", "as an integer",
    ),
    "problem-with-an-unknown-field": (
        [put("/x-problems/wrong-type/mesage", "x")], "/x-problems/wrong-type/mesage", "unknown field 'mesage'",
        "message",
    ),
    "problem-with-an-undocumented-status": (
        [put("/x-problems/wrong-type/status", 418)], "/x-problems/wrong-type", "status 418 is documented nowhere",
        "`response:`",
    ),
    "problem-with-no-such-response": (
        [put("/x-problems/unknown-route/response", "Nothing")], "/x-problems/unknown-route/response",
        "#/components/responses/Nothing names nothing", "a part of this document",
    ),
    "x-problem-unknown": (
        [put(f"{ASKED}/prompt/x-problem", "bad-promt")], f"{IN_REQUEST}/properties/prompt/x-problem",
        "unknown problem 'bad-promt'", "bad-size",
    ),
    "x-problem-map-unknown": (
        [put(f"{ASKED}/prompt/x-problem", {"minLength": "bad-promt"})], f"{IN_REQUEST}/properties/prompt/x-problem",
        "unknown problem 'bad-promt'", "bad-size",
    ),
    "x-problem-of-no-keyword": (
        [put(f"{ASKED}/prompt/x-problem", {"minlength": "too-short"})], f"{IN_REQUEST}/properties/prompt/x-problem",
        "unknown keyword 'minlength'", "keyword",
    ),
    "x-problem-is-a-list": (
        [put(f"{ASKED}/prompt/x-problem", ["too-short"])], f"{IN_REQUEST}/properties/prompt/x-problem",
        "unknown problem", "too-short",
    ),
    # links
    "link-to-no-operation": (
        [put(f"{LINK}/operationId", "getTask")], f"{CREATE}/responses", "there is no operation 'getTask'",
        "getImageTask",
    ),
    "link-by-reference": (
        [drop(f"{LINK}/operationId"), put(f"{LINK}/operationRef", f"#{TASK}")], LINK, "no operationId", "operationId",
    ),
    "link-with-no-such-parameter": (
        [put(f"{LINK}/parameters", {"id": "$response.body#/task_id"})], f"{CREATE}/responses", "'id'", "task_id",
    ),
    "link-from-no-property": (
        [put(f"{LINK}/parameters", {"task_id": "$response.body#/id"})], f"{CREATE}/responses",
        "/id, which no answer has", "a property of the answer",
    ),
    "link-from-inside-no-property": (
        [put(f"{LINK}/parameters", {"task_id": "$response.body#/task_id/0"})], f"{CREATE}/responses",
        "/task_id/0, which no answer has", "a property of the answer",
    ),
    "link-with-another-expression": (
        [put(f"{LINK}/parameters", {"task_id": "$request.body#/task_id"})], f"{LINK}/parameters/task_id",
        "is not understood", "$response.body#/",
    ),
}
# fmt: on


@pytest.mark.parametrize(("edits", "location", "problem", "expected"), BROKEN.values(), ids=BROKEN)
def test_broken_document_is_refused(edits: list[Edit], location: str, problem: str, expected: str) -> None:
    error = refusal(edited(*edits))
    assert (error.file, error.location) == ("images.yaml", location)
    assert problem in error.problem
    assert expected in error.expected
    for part in ("images.yaml", location or "/", error.problem, error.expected):
        assert part in str(error)


def test_without_the_defect_the_document_is_whole() -> None:
    assert [operation.id for operation in parse_contract(edited(), "images.yaml", "images").operations] == [
        "createImage",
        "getImageTask",
    ]


def parts(node: Any) -> list[tuple[Any, Any]]:
    """Every part of a document as (what it is in, its key)."""
    found: list[tuple[Any, Any]] = []
    for key, inner in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        found += [(node, key), *parts(inner)]
    return found


EXAMPLE_DOCUMENT = load_yaml(EXAMPLE, "README.md")


@settings(max_examples=25, deadline=None)
@given(
    place=st.integers(0, len(parts(EXAMPLE_DOCUMENT)) - 1),
    value=st.sampled_from(
        [..., None, True, 5, -1, "text", "", [], ["text"], [None], {}, {"x-role": "model"}, {"x": []}]
    ),
)
def test_any_document_is_loaded_or_refused_but_never_crashes(place: int, value: Any) -> None:
    document = load_yaml(EXAMPLE, "README.md")
    whole, key = parts(document)[place]
    if value is ...:
        del whole[key]
    else:
        whole[key] = value
    try:
        contract = parse_contract(document, "README.md", "small")
    except SpecError:
        return
    for operation in contract.operations:
        RequestCheck(contract, operation)
        for schema in (*operation.body.values(), *operation.success.content.values()):
            Reader(schema)
            Writer(schema)


# --- README.md --------------------------------------------------------------------------------------


def rows(heading: str, first: str) -> dict[str, str]:
    """The first two columns of the tables of one section whose first column is called `first`."""
    section = README.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    table: dict[str, str] = {}
    here = False
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        here = bool(cells) and (here or cells[0] == first)
        if here and cells[0] != first and not cells[0].startswith("---"):
            table[cells[0].strip("`")] = cells[1].strip("`")
    return table


def words(heading: str) -> set[str]:
    """Everything in backticks in one section, code blocks aside."""
    section = README.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return set(re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", section, flags=re.DOTALL)))


def test_readme_has_every_role_with_its_types() -> None:
    assert rows("Roles", "role") == {
        role: ", ".join(sorted(types)) for role, types in {**REQUEST_ROLES, **RESPONSE_ROLES}.items()
    }


def test_readme_has_every_format() -> None:
    assert set(rows("Units", "format")) == FORMATS


def test_readme_has_every_state() -> None:
    assert set(STATES) <= words("States and words")


def test_readme_has_every_keyword_s_problem() -> None:
    assert rows("Problems", "keyword") == KEYWORD_PROBLEMS
    assert {name for name, required in PROBLEMS.items() if required} <= words("Problems")


def test_readme_has_every_keyword() -> None:
    named = {
        word
        for line in README.split("\n## JSON Schema keywords\n")[1].splitlines()
        if line.startswith(("- what", "- combined", "- notes", "- ours", "  `"))
        for word in re.findall(r"`([^`]+)`", line)
    }
    assert named == KEYWORDS


def test_readme_explains_every_extension() -> None:
    explained = {*re.findall(r"\*\*`(x-[a-z-]+)`\*\*", README)}
    assert explained | {"x-role"} >= EXTENSIONS
    assert set(SIZE_RULE_FIELDS) <= words("The other words")


def test_readme_s_yaml_is_yaml() -> None:
    for block in YAML_BLOCKS:
        load_yaml(block.replace("{...}", "{}"), "README.md")


def test_readme_s_task_is_what_is_written() -> None:
    shown = load_yaml(re.findall(r"```json\n(.*?)```", README, re.DOTALL)[0], "README.md")
    schema = SMALL.operation("fetchTask").success.content["application/json"]
    said = {
        "task-id": "1730621718151844",
        "task-status": "queued",
        "task-progress": 0,
        "task-submitted": 1730621718.151,
    }
    assert Writer(schema).write(Values(said), {}) == shown


@pytest.mark.parametrize(
    ("said", "there"),
    [
        (
            {"task-status": "queued", "task-progress": 0, "task-submitted": 1.5, "caller-tag": "mine"},
            {"status": "NOT_START", "progress": "0%", "submitTime": 1500, "state": "mine", "imageUrl": None},
        ),
        (
            {
                "task-status": "succeeded",
                "task-progress": 100,
                "task-finished": 9.25,
                "image-url": "https://cdn.example/a.png",
            },
            {"status": "SUCCESS", "progress": "100%", "finishTime": 9250, "imageUrl": "https://cdn.example/a.png"},
        ),
        (
            {"task-status": "failed", "task-failure": "[Invalid parameter]"},
            {"status": "FAILURE", "progress": "", "failReason": "[Invalid parameter]", "imageUrl": None},
        ),
    ],
    ids=["queued", "succeeded", "failed"],
)
def test_readme_s_example_writes_and_reads_tasks(said: dict[str, Any], there: Mapping[str, Any]) -> None:
    fetch = SMALL.operation("fetchTask")
    schema = fetch.success.content["application/json"]
    value = Writer(schema).write(Values({"task-id": "17", **said}), {})
    assert value == {**value, "id": "17", **there}
    assert list(ResponseCheck(fetch).schema_violations(schema, value)) == []
    meanings = {meaning.role: meaning.value for meaning in Reader(schema).read(value) if meaning.value != ""}
    assert meanings == {"task-id": "17", **said}
