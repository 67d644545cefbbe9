"""Findings and verdicts: what a run has learned about a provider, one finding per cause."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Any

from contract_tests.causes import cause_of, explains_across
from contract_tests.clauses import Broken, Clause, catalogue, judging
from contract_tests.clauses.registry import LEVELS, Level
from contract_tests.coverage import Coverage
from contract_tests.exchange import Exchange
from contract_tests.pairs import Pair, is_result, origin, pairs_of
from contract_tests.recognisers import recognised
from spec.contract import Operation
from spec.drifts import Drift
from spec.drifts import catalogue as drifts

_WHERE = re.compile(r"GET \S+|'[^']*'")
_DEEPEST = ("meta.constant", "meta.output-format", "edit.based", "task.apart", "auth.enforced", "task.unknown")
#: what is broken once for each parameter that is not looked at, and from how many on that is one cause
_CHECKS, _A_FEW = ("refusal.refused", "refusal.lenient"), 3
#: one cause wherever it is seen and whatever it is called there, and what has a name in some answers only
_ANYWHERE = ("images.reachable", "auth.enforced")
_NAMED_SOMEWHERE = ("wire.request-id", "wire.content-type", "images.format")
_OF_THE_SERVER = ("auth", "error", "refusal", "wire")
_REMEMBERED_BYTES = 512 * 1024 * 1024


@dataclass(eq=False)
class Finding:
    """One way in which a provider drifts; `others` are clauses the same drift broke, `count` how often it was seen.

    `exchange` is the evidence: of those that show it the one that is easiest to see again, a direct answer rather than
    a look at a task, then the shortest; `beside` are others that belong to it, such as the first of two that are
    compared. `operations` are all in which it was seen, `cases` what was asked then; `operation` and `label` are of the
    request that the evidence goes back to.
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
    operations: list[str] = field(default_factory=list)
    cases: Counter[str] = field(default_factory=Counter)
    beside: tuple[Exchange, ...] = ()
    symptom: str = ""
    _last: Exchange | None = field(default=None, repr=False, compare=False)

    @property
    def level(self) -> Level:
        """The level of the most severe clause it breaks: a drift that looks mild may break a MUST on its way."""
        # What convicts a drift may be kept where the drift is known by what goes with it.
        broken = [*([self.clause] if self.count else ()), *(catalogue()[id_] for id_ in self.others)]
        return min((clause.level for clause in broken), key=LEVELS.index)

    @property
    def title(self) -> str:
        """The drift's title, or the clause's text."""
        return self.drift.title if self.drift else self.clause.text

    @property
    def cause(self) -> str:
        """What it is known by from run to run: the drift's id, or the clause's with the symptom."""
        if self.drift:
            return self.drift.id
        return f"{self.clause.id} ({self.symptom})" if self.symptom else self.clause.id

    def seen_in(self, exchange: Exchange) -> None:
        """Note where it was seen; an answer that shows it in several clauses is one."""
        operation = _asked_of(exchange)
        if operation.id not in self.operations:
            self.operations.append(operation.id)
        if exchange is not self._last:
            self.cases[exchange.case.label] += 1
            self._last = exchange


@dataclass(slots=True)
class Tally:
    """How often a clause held and did not; `held` are the operations it held of, as (family, id)."""

    conforms: int = 0
    drifts: int = 0
    held: set[tuple[str, str]] = field(default_factory=set, compare=False)


@dataclass(eq=False)
class _Judged:
    """What the clauses have said of one exchange so far; the exchange is held so that its name stays its own."""

    exchange: Exchange
    verdicts: dict[str, Finding | None] = field(default_factory=dict)


