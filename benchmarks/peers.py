"""imageproof next to Schemathesis: the same drifting servers, each tool with its defaults.

Every server is a mock that plays one drift and knows one key. A tool finds a drift when it reports something it does
not report about the faithful mock; what it reports about that one is a false alarm. Pictures are counted by the mock,
as a provider bills them. A tool that is not done after five minutes is stopped, and what it said so far counts.

Schemathesis is given the contract without its conditional rules: while they are there its fuzzing draws nothing for
the two operations that matter (`--whole` gives them all the same). That it then calls requests valid that a conditional
rule forbids is no fault of its own.

    python benchmarks/peers.py                       # the first drift of every class of the catalogue
    python benchmarks/peers.py --count 20            # twenty, evenly taken
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
from collections import Counter
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


def output_of(command: list[str], folder: Path) -> str:
    """What a program prints; so far, where it takes too long."""
    environment = {**os.environ, "OPENAI_API_KEY": KEY}
    try:
        run = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        return error.stdout.decode("utf-8", "replace") if isinstance(error.stdout, bytes) else error.stdout or ""
    return run.stdout


def schemathesis(url: str, document: Path, folder: Path) -> frozenset[tuple[str, str]]:
    """What Schemathesis finds with its default checks."""
    command = [str(BIN / "schemathesis"), "run", str(document), "--url", url, "--seed", "1"]
    told = output_of([*command, "-H", f"Authorization: Bearer {KEY}"], folder)
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
    output_of([*command, "--task-timeout", "10"], folder)
    report = json.loads((folder / "report.json").read_bytes())
    return frozenset((found["label"], found["drift"] or found["clause"]) for found in report["findings"])


TOOLS = {"imageproof": imageproof, "Schemathesis": schemathesis}


def tried(tool: str, drift: str | None, document: Path) -> Result:
    """Let one tool look at one server."""
    drifts = (drift_use(drift),) if drift else ()
    settings = Settings(port=0, drifts=drifts, api_key=KEY, task_seconds=0.3, quota_images=ENDLESS)
    with MockServer(settings) as server, tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        found = TOOLS[tool](server.url, document, Path(folder))
        seconds = time.perf_counter() - began
        with urlopen(f"{server.url}/_imageproof/state") as answer:  # noqa: S310 - it is ours
            state = json.load(answer)
        return Result(found, state["pictures_against_quota"], state["holds"]["requests"], seconds)


def alarms(result: Result) -> str:
    """What was said, and of how many operations."""
    times = Counter(what for _, what in result.found)
    return ", ".join(f"{what} (of {times[what]} operations)" for what in sorted(times))


def compare(drifts: Iterable[str], document: Path, console: Console) -> None:
    """Print what each tool finds, and at what price."""
    drifts = list(drifts)
    each = Table("class", "drift", *TOOLS, title="found")
    whole = Table("", "found", "false alarms", "pictures a run", "requests a run", "seconds a run")
    base = {tool: tried(tool, None, document) for tool in TOOLS}
    results: dict[str, list[Result]] = {tool: [] for tool in TOOLS}
    kills = dict.fromkeys(TOOLS, 0)
    for tool in TOOLS:
        console.print(f"[bold]{tool}[/] of the faithful server:", alarms(base[tool]) or "nothing")
    for drift in track(drifts, "drifts", console=console, transient=True):
        row = []
        for tool in TOOLS:
            result = tried(tool, drift, document)
            results[tool].append(result)
            new = sorted({what for _, what in result.found - base[tool].found})
            kills[tool] += bool(new)
            row.append(", ".join(new)[:70] or "-")
        each.add_row(catalogue()[drift].kind, drift, *row)
        if not console.is_terminal:  # a log file: one line per drift says that it lives
            console.print(f"{drift}: {' | '.join(row)}", style="dim")
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
    parser.add_argument("--count", type=int, metavar="N", help="as many of the catalogue, evenly taken")
    parser.add_argument("--whole", action="store_true", help="give Schemathesis the conditional rules, too")
    told = parser.parse_args()
    known = list(catalogue())
    of_each_class = {catalogue()[id_].kind: id_ for id_ in reversed(known)}
    evenly = (
        known[:: max(1, len(known) // told.count)] if told.count else sorted(of_each_class.values(), key=known.index)
    )
    drifts = told.drift or evenly
    document = yaml.safe_load((SPEC / "images.yaml").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "images.yaml"
        file.write_text(yaml.safe_dump(document if told.whole else without_conditions(document)), encoding="utf-8")
        compare(drifts, file, Console(soft_wrap=False, width=170))


if __name__ == "__main__":
    main()
