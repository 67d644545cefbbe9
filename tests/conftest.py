"""What several test files share: one plain HTTP request to a server, and the pictures in its answer."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from PIL import Image

from mockserver.runner import MockServer

if TYPE_CHECKING:
    from official import Sdk

pytest_plugins = "pytester"

GENERATIONS = "/v1/images/generations"
#: profiles unlike each other: what holds for them is taken to hold for all; `make families` looks at every one
PROFILES = ("azure", "chat-bp", "openai", "openai-compatible", "zhongzhuan")
CHEAP: dict[str, Any] = {"model": "dall-e-2", "prompt": "A red fox", "size": "256x256"}


@dataclass(frozen=True)
class Answer:
    """What came back; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> Any:
        assert list(self.json) == ["error"]
        return self.json["error"]


def ask(
    url: str,
    body: Any = None,
    *,
    method: str | None = None,
    key: str | None = "sk-test",
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Send one request: JSON for anything but bytes, GET without a body."""
    parts = urlsplit(url)
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    sent = {"content-type": "application/json"} if data is not None else {}
    if key is not None:
        sent["authorization"] = f"Bearer {key}"
    sent.update({name.lower(): text for name, text in (headers or {}).items()})
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    try:
        target = url.removeprefix(f"{parts.scheme}://{parts.netloc}")
        connection.request(method or ("GET" if data is None else "POST"), target, data, sent)
        answer = connection.getresponse()
        return Answer(answer.status, {name.lower(): text for name, text in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def generate(server: MockServer, query: str = "", *, key: str | None = "sk-test", **body: Any) -> Answer:
    """Ask a server for pictures."""
    return ask(server.url + GENERATIONS + query, body, key=key)


def delivered(answer: Answer) -> list[bytes]:
    """The bytes of every picture in an answer, fetched or decoded."""
    assert answer.status == 200, answer.body
    return [
        base64.b64decode(item["b64_json"], validate=True) if "b64_json" in item else ask(item["url"], key=None).body
        for item in answer.json["data"]
    ]


def opened(data: bytes) -> Image.Image:
    """A picture, decoded."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@pytest.fixture
def mock(imageproof_mock: MockServer) -> MockServer:
    """The session's mock, as fresh as a new one."""
    return imageproof_mock


@pytest.fixture(scope="session", params=["plain", "asynchronous"])
def flavour(request: pytest.FixtureRequest) -> str:
    """Each kind of the official client in turn."""
    return str(request.param)


@pytest.fixture(scope="session")
def _sdk(flavour: str, _imageproof_server: MockServer) -> Iterator[Sdk]:
    """Made once: a client of its own takes longer than most of what it asks."""
    from official import Sdk

    sdk = Sdk(flavour, _imageproof_server.base_url)
    yield sdk
    sdk.close()


@pytest.fixture
def sdk(_sdk: Sdk, imageproof_mock: MockServer) -> Sdk:
    """The official client, led to the session's mock, which has seen nothing yet."""
    assert imageproof_mock.journal == []
    return _sdk
