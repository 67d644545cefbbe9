"""The defects of vendor documents as SARIF 2.1.0, which editors show in place and GitHub code scanning takes.

Source: OASIS SARIF 2.1.0; of GitHub "SARIF support for code scanning": a rule id, a level, a message and a region with
a line per result, paths that stay the same from run to run, and fingerprints by which a defect is known again.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson

from contract_tests.documents.defects import Defect, Rule, catalogue
from contract_tests.report.evidence import visible
from spec.terminal import release

VERSION = "2.1.0"
SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def as_sarif(found: Mapping[str, Sequence[Defect]]) -> str:
    """The defects of several documents, by document name, as one SARIF log with one run."""
    rules = list(catalogue().values())
    driver = {"name": "imageproof", "version": release(), "rules": list(map(_rule, rules))}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "artifacts": [{"location": {"uri": _uri(name)}, "roles": ["analysisTarget"]} for name in found],
        "results": list(_results(found, {rule.id: index for index, rule in enumerate(rules)})),
    }
    return orjson.dumps({"$schema": SCHEMA, "version": VERSION, "runs": [run]}, option=orjson.OPT_INDENT_2).decode()


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.description},
        "fullDescription": {"text": rule.description},
        "help": {"text": f"{rule.description} `imageproof explain {rule.id}` says more."},
        "defaultConfiguration": {"level": rule.level},
    }


def _results(found: Mapping[str, Sequence[Defect]], places: Mapping[str, int]) -> Iterable[dict[str, Any]]:
    for index, (name, defects) in enumerate(found.items()):
        seen: Counter[str] = Counter()
        for defect in defects:
            mark = _fingerprint(defect)
            seen[mark] += 1
            yield _result(defect, places[defect.rule], name, index, f"{mark}:{seen[mark]}")


def _result(defect: Defect, rule: int, name: str, artifact: int, fingerprint: str) -> dict[str, Any]:
    where = defect.where
    region = {
        "startLine": where.line,
        "startColumn": where.column,
        "endLine": where.line,
        "endColumn": where.column + 1,
    }
    location: dict[str, Any] = {
        "physicalLocation": {"artifactLocation": {"uri": _uri(name), "index": artifact}, "region": region}
    }
    if where.pointer:
        location["logicalLocations"] = [{"fullyQualifiedName": visible(where.pointer), "kind": "property"}]
    return {
        "ruleId": defect.rule,
        "ruleIndex": rule,
        "level": defect.level,
        "message": {"text": f"{visible(defect.message)} Expected: {visible(defect.expected)}."},
        "locations": [location],
        "partialFingerprints": {"primaryLocationLineHash": fingerprint},
    }


def _fingerprint(defect: Defect) -> str:
    """What a defect is known by when lines move: its rule, its place by pointer, what was expected and received."""
    told = orjson.dumps([defect.rule, defect.where.pointer, visible(defect.expected), visible(defect.received)])
    return hashlib.sha256(told).hexdigest()[:16]


def _uri(name: str) -> str:
    """A document's path from where the program runs, so that it is the same on every machine; else as a URL."""
    path = Path(name).absolute()
    try:
        return quote(path.relative_to(Path.cwd()).as_posix())
    except ValueError:
        return path.as_uri()
