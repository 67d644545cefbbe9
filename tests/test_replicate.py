"""The official Replicate client takes the mock for the real thing, from the first request to a signed callback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import orjson
import pytest
from conftest import Answer, ask, opened
from PIL import Image
from replicate.client import Client
from replicate.exceptions import ModelError, ReplicateError
from replicate.webhook import Webhooks
from test_callbacks import Receiver, soon

from mockserver.runner import MockServer
from mockserver.settings import Settings

SCHNELL, PRO = "black-forest-labs/flux-schnell", "black-forest-labs/flux-1.1-pro"


@pytest.fixture(scope="module")
def server() -> Iterator[MockServer]:
    with MockServer(Settings(port=0, contracts=("replicate",), task_seconds=0.2)) as running:
        yield running


@contextmanager
def connected(server: MockServer, key: str = "sk-test") -> Iterator[Client]:
    """A client of this server; it has no way of its own to be closed."""
    client = Client(api_token=key, base_url=f"{server.url}/replicate")
    try:
        yield client
    finally:
        client._client.close()


@pytest.fixture(scope="module")
def client(server: MockServer) -> Iterator[Client]:
    with connected(server) as opened_:
        yield opened_


def picture(link: str) -> Image.Image:
    return opened(ask(link).body)


def create(server: MockServer, body: object, model: str = "flux-schnell", **headers: str) -> Answer:
    return ask(f"{server.url}/replicate/v1/models/black-forest-labs/{model}/predictions", body, headers=headers)


def test_run_waits_for_as_many_pictures_as_were_asked_for(client: Client) -> None:
    asked = {"prompt": "A cat", "num_outputs": 2, "aspect_ratio": "16:9", "output_format": "jpg"}
    links = client.run(SCHNELL, input=asked)
    found = [picture(link) for link in links]
    assert [(image.format, image.size) for image in found] == [("JPEG", (1360, 768))] * 2
    assert found[0].tobytes() != found[1].tobytes()


def test_some_models_tell_one_link_and_no_list(client: Client) -> None:
    link = client.run(PRO, input={"prompt": "A cat", "aspect_ratio": "9:16"})
    assert isinstance(link, str)
    assert picture(link).size == (768, 1360)


def test_a_prediction_is_polled_from_starting_to_its_output(client: Client) -> None:
    prediction = client.models.predictions.create(SCHNELL, input={"prompt": "A cat", "seed": 7})
    assert (prediction.status, prediction.output, prediction.error) == ("starting", None, None)
    assert prediction.input == {"prompt": "A cat", "seed": 7}
    prediction.wait()
    assert prediction.status == "succeeded"
    assert prediction.progress is not None
    assert prediction.progress.percentage == 1.0
    assert prediction.completed_at is not None
    assert prediction.created_at is not None
    assert prediction.created_at < prediction.completed_at
    assert [picture(link).format for link in prediction.output or ()] == ["WEBP"]


def test_same_seed_same_picture(client: Client) -> None:
    drawn = [
        picture(next(iter(client.run(SCHNELL, input={"prompt": "A cat", "seed": seed})))).tobytes()
        for seed in (7, 7, 8)
    ]
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_prediction_that_is_given_up_stays_canceled() -> None:
    settings = Settings(port=0, contracts=("replicate",), task_seconds=3600)
    with MockServer(settings) as server, connected(server) as client:
        prediction = client.predictions.create(version="5c7d5dc6", input={"prompt": "A cat"})
        prediction.cancel()
        assert prediction.status == "canceled"
        prediction.reload()
        assert (prediction.status, prediction.output) == ("canceled", None)
        assert [one.id for one in client.predictions.list().results] == [prediction.id]


def test_one_that_has_ended_cannot_be_given_up(client: Client) -> None:
    prediction = client.predictions.create(version="5c7d5dc6", input={"prompt": "A cat"})
    prediction.wait()
    prediction.cancel()
    assert prediction.status == "succeeded"


def test_a_prediction_belongs_to_its_key(server: MockServer, client: Client) -> None:
    prediction = client.predictions.create(version="5c7d5dc6", input={"prompt": "A cat"})
    with connected(server, "sk-other") as other:
        with pytest.raises(ReplicateError) as caught:
            other.predictions.get(prediction.id)
        assert caught.value.status == 404
        assert other.predictions.list().results == []


def test_a_mistake_is_told_as_a_problem_the_client_reads(client: Client) -> None:
    with pytest.raises(ReplicateError) as caught:
        client.run(SCHNELL, input={"prompt": "A cat", "num_outputs": 9})
    assert (caught.value.status, caught.value.title) == (422, "Input validation failed")
    assert "input.num_outputs" in str(caught.value.detail)


def test_each_model_has_rules_of_its_own(server: MockServer) -> None:
    steps = {"input": {"prompt": "A cat", "num_inference_steps": 28}}
    assert [create(server, steps, model).status for model in ("flux-schnell", "flux-dev")] == [422, 201]


def test_a_refused_prompt_fails_the_prediction_and_not_the_request(server: MockServer, client: Client) -> None:
    answer = create(server, {"input": {"prompt": "A cat"}}, Prefer="problem=moderation-blocked")
    assert answer.status == 201
    failed = client.predictions.get(answer.json["id"])
    failed.wait()
    assert failed.status == "failed"
    assert "NSFW" in str(failed.error)
    settings = Settings(port=0, contracts=("replicate",), task_seconds=0.0, blocked=("forbidden",))
    with MockServer(settings) as strict, connected(strict) as other, pytest.raises(ModelError, match="NSFW"):
        other.run(SCHNELL, input={"prompt": "A forbidden cat"})


def test_prefer_wait_holds_the_answer_for_so_long_and_no_longer() -> None:
    with MockServer(Settings(port=0, contracts=("replicate",), task_seconds=3600)) as server:
        answer = create(server, {"input": {"prompt": "A cat"}}, Prefer="wait=1")
        assert answer.json["status"] == "starting"
        assert 0.9 < server.journal[-1].seconds < 3


def test_callbacks_are_signed_as_the_official_client_checks(server: MockServer, client: Client) -> None:
    with Receiver().open() as receiver:
        body = {"input": {"prompt": "A cat"}, "webhook": receiver.url}
        create(server, {**body, "webhook_events_filter": ["completed"]})
        soon(lambda: len(receiver.heard) == 1)
    _, headers, told = receiver.heard[0]
    sent = orjson.dumps(told).decode()
    Webhooks.validate(headers=headers, body=sent, secret=client.webhooks.default.secret())
    with pytest.raises(ValueError, match="signature"):
        Webhooks.validate(headers=headers, body=f"{sent} ", secret=client.webhooks.default.secret())
    assert told["status"] == "succeeded"
    assert [opened(ask(link).body).size for link in told["output"]] == [(1024, 1024)]
