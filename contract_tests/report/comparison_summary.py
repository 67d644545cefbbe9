"""comparison.md: reports side by side for a repository's page or a CI's summary."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from contract_tests.report.markdown import MARKS, cell, code
from contract_tests.report.score import percent

_CHANGES = (
    ("appeared", "appeared"), ("fixed", "fixed"), ("first_looked_at", "looked for the first time"),
    ("not_looked_at_again", "not looked at again"),
)  # fmt: skip


def comparison_summary(data: Mapping[str, Any]) -> str:
    """The providers, the worst first; the clauses somebody drifts from; and what changed over time."""
    return "\n\n".join(filter(None, (_providers(data), _matrix(data), *map(_history, data["providers"])))) + "\n"


def _providers(data: Mapping[str, Any]) -> str:
    rows = [
        f"| {number} | {_linked(cell(one['provider']), one['link'])} | {MARKS[one['verdict']]} {one['verdict']} "
        f"| {_counts(one)} | {_held(one)} | {percent(one['score']['coverage']['clauses']['share'])} |"
        for number, one in enumerate(data["providers"], 1)
    ]
    head = "| | provider | verdict | findings | clauses that hold | clauses looked at |\n| -: | - | - | - | - | - |\n"
    return f"## imageproof: {len(rows)} compared, the worst first\n\n{head}" + "\n".join(rows)


def _counts(report: Mapping[str, Any]) -> str:
    return ", ".join(f"{count} {level}" for level, count in report["findings"].items() if count) or "none"


def _held(report: Mapping[str, Any]) -> str:
    levels = report["score"]["levels"].items()
    return ", ".join(f"{name} {one['hold']} of {one['looked_at']}" for name, one in levels if one["looked_at"]) or "-"


def _matrix(data: Mapping[str, Any]) -> str:
    rows, untold = [], 0
    for group in data["tags"]:
        for clause in group["clauses"]:
            if any(one["result"] == "drifts" for one in clause["results"]):
                cells = " | ".join(map(_result, clause["results"]))
                rows.append(f"| {group['tag']} | {cell(clause['id'])} | {clause['level']} | {cells} |")
            else:
                untold += 1
    if not rows:
        return f"Nobody drifts from any of {untold} clauses."
    numbers = range(1, len(data["providers"]) + 1)
    head = f"| | clause | level | {' | '.join(map(str, numbers))} |\n| - | - | - |{' - |' * len(numbers)}\n"
    more = f"\n\nFrom {untold} more clauses nobody drifts, or nobody was tested." if untold else ""
    return "### Clauses\n\n❌ drifts, ✅ conforms, - not tested\n\n" + head + "\n".join(rows) + more


def _result(result: Mapping[str, Any]) -> str:
    if result["result"] == "drifts":
        shown = [_linked(f"#{finding['number']}", finding["link"]) for finding in result["findings"]]
        return " ".join([f"❌ {result['drifts']}", *shown])
    return f"✅ {result['conforms']}" if result["result"] == "conforms" else "-"


def _linked(text: str, link: str) -> str:
    return f"[{text}](<{link}>)" if link else text


def _history(provider: Mapping[str, Any]) -> str:
    if len(provider["history"]) == 1:
        return ""
    lines = [_moment(report) for report in reversed(provider["history"])]
    return f"### {code(provider['provider'])} over time\n\n" + "\n".join(lines)


def _moment(report: Mapping[str, Any]) -> str:
    when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(report["started"]))
    changes = report["changes"] or {}
    told = [f"\n  - {words}: {_causes(changes[kind])}" for kind, words in _CHANGES if changes.get(kind)]
    return f"- {_linked(when, report['link'])}: {report['verdict']}, findings: {_counts(report)}" + "".join(told)


def _causes(changes: Iterable[Mapping[str, str]]) -> str:
    return ", ".join(code(f"{one['cause']} on {one['operation']}") for one in changes)
