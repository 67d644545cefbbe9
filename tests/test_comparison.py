"""Reports side by side: who drifts most comes first, what changed is told, links lead to evidence that is there."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner, Result
from test_page import EVIL, Page, clause, clean, finding, poisoned, report

from contract_tests.report.badge import badge
from contract_tests.report.comparison import Saved, compare
from contract_tests.report.comparison_summary import comparison_summary
from contract_tests.report.page import comparison_page
from contract_tests.report.rendering import write
from imageproof import main

LATER = 1795250964 + 86400


def saved(folder: Path, data: dict[str, Any], pages: bool = True) -> Path:
    """A report as `check` leaves it."""
    folder.mkdir(parents=True)
    (folder / "report.json").write_text(json.dumps(data), "utf-8")
    if pages:
        write(data, folder)
    return folder / "report.json"


def compared(*reports: dict[str, Any]) -> dict[str, Any]:
    return compare([Saved(Path(f"{number}.json"), data) for number, data in enumerate(reports)], Path())


def run(*arguments: Path | str) -> Result:
    return CliRunner().invoke(main, ["compare", *map(str, arguments)])


def mended(**changes: Any) -> dict[str, Any]:
    """The report after: the count is right, something else is not."""
    return report(
        started=LATER,
        findings=[finding(cause="wire.json", clause="wire.json", drift=None, also_broken={})],
        clauses=[clause("images.count", 4, 0), clause("wire.json", 3, 1), clause("task.ends", 0, 0)],
        **changes,
    )


# --- what is said -----------------------------------------------------------------------------------


def test_the_worst_comes_first_and_of_whom_nothing_is_known_last() -> None:
    one = report(provider="https://one.example", findings=[finding()])
    two = report(provider="https://two.example", findings=[finding(), finding(cause="size")])
    mild = report(provider="https://mild.example", verdict="conforms", findings=[finding(level="SHOULD")])
    unseen = report(provider="https://unseen.example", verdict="could not look", findings=[])
    good = clean(provider="https://good.example")
    told = compared(good, unseen, mild, one, two)
    assert [one["provider"].split(".")[0][8:] for one in told["providers"]] == ["two", "one", "mild", "good", "unseen"]


def test_clauses_are_grouped_and_those_somebody_drifts_from_come_first() -> None:
    told = compared(report(), clean(provider="https://good.example"))
    assert [group["tag"] for group in told["tags"]] == ["images", "task", "wire"]
    images = told["tags"][0]["clauses"]
    assert [one["id"] for one in images] == ["images.count", "images.distinct"]
    count = images[0]["results"]
    assert [one["result"] for one in count] == ["drifts", "not tested"], "the other report does not know the clause"
    assert [one["cause"] for one in count[0]["findings"]] == ["n-ignored-single-image"]
    assert [one["number"] for one in images[1]["results"][0]["findings"]] == [1, 2], (
        "what a cause breaks on the way, too"
    )


def test_history_says_what_appeared_was_fixed_and_was_not_looked_at() -> None:
    told = compared(mended(), report())
    [provider] = told["providers"]
    first, second = provider["history"]
    assert first["changes"] is None
    assert first["started"] < second["started"] == provider["started"], "whichever is given first"
    changes = {kind: [one["cause"] for one in listed] for kind, listed in second["changes"].items()}
    assert changes == {
        "appeared": ["wire.json"],
        "first_looked_at": [],
        "fixed": ["n-ignored-single-image"],
        "not_looked_at_again": ["images.distinct"],
        "known": [],
    }


def test_what_nobody_had_looked_for_before_has_not_appeared() -> None:
    blind = report(findings=[], clauses=[clause("wire.json", 0, 0), clause("images.count", 0, 0)])
    changes = compared(blind, mended())["providers"][0]["history"][1]["changes"]
    assert [one["cause"] for one in changes["first_looked_at"]] == ["wire.json"]
    assert changes["appeared"] == []


# --- the page ---------------------------------------------------------------------------------------

PAGES = [
    compared(report(), mended(), clean(provider="https://good.example")),
    compared(clean()),
    compared(poisoned(report()), poisoned(mended()), poisoned(clean(provider="https://good.example"))),
]


@pytest.mark.parametrize("data", PAGES, ids=["several", "one", "hostile"])
def test_the_page_is_one_whole_file_that_loads_and_runs_nothing(data: dict[str, Any]) -> None:
    html = comparison_page(data)
    parsed = Page(html)
    assert len(parsed.all("title")) == len(parsed.all("h1")) == len(parsed.all("style")) == 1
    assert not {tag for tag, _ in parsed.tags} & {"script", "link", "img", "iframe", "object", "base", "image"}
    for tag, attributes in parsed.tags:
        assert not {"src", "style", "action"} & set(attributes), tag
        assert not [name for name in attributes if name.startswith("on")], tag
    style = parsed.inside("style")[0]
    assert "url(" not in style
    assert "@import" not in style
    policy = next(meta["content"] for meta in parsed.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    ids = [attributes["id"] for _, attributes in parsed.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_hostile_text_stays_text() -> None:
    harmless, hostile = Page(comparison_page(PAGES[0])), Page(comparison_page(PAGES[2]))
    assert [tag for tag, _ in hostile.tags] == [tag for tag, _ in harmless.tags]
    seen = " ".join(EVIL.replace("\u202e", "\\u202e").replace("\x00", "\\u0000").split())
    assert hostile.text.count(seen) > 10
    outside_code = "".join(comparison_summary(PAGES[2]).split("`")[::2])
    assert "<img" not in outside_code


def test_what_was_not_tested_is_shown_as_no_pass() -> None:
    html = comparison_page(PAGES[0])
    row = html.split('id="clause-task.ends"')[1].split("</tr>")[0]
    assert row.count("not-tested") == 2
    assert "✓" not in row
    assert "75 % of the clauses" in Page(html).text


# --- the command ------------------------------------------------------------------------------------


def test_every_link_leads_from_the_comparison_to_something_that_is_there(tmp_path: Path) -> None:
    first = saved(tmp_path / "a b#1", report())
    bare = saved(tmp_path / "bare", report(provider="https://bare.example"), pages=False)
    exhibit = bare.parent / finding()["evidence"]["folder"]
    exhibit.mkdir(parents=True)
    (exhibit / "finding.md").write_text("evidence", "utf-8")
    out = tmp_path / "somewhere" / "else"
    told = run(first, bare, "-o", out)
    assert told.exit_code == 0, told.output
    assert {path.name for path in out.iterdir()} == {"comparison.html", "comparison.md", "comparison.json"}
    links = {str(link["href"]) for link in Page((out / "comparison.html").read_text("utf-8")).all("a")}
    outward = {link for link in links if not link.startswith("#")}
    for link in outward:
        target = Path(os.path.normpath(out / unquote(link.partition("#")[0])))
        assert target.is_file(), link
        if anchor := link.partition("#")[2]:
            assert f'id="{anchor}"' in target.read_text("utf-8")
    assert {link.rpartition("/")[2] for link in outward} == {
        "report.html", "report.html#finding-1", "report.html#finding-2", "finding.md",
    }  # fmt: skip


def test_evidence_is_looked_for_beside_the_report_only(tmp_path: Path) -> None:
    (tmp_path / "finding.md").write_text("not ours", "utf-8")
    evil = finding()
    evil["evidence"]["folder"] = ".."
    path = saved(tmp_path / "report", report(findings=[evil]), pages=False)
    assert run(path, "-o", tmp_path / "out").exit_code == 0
    assert "finding.md" not in (tmp_path / "out" / "comparison.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1]", "is no report"),
        ("{", "is no JSON"),
        (json.dumps(report(imageproof=2)), "another version (2); expected version 1"),
        (json.dumps(report(findings=[{"cause": "x"}])), "at /findings/0, "),
        (json.dumps({"imageproof": 1}), "expected version 1"),
    ],
)
def test_a_file_that_is_no_report_of_this_version_is_refused_by_name(tmp_path: Path, text: str, said: str) -> None:
    good = saved(tmp_path / "good", report(), pages=False)
    bad = tmp_path / "bad.json"
    bad.write_text(text, "utf-8")
    told = run(good, bad, "-o", tmp_path / "out")
    assert told.exit_code == 2
    assert said in told.output
    assert "bad.json" in told.output
    assert not (tmp_path / "out").exists()


def test_the_same_file_twice_is_one_report(tmp_path: Path) -> None:
    path = saved(tmp_path / "one", report(), pages=False)
    assert run(path, path, "-o", tmp_path).exit_code == 0
    [provider] = json.loads((tmp_path / "comparison.json").read_bytes())["providers"]
    assert len(provider["history"]) == 1


# --- the badge --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (report(), "1 MUST broken · 75 % looked at"),
        (report(verdict="conforms"), "nothing kept · 75 % looked at"),
        (report(verdict="could not look"), "could not look"),
    ],
)
def test_the_badge_says_no_level_without_its_coverage(data: dict[str, Any], said: str) -> None:
    svg = ET.fromstring(badge(data))
    assert svg.findtext("{http://www.w3.org/2000/svg}title") == f"imageproof: {said}"
    assert "href" not in badge(data).decode()
    assert "style" not in badge(data).decode()


def test_the_badge_names_the_levels_that_hold() -> None:
    whole = {"hold": 3, "looked_at": 3, "share": 1.0}
    none = {"hold": 0, "looked_at": 0, "share": None}
    some = {"hold": 1, "looked_at": 2, "share": 0.5}

    def said(**levels: Any) -> str:
        data = clean()
        data["score"]["levels"] = levels
        return badge(data).decode()

    assert ">MUST, SHOULD kept ·" in said(MUST=whole, SHOULD=whole, MAY=none)
    assert ">MUST kept ·" in said(MUST=whole, SHOULD=some, MAY=whole)
    assert ">SHOULD kept ·" in said(MUST=none, SHOULD=whole, MAY=some), "of a MUST nothing is known"


def test_a_badge_is_of_the_newest_report_of_one_provider(tmp_path: Path) -> None:
    old = saved(tmp_path / "old", report(), pages=False)
    new = saved(tmp_path / "new", clean(started=LATER), pages=False)
    other = saved(tmp_path / "other", report(provider="https://other.example"), pages=False)
    file = tmp_path / "badges" / "badge.svg"
    told = run(new, other, "--badge", file, "-o", tmp_path / "out")
    assert told.exit_code == 2
    assert "https://other.example" in told.output
    assert not file.exists()
    assert run(new, old, "--badge", file, "-o", tmp_path / "out").exit_code == 0
    assert file.read_bytes() == badge(clean(started=LATER))
