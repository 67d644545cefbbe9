"""How a judged case ends for pytest: passed, failed with the finding in front, or skipped with the reason."""

from __future__ import annotations

import pytest

from contract_tests.exchange import Exchange
from contract_tests.findings import Finding
from contract_tests.report.evidence import curl
from contract_tests.run import Run


def conclude(run: Run, exchange: Exchange | None, findings: list[Finding], reason: str, *, again: bool = False) -> None:
    """End a test: fail on a broken MUST, skip where there is no exchange or nothing to say of it, pass otherwise.

    What failed before and is asked `again` holds where nothing is broken any more.
    """
    broken = [finding for finding in dict.fromkeys(findings) if finding.level == "MUST"]
    if broken:
        pytest.fail("\n\n".join(told(finding) for finding in broken), pytrace=False)
    if exchange is None or (reason := "" if again else run.unjudged(exchange)):
        pytest.skip(reason)


def told(finding: Finding) -> str:
    """A finding in a few lines: name, the two short lines, and the request that shows it."""
    name = f"{finding.drift.id} ({finding.clause.id})" if finding.drift else finding.clause.id
    return (
        f"{finding.level} {name}: {finding.title}\n  {finding.label}\n"
        f"  expected: {finding.broken.expected}\n  received: {finding.broken.received}\n  {curl(finding.exchange)}"
    )
