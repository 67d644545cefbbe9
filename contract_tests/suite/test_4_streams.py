"""What is asked for as a stream comes as one: events on the way, the finished picture at the end."""

from __future__ import annotations

import pytest

from contract_tests.cases import Case
from contract_tests.run import Run
from contract_tests.verdicts import conclude


@pytest.mark.imageproof_cases("streams")
def test_a_stream_brings_the_picture_it_was_asked_for(imageproof_run: Run, case: Case) -> None:
    """Ask for one event stream; every clause judges the events and the finished picture."""
    if reason := imageproof_run.absent(case.contract, case.operation):
        pytest.skip(reason)
    conclude(imageproof_run, *imageproof_run.judge(case))
