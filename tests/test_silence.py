"""Answers that break off, or never come, from a host that answers others: findings, paid for, soon left alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from faulty import about_models
from test_provider import KEY, Asked, Told, create, listening

from contract_tests.budget import Ledger
from contract_tests.cases import Case
from contract_tests.options import Options
from contract_tests.provider import Provider
from contract_tests.run import Run
from mockserver.runner import MockServer
from mockserver.settings import Settings
from spec.profiles import PLAIN


@pytest.fixture(scope="module")
def mock() -> Iterator[MockServer]:
    with MockServer(Settings(port=0, contracts=("images",))) as server:
        yield server


@contextmanager
def running(mock: MockServer, *faults: str, most: int = 20, timeout: float = 20.0) -> Iterator[Run]:
    """A run against the mock with these faults, which has answered one request already."""
    mock.reset()
    provider = Provider(mock.url, KEY, Ledger(most), timeout)
    run = Run(Options(""), PLAIN, (), provider)
    try:
        assert run.judge(about_models())[1] == []
        mock.configure(faults=faults)
        yield run
    finally:
        run.close()


def streamed() -> Case:
    return create(model="gpt-image-1-mini", size="1024x1024", quality="low", stream=True, partial_images=1)


@pytest.mark.parametrize(
    ("fault", "clause", "told"),
    [
        ("truncated", "wire.whole", "closed before the end"),
        ("truncated:framing=chunked", "wire.whole", "closed before the end"),
        ("reset:at=0.5", "wire.whole", "closed before the end"),
        ("reset", "wire.answers", "reset"),
        ("empty", "wire.answers", "closed without an answer"),
        ("hang", "wire.answers", "no answer within 0.5 s"),
    ],
)
@pytest.mark.parametrize("case", [create(), streamed()], ids=["whole", "stream"])
def test_what_breaks_off_twice_is_one_finding_and_was_paid_for_twice(
    mock: MockServer, case: Case, fault: str, clause: str, told: str
) -> None:
    with running(mock, f"{fault}{',' if ':' in fault else ':'}on=createImage", timeout=0.5) as run:
        run.judge(case)
        assert run.judge(about_models("dall-e-2"))[1] == []
        [finding] = run.findings.all
        assert (finding.clause.id, finding.level, finding.count) == (clause, "MUST", 1)
        assert told in finding.broken.received
        assert KEY not in finding.broken.received
        assert run.provider.ledger.images == 2
        assert run.findings.could_not_look == {}


def test_what_breaks_off_once_is_a_moment_s_trouble(mock: MockServer) -> None:
    with running(mock, "truncated:first=1,on=createImage") as run:
        exchange, [finding], _ = run.judge(create())
        assert exchange is not None
        assert (len(exchange.pictures), run.provider.ledger.images) == (1, 2)
        assert (finding.clause.id, finding.level) == ("wire.steady", "SHOULD")
        assert "closed before the end" in finding.broken.received


def test_what_costs_nothing_and_breaks_off_once_is_no_finding(mock: MockServer) -> None:
    with running(mock, "truncated:first=1,on=getModel") as run:
        assert run.judge(about_models("dall-e-2"))[1] == []
        assert any("a moment's trouble" in reason for reason in run.findings.not_tested.values())


def test_what_breaks_off_now_and_then_is_not_steady(mock: MockServer) -> None:
    with running(mock) as run:
        for number in range(3):
            mock.configure(faults=["empty:first=1,on=createImage"])
            run.judge(create(prompt=f"Fox {number}"))
        run.look_back()
        [finding] = run.findings.all
        assert (finding.clause.id, finding.level) == ("run.steady", "MUST")
        assert finding.broken.received.endswith("closed without an answer for 3 of 3")


def test_where_money_does_not_last_for_another_try_what_breaks_off_convicts_nobody(mock: MockServer) -> None:
    with running(mock, "truncated:on=createImage", most=1) as run:
        run.judge(create())
        [finding] = run.findings.all
        assert (finding.clause.id, finding.level) == ("wire.steady", "SHOULD")


def test_what_always_breaks_off_is_soon_left_alone_and_the_rest_is_asked_on(mock: MockServer) -> None:
    with running(mock, "empty:on=createImage") as run:
        for number in range(9):
            run.judge(create(prompt=f"Fox {number}"))
        run.judge(about_models("dall-e-2"))
        [finding] = run.findings.all
        assert finding.count == 6
        assert any("6 answers in a row of POST" in reason for reason in run.findings.not_tested.values())
        assert run.findings.tallies["wire.answers"].conforms == 2


def test_of_a_host_that_answers_nobody_any_more_nothing_is_said() -> None:
    over = threading.Event()

    def answer(asked: Asked) -> Told:
        if asked.path != "/v1/models":
            over.wait(5)
        return Told({"object": "list", "data": []})

    with listening(answer) as server:
        run = Run(Options(""), PLAIN, (), Provider(server.url, KEY, Ledger(20), timeout=0.1))
        run.judge(about_models())
        for number in range(5):
            run.judge(create(prompt=f"Fox {number}"))
        over.set()
        run.close()
    assert [finding for finding in run.findings.all if finding.clause.id == "wire.answers"] == []
    assert any("3 requests in a row were in vain" in reason for reason in run.findings.could_not_look.values())
    assert len(server.asked) == 1 + 3 * 2, "each time somebody looks whether anything else is answered"
