from __future__ import annotations

import asyncio
import threading
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qsl, urlsplit
from xml.etree import ElementTree as ET

import pytest
from conftest import CHEAP, ask, generate, opened
from hypothesis import given, settings
from hypothesis import strategies as st
from test_tasks import Clock, poll, submit

from mockserver.artist import Artist, Picture
from mockserver.pictures import Pictures
from mockserver.runner import MockServer
from mockserver.settings import Settings
from mockserver.stores import BlobsInMemory

FEW = settings(max_examples=60, deadline=None)
NOW = 1_700_000_000.0
LONG = "A fox. " * 500
#: any text an order can hold: beyond the plane, and halves of surrogate pairs
TEXT = st.text(st.characters(codec=None), max_size=2500)


def pictures(limit: int = 1_000_000, url_seconds: float | None = 60.0, secret: bytes = b"s" * 32) -> Pictures:
    return Pictures(Artist(), BlobsInMemory(limit), secret, url_seconds)


def found(store: Pictures, path: str, now: float = NOW) -> Picture | str | None:
    parts = urlsplit(path)
    file = asyncio.run(store.find(parts.path.rpartition("/")[2], dict(parse_qsl(parts.query)), now))
    return file.picture or file.missing


def link(server: MockServer, prompt: str = "A red fox") -> str:
    return str(generate(server, **{**CHEAP, "prompt": prompt}).json["data"][0]["url"])


# --- over HTTP --------------------------------------------------------------------------------------


@pytest.mark.parametrize("prompt", ["A red fox", LONG[:1000]], ids=["short", "long"])
def test_a_link_leads_to_its_picture_until_it_expires_and_then_answers_as_a_blob_store(prompt: str) -> None:
    clock = Clock(NOW)
    with MockServer(Settings(port=0, url_seconds=60.0), clock) as server:
        url = link(server, prompt)
        clock.now = NOW + 59.5
        last = ask(url, key=None)
        clock.now = NOW + 60
        late = ask(url, key=None)
    assert (last.status, opened(last.body).size) == (200, (256, 256))
    assert last.headers["cache-control"] == "public, max-age=0"
    assert parsedate_to_datetime(last.headers["expires"]).timestamp() == NOW + 60
    assert (late.status, late.headers["content-type"]) == (403, "application/xml; charset=utf-8")
    assert late.headers["cache-control"] == "no-store"
    assert ET.fromstring(late.body).findtext("Code") == "AuthenticationFailed"
    assert "Expiry [Tue, 14 Nov 2023 22:14:20 GMT]" in late.body.decode()


def test_links_of_real_providers_last_an_hour_and_so_do_ours() -> None:
    clock = Clock(NOW)
    with MockServer(Settings(port=0), clock) as server:
        url = link(server)
        clock.now = NOW + 3599
        assert ask(url, key=None).status == 200
        clock.now = NOW + 3600
        assert ask(url, key=None).status == 403


def test_a_link_may_last_for_ever() -> None:
    clock = Clock(NOW)
    with MockServer(Settings(port=0, url_seconds=None), clock) as server:
        url = link(server)
        clock.now = NOW * 2
        answer = ask(url, key=None)
    assert answer.status == 200
    assert "expires" not in answer.headers
    assert answer.headers["cache-control"] == "public, max-age=31536000"


def test_the_links_of_a_task_count_from_when_it_was_done() -> None:
    clock = Clock(NOW)
    with MockServer(Settings(port=0, url_seconds=60.0, task_seconds=100.0), clock) as server:
        task = submit(server)
        links = []
        for seconds in (100, 130):
            clock.now = NOW + seconds
            links.append(poll(server, task).json["data"]["data"]["data"][0]["url"])
        assert links[0] == links[1]
        clock.now = NOW + 159
        assert ask(links[0], key=None).status == 200
        clock.now = NOW + 160
        assert ask(links[0], key=None).status == 403


