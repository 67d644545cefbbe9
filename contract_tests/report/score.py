"""The score: what share of what was looked at holds, and what share of the contract was looked at; docs/reports.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import takewhile
from typing import Any

from contract_tests.clauses.registry import LEVELS, PAID

#: the verdict where all that was looked at holds, and no picture was
AS_FAR_AS_LOOKED = "conforms as far as looked"


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


def kept(data: Mapping[str, Any]) -> list[str]:
    """The levels, the strictest first, of which all that was looked at holds, up to the first of which it does not.

    Empty where a MUST is broken or nothing could be judged: the verdict says which.
    """
    if data["verdict"] != "conforms":
        return []
    levels = data["score"]["levels"]
    whole = takewhile(lambda level: levels[level]["hold"] == levels[level]["looked_at"], LEVELS)
    return [level for level in whole if levels[level]["looked_at"]]


def verdict(data: Mapping[str, Any]) -> str:
    """The verdict as a person is told it: nobody conforms of whom no picture was judged, only as far as was looked."""
    judged = any(outcomes.get(ended) for kind, outcomes in data["steps"].items() if kind in PAID
                 for ended in ("passed", "failed"))  # fmt: skip
    return data["verdict"] if judged or data["verdict"] != "conforms" else AS_FAR_AS_LOOKED


def pictures_spent(data: Mapping[str, Any]) -> str:
    """`9 of at most 40 pictures`; what came beyond the cap was not asked for, and is told apart."""
    made, cap = data["images"], data["max_images"]
    if cap is None or made <= cap:
        return f"{made:,}{'' if cap is None else f' of at most {cap:,}'} pictures"
    return f"{cap:,} of at most {cap:,} pictures, and {made - cap:,} that came unasked"


def counted(data: Mapping[str, Any]) -> dict[str, int]:
    """How many findings of each level a report has."""
    return {level: sum(finding["level"] == level for finding in data["findings"]) for level in LEVELS}


def told(score: Mapping[str, Any]) -> list[str]:
    """A score in words, as every report says it: what holds, then what was looked at."""
    held = [f"{level} {one['hold']} of {one['looked_at']} hold ({percent(one['share'])})"
            for level, one in score["levels"].items() if one["looked_at"]]  # fmt: skip
    seen = [f"{one['looked_at']} of {one['all']} {name} ({percent(one['share'])})"
            for name, one in score["coverage"].items()]  # fmt: skip
    return [", ".join(held) or "nothing was looked at, so there is no score", f"looked at {', '.join(seen)}"]


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def percent(share: float | None) -> str:
    """A share between 0 and 1 as a person reads it."""
    # Cut, not rounded: 100 % is said only of everything.
    return "none" if share is None else f"{int(share * 100)} %"
