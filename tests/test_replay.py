"""What failed is kept as data and sent again, byte for byte; shrinking leaves the smallest request that shows it."""

import json
from _thread import interrupt_main
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Timer
from typing import Any

import pytest
from faulty import GPT, asking, asking_wrongly
from test_check import imageproof, report_of

from contract_tests.mutations import labelled
from contract_tests.opening import open_run
from contract_tests.options import Options
from contract_tests.plan import IMAGES_TO_SHRINK
from contract_tests.planning import refusals
from contract_tests.raw import raw
from contract_tests.replay import NAME, Failure, _read, _written, keep, kept
from contract_tests.run import Run
from contract_tests.shrinking import shrink, smaller_cases
from mockserver.runner import MockServer
from mockserver.settings import Settings
from spec.drifts import drift_uses
from spec.profiles import PLAIN
from spec.request_check import request_check

IMAGES = PLAIN.contract("images")
KEY = "sk-planted-0123456789abcdef"
LONG = {**GPT, "prompt": "A red fox. " * 40, "quality": "low", "background": "opaque", "moderation": "low"}


@pytest.fixture
def drifting(monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with MockServer(Settings(port=0, drifts=drift_uses(["error-object-in-200"]))) as server:
        run = open_run(Options(server.url, max_images=8))
        yield run
        run.close()


def test_every_case_is_made_again_from_data_byte_for_byte() -> None:
    for operation in IMAGES.operations:
        for case in (
            *refusals(IMAGES, operation, 0),
            *(one for one in raw(IMAGES, 0) if one.operation.id == operation.id),
        ):
            failure = _read(IMAGES, _written(Failure(case, "error.in-success")))
            again = failure.case
            assert failure.clause == "error.in-success"
            assert (again.key, again.label, again.defect, again.headers) == (
                case.key,
                case.label,
                case.defect,
                case.headers,
            )


def test_what_failed_is_kept_without_a_key_and_found_again_until_it_is_mended(drifting: Run, tmp_path: Path) -> None:
    case = asking_wrongly({**GPT, "n": 0})
    drifting.judge(case)
    assert drifting.findings.all
    keep(drifting, tmp_path)
    text = (tmp_path / NAME).read_text()
    assert KEY not in text
    found, reason = kept(drifting, tmp_path)
    assert ([one.case.key for one in found], reason) == ([case.key], "")
    drifting.findings._by_cause.clear()
    keep(drifting, tmp_path)
    assert not (tmp_path / NAME).exists()


def test_what_was_not_asked_again_stays_kept(drifting: Run, tmp_path: Path) -> None:
    drifting.judge(asking_wrongly({**GPT, "n": 0}))
    keep(drifting, tmp_path)
    other = open_run(drifting.options)
    try:
        other.judge(asking_wrongly({**GPT, "size": "17x4"}))
        keep(other, tmp_path)
        found = [failure.case.request.value for failure in kept(other, tmp_path)[0]]
    finally:
        other.close()
    assert ["17x4" in value.values() for value in found] == [True, False]


def test_a_run_about_another_family_leaves_what_is_kept_of_this_one(drifting: Run, tmp_path: Path) -> None:
    drifting.judge(asking_wrongly({**GPT, "n": 0}))
    keep(drifting, tmp_path)
    before = (tmp_path / NAME).read_text()
    other = open_run(replace(drifting.options, families=("gemini",)))
    try:
        assert kept(other, tmp_path) == ([], "")
        keep(other, tmp_path)
    finally:
        other.close()
    assert json.loads((tmp_path / NAME).read_text())["cases"] == json.loads(before)["cases"]
    assert len(kept(drifting, tmp_path)[0]) == len(json.loads(before)["cases"])


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"imageproof-failures": 1}', '{"imageproof-failures": 9}'])
def test_a_file_of_another_make_is_passed_over_and_said_so(text: str, drifting: Run, tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(text)
    found, reason = kept(drifting, tmp_path)
    assert found == []
    assert "cannot be used" in reason


def test_failures_of_another_provider_or_contract_are_not_sent(drifting: Run, tmp_path: Path) -> None:
    drifting.judge(asking_wrongly({**GPT, "n": 0}))
    keep(drifting, tmp_path)
    whole = (tmp_path / NAME).read_text()
    for told, words in (
        (whole.replace(drifting.provider.root, "https://other.example"), "another provider"),
        (whole.replace('"images": "', '"images": "0'), "another contract"),
    ):
        (tmp_path / NAME).write_text(told)
        found, reason = kept(drifting, tmp_path)
        assert found == []
        assert words in reason


# --- shrinking --------------------------------------------------------------------------------------


def test_smaller_cases_are_valid_or_broken_as_before() -> None:
    valid, broken = asking(LONG), asking_wrongly({**LONG, "n": 0})
    check = request_check(IMAGES, valid.operation)
    less = list(smaller_cases(valid))
    assert less
    assert all(check.accepts(case.request) and len(case.body) < len(valid.body) for case in less)
    for case in (found := list(smaller_cases(broken))):
        assert case.defect is not None
        assert broken.defect is not None
        assert (case.defect.problem, case.defect.param) == (broken.defect.problem, "n")
        assert labelled(case) is not None
    assert found


def test_the_evidence_becomes_the_smallest_request_that_shows_it(drifting: Run) -> None:
    drifting.judge(asking_wrongly({**LONG, "n": 0}))
    before = drifting.findings.all[0]
    clause, drift = before.clause.id, before.drift
    sent = shrink(drifting)
    after = drifting.findings.all[0]
    assert set(after.exchange.case.request.value) == {"model", "prompt", "n"}
    assert len(after.exchange.case.request.value["prompt"]) < 10
    assert (after.clause.id, after.drift) == (clause, drift)
    assert 0 < sent <= 80
    assert drifting.provider.ledger.images == 0


# --- the program ------------------------------------------------------------------------------------


def test_what_drifted_is_asked_first_in_the_next_run_and_gone_once_it_is_mended(
    mock: MockServer, tmp_path: Path
) -> None:
    def run() -> tuple[int, str, Any]:
        result = imageproof(
            "check",
            mock.base_url,
            *("--only", "error.in-success", "--only", "refusal.refused"),
            *("--max-images", "0", "--max-requests", "60", "--model", "dall-e-2", "--family", "images"),
            folder=tmp_path,
        )
        return result.returncode, " ".join(result.stdout.split()), report_of(tmp_path)

    mock.configure(drifts=["error-object-in-200"])
    code, told, first = run()
    assert (code, "replay" in first["steps"]) == (1, False)
    har = json.loads((tmp_path / "reports" / "run.har").read_bytes())
    assert first["requests"] == len(har["log"]["entries"]) <= 60

    code, told, second = run()
    again = second["plan"]["requests_that_failed_before"]
    assert (code, second["steps"]["replay"]) == (1, {"failed": again})
    assert told.index(f"first again the {again} that failed before") < told.index("what failed before ...")
    assert told.index("what failed before ...") < told.index("what is wrong is refused ...")

    mock.configure(drifts=[])
    code, _, mended = run()
    assert (code, mended["steps"]["replay"], mended["images"]) == (0, {"passed": again}, 0)
    assert not (tmp_path / "reports" / NAME).exists()


@pytest.mark.parametrize(("most", "again"), [(0, 0), (5, 0), (6, 1)])
def test_what_failed_and_costs_is_in_the_plan_and_within_a_third_of_the_cap(
    most: int, again: int, mock: MockServer, tmp_path: Path
) -> None:
    case = asking({**GPT, "n": 2, "quality": "low", "size": "1024x1024"})
    with opened(mock, tmp_path, 6) as before:
        mock.configure(drifts=["n-ignored-single-image"])
        before.judge(case)
        keep(before, tmp_path)
    with opened(mock, tmp_path, most) as run:
        assert [one.key for one in run.planned["replay"]] == [case.key] * again
        assert (run.plan.again, run.plan.images_again) == (again, 2 * again)
        assert run.plan.images <= most
        assert ("failed before, 2 of the pictures theirs" in run.plan.told(run.provider.ledger)) is bool(again)
    with opened(mock, tmp_path, most, only=("images.size",)) as run:  # not what failed
        assert run.planned["replay"] == []


def test_shrinking_keeps_the_caps(drifting: Run) -> None:
    drifting.judge(asking_wrongly({**LONG, "n": 0}))
    ledger = drifting.provider.ledger
    ledger.most_requests = ledger.requests + 1
    shrink(drifting)
    assert ledger.requests == ledger.most_requests


def test_shrinking_buys_few_pictures_and_none_beyond_the_cap(mock: MockServer, tmp_path: Path) -> None:
    for cap, bought in ((1, 0), (2, 1), (30, IMAGES_TO_SHRINK)):
        mock.configure(drifts=["size-echo-numeric"])
        with opened(mock, tmp_path, cap) as run:
            run.judge(asking({**LONG, "size": "1024x1024"}))
            assert run.findings.all
            shrink(run)
            assert run.provider.ledger.images - 1 <= bought


def test_shrinking_that_is_interrupted_keeps_what_was_seen(drifting: Run) -> None:
    drifting.judge(asking_wrongly({**LONG, "n": 0}))
    drifting.provider.pace.every.slow_to(1.0)
    drifting.provider.pace.wait(makes=False)
    alarm = Timer(0.2, interrupt_main)
    alarm.start()
    shrink(drifting)
    assert (drifting.interrupted, len(drifting.findings.all)) == (True, 1)


@contextmanager
def opened(mock: MockServer, folder: Path, most: int, **more: Any) -> Iterator[Run]:
    with closing(open_run(Options(mock.base_url, max_images=most, **more))) as run:
        run.folder = folder
        yield run
