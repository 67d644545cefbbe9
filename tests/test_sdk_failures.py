"""What the official client makes of failures, and how often it tries again: the server counts."""

from __future__ import annotations

import json
import os
from collections import Counter
from functools import partial
from typing import Any

import openai
import pytest
from official import Sdk, journal_of

from mockserver.runner import MockServer

ASKED: dict[str, Any] = {"model": "dall-e-2", "prompt": "A red fox", "size": "256x256"}

# wish -> status (None: none came), error class, code, attempts of a client that retries once
FAILURES: dict[str, tuple[int | None, type[Exception], str | None, int]] = {
    "code=400": (400, openai.BadRequestError, "invalid_value", 1),
    "problem=moderation-blocked": (400, openai.BadRequestError, "moderation_blocked", 1),
    "problem=billing-hard-limit": (400, openai.BadRequestError, "billing_hard_limit_reached", 1),
    "code=401": (401, openai.AuthenticationError, "invalid_api_key", 1),
    "code=403": (403, openai.PermissionDeniedError, None, 1),
    "problem=unsupported-country": (403, openai.PermissionDeniedError, "unsupported_country_region_territory", 1),
    "code=404": (404, openai.NotFoundError, "model_not_found", 1),
    'fault="html:status=404"': (404, openai.NotFoundError, None, 1),
    'fault="html:status=408"': (408, openai.APIStatusError, None, 2),
    'fault="html:status=409"': (409, openai.ConflictError, None, 2),
    "code=413": (413, openai.APIStatusError, "request_too_large", 1),
    'fault="html:status=422"': (422, openai.UnprocessableEntityError, None, 1),
    "code=429": (429, openai.RateLimitError, "rate_limit_exceeded", 2),
    "problem=quota-exhausted": (429, openai.RateLimitError, "insufficient_quota", 2),  # no help, but so it goes
    "problem=slow-down": (429, openai.RateLimitError, "slow_down", 2),
    "code=500": (500, openai.InternalServerError, "image_generation_failed", 2),
    "problem=server-error": (500, openai.InternalServerError, None, 2),
    'fault="html:status=502"': (502, openai.InternalServerError, None, 2),
    "code=503": (503, openai.InternalServerError, "server_is_overloaded", 2),
    'fault="html:status=524"': (524, openai.InternalServerError, None, 2),
    "fault=reset": (None, openai.APIConnectionError, None, 2),
    "fault=empty": (None, openai.APIConnectionError, None, 2),
    "fault=truncated": (None, openai.APIConnectionError, None, 2),
    "fault=cut-body": (200, json.JSONDecodeError, None, 1),
    "fault=empty-body": (200, json.JSONDecodeError, None, 1),
}


def test_the_client_is_the_one_that_is_meant() -> None:
    assert openai.VERSION.startswith(os.environ.get("IMAGEPROOF_TESTS_OPENAI", "3."))


def test_every_failure_is_the_error_it_should_be_and_tried_again_where_it_should_be(
    sdk: Sdk, imageproof_mock: MockServer
) -> None:
    client = sdk.connected(max_retries=1)

    def call(number: int, wish: str) -> Any:
        return client.images.generate(**ASKED, extra_headers={"Prefer": wish}, extra_query={"case": str(number)})

    errors = sdk.together([partial(call, number, wish) for number, wish in enumerate(FAILURES)])
    entries = imageproof_mock.journal
    attempts = Counter(entry.path.rpartition("=")[2] for entry in entries)
    for number, (wish, (status, kind, code, expected)) in enumerate(FAILURES.items()):
        error = errors[number]
        assert type(error) is kind, (wish, error)
        assert attempts[str(number)] == expected, wish
        if isinstance(error, openai.APIStatusError):
            assert (error.status_code, error.code) == (status, code), wish
        if isinstance(error, openai.APIStatusError) and "fault" not in wish:
            last = [entry for entry in entries if entry.path.endswith(f"={number}")][-1]
            assert error.request_id == last.request_id, wish
            assert error.type
            assert isinstance(error.body, dict)
            assert error.body["message"] in str(error)


