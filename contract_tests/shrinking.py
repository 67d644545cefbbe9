"""After a run: each finding's request is made the smallest that still shows the same, so that a person sees why.

Optional members go first in halves, then one by one (ddmin), then prompts become short. Free requests are tried up to a
bound; paid ones for a few pictures, with what is left of the budget, the most severe finding first. Findings that
compare answers or follow tasks keep the requests they were seen with.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from contract_tests.budget import BudgetSpent
from contract_tests.cases import Case, with_value
from contract_tests.clauses.registry import Broken
from contract_tests.connection import CouldNotLook
from contract_tests.exchange import Exchange
from contract_tests.findings import Finding
from contract_tests.mutations import labelled
from contract_tests.plan import IMAGES_TO_SHRINK
from contract_tests.recognisers import recognised
from contract_tests.run import Run
from spec.language import Schema
from spec.request_check import request_check

_PROMPT = "A fox"
#: what a request usually says; often it shows the same, and with one request at that
_USUAL = frozenset({"model", "prompt", "count", "size", "input-image", "mask", "stream"})
_PER_FINDING, _IN_ALL = 16, 80  # requests


def shrink(run: Run) -> int:
    """Make the evidence of every finding as small as the provider lets it be; how many requests that took.

    Ctrl-C ends it, and the run is interrupted; what was made smaller by then stays so.
    """
    sent, images = 0, run.provider.ledger.images + IMAGES_TO_SHRINK
    try:
        for finding in run.findings.all:
            if _alone(finding):
                sent += _shrink(run, finding, min(_PER_FINDING, _IN_ALL - sent), images)
    except KeyboardInterrupt:
        run.interrupt()
    return sent


def _alone(finding: Finding) -> bool:
    """Whether one request and its answer show the finding."""
    exchange, case = finding.exchange, finding.exchange.case
    whole = not (exchange.parent or exchange.polls or finding.beside) and finding.clause.judges == "exchange"
    whole = whole and not exchange.broken  # it may take a time-out each time
    return (
        whole
        and case.about is None
        and isinstance(case.request.value, dict)
        and not (case.defect and case.defect.tolerated)
    )


def _shrink(run: Run, finding: Finding, most: int, images: int) -> int:
    """Send smaller requests, `most` of them, until all pictures of the run together would be more than `images`."""
    tried, smaller, ledger = 0, True, run.provider.ledger
    while smaller and tried < most:
        smaller = False
        for case in smaller_cases(finding.exchange.case):
            if tried >= most:
                break
            if ledger.images + run.provider.leaks.could_cost(case) > images:
                continue
            tried += 1
            try:
                exchange = run.provider.send(case)
            except (BudgetSpent, CouldNotLook):
                return tried
            if (broken := _shown(finding, exchange)) is not None:
                run.findings.show_with(finding, exchange, broken)
                smaller = True
                break
    return tried


def _shown(finding: Finding, exchange: Exchange) -> Broken | None:
    """What the finding's clause says is broken here, where the cause is the same."""
    verdict = finding.clause.judge(exchange)
    if not isinstance(verdict, Broken):
        return None
    same = recognised(exchange)[:1] == [finding.drift] if finding.drift else not recognised(exchange)
    return verdict if same else None


def smaller_cases(case: Case) -> Iterator[Case]:
    """Requests that say less than this one and are valid, or broken in the same way; the smallest first."""
    value, schema = case.request.value, case.operation.body.get(case.request.media)
    if not isinstance(value, dict) or schema is None:
        return
    for told in _less(schema, value):
        smaller = with_value(replace(case, defect=None), told)
        if len(smaller.body) < len(case.body) and (found := _as_before(case, smaller)) is not None:
            yield found


def _as_before(case: Case, smaller: Case) -> Case | None:
    """The smaller case with the defect of the larger one; None where it has another or none."""
    found = labelled(smaller)
    if case.defect is None:
        return (
            smaller if found is None and request_check(case.contract, case.operation).accepts(smaller.request) else None
        )
    same = found is not None and found.defect is not None and _named(found) == _named(case)
    return found if same else None


def _named(case: Case) -> tuple[str, str, str]:
    return (case.defect.problem, case.defect.param, case.defect.rule) if case.defect else ("", "", "")


def _less(schema: Schema, value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What is usually said; the value without half of its members, a quarter ..., without one; shorter texts."""
    names, known = list(value), schema.get("properties", {})
    roles = {name: known.get(name, {}).get("x-role") for name in names}
    usual = {name: value[name] for name in names if roles[name] in _USUAL}
    yield {name: _PROMPT if roles[name] == "prompt" else inner for name, inner in usual.items()}
    size = len(names) // 2
    while size:
        for first in range(0, len(names), size):
            left_out = set(names[first : first + size])
            yield {name: inner for name, inner in value.items() if name not in left_out}
        size //= 2
    for name in names:
        if roles[name] == "prompt" and isinstance(value[name], str):
            yield {**value, name: _PROMPT}
        if isinstance(value[name], list) and len(value[name]) > 1:
            yield {**value, name: value[name][:1]}
        if isinstance(value[name], dict):
            yield from ({**value, name: {k: v for k, v in value[name].items() if k != key}} for key in value[name])
