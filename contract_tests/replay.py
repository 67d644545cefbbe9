"""What failed is kept beside the report and sent first the next time: fixed is seen as fixed, open is found at once.

What a run did not send again, because it was interrupted, had no money left or looked at other clauses, stays kept.
`failures.json` holds requests as data, from which the same bytes are made again; never a key: KEY stands for it. It is
used again only for the same provider and the same contract. Delete it to forget.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from contract_tests.cases import Case, Defect
from contract_tests.exchange import Exchange
from contract_tests.raw import elsewhere
from contract_tests.run import Run
from spec.contract import Contract

NAME = "failures.json"
VERSION = 1
_MOST = 60  # kept
_LARGEST = 16 * 1024 * 1024  # bytes of the file


@dataclass(frozen=True, slots=True)
class Failure:
    """A case that failed, and the clause that it broke."""

    case: Case
    clause: str


def keep(run: Run, folder: Path) -> None:
    """Write what failed in this run, and what failed before and was not asked again; without any no file is left."""
    found: dict[Any, Failure] = {}
    for finding in run.findings.all:
        for exchange in (*finding.beside, finding.exchange):
            case = _origin(exchange).case
            if case.about is not None:  # the tasks it was about are gone by then
                continue
            found.setdefault(case.key, Failure(case, finding.clause.id))
    for failure in kept(run, folder)[0]:
        if run.provider.known(failure.case) is None:
            found.setdefault(failure.case.key, failure)
    file = folder / NAME
    if not found:
        file.unlink(missing_ok=True)
        return
    told = {
        "imageproof-failures": VERSION,
        "provider": run.provider.redact.text(run.provider.root),
        "contracts": {contract.name: fingerprint(contract) for contract in run.contracts},
        "cases": [_written(failure) for failure in list(found.values())[:_MOST]],
    }
    folder.mkdir(parents=True, exist_ok=True)
    file.write_bytes(orjson.dumps(told, option=orjson.OPT_INDENT_2))


def kept(run: Run, folder: Path) -> tuple[list[Failure], str]:
    """What failed before, in the order it was kept; and why there is nothing although there is a file."""
    file = folder / NAME
    if not file.exists():
        return [], ""
    try:
        told = _opened(file)
        if told["provider"] != run.provider.redact.text(run.provider.root):
            return [], f"{file} is about another provider, so nothing is sent again"
        contracts = {contract.name: contract for contract in run.contracts}
        if told["contracts"] != {name: fingerprint(contract) for name, contract in contracts.items()}:
            return [], f"{file} is about another contract, so nothing is sent again"
        return [_read(contracts[entry["contract"]], entry) for entry in told["cases"]], ""
    except (OSError, ValueError, KeyError, TypeError, AttributeError, StopIteration) as error:
        return [], f"{file} cannot be used ({type(error).__name__}), so nothing is sent again: delete it"


def _opened(file: Path) -> Any:
    """What the file holds. Raises OSError, ValueError."""
    if file.stat().st_size > _LARGEST:
        raise ValueError("it is too large")
    told = orjson.loads(file.read_bytes())
    if not isinstance(told, dict) or told.get("imageproof-failures") != VERSION:
        raise ValueError(f"it is no list of failures of version {VERSION}")
    return told


def fingerprint(contract: Contract) -> str:
    """What tells two contracts of one name apart."""
    return sha256(orjson.dumps(contract.document, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def _origin(exchange: Exchange) -> Exchange:
    return exchange if exchange.parent is None else _origin(exchange.parent)


def _written(failure: Failure) -> dict[str, Any]:
    case = failure.case
    return {
        "clause": failure.clause,
        "label": case.label,
        "contract": case.contract.name,
        "operation": case.operation.id,
        "method": case.operation.method,
        "path": case.operation.path,
        "path_parameters": dict(case.path_parameters),
        "query": dict(case.query),
        "media": case.media,
        "body": base64.b64encode(case.body).decode(),
        "credential": case.credential,
        "odd_headers": dict(case.odd_headers),
        "defect": asdict(case.defect) if case.defect else None,
    }


def _read(contract: Contract, entry: Mapping[str, Any]) -> Failure:
    """A failure as it was. Raises ValueError, KeyError, TypeError, StopIteration."""
    operation = contract.operation(entry["operation"])
    if (entry["method"], entry["path"]) != (operation.method, operation.path):
        operation = elsewhere(operation, method=str(entry["method"]), path=str(entry["path"]))
    media, credential = entry["media"], entry["credential"]
    if not isinstance(media, str | None) or not isinstance(credential, str | None):
        raise TypeError("media and credential are texts or null")
    texts = [_texts(entry[name]) for name in ("path_parameters", "query", "odd_headers")]
    body = base64.b64decode(entry["body"], validate=True)
    defect = Defect(**entry["defect"]) if entry["defect"] is not None else None
    case = Case(contract, operation, body, media, texts[0], texts[1], credential, defect)
    return Failure(replace(case, odd_headers=texts[2]), str(entry["clause"]))


def _texts(told: Any) -> dict[str, str]:
    if not isinstance(told, dict) or not all(isinstance(value, str) for value in told.values()):
        raise TypeError("a mapping of texts is expected")
    return told
