"""The three-way view as plain data: operations with their rows, and the findings of the report beside the document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import PurePath
from typing import Any

import orjson

from contract_tests.documents.defects import subjects_of
from contract_tests.documents.document import Document
from contract_tests.documents.json_text import Place
from contract_tests.documents.keys import masked
from contract_tests.documents.promises import promises
from contract_tests.documents.subject import Subject
from contract_tests.three_ways.answered import answer_rows, status_rows
from contract_tests.three_ways.asked import documented_faults, request_rows
from contract_tests.three_ways.calls import Call
from contract_tests.three_ways.row import NOTHING, UNSEEN, WHO, Row
from spec.contract import Contract
from spec.drifts import catalogue

VERSION = 1


def three_ways(
    document: Document, report: Mapping[str, Any], contracts: Sequence[Contract], calls: Sequence[Call]
) -> dict[str, Any]:
    """The view. Without calls only the report's findings are known of the provider.

    `who` of a row is one of `row.WHO`; the rows somebody deviates in come first.
    """
    subjects = subjects_of(document, contracts)
    operations: list[dict[str, Any]] = [
        {"label": subject.operation.label, "line": subject.documented.place.line, "rows": _rows(subject, calls)}
        for subject in subjects
    ]
    findings = list(_findings(subjects, report, calls))
    counts = Counter(row["who"] for operation in operations for row in operation["rows"])
    counts.update(finding["who"] for finding in findings)
    return {
        "imageproof_three_ways": VERSION,
        "document": {"name": PurePath(document.name).name, "shape": document.shape},
        "provider": report["provider"],
        "started": report["started"],
        "recorded": bool(calls),
        "counts": {who: counts[who] for who in WHO},
        "findings": findings,
        "operations": operations,
        "undocumented": [
            operation["label"]
            for operation in report["operations"]
            if operation["label"] not in {subject.operation.label for subject in subjects}
            and not operation.get("absent")
        ],
    }


def _rows(subject: Subject, calls: Sequence[Call]) -> list[dict[str, Any]]:
    found: list[Row] = [
        *request_rows(subject, calls),
        *answer_rows(subject, calls),
        *status_rows(subject, calls),
    ]
    order = list(WHO)
    return [asdict(row) for row in sorted(found, key=lambda row: (_PARTS.index(row.part), order.index(row.who)))]


_PARTS = ("request", "answer", "status")


def _findings(
    subjects: Sequence[Subject], report: Mapping[str, Any], calls: Sequence[Call]
) -> Iterator[dict[str, Any]]:
    """What was found in the provider, and whether its document says so; then what the document alone promises."""
    promised = {
        finding.cause: (promise, finding)
        for subject in subjects
        for promise in promises(subject)
        for finding in promise.findings
        if finding.drift
    }
    for number, finding in enumerate(report["findings"], 1):
        told = promised.pop(finding["cause"], None)
        known = [subject for subject in subjects if subject.operation.id in _operations(finding)]
        refused = _refused_too(finding, known)
        document = f"refuses it, too: {', '.join(refused)}" if refused else "says nothing of it" if known else NOTHING
        yield {
            "cause": finding["cause"],
            "title": finding["title"],
            "level": finding["level"],
            "contract": finding["promised"],
            "document": masked(told[1].broken.received) if told else document,
            "line": told[0].place.line if told else min((place.line for place in refused.values()), default=0),
            "observed": finding["received"],
            "who": "both" if told or refused else "provider",
            "number": number,
            "link": "",
        }
    for cause, (promise, broken) in promised.items():
        operation, refusing = promise.subject.operation.id, promise.status.startswith("4")
        came = sum(
            call.operation.id == operation and call.taken is not refusing for call in calls if call.taken is not None
        )
        yield {
            "cause": cause,
            "title": broken.title,
            "level": broken.level,
            "contract": catalogue()[cause].contract,
            "document": masked(broken.broken.received),
            "line": promise.place.line,
            "observed": f"in none of {came} answers" if came else UNSEEN,
            "who": "document",
            "number": 0,
            "link": "",
        }


def _operations(finding: Mapping[str, Any]) -> set[str]:
    return {operation["id"] for operation in finding["operations"]}


def _refused_too(finding: Mapping[str, Any], subjects: Sequence[Subject]) -> dict[str, Place]:
    """The members for which the document, too, refuses the request that the provider refused; where it says so."""
    evidence = finding["evidence"]
    if not 400 <= evidence["response"]["status"] < 500:
        return {}
    try:
        value = orjson.loads(evidence["request"]["body"])
    except orjson.JSONDecodeError:
        return {}
    if not isinstance(value, dict):
        return {}
    return {
        name: next((field.required_place for field in subject.fields.values() if field.name == name), subject.body.at())
        for subject in subjects
        for name in sorted(documented_faults(subject, value))
    }
