"""What a task offers is asked for once it is there: planned and priced with stand-ins, filled in from tasks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from faulty import imagined, pressed

from contract_tests.cases import Case, expected_images
from contract_tests.clauses import CONFORMS, Broken, catalogue
from contract_tests.exchange import Exchange
from contract_tests.followups import TASK, follow_up
from contract_tests.opening import open_run
from contract_tests.options import Options
from contract_tests.run import Run
from contract_tests.suite_cases import cases_of
from mockserver.runner import MockServer
from mockserver.settings import Settings


@pytest.fixture(scope="module")
def proxy() -> Iterator[MockServer]:
    with MockServer(Settings(port=0, contracts=("midjourney",), task_polls=1)) as server:
        yield server


@contextmanager
def run_of(proxy: MockServer, most: int = 40, **more: Any) -> Iterator[Run]:
    with closing(open_run(Options(proxy.url, families=("midjourney",), max_images=most, **more))) as run:
        yield run


def made(run: Run, operation: str) -> Exchange:
    exchange, findings, _ = run.judge(next(one for one in cases_of("tasks", run) if one.operation.id == operation))
    assert exchange is not None
    assert [*findings, *run.follow(exchange)] == []
    return exchange


def planned(run: Run, operation: str) -> list[Case]:
    return [case for case in cases_of("followups", run) if case.operation.id == operation]


def test_what_follows_is_planned_priced_and_can_be_left_out(proxy: MockServer) -> None:
    with run_of(proxy) as run:
        pressed = [case.request.value["customId"].split("::")[:3] for case in planned(run, "submitAction")]
        assert pressed[:2] == [["MJ", "JOB", "upsample"], ["MJ", "JOB", "variation"]]
        assert all(case.request.value["taskId"] == TASK for case in planned(run, "submitAction"))
        kinds = [case.operation.id for case in cases_of("followups", run)]
        assert kinds[-2:] == ["listTasks", "getImageSeed"], "asked when there is most to tell"
        assert sum(map(expected_images, cases_of("followups", run))) == len(kinds) - 3, (
            "but those and modal cost nothing"
        )
        assert sum(run.plan.models.values()) == run.plan.images <= 40
    with run_of(proxy, skip=("followups",)) as run:
        assert cases_of("followups", run) == []
    with run_of(proxy, skip=("tasks",)) as run:
        assert cases_of("followups", run) == [], "there is nothing they could follow"
    with run_of(proxy, only=("followups",)) as run:
        assert cases_of("tasks", run)
        assert not cases_of("refusals", run)


def test_buttons_of_a_grid_of_its_upscale_and_what_waits_are_pressed_and_judged(proxy: MockServer) -> None:
    with run_of(proxy) as run:
        first, pictures = [made(run, "submitImagine"), made(run, "submitDescribe")], run.provider.ledger.images
        for case in [*planned(run, "submitAction"), *planned(run, "submitModal")]:
            follow_up(run, case)
        assert run.findings.all == []
        assert run.findings.tallies["task.succeeds"].conforms >= 5
        assert run.provider.ledger.images > pictures
        offers = [one.takes_up for one in run.submits if one.takes_up is not None]
        assert {("UPSCALE", "part"), ("VARIATION", "grid"), ("UPSCALE", "pictures"), ("DESCRIBE", "text")} <= {
            (offer.kind, offer.makes) for offer in offers
        }
        waited = next(one for one in run.submits if one.takes_up is not None and one.takes_up.waits)
        assert waited.polls[-1].state == "needs-input"
        given = run.submits[-1]
        assert given.case.request.value.keys() == {"taskId", "maskBase64"}, "the task is told by its own id"
        assert given.case.request.value["taskId"] == waited.said("task-id")
        assert waited.said("task-id") not in [one.said("task-id") for one in first]
        assert given.polls[-1].state == "succeeded"


def test_what_no_task_has_come_to_is_not_tested_and_says_so(proxy: MockServer) -> None:
    with run_of(proxy) as run:
        made(run, "submitImagine")
        [modal] = planned(run, "submitModal")
        exchange, findings, reason = follow_up(run, modal)
        assert (exchange, findings) == (None, [])
        assert "no task of this run" in reason
        assert reason in run.findings.not_tested.values()


def test_a_list_is_asked_about_all_tasks_and_what_it_tells_is_not_paid_for(proxy: MockServer) -> None:
    with run_of(proxy) as run:
        tasks = [made(run, "submitImagine"), made(run, "submitBlend")]
        spent = run.provider.ledger.images
        exchange, findings, _ = follow_up(run, planned(run, "listTasks")[0])
        assert exchange is not None
        assert exchange.case.request.value["ids"] == [one.said("task-id") for one in tasks]
        assert (findings, run.provider.ledger.images) == ([], spent)


def test_a_task_that_offers_nothing_is_told_of_where_offers_can_be_taken_up() -> None:
    judge, silent_one, telling = catalogue()["task.offers"].judge, imagined(), pressed()
    assert telling.case.about is not None
    [grid] = telling.case.about.submits
    assert judge([silent_one, *silent_one.polls]) is None, "nobody has asked for what is offered"
    assert judge([telling, *grid.polls]) is CONFORMS
    found = judge([telling, *grid.polls, *silent_one.polls])
    assert isinstance(found, Broken)
    assert found.shown_by == tuple(silent_one.polls)


def test_a_task_that_comes_to_nothing_is_seen_to_fail_and_nothing_follows_it(proxy: MockServer) -> None:
    with run_of(proxy, most=16) as run:
        [doomed] = [case for case in cases_of("tasks", run) if case.doomed]
        exchange, findings, _ = run.judge(doomed)
        assert exchange is not None
        assert [*findings, *run.follow(exchange)] == []
        assert exchange.polls[-1].state == "failed"
        assert run.findings.tallies["task.reason"].conforms >= 1
        _, _, reason = follow_up(run, planned(run, "submitAction")[0])
        assert reason == "no task of this run has come to where that could be asked"
