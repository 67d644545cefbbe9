"""Findings and verdicts: what a run has learned about a provider, one finding per cause."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from contract_tests.clauses import CONFORMS, Broken, Clause, catalogue
from contract_tests.clauses.registry import LEVELS
from contract_tests.exchange import Exchange
from contract_tests.recognisers import recognised
from spec.drifts import Drift


@dataclass(eq=False)
class Finding:
    """One way in which one operation drifts; `others` are clauses the same drift broke, `count` how often it was seen.

    `exchange` is the shortest one that shows it: the evidence.
    """

    clause: Clause
    operation: str
    label: str
    family: str
    drift: Drift | None
    broken: Broken
    exchange: Exchange
    count: int = 1
    others: Counter[str] = field(default_factory=Counter)

    @property
    def title(self) -> str:
        """The drift's title, or the clause's text."""
        return self.drift.title if self.drift else self.clause.text


@dataclass(slots=True)
class Tally:
    """How often a clause held and did not."""

    conforms: int = 0
    drifts: int = 0


@dataclass(eq=False)
class Findings:
    """Everything seen: a tally per clause, findings by cause, and what was not looked at, with the reason."""

    tallies: dict[str, Tally] = field(default_factory=dict)
    not_tested: dict[str, str] = field(default_factory=dict)
    could_not_look: dict[str, str] = field(default_factory=dict)
    _by_cause: dict[tuple[str, str, str], Finding] = field(default_factory=dict)
    _judged: WeakKeyDictionary[Exchange, dict[str, Finding | None]] = field(default_factory=WeakKeyDictionary)

    def judge(self, exchange: Exchange) -> list[Finding]:
        """Ask every clause about an exchange; the findings it adds to or makes.

        Asked again (with the polls that followed) a clause that has already spoken is not counted twice.
        """
        known = self._judged.setdefault(exchange, {})
        broken = []
        for clause in catalogue().values():
            if clause.id in known or (verdict := clause.judge(exchange)) is None:
                continue
            tally = self.tallies.setdefault(clause.id, Tally())
            if verdict is CONFORMS:
                tally.conforms += 1
                known[clause.id] = None
            else:
                tally.drifts += 1
                broken.append((clause, verdict))
        if broken:
            drifts = recognised(exchange)
            known.update((clause.id, self._add(clause, verdict, drifts, exchange)) for clause, verdict in broken)
        return list(dict.fromkeys(finding for finding in known.values() if finding is not None))

    def _add(self, clause: Clause, broken: Broken, drifts: list[Drift], exchange: Exchange) -> Finding:
        drift = next((drift for drift in drifts if drift.explains(clause.id)), None)
        operation = exchange.case.operation
        cause = (operation.family, operation.id, drift.id if drift else clause.id)
        convicting = catalogue()[drift.clause] if drift else clause
        finding = self._by_cause.get(cause)
        if finding is None:
            finding = self._by_cause[cause] = Finding(
                convicting, operation.id, operation.label, operation.family, drift, broken, exchange, 0
            )
        if clause.id == convicting.id:
            finding.count += 1
            if finding.count == 1 or _weight(exchange) < _weight(finding.exchange):
                finding.broken, finding.exchange = broken, exchange
        else:
            finding.others[clause.id] += 1
        return finding

    @property
    def all(self) -> list[Finding]:
        """Every finding, the most severe first, named drifts before unnamed ones."""
        return sorted(
            self._by_cause.values(),
            key=lambda f: (
                LEVELS.index(f.clause.level),
                f.drift is None,
                -f.count - f.others.total(),
                f.clause.id,
                f.operation,
            ),
        )

    @property
    def drifted(self) -> bool:
        """Whether a MUST is broken."""
        return any(finding.clause.level == "MUST" for finding in self._by_cause.values())

    def untested(self) -> list[str]:
        """Clauses no exchange applied to."""
        return [id_ for id_ in catalogue() if id_ not in self.tallies]


def _weight(exchange: Exchange) -> int:
    return len(exchange.case.body) + len(exchange.response.body)