@dataclass(eq=False)
class Findings:
    """Everything seen: a tally per clause, findings by cause, and what was not looked at, with the reason.

    `not_offered` is what of that the provider does not have at all: families, and operations by their labels.

    `wants` says of a clause's id whether it is judged.
    """

    tallies: dict[str, Tally] = field(default_factory=dict)
    not_tested: dict[str, str] = field(default_factory=dict)
    not_offered: dict[str, str] = field(default_factory=dict)
    could_not_look: dict[str, str] = field(default_factory=dict)
    coverage: Coverage = field(default_factory=Coverage)
    wants: Callable[[str], bool] = lambda _: True
    _by_cause: dict[tuple[str, ...], Finding] = field(default_factory=dict)
    _judged: dict[int, _Judged] = field(default_factory=dict)
    #: exchanges with pictures -> bytes, to be paired with later ones
    _results: dict[int, int] = field(default_factory=dict)

    def judge(self, exchange: Exchange, *, anew: bool = False) -> list[Finding]:
        """Ask every clause about an exchange, and about the pairs it makes; the findings it adds to or makes.

        Asked again (with the polls that followed) a clause that has already spoken is not counted twice; `anew`, where
        there is something new to see, one that was content is asked once more.
        """
        self.coverage.note(exchange)
        known = self._judged.setdefault(id(exchange), _Judged(exchange)).verdicts
        asked = [clause for clause in judging("exchange")
                 if clause.id not in known or (anew and known[clause.id] is None)]  # fmt: skip
        broken = [(clause, verdict) for clause in asked if (verdict := self._asked(clause, exchange, known))]
        if broken:
            for clause, _ in broken:
                known.pop(clause.id, None)
            shown = [drift for drift in recognised(exchange) if self._is_broken(drift.clause, exchange)]
            clauses = [clause for clause, _ in broken]
            for clause, verdict in broken:
                known[clause.id] = self._add(clause, verdict, shown, clauses, exchange)
        related = self._relate(exchange)
        return list(dict.fromkeys(finding for finding in (*known.values(), *related) if finding is not None))

    def _is_broken(self, clause: str, exchange: Exchange) -> bool:
        """Whether a clause is broken here or by one of the polls, or has not spoken: where it is kept, what convicts a
        drift is not there, and the answer only looks like one."""
        polls = [self._judged[id(poll)].verdicts for poll in exchange.polls if id(poll) in self._judged]
        broken = any(verdicts.get(clause) is not None for verdicts in polls)
        return broken or self._judged[id(exchange)].verdicts.get(clause, ...) is not None

    @property
    def heard(self) -> bool:
        """Whether there was any answer to judge."""
        return bool(self._judged)

    def silent_about(self, exchange: Exchange) -> bool:
        """Whether no clause that is looked at applies to an answer or its polls, nor waits for others beside it."""
        waiting = {one.judges for one in catalogue().values() if self.wants(one.id)}
        whole = [id(one) for one in (exchange, *exchange.polls)]
        if "history" in waiting or ("pair" in waiting and not self._results.keys().isdisjoint(whole)):
            return False
        return not any(one in self._judged and self._judged[one].verdicts for one in whole)

    def _asked(self, clause: Clause, subject: Any, known: dict[str, Finding | None] | None = None) -> Broken | None:
        """What a clause says is broken; its verdict is counted."""
        verdict = clause.judge(subject) if self.wants(clause.id) else None
        if verdict is None:
            return None
        tally, content = self.tallies.setdefault(clause.id, Tally()), known is not None and clause.id in known
        if isinstance(verdict, Broken):
            tally.drifts += 1
            tally.conforms -= content
            return verdict
        tally.conforms += not content
        asked_of = map(_asked_of, _exchanges(subject))
        tally.held.update((operation.family, operation.id) for operation in asked_of)
        if known is not None:
            known[clause.id] = None
        return None

    def _relate(self, exchange: Exchange) -> list[Finding]:
        """Judge the pairs this exchange makes with those before it, once it has its pictures."""
        if id(exchange) in self._results or not is_result(exchange):
            return []
        earlier = [self._judged[one].exchange for one in self._results]
        self._remember(exchange)
        found = []
        for pair in pairs_of(exchange, earlier):
            for clause in judging("pair"):
                if broken := self._asked(clause, pair):
                    shown = [*recognised(pair.other), *recognised(pair.base)]
                    alone = [one for part in (pair.other, pair.base) for one in self._broken_by(part)]
                    found.append(self._add(clause, broken, shown, [clause, *alone], pair.other, (pair.base,)))
        return found

    def _broken_by(self, exchange: Exchange) -> list[Clause]:
        """The clauses an exchange breaks by itself."""
        return [catalogue()[id_] for id_, finding in self._judged[id(exchange)].verdicts.items() if finding is not None]

    def _remember(self, exchange: Exchange) -> None:
        """Keep a result to compare later ones with; where they are too many bytes, the oldest is forgotten."""
        pictures = (*exchange.pictures, *exchange.unfinished)
        self._results[id(exchange)] = 3 * len(exchange.response.body) + sum(len(one.data) for one in pictures)
        while sum(self._results.values()) > _REMEMBERED_BYTES and len(self._results) > 1:
            oldest = next(iter(self._results))
            del self._results[oldest], self._judged[oldest]

    def first_results(self) -> list[Exchange]:
        """The first answer of each operation that brought pictures itself."""
        found: dict[tuple[str, str], Exchange] = {}
        for one in (judged.exchange for judged in self._judged.values()):
            if one.parent is None and is_result(one):
                found.setdefault((one.case.contract.name, one.case.operation.id), one)
        return list(found.values())

    def look_back(self) -> list[Finding]:
        """Ask what only the whole run can show, once everything is sent; the findings it makes."""
        history = [judged.exchange for judged in self._judged.values()]
        found = []
        for clause in judging("history"):
            if broken := self._asked(clause, history):
                *beside, last = broken.shown_by or history[-1:]
                found.append(self._add(clause, broken, [], [clause], last, tuple(beside)))
        return found

    def _add(
        self,
        clause: Clause,
        broken: Broken,
        shown: Iterable[Drift],
        together: Iterable[Clause],
        exchange: Exchange,
        beside: tuple[Exchange, ...] = (),
    ) -> Finding:
        """Add to the finding of a broken clause's cause, or begin it. `together`: all that this exchange breaks."""
        drift = _drift_behind(clause, shown)
        cause = clause if drift else cause_of(clause, together, exchange)
        if drift is None and cause is not clause:  # what is at the bottom of it may have a name
            drift = _drift_behind(cause, shown)
        operation = _asked_of(exchange)
        symptom = "" if drift else _symptom(cause, exchange)
        name = (operation.family, drift.id if drift else cause.id, symptom)
        convicting = catalogue()[drift.clause] if drift else cause
        finding = self._by_cause.get(name)
        if finding is None:
            finding = self._by_cause[name] = Finding(
                convicting, operation.id, operation.label, operation.family, drift, broken, exchange, 0, beside=beside
            )
            finding.symptom = symptom
        finding.seen_in(exchange)
        if clause.id == convicting.id:
            finding.count += 1
            if finding.count == 1 or _weight(exchange, *beside) < _weight(finding.exchange, *finding.beside):
                finding.broken, finding.exchange, finding.beside = broken, exchange, beside
                finding.operation, finding.label = operation.id, operation.label
        else:
            finding.others[clause.id] += 1
        return finding

    def show_with(self, finding: Finding, exchange: Exchange, broken: Broken) -> None:
        """Let another exchange be the evidence of a finding, perhaps one of `all` that holds what others have seen."""
        for one in (*self._by_cause.values(), finding):
            if one is finding or (one.clause is finding.clause and one.exchange is finding.exchange):
                one.exchange, one.broken = exchange, broken

    @property
    def all(self) -> list[Finding]:
        """Every finding, the most severe first, named drifts before unnamed ones; what a relation explains is in it."""
        found = list(self._by_cause.values())
        roots = {id(one): _root(one, found) for one in found}
        merged = {id(one): one for one in found if roots[id(one)] is one}
        for one in found:
            root = roots[id(one)]
            if root is not one:
                merged[id(root)] = _with(merged[id(root)], one)
        return sorted(
            merged.values(),
            key=lambda f: (
                LEVELS.index(f.level),
                f.drift is None,
                -f.count - f.others.total(),
                f.clause.id,
                f.operation,
            ),
        )

    @property
    def drifted(self) -> bool:
        """Whether a MUST is broken."""
        return any(finding.level == "MUST" for finding in self._by_cause.values())

    def untested(self) -> list[str]:
        """Clauses no exchange applied to."""
        return [id_ for id_ in catalogue() if id_ not in self.tallies]


