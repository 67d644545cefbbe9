"""What a person sees in the terminal at the end of a run: what was found, what was looked at, what it cost."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from contract_tests import pace
from contract_tests.budget import at_most
from contract_tests.report.evidence import visible
from contract_tests.report.score import AS_FAR_AS_LOOKED, counted, percent, pictures_spent, told, verdict

#: kinds of cases, as a person is told of them
STEPS = {
    "replay": "what failed before",
    "refusals": "what is wrong is refused",
    "lookups": "what is there and what not",
    "pictures": "pictures as asked",
    "streams": "pictures in streams",
    "tasks": "tasks to their end",
    "followups": "what follows tasks",
}
_MOST_OF_A_REASON = 400  # letters
_FRAME = 6  # columns around a title
_LEVEL_STYLES = {"MUST": "bold red", "SHOULD": "yellow", "MAY": "dim"}
_VERDICT_STYLES = {
    "conforms": "bold green",
    AS_FAR_AS_LOOKED: "bold yellow",
    "drifts": "bold red",
    "could not look": "bold yellow",
}


def show(data: Mapping[str, Any], console: Console, folder: Path | None) -> None:
    """Print a report's data; what was looked at only where anything was."""
    console.print()
    for number, finding in enumerate(data["findings"], 1):
        console.print(_finding(number, finding, data["provider"], console.width))
    if data["findings"]:
        console.print()
    console.print(_headline(data), soft_wrap=True)
    console.print()
    console.print(_account(data) if data["requests"] else silences(data, account()))
    if folder is not None:
        width = max(len(name) for name in STEPS.values())
        console.print(
            Text.assemble((f"{'report':<{width}}", "dim"), "  ", (str(folder / "report.html"), "bold")), soft_wrap=True
        )
        if data["findings"]:
            console.print(
                Text.assemble((f"{'evidence':<{width}}", "dim"), f"  {folder / 'findings'}, {folder / 'run.har'}"),
                soft_wrap=True,
            )


def show_comparison(data: Mapping[str, Any], console: Console, folder: Path) -> None:
    """Print whom a comparison compares, the worst first, and what changed last."""
    table = Table("", "provider", "verdict", "findings", "looked at", "since the last", box=None, header_style="dim")
    table.columns[1].overflow = "fold"
    for number, one in enumerate(data["providers"], 1):
        changes = one["history"][-1]["changes"] or {"appeared": [], "fixed": []}
        news = [f"{len(changes[kind])} {kind}" for kind in ("appeared", "fixed") if changes[kind]]
        table.add_row(
            str(number),
            Text(visible(one["provider"]), style="bold"),
            Text(one["verdict"], style=_VERDICT_STYLES[one["verdict"]]),
            _counts(one["findings"]) or "none",
            percent(one["score"]["coverage"]["clauses"]["share"]),
            ", ".join(news) or ("nothing new" if len(one["history"]) > 1 else "-"),
        )
    console.print(table)
    console.print(Text.assemble(("comparison  ", "dim"), (str(folder / "comparison.html"), "bold")), soft_wrap=True)


