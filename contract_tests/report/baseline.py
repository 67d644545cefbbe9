"""A baseline: a former report.json. What it knows is accepted, what is new fails, and what got fixed is said.

A drift is known again by its family, operation and cause, wherever it stands in the report.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contract_tests.clauses.registry import LEVELS

Key = tuple[str, str, str]
#: what `--fail-on` takes
FAIL_ON = ("MUST", "SHOULD", "never")


def keys(finding: Mapping[str, Any]) -> list[Key]:
    """What a finding is known again by, for each operation that shows it."""
    return [(finding["family"], operation["id"], finding["cause"]) for operation in finding["operations"]]


def compare(data: Mapping[str, Any], former: Mapping[str, Any], name: str) -> dict[str, Any]:
    """What a report says next to a former one: new, known, fixed, and what was not looked at again."""
    before = {key: finding for finding in former["findings"] for key in keys(finding)}
    now = {key: finding for finding in data["findings"] for key in keys(finding)}
    gone = [key for key in before if key not in now]
    fixed = [key for key in gone if _looked_again(data, key, before[key])]
    return {
        "file": name,
        "started": former["started"],
        "new": [_told(key, now[key]) for key in now if key not in before],
        "known": [_told(key, now[key]) for key in now if key in before],
        "fixed": [_told(key, before[key]) for key in fixed],
        "not_looked_at_again": [_told(key, before[key]) for key in gone if key not in fixed],
    }


def new_findings(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The findings a report's baseline does not know; all of them where there is none."""
    findings: list[Mapping[str, Any]] = data["findings"]
    if data["baseline"] is None:
        return findings
    new = {(one["family"], one["operation"], one["cause"]) for one in data["baseline"]["new"]}
    return [finding for finding in findings if new.intersection(keys(finding))]


def failing(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The findings that fail the run: new, and of the level of `--fail-on` or above."""
    if data["fail_on"] == "never":
        return []
    most = LEVELS.index(data["fail_on"])
    return [finding for finding in new_findings(data) if LEVELS.index(finding["level"]) <= most]


def _looked_again(data: Mapping[str, Any], key: Key, finding: Mapping[str, Any]) -> bool:
    """Whether the clause was asked about this operation, and held; a report that does not say it is not believed."""
    asked: Mapping[str, Any] = next((clause for clause in data["clauses"] if clause["id"] == finding["clause"]), {})
    return any((one["family"], one["id"]) == key[:2] for one in asked.get("held", ()))


def _told(key: Key, finding: Mapping[str, Any]) -> dict[str, str]:
    family, operation, cause = key
    return {
        "family": family,
        "operation": operation,
        "cause": cause,
        "level": finding["level"],
        "title": finding["title"],
    }
