"""What failed is kept beside the report and sent first the next time: fixed is seen as fixed, open is found at once.

What a run did not send again, because it was interrupted, had no money left or looked at other clauses or families,
stays kept. `failures.json` holds requests as data, from which the same bytes are made again; never a key: KEY stands
for it. It is used again only for the same provider, each request only where its contract is the same. Delete it to
forget.
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
    others = _of_others(run, folder)
    cases = [*map(_written, found.values()), *others["cases"]][:_MOST]
    file = folder / NAME
    if not cases:
        file.unlink(missing_ok=True)
        return
    told = {
        "imageproof-failures": VERSION,
        "provider": run.provider.redact.text(run.provider.root),
        "contracts": others["contracts"] | {contract.name: fingerprint(contract) for contract in run.contracts},
        "cases": cases,
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
        same = {name: told["contracts"].get(name) == fingerprint(contract) for name, contract in contracts.items()}
        known = [entry for entry in told["cases"] if entry["contract"] in contracts]
        found = [_read(contracts[entry["contract"]], entry) for entry in known if same[entry["contract"]]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, StopIteration) as error:
        return [], f"{file} cannot be used ({type(error).__name__}), so nothing is sent again: delete it"
    if len(found) < len(known):
        return found, f"{file} is in part about another contract: what was sent to it is not sent again"
    return found, ""


def _of_others(run: Run, folder: Path) -> dict[str, Any]:
    """What the file holds of this provider's families that this run is not about, as it stands there."""
    try:
        told = _opened(folder / NAME)
        others = set(told["contracts"]) - {contract.name for contract in run.contracts}
        if told["provider"] == run.provider.redact.text(run.provider.root):
            return {
                "contracts": {name: told["contracts"][name] for name in others},
                "cases": [entry for entry in told["cases"] if entry["contract"] in others],
            }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass  # what cannot be read was told when the run began
    return {"contracts": {}, "cases": []}


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
