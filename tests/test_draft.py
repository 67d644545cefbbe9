"""A profile drafted from a document: served, it answers as the page promises; each line says where that stands."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from click.testing import CliRunner, Result
from test_documents import CHAT_BP, ZHONGZHUAN, answer_of, good_openapi, operation_of, request_of
from test_postman import LUMEN

from contract_tests.documents.draft import draft_profile
from contract_tests.documents.reading import read_document
from imageproof import main
from mockserver.runner import MockServer
from mockserver.settings import Settings
from spec.profiles import load_profile, parse_profile

ROOT = Path(__file__).resolve().parent.parent
ASKED = {"model": "dall-e-2", "prompt": "A red fox", "n": 1, "size": "256x256"}


def served(page: Path) -> Iterator[Callable[..., httpx.Response]]:
    profile = parse_profile(draft_profile([read_document(page)], "draft"), "draft.yaml")
    with MockServer(Settings(port=0, profile=profile)) as server, httpx.Client(base_url=server.base_url) as client:

        def ask(query: str = "", **told: Any) -> httpx.Response:
            body = {name: value for name, value in {**ASKED, **told}.items() if value is not None}
            return client.post(f"images/generations{query}", json=body, headers={"authorization": "Bearer any"})

        yield ask


@pytest.fixture(scope="module")
def zhongzhuan() -> Iterator[Callable[..., httpx.Response]]:
    yield from served(ZHONGZHUAN)


@pytest.fixture(scope="module")
def chat_bp() -> Iterator[Callable[..., httpx.Response]]:
    yield from served(CHAT_BP)


def test_the_page_of_a_chat_is_served_as_one(zhongzhuan: Callable[..., httpx.Response]) -> None:
    answer = zhongzhuan(model="grok-3-image", size="1024x1536", n=2, image="https://cdn.example/fox.png")
    assert (answer.status_code, answer.json()["object"]) == (200, "chat.completion")
    assert zhongzhuan(prompt="x" * 1000).status_code == 200


@pytest.mark.parametrize(
    ("query", "told", "param"),
    [
        ("", {"n": None}, "n"),
        ("", {"size": None}, "size"),
        ("", {"model": "grok-3-image", "prompt": "x" * 1001, "size": "1024x1024"}, "prompt"),
        ("", {"model": "grok-4-image"}, "model"),
        ("", {"n": 11}, "n"),
    ],
)
def test_what_the_page_demands_is_demanded(
    zhongzhuan: Callable[..., httpx.Response], query: str, told: dict[str, Any], param: str
) -> None:
    answer = zhongzhuan(query, **told)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


def test_a_page_with_an_empty_answer_is_served_as_one(chat_bp: Callable[..., httpx.Response]) -> None:
    assert chat_bp().json() == {}
    assert chat_bp(n=None).status_code == 400
    assert chat_bp("?async=true").status_code == 200


def drafted(page: Path) -> dict[str, Any]:
    value: dict[str, Any] = yaml.safe_load(draft_profile([read_document(page)], "draft"))
    return value


@pytest.mark.parametrize(("page", "name"), [(ZHONGZHUAN, "zhongzhuan"), (CHAT_BP, "chat-bp")])
def test_a_draft_has_the_drifts_of_the_profile_written_by_hand(page: Path, name: str) -> None:
    assert [drift["id"] for drift in drafted(page)["drifts"]] == [use.drift.id for use in load_profile(name).drifts]


def test_each_line_says_where_it_stands_and_how_sure_it_is() -> None:
    value = drafted(ZHONGZHUAN)
    told = [action["description"] for action in value["overlays"]["images"]["actions"] if "description" in action]
    assert [(text.split(" Apifox")[0], text.partition("Confidence ")[2]) for text in told] == [
        ("A model no contract lists: grok-3-image.", "high (example)."),
        ("n is required.", "medium (schema)."),
        ("size is required.", "medium (schema)."),
        ("prompt: maxLength 1000.", "low (words)."),
        ("A field of its own: image.", "high (example)."),
        ("No async, so no task.", "medium (absence)."),
    ]
    assert all("zhongzhuan-create-edit-image.txt, line " in text for text in [*told, value["drifts"][0]["source"]])


def test_what_excludes_another_stands_in_a_comment() -> None:
    text = draft_profile([read_document(LUMEN)], "draft")
    assert [drift["id"] for drift in yaml.safe_load(text)["drifts"]] == ["images-key-instead-of-data"]
    assert "# Promised too, but the mock cannot play it:\n#   empty-object-200: Postman collection" in text
    removed = [action["target"] for action in yaml.safe_load(text)["overlays"]["images"]["actions"]]
    assert removed == [
        "$.paths['/v1/images/variations'].post",
        "$.paths['/v1/models/{model}'].get",
    ]  # tasks are promised


@pytest.mark.parametrize("family", ["images", "ideogram", "kling"])
def test_a_contracts_own_document_changes_nothing(family: str) -> None:
    assert drafted(ROOT / "spec" / f"{family}.yaml").keys() <= {"profile", "title", "sources", "families"}


def write(folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    document = good_openapi()
    change(document)
    path = folder / "api.json"
    path.write_text(json.dumps(document), "utf-8")
    return path


def test_lists_limits_and_error_bodies_are_drafted(tmp_path: Path) -> None:
    def change(document: dict[str, Any]) -> None:
        properties = request_of(document)["schema"]["properties"]
        properties["n"]["maximum"] = 4
        properties["seed"] = {"type": "integer", "minimum": 0}
        properties["model"]["enum"] = ["gpt-image-1", "lumen-1"]
        refused = operation_of(document)["responses"]["400"]["content"]["application/json"]
        refused["example"] = {"detail": [{"loc": ["body", "prompt"], "msg": "Field required", "type": "missing"}]}
        answer_of(document)["example"] = {"created": 1790000000, "data": [{"b64_json": "iVBORw0KGgo="}]}

    value = yaml.safe_load(draft_profile([read_document(write(tmp_path, change))], "draft"))
    contract = parse_profile(yaml.safe_dump(value), "draft.yaml").contract("images")
    properties = contract.operation("createImage").body["application/json"]["properties"]
    assert properties["model"]["enum"] == ["gpt-image-1", "lumen-1"]
    assert properties["n"]["maximum"] == 4
    assert properties["seed"] == {"type": "integer", "minimum": 0}
    assert contract.operation("editImage").body["application/json"]["properties"]["n"]["maximum"] == 10
    assert [drift["id"] for drift in value["drifts"]] == ["fastapi-detail-envelope"]


def test_the_pages_of_one_provider_become_one_profile(tmp_path: Path) -> None:
    def fewer(most: int, route: str) -> Path:
        def change(document: dict[str, Any]) -> None:
            request_of(document)["schema"]["properties"]["n"]["maximum"] = most
            document["paths"] = {route: document["paths"].pop("/images/generations")}
            document["paths"][route]["post"]["operationId"] = route.rsplit("/", 1)[-1]

        (folder := tmp_path / route.rsplit("/", 1)[-1]).mkdir()
        return write(folder, change)

    pages = [fewer(4, "/images/generations"), fewer(2, "/images/edits"), ZHONGZHUAN]
    target = tmp_path / "draft.yaml"
    result = run(*map(str, pages), "-o", str(target))
    assert result.exit_code == 0, result.stderr
    contract = load_profile(str(target)).contract("images")
    for id_, most in (("createImage", 4), ("editImage", 2)):
        assert contract.operation(id_).body["application/json"]["properties"]["n"]["maximum"] == most
    value = yaml.safe_load(target.read_text("utf-8"))
    assert len(value["sources"]) == 3
    assert [drift["id"] for drift in value["drifts"]] == ["chat-shaped-200"]
    (report := tmp_path / "report.json").write_text('{"imageproof": 1}')
    refused = run(str(pages[0]), str(report), "-o", str(tmp_path / "other.yaml"))
    assert (refused.exit_code, "learned of one" in refused.stderr) == (2, True)


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    def change(document: dict[str, Any]) -> None:
        request_of(document)["schema"]["properties"]["stream"]["enum"] = ["yes", "no"]
        request_of(document)["schema"]["properties"]["n"]["maximum"] = 4

    text = draft_profile([read_document(write(tmp_path, change))], "draft")
    assert "# Said otherwise than the contract has it, but it could not be written:\n#   stream" in text
    actions = yaml.safe_load(text)["overlays"]["images"]["actions"]
    assert any("n: maximum 4" in action.get("description", "") for action in actions)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["profile", *arguments])


def test_a_file_is_a_report_or_a_document_by_what_is_in_it(tmp_path: Path) -> None:
    target = tmp_path / "draft.yaml"
    assert run(str(CHAT_BP), "-o", str(target)).exit_code == 0
    assert load_profile(str(target)).drifts[0].drift.id == "empty-object-200"
    (tmp_path / "mine.json").write_text('{"imageproof": 99}')
    (tmp_path / "pets.yaml").write_text("openapi: 3.1.0\npaths: {/pets: {get: {}}}\n")
    (tmp_path / "words.txt").write_text("Dear reader")
    for name, said in (
        ("mine.json", "another version"),
        ("pets.yaml", "nothing can be drafted"),
        ("words.txt", "none of the known shapes"),
        ("none.txt", "cannot be read"),
    ):
        result = run(str(tmp_path / name), "-o", str(target))
        assert (result.exit_code, said in result.stderr) == (2, True), result.stderr
