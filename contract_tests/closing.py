"""Closing a run: what was found is shown in less, written down, and what failed kept for the next time."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

from contract_tests.replay import keep
from contract_tests.report.record import write
from contract_tests.run import Fault, Run
from contract_tests.shrinking import shrink


def close_run(run: Run, folder: Path) -> dict[str, Any]:
    """Write the report and all that belongs to it into a folder; the report's data.

    Who was interrupted sends nothing more. A fault of ours while evidence is made smaller costs nobody the report.
    """
    if not run.interrupted:
        try:
            shrink(run)
        except Exception as error:  # noqa: BLE001 - whatever it is, what was found is worth more
            run.faults.append(Fault.of("evidence made smaller", error, traceback.format_exc()))
    data = write(run, folder)
    keep(run, folder)
    return data
