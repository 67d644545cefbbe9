"""What is made of a run's data: the schema it keeps, the score, baselines, Markdown for a summary, JUnit for a CI."""

from __future__ import annotations

import copy
import json
import re
from itertools import chain
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema_rs
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from test_page import EVIL, clause, clean, finding, poisoned, report
from test_provider import Asked, Told, create, links, listening

from contract_tests.cases import json_case
from contract_tests.opening import open_run
from contract_tests.options import Options, UsageError
from contract_tests.report import baseline, saved
from contract_tests.report.junit import junit
from contract_tests.report.markdown import finding_page, summary
from contract_tests.report.record import write
from contract_tests.report.score import score, told
from imageproof import main

ROOT = Path(__file__).parent.parent
SCHEMA = jsonschema_rs.validator_for(
    json.loads((ROOT / "contract_tests" / "report" / "report.schema.json").read_bytes())
)
ALL = [report(), clean(), report(verdict="could not look", findings=[]), poisoned(report())]


def violations(data: Any) -> list[str]:
    return [f"{error.instance_path}: {error.message}" for error in SCHEMA.iter_errors(data)]


def drifting(asked: Asked) -> Told:
    """A picture of another size, with a field that does not fit."""
    if not asked.body:
        return Told({"error": {"message": "no"}}, 404 if asked.method == "GET" else 400)
    return Told({**links(f"http://{asked.headers['host']}/p.png").value, "created": "yesterday"})


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reports of a run of one case against a provider that drifts."""
    folder = tmp_path_factory.mktemp("reports")
    with listening(drifting) as server:
        run = open_run(Options(server.url, max_images=1, report_dir=folder))
        run.judge(create())
        run.findings.not_tested["the rest"] = "only one case is sent"
        write(run, folder)
        run.close()
    return folder


# --- report.json ------------------------------------------------------------------------------------


def test_a_run_keeps_the_published_schema(written: Path) -> None:
    data = json.loads((written / "report.json").read_bytes())
    assert violations(data) == []
    assert data["findings"]
    assert data["imageproof"] == saved.VERSION == 1
    for found in data["findings"]:
        folder = written / found["evidence"]["folder"]
        assert (folder / "replay.sh").is_file()
        assert found["expected"] in re.sub(r"\s+", " ", (folder / "finding.md").read_text("utf-8"))
    assert {path.name for path in written.iterdir()} == {
        "report.json", "report.html", "report.md", "junit.xml", "run.har", "findings",
    }  # fmt: skip


@pytest.mark.parametrize("data", ALL[:3])
def test_what_the_reports_are_tested_with_keeps_the_schema_too(data: dict[str, Any]) -> None:
    assert violations(data) == []


@pytest.mark.parametrize("field", ["verdict", "score", "findings", "fail_on", "baseline"])
def test_the_schema_misses_what_is_missing(field: str) -> None:
    data = report()
    del data[field]
    assert violations(data)


def test_every_field_of_the_schema_is_there_and_nothing_is_unsaid(written: Path) -> None:
    data = json.loads((written / "report.json").read_bytes())
    schema = json.loads((ROOT / "contract_tests" / "report" / "report.schema.json").read_bytes())
    assert set(data) == set(schema["properties"])
    assert set(data["findings"][0]) == set(schema["$defs"]["finding"]["properties"])
    assert set(data["findings"][0]["evidence"]) == set(schema["$defs"]["evidence"]["properties"])


# --- the score --------------------------------------------------------------------------------------

results = st.lists(
    st.tuples(st.sampled_from(["MUST", "SHOULD", "MAY"]), st.integers(0, 2), st.integers(0, 2)), max_size=30
)


@settings(derandomize=True, database=None)
@given(results)
def test_a_score_counts_every_clause_once_and_praises_nothing_unseen(clauses: list[tuple[str, int, int]]) -> None:
    given_clauses = [clause(f"c.{n}", held, broken, level) for n, (level, held, broken) in enumerate(clauses)]
    made = score(given_clauses, operations=(0, 5))
    seen = sum(bool(held or broken) for _, held, broken in clauses)
    assert made["coverage"]["clauses"] == {"looked_at": seen, "all": len(clauses),
                                           "share": round(seen / len(clauses), 4) if clauses else None}  # fmt: skip
    assert sum(one["looked_at"] for one in made["levels"].values()) == seen
    for level, one in made["levels"].items():
        held = sum(name == level and bool(good) and not bad for name, good, bad in clauses)
        assert one["hold"] == held
        assert (one["share"] is None) == (one["looked_at"] == 0)
        assert (one["share"] == 1) == (0 < one["looked_at"] == held)
    assert "looked at" in told(made)[1]
    assert ("no score" in told(made)[0]) == (seen == 0)


def test_everything_is_said_of_everything_only() -> None:
    made = score([clause(f"c.{n}", 1, 0) for n in range(999)] + [clause("c.bad", 0, 1)], operations=(1, 1))
    assert "MUST 999 of 1000 hold (99 %)" in told(made)[0]


# --- baselines --------------------------------------------------------------------------------------


def compared(data: dict[str, Any], former: dict[str, Any]) -> dict[str, Any]:
    data["baseline"] = baseline.compare(data, former, "old.json")
    return data


def test_a_known_drift_does_not_fail_and_a_new_one_does() -> None:
    known = compared(report(), report())
    assert baseline.failing(known) == []
    assert len(known["baseline"]["known"]) == 2
    more = report(findings=[finding(cause="wire.json", clause="wire.json", drift=None), *report()["findings"]])
    fresh = compared(more, report())
    assert [found["cause"] for found in baseline.failing(fresh)] == ["wire.json"]
    assert [one["cause"] for one in fresh["baseline"]["new"]] == ["wire.json"]


def test_a_drift_is_known_by_family_operation_and_cause_and_not_by_its_place_or_words() -> None:
    turned = report(findings=report()["findings"][::-1])
    for found in turned["findings"]:
        found.update(received="something else", count=99)
    assert baseline.failing(compared(turned, report())) == []
    elsewhere = report(findings=[finding(operation="editImage", operations=[{"id": "editImage", "label": "x"}])])
    assert len(baseline.failing(compared(elsewhere, report()))) == 1
    spread = finding(operations=[*finding()["operations"], {"id": "editImage", "label": "x"}])
    assert [one["operation"] for one in compared(report(findings=[spread]), report())["baseline"]["new"]] == [
        "editImage"
    ]


def test_fixed_is_said_of_what_was_looked_at_again_and_held() -> None:
    held = [clause("images.count", 3, 0), clause("images.distinct", 0, 0)]
    told = compared(report(findings=[], clauses=held), report())["baseline"]
    assert [one["cause"] for one in told["fixed"]] == ["n-ignored-single-image"]
    assert [one["cause"] for one in told["not_looked_at_again"]] == ["images.distinct"]
    elsewhere = [{**clause("images.count", 3, 0), "held": [{"family": "images", "id": "editImage"}]}]
    told = compared(report(findings=[], clauses=elsewhere), report())["baseline"]
    assert told["fixed"] == []  # of other operations it was found to hold, not of this one
    assert violations(compared(report(), report())) == []


@pytest.mark.parametrize(("fail_on", "causes"), [("MUST", 1), ("SHOULD", 2), ("never", 0)])
def test_fail_on_says_from_which_level_on_a_finding_fails(fail_on: str, causes: int) -> None:
    assert len(baseline.failing(report(fail_on=fail_on))) == causes


@pytest.mark.parametrize(
    ("text", "told"),
    [(None, "cannot be read"), ("{", "is no JSON"), ("[]", "is no report"), ('{"imageproof": 99}', "another version")],
)
def test_a_baseline_that_is_none_is_told_so(tmp_path: Path, text: str | None, told: str) -> None:
    path = tmp_path / "old.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UsageError, match=f"--baseline: .*{told}"):
        open_run(Options("http://127.0.0.1:9", baseline=path))


def test_a_report_is_a_baseline_of_the_next_run(written: Path, tmp_path: Path) -> None:
    with listening(drifting) as server:
        run = open_run(
            Options(server.url, max_images=1, baseline=written / "report.json", markdown=tmp_path / "m" / "s.md")
        )
        run.judge(create())
        data = write(run, tmp_path)
        run.judge(json_case(create().contract, create().operation, {"model": "dall-e-2", "prompt": "x", "n": 11}))
        run.close()
    assert (data["verdict"], data["failed"], data["baseline"]["new"]) == ("drifts", False, [])
    assert (tmp_path / "m" / "s.md").read_text("utf-8") == (tmp_path / "report.md").read_text("utf-8")


# --- Markdown ---------------------------------------------------------------------------------------


def test_the_summary_says_verdict_score_findings_and_cost() -> None:
    text = summary(compared(report(), report(findings=[])))
    for fact in (
        "imageproof: drifts",
        "MUST 1 of 2 hold (50 %)",
        "looked at 3 of 4 clauses (75 %), 1 of 2 operations",
        "2 findings",
        "`n-ignored-single-image`",
        "`3 pictures`",
        "1093 requests, 9 of at most 40 pictures",
        "this provider has no GET",
        "new: `n-ignored-single-image on createImage`",
        "`--fail-on MUST`",
    ):
        assert fact in text


def test_hostile_text_stays_within_its_code_span() -> None:
    evil = "a`b``c| @everyone <img src=x> [x](http://y)\n# h\n- l\u202e"
    text = summary(report(findings=[finding(received=evil, expected=EVIL)], provider=evil))
    row = next(line for line in text.splitlines() if line.startswith("| 1 |"))
    assert len(re.findall(r"(?<!\\)\|", row)) == 8
    assert "```a`b``c\\| @everyone <img src=x> [x](http://y) # h - l\\u202e```" in row
    assert "\u202e" not in text
    assert "\n# h" not in text


def test_the_page_of_a_finding_says_what_why_and_how_to_see_it() -> None:
    text = finding_page(finding(), report())
    for fact in ("# MUST n-ignored-single-image", "expected  3 pictures\nreceived  1 picture", "x-role: count",
                 "Why it matters: Whoever pays", "What to do: Make as many", "`./replay.sh`", "`/data`"):  # fmt: skip
        assert fact in text


# --- JUnit ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", ALL, ids=["drifts", "conforms", "could not look", "hostile"])
def test_junit_is_well_formed_and_its_counts_are_true(data: dict[str, Any]) -> None:
    root = ET.fromstring(junit(data))
    assert root.tag == "testsuites"
    for suite in root:
        assert suite.tag == "testsuite"
        assert {"name", "tests", "failures", "errors", "skipped", "time", "timestamp"} <= set(suite.attrib)
        cases = list(suite)
        assert {case.tag for case in cases} == {"testcase"}
        assert all({"name", "classname", "time"} <= set(case.attrib) and len(case) <= 1 for case in cases)
        for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(suite.get(name, -1)) == sum(case.find(tag) is not None for case in cases)
        assert int(suite.get("tests", -1)) == len(cases)
    assert int(root.get("tests", -1)) == len(data["clauses"]) + len(data["could_not_look"])


def outcomes(data: dict[str, Any]) -> dict[str, str]:
    cases = chain.from_iterable(ET.fromstring(junit(data)))
    return {case.get("name", "").split(" ")[0]: case[0].tag if len(case) else "passed" for case in cases}


def test_a_clause_nobody_tested_is_no_pass_and_what_does_not_fail_the_run_no_failure() -> None:
    told = outcomes(report(could_not_look={}))
    assert told == {
        "images.count": "failure",
        "images.distinct": "failure",
        "wire.json": "passed",
        "task.ends": "skipped",
    }
    told = outcomes(compared(report(could_not_look={}), report()))
    assert told == {
        "images.count": "skipped",
        "images.distinct": "skipped",
        "wire.json": "passed",
        "task.ends": "skipped",
    }


# --- imageproof report ------------------------------------------------------------------------------


def test_reports_are_made_anew_from_report_json_alone(written: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["report", str(written / "report.json"), "-o", str(tmp_path / "new")])
    assert result.exit_code == 0, result.output
    for name in ("report.html", "report.md", "junit.xml"):
        assert (tmp_path / "new" / name).read_bytes() == (written / name).read_bytes()


def test_a_file_that_is_no_report_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    result = CliRunner().invoke(main, ["report", str(tmp_path / "x.json")])
    assert (result.exit_code, "is no report" in result.output) == (2, True)


def test_the_data_is_left_as_it_is() -> None:
    data = report()
    before = copy.deepcopy(data)
    summary(data)
    junit(data)
    assert data == before
