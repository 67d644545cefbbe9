"""A court: cases that show what an answer is about, a mock whose answers are meddled with, and who is convicted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from allowances import allowance
from mutants import Mutant, Unchanged, mutants

from contract_tests.budget import Ledger
from contract_tests.cases import Case, expected_images
from contract_tests.clauses.registry import LEVELS
from contract_tests.findings import Findings
from contract_tests.opening import DUMMY_KEY, open_run
from contract_tests.options import Options
from contract_tests.provider import Provider
from contract_tests.run import Run
from contract_tests.suite_cases import cases_of
from contract_tests.valid_cases import pixels
from mockserver.drift import Plan
from mockserver.replies import Reply
from mockserver.runner import MockServer
from mockserver.settings import Settings
from spec.contract import Answer, Contract, Operation
from spec.profiles import PLAIN

EVERYTHING = 1000  # pictures: the cap must leave no case out
FEW, MANY = 3, 30  # refusals of one operation
POLLS = 3
_SUCCESS = 2  # of hundreds
_ANSWER_SECONDS = 10.0
_PATIENCE = 1.5  # seconds a task may take here, where a mutant keeps it from ending


@dataclass(frozen=True)
class Group:
    """Cases sent together, and the operations whose answers they bring."""

    name: str
    cases: tuple[Case, ...]
    refuses: bool = False


def groups(run: Run, refusals: int) -> Iterator[Group]:
    """Of every operation and every way it answers few cases that show what the answer is about."""
    kinds = {kind: cases_of(kind, run) for kind in ("refusals", "lookups", "pictures", "streams", "tasks")}
    for operation in dict.fromkeys(case.operation for cases in kinds.values() for case in cases):
        own = {kind: [case for case in cases if case.operation is operation] for kind, cases in kinds.items()}
        for kind, choose in _CHOOSERS.items():
            if chosen := tuple(choose(own[kind])):
                refuses = kind == "refusals"
                yield Group(f"{operation.id} {kind}", chosen[:refusals] if refuses else chosen, refuses)


def _refused(cases: list[Case]) -> list[Case]:
    """One for each problem; those of which the answer has most to tell come first: a parameter, a code."""
    found: dict[str, Case] = {}
    for case in sorted(cases, key=lambda case: not (case.defect and case.defect.param)):
        if case.defect is not None:
            found.setdefault(case.defect.problem, case)
    return sorted(found.values(), key=lambda case: case.defect is None or case.defect.code is None)


def _pictured(cases: list[Case]) -> list[Case]:
    """Two small pictures in each way they are delivered, or one where there is no other."""
    found: dict[Any, Case] = {}
    for case in sorted(cases, key=lambda case: (case.asked.get("count", 1) != 2, len(case.asked), pixels(case))):
        found.setdefault((case.asked.get("delivery"),), case)
    return list(found.values())


def _streamed(cases: list[Case]) -> list[Case]:
    return sorted(cases, key=lambda case: (-(case.asked.get("partial-count") or 0), pixels(case)))[:1]


_CHOOSERS: dict[str, Callable[[list[Case]], list[Case]]] = {
    "refusals": _refused,
    "lookups": list,
    "pictures": _pictured,
    "streams": _streamed,
    "tasks": lambda cases: sorted(cases, key=lambda case: (expected_images(case), pixels(case)))[:1],
}


class Meddler(Plan):
    """A plan without drifts that writes down what is answered, or changes it as a mutant says."""

    def __init__(self) -> None:
        super().__init__(())
        self.ids = ("mutant",)
        self.mutant: Mutant | None = None
        self.of: tuple[Any, ...] = ()
        self.heard: list[tuple[tuple[Any, ...], Reply]] = []
        self.touched = 0

    def reply(self, reply: Reply, operation: Operation | None) -> Reply:
        """The answer, changed or not."""
        kind = (operation.id if operation else "", reply.status // 100, reply.streams)
        if self.mutant is None:
            # The server itself writes the request's id, last of all: it is out of a mutant's reach.
            answer = operation.answer(reply.status) if operation is not None else None
            told = answer.headers if answer is not None else {}
            headers = {name: text for name, text in reply.headers.items() if not _names_request(told.get(name))}
            self.heard.append((kind, replace(reply, headers=headers)))
            return reply
        if kind != self.of:
            return reply
        try:
            reply = _mutated(reply, self.mutant)
            self.touched += 1
        except Unchanged:
            pass
        return reply


def _names_request(header: Mapping[str, Any] | None) -> bool:
    return header is not None and header["schema"].get("x-role") == "request-id"


def _changes(reply: Reply, mutant: Mutant) -> bool:
    try:
        _mutated(reply, mutant)
    except Unchanged:
        return False
    return True


def _mutated(reply: Reply, mutant: Mutant) -> Reply:
    match mutant.where:
        case "header":
            return replace(reply, headers=mutant.headers(reply.headers))
        case "status":
            status = mutant.status(reply.status)
            bodiless = status in (204, 304)  # HTTP has no body there
            return Reply(status, reply.headers) if bodiless else replace(reply, status=status)
        case _:
            return replace(reply, value=mutant.body(reply.value))


@dataclass
class Score:
    """What became of the mutants."""

    killed: Counter[str] = field(default_factory=Counter)  # by level
    allowed: list[tuple[str, str]] = field(default_factory=list)
    survived: list[str] = field(default_factory=list)

    @property
    def all(self) -> int:
        """How many there were."""
        return self.killed.total() + len(self.allowed) + len(self.survived)

    @property
    def rate(self) -> float:
        """The share that is convicted of those the contract does not allow."""
        guilty = self.killed.total() + len(self.survived)
        return self.killed.total() / guilty if guilty else 1.0


@cache
def _planned(refusals: int, families: tuple[str, ...] = ()) -> tuple[tuple[Contract, ...], list[Group]]:
    """The cases for a family, planned with a faithful server of it, which is asked what it has."""
    with (
        MockServer(Settings(port=0, contracts=families)) as server,
        closing(open_run(Options(server.url, max_images=EVERYTHING, families=families))) as run,
    ):
        return run.contracts, list(groups(run, refusals))


class Court:
    """A server, and the groups of cases that try it; of each operation's refusals at most as many."""

    def __init__(self, server: MockServer, refusals: int, families: tuple[str, ...] = ()) -> None:
        self.server = server
        self.contracts, self.groups = _planned(refusals, families)

    def tried(self, group: Group) -> tuple[Findings, bool]:
        """What the cases of a group find, and whether an answer broke the contract's shape."""
        provider = Provider(self.server.url, DUMMY_KEY, Ledger(None), timeout=_ANSWER_SECONDS, task_timeout=_PATIENCE)
        with closing(Run(Options(self.server.url), PLAIN, self.contracts, provider)) as run:
            broke = False
            for case in group.cases:
                exchange, _, _ = run.judge(case)
                if exchange is None:
                    broke = True
                    continue
                if exchange.wants_task:
                    run.follow(exchange)
                broke |= any(one.violations for one in (exchange, *exchange.polls))
            return run.findings, broke or bool(run.findings.could_not_look)


