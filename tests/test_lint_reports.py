"""What `imageproof lint` writes for programs and pages: SARIF as code scanning takes it, Markdown, JSON."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from click.testing import CliRunner, Result

from contract_tests.documents.defects import Defect, catalogue
from contract_tests.documents.json_text import Place
from contract_tests.documents.lint import lint
from contract_tests.documents.rendering import as_markdown
from contract_tests.documents.sarif import as_sarif
from imageproof import main
from spec.loading import load_contracts

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
SARIF = json.loads((FIXTURES / "sarif-2.1.0.schema.json").read_bytes())
PAGES = sorted(path for path in (FIXTURES / "documents").iterdir() if path.suffix != ".md")
CONTRACTS = load_contracts(("images",))
FOUND = {str(page): lint(page, CONTRACTS) for page in PAGES}


def sarif(found: dict[str, list[Defect]]) -> Any:
    """The one run of a valid log."""
    log = json.loads(as_sarif(found))
    jsonschema_rs.validate(SARIF, log)
    return log["runs"][0]


def test_sarif_keeps_its_schema_and_has_every_defect_at_its_line() -> None:
    run = sarif(FOUND)
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == list(catalogue())
    defects = [defect for defects in FOUND.values() for defect in defects]
    assert len(run["results"]) == len(defects) > 60
    for result, defect in zip(run["results"], defects, strict=True):
        region = result["locations"][0]["physicalLocation"]["region"]
        assert (result["ruleId"], result["level"]) == (defect.rule, defect.level)
        assert rules[result["ruleIndex"]]["id"] == defect.rule
        assert (region["startLine"], region["startColumn"]) == (defect.where.line, defect.where.column)
        assert result["message"]["text"].startswith(defect.message)


def test_a_path_in_sarif_is_the_same_on_every_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = ["vendor pages/图像.txt", str(tmp_path / "a.txt"), "/elsewhere/b.txt"]
    uris = [artifact["location"]["uri"] for artifact in sarif({name: [] for name in names})["artifacts"]]
    assert uris == ["vendor%20pages/%E5%9B%BE%E5%83%8F.txt", "a.txt", "file:///elsewhere/b.txt"]


def test_a_defect_is_known_again_when_lines_move(tmp_path: Path) -> None:
    page = tmp_path / "page.txt"
    marks = []
    for above in ("", "\n\nA line that was not there.\n\n"):
        page.write_text(
            above + (FIXTURES / "documents" / "zhongzhuan-create-edit-image.txt").read_text("utf-8"), "utf-8"
        )
        results = sarif({str(page): lint(page, CONTRACTS)})["results"]
        marks.append([result["partialFingerprints"]["primaryLocationLineHash"] for result in results])
    assert marks[0] == marks[1]
    assert len(set(marks[0])) == len(marks[0])


def test_markdown_is_one_row_per_defect_whatever_a_page_says() -> None:
    hostile = "a | b\n# `x` <img> @everyone ``y``"
    defect = Defect(hostile, "key-published", "error", hostile, Place(3, 4), hostile, hostile)
    lines = as_markdown(hostile, [defect]).splitlines()
    assert len(lines) == 5
    assert len(re.split(r"(?<!\\)\|", lines[-1])) == 7
    assert "<img>" not in re.sub(r"`+[^`]*`+", "", lines[-1]).replace(r"\<img\>", "")
    assert as_markdown("good.yaml", []) == "## `good.yaml`: no defect found\n"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["lint", *arguments])


@pytest.mark.parametrize(
    ("name", "starts"), [("found.sarif", '{\n  "$schema"'), ("found.md", "## `"), ("found.json", "[\n")]
)
def test_what_is_written_follows_from_the_name(tmp_path: Path, name: str, starts: str) -> None:
    page, target = str(FIXTURES / "documents" / "chat-bp-images-generations.txt"), tmp_path / "new" / name
    result = run("-o", str(target), page)
    assert result.exit_code == 1
    assert target.read_text("utf-8").startswith(starts)
    assert "empty-object-example" in result.stdout  # a person still sees the table
    form = {".md": "markdown"}.get(target.suffix, target.suffix[1:])
    printed = run("--format", form, page).stdout
    assert printed.rstrip() == target.read_text("utf-8").rstrip()


def test_a_name_that_says_nothing_is_refused(tmp_path: Path) -> None:
    result = run("-o", str(tmp_path / "found.txt"), str(PAGES[0]))
    assert result.exit_code == 2
    assert ".sarif" in result.stderr
    assert not (tmp_path / "found.txt").exists()


def test_a_page_of_another_family_is_compared_with_that_family(tmp_path: Path) -> None:
    document = {"openapi": "3.1.0", "paths": {"/mj/submit/imagine": {"post": {"responses": {}}}}}
    page = tmp_path / "api.json"
    page.write_text(json.dumps(document), "utf-8")
    found = {defect.rule for defect in lint(page)}
    assert "no-known-operation" not in found
    assert "request-body-undocumented" in found
