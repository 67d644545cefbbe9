"""Hostile input: whatever comes, the mock answers or closes, fails at nothing, tells no secret, and serves the next.

A few of every kind here; `make fuzz` goes on for minutes.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import pytest
from conftest import Answer
from hostile import GOOD, KEY, KINDS, Hostile, head, request
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from siege import Harmed, Siege, check, secret_free


@pytest.fixture(scope="module")
def siege() -> Iterator[Siege]:
    with Siege(patience=0.1) as siege:
        yield siege
        siege.grown()


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_connections_do_no_harm(siege: Siege, kind: str) -> None:
    @settings(max_examples=4, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(KINDS[kind], min_size=6, max_size=12))
    def stands(connections: list[Hostile]) -> None:
        siege.stand(kind, connections)

    stands()


def test_a_client_that_sends_a_byte_every_100_ms_is_waited_for_and_delays_nobody(siege: Siege) -> None:
    slow = Hostile(b"GET /x HTTP/1.0\r\n\r\n", step=1, pause=0.1)
    siege.stand("slow", [slow] * 20 + [Hostile(request(GOOD))] * 20)
    assert siege.counts["slow: 404"] == 20
    assert siege.counts["slow: 200"] == 20


BROKEN_CODING = request(gzip.compress(GOOD)[5:], "/_imageproof/settings", "PATCH", more=[("Content-Encoding", "gzip")])
FOUND = {
    "a page about a bad header quoted the key": (head("GET", "/", [("Authorization", f"Bearer {KEY}\x00")]), 400),
    "a page about a bad line quoted the key": (request(GOOD).replace(b"\r\n", b"\n"), 400),
    "a page about a long header quoted the key": (request(more=[("X", KEY * 2000)]), 400),
    "settings in a broken coding were a 500": (BROKEN_CODING, 400),
}


@pytest.mark.parametrize("what", FOUND)
def test_what_once_did_harm_does_none(siege: Siege, what: str) -> None:
    sent, status = FOUND[what]
    siege.stand(what, [Hostile(sent)])
    assert siege.counts[f"{what}: {status}"] == 1


JSON = {"content-type": "application/json", "x-request-id": "req_1"}
DOCUMENTED = b'{"error":{"message":"No.","type":"a","param":null,"code":null}}'
HARMS = {
    "a failure": Answer(500, JSON, DOCUMENTED),
    "no envelope": Answer(400, JSON, b'{"message":"No."}'),
    "no message": Answer(400, JSON, DOCUMENTED.replace(b"No.", b"")),
    "no request id": Answer(400, {"content-type": "application/json"}, DOCUMENTED),
    "a page": Answer(404, {"content-type": "text/html"}, b"<h1>Not Found</h1>"),
    "a traceback": Answer(200, JSON, b'{"detail":"Traceback (most recent call last)"}'),
}


@pytest.mark.parametrize("what", HARMS)
def test_harm_is_noticed(what: str) -> None:
    with pytest.raises(Harmed):
        check(HARMS[what], Hostile(b""))


def test_a_secret_is_noticed_and_a_documented_error_passes() -> None:
    check(Answer(400, JSON, DOCUMENTED), Hostile(b""))
    with pytest.raises(Harmed):
        secret_free(f"... {KEY} ...".encode(), "an answer")
