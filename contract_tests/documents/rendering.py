"""The defects of vendor documents for a person: in a terminal, as Markdown; and as JSON for a program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Literal

import orjson
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from contract_tests.documents.defects import LEVELS, Defect
from contract_tests.documents.sarif import as_sarif
from contract_tests.report.markdown import cell, code, plain

Form = Literal["text", "json", "markdown", "sarif"]
FORMS: tuple[Form, ...] = ("text", "json", "markdown", "sarif")

_STYLES = {"error": "bold red", "warning": "yellow", "note": "dim"}


def render(found: Mapping[str, Sequence[Defect]], form: Form, console: Console) -> None:
    """Print the defects of several documents, by document name: a table each and a summary, or one text for all."""
    if form != "text":
        console.print(Text(written(found, form)), soft_wrap=True, end="" if form == "markdown" else "\n")
        return
    for name, defects in found.items():
        if defects:
            console.print(_table(defects))
        console.print(_summary(name, defects), soft_wrap=True)


def written(found: Mapping[str, Sequence[Defect]], form: Form) -> str:
    """The defects of several documents as a text for programs, or for a page that takes Markdown."""
    if form == "sarif":
        return as_sarif(found)
    if form == "markdown":
        return "\n".join(as_markdown(name, defects) for name, defects in found.items())
    return as_json([defect for defects in found.values() for defect in defects])


def as_markdown(name: str, defects: Sequence[Defect]) -> str:
    """The defects of one document as a table, headed by its name and how many there are."""
    rows = [
        f"| {defect.level} | {defect.where.line}:{defect.where.column} | {code(defect.rule)} | {plain(defect.message)} "
        f"| {cell(defect.expected)} |"
        for defect in defects
    ]
    head = ["| level | line | rule | what is wrong | expected |", "| - | -: | - | - | - |"] if rows else []
    return "\n".join([f"## {code(name)}: {_counted(defects)}", "", *head, *rows, *([""] if rows else [])])


def as_json(defects: Sequence[Defect]) -> str:
    """The defects as a JSON list: `document`, `rule`, `level`, `message`, `line`, `column`, `pointer`, `expected`,
    `received`.
    """
    rows = []
    for defect in defects:
        row = asdict(defect)
        rows.append({**row, **row.pop("where")})
        del rows[-1]["where"]
    return orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode()


def _table(defects: Sequence[Defect]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, justify="right")
    table.add_column(overflow="fold")
    for index, defect in enumerate(defects):
        head = Text.assemble((defect.rule, "bold"), "  ", (_shown(defect.where.pointer), "dim"))
        body = Text(_shown(defect.message))
        if defect.level != "note":
            body.append(f"  → {_shown(defect.expected)}", "cyan")
        last = index + 1 == len(defects) or defects[index + 1].level != defect.level
        lines = Group(head, body, "") if last else Group(head, body)
        table.add_row(Text(defect.level, _STYLES[defect.level]), f"{defect.where.line}:{defect.where.column}", lines)
    return table


def _summary(name: str, defects: Sequence[Defect]) -> Text:
    wrong = any(defect.level == "error" for defect in defects)
    style = "bold red" if wrong else "bold yellow" if defects else "bold green"
    return Text.assemble((_shown(name), "bold"), ": ", (_counted(defects), style))


def _counted(defects: Sequence[Defect]) -> str:
    counts = {level: sum(defect.level == level for defect in defects) for level in LEVELS}
    told = ", ".join(f"{count} {level}{'s' if count > 1 else ''}" for level, count in counts.items() if count)
    return told or "no defect found"


def _shown(text: str) -> str:
    """Provider text without anything that could steer a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
