"""LiteLLM's SDK against the mock, and its proxy as a real gateway in front of it. Run by `make litellm`."""

from __future__ import annotations

import base64
import io
import json
import os
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from conftest import ask, opened
from test_sdk_pictures import PROMPT, mask, picture

from mockserver.journal import Entry
from mockserver.runner import MockServer

BIN = Path(sys.prefix) / "litellm" / "bin"
ENVIRONMENT = {
    **{name: text for name, text in os.environ.items() if not name.startswith(("OPENAI_", "LITELLM_", "PYTHON"))},
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # prices from the package, not from the network
    "LITELLM_TELEMETRY": "False",
}
STARTED_SECONDS = 120.0
MASTER_KEY = "sk-gateway"


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("litellm")
    (folder / "given.png").write_bytes(picture((512, 512)))
    (folder / "mask.png").write_bytes(mask((512, 512)))
    return folder / "given.png", folder / "mask.png"


class Said:
    """What LiteLLM's SDK made of each case, and what the mock saw meanwhile."""

    def __init__(self, cases: dict[str, Any], journal: list[Entry]) -> None:
        self.cases = cases
        self.journal = journal

    def pictures(self, name: str) -> list[tuple[str | None, tuple[int, int]]]:
        """Format and size of a case's pictures."""
        assert "answer" in self.cases[name], self.cases[name]
        items = self.cases[name]["answer"]["data"]
        data = [
            ask(item["url"], key=None).body if item["url"] else base64.b64decode(item["b64_json"]) for item in items
        ]
        return [(image.format, image.size) for image in map(opened, data)]


@pytest.fixture(scope="session")
def said(_imageproof_server: MockServer, files: tuple[Path, Path]) -> Said:
    _imageproof_server.reset()
    run = subprocess.run(
        [BIN / "python", Path(__file__).parent / "drive.py", _imageproof_server.url, *files],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    return Said(json.loads(run.stdout), _imageproof_server.journal)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("link", [("PNG", (256, 256))]),
        ("several", [("WEBP", (1024, 640))] * 2),
        ("asynchronous", [("PNG", (1024, 640))]),
        ("edit", [("PNG", (1024, 640))]),
        ("edit of a file", [("PNG", (1024, 640))]),
        ("edit of bytes", [("PNG", (1024, 640))]),
        ("edit of a list", [("PNG", (1024, 640))]),
        ("asynchronous edit", [("JPEG", (1024, 640))]),
        ("masked", [("PNG", (512, 512))]),
    ],
)
def test_pictures_come_through_the_sdk(said: Said, name: str, expected: Any) -> None:
    assert said.pictures(name) == expected


@pytest.mark.parametrize(
    ("name", "error", "status", "text"),
    [
        ("wrong size", "BadRequestError", 400, "divisible by 16"),
        ("wrong picture", "BadRequestError", 400, "invalid_image_file"),
        ("unknown parameter", "BadRequestError", 400, "watermark"),
        ("limited", "RateLimitError", 429, "rate_limit_exceeded"),
        ("overloaded", "ServiceUnavailableError", 503, "server_is_overloaded"),
        ("moderated", "BadRequestError", 400, "moderation_blocked"),
    ],
)
def test_refusals_are_the_errors_litellm_has_for_them(
    said: Said, name: str, error: str, status: int, text: str
) -> None:
    found = said.cases[name]
    assert (found["error"], found["status"]) == (error, status)
    assert text in found["text"]


def test_what_litellm_gets_wrong_is_still_so(said: Said) -> None:
    """Facts about the pinned version: the server's side of each is right. One that turns red has been mended."""
    cases = said.cases
    assert cases["wrong key"]["error"] == "BadRequestError"  # the server said 401
    assert "model_dump" in cases["stream"]["text"]  # the stream was delivered whole
    assert "image_edit.partial_image" in cases["edit stream"]["text"]
    assert "error" in cases["tuple"]  # the asynchronous client cannot send (name, bytes, type)
    assert "extra_headers" in cases["headers"]["text"]  # it goes into the body, too
    assert said.pictures("variation") == [("PNG", (1024, 1024))]  # n=2 and size=256x256 are not sent
    statuses = Counter(entry.status for entry in said.journal)
    assert (statuses[401], statuses[502]) == (1, 3)  # max_retries=0 was asked for


