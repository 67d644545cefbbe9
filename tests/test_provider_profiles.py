"""The mock behaving as one provider seen through the official client."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from conftest import GENERATIONS, Answer, ask, generate, opened
from PIL import Image
from rich.console import Console

from contract_tests.check import check
from contract_tests.options import Options
from mockserver.latency import Latency
from mockserver.runner import MockServer
from mockserver.settings import Settings
from spec.documents import load_yaml
from spec.patterns import matches
from spec.profiles import load_profile, profile_names

FIXTURES = Path(__file__).parent.parent / "fixtures"
PROMPT = "A lighthouse built of books"


def png() -> bytes:
    """A small picture."""
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), "navy").save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def original() -> Iterator[MockServer]:
    """The original API, with one model more."""
    with MockServer(Settings(port=0, profile=load_profile("openai"), models=("house-model",))) as server:
        yield server


@pytest.fixture
def client(original: MockServer) -> Iterator[openai.OpenAI]:
    """The official client of it."""
    with openai.OpenAI(base_url=original.base_url, api_key="sk-test", max_retries=0) as client:
        yield client


@pytest.mark.parametrize("model", ["dall-e-2", "dall-e-3", "gpt-image-1", "gpt-image-9"])
def test_an_ended_model_does_not_exist_and_that_is_a_400(client: openai.OpenAI, model: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.images.generate(model=model, prompt=PROMPT)
    error = caught.value
    assert (error.code, error.param, error.type) == ("invalid_value", "model", "image_generation_user_error")
    assert model not in [listed.id for listed in client.models.list()]


def test_variations_are_an_unknown_path(client: openai.OpenAI) -> None:
    with pytest.warns(DeprecationWarning, match="deprecated"), pytest.raises(openai.NotFoundError) as caught:
        client.images.create_variation(image=("a.png", png()))
    assert caught.value.response.content == b""
    assert caught.value.response.headers["x-content-type-options"] == "nosniff"
    assert caught.value.code is None


def test_the_async_parameter_is_ignored_and_no_route_knows_tasks(client: openai.OpenAI, original: MockServer) -> None:
    answer = client.images.generate(model="gpt-image-2", prompt=PROMPT, extra_query={"async": "true"})
    assert answer.data is not None
    assert answer.data[0].b64_json
    assert ask(f"{original.url}/v1/images/tasks/3dad96708a77485e97ac7ef652796d7b").status == 404


@pytest.mark.parametrize("model", ["gpt-image-2", "house-model"])
def test_nothing_is_delivered_by_link(client: openai.OpenAI, model: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.images.generate(model=model, prompt=PROMPT, response_format="url")
    assert (caught.value.code, caught.value.param) == ("unknown_parameter", "response_format")
    answer = client.images.generate(model=model, prompt=PROMPT)
    assert answer.data is not None
    assert (answer.data[0].url, bool(answer.data[0].b64_json)) == (None, True)


def test_a_file_must_say_what_it_is_or_have_a_name_that_does(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.images.edit(model="gpt-image-2", image=png(), prompt=PROMPT)  # bytes alone go as octet-stream
    assert (caught.value.code, caught.value.type) == ("unsupported_file_mimetype", "invalid_request_error")
    assert client.images.edit(model="gpt-image-2", image=("a.png", png()), prompt=PROMPT).data


def test_a_model_of_ones_own_is_listed_and_served(client: openai.OpenAI) -> None:
    assert "house-model" in [listed.id for listed in client.models.list()]
    assert client.models.retrieve("house-model").id == "house-model"
    assert client.images.edit(model="house-model", image=("a.png", png()), prompt=PROMPT).data


def test_answers_have_the_headers_that_were_seen(original: MockServer) -> None:
    made = generate(original, model="gpt-image-2", prompt=PROMPT)
    refused = generate(original, model="gpt-image-2", prompt=PROMPT, key="sk-wrong")
    for answer in (made, refused):
        assert answer.headers["openai-version"] == "2020-10-01"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["server"] == "cloudflare"
        assert int(answer.headers["openai-processing-ms"]) >= 0
    assert "openai-organization" in made.headers
    assert "openai-organization" not in refused.headers
    assert refused.headers["www-authenticate"] == 'Bearer realm="OpenAI API"'


def test_the_time_an_answer_took_is_told_as_it_was() -> None:
    settings = Settings(port=0, profile=load_profile("openai"), latency=Latency(0.3, 0.3))
    with MockServer(settings) as server:
        for body in ({"model": "gpt-image-2", "prompt": PROMPT}, {"model": "gpt-image-2"}):
            told = int(generate(server, **body).headers["openai-processing-ms"])
            assert 300 <= told < 5000


# --- by deployment ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def azure() -> Iterator[MockServer]:
    """A resource whose deployments are called as their models, and one as its owner likes."""
    settings = Settings(port=0, profile=load_profile("azure"), models=("my-deployment",), api_key="sk-right")
    with MockServer(settings) as server:
        yield server


def by_deployment(server: MockServer, key: str = "sk-right") -> openai.AzureOpenAI:
    """The official client of a resource."""
    return openai.AzureOpenAI(azure_endpoint=server.url, api_version="2025-04-01-preview", api_key=key, max_retries=0)


@pytest.mark.parametrize("deployment", ["gpt-image-2", "my-deployment"])
def test_a_deployment_draws_and_edits(azure: MockServer, deployment: str) -> None:
    with by_deployment(azure) as client:
        for answer in (
            client.images.generate(model=deployment, prompt=PROMPT),
            client.images.edit(model=deployment, image=("a.png", png()), prompt=PROMPT),
        ):
            assert answer.data is not None
            assert answer.data[0].b64_json
    paths = {entry.path.partition("?")[0] for entry in azure.journal}
    assert f"/openai/deployments/{deployment}/images/generations" in paths


def test_the_v1_route_names_the_deployment_in_the_body(azure: MockServer) -> None:
    with openai.OpenAI(base_url=f"{azure.url}/openai/v1", api_key="sk-right", max_retries=0) as client:
        assert client.images.generate(model="my-deployment", prompt=PROMPT).data
        with pytest.raises(openai.BadRequestError) as caught:
            client.images.generate(model="my-deployment", prompt=PROMPT, response_format="url")
    assert caught.value.code == "unknown_parameter"


def test_refusals_have_a_code_and_a_message(azure: MockServer) -> None:
    with by_deployment(azure, key="sk-else") as client, pytest.raises(openai.AuthenticationError) as wrong:
        client.images.generate(model="gpt-image-2", prompt=PROMPT)
    with by_deployment(azure) as client, pytest.raises(openai.NotFoundError) as unknown:
        client.images.generate(model="nobodys", prompt=PROMPT)
    for caught, code in ((wrong, "401"), (unknown, "DeploymentNotFound")):
        assert set(caught.value.response.json()["error"]) == {"code", "message"}
        assert caught.value.code == code
    path = f"{azure.url}/openai/deployments/gpt-image-2/images/generations"
    assert ask(path, {"prompt": PROMPT}, key="sk-right").status == 400  # without an api-version
    assert ask(f"{azure.url}/v1/images/generations", {}, key="sk-right").error["code"] == "404"


def test_the_content_filter_says_which_it_was(azure: MockServer) -> None:
    with by_deployment(azure) as client, pytest.raises(openai.BadRequestError) as caught:
        client.images.generate(
            model="gpt-image-2", prompt=PROMPT, extra_headers={"Prefer": "problem=moderation-blocked"}
        )
    error = caught.value.response.json()["error"]
    assert (error["code"], error["type"]) == ("content_policy_violation", "invalid_request_error")
    assert error["inner_error"]["code"] == "ResponsibleAIPolicyViolation"
    assert error["inner_error"]["content_filter_results"]["hate"] == {"filtered": False, "severity": "safe"}


# --- every profile ------------------------------------------------------------------------------------


def said_to_answer() -> dict[str, list[dict[str, Any]]]:
    """What the reference says each profile answers: `fixtures/profiles.yaml`."""
    return load_yaml((FIXTURES / "profiles.yaml").read_text("utf-8"), "profiles.yaml")


def test_the_reference_is_asked_about_the_gateways_it_describes() -> None:
    gateways = {"one-api", "new-api", "one-hub", "sub2api", "litellm", "siliconflow", "xai", "openrouter-images"}
    own_servers = {"localai", "stable-diffusion.cpp", "vllm-omni", "sglang"}
    assert gateways | own_servers <= said_to_answer().keys() <= set(profile_names())


@pytest.mark.parametrize("name", said_to_answer())
def test_a_profile_answers_as_the_reference_says(name: str) -> None:
    with MockServer(Settings(port=0, profile=load_profile(name), task_polls=2)) as server:
        before: Any = None
        for told in said_to_answer()[name]:
            asked = told["ask"]
            key = {"wrong": "sk-wrong-key"}.get(asked.get("key", ""), asked.get("key", "sk-test"))
            path = asked.get("path", GENERATIONS)
            path = path.replace("{task}", task_of(before)) if "{task}" in path else path
            wished = {"prefer": asked["prefer"]} if "prefer" in asked else {}
            before = ask(server.url + path, asked.get("body"), method=asked.get("method"), key=key, headers=wished)
            assert before.status == told["status"], (told, before.body[:500])
            assert matches(told.get("headers", {}), dict(before.headers)), (told, before.headers)
            assert "body" not in told or matches(told["body"], before.json), (told, before.body[:1000])
            assert matches(told.get("text", "~"), before.body.decode()), (told, before.body[-200:])


def task_of(answer: Answer) -> str:
    """The id an answer gives a task."""
    return str(answer.json.get("task_id") or answer.json["id"])


# --- held to their own documents ----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["openai", "new-api"])  # the others: `make families`
def test_a_provider_served_is_what_its_profile_says(name: str, tmp_path: Path) -> None:
    """Held to its own documents, only drifts its profile lists are found, each by its name."""
    profile = load_profile(name)
    with MockServer(Settings(port=0, profile=profile, task_polls=2)) as server:
        options = Options(server.url, profile=name, max_images=2, report_dir=tmp_path)
        code = check(options, Console(file=io.StringIO(), width=100))
        told = [entry.status for entry in server.journal]
    found = {finding["drift"] for finding in json.loads((tmp_path / "report.json").read_bytes())["findings"]}
    assert code == (1 if profile.drifts else 0), found
    assert found <= {use.drift.id for use in profile.drifts}
    assert bool(found) == bool(profile.drifts)
    assert 200 in told


# --- flux ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def flux() -> Iterator[MockServer]:
    with MockServer(Settings(port=0, contracts=("images",), profile=load_profile("flux"))) as server:
        yield server


@pytest.mark.parametrize(
    ("told", "size"),
    [
        ({"size": "1792x1024"}, (1360, 768)),
        ({"size": "1024x768"}, (1184, 880)),
        ({"aspect_ratio": "9:21", "output_format": "jpg"}, (672, 1568)),
    ],
)
def test_a_size_is_asked_for_its_ratio(flux: MockServer, told: dict[str, Any], size: tuple[int, int]) -> None:
    answer = generate(flux, model="flux-schnell", prompt="A red fox", response_format="b64_json", **told)
    [image] = [opened(base64.b64decode(one["b64_json"])) for one in answer.json["data"]]
    assert (image.size, image.format) == (size, "JPEG" if "output_format" in told else "PNG")
