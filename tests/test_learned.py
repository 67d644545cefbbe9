"""A report becomes a profile, and a mock that plays it is found to drift in the same ways."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from fixed_point import OTHERWISE, again, causes, otherwise_told, sets
from test_page import EVIL, clean, finding, report

from contract_tests.opening import open_run
from contract_tests.options import Options
from contract_tests.report.learned import learned_profile
from contract_tests.report.record import record
from imageproof import main
from mockserver.runner import MockServer
from mockserver.settings import Settings
from spec.drifts import catalogue
from spec.profiles import load_profile, parse_profile

_DIRECTED = [
    ("n-ignored-single-image", "data-url-inside-b64-json", "invalid-size-500"),
    ("content-type-vs-mediatype-empty", "empty-string-url-beside-b64"),
    ("arbitrary-size-only-enum-at-relay", "invalid-size-500", "error-is-a-string"),
    ("error-object-in-200", "code-is-string-success", "gateway-idle-502", "client-enum-typo-response-format"),
    ("modality-routing-404", "missing-model-defaults-dalle2", "polling-auth-relaxed", "unknown-task-500-spaced-code"),
    ("url-when-b64-expected", "task-id-changes"),
    ("size-argument-not-supported", "unknown-fields-swallowed", "stream-last-event-unended"),
]


@pytest.mark.parametrize("drifts", [*sets(3, seed=3)], ids=" ".join)
def test_what_is_learned_from_a_report_is_found_again(drifts: tuple[str, ...]) -> None:
    outcome = again(drifts)
    assert outcome.wrong() == []
    assert outcome.learned, "something was learned"


@pytest.mark.parametrize("drifts", _DIRECTED, ids=" ".join)
def test_drifts_that_meet_in_one_answer_keep_their_names(drifts: tuple[str, ...]) -> None:
    outcome = again(drifts)
    assert outcome.wrong() == []
    assert outcome.before == outcome.after <= set(catalogue())


@pytest.mark.parametrize("id_", OTHERWISE)
def test_parameters_are_learned_from_the_evidence(id_: str) -> None:
    outcome = again([otherwise_told(id_, OTHERWISE[id_])])
    assert outcome.learned == {id_: {**catalogue()[id_].defaults, **OTHERWISE[id_]}}
    assert outcome.wrong() == []


def test_every_parameter_that_can_be_learned_is_tried() -> None:
    learnable = {drift.id: set(drift.learned) for drift in catalogue().values() if drift.learned}
    assert learnable == {id_: set(told) for id_, told in OTHERWISE.items()}


# --- the text ---------------------------------------------------------------------------------------


def drifts_of(text: str) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = yaml.safe_load(text).get("drifts", [])
    return found


def test_each_drift_says_what_it_rests_on() -> None:
    [use] = drifts_of(learned_profile(report(), "mine"))
    assert use == {
        "id": "n-ignored-single-image",
        "source": "report of https://api.example.com, 2026-11-21: images.count, seen 2 times "
        "on POST /v1/images/generations",
    }


def test_what_has_no_name_stands_in_comments() -> None:
    text = learned_profile(report(), "mine")
    comments = "\n".join(line for line in text.splitlines() if line.startswith("#"))
    for told in ("SHOULD images.distinct", "seen once", "it has no name", "expected 3 pictures", "received 1 picture"):
        assert told in comments
    assert "this provider has no GET /v1/images/tasks/{task_id}" in comments
    assert "3 of 4 clauses were looked at (75 %)" in comments


def test_of_two_that_exclude_each_other_the_more_frequent_is_played() -> None:
    rare = finding(cause="empty-object-200", drift="empty-object-200", count=1, also_broken={})
    often = finding(cause="chat-shaped-200", drift="chat-shaped-200", count=9)
    text = learned_profile(report(findings=[rare, often]), "mine")
    assert [use["id"] for use in drifts_of(text)] == ["chat-shaped-200"]
    assert "it excludes chat-shaped-200, which explains more" in text


def test_a_drift_only_another_version_knows_is_kept_as_a_comment() -> None:
    text = learned_profile(report(findings=[finding(cause="of-tomorrow", drift="of-tomorrow")]), "mine")
    assert drifts_of(text) == []
    assert "this imageproof knows no drift of-tomorrow" in text


def test_parameters_that_were_not_seen_are_said_to_be_the_catalogues() -> None:
    seen = finding(cause="missing-model-503", drift="missing-model-503", parameters={"code": "busy"})
    text = learned_profile(report(findings=[seen]), "mine")
    assert drifts_of(text)[0]["with"] == {"code": "busy"}
    assert "# not seen, so the catalogue's own: message=" in text
    assert "type=new_api_error" in text


def test_hostile_text_stays_in_its_line() -> None:
    evil = f"{EVIL}\ndrifts: [chat-shaped-200]\r\n\x85\ufffe: {{"
    hostile = finding(drift=None, expected=evil, received=evil, title=evil, label=evil, parameters={"x": evil})
    hostile["operations"] = [{"id": evil, "label": evil}]
    named = {**finding(), "operations": [{"id": evil, "label": evil}]}
    text = learned_profile(report(findings=[hostile, named], provider=evil, not_tested={evil: evil}), "mine")
    told = yaml.safe_load(text)
    assert [use["id"] for use in told["drifts"]] == ["n-ignored-single-image"]
    assert set(told) == {"profile", "title", "sources", "drifts"}


def test_the_profile_it_was_held_to_is_kept() -> None:
    overlays = dict(load_profile("zhongzhuan").overlays)
    learned = parse_profile(learned_profile(report(overlays=overlays), "mine"), "mine.yaml")
    assert learned.overlays == overlays


def test_what_a_provider_lacks_its_mock_lacks() -> None:
    lacking = [{**one, "absent": not one["looked_at"]} for one in report()["operations"]]
    text = learned_profile(report(operations=lacking, findings=[]), "mine")
    profile = parse_profile(text, "mine.yaml")
    [contract] = profile.contracts()
    assert "getImageTask" not in {operation.id for operation in contract.operations}
    with MockServer(Settings(port=0, profile=profile)) as server:
        run = open_run(Options(server.url, families=("images",), max_images=0))
        images = run.contracts[0]
        assert run.absent(images, images.operation("getImageTask"))
        data = record(run)
        run.close()
    assert {one["id"] for one in data["operations"] if one["absent"]} == {"getImageTask"}
    assert causes(data) == frozenset()


def test_other_families_are_named() -> None:
    operations = [{"family": "replicate", "id": "x", "label": "X", "looked_at": True}]
    profile = parse_profile(learned_profile(report(operations=operations, findings=[]), "mine"), "mine.yaml")
    assert [contract.name for contract in profile.contracts()] == ["replicate"]


# --- the command ------------------------------------------------------------------------------------


def run(*arguments: Path | str) -> Result:
    return CliRunner().invoke(main, ["profile", *map(str, arguments)])


def test_the_command_writes_what_serve_reads(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(json.dumps(clean()), "utf-8")
    told = run(tmp_path / "report.json", "-o", tmp_path / "deep" / "mine.yaml")
    assert told.exit_code == 0, told.output
    assert load_profile(str(tmp_path / "deep" / "mine.yaml")).name == "mine"


@pytest.mark.parametrize(
    ("source", "target", "said"),
    [
        ("report.json", "mine", "must end in .yaml"),
        ("no.json", "mine.yaml", "or a report.json that"),
        ("-", "mine.yaml", "read"),
    ],
)
def test_it_says_what_is_wrong(tmp_path: Path, source: str, target: str, said: str) -> None:
    (tmp_path / "report.json").write_text(json.dumps(clean()), "utf-8")
    (tmp_path / "no.json").write_text("{}", "utf-8")
    told = run(tmp_path / source, "-o", tmp_path / target)
    assert told.exit_code == 2
    assert said in told.output
    assert not (tmp_path / target).exists()
