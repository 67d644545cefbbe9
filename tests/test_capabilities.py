"""Providers that lack what the contract lets them lack: nothing is held against them, and each absence is told once."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import pytest
import yaml
from faulty import CHEAP, GPT, asking, asking_wrongly, drawn, error, exchange, pictures
from rich.console import Console
from test_check import ALONE, imageproof, report_of
from test_provider import Asked, Told, listening

from contract_tests.capabilities import Capabilities
from contract_tests.check import check
from contract_tests.opening import open_run
from contract_tests.options import Options
from contract_tests.suite_cases import cases_of
from mockserver.runner import MockServer
from mockserver.settings import Settings
from spec.profiles import PLAIN, Profile, parse_profile

CREATE = PLAIN.contract("images").operation("createImage")
VARIATION = PLAIN.contract("images").operation("createImageVariation")

NO_TASKS = (
    "$.paths['/v1/images/tasks/{task_id}']",
    "$.components.responses['Generated','Edited'].links",
    "$.paths['/v1/images/generations','/v1/images/edits'].post.parameters",
    "$.components.responses['Generated','Edited'].content['application/json'].examples.task",
    "$.components.responses['Generated','Edited'].content['application/json'].schema.anyOf[1]",
    "$['x-problems']['unknown-task']",
)
NO_LIST = ("$.paths['/v1/models','/v1/models/{model}']", "$['x-problems']['unknown-model-id']")
NO_VARIATIONS = ("$.paths['/v1/images/variations']",)
NO_EDITS = ("$.paths['/v1/images/edits']",)
NO_STREAMS = tuple(
    f"$.components.schemas.{name}.properties['stream','partial_images','background']"
    for name in ("GenerationRequest", "EditForm", "EditRequest")
)
ELSEWHERE = {  # how another provider says that it does not have a model
    "$['x-problems']['unknown-model']": {"status": 404, "type": "not_found", "code": None, "param": None},
}


def provider_with(*models: str, lacks: tuple[str, ...] = (), changes: Mapping[str, Any] | None = None) -> Profile:
    """A faithful provider of these models only."""
    others = " && ".join(f"@ != '{model}'" for model in models)
    updates = {"$.components.schemas.EditForm.properties.model": {"default": models[0]}, **(changes or {})}
    actions = [
        {"target": f"$.components.schemas.Model.enum[?{others}]", "remove": True},
        *({"target": target, "update": update} for target, update in updates.items()),
        *({"target": target, "remove": True} for target in (*NO_TASKS, *lacks)),
    ]
    overlay = {"overlay": "1.0.0", "info": {"title": "What it lacks", "version": "1"}, "actions": actions}
    document = {"profile": "small", "title": "A small provider", "overlays": {"images": overlay}}
    return parse_profile(yaml.safe_dump(document), "small.yaml")


@pytest.mark.parametrize(
    ("profile", "kinds", "told"),
    [
        (provider_with("dall-e-2", "dall-e-3"), {"refusals", "lookups", "pictures"}, "does not list gpt-image-1-mini"),
        (
            provider_with("gpt-image-1", lacks=(*NO_VARIATIONS, *NO_LIST, *NO_STREAMS)),
            {"refusals", "pictures"},
            "has no stream here",
        ),
        (
            provider_with("gpt-image-1.5", lacks=(*NO_VARIATIONS, *NO_LIST, *NO_EDITS), changes=ELSEWHERE),
            {"refusals", "pictures", "streams"},
            "as unknown",
        ),
    ],
    ids=["only DALL-E", "only gpt-image-1, no list, no streams", "only generations, other words"],
)
def test_a_small_provider_is_faithful(profile: Profile, kinds: set[str], told: str, tmp_path: Any) -> None:
    with MockServer(Settings(port=0, profile=profile, task_polls=2)) as server:
        result = imageproof("check", server.url, "--max-images", "12", *ALONE, folder=tmp_path)
    report = report_of(tmp_path)
    assert [finding["clause"] for finding in report["findings"] if finding["level"] == "MUST"] == []
    assert report["verdict"] == "conforms", result.stdout
    assert result.returncode == 0
    assert {kind for kind, outcomes in report["steps"].items() if outcomes.get("passed")} == kinds
    assert report["images"] >= 9, "what cannot be asked for leaves its money to the rest"
    reasons = set(report["not_tested"].values())
    assert any(told in reason for reason in reasons), reasons
    assert any("has no GET /v1/images/tasks/{task_id}" in reason for reason in reasons)
    assert result.stdout.count("models: ") == 1


def capabilities(profile: Profile) -> tuple[Capabilities, MockServer]:
    server = MockServer(Settings(port=0, profile=profile)).start()
    run = open_run(Options(server.url))
    return run.capabilities_of(run.contracts[0]), server


@pytest.mark.parametrize(
    ("profile", "names", "certain"),
    [
        (provider_with("dall-e-3", "gpt-image-2"), {"dall-e-3", "gpt-image-2"}, True),
        (provider_with("dall-e-3", "gpt-image-2", lacks=NO_LIST), {"dall-e-3", "gpt-image-2"}, True),
        (provider_with("gpt-image-1", lacks=NO_LIST, changes=ELSEWHERE), {"gpt-image-1"}, True),
    ],
)
def test_its_models_are_found_for_nothing(profile: Profile, names: set[str], certain: bool) -> None:
    found, server = capabilities(profile)
    with server:
        assert set(found.models.names) == names
        assert found.models.certain is certain
        assert found.provider.ledger.images == 0
        found.provider.close()


def test_a_long_list_of_names_nobody_knows_asks_for_one_to_be_named() -> None:
    listed = [{"id": f"house-brand-{number}", "object": "model", "created": 1, "owned_by": "u"} for number in range(9)]

    def answer(asked: Asked) -> Told:
        if asked.path == "/v1/models":
            return Told({"object": "list", "data": listed})
        return Told(error("missing", "prompt"), 400 if asked.method == "POST" else 404)

    with listening(answer) as server:
        run = open_run(Options(server.url))
        assert run.models_of(run.contracts[0]) == ()
        assert "house-brand" in run.findings.not_tested["models"]
        assert "--model" in run.findings.not_tested["models"]
        assert run.models_to_look_up(run.contracts[0])[0] == "house-brand-0"
        assert not run.capabilities_of(run.contracts[0]).models.certain
        run.close()


# --- what a refusal is about ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (404, error("model_not_found", None)),
        (404, error(None, "model")),
        (400, error(None, None, "The model `dall-e-2` does not exist")),
        (400, error("invalid_value", "model")),
        (403, error(None, None, "Your organization must be verified to use the model `dall-e-2`.")),
        (503, error("model_not_found", None, "分组 default 下模型 dall-e-2 无可用渠道")),
        (500, error(None, None, "model dall-e-2 not found, no channel for it")),
        (422, {"detail": [{"loc": ["body"], "msg": "no model dall-e-2 here"}]}),
    ],
)
def test_a_model_that_is_missing_is_told_in_many_words(status: int, told: Any) -> None:
    assert exchange(asking(CHEAP), told, status).lacks_model


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (400, error("invalid_size", None, "256x256 is not supported by the model dall-e-2")),
        (400, error("invalid_value", "size", "The model does not have it")),
        (400, error(None, None, "prompt is too long for this model")),
        (401, error("invalid_api_key", None, "no key for model dall-e-2")),
        (429, error("rate_limit_exceeded", None, "Rate limit for model dall-e-2")),
        (500, error("image_generation_failed", None, "The model failed")),
        (
            500,
            error("500", None, "'str' object has no attribute 'x'; model group 'dall-e-2' failed with the error above"),
        ),
        (500, error(None, None, "Oops")),
    ],
)
def test_a_refusal_for_something_else_says_nothing_about_the_model(status: int, told: Any) -> None:
    assert not exchange(asking(CHEAP), told, status).lacks_model


STREAM = {**GPT, "stream": True, "background": "opaque"}


@pytest.mark.parametrize(
    ("told", "name"),
    [
        (error("unknown_parameter", "stream"), "stream"),
        (error(None, None, "Unknown parameter: 'stream'."), "stream"),
        (error(None, "stream", "Streaming is not supported."), "stream"),
        (error(None, None, "Unrecognized request argument supplied: background"), "background"),
        ({"detail": [{"loc": ["body", "background"], "msg": "Extra inputs are not permitted"}]}, "background"),
        (error("invalid_value", "background", "Unsupported background: 'opaque'"), ""),  # the value, not the parameter
        (error("invalid_value", "size", "Unsupported size"), "size"),
        (error(None, None, "Something is unknown"), ""),
        (error(None, None, "stream and background are not supported"), ""),
    ],
)
def test_a_parameter_that_is_missing_is_told_in_many_words(told: Any, name: str) -> None:
    assert exchange(asking(STREAM), told, 400).lacks_parameter == name


def test_only_what_may_be_lacked_is_a_feature() -> None:
    assert exchange(asking(STREAM), error("unknown_parameter", "stream"), 400).lacks_feature == "stream"
    assert exchange(asking(STREAM), error("unknown_parameter", "size"), 400).lacks_feature == ""
    broken = asking_wrongly({**STREAM, "background": 5})
    assert exchange(broken, error("unknown_parameter", "stream"), 400).lacks_feature == "stream"


def test_around_a_parameter_that_must_be_there_the_rest_is_looked_at_and_the_drift_found_once(tmp_path: Any) -> None:
    lacking = ("$.components.schemas.GenerationRequest.properties.style", "$..then.properties.style")
    profile = provider_with("dall-e-3", lacks=(*NO_VARIATIONS, *NO_EDITS, *lacking))
    with MockServer(Settings(port=0, profile=profile)) as server:
        imageproof("check", server.url, "--max-images", "8", *ALONE, folder=tmp_path)
    report = report_of(tmp_path)
    found = [finding for finding in report["findings"] if finding["level"] == "MUST"]
    assert [finding["clause"] for finding in found] == ["wire.accepted"], found
    assert found[0]["count"] == 1
    assert report["images"] >= 6


NOT_FOUND = error("not_found", None, "Not found: ")
NO_MODEL = error("model_not_found", None, "No such model")
PAGE = Told(b"<!doctype html><title>Welcome</title>", headers={"content-type": "text/html; charset=utf-8"})


@pytest.mark.parametrize(
    ("every", "told"),
    [
        (lambda _: PAGE, "200 with a web page"),
        (lambda asked: Told(b"", 302, {"location": f"/login?next={asked.path}"}), "302 and sends to /login"),
        (lambda asked: Told({"error": f"no {asked.path}", "at": "1795303616"}, 404), "404, as any path does"),
        (
            lambda _: Told(error("blocked", None, "Your address is blocked"), 403),
            "403 (Your address is blocked), as any",
        ),
        (lambda _: Told(b"upstream is away", 503, {"content-type": "text/plain"}), "503"),
        (lambda asked: Told(b"", 501 if asked.method == "POST" else 404, {"content-type": "text/plain"}), "501"),
    ],
)
def test_where_every_path_answers_alike_nothing_is_said_of_a_provider(every: Any, told: str, tmp_path: Any) -> None:
    with listening(every) as server:
        output = io.StringIO()
        code = check(Options(server.url, max_images=12, report_dir=tmp_path), Console(file=output, width=1000))
        assert (code, len(server.asked) < 40) == (3, True), output.getvalue()
    assert told in output.getvalue()
    report = json.loads((tmp_path / "report.json").read_bytes())
    assert (report["verdict"], report["findings"]) == ("could not look", [])
    assert "is the URL right" in report["could_not_look"]["every request"]


@pytest.mark.parametrize(
    "some",
    [
        lambda asked: Told(NOT_FOUND if "no-such" in asked.path else NO_MODEL, 404),  # in other words
        lambda asked: Told(NOT_FOUND, 404) if asked.path != "/v1/models" else Told({"object": "list", "data": []}),
        lambda _: Told({}),
        lambda _: Told(error(None, None, "Oops"), 500),  # whoever fails at each mistake does so at a wrong path, too
        lambda asked: Told(b"", 302, {"location": "/v2"}) if "generations" in asked.path else Told(NOT_FOUND, 404),
    ],
)
def test_where_anything_answers_on_its_own_it_is_judged(some: Any) -> None:
    with listening(some) as server, closing(open_run(Options(server.url, families=("images",)))) as run:
        assert run.unreachable == ""
        assert [contract.name for contract in run.contracts] == ["images"]


@pytest.mark.parametrize("whatever_in_front", [True, False])
def test_a_path_that_is_taken_for_another_ones_is_no_family(whatever_in_front: bool) -> None:
    def answer(asked: Asked) -> Told:
        known = asked.path in ("/v1/images/generations", "/kling/v1/images/generations")
        if known or (whatever_in_front and asked.path.endswith("/images/generations")):
            return Told(error("invalid_json", None), 400)
        return Told(b"", 404) if asked.path.endswith("/variations") else Told(NOT_FOUND, 404)

    with listening(answer) as server, closing(open_run(Options(server.url, families=("images", "kling")))) as run:
        assert ("kling" in run.findings.not_offered) is whatever_in_front
        assert "no POST /v1/images/variations" in run.absent(run.contracts[0], VARIATION)


def test_a_provider_of_another_family_lacks_the_usual_one() -> None:
    asked_for = ("images", "replicate")
    with (
        MockServer(Settings(port=0, contracts=("replicate",))) as server,
        closing(open_run(Options(server.url, families=asked_for))) as run,
    ):
        assert run.unreachable == ""
        assert [contract.name for contract in run.contracts] == ["replicate"]
        assert run.findings.not_offered == {"images": "images"}


def test_where_every_known_model_is_refused_no_pictures_are_asked_for() -> None:
    def answer(asked: Asked) -> Told:
        return Told(NOT_FOUND if "no-such-path" in asked.path else NO_MODEL, 404)

    with listening(answer) as server, closing(open_run(Options(server.url, max_images=12))) as run:
        assert run.capabilities_of(run.contracts[0]).models.none
        assert cases_of("pictures", run) == []
        assert "--model" in run.findings.not_tested["models"]


@pytest.mark.parametrize(("has", "findings"), [("gpt-image-1-mini", []), ("", ["wire.accepted"])])
def test_what_a_model_that_may_not_be_there_refuses_is_held_against_nobody_unless_nothing_works(
    has: str, findings: list[str]
) -> None:
    picture = drawn(1024, 1024)

    def answer(asked: Asked) -> Told:
        if asked.method != "POST" or asked.path != "/v1/images/generations":
            return Told(error("not_found", None), 404)
        told = json.loads(asked.body or b"{}")
        if "prompt" not in told:  # it looks at the model last
            return Told(error("missing_required_parameter", "prompt"), 400)
        if told.get("model") != has:
            return Told(error("invalid_value", "quality", "quality: this or that"), 400)
        return Told(pictures(picture))

    with listening(answer) as server, closing(open_run(Options(server.url, max_images=12))) as run:
        assert not run.capabilities_of(run.contracts[0]).models.certain
        for case in [case for case in cases_of("pictures", run) if case.asked["count"] == 1][:8]:
            run.judge(case)
        run.look_back()
        assert {f.clause.id for f in run.findings.all if f.clause.id == "wire.accepted"} == set(findings)
