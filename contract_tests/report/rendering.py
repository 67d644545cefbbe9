"""What is made of report.json alone: report.html for people, report.md for a CI's summary, junit.xml for its tests.

And of several of them: comparison.html, comparison.md, and comparison.json, of which the two are made.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from contract_tests.report.comparison_summary import comparison_summary
from contract_tests.report.junit import junit
from contract_tests.report.markdown import summary
from contract_tests.report.page import comparison_page, page, three_ways_page
from contract_tests.report.three_ways_summary import three_ways_summary


def write(data: Mapping[str, Any], folder: Path) -> None:
    """Write report.html, report.md and junit.xml into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.html").write_text(page(data), encoding="utf-8", newline="\n")
    (folder / "report.md").write_text(summary(data), encoding="utf-8", newline="\n")
    (folder / "junit.xml").write_bytes(junit(data))


def write_comparison(data: Mapping[str, Any], folder: Path) -> None:
    """Write comparison.html, comparison.md and comparison.json into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "comparison.html").write_text(comparison_page(data), encoding="utf-8", newline="\n")
    (folder / "comparison.md").write_text(comparison_summary(data), encoding="utf-8", newline="\n")
    (folder / "comparison.json").write_bytes(orjson.dumps(data, option=orjson.OPT_INDENT_2))


def write_three_ways(data: Mapping[str, Any], folder: Path) -> None:
    """Write three-ways.html, three-ways.md and three-ways.json into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "three-ways.html").write_text(three_ways_page(data), encoding="utf-8", newline="\n")
    (folder / "three-ways.md").write_text(three_ways_summary(data), encoding="utf-8", newline="\n")
    (folder / "three-ways.json").write_bytes(orjson.dumps(data, option=orjson.OPT_INDENT_2))


def add_markdown(data: Mapping[str, Any], path: Path) -> None:
    """Add the summary to a file, as `$GITHUB_STEP_SUMMARY` wants it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8", newline="\n") as file:
        file.write(summary(data))