@pytest.fixture(scope="session")
def gateway(_imageproof_server: MockServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The proxy's root, listening."""
    folder = tmp_path_factory.mktemp("proxy")
    behind = {"api_base": _imageproof_server.base_url, "api_key": "sk-imageproof"}
    models = [
        {"model_name": name, "litellm_params": {"model": f"openai/{name}", **behind}}
        for name in ("dall-e-2", "gpt-image-1.5", "gpt-image-2")
    ]
    settings = {"general_settings": {"master_key": MASTER_KEY}, "litellm_settings": {"num_retries": 0}}
    (folder / "config.yaml").write_text(json.dumps({"model_list": models, **settings}))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (folder / "log").open("wb")
    command = [str(BIN / "litellm"), "--config", "config.yaml", "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(command, env=ENVIRONMENT, cwd=folder, stdout=log, stderr=log)
    try:
        until = time.monotonic() + STARTED_SECONDS
        while True:
            if process.poll() is not None or time.monotonic() > until:
                pytest.fail(f"the proxy does not listen:\n{(folder / 'log').read_text()[-3000:]}")
            try:
                if ask(f"http://127.0.0.1:{port}/health/liveliness", key=None).status == 200:
                    break
            except OSError:
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait(20)
        log.close()


@pytest.fixture
def client(gateway: str, imageproof_mock: MockServer) -> Iterator[openai.OpenAI]:
    assert imageproof_mock.journal == []
    with openai.OpenAI(base_url=gateway, api_key=MASTER_KEY, max_retries=0, timeout=60) as client:
        yield client


def sizes(answer: Any) -> list[tuple[str | None, tuple[int, int]]]:
    data = [ask(item.url, key=None).body if item.url else base64.b64decode(item.b64_json) for item in answer.data]
    return [(image.format, image.size) for image in map(opened, data)]


def test_pictures_come_through_the_proxy(client: openai.OpenAI) -> None:
    assert sizes(client.images.generate(model="dall-e-2", prompt=PROMPT, size="256x256")) == [("PNG", (256, 256))]
    answer = client.images.generate(model="gpt-image-2", prompt=PROMPT, n=2, size="1024x640", output_format="webp")
    assert sizes(answer) == [("WEBP", (1024, 640))] * 2
    assert answer.usage is not None
    assert answer.usage.output_tokens > 0


def test_edits_come_through_the_proxy(client: openai.OpenAI) -> None:
    given = ("given.png", picture((512, 512)), "image/png")
    hole = ("mask.png", mask((512, 512)), "image/png")
    answer = client.images.edit(model="gpt-image-2", prompt=PROMPT, image=given, mask=hole, size="1024x640")
    assert sizes(answer) == [("PNG", (1024, 640))]
    several = client.images.edit(
        model="gpt-image-1.5", prompt=PROMPT, image=[given, io.BytesIO(picture())], size="1024x1024"
    )
    assert sizes(several) == [("PNG", (1024, 1024))]


def test_the_proxy_lists_its_models(client: openai.OpenAI) -> None:
    assert {model.id for model in client.models.list()} == {"dall-e-2", "gpt-image-1.5", "gpt-image-2"}


def test_a_refusal_comes_through_the_proxy(client: openai.OpenAI, imageproof_mock: MockServer) -> None:
    with pytest.raises(openai.BadRequestError, match="divisible by 16"):
        client.images.generate(model="gpt-image-2", prompt=PROMPT, size="1x1")
    assert [entry.problem for entry in imageproof_mock.journal] == ["bad-size"]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("problem:name=rate-limited", openai.RateLimitError),
        ("problem:name=overloaded", openai.InternalServerError),
        ("html:status=502", openai.InternalServerError),
        ("reset", openai.InternalServerError),
    ],
)
def test_failures_come_through_the_proxy(
    client: openai.OpenAI, imageproof_mock: MockServer, fault: str, kind: type[Exception]
) -> None:
    imageproof_mock.configure(faults=[fault])
    with pytest.raises(kind):
        client.images.generate(model="dall-e-2", prompt=PROMPT, size="256x256")
    assert imageproof_mock.journal