def test_each_attempt_says_which_it_is(sdk: Sdk, imageproof_mock: MockServer) -> None:
    imageproof_mock.configure(faults=["html:status=502,first=2"])
    sent: list[Any] = []
    assert sdk.done(sdk.connected(sent=sent, max_retries=2).images.generate(**ASKED)).data
    assert [request.headers["x-stainless-retry-count"] for request in sent[::2]] == ["0", "1", "2"]
    assert [entry.status for entry in imageproof_mock.journal] == [502, 502, 200]


@pytest.mark.parametrize("fault", ["reset", "empty", "truncated"])
def test_a_form_with_a_file_is_sent_again_whole(sdk: Sdk, imageproof_mock: MockServer, fault: str) -> None:
    from test_sdk_pictures import picture

    imageproof_mock.configure(faults=[f"{fault}:first=1"])
    answer = sdk.done(sdk.connected(max_retries=1).images.edit(model="gpt-image-2", image=picture(), prompt="p"))
    assert answer.usage.input_tokens_details.image_tokens > 0
    assert [entry.fault for entry in imageproof_mock.journal] == [f"{fault}:first=1", ""]


def test_a_limit_that_passes_is_waited_for_as_long_as_the_server_says(sdk: Sdk, imageproof_mock: MockServer) -> None:
    imageproof_mock.configure(rate_limits=["120ipm"])
    sdk.together([lambda: sdk.images.generate(**ASKED, n=10)] * 12)
    heard: list[Any] = []
    patient = sdk.connected(sent=heard, max_retries=3)
    for _ in range(20):  # a slow machine gives the limit time to pass
        assert sdk.done(patient.images.generate(**ASKED)).data
        limited, entries = heard[max(-3, -len(heard))], imageproof_mock.journal
        if getattr(limited, "status_code", 200) == 429:
            break
    told = float(limited.headers["retry-after-ms"]) / 1000
    assert [entry.status for entry in entries[-2:]] == [429, 200]
    assert told - 0.01 <= entries[-1].at - entries[-2].at
    assert 0 < told <= 0.5 < float(limited.headers["retry-after"]) == 1


def test_what_waiting_does_not_help_is_refused_at_once(sdk: Sdk, imageproof_mock: MockServer) -> None:
    imageproof_mock.configure(rate_limits=["2ipm"])
    with pytest.raises(openai.RateLimitError) as caught:
        sdk.done(sdk.connected(max_retries=2).images.generate(**ASKED, n=3))
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert [entry.status for entry in imageproof_mock.journal] == [429]


def test_an_answer_that_takes_too_long_times_out_and_is_asked_for_again(sdk: Sdk, imageproof_mock: MockServer) -> None:
    sent: list[Any] = []
    client = sdk.connected(sent=sent, max_retries=1, timeout=0.3)
    with pytest.raises(openai.APITimeoutError) as caught:
        sdk.done(client.images.generate(**ASKED, extra_headers={"Prefer": "delay=5s"}))
    assert isinstance(caught.value, openai.APIConnectionError)
    assert [request.headers["x-stainless-retry-count"] for request in sent] == ["0", "1"]
    entries = journal_of(imageproof_mock, 2)
    assert [(entry.status, entry.detail) for entry in entries] == [(0, "the caller went away before the answer")] * 2
    assert sdk.done(sdk.images.generate(**ASKED, timeout=5, extra_headers={"Prefer": "delay=200ms"})).data


def test_another_content_type_does_not_keep_the_client_from_reading(sdk: Sdk) -> None:
    answer = sdk.done(sdk.images.generate(**ASKED, extra_headers={"Prefer": 'fault="wrong-type"'}))
    assert answer if isinstance(answer, str) else answer.data
