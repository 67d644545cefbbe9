"""What no single answer shows is looked for in all of them. Costs nothing: everything is sent by then."""

from __future__ import annotations

import pytest

from contract_tests.run import Run
from contract_tests.verdicts import told


def test_answers_agree_with_each_other(imageproof_run: Run) -> None:
    """Names used twice, clocks that stand still, one picture for everybody."""
    broken = [finding for finding in imageproof_run.look_back() if finding.level == "MUST"]
    if not imageproof_run.findings.heard:
        pytest.skip("nothing was answered")
    if broken:
        pytest.fail("\n\n".join(told(finding) for finding in broken), pytrace=False)
