"""Defects and the rules that find them.

A rule has an id (the drift catalogue's, where it has one), a level and one function. An operation rule is asked about
every documented operation that a contract knows, a document rule once about the whole document.

Levels: a client written from the document fails (error), has to guess or is held back (warning), or merely loses time
(note).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from contract_tests.documents.document import Document, DocumentedOperation
from contract_tests.documents.json_text import Place
from contract_tests.documents.subject import Subject
from spec.contract import Contract, Operation

Level = Literal["error", "warning", "note"]
LEVELS: tuple[Level, ...] = ("error", "warning", "note")


@dataclass(frozen=True, slots=True)
class Flaw:
    """What a rule found: one sentence, where, what was expected and what stands there."""

    message: str
    place: Place
    expected: str
    received: str = ""


@dataclass(frozen=True, slots=True)
class Defect:
    """One defect of one document."""

    document: str
    rule: str
    level: Level
    message: str
    where: Place
    expected: str
    received: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One way in which a document can be wrong; `description` says what is right."""

    id: str
    level: Level
    description: str
    judge: Callable[[Document, Sequence[Subject]], Iterable[Flaw]]

    def defects(self, document: Document, subjects: Sequence[Subject]) -> Iterable[Defect]:
        """What this rule finds in a document."""
        for flaw in self.judge(document, subjects):
            yield Defect(document.name, self.id, self.level, flaw.message, flaw.place, flaw.expected, flaw.received)


#: every rule by id, filled by the modules of `rules`
RULES: dict[str, Rule] = {}

OperationJudge = Callable[[Subject], Iterable[Flaw]]
DocumentJudge = Callable[[Document, Sequence[Subject]], Iterable[Flaw]]


def operation_rule(id_: str, level: Level, description: str) -> Callable[[OperationJudge], OperationJudge]:
    """Register a rule that is asked about each operation the contract knows."""

    def register(judge: OperationJudge) -> OperationJudge:
        def each(_: Document, subjects: Sequence[Subject]) -> Iterable[Flaw]:
            for subject in subjects:
                yield from judge(subject)

        _add(Rule(id_, level, description, each))
        return judge

    return register


def document_rule(id_: str, level: Level, description: str) -> Callable[[DocumentJudge], DocumentJudge]:
    """Register a rule that is asked once about a document."""

    def register(judge: DocumentJudge) -> DocumentJudge:
        _add(Rule(id_, level, description, judge))
        return judge

    return register


def _add(rule: Rule) -> None:
    if rule.id in RULES:
        raise ValueError(f"two rules are called {rule.id!r}; give one of them another id")
    RULES[rule.id] = rule


def find_defects(document: Document, contracts: Sequence[Contract]) -> list[Defect]:
    """Every defect of a document, the worst first, then in the order of the document."""
    subjects = [
        Subject(document, documented, contract, operation)
        for documented in document.operations
        for contract, operation in _known(documented, contracts)
    ]
    found = [defect for rule in RULES.values() for defect in rule.defects(document, subjects)]
    return sorted(dict.fromkeys(found), key=lambda defect: (LEVELS.index(defect.level), defect.where.line, defect.where.column))


def _known(documented: DocumentedOperation, contracts: Sequence[Contract]) -> Iterable[tuple[Contract, Operation]]:
    """The contract's operation with the same method and path, if a contract has one."""
    for contract in contracts:
        for operation in contract.operations:
            if operation.method == documented.method and _plain(operation.path) == _plain(documented.path):
                yield contract, operation
                return


def _plain(path: str) -> str:
    """A path without what may differ: names of parameters, query, a slash at the end."""
    segments = path.partition("?")[0].rstrip("/").split("/")
    return "/".join("{}" if segment.startswith(("{", ":")) else segment for segment in segments)
