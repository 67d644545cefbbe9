"""What a run is to look at: clauses, by id or by tag (what stands before the dot), and the kinds of cases they need."""

from __future__ import annotations

from dataclasses import dataclass

from contract_tests.cases import Case
from contract_tests.clauses import Clause, catalogue
from contract_tests.clauses.registry import KINDS
from contract_tests.options import UsageError
from spec.errors import UnknownName

#: what has to be sent so that there is something to ask about
_BEFORE = {"tasks": "followups"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """`only`: nothing else is looked at; `skip`: this is not. Each is a clause, a tag or a kind of cases."""

    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()

    def check(self) -> None:
        """Raises UnknownName for what is neither a clause, a tag nor a kind, UsageError where nothing is left."""
        known = (*catalogue(), *dict.fromkeys(map(_tag, catalogue())), *KINDS)
        for name in (*self.only, *self.skip):
            if name not in known:
                raise UnknownName("clause, tag or kind of cases", name, known)
        if not any(map(self.clause, catalogue())):
            raise UsageError("--only and --skip leave no clause to look at")
        if not any(self.kind(kind) for kind in KINDS if kind != "replay" or kind in self.only):
            raise UsageError("--only and --skip leave nothing to be sent")

    def clause(self, id_: str) -> bool:
        """Whether a clause is judged."""
        names, only = {id_, _tag(id_)}, [name for name in self.only if name not in KINDS]
        return not names & set(self.skip) and (not only or bool(names & set(only)))

    def kind(self, kind: str) -> bool:
        """Whether cases of a kind are sent."""
        if kind in self.skip:
            return False
        if not self.only:
            return True
        if kind in _BEFORE and self.kind(_BEFORE[kind]):
            return True
        # What failed before is sent again where it is about one of these clauses.
        return kind in self.only or any(kind in (*one.shown_by, "replay") for one in self._named)

    def case(self, kind: str, case: Case) -> bool:
        """Whether a case of a kind can show any of what is looked at."""
        if not self.only or kind in self.only or (kind in _BEFORE and self.kind(_BEFORE[kind])):
            return True
        return any(kind in one.shown_by and one.needs(case) for one in self._named)

    @property
    def _named(self) -> list[Clause]:
        """The clauses that are looked at because they, or their tags, are named."""
        named = {name for name in self.only if name not in KINDS}
        return [one for one in catalogue().values() if named & {one.id, one.tag} and self.clause(one.id)]


def _tag(id_: str) -> str:
    return id_.partition(".")[0]
