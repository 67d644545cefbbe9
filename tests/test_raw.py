"""What is wrong below schemas: each byte arrives, the mock refuses all, lenient servers are let alone."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from conftest import PROFILES
from test_provider import Asked, Told, listening

from contract_tests.cases import KEY, Case, Defect
from contract_tests.opening import open_run
from contract_tests.options import Options
from contract_tests.provider import DUMMY_KEY
from contract_tests.raw import raw
from contract_tests.run import Run
from mockserver.runner import MockServer
from mockserver.settings import Settings
from spec.profiles import PLAIN, load_profile
from spec.request_check import request_check

IMAGES = PLAIN.contract("images")
RAW = raw(IMAGES, 0)
CREATE = IMAGES.operation("createImage")


def defect(case: Case) -> Defect:
    assert case.defect is not None
    return case.defect


def rules(cases: list[Case]) -> set[str]:
    return {defect(case).rule for case in cases}


@pytest.fixture
def opened() -> Iterator[Any]:
    runs: list[Run] = []

    def open_(url: str, profile: str | None = None) -> Run:
        runs.append(open_run(Options(url, profile=profile)))
        return runs[-1]

    yield open_
    for run in runs:
        run.close()


# --- the cases --------------------------------------------------------------------------------------


def test_what_nobody_may_take_is_refused_by_the_contract_for_the_one_reason_it_is_labelled_with() -> None:
    firm = [case for case in RAW if not defect(case).tolerated]
    for case in firm:
        found = request_check(IMAGES, case.operation).explain(case.request)
        named = {violation.problem for violation in found}
        known = defect(case).rule == "a file of no bytes" or defect(case).problem == "invalid-credentials"
        assert named == {defect(case).problem} or known, case
    assert {"a comma too many", "single quotes", "null at the top", "JSON called a form", "a file of no bytes",
            "another boundary than its Content-Type names", "an empty key"} <= rules(firm)  # fmt: skip


def test_what_may_be_read_in_several_ways_asks_for_nothing_in_any_of_them() -> None:
    tolerated = [case for case in RAW if defect(case).tolerated]
    assert {"a byte order mark", "a key twice", "no boundary at the end", "a part without a name", "no Content-Type",
            "a slash at the end", "PUT where there is POST", "a file nobody chose"} <= rules(tolerated)  # fmt: skip
    for case in tolerated:
        body = case.body.replace(b"\x00", b"")
        needed = b"image" if case.operation.id == "createImageVariation" else b"prompt"
        assert b'"%s"' % needed not in body, f"somebody could make a picture of {case}"


def test_each_defect_is_there_once_and_its_name_is_short_and_its_own() -> None:
    names = [f"{case.operation.label}: {case.label}" for case in RAW]
    assert len(set(names)) == len(names)
    assert max(len(case.label) for case in RAW) <= 120
    assert len({case.key for case in RAW}) == len(RAW)
    assert 50 < len(RAW) < 80
    assert [case.key for case in raw(IMAGES, 0)] == [case.key for case in RAW]
    assert "delete" not in {case.operation.method.lower() for case in RAW}, "somewhere it may delete something"


def test_keys_and_methods_are_tried_on_every_operation() -> None:
    for rule in ("an empty key", "a key of another scheme"):
        tried = {case.operation.id for case in RAW if defect(case).rule == rule}
        assert tried == {operation.id for operation in IMAGES.operations}
    assert {case.operation.path for case in RAW if defect(case).problem == "wrong-method"} == {
        operation.path for operation in IMAGES.operations
    }


# --- on the wire ------------------------------------------------------------------------------------


def test_every_byte_and_header_arrives_as_it_was_meant(opened: Any) -> None:
    posted = [case for case in RAW if case.operation.method.lower() == "post"]
    with listening(lambda _: Told({"error": {}}, 400)) as server:
        run = opened(server.url)
        for case in posted:
            run.judge(case)
        came = [asked for asked in server.asked if asked.method == "POST" and "/imageproof/" not in asked.path]
    assert len(came) == len(posted)
    for case, asked in zip(posted, came, strict=True):
        path, _, query = asked.path.partition("?")
        assert (asked.method, path, query, asked.body) == ("POST", case.path, urlencode(case.query), case.body), case
        sent = {name: text.replace(KEY, DUMMY_KEY).strip() for name, text in case.headers.items()}
        assert {name: text.strip() for name, text in asked.headers.items() if name in sent} == sent, case
        if case.media is None and "content-type" not in case.odd_headers:
            assert "content-type" not in asked.headers, case


@pytest.mark.parametrize("name", [None, *PROFILES])
def test_the_mock_refuses_all_of_them_rightly_under_every_profile(name: str | None, opened: Any) -> None:
    profile = load_profile(name) if name else PLAIN
    with MockServer(Settings(port=0, profile=profile)) as server:
        run = opened(server.url, name)
        found = [(case, run.judge(case)) for contract in run.contracts for case in raw(contract, 0)]
    assert found
    for case, (exchange, findings, reason) in found:
        if exchange is None:  # hung up on before all was sent: one way to refuse
            assert defect(case).tolerated, (case, reason)
            assert case.odd_headers, (case, reason)
            continue
        assert findings == [], (case, [finding.broken for finding in findings])
        assert 400 <= exchange.response.status < 500, case
        assert defect(case).tolerated or exchange.response.status == defect(case).status, case
    assert run.provider.ledger.images == 0


# --- other people's servers -------------------------------------------------------------------------


def error(message: str, status: int) -> Told:
    told = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    return Told({"error": told}, status, {"x-request-id": "1"})


def lenient(asked: Asked) -> Told:
    """A server that keeps the contract with the parsers of Python's standard library, and cares for no media type."""
    if (
        not asked.headers.get("authorization", "").removeprefix("Bearer").strip()
        or asked.headers["authorization"] != f"Bearer {DUMMY_KEY}"
    ):
        return error("Who are you?", 401)
    if asked.path != CREATE.path:
        return Told(b"<html>There is nothing here</html>", 404, {"content-type": "text/html"})
    try:
        told = json.JSONDecoder().raw_decode(asked.body.decode("utf-8-sig", "replace"))[0]
    except (ValueError, RecursionError):
        return error("This is no JSON.", 400)
    if not isinstance(told, dict) or "prompt" not in told:
        return error("You must say what to draw.", 400)
    return Told({"created": 1, "data": [{"b64_json": "AAAA"}]}, 200, {"x-request-id": "1"})


def test_a_server_that_reads_generously_and_answers_elsewhere_in_its_own_way_has_no_must_broken(opened: Any) -> None:
    with listening(lenient) as server:
        run = opened(server.url)
        for case in RAW:
            if case.operation.id == CREATE.id:
                run.judge(case)
    broken = [finding for finding in run.findings.all if finding.clause.level == "MUST"]
    assert broken == [], [(finding.clause.id, finding.broken, finding.label) for finding in broken]
    assert run.provider.ledger.images == 0


def test_a_server_that_falls_over_or_makes_pictures_of_anything_is_convicted(opened: Any) -> None:
    answers = {
        "refusal.no-5xx": Told(b"oops", 500),
        "refusal.refused": Told({"created": 1, "data": [{"b64_json": "AAAA"}]}, 200),
    }
    bom = next(case for case in RAW if defect(case).rule == "a byte order mark")
    for clause, answer in answers.items():
        with listening(lambda _, answer=answer: answer) as server:  # type: ignore[misc]
            run = opened(server.url)
            run.judge(bom)
        assert [finding.clause.id for finding in run.findings.all] == [clause]