class Mutants(Court):
    """A mock whose answers are meddled with. `each`: every operation's, though it answers as another one does."""

    def __init__(self, server: MockServer, families: tuple[str, ...], each: bool = False) -> None:
        super().__init__(server, FEW, families)
        self.meddler = Meddler()
        self.each = each
        self.reached: set[str] = set()
        server.mock.plan = self.meddler
        server.mock.at_once.allow(False)  # what is answered where its bytes arrive knows of no plan

    def accused(self, only: Iterable[str]) -> Iterator[tuple[Group, tuple[Any, ...], Reply, Mutant]]:
        """Every mutant of every answer the groups bring, each once for what the contract says of the answer."""
        wanted = set(only)
        known: set[tuple[Any, ...]] = set()
        for group in self.groups:
            if wanted and not wanted & {group.name.split()[0]}:
                continue
            self.meddler.mutant, self.meddler.heard = None, []
            findings, _ = self.tried(group)
            if findings.all:
                raise SystemExit(f"{group.name}: the mock without drift is convicted: {findings.all[0].broken}")
            for kind, reply in self.meddler.heard:
                if kind[1] == _SUCCESS:
                    if group.refuses:
                        continue  # what may be answered to a defect that is tolerated
                    self.reached.add(kind[0])
                answer = self._shape(kind, reply)
                for mutant in mutants(reply.value, reply.headers, reply.status, reply.streams):
                    if (answer, mutant) not in known and _changes(reply, mutant):
                        known.add((answer, mutant))
                        yield group, kind, reply, mutant

    def unreached(self) -> list[str]:
        """The operations of which no success was seen, so that nothing was tried on it."""
        return [op.id for contract in self.contracts for op in contract.operations if op.id not in self.reached]

    def _shape(self, kind: tuple[Any, ...], reply: Reply) -> str:
        """What tells apart answers the contract says different things of."""
        answer = self._operation(kind)[1].answer(reply.status)
        told = _json(answer) if answer is not None and not self.each else kind[0]
        return f"{kind[1:]} {told}"

    def _operation(self, kind: tuple[Any, ...]) -> tuple[Contract, Operation]:
        return next((c, op) for c in self.contracts for op in c.operations if op.id == kind[0])

    def verdict(self, group: Group, kind: tuple[Any, ...], reply: Reply, mutant: Mutant, score: Score) -> None:
        """Try one mutant."""
        self.meddler.mutant, self.meddler.of, self.meddler.touched = mutant, kind, 0
        findings, broke = self.tried(group)
        self.meddler.mutant = None
        name = f"{group.name}  {kind[0]} {kind[1]}XX  {mutant}"
        if not self.meddler.touched:
            return
        if findings.all:
            score.killed[min((finding.level for finding in findings.all), key=LEVELS.index)] += 1
        elif not broke and (reason := self._allowed(kind, reply, mutant)):
            score.allowed.append((name, reason))
        else:
            score.survived.append(name)

    def _allowed(self, kind: tuple[Any, ...], reply: Reply, mutant: Mutant) -> str:
        """Why the contract allows what a mutant does; empty when it does not say so."""
        return allowance(*self._operation(kind), reply, mutant)


def _json(answer: Answer) -> str:
    return json.dumps([answer.content, answer.items, answer.headers], sort_keys=True, default=dict)
