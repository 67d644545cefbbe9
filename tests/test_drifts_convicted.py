"""A mock that plays a drift is found out by a handful of cases, under the drift's own name; a faithful one is not.

Real servers, the real client, the shipped cases: what the product does in a run, on a small scale.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import cache

import pytest
from conftest import PROFILES, ask
from drift_cases import cases, cases_for

from contract_tests.budget import Ledger
from contract_tests.cases import Case
from contract_tests.clauses import catalogue as clauses
from contract_tests.findings import Findings
from contract_tests.opening import open_run
from contract_tests.options import Options
from contract_tests.provider import DUMMY_KEY, Provider
from contract_tests.run import Run
from contract_tests.suite_cases import cases_of
from contract_tests.valid_cases import pixels
from mockserver.runner import MockServer
from mockserver.settings import Settings
from spec.drifts import DriftUse, catalogue, drift_use, drift_uses
from spec.language import TERMINAL_STATES
from spec.profiles import PLAIN, load_profile

NOWHERE = "http://127.0.0.1:9"
OTHER = "sk-somebody-else"
EVERYTHING = 1000  # pictures: the cap must leave no case out


def first(cases: Iterable[Case], wanted: Callable[[Case], bool]) -> Case:
    return next(filter(wanted, cases))


def without(what: str, param: str) -> Callable[[Case], bool]:
    return lambda case: case.defect is not None and (case.defect.problem, case.defect.param) == (what, param)


def in_base64(case: Case) -> bool:
    return bool(case.asked["delivery"] == "image-b64")


def several(case: Case) -> bool:
    return in_base64(case) and case.asked["count"] > 1


def wide(case: Case) -> bool:
    size = case.asked.get("size")
    return in_base64(case) and isinstance(size, tuple) and size[0] != size[1]


@cache
def handful(profile: str | None) -> tuple[Case, ...]:
    """Few of the shipped cases: two pictures, a wide one, a link and a task where there are any, and some refusals."""
    with closing(open_run(Options(NOWHERE, profile=profile, max_images=EVERYTHING))) as run:
        refusals = cases_of("refusals", run)
        made = sorted(cases_of("pictures", run), key=lambda case: case.asked["count"] * pixels(case))
        return (
            first(refusals, lambda case: case.defect is not None and case.defect.problem == "missing-credentials"),
            *[*filter(without("missing-parameter", "model"), refusals)][:1],
            *cases_of("lookups", run),
            first(made, several),
            first(made, wide),
            *[case for case in made if not in_base64(case)][:1],
            *sorted(cases_of("tasks", run), key=pixels)[:1],
        )


def pictures_of(profile: str | None) -> list[Case]:
    """The cases of the handful that are answered with pictures, at once or in the end."""
    return [case for case in handful(profile) if case.defect is None and "delivery" in case.asked]


def has_tasks(profile: str | None) -> bool:
    """Whether this provider has any."""
    return any(case.asked.get("async") is True for case in handful(profile))


def run_of_the_handful(url: str, task_timeout: float) -> Run:
    """A run that need not read its contracts: the cases bring theirs."""
    return Run(
        Options(url), PLAIN, (), Provider(url, DUMMY_KEY, Ledger(None), task_timeout=task_timeout, other_key=OTHER)
    )


def findings_about(profile: str | None, drifts: tuple[DriftUse, ...]) -> Findings:
    """What a run of the handful finds in a mock of this profile that plays these drifts and no others."""
    played = replace(load_profile(profile) if profile else PLAIN, drifts=())
    endless = {"task-stuck", "status-vocabulary-case"} & {use.drift.id for use in drifts}
    settings = Settings(port=0, profile=played, drifts=drifts, task_polls=6)
    with (
        MockServer(settings) as server,
        closing(run_of_the_handful(server.url, 3.0 if endless else 10.0)) as run,
    ):
        for case in handful(profile):
            exchange, _, reason = run.judge(case)
            assert exchange is not None, reason
            if exchange.wants_task:
                run.follow(exchange)
                assert endless or all(poll.state in TERMINAL_STATES for poll in exchange.polls[-2:-1])
        return run.findings


def drifts_in(findings: Findings) -> set[str | None]:
    """The names of everything found; None for a finding without one."""
    return {finding.drift.id if finding.drift else None for finding in findings.all}


@pytest.mark.parametrize("profile", [None, "openai"])  # the others: test_provider_profiles
def test_a_mock_without_drifts_is_found_faithful(profile: str | None) -> None:
    findings = findings_about(profile, ())
    assert findings.all == []
    assert not findings.drifted
    looked_at = {"images.count", "images.size", "images.b64-clean", "auth.enforced", "error.param"}
    assert looked_at <= set(findings.tallies)
    assert ("images.reachable" in findings.tallies) == any(not in_base64(case) for case in pictures_of(profile))
    tasks = {"task.accepted", "task.order", "task.ends", "task.result", "task.unknown"}
    assert tasks & set(findings.tallies) == (tasks if has_tasks(profile) else set())


@pytest.fixture(scope="module")
def server() -> Iterator[MockServer]:
    """One mock for all drifts: which it plays is changed while it runs."""
    with MockServer(Settings(port=0)) as mock:
        yield mock


def findings_in(
    server: MockServer, drifts: Iterable[str], asked: Iterable[Case], task_timeout: float = 10.0
) -> Findings:
    """What a run of some cases finds while the mock plays these drifts."""
    changes = {"drifts": list(drifts), "task_polls": 6 if "task-reverts" in drifts else 4}
    answer = ask(f"{server.url}/_imageproof/settings", changes, method="PUT")
    assert answer.status == 200, answer.body
    with closing(run_of_the_handful(server.url, task_timeout)) as run:
        for case in asked:
            exchange, _, reason = run.judge(case)
            assert exchange is not None, reason
            if exchange.wants_task:
                run.follow(exchange)
        return run.findings


def test_every_case_is_answered_faithfully_without_drifts(server: MockServer) -> None:
    findings = findings_in(server, (), cases().values())
    assert [(finding.clause.id, finding.broken) for finding in findings.all] == []
    assert {"usage.plausible", "images.alpha", "stream.partials-sent", "usage.reference"} <= set(findings.tallies)


@pytest.mark.parametrize("id_", catalogue())
def test_a_drift_is_convicted_by_its_clause_and_named(server: MockServer, id_: str) -> None:
    drift = catalogue()[id_]
    endless = drift.switch in ("task-state", "task-words")
    findings = findings_in(server, [id_], cases_for(drift), 0.6 if endless else 10.0)
    assert drifts_in(findings) == {id_}, "and what it breaks on the way is its finding too"
    assert {finding.clause.id for finding in findings.all} == {drift.clause}
    assert findings.tallies[drift.clause].drifts > 0
    broken = {clauses()[name].level for name, tally in findings.tallies.items() if tally.drifts}
    assert findings.drifted == ("MUST" in broken), "a mild drift that breaks a MUST on its way is not mild"
    assert all(finding.count + finding.others.total() > 0 for finding in findings.all)


@pytest.mark.parametrize("profile", PROFILES)
def test_the_drifts_of_a_profile_are_recognised(profile: str) -> None:
    whole = load_profile(profile)
    with (
        MockServer(Settings(port=0, profile=whole)) as server,
        closing(open_run(Options(server.url, profile=profile))) as run,
    ):
        for case in handful(profile):
            run.judge(case)
        assert drifts_in(run.findings) == {use.drift.id for use in whole.drifts}


@pytest.mark.parametrize("profile", [None, *PROFILES])
def test_several_drifts_at_once_are_told_apart(profile: str | None) -> None:
    together = {
        "n-ignored-single-image",
        "size-ignored-200-wrong-aspect",
        "data-url-inside-b64-json",
        "missing-model-503",
    }
    if has_tasks(profile):
        together.add("async-ignored-returns-sync")
    assert drifts_in(findings_about(profile, drift_uses(together))) == together


def test_an_outage_in_other_words_is_the_same_drift() -> None:
    use = drift_use("missing-model-503:message=busy,code=overloaded")
    [finding] = findings_about(None, (use,)).all
    assert finding.drift is use.drift
    assert finding.broken.received == "503"
    assert finding.exchange.error("error-code") == "overloaded"


def test_the_evidence_of_a_finding_is_the_exchange_that_shows_it() -> None:
    [finding] = findings_about(None, drift_uses(["n-ignored-single-image"])).all
    asked = finding.exchange.asked["count"]
    assert (finding.broken.expected, finding.broken.received) == (f"{asked} pictures", "1")
    assert asked > 1
    assert finding.exchange.pictures_delivered == 1
    assert finding.operation == finding.exchange.case.operation.id
