"""What does not exist is said not to exist. Costs nothing."""

from __future__ import annotations

import pytest

from contract_tests.cases import Case
from contract_tests.run import Run
from contract_tests.verdicts import conclude


@pytest.mark.imageproof_cases("lookups")
def test_an_unknown_task_is_refused(imageproof_run: Run, case: Case) -> None:
    """Ask for a task nobody submitted."""
    if reason := imageproof_run.absent(case.contract, case.operation):
        pytest.skip(reason)
    conclude(*imageproof_run.judge(case))
