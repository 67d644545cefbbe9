"""What takes time becomes a task: accepted at once, moving only forward, with the pictures at its end."""

from __future__ import annotations

import pytest

from contract_tests.cases import Case
from contract_tests.run import Run
from contract_tests.verdicts import conclude


@pytest.mark.imageproof_cases("tasks")
def test_a_task_is_accepted_and_runs_to_its_end(imageproof_run: Run, case: Case) -> None:
    """Submit one task, the first with the next beside it, poll politely to the end; every clause judges every poll."""
    poll = case.contract.poll_of(case.operation)
    for operation in (case.operation, *([poll] if poll is not None else [])):
        if reason := imageproof_run.absent(case.contract, operation):
            pytest.skip(reason)
    exchange, findings, reason = imageproof_run.judge(case)
    if exchange is not None:
        beside = [
            other for one in imageproof_run.companions(case) if (other := imageproof_run.judge(one)[0]) is not None
        ]
        findings = [*findings, *imageproof_run.follow(exchange, *beside)]
    conclude(imageproof_run, exchange, findings, reason)
