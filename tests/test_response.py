"""An answer whose bytes are ready must be the one aiohttp would have written, and be left out where it cannot be."""

import re
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from aiohttp import HttpVersion, HttpVersion10, HttpVersion11, web
from aiohttp.http import RawRequestMessage
from hypothesis import example, given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from mockserver.replies import Reply
from mockserver.response import Ready, respond
from mockserver.runner import MockServer
from mockserver.settings import Settings

BODY = b'{"model":"dall-e-3","prompt":"a hat"}'


@pytest.fixture(scope="module")
def server() -> Iterator[MockServer]:
    with MockServer(Settings(port=0)) as running:
        yield running


def exchange(port: int, lines: Sequence[str], body: bytes = BODY) -> str:
    """Everything that comes back for one request, until the answer is whole or the connection ends."""
    head = "\r\n".join([*lines, "Authorization: Bearer k", "Content-Type: application/json"])
    with closing(socket.create_connection(("127.0.0.1", port), timeout=10)) as wire:
        wire.sendall(f"{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        found = b""
        while part := wire.recv(65536):
            found += part
            start, end, rest = found.partition(b"\r\n\r\n")
            if end and len(rest) >= int(start.partition(b"Content-Length: ")[2].split()[0]):
                break
        return found.decode()


def head_of(answer: str) -> list[str]:
    """The head without what differs from one answer to the next."""
    return re.sub(r"req_\w+|Date: .*|Connection: \w+|Content-Length: \d+", "", answer.partition("\r\n\r\n")[0]).split()


def test_a_ready_answer_says_what_aiohttp_would_have_said(server: MockServer) -> None:
    ready = exchange(server.port, ["POST /v1/images/generations HTTP/1.1", "Host: a"])
    closing_ = exchange(server.port, ["POST /v1/images/generations HTTP/1.1", "Host: a", "Connection: close"])
    assert sorted(head_of(ready)) == sorted(head_of(closing_))
    assert "Connection: close" in closing_
    assert "Connection:" not in ready


HEAD = (
    "POST /v1/images/generations HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer k\r\nContent-Type: application/json\r\n"
    f"Content-Length: {len(BODY)}\r\n\r\n"
).encode()
USUAL = [
    BODY,
    b'{"model":"gpt-image-1","prompt":"a h\\u00e4t","n":2,"quality":"low","output_format":"jpeg"}',
    b'{"model":"dall-e-3","prompt":"a hat","response_format":"b64_json","size":"1792x1024"}',
]
UNUSUAL = [
    b'{"model":"gpt-image-2","prompt":"a hat","stream":true}',
    b'{"model":"gpt-image-2","prompt":"a hat","async":true}',
    b'{"model":"dall-e-3","prompt":"a hat","n":2}',
    b'{"model":"dall-e-3","prompt":',
    b"[]",
]


@pytest.mark.parametrize("body", [*USUAL, *UNUSUAL])
def test_a_request_in_one_piece_is_answered_like_one_in_two(server: MockServer, body: bytes) -> None:
    """What comes in one piece may be answered without aiohttp; what it says, and what is written down, is the same."""
    answers, entries = [], []
    ways = (1, 0.05), (0, 0.0), (0, 0.0), (len(body), 0.0), (len(body), 0.05)  # the third finds its picture drawn
    for late, pause in ways:
        server.reset()
        answers.append(re.sub(r"Date: .*|\d{10}|\w+\.png|se=[^&]*", "", second_answer(server.port, body, late, pause)))
        entries.append(replace(server.journal[-1], seconds=0, at=0, answer=b""))
    assert len(server.journal) == 2
    assert all(answer == answers[0] for answer in answers)
    assert all(entry == entries[0] for entry in entries)


def second_answer(port: int, body: bytes, late: int, pause: float = 0.0) -> str:
    """What a connection that has been used brings for a body whose last so many bytes come a little later."""
    head = "POST /v1/images/generations HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer k\r\n"
    head += "Content-Type: application/json\r\n"
    with closing(socket.create_connection(("127.0.0.1", port), timeout=10)) as wire:
        for sent in (BODY, body):
            data = f"{head}Content-Length: {len(sent)}\r\n\r\n".encode() + sent
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            wire.sendall(data[: len(data) - late])
            if late:
                time.sleep(pause)
                wire.sendall(data[-late:])
            found = b""
            while part := wire.recv(65536):
                found += part
                start, _, rest = found.partition(b"\r\n\r\n")
                length = re.search(rb"Content-Length: (\d+)", start)
                if (length and len(rest) >= int(length[1])) or found.endswith(b"\r\n0\r\n\r\n"):
                    break
        return found.decode()


def test_only_the_usual_request_is_answered_at_once(server: MockServer) -> None:
    headers = CIMultiDictProxy(
        CIMultiDict({"Host": "a", "Authorization": "Bearer k", "Content-Type": "application/json"})
    )
    where = ("POST", "/v1/images/generations")

    def at_once(body: bytes, headers: CIMultiDictProxy[str] = headers) -> bool:
        message = RawRequestMessage(*where, HttpVersion11, headers, (), False, None, False, False, URL(where[1]))
        answers = server.mock.at_once.learn(b"", message, len(body))
        return answers is not None and answers(body) is not None

    for body in USUAL:
        second_answer(server.port, body, 0)  # draws its pictures
    assert [at_once(body) for body in USUAL] == [True, True, True]
    assert not any(map(at_once, UNUSUAL))
    for name, text in (("Prefer", "wait=1"), ("Authorization", "Bearer sk-wrong"), ("Content-Type", "text/plain")):
        other = CIMultiDict(headers)
        other[name] = text
        assert not at_once(BODY, CIMultiDictProxy(other))
    server.configure(faults=["reset"])
    assert not at_once(BODY)
    server.reset()
    assert at_once(BODY)


def test_the_end_of_one_request_is_never_taken_for_the_head_of_the_next(server: MockServer) -> None:
    head = "POST /v1/images/generations HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer k\r\n"
    whole = f"{head}Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n".encode() + BODY
    with closing(socket.create_connection(("127.0.0.1", server.port), timeout=10)) as wire:
        for data in (whole, whole[:-3], whole[-3:] + whole, whole):
            wire.sendall(data)
            time.sleep(0.1)
        found = wire.recv(65536)
        wire.sendall(whole[-3:] + whole)
        refused = wire.recv(65536)
    assert found.count(b" 200 OK") == 4
    assert b" 400 Bad Request" in refused


@settings(max_examples=40, deadline=None)
@given(cuts=st.sets(st.integers(1, 700), max_size=6), known=st.booleans())
@example(cuts={len(HEAD), len(HEAD) + len(BODY)}, known=True)
@example(cuts={len(HEAD), len(HEAD) + len(BODY) + 3}, known=True)
def test_however_requests_are_cut_each_is_answered_in_its_turn(server: MockServer, cuts: set[int], known: bool) -> None:
    data = b"".join(HEAD + BODY.replace(b"hat", b"%03d" % number) for number in range(4))
    if not known:
        server.mock.at_once.heads.clear()
    with closing(socket.create_connection(("127.0.0.1", server.port), timeout=10)) as wire:
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start, end in pairwise([0, *sorted(cuts), len(data)]):
            wire.sendall(data[start:end])
            time.sleep(0.001)
        found = b""
        while found.count(b"HTTP/1.1 200") < 4 or not found.endswith(b"}"):
            found += wire.recv(65536)
    assert re.findall(rb'"revised_prompt":"a (\d+)"', found) == [b"%03d" % number for number in range(4)]


def test_a_client_that_sends_head_and_body_apart_is_known_by_its_head(server: MockServer) -> None:
    server.mock.at_once.heads.clear()
    second_answer(server.port, BODY, len(BODY))
    assert [length for length, _ in server.mock.at_once.heads.values()] == [len(BODY)]


def test_http_1_0_is_told_how_the_connection_goes_on(server: MockServer) -> None:
    kept = exchange(server.port, ["POST /v1/images/generations HTTP/1.0", "Host: a", "Connection: keep-alive"])
    assert kept.startswith("HTTP/1.0 200 OK")
    assert "Connection: keep-alive" in kept


def test_requests_sent_at_once_are_answered_in_order_on_one_connection(server: MockServer) -> None:
    with closing(socket.create_connection(("127.0.0.1", server.port), timeout=10)) as wire:
        one = (
            "POST /v1/images/generations HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer k\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        )
        bodies = [BODY.replace(b"hat", b"hat %d" % number) for number in range(20)]
        wire.sendall(b"".join(f"{one}{len(body)}\r\n\r\n".encode() + body for body in bodies))
        found = b""
        while found.count(b"HTTP/1.1 200") < 20 or not found.endswith(b"}"):
            found += wire.recv(65536)
    assert re.findall(rb'"revised_prompt":"a hat (\d+)"', found) == [b"%d" % number for number in range(20)]


class Asked:
    """As much of a request as decides how it is answered."""

    def __init__(self, version: HttpVersion = HttpVersion11, keep_alive: bool = True, method: str = "POST") -> None:
        self.version, self.keep_alive, self.method = version, keep_alive, method


@pytest.mark.parametrize(
    ("asked", "headers", "media"),
    [
        (Asked(HttpVersion10), {}, "application/json"),
        (Asked(keep_alive=False), {}, "application/json"),
        (Asked(method="HEAD"), {}, "application/json"),
        (Asked(), {}, ""),
        (Asked(), {"X-Tag": "a\r\nSet-Cookie: b"}, "application/json"),
        (Asked(), {"X-Tag\n": "a"}, "application/json"),
        (Asked(), {"server": "cloudflare"}, "application/json"),
        (Asked(), {"CONNECTION": "close"}, "application/json"),
    ],
)
def test_what_is_not_usual_is_left_to_aiohttp(asked: Any, headers: dict[str, str], media: str) -> None:
    answer = respond(Reply(200, headers, media, {}), "req_1", asked)
    usual: Any = Asked()
    assert isinstance(answer, web.Response)
    assert isinstance(respond(Reply(200, {}, "application/json", {}), "req_1", usual), Ready)


def test_an_aiohttp_whose_insides_are_others_answers_all_by_itself(
    server: MockServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = second_answer(server.port, BODY, 0)
    heads = len(server.mock.at_once.heads)
    monkeypatch.setattr("mockserver.connection._RELIED_ON", ("_parser", "_renamed"))
    server.mock.at_once.heads.clear()
    after = second_answer(server.port, BODY, 0)
    assert (heads > 0, len(server.mock.at_once.heads)) == (True, 0)
    assert head_of(after) == head_of(before)
