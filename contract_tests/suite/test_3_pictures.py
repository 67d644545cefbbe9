"""What is asked for is delivered: the cheapest request first, then models, sizes, formats and counts in pairs."""

from __future__ import annotations

import pytest

from contract_tests.cases import Case
from contract_tests.run import Run
from contract_tests.verdicts import conclude


@pytest.mark.imageproof_cases("pictures")
def test_a_request_that_keeps_the_contract_is_answered_as_asked(imageproof_run: Run, case: Case) -> None:
    """Send one valid request; every clause judges the answer and its pixels."""
    if reason := imageproof_run.absent(case.contract, case.operation):
        pytest.skip(reason)
    conclude(imageproof_run, *imageproof_run.judge(case))
