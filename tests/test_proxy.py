"""The proxy: before the mock with the official client, and before upstreams that hold back or break off."""

from __future__ import annotations

import gzip
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.client import HTTPConnection, IncompleteRead
from pathlib import Path
from typing import Any

import jsonschema_rs
import openai
import pytest
from click.testing import CliRunner
from conftest import CHEAP, GENERATIONS, Answer, ask
from test_exhibit import HAR
from test_provider import free_port, png, silent

import imageproof
from mockserver.proxy import forwarding
from mockserver.proxy.command import new_recording
from mockserver.proxy.forwarding import ERROR_HEADER, Proxy, ProxySettings
from mockserver.proxy.passage import HEADER, Passage
from mockserver.replay.player import Player, ReplaySettings
from mockserver.runner import MockServer
from mockserver.serving import ThreadedServer
from spec.recordings.reading import read_har
from spec.recordings.redactor import Redactor
from spec.recordings.writing import Recording

KEY = "sk-planted-0123456789"
SOON = 10.0  # seconds; nobody waits that long unless something is wrong
ANSWER = b'{"created": 1, "data": []}'


class Caller:
    """One connection to a scripted upstream: the request that came, and what is sent back."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._file = connection.makefile("rb")
        self.head = b"".join(iter(self._file.readline, b"\r\n"))
        length = next((int(line[15:]) for line in self.lines if line.startswith("content-length:")), 0)
        self.body = self._file.read(length)

    @property
    def lines(self) -> list[str]:
        """The lines of the head, in lower case."""
        return self.head.decode().lower().splitlines()

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._connection.sendall(data)

    def gone(self) -> bool:
        """Whether the other side leaves before long."""
        self._connection.settimeout(SOON)
        return self._connection.recv(1) == b""

    def reset(self) -> None:
        """Break the connection."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._file.close()
        self._connection.close()


def message(body: bytes, *lines: str, status: str = "200 OK", media: str = "application/json") -> bytes:
    """An answer with its length."""
    head = [f"HTTP/1.1 {status}", f"Content-Type: {media}", f"Content-Length: {len(body)}", *lines]
    return "\r\n".join([*head, "", ""]).encode() + body


@contextmanager
def upstream(play: Callable[[Caller], Any]) -> Iterator[str]:
    """A server that plays a script to each connection, once."""

    def serve(connection: socket.socket) -> None:
        with connection:
            play(Caller(connection))

    def accept() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=accept, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            server.shutdown(socket.SHUT_RDWR)


class Proxied:
    """A running proxy, what it told, and what it recorded."""

    def __init__(self, url: str, path: Path, **more: Any) -> None:
        self.path = path
        self.told: list[Passage] = []
        self._heard = threading.Condition()
        settings = ProxySettings(url, path, port=0, contracts=("images",), **more)
        self.server = ThreadedServer(Proxy(settings, self._hear))

    def _hear(self, passage: Passage) -> None:
        with self._heard:
            self.told.append(passage)
            self._heard.notify_all()

    @property
    def url(self) -> str:
        return self.server.url + GENERATIONS

    def passages(self, count: int = 1) -> list[Passage]:
        """What the log tells, once it has as many exchanges."""
        with self._heard:
            assert self._heard.wait_for(lambda: len(self.told) >= count, SOON)
        return self.told

    def entries(self) -> list[Any]:
        """What is recorded, valid HAR."""
        if not self.path.exists():
            return []
        har = json.loads(self.path.read_bytes())
        assert not list(jsonschema_rs.validator_for(HAR).iter_errors(har))
        entries: list[Any] = har["log"]["entries"]
        return entries


@contextmanager
def proxying(url: str, folder: Path, **more: Any) -> Iterator[Proxied]:
    """A proxy before `url`."""
    proxied = Proxied(url, folder / "recording.har", **more)
    with proxied.server:
        yield proxied


