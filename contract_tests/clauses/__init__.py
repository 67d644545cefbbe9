"""The clauses: what is asked of every exchange. One function each, in modules by what they look at."""

from contract_tests.clauses.registry import CONFORMS, Broken, Clause, Verdict, catalogue, clause, judging

__all__ = ["CONFORMS", "Broken", "Clause", "Verdict", "catalogue", "clause", "judging"]
