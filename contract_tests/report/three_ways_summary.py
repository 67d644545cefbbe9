"""The three-way view for a terminal and as Markdown: what somebody deviates in, and in how much all agree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from contract_tests.report.evidence import visible
from contract_tests.report.markdown import cell, code
from contract_tests.three_ways.row import WHO

_STYLES = {"each": "bold red", "provider": "bold red", "both": "yellow", "document": "yellow", "agree": "green"}
_WIDE = 110  # columns in which five can be read beside one another
_HEAD = "| | contract | document | observed | who deviates |\n| - | - | - | - | - |\n"


def show_three_ways(data: Mapping[str, Any], console: Console, folder: Path) -> None:
    """Print what somebody deviates in, and where the page lies."""
    for title, rows in _groups(data):
        if console.width < _WIDE:
            _show_stacked(title, rows, console)
            continue
        table = Table("", "contract", "document", "observed", "who deviates", box=None, header_style="dim", title=title)
        table.title_justify, table.title_style = "left", "bold"
        for name, row in rows:
            table.add_row(
                Text(visible(name), style="bold", overflow="fold"),
                *(
                    Text(visible(text), overflow="fold")
                    for text in (row["contract"], _documented(row), row["observed"])
                ),
                Text(WHO[row["who"]], style=_STYLES[row["who"]]),
            )
        console.print(table)
        console.print()
    console.print(Text(_counted(data)), soft_wrap=True)
    console.print(Text.assemble(("three ways  ", "dim"), (str(folder / "three-ways.html"), "bold")), soft_wrap=True)


def _show_stacked(title: str, rows: list[tuple[str, Mapping[str, Any]]], console: Console) -> None:
    """The same one under another, as the page has it on a phone."""
    console.print(Text(title, style="bold"), soft_wrap=True)
    for name, row in rows:
        console.print(Text.assemble((visible(name), "bold"), "  ", (WHO[row["who"]], _STYLES[row["who"]])))
        table = Table.grid(padding=(0, 2))
        table.add_column(style="dim", no_wrap=True)
        table.add_column(overflow="fold")
        for part, text in (
            ("contract", row["contract"]),
            ("document", _documented(row)),
            ("observed", row["observed"]),
        ):
            table.add_row(f"  {part}", Text(visible(text)))
        console.print(table)
    console.print()


def three_ways_summary(data: Mapping[str, Any]) -> str:
    """The view as Markdown."""
    parts = [
        f"## imageproof, three ways: {code(data['document']['name'])} and {code(data['provider'])}",
        _counted(data),
    ]
    for title, rows in _groups(data):
        lines = [
            f"| {cell(name)} | {cell(row['contract'])} | {cell(_documented(row))} | {cell(row['observed'])} "
            f"| {WHO[row['who']]} |"
            for name, row in rows
        ]
        parts.append(f"### {code(title)}\n\n{_HEAD}" + "\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _groups(data: Mapping[str, Any]) -> Iterator[tuple[str, list[tuple[str, Mapping[str, Any]]]]]:
    """(title, rows) of the findings and of each operation, as far as somebody deviates."""
    if data["findings"]:
        yield "findings", [(finding["cause"], finding) for finding in data["findings"]]
    for operation in data["operations"]:
        rows = [(f"{row['part']} {row['name']}", row) for row in operation["rows"] if row["who"] != "agree"]
        if rows:
            yield operation["label"], rows


def _documented(row: Mapping[str, Any]) -> str:
    return f"{row['document']} (line {row['line']})" if row["line"] else str(row["document"])


def _counted(data: Mapping[str, Any]) -> str:
    told = [f"{WHO[who]} in {count}" for who, count in data["counts"].items() if count and who != "agree"]
    agree = data["counts"]["agree"]
    return f"Deviates: {'; '.join(told) or 'nobody'}. In {agree} more all agree, or what was said was not contradicted."
