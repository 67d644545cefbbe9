"""The official client against the mock: what it needs to be content, and what it makes of refusals."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from conftest import ask, opened

from mockserver.runner import MockServer

PROMPT = "A lighthouse built of books"


@pytest.fixture
def client(imageproof_env: MockServer) -> Iterator[openai.OpenAI]:
    """The client as its users make it: everything from the environment. Retries nothing unless told to."""
    with openai.OpenAI(max_retries=0) as client:
        assert str(client.base_url) == f"{imageproof_env.base_url}/"
        yield client


def preferring(status: int) -> dict[str, str]:
    return {"Prefer": f"code={status}"}


def test_dall_e_gives_a_link_that_can_be_fetched(client: openai.OpenAI) -> None:
    answer = client.images.generate(model="dall-e-3", prompt=PROMPT, size="1792x1024", style="natural")
    assert answer.data is not None
    [image] = answer.data
    assert image.b64_json is None
    assert image.revised_prompt
    assert image.url is not None
    file = ask(image.url, key=None)
    assert (file.status, file.headers["content-type"]) == (200, "image/png")
    assert opened(file.body).size == (1792, 1024)


def test_gpt_image_gives_base64_and_says_what_it_was_made_of(client: openai.OpenAI) -> None:
    answer = client.images.generate(
        model="gpt-image-1.5", prompt=PROMPT, n=2, size="1024x1536", quality="low", output_format="webp"
    )
    assert answer.data is not None
    pictures = [opened(base64.b64decode(image.b64_json or "")) for image in answer.data]
    assert [(picture.size, picture.format) for picture in pictures] == [((1024, 1536), "WEBP")] * 2
    assert {image.url for image in answer.data} == {None}
    assert (answer.size, answer.quality, answer.output_format, answer.background) == (
        "1024x1536",
        "low",
        "webp",
        "opaque",
    )
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens > 0
    assert answer.usage.input_tokens_details.text_tokens == answer.usage.input_tokens


def test_the_client_knows_the_request_id(client: openai.OpenAI, imageproof_mock: MockServer) -> None:
    answer = client.images.generate(model="dall-e-2", prompt=PROMPT, size="256x256")
    [entry] = imageproof_mock.journal
    assert answer._request_id == entry.request_id


def test_the_raw_answer_has_its_headers(client: openai.OpenAI) -> None:
    raw = client.images.with_raw_response.generate(model="dall-e-2", prompt=PROMPT, size="256x256")
    assert raw.status_code == 200
    assert raw.headers["content-type"] == "application/json"
    assert raw.headers["x-request-id"] == raw.request_id
    assert raw.parse().created > 1_700_000_000


def test_the_asynchronous_client_is_content_too(imageproof_env: MockServer) -> None:
    async def pictures() -> list[str | None]:
        async with openai.AsyncOpenAI(max_retries=0) as client:
            answers = await asyncio.gather(
                *(client.images.generate(model="dall-e-2", prompt=f"{PROMPT} {n}", size="256x256") for n in range(5))
            )
        return [answer.data[0].url if answer.data else None for answer in answers]

    urls = asyncio.run(pictures())
    assert len(set(urls)) == 5
    assert None not in urls
    assert len(imageproof_env.journal) == 5


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"model": "gpt-image-2", "n": 99}, "integer_above_max_value", "n"),
        ({"prompt": PROMPT}, "missing_required_parameter", "model"),
        ({"model": "gpt-image-2", "response_format": "url"}, "unknown_parameter", "response_format"),
        ({"model": "gpt-image-2", "extra_body": {"watermark": False}}, "unknown_parameter", "watermark"),
        ({"model": "dall-e-4"}, "invalid_value", "model"),
    ],
)
def test_a_wrong_request_is_a_bad_request_error(
    client: openai.OpenAI, body: dict[str, Any], code: str, param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.images.generate(**{"prompt": PROMPT, **body})
    assert (caught.value.status_code, caught.value.code, caught.value.param) == (400, code, param)
    assert caught.value.type
    assert caught.value.request_id
    assert param in str(caught.value)


def test_a_wrong_key_is_an_authentication_error(client: openai.OpenAI) -> None:
    with pytest.raises(openai.AuthenticationError) as caught:
        client.with_options(api_key="sk-wrong-key").images.generate(model="dall-e-2", prompt=PROMPT)
    assert (caught.value.status_code, caught.value.code) == (401, "invalid_api_key")
    assert "sk-wrong-key" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (403, openai.PermissionDeniedError, None),
        (404, openai.NotFoundError, "model_not_found"),
        (429, openai.RateLimitError, "rate_limit_exceeded"),
        (500, openai.InternalServerError, "image_generation_failed"),
        (503, openai.InternalServerError, "server_is_overloaded"),
    ],
)
def test_a_preferred_failure_is_the_error_a_caller_has_to_handle(
    client: openai.OpenAI, status: int, kind: type[openai.APIStatusError], code: str | None
) -> None:
    with pytest.raises(kind) as caught:
        client.images.generate(model="dall-e-2", prompt=PROMPT, extra_headers=preferring(status))
    assert (caught.value.status_code, caught.value.code) == (status, code)


def test_a_rate_limit_is_tried_again_as_often_as_the_client_was_told(
    client: openai.OpenAI, imageproof_mock: MockServer
) -> None:
    with pytest.raises(openai.RateLimitError) as caught:
        client.with_options(max_retries=1).images.generate(
            model="dall-e-2", prompt=PROMPT, extra_headers=preferring(429)
        )
    attempts = imageproof_mock.journal
    assert [(entry.status, entry.problem) for entry in attempts] == [(429, "rate-limited")] * 2
    assert attempts[1].at - attempts[0].at >= 0.9  # Retry-After: 1
    assert caught.value.request_id == attempts[1].request_id


def test_a_refusal_is_not_tried_again(client: openai.OpenAI, imageproof_mock: MockServer) -> None:
    with pytest.raises(openai.BadRequestError):
        client.with_options(max_retries=5).images.generate(model="dall-e-2", prompt="")
    assert len(imageproof_mock.journal) == 1


def test_a_task_is_submitted_through_the_client_and_polled_to_its_end(
    client: openai.OpenAI, imageproof_mock: MockServer
) -> None:
    raw = client.images.with_raw_response.generate(
        model="gpt-image-1.5", prompt=PROMPT, size="1024x1024", extra_query={"async": "true"}
    )
    task_id = raw.http_response.json()["task_id"]
    states = []
    while True:
        poll = ask(f"{imageproof_mock.base_url}/images/tasks/{task_id}", key=client.api_key).json["data"]
        states.append(poll["status"])
        if poll["data"] is not None:
            break
    assert states == ["NOT_START", "IN_PROGRESS", "SUCCESS"]
    assert opened(base64.b64decode(poll["data"]["data"][0]["b64_json"])).size == (1024, 1024)


def test_the_client_gets_through_after_two_failures_and_waits_as_told(imageproof_env: MockServer) -> None:
    imageproof_env.configure(faults=["html:status=502,first=1", "problem:name=overloaded,after=1,first=1"])
    with openai.OpenAI(max_retries=2) as client:
        assert client.images.generate(model="dall-e-3", prompt=PROMPT).data
    assert [entry.status for entry in imageproof_env.journal] == [502, 503, 200]


@pytest.mark.parametrize("fault", ["reset", "empty"])
def test_a_lost_connection_is_tried_again(imageproof_env: MockServer, fault: str) -> None:
    imageproof_env.configure(faults=[f"{fault}:first=1"])
    with openai.OpenAI(max_retries=1) as client:
        assert client.images.generate(model="dall-e-3", prompt=PROMPT).data
    assert [entry.fault for entry in imageproof_env.journal] == [f"{fault}:first=1", ""]


def test_what_never_passes_is_not_tried_again(imageproof_env: MockServer) -> None:
    imageproof_env.configure(rate_limits=["3ipm"])
    with openai.OpenAI(max_retries=2) as client, pytest.raises(openai.RateLimitError, match="limit 3, used 0"):
        client.images.generate(model="dall-e-2", prompt=PROMPT, n=4)
    assert [entry.status for entry in imageproof_env.journal] == [429]


def test_a_limit_that_passes_soon_is_waited_for(imageproof_env: MockServer) -> None:
    imageproof_env.configure(rate_limits=["120rpm"])
    with openai.OpenAI(max_retries=0) as hasty:
        for _ in range(200):
            try:
                hasty.images.generate(model="dall-e-2", prompt=PROMPT, size="256x256")
            except openai.RateLimitError:
                break
        else:
            pytest.fail("nothing was limited")
    with openai.OpenAI(max_retries=1) as patient:
        assert patient.images.generate(model="dall-e-2", prompt=PROMPT, size="256x256").data


def test_a_blocked_prompt_is_a_bad_request(imageproof_env: MockServer, client: openai.OpenAI) -> None:
    imageproof_env.configure(blocked=["weapon"])
    with pytest.raises(openai.BadRequestError) as caught:
        client.images.generate(model="gpt-image-2", prompt="A weapon")
    assert caught.value.code == "moderation_blocked"
