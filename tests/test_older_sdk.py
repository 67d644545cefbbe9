"""The official client's older major line: the same tests, in a process that finds it first."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
OLDER = Path(sys.prefix) / "openai-2"


def test_what_holds_for_the_newest_client_holds_for_the_older_line() -> None:
    if not (OLDER / "openai").is_dir():
        pytest.skip("openai 2.x is not there; `make sdks` gets it")
    files = sorted(map(str, TESTS.glob("test_sdk*.py")))
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "0", "-p", "no:cacheprovider", "--tb=short", *files],
        env={**os.environ, "PYTHONPATH": str(OLDER), "IMAGEPROOF_TESTS_OPENAI": "2."},
        cwd=TESTS.parent,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stdout[-8000:] + run.stderr[-2000:]