def _counts(findings: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {level}" for level, count in findings.items() if count)


def _headline(data: Mapping[str, Any]) -> Text:
    told = _counts(counted(data))
    told = told or ("nothing found" if data["verdict"] == "conforms" else "")
    name = verdict(data)
    told += ", but no picture was judged" if name == AS_FAR_AS_LOOKED else ""
    interrupted = "  interrupted, this is what was seen" if data["interrupted"] else ""
    return Text.assemble(
        (f" {name.upper()} ", f"{_VERDICT_STYLES[name]} reverse"),
        "  ",
        (visible(data["provider"]), "bold"),
        f"  {told}",
        (interrupted, "bold yellow"),
    )


def _finding(number: int, finding: Mapping[str, Any], provider: str, width: int) -> Panel:
    level, evidence = finding["level"], finding["evidence"]
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("expected", Text(_short(finding["expected"])))
    table.add_row("received", Text(_short(finding["received"]), style=_LEVEL_STYLES[level]))
    if level != "MAY":
        request, response = evidence["request"], evidence["response"]
        target = request["url"].removeprefix(provider)
        table.add_row(
            "asked", Text(_short(_on_one_line(f"{request['method']} {target} {request['body']}")), style="dim")
        )
        table.add_row(
            "answer", Text(_short(_on_one_line(f"{response['status'] or 'none'} {response['body']}")), style="dim")
        )
    also = f"; also breaks {', '.join(finding['also_broken'])}" if finding["also_broken"] else ""
    table.add_row("seen", Text(f"{_times(finding)} on {finding['label']}{also}"))
    if finding["drift_seen"]:
        table.add_row("known", Text("; ".join(finding["drift_seen"])))
    title = Text.assemble(
        f"{number} ",
        (level, _LEVEL_STYLES[level]),
        "  ",
        (finding["drift"] or finding["clause"], "bold"),
        f"  {finding['title']}",
    )
    title.truncate(width - _FRAME, overflow="ellipsis")
    return Panel(table, title=title, title_align="left", border_style="red" if level == "MUST" else "yellow")


def _times(finding: Mapping[str, Any]) -> str:
    times = finding["count"] or sum(finding["also_broken"].values())
    return "once" if times == 1 else f"{times} times"


def _on_one_line(text: str) -> str:
    return " ".join(text.split())


def _short(text: str, most: int = 180) -> str:
    text = visible(text)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def account() -> Table:
    """An empty table of names and what is told of them, as every part of a check is laid out."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True, width=max(len(name) for name in STEPS.values()))
    table.add_column(overflow="fold")
    return table


def _account(data: Mapping[str, Any]) -> Table:
    table = account()
    for kind, outcomes in data["steps"].items():
        table.add_row(STEPS.get(kind, kind), _outcomes(outcomes))
    held = sum(1 for clause in data["clauses"] if clause["conforms"] and not clause["drifts"])
    drifted = sum(1 for clause in data["clauses"] if clause["drifts"])
    untested = len(data["clauses"]) - held - drifted
    table.add_row("clauses", _outcomes({"passed": held, "failed": drifted, "skipped": untested}))
    for name, words in zip(("score", ""), told(data["score"]), strict=True):
        table.add_row(name, Text(words))
    cost = at_most(data["usd_at_most"], data.get("unpriced", 0), " by list prices")
    spent = f"{data['requests']} requests, {pictures_spent(data)}, {cost}, {data['seconds']} s; seed {data['seed']}"
    table.add_row("spent", Text(spent))
    if slowed := pace.told(data.get("pace", pace.UNKNOWN)):
        table.add_row("pace", Text(slowed))
    if data["baseline"] is not None:
        table.add_row("baseline", _changes(data))
    if data["refused_but_delivered"]:
        table.add_row(
            "billed", Text(f"{data['refused_but_delivered']} requests that should have been refused made pictures")
        )
    return silences(data, table)


def silences(data: Mapping[str, Any], table: Table) -> Table:
    """Add why something was not looked at; what a provider does not offer at all is one line."""
    absent = data.get("not_offered", {})
    untested = {place: reason for place, reason in data["not_tested"].items() if place not in absent}
    unanswered, faults = data.get("could_not_look", {}), data.get("faults", {})
    for name, reasons in (("not tested", untested), ("no answer", unanswered), ("our fault", faults)):
        for reason, places in _grouped(reasons).items():
            table.add_row(name, Text(f"{places}: {_short(reason, _MOST_OF_A_REASON)}"))
    if absent:
        table.add_row("not offered", Text(", ".join(absent.values())))
    return table


def _changes(data: Mapping[str, Any]) -> Text:
    """What the run says next to its baseline."""
    baseline = data["baseline"]
    kinds = (("new", "new", "bold red"), ("known", "known", ""), ("fixed", "fixed", "green"),
             ("not_looked_at_again", "not looked at again", "dim"))  # fmt: skip
    parts = [
        Text(
            f"{len(baseline[kind])} {words}: {_short(', '.join(sorted({one['cause'] for one in baseline[kind]})))}",
            style,
        )
        for kind, words, style in kinds
        if baseline[kind]
    ]
    return Text("; ").join(parts) if parts else Text("nothing found, before or now")


def _outcomes(outcomes: Mapping[str, int]) -> Text:
    words = (("passed", "hold", "green"), ("failed", "drift", "bold red"), ("skipped", "not tested", "dim"))
    told = [Text(f"{outcomes[name]} {word}", style=style) for name, word, style in words if outcomes.get(name)]
    return Text(", ").join(told)


def _grouped(reasons: Mapping[str, str]) -> dict[str, str]:
    """Reason -> what it kept from being tested, shortened to a name or a count."""
    places: dict[str, list[str]] = {}
    for place, reason in reasons.items():
        places.setdefault(reason.split("; this case")[0], []).append(place)
    return {reason: found[0] if len(found) == 1 else f"{len(found)} cases" for reason, found in places.items()}
