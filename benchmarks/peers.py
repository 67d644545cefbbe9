"""imageproof next to Schemathesis: the same drifting servers, each tool with its defaults.

Every server is a mock that plays one drift. A tool finds a drift when it reports something it does not report about
the faithful mock; what it reports about that one is a false alarm. Pictures are counted by the mock, as a provider
bills them.

Schemathesis is given the contract without its conditional rules: while they are there its fuzzing draws nothing for
the two operations that matter (`--whole` gives them all the same).

    python benchmarks/peers.py                       # twenty drifts, evenly taken from the catalogue
    python benchmarks/peers.py --drift chat-shaped-200 --drift empty-object-200
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import yaml
from rich.console import Console
from rich.progress import track
from rich.table import Table

from mockserver.runner import MockServer
from mockserver.settings import Settings
from spec.documents import SPEC
from spec.drifts import catalogue, drift_use

ENDLESS = 10**9  # a quota nobody reaches: it makes the mock count what it would bill
SECONDS = 300
KEY = "sk-benchmark"
BIN = Path(sys.executable).parent
_CONDITIONS = frozenset({"if", "then", "else"})
_OPERATION = re.compile(r"^_+ ((?:GET|POST) \S+) _+$")
_FAILURE = re.compile(r"^- (ST\d+ .*)$")


@dataclass(frozen=True)
class Result:
    """What one tool said about one server: findings as (operation, what), and what that cost."""

    found: frozenset[tuple[str, str]]
    images: int
    requests: int
    seconds: float


def without_conditions(node: Any) -> Any:
    """A document whose schemas have no `if`, `then` and `else`."""
    if isinstance(node, dict):
        return {key: without_conditions(inner) for key, inner in node.items() if key not in _CONDITIONS}
    return [without_conditions(inner) for inner in node] if isinstance(node, list) else node


def schemathesis(url: str, document: Path, folder: Path) -> frozenset[tuple[str, str]]:
    """What Schemathesis finds with its default checks."""
    command = [str(BIN / "schemathesis"), "run", str(document), "--url", url, "--seed", "1"]
    told = subprocess.run(
        [*command, "-H", f"Authorization: Bearer {KEY}"],
        cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False,
    ).stdout  # fmt: skip
    found, operation = set(), ""
    for line in told.splitlines():
        if match := _OPERATION.match(line):
            operation = match[1]
        elif match := _FAILURE.match(line):
            found.add((operation, match[1]))
    return frozenset(found)


def imageproof(url: str, document: Path, folder: Path) -> frozenset[tuple[str, str]]:  # noqa: ARG001
    """What imageproof finds with twelve pictures."""
    command = [str(BIN / "imageproof"), "check", f"{url}/v1", "--max-images", "12", "--report-dir", str(folder)]
    environment = {**os.environ, "OPENAI_API_KEY": KEY}
    subprocess.run(
        [*command, "--task-timeout", "10"], env=environment, capture_output=True, timeout=SECONDS, check=False
    )
    report = json.loads((folder / "report.json").read_bytes())
    return frozenset((found["label"], found["drift"] or found["clause"]) for found in report["findings"])


TOOLS = {"imageproof": imageproof, "Schemathesis": schemathesis}


def tried(tool: str, drift: str | None, document: Path) -> Result:
    """Let one tool look at one server."""
    drifts = (drift_use(drift),) if drift else ()
    settings = Settings(port=0, drifts=drifts, task_seconds=0.3, quota_images=ENDLESS)
    with MockServer(settings) as server, tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        found = TOOLS[tool](server.url, document, Path(folder))
        seconds = time.perf_counter() - began
        with urlopen(f"{server.url}/_imageproof/state") as answer:  # noqa: S310 - it is ours
            state = json.load(answer)
        return Result(found, state["pictures_against_quota"], state["holds"]["requests"], seconds)


def compare(drifts: Iterable[str], document: Path, console: Console) -> None:
    """Print what each tool finds, and at what price."""
    drifts = list(drifts)
    each = Table("drift", *TOOLS, title="found")
    whole = Table("", "found", "false alarms", "pictures a run", "requests a run", "seconds a run")
    base = {tool: tried(tool, None, document) for tool in TOOLS}
    results: dict[str, list[Result]] = {tool: [] for tool in TOOLS}
    kills = dict.fromkeys(TOOLS, 0)
    for drift in track(drifts, "drifts", console=console, transient=True):
        row = []
        for tool in TOOLS:
            result = tried(tool, drift, document)
            results[tool].append(result)
            new = sorted({what for _, what in result.found - base[tool].found})
            kills[tool] += bool(new)
            row.append(", ".join(new)[:70] or "-")
        each.add_row(drift, *row)
    console.print(each)
    for tool in TOOLS:
        every = [base[tool], *results[tool]]
        mean = [
            round(sum(getattr(one, name) for one in every) / len(every)) for name in ("images", "requests", "seconds")
        ]
        whole.add_row(tool, f"{kills[tool]} of {len(drifts)}", str(len(base[tool].found)), *map(str, mean))
    console.print(whole)


def main() -> None:
    """Compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--drift", action="append", default=[], metavar="ID")
    parser.add_argument("--count", type=int, default=20, metavar="N", help="as many of the catalogue, evenly taken")
    parser.add_argument("--whole", action="store_true", help="give Schemathesis the conditional rules, too")
    told = parser.parse_args()
    known = list(catalogue())
    drifts = told.drift or known[:: max(1, len(known) // told.count)]
    document = yaml.safe_load((SPEC / "images.yaml").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "images.yaml"
        file.write_text(yaml.safe_dump(document if told.whole else without_conditions(document)), encoding="utf-8")
        compare(drifts, file, Console(soft_wrap=False, width=170))


if __name__ == "__main__":
    main()
