"""The pytest plugin: options, the run, and which cases the shipped tests are given. Imports lazily.

Options start with `--imageproof-`. Without a URL the embedded mock is started and tested.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from contract_tests.run import Run

MARK = "imageproof_cases"
_RUN: pytest.StashKey[Any] = pytest.StashKey()
_REFUSED: pytest.StashKey[pytest.UsageError] = pytest.StashKey()
_OWNED: pytest.StashKey[bool] = pytest.StashKey()
_SERVER: pytest.StashKey[Any] = pytest.StashKey()
_URL: pytest.StashKey[str] = pytest.StashKey()
_TOLD: pytest.StashKey[Any] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    group = parser.getgroup("imageproof", "contract tests for image APIs")
    group.addoption(
        "--imageproof-url", metavar="URL", help="provider to test, as in OPENAI_BASE_URL; without it the mock"
    )
    group.addoption(
        "--imageproof-api-key-env", metavar="NAME", default="OPENAI_API_KEY", help="variable that holds the key"
    )
    group.addoption("--imageproof-profile", metavar="NAME", help="profile whose documents the provider is held to")
    group.addoption("--imageproof-serve-profile", metavar="NAME", help="profile of the mock, where no URL is given")
    group.addoption("--imageproof-max-images", metavar="N", type=int, help="most pictures the run may cost")
    group.addoption("--imageproof-budget", metavar="USD", type=float, help="most dollars the run may cost")
    group.addoption("--imageproof-max-requests", metavar="N", type=int, help="most requests the run may send")
    group.addoption("--imageproof-rate", metavar="N", help="most requests per second, or as 60/min")
    group.addoption(
        "--imageproof-only",
        metavar="CLAUSE",
        action="append",
        default=[],
        help="look only at this clause, tag (images) or kind of cases (streams)",
    )
    group.addoption(
        "--imageproof-skip",
        metavar="CLAUSE",
        action="append",
        default=[],
        help="do not look at this clause, tag or kind",
    )
    group.addoption("--imageproof-model", metavar="NAME", action="append", default=[], help="test only these models")
    group.addoption("--imageproof-report-dir", metavar="DIR", help="where report.json and report.html go")
    group.addoption("--imageproof-seed", metavar="N", type=int, default=0, help="the same seed sends the same cases")
    group.addoption("--imageproof-task-timeout", metavar="S", type=float, default=300.0, help="seconds a task may take")


class Prepared:
    """Hands the plugin a run that is already open, as `imageproof check` does."""

    def __init__(self, run: Run) -> None:
        self._prepared = run

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Use this run; whoever made it writes its report and closes it."""
        config.stash[_RUN] = self._prepared
        config.stash[_OWNED] = False


