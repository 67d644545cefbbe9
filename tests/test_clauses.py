"""Every clause convicts what breaks it, and only that; it acquits what keeps it, whatever its looks."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import exhibits
import pytest
from exhibits import FAITHFUL, FAULTS, SILENT
from faulty import broken, whole

from contract_tests.clauses import CONFORMS, Broken, catalogue, judging

for module in iter_modules([str(Path(exhibits.__file__).parent)]):
    import_module(f"exhibits.{module.name}")

#: what can be said of any answer
ALWAYS = {"wire.status", "wire.redirect"}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_breaks_its_clause_and_what_goes_with_it(name: str) -> None:
    fault = FAULTS[name]
    found = broken(fault.build())
    assert set(found) == {fault.clause, *fault.also}
    assert fault.received in found[fault.clause].received
    assert all(catalogue()[id_].needs(fault.build().case) for id_ in found), "it is sent where only this is wanted"
    assert found[fault.clause].expected


@pytest.mark.parametrize("name", FAITHFUL)
def test_a_faithful_answer_breaks_nothing(name: str) -> None:
    assert broken(FAITHFUL[name]()) == {}


@pytest.fixture(scope="module")
def acquitted() -> set[str]:
    """The clauses that say of one of the exhibits that it keeps them."""
    return {
        clause.id
        for build in (*FAITHFUL.values(), *(fault.build for fault in FAULTS.values()))
        for part in whole(build())
        for clause in judging("exchange")
        if clause.judge(part) is CONFORMS
    }


@pytest.mark.parametrize("id_", [one.id for one in judging("exchange")])
def test_every_clause_has_an_answer_it_convicts_one_it_acquits_and_one_it_cannot_judge(
    id_: str, acquitted: set[str]
) -> None:
    assert id_ in {fault.clause for fault in FAULTS.values()}
    assert id_ in acquitted
    assert (id_ in SILENT) != (id_ in ALWAYS)


@pytest.mark.parametrize(("id_", "name"), [(id_, name) for id_, builds in SILENT.items() for name in builds])
def test_a_clause_is_silent_where_it_cannot_know(id_: str, name: str) -> None:
    parts = list(whole(SILENT[id_][name]()))
    assert [catalogue()[id_].judge(part) for part in parts] == [None] * len(parts)


@pytest.mark.parametrize("name", FAULTS)
def test_a_pointer_leads_to_the_place_of_the_fault(name: str) -> None:
    for part in whole(FAULTS[name].build()):
        for found in broken(replace(part, polls=[])).values():
            value, steps = part.response.value, found.pointer.split("/")[1:]
            for step in steps[:-1]:
                value = value[int(step)] if isinstance(value, list) else value[step]
            if steps:  # the last one may be what is missing
                assert isinstance(value, dict) or int(steps[-1]) < len(value)


def test_what_was_received_is_told_in_a_line() -> None:
    told = Broken("a short answer", "x" * 5000)
    assert (len(told.received), told.received[-1], told.expected) == (300, "…", "a short answer")
