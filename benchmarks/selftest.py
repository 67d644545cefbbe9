"""The contract tests put to the test: do they convict every deviation, and no faithful server?

Three questions, asked of real servers over HTTP with the shipped cases and clauses:

* every drift of the catalogue, played by the mock: is it convicted, and called by its name?
* every mutant of every answer (`mutants.py`): is it convicted?
* the mock without drift, under every profile: is nothing found?

A mutant that survives is either one the contract allows (`allowances.py` gives the reason) or a hole in the tests; a
hole that `survivors.yaml` does not explain, a drift that gets away and a false alarm make the exit code 1.

    python benchmarks/selftest.py                       # everything
    python benchmarks/selftest.py --mutants 200         # as many mutants, evenly taken
    python benchmarks/selftest.py --part faithful       # one of the three questions
    python benchmarks/selftest.py --only createImage    # mutants of these operations' answers only
    python benchmarks/selftest.py --family replicate    # mutants of this family's answers only
    python benchmarks/selftest.py --save found.json     # for `python benchmarks/selftest_page.py found.json ...`
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from allowances import explained
from court import MANY, POLLS, Court, Mutants, Score
from rich.console import Console
from rich.progress import track

from contract_tests.check import check
from contract_tests.clauses.registry import LEVELS
from contract_tests.options import KEY_VARIABLE, Options
from contract_tests.provider import DUMMY_KEY
from mockserver.runner import MockServer
from mockserver.settings import Settings
from spec.documents import default_families
from spec.drifts import catalogue, drift_use
from spec.profiles import PLAIN, load_profile, profile_names

_PARTS = ("faithful", "drifts", "mutants")
_OTHER_KEY_VARIABLE = "IMAGEPROOF_SELFTEST_OTHER_KEY"
_WHOLE = 40  # pictures: what a check of a server on this machine may make unless told otherwise
#: what came of one question, as it is kept
Found = dict[str, Any]


def try_mutants(console: Console, family: str, most: int | None, only: Iterable[str], each: bool) -> Found:
    """Try all mutants of a family's answers, or as many, evenly taken."""
    score = Score()
    with MockServer(Settings(port=0, task_polls=POLLS, contracts=(family,))) as server:
        court = Mutants(server, (family,), each)
        found = list(court.accused(only))
        step = max(1, len(found) // most) if most else 1
        for group, kind, reply, mutant in track(found[::step], family, console=console, transient=True):
            court.verdict(group, kind, reply, mutant, score)
    unknown = [name for name in score.survived if not explained(name)]
    console.print(
        f"mutants of answers, {family}  {score.all} of {len(found)} tried: {score.killed.total()} convicted "
        f"({', '.join(f'{score.killed[level]} {level}' for level in LEVELS)}), "
        f"{len(score.allowed)} allowed by the contract, {len(score.survived)} survived, {len(unknown)} of them "
        f"unexplained: kill rate {score.rate:.1%}"
    )
    for name in score.survived:
        console.print(f"  survived  {name}  {explained(name)}", markup=False)
    if not only and (missing := court.unreached()):
        console.print(f"  not reached: successes of {', '.join(missing)}")
    return {
        "tried": score.all,
        "of": len(found),
        "convicted": {level: score.killed[level] for level in LEVELS},
        "allowed": score.allowed,
        "survived": [(name, explained(name)) for name in score.survived],
        "rate": score.rate,
        "unreached": [] if only else court.unreached(),
    }


def try_drifts(console: Console) -> Found:
    """Play every drift of the catalogue; what was not convicted, or not called by its name.

    Few cases of each kind come first; what they do not show is left to a check as the program makes it.
    """
    lost: list[str] = []
    named, late = 0, list[str]()
    for id_ in track(catalogue(), "drifts", console=console, transient=True):
        settings = Settings(port=0, task_polls=2 * POLLS, drifts=(drift_use(id_),))
        with MockServer(settings) as server:
            court = Court(server, MANY)
            names: set[str] = set()
            for group in court.groups:
                if id_ not in names:  # what is convicted under its name need not be tried any further
                    names |= {finding.drift.id for finding in court.tried(group)[0].all if finding.drift is not None}
        if id_ in names:
            named += 1
            continue
        found = _checked(settings, None, _WHOLE)
        if id_ in {finding["drift"] for finding in found}:
            late.append(id_)
        else:
            told = ", ".join(sorted({finding["drift"] or finding["clause"] for finding in found}))
            lost.append(f"{id_}: {f'convicted as {told}' if told else 'not convicted'}")
    console.print(
        f"drifts of the catalogue  {len(catalogue())} played: {named} convicted under their names by few cases, "
        f"{len(late)} by a check with {_WHOLE} pictures"
    )
    for what in lost:
        console.print(f"  missed    {what}", markup=False)
    return {"tried": len(catalogue()), "named": named, "late": late, "missed": lost}


def _checked(settings: Settings, profile: str | None, most: int) -> list[Any]:
    """The findings of a whole check of such a mock, as they stand in its report."""
    with MockServer(settings) as server, tempfile.TemporaryDirectory() as folder:
        options = Options(
            server.base_url,
            profile=profile,
            max_images=most,
            report_dir=Path(folder),
            other_key_variable=_OTHER_KEY_VARIABLE,
        )
        check(options, Console(quiet=True))
        found: list[Any] = json.loads((Path(folder) / "report.json").read_bytes())["findings"]
        return found


def try_innocents(console: Console) -> Found:
    """Check the mock without drift under every profile; what is found all the same."""
    accused = []
    profiles = [None, *profile_names()]
    for name in track(profiles, "profiles", console=console, transient=True):
        whole = load_profile(name) if name else PLAIN
        found = _checked(Settings(port=0, profile=replace(whole, drifts=()), task_seconds=0.3), name, 12)
        accused += [f"{name or 'contract'}: {one['level']} {one['clause']}" for one in found]
    console.print(f"faithful mocks  {len(profiles)} profiles: {len(accused)} false alarms")
    for what in accused:
        console.print(f"  accused   {what}", markup=False)
    return {"tried": len(profiles), "accused": accused}


def main() -> int:
    """Ask the three questions."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutants", type=int, metavar="N", help="as many mutants, evenly taken")
    parser.add_argument("--only", action="append", default=[], metavar="OPERATION", help="mutants of its answers only")
    parser.add_argument("--each", action="store_true", help="each operation's, though it answers as another one does")
    parser.add_argument("--allowed", action="store_true", help="list the mutants that the contract allows, too")
    parser.add_argument("--family", action="append", default=[], metavar="NAME", help="mutants of its answers only")
    parser.add_argument("--part", action="append", choices=_PARTS, help="ask one of the questions only")
    parser.add_argument("--save", type=Path, metavar="FILE", help="keep what was found as JSON")
    told = parser.parse_args()
    os.environ.setdefault(KEY_VARIABLE, DUMMY_KEY)
    os.environ.setdefault(_OTHER_KEY_VARIABLE, f"{DUMMY_KEY}-of-somebody-else")
    console = Console(soft_wrap=True, highlight=False)
    began = time.perf_counter()
    found: Found = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "families": {}}
    parts = told.part or (["mutants"] if told.only or told.family else _PARTS)
    if "faithful" in parts:
        found["innocents"] = try_innocents(console)
    if "drifts" in parts:
        found["drifts"] = try_drifts(console)
    for family in (told.family or default_families()) if "mutants" in parts else ():
        found["families"][family] = one = try_mutants(console, family, told.mutants, told.only, told.each)
        for name, reason in one["allowed"] if told.allowed else ():
            console.print(f"  allowed   {name}: {reason}", markup=False)
    found["seconds"] = round(time.perf_counter() - began)
    console.print(f"{found['seconds']} s")
    if told.save:
        told.save.write_text(json.dumps(found, indent=1, ensure_ascii=False), "utf-8")
    holes = [name for one in found["families"].values() for name, why in one["survived"] if not why]
    guilty = found.get("innocents", {}).get("accused") or found.get("drifts", {}).get("missed")
    return 1 if guilty or holes else 0


if __name__ == "__main__":
    sys.exit(main())