def everything(folder: Path) -> bytes:
    """All that was written, names of files included."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return b"\n".join(str(path.relative_to(folder)).encode() + b"\n" + path.read_bytes() for path in files)


# --- with the official client, before the mock --------------------------------------------------------


def test_the_official_client_notices_nothing_and_all_is_recorded_without_its_key(
    mock: MockServer, tmp_path: Path
) -> None:
    picture = png()
    asked: dict[str, Any] = {"model": "gpt-image-2", "size": "1024x640", "prompt": "A fox"}
    with proxying(mock.url, tmp_path) as proxied:
        with openai.OpenAI(base_url=proxied.server.base_url, api_key=KEY, max_retries=0) as client:
            made = client.images.with_raw_response.generate(**asked)
            again = client.images.generate(**asked)
            edits = [
                client.images.with_raw_response.edit(
                    image=("fox.png", picture, "image/png"), prompt=prompt, model="gpt-image-2"
                )
                for prompt in ("A fox", "A crane")
            ]
            with pytest.raises(openai.BadRequestError, match="A fox"):
                client.images.generate(**{**asked, "prompt": f"A fox {KEY}", "size": f"A fox {KEY}"})
            *unfinished, finished = client.images.generate(**asked, stream=True, partial_images=1)
        passages = proxied.passages(6)
        assert len(proxied.entries()) == 6  # the file is whole while the proxy runs
    assert [made.headers[HEADER], *(edit.headers[HEADER] for edit in edits)] == ["0", "0", "0"]
    assert [event.type for event in (*unfinished, finished)] == [
        "image_generation.partial_image",
        "image_generation.completed",
    ]
    statuses = [entry["response"]["status"] for entry in proxied.entries()]
    assert statuses == [entry.status for entry in mock.journal] == [200, 200, 200, 200, 400, 200]
    assert [(passage.recorded, len(passage.violations)) for passage in passages] == [
        (True, status == 400) for status in statuses
    ]
    assert KEY.encode() not in everything(tmp_path)
    # Each picture once: the one given, the one made twice and streamed, the unfinished one, and two edits.
    files = list((tmp_path / "recording.files").iterdir())
    assert {path.suffix for path in files} == {".png"}
    assert [path.stem for path in files] == [sha256(path.read_bytes()).hexdigest() for path in files]
    assert sum(path.read_bytes() == picture for path in files) == 1
    assert len(files) == len({made.parse().data[0].b64_json, again.data[0].b64_json, finished.b64_json}) + 4
    assert proxied.path.stat().st_size < 40_000


def test_what_breaks_the_contract_is_told_in_the_header_and_the_log_and_nothing_is_changed(
    mock: MockServer, tmp_path: Path
) -> None:
    mock.configure(drifts=["chat-shaped-200"])
    with proxying(mock.url, tmp_path) as proxied:
        answer = ask(proxied.url, {**CHEAP, "n": 12, "size": f"1x{KEY}"}, key=KEY)
        drifting = ask(proxied.url, CHEAP, key=KEY)
        elsewhere = ask(f"{proxied.server.url}/v2/pictures", key=KEY)
        refused, drifted, unknown = proxied.passages(3)
    assert answer.status == 400
    assert answer.headers[HEADER].startswith("2; request body n: 12 where the maximum is 10; request body size")
    assert KEY not in answer.headers[HEADER]
    assert refused.answer == []
    assert drifting.json["object"] == "chat.completion"
    assert "answer body data: 'data' is missing" in drifting.headers[HEADER]
    assert drifted.violations == [f"answer {text}" for text in drifted.answer]
    assert elsewhere.status == 404
    assert elsewhere.headers[HEADER].startswith("not judged")
    assert unknown.operation == ""
    assert KEY not in str(proxied.told)


# --- byte for byte, at once ---------------------------------------------------------------------------


def test_messages_pass_byte_for_byte_without_what_belongs_to_the_connection(tmp_path: Path) -> None:
    came: list[Caller] = []
    packed = gzip.compress(ANSWER)

    def play(caller: Caller) -> None:
        came.append(caller)
        lines = ("Content-Encoding: gzip", "Connection: X-Hop", "X-Hop: 1", "X-Twice: a", "X-Twice: b")
        caller.send(message(packed, *lines))

    form = b'--x y\r\ncontent-disposition:form-data;name="prompt"\r\n\r\n\xff\x00\r\n--x y--\r\nepilogue'
    with upstream(play) as url, proxying(f"{url}/sub", tmp_path) as proxied:
        answer = ask(
            f"{proxied.url}?a=%2F%20+&b&token=tok-0123456789",
            form,
            key=KEY,
            headers={
                "content-type": 'multipart/form-data; boundary="x y"',
                "accept-encoding": "br, gzip;q=0.5, zstd",
                "connection": "x-mine",
                "x-mine": "1",
                "cookie": "session=cookie-0123456789",
                "te": "trailers",
            },
        )
        proxied.passages()
    (caller,) = came
    assert caller.body == form
    assert caller.lines[0] == f"post /sub{GENERATIONS}?a=%2f%20+&b&token=tok-0123456789 http/1.1"
    assert f"host: {url[7:]}" in caller.lines
    assert f"authorization: bearer {KEY}" in caller.lines
    assert "accept-encoding: gzip;q=0.5" in caller.lines
    assert not [line for line in caller.lines if line.startswith(("x-mine", "te:", "user-agent", "accept:"))]
    assert answer.body == packed
    assert answer.headers["content-encoding"] == "gzip"
    assert "x-hop" not in answer.headers
    assert "date" not in answer.headers
    (entry,) = proxied.entries()
    assert entry["response"]["content"]["text"] == ANSWER.decode()
    assert [header["value"] for header in entry["response"]["headers"] if header["name"] == "X-Twice"] == ["a", "b"]
    written = everything(tmp_path)
    assert not [secret for secret in (KEY, "tok-0123456789", "cookie-0123456789") if secret.encode() in written]


def raw(port: int, *head: bytes) -> bytes:
    """What comes back to a request without a body, byte for byte."""
    with socket.create_connection(("127.0.0.1", port), SOON) as caller:
        caller.sendall(b"\r\n".join([*head, b"Host: x", b"Connection: close", b"", b""]))
        return b"".join(iter(lambda: caller.recv(65536), b""))


def test_heads_pass_whatever_their_bytes_and_are_recorded_so_that_they_can_be_read_and_played(tmp_path: Path) -> None:
    came: list[Caller] = []
    lines = b"X-L: a\xe9b\r\nX-B: 1\r\nx-b: 2\r\nX-None:\r\nContent-Length: 5\r\nContent-Encoding: gzip\r\n\r\n"

    def play(caller: Caller) -> None:
        came.append(caller)
        caller.send(b"HTTP/1.1 299 Odd R\xe9ason\r\n" + lines)

    asked = (b"HEAD /v1/odd#part HTTP/1.1", b"X-L: a\xe9b", b"X-B: 1", b"x-b: 2")
    with upstream(play) as url, proxying(url, tmp_path) as proxied:
        answer = raw(proxied.server.port, *asked)
        assert proxied.passages()[0].recorded
    (caller,) = came
    assert caller.head.startswith(b"HEAD /v1/odd HTTP/1.1\r\n")
    assert [line for line in caller.head.lower().splitlines() if line.startswith(b"x-b")] == [b"x-b: 1", b"x-b: 2"]
    assert "X-L: aéb".encode() in caller.head  # what cannot be sent as it came is not lost
    assert answer.startswith(b"HTTP/1.1 299 Odd R\xe9ason\r\n")
    assert b"\r\nX-L: a\xe9b\r\nX-B: 1\r\nx-b: 2\r\n" in answer
    (entry,) = proxied.entries()
    assert entry["request"]["url"] == f"{url}/v1/odd"
    assert {"name": "X-L", "value": "aéb"} in entry["request"]["headers"]
    (recorded,) = read_har(proxied.path)
    assert (recorded.reason, dict(recorded.headers)["X-L"]) == ("Odd Réason", "aéb")
    with ThreadedServer(Player(ReplaySettings(port=0), [recorded])) as player:
        played = raw(player.port, *asked)
    assert played.startswith("HTTP/1.1 299 Odd Réason\r\n".encode())
    assert b"\r\nX-None: \r\nContent-Length: 5\r\nContent-Encoding: gzip\r\n" in played
    proxied.path.write_bytes(proxied.path.read_bytes().replace(rb"a\u00e9b", rb"a\udce9b\ud83d\ude00\\udce9"))
    assert dict(read_har(proxied.path)[0].headers)["X-L"] == "aéb😀\\udce9"  # as it once was written


def test_secrets_are_known_by_their_names_and_cookies_of_an_answer_are_not_remembered(tmp_path: Path) -> None:
    def play(caller: Caller) -> None:
        cookies = [f"Set-Cookie: __cf_bm=fresh-{number}; path=/" for number in range(80)]
        caller.send(message(b'{"created": 1, "data": [], "id": "fresh-79"}', *cookies))

    asked = {**CHEAP, "clientSecret": "planted-1", "token": "planted-2"}
    with upstream(play) as url, proxying(url, tmp_path) as proxied:
        more = {"X-AuthToken": "planted-3", "Authorization": "Bearer openai"}
        ask(f"{proxied.url}?accessToken=planted-4&sig=planted-5", asked, headers=more)
        assert proxied.passages()[0].recorded
        assert proxied.server.application.redact.text("fresh-79 planted-1") == "fresh-79 <key>"
    written = everything(tmp_path) + str(proxied.told).encode()
    assert b"planted" not in written
    assert b"fresh" not in written


@pytest.mark.parametrize(
    ("media", "first", "held"),
    [
        ("text/event-stream", b"data: {}\n\n", 6 * SOON),
        ("application/octet-stream", b"\x00", 6 * SOON),
        ("application/json", b" ", 0.1),
    ],
)
def test_the_first_bytes_come_before_upstream_sends_the_rest(
    tmp_path: Path, media: str, first: bytes, held: float
) -> None:
    seen = threading.Event()

    def play(caller: Caller) -> None:
        caller.send(message(first + ANSWER, media=media)[: -len(ANSWER)])
        if seen.wait(SOON):
            caller.send(ANSWER)

    with upstream(play) as url, proxying(url, tmp_path, held=held) as proxied:
        connection = HTTPConnection("127.0.0.1", proxied.server.port, timeout=SOON)
        connection.request("POST", GENERATIONS, json.dumps(CHEAP), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        assert answer.read(len(first)) == first
        seen.set()
        assert answer.read() == ANSWER
        connection.close()
        (passage,) = proxied.passages()
    assert answer.headers[HEADER].endswith("the answer's are in the log")
    assert passage.violations
    assert passage.recorded


def test_a_request_goes_on_while_it_comes(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        proxying(f"http://127.0.0.1:{server.getsockname()[1]}", tmp_path) as proxied,
        socket.create_connection(("127.0.0.1", proxied.server.port), SOON) as caller,
    ):
        caller.sendall(f"POST {GENERATIONS} HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc".encode())
        connection, _ = server.accept()
        with connection:
            connection.settimeout(SOON)
            arrived = b""
            while not arrived.endswith(b"\r\n\r\nabc"):
                arrived += connection.recv(4096)
            caller.sendall(b"def")
            assert connection.recv(3) == b"def"
            connection.sendall(message(ANSWER, "Connection: close"))
            assert caller.recv(15) == b"HTTP/1.1 200 OK"


# --- when something goes wrong ------------------------------------------------------------------------


def refused(answer: Answer, status: int, text: str) -> None:
    assert answer.status == status
    assert text in answer.json["detail"]
    assert text in answer.headers[ERROR_HEADER]


def test_an_upstream_that_gives_no_whole_answer_is_told_clearly_and_nothing_is_recorded(tmp_path: Path) -> None:
    scripts: dict[str, Callable[[Caller], Any]] = {
        "broke the connection": Caller.reset,
        "closed the connection without an answer": lambda _: None,
        "what is no HTTP": lambda caller: caller.send(b"SSH-2.0-OpenSSH\r\n\r\n"),
        "broke off its answer after 26 bytes": lambda caller: caller.send(message(ANSWER + b"...")[:-3]),
    }
    for number, (text, play) in enumerate(scripts.items()):
        with upstream(play) as url, proxying(url, tmp_path / str(number)) as proxied:
            refused(ask(proxied.url, CHEAP, key=KEY), 502, text)
            assert text in proxied.passages()[0].trouble
            assert proxied.entries() == []
    with proxying(f"http://127.0.0.1:{free_port()}", tmp_path) as proxied:
        refused(ask(proxied.url, CHEAP), 502, "takes no connections (connection refused): is it up?")
    with silent() as url, proxying(url, tmp_path, silence=0.3) as proxied:
        refused(ask(proxied.url, CHEAP), 504, "sent nothing for 0.3 s")
    assert not list(tmp_path.rglob("*.har"))


def test_an_answer_that_breaks_off_on_its_way_breaks_off_here_too_and_is_not_recorded(tmp_path: Path) -> None:
    def play(caller: Caller) -> None:
        caller.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        caller.send(b"a\r\ndata: {}\n\n\r\n")
        caller.reset()

    with upstream(play) as url, proxying(url, tmp_path) as proxied:
        with pytest.raises((IncompleteRead, ConnectionError)):
            ask(proxied.url, CHEAP)
        (passage,) = proxied.passages()
    assert passage.status == 200
    assert "broke" in passage.trouble
    assert proxied.entries() == []


def test_upstream_is_given_up_when_the_caller_goes(tmp_path: Path) -> None:
    noticed = threading.Event()

    def play(caller: Caller) -> None:
        caller.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: {}\n\n")
        if caller.gone():
            noticed.set()

    with upstream(play) as url, proxying(url, tmp_path) as proxied:
        connection = HTTPConnection("127.0.0.1", proxied.server.port, timeout=SOON)
        connection.request("POST", GENERATIONS, json.dumps(CHEAP), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        assert answer.read(10) == b"data: {}\n\n"
        answer.close()
        connection.close()
        assert noticed.wait(SOON)
        assert "the caller went away" in proxied.passages()[0].trouble
    assert proxied.entries() == []


def test_an_exchange_that_others_leave_no_room_for_passes_and_says_that_it_is_not_recorded(tmp_path: Path) -> None:
    with upstream(lambda caller: caller.send(message(ANSWER))) as url, proxying(url, tmp_path) as proxied:
        proxied.server.application.waiting = forwarding._MOST_WAITING
        assert ask(proxied.url, CHEAP).body == ANSWER
        assert proxied.passages()[0].note == "not recorded: 536,870,912 bytes of others wait to be written already"
        proxied.server.application.waiting = 0
        assert ask(proxied.url, CHEAP).body == ANSWER
        assert proxied.passages(2)[1].recorded
    assert proxied.server.application.waiting == 0
    assert len(proxied.entries()) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_an_exchange_that_cannot_be_recorded_passes_all_the_same(tmp_path: Path) -> None:
    with upstream(lambda caller: caller.send(message(ANSWER))) as url, proxying(url, tmp_path) as proxied:
        proxied.server.application.recording = Recording(Path("/dev/full"), Redactor())
        assert [ask(proxied.url, CHEAP).body for _ in range(2)] == [ANSWER] * 2
        assert [(each.recorded, each.note) for each in proxied.passages(2)] == [
            (False, "not recorded: No space left on device")
        ] * 2


def test_a_recording_is_never_written_over_and_an_upstream_with_a_password_is_refused(tmp_path: Path) -> None:
    former = tmp_path / "former.har"
    former.write_text("{}")
    result = CliRunner().invoke(imageproof.main, ["proxy", "http://127.0.0.1:1", "--record", str(former)])
    assert result.exit_code == 2
    assert "not written over" in result.output
    assert former.read_text() == "{}"
    assert new_recording(None, tmp_path).name == "recording.har"
    (tmp_path / "recording.har").touch()
    assert new_recording(None, tmp_path).name == "recording-2.har"
    result = CliRunner().invoke(imageproof.main, ["proxy", f"http://{KEY}@127.0.0.1/v1"])
    assert result.exit_code == 2
    assert "a user or password" in result.output
    assert KEY not in result.output
    result = CliRunner().invoke(imageproof.main, ["proxy", "localhost:4011/v1", "--no-record"])
    assert result.exit_code == 2
    assert "where the proxy itself would listen" in result.output
