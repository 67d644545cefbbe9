"""The inspector in a real browser: what came is seen, nothing of it runs, drifts are switched, commands work."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import MISSING, Browser, chromium
from conftest import CHEAP, GENERATIONS, ask, generate

from mockserver.runner import MockServer
from mockserver.settings import Settings

EVIL = "</script><script>window.hit = 1</script><img src=x onerror='window.hit = 2'>\u202e{{ 7 * 7 }} \"'"
ROW = "document.querySelectorAll('#lines .line')"


def drifts_of(server: MockServer) -> list[str]:
    return list(server.mock.plan.ids)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    program = chromium()
    if program is None:
        pytest.skip(MISSING)
    with Browser(program, tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.fixture(scope="module")
def server() -> Iterator[MockServer]:
    with MockServer(Settings(port=0, task_seconds=1)) as server:
        yield server


@pytest.fixture
def page(browser: Browser, server: MockServer) -> Iterator[Browser]:
    """The page of a mock that has seen nothing; nothing goes wrong in it, nothing is loaded from elsewhere."""
    server.reset()
    browser.errors.clear()
    browser.requested.clear()
    browser.look()
    browser.open(f"{server.url}/_imageproof/")
    browser.until("document.getElementById('live').dataset.state === 'live'")
    yield browser
    assert browser.errors == []
    assert all(url.startswith((server.url, "data:")) for url in browser.requested), browser.requested


def test_requests_appear_with_verdict_reason_and_pictures_as_they_are_made(page: Browser, server: MockServer) -> None:
    assert "Nothing has been asked yet" in page.run("document.body.innerText")
    generate(server, **CHEAP, n=2)
    generate(server, **CHEAP, n=11)
    page.run("look()")
    refused, valid = page.run(f"[...{ROW}].map(row => row.innerText)")
    assert all(word in refused for word in ("400", "refused", "above-maximum"))
    assert "200" in valid
    assert "valid" in valid
    assert "dall-e-2 · 2 × 256x256" in valid
    drawn = (
        "[...document.querySelectorAll('#lines img')].filter(img => img.complete && img.naturalWidth === 160).length"
    )
    page.until(f"{drawn} === 2")


def test_after_a_reset_elsewhere_what_is_seen_is_what_came_since(page: Browser, server: MockServer) -> None:
    for prompt in ("A red fox", "A blue whale"):
        server.reset()
        generate(server, **{**CHEAP, "prompt": prompt})
        page.run("look()")
        assert page.run(f"[...{ROW}].map(row => row.querySelector('.prompt').textContent)") == [prompt]


def test_nothing_that_came_in_runs_and_all_of_it_is_seen(page: Browser, server: MockServer) -> None:
    generate(server, **{**CHEAP, "prompt": EVIL, "user": EVIL})
    ask(f"{server.url}/v1/%3Cimg%20src=x%20onerror=hit=3%3E")
    page.run("look()")
    page.run(f"[...{ROW}].forEach(row => row.querySelector('.open').click())")
    page.until("document.querySelectorAll('.curl').length === 2")
    assert page.run("document.querySelector('.prompt').textContent") == EVIL
    body = page.run("document.querySelectorAll('.whole')[1].querySelector('pre').textContent")
    assert json.loads(body)["user"] == EVIL
    assert page.run("window.hit") is None
    assert page.run("document.scripts.length") == 1
    assert page.run("document.querySelectorAll('.line img[src^=x]').length") == 0


def test_a_click_switches_a_drift_on_and_another_one_off(page: Browser, server: MockServer) -> None:
    page.until("document.querySelector('#drift-n-ignored-single-image')")
    page.run("document.querySelector('#drift-n-ignored-single-image').click()")
    page.until("document.getElementById('drifts-count').textContent.startsWith('1 of')")
    assert drifts_of(server) == ["n-ignored-single-image"]
    assert len(generate(server, **CHEAP, n=2).json["data"]) == 1
    page.run("look()")
    assert "drift played" in page.run(f"{ROW}[0].innerText")
    page.run("document.querySelector('#drift-n-ignored-single-image').click()")
    page.until("document.getElementById('drifts-count').textContent.startsWith('0 of')")
    assert drifts_of(server) == []


def test_of_two_drifts_that_contradict_each_other_the_later_one_plays(page: Browser, server: MockServer) -> None:
    for id_ in ("chat-shaped-200", "empty-object-200"):
        page.until(f"document.querySelector('#drift-{id_}')")
        page.run(f"document.querySelector('#drift-{id_}').click()")
        page.until(f"document.querySelector('.on-now #drift-{id_}')")
    assert drifts_of(server) == ["empty-object-200"]


def test_a_drifts_parameter_is_typed_in(page: Browser, server: MockServer) -> None:
    server.configure(drifts=["size-not-applied-512"])
    page.run("look()")
    field = "document.querySelector('#drift-size-not-applied-512-fixed')"
    assert page.run(f"{field}.value") == "512x512"
    page.run(f"{field}.value = '640x480'; {field}.dispatchEvent(new Event('change')); look()")
    assert page.run(f"{field}.value") == "640x480"
    assert [use.parameters["fixed"] for use in server.mock.settings.drifts] == ["640x480"]


def test_of_several_processes_no_drift_is_offered_that_only_one_would_play(browser: Browser) -> None:
    with MockServer(Settings(port=0, workers=2)) as server:
        browser.look()
        browser.open(f"{server.url}/_imageproof/")
        browser.until("document.getElementById('live').dataset.state === 'live'")
        assert browser.run("document.querySelectorAll('.drift input:not(:disabled)').length") == 0
        assert "at the start only" in browser.run("document.getElementById('drift-note').innerText")


def test_tasks_move_while_one_looks_and_looking_moves_none(page: Browser, server: MockServer) -> None:
    task = generate(server, "?async=true", **CHEAP).json["task_id"]
    page.run("look()")
    assert "queued" in page.run("document.querySelector('#task-list').innerText")
    server.advance(1)
    page.run("look()")
    text: str = page.run("document.querySelector('#task-list').innerText")
    assert task in text
    assert "0 polls" in text


@pytest.mark.parametrize("body", [{**CHEAP, "prompt": 'It\'s "so" $HOME `date` \\ 狐\n!'}, None], ids=["json", "get"])
def test_the_command_sends_the_same_again_without_the_key(page: Browser, server: MockServer, body: object) -> None:
    key = "sk-4242424242424242"
    ask(server.url + (GENERATIONS if body else "/v1/models"), body, key=key)
    page.run("look()")
    page.run(f"{ROW}[0].querySelector('.open').click()")
    command = page.until("document.querySelector('.curl')?.textContent")
    assert key not in page.run("document.documentElement.outerHTML")
    assert "$OPENAI_API_KEY" in command
    done = subprocess.run(
        ["sh", "-c", command], env={"OPENAI_API_KEY": key, "PATH": "/usr/bin:/bin"}, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    first, again = server.journal
    assert (first.status, first.method, first.path, first.body) == (again.status, again.method, again.path, again.body)


def test_a_long_prompt_of_a_task_keeps_to_its_column(page: Browser, server: MockServer) -> None:
    ask(f"{server.url}{GENERATIONS}?async=true", {**CHEAP, "prompt": "x " * 300})
    page.look(1280, 700)
    page.run("look()")
    page.until("document.querySelector('.task-list li')")
    assert page.run("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_on_a_phone_nothing_is_wider_than_the_screen(page: Browser, server: MockServer, tmp_path: Path) -> None:
    generate(server, model="gpt-image-2", prompt="x" * 400, n=3)
    page.look(400, 800, dark=True)
    page.run("look()")
    page.run(f"{ROW}[0].querySelector('.open').click()")
    page.until("document.querySelector('.curl')")
    assert page.run("document.documentElement.scrollWidth") == 400
    page.run("document.querySelector('.choose [data-room=drifts]').click()")
    assert page.run("document.querySelector('.requests').offsetHeight") == 0
    assert page.run("document.querySelector('#drift-list').offsetHeight") > 0
    assert page.run("getComputedStyle(document.body).backgroundColor") == "rgb(21, 24, 27)"
    page.screenshot(tmp_path / "phone.png")
    assert (tmp_path / "phone.png").stat().st_size > 5_000


def test_another_site_reads_nothing_and_switches_nothing(browser: Browser, server: MockServer) -> None:
    """A page of another origin, though it comes from this machine, too."""
    server.reset()
    generate(server, **CHEAP)
    with MockServer(Settings(port=0)) as other:
        browser.open(f"{other.url}/v1/models")
        browser.requested.clear()
        for method, path in (("GET", "/journal"), ("PATCH", "/settings"), ("POST", "/reset"), ("POST", "/verify")):
            sent = "undefined" if method == "GET" else '\'{"drifts": ["chat-shaped-200"]}\''
            asked = f"fetch('{server.url}/_imageproof{path}', {{method: '{method}', body: {sent}}})"
            assert browser.run(f"{asked}.then(answer => answer.text(), () => 'nothing')") == "nothing"
            blind = f"fetch('{server.url}/_imageproof{path}', {{method: '{method}', body: {sent}, mode: 'no-cors'}})"
            browser.run(f"{blind}.catch(() => 'nothing').then(() => 1)")
        page = f"{server.url}/_imageproof/"
        framed = (
            f"new Promise(done => {{ const f = document.createElement('iframe'); f.src = '{page}'; f.onload = done; "
        )
        browser.run(f"{framed} document.documentElement.append(f); }}).then(() => 1)")
    assert drifts_of(server) == []
    assert server.journal[0].status == 200  # nothing was reset
    assert any(url == page for url in browser.requested)
    assert not any("_imageproof/state" in url for url in browser.requested)


def test_with_a_token_the_page_shows_nothing_until_it_is_given(browser: Browser) -> None:
    with MockServer(Settings(port=0, control_token="let-me-in")) as server:
        generate(server, **CHEAP)
        browser.open(f"{server.url}/_imageproof/")
        browser.until("!document.getElementById('token').hidden")
        assert browser.run(f"{ROW}.length") == 0
        browser.run("document.getElementById('token-text').value = 'let-me-in'")
        browser.run("document.querySelector('#token button').click()")
        browser.until(f"{ROW}.length === 1")
        browser.run("sessionStorage.clear()")
        browser.open("about:blank")
        browser.open(f"{server.url}/_imageproof/#token=let-me-in")
        browser.until(f"{ROW}.length === 1")
        assert browser.run("location.href") == f"{server.url}/_imageproof/"