def _asked_of(exchange: Exchange) -> Operation:
    """The operation an exchange tells of: what is told of a task is told of the operation it was submitted to."""
    return origin(exchange).case.operation if exchange.case.defect is None else exchange.case.operation


def _exchanges(subject: Any) -> Sequence[Exchange]:
    """The exchanges a clause was asked about: one, a pair's two, or a history."""
    if isinstance(subject, Exchange):
        return (subject,)
    return (subject.base, subject.other) if isinstance(subject, Pair) else subject


def _drift_behind(clause: Clause, shown: Iterable[Drift]) -> Drift | None:
    """The catalogued drift that breaks a clause: one the exchange shows, or the one a relation is the sign of."""
    for drift in shown:
        # What shows that something is ignored is the sign of the drift that ignores it.
        sign = clause.tag == "meta" and explains_across(clause, catalogue()[drift.clause])
        if drift.explains(clause.id) or sign:
            return drift
    if clause.judges == "exchange":
        return None
    return next((drift for drift in drifts().values() if drift.clause == clause.id), None)


def _symptom(clause: Clause, exchange: Exchange) -> str:
    """What tells two causes of one broken clause apart: where the schema is broken, and how; what was not refused."""
    if clause.id in _CHECKS:
        return exchange.case.defect.param if exchange.case.defect else ""
    if clause.id != "wire.schema":
        return ""
    found = next((one for one in exchange.violations if one.location == "body" and not one.is_null), None)
    if found is None:
        return ""
    leaf = next((part for part in reversed(found.pointer.split("/")) if part and not part.isdecimal()), "")
    return f"{leaf} {found.keyword}"


