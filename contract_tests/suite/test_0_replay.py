"""What failed at the last run is asked again first: what is mended is seen as mended, what is not is found at once."""

from __future__ import annotations

import pytest

from contract_tests.cases import Case
from contract_tests.run import Run
from contract_tests.verdicts import conclude


@pytest.mark.imageproof_cases("replay")
def test_what_failed_before_holds_now(imageproof_run: Run, case: Case) -> None:
    """Send one request again, byte for byte; every clause judges the answer, and its task if it is one."""
    if reason := imageproof_run.absent(case.contract, case.operation):
        pytest.skip(reason)
    exchange, findings, reason = imageproof_run.judge(case)
    if exchange is not None:
        findings = [*findings, *imageproof_run.follow(exchange)]
    conclude(imageproof_run, exchange, findings, reason, again=True)
