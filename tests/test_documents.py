"""Vendor documents: what is found in the two pages, that good documents are left alone, that no file is a crash."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.console import Console

from contract_tests.documents.defects import LEVELS, Defect, catalogue, known_operation, subjects_of
from contract_tests.documents.document import DocumentedOperation, DocumentUnreadable, Text
from contract_tests.documents.json_text import Place
from contract_tests.documents.lint import lint, render
from contract_tests.documents.reading import SHAPES, read_document
from spec.documents import shipped
from spec.loading import load_contracts

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "fixtures" / "documents"
CHAT_BP = FOLDER / "chat-bp-images-generations.txt"
ZHONGZHUAN = FOLDER / "zhongzhuan-create-edit-image.txt"
CONTRACTS = load_contracts(("images",))

IN_CHAT_BP = {
    "async-curl-shown-as-default": 1,
    "async-flag-wording-ambiguous": 1,
    "async-param-typed-string": 1,
    "async-response-undocumented": 1,
    "authorization-template-default": 2,
    "curl-location-with-explicit-post": 1,
    "doc-stale-for-gpt-image": 1,
    "empty-object-example": 2,
    "get-post-labels-inconsistent": 1,
    "help-center-instead-of-errors": 1,
    "image-through-chat-page": 1,
    "menu-typo-generte": 1,
    "model-free-string": 1,
    "n-and-size-required": 1,
    "n-integer-no-bounds": 1,
    "n-required-dalle3-only-one": 1,
    "no-response-format-documented": 1,
    "only-200-documented": 1,
    "operation-ids-missing": 1,
    "optional-fields-missing-dalle3": 1,
    "page-titles-alike": 1,
    "poll-endpoint-per-family": 1,
    "poll-page-listed-not-linked": 1,
    "prompt-length-undocumented": 1,
    "reserved-header-parameters": 1,
    "response-headers-undeclared": 1,
    "same-model-two-protocols": 1,
    "server-url-missing": 1,
    "size-required-dalle3-only-sample": 1,
}
IN_ZHONGZHUAN = {
    "accept-header-required": 1,
    "authorization-optional": 1,
    "chat-example-200": 1,
    "chat-shaped-200": 1,
    "chat-usage-on-images": 1,
    "choices-without-required-members": 1,
    "content-type-vs-mediatype-empty": 1,
    "default-on-required-field": 1,
    "endpoint-description-from-completions": 2,
    "examples-are-strings": 1,
    "exporter-internals-published": 1,
    "grok-model-not-in-prose": 1,
    "image-field-undocumented": 1,
    "image-url-third-party-host": 1,
    "logprobs-promised-not-modelled": 1,
    "model-missing-from-schema": 1,
    "n-and-size-required": 1,
    "n-range-claim-no-bounds": 1,
    "no-host-no-server": 1,
    "no-response-format-documented": 1,
    "object-string-unconstrained": 1,
    "official-doc-link-mismatch": 1,
    "one-page-two-operations": 1,
    "only-200-documented": 1,
    "operation-ids-missing": 1,
    "placeholder-prompt-example": 1,
    "prompt-limit-1000": 1,
    "request-body-not-required": 1,
    "request-mediatype-empty": 1,
    "reserved-header-parameters": 1,
    "response-headers-undeclared": 1,
    "response-name-ok-desc-empty": 1,
    "size-example-vs-model": 1,
    "size-newlines-in-description": 1,
    "size-text-not-enum": 1,
    "stale-fixed-created": 1,
    "title-says-edit-path-says-generate": 1,
    "trailing-comma-example": 1,
}

# What a finding points at, by fixture and rule: the start of the text at its line and column.
POINTS_AT = [
    (CHAT_BP, "empty-object-example", ["object\xa0{0}", "{}"]),
    (CHAT_BP, "async-response-undocumented", ["async"]),
    (CHAT_BP, "async-param-typed-string", ["true"]),
    (CHAT_BP, "authorization-template-default", ["{{Authorization}}", "--header 'Authorization;'"]),
    (CHAT_BP, "async-flag-wording-ambiguous", ["在接口末尾加 async 标记"]),
    (CHAT_BP, "n-and-size-required", ["必需"]),
    (CHAT_BP, "poll-page-listed-not-linked", ["异步任务查询"]),
    (CHAT_BP, "menu-typo-generte", ["generte(参考图片)"]),
    (CHAT_BP, "image-through-chat-page", ["gpt-4-all(生成图片)"]),
    (CHAT_BP, "doc-stale-for-gpt-image", ["修改于"]),
    (CHAT_BP, "same-model-two-protocols", ["Replicate格式"]),
    (CHAT_BP, "page-titles-alike", ["图像生成"]),
    (CHAT_BP, "help-center-instead-of-errors", ["常见问题及解决办法"]),
    (CHAT_BP, "server-url-missing", ["/v1/images/generations?async=true'"]),
    (CHAT_BP, "curl-location-with-explicit-post", ["--request POST"]),
    (CHAT_BP, "prompt-length-undocumented", ["prompt"]),
    (CHAT_BP, "model-free-string", ["model"]),
    (CHAT_BP, "only-200-documented", ["🟢200成功"]),
    (ZHONGZHUAN, "chat-shaped-200", ['"choices": { "type": "array"']),
    (ZHONGZHUAN, "chat-example-200", [r"\"object\": \"chat.completion\""]),
    (ZHONGZHUAN, "chat-usage-on-images", ['"prompt_tokens": {']),
    (ZHONGZHUAN, "trailing-comma-example", [r",\n }"]),
    (ZHONGZHUAN, "model-missing-from-schema", [r"\"model\": \"grok-3-image\""]),
    (ZHONGZHUAN, "image-field-undocumented", [r"\"image\": \"https://lsky"]),
    (ZHONGZHUAN, "request-body-not-required", ['"required": false, "mediaType"']),
    (ZHONGZHUAN, "authorization-optional", ['"required": false, "enable": true']),
    (ZHONGZHUAN, "endpoint-description-from-completions", ["输入一段提示后", "按照所给的提示和参数生成一条补全"]),
    (ZHONGZHUAN, "title-says-edit-path-says-generate", ["创建/编辑 image"]),
    (ZHONGZHUAN, "prompt-limit-1000", ['"description": "用文字说明想要的画面,不得超过 1000 个字符。"']),
    (ZHONGZHUAN, "n-and-size-required", ['"n", "size" ]']),
    (ZHONGZHUAN, "accept-header-required", ['"required": true']),
    (ZHONGZHUAN, "stale-fixed-created", [r"\"created\": 1677652288"]),
    (ZHONGZHUAN, "official-doc-link-mismatch", ["https://platform.openai.com/docs/api-reference/images/create"]),
    (ZHONGZHUAN, "placeholder-prompt-example", [r"\"prompt\": \"Change Z to X\""]),
    (ZHONGZHUAN, "response-name-ok-desc-empty", ['"description": ""']),
    (ZHONGZHUAN, "content-type-vs-mediatype-empty", ['"mediaType": ""']),
    (ZHONGZHUAN, "exporter-internals-published", ["| Module | 2102810 |"]),
]


@pytest.mark.parametrize(
    ("page", "wanted"), [(CHAT_BP, IN_CHAT_BP), (ZHONGZHUAN, IN_ZHONGZHUAN)], ids=["chat-bp", "zhongzhuan"]
)
def test_exactly_the_known_defects_are_found(page: Path, wanted: dict[str, int]) -> None:
    assert Counter(defect.rule for defect in lint(page, CONTRACTS)) == wanted


@pytest.mark.parametrize(("page", "rule", "texts"), POINTS_AT, ids=[rule for _, rule, _ in POINTS_AT])
def test_a_finding_points_at_the_thing(page: Path, rule: str, texts: list[str]) -> None:
    lines = page.read_text("utf-8").split("\n")
    found = [defect.where for defect in lint(page, CONTRACTS) if defect.rule == rule]
    shown = [lines[where.line - 1][where.column - 1 :] for where in found]
    assert len(shown) == len(texts)
    assert all(text.startswith(start) for text, start in zip(shown, texts, strict=True)), shown


@pytest.mark.parametrize("page", [ZHONGZHUAN], ids=["zhongzhuan"])
def test_a_pointer_leads_to_a_value_in_the_json_of_its_line(page: Path) -> None:
    lines = page.read_text("utf-8").split("\n")
    pointers = [defect.where for defect in lint(page, CONTRACTS) if defect.where.pointer]
    assert len(pointers) > 20
    for where in pointers:
        value = json.loads(lines[where.line - 1])
        for segment in where.pointer.split("/")[1:]:
            value = value[int(segment)] if isinstance(value, list) else value[segment]


def test_the_menu_is_read_as_a_tree() -> None:
    menu = read_document(CHAT_BP).menu
    assert len(menu) == 76
    task = next(entry for entry in menu if entry.title == "异步任务查询")
    assert (task.above, task.method, task.leaf) == (("OpenAI通用接口", "图像接口(Images)"), "GET", True)


# --- a good document, and one change at a time ------------------------------------------------------------------------

ANSWER = {
    "type": "object",
    "required": ["created", "data"],
    "properties": {
        "created": {"type": "integer"},
        "data": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"url": {"type": "string"}, "b64_json": {"type": "string"}},
                "anyOf": [{"required": ["url"]}, {"required": ["b64_json"]}],
            },
        },
    },
}
REFUSAL = {"type": "object", "required": ["error"], "properties": {"error": {"type": "object"}}}


def field(kind: str, description: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "description": description, **more}


def good_openapi() -> dict[str, Any]:
    request = {
        "type": "object",
        "required": ["model", "prompt"],
        "properties": {
            "model": field("string", "The model.", enum=["gpt-image-1", "gpt-image-2"]),
            "prompt": field("string", "What to draw.", maxLength=32000),
            "n": field("integer", "How many pictures.", minimum=1, maximum=10, default=1),
            "size": field("string", "The size.", enum=["1024x1024", "1024x1536", "auto"]),
            "quality": field("string", "The quality.", enum=["low", "medium", "high", "auto"]),
            "background": field("string", "The background.", enum=["transparent", "opaque", "auto"]),
            "output_format": field("string", "The format.", enum=["png", "webp", "jpeg"]),
            "output_compression": field("integer", "The compression.", minimum=0, maximum=100),
            "stream": field("boolean", "Whether to stream."),
            "partial_images": field("integer", "Pictures on the way.", minimum=0, maximum=3),
            "safety_identifier": field("string", "Who asks."),
        },
    }
    headers = {"x-request-id": {"schema": {"type": "string"}}}
    shown = {"created": 1781048048, "data": [{"b64_json": "iVBORw0KGgo="}]}
    asked = {"model": "gpt-image-1", "prompt": "A lighthouse built of books", "size": "1024x1536"}
    operation = {
        "operationId": "createImage",
        "summary": "Create images",
        "description": "Draws pictures from a prompt; several at once if wanted. Needs a bearer key.",
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": request, "example": asked}},
        },
        "responses": {
            "200": {
                "description": "The pictures.",
                "headers": headers,
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Answer"}, "example": shown}},
            },
            "400": {"description": "Refused.", "content": {"application/json": {"schema": copy.deepcopy(REFUSAL)}}},
        },
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Pictures", "version": "1"},
        "servers": [{"url": "https://pictures.example/v1"}],
        "security": [{"bearer": []}],
        "paths": {"/images/generations": {"post": operation}},
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Answer": copy.deepcopy(ANSWER)},
        },
    }


GOOD_PAGE = """好的网关
  • 图像接口
    • 图像生成
      POST
    • 图像编辑
      POST
  • 如何开始

