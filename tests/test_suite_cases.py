"""Which cases a run is given: whatever makes pictures gets a share of the money, refusals begin with the free."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from contract_tests.cases import CREDENTIALS, Case, case_of, expected_images, makes_pictures, most_images
from contract_tests.opening import open_run
from contract_tests.options import Options
from contract_tests.readings import is_often_let_pass
from contract_tests.run import Run
from contract_tests.suite_cases import cases_of
from spec.profiles import PLAIN
from spec.request_check import request_check

NOWHERE = "http://127.0.0.1:9"
IMAGES = PLAIN.contract("images")
PAID = ("pictures", "streams", "tasks")


@contextmanager
def planned(most: int | None, **more: Any) -> Iterator[Run]:
    with closing(open_run(Options(NOWHERE, max_images=most, **more))) as run:
        yield run


def paid(run: Run) -> dict[tuple[str, str], list[Case]]:
    found: dict[tuple[str, str], list[Case]] = {}
    for kind in PAID:
        for case in cases_of(kind, run):
            found.setdefault((kind, case.operation.id), []).append(case)
    return found


def test_a_dozen_pictures_show_every_way_to_a_picture() -> None:
    with planned(12) as run:
        found = paid(run)
    assert set(found) == {
        ("pictures", "createImage"), ("pictures", "editImage"), ("pictures", "createImageVariation"),
        ("streams", "createImage"), ("tasks", "createImage"),
    }  # fmt: skip
    spent = {key: sum(map(expected_images, cases)) for key, cases in found.items()}
    assert spent["pictures", "createImage"] > spent["pictures", "editImage"] >= 2
    assert sum(spent.values()) == 12
    edits = found["pictures", "editImage"]
    assert [case.asked.get("stream") for case in edits] == [False, False, True], "a stream of edits costs no more"
    assert len({(case.asked["model"], case.asked["size"]) for case in edits}) == 1, "and is compared with the others"


@pytest.mark.parametrize("most", [0, 1, 2, 3, 5, 8, 20, 40])
def test_no_plan_costs_more_than_the_budget_and_what_is_left_out_is_said(most: int) -> None:
    with planned(most) as run:
        found = paid(run)
        cost = sum(expected_images(case) for cases in found.values() for case in cases)
        assert cost <= most
        assert cost >= most - 2, "and hardly anything is left over"
        assert any(f"at most {most} picture" in reason for reason in run.findings.not_tested.values())
    if most == 1:
        assert set(found) == {("pictures", "createImage")}


def test_without_a_cap_nothing_is_left_out() -> None:
    with closing(open_run(Options(NOWHERE))) as run:
        run.provider.ledger.most_images = None
        found = paid(run)
        assert not run.findings.not_tested
    assert {kind for kind, _ in found} == set(PAID)
    edits = found["pictures", "editImage"]
    assert {case.request.media for case in edits} == {"multipart/form-data", "application/json"}
    assert {case.asked.get("model") for case in edits} == {model.name for model in IMAGES.models} - {"dall-e-3"}


def test_forty_pictures_ask_for_five_at_once_and_a_task_for_two_and_fewer_say_that_they_do_not() -> None:
    with planned(40) as run:
        found = paid(run)
        told = run.findings.not_tested
    assert [expected_images(case) for case in found["tasks", "createImage"]] == [1, 2]
    assert max(map(expected_images, found["pictures", "createImage"])) == 5
    assert "createImage: more than 5 pictures at once" not in told
    edits = [(len(case.asked["input-image"]), case.asked["count"]) for case in found["pictures", "editImage"]]
    assert edits.index((2, 1)) < edits.index((1, 2)), "several pictures given cost less than several made"
    with planned(12) as run:
        paid(run)
        assert "createImage: more than 2 pictures at once" in run.findings.not_tested


def test_a_stream_is_one_picture_with_and_without_unfinished_ones() -> None:
    with planned(400) as run:
        streams = cases_of("streams", run)
    assert streams
    for case in streams:
        assert case.asked["stream"] is True
        assert expected_images(case) == 1
        assert request_check(IMAGES, case.operation).accepts(case.request)
    assert {0, 2} <= {case.asked["partial-count"] for case in streams}
    assert streams[0].asked["partial-count"] == 2, "the first shows most"
    with planned(400) as run:
        others = [case for kind in ("pictures", "tasks") for case in cases_of(kind, run) if case.asked.get("stream")]
    assert [case.operation.id for case in others] == ["editImage"], "the one by which pictures given are varied"


def test_a_model_that_cannot_do_it_is_not_asked_to() -> None:
    with planned(40, models=("gpt-image-2",)) as run:
        found = paid(run)
        told = {case.operation.id for case in cases_of("lookups", run)}
        assert any(case.path.endswith("/gpt-image-2") for case in cases_of("lookups", run))
    assert ("pictures", "createImageVariation") not in found
    assert {case.asked["model"] for cases in found.values() for case in cases} == {"gpt-image-2"}
    assert told == {"listModels", "getModel", "getImageTask"}
    with planned(40, models=("dall-e-2",)) as run:
        found = paid(run)
    assert not [key for key in found if key[0] == "streams"]
    assert {case.request.media for case in found["pictures", "editImage"]} == {"multipart/form-data"}


def test_what_costs_nothing_is_refused_first_then_generations_then_edits() -> None:
    with planned(12) as run:
        found = cases_of("refusals", run)
    certain = [case for case in found if case.defect and not case.defect.tolerated]
    assert found[: len(certain)] == certain, "what may be read in several ways comes last"
    free = [case for case in certain if not most_images(case)]
    assert found[: len(free)] == free
    keys = [case for case in certain[len(free) :] if case.defect and case.defect.problem in CREDENTIALS]
    passed = [case for case in certain[len(free) :] if is_often_let_pass(case)]
    grave = [case for case in certain[len(free) + len(keys) :] if case not in passed]
    assert certain[len(free) :] == [*keys, *grave, *passed], "and what many let pass comes behind what nobody may"
    assert min(map(len, (keys, grave, passed))) > 10
    first = [case.defect.param for case in grave if case.defect and case.operation.id == "createImage"][:5]
    assert len(set(first)) == 5, "who makes pictures of whatever is wrong in one parameter is asked about others first"
    for group in (keys, grave, passed):
        order = [case.operation.id for case in group]
        assert list(dict.fromkeys(order)) == ["createImage", "editImage", "createImageVariation"]
        assert order == sorted(order, key=["createImage", "editImage", "createImageVariation"].index)
    assert {case.operation.id for case in free} == {operation.id for operation in IMAGES.operations}
    assert len(found) < 360
    assert min(Counter(case.operation.id for case in found).values()) >= 2


def test_a_variation_costs_what_it_makes_though_nobody_says_a_word() -> None:
    vary = IMAGES.operation("createImageVariation")
    with planned(400) as run:
        [first, *_] = [case for case in cases_of("pictures", run) if case.operation is vary]
    assert makes_pictures(vary)
    assert expected_images(first) == 1
    value = {**first.request.value, "n": 3}
    assert expected_images(case_of(IMAGES, vary, "multipart/form-data", value)) == 3
    assert [makes_pictures(IMAGES.operation(name)) for name in ("listModels", "getImageTask")] == [False, False]


def test_the_first_cases_of_every_way_are_kept_from_leaks_and_from_the_rest_of_the_plan() -> None:
    with planned(12) as run:
        assert run.planned
        first, ledger = dict(run.kept.first), run.provider.ledger
        ledger.images = 3  # these leaked
        sent = 0
        for kind in ("pictures", "streams", "tasks"):
            for case in cases_of(kind, run):
                if not run.kept.why_not(case, ledger):
                    ledger.images += expected_images(case)
                    sent += case.key in first
                run.kept.done(case)
    assert ledger.images <= 12
    assert sent == len(first) == 8
    edits = [case for case in first.values() if "input-image" in case.asked]
    assert [bool(case.asked.get("mask")) for case in edits[:3]] == [False, True, False]
    assert edits[2].asked["input-image"] != edits[0].asked["input-image"]
    begin = [case for case in first.values() if case.operation is IMAGES.operation("createImage")][:2]
    assert len({case.asked["prompt"] for case in begin}) == 2
    assert len({case.asked["delivery"] for case in begin}) == 2
    assert all("response_format" in case.request.value for case in begin)


@pytest.mark.parametrize(("most", "waiting"), [(0, "none"), (1, "all"), (12, "much"), (40, "much")])
def test_refusals_that_could_eat_the_plan_wait_until_it_is_sent(most: int, waiting: str) -> None:
    with planned(most) as run:
        soon, late = cases_of("refusals", run), cases_of("refusals", run, at_last=True)
        assert not cases_of("lookups", run, at_last=True)
    assert sorted(map(id, (*soon, *late))) == sorted(map(id, run.planned["refusals"]))
    costly = [
        case for case in run.planned["refusals"] if most_images(case) and case.defect and not case.defect.tolerated
    ]
    expected = {
        "none": [],
        "all": costly,
        "much": [case for case in costly if most_images(case) > run.provider.leaks.allowance],
    }
    assert late == expected[waiting]
    assert bool(late) is (most > 0)
