"""Reports side by side, as plain data: providers by clauses, the worst first, and each provider over time.

Made from report.json alone. A provider is known again by its address, a finding as a baseline knows it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from contract_tests.clauses.registry import LEVELS
from contract_tests.report import baseline
from contract_tests.report.saved import load
from contract_tests.report.score import counted, kept, result

VERSION = 1
Link = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Saved:
    """A report and the file it was read from."""

    path: Path
    data: Mapping[str, Any]


def read(paths: Iterable[Path]) -> list[Saved]:
    """The reports of some files, each file once. Raises NoReport."""
    return [Saved(path, load(path)) for path in {path.resolve(): path for path in paths}.values()]


def compare(reports: Iterable[Saved], folder: Path) -> dict[str, Any]:
    """Reports side by side; links lead from `folder` to what lies beside each report.

    `providers` are the newest report of each, the worst first, with `history`: every report of it, the oldest first.
    `tags` group the clauses, the worst first; `results` of a clause are in the order of the providers.
    """
    by_provider: dict[str, list[Saved]] = {}
    for report in sorted(reports, key=lambda one: one.data["started"]):
        by_provider.setdefault(report.data["provider"], []).append(report)
    told = sorted(by_provider.values(), key=_badness)
    newest = [reports[-1] for reports in told]
    return {
        "imageproof_comparison": VERSION,
        "providers": [
            {"provider": one.data["provider"], **_told(one, folder), "history": _history(reports, folder)}
            for one, reports in zip(newest, told, strict=True)
        ],
        "tags": _tags(newest, folder),
    }


def _badness(reports: Sequence[Saved]) -> tuple[Any, ...]:
    """Sorts the worst first; whoever could not be looked at comes last, for nothing is known of them."""
    data = reports[-1].data
    share = data["score"]["coverage"]["clauses"]["share"] or 0
    return (data["verdict"] == "could not look", *(-count for count in counted(data).values()), share, data["provider"])


def _told(report: Saved, folder: Path) -> dict[str, Any]:
    data = report.data
    return {
        "file": str(report.path),
        "started": data["started"],
        "profile": data["profile"],
        "verdict": data["verdict"],
        "kept": kept(data),
        "findings": counted(data),
        "score": data["score"],
        "link": link(report, folder, ("report.html", "")),
    }


def _history(reports: Sequence[Saved], folder: Path) -> list[dict[str, Any]]:
    """Every report of one provider with what changed since the one before; None for the first."""
    changes: list[dict[str, Any] | None] = [None]
    changes += [_changes(before.data, now.data) for before, now in pairwise(reports)]
    return [{**_told(one, folder), "changes": changed} for one, changed in zip(reports, changes, strict=True)]


def _changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """What appeared where it was looked for before, what was looked for only now, what got fixed, what stays."""
    forward, backward = baseline.compare(now, before, ""), baseline.compare(before, now, "")
    return {
        "appeared": backward["fixed"],
        "first_looked_at": backward["not_looked_at_again"],
        "fixed": forward["fixed"],
        "not_looked_at_again": forward["not_looked_at_again"],
        "known": forward["known"],
    }


def _tags(reports: Sequence[Saved], folder: Path) -> list[dict[str, Any]]:
    """The clauses any of the reports knows, by tag."""
    known = {clause["id"]: clause for report in reports for clause in report.data["clauses"]}
    every = [{one["id"]: one for one in report.data["clauses"]} for report in reports]
    tags: dict[str, list[dict[str, Any]]] = {}
    for id_, clause in known.items():
        results = [_result(report, of.get(id_), folder) for report, of in zip(reports, every, strict=True)]
        told = {"id": id_, "level": clause["level"], "text": clause["text"], "results": results}
        tags.setdefault(id_.partition(".")[0], []).append(told)
    grouped: list[dict[str, Any]] = [
        {"tag": tag, "clauses": sorted(clauses, key=_worst)} for tag, clauses in tags.items()
    ]
    return sorted(grouped, key=lambda group: (_worst_of(group["clauses"]), group["tag"]))


def _worst(clause: Mapping[str, Any]) -> tuple[int, ...]:
    """Sorts by level and by how many providers drift; clauses nobody drifts from by how many keep them."""
    drifting, keeping = (_how_many(clause, told) for told in ("drifts", "conforms"))
    return (LEVELS.index(clause["level"]) if drifting else len(LEVELS), -drifting, -keeping)


def _worst_of(clauses: Iterable[Mapping[str, Any]]) -> tuple[int, ...]:
    """Sorts tags by how many results drift, MUST before SHOULD before MAY."""
    listed = list(clauses)
    return tuple(-sum(_how_many(one, "drifts") for one in listed if one["level"] == level) for level in LEVELS)


def _how_many(clause: Mapping[str, Any], told: str) -> int:
    return sum(one["result"] == told for one in clause["results"])


def _result(report: Saved, clause: Mapping[str, Any] | None, folder: Path) -> dict[str, Any]:
    """What one report says of a clause; one it does not know was not tested."""
    if clause is None:
        return {"result": "not tested", "conforms": 0, "drifts": 0, "findings": []}
    shown = [
        {
            "number": number,
            "cause": finding["cause"],
            "title": finding["title"],
            "link": link(report, folder, ("report.html", f"finding-{number}"), (_page_of(finding), "")),
        }
        for number, finding in enumerate(report.data["findings"], 1)
        if clause["id"] == finding["clause"] or clause["id"] in finding["also_broken"]
    ]
    return {
        "result": result(clause),
        "conforms": clause["conforms"],
        "drifts": clause["drifts"],
        "findings": shown if clause["drifts"] else [],
    }


def _page_of(finding: Mapping[str, Any]) -> str:
    return f"{finding['evidence']['folder']}/finding.md"


def link(report: Saved, folder: Path, *places: Link) -> str:
    """The first of some places beside a report that is there, as a link from `folder`; empty where none is."""
    beside = report.path.resolve().parent
    for name, anchor in places:
        if ".." in PurePosixPath(name).parts or not (beside / name).is_file():
            continue
        try:
            way = quote(Path(os.path.relpath(beside / name, folder.resolve())).as_posix())
        except ValueError:  # another drive of Windows
            way = (beside / name).as_uri()
        return f"{way}#{anchor}" if anchor else way
    return ""
