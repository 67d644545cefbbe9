"""`imageproof check`: pytest on the shipped suite, with a progress line while it runs and a table at the end."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from contract_tests import plugin
from contract_tests.report.record import write
from contract_tests.report.terminal import show
from contract_tests.run import Options, Run, open_run

CONFORMS, DRIFTS, USAGE, COULD_NOT_LOOK = 0, 1, 2, 3
_STEPS = {
    "test_1_refusals": "what is wrong is refused",
    "test_2_lookups": "what does not exist",
    "test_3_pictures": "pictures as asked",
    "test_4_tasks": "tasks to their end",
}


class _Display:
    """Shows progress and keeps pytest itself quiet."""

    def __init__(self, run: Run, console: Console) -> None:
        self._run = run
        self._progress = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(40),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[told]}"),
            console=console,
            transient=True,
        )
        self._task = self._progress.add_task("planning", total=None, told="")
        self._progress.start()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """The number of cases is known."""
        self._progress.update(self._task, total=len(session.items))

    def pytest_runtest_logstart(self, location: tuple[str, int | None, str]) -> None:
        """A case begins."""
        step = _STEPS.get(Path(location[0]).stem, "")
        self._progress.update(self._task, description=f"{step:<26}")

    def pytest_runtest_logfinish(self) -> None:
        """A case is through."""
        ledger = self._run.provider.ledger
        told = f"{ledger.images} pictures  {len(self._run.findings.all)} findings"
        self._progress.update(self._task, advance=1, told=told)

    def stop(self) -> None:
        """Take the display away."""
        self._progress.stop()


def check(options: Options, console: Console) -> int:
    """Test a provider; 0 conforms, 1 drifts, 3 could not look. Raises UsageError, SpecError."""
    run = open_run(options)
    display = _Display(run, console)
    try:
        code = _drive(run, display)
    finally:
        display.stop()
    data: dict[str, Any] = write(run, options.report_dir or Path("reports"))
    run.close()
    show(data, console, options.report_dir or Path("reports"))
    if code == pytest.ExitCode.INTERNAL_ERROR:
        raise RuntimeError("the contract tests themselves failed; run `pytest contract_tests` to see why")
    if data["verdict"] == "could not look":
        return COULD_NOT_LOOK
    return DRIFTS if data["verdict"] == "drifts" else CONFORMS


def _drive(run: Run, display: _Display) -> int:
    suite = Path(__file__).parent / "suite"
    # Nothing of the caller's own pytest set-up may change what is tested.
    arguments = [
        str(suite),
        "-c",
        os.devnull,
        "--rootdir",
        str(suite),
        "-p",
        "no:cacheprovider",
        "-p",
        "no:terminal",
        "-p",
        "no:logging",
        "--assert=plain",
        "-W",
        "ignore",
        "--strict-markers",
    ]
    before = os.environ.copy()
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    os.environ.pop("PYTEST_ADDOPTS", None)
    try:
        return int(pytest.main(arguments, plugins=[plugin, plugin.Prepared(run), display]))
    finally:
        os.environ.clear()
        os.environ.update(before)
