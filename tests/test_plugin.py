"""The contract tests as plain pytest, and the plugins in suites that do not use them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from test_provider import free_port

ROOT = Path(__file__).parent.parent
ONE_MODEL = ("--imageproof-model", "dall-e-2")
QUIET = ("-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:schemathesis")


def run(*arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """pytest as somebody else would start it."""
    clean = {name: text for name, text in os.environ.items() if not name.startswith(("PYTEST_", "COV_", "OPENAI_"))}
    command = [sys.executable, "-m", "pytest", *QUIET, *arguments]
    return subprocess.run(command, cwd=folder, env=clean, capture_output=True, text=True, timeout=60)


def test_the_shipped_tests_pass_against_the_embedded_mock_and_say_what_they_cost(tmp_path: Path) -> None:
    result = run("contract_tests", "--imageproof-max-images", "2", "--imageproof-report-dir", str(tmp_path), *ONE_MODEL)
    assert result.returncode == 0, result.stdout + result.stderr
    cost = re.search(r"imageproof: http://127\.0\.0\.1:\d+: 0 findings, (\d+) requests, ([12]) pictures", result.stdout)
    assert cost
    report = json.loads((tmp_path / "report.json").read_bytes())
    assert (report["verdict"], report["requests"], report["images"]) == ("conforms", int(cost[1]), int(cost[2]))
    assert f"imageproof: report in {tmp_path}" in result.stdout


def test_a_provider_that_drifts_fails_the_tests_by_name() -> None:
    result = run("contract_tests", "--imageproof-serve-profile", "zhongzhuan", "--imageproof-max-images", "3")
    assert result.returncode == 1, result.stdout + result.stderr
    assert "MUST chat-shaped-200 (wire.schema)" in result.stdout
    assert "curl -g" in result.stdout
    assert "Traceback" not in result.stdout


def test_a_provider_nobody_can_ask_is_no_pass() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    result = run("contract_tests", "--imageproof-url", url, "--imageproof-max-images", "1", *ONE_MODEL)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "passed" not in result.stdout
    assert "could not look: " in result.stdout
    assert "Connection refused" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--imageproof-serve-profile", "zhongzhua"), "zhongzhuan"),
        (("--imageproof-profile", "nobody"), "unknown profile 'nobody'"),
        (("--imageproof-url", "https://api.example.com/v1"), "the variable OPENAI_API_KEY is not set"),
    ],
)
def test_a_wrong_call_is_told_once_without_a_traceback(arguments: tuple[str, ...], told: str) -> None:
    result = run("contract_tests", *arguments)
    assert result.returncode == pytest.ExitCode.USAGE_ERROR, result.stdout
    output = result.stdout + result.stderr
    assert output.count(told) == 1
    assert "Traceback" not in output
    assert "plugin.py" not in output


def test_a_suite_that_does_not_use_the_plugins_does_not_pay_for_them(tmp_path: Path) -> None:
    (tmp_path / "test_nothing.py").write_text(
        "import sys\n\ndef test_nothing():\n"
        "    names = {name.partition('.')[0] for name in sys.modules}\n"
        "    assert {'contract_tests', 'mockserver'} <= names\n"
        "    print(sorted(names & {'aiohttp', 'hypothesis', 'PIL', 'jsonschema_rs', 'yaml', 'jinja2', 'uvloop'}))\n"
    )
    result = run("-s", "-p", "no:hypothesispytest", "-p", "no:anyio", str(tmp_path), folder=tmp_path)
    assert result.returncode == 0, result.stdout
    assert "[]" in result.stdout


def test_several_workers_give_one_report_within_one_budget(tmp_path: Path) -> None:
    budget = ("--imageproof-max-images", "1", *ONE_MODEL)
    command = [sys.executable, "-m", "pytest", "contract_tests", "-n", "2", "-v"]
    clean = {name: text for name, text in os.environ.items() if not name.startswith(("PYTEST_", "COV_", "OPENAI_"))}
    result = subprocess.run(
        [*command, "-p", "no:cacheprovider", *budget, "--imageproof-report-dir", str(tmp_path)],
        cwd=ROOT,
        env=clean,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    report = json.loads((tmp_path / "report.json").read_bytes())
    assert (report["verdict"], report["images"]) == ("conforms", 1)
    assert {path.name for path in tmp_path.iterdir()} == {
        "report.json",
        "report.html",
        "report.md",
        "junit.xml",
        "run.har",
    }
    json.loads((tmp_path / "run.har").read_bytes())
    assert "1 worker [" in result.stdout, "another one would plan and ask for nothing"
    assert result.stdout.count("imageproof: http://127.0.0.1:") == 1
    assert f"0 findings, {report['requests']} requests, 1 pictures" in result.stdout