def pytest_configure(config: pytest.Config) -> None:
    """Declare the mark; start one worker, where nobody else's tests are run: a second one would only plan, too."""
    config.addinivalue_line("markers", f"{MARK}(kind): parametrized with the contract's cases of a kind")
    workers = getattr(config.option, "tx", None)  # of pytest-xdist
    if workers and not hasattr(config, "workerinput") and all(_is_shipped(argument) for argument in config.args):
        config.option.tx = workers[:1]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a marked test the cases of its kind."""
    mark = metafunc.definition.get_closest_marker(MARK)
    if mark is None:
        return
    from contract_tests.suite_cases import cases_of

    config = metafunc.config
    try:
        found = [] if _REFUSED in config.stash else cases_of(mark.args[0], _run(config), **mark.kwargs)
    except pytest.UsageError as error:
        config.stash[_REFUSED] = error
        found = []
    metafunc.parametrize("case", found, ids=[f"{case.operation.id}: {case.label}" for case in found])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Say once that the call was wrong: raised earlier it would be an error with a traceback for each file.

    Where nothing failed before there is nothing to be sent again, and no test of it; nor where nothing has to wait.
    """
    items[:] = [item for item in items if not _has_nothing(item)]
    if (error := config.stash.get(_REFUSED, None)) is not None:
        raise error


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """All cases go to one worker: they share one budget, one report, and are compared with each other."""
    if not _shipped(config):
        return None
    from xdist.scheduler import LoadScopeScheduling

    class OneWorker(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:  # noqa: ARG002
            return "imageproof"

    return OneWorker(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """The embedded mock is started once, here, and its URL given to every worker."""
    config = node.config
    if _shipped(config) and not config.getoption("--imageproof-url"):
        if _SERVER not in config.stash:
            config.stash[_URL] = _embedded(config)
        node.workerinput["imageproof_url"] = config.stash[_URL]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: Any) -> None:  # noqa: ARG001
    """Keep what the worker that had the cases says of them."""
    told = getattr(node, "workeroutput", {}).get("imageproof")
    if told is not None:
        node.config.stash[_TOLD] = told


def _shipped(config: pytest.Config) -> bool:
    """Whether the tests that are shipped are to be run, and not somebody's own."""
    return any(_is_shipped(argument) for argument in config.args)


def _is_shipped(argument: str) -> bool:
    here, path = Path(__file__).resolve().parent, Path(argument.split("::", maxsplit=1)[0]).resolve()
    return here in path.parents or path == here


def _has_nothing(item: pytest.Item) -> bool:
    mark, call = item.get_closest_marker(MARK), getattr(item, "callspec", None)
    may_lack = mark is not None and (mark.args[0] == "replay" or bool(mark.kwargs))
    return may_lack and not hasattr(call and call.params.get("case"), "operation")


@pytest.fixture(scope="session")
def imageproof_run(pytestconfig: pytest.Config) -> Run:
    """The run: provider, contracts, findings."""
    return _run(pytestconfig)


def _run(config: pytest.Config) -> Run:
    if _RUN not in config.stash:
        from contract_tests.opening import open_run
        from contract_tests.options import Options, UsageError
        from contract_tests.pace import rate
        from spec.errors import SpecError

        option = config.getoption
        folder = option("--imageproof-report-dir")
        try:
            worker = getattr(config, "workerinput", {})
            url = option("--imageproof-url") or worker.get("imageproof_url") or _embedded(config)
            config.stash[_RUN] = open_run(
                Options(
                    url,
                    option("--imageproof-api-key-env"),
                    option("--imageproof-profile"),
                    option("--imageproof-max-images"),
                    tuple(option("--imageproof-model")),
                    option("--imageproof-seed"),
                    Path(folder) if folder else None,
                    option("--imageproof-task-timeout"),
                    recording=f"run.{worker['workerid']}.har" if worker else "run.har",
                    budget=option("--imageproof-budget"),
                    max_requests=option("--imageproof-max-requests"),
                    per_second=rate(pace) if (pace := option("--imageproof-rate")) else None,
                    only=tuple(option("--imageproof-only")),
                    skip=tuple(option("--imageproof-skip")),
                )
            )
        except (UsageError, SpecError, ValueError) as error:
            raise pytest.UsageError(f"imageproof: {error}") from error
    run: Run = config.stash[_RUN]
    return run


def _embedded(config: pytest.Config) -> str:
    """Start the mock; its URL."""
    from mockserver.runner import MockServer
    from mockserver.settings import Settings
    from spec.profiles import PLAIN, load_profile

    name = config.getoption("--imageproof-serve-profile")
    server = config.stash[_SERVER] = MockServer(
        Settings(port=0, task_seconds=0.3, profile=load_profile(name) if name else PLAIN)
    )
    return server.start().url


def _own(config: pytest.Config) -> Run | None:
    """The run this plugin opened itself, if it did."""
    run: Run | None = config.stash.get(_RUN, None)
    return run if config.stash.get(_OWNED, True) else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Count how the cases of each kind end; a failure that is no verdict is a fault of ours."""
    report = yield
    mark = item.get_closest_marker(MARK)
    if _RUN in item.config.stash and (report.when == "call" or not report.passed):
        run: Run = item.config.stash[_RUN]
        if mark is not None:
            run.steps.setdefault(mark.args[0], Counter())[report.outcome] += 1
        is_ours = mark is not None or Path(__file__).resolve().parent in item.path.resolve().parents
        if is_ours and report.failed and call.excinfo and not call.excinfo.errisinstance(pytest.fail.Exception):
            from contract_tests.run import Fault

            place = item.callspec.id if isinstance(item, pytest.Function) and hasattr(item, "callspec") else item.name
            run.faults.append(Fault.of(place, call.excinfo.value, report.longreprtext))
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Note whether somebody ended the run, and write the report.

    A provider that could not be asked is no pass, though every test was only skipped.
    """
    config = session.config
    if _RUN in config.stash and session.exitstatus == pytest.ExitCode.INTERRUPTED:
        config.stash[_RUN].interrupt()
    run = _own(config)
    if run is not None and _had_cases(run, config):
        if run.options.report_dir is not None:
            from contract_tests.closing import close_run

            close_run(run, run.options.report_dir)
        if hasattr(config, "workeroutput"):
            config.workeroutput["imageproof"] = {"lines": _summary(run), "silent": _is_silent(run)}
    silent = run is not None and _is_silent(run)
    if (silent or _told(config)["silent"]) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _is_silent(run: Run) -> bool:
    return bool(run.findings.could_not_look or run.faults)


def _had_cases(run: Run, config: pytest.Config) -> bool:
    """Whether this process is the one that sent the cases; of several workers only one is."""
    return bool(run.steps) or not hasattr(config, "workerinput")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Close connections, stop the mock."""
    if (run := _own(config)) is not None:
        run.close()
        if hasattr(config, "workerinput") and run.options.report_dir is not None:
            recorded = run.options.report_dir / run.options.recording
            if run.steps and recorded.exists():
                recorded.replace(run.options.report_dir / "run.har")
            recorded.unlink(missing_ok=True)
    if (server := config.stash.get(_SERVER, None)) is not None:
        server.stop()


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say what did not fail a test but should be known, where the report is and what it cost."""
    run = _own(config)
    for line in _summary(run) if run is not None else _told(config)["lines"]:
        terminalreporter.write_line(line)


def _told(config: pytest.Config) -> Any:
    """What the worker that had the cases has said."""
    return config.stash.get(_TOLD, None) or {"lines": [], "silent": False}


def _summary(run: Run) -> list[str]:
    from contract_tests.budget import at_most
    from contract_tests.report.evidence import visible
    from contract_tests.report.record import faults
    from contract_tests.verdicts import told

    ledger = run.provider.ledger
    mild = [finding for finding in run.findings.all if finding.level != "MUST"]  # a broken MUST is a failed test
    lines = [f"imageproof: {told(finding).splitlines()[0]}" for finding in mild]
    lines += [f"imageproof: a fault of its own: {one}: {why}" for one, why in faults(run).items()]
    reasons = dict.fromkeys(run.findings.could_not_look.values())
    lines += [f"imageproof: could not look: {visible(reason)}" for reason in reasons]
    lines.append(
        f"imageproof: {run.provider.redact.text(run.provider.root)}: {len(run.findings.all)} findings, "
        f"{ledger.requests} requests, {ledger.images} pictures, {at_most(ledger.dollars, ledger.unpriced)}"
    )
    if run.options.report_dir is not None:
        lines.append(f"imageproof: report in {run.options.report_dir}")
    return lines
