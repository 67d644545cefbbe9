"""What a person sees in the terminal: progress while it runs, and a table of what was found."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

_LEVEL_STYLES = {"MUST": "bold red", "SHOULD": "yellow", "MAY": "dim"}
_VERDICT_STYLES = {"conforms": "bold green", "drifts": "bold red", "could not look": "bold yellow"}


def show(data: Mapping[str, Any], console: Console, folder: Path | None) -> None:
    """Print a report's data."""
    console.print()
    console.print(_headline(data))
    if data["findings"]:
        console.print(_findings(data))
    console.print(_account(data))
    if folder is not None:
        console.print(Text.assemble("report  ", (str(folder / "report.html"), "bold")), soft_wrap=True)


def _headline(data: Mapping[str, Any]) -> Text:
    counts = {level: sum(finding["level"] == level for finding in data["findings"]) for level in _LEVEL_STYLES}
    told = ", ".join(f"{count} {level}" for level, count in counts.items() if count) or "nothing found"
    verdict = data["verdict"]
    return Text.assemble(
        (f" {verdict.upper()} ", f"{_VERDICT_STYLES[verdict]} reverse"), "  ", (data["provider"], "bold"), f"  {told}"
    )


def _findings(data: Mapping[str, Any]) -> Group:
    return Group(*(_finding(number, finding) for number, finding in enumerate(data["findings"], 1)))


def _finding(number: int, finding: Mapping[str, Any]) -> Panel:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("expected", Text(finding["expected"]))
    table.add_row("received", Text(_short(finding["received"])))
    if finding["level"] == "MUST":
        table.add_row(
            "answer", Text(_short(" ".join(finding["evidence"]["response"]["body"].split()), 160), style="dim")
        )
    times = f"{finding['count']} time{'s' if finding['count'] != 1 else ''}"
    also = f"; also breaks {', '.join(finding['also_broken'])}" if finding["also_broken"] else ""
    table.add_row("seen", Text(f"{times} on {finding['label']}{also}"))
    if finding["drift_seen"]:
        table.add_row("known", Text("; ".join(finding["drift_seen"])))
    name = finding["drift"] or finding["clause"]
    title = Text.assemble(
        f"{number}. ",
        (finding["level"], _LEVEL_STYLES[finding["level"]]),
        " ",
        (name, "bold"),
        f"  {finding['title']}" if len(finding["title"]) < 60 else "",
    )
    return Panel(table, title=title, title_align="left", border_style="red" if finding["level"] == "MUST" else "yellow")


def _short(text: str, most: int = 300) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _account(data: Mapping[str, Any]) -> Table:
    held = sum(1 for clause in data["clauses"] if clause["conforms"] and not clause["drifts"])
    drifted = sum(1 for clause in data["clauses"] if clause["drifts"])
    untested = sum(1 for clause in data["clauses"] if not clause["conforms"] and not clause["drifts"])
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("clauses", Text(f"{held} hold, {drifted} broken, {untested} not tested"))
    cap = "" if data["max_images"] is None else f" of at most {data['max_images']}"
    table.add_row(
        "spent",
        Text(f"{data['requests']} requests, {data['images']} pictures{cap}, {data['seconds']} s; seed {data['seed']}"),
    )
    if data["refused_but_delivered"]:
        table.add_row(
            "billed", Text(f"{data['refused_but_delivered']} requests that should have been refused made pictures")
        )
    for reason, count in _grouped(data["not_tested"]).items():
        table.add_row("not tested", Text(f"{count}: {reason}"))
    for reason, count in _grouped(data["could_not_look"]).items():
        table.add_row("no answer", Text(f"{count}: {reason}"))
    return table


def _grouped(reasons: Mapping[str, str]) -> dict[str, str]:
    """Reason -> what it kept from being tested, shortened to a name or a count."""
    places: dict[str, list[str]] = {}
    for place, reason in reasons.items():
        places.setdefault(reason.split("; this case")[0], []).append(place)
    return {reason: found[0] if len(found) == 1 else f"{len(found)} cases" for reason, found in places.items()}
