"""Leaks: who draws what is broken is asked for little more of it, for all else, and for the plan in any case."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace

import pytest
from faulty import drawn, pictures
from test_provider import CREATE, IMAGES, KEY, Asked, Listener, Told, create, listening

from contract_tests.budget import BudgetSpent, Ledger
from contract_tests.cases import Case, most_images
from contract_tests.leaks import Leaks
from contract_tests.options import Options
from contract_tests.planning import refusals
from contract_tests.provider import Provider
from contract_tests.run import Run
from spec.profiles import PLAIN

NO = {"error": {"message": "No.", "type": "invalid_request_error", "param": None, "code": None}}
WRONG = [case for case in refusals(IMAGES, CREATE, 0, ("dall-e-2", "gpt-image-1")) if most_images(case) == 1]


def of(problem: str) -> list[Case]:
    return [case for case in WRONG if case.defect and case.defect.problem == problem]


@contextmanager
def drawing(*problems: str, most: int | None) -> Iterator[tuple[Run, Listener]]:
    """A run at a provider that draws what has these problems, and refuses all else."""
    wrong = {case.body for problem in problems for case in of(problem)}

    def answer(asked: Asked) -> Told:
        return Told(pictures(drawn())) if asked.body in wrong else Told(NO, 400)

    with listening(answer) as server:
        provider = Provider(server.url, KEY, Ledger(most))
        with closing(Run(Options(server.url), PLAIN, (IMAGES,), provider)) as run:
            yield run, server


def test_of_a_kind_that_was_drawn_no_more_is_sent_which_is_told_once_and_others_go_on() -> None:
    unknown, types = of("unknown-parameter")[:4], of("wrong-type")[:6]
    with drawing("unknown-parameter", most=12) as (run, server):
        for case in (*unknown, *types):
            run.judge(case)
        assert len(server.asked) == 1 + len(types)
        assert run.provider.ledger.images == 1
        [told] = set(run.findings.not_tested.values())
    assert (
        told == "POST /v1/images/generations draws what should be refused as unknown-parameter: no more of that is sent"
    )


@pytest.mark.parametrize(("most", "drawn_"), [(0, 1), (1, 1), (12, 3), (40, 10), (None, 20)])
def test_of_all_kinds_together_no_more_is_risked_than_a_quarter_of_the_cap(most: int | None, drawn_: int) -> None:
    problems = list(dict.fromkeys(case.defect.problem for case in WRONG if case.defect))
    with drawing(*problems, most=most) as (run, _):
        for case in WRONG[:20]:
            run.judge(case)
        made = run.provider.leaks.images
    assert made == drawn_ if most is None else 0 < made <= drawn_


def test_where_nothing_may_be_risked_any_more_what_was_seen_refused_goes_on_until_it_is_drawn() -> None:
    types, words, [too_long, *_] = of("wrong-type"), of("not-allowed"), of("too-long")
    with drawing("unknown-parameter", most=0) as (run, server):
        for case in (types[0], words[0], of("unknown-parameter")[0], types[1], words[1], too_long):
            run.judge(case)
        assert len(server.asked) == 5
        server.answer = lambda _: Told(pictures(drawn()))
        for case in (*types[2:4], *words[2:4]):
            run.judge(case)
        assert len(server.asked) == 6, "trusted, and drawn all the same: nobody is trusted any more"


@pytest.mark.parametrize(("status", "images"), [(500, 5), (308, 0)])
def test_who_fails_at_every_picture_is_asked_for_few_and_told_so(
    status: int, images: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("contract_tests.provider.MOMENT_SECONDS", 0.0)
    with drawing(most=40) as (run, server):
        server.answer = lambda _: Told({}, status, {"location": "/elsewhere"})
        for number in range(6):
            run.judge(create(prompt=f"Fox {number}"))
        assert run.provider.ledger.images == images, (
            "paid for as what may have been made, twice of them asked once more"
        )
        [told] = set(run.findings.not_tested.values())
        assert told == f"POST /v1/images/generations fails at every picture: the first 3 were answered {status}"
        asked = len(server.asked)
        run.judge(create(prompt="Another model's", model="dall-e-3", size="1024x1024"))
        run.judge(WRONG[0])
        assert len(server.asked) >= asked + 2, "another model may do it, and what costs nothing is asked on"


def test_who_has_drawn_once_may_fail_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contract_tests.provider.MOMENT_SECONDS", 0.0)
    with drawing(most=40) as (run, server):
        server.answer = lambda _: Told({}, 500) if len(server.asked) > 1 else Told(pictures(drawn()))
        for number in range(6):
            run.judge(create(prompt=f"Fox {number}"))
        assert len(server.asked) >= 6
        assert not run.findings.not_tested


def test_what_asks_for_nothing_is_free_until_it_is_drawn() -> None:
    leaks = Leaks(Ledger(0))
    nothing = replace(WRONG[0], defect=replace(WRONG[0].defect, tolerated="it lacks its prompt"))  # type: ignore[type-var]
    with drawing("unknown-parameter", most=0) as (run, _):
        run.judge(of("unknown-parameter")[0])
        leaks = run.provider.leaks
        assert leaks.could_cost(of("not-allowed")[0]) == 1
        assert leaks.could_cost(nothing) == 0
    with drawing(*{case.defect.problem for case in WRONG if case.defect}, most=0) as (run, _):
        run.judge(nothing)
        other = replace(nothing, defect=replace(nothing.defect, problem="another"))  # type: ignore[type-var]
        assert run.provider.leaks.could_cost(other) == 1
    with pytest.raises(BudgetSpent, match="1 picture was made by requests that should have been refused"):
        leaks.ask(of("not-allowed")[0])
