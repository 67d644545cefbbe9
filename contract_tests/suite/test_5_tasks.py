"""What takes time becomes a task: accepted at once, moving only forward, with the pictures at its end."""

from __future__ import annotations

import pytest

from contract_tests.cases import Case
from contract_tests.run import Run
from contract_tests.verdicts import conclude


@pytest.mark.imageproof_cases("tasks")
def test_a_task_is_accepted_and_runs_to_its_end(imageproof_run: Run, case: Case) -> None:
    """Submit one task, poll it politely to its end; every clause judges every poll and the whole."""
    poll = case.contract.poll_of(case.operation)
    for operation in (case.operation, *([poll] if poll is not None else [])):
        if reason := imageproof_run.absent(case.contract, operation):
            pytest.skip(reason)
    exchange, findings, reason = imageproof_run.judge(case)
    if exchange is not None:
        findings = [*findings, *imageproof_run.follow(exchange)]
    conclude(exchange, findings, reason)
