"""Postman collections: each planted defect is named with its line, a good collection is left alone, none is a crash."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract_tests.documents.defects import Defect
from contract_tests.documents.document import DocumentUnreadable
from contract_tests.documents.lint import lint
from contract_tests.documents.reading import read_document
from contract_tests.documents.variables import filled
from spec.loading import load_contracts

ROOT = Path(__file__).resolve().parent.parent
LUMEN = ROOT / "fixtures" / "documents" / "lumen-gateway.postman_collection.json"
CONTRACTS = load_contracts(("images",))

# What is planted, and the start of the text at its line and column.
PLANTED = [
    ("authorization-template-default", '"value": "{{api_key}}" }'),
    ("authorization-undocumented", '"raw": "{{base_url}}/models"'),
    ("async-response-undocumented", '"key": "async", "value": "true"'),
    ("empty-object-example", '{}"'),
    ("key-published", "sk-lumen-4Yq7Tz0v"),
    ("no-picture-in-200", r"{\n    \"created\""),
    ("request-example-refused", '"value": "12", "type": "text" }'),
    ("trailing-comma-example", r',\n}"'),
    ("no-response-format-documented", '"formdata": ['),
    ("only-200-documented", "{\n"),
    ("poll-page-listed-not-linked", '"key": "async", "value": "true"'),
    ("size-example-vs-model", r"\"size\": \"1792x1024\","),
    ("operation-not-in-contract", '"url": "{{base_url}}/dashboard/billing/credit_grants"'),
    ("placeholder-prompt-example", '"value": "test", "type": "text" }'),
    ("reserved-header-parameters", '"key": "Authorization"'),
    ("stale-fixed-created", r"\"created\": 1589478378"),
]


def test_each_planted_defect_is_named_with_its_line() -> None:
    lines = LUMEN.read_text("utf-8").splitlines(keepends=True)
    found = {defect.rule: lines[defect.where.line - 1][defect.where.column - 1 :] for defect in lint(LUMEN, CONTRACTS)}
    assert sorted(found) == sorted(rule for rule, _ in PLANTED)
    for rule, start in PLANTED:
        assert found[rule].startswith(start), (rule, found[rule])


def collection() -> dict[str, Any]:
    value: dict[str, Any] = json.loads(LUMEN.read_text("utf-8"))
    return value


def mended() -> dict[str, Any]:
    """The collection with every planted defect mended."""
    value = collection()
    images, account = value["item"]
    (generate, later), edit = images["item"][0]["item"], images["item"][1]
    generate["request"]["header"].pop()
    generate["request"]["body"]["raw"] = (
        '{\n  "model": "{{model}}", // the cheapest\n'
        '  "prompt": "A tram in the rain", "n": {{count}}, "size": "512x512"\n}'
    )
    refused = {"name": "Refused", "code": 400, "body": '{"error": {"message": "n is too large", "code": null}}'}
    answer = {"name": "Two pictures", "code": 200, "header": [{"key": "x-request-id", "value": "req_1"}]}
    shown = '{"created": 1790000000, "data": [{"url": "https://cdn.lumen.example/7f3a.png"}]}'
    generate["response"] = [{**answer, "body": shown}, refused]
    images["item"][0]["item"].remove(later)
    for row in edit["request"]["body"]["formdata"]:
        row["value"] = {"prompt": "A fireplace", "n": "2"}.get(row["key"], row.get("value", ""))
    edit["response"][0]["body"] = '{"created": 1790000000, "data": [{"b64_json": "iVBORw0KGgo="}]}'
    account.pop("auth")
    account["item"].pop()
    value["auth"]["bearer"][0]["value"] = "{{api_key}}"
    return value


def linted(folder: Path, value: Any) -> list[Defect]:
    path = folder / "collection.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value, indent="\t"), "utf-8")
    return lint(path, CONTRACTS)


def test_a_good_collection_is_left_alone(tmp_path: Path) -> None:
    assert linted(tmp_path, mended()) == []
    assert linted(tmp_path, {"collection": mended()}) == []


def test_requests_of_one_path_are_one_operation_with_all_that_they_show() -> None:
    document = read_document(LUMEN)
    assert [operation.label for operation in document.operations] == [
        "POST /v1/images/generations",
        "POST /v1/images/edits",
        "GET /v1/models",
        "GET /v1/dashboard/billing/credit_grants",
    ]
    assert [server.text for server in document.servers] == ["https://api.lumen.example"]
    generate, edit = document.operations[:2]
    assert generate.body is not None
    assert generate.body.schema is not None
    assert set(generate.body.schema.value["properties"]) == {"model", "prompt", "n", "size", "response_format"}
    assert [shown.value for shown in generate.body.examples] == [
        {"model": "dall-e-2", "prompt": "A tram in the rain, seen from a bakery", "n": 2, "size": "1792x1024"},
        None,  # its prompt comes from an environment
    ]
    assert [parameter.name for parameter in generate.parameters] == ["Authorization", "async"]
    assert edit.body is not None
    assert edit.body.media[0].text == "multipart/form-data"
    assert edit.body.schema is not None
    assert edit.body.schema.value["properties"]["mask"] == {"type": "string", "format": "binary"}
    assert "mask" not in edit.body.examples[0].value  # switched off
    assert [(response.status, response.headers) for response in edit.responses] == [
        ("200", ("Content-Type", "x-request-id")),
        ("413", ("Content-Type",)),
    ]


def test_what_is_nearest_says_whether_a_key_is_needed() -> None:
    told = {operation.path: operation.security for operation in read_document(LUMEN).operations}
    assert {path: security.text for path, security in told.items() if security} == {
        "/v1/images/generations": "required",  # the collection
        "/v1/images/edits": "required",
        "/v1/models": "none",  # its folder
        "/v1/dashboard/billing/credit_grants": "required",  # the request, against its folder
    }


@pytest.mark.parametrize(
    ("url", "known"),
    [
        ("{{somewhere}}/images/generations", True),
        ("{{somewhere}}/v1/images/generations?x=1", True),
        ("https://api.lumen.example/v1/images/generations", True),
        ({"protocol": "https", "host": ["api", "lumen", "example"], "path": ["v1", "images", "generations"]}, True),
        ("https://api.lumen.example/images/generations", False),
        ("{{somewhere}}", False),
    ],
)
def test_a_path_that_starts_with_an_unknown_variable_may_start_anyhow(tmp_path: Path, url: Any, known: bool) -> None:
    value = mended()
    value["item"][0]["item"][0]["item"][0]["request"]["url"] = url
    value["item"] = [value["item"][0]["item"][0]]
    found = {defect.rule for defect in linted(tmp_path, value)}
    assert ("no-known-operation" not in found) == known


def test_a_collection_says_nothing_of_what_is_required_or_allowed(tmp_path: Path) -> None:
    value = mended()
    item = value["item"][0]["item"][0]["item"][0]
    item["request"]["body"]["raw"] = '{"model": "dall-e-2", "prompt": "A tram"}'
    assert linted(tmp_path, value) == []
    item["request"]["body"]["raw"] = '{"model": "dall-e-2"}'
    assert {defect.rule for defect in linted(tmp_path, value)} == {
        "required-field-undocumented",
        "request-example-refused",
    }


def test_a_key_is_named_and_never_shown(tmp_path: Path) -> None:
    value = mended()
    key = "sk-proj-9fX2mQ7vLw3Zt8Kc5RbN"
    value["item"][0]["item"][0]["item"][0]["request"]["body"]["raw"] = f'{{"model": "{key}", "prompt": "x"'
    found = linted(tmp_path, value)
    assert "key-published" in {defect.rule for defect in found}
    assert key not in str(found)
    for placeholder in ("sk-your-key-goes-here-0001", "sk-xxxxxxxxxxxxxxxxxxxxxxxx01", "sk-aaaaaaaaaaaaaaaaaaaaaaaa11"):
        value["auth"]["bearer"][0]["value"] = placeholder
        value["item"][0]["item"][0]["item"][0]["request"]["body"]["raw"] = '{"model": "dall-e-2", "prompt": "A tram"}'
        assert linted(tmp_path, value) == []


VARIABLES = {"a": "alpha", "long": "x" * 40, "empty": "", "b": "{{a}}!", "loop": "{{loop}}"}
PIECES = st.lists(
    st.sampled_from(["{{a}}", "{{ long }}", "{{empty}}", "{{b}}", "{{loop}}", "{{no}}", "{{", "}}", "äb", "\n"])
)


@given(pieces=PIECES)
@settings(max_examples=60, deadline=None)
def test_an_offset_into_a_filled_text_leads_back(pieces: list[str]) -> None:
    text = "".join(pieces)
    told = filled(text, VARIABLES)
    for offset, letter in enumerate(told.text):
        assert text[told.back(offset)] in (letter, "{")


def spots(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [path, *(spot for key in keys for spot in spots(value[key], (*path, key)))]


@settings(max_examples=30, deadline=None)
@given(
    spot=st.sampled_from(spots(collection())[1:]),
    value=st.sampled_from([None, True, 7, "", "{{x}}", '{"n": {{n}}', [], [None], [{"key": "a"}], {}, {"key": 1}]),
)
def test_a_collection_with_a_wrong_value_anywhere_gives_findings_or_a_refusal(
    tmp_path_factory: pytest.TempPathFactory, spot: tuple[Any, ...], value: Any
) -> None:
    wrong = copy.deepcopy(COLLECTION)
    inner: Any = wrong
    for key in spot[:-1]:
        inner = inner[key]
    inner[spot[-1]] = value
    with contextlib.suppress(DocumentUnreadable):
        linted(tmp_path_factory.getbasetemp(), wrong)


COLLECTION = collection()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda text: text[:4000], ["not JSON", "line", "export it again"]),
        (lambda text: json.dumps({**json.loads(text), "item": []}), ["no request", "at least one item"]),
    ],
)
def test_a_damaged_collection_is_refused_with_a_helpful_text(
    tmp_path: Path, damage: Callable[[str], str], said: list[str]
) -> None:
    with pytest.raises(DocumentUnreadable) as caught:
        linted(tmp_path, damage(LUMEN.read_text("utf-8")))
    assert all(word in str(caught.value) for word in said), str(caught.value)
