"""`imageproof check`: pytest on the shipped suite, with a progress line while it runs and a table at the end."""

from __future__ import annotations

import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from itertools import chain, repeat
from pathlib import Path
from typing import Self

import pytest
from hypothesis.configuration import set_hypothesis_home_dir
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from contract_tests import plugin
from contract_tests.closing import close_run
from contract_tests.opening import open_run
from contract_tests.options import Options
from contract_tests.pace import slowed_to
from contract_tests.report.evidence import visible
from contract_tests.report.terminal import STEPS, account, show, silences
from contract_tests.run import Fault, Run
from spec import stopping
from spec.outputs import held

CONFORMS, DRIFTS, USAGE, COULD_NOT_LOOK, INTERRUPTED = 0, 1, 2, 3, 130
_USUAL = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED)
_AT_ONCE = "interrupted again: what was seen is not all written"
#: variables by which a caller's own pytest set-up would change what is tested
_FOREIGN = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS")


class _Display:
    """Shows progress while pytest itself is quiet."""

    def __init__(self, run: Run, console: Console) -> None:
        self._run = run
        self._step = ""
        self._slowed = False
        self._console = console
        self._progress = Progress(
            TextColumn("[bold]{task.description:<26}"),
            BarColumn(30),
            MofNCompleteColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[told]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("planning", total=None, told="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A plan that could not be made is a fault of ours."""
        if report.failed:
            trace = report.longreprtext
            self._run.faults.append(Fault("the plan", trace.strip().rpartition("\n")[2][:300], trace))

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """The number of cases is known."""
        self._progress.update(self._task, total=len(session.items))
        if not self._run.provider.silence.trouble:
            _tell_plan(self._run, self._console)

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """A case begins, perhaps the first of its kind."""
        mark = item.get_closest_marker(plugin.MARK)
        if mark:
            self.step(STEPS.get(mark.args[0], mark.args[0]))

    def step(self, step: str) -> None:
        """Tell what begins now, unless it has begun already."""
        if step != self._step:
            self._step = step
            self._progress.update(self._task, description=step)
            if self._progress.disable:  # a log file: one line per step says that it lives
                self._console.print(f"[dim]{step} ...")

    def pytest_runtest_logfinish(self) -> None:
        """A case is through."""
        pictures, found = self._run.provider.ledger.images, len(self._run.findings.all)
        told = f"{pictures} picture{'s' if pictures != 1 else ''}, {found} finding{'s' if found != 1 else ''}"
        self._progress.update(self._task, advance=1, told=told)
        self._tell_pace()

    def _tell_pace(self) -> None:
        """Say once that the provider has slowed the run: who waits shall know what for."""
        if not self._slowed and (slowed := slowed_to(self._run.provider.pace.data())):
            self._slowed = True
            self._console.print(f"[dim]{slowed}")


def check(options: Options, console: Console) -> int:
    """Test a provider: 0 no finding fails the run, 1 one does, 3 could not look, 130 interrupted (what was seen is
    reported).

    Raises UsageError, SpecError; InUse where another check writes its report there.
    """
    folder = options.report_dir or Path("reports")
    told = "interrupted before anything was judged: no report is written"
    try:
        with stopping.in_order(_AT_ONCE), nullcontext() if options.dry_run else held(folder):
            run = open_run(options)
            told = "interrupted: the report is not whole"
            return _check(run, folder, console)
    except KeyboardInterrupt:
        console.print(told)
        return INTERRUPTED


def _check(run: Run, folder: Path, console: Console) -> int:
    run.folder = folder
    for model in run.own_models:
        console.print(f"{escape(model)} is in no contract: taken for a model of the provider's own", soft_wrap=True)
    try:
        if run.options.dry_run:
            return _dry(run, console)
        with _quiet_hypothesis(), _Display(run, console) as display:
            code = _drive(run, display) if not run.unreachable else pytest.ExitCode.OK
            if not run.interrupted and run.findings.all:
                display.step("evidence made smaller")
            if code not in _USUAL and not run.faults:
                told = f"it ended with {pytest.ExitCode(code).name}"
                run.faults.append(Fault("pytest", told, told))
            data = close_run(run, folder)
    finally:
        run.close()
    show(data, console, folder)
    for fault in run.faults:
        told = f"imageproof: a fault of its own, nothing is said about this case: {fault.place}\n{fault.trace}"
        print(visible(run.provider.redact.text(told)), file=sys.stderr)  # noqa: T201
    if run.interrupted:
        return INTERRUPTED
    if data["failed"]:
        return DRIFTS
    return COULD_NOT_LOOK if run.faults or data["could_not_look"] or data["verdict"] == "could not look" else CONFORMS


def _dry(run: Run, console: Console) -> int:
    """Print what would be sent, by operation, and what it costs; send nothing that costs."""
    with _quiet_hypothesis():
        cases = {} if run.unreachable else run.planned
    if trouble := run.unreachable or run.provider.silence.trouble:
        console.print(f"could not look: {escape(visible(trouble))}", soft_wrap=True)
        return COULD_NOT_LOOK
    table = account()
    for kind, planned in cases.items():
        asked = Counter(case.contract.operation(case.operation.id).label for case in planned)
        for step, (label, times) in zip(chain([STEPS[kind]], repeat("")), asked.items(), strict=False):
            table.add_row(step, f"{times:>4} {escape(label)}")
    console.print(table)
    _tell_plan(run, console)
    left = {"not_tested": run.findings.not_tested, "not_offered": run.findings.not_offered}
    console.print(silences(left, account()))
    return CONFORMS


def _tell_plan(run: Run, console: Console) -> None:
    table = account()
    table.add_row("plan", escape(run.plan.told(run.provider.ledger)))
    console.print(table)


@contextmanager
def _quiet_hypothesis() -> Iterator[None]:
    """Hypothesis keeps its files out of the caller's folder."""
    with tempfile.TemporaryDirectory(prefix="imageproof-") as folder:
        set_hypothesis_home_dir(folder)
        try:
            yield
        finally:
            set_hypothesis_home_dir(None)


def _drive(run: Run, display: _Display) -> int:
    suite = Path(__file__).parent / "suite"
    # Nothing of the caller's own pytest set-up may change what is tested.
    arguments = [
        str(suite),
        "-c",
        os.devnull,
        "--rootdir",
        str(suite),
        "--confcutdir",
        str(suite),
        "-p",
        "no:cacheprovider",
        "-p",
        "no:terminal",
        "-p",
        "no:logging",
        "--capture=no",  # or the progress line would be captured, too
        "--assert=plain",
        "-W",
        "ignore",
        "--strict-markers",
    ]
    before = os.environ.copy()
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    for name in _FOREIGN:
        os.environ.pop(name, None)
    try:
        return int(pytest.main(arguments, plugins=[plugin, plugin.Prepared(run), display]))
    finally:
        os.environ.clear()
        os.environ.update(before)
