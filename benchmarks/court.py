"""A court: groups of cases, a mock whose answers are meddled with, and who is convicted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from allowances import allowance
from groups import Group, groups, sent
from mutants import Mutant, Unchanged, mutants

from contract_tests.budget import Ledger
from contract_tests.clauses.registry import LEVELS
from contract_tests.exchange import Exchange
from contract_tests.findings import Findings
from contract_tests.opening import open_run
from contract_tests.options import Options
from contract_tests.provider import DUMMY_KEY, Provider
from contract_tests.run import Run
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
        MockServer(Settings(port=0, contracts=families, task_polls=1)) as server,
        closing(open_run(Options(server.url, max_images=EVERYTHING, families=families))) as run,
    ):
        return run.contracts, list(groups(run, refusals))


class Court:
    """A server, and the groups of cases that try it; of each operation's refusals at most as many."""

    def __init__(self, server: MockServer, refusals: int, families: tuple[str, ...] = ()) -> None:
        self.server = server
        self.contracts, self.groups = _planned(refusals, families)

    def tried(self, group: Group, made: Sequence[Exchange] = ()) -> tuple[Findings, bool, list[Exchange]]:
        """What the cases of a group find, whether an answer broke the contract's shape, and the tasks that are there.

        `made` are the tasks its last case asks about, where they are there already.
        """
        provider = Provider(self.server.url, DUMMY_KEY, Ledger(None), timeout=_ANSWER_SECONDS, task_timeout=_PATIENCE)
        with closing(Run(Options(self.server.url), PLAIN, self.contracts, provider, submits=[*made])) as run:
            if group.planned:
                run.planned = {"tasks": list(group.planned)}
            broke = False
            for case in group.cases[-1:] if made else group.cases:
                exchange = sent(run, case)
                broke |= exchange is None or any(one.violations for one in (exchange, *exchange.polls))
            return run.findings, broke or bool(run.findings.could_not_look), run.submits


class Mutants(Court):
    """A mock whose answers are meddled with. `each`: every operation's, though it answers as another one does."""

    def __init__(self, server: MockServer, families: tuple[str, ...], each: bool = False) -> None:
        super().__init__(server, FEW, families)
        self.meddler = Meddler()
        self.each = each
        self.reached: set[str] = set()
        self._made: tuple[str, list[Exchange]] = ("", [])  # by the group it was made for
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
            findings, _, _ = self.tried(group)
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
        made = self._asked_about(group) if group.only_asks and group.cases[-1].operation.id == kind[0] else []
        self.meddler.mutant, self.meddler.of, self.meddler.touched = mutant, kind, 0
        name = f"{group.name}  {kind[0]} {kind[1]}XX  {mutant}"
        try:
            findings, broke, _ = self.tried(group, made)
        except (TypeError, ValueError, LookupError, AttributeError) as error:
            # A hole of its own kind; the others are still to be tried.
            score.survived.append(f"{name}  the tests fell over: {type(error).__name__}: {error}")
            return
        finally:
            self.meddler.mutant = None
        if not self.meddler.touched:
            return
        if findings.all:
            score.killed[min((finding.level for finding in findings.all), key=LEVELS.index)] += 1
        elif not broke and (reason := self._allowed(kind, reply, mutant)):
            score.allowed.append((name, reason))
        else:
            score.survived.append(name)

    def _asked_about(self, group: Group) -> list[Exchange]:
        """The tasks a group's last case asks about: made once, as its mutants are tried one after the other."""
        if self._made[0] != group.name:
            self._made = group.name, self.tried(group)[2]
        return self._made[1]

    def _allowed(self, kind: tuple[Any, ...], reply: Reply, mutant: Mutant) -> str:
        """Why the contract allows what a mutant does; empty when it does not say so."""
        return allowance(*self._operation(kind), reply, mutant)


def _json(answer: Answer) -> str:
    return json.dumps([answer.content, answer.items, answer.headers], sort_keys=True, default=dict)
