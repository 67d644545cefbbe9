"""The fixed point: drifts -> mock -> report -> profile -> mock -> report ends where it began.

`make fixed-point` tries some hundred sets of drifts: `python tests/fixed_point.py --sets 300 --seed 1`.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from drift_cases import cases_for
from faulty import IMAGES

from contract_tests.budget import Ledger
from contract_tests.cases import Case
from contract_tests.options import Options
from contract_tests.provider import DUMMY_KEY, Provider
from contract_tests.report.learned import learned_profile
from contract_tests.report.record import record
from contract_tests.run import Run
from mockserver.runner import MockServer
from mockserver.settings import Settings
from spec.drifts import catalogue, drift_uses
from spec.profiles import PLAIN, Profile, parse_profile

_MOST = 5  # drifts of a set
_ENDLESS = ("task-state", "task-words")  # switches that keep a task from its end


#: other values of the parameters that can be learned; each drift that has some is listed
OTHERWISE: dict[str, dict[str, str]] = {
    "missing-model-503": {"message": "no channel", "type": "one_api_error", "code": "no_channel"},
    "unknown-model-503": {"message": "no channel", "type": "one_api_error", "code": "no_channel"},
    "progress-over-100": {"percent": "250"},
    "size-not-applied-512": {"fixed": "1024x1024"},
    "vendor-error-type": {"type": "one_hub_error"},
    "gateway-idle-502": {"status": "504"},
    "stream-error-flat": {"code": "overloaded", "message": "try later"},
    "sse-event-names-own-vocabulary": {"chunk": "image.part", "complete": "image.done"},
    "stream-event-without-data": {"name": "beat"},
}
Uses = dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a set of drifts came to: causes found before and after, the profile in between, what each report teaches."""

    before: frozenset[str]
    after: frozenset[str]
    profile: str
    learned: Uses
    learned_again: Uses

    def wrong(self) -> list[str]:
        """Why this is no fixed point.

        A drift that hides behind another is in neither report. A finding without a name cannot be played, so it may be
        gone; then the profile says so in a comment.
        """
        named = set(catalogue())
        told = [f"{cause} is found in one of the reports only" for cause in (self.before ^ self.after) & named]
        told += [f"{cause} is new" for cause in self.after - self.before - named]
        comments = [line for line in self.profile.splitlines() if line.startswith("#")]
        lost = self.before - self.after - named
        told += [f"{cause} is lost" for cause in lost if not any(f" {cause}: " in line for line in comments)]
        if self.learned != self.learned_again:
            told.append(f"another profile is learned: {self.learned} and then {self.learned_again}")
        return told


def sets(count: int, seed: int) -> Iterator[tuple[str, ...]]:
    """Random sets of drifts that do not contradict each other."""
    draw = random.Random(seed)
    switches: dict[str, list[str]] = {}
    for drift in catalogue().values():
        switches.setdefault(drift.switch, []).append(drift.id)
    for _ in range(count):
        chosen = draw.sample(sorted(switches), draw.randint(1, _MOST))
        yield tuple(_use(draw.choice(switches[switch]), draw) for switch in chosen)


def _use(id_: str, draw: random.Random) -> str:
    """A drift, perhaps with other parameters than the catalogue's."""
    otherwise = OTHERWISE.get(id_, {})
    return otherwise_told(id_, otherwise) if otherwise and draw.random() < 0.5 else id_


def otherwise_told(id_: str, parameters: dict[str, str]) -> str:
    """A drift with parameters, as it is written on the command line."""
    return f"{id_}:{','.join(f'{name}={value}' for name, value in parameters.items())}"


def requests_for(drifts: Iterable[str]) -> list[Case]:
    """What the drifts of a set are looked for with, each once."""
    cases = [case for id_ in drifts for case in cases_for(catalogue()[id_.partition(":")[0]])]
    return list({id(case): case for case in cases}.values())


def report(profile: Profile, asked: Sequence[Case]) -> dict[str, Any]:
    """The report of a run of some cases against a mock of a profile."""
    endless = any(use.drift.switch in _ENDLESS for use in profile.drifts)
    with MockServer(Settings(port=0, profile=profile, task_polls=4)) as server:
        patience = 0.6 if endless else 10.0
        provider = Provider(server.url, DUMMY_KEY, Ledger(None), task_timeout=patience, other_key="sk-somebody-else")
        with closing(Run(Options(server.url), PLAIN, (IMAGES,), provider)) as run:
            for case in asked:
                exchange, _, reason = run.judge(case)
                assert exchange is not None, reason
                if exchange.wants_task:
                    run.follow(exchange)
            return record(run)


def causes(data: dict[str, Any]) -> frozenset[str]:
    """What a report found, by name."""
    return frozenset(finding["cause"] for finding in data["findings"])


def again(drifts: Sequence[str]) -> Outcome:
    """Play drifts, learn a profile from the report, play that, and report again."""
    asked = requests_for(drifts)
    first = report(Profile("drifting", "a set of drifts", (), {}, drift_uses(drifts)), asked)
    text = learned_profile(first, "learned")
    profile = parse_profile(text, "learned.yaml")
    second = report(profile, asked)
    taught = parse_profile(learned_profile(second, "learned"), "learned.yaml")
    return Outcome(causes(first), causes(second), text, uses(profile), uses(taught))


def uses(profile: Profile) -> Uses:
    """The drifts of a profile with their parameters."""
    return {use.drift.id: dict(use.parameters) for use in profile.drifts}


def main() -> int:
    """Try sets of drifts; 1 where one is no fixed point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    told = parser.parse_args()
    began, bad, unnamed, asked = time.monotonic(), 0, 0, 0
    for number, drifts in enumerate(sets(told.sets, told.seed), 1):
        outcome = again(drifts)
        asked += len(drifts)
        unnamed += outcome.before != outcome.after
        if wrong := outcome.wrong():
            bad += 1
            print(f"{number}: {' '.join(drifts)}", *wrong, sep="\n  ", flush=True)  # noqa: T201
    print(  # noqa: T201
        f"{told.sets} sets of {asked} drifts: {bad} no fixed point, {unnamed} with findings without a name that "
        f"are gone; seed {told.seed}, {time.monotonic() - began:.0f} s"
    )
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
