"""The page about the self-test, made of what its runs have found.

python benchmarks/selftest.py --save a.json; python benchmarks/selftest.py --family chat --save b.json
python benchmarks/selftest_page.py a.json b.json > docs/selftest.md
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from allowances import explained

Found = dict[str, Any]

_HEAD = """# Who is convicted: the self-test

`make selftest` puts the contract tests to the test. Every drift of the catalogue is played, every member of every
answer is changed in every way (dropped, null, empty, another type, out of range, wrapped; items of lists lost,
repeated, reordered; headers; the status), and faithful mocks are checked under every profile. A mutant the contract
allows is no deviation: the reason is read from the contract document (`benchmarks/allowances.py`). What is left is
convicted, or a survivor, with the reason why nobody outside could convict it, or a hole.

```
make selftest                                              # drifts, faithful mocks, the default family's answers
python benchmarks/selftest.py --family replicate           # another family's answers
python benchmarks/selftest.py --only createImage --allowed # one operation's, with what the contract allows
```

This page is written by `benchmarks/selftest_page.py` from the results of such runs.
"""


def page(runs: Iterable[Found]) -> Iterator[str]:
    """The page, line by line; of a family that several runs have tried the last one counts."""
    runs = list(runs)
    families = {name: {**one, "date": run["date"]} for run in runs for name, one in run["families"].items()}
    yield _HEAD
    yield "## Faithful mocks and drifts\n"
    for run in runs:
        if "innocents" in run:
            one = run["innocents"]
            yield f"- {run['date']}: {one['tried']} faithful mocks (the contract and every profile),"
            yield f"  {len(one['accused'])} false alarms{_listed(one['accused'])}"
        if "drifts" in run:
            one = run["drifts"]
            yield f"- {run['date']}: {one['tried']} drifts, {one['named']} convicted under their names by few cases of"
            yield f"  each kind, {len(one['late'])} more by a check with 40 pictures{_listed(one['late'])}"
            yield f"- not convicted, or not under their names: {len(one['missed'])}{_listed(one['missed'])}"
            yield "  (`tests/test_drifts_convicted.py` convicts every drift by a request that shows it)"
    yield "\n## Mutants of answers\n"
    yield "| family | tried | convicted | MUST | SHOULD | MAY | allowed | survived | kill rate | date |"
    yield "| --- | --: | --: | --: | --: | --: | --: | --: | --: | --- |"
    for name, one in families.items():
        levels = one["convicted"]
        tried = f"{one['tried']}" if one["tried"] >= one["of"] else f"{one['tried']} of {one['of']}"
        yield (
            f"| {name} | {tried} | {sum(levels.values())} | {' | '.join(str(told) for told in levels.values())} "
            f"| {len(one['allowed'])} | {len(one['survived'])} | {one['rate']:.1%} | {one['date']} |"
        )
    yield "\nAn answer that several operations share is tried once. Operations whose success no case brings about, so"
    yield "that nothing was tried on it:\n"
    for name, one in families.items():
        if one["unreached"]:
            yield f"- {name}: {', '.join(f'`{id_}`' for id_ in one['unreached'])}"
    yield "\n## Survivors, one by one\n"
    survived = [(name, told, explained(told)) for name, one in families.items() for told, _ in one["survived"]]
    if not survived:
        yield "None."
    for name, mutant, why in survived:
        yield f"- {name}: `{mutant}` — {why or '**a hole: nobody has said why**'}"
    yield "\n## What the contract allows\n"
    yield "| reason | mutants | such as |"
    yield "| --- | --: | --- |"
    allowed = [(reason, mutant) for one in families.values() for mutant, reason in one["allowed"]]
    example = dict(reversed(allowed))
    for reason, count in Counter(reason for reason, _ in allowed).most_common():
        yield f"| {reason} | {count} | `{example[reason]}` |"


def _listed(names: list[str]) -> str:
    return f": {', '.join(f'`{name}`' for name in names)}" if names else ""


def main() -> int:
    """Write the page of the results named."""
    print("\n".join(page(json.loads(Path(name).read_text("utf-8")) for name in sys.argv[1:])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
