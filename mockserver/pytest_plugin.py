"""The mock as pytest fixtures: `imageproof_mock` and `imageproof_env`. Imports lazily.

Installed with imageproof, nothing else is needed:

    def test_my_client(imageproof_env):
        assert make_poster("A fox")                     # reads OPENAI_BASE_URL, as the official client does
        imageproof_env.verify(prompt="A fox", status=200, times=1)  # told what came nearest, when it is not so

One server per session, started when a test first asks for it and as fresh as a new one in every test. To set it up
otherwise, override `imageproof_settings`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mockserver.runner import MockServer
    from mockserver.settings import Settings


@pytest.fixture(scope="session")
def imageproof_settings() -> Settings:
    """How the session's mock is set up: a free port, and tasks that are done at the third poll.

    Override it for another provider, drifts, latency or a key:

        @pytest.fixture(scope="session")
        def imageproof_settings():
            return Settings(port=0, profile=load_profile("zhongzhuan"))
    """
    from mockserver.settings import Settings

    return Settings(port=0, task_polls=3)


@pytest.fixture(scope="session")
def _imageproof_server(imageproof_settings: Settings) -> Iterator[MockServer]:
    """The session's server."""
    from mockserver.runner import MockServer

    with MockServer(imageproof_settings) as server:
        yield server


@pytest.fixture
def imageproof_mock(_imageproof_server: MockServer) -> MockServer:
    """A running mock that has seen nothing yet: `url`, `base_url`, `journal`, `requests`, `verify`, `settings`.

    Tasks, uploads, the journal and the counted ids of earlier tests are forgotten, so that the same requests
    get the same answers in any order of tests.
    """
    _imageproof_server.reset()
    return _imageproof_server


@pytest.fixture
def imageproof_env(imageproof_mock: MockServer, monkeypatch: pytest.MonkeyPatch) -> MockServer:
    """`imageproof_mock`, with OPENAI_BASE_URL and OPENAI_API_KEY leading to it for this test."""
    monkeypatch.setenv("OPENAI_BASE_URL", imageproof_mock.base_url)
    monkeypatch.setenv("OPENAI_API_KEY", imageproof_mock.settings.api_key or "sk-imageproof")
    return imageproof_mock
