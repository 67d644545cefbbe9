"""report.json: everything a run found, as plain data. The HTML report and the comparison are made from it alone."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import orjson

from contract_tests.clauses import catalogue
from contract_tests.exchange import Exchange
from contract_tests.findings import Finding
from contract_tests.report.evidence import body_text, curl
from contract_tests.run import Run

VERSION = 1


def record(run: Run) -> dict[str, Any]:
    """A run as plain data."""
    findings = run.findings
    return {
        "imageproof": VERSION,
        "provider": run.provider.redact.text(run.provider.root),
        "profile": run.profile.name,
        "started": int(run.started),
        "seconds": round(time.time() - run.started, 1),
        "seed": run.options.seed,
        "verdict": verdict(run),
        "interrupted": run.interrupted,
        "steps": {kind: dict(outcomes) for kind, outcomes in run.steps.items()},
        "requests": run.provider.ledger.requests,
        "images": run.provider.ledger.images,
        "max_images": run.provider.ledger.most_images,
        "refused_but_delivered": run.provider.ledger.refused_but_delivered,
        "clauses": [
            {
                "id": clause.id,
                "level": clause.level,
                "text": clause.text,
                "rests_on": clause.rests_on,
                "conforms": findings.tallies[clause.id].conforms if clause.id in findings.tallies else 0,
                "drifts": findings.tallies[clause.id].drifts if clause.id in findings.tallies else 0,
            }
            for clause in catalogue().values()
        ],
        "findings": [_finding(finding, run) for finding in findings.all],
        "not_tested": findings.not_tested,
        "could_not_look": findings.could_not_look,
    }


def verdict(run: Run) -> str:
    """drifts (a MUST is broken), could not look (something that was tried got no answer), or conforms."""
    if run.findings.drifted:
        return "drifts"
    if run.findings.could_not_look or not run.findings.tallies:
        return "could not look"
    return "conforms"


def _finding(finding: Finding, run: Run) -> dict[str, Any]:
    known = {use.drift.id: use.source for use in run.profile.drifts}
    drift = finding.drift
    return {
        "clause": finding.clause.id,
        "level": finding.clause.level,
        "title": finding.title,
        "operation": finding.operation,
        "operations": finding.operations,
        "label": finding.label,
        "family": finding.family,
        "drift": drift.id if drift else None,
        "drift_seen": list(drift.seen) if drift else [],
        "known_from": known.get(drift.id, "") if drift else "",
        "expected": finding.broken.expected,
        "received": finding.broken.received,
        "pointer": finding.broken.pointer,
        "rests_on": finding.clause.rests_on,
        "count": finding.count,
        "also_broken": dict(finding.others),
        "evidence": _evidence(finding.exchange),
    }


def _evidence(exchange: Exchange) -> dict[str, Any]:
    request = exchange.case.request
    return {
        "number": exchange.number,
        "request": {
            "method": request.method,
            "url": exchange.url,
            "headers": dict(exchange.sent_headers),
            "body": body_text(request.body, request.value) if request.body else "",
        },
        "response": {
            "status": exchange.response.status,
            "headers": dict(exchange.response.headers),
            "body": body_text(exchange.response.body, exchange.response.value),
            "bytes": len(exchange.response.body),
        },
        "seconds": round(exchange.seconds, 3),
        "pictures": [
            {
                "pointer": picture.pointer,
                "role": picture.role,
                "format": picture.format,
                "width": picture.width,
                "height": picture.height,
                "bytes": len(picture.data),
                "problem": picture.problem or picture.trouble,
            }
            for picture in exchange.pictures
        ],
        "curl": curl(exchange),
    }


def write(run: Run, folder: Path) -> dict[str, Any]:
    """Write report.json and report.html into a folder; the record."""
    from contract_tests.report.page import page

    data = record(run)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_bytes(orjson.dumps(data, option=orjson.OPT_INDENT_2))
    (folder / "report.html").write_text(page(data), encoding="utf-8")
    return data
