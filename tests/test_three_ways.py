"""Contract, document and provider side by side: who deviates from whom, field by field, from what was recorded."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from test_documents import ZHONGZHUAN, answer_of, good_openapi, operation_of, request_of
from test_page import EVIL, clean, finding, report
from test_postman import LUMEN

from contract_tests.documents.document import Document
from contract_tests.documents.reading import read_document
from contract_tests.report.page import three_ways_page
from contract_tests.report.three_ways_summary import three_ways_summary
from contract_tests.three_ways.calls import Call, calls
from contract_tests.three_ways.view import three_ways
from imageproof import main
from spec.forms import File, Part, joined
from spec.loading import load_contracts

CONTRACTS = load_contracts(("images",))
CREATE = CONTRACTS[0].operation("createImage")
GIVEN: dict[str, Any] = {"model": "gpt-image-1", "prompt": "A fox", "size": "1024x1024"}
ANSWER = {"created": 1790000000, "data": [{"b64_json": "iVBORw0KGgo="}]}
Change = Callable[[dict[str, Any]], object]


def document(folder: Path, change: Change = lambda _: None) -> Document:
    value = good_openapi()
    change(value)
    path = folder / "api.json"
    path.write_text(json.dumps(value, indent=1), "utf-8")
    return read_document(path)


def taken(answer: Any = ANSWER, **told: Any) -> Call:
    return Call(CREATE, 200, _asked(told), "application/json", True, "", answer)


def refused(blamed: str = "", **told: Any) -> Call:
    return Call(CREATE, 400, _asked(told), "application/json", False, blamed, {"error": {}})


def _asked(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**GIVEN, **told}.items() if value is not ...}


def view(read: Document, *seen: Call, data: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return three_ways(read, clean() if data is None else data, CONTRACTS, seen)


def rows(told: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {f"{row['part']} {row['name']}": row for row in told["operations"][0]["rows"]}


def demands_n(value: dict[str, Any]) -> None:
    request_of(value)["schema"]["required"].append("n")
    request_of(value)["example"]["n"] = 1


def allows_20(value: dict[str, Any]) -> None:
    request_of(value)["schema"]["properties"]["n"]["maximum"] = 20


WHO: list[tuple[str, Change, list[Call], str]] = [
    ("all alike", lambda _: None, [taken(), taken(n=2), refused("n", n=11)], "agree"),
    ("nobody tried", lambda _: None, [], "agree"),
    ("the page demands what is taken without", demands_n, [taken(), taken(n=1)], "document"),
    ("the page demands, nobody tried", demands_n, [], "document"),
    ("the page demands, and so it is", demands_n, [refused("n"), taken(n=1)], "both"),
    ("what both allow is refused", lambda _: None, [refused("n", n=2)], "provider"),
    ("what both refuse is taken", lambda _: None, [taken(n=11)], "provider"),
    ("the page allows more, and so it is", allows_20, [taken(n=15)], "both"),
    ("the page allows more, it is refused", allows_20, [refused("n", n=15)], "document"),
    ("the page demands, more is taken than anybody allows", demands_n, [refused("n"), taken(n=11)], "each"),
    ("another member's fault says nothing", lambda _: None, [refused("size", n=2, size="bogus")], "agree"),
    ("a fault that names nobody, but there is only one", lambda _: None, [refused(n=11)], "agree"),
    ("a page without limits says less", lambda d: _n(d).pop("maximum"), [refused("n", n=11)], "agree"),
    ("null is as good as left out", lambda _: None, [taken(n=None)], "agree"),
]


def _n(value: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = request_of(value)["schema"]["properties"]["n"]
    return found


@pytest.mark.parametrize(("change", "seen", "who"), [case[1:] for case in WHO], ids=[case[0] for case in WHO])
def test_who_deviates_in_a_member_of_the_request(tmp_path: Path, change: Change, seen: list[Call], who: str) -> None:
    assert rows(view(document(tmp_path, change), *seen))["request n"]["who"] == who


def test_each_cell_says_what_it_rests_on(tmp_path: Path) -> None:
    seen = [
        taken(),
        taken(n=2),
        taken(n=1),
        refused("n", n=2, model="dall-e-3"),
        refused("n", n="2"),
        refused("n", n=0),
    ]
    read = document(tmp_path, demands_n)
    row = rows(view(read, *seen))["request n"]
    assert row["contract"] == "optional, integer, 1 to 10"
    assert row["document"] == "required, integer, 1 to 10"
    assert '"n": {' in Path(read.name).read_text("utf-8").splitlines()[row["line"] - 1]
    assert row["observed"] == 'takes left out, 1; takes at times 2; refuses "2", 0'


def test_a_file_is_a_file_in_a_form_and_on_a_page() -> None:
    edit = CONTRACTS[0].operation("editImage")
    asked = {"model": "gpt-image-1", "prompt": "A fox", "image": [File(b"x", "a.png", "image/png")]}
    seen = Call(edit, 200, asked, "multipart/form-data", True, "", ANSWER)
    told = {row["name"]: row for row in view(read_document(LUMEN), seen)["operations"][1]["rows"]}
    assert {key: told["image"][key] for key in ("contract", "document", "observed", "who")} == {
        "contract": "required, a file",
        "document": "a file",
        "observed": "takes a file",
        "who": "agree",
    }


def test_members_of_the_answer(tmp_path: Path) -> None:
    def change(value: dict[str, Any]) -> None:
        answer_of(value)["example"]["cost"] = 0.04
        value["components"]["schemas"]["Answer"]["properties"]["balance"] = {"type": "number"}

    told = rows(view(document(tmp_path, change), taken(), taken({"data": [], "cost": 1, "more": {"x": 1}})))
    assert {name: (row["who"], row["observed"]) for name, row in told.items() if name.startswith("answer")} == {
        "answer created": ("provider", "in 1 of 2"),
        "answer data": ("agree", "in 2 of 2"),
        "answer data[].b64_json": ("agree", "in 1 of 2"),
        "answer data[].url": ("agree", "in 0 of 2"),
        "answer cost": ("both", "in 1 of 2"),
        "answer balance": ("document", "in 0 of 2"),
        "answer more": ("agree", "in 1 of 2"),  # whoever adds breaks nothing
    }


def test_an_accepted_task_is_no_answer_without_pictures(tmp_path: Path) -> None:
    told = rows(view(document(tmp_path), taken(), taken({"task_id": "3dad96708a77485e97ac7ef652796d7b"})))
    assert told["answer data"]["who"] == "agree"
    assert told["answer data"]["observed"] == "in 1 of 1"


def test_statuses_that_nobody_documents(tmp_path: Path) -> None:
    odd = Call(CREATE, 418, GIVEN, "application/json", False, "", None)
    told = rows(view(document(tmp_path, lambda d: operation_of(d)["responses"].pop("400")), taken(), refused("n"), odd))
    assert [told[f"status {status}"]["who"] for status in (200, 400, 418)] == ["agree", "document", "provider"]


def test_a_finding_stands_beside_what_the_document_says_of_it() -> None:
    promised = {**finding(), "cause": "chat-shaped-200", "operations": [{"id": "createImage", "label": "x"}]}
    others = {**finding(), "cause": "images.count", "operations": [{"id": "createImage", "label": "x"}]}
    elsewhere = {**finding(), "cause": "edit.kept", "operations": [{"id": "editImage", "label": "y"}]}
    data = report(findings=[promised, others, elsewhere])
    told = {one["cause"]: one for one in view(read_document(ZHONGZHUAN), data=data)["findings"]}
    assert {cause: one["who"] for cause, one in told.items()} == {
        "chat-shaped-200": "both",
        "images.count": "provider",
        "edit.kept": "provider",
    }
    assert told["chat-shaped-200"]["line"] == 22
    assert told["edit.kept"]["document"] == "not said"
    alone = view(read_document(ZHONGZHUAN), taken())["findings"]
    assert [(one["cause"], one["who"], one["observed"]) for one in alone] == [
        ("chat-shaped-200", "document", "in none of 1 answers")
    ]


# --- what was recorded ------------------------------------------------------------------------------------------------


def entry(path: str, sent: Mapping[str, Any] | None, status: int, answer: Any, method: str = "POST") -> dict[str, Any]:
    headers = [{"name": "Content-Type", "value": "application/json"}]
    content = {"mimeType": "application/json", "text": json.dumps(answer)}
    request = {"method": method, "url": f"http://api.example/gateway{path}", "headers": [], "postData": sent or {}}
    return {"request": request, "response": {"status": status, "headers": headers, "content": content}}


def test_calls_are_read_back_from_a_recording(tmp_path: Path) -> None:
    as_json = {"mimeType": "application/json", "text": json.dumps(GIVEN)}
    form = joined(
        [Part("model", b"gpt-image-1"), Part("n", b"2"), Part("image", b"\x89PNG", "a.png", "image/png")], "b"
    )
    as_form = {
        "mimeType": "multipart/form-data; boundary=b",
        "text": base64.b64encode(form).decode(),
        "comment": "base64",
    }
    blaming = {"error": {"message": "no", "type": "invalid_request_error", "param": "model", "code": None}}
    entries = [
        entry("/v1/images/generations", as_json, 200, ANSWER),
        entry("/v1/images/generations?async=true", as_json, 404, blaming),
        entry("/v1/images/edits", as_form, 400, blaming),
        entry("/v1/images/generations", as_json, 429, blaming),
        entry("/v1/elsewhere", as_json, 200, ANSWER),
    ]
    path = tmp_path / "run.har"
    path.write_text(json.dumps({"log": {"entries": entries}}), "utf-8")
    found = calls(path, CONTRACTS)
    assert [(call.operation.id, call.taken, call.blamed) for call in found] == [
        ("createImage", True, ""),
        ("createImage", False, "model"),
        ("editImage", False, "model"),
        ("createImage", None, "model"),
    ]
    assert found[0].asked == GIVEN
    assert found[2].asked is not None
    assert found[2].asked["n"] == 2
    for broken in ("", "[]", '{"log": {"entries": 7}}', '{"log": {"entries": ["nonsense"]}}'):
        path.write_text(broken, "utf-8")
        assert calls(path, CONTRACTS) == []
    assert calls(tmp_path / "none.har", CONTRACTS) == []


# --- what is shown ----------------------------------------------------------------------------------------------------


def test_no_text_of_a_page_or_a_provider_becomes_markup(tmp_path: Path) -> None:
    def change(value: dict[str, Any]) -> None:
        properties = request_of(value)["schema"]["properties"]
        properties[EVIL] = {"type": "string", "enum": [EVIL]}
        properties["quality"]["enum"] = [EVIL, "a | b", {"a": [1]}, []]

    told = view(document(tmp_path, change), taken({EVIL: 1}), taken(**{EVIL: EVIL}), data=report(findings=[finding()]))
    page, summary = three_ways_page(told), three_ways_summary(told)
    assert "<script" not in page
    assert EVIL not in page
    lines = [line for line in summary.splitlines() if line.startswith("| ")]
    assert {len(line.replace("\\|", "").split("|")) for line in lines} == {7}


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["compare", *arguments])


def test_the_command_writes_three_files_and_says_where(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(json.dumps(report(findings=[finding()])), "utf-8")
    (tmp_path / "report.html").write_text("here", "utf-8")
    target, source = tmp_path / "out", str(tmp_path / "report.json")
    result = run("--document", str(ZHONGZHUAN), source, "-o", str(target))
    assert result.exit_code == 0
    assert {path.name for path in target.iterdir()} == {"three-ways.html", "three-ways.md", "three-ways.json"}
    assert "\n  document  " in result.stdout  # in a narrow terminal one under another
    assert 'href="../report.html#finding-1"' in (target / "three-ways.html").read_text("utf-8")
    assert json.loads((target / "three-ways.json").read_bytes())["recorded"] is False
    for arguments, said in (
        (("--document", str(ZHONGZHUAN), source, source), "one report"),
        (("--document", str(tmp_path / "none.txt"), source), "cannot be read"),
        (("--document", str(ZHONGZHUAN), str(ZHONGZHUAN)), "no JSON"),
    ):
        refused_ = run(*arguments, "-o", str(target))
        assert (refused_.exit_code, said in refused_.stderr) == (2, True), refused_.stderr
