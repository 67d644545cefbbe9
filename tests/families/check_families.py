"""Every family as the mock serves it passes its own check, within the default budget: `make families`, a minute."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from contract_tests.check import check
from contract_tests.options import Options
from mockserver.runner import MockServer
from mockserver.settings import Settings
from spec.documents import shipped


@pytest.mark.parametrize("family", shipped())
def test_a_family_passes_its_own_check(family: str, tmp_path: Path) -> None:
    console = Console(record=True, width=160)
    with MockServer(Settings(port=0, contracts=(family,), task_seconds=0.2)) as server:
        code = check(Options(server.url, families=(family,), report_dir=tmp_path), console)
        broken = [entry for entry in server.journal if entry.status >= 500]
    assert (code, broken) == (0, []), console.export_text()
