"""What a task offers is there: buttons, what it waits for, lists that tell of it, what is looked up by its name."""

from __future__ import annotations

import pytest

from contract_tests.cases import Case
from contract_tests.followups import follow_up
from contract_tests.run import Run
from contract_tests.verdicts import conclude


@pytest.mark.imageproof_cases("followups")
def test_what_follows_a_task_is_answered(imageproof_run: Run, case: Case) -> None:
    """Ask something about tasks of this run; every clause judges the answer and, where it is a task, its polls."""
    if reason := imageproof_run.absent(case.contract, case.operation):
        pytest.skip(reason)
    conclude(imageproof_run, *follow_up(imageproof_run, case))
