"""The pytest fixtures that come with imageproof, in test suites of other people."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

QUIET = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-p", "no:schemathesis", "-p", "no:xdist")

CLIENT = """
import os
import urllib.request
import json

def make(url=None, query="", key="sk-test", **body):
    root = url or os.environ["OPENAI_BASE_URL"]
    request = urllib.request.Request(
        f"{root}/images/generations{query}",
        json.dumps({"model": "dall-e-2", "prompt": "A fox", "size": "256x256", **body}).encode(),
        {"Content-Type": "application/json", "Authorization": f"Bearer {key}"},
    )
    with urllib.request.urlopen(request) as answer:
        return dict(answer.headers), json.loads(answer.read())
"""


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    """Somebody's folder of tests with a small client in it."""
    pytester.makepyfile(client=CLIENT)
    return pytester


def test_the_mock_is_there_without_any_setup_and_fresh_in_every_test(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        """
        import pytest
        from client import make

        ids = set()

        @pytest.mark.parametrize("run", range(3))
        def test_same_answers_every_time(imageproof_mock, run):
            assert imageproof_mock.journal == []
            assert len(imageproof_mock.mock.state.tasks) == 0
            headers, answer = make(imageproof_mock.base_url)
            assert headers["x-request-id"].endswith("0001")
            assert answer["data"][0]["url"].startswith(imageproof_mock.url)
            _, task = make(imageproof_mock.base_url, "?async=true")
            ids.add(task["task_id"])
            assert len(ids) == 1
            assert [entry.status for entry in imageproof_mock.journal] == [200, 200]
            assert imageproof_mock.mock.journal.total == 2
        """
    )
    result = suite.runpytest(*QUIET, "-W", "error")
    result.assert_outcomes(passed=3)


def test_one_server_serves_the_whole_session_and_ends_with_it(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        """
        from pathlib import Path

        def test_one(imageproof_mock):
            Path("port").write_text(str(imageproof_mock.port))

        def test_two(imageproof_mock):
            assert Path("port").read_text() == str(imageproof_mock.port)
        """
    )
    suite.runpytest(*QUIET, "-W", "error").assert_outcomes(passed=2)
    port = int((suite.path / "port").read_text("ascii"))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_the_environment_leads_a_client_to_the_mock_for_one_test_only(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-mine")
    suite.makepyfile(
        """
        import os
        from client import make

        def test_with(imageproof_env):
            assert os.environ["OPENAI_BASE_URL"] == imageproof_env.base_url
            assert os.environ["OPENAI_API_KEY"] != "sk-mine"
            make(key=os.environ["OPENAI_API_KEY"])
            assert len(imageproof_env.journal) == 1

        def test_without(imageproof_mock):
            assert "OPENAI_BASE_URL" not in os.environ
            assert os.environ["OPENAI_API_KEY"] == "sk-mine"
        """
    )
    suite.runpytest(*QUIET, "-W", "error").assert_outcomes(passed=2)


def test_settings_can_be_overridden(suite: pytest.Pytester) -> None:
    suite.makeconftest(
        """
        import pytest
        from mockserver.settings import Settings
        from spec.profiles import load_profile

        @pytest.fixture(scope="session")
        def imageproof_settings():
            return Settings(port=0, api_key="sk-only", profile=load_profile("zhongzhuan"))
        """
    )
    suite.makepyfile(
        """
        import os
        import urllib.error
        import pytest
        from client import make

        def test_it(imageproof_env):
            assert os.environ["OPENAI_API_KEY"] == "sk-only"
            assert make(key="sk-only", n=1)[1]["object"] == "chat.completion"
            with pytest.raises(urllib.error.HTTPError) as caught:
                make(key="sk-other", n=1)
            with caught.value as answer:
                assert answer.code == 401
        """
    )
    suite.runpytest(*QUIET, "-W", "error").assert_outcomes(passed=1)


@pytest.mark.parametrize("plugin", ["mockserver.pytest_plugin", "contract_tests.plugin"])
def test_pytest_starts_without_loading_a_server(suite: pytest.Pytester, plugin: str) -> None:
    suite.makepyfile(
        """
        import sys

        def test_nothing():
            heavy = {"aiohttp", "uvloop", "PIL", "openapi_core", "jsonschema_rs", "mockserver.app"}
            assert not heavy & set(sys.modules)
        """
    )
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", plugin, "-p", "no:cacheprovider", "-W", "error"],
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        cwd=suite.path,
        capture_output=True,
        text=True,
    )
    assert "1 passed" in result.stdout, result.stdout + result.stderr


def test_both_fixtures_say_what_they_are_for(suite: pytest.Pytester) -> None:
    result = suite.runpytest(*QUIET, "--fixtures")
    result.stdout.fnmatch_lines(["imageproof_mock *", "*A running mock that has seen nothing yet*"])
    result.stdout.fnmatch_lines(["imageproof_env *", "*OPENAI_BASE_URL and OPENAI_API_KEY*"])
