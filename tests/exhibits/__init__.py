"""Exhibits: answers made by hand, by what they show. One module per module of clauses; `test_clauses` tries them all.

An exhibit is a function that builds an Exchange. It `@breaks` a clause, those it cannot but break with it, and no more;
`@faithful` it breaks nothing; `@silent` a clause cannot know there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from faulty import CHEAP, TOKENS, exchange, refusal

from contract_tests.cases import Case
from contract_tests.exchange import Exchange

Build = Callable[[], Exchange]
WIDE = (1024, 640)
TOO_MANY = {**CHEAP, "n": 99}
ECHOED = {"background": "opaque", "output_format": "png", "quality": "low", "size": "1024x640", "usage": TOKENS}


@dataclass(frozen=True)
class Fault:
    """An answer that breaks `clause`, and with it `also`; `received` is part of what the finding says."""

    clause: str
    build: Build
    received: str
    also: frozenset[str]


FAULTS: dict[str, Fault] = {}
FAITHFUL: dict[str, Build] = {}
#: clause -> answers about which it says nothing
SILENT: dict[str, dict[str, Build]] = {}


def breaks(clause: str, received: str = "", also: tuple[str, ...] = ()) -> Callable[[Build], Build]:
    """This answer breaks a clause, those it cannot but break with it, and no other."""

    def register(build: Build) -> Build:
        assert build.__name__ not in {*FAULTS, *FAITHFUL}
        FAULTS[build.__name__] = Fault(clause, build, received, frozenset(also))
        return build

    return register


def faithful(build: Build) -> Build:
    """This answer breaks nothing."""
    assert build.__name__ not in {*FAULTS, *FAITHFUL}
    FAITHFUL[build.__name__] = build
    return build


def silent(*clauses: str) -> Callable[[Build], Build]:
    """These clauses say nothing about this answer, nor about any of its polls."""

    def register(build: Build) -> Build:
        for clause in clauses:
            SILENT.setdefault(clause, {})[build.__name__] = build
        return build

    return register


def refused(case: Case, body: Any = None, status: int = 400, **more: Any) -> Exchange:
    """The refusal of a request; the right envelope unless told otherwise."""
    return exchange(case, refusal(case.defect) if body is None else body, status, **more)
