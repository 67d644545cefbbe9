"""What a document promises to answer, held against the contract as if a provider had answered so.

Every printed answer, or the fullest one its schema describes, becomes an exchange. The clauses that need no picture,
link or clock judge it, and the recognisers name the drift: a page is convicted by the rules that convict a server.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from contract_tests.cases import Case, Defect, json_case
from contract_tests.documents.document import DocumentedResponse
from contract_tests.documents.json_text import Place
from contract_tests.documents.schemas import describes_nothing, specimen
from contract_tests.documents.subject import PURPOSES, Subject
from contract_tests.exchange import Exchange
from contract_tests.findings import Finding, Findings
from contract_tests.recognisers import learned
from spec.messages import Response, is_json

#: clauses about the shape and the words of an answer, which a printed one keeps or breaks as a sent one does
_JUDGING = ("wire.schema", "error.in-success", "error.envelope")


@dataclass(frozen=True, slots=True)
class Promise:
    """A documented answer of an operation: what it is, where it stands, and what is wrong with it.

    `kind` is `example` or `schema`.
    """

    subject: Subject
    status: str
    kind: str
    place: Place
    value: Any
    findings: tuple[Finding, ...]

    @property
    def said(self) -> str:
        """`line 20: the 200 schema`."""
        return f"line {self.place.line}: the {self.status} {self.kind}"

    def parameters(self, finding: Finding) -> Mapping[str, str]:
        """The parameters of a finding's drift, as this answer shows them."""
        return learned(finding.drift, finding.exchange) if finding.drift else {}


def promises(subject: Subject) -> Iterator[Promise]:
    """Every documented answer of an operation that can be judged."""
    for response in subject.documented.responses:
        for kind, place, value in _answers(response):
            if exchange := _exchange(subject, response, value):
                findings = Findings(wants=_JUDGING.__contains__)
                found = tuple(findings.judge(exchange)) if kind == "example" else _of_schema(exchange, findings)
                yield Promise(subject, response.status, kind, place, value, found)


def _of_schema(exchange: Exchange, findings: Findings) -> tuple[Finding, ...]:
    """What is wrong with an answer made from a schema: its values are made up, so that only a known shape counts."""
    purpose = exchange.case.operation.response_roles & PURPOSES
    readable = {meaning.role for meaning in (*exchange.meanings, *exchange.error_meanings)}
    if readable & (purpose if exchange.case.defect is None else {"error-message"}):
        return ()
    return tuple(finding for finding in findings.judge(exchange) if finding.drift)


def _answers(response: DocumentedResponse) -> Iterator[tuple[str, Place, Any]]:
    """The printed answers; where there is none, the fullest one of the schema."""
    if response.media and not any(is_json(text.text) or "json" in text.text for text in response.media):
        return
    shown = [example for example in response.examples if example.part is not None]
    yield from (("example", example.place, example.value) for example in shown)
    if response.schema and not shown:
        schema = response.schema.value
        yield "schema", response.schema.at(), {} if describes_nothing(schema) else specimen(schema)


def _exchange(subject: Subject, response: DocumentedResponse, value: Any) -> Exchange | None:
    """The documented request with this answer; None where the status says nothing of what was asked."""
    case = _case(subject)
    if response.succeeds and subject.purpose and response.status.isdigit():
        status = int(response.status)
    elif (
        response.status.startswith("4")
        and response.status.isdigit()
        and (problem := _problem(subject, int(response.status)))
    ):
        status, case = int(response.status), replace(case, defect=problem)
    else:
        return None
    answer = Response(status, {"content-type": "application/json"}, orjson.dumps(value), value)
    return Exchange(case, case.path, case.headers, answer, at=0, seconds=1)


def _case(subject: Subject) -> Case:
    told = next((value for _, value in subject.request_values()), {})
    if any(map(is_json, subject.operation.body)) and isinstance(told, dict):
        return json_case(subject.contract, subject.operation, told)
    return Case(subject.contract, subject.operation)


def _problem(subject: Subject, status: int) -> Defect | None:
    """A request that this status refuses; None where the contract has no such refusal."""
    found = next((problem for problem in subject.contract.problems.values() if problem.status == status), None)
    return Defect(found.name, "", f"documented with {status}", status) if found else None
