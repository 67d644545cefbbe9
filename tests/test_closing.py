"""How runs end: interrupted, or with a fault of ours; the report is always there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from test_provider import KEY, Listener, links, listening
from test_provider import REFUSALS as BROKEN

from contract_tests import plugin
from contract_tests.budget import Ledger
from contract_tests.closing import close_run
from contract_tests.options import Options
from contract_tests.provider import Provider
from contract_tests.run import Run
from spec.profiles import PLAIN

TESTS = """
import pytest

@pytest.mark.imageproof_cases("lookups")
def test_one(case, imageproof_run):
    raise ValueError("boom %s\\x1b")

def test_two():
    raise KeyboardInterrupt
"""


@pytest.fixture
def run(tmp_path: Path) -> Iterator[tuple[Run, Listener]]:
    """A run that has found something, with requests left to be made smaller."""
    with listening(lambda _: links()) as server:
        provider = Provider(server.url, KEY, Ledger(None), record_to=tmp_path / "run.har")
        with closing(Run(Options(server.url, report_dir=tmp_path), PLAIN, PLAIN.contracts(()), provider)) as found:
            found.__dict__["planned"] = {"lookups": BROKEN[-1:]}
            found.judge(BROKEN[-1])
            assert found.findings.all
            yield found, server


def test_a_run_that_is_interrupted_sends_nothing_more_and_says_so_with_its_own_faults(
    run: tuple[Run, Listener], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, server = run
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    file = tmp_path / "test_some.py"
    file.write_text(TESTS % KEY)
    quiet = ["-c", os.devnull, "-p", "no:cacheprovider", "-p", "no:terminal", "-p", "no:logging", "--capture=no"]
    asked = len(server.asked)
    code = pytest.main([str(file), *quiet], plugins=[plugin, plugin.Prepared(found)])
    data = close_run(found, tmp_path)
    assert (code, len(server.asked)) == (pytest.ExitCode.INTERRUPTED, asked)
    assert (data["interrupted"], data["could_not_look"]["the rest of the cases"]) == (True, "interrupted")
    [(place, reason)] = data["faults"].items()
    assert place.startswith("createImage: ")
    assert reason == "ValueError: boom <key>\\u001b"
    for name in ("report.html", "report.md", "junit.xml"):
        text = (tmp_path / name).read_text("utf-8")
        assert "ValueError: boom" in text
        assert KEY not in text


def test_a_fault_while_evidence_is_made_smaller_does_not_cost_the_report(
    run: tuple[Run, Listener], tmp_path: Path
) -> None:
    found, _ = run
    recording = found.provider._connection._recording
    assert recording is not None
    recording.close()  # as a disk that is full: nothing can be sent any more
    close_run(found, tmp_path)
    data = json.loads((tmp_path / "report.json").read_bytes())
    assert (len(data["findings"]), list(data["faults"])) == (len(found.findings.all), ["evidence made smaller"])
