"""Defects and the rules that find them.

A rule has an id (the drift catalogue's, where it has one), a level and one function. An operation rule is asked about
every documented operation that a contract knows, a document rule once about the whole document.

Levels: a client written from the document fails (error), has to guess or is held back (warning), or merely loses time
(note).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Literal

from contract_tests.documents.document import Document, DocumentedOperation
from contract_tests.documents.json_text import Place
from contract_tests.documents.keys import masked
from contract_tests.documents.subject import Subject, plain_path
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
            yield Defect(
                document.name,
                self.id,
                self.level,
                _short(flaw.message),
                flaw.place,
                _short(flaw.expected),
                _short(flaw.received),
            )


def _short(text: str, most: int = 400) -> str:
    text = masked(text)
    return text if len(text) <= most else f"{text[: most - 1]}…"


_MODULES = (
    "access", "answers", "async_mode", "body", "examples", "limits", "menu", "models", "page", "prose", "samples",
)  # fmt: skip
_RULES: dict[str, Rule] = {}

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
    if rule.id in _RULES:
        raise ValueError(f"two rules are called {rule.id!r}; give one of them another id")
    _RULES[rule.id] = rule


@cache
def catalogue() -> Mapping[str, Rule]:
    """Every rule by id."""
    for module in _MODULES:
        import_module(f"contract_tests.documents.rules.{module}")
    return dict(_RULES)


def find_defects(document: Document, contracts: Sequence[Contract]) -> list[Defect]:
    """Every defect of a document, the worst first, then in the order of the document."""
    subjects = subjects_of(document, contracts)
    found = [defect for rule in catalogue().values() for defect in rule.defects(document, subjects)]
    return sorted(
        dict.fromkeys(found), key=lambda defect: (LEVELS.index(defect.level), defect.where.line, defect.where.column)
    )


def subjects_of(document: Document, contracts: Sequence[Contract]) -> list[Subject]:
    """The documented operations that a contract knows, each beside that contract's."""
    return [
        Subject(document, documented, *known)
        for documented in document.operations
        if (known := known_operation(documented, contracts))
    ]


def known_operation(
    documented: DocumentedOperation, contracts: Sequence[Contract]
) -> tuple[Contract, Operation] | None:
    """The operation of the same method and path in the first contract that has it, None when none has.

    A value may stand where a contract's path has a parameter, but a path that is a contract's own comes first. Of a
    document that does not say how paths start, it is the operation whose path ends so.
    """
    path = plain_path(documented.path)
    candidates = [
        (contract, operation, plain_path(known))
        for contract in contracts
        for operation in contract.operations
        if operation.method == documented.method
        for known in (operation.path, *operation.also)
    ]
    for fits in (_same, _filled):
        for contract, operation, known in candidates:
            if fits(path, known, documented.rooted):
                return contract, operation
    return None


def _same(path: str, known: str, rooted: bool) -> bool:
    return known == path or (bool(path) and not rooted and known.endswith(path))


def _filled(path: str, known: str, rooted: bool) -> bool:
    """Whether a path is a contract's with values in place of its parameters."""
    theirs, ours = path.split("/"), known.split("/")
    if "{}" not in known or (len(theirs) != len(ours) and (rooted or len(theirs) > len(ours) or len(theirs) < 3)):
        return False
    return all(map(_segment_fits, theirs[1:], ours[len(ours) - len(theirs) + 1 :]))


def _segment_fits(theirs: str, ours: str) -> bool:
    return re.fullmatch(re.escape(ours).replace(re.escape("{}"), "[^/]+"), theirs) is not None
