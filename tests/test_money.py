"""What a run costs: told before it is spent, capped in pictures, dollars and requests, counted with every retry."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from faulty import CHEAP, GPT, asking
from test_check import CHEAP as ONE_MODEL
from test_check import imageproof, report_of
from test_provider import CREATE, IMAGES, Asked, Told, create, listening
from test_provider import asking as provider_at

from contract_tests.budget import BudgetSpent, Ledger, price_of
from contract_tests.cases import CREDENTIALS, Case, expected_images, json_case
from contract_tests.clauses.registry import KINDS, catalogue
from contract_tests.connection import CouldNotLook
from contract_tests.opening import open_run
from contract_tests.options import Options, UsageError
from contract_tests.plan import Plan
from contract_tests.planning import refusals
from contract_tests.provider import Provider
from contract_tests.run import Run
from contract_tests.wanted import Wanted
from imageproof import main
from mockserver.runner import MockServer
from spec.errors import UnknownName
from spec.profiles import PLAIN

NOWHERE = "http://127.0.0.1:9"


@contextmanager
def planned(**more: Any) -> Iterator[Run]:
    with closing(open_run(Options(NOWHERE, **more))) as run:
        yield run


# --- prices -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "dollars"),
    [
        ({**CHEAP}, 0.016),
        ({**CHEAP, "n": 3, "size": "1024x1024"}, 0.06),
        ({"model": "dall-e-3", "prompt": "A fox", "size": "1792x1024", "quality": "hd"}, 0.12),
        ({"model": "gpt-image-2", "prompt": "A fox", "size": "1024x1024", "quality": "low"}, 0.006),
        ({"model": "gpt-image-2", "prompt": "A fox", "size": "1024x1024", "quality": "high"}, 0.211),
        ({"model": "gpt-image-2", "prompt": "A fox"}, 0.211),  # left to the provider: taken at its dearest
        ({"model": "gpt-image-1", "prompt": "A fox", "size": "1024x1536", "quality": "medium"}, 0.063),
        ({"model": "gpt-image-1-mini", "prompt": "A fox", "size": "1024x1024", "quality": "high"}, 0.036),
        ({"model": "gpt-image-2.5-flare", "prompt": "A fox", "size": "1024x1024", "quality": "xhigh"}, 0.094),
    ],
)
def test_a_request_costs_what_the_published_prices_say(told: dict[str, Any], dollars: float) -> None:
    assert price_of(asking(told)).dollars == pytest.approx(dollars, rel=0.1)


@pytest.mark.parametrize(("family", "operation"), [("kling", "createTextVideo"), ("luma", "createVideo")])
def test_nobody_knows_what_a_video_costs_so_dollars_alone_are_no_cap_on_it(family: str, operation: str) -> None:
    contract = PLAIN.contract(family)
    video = json_case(contract, contract.operation(operation), {"prompt": "A fox", "user_prompt": "A fox"})
    price, plan = price_of(video), Plan.of([video])
    assert (price.known, plan.unpriced) == (False, 1)
    assert "$0.00, and 1 of a price that is not known" in plan.cost
    with pytest.raises(BudgetSpent, match="--max-images"):
        Ledger(None, 100.0).ask(1, price)
    for ledger in (Ledger(1, 100.0), Ledger(1), Ledger(None)):
        ledger.ask(1, price)
        ledger.charge(1, price)
        assert (ledger.dollars, ledger.unpriced) == (0.0, 1)


@pytest.mark.parametrize(("most", "videos"), [(None, 0), (4, 2)])
def test_a_budget_of_dollars_plans_no_videos_and_says_how_to_have_them(most: int | None, videos: int) -> None:
    with listening(lambda _: Told({}, 400)) as server:
        provider = Provider(server.url, "", Ledger(most, 50.0))
        with closing(Run(Options(server.url), PLAIN, PLAIN.contracts(("luma",)), provider)) as run:
            assert sum(expected_images(case) for case in run.planned["tasks"]) == videos
            told = [reason for reason in run.findings.not_tested.values() if "--budget alone is no cap" in reason]
            assert bool(told) is (videos == 0)


def test_guessed_prices_say_so() -> None:
    assert price_of(asking({**GPT, "quality": "low"})).confirmed
    assert not price_of(asking(CHEAP)).confirmed


# --- caps -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("budget", [0.0, 0.05, 0.3, 1.0])
def test_no_plan_costs_more_dollars_than_the_budget(budget: float) -> None:
    with planned(budget=budget) as run:
        cases = [case for kind in KINDS for case in run.planned[kind] if expected_images(case)]
        assert sum(price_of(case).dollars for case in cases) <= budget
        assert run.plan.dollars <= budget
        assert bool(cases) is (budget > 0.02)
        assert any("--budget" in reason for reason in run.findings.not_tested.values())


def test_the_ledger_keeps_the_budget_whatever_was_planned(mock: MockServer) -> None:
    with provider_at(mock.base_url) as provider:
        provider.ledger.most_dollars = 0.04
        provider.send(create())
        provider.send(create(prompt="Another"))
        with pytest.raises(BudgetSpent, match=r"\$0.03 of \$0.04 are spent"):
            provider.send(create(prompt="A third"))
        assert provider.ledger.dollars == pytest.approx(0.032)
        assert len(mock.journal) == 2


def test_no_more_requests_are_sent_than_may_be(mock: MockServer, tmp_path: Path) -> None:
    result = imageproof(
        "check", mock.base_url, "--max-images", "0", "--max-requests", "30", *ONE_MODEL, folder=tmp_path
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert len(mock.journal) == report_of(tmp_path)["requests"] == 30
    assert "at most 30 requests may be sent (--max-requests)" in result.stdout


def test_where_nothing_may_be_spent_the_report_says_what_it_would_cost() -> None:
    with planned(max_images=0) as run:
        assert not any(expected_images(case) for kind in KINDS for case in run.planned[kind])
        assert run.offer is not None
        assert 0 < run.offer.images <= 12
        assert f"${run.offer.dollars:.2f}" in run.findings.not_tested["what costs money"]


def test_a_dry_run_tells_the_plan_and_buys_nothing(mock: MockServer, tmp_path: Path) -> None:
    result = imageproof("check", mock.base_url, "--max-images", "12", "--dry-run", *ONE_MODEL, folder=tmp_path)
    assert result.returncode == 0
    told = " ".join(result.stdout.split())
    assert "for 12 pictures" in told
    assert " 1 GET /v1/models" in told  # what would be sent, by operation
    assert max(map(len, result.stdout.splitlines())) <= 100  # as wide as the terminal of these tests
    assert "at most about $" in told
    assert not (tmp_path / "reports").exists()
    assert not [entry for entry in mock.journal if entry.operation == "createImage" and entry.status == 200]


def test_the_plan_is_told_before_the_first_picture_is_paid_for(mock: MockServer, tmp_path: Path) -> None:
    result = imageproof("check", mock.base_url, "--max-images", "1", "--only", "pictures", *ONE_MODEL, folder=tmp_path)
    assert result.stdout.index("plan  ") < result.stdout.index("pictures as asked")
    report = report_of(tmp_path)
    assert report["plan"]["images"] == report["images"] == 1
    assert report["usd_at_most"] == report["plan"]["usd_at_most"] > 0


def test_a_run_that_bought_nothing_is_not_simply_green(mock: MockServer, tmp_path: Path) -> None:
    result = imageproof("check", mock.base_url, "--max-images", "0", "--only", "lookups", *ONE_MODEL, folder=tmp_path)
    assert result.returncode == 0
    assert "CONFORMS AS FAR AS LOOKED" in result.stdout
    assert report_of(tmp_path)["looked_at_everything"] is False


# --- what is wanted ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("only", "skip", "kinds"),
    [
        ((), (), set(KINDS) - {"replay", "followups"}),  # nothing failed before, no task of this API offers anything
        (("stream",), (), {"streams"}),
        (("images.count",), (), {"pictures", "streams", "tasks"}),
        (("auth", "tasks"), (), {"refusals", "tasks"}),
        ((), ("refusals", "tasks"), {"lookups", "pictures", "streams"}),
        (("wire",), ("pictures",), {"refusals", "lookups", "streams", "tasks"}),
    ],
)
def test_only_the_cases_that_are_needed_are_sent(only: tuple[str, ...], skip: tuple[str, ...], kinds: set[str]) -> None:
    with planned(max_images=12, only=only, skip=skip) as run:
        assert {kind for kind in KINDS if run.planned[kind]} == kinds


@pytest.mark.parametrize(
    ("only", "kind", "shows"),
    [
        (("auth",), "refusals", lambda case: case.defect.problem in CREDENTIALS),
        (("refusal.unknown-parameter",), "refusals", lambda case: case.defect.problem == "unknown-parameter"),
        (("edit.kept",), "pictures", lambda case: case.asked.get("mask")),
        (("models",), "lookups", lambda case: "listed-model" in case.operation.response_roles),
    ],
)
def test_of_a_kind_only_the_cases_are_sent_that_can_show_what_is_wanted(
    only: tuple[str, ...], kind: str, shows: Callable[[Case], bool]
) -> None:
    with planned(max_images=12, only=only) as run:
        cases = run.planned[kind]
        assert cases
        assert all(map(shows, cases))
    with planned(max_images=12, only=(*only, kind)) as run:
        assert not all(map(shows, run.planned[kind])), "who names a kind wants all of it"


def test_only_the_clauses_that_are_wanted_are_judged() -> None:
    assert Wanted(only=("images.count",)).clause("images.count")
    assert not Wanted(only=("images.count",)).clause("images.size")
    assert Wanted(only=("images",), skip=("images.size",)).clause("images.count")
    assert not Wanted(only=("images",), skip=("images.size",)).clause("images.size")
    assert Wanted(only=("streams",)).clause("wire.schema")
    kinds = {one: {kind for kind in KINDS[1:] if Wanted(only=(one,)).kind(kind)} for one in catalogue()}
    assert kinds["models.some"] == {"lookups"}
    assert kinds["meta.unknown-parameter"] == {"refusals"}
    assert kinds["run.listed-models"] == {"lookups", "pictures"}
    assert all(kinds.values())
    with pytest.raises(UnknownName, match=r"images\.count"):
        Wanted(only=("images.coun",)).check()
    result = CliRunner().invoke(main, ["check", NOWHERE, "--skip", "strems"])
    assert (result.exit_code, "streams" in result.output) == (2, True)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"timeout": 0.0}, "--timeout: 0.0"),
        ({"task_timeout": -1.0}, "--task-timeout: -1.0"),
        ({"budget": float("nan")}, "--budget: nan is no limit; expected dollars, 0 or more"),
        ({"max_images": -1}, "--max-images: -1"),
        ({"max_requests": 0}, "--max-requests: 0"),
        ({"per_second": float("inf")}, "--rate: inf"),
    ],
)
def test_what_limits_nothing_is_no_limit(options: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=re.escape(told)):
        open_run(Options(NOWHERE, **options))


# --- how fast ---------------------------------------------------------------------------------------


def test_where_no_clause_applies_nothing_is_said_to_hold(mock: MockServer) -> None:
    def unjudged(case: Case, *only: str) -> str:
        with closing(open_run(Options(mock.url, only=only))) as run:
            exchange, _, reason = run.judge(case)
            assert exchange is not None, reason
            told = run.unjudged(exchange)
            assert list(run.findings.not_tested.values()) == [told] * bool(told)
            return told

    refused = next(iter(refusals(IMAGES, CREATE, 0)))
    assert unjudged(refused, "images.count") == "no clause that is looked at applies to the answer"
    assert unjudged(refused, "refusal") == ""
    assert unjudged(asking(CHEAP), "images.count") == ""
    assert unjudged(asking(CHEAP), "meta.count") == ""  # it waits for another one beside it
    assert unjudged(refused, "meta.count") != ""
    assert unjudged(refused, "run.links") == ""  # asked about all of them, at last


def test_requests_keep_the_pace(mock: MockServer) -> None:
    with provider_at(mock.base_url, per_second=20.0) as provider:
        began = time.monotonic()
        for number in range(5):
            provider.send(create(prompt=f"{number}"))
        assert time.monotonic() - began >= 4 / 20


LIMITED = {"error": {"message": "Slow down.", "type": "requests", "param": None, "code": "rate_limit_exceeded"}}
GONE = {
    "error": {"message": "Nothing left.", "type": "insufficient_quota", "param": None, "code": "insufficient_quota"}
}
PICTURES = {"created": 1, "data": [{"b64_json": "AAAA"}]}


def _soon() -> dict[str, str]:
    now = datetime.now(UTC).replace(microsecond=0)
    return {"date": format_datetime(now, usegmt=True), "retry-after": format_datetime(now + timedelta(seconds=1), True)}


@pytest.mark.parametrize(
    ("headers", "least", "most"),
    [({"retry-after": "1"}, 1.0, 3.0), ({"retry-after-ms": "200"}, 0.2, 1.0), (_soon(), 1.0, 3.0), ({}, 1.0, 3.0)],
    ids=["seconds", "milliseconds", "a date", "nobody says when"],
)
def test_not_now_is_waited_for_as_told_and_is_no_finding(headers: dict[str, str], least: float, most: float) -> None:
    def answer(_: Asked) -> Told:
        return Told(LIMITED, 429, headers) if len(server.asked) < 2 else Told(PICTURES)

    with listening(answer) as server, provider_at(server.url, 5) as provider:
        exchange = provider.send(create())
        assert exchange.succeeded
        assert least <= server.asked[1].at - server.asked[0].at <= most
        assert (provider.ledger.images, provider.ledger.requests) == (1, 2)


def test_a_quota_that_is_used_up_is_not_waited_for() -> None:
    with listening(lambda _: Told(GONE, 429, {"retry-after": "30"})) as server, provider_at(server.url, 5) as provider:
        with pytest.raises(CouldNotLook, match="not let in"):
            provider.send(create())
        assert len(server.asked) == 1
        assert provider.ledger.images == 0


def test_a_plan_counts_pictures_by_model() -> None:
    plan = Plan.of([create(n=2), create(prompt="Another"), Case(IMAGES, CREATE)])
    assert (plan.free, plan.paid, plan.images, plan.models) == (1, 2, 3, {"dall-e-2": 3})
    assert "at most about $0.05" in plan.told(Ledger(5))
