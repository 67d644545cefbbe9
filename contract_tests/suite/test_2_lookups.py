"""What is there is told, what does not exist is said not to exist. Costs nothing."""

from __future__ import annotations

import pytest

from contract_tests.cases import Case
from contract_tests.run import Run
from contract_tests.verdicts import conclude


@pytest.mark.imageproof_cases("lookups")
def test_a_question_that_costs_nothing_is_answered(imageproof_run: Run, case: Case) -> None:
    """Ask for the models, for one of them, for a task nobody submitted, for whatever needs no telling."""
    if reason := imageproof_run.absent(case.contract, case.operation):
        pytest.skip(reason)
    conclude(imageproof_run, *imageproof_run.judge(case))
