"""Which cases are sent, and in what order: everything that costs nothing, then the cheapest picture, then coverage.

Hypothesis draws many valid requests; a greedy choice keeps those that together show every pair of asked values (model
with size, size with format, ...) with as few pictures as possible.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from contract_tests.cases import Case
from contract_tests.mutations import defects
from contract_tests.strategies import cases, pixels
from spec.contract import Contract, Operation

_DRAWN_VALID = 150
_DRAWN_DEFECTIVE = 600
_COVERED_ROLES = ("model", "size", "quality", "output-format", "background", "delivery", "count", "style")


def collect(strategy: st.SearchStrategy[Case], examples: int, seed_: int) -> list[Case]:
    """As many different cases as Hypothesis draws in `examples` tries; the same seed gives the same cases."""
    found: dict[Any, Case] = {}

    @seed(seed_)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def draw(case: Case) -> None:
        found.setdefault(case.key, case)

    draw()
    return list(found.values())


def refusals(contract: Contract, operation: Operation, seed_: int) -> list[Case]:
    """One case for every way the contract lets a request to this operation be wrong; the shortest body of each."""
    best: dict[str, Case] = {}
    for case in collect(defects(contract, operation), _DRAWN_DEFECTIVE, seed_):
        assert case.defect is not None  # noqa: S101 - what `defects` promises
        label = f"{case.defect.label}: {case.defect.reason}" if case.defect.param == "size" else case.defect.label
        if label not in best or len(case.body) < len(best[label].body):
            best[label] = case
    return sorted(best.values(), key=lambda case: (case.defect.problem, case.defect.param) if case.defect else ("", ""))


def coverage(
    contract: Contract,
    operation: Operation,
    seed_: int,
    models: Iterable[str] = (),
    unavailable: frozenset[str] = frozenset(),
) -> list[Case]:
    """Valid cases, the cheapest first, then each the one that shows most new pairs of values for its pictures."""
    model_name = _property_of_role(operation, "model")
    strategies = (
        [cases(contract, operation, {model_name: model}, unavailable=unavailable) for model in models]
        if model_name
        else []
    )
    drawn = collect(
        st.one_of(strategies) if strategies else cases(contract, operation, unavailable=unavailable),
        _DRAWN_VALID,
        seed_,
    )
    plain = collect(
        st.one_of(
            [cases(contract, operation, {model_name: model}, least=True) for model in models]
            if model_name and strategies
            else [cases(contract, operation, least=True)]
        ),
        20,
        seed_,
    )
    return _greedy(sorted(plain, key=_cost)[:1], drawn)


def _greedy(chosen: list[Case], candidates: list[Case]) -> list[Case]:
    shown = {pair for case in chosen for pair in _pairs(case)}
    left = [(case, _pairs(case), _cost(case)) for case in candidates]
    while left:
        best = max(left, key=lambda entry: (sum(map(_worth, entry[1] - shown)) / entry[2], -len(entry[0].body)))
        if not best[1] - shown:
            break
        chosen.append(best[0])
        shown |= best[1]
        left.remove(best)
    return chosen


def _pairs(case: Case) -> frozenset[Any]:
    """What a case shows: each asked value, and each pair of them."""
    told = [(role, case.asked[role]) for role in _COVERED_ROLES if role in case.asked]
    return frozenset([*((value,) for value in told if value[0] != "model"), *combinations(told, 2)])


def _worth(shown: tuple[Any, ...]) -> int:
    """A value nobody has asked for yet is worth far more than a new pair."""
    return 20 if len(shown) == 1 else 1


def _cost(case: Case) -> float:
    return int(case.asked.get("count", 1)) * (1 + pixels(case) / (4 * 1024 * 1024))


def _property_of_role(operation: Operation, role: str) -> str | None:
    for schema in operation.body.values():
        for name, inner in schema.get("properties", {}).items():
            if inner.get("x-role") == role:
                return str(name)
    return None