图像生成

POST
https://pictures.example/v1/images/generations
按文字描述画图,完成后返回图片。

请求参数

Header 参数
X-Caller
string
可选
示例值:
me
Body 参数application/json
model
enum<string>
模型
必需
枚举值:
gpt-image-1
gpt-image-2
prompt
string
画面描述
必需
<= 32000 字符
n
integer
张数
可选
>= 1
<= 10
默认值:
1
size
enum<string>
可选
枚举值:
1024x1024
1024x1536
示例
{
  "model": "gpt-image-1",
  "prompt": "A lighthouse built of books",
  "size": "1024x1536"
}

示例代码

Shell
curl 'https://pictures.example/v1/images/generations' \\
-H 'Authorization: Bearer YOUR_API_KEY' \\
-d '{"model": "gpt-image-1", "prompt": "A lighthouse built of books"}'

返回响应

🟢200成功
application/json
Body
object {2}
created
integer
必需
data
array [object {1}]
必需
b64_json
string
必需
示例
{"created": 1781048048, "data": [{"b64_json": "iVBORw0KGgo="}]}
🟠400请求有误
application/json
Body
object {1}
error
object {2}
必需
message
string
必需
code
string
修改于 2026-02-03 04:05:06
"""


def good_export() -> str:
    document = good_openapi()
    operation = document["paths"]["/images/generations"]["post"]
    content = operation["requestBody"]["content"]["application/json"]
    parameters: dict[str, Any] = {"query": [], "path": [], "cookie": [], "header": []}
    body = {
        "type": "application/json",
        "jsonSchema": content["schema"],
        "required": True,
        "examples": [{"value": json.dumps(content["example"], indent=1)}],
    }
    answers = [
        {"id": 1, "code": 200, "contentType": "application/json", "jsonSchema": ANSWER, "description": "图片"},
        {"id": 2, "code": 400, "contentType": "application/json", "jsonSchema": REFUSAL, "description": "拒绝"},
    ]
    shown = operation["responses"]["200"]["content"]["application/json"]["example"]
    samples = [{"responseId": 1, "data": json.dumps(shown)}]
    sections = {"参数": parameters, "请求体": body, "响应": answers, "响应示例": samples}
    head = "图像生成\n# POST https://pictures.example/v1/images/generations\n## 说明\n按描述画图。需要 Bearer 密钥。\n"
    return head + "".join(f"## {name}\n{json.dumps(value, ensure_ascii=False)}\n" for name, value in sections.items())


def linted(folder: Path, text: str, name: str = "page.txt") -> list[Defect]:
    path = folder / name
    path.write_text(text, "utf-8")
    return lint(path, CONTRACTS)


def rules(defects: list[Defect]) -> set[str]:
    return {defect.rule for defect in defects}


@pytest.mark.parametrize("written", [yaml.safe_dump, json.dumps, lambda document: json.dumps(document, indent=2)])
def test_a_good_openapi_document_is_left_alone(tmp_path: Path, written: Callable[[Any], str]) -> None:
    assert linted(tmp_path, written(good_openapi()), "api.yaml") == []


def test_a_good_page_has_nothing_worth_a_warning(tmp_path: Path) -> None:
    found = linted(tmp_path, GOOD_PAGE)
    assert rules(found) == {"operation-ids-missing", "optional-fields-missing-dalle3", "response-headers-undeclared"}
    assert {defect.level for defect in found} == {"note"}


def test_a_good_export_has_nothing_worth_a_warning(tmp_path: Path) -> None:
    found = linted(tmp_path, good_export())
    assert rules(found) == {"examples-are-strings", "operation-ids-missing", "response-headers-undeclared"}
    assert {defect.level for defect in found} == {"note"}


@pytest.mark.parametrize("family", shipped())
def test_a_contract_itself_is_a_good_document(family: str) -> None:
    found = lint(ROOT / "spec" / f"{family}.yaml", load_contracts((family,)))
    worse = [defect for defect in found if defect.level != "note" and defect.rule != "no-host-no-server"]
    assert worse == []


@pytest.mark.parametrize(
    ("method", "path", "known"),
    [
        ("post", "/v1beta/models/{model}:generateContent", "generateContent"),
        ("post", "/v1beta/models/{{any}}:streamGenerateContent", "streamGenerateContent"),
        ("post", "/v1beta/models/gemini-2.5-flash-image:generateContent", "generateContent"),
        ("get", "/v1/models/dall-e-3", "getModel"),
        ("get", "/v1/models/:name", "getModel"),
        ("get", "/v1/models/", "listModels"),
        ("get", "/v1/models/dall-e-3/more", None),
        ("post", "/v1beta/models/gemini-2.5-flash-image", None),
    ],
)
def test_a_path_is_known_with_a_value_in_it(method: str, path: str, known: str | None) -> None:
    documented = DocumentedOperation(method, path, Place(1), Text("", Place(1)))
    found = known_operation(documented, load_contracts(("images", "gemini")))
    assert (found[1].id if found else None) == known


def test_keywords_beside_a_reference_hold_together_with_it(tmp_path: Path) -> None:
    document = good_openapi()
    schemas = document["components"]["schemas"]
    schemas["Base"] = {
        "type": "object",
        "required": ["model"],
        "properties": request_of(document)["schema"].pop("properties"),
    }
    schemas["Named"] = {"$ref": "#/components/schemas/Base", "required": ["prompt"]}
    schemas["Model"] = schemas["Base"]["properties"]["model"]
    schemas["Base"]["properties"]["model"] = {"$ref": "#/components/schemas/Model", "enum": ["gpt-image-1", "dall-e-2"]}
    request_of(document)["schema"] = {"$ref": "#/components/schemas/Named", "description": "What to draw."}
    path = tmp_path / "api.json"
    path.write_text(json.dumps(document, indent=1), "utf-8")
    assert rules(lint(path, CONTRACTS)) == set()
    (subject,) = subjects_of(read_document(path), CONTRACTS)
    model, prompt = subject.fields["model"], subject.fields["prompt"]
    assert (model.required, prompt.required, model.listed) == (True, True, ["gpt-image-1"])
    line = path.read_text("utf-8").splitlines()[prompt.required_place.line - 1]
    assert line.strip() == '"prompt"'


def test_the_shapes_agree_on_the_same_api(tmp_path: Path) -> None:
    texts = {"api.yaml": yaml.safe_dump(good_openapi()), "export.txt": good_export(), "page.txt": GOOD_PAGE}
    for name, text in texts.items():
        (tmp_path / name).write_text(text, "utf-8")
    documents = [read_document(tmp_path / name) for name in texts]
    assert [document.shape for document in documents] == ["OpenAPI", "Apifox export", "Apifox page text"]
    for document in documents:
        (operation,) = document.operations
        assert operation.label == "POST /v1/images/generations"
        assert operation.body is not None
        assert operation.body.schema is not None
        model = operation.body.schema.value["properties"]["model"]
        assert (model["type"], model["enum"]) == ("string", ["gpt-image-1", "gpt-image-2"])
        assert set(operation.body.schema.value["required"]) == {"model", "prompt"}
        assert operation.body.examples[0].value["size"] == "1024x1536"
        assert [response.status for response in operation.responses] == ["200", "400"]
        answer = operation.responses[0]
        assert answer.schema is not None
        assert answer.schema.value["properties"]["data"]["items"]["properties"]["b64_json"]["type"] == "string"
        assert answer.examples[0].value["created"] == 1781048048
        assert [server.text.removesuffix("/v1") for server in document.servers] == ["https://pictures.example"]


Change = Callable[[dict[str, Any]], object]


def operation_of(document: dict[str, Any]) -> Any:
    return document["paths"]["/images/generations"]["post"]


def request_of(document: dict[str, Any]) -> Any:
    return operation_of(document)["requestBody"]["content"]["application/json"]


def answer_of(document: dict[str, Any]) -> Any:
    return operation_of(document)["responses"]["200"]["content"]["application/json"]


def async_parameter(**schema: Any) -> dict[str, Any]:
    return {"parameters": [{"name": "async", "in": "query", "schema": schema}]}


def replace_answer(document: dict[str, Any], schema: dict[str, Any]) -> None:
    answer_of(document).clear()
    answer_of(document)["schema"] = schema


def curl(text: str) -> dict[str, Any]:
    return {"x-codeSamples": [{"lang": "Shell", "source": text}]}


CHANGES: list[tuple[str, set[str], Change]] = [
    ("security optional", {"authorization-optional"}, lambda d: d["security"].append({})),
    ("no security", {"authorization-undocumented"}, lambda d: d.pop("security")),
    (
        "no server",
        {"no-host-no-server"},
        lambda d: (
            d["servers"].clear() or d["paths"].update({"/v1/images/generations": d["paths"].pop("/images/generations")})
        ),
    ),
    (
        "another path",
        {"no-known-operation"},
        lambda d: d["paths"].update({"/pictures": d["paths"].pop("/images/generations")}),
    ),
    ("a second operation", {"operation-not-in-contract"}, lambda d: d["paths"].update({"/pets": {"get": {}}})),
    ("no request body", {"request-body-undocumented"}, lambda d: operation_of(d).pop("requestBody")),
    ("body optional", {"request-body-not-required"}, lambda d: operation_of(d)["requestBody"].pop("required")),
    (
        "no prompt",
        {"required-field-undocumented", "example-field-undocumented"},
        lambda d: request_of(d)["schema"]["properties"].pop("prompt"),
    ),
    ("prompt optional", {"required-field-optional"}, lambda d: request_of(d)["schema"].update(required=["model"])),
    ("size required", {"n-and-size-required"}, lambda d: request_of(d)["schema"]["required"].append("size")),
    (
        "a default on a required field",
        {"n-and-size-required", "default-on-required-field"},
        lambda d: (request_of(d)["schema"]["required"].append("n"), request_of(d)["example"].update(n=2)),
    ),
    ("no model", {"model-missing-from-schema"}, lambda d: request_of(d)["schema"]["properties"].pop("model")),
    (
        "a field in the example only",
        {"example-field-undocumented"},
        lambda d: request_of(d)["example"].update(moderation="low"),
    ),
    (
        "a picture in the example only",
        {"image-field-undocumented"},
        lambda d: request_of(d)["example"].update(image="data:image/png;base64,iVBORw0KGgo="),
    ),
    (
        "a picture of somebody",
        {"image-field-undocumented", "image-url-third-party-host"},
        lambda d: request_of(d)["example"].update(image="https://somebody.org/cat.png"),
    ),
    (
        "a refused example",
        {"request-example-refused"},
        lambda d: request_of(d)["example"].update(output_compression=50),
    ),
    (
        "an example against its schema",
        {"example-breaks-own-schema"},
        lambda d: request_of(d)["schema"]["properties"]["size"].update(enum=["auto"]),
    ),
    (
        "a size the model refuses",
        {"size-example-vs-model"},
        lambda d: (
            request_of(d)["example"].update(size="300x300"),
            request_of(d)["schema"]["properties"]["size"].update(enum=["auto", "300x300"]),
        ),
    ),
    (
        "a flat limit",
        {"prompt-limit-1000"},
        lambda d: request_of(d)["schema"]["properties"]["prompt"].update(maxLength=4000),
    ),
    ("a placeholder", {"placeholder-prompt-example"}, lambda d: request_of(d)["example"].update(prompt="{{prompt}}")),
    (
        "a stream asked for",
        {"doc-example-stream-true-json-answer"},
        lambda d: request_of(d)["example"].update(stream=True),
    ),
    (
        "links from a base64 model",
        {"doc-example-url-for-gpt-image-1"},
        lambda d: answer_of(d)["example"].update(data=[{"url": "https://cdn.example/a.png"}]),
    ),
    (
        "a broken answer",
        {"response-example-breaks-contract", "example-breaks-own-schema"},
        lambda d: answer_of(d)["example"].pop("created"),
    ),
    ("an old moment", {"stale-fixed-created"}, lambda d: answer_of(d)["example"].update(created=1589478378)),
    (
        "an answer without pictures",
        {"no-picture-in-200", "no-response-format-documented"},
        lambda d: replace_answer(d, {"type": "object", "properties": {"ok": {"type": "boolean"}}}),
    ),
    (
        "an answer of nothing",
        {"empty-object-example", "no-response-format-documented"},
        lambda d: replace_answer(d, {"type": "object"}),
    ),
    (
        "an answer left out",
        {"success-undocumented", "no-response-format-documented"},
        lambda d: operation_of(d)["responses"]["200"].pop("content"),
    ),
    (
        "an example stored as text",
        {"examples-are-strings"},
        lambda d: request_of(d).update(example=json.dumps(request_of(d)["example"])),
    ),
    ("an example that is no JSON", {"example-not-json"}, lambda d: answer_of(d).update(example="{created: now}")),
    (
        "an unconstrained word",
        {"object-string-unconstrained"},
        lambda d: d["components"]["schemas"]["Answer"]["properties"].update(object={"type": "string"}),
    ),
    ("no refusal", {"only-200-documented"}, lambda d: operation_of(d)["responses"].pop("400")),
    (
        "a task nobody can fetch",
        {"async-response-undocumented", "poll-page-listed-not-linked"},
        lambda d: operation_of(d).update(async_parameter(type="boolean")),
    ),
    (
        "a switch of any text",
        {"async-param-typed-string", "async-response-undocumented", "poll-page-listed-not-linked"},
        lambda d: operation_of(d).update(async_parameter(type="string")),
    ),
    (
        "an empty key in a call",
        {"authorization-template-default"},
        lambda d: operation_of(d).update(curl("curl -H 'Authorization:' https://pictures.example")),
    ),
    (
        "a call that pays twice",
        {"curl-location-with-explicit-post"},
        lambda d: operation_of(d).update(curl("curl -L -X POST https://pictures.example")),
    ),
    (
        "a completion's description",
        {"endpoint-description-from-completions"},
        lambda d: operation_of(d).update(description="Creates a completion for the prompt."),
    ),
    (
        "an edit's title",
        {"title-says-edit-path-says-generate", "one-page-two-operations"},
        lambda d: operation_of(d).update(summary="Create and edit images"),
    ),
    (
        "a key somebody pays for",
        {"key-published"},
        lambda d: operation_of(d).update(description="Draws with sk-proj-9fX2mQ7vLw3Zt8Kc5RbN."),
    ),
    ("no id", {"operation-ids-missing"}, lambda d: operation_of(d).pop("operationId")),
]


@pytest.mark.parametrize(("wanted", "change"), [change[1:] for change in CHANGES], ids=[name for name, _, _ in CHANGES])
def test_one_change_to_a_good_document_is_exactly_one_cause(tmp_path: Path, wanted: set[str], change: Change) -> None:
    document = good_openapi()
    change(document)
    assert rules(linted(tmp_path, yaml.safe_dump(document), "api.yaml")) == wanted


def test_the_page_about_documents_counts_right() -> None:
    told = (ROOT / "docs" / "documents.md").read_text("utf-8")
    missed = re.findall(r"^\| `([a-z-]+)` \| The |^\| `([a-z-]+)` \| (?:So|Two)", told, re.MULTILINE)
    assert f"{len(IN_CHAT_BP) + len(IN_ZHONGZHUAN)} are found" in told
    assert len(IN_CHAT_BP) + len(IN_ZHONGZHUAN) + len(missed) == 71


def test_every_rule_is_seen_to_fire_and_says_what_is_right() -> None:
    fired = {*IN_CHAT_BP, *IN_ZHONGZHUAN, *(rule for _, wanted, _ in CHANGES for rule in wanted)}
    assert fired == set(catalogue())
    for rule in catalogue().values():
        assert rule.level in LEVELS
        assert rule.description.endswith(".")
        assert len(rule.description) > 20


# --- words that must not cry wolf -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "prose",
    [
        "图像生成完成后返回链接。",
        "任务创建完成后,请轮询任务接口。",
        "可补全画面中缺失的部分。",
        "After completion the webhook is called.",
        "For chat use /v1/chat/completions instead.",
        "Each picture costs 100 tokens; there is no edit mode.",
    ],
)
def test_honest_prose_is_left_alone(tmp_path: Path, prose: str) -> None:
    document = good_openapi()
    operation_of(document)["description"] = prose
    assert linted(tmp_path, yaml.safe_dump(document, allow_unicode=True), "api.yaml") == []


def test_alternatives_and_nullable_fields_count_as_declared(tmp_path: Path) -> None:
    document = good_openapi()
    properties = request_of(document)["schema"]["properties"]
    properties["n"] = {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 10}, {"type": "null"}]}
    properties["model"] = {"anyOf": [{"type": "string"}, {"type": "string", "enum": ["gpt-image-1", "gpt-image-2"]}]}
    properties["prompt"]["description"] = "At most 32000 characters."
    del properties["prompt"]["maxLength"]
    assert linted(tmp_path, yaml.safe_dump(document), "api.yaml") == []


def test_an_example_may_stand_in_a_schema(tmp_path: Path) -> None:
    document = good_openapi()
    document["components"]["schemas"]["Answer"]["example"] = {"data": [{"url": "https://cdn.example/a.png"}]}
    del answer_of(document)["example"]
    found = linted(tmp_path, yaml.safe_dump(document), "api.yaml")
    assert "example-breaks-own-schema" in rules(found)


def test_an_answer_of_several_media_types_is_one_status(tmp_path: Path) -> None:
    document = good_openapi()
    operation_of(document)["responses"].pop("400")
    operation_of(document)["responses"]["200"]["content"]["text/event-stream"] = {"schema": {"type": "string"}}
    (found,) = linted(tmp_path, yaml.safe_dump(document), "api.yaml")
    assert (found.rule, found.received) == ("only-200-documented", "200")


def test_the_json_of_an_export_may_be_indented(tmp_path: Path) -> None:
    lines = ZHONGZHUAN.read_text("utf-8").split("\n")
    indented = [
        json.dumps(json.loads(line), indent=2, ensure_ascii=False) if line[:1] in ("{", "[") else line for line in lines
    ]
    text = "\n".join(indented)
    found = linted(tmp_path, text)
    assert Counter(defect.rule for defect in found) == IN_ZHONGZHUAN
    where = next(defect.where for defect in found if defect.rule == "request-body-not-required")
    assert text.split("\n")[where.line - 1][where.column - 1 :] == '"required": false,'


@pytest.mark.parametrize("words", ["between 1 and 10", "取值 1~10", "最小值:1 最大值:10", "min 1, max 10"])
def test_a_range_in_words_alone_is_seen(tmp_path: Path, words: str) -> None:
    document = good_openapi()
    request_of(document)["schema"]["properties"]["n"] = field("integer", words)
    (found,) = linted(tmp_path, yaml.safe_dump(document), "api.yaml")
    assert (found.rule, found.expected) == ("n-range-claim-no-bounds", "minimum: 1, maximum: 10")


def test_a_form_in_an_export_is_a_body(tmp_path: Path) -> None:
    fields = [{"name": "image", "type": "file", "required": True}, {"name": "n", "type": "integer", "required": False}]
    body = json.dumps({"type": "multipart/form-data", "required": True, "parameters": fields})
    lines = good_export().split("\n")
    lines[lines.index("## 请求体") + 1] = body
    path = tmp_path / "form.txt"
    path.write_text("\n".join(lines), "utf-8")
    (operation,) = read_document(path).operations
    assert operation.body is not None
    assert operation.body.schema is not None
    assert operation.body.schema.value["required"] == ["image"]
    assert operation.body.schema.at("/properties/n").pointer == "/parameters/1"


# --- files that cannot be read ----------------------------------------------------------------------------------------

CUT_IN_JSON = ZHONGZHUAN.read_text("utf-8")[:1500]
UNREADABLE: list[tuple[str, bytes, list[str]]] = [
    ("empty", b"", ["empty"]),
    ("blank", b" \n\t\n", ["empty"]),
    ("binary", b"PK\x03\x04\x00\x00plain", ["binary"]),
    ("not utf-8", "图像生成".encode("gbk"), ["UTF-8", "byte 2", "save it as UTF-8"]),
    ("something else", b"Dear reader,\n\nhello.\n", ["none of the known shapes", *(shape.name for shape in SHAPES)]),
    ("swagger 2", b"swagger: '2.0'\npaths: {}\n", ["none of the known shapes", "openapi: 3.x"]),
    ("export cut inside JSON", CUT_IN_JSON.encode(), ["line 18", "请求体", "not JSON", "export the page again"]),
    ("export cut between sections", ZHONGZHUAN.read_text("utf-8").partition("响应\n")[0].encode(), ["响应", "missing"]),
    (
        "export with a wrong section",
        good_export().replace('{"query"', '[{"query"').replace('"header": []}', '"header": []}]').encode(),
        ["参数", "an object"],
    ),
    (
        "page cut before the answer",
        CHAT_BP.read_text("utf-8").partition("返回响应")[0].encode(),
        ["返回响应", "cut off"],
    ),
    ("page cut inside the answer", CHAT_BP.read_text("utf-8").partition("🟢200")[0].encode(), ["names no status"]),
    ("openapi that is no YAML", b"openapi: 3.1.0\npaths: {a: [}\n", ["line 2", "not YAML"]),
    ("openapi that is no JSON", b'{"openapi": "3.1.0", "paths": }', ["line 1", "not YAML or JSON"]),
    ("openapi without operations", b"openapi: 3.1.0\npaths: {}\n", ["no operation"]),
    ("openapi that contains itself", b"openapi: 3.1.0\npaths: &a {x: *a}\n", ["line 2", "refers to itself"]),
    ("JSON nested too deeply", b'{"openapi": "3.1.0", "x": ' + b"[" * 5000 + b"]" * 5000 + b"}", ["line 1"]),
]


@pytest.mark.parametrize(("content", "said"), [row[1:] for row in UNREADABLE], ids=[row[0] for row in UNREADABLE])
def test_an_unreadable_file_is_refused_with_a_helpful_text(tmp_path: Path, content: bytes, said: list[str]) -> None:
    path = tmp_path / "page.txt"
    path.write_bytes(content)
    with pytest.raises(DocumentUnreadable) as caught:
        lint(path, CONTRACTS)
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert "\n  expected: " in text
    assert all(word in text for word in said), text


@pytest.mark.parametrize("name", ["missing.txt", ".", "a\0b"])
def test_a_path_that_is_no_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DocumentUnreadable, match="expected: the path of a text file"):
        lint(tmp_path / name, CONTRACTS)


SOURCES = {
    "chat-bp": CHAT_BP.read_text("utf-8"),
    "zhongzhuan": ZHONGZHUAN.read_text("utf-8"),
    "good export": good_export(),
    "good page": GOOD_PAGE,
    "good yaml": yaml.safe_dump(good_openapi()),
    "good json": json.dumps(good_openapi()),
    "collection": (FOLDER / "lumen-gateway.postman_collection.json").read_text("utf-8"),
}
SLICES = st.lists(st.tuples(st.integers(0, 4000), st.integers(1, 400)), min_size=1, max_size=4)
INSERTS = st.lists(
    st.tuples(st.integers(0, 4000), st.sampled_from(["[", "}", '"', "\\", "\n", "0", "null", "\udcff", "必需", "{{"])),
    max_size=4,
)


@settings(max_examples=120, deadline=None)
@given(source=st.sampled_from(sorted(SOURCES)), cuts=SLICES, inserts=INSERTS)
@example(source="good page", cuts=[(3, 1)], inserts=[(500, "\n")])
def test_a_damaged_document_gives_findings_or_a_refusal(
    tmp_path_factory: pytest.TempPathFactory, source: str, cuts: list[tuple[int, int]], inserts: list[tuple[int, str]]
) -> None:
    text = SOURCES[source]
    for start, length in cuts:
        text = text[:start] + text[start + length :]
    for start, piece in inserts:
        text = text[:start] + piece + text[start:]
    path = tmp_path_factory.getbasetemp() / "damaged.txt"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with contextlib.suppress(DocumentUnreadable):
        found = lint(path, CONTRACTS)
        lines = path.read_text("utf-8").split("\n")
        assert all(1 <= defect.where.line <= len(lines) and defect.where.column >= 1 for defect in found)


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def spots(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [path, *(spot for key in keys for spot in spots(value[key], (*path, key)))]


SPOTS = spots(good_openapi())


@settings(max_examples=120, deadline=None)
@given(spot=st.sampled_from(SPOTS[1:]), value=VALUES)
def test_a_document_with_a_wrong_value_anywhere_gives_findings_or_a_refusal(
    tmp_path_factory: pytest.TempPathFactory, spot: tuple[Any, ...], value: Any
) -> None:
    document = good_openapi()
    inner: Any = document
    for key in spot[:-1]:
        inner = inner[key]
    inner[spot[-1]] = value
    path = tmp_path_factory.getbasetemp() / "wrong.json"
    path.write_text(json.dumps(document), "utf-8")
    with contextlib.suppress(DocumentUnreadable):
        lint(path, CONTRACTS)


# --- what is printed --------------------------------------------------------------------------------------------------


def printed(found: dict[str, list[Defect]], form: Any, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    render(found, form, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_table_has_every_finding_and_ends_with_a_summary() -> None:
    defects = lint(ZHONGZHUAN, CONTRACTS)
    text = printed({ZHONGZHUAN.name: defects}, "text")
    assert all(f" {defect.rule}" in text for defect in defects)
    assert "error     20:216  chat-shaped-200  /0/jsonSchema/properties/choices" in text
    counts = Counter(defect.level for defect in defects)
    told = f"{counts['error']} errors, {counts['warning']} warnings, {counts['note']} notes"
    assert text.rstrip().endswith(f"zhongzhuan-create-edit-image.txt: {told}")


def test_a_document_without_defects_is_named_as_such() -> None:
    assert printed({"good.yaml": []}, "text") == "good.yaml: no defect found\n"


def test_json_has_every_field_of_every_finding_of_every_document() -> None:
    found = {page.name: lint(page, CONTRACTS) for page in (CHAT_BP, ZHONGZHUAN)}
    rows = json.loads(printed(found, "json", width=40))
    assert len(rows) == sum(map(len, found.values()))
    assert rows[0].keys() == {
        "document",
        "rule",
        "level",
        "message",
        "expected",
        "received",
        "line",
        "column",
        "pointer",
    }
    assert Counter(row["rule"] for row in rows if row["document"] == str(CHAT_BP)) == IN_CHAT_BP


def test_provider_text_cannot_steer_the_terminal(tmp_path: Path) -> None:
    hostile = ZHONGZHUAN.read_text("utf-8").replace("创建/编辑 image", "编辑\x1b]0;mine\x07[bold]x")
    text = printed({"page": linted(tmp_path, hostile)}, "text")
    assert "title-says-edit" in text
    assert "\x1b" not in text
    assert "\x07" not in text


def test_the_worst_comes_first() -> None:
    defects = lint(CHAT_BP, CONTRACTS)
    assert [defect.level for defect in defects] == sorted((defect.level for defect in defects), key=LEVELS.index)


def test_the_fixtures_are_data() -> None:
    assert {path.suffix for path in FOLDER.iterdir()} == {".txt", ".md", ".json"}
