"""What is wrong is refused, where it could cost more than may be risked before anything else was looked at."""

from __future__ import annotations

import pytest

from contract_tests.cases import Case
from contract_tests.run import Run
from contract_tests.verdicts import conclude


@pytest.mark.imageproof_cases("refusals", at_last=True)
def test_a_request_that_asks_for_much_and_breaks_the_contract_is_refused(imageproof_run: Run, case: Case) -> None:
    """Send one labelled defect; every clause judges the refusal."""
    if reason := imageproof_run.absent(case.contract, case.operation):
        pytest.skip(reason)
    conclude(imageproof_run, *imageproof_run.judge(case))
