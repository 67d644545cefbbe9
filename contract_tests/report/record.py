"""report.json: everything a run found, as plain data. Every other report is made from it alone; docs/reports.md."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import orjson

from contract_tests.clauses import catalogue
from contract_tests.exchange import Exchange
from contract_tests.findings import Finding
from contract_tests.recognisers import learned
from contract_tests.report import baseline, exhibit, rendering
from contract_tests.report.evidence import body_text, curl, visible
from contract_tests.report.markdown import finding_page
from contract_tests.report.saved import VERSION
from contract_tests.report.score import score
from contract_tests.report.thumbnail import thumbnail
from contract_tests.run import Run

_MOST_THUMBNAILS = 4  # of one exchange
_MOST_CASES = 20


def record(run: Run) -> dict[str, Any]:
    """A run as plain data."""
    findings = run.findings
    clauses = [_clause(id_, run) for id_ in catalogue()]
    operations = _operations(run)
    data: dict[str, Any] = {
        "imageproof": VERSION,
        "provider": run.provider.redact.text(run.provider.root),
        "profile": run.profile.name,
        "overlays": run.profile.all_overlays(),
        "started": int(run.started),
        "seconds": round(time.time() - run.started, 1),
        "seed": run.options.seed,
        "verdict": verdict(run),
        "interrupted": run.interrupted,
        "fail_on": run.options.fail_on,
        "steps": {kind: dict(outcomes) for kind, outcomes in run.steps.items()},
        "requests": run.provider.ledger.requests,
        "images": run.provider.ledger.images,
        "max_images": run.provider.ledger.most_images,
        "usd_at_most": round(run.provider.ledger.dollars, 4),
        "unpriced": run.provider.ledger.unpriced,
        "max_usd": run.provider.ledger.most_dollars,
        "max_requests": run.provider.ledger.most_requests,
        "pace": run.provider.pace.data(),
        "plan": run.plan.data(),
        "offer": run.offer.data() if run.offer else None,
        "looked_at_everything": looked_at_everything(run),
        "refused_but_delivered": run.provider.ledger.refused_but_delivered,
        "score": score(
            clauses,
            operations=(sum(operation["looked_at"] for operation in operations), len(operations)),
            problems=findings.coverage.of_problems(run.contracts),
        ),
        "operations": operations,
        "clauses": clauses,
        "findings": [_finding(number, finding, run) for number, finding in enumerate(findings.all, 1)],
        "not_tested": findings.not_tested,
        "not_offered": findings.not_offered,
        "could_not_look": findings.could_not_look,
        "faults": faults(run),
        "baseline": None,
    }
    if run.baseline is not None:
        data["baseline"] = baseline.compare(data, run.baseline, str(run.options.baseline))
    data["failed"] = bool(baseline.failing(data))
    return data


def verdict(run: Run) -> str:
    """drifts (a MUST is broken), could not look (something that was tried got no answer), or conforms."""
    if run.findings.drifted:
        return "drifts"
    if run.findings.could_not_look or run.faults or not run.findings.tallies:
        return "could not look"
    return "conforms"


def faults(run: Run) -> dict[str, str]:
    """Where imageproof itself failed, and how, each in a line; of such a case nothing is said."""
    redact = run.provider.redact.text
    return {visible(redact(fault.place)): visible(redact(fault.reason)) for fault in run.faults}


def looked_at_everything(run: Run) -> bool:
    """Whether no clause and no planned case was left out: else a verdict holds as far as was looked."""
    wanted = [id_ for id_ in catalogue() if run.wanted.clause(id_)]
    return not run.findings.not_tested and all(id_ in run.findings.tallies for id_ in wanted)


def _operations(run: Run) -> list[dict[str, Any]]:
    return [
        {
            "family": operation.family,
            "id": operation.id,
            "label": operation.label,
            "absent": run.provider.presence.known_absent(contract, operation),
            "looked_at": (operation.family, operation.id) in run.findings.coverage.operations,
        }
        for contract in run.contracts
        for operation in contract.operations
    ]


def _clause(id_: str, run: Run) -> dict[str, Any]:
    clause, tally = catalogue()[id_], run.findings.tallies.get(id_)
    return {
        "id": clause.id,
        "level": clause.level,
        "text": clause.text,
        "rests_on": clause.rests_on,
        "conforms": tally.conforms if tally else 0,
        "drifts": tally.drifts if tally else 0,
        "held": [{"family": family, "id": operation} for family, operation in sorted(tally.held if tally else ())],
    }


def _finding(number: int, finding: Finding, run: Run) -> dict[str, Any]:
    known = {use.drift.id: use.source for use in run.profile.drifts}
    labels = {(one.family, one.id): one.label for contract in run.contracts for one in contract.operations}
    folder = exhibit.name_of(number, finding.cause)
    drift, clause, redact = finding.drift, finding.clause, run.provider.redact.text
    return {
        "cause": finding.cause,
        "clause": clause.id,
        "level": finding.level,
        "title": finding.title,
        "operation": finding.operation,
        "label": finding.label,
        "operations": [{"id": id_, "label": labels.get((finding.family, id_), id_)} for id_ in finding.operations],
        "cases": dict(finding.cases.most_common(_MOST_CASES)),
        "family": finding.family,
        "drift": drift.id if drift else None,
        "parameters": {name: redact(value) for name, value in learned(drift, finding.exchange).items()}
        if drift
        else {},
        "drift_seen": list(drift.seen) if drift else [],
        "known_from": known.get(drift.id, "") if drift else "",
        "promised": drift.contract if drift else clause.text,
        "why": clause.why,
        "remedy": clause.remedy,
        "expected": redact(finding.broken.expected),
        "received": redact(finding.broken.received),
        "pointer": redact(finding.broken.pointer),
        "rests_on": clause.rests_on,
        "count": finding.count,
        "also_broken": dict(finding.others),
        "evidence": {"folder": folder, **_evidence(finding.exchange, run)},
        "beside": [
            {"folder": f"{folder}/{place}", **_evidence(exchange, run)} for exchange, place in exhibit.beside(finding)
        ],
    }


def _evidence(exchange: Exchange, run: Run) -> dict[str, Any]:
    request, response, redact = exchange.case.request, exchange.response, run.provider.redact
    files = {id(picture): name for picture, name in exhibit.picture_files(exchange)}
    shown = list(files)[:_MOST_THUMBNAILS]
    return {
        "number": exchange.number,
        "request": {
            "method": request.method,
            "url": exchange.url,
            "headers": dict(exchange.sent_headers),
            "body": body_text(redact.data(request.body), redact.value(request.value)) if request.body else "",
        },
        "response": {
            "status": response.status,
            "headers": dict(response.headers),
            "body": body_text(redact.data(response.body), redact.value(response.value)),
            "bytes": len(response.body),
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
                "file": files.get(id(picture), ""),
                "thumbnail": thumbnail(picture) if id(picture) in shown else "",
            }
            for picture in (*exchange.pictures, *exchange.unfinished)
        ],
        "curl": redact.text(curl(exchange)),
    }


def write(run: Run, folder: Path) -> dict[str, Any]:
    """Write report.json, an exhibit for each finding and every other report into a folder; the record."""
    data = record(run)
    folder.mkdir(parents=True, exist_ok=True)
    exhibit.clear(folder)
    redact, key_variable = run.provider.redact, run.options.key_variable
    for finding, told in zip(run.findings.all, data["findings"], strict=True):
        place = folder / told["evidence"]["folder"]
        exhibit.write(place, finding, finding_page(told, data), redact, key_variable)
    (folder / "report.json").write_bytes(orjson.dumps(data, option=orjson.OPT_INDENT_2))
    rendering.write(data, folder)
    if run.options.markdown is not None:
        rendering.add_markdown(data, run.options.markdown)
    return data
