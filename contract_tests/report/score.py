"""The score: what share of what was looked at holds, and what share of the contract was looked at; docs/reports.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from contract_tests.clauses.registry import LEVELS


def result(clause: Mapping[str, Any]) -> str:
    """What is known of a clause of a report: drifts, conforms, or not tested."""
    if clause["drifts"]:
        return "drifts"
    return "conforms" if clause["conforms"] else "not tested"


def score(clauses: Iterable[Mapping[str, Any]], **looked_at: tuple[int, int]) -> dict[str, Any]:
    """Per level how many of the clauses looked at hold; `coverage`: of how many clauses, and of what else there is.

    `share` is between 0 and 1, None where nothing was looked at: no score without something seen.
    """
    results = [(clause["level"], result(clause)) for clause in clauses]
    tested = [level for level, told in results if told != "not tested"]
    levels = {}
    for level in LEVELS:
        held, seen = results.count((level, "conforms")), tested.count(level)
        levels[level] = {"hold": held, "looked_at": seen, "share": _share(held, seen)}
    covered = {"clauses": (len(tested), len(results)), **looked_at}
    return {
        "levels": levels,
        "coverage": {
            name: {"looked_at": seen, "all": every, "share": _share(seen, every)}
            for name, (seen, every) in covered.items()
        },
    }


def told(score: Mapping[str, Any]) -> list[str]:
    """A score in words, as every report says it: what holds, then what was looked at."""
    held = [f"{level} {one['hold']} of {one['looked_at']} hold ({_percent(one['share'])})"
            for level, one in score["levels"].items() if one["looked_at"]]  # fmt: skip
    seen = [f"{one['looked_at']} of {one['all']} {name} ({_percent(one['share'])})"
            for name, one in score["coverage"].items()]  # fmt: skip
    return [", ".join(held) or "nothing was looked at, so there is no score", f"looked at {', '.join(seen)}"]


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _percent(share: float | None) -> str:
    # Cut, not rounded: 100 % is said only of everything.
    return "none" if share is None else f"{int(share * 100)} %"
