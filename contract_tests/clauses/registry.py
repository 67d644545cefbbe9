"""The registry of clauses: id, level, what it rests on, what it judges, and the one function that does.

Most clauses judge one Exchange. Some judge a Pair (two answers to requests that differ in what was asked), some a whole
History: what no single answer shows, such as a parameter that is accepted and ignored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache, wraps
from importlib import import_module
from typing import Any, Literal

from contract_tests.cases import CREDENTIALS, Case

Level = Literal["MUST", "SHOULD", "MAY"]
#: what a clause is asked about: one exchange, two of them, or all of a run
Subject = Literal["exchange", "pair", "history"]
#: kinds of cases, in the order they are sent
KINDS = ("replay", "refusals", "lookups", "pictures", "streams", "tasks", "followups")
#: those of them that ask for pictures, or for what is paid for like them
PAID = ("pictures", "streams", "tasks", "followups")
#: the kinds that show clauses of a tag, where a clause does not say it; of others any answer with pictures does
_SHOWN_BY = {
    "auth": ("refusals",),
    "refusal": ("refusals",),
    "error": ("refusals", "lookups"),
    "wire": KINDS,
    "privacy": KINDS,
    "models": ("lookups",),
    "run": KINDS,
    "stream": ("streams",),
    "task": ("tasks", "followups"),
    "list": ("tasks", "followups"),
    "videos": ("tasks", "followups"),
}
#: a time that is to be "now" may differ by this much
PLAUSIBLE_SECONDS = 24 * 3600
_LONGEST = 300  # characters of what was expected, and received: the evidence has the rest
LEVELS: tuple[Level, ...] = ("MUST", "SHOULD", "MAY")
_MODULES = (
    *("wire", "transport", "privacy", "refusals", "errors", "envelopes"),
    *("images", "files", "videos", "links", "edits", "echo", "usage"),
    *("streams", "tasks", "polls", "followups", "models"),
    *("relations", "history"),
)


#: whether the answer to a case can show something
Need = Callable[[Case], bool]


def any_case(_: Case) -> bool:
    """What shows a clause that any answer may break."""
    return True


def wrong_in(*problems: str) -> Need:
    """Requests that are wrong in one of these ways show it, and no others."""
    return lambda case: case.defect is not None and case.defect.problem in problems


def asking(*roles: str) -> Need:
    """Requests that say all of these roles show it."""
    return lambda case: all(case.asked.get(role) is not None for role in roles)


def telling(role: str) -> Need:
    """Requests to what tells a role, and is asked for nothing else, show it."""
    return lambda case: role in case.operation.response_roles


#: which cases clauses of a tag need, where a clause does not say it; of others any
_NEEDED_BY = {
    "auth": wrong_in(*CREDENTIALS),
    "edit": asking("input-image"),
    "models": telling("listed-model"),
}


class _Conforms(Enum):
    CONFORMS = "conforms"


CONFORMS = _Conforms.CONFORMS


@dataclass(frozen=True, slots=True)
class Broken:
    """A clause broken: two short lines for a person, and the place in the answer (JSON pointer) if there is one.

    `shown_by` are the exchanges that show it together, the telling one last; only a clause about a history names them.
    """

    expected: str
    received: str
    pointer: str = ""
    shown_by: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        for name in ("expected", "received"):
            if len(text := getattr(self, name)) > _LONGEST:
                object.__setattr__(self, name, f"{text[: _LONGEST - 1]}…")


#: None: the clause does not apply to what it was asked about
Verdict = Broken | Literal[_Conforms.CONFORMS] | None
Judge = Callable[[Any], Verdict]


@dataclass(frozen=True, slots=True)
class Clause:
    """One demand on a provider. `rests_on` names the place in the contract or its language.

    `why` it matters to callers, `how` it is judged and `remedy`, what a provider does about it, are one line each.
    `shown_by` are the kinds of cases whose answers it is judged by, `needs` says which cases of those.
    """

    id: str
    level: Level
    rests_on: str
    text: str
    judge: Judge
    why: str = ""
    how: str = ""
    remedy: str = ""
    judges: Subject = "exchange"
    shown_by: tuple[str, ...] = ()
    needs: Need = any_case

    @property
    def tag(self) -> str:
        """What the clause is about: the first word of its id."""
        return self.id.partition(".")[0]


_CLAUSES: dict[str, Clause] = {}
_PARTS = re.compile(r"^\s*(Why|How|Do): ", re.MULTILINE)


def clause(
    id_: str,
    level: Level,
    rests_on: str,
    judges: Subject = "exchange",
    *,
    always: bool = False,
    of_broken: bool = False,
    shown_by: tuple[str, ...] = (),
    needs: Need | None = None,
) -> Callable[[Judge], Judge]:
    """Register a clause. The function's docstring is what people read: its text, then `Why:`, `How:` and `Do:`.

    `always`: it holds for answers to tolerated defects, too, which a provider may read or refuse in a way of its own.
    `of_broken`: it judges answers that broke off or never came, of which no other clause says anything.
    `shown_by`: the kinds of cases that show it, where they are not those of its tag; `needs`: which cases of those.
    """

    def register(judge: Judge) -> Judge:
        if id_ in _CLAUSES:
            raise ValueError(f"two clauses are called {id_!r}")
        text, *told = (" ".join(part.split()) for part in _PARTS.split(judge.__doc__ or ""))
        notes = dict(zip(told[::2], told[1::2], strict=True))
        why, how, remedy = (notes.get(name, "") for name in ("Why", "How", "Do"))
        tag = id_.partition(".")[0]
        certain = judge if always or judges != "exchange" else _where_certain(judge, tag)
        certain = certain if of_broken or judges != "exchange" else _where_whole(certain)
        kinds, which = shown_by or _SHOWN_BY.get(tag, PAID), needs or _NEEDED_BY.get(tag, any_case)
        _CLAUSES[id_] = Clause(id_, level, rests_on, text, certain, why, how, remedy, judges, kinds, which)
        return judge

    return register


#: clauses about one result say nothing of a list of tasks, whose members are told of many
_OF_ONE = frozenset({"task", "images", "videos", "stream", "usage", "created", "echo"})


def _where_certain(judge: Judge, tag: str) -> Judge:
    """The same judge, silent where the contract leaves open what has to be answered, and of what."""
    of_one = tag in _OF_ONE

    @wraps(judge)
    def judged(exchange: Any) -> Verdict:
        defect = exchange.case.defect
        if of_one and exchange.case.operation.tells_tasks and exchange.succeeded:
            return None
        fell_over = exchange.hand_made and exchange.response.status >= 500  # refusal.survived says all there is to say
        return None if fell_over or (defect is not None and defect.tolerated) else judge(exchange)

    return judged


def _where_whole(judge: Judge) -> Judge:
    """The same judge, silent where an answer did not come to its end."""

    @wraps(judge)
    def judged(exchange: Any) -> Verdict:
        return None if exchange.broken else judge(exchange)

    return judged


@cache
def catalogue() -> Mapping[str, Clause]:
    """Every clause by id, in the order they are judged."""
    for module in _MODULES:
        import_module(f"contract_tests.clauses.{module}")
    # By module, whichever was imported first; within one as they stand there.
    return dict(sorted(_CLAUSES.items(), key=lambda item: _MODULES.index(item[1].judge.__module__.rpartition(".")[2])))


@cache
def judging(subject: Subject) -> tuple[Clause, ...]:
    """The clauses that are asked about one exchange, a pair of them, or a history."""
    return tuple(one for one in catalogue().values() if one.judges == subject)