def test_what_made_room_is_gone_and_what_nobody_was_promised_was_never_there() -> None:
    prompts = [f"{number} {LONG[:990]}" for number in range(8)]
    with MockServer(Settings(port=0, blob_store=5000)) as server:
        links = [link(server, prompt) for prompt in prompts]
        statuses = [ask(url, key=None).status for url in links]
        changed = ask(links[-1].replace("&o=~", "&o=~0"), key=None)
    assert statuses == sorted(statuses, reverse=True)
    assert set(statuses) == {410, 200}
    assert (changed.status, ET.fromstring(changed.body).findtext("Code")) == (404, "BlobNotFound")


def test_a_reset_forgets_what_was_kept_for_a_link_and_servers_of_equal_settings_hand_out_the_same(
    mock: MockServer,
) -> None:
    url, long = link(mock), link(mock, LONG[:1000])
    assert [ask(it, key=None).status for it in (url, long)] == [200, 200]
    mock.reset()
    assert [ask(it, key=None).status for it in (url, long)] == [200, 410]
    clock = Clock(NOW)
    with MockServer(Settings(port=0), clock) as one, MockServer(Settings(port=0), clock) as two:
        path = link(one).removeprefix(one.url)
        assert path == link(two).removeprefix(two.url)
    with MockServer(Settings(port=0, secret=b"x"), clock) as three:
        assert ask(three.url + path, key=None).status == 404


# --- the store alone --------------------------------------------------------------------------------


@FEW
@given(prompt=TEXT, index=st.integers(0, 9), seed=st.integers(), after=st.floats(0, 120))
def test_a_link_leads_to_the_very_picture_it_was_written_for(prompt: str, index: int, seed: int, after: float) -> None:
    store = pictures()
    picture = Picture(prompt, 640, 480, "webp", 70, transparent=True, index=index, seed=seed, label="a · b")
    path = store.promise(picture, NOW)
    assert path == store.promise(picture, NOW)
    assert len(path) < 1400
    assert found(store, path, NOW + after) == (picture if after < 60 else "expired")


@FEW
@given(st.data())
def test_a_link_that_was_changed_leads_nowhere(data: st.DataObject) -> None:
    store = pictures()
    path = store.promise(Picture("A red fox", 256, 256), NOW)
    name = path.index("files/") + len("files/")
    at = data.draw(st.integers(name, len(path) - 1))
    other = data.draw(st.characters(min_codepoint=33, max_codepoint=255).filter(lambda it: it != path[at]))
    changed = path[:at] + other + path[at + 1 :]
    assert found(store, changed) in ("unknown", None)


def test_another_server_does_not_know_a_link_and_another_process_of_the_same_one_does() -> None:
    path = pictures().promise(Picture("A red fox", 256, 256), NOW)
    assert found(pictures(secret=b"t" * 32), path) == "unknown"
    assert found(pictures(), path) == Picture("A red fox", 256, 256)


@FEW
@given(st.lists(st.integers(900, 3000), max_size=40))
def test_long_orders_stay_within_the_bytes_granted_and_the_newest_are_kept(lengths: list[int]) -> None:
    blobs = BlobsInMemory(10_000)
    store = Pictures(Artist(), blobs, b"s" * 32, None)
    paths = []
    for number, length in enumerate(lengths):
        paths.append(store.promise(Picture(f"{number} ".ljust(length, "x"), 64, 64), NOW))
        assert blobs.weight <= 10_000
        kept = [isinstance(found(store, path), Picture) for path in paths]
        assert kept == sorted(kept)
        assert kept[-1]


def test_short_orders_need_no_memory_at_all() -> None:
    blobs = BlobsInMemory(10_000)
    store = Pictures(Artist(), blobs, b"s" * 32, None)
    for number in range(1000):
        store.promise(Picture(f"Fox {number}", 64, 64), NOW)
    assert blobs.weight == 0


def test_only_two_pictures_are_worked_on_at_a_time() -> None:
    store, together, at_once = pictures(), threading.Semaphore(0), list[int]()
    busy = 0

    def work(_: int) -> None:
        nonlocal busy
        busy += 1
        at_once.append(busy)
        together.acquire(timeout=0.02)
        busy -= 1

    async def many() -> None:
        await asyncio.gather(*(store.work(work, number) for number in range(12)))

    asyncio.run(many())
    assert len(at_once) == 12
    assert max(at_once) == 2
