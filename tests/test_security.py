"""How keys travel: by the contract's security schemes, to the mock and from the contract tests."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import Any

import pytest
from conftest import CHEAP, GENERATIONS, ask
from test_provider import Told, asking, listening

from contract_tests.cases import KEY, WRONG_KEY, json_case
from contract_tests.mutations import labelled, mutants
from contract_tests.report.evidence import curl
from mockserver.runner import MockServer
from mockserver.settings import Settings
from spec.contract import Contract
from spec.errors import DocumentError
from spec.profiles import Profile, parse_profile
from spec.recordings.redactor import Redactor
from spec.recordings.secrets import MASK
from spec.request_check import request_check
from spec.security import Scheme

HEADER = "{type: apiKey, in: header, name: X-Pictures-Key}"
ASKED = {**CHEAP, "n": 1}


def sending(*schemes: str, security: str | None = None) -> Profile:
    """A provider that takes keys in these ways; `security` is the list of alternatives."""
    named = ", ".join(f"s{index}: {scheme}" for index, scheme in enumerate(schemes))
    listed = security or ", ".join(f"{{s{index}: []}}" for index in range(len(schemes)))
    text = (
        "profile: p\ntitle: t\noverlays:\n  images:\n    overlay: 1.0.0\n    actions:\n"
        "      - {target: $.components.securitySchemes, remove: true}\n"
        f"      - {{target: $.components, update: {{securitySchemes: {{{named}}}}}}}\n"
        "      - {target: $.security, remove: true}\n"
        f"      - {{target: $, update: {{security: [{listed}]}}}}\n"
    )
    return parse_profile(text, "p.yaml")


def contract_of(*schemes: str) -> Contract:
    return sending(*schemes).contract("images")


@pytest.mark.parametrize(
    ("schemes", "headers", "key"),
    [
        ([HEADER], {"x-pictures-key": "k"}, "k"),
        ([HEADER], {"x-pictures-key": " k "}, "k"),
        ([HEADER], {"x-pictures-key": ""}, None),
        ([HEADER], {"authorization": "Bearer k"}, None),
        (["{type: http, scheme: bearer}"], {"x-pictures-key": "k"}, None),
        (["{type: http, scheme: key}"], {"authorization": "Key k"}, "k"),
        (["{type: http, scheme: key}"], {"authorization": "Bearer k"}, None),
        ([HEADER, "{type: http, scheme: bearer}"], {"authorization": "Bearer k"}, "k"),
        ([HEADER, "{type: http, scheme: bearer}"], {"x-pictures-key": "k"}, "k"),
        ([HEADER, "{type: http, scheme: bearer}"], {"x-pictures-key": "a", "authorization": "Bearer b"}, "a"),
        ([HEADER, "{type: http, scheme: bearer}"], {"authorization": "k"}, None),
        ([HEADER, "{type: http, scheme: bearer}"], {}, None),
    ],
)
def test_a_key_is_found_where_the_contract_says_and_both_judges_agree(
    schemes: list[str], headers: dict[str, str], key: str | None
) -> None:
    contract = contract_of(*schemes)
    operation = contract.operation("createImage")
    assert operation.key(headers) == key
    request = json_case(contract, operation, ASKED, credential=None).request
    request = replace(request, headers={**request.headers, **headers})
    check = request_check(contract, operation)
    assert check.accepts(request) == (key is not None)
    found = [(violation.problem, violation.param) for violation in check.explain(request)]
    assert found == ([] if key is not None else [("missing-credentials", operation.schemes[0].header)])


def test_without_schemes_no_key_is_needed() -> None:
    for security in ("{}", "{s0: []}, {}"):
        operation = sending(HEADER, security=security).contract("images").operation("createImage")
        assert (operation.schemes, operation.secured) == ((), False)


@pytest.mark.parametrize(
    ("scheme", "security", "location"),
    [
        ("{type: apiKey, in: query, name: key}", None, "/components/securitySchemes/s0"),
        ("{type: http, scheme: basic}", None, "/components/securitySchemes/s0"),
        ("{type: http, scheme: Bearer}", None, "/components/securitySchemes/s0"),
        (HEADER, "{s0: [], s1: []}", "/security/0"),
        (HEADER, "{s0: []}, {s9: []}", "/security/1"),
    ],
)
def test_a_way_that_is_not_in_the_language_is_refused_with_its_place(
    scheme: str, security: str | None, location: str
) -> None:
    with pytest.raises(DocumentError) as caught:
        sending(scheme, security=security).contract("images")
    assert caught.value.location == location


def test_the_mock_takes_keys_as_its_contract_says() -> None:
    profile = sending(HEADER, "{type: http, scheme: bearer}")
    with MockServer(Settings(port=0, profile=profile, api_key="sk-right")) as server:

        def status(**headers: str) -> int:
            sent = {name.replace("_", "-"): text for name, text in headers.items()}
            return ask(server.url + GENERATIONS, CHEAP, key=None, headers=sent).status

        assert status(x_pictures_key="sk-right") == status(authorization="Bearer sk-right") == 200
        assert status(x_pictures_key="sk-other") == status(x_pictures_key="Bearer sk-right") == 401
        assert status() == status(x_api_key="sk-right") == 401


def test_cases_carry_the_key_as_the_contract_says() -> None:
    contract = contract_of(HEADER, "{type: http, scheme: bearer}")
    case = json_case(contract, contract.operation("createImage"), ASKED)
    assert case.headers["x-pictures-key"] == KEY
    assert "authorization" not in case.headers
    missing, wrong = [
        mutant
        for mutant in map(labelled, mutants(case))
        if mutant and "credentials" in mutant.defect.problem  # type: ignore[union-attr]
    ]
    assert "x-pictures-key" not in missing.headers
    assert wrong.headers["x-pictures-key"] == WRONG_KEY


def test_the_key_is_sent_and_never_shown() -> None:
    contract = contract_of(HEADER)
    with listening(lambda _: Told({}, 404)) as server, asking(f"http://127.0.0.1:{server.server_port}/v1") as provider:
        exchange = provider.send(json_case(contract, contract.operation("createImage"), ASKED))
        [asked] = server.asked
    sent = asked.headers["x-pictures-key"]
    assert sent
    assert sent not in str(exchange.sent_headers)
    parts = shlex.split(curl(exchange))
    assert any(part.startswith("x-pictures-key: $") for part in parts)
    assert '-H "x-pictures-key: $' in curl(exchange)  # so that a shell fills it in


@pytest.mark.parametrize(
    "name",
    [
        *("Authorization", "Api-Key", "X-Api-Key", "x-goog-api-key", "x-key", "Set-Cookie", "mj-api-secret"),
        *("X-Auth-Token", "X-AuthToken", "accessToken", "clientSecret", "subscriptionKey", "appkey", "sig", "passwd"),
        *("X-Amz-Signature", "X-Hub-Signature-256", "x-authtoken", "api_key_2", "idToken", "AWSSecretKey"),
    ],
)
def test_headers_that_carry_secrets_are_masked_whole(name: str) -> None:
    assert Redactor([]).headers({name: "anything"}) == {name: MASK}


@pytest.mark.parametrize(
    "name",
    [
        *("x-request-id", "x-ratelimit-remaining-tokens", "content-type", "monkey", "keyword", "design", "token_type"),
        *("Idempotency-Key", "Surrogate-Key", "prompt_cache_key", "Sec-WebSocket-Key"),
    ],
)
def test_other_headers_are_kept(name: str) -> None:
    assert Redactor([]).headers({name: "anything"}) == {name: "anything"}


def test_a_scheme_writes_what_it_reads() -> None:
    for scheme in (Scheme("X-Key"), Scheme("Authorization", "Bearer")):
        headers: dict[str, Any] = {scheme.header.lower(): scheme.text("k")}
        assert scheme.key(headers) == "k"
