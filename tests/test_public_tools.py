"""Tools that know nothing of the x- words must be able to work with every contract document."""

import orjson
import pytest
import schemathesis
from openapi_core import OpenAPI
from openapi_core.testing import MockRequest
from openapi_spec_validator import OpenAPIV32SpecValidator
from schemathesis.core.result import Ok

from spec.documents import SPEC, load_yaml, shipped
from spec.loading import load_contract

DOCUMENTS = {name: load_yaml((SPEC / f"{name}.yaml").read_text("utf-8"), name) for name in shipped()}
IMAGES = OpenAPI.from_dict(DOCUMENTS["images"])
BODY = {"model": "gpt-image-2", "prompt": "A lighthouse", "n": 2, "size": "1024x1536"}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_official_validator_accepts_it(name: str) -> None:
    assert [str(error) for error in OpenAPIV32SpecValidator(DOCUMENTS[name]).iter_errors()] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_schemathesis_loads_it_and_lists_its_operations(name: str) -> None:
    found = list(schemathesis.openapi.from_dict(DOCUMENTS[name]).get_all_operations())
    operations = [each.ok() for each in found if isinstance(each, Ok)]
    assert len(operations) == len(found)
    assert {(each.method.upper(), each.path) for each in operations} == {
        (each.method.upper(), each.path) for each in load_contract(name).operations
    }


def create_request(body: object, key: str = "Bearer key", **query: str) -> MockRequest:
    return MockRequest(
        "https://api.openai.com",
        "post",
        "/v1/images/generations",
        args=query,
        headers={"Authorization": key},
        data=orjson.dumps(body),
    )


def test_openapi_core_loads_it_and_reads_a_request() -> None:
    found = IMAGES.unmarshal_request(create_request(BODY, **{"async": "true"}))
    assert found.errors == []
    assert found.parameters.query == {"async": "true"}
    assert isinstance(found.body, dict)
    assert found.body == {**found.body, **BODY, "output_format": "png"}


@pytest.mark.parametrize("body", [{}, {**BODY, "n": 11}, {**BODY, "seed": 1}, {**BODY, "quality": "hd"}])
def test_openapi_core_refuses_what_the_contract_refuses(body: dict[str, object]) -> None:
    assert IMAGES.unmarshal_request(create_request(body)).errors


def test_openapi_core_finds_the_task_route() -> None:
    poll = MockRequest(
        "https://api.openai.com",
        "get",
        "/v1/images/tasks/abc",
        headers={"Authorization": "Bearer key"},
        view_args={"task_id": "abc"},
        path_pattern="/v1/images/tasks/{task_id}",
    )
    found = IMAGES.unmarshal_request(poll)
    assert found.errors == []
    assert found.parameters.path == {"task_id": "abc"}
