"""junit.xml: a test case per clause, so that a CI shows what broke. Made from a report's data alone.

A clause that was not tested, or whose findings do not fail the run, is skipped with the reason: never a pass.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree as ET

from contract_tests.report.baseline import failing
from contract_tests.report.evidence import visible
from contract_tests.report.score import result

#: no XML holds these, not even escaped; what else is not seen `visible` writes out
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(data: Mapping[str, Any]) -> bytes:
    """A JUnit document: a suite per area of clauses, and one each for silence and for faults of ours."""
    areas: dict[str, list[ET.Element]] = {}
    fails = failing(data)
    for clause in data["clauses"]:
        area = clause["id"].partition(".")[0]
        areas.setdefault(area, []).append(_clause(clause, data, fails))
    for area, reasons in (("could not look", data["could_not_look"]), ("fault", data.get("faults", {}))):
        if reasons:
            areas[area] = [_silence(area, place, reason) for place, reason in reasons.items()]
    root = ET.Element("testsuites", name="imageproof")
    when = datetime.fromtimestamp(data["started"], UTC).strftime("%Y-%m-%dT%H:%M:%S")
    for area, cases in areas.items():
        counts = {kind: str(sum(case.find(tag) is not None for case in cases))
                  for kind, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped"))}  # fmt: skip
        told = {
            "name": area,
            "tests": str(len(cases)),
            **counts,
            "time": "0",
            "timestamp": when,
            "hostname": "localhost",
        }
        suite = ET.SubElement(root, "testsuite", told)
        suite.extend(cases)
    for name in ("tests", "failures", "errors", "skipped"):
        root.set(name, str(sum(int(suite.get(name, 0)) for suite in root)))
    root.set("time", str(data["seconds"]))
    ET.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}\n'.encode()


def _clause(clause: Mapping[str, Any], data: Mapping[str, Any], fails: list[Mapping[str, Any]]) -> ET.Element:
    case = _case(clause["id"].partition(".")[0], f"{clause['id']} ({clause['level']})")
    shown = [
        found for found in data["findings"] if clause["id"] == found["clause"] or clause["id"] in found["also_broken"]
    ]
    culprits = [found for found in shown if found in fails]
    if result(clause) == "not tested":
        ET.SubElement(case, "skipped", message="not tested: no answer of this run could prove or break it")
    elif culprits:
        first = culprits[0]
        failure = ET.SubElement(
            case, "failure", type=first["level"], message=_text(f"{first['cause']}: {first['received']}")
        )
        failure.text = _text("\n\n".join(map(_told, culprits)))
    elif shown:
        told = ", ".join(f"{found['level']} {found['cause']}" for found in shown)
        ET.SubElement(case, "skipped", message=_text(f"drifts, and does not fail the run: {told}"))
    return case


def _told(finding: Mapping[str, Any]) -> str:
    return (
        f"{finding['level']} {finding['cause']}: {finding['title']}\n{finding['label']}\n"
        f"expected: {finding['expected']}\nreceived: {finding['received']}\nevidence: {finding['evidence']['folder']}"
    )


def _silence(area: str, place: str, reason: str) -> ET.Element:
    case = _case(area, place)
    ET.SubElement(case, "error", type=area, message=_text(reason))
    return case


def _case(area: str, name: str) -> ET.Element:
    return ET.Element("testcase", classname=f"imageproof.{area}", name=_text(name), time="0")


def _text(text: str) -> str:
    return _NO_XML.sub(lambda match: f"\\u{ord(match[0]):04x}", visible(text))
