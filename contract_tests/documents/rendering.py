"""What a person sees of the defects of vendor documents in a terminal, and what a program reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Literal

import orjson
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from contract_tests.documents.defects import LEVELS, Defect

Form = Literal["text", "json"]

_STYLES = {"error": "bold red", "warning": "yellow", "note": "dim"}


def render(found: Mapping[str, Sequence[Defect]], form: Form, console: Console) -> None:
    """Print the defects of several documents, by document name: a table each and a summary, or one JSON list.

    The JSON objects have `document`, `rule`, `level`, `message`, `line`, `column`, `pointer`, `expected`, `received`.
    """
    if form == "json":
        console.print(Text(as_json([defect for defects in found.values() for defect in defects])), soft_wrap=True)
        return
    for name, defects in found.items():
        if defects:
            console.print(_table(defects))
        console.print(_summary(name, defects), soft_wrap=True)


def as_json(defects: Sequence[Defect]) -> str:
    """The defects as a JSON list, each with all its fields."""
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
    counts = {level: sum(defect.level == level for defect in defects) for level in LEVELS}
    told = ", ".join(f"{count} {level}{'s' if count > 1 else ''}" for level, count in counts.items() if count)
    style = "bold red" if counts["error"] else "bold yellow" if defects else "bold green"
    return Text.assemble((_shown(name), "bold"), ": ", (told or "no defect found", style))


def _shown(text: str) -> str:
    """Provider text without anything that could steer a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
