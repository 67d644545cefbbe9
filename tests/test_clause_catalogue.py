"""The catalogue of clauses can be read: each says why, how and what to do, and the page of them is up to date."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from contract_tests.clauses import Broken, catalogue
from contract_tests.clauses.page import PAGE, described, page
from contract_tests.clauses.registry import LEVELS, clause
from imageproof import main
from spec.drifts import catalogue as drifts


@pytest.mark.parametrize("id_", catalogue())
def test_every_clause_says_what_it_demands_where_that_stands_and_what_to_do(id_: str) -> None:
    found = catalogue()[id_]
    assert found.id == id_
    assert found.level in LEVELS
    assert found.rests_on
    assert found.text.endswith(".")
    assert {"why", "judged", "do"} <= {name for name, _ in described(found)}, "Why:, How: and Do: in its docstring"


def test_the_page_of_clauses_is_up_to_date() -> None:
    assert PAGE.read_text("utf-8") == page(catalogue().values()), "run: python -m contract_tests.clauses.page"


def test_the_page_has_every_clause_once_in_the_overview_and_once_by_itself() -> None:
    lines = page(catalogue().values()).splitlines()
    for id_ in catalogue():
        assert sum(line.startswith(f"| [`{id_}`](#") for line in lines) == 1
        assert lines.count(f"## {id_}") == 1


@pytest.mark.parametrize("id_", ["images.size", "task.order"])
def test_explain_says_all_that_is_known_of_a_clause(id_: str) -> None:
    found = catalogue()[id_]
    told = CliRunner().invoke(main, ["explain", id_]).output
    for part in (found.level, found.text, found.why, found.rests_on, found.how, found.remedy):
        assert part in told
    named = [one.id for one in drifts().values() if one.explains(id_)]
    assert named
    assert f"broken by: {', '.join(named)}" in told


def test_two_clauses_cannot_have_one_name() -> None:
    with pytest.raises(ValueError, match=r"images\.count"):
        clause("images.count", "MUST", "x-role: count")(lambda _: Broken("one", "two"))