def _root(finding: Finding, found: Iterable[Finding]) -> Finding:
    """The finding that is at the bottom of another; itself where none is."""
    seen, root = {id(finding)}, finding
    while (deeper := _below(root, found)) is not None and id(deeper) not in seen:
        root = deeper
        seen.add(id(root))
    return root


def _below(effect: Finding, found: Iterable[Finding]) -> Finding | None:
    alike = [one for one in found if one.clause is effect.clause and one.family == effect.family and not one.drift]
    unnamed = effect.drift is None and effect.clause.id in _NAMED_SOMEWHERE
    if unnamed or effect.clause.id in _ANYWHERE:  # links that are dead everywhere are so in tasks, too
        same = [one for one in found if one.clause is effect.clause and _alike(one, effect)]
        most = max(same, key=lambda one: (one.drift is not None, one.count))
        if most is not effect:
            return most
    if effect.clause.id in _CHECKS and not effect.drift and len(alike) > _A_FEW:  # nothing at all is checked
        return alike[0] if alike[0] is not effect else None
    if (elsewhere := _first_elsewhere(effect, found)) is not None:
        return elsewhere
    for cause in found:
        if cause.family != effect.family or cause is effect:
            continue
        if _is_of_the_same_word(cause, effect):
            return cause
        # A drift with a name keeps it, except where nothing asked made a difference, all was mixed up or all is open.
        if explains_across(cause.clause, effect.clause) and (effect.drift is None or cause.clause.id in _DEEPEST):
            return cause
    return None


def _is_of_the_same_word(cause: Finding, effect: Finding) -> bool:
    """Whether what breaks a schema, of a list perhaps, is a word for a task's state that is unknown elsewhere."""
    if cause.clause.id != "task.states" or effect.clause.id != "wire.schema" or effect.drift is not None:
        return False
    return effect.symptom.partition(" ")[0] == cause.broken.pointer.rpartition("/")[2]


def _first_elsewhere(effect: Finding, found: Iterable[Finding]) -> Finding | None:
    """The same in another family; of several the one that was found first, which is not below any of them."""
    before = takewhile(lambda one: one is not effect, found)
    return next((one for one in before if one.family != effect.family and _is_everywhere(one, effect)), None)


def _is_everywhere(cause: Finding, effect: Finding) -> bool:
    """Whether two families show one cause: what reads, refuses and answers is one server, whatever is asked for."""
    if cause.clause is not effect.clause or cause.drift is not effect.drift or cause.clause.tag not in _OF_THE_SERVER:
        return False
    return cause.drift is not None or cause.broken.received == effect.broken.received


def _alike(one: Finding, other: Finding) -> bool:
    """Whether what came is alike: a status, or a link that was followed in vain for the same reason."""
    whys = {_WHERE.sub("", part.broken.received) for part in (one, other)}
    return one.family == other.family and (len(whys) == 1 or all(map(str.isdecimal, whys)))


def _with(finding: Finding, effect: Finding) -> Finding:
    """A finding with all that another one, which it explains, has seen."""
    others, count = finding.others + effect.others, finding.count
    if effect.clause is finding.clause:
        count, finding = count + effect.count, replace(finding, symptom="")
    else:
        others = others + Counter({effect.clause.id: effect.count})
    added = effect.operations if effect.family == finding.family else []  # they are the finding's family's
    operations = list(dict.fromkeys([*finding.operations, *added]))
    return replace(finding, count=count, others=others, operations=operations, cases=finding.cases + effect.cases)


def _weight(*exchanges: Exchange) -> tuple[int, int, int]:
    """How hard exchanges are to see again: looks at tasks, which are gone tomorrow, then members of the requests, then
    bytes."""
    values = [origin(one).case.request.value for one in exchanges]
    members = sum(len(value) if isinstance(value, dict) else 0 for value in values)
    length = sum(len(origin(one).case.body) + len(one.response.body) for one in exchanges)
    return sum(one.parent is not None for one in exchanges), members, length
