"""Families are served together or alone, and looked for before they are tested."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from conftest import ask, generate, opened

from contract_tests.opening import open_run
from contract_tests.options import Options
from contract_tests.suite_cases import cases_of
from mockserver.runner import MockServer
from mockserver.settings import Settings
from spec.documents import confirmed_families, default_families, shipped


@pytest.fixture(scope="module")
def everything() -> Iterator[MockServer]:
    with MockServer(Settings(port=0, contracts=tuple(shipped()), task_polls=1)) as server:
        yield server


def test_the_images_api_is_the_default_and_speaks_for_paths_nobody_has(everything: MockServer) -> None:
    assert default_families() == ("images",)
    assert shipped()[0] == "images"
    with MockServer(Settings(port=0)) as server:
        assert [contract.name for contract in server.mock.contracts] == ["images"]
        nothing = ask(f"{server.url}/nothing")
    assert (ask(f"{everything.url}/nothing").status, ask(f"{everything.url}/nothing").body) == (404, nothing.body)


def test_a_proposal_is_served_as_others_are_and_tested_where_it_is_named(everything: MockServer) -> None:
    assert set(shipped()) - set(confirmed_families()) == {"workflow"}
    task = ask(f"{everything.url}/workflow/flux-dev", {"prompt": "A fox", "width": 320, "height": 256, "n": 2}).json
    told = ask(f"{everything.url}/workflow/tasks/{task['data']}").json["data"]
    assert (told["action"], told["status"]) == ("FLUX_DEV", "SUCCESS")
    assert {opened(ask(one["url"], key=None).body).size for one in told["data"]["images"]} == {(320, 256)}


def test_all_families_are_served_side_by_side(everything: MockServer) -> None:
    picture = generate(everything, model="dall-e-2", prompt="A fox", size="256x256")
    task = ask(f"{everything.url}/mj/submit/imagine", {"prompt": "A fox"})
    assert (picture.status, task.json["code"]) == (200, 1)
    nearest = ask(f"{everything.url}/kling/v1/nothing")
    assert (nearest.status, nearest.json["code"]) == (404, 1202)


def test_families_a_provider_lacks_are_told_once_and_not_tested() -> None:
    with MockServer(Settings(port=0, contracts=("images", "kling"))) as server:
        run = open_run(Options(server.url, families=tuple(shipped())))
        assert {contract.name for contract in run.contracts} == {"images", "kling"}
        told = {name: reason for name, reason in run.findings.not_tested.items() if name in shipped()}
        run.close()
    assert told.keys() == {*shipped()} - {"images", "kling"}
    assert told["midjourney"] == "this provider has no Midjourney"


def test_a_small_budget_reaches_every_family(everything: MockServer) -> None:
    run = open_run(Options(everything.url, families=("gemini", "kling", "chat"), max_images=9))
    planned = {case.contract.name for kind in ("pictures", "streams", "tasks") for case in cases_of(kind, run)}
    run.close()
    assert planned == {"gemini", "kling", "chat"}


def test_a_family_without_the_models_asked_for_is_left_out() -> None:
    with MockServer(Settings(port=0, contracts=tuple(shipped()))) as server:
        run = open_run(Options(server.url, families=tuple(shipped()), models=("kling-v2",)))
        named = {contract.name for contract in run.contracts if contract.models}
        run.close()
    assert named == {"kling"}
