"""What the self-test sends: what follows tasks comes after them, and is asked again about the same ones."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from court import Mutants
from groups import Group

from mockserver.runner import MockServer
from mockserver.settings import Settings


@pytest.fixture(scope="module")
def court() -> Iterator[Mutants]:
    with MockServer(Settings(port=0, contracts=("replicate",), task_polls=1)) as server:
        yield Mutants(server, ("replicate",))


def group(court: Mutants, name: str) -> Group:
    return next(one for one in court.groups if one.name == name)


def test_a_list_is_asked_about_tasks_made_before_it_and_only_then_without_any(court: Mutants) -> None:
    asked = group(court, "listPredictions followups")
    assert [case.operation.always_task for case in asked.cases[:-1]] == [True, True], "enough to lose one"
    names = [one.name for one in court.groups]
    assert names.index(asked.name) < names.index("listPredictions lookups")
    found, broke, made = court.tried(asked)
    assert (found.all, broke) == ([], False)
    court.meddler.heard.clear()
    assert court.tried(asked, made)[0].tallies["list.own"].conforms == 1
    assert [kind[0] for kind, _ in court.meddler.heard] == ["listPredictions"], "nothing is made twice"


def test_a_task_is_given_up_so_that_its_answer_can_be_changed(court: Mutants) -> None:
    court.meddler.heard.clear()
    court.tried(group(court, "cancelPrediction cancels"))
    assert ("cancelPrediction", 2, False) in [kind for kind, _ in court.meddler.heard]
